"""Activations drawn in a terminal."""

from __future__ import annotations

from math import isfinite

from dlcalc.charts.line import Series, plot
from dlcalc.charts.terminal import ascii_only
from dlcalc.formulas.activations.base import Activation
from dlcalc.result import Block, Row

# What is drawn if no points ask for more.
_REACH = 5.0
_POINTS = 300


def drawing(activations: list[Activation], points: tuple[float, ...], what: str = "value") -> Block:
    """Value and derivative of one activation; of several the values or the derivatives."""
    found = curves(activations, points, what)
    lines = plot(found, ascii=ascii_only(), x_label="x", y_label="" if len(found) > 1 else what)
    return Block("l", [Row((line,)) for line in lines])


def write_drawing(
    path: str, activations: list[Activation], points: tuple[float, ...], what: str = "value"
) -> None:
    """The same as a picture. Raises `InputError` if it cannot be written."""
    from dlcalc.answers.picture import write_picture
    from dlcalc.charts import svg

    title = ", ".join(of.name for of in activations)
    several = f": {what}" if len(activations) > 1 else ""
    part = svg.plot(curves(activations, points, what), x_label="x")
    write_picture(path, title + several, [part])


def curves(activations: list[Activation], points: tuple[float, ...], what: str) -> list[Series]:
    """The curves over all points, and over a stretch around 0 at least."""
    finite = [x for x in points if isfinite(x)]
    low, high = min([-_REACH, *finite]), max([_REACH, *finite])
    xs = [low + (high - low) * n / _POINTS for n in range(_POINTS + 1)]
    if len(activations) == 1:
        of = activations[0]
        return [
            Series(of.name, xs, [of.value(x) for x in xs]),
            Series("derivative", xs, [of.slope(x) for x in xs]),
        ]
    return [
        Series(of.name, xs, [of.value(x) if what == "value" else of.slope(x) for x in xs])
        for of in activations
    ]
