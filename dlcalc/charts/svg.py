"""The same drawings as pictures: one SVG document that needs nothing else.

Its colours follow whether the reader prefers light or dark; series and classes differ by
dashes and shapes as well as by colour (Okabe and Ito, "Color Universal Design", 2008).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from unicodedata import category

from dlcalc.charts.line import Series, axes, runs
from dlcalc.charts.region import Example, Plane, ground
from dlcalc.charts.scale import Scale

WIDTH = 640
_LEFT, _RIGHT, _TOP, _BELOW = 72, 24, 68, 56
_LINE = 20
# Colours on light and on dark, and dashes, in the order of series and classes.
_COLOURS = (
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#e69f00"),
    ("#009e73", "#2fc79a"),
    ("#aa4499", "#e08ec0"),
    ("#8a6d00", "#f0e442"),
    ("#555555", "#bbbbbb"),
)
_DASHES = ("", "7 4", "2 3", "10 3 2 3", "1 5")
# Around (0, 0), for examples: a circle, a square, a triangle, a diamond, a cross.
_SHAPES = (
    "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
    "M-3-3h6v6h-6z",
    "M0-4l4 7h-8z",
    "M0-4.5l4.5 4.5l-4.5 4.5l-4.5-4.5z",
    "M-1-4h2v3h3v2h-3v3h-2v-3h-3v-2h3z",
)


class Part(NamedTuple):
    """A drawing of `WIDTH` and some height, as elements."""

    height: int
    elements: list[str]


def document(title: str, parts: Iterable[Part]) -> str:
    """Drawings one below the other as an SVG document.

    >>> document("Nothing", []).splitlines()[1]
    '<title>Nothing</title>'
    """
    body: list[str] = []
    down = 2 * _LINE
    for part in parts:
        body += [f'<g transform="translate(0 {down})">', *part.elements, "</g>"]
        down += part.height
    size = f'viewBox="0 0 {WIDTH} {down}" width="{WIDTH}" height="{down}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escaped(title)}</title>",
        f"<style>{_style()}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{down}"/>',
        _text(WIDTH / 2, 26, title, "middle", "title"),
    ]
    return "\n".join([*head, *body, "</svg>", ""])


def captioned(caption: str, part: Part) -> Part:
    """A drawing with a sentence above it."""
    return part._replace(elements=[_text(8, 16, caption, kind="caption"), *part.elements])


def _style() -> str:
    def rules(dark: bool) -> str:
        paper, ink, faint = ("#16191d", "#e3e6ea", "#3c434b") if dark else ("#fff", "#222", "#ccc")
        found = f".paper{{fill:{paper}}}text{{fill:{ink}}}.axis{{stroke:{ink}}}"
        found += f".grid{{stroke:{faint}}}.example{{stroke:{paper}}}.cell{{stroke:{faint}}}"
        for index, pair in enumerate(_COLOURS):
            found += f".line{index}{{stroke:{pair[dark]}}}.fill{index}{{fill:{pair[dark]}}}"
        return found

    fixed = "text{font:13px system-ui,sans-serif}.title{font-size:16px;font-weight:600}"
    fixed += ".caption{font-style:italic}"
    fixed += ".axis,.grid{fill:none}.curve{fill:none;stroke-width:2;stroke-linejoin:round}"
    return f"{fixed}{rules(False)}@media(prefers-color-scheme:dark){{{rules(True)}}}"


def escaped(text: str) -> str:
    r"""A text as XML may hold it: markup escaped, control characters replaced.

    >>> escaped("a < b & c\x00")
    'a &lt; b &amp; c\ufffd'
    """
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return "".join("\ufffd" if category(c) in ("Cc", "Cs", "Cn") else c for c in text)


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escaped(text)}</text>'


def _n(number: float) -> str:
    """A coordinate to a hundredth."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


class _Field(NamedTuple):
    """Where the scales lie in a part."""

    x: Scale
    y: Scale
    height: int

    def at(self, right: float, up: float) -> tuple[float, float]:
        return _LEFT + right * (WIDTH - _LEFT - _RIGHT), _TOP + (1 - up) * self.height

    def frame(self, x_label: str, y_label: str) -> list[str]:
        """Grid, axes, their numbers and names."""
        left, top = self.at(0, 1)
        right, bottom = self.at(1, 0)
        grid, texts = "", []
        for tick in self.x.ticks:
            x, _ = self.at(self.x.place(tick.value), 0)
            grid += f"M{_n(x)} {_n(top)}V{_n(bottom)}"
            texts.append(_text(x, bottom + 18, tick.label, "middle"))
        for tick in self.y.ticks:
            _, y = self.at(0, self.y.place(tick.value))
            grid += f"M{_n(left)} {_n(y)}H{_n(right)}"
            texts.append(_text(left - 8, y + 4, tick.label, "end"))
        texts.append(_text((left + right) / 2, bottom + 40, x_label, "middle"))
        texts.append(_text(8, top - 14, y_label))
        axis = f'<path class="axis" d="M{_n(left)} {_n(top)}V{_n(bottom)}H{_n(right)}"/>'
        return [f'<path class="grid" d="{grid}"/>', axis, *texts]


def _keyed(names: Sequence[str], symbols: Sequence[str]) -> list[str]:
    """A line of names, each behind its symbol, right of what y is called."""
    found, x = [], float(WIDTH - _RIGHT)
    for name, symbol in reversed(list(zip(names, symbols, strict=True))):
        x -= 8 * len(name)
        found.append(_text(x, _TOP - 14, name))
        x -= 36
        found.append(f'<g transform="translate({_n(x)} {_TOP - 18})">{symbol}</g>')
        x -= 16
    return found


def plot(
    series: Sequence[Series], *, x_label: str = "", y_label: str = "", logarithmic: bool = False
) -> Part:
    """Curves and examples over common axes, as `dlcalc.charts.line.plot` draws them in text."""
    on = axes(series, logarithmic=logarithmic)
    field = _Field(on.x, on.y, 240)
    elements = field.frame(x_label, y_label)
    symbols = []
    for index, each in enumerate(series):
        symbols.append(_symbol(index, each.joined))
        for run in runs(each, on, most=WIDTH):
            places = [field.at(*place) for place in run]
            if each.joined and len(places) > 1:
                path = "L".join(f"{_n(x)} {_n(y)}" for x, y in places)
                elements.append(_stroke(index, f"M{path}"))
            else:
                elements += [_shape(index, x, y) for x, y in places]
    if len(series) > 1:
        elements += _keyed([each.label for each in series], symbols)
    if on.remark:
        elements.append(_text(WIDTH - _RIGHT, _TOP + 240 + 40, on.remark, "end"))
    return Part(_TOP + 240 + _BELOW, elements)


def _symbol(index: int, joined: bool) -> str:
    return _stroke(index, "M0 0H28") if joined else _shape(index, 20, 0)


def _stroke(index: int, path: str) -> str:
    dash = _DASHES[index % len(_DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path class="curve line{index % len(_COLOURS)}"{dashed} d="{path}"/>'


def _shape(index: int, x: float, y: float) -> str:
    shape, colour = _SHAPES[index % len(_SHAPES)], index % len(_COLOURS)
    place = f"translate({_n(x)} {_n(y)})"
    return f'<path class="example fill{colour}" transform="{place}" d="{shape}"/>'


def regions(
    plane: Plane,
    examples: Sequence[Example] = (),
    names: Sequence[str] = (),
    *,
    x_label: str = "",
    y_label: str = "",
) -> Part:
    """The regions of a plane and the examples on it, as `dlcalc.charts.region` has them."""
    on = ground(plane, examples)
    field = _Field(on.x, on.y, 400)
    classes = sorted({cls for row in plane.classes for cls in row} | {e.cls for e in on.examples})
    elements = [_area(plane, cls, field) for cls in classes]
    elements += field.frame(x_label, y_label)
    for each in on.examples:
        elements.append(_shape(each.cls, *field.at(on.x.place(each.x), on.y.place(each.y))))
    known = [names[cls] if cls < len(names) else str(cls) for cls in classes]
    elements += _keyed(known, [_shape(cls, 20, 0) for cls in classes])
    if on.remark:
        elements.append(_text(WIDTH - _RIGHT, _TOP + 400 + 40, on.remark, "end"))
    return Part(_TOP + 400 + _BELOW, elements)


def _area(plane: Plane, cls: int, field: _Field) -> str:
    """Where the grid has a class, as one path of strips."""
    rows, columns = len(plane.classes), len(plane.classes[0])
    path = ""
    for number, row in enumerate(plane.classes):
        column = 0
        while column < columns:
            end = column
            while end < columns and row[end] == cls:
                end += 1
            if end > column:
                left, top = field.at(column / columns, 1 - number / rows)
                right, bottom = field.at(end / columns, 1 - (number + 1) / rows)
                path += f"M{_n(left)} {_n(top)}H{_n(right)}V{_n(bottom)}H{_n(left)}z"
            column = end + 1
    colour = cls % len(_COLOURS)
    return f'<path class="fill{colour}" opacity="0.25" shape-rendering="crispEdges" d="{path}"/>'


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str] = ()) -> Part:
    """Which classes were taken for which, darker the more often of the class."""
    known = list(names) or [str(cls) for cls in range(len(counts))]
    side = max(14, min(44, (WIDTH - _LEFT - _RIGHT) // max(len(counts), 1)))
    elements = [_text(_LEFT, _TOP - 28, "taken for"), _text(8, _TOP - 6, "is")]
    for cls, name in enumerate(known):
        short = name if len(name) <= 9 else f"{name[:8]}…"
        middle = cls * side + side / 2
        elements.append(_text(_LEFT + middle, _TOP - 6, short[: max(1, side // 7)], "middle"))
        elements.append(_text(_LEFT - 8, _TOP + middle + 4, short, "end"))
    for row, cells in enumerate(counts):
        total = sum(cells) or 1
        for column, count in enumerate(cells):
            x, y = _LEFT + column * side, _TOP + row * side
            colour = 0 if row == column else 1
            elements.append(
                f'<rect class="cell fill{colour}" fill-opacity="{_n(0.75 * count / total)}" '
                f'x="{x}" y="{y}" width="{side}" height="{side}"/>'
            )
            if count and side >= 28:
                elements.append(_text(x + side / 2, y + side / 2 + 5, f"{count}", "middle"))
    return Part(_TOP + side * len(counts) + _LINE, elements)
