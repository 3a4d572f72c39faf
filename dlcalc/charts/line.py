"""Curves and single examples over one axis, as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dlcalc.charts.canvas import Canvas, Place
from dlcalc.charts.frame import LEAST_HEIGHT, LEAST_WIDTH, centred, framed, side_by_side
from dlcalc.charts.scale import Scale, scale
from dlcalc.errors import wrapped

#: What the second series and further ones are drawn with.
MARKS = "o+x#@%&"


class Series(NamedTuple):
    """Points (x, y) in order; ``joined`` by a line, or each for itself."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    joined: bool = True


class Axes(NamedTuple):
    """What several series are drawn over, and how many of their points cannot be."""

    x: Scale
    y: Scale
    points: int
    left_out: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return self.points == self.left_out

    @property
    def remark(self) -> str:
        """What was left out, as a sentence; empty if nothing was."""
        if not self.points:
            return "There are no points to draw."
        if not self.left_out:
            return ""
        why = "not finite or not above 0" if self.y.logarithmic else "not finite"
        return f"Left out: {self.left_out:,} of {self.points:,} points, {why}."


def axes(
    series: Sequence[Series], *, logarithmic: bool = False, most: tuple[int, int] = (6, 5)
) -> Axes:
    """The axes that all series fit on, each with about so many ticks; ``logarithmic`` is y's.

    Raises `ValueError` if a series has not as many x as y.
    """
    given = [pair for each in series for pair in _pairs(each)]
    good = [(x, y) for x, y in given if _drawable(x, y, logarithmic)]
    xs, ys = [x for x, _ in good], [y for _, y in good]
    x = scale(xs, most=most[0], exact=True, whole=all(x.is_integer() for x in xs))
    y = scale(ys, most=most[1], logarithmic=logarithmic)
    return Axes(x, y, len(given), len(given) - len(good))


def _pairs(series: Series) -> Iterator[tuple[float, float]]:
    return zip(map(float, series.xs), map(float, series.ys), strict=True)


def _drawable(x: float, y: float, logarithmic: bool) -> bool:
    return math.isfinite(x) and math.isfinite(y) and (y > 0 or not logarithmic)


def runs(series: Series, on: Axes, *, most: int) -> list[list[Place]]:
    """Where a series' points are on the axes, parted where points are left out.

    Of a run of more than 4 * ``most`` points only those are kept that show: of each
    of so many parts the first, the lowest, the highest and the last.

    >>> gap = Series("", [0, 1, 2, 3], [0, 5, math.nan, 10])
    >>> runs(gap, axes([gap]), most=80)
    [[(0.0, 0.0), (0.3333333333333333, 0.5)], [(1.0, 1.0)]]
    """
    found: list[list[Place]] = [[]]
    for x, y in _pairs(series):
        if _drawable(x, y, on.y.logarithmic):
            found[-1].append((on.x.place(x), on.y.place(y)))
        elif found[-1]:
            found.append([])
    return [_thinned(run, most) if series.joined else run for run in found if run]


def _thinned(run: list[Place], most: int) -> list[Place]:
    if len(run) <= 4 * most:
        return run
    kept: list[Place] = []
    for part in range(most):
        many = run[part * len(run) // most : (part + 1) * len(run) // most]
        heights = [y for _, y in many]
        ends = {0, len(many) - 1, heights.index(min(heights)), heights.index(max(heights))}
        kept += [many[index] for index in sorted(ends)]
    return kept


def plot(
    series: Sequence[Series],
    *,
    width: int = 72,
    height: int = 16,
    x_label: str = "",
    y_label: str = "",
    logarithmic: bool = False,
    ascii: bool = False,
) -> list[str]:
    r"""Series over common axes, in lines of at most ``width`` columns.

    ``height`` is that of the field within the axes. The first series is drawn in fine
    dots, every other with a mark of its own; they are named if there are several.

    >>> halves = Series("loss", range(7), [2.0**-n for n in range(7)])
    >>> print("\n".join(plot([halves], width=32, height=4, x_label="step", y_label="loss")))
    loss
    1.0 ┤⠑⢄
        │  ⠉⠢⡀
    0.5 ┤    ⠈⠑⠒⠤⢄⣀
    0.0 ┤          ⠉⠉⠒⠒⠒⠢⠤⠤⠤⠤⣀⣀⣀⣀⣀⣀⣀
        └┬────────┬───────┬────────┬
         0        2       4        6
                    step
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return []
    on = axes(series, logarithmic=logarithmic, most=(max(3, width // 12), max(2, height // 3)))
    remark = wrapped(on.remark, width) if on.remark else []
    if on.empty:
        return remark
    margin = max((len(tick.label) for tick in on.y.ticks), default=0)
    joined = bool(series) and series[0].joined
    canvas = Canvas(width - margin - 2, height, ascii=ascii, stroke="*" if joined else ".")
    for index, each in enumerate(series):
        for run in runs(each, on, most=2 * canvas.columns):
            if index == 0:
                canvas.dots(run, joined=joined)
            elif each.joined:
                # Lines of marks leave columns to one another, and to the fine one.
                columns = range(index % len(series), canvas.columns, max(2, len(series) - 1))
                canvas.trail(run, _mark(index), columns)
            else:
                canvas.marks(run, _mark(index))
    return [
        *_names(series, y_label, width, ascii),
        *framed(canvas, on.x, on.y, margin, ascii=ascii),
        *([centred(x_label, margin + 2, width)] if x_label else []),
        *remark,
    ]


def _mark(index: int) -> str:
    return MARKS[(index - 1) % len(MARKS)]


def _names(series: Sequence[Series], y_label: str, width: int, ascii: bool) -> list[str]:
    """What stands above the field: what y is, and what the series are if there are several."""
    fine = "⠒⠒" if series[0].joined else "⠐⠄"
    if ascii:
        fine = "**" if series[0].joined else ".."
    parts = [y_label]
    if len(series) > 1:
        parts += [f"{_mark(n) if n else fine} {each.label}" for n, each in enumerate(series)]
    return side_by_side(parts, width)
