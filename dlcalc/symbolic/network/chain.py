"""The chain of partial derivatives to one weight, unit by unit, in the notation w[l,j,k].

Layer 1 is the input; w[l,j,k] enters unit j of layer l from unit k of the layer
before; everything counts from 1.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from dlcalc.errors import InputError, Place, Source, abridged
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Binary, Call, Expr, Name, Number, Subscript, replaced, walk, written
from dlcalc.symbolic.network.equations import slope_of, value_of
from dlcalc.symbolic.network.model import Block
from dlcalc.symbolic.network.rules import ACTIVATIONS, Loss

#: So many units above the weight are written out; of more the errors keep their names.
MOST_UNITS = 8
#: No answer is written out longer than this.
MOST_TEXT = 400


class Link(NamedTuple):
    """One line of the chain; ``expr`` is what is worked out, where the text names derivatives."""

    symbol: str
    text: str
    rule: str
    expr: Expr


class Chain(NamedTuple):
    """All lines, and the derivative: with the errors by name, and written out where short."""

    links: tuple[Link, ...]
    answer: Expr


class Units:
    """A net of dense layers unit by unit. ``unit`` is the only output whose error counts, or 0."""

    def __init__(self, blocks: tuple[Block, ...], loss: Loss, unit: int = 0) -> None:
        for block in blocks:
            if block.word != "dense":
                raise InputError(
                    f"units are counted in nets of dense layers, and layer {block.number} is "
                    f"{block.word}",
                    mend="Ask for a whole tensor, such as --wrt W2.",
                )
        self.blocks, self.loss, self.unit = blocks, loss, unit
        self.widths = [blocks[0].input[0], *[block.output[0] for block in blocks]]
        self.last = len(self.widths)
        if not 0 <= unit <= self.widths[-1]:
            raise InputError(f"--unit must be 1 to {self.widths[-1]}, not {unit}")
        if unit and blocks[-1].activation == "softmax":
            raise InputError("behind softmax no output has an error of its own")

    def block(self, layer: int) -> Block:
        """The layer of that number, from 2."""
        return self.blocks[layer - 2]

    def find(self, text: str) -> Subscript:
        """The unit or weight that a text names. Raises `InputError` if there is none."""
        source = Source(text)
        expr = parse(text)
        place = Place(source, 0, len(text))
        if not isinstance(expr, Subscript) or any(isinstance(i, str) for i in expr.indices):
            raise InputError(
                f"{abridged(text)} is neither a weight nor a unit",
                place=place,
                mend="Write w[3,1,1], b[2,1], z[2,1], a[2,1] or x[1].",
            )
        letter, indices = expr.operand.name, expr.indices
        if letter == "x" and len(indices) == 1:
            letter, indices = "a", (1, *indices)
        known = {"w": 3, "b": 2, "z": 2, "a": 2}
        if known.get(letter) != len(indices):
            raise InputError(
                f"{abridged(text)} is not w[l,j,k], b[l,j], z[l,j], a[l,j] or x[k]", place=place
            )
        numbers = [index for index in indices if isinstance(index, int)]
        self._check(letter, numbers, place)
        return Subscript(Name(letter), tuple(numbers))

    def _check(self, letter: str, numbers: list[int], place: Place) -> None:
        first = 1 if letter == "a" else 2
        if not first <= numbers[0] <= self.last:
            rule = f"layers with {letter} count from {first} to {self.last}"
            mend = "Layer 1 is the input: w[2,j,k] enters the first layer behind it."
            raise InputError(rule, place=place, mend=mend)
        bounds = [self.widths[numbers[0] - 1], self.widths[numbers[0] - 2]]
        for what, number, bound in zip(
            ("unit", "the unit before"), numbers[1:], bounds, strict=False
        ):
            if not 1 <= number <= bound:
                shown = f"layer {numbers[0] - (what != 'unit')}"
                raise InputError(f"{shown} has units 1 to {bound}, not {number}", place=place)
        if letter == "b" and f"b{numbers[0]}" not in self.block(numbers[0]).tensors:
            raise InputError(f"layer {numbers[0]} has no bias", place=place)

    def chain(self, wrt: Subscript) -> Chain:
        """The derivative of the loss by a weight, a bias or a unit."""
        return _Walk(self).to(wrt)

    def slope(self, layer: int, unit: int) -> Expr | None:
        """da/dz of a unit, None where a is z."""
        block = self.block(layer)
        if block.activation == "identity":
            return None
        if block.activation not in ACTIVATIONS:
            raise InputError(
                f"{block.activation} joins all units of layer {layer}: no chain leads through one",
                mend="Ask for a whole tensor, such as --wrt W2.",
            )
        entries = {"z": _entry("z", layer, unit), "a": _entry("a", layer, unit)}
        return replaced(slope_of(block), entries)

    def error(self, unit: int) -> Expr:
        """dE/da of an output."""
        return replaced(parse(self.loss.slope), self.output(unit))

    def output(self, unit: int) -> dict[str, Expr]:
        """What the letters of the loss stand for at an output."""
        return {"a": _entry("a", self.last, unit), "y": Subscript(Name("y"), (unit,))}

    def forward(self, layer: int, unit: int) -> list[tuple[Subscript, Expr, str]]:
        """A unit's z and a: symbols, expressions, and what they are."""
        block = self.block(layer)
        total: Expr | None = None
        for before in range(1, self.widths[layer - 2] + 1):
            weight = Subscript(Name("w"), (layer, unit, before))
            term = Binary("*", weight, _entry("a", layer - 1, before))
            total = term if total is None else Binary("+", total, term)
        assert total is not None
        if f"b{layer}" in block.tensors:
            total = Binary("+", total, _entry("b", layer, unit))
        z, a = _entry("z", layer, unit), _entry("a", layer, unit)
        if block.activation == "identity":
            return [(a, total, "weighted sum")]
        if block.activation in ACTIVATIONS:
            value = value_of(block)
        else:
            others = [_entry("z", layer, other) for other in range(1, self.widths[layer - 1] + 1)]
            powers: Expr = Call("exp", (others[0],))
            for other in others[1:]:
                powers = Binary("+", powers, Call("exp", (other,)))
            value = Binary("/", Call("exp", (z,)), powers)
            if block.activation == "log_softmax":
                value = Binary("-", z, Call("log", (powers,)))
        return [(z, total, "weighted sum"), (a, replaced(value, {"z": z}), block.activation)]

    def many(self, layer: int) -> bool:
        """Whether more units lie above a layer than are written out."""
        return sum(self.widths[layer:]) > MOST_UNITS

    def enters(self, layer: int) -> list[int]:
        """The units of a layer that have an error."""
        if layer == self.last and self.unit:
            return [self.unit]
        return list(range(1, self.widths[layer - 1] + 1))


_NOTHING = Number(Fraction(0))


class _Walk:
    """One derivative, and the lines on its way."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.links: dict[str, Link] = {}
        self.errors: dict[str, Expr] = {}
        self.known: set[str] = set()

    def to(self, wrt: Subscript) -> Chain:
        letter = wrt.operand.name
        layer, unit, *before = [int(index) for index in wrt.indices]
        symbol = f"dE/d{wrt}"
        if layer == self.units.last and unit not in self.units.enters(layer):
            self.link(symbol, "0", f"it does not lead to output {self.units.unit}", _NOTHING)
            answer: Expr = _NOTHING
        elif letter == "a":
            answer = self.arriving(layer, unit)
        elif letter == "z":
            answer = self.delta(layer, unit)
        else:
            own: Expr = _entry("a", layer - 1, before[0]) if before else parse("1")
            answer = self.factors(symbol, wrt, layer, unit, own)
        shown = self.written_out(answer)
        return Chain(tuple(self.links.values()), shown)

    def factors(self, symbol: str, wrt: Subscript, layer: int, unit: int, seen: Expr) -> Expr:
        """dE/dw = dE/dz * dz/dw, and dE/dz itself opened where its parts are few."""
        z = _entry("z", layer, unit)
        parts = self.opened(layer, unit)
        self.link(symbol, f"{parts}*d{z}/d{wrt}", "chain rule", _NOTHING)
        delta = self.delta(layer, unit, own=True)
        rule = "the input of the weight" if wrt.operand.name == "w" else "a bias is added as it is"
        self.link(f"d{z}/d{wrt}", written(seen), rule, seen)
        answer = delta if wrt.operand.name == "b" else Binary("*", delta, seen)
        self.links[symbol] = self.links[symbol]._replace(expr=self.substituted(answer))
        return answer

    def opened(self, layer: int, unit: int) -> str:
        """dE/dz as a product of derivatives, or whole where loss and activation go together."""
        z, a = _entry("z", layer, unit), _entry("a", layer, unit)
        if self.fused(layer) or self.units.slope(layer, unit) is None:
            return f"dE/d{z}"
        return f"dE/d{a}*d{a}/d{z}"

    def fused(self, layer: int) -> bool:
        fused = self.units.loss.fused
        last = layer == self.units.last
        return last and fused is not None and fused[0] == self.units.block(layer).activation

    def delta(self, layer: int, unit: int, own: bool = False) -> Expr:
        """The error of a unit by its name; its lines join the chain.

        ``own`` is the unit of the weight itself, whose error has been opened already.
        """
        name = _entry("delta", layer, unit)
        if str(name) in self.known:
            return name
        self.known.add(str(name))
        z, a = _entry("z", layer, unit), _entry("a", layer, unit)
        fused = self.units.loss.fused
        if self.fused(layer) and fused is not None:
            error = replaced(parse(fused[1]), self.units.output(unit))
            rule = f"output error, {fused[0]} and loss together"
            self.errors[str(name)] = error
            self.link(f"dE/d{z}", written(error), rule, error)
            return name
        place, opened = len(self.links), self.opened(layer, unit)
        arriving = self.arriving(layer, unit)
        slope = self.units.slope(layer, unit)
        error = arriving if slope is None else times(arriving, slope)
        # Of a sum over many units the error keeps its name.
        if layer == self.units.last or not self.units.many(layer):
            self.errors[str(name)] = error
        if not own:
            opened = opened if slope is not None else f"dE/d{a}"
            rule = "chain rule" if slope is not None else "no activation"
            self.link(f"dE/d{z}", opened, rule, error, place)
        if slope is not None:
            word = self.units.block(layer).activation
            self.link(f"d{a}/d{z}", written(slope), word, slope)
        return name

    def arriving(self, layer: int, unit: int) -> Expr:
        """dE/da of a unit: of an output by the loss, else the sum over the units it enters."""
        a = _entry("a", layer, unit)
        if layer == self.units.last:
            error = self.units.error(unit)
            rule = "derivative of the loss"
            self.link(f"dE/d{a}", written(error), rule, error)
            return error
        if self.units.many(layer):
            return self.summed(layer, unit)
        place = len(self.links)
        total: Expr | None = None
        names = []
        for above in self.units.enters(layer + 1):
            z = _entry("z", layer + 1, above)
            weight = Subscript(Name("w"), (layer + 1, above, unit))
            term = Binary("*", self.delta(layer + 1, above), weight)
            total = term if total is None else Binary("+", total, term)
            names.append(f"dE/d{z}*d{z}/d{a}")
            self.link(f"d{z}/d{a}", str(weight), "the weight between them", weight)
        assert total is not None
        rule = "chain rule, summed over the units it enters" if len(names) > 1 else "chain rule"
        self.link(f"dE/d{a}", " + ".join(names), rule, total, place)
        return total

    def summed(self, layer: int, unit: int) -> Expr:
        """dE/da of a unit that enters many others: one sum, whose errors keep their names."""
        name = _entry("g", layer, unit)
        a, above = f"a[{layer},{unit}]", layer + 1
        text = f"sum_{{j}}(dE/dz[{above},j]*w[{above},j,{unit}])"
        rule = f"chain rule, summed over {self.units.widths[layer]:,} units"
        self.link(f"dE/d{a}", text, rule, name)
        return name

    def link(self, symbol: str, text: str, rule: str, expr: Expr, place: int | None = None) -> None:
        """Add a line, once, perhaps before those that explain it."""
        if symbol in self.links:
            return
        items = list(self.links.items())
        items.insert(
            len(items) if place is None else place, (symbol, Link(symbol, text, rule, expr))
        )
        self.links = dict(items)

    def substituted(self, expr: Expr) -> Expr:
        """The expression without names of errors."""
        while any(name in self.errors for name in _subscripts(expr)):
            expr = replaced(expr, self.errors)
        return expr

    def written_out(self, answer: Expr) -> Expr:
        """The answer without names of errors where that stays short."""
        shown, size = answer, 0
        while any(name in self.errors for name in _subscripts(shown)):
            opened = flat(replaced(shown, self.errors))
            size = len(written(opened))
            if size > MOST_TEXT:
                break
            shown = opened
        return shown


def _subscripts(expr: Expr) -> list[str]:
    return [str(node) for node in walk(expr) if isinstance(node, Subscript)]


def _entry(letter: str, layer: int, unit: int) -> Subscript:
    return Subscript(Name(letter), (layer, unit))


def times(left: Expr, right: Expr) -> Expr:
    """A product without needless brackets: a*(b*c) is a*b*c."""
    if isinstance(right, Binary) and right.operator == "*":
        return Binary("*", times(left, right.left), right.right)
    return Binary("*", left, right)


def flat(expr: Expr) -> Expr:
    """The same with every product of products written in one row."""
    if not isinstance(expr, Binary):
        return expr
    left, right = flat(expr.left), flat(expr.right)
    return times(left, right) if expr.operator == "*" else Binary(expr.operator, left, right)
