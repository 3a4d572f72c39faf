"""What each layer of a net has and does: tensors, multiply-accumulates, values kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

from dlcalc.errors import LayerError, ShapeError, nearest
from dlcalc.layers.base import Layer, Parts, Tensors, Ties
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import sizes_text
from dlcalc.layers.size import Size, product, total
from dlcalc.nets.trace import Step


class Sums(NamedTuple):
    """What can be added up over layers, each a number or a polynomial."""

    parameters: Size = 0
    #: In auxiliary heads, which are at work in training only; not in the other sums.
    auxiliary: Size = 0
    auxiliary_macs: Size = 0
    #: Of the parameters, those of experts that a token does not choose.
    idle: Size = 0
    buffers: Size = 0
    #: Products with trained tensors.
    macs: Size = 0
    activations: Size = 0
    kv_cache: Size = 0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(*[left + right for left, right in zip(self, other, strict=True)])


class Counted(NamedTuple):
    """One layer with its tensors by their full names, and the sums with all its branches."""

    step: Step
    name: str
    tensors: Tensors
    buffers: Tensors
    ties: Ties
    sums: Sums
    parts: Parts
    branches: tuple[tuple[Counted, ...], ...]

    @property
    def layer(self) -> Layer:
        """The layer itself."""
        return self.step.node.layer

    def macs(self, counted: Collection[str]) -> Size:
        """Its multiply-accumulates with these of its `PARTS`."""
        return self.sums.macs + total(self.parts.get(part, 0) for part in counted)


def count(steps: tuple[Step, ...], convention: Convention) -> tuple[Counted, ...]:
    """Every layer counted. Raises `ShapeError` where channels or a tied tensor are missing."""
    layers = _counted(steps, "", convention)
    tensors = {name: sizes for layer in walk(layers) for name, sizes in layer.tensors.items()}
    for layer in walk(layers):
        _check_ties(layer, tensors)
    return layers


def walk(layers: tuple[Counted, ...]) -> Iterator[Counted]:
    """Every layer, those in branches too."""
    for layer in layers:
        yield layer
        for branch in layer.branches:
            yield from walk(branch)


def sums(layers: tuple[Counted, ...]) -> Sums:
    """All of them together."""
    result = Sums()
    for layer in layers:
        result = result.plus(layer.sums)
    return result


def connections(layers: tuple[Counted, ...]) -> Size:
    """LeCun's count of 1998, of all layers."""
    steps = [layer.step for layer in walk(layers)]
    return total([step.node.layer.connections(step.input, step.output) for step in steps])


def parts(layers: tuple[Counted, ...]) -> Parts:
    """What is counted beside the products with trained tensors, by kind, of all layers."""
    result: Parts = {}
    for layer in layers:
        _add(result, layer.parts)
    return result


def _add(parts: Parts, more: Parts, times: int = 1) -> None:
    for part, number in more.items():
        parts[part] = parts.get(part, 0) + times * number


def _counted(
    steps: tuple[Step, ...],
    prefix: str,
    convention: Convention,
    ordinals: Counter[str] | None = None,
) -> tuple[Counted, ...]:
    """The layers, named by kind and ordinal within the brackets they stand in."""
    ordinals = Counter() if ordinals is None else ordinals
    found = []
    for step in steps:
        kind = step.node.layer.words[0]
        ordinals[kind] += 1
        name = f"{prefix}{kind}{ordinals[kind]}"
        inner: Counter[str] = Counter()
        branches = tuple(
            [_counted(branch, f"{name}.", convention, inner) for branch in step.branches]
        )
        try:
            found.append(_count(step, name, branches, convention))
        except LayerError as error:
            rule = f"{step.node.text}: {error.rule}"
            raise ShapeError(rule, place=step.place, mend=error.mend) from error
    return tuple(found)


def _count(
    step: Step, name: str, branches: tuple[tuple[Counted, ...], ...], convention: Convention
) -> Counted:
    layer = step.node.layer
    shape, output = step.input, step.output
    tensors = {f"{name}.{key}": sizes for key, sizes in layer.parameters(shape, convention).items()}
    buffers = {f"{name}.{key}": sizes for key, sizes in layer.buffers(shape, convention).items()}
    unknown = bool(layer.macs_unknown)
    own = Sums(
        parameters=_numbers(tensors),
        idle=layer.idle(shape, convention),
        buffers=_numbers(buffers),
        macs=0 if unknown else layer.macs(shape, output),
        activations=layer.activations(shape, output),
        kv_cache=layer.kv_cache(shape),
    )
    found = dict(layer.parts(shape, output))
    for branch in branches:
        own = own.plus(_within(layer, sums(branch)))
        if not layer.auxiliary:
            _add(found, parts(branch), layer.runs())
    copies = layer.copies()
    if copies > 1:
        branches = tuple([_stacked(branch, copies) for branch in branches])
    ties = layer.ties(shape, convention)
    return Counted(step, name, tensors, buffers, ties, own, found, branches)


def _within(layer: Layer, inside: Sums) -> Sums:
    """What a branch adds to its layer: an auxiliary head apart, experts several times."""
    if layer.auxiliary:
        return Sums(
            auxiliary=inside.parameters + inside.auxiliary,
            auxiliary_macs=inside.macs,
            buffers=inside.buffers,
            activations=inside.activations,
        )
    copies, runs = layer.copies(), layer.runs()
    return inside._replace(
        parameters=copies * inside.parameters,
        idle=(copies - runs) * inside.parameters + runs * inside.idle,
        buffers=copies * inside.buffers,
        macs=runs * inside.macs,
        activations=runs * inside.activations,
    )


def _stacked(layers: tuple[Counted, ...], copies: int) -> tuple[Counted, ...]:
    """The layers of an expert with the tensors of all experts, stacked along a first axis."""
    return tuple(
        [
            layer._replace(
                tensors={name: (copies, *sizes) for name, sizes in layer.tensors.items()},
                buffers={name: (copies, *sizes) for name, sizes in layer.buffers.items()},
                sums=layer.sums._replace(
                    parameters=copies * layer.sums.parameters,
                    buffers=copies * layer.sums.buffers,
                ),
                branches=tuple([_stacked(branch, copies) for branch in layer.branches]),
            )
            for layer in layers
        ]
    )


def _numbers(tensors: Tensors) -> Size:
    return total([product(sizes) for sizes in tensors.values()])


def _check_ties(layer: Counted, tensors: Tensors) -> None:
    """Refuse a tie to what is not there, or has other sizes."""
    for key, (other, sizes) in layer.ties.items():
        found = tensors.get(f"{other}.{key}")
        mend = ""
        if found is None:
            named = [name.removesuffix(f".{key}") for name in tensors if name.endswith(f".{key}")]
            close = nearest(other, named) or (named[0] if named else "")
            rule = f"no layer {other} has a {key} of its own to share"
            mend = f"Did you mean {close}?" if close else ""
        elif found in (sizes, sizes[::-1]):
            continue
        else:
            needed = sizes_text(sizes)
            rule = f"the {key} of {other} is {sizes_text(found)}, but here it would be {needed}"
        raise ShapeError(f"{layer.step.node.text}: {rule}", place=layer.step.place, mend=mend)
