"""Pictures: valid, self-contained, the same numbers at the same places."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from dlcalc.charts import svg
from dlcalc.charts.line import Series
from dlcalc.charts.region import Example, Plane

NAMESPACE = "{http://www.w3.org/2000/svg}"
CURVES = [Series("training", [1, 2, 3], [4, 2, 1]), Series("held out", [1, 2, 3], [5, 3, 3])]
PLANE = Plane([[0, 0, 1], [0, 1, 1]], (0, 1), (0, 1))
EXAMPLES = [Example(0.1, 0.9, 0), Example(0.9, 0.2, 1)]


def read(*parts: svg.Part, title: str = "t") -> ElementTree.Element:
    return ElementTree.fromstring(svg.document(title, parts))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{NAMESPACE}text")]


def test_it_is_one_document_that_fetches_nothing() -> None:
    parts = [
        svg.plot(CURVES, x_label="epoch", y_label="loss"),
        svg.regions(PLANE, EXAMPLES, ["pear", "plum"]),
        svg.confusion([[3, 0], [1, 4]], ["pear", "plum"]),
    ]
    text = svg.document("fruit", parts)
    root = ElementTree.fromstring(text)
    assert root.tag == f"{NAMESPACE}svg"
    assert not re.search(
        r"href|url\(|@import|<script|<image|http(?!://www\.w3\.org/2000/svg)", text
    )
    assert "prefers-color-scheme:dark" in text
    for word in ("training", "held out", "epoch", "loss", "pear", "taken for", "fruit"):
        assert word in texts(root)


def test_a_curve_goes_through_its_points() -> None:
    root = read(svg.plot(CURVES[:1]))
    (path,) = [e.get("d") for e in root.iter() if "curve" in (e.get("class") or "")]
    points = [tuple(map(float, pair.split())) for pair in path[1:].split("L")]  # type: ignore[index]
    xs, ys = zip(*points)
    assert xs[1] - xs[0] == xs[2] - xs[1] > 0
    # 4, 2, 1: the first step down is twice the second, and down is where y grows.
    assert math.isclose(ys[1] - ys[0], 2 * (ys[2] - ys[1])) and ys[0] < ys[1]


def test_strips_cover_the_plane_exactly_once() -> None:
    root = read(svg.regions(PLANE))
    area = 0.0
    for element in root.iter(f"{NAMESPACE}path"):
        for left, top, right, bottom in re.findall(
            r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H[\d.]+z", element.get("d") or ""
        ):
            area += (float(right) - float(left)) * (float(bottom) - float(top))
    width = svg.WIDTH - svg._LEFT - svg._RIGHT
    assert math.isclose(area, width * 400, rel_tol=1e-3)


@given(st.text(), st.lists(st.tuples(st.floats(), st.floats()), max_size=9), st.booleans())
def test_no_text_and_no_number_breaks_it(
    text: str, points: list[tuple[float, float]], logarithmic: bool
) -> None:
    series = Series(text, [x for x, _ in points], [y for _, y in points])
    part = svg.plot([series, series], y_label=text, logarithmic=logarithmic)
    plane = svg.regions(PLANE, [Example(x, y, 1) for x, y in points], [text, text])
    root = read(part, plane, svg.confusion([[0, 1], [0, 0]], [text, text]), title=text)
    for element in root.iter():
        for value in element.attrib.values():
            assert "nan" not in value and "inf" not in value


def test_what_is_left_out_is_said() -> None:
    gap = Series("", [1, 2, 3], [1, math.nan, 2])
    assert "Left out: 1 of 3 points, not finite." in texts(read(svg.plot([gap])))
