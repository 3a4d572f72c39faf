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
    finite = [x for x in points if isfinite(x)]
    low, high = min([-_REACH, *finite]), max([_REACH, *finite])
    xs = [low + (high - low) * n / _POINTS for n in range(_POINTS + 1)]
    if len(activations) == 1:
        of = activations[0]
        series = [
            Series(of.name, xs, [of.value(x) for x in xs]),
            Series("derivative", xs, [of.slope(x) for x in xs]),
        ]
    else:
        series = [
            Series(of.name, xs, [of.value(x) if what == "value" else of.slope(x) for x in xs])
            for of in activations
        ]
    lines = plot(series, ascii=ascii_only(), x_label="x", y_label="" if len(series) > 1 else what)
    return Block("l", [Row((line,)) for line in lines])
