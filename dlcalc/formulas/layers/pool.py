"""Pooling: the greatest, the mean, a norm or one at random of each window."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import inf, nan, prod

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.windows import (
    Tap,
    all_taps,
    is_inside,
    kernel_size,
    spans,
    taps,
    windows_of,
)
from dlcalc.formulas.layers.worked import MAX_TERMS, Worked, mean, power, quotient, total
from dlcalc.layers.window import each

#: The positions that one output reads.
Members = Callable[[Index], list[Index]]


def _greatest(values: list[float], named: str) -> Worked:
    if not values:
        return Worked(-inf)
    value = nan if any(v != v for v in values) else max(values)
    template = "max(" + ", ".join(["{}"] * len(values)) + ")" if len(values) > 1 else "{}"
    return Worked(value, template, tuple(values), 0.0, named)


def _pads_with_zeros(at: At) -> bool:
    """Whether padding is values that are pooled too: of a layer before, or by a dilation."""
    rules, layer = at.convention, at.layer
    by_batches = rules.pooling_dilation == "unless strided" and max(layer.dilation) > 1
    return by_batches or (rules.pads_by_layer and not isinstance(layer.padding, str))


@rule("maxpool")
def maxpool(at: At) -> Rule:
    """The greatest value of each window."""
    windows, zeros = windows_of(at), _pads_with_zeros(at)
    padded = [
        (-begin, n + end)
        for n, window in zip(at.sides, windows, strict=True)
        for begin, end in [window.ends or (0, 0)]
    ]

    def element(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        values = []
        for tap in all_taps(at, windows, position):
            if is_inside(tap.position, at.sides):
                values.append(at.read(example, channel, tap.position))
            elif zeros and _within(tap.position, padded):
                values.append(0.0)
        inside = taps(at, windows, position)
        return _greatest(values, f"{_window(at, example, channel, inside)}.max()")

    return Rule(element, kernel_size(windows))


def _window(at: At, example: int, channel: int, inside: list[Tap]) -> str:
    """The values of a window as NumPy cuts them out."""
    return at.spanned(example, channel, spans([tap.position for tap in inside]))


def _within(position: Index, bounds: list[tuple[int, int]]) -> bool:
    return all(low <= p < high for p, (low, high) in zip(position, bounds, strict=True))


@rule("avgpool")
def avgpool(at: At) -> Rule | None:
    """The sum of each window by its positions, with padding or without."""
    windows, counts = windows_of(at), at.layer.counts_padding(at.convention)
    if _pads_with_zeros(at):
        counts = True
    reach = [
        (-begin, n + end)
        for n, window in zip(at.sides, windows, strict=True)
        for begin, end in [window.ends or (0, 0)]
    ]

    def element(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        every = list(all_taps(at, windows, position))
        values = [
            at.read(example, channel, tap.position)
            for tap in every
            if is_inside(tap.position, at.sides)
        ]
        count = sum(_within(tap.position, reach) for tap in every) if counts else len(values)
        if not values and not counts:
            return Worked(0.0, "0")
        named = f"{_window(at, example, channel, taps(at, windows, position))}.sum()/{count}"
        return mean(values, count, named)

    return Rule(element, kernel_size(windows))


@rule("lppool")
def lppool(at: At) -> Rule:
    """The p-th root of the sum of p-th powers; a window that hangs over as if it were full."""
    windows, p = windows_of(at), at.layer.norm
    signed = at.convention.average_counts_padding
    exponent = f"{p:g}"

    def element(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        values = [at.read(example, channel, tap.position) for tap in taps(at, windows, position)]
        bases = values if signed else [abs(x) for x in values]
        full = quotient(kernel_size(windows), len(values)) if signed and values else 1.0
        value = power(total(power(x, p) for x in bases) * full, 1 / p)
        template = " + ".join([f"({{}})**{exponent}"] * len(values)) or "0"
        factor = f"*{kernel_size(windows)}/{len(values)}" if full != 1 else ""
        return Worked(value, f"(({template}){factor})**(1/{exponent})", tuple(bases))

    return Rule(element, kernel_size(windows))


@rule("stochasticpool")
def stochasticpool(at: At) -> Rule:
    """Training: one value of each window, drawn by its share; else the mean by the shares."""
    windows = windows_of(at)

    def element(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        values = [at.read(example, channel, tap.position) for tap in taps(at, windows, position)]
        whole = total(values)
        parts = [(f"p[{i}]", _share(values, i)) for i in range(len(values))]
        shown = tuple(parts) if len(parts) <= MAX_TERMS and whole else ()
        if not whole:
            return Worked(0.0, "0")
        if at.training:
            return _drawn(values, at.output.at(*index), shown)
        squares = " + ".join(["{}*{}"] * len(values))
        template = f"({squares})/({' + '.join(['{}'] * len(values))})"
        numbers = [number for x in values for number in (x, x)]
        value = quotient(total(x * x for x in values), whole)
        return Worked(value, template, (*numbers, *values), abs(value), "", shown)

    return Rule(element, kernel_size(windows))


def _share(values: list[float], index: int) -> Worked:
    template = "{}/(" + " + ".join(["{}"] * len(values)) + ")"
    value = quotient(values[index], total(values))
    return Worked(value, template, (values[index], *values))


def _drawn(values: list[float], found: float, parts: tuple[tuple[str, Worked], ...]) -> Worked:
    """What was drawn, if it is one of the positive values of the window; else no number."""
    possible = [i for i, x in enumerate(values) if x == found and x > 0]
    listed = "[" + ", ".join(["{}"] * len(values)) + "]"
    if not possible:
        return Worked(nan, listed, tuple(values))
    return Worked(found, f"{listed}[{possible[0]}]", tuple(values), 0.0, "", parts)


def _parts(at: At) -> Members:
    """The parts of an input that is pooled to a fixed size: from i*n//o to -(-(i + 1)*n//o)."""
    sizes = each(at.layer.output, len(at.sides), "output")

    def members(position: Index) -> list[Index]:
        ranges = [
            range(i * n // o, -(-(i + 1) * n // o))
            for i, n, o in zip(position, at.sides, sizes, strict=True)
        ]
        return list(product(*ranges))

    return members


def _all(at: At) -> Members:
    """Every position of the input."""
    everything = list(product(*map(range, at.sides)))
    return lambda position: everything


def _pooled(at: At, members: Members, cost: int, *, greatest: bool) -> Rule:
    def element(index: Index) -> Worked:
        # Global pooling may drop its axes, and then there is no position.
        dropped: tuple[int, int, Index] = (index[0], index[1], ())
        example, channel, position = dropped if len(index) == 2 else at.parted(index)
        values = [at.read(example, channel, place) for place in members(position)]
        window = at.spanned(example, channel, spans(members(position)))
        if greatest:
            return _greatest(values, f"{window}.max()")
        return mean(values, len(values), f"{window}.mean()")

    return Rule(element, cost)


@rule("adaptiveavgpool", "adaptivemaxpool")
def adaptive(at: At) -> Rule:
    """The mean or the greatest of each part."""
    sizes = each(at.layer.output, len(at.sides), "output")
    cost = prod(at.sides) // max(prod(sizes), 1) + 1
    return _pooled(at, _parts(at), cost, greatest=at.layer.words[0] == "adaptivemaxpool")


@rule("globalavgpool", "globalmaxpool")
def whole(at: At) -> Rule:
    """The mean or the greatest of each channel."""
    greatest = at.layer.words[0] == "globalmaxpool"
    return _pooled(at, _all(at), prod(at.sides), greatest=greatest)
