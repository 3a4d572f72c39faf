"""A net as Keras source: a function that builds the model, by the Functional API.

Each layer has the name that ``dlcalc params`` gives it, with _ for the point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.errors import LayerError, NotationError
from dlcalc.interop.write.keras.classes import CLASSES, REGISTERED
from dlcalc.interop.write.keras.layers import needs, spell
from dlcalc.interop.write.keras.sequences import Block, block_call, heads_of
from dlcalc.interop.write.keras.spelling import Line, Spelling, Use, stored, turned
from dlcalc.interop.write.keras.train import training
from dlcalc.interop.write.keras.weights import Held, loading
from dlcalc.interop.write.keras.windows import RULES
from dlcalc.interop.write.lines import commented, reads_words
from dlcalc.interop.write.names import attribute
from dlcalc.layers.shape import Shape

if TYPE_CHECKING:
    from dlcalc.interop.write.targets import Wanted
    from dlcalc.nets.trace import Step

#: The name of a model is a string, which hides no name of the source.
NAMES = frozenset(("super",))
#: Layers with branches, and the layer of Keras that brings these together.
MERGES = {"residual": "Add", "concat": "Concatenate", "multiply": "Multiply"}
#: Layers that are functions of the source.
BLOCKS = ("encoder", "decoder")


def write(wanted: Wanted) -> str:
    """The source of a net. Raises `NotationError` at the first layer that cannot be written."""
    return _Writer(wanted).source()


class _Value(NamedTuple):
    """A variable of the source, and whether its channels come last."""

    name: str
    shape: Shape
    last: bool


class _Known(NamedTuple):
    """A layer that another may share: its variable, its weight's sizes, whether it has a bias."""

    kind: str
    variable: str
    weight: tuple[object, ...]
    bias: bool


class _Writer:
    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.indent = "    "
        self.run: list[str] = []
        #: What no layer can be called.
        self.named = {"inputs", "outputs", "heads", "layers", "ops", "keras", "np", "math", "os"}
        self.classes: set[str] = set()
        self.blocks: dict[tuple[object, ...], str] = {}
        self.functions: list[str] = []
        self.memories: list[str] = []
        self.heads = 0
        self.shared = set(_shared(wanted.steps))
        self.known: dict[str, _Known] = {}
        #: For the numbers of a file: the layers, with how they are used.
        self.held: list[Held] = []

    def source(self) -> str:
        """The whole of it."""
        start, steps, name, *_ = self.wanted
        last = _starts_last(start, steps)
        value = self._through(steps, "", _Value("inputs", start, last), "x", Counter())
        outputs, given = value.name, "inputs"
        if self.memories:
            given = f"[{', '.join(['inputs', *self.memories])}]"
        if self.heads:
            outputs = f"[{value.name}, *outputs]"
        dtype = ', dtype="int32"' if reads_words(steps) else ""
        body = [
            f"def build_model({'heads: bool = False' if self.heads else ''}) -> keras.Model:",
            *self._said(start, last),
            f'    inputs = keras.Input({stored(start, last)!r}{dtype}, name="inputs")',
            *(["    outputs = []"] if self.heads else []),
            *self.run,
        ]
        if self.heads:
            body.append(f"    outputs = {outputs} if heads else {value.name}")
            outputs = "outputs"
        body.append(f'    return keras.Model({given}, {outputs}, name="{name}")')
        if self.wanted.weights is not None:
            body += ["", "", *loading(self.wanted.weights, self.held, heads=bool(self.heads))]
        if self.wanted.train:
            body += ["", "", *self._training(last, value.last)]
        parts = [*self._classes(), *self.functions, "\n".join(body)]
        text = "\n\n\n".join(part.rstrip("\n") for part in parts) + "\n"
        return f"{imports(text)}\n\n\n{text}"

    def _training(self, last_in: bool, last_out: bool) -> list[str]:
        heads = bool(self.heads)
        return training(self.wanted, last_in=last_in, last_out=last_out, heads=heads)

    def _said(self, start: Shape, last: bool) -> list[str]:
        """The docstring: the sizes, the order of the axes, and the heads."""
        more = []
        if last and len(start.sizes) > 1:
            turned_first = any("Permute(" in line for line in self.run)
            more.append(
                "Channels come last here, and are turned first before a flatten."
                if turned_first
                else "Channels come last here."
            )
        if self.heads:
            more.append("With ``heads`` the auxiliary ones, for training, are outputs too.")
        about = f'    """{self.wanted.about}'
        if not more:
            return [f'{about}"""']
        return [about, "", *(f"    {line}" for line in more), '    """']

    def _class(self, name: str) -> str:
        return REGISTERED.format(package=self.wanted.class_name) + "\n" + CLASSES[name]

    def _classes(self) -> list[str]:
        return [self._class(name) for name in CLASSES if name in self.classes]

    def _plain(self, name: str) -> str:
        """A layer's name, whatever it was in a model file, as a variable that is free."""
        found = attribute(name, self.named)
        self.named.add(found)
        return found

    def _through(
        self,
        steps: tuple[Step, ...],
        prefix: str,
        value: _Value,
        target: str,
        ordinals: Counter[str],
    ) -> _Value:
        """Write layers one after the other; the variable that holds what comes out."""
        for step in steps:
            kind = step.node.layer.words[0]
            ordinals[kind] += 1
            name = step.node.name or f"{prefix}{kind}{ordinals[kind]}"
            write = self._branched if step.branches else self._layer
            try:
                value = write(step, name, value, target)
            except LayerError as error:
                rule = f"{step.node.head}: {error.rule}"
                raise NotationError(rule, place=step.place, mend=error.mend) from error
        return value

    def _layer(self, step: Step, name: str, value: _Value, target: str) -> _Value:
        layer, plain = step.node.layer, self._plain(name)
        use = Use(layer, step.input, step.output, plain, value.last)
        block = layer.words[0] in BLOCKS
        wanted = False if block else needs(use)
        if wanted is not None:
            value = self._brought(value, wanted, target, plain)
            use = use._replace(last=value.last)
        if block:
            spelling = self._block(use)
        else:
            spelling = self._tied(step, use) or spell(use)
        self.classes |= set(spelling.classes)
        self.held.append(Held(name, use))
        last = (value.last if spelling.last is None else spelling.last) and _is_map(step.output)
        x = value.name
        lines = [Line(each) if isinstance(each, str) else each for each in spelling.lines]
        if name in self.shared and lines:
            lines[0] = Line(self._kept(step, name, plain, lines[0].call), lines[0].sizes)
        for line in lines:
            sizes = stored(step.output, last) if line.sizes is None else line.sizes
            self._assign(target, line.call.replace("{x}", x), sizes)
            x = target
        return _Value(x, step.output, last)

    def _block(self, use: Use) -> Spelling:
        """The call of a function, which is written where it is called first."""
        block = Block(use.layer, heads_of(use.layer, use.shape))
        function = self.blocks.get(block.key())
        if function is None:
            same = sum(each.startswith(block.word) for each in self.blocks.values())
            function = self.blocks[block.key()] = f"{block.word}{f'_{same + 1}' if same else ''}"
            self.functions.append(block.source(function))
        if block.memory:
            self._memory(use)
        classes = ("Experts",) if block.experts else ()
        return Spelling((block_call(use, function),), classes=classes)

    def _memory(self, use: Use) -> None:
        """Another input: the output of an encoder at which a decoder looks."""
        length, features = (*use.layer.memory, use.shape.sizes[1])[:2]
        name = f"{use.name}_memory"
        self.memories.append(name)
        self.run.append(f'    {name} = keras.Input(({length}, {features}), name="{name}")')

    def _kept(self, step: Step, name: str, variable: str, call: str) -> str:
        """A layer under a variable, as another one shares its weight."""
        layer = step.node.layer
        made = call.removesuffix("({x})").replace("layers.Embedding", "layers.ReversibleEmbedding")
        sizes = layer.parameters(step.input, RULES)["weight"]
        bias = bool(getattr(layer, "bias", False))
        self.known[name] = _Known(layer.words[0], variable, sizes, bias)
        self.run += commented(f"{self.indent}{variable} = {made}", "Its weight is used again.")
        return f"{variable}({{x}})"

    def _tied(self, step: Step, use: Use) -> Spelling | None:
        """A layer that shares another's weight: that layer once more."""
        for other, sizes in step.node.layer.ties(step.input, RULES).values():
            known = self.known.get(other)
            if known is None or known.weight != sizes:
                raise LayerError(f"it can share the weight of {other} only as it stands, before it")
            if use.layer.bias or known.bias:
                raise LayerError(
                    f"in keras it is {other} once more, so neither can have a bias",
                    "Write bias=no in both.",
                )
            reverse = ", reverse=True" if known.kind == "embedding" else ""
            return Spelling((f"{known.variable}({{x}}{reverse})",))
        return None

    def _branched(self, step: Step, name: str, value: _Value, target: str) -> _Value:
        kind = step.node.layer.words[0]
        if kind == "aux":
            return self._head(step, name, value)
        if kind not in MERGES:
            raise LayerError("it has no spelling in keras yet")
        plain, inner, found = self._plain(name), Counter[str](), []
        for number, branch in enumerate(step.branches, 1):
            own = plain if len(step.branches) == 1 else f"{plain}_{number}"
            found.append(self._through(branch, f"{name}.", value, own, inner))
        if len(found) == 1:
            found.append(value)
        last = any(each.last for each in found)
        for index, each in enumerate(found):
            own = plain if len(step.branches) == 1 else f"{plain}_{index + 1}"
            found[index] = self._brought(each, last, own, f"{plain}_{index + 1}")
        axis = _axis(step, last) if kind == "concat" else -1
        axis_text = "" if axis == -1 else f"axis={axis}, "
        merged = f'layers.{MERGES[kind]}({axis_text}name="{plain}")'
        call = f"{merged}([{', '.join(each.name for each in found)}])"
        self._assign(target, call, stored(step.output, last))
        return _Value(target, step.output, last)

    def _head(self, step: Step, name: str, value: _Value) -> _Value:
        """An auxiliary head: another output, where it is asked for."""
        plain = self._plain(name)
        self.run.append(f"{self.indent}if heads:")
        self.heads += 1
        self.indent += "    "
        (branch,) = step.branches
        head = self._through(branch, f"{name}.", value, plain, Counter())
        self.run.append(f"{self.indent}outputs.append({head.name})")
        self.indent = self.indent[:-4]
        return value

    def _brought(self, value: _Value, last: bool, target: str, name: str) -> _Value:
        """The value with its channels last, or as dlcalc has them."""
        if not _is_map(value.shape) or value.last == last:
            return value._replace(last=last and _is_map(value.shape))
        sizes = stored(value.shape, last)
        order = turned(len(value.shape.sizes) - 1, to_last=last)
        call = f'layers.Permute({order!r}, name="{name}_permute")({value.name})'
        self._assign(target, call, sizes)
        return _Value(target, value.shape, last)

    def _assign(self, target: str, call: str, sizes: tuple[object, ...]) -> None:
        self.run += commented(f"{self.indent}{target} = {call}", repr(sizes))


def imports(text: str) -> str:
    """The imports that a text needs, in their order."""
    own = [f"import {name}" for name in ("itertools", "math", "os") if f"{name}." in text]
    own += ["from collections.abc import Sequence"] if "Sequence[" in text else []
    own += ["from typing import Any"] if "Any" in text else []
    more = ["import keras", *(["import numpy as np"] if "np." in text else [])]
    names = [name for name in ("layers", "ops") if f"{name}." in text]
    more += [f"from keras import {', '.join(names)}"] if names else []
    return "\n".join([*own, *([""] if own else []), *more])


def _is_map(shape: Shape) -> bool:
    """Whether there is more than one axis, so that their order matters."""
    return len(shape.sizes) > 1


def _axis(step: Step, last: bool) -> int:
    """Along which axis of Keras branches are joined, the batch counted."""
    axis: int = getattr(step.node.layer, "axis", None) or 0
    if not _is_map(step.output):
        return -1
    if not last:
        return axis + 1
    return axis or -1


def _starts_last(start: Shape, steps: tuple[Step, ...]) -> bool:
    """Whether the input has its channels last: images do, of two axes the first layers say."""
    if len(start.sizes) != 2:
        return len(start.sizes) > 2
    return _first_need(steps) or False


def _first_need(steps: tuple[Step, ...]) -> bool | None:
    for step in steps:
        use = Use(step.node.layer, step.input, step.output, "")
        if step.node.layer.words[0] in BLOCKS:
            return False
        found = [needs(use), *(_first_need(branch) for branch in step.branches)]
        for need in found:
            if need is not None:
                return need
    return None


def _shared(steps: tuple[Step, ...]) -> Iterator[str]:
    """The names of the layers whose weight another one uses."""
    for step in steps:
        for branch in step.branches:
            yield from _shared(branch)
        for other, _ in step.node.layer.ties(step.input, RULES).values():
            yield other
