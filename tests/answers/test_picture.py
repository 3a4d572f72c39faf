"""Drawings written as files: whole SVG documents that fetch nothing, or no file at all."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dlcalc.answers.activation import activation
from dlcalc.errors import InputError


@pytest.mark.parametrize(("name", "compare", "curves"), [("gelu", "", 2), ("relu", "elu,silu", 3)])
def test_an_activation_is_drawn_as_a_picture(
    name: str, compare: str, curves: int, tmp_path: Path
) -> None:
    path = tmp_path / "drawn.svg"
    activation(name, compare=compare, svg=str(path))
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    strokes = set(re.findall(r'class="curve line(\d)', text))
    assert len(strokes) == curves
    assert not re.search(r"href|url\(|<script|@import", text), "it fetches nothing"
    assert [each.name for each in tmp_path.iterdir()] == ["drawn.svg"]


@pytest.mark.parametrize("name", ["drawn.png", "nowhere/drawn.svg", "-"])
def test_what_cannot_be_a_picture_is_refused_before_anything_is_worked_out(
    name: str, tmp_path: Path
) -> None:
    path = name if name == "-" else str(tmp_path / name)
    with pytest.raises(InputError):
        activation("gelu", svg=path)
    assert not list(tmp_path.iterdir())
