"""The body of a class of PyTorch: what ``__init__`` makes and what ``forward`` does."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.errors import LayerError, NotationError
from dlcalc.interop.write.lines import commented, fitted
from dlcalc.interop.write.names import attribute
from dlcalc.interop.write.torch.inputs import Inputs
from dlcalc.interop.write.torch.layers import spell
from dlcalc.interop.write.torch.spelling import Spelling
from dlcalc.interop.write.torch.weights import NUMBERS, Held, Tied
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape

if TYPE_CHECKING:
    from dlcalc.nets.trace import Step

_INDENT = " " * 8


class _Known(NamedTuple):
    """A weight that another layer may share: whose it is, the expression for it, its sizes."""

    name: str
    expression: str
    sizes: tuple[object, ...]


class _Borrowed(NamedTuple):
    """The weight of a layer in an expert that is one from outside the mixture."""

    attribute: str
    layer: str
    other: str
    sizes: tuple[object, ...]


class Body:
    """One class at work: its layers, in the order in which they run.

    ``stem`` begins the names of classes that it needs for itself.
    ``prefix`` is what stands before their names in dlcalc where it is the class of an
    expert, ``path`` what leads to their attributes, ``counts`` how many experts each
    mixture on the way has.
    """

    def __init__(
        self,
        stem: str,
        prefix: str = "",
        path: str = "",
        counts: tuple[int, ...] = (),
    ) -> None:
        self.stem, self.prefix, self.path, self.counts = stem, prefix, path, counts
        self.made: list[str] = []
        self.run: list[str] = []
        #: The classes of experts, and what they share with what is outside.
        self.experts: list[list[str]] = []
        self.borrowed: list[_Borrowed] = []
        self.weights: dict[str, _Known] = {}
        self.named = {"memory", "segments"}
        #: For the numbers of a file: the layers with tensors, and who shares whose weight.
        self.held: list[Held] = []
        self.tied: list[Tied] = []
        self.inputs = Inputs()
        self.heads: list[str] = []
        self.indent = _INDENT
        self.result = "x"

    def lines(self, class_name: str, about: str, start: Shape, comment: str) -> list[str]:
        """The class, for an input of these sizes."""
        lines = [f"class {class_name}(nn.Module):", f'    """{about}"""', ""]
        if self.heads:
            lines[1:2] = [
                f'    """{about}',
                "",
                "    In training it gives the outputs of its auxiliary heads behind its own.",
                '    """',
            ]
        lines += ["    def __init__(self) -> None:", "        super().__init__()", *self.made, ""]
        kind = "Tensor | tuple[Tensor, ...]" if self.heads else "Tensor"
        lines += self.inputs.signature(kind)
        lines += [f"{_INDENT}{line}" for line in (f"# {comment}", *self.inputs.comments(start))]
        lines += self.run
        if self.heads:
            found = ", ".join((self.result, *self.heads))
            lines += [f"{_INDENT}if self.training:", f"{_INDENT}    return {found}"]
        return [*lines, f"{_INDENT}return {self.result}"]

    def through(self, steps: tuple[Step, ...]) -> None:
        """Write the layers of the class one after the other."""
        self.result = self._through(steps, self.prefix, "x", "x", Counter())

    def _through(
        self, steps: tuple[Step, ...], prefix: str, x: str, target: str, ordinals: Counter[str]
    ) -> str:
        """Write layers one after the other; the variable that holds what comes out."""
        branched = {"aux": self._aux, "moe": self._moe}
        for step in steps:
            kind = step.node.layer.words[0]
            ordinals[kind] += 1
            name = step.node.name or f"{prefix}{kind}{ordinals[kind]}"
            write = branched.get(kind, self._merged) if step.branches else self._layer
            try:
                x = write(step, name, x, target)
            except LayerError as error:
                rule = f"{step.node.head}: {error.rule}"
                raise NotationError(rule, place=step.place, mend=error.mend) from error
        return x

    def _attribute(self, name: str) -> str:
        """The attribute of a layer, whatever its name in a model file was."""
        found = attribute(name.removeprefix(self.prefix), self.named)
        self.named.add(found)
        return found

    def _layer(self, step: Step, name: str, x: str, target: str) -> str:
        own = self._attribute(name)
        tie = step.node.layer.ties(step.input, TORCH).get("weight")
        owner = self.owner(name, tie[0]) if tie else None
        spelling = spell(step.node.layer, step.input, step.output)
        if owner is not None and tie is not None and owner.sizes != tie[1]:
            spelling, tie = _turned(step, owner), None
        if spelling.module:
            self._make(name, own, spelling.module)
            self._keep(step, name, own)
        if tie is not None:
            self._tie(step, name, own, owner)
        call = self._call(spelling, step, x, own)
        if call == x:
            return x
        self._assign(target, call, step.output)
        return target

    def _call(self, spelling: Spelling, step: Step, x: str, own: str) -> str:
        call = spelling.call
        if spelling.memory is not None:
            call = call.replace("{memory}", self.inputs.memory(spelling.memory))
        if "{segments}" in call:
            call = call.replace("{segments}", self.inputs.segment(step.input.sizes[0]))
        return call.replace("{x}", x).replace("{name}", own)

    def _make(self, name: str, own: str, module: str) -> None:
        self.made += fitted(f"{_INDENT}self.{own} = {module}")
        self.held.append(Held(name, f"{self.path}{own}", module, self.counts))

    # Weights that are shared.

    def _keep(self, step: Step, name: str, own: str) -> None:
        """Remember a weight that others may share."""
        weight = step.node.layer.parameters(step.input, TORCH).get("weight")
        if weight is not None:
            single = self.held[-1].module.startswith("nn.Parameter")
            expression = f"self.{own}{'' if single else '.weight'}"
            self.weights[name] = _Known(name, expression, weight)

    def owner(self, name: str, other: str) -> _Known | None:
        """The layer whose weight is meant: looked for from the own brackets outwards."""
        scope = name.rpartition(".")[0]
        while scope and f"{scope}.{other}" not in self.weights:
            scope = scope.rpartition(".")[0]
        known = self.weights.get(f"{scope}.{other}" if scope else other)
        if known is None and not self.counts:
            raise LayerError(f"it can share the weight of {other} only behind it")
        return known

    def _tie(self, step: Step, name: str, own: str, owner: _Known | None) -> None:
        """Let a layer share another's weight; in an expert it may be one from outside."""
        other, sizes = step.node.layer.ties(step.input, TORCH)["weight"]
        if owner is None:
            self.borrowed.append(_Borrowed(own, name, other, sizes))
            return
        self.made.append(f"{_INDENT}self.{own}.weight = {owner.expression}")
        self.tied.append(self._tied(f"{self.path}{own}.weight", owner, self.counts))

    def _tied(self, tensor: str, owner: _Known, counts: tuple[int, ...]) -> Tied:
        stacked = sum(count > 1 for count in self.counts)
        return Tied(tensor, f"{owner.name}.weight", counts, stacked)

    # Layers with branches.

    def _branches(self, step: Step, name: str, x: str, local: str) -> list[str]:
        """Write the branches; the variables, named so, that hold what comes out of each."""
        inner, found = Counter[str](), []
        for number, branch in enumerate(step.branches, 1):
            own = local if len(step.branches) == 1 else f"{local}_{number}"
            found.append(self._through(branch, f"{name}.", x, own, inner))
        return found

    def _merged(self, step: Step, name: str, x: str, target: str) -> str:
        layer = step.node.layer
        found = self._branches(step, name, x, self._attribute(name))
        if len(found) == 1:
            found.append(x)
        if layer.words[0] == "concat":
            axis = getattr(layer, "axis", None) or 0
            call = f"torch.cat([{', '.join(found)}], dim={axis + 1})"
        else:
            call = (" + " if layer.words[0] == "residual" else " * ").join(found)
        self._assign(target, call, step.output)
        return target

    def _aux(self, step: Step, name: str, x: str, target: str) -> str:
        """A head at work in training only; x itself goes on."""
        outer, self.indent = self.indent, f"{self.indent}    "
        self.run.append(f"{outer}if self.training:")
        head = self._attribute(name)
        (found,) = self._branches(step, name, x, head)
        if found != head:
            self._assign(head, found, step.branches[0][-1].output)
        self.indent = outer
        self.heads.append(head)
        return x

    def _moe(self, step: Step, name: str, x: str, target: str) -> str:
        """A mixture of experts, each of a class of its own."""
        layer: Any = step.node.layer
        own = self._attribute(name)
        words = "".join(part.capitalize() for part in own.split("_"))
        stem = f"{self.stem}{words}"
        class_name = f"{stem}Expert"
        (branch,) = step.branches
        if len(self.counts) == len(NUMBERS):
            raise LayerError(
                f"at most {len(NUMBERS)} mixtures of experts are exported in one another"
            )
        count = f"{{{NUMBERS[len(self.counts)]}}}"
        path = f"{self.path}{own}.experts.{count}."
        expert = Body(stem, f"{name}.", path, (*self.counts, layer.experts))
        expert.through(branch)
        features, outputs = step.input.sizes[-1], step.output.sizes[-1]
        about = f"One of {layer.experts} experts: each step, {features} to {outputs} features."
        token = _token(step.input)
        comment = f"The tokens, then {token}."
        self.experts += [*expert.experts, expert.lines(class_name, about, token, comment)]
        many = f"[{class_name}() for _ in range({layer.experts})]"
        made = f"MixtureOfExperts({features}, {outputs}, {many}, active={layer.active})"
        self._make(name, own, made)
        self.held += expert.held
        self.tied += expert.tied
        for borrowed in expert.borrowed:
            self._lend(borrowed, own, path, expert.counts)
        self._assign(target, f"self.{own}({x})", step.output)
        return target

    def _lend(self, borrowed: _Borrowed, own: str, path: str, counts: tuple[int, ...]) -> None:
        """Let the layers of experts share a weight from outside them."""
        owner = self.owner(borrowed.layer, borrowed.other)
        if owner is None or owner.sizes != borrowed.sizes:
            raise LayerError(
                f"an expert can share the weight of {borrowed.other} only as it stands, "
                "from right outside the mixture"
            )
        layer = f'expert.get_submodule("{borrowed.attribute}")'
        self.made.append(f"{_INDENT}for expert in self.{own}.experts:")
        self.made.append(f"{_INDENT}    {layer}.weight = {owner.expression}")
        self.tied.append(self._tied(f"{path}{borrowed.attribute}.weight", owner, counts))

    def _assign(self, target: str, call: str, output: Shape) -> None:
        shown = _token(output) if self.counts else output
        self.run += commented(f"{self.indent}{target} = {call}", shown)


def _turned(step: Step, owner: _Known) -> Spelling:
    """A dense layer whose weight is another's, rows for columns."""
    layer: Any = step.node.layer
    weight = f"{owner.expression}.T"
    if not layer.bias:
        return Spelling(call=f"F.linear({{x}}, {weight})")
    made = f"nn.Parameter(torch.zeros({layer.out}))"
    return Spelling(made, f"F.linear({{x}}, {weight}, self.{{name}})")


def _token(shape: Shape) -> Shape:
    """One token of a sequence, or of features."""
    *steps, features = shape.sizes
    return shape.with_sizes((*(1 for _ in steps), features))
