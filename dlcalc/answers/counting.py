"""What each layer of a net has and does: tensors, multiply-accumulates, values kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from math import prod
from types import MappingProxyType
from typing import NamedTuple

from dlcalc.errors import LayerError, ShapeError, nearest
from dlcalc.layers.base import Layer, Tensors, Ties
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import sizes_text
from dlcalc.layers.size import Size, product, total
from dlcalc.nets.trace import Step


class Sums(NamedTuple):
    """What can be added up over layers, each a number or a polynomial."""

    parameters: Size = 0
    #: Of the parameters, those of experts that a token does not choose.
    idle: Size = 0
    buffers: Size = 0
    #: Products with trained tensors.
    products: Size = 0
    activations: Size = 0
    kv_cache: Size = 0
    #: What else is computed, by the kinds of `PARTS`.
    parts: Mapping[str, Size] = MappingProxyType({})

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        if other == _NOTHING:
            return self
        parts = dict(self.parts)
        for part, number in other.parts.items():
            parts[part] = parts.get(part, 0) + number
        return Sums(
            self.parameters + other.parameters,
            self.idle + other.idle,
            self.buffers + other.buffers,
            self.products + other.products,
            self.activations + other.activations,
            self.kv_cache + other.kv_cache,
            parts,
        )

    def experts(self, copies: int, runs: int) -> Sums:
        """The same for that many copies, of which some run on each token."""
        if copies == runs == 1:
            return self
        return Sums(
            copies * self.parameters,
            (copies - runs) * self.parameters + runs * self.idle,
            copies * self.buffers,
            runs * self.products,
            runs * self.activations,
            self.kv_cache,
            {part: runs * number for part, number in self.parts.items()},
        )

    def macs(self, counted: Collection[str]) -> Size:
        """Multiply-accumulates with these of the `PARTS`."""
        return total([self.products, *(self.parts.get(part, 0) for part in counted)])


_NOTHING = Sums()


class Counted(NamedTuple):
    """One layer with its tensors by their full names, and the sums with all its branches.

    ``auxiliary`` are the sums of heads that are at work in training only, which
    ``sums`` leaves out. An expert's layer exists as often as ``stack``, the
    mixtures around it, tells; ``runs`` of them work on each token; the sums are of one.
    """

    step: Step
    name: str
    tensors: Tensors
    buffers: Tensors
    ties: Ties
    sums: Sums
    auxiliary: Sums
    branches: tuple[tuple[Counted, ...], ...]
    stack: tuple[int, ...] = ()
    runs: int = 1

    @property
    def layer(self) -> Layer:
        """The layer itself."""
        return self.step.node.layer

    @property
    def held(self) -> Sums:
        """The sums with the auxiliary heads, of all copies."""
        return self.sums.plus(self.auxiliary).experts(self.copies, self.runs)

    @property
    def copies(self) -> int:
        """How often it exists."""
        return prod(self.stack)


def count(steps: tuple[Step, ...], convention: Convention) -> tuple[Counted, ...]:
    """Every layer counted. Raises `ShapeError` where channels or a tied tensor are missing."""
    layers = _counted(steps, "", convention)
    _check_ties(layers)
    return layers


def walk(layers: tuple[Counted, ...], *, heads: bool = True) -> Iterator[Counted]:
    """Every layer, those in branches too; ``heads`` says whether in auxiliary ones."""
    for layer in layers:
        yield layer
        if heads or not layer.layer.auxiliary:
            for branch in layer.branches:
                yield from walk(branch, heads=heads)


def sums(layers: tuple[Counted, ...]) -> Sums:
    """All of them together, auxiliary heads left out."""
    result = Sums()
    for layer in layers:
        result = result.plus(layer.sums)
    return result


def auxiliary(layers: tuple[Counted, ...]) -> Sums:
    """All auxiliary heads together."""
    result = Sums()
    for layer in layers:
        result = result.plus(layer.auxiliary)
    return result


def unknown(layer: Counted) -> str:
    """Why the multiply-accumulates of a layer or of its brackets are not defined; may be empty."""
    found = (inside.layer.macs_unknown for inside in walk((layer,), heads=False))
    return next(filter(None, found), "")


def connections(layers: tuple[Counted, ...]) -> Size:
    """LeCun's count of 1998, of all layers, auxiliary heads left out."""
    steps = [layer.step for layer in walk(layers, heads=False)]
    return total([step.node.layer.connections(step.input, step.output) for step in steps])


def _counted(
    steps: tuple[Step, ...],
    prefix: str,
    convention: Convention,
    ordinals: Counter[str] | None = None,
    stack: tuple[int, ...] = (),
    runs: int = 1,
) -> tuple[Counted, ...]:
    """The layers, named by kind and ordinal within the brackets they stand in."""
    ordinals = Counter() if ordinals is None else ordinals
    found = []
    for step in steps:
        layer = step.node.layer
        kind = layer.words[0]
        ordinals[kind] += 1
        name = step.node.name or f"{prefix}{kind}{ordinals[kind]}"
        inner: Counter[str] = Counter()
        branches = tuple(
            [
                _counted(
                    branch,
                    f"{name}.",
                    convention,
                    inner,
                    (*stack, layer.copies()) if layer.copies() > 1 else stack,
                    runs * layer.runs(),
                )
                for branch in step.branches
            ]
        )
        try:
            found.append(_count(step, name, branches, convention, (stack, runs)))
        except LayerError as error:
            rule = f"{step.node.text}: {error.rule}"
            raise ShapeError(rule, place=step.place, mend=error.mend) from error
    return tuple(found)


def _count(
    step: Step,
    name: str,
    branches: tuple[tuple[Counted, ...], ...],
    convention: Convention,
    experts: tuple[tuple[int, ...], int],
) -> Counted:
    layer, shape, output = step.node.layer, step.input, step.output
    tensors = layer.parameters(shape, convention)
    buffers = layer.buffers(shape, convention)
    own = Sums(
        _numbers(tensors),
        layer.idle(shape, convention),
        _numbers(buffers),
        0 if layer.macs_unknown else layer.macs(shape, output),
        layer.activations(shape, output),
        layer.kv_cache(shape),
        layer.parts(shape, output),
    )
    heads = Sums()
    for branch in branches:
        if layer.auxiliary:
            heads = heads.plus(sums(branch)).plus(auxiliary(branch))
            continue
        own = own.plus(sums(branch).experts(layer.copies(), layer.runs()))
        heads = heads.plus(auxiliary(branch).experts(layer.copies(), layer.runs()))
    return Counted(
        step,
        name,
        _named(tensors, name, experts[0]),
        _named(buffers, name, experts[0]),
        layer.ties(shape, convention),
        own,
        heads,
        branches,
        *experts,
    )


def _named(tensors: Tensors, name: str, stack: tuple[int, ...]) -> Tensors:
    """By their full names; those of all experts stacked along first axes."""
    return {f"{name}.{key}": (*stack, *sizes) for key, sizes in tensors.items()}


def _numbers(tensors: Tensors) -> Size:
    return total([product(sizes) for sizes in tensors.values()])


def _check_ties(layers: tuple[Counted, ...]) -> None:
    """Refuse a tie to what is not there, or has other sizes."""
    tied = [layer for layer in walk(layers) if layer.ties]
    if not tied:
        return
    everywhere = {key: sizes for layer in walk(layers) for key, sizes in layer.tensors.items()}
    at_work = {
        key: sizes for layer in walk(layers, heads=False) for key, sizes in layer.tensors.items()
    }
    main = set(map(id, walk(layers, heads=False)))
    for layer in tied:
        _check_tie(layer, at_work if id(layer) in main else everywhere)


def _check_tie(layer: Counted, tensors: Tensors) -> None:
    for key, (other, sizes) in layer.ties.items():
        found = _found(layer, f"{other}.{key}", tensors)
        alike: tuple[tuple[Size, ...], ...] = (sizes, sizes[::-1])
        if layer.stack:
            # Within an expert it may be the tensor of the same expert.
            alike += ((*layer.stack, *sizes), (*layer.stack, *sizes[::-1]))
        if found in alike:
            continue
        fitting = [
            name.removesuffix(f".{key}")
            for name, held in tensors.items()
            if name.endswith(f".{key}") and held in alike
        ]
        if found is None:
            rule = f"no layer {other} has a {key} of its own to share"
        else:
            needed = sizes_text(sizes)
            rule = f"the {key} of {other} is {sizes_text(found)}, but here it would be {needed}"
        meant = nearest(other, fitting) or (fitting[0] if fitting else "")
        mend = f"Did you mean {meant}?" if meant else ""
        raise ShapeError(f"{layer.step.node.text}: {rule}", place=layer.step.place, mend=mend)


def _found(layer: Counted, name: str, tensors: Tensors) -> tuple[Size, ...] | None:
    """The sizes of a tensor by its name, looked for from the layer's own brackets outwards."""
    scope = layer.name.rpartition(".")[0]
    while scope:
        if f"{scope}.{name}" in tensors:
            return tensors[f"{scope}.{name}"]
        scope = scope.rpartition(".")[0]
    return tensors.get(name)
