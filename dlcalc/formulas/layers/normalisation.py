"""Normalisation: values less their mean, over the root of their variance."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import NamedTuple

from dlcalc.formulas.layers.table import At, Index, Rule, Values, indices, rule
from dlcalc.formulas.layers.worked import (
    Worked,
    mean,
    power,
    quotient,
    root,
    total,
)


class Group(NamedTuple):
    """The values that share a mean and a variance: a key, an index as NumPy writes it, they."""

    key: Index
    written: str
    members: Callable[[], list[Index]]


Grouping = Callable[[Index], Group]


class _Statistics:
    """Means and variances, each worked out once."""

    def __init__(self, at: At, grouping: Grouping) -> None:
        self.at = at
        self.grouping = grouping
        self.found: dict[Index, tuple[Worked, Worked]] = {}

    def __call__(self, index: Index) -> tuple[Worked, Worked]:
        """The mean and the variance that an output is normalised by."""
        key, written, members = self.grouping(index)
        if key not in self.found:
            values = [self.at.x.at(*place) for place in members()]
            average = mean(values, len(values), f"{written}.mean()")
            self.found[key] = average, _variance(values, average.value, f"{written}.var()")
        return self.found[key]


def _variance(values: list[float], average: float, named: str) -> Worked:
    value = total((x - average) ** 2 for x in values) / len(values)
    squares = " + ".join(["({} - {})**2"] * len(values))
    numbers = [number for x in values for number in (x, average)]
    return Worked(value, f"({squares})/{len(values)}", tuple(numbers), value, named)


def _normalised(
    x: float,
    shared: tuple[Worked, Worked],
    eps: float,
    trained: tuple[float | None, float | None],
    of: object = "",
) -> Worked:
    """(x - mean)/sqrt(var + eps)*weight + bias, whichever of the last two there are.

    ``of`` says whose mean it is, where there are several.
    """
    (average, variance), (scale, shift) = shared, trained
    deviation = root(variance.value + eps)
    value = quotient(x - average.value, deviation)
    size = quotient(abs(x) + abs(average.value), deviation)
    template, numbers = "({} - {})/sqrt({} + {})", [x, average.value, variance.value, eps]
    if scale is not None:
        value, size = value * scale, size * abs(scale)
        template, numbers = f"{template}*{{}}", [*numbers, scale]
    if shift is not None:
        value, size = value + shift, size + abs(shift)
        template, numbers = f"{template} + {{}}", [*numbers, shift]
    whose = f"[{of}]" if of != "" else ""
    shown = _shown((f"mean{whose}", average), (f"var{whose}", variance))
    return Worked(value, template, tuple(numbers), size, "", shown)


def _shown(*parts: tuple[str, Worked]) -> tuple[tuple[str, Worked], ...]:
    return tuple([part for part in parts if part[1].template])


def _by_channel(at: At, *, whole_batch: bool) -> Grouping:
    """All values of the same channel, of the batch or of the same example."""
    axis, sizes = at.channel_axis, at.x.sizes

    def grouping(index: Index) -> Group:
        channel = index[axis]
        key = (channel,) if whole_batch else (index[0], channel)
        places: list[object] = [":"] * len(sizes)
        places[axis] = channel
        if not whole_batch:
            places[0] = index[0]

        def members() -> list[Index]:
            spans: list[range] = [range(n) for n in sizes]
            spans[axis] = range(channel, channel + 1)
            if not whole_batch:
                spans[0] = range(index[0], index[0] + 1)
            return _over(spans)

        return Group(key, at.named(*places), members)

    return grouping


def _over(spans: list[range]) -> list[Index]:
    from itertools import product

    return list(product(*spans))


@rule("bn", "instancenorm")
def by_channel(at: At) -> Rule:
    """Each channel by its own mean and variance, or while evaluating by those that were kept."""
    layer, tensors = at.layer, at.tensors
    weight, bias = tensors.get("weight"), tensors.get("bias")
    kept = layer.track and not at.training
    whole = layer.words[0] == "bn"
    statistics = _Statistics(at, _by_channel(at, whole_batch=whole))

    def element(index: Index) -> Worked:
        channel = index[at.channel_axis]
        shared = _kept(at, channel) if kept else statistics(index)
        trained = (weight.at(channel) if weight else None, bias.at(channel) if bias else None)
        return _normalised(at.x.at(*index), shared, layer.eps, trained, channel)

    if kept:
        return Rule(element, 4)
    many = at.channels * (1 if whole else at.batch)
    return Rule(element, 4, at.x.size // many, many)


def _kept(at: At, channel: int) -> tuple[Worked, Worked]:
    """The running statistics; Caffe's are sums, by a scale that is kept beside them."""
    scale = at.tensors.get("scale_factor")
    factor = 1.0
    if scale is not None:
        factor = 1 / scale.at(0) if scale.at(0) else 0.0
    average, variance = at.tensors["running_mean"], at.tensors["running_var"]
    return Worked(average.at(channel) * factor), Worked(variance.at(channel) * factor)


@rule("gn")
def groups(at: At) -> Rule:
    """Each group of channels of each example."""
    layer, axis = at.layer, at.channel_axis
    weight, bias = at.tensors.get("weight"), at.tensors.get("bias")
    each = at.channels // layer.groups

    def grouping(index: Index) -> Group:
        first = index[axis] // each * each
        places: list[object] = [index[0], *[":"] * (len(at.x.sizes) - 1)]
        places[axis] = f"{first}:{first + each}"

        def members() -> list[Index]:
            spans: list[range] = [range(n) for n in at.x.sizes]
            spans[0] = range(index[0], index[0] + 1)
            spans[axis] = range(first, first + each)
            return _over(spans)

        return Group((index[0], first), at.named(*places), members)

    statistics = _Statistics(at, grouping)

    def element(index: Index) -> Worked:
        channel = index[axis]
        trained = (weight.at(channel) if weight else None, bias.at(channel) if bias else None)
        of = channel // each
        return _normalised(at.x.at(*index), statistics(index), layer.eps, trained, of)

    many = at.batch * layer.groups
    return Rule(element, 4, at.x.size // many, many)


def _last_axes(at: At) -> Grouping:
    """All values along the last axes."""
    last = at.layer.last
    sizes = at.x.sizes[-last:]

    def grouping(index: Index) -> Group:
        row = index[:-last]
        return Group(row, at.named(*row), lambda: [(*row, *place) for place in indices(sizes)])

    return grouping


def _trained(tensor: Values | None, index: Index) -> float | None:
    return None if tensor is None else tensor.at(*index[-len(tensor.sizes) :])


@rule("ln")
def layer_norm(at: At) -> Rule:
    """The last axes of each example and position."""
    statistics, (weight, bias) = _Statistics(at, _last_axes(at)), _pair(at)

    def element(index: Index) -> Worked:
        trained = (_trained(weight, index), _trained(bias, index))
        row = index[: -at.layer.last]
        of = ", ".join(map(str, row if at.batched else row[1:]))
        return _normalised(at.x.at(*index), statistics(index), at.layer.eps, trained, of)

    return Rule(element, 4, *_rows(at))


def _rows(at: At) -> tuple[int, int]:
    """How many values share a mean, and how many means there are."""
    each = prod(at.x.sizes[-at.layer.last :])
    return each, at.x.size // each


def _pair(at: At) -> tuple[Values | None, Values | None]:
    return at.tensors.get("weight"), at.tensors.get("bias")


@rule("rmsnorm")
def rmsnorm(at: At) -> Rule:
    """x/sqrt(mean(x^2) + eps) over the last axes, and a scale."""
    weight, eps, grouping = at.tensors.get("weight"), at.layer.eps, _last_axes(at)
    found: dict[Index, Worked] = {}

    def square(index: Index) -> Worked:
        key, written, members = grouping(index)
        if key not in found:
            values = [at.x.at(*place) for place in members()]
            value = total(x * x for x in values) / len(values)
            template = "(" + " + ".join(["({})**2"] * len(values)) + f")/{len(values)}"
            found[key] = Worked(value, template, tuple(values), value, f"({written}**2).mean()")
        return found[key]

    def element(index: Index) -> Worked:
        x, mean_square = at.x.at(*index), square(index)
        value = quotient(x, root(mean_square.value + eps))
        template, numbers = "{}/sqrt({} + {})", [x, mean_square.value, eps]
        scale = _trained(weight, index)
        if scale is not None:
            value, template, numbers = value * scale, f"{template}*{{}}", [*numbers, scale]
        return Worked(value, template, tuple(numbers), 0.0, "", (("ms", mean_square),))

    return Rule(element, 4, *_rows(at))


@rule("lrn")
def lrn(at: At) -> Rule:
    """x/(k + alpha/size*(sum of x^2 over neighbouring channels))^beta."""
    layer, axis = at.layer, at.channel_axis
    before, after = layer.size // 2, (layer.size - 1) // 2

    def element(index: Index) -> Worked:
        own, channel = at.x.at(*index), index[axis]
        near = range(max(channel - before, 0), min(channel + after, at.channels - 1) + 1)
        values = [at.x.at(*index[:axis], c, *index[axis + 1 :]) for c in near]
        divisor = layer.k + layer.alpha / layer.size * total(x * x for x in values)
        squares = " + ".join(["({})**2"] * len(values))
        template = f"{{}}/({{}} + {{}}/{layer.size}*({squares}))**{{}}"
        numbers = (own, layer.k, layer.alpha, *values, layer.beta)
        value = quotient(own, power(divisor, layer.beta))
        return Worked(value, template, numbers)

    return Rule(element, layer.size)
