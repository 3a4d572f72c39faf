"""Error reports: the rule, the place marked, the mend, whatever stands in the text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.errors import (
    ClaimError,
    DlcalcError,
    InputError,
    LayerError,
    NotationError,
    Place,
    ShapeError,
    Source,
    abridged,
    display_width,
    nearest,
)


def report(text: str, part: str, name: str = "", rule: str = "the rule") -> list[str]:
    start = text.index(part)
    place = Place(Source(text, name), start, start + len(part))
    return InputError(rule, place=place, mend="The mend.").report().splitlines()


def test_exit_codes() -> None:
    codes = {DlcalcError: 70, ClaimError: 1, InputError: 2, NotationError: 2, ShapeError: 2}
    assert {cls: cls.exit_code for cls in codes} == codes
    assert LayerError.exit_code == 2


def test_a_report_marks_the_place() -> None:
    assert report("3x8x8 cnov:4 relu", "cnov") == [
        "the rule.",
        "  3x8x8 cnov:4 relu",
        "        ^^^^",
        "  The mend.",
    ]


@pytest.mark.parametrize(("rule", "shown"), [("a", "a."), ("a.", "a."), ("a?", "a?")])
def test_a_rule_ends_with_a_full_stop(rule: str, shown: str) -> None:
    assert InputError(rule).report() == shown


def test_a_file_is_named_with_its_line() -> None:
    lines = report("3x8x8\nrelu\n\nconv:4,q3 relu\ntanh", "q3", "some.net")
    assert lines[0] == "some.net:4: the rule."
    assert lines[1:3] == ["  conv:4,q3 relu", "         ^^"]


def test_a_long_line_is_shown_around_the_place() -> None:
    text = "relu " * 100 + "cnov:4,k3 " + "tanh " * 100
    lines = report(text, "cnov:4,k3")
    assert max(map(display_width, lines)) <= 84
    assert lines[1].startswith("  ...") and lines[1].endswith("...")
    first = lines[2].index("^")
    assert lines[1][first : first + lines[2].count("^")] == "cnov:4,k3"


def test_carets_stand_below_wide_characters() -> None:
    lines = report("3x8x8 \u6c60\u5316:2 cnov", "cnov")
    # Two characters of two columns each come before: six columns, a colon, a 2, a space.
    assert lines[2] == "  " + " " * len("3x8x8 pool:2 ") + "^^^^"
    assert report("3x8x8 \u6c60\u5316:2", "\u6c60\u5316")[2] == "        ^^^^"


def test_a_place_that_spans_lines_is_marked_on_its_first() -> None:
    lines = report("3x8x8 residual[\n  relu\n] tanh", "residual[\n  relu\n]")
    assert lines[1:3] == ["  3x8x8 residual[", "        ^^^^^^^^^"]


def test_what_disturbs_a_terminal_is_replaced() -> None:
    shown = "\n".join(report("relu\x1b[31m\x07\u202e\ttanh cnov", "cnov"))
    assert not set(shown) & set("\x1b\x07\u202e\t")
    assert shown.count("\N{REPLACEMENT CHARACTER}") == 4


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200), st.integers(0, 200), st.integers(0, 30))
def test_any_place_in_any_text_is_reported(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    place = Place(Source(text), start, start + length)
    lines = InputError("rule", place=place).report().split("\n")
    assert len(lines) == 3
    assert set(lines[2].strip()) == {"^"}
    assert all(c.isprintable() for line in lines for c in line)
    # The carets never reach past what is shown, but for one at its end.
    assert display_width(lines[2]) <= display_width(lines[1]) + 1


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("conv", 4), ("\u6c60\u5316", 4), ("e\u0301", 1), ("\uff21", 2), ("\u00e9", 1)],
)
def test_display_width(text: str, width: int) -> None:
    assert display_width(text) == width


@pytest.mark.parametrize(
    ("word", "found"),
    [("cnov", "conv"), ("CONV", "conv"), ("rleu", "relu"), ("zzz", ""), ("", "")],
)
def test_nearest(word: str, found: str) -> None:
    assert nearest(word, ["conv", "relu", "maxpool"]) == found


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=100), st.integers(20, 60))
def test_abridged_text_is_short_and_printable(text: str, width: int) -> None:
    shown = abridged(text, width)
    assert len(shown) <= width and (shown.isprintable() or not shown)
    if len(text) <= width and text.isprintable():
        assert shown == text
    elif len(text) > width:
        assert "..." in shown
