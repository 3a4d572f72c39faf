"""Back-propagation through a net as equations, assembled by the chain rule from local ones.

For every layer from the last to the first: delta is the error carried back
times the slope of the activation; the gradients are delta times what the
layer saw. The same assembly serves every view.

Rumelhart, Hinton and Williams, "Learning representations by back-propagating
errors", 1986; the four equations as in Nielsen, "Neural Networks and Deep
Learning", 2015, chapter 2.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Binary, Expr, Negative, Number, Subscript, replaced, written
from dlcalc.expr.tree import Name as Variable
from dlcalc.symbolic.network.layers import Rule, Runs, Text, rule
from dlcalc.symbolic.network.model import Block
from dlcalc.symbolic.network.rules import ACTIVATIONS, Loss

FORWARD, LOSS, BACKWARD, GRADIENT = "forward", "loss", "backward", "gradient"


class Equation(NamedTuple):
    """One equation: the array it makes, how it reads in each view, its rule, its stage.

    ``target`` is the left side in indices, ``loop`` is up or down where the
    equation goes step by step through time.
    """

    symbol: str
    target: str
    text: Text
    rule: str
    stage: str
    loop: str = ""
    #: How far indices run that stand by themselves nowhere: those of a kernel.
    kernel: Runs = ()


class Equations(NamedTuple):
    """All equations of a net, in the order in which they can be worked out."""

    blocks: tuple[Block, ...]
    lines: tuple[Equation, ...]
    #: Whether every equation has a matrix form, for one example or for a batch.
    matrix: bool
    batch: bool

    def line(self, symbol: str) -> Equation:
        """The equation that makes an array."""
        return next(line for line in self.lines if line.symbol == symbol)


def derive(blocks: list[Block], loss: Loss, *, divisor: str = "") -> Equations:
    """The equations of a net under a loss.

    ``divisor`` divides the loss of a batch: N is the number of examples; it is
    empty for one example.
    """
    return _Derivation(blocks, loss, divisor).equations()


class _Derivation:
    def __init__(self, blocks: list[Block], loss: Loss, divisor: str) -> None:
        self.blocks, self.loss, self.divisor = blocks, loss, divisor
        self.rules = [rule(block) for block in blocks]
        self.lines: list[Equation] = []

    def equations(self) -> Equations:
        for block, own in zip(self.blocks, self.rules, strict=True):
            self._forward(block, own)
        self._loss()
        for place in reversed(range(len(self.blocks))):
            self._backward(place)
        texts = [line.text for line in self.lines]
        return Equations(
            tuple(self.blocks),
            tuple(self.lines),
            all(text.matrix for text in texts),
            all(text.batch for text in texts),
        )

    def _add(
        self,
        symbol: str,
        target: str,
        text: Text,
        rule: str,
        stage: str,
        loop: str = "",
        kernel: Runs = (),
    ) -> None:
        self.lines.append(Equation(symbol, target, text, rule, stage, loop, kernel))

    def _forward(self, block: Block, own: Rule) -> None:
        L = block.number
        for symbol, indices, text, says in own.before:
            letter = symbol.rstrip("0123456789")
            self._add(symbol, f"{letter}[{L},{indices}]", text, says, FORWARD)
        loop = "up" if block.word == "rnn" else ""
        letter = "a" if block.activation == "identity" else "z"
        target = f"{letter}[{L},{_n(block)}{own.outputs}]"
        self._add(f"{letter}{L}", target, own.forward, own.says, FORWARD, loop, own.kernel)
        if letter == "z":
            self._activate(block, own)

    def _activate(self, block: Block, own: Rule) -> None:
        L, word = block.number, block.activation
        z, a = f"z[{L},{_n(block)}{own.outputs}]", f"a[{L},{_n(block)}{own.outputs}]"
        if word == "softmax":
            over = f"sum_{{m}}(exp(z[{L},{_n(block)}m]))"
            text = Text(f"exp({z})/{over}", f"softmax(z{L})", f"softmax(z{L}, axis=1)")
        elif word == "log_softmax":
            over = f"log(sum_{{m}}(exp(z[{L},{_n(block)}m])))"
            text = Text(f"{z} - {over}", f"log_softmax(z{L})", f"log_softmax(z{L}, axis=1)")
        else:
            value = value_of(block)
            whole = written(replaced(value, {"z": Variable(f"z{L}")}))
            text = Text(written(replaced(value, {"z": _entry(z)})), whole, whole)
        self._add(f"a{L}", a, text, word, FORWARD)

    def _loss(self) -> None:
        block, own = self.blocks[-1], self.rules[-1]
        L, letters = block.number, (_n(block) + own.outputs).strip(",")
        terms = parse(self.loss.terms)
        entries = {"a": _entry(f"a[{L},{letters}]"), "y": _entry(f"y[{letters}]")}
        arrays: dict[str, Expr] = {"a": Variable(f"a{L}"), "y": Variable("y")}
        index = f"sum_{{{letters}}}({written(replaced(terms, entries))})"
        whole = f"sum({written(replaced(terms, arrays))})"
        if self.divisor:
            index, whole = f"{index}/{self.divisor}", f"{whole}/{self.divisor}"
        self._add("E", "E", Text(index, whole, whole), self.loss.says, LOSS)

    def _backward(self, place: int) -> None:
        block, own = self.blocks[place], self.rules[place]
        if block.word == "rnn":
            self._through_time(place)
        else:
            self._delta(place)
        for gradient in own.gradients:
            letter = gradient.symbol.rstrip("0123456789").lower()
            target = f"dE/d{letter}[{block.number},{gradient.indices}]"
            self._add(f"d{gradient.symbol}", target, gradient.text, gradient.rule, GRADIENT)

    def _arriving(self, place: int) -> tuple[Text, str, str]:
        """dE/da of a layer, its index letters, and where it comes from."""
        block, own = self.blocks[place], self.rules[place]
        if place + 1 < len(self.blocks):
            above = self.rules[place + 1]
            source = _CARRIED.get(self.blocks[place + 1].word, "error carried back")
            return above.pull, above.inputs, f"{source} from layer {block.number + 1}"
        letters = _n(block) + own.outputs
        factor = block.activation not in ("identity", *_SHARED)
        return self._slope(letters, self.loss.slope, factor), own.outputs, "output error"

    def _slope(self, letters: str, slope: str, factor: bool = False) -> Text:
        """The loss's derivative by the outputs, perhaps to be multiplied."""
        L = self.blocks[-1].number
        expr = parse(slope)
        if self.divisor:
            expr = Binary("/", expr, parse(self.divisor))
        entries = {"a": _entry(f"a[{L},{letters}]"), "y": _entry(f"y[{letters}]")}
        arrays: dict[str, Expr] = {"a": Variable(f"a{L}"), "y": Variable("y")}
        whole = written(replaced(expr, arrays))
        index = replaced(expr, entries)
        return Text(_bracketed(index) if factor else written(index), whole, whole)

    def _delta(self, place: int) -> None:
        block = self.blocks[place]
        L, word, n = block.number, block.activation, _n(block)
        fused = self.loss.fused
        if place + 1 == len(self.blocks) and fused is not None and fused[0] == word:
            letters = self.rules[place].outputs
            text = self._slope(n + letters, fused[1])
            says = f"output error, {word} and loss together"
        elif word in ("softmax", "log_softmax"):
            letters, says = self._arrived(place)
            text = _SHARED[word](L, n)
        else:
            arriving, letters, says = self._arriving(place)
            text = _times(arriving, _slopes(block, f"{n}{letters}"))
        kernel = self._kernel(place)
        self._add(f"delta{L}", f"delta[{L},{n}{letters}]", text, says, BACKWARD, "", kernel)

    def _kernel(self, place: int) -> Runs:
        """How far the kernel's indices run in what arrives from the layer above."""
        return self.rules[place + 1].kernel if place + 1 < len(self.rules) else ()

    def _arrived(self, place: int) -> tuple[str, str]:
        """Name what arrives at a layer, g, where it stands more than once."""
        block = self.blocks[place]
        arriving, letters, says = self._arriving(place)
        L, n = block.number, _n(block)
        kernel = self._kernel(place)
        self._add(f"g{L}", f"g[{L},{n}{letters}]", arriving, says, BACKWARD, "", kernel)
        return self.rules[place].outputs, f"through {block.activation}"

    def _through_time(self, place: int) -> None:
        block = self.blocks[place]
        L, n = block.number, _n(block)
        arriving, letters, says = self._arriving(place)
        kernel = self._kernel(place)
        self._add(f"g{L}", f"g[{L},{n}{letters}]", arriving, says, BACKWARD, "", kernel)
        text = Text(
            f"(g[{L},{n}t,j] + sum_{{m}}(wh[{L},m,j]*delta[{L},{n}t + 1,m]))*(1 - a[{L},{n}t,j]**2)"
        )
        says = "error of this step and of all later ones"
        self._add(f"delta{L}", f"delta[{L},{n}t,j]", text, says, BACKWARD, "down")


_CARRIED = {
    "dense": "error carried back by W transposed",
    "conv": "error carried back by the kernel turned round",
    "bn": "error carried back through mean and variance",
    "maxpool": "error sent to the largest",
    "avgpool": "error shared out evenly",
}


def _softmax_pull(L: int, n: str) -> Text:
    inner = f"sum_{{m}}(g[{L},{n}m]*a[{L},{n}m])"
    return Text(
        f"a[{L},{n}j]*(g[{L},{n}j] - {inner})",
        f"a{L}*(g{L} - sum(g{L}*a{L}))",
        f"(a{L}.T*(g{L}.T - sum(g{L}*a{L}, axis=1))).T",
    )


def _log_softmax_pull(L: int, n: str) -> Text:
    return Text(
        f"g[{L},{n}j] - exp(a[{L},{n}j])*sum_{{m}}(g[{L},{n}m])",
        f"g{L} - exp(a{L})*sum(g{L})",
        f"(g{L}.T - exp(a{L}).T*sum(g{L}, axis=1)).T",
    )


_SHARED = {"softmax": _softmax_pull, "log_softmax": _log_softmax_pull}


def _n(block: Block) -> str:
    return "n," if block.batched else ""


def _entry(text: str) -> Expr:
    return parse(text)


def _template(text: str, block: Block) -> Expr:
    alpha = Number(Fraction(str(block.alpha)))
    return replaced(parse(text), {"alpha": alpha})


def value_of(block: Block) -> Expr:
    """The activation of a layer, in z."""
    return _template(ACTIVATIONS[block.activation].value, block)


def slope_of(block: Block) -> Expr:
    """The slope da/dz of a layer's activation, in z and a."""
    return _template(ACTIVATIONS[block.activation].slope, block)


def _slopes(block: Block, letters: str) -> Text:
    """The slope of an activation in indices and for arrays; empty where it is 1."""
    if block.activation == "identity":
        return Text("")
    L = block.number
    slope = slope_of(block)
    entries = {letter: _entry(f"{letter}[{L},{letters}]") for letter in "az"}
    arrays: dict[str, Expr] = {letter: Variable(f"{letter}{L}") for letter in "az"}
    whole = _bracketed(replaced(slope, arrays))
    return Text(_bracketed(replaced(slope, entries)), whole, whole)


def _times(left: Text, right: Text) -> Text:
    """Two factors in every view; a view that one of them has not stays empty."""
    if not right.entries:
        return left
    return Text(
        f"{left.entries}*{right.entries}",
        f"{_factor(left.matrix)}*{right.matrix}" if left.matrix else "",
        f"{_factor(left.batch)}*{right.batch}" if left.batch else "",
    )


def _factor(text: str) -> str:
    """A text of the expression language as a factor."""
    expr = parse(text)
    loose = isinstance(expr, Negative) or (
        isinstance(expr, Binary) and expr.operator in ("+", "-", "@")
    )
    return f"({text})" if loose else text


def _bracketed(expr: Expr) -> str:
    """An expression as the right factor of a product."""
    if isinstance(expr, Binary) and expr.operator in ("+", "-"):
        return f"({written(expr)})"
    if isinstance(expr, Binary) and expr.operator == "/" and not isinstance(expr.left, Subscript):
        return f"({written(expr)})" if isinstance(expr.left, Binary) else written(expr)
    return f"({written(expr)})" if isinstance(expr, Negative) else written(expr)
