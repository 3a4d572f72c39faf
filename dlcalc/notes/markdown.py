"""Claims out of Markdown: fenced blocks, console transcripts, comments beside prose.

The text is read with markdown-it-py, so that fences inside lists and quotes keep
their lines. Nothing is followed: no link, no include.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from dlcalc.errors import InputError

#: No notes are longer, in bytes, and none hold more claims.
MAX_BYTES = 5_000_000
MAX_CLAIMS = 10_000

_COMMENT = re.compile(r"<!--\s*dlcalc:(.*?)-->", re.DOTALL)
_PROMPT = re.compile(r"\$ (dlcalc(?: .*)?)")


class Written(NamedTuple):
    """A claim as it stands: its first line from 1, its text, and what a transcript prints.

    ``printed`` is None for a claim that is a sentence; ``last`` is the last line of what
    is printed.
    """

    line: int
    text: str
    printed: str | None = None
    last: int = 0


def written(text: str) -> list[Written]:
    r"""The claims of a Markdown text, in their order.

    Raises `InputError` if there are more than `MAX_CLAIMS`.

    >>> written("Pooling halves.\n\n```dlcalc\nshape 28 maxpool:2 == 14\n```\n")
    [Written(line=4, text='shape 28 maxpool:2 == 14', printed=None, last=0)]
    """
    from markdown_it import MarkdownIt

    found: list[Written] = []
    # Line ends of all kinds are one line end to Markdown; so they are here.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    for token in MarkdownIt("commonmark").parse(lines):
        if token.map is None:
            continue
        first = token.map[0]
        if token.type == "fence":
            language = token.info.split()[0] if token.info.split() else ""
            if language == "dlcalc":
                found += _sentences(token.content, first + 2)
            elif language == "console":
                found += _transcripts(token.content, first + 2)
        elif token.type in ("html_block", "inline"):
            found += _comments(token.content, first + 1)
        if len(found) > MAX_CLAIMS:
            raise InputError(f"there are more than {MAX_CLAIMS:,} claims in the notes")
    return found


def _sentences(content: str, first: int) -> Iterator[Written]:
    """A claim a line; # starts a comment."""
    for number, line in enumerate(content.splitlines(), first):
        sentence = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if sentence:
            yield Written(number, sentence)


def _transcripts(content: str, first: int) -> Iterator[Written]:
    """Commands behind ``$ ``, each with what is printed below it; other programs are no claims."""
    lines = content.splitlines()
    starts = [place for place, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        command = _PROMPT.fullmatch(lines[start].rstrip())
        if command is not None:
            body = "".join(f"{line}\n" for line in lines[start + 1 : end])
            yield Written(first + start, command[1], body, first + end - 1)


def _comments(content: str, first: int) -> Iterator[Written]:
    """Claims in HTML comments, one a line."""
    for comment in _COMMENT.finditer(content):
        line = first + content.count("\n", 0, comment.start(1))
        yield from _sentences(comment[1], line)
