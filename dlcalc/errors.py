"""The error tree, and the places in a text that errors point at.

Every error that a person can cause carries the rule that was broken, the place
where that happened, and what would mend it. ``exit_code`` is what the command
line ends with: 1 for a claim that does not hold, 2 for input it cannot use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Source(NamedTuple):
    """A text that was read, its name for people, and the number of its first line.

    The command line has no name.
    """

    text: str
    name: str = ""
    line: int = 1


class Place(NamedTuple):
    """A stretch of a source: characters ``start`` to ``end`` (exclusive)."""

    source: Source
    start: int
    end: int


class DlcalcError(Exception):
    """The root of all errors that dlcalc raises on purpose."""

    exit_code = 70


class ClaimError(DlcalcError):
    """A claim (``--expect``) is false or malformed."""

    exit_code = 1


class InputError(DlcalcError):
    """Input that cannot be used, with the place and a mend where there is one.

    >>> print(InputError("the net is empty", mend="Give a layer.").report())
    the net is empty.
      Give a layer.
    """

    exit_code = 2

    def __init__(
        self, rule: str, *, place: Place | None = None, mend: str = "", worked: object = None
    ) -> None:
        super().__init__(rule)
        self.rule = rule
        self.place = place
        self.mend = mend
        # What had been worked out before the error: a Result, or None.
        self.worked = worked

    def report(self, prefix: str = "", width: int | None = None) -> str:
        """The message for a person: the rule behind a prefix, the place marked, the mend.

        Sentences are wrapped to a width, if one is given.
        """
        headline = prefix + self.headline() + ("" if self.rule.endswith((".", "?")) else ".")
        lines = wrapped(headline, width)
        if self.place is not None:
            lines += _marked(self.place, width or 79)
        if self.mend:
            lines += wrapped("  " + self.mend, width)
        return "\n".join(lines)

    def headline(self) -> str:
        """The rule, behind the file and line where it was broken, if it was in a file."""
        place = self.place
        if place is None or not place.source.name:
            return self.rule
        line = place.source.text.count("\n", 0, place.start) + place.source.line
        return f"{place.source.name}:{line}: {self.rule}"


class NotationError(InputError):
    """A text that is not in the notation, or names what does not exist."""


class ShapeError(InputError):
    """A net in proper notation through which its input does not fit."""


class LayerError(InputError):
    """A layer's own refusal: it knows the rule and the mend, but not its place.

    The inner half of a two-level error: the network that asked adds the place
    and raises a `ShapeError` or `NotationError`.
    """

    def __init__(self, rule: str, mend: str = "") -> None:
        super().__init__(rule, mend=mend)


def wrapped(sentence: str, width: int | None) -> list[str]:
    """A sentence as lines of a width, or as one line if there is none."""
    if width is None or display_width(sentence) <= width:
        return [sentence]
    from textwrap import wrap

    return wrap(sentence, max(width, 20), subsequent_indent="  ", break_on_hyphens=False)


def _marked(place: Place, width: int) -> list[str]:
    """The line of the source that holds the place, and carets below it."""
    # Indentation and the dots at both ends take 8 columns.
    room = max(width - 8, 12)
    text, start, end = place
    line_start = text.text.rfind("\n", 0, start) + 1
    line_end = text.text.find("\n", start)
    line = text.text[line_start : line_end if line_end >= 0 else None]
    first = start - line_start
    last = max(min(end - line_start, len(line)), first + 1)
    # A long line is shown as a window around the place, the word whole if it fits.
    left = max(0, min(first - 8, last + 16 - room)) if len(line) > room else 0
    left = min(left, first)
    shown = line[left : left + room]
    dots = "..." if left else ""
    tail = "..." if left + room < len(line) else ""
    before = dots + _printable(shown[: first - left])
    word = _printable(shown[first - left : last - left])
    after = _printable(shown[last - left :])
    carets = "^" * max(1, display_width(word))
    return [f"  {before}{word}{after}{tail}", "  " + " " * display_width(before) + carets]


def _printable(text: str) -> str:
    """The text with a mark in place of every character that would disturb the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def display_width(text: str) -> int:
    """How many columns a terminal gives to the text.

    >>> display_width("conv"), display_width("池化")
    (4, 4)
    """
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice most like a misspelt word, or the empty string.

    >>> nearest("cnov", ["conv", "relu"])
    'conv'
    """
    from difflib import get_close_matches

    # Comparing is quadratic in the length: no name is longer than this.
    matches = get_close_matches(word[:40].lower(), list(choices), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def abridged(text: str, width: int = 40) -> str:
    """The text, cut in its middle if it is too long for a message."""
    text = _printable(text)
    return text if len(text) <= width else f"{text[: width - 13]}...{text[-10:]}"
