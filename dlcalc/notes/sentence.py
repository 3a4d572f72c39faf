"""A claim's sentence: a command, a relation, and what is claimed; or a limit."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from dlcalc.errors import InputError, abridged

#: The longest first, so that <= is not read as <.
RELATIONS = ("==", "~=", "!=", "<=", ">=", "<", ">")
_RELATION = re.compile(r"\s(==|~=|!=|<=|>=|<|>)\s")
_LIMIT = re.compile(r"(.+?)\s*->\s*(\S+)\s+as\s+([A-Za-z_]\w*)\s*->\s*(\S+)")
#: Options with which any command would read or write files.
_FILES = {"--save", "--resume", "--plot", "--data", "--svg", "-f", "--file", "-o", "--output"}


class Sentence(NamedTuple):
    """A command's words without dlcalc, the relation, and what is claimed."""

    words: tuple[str, ...]
    relation: str
    claimed: str


class Limit(NamedTuple):
    """An expression that tends to a number as a variable does."""

    expression: str
    claimed: str
    variable: str
    to: str


def read(text: str) -> Sentence | Limit:
    """Read a claim. Raises `InputError` for what is none.

    >>> read("shape 28 maxpool:2 == 14")
    Sentence(words=('shape', '28', 'maxpool:2'), relation='==', claimed='14')
    >>> read("(1-1/n)^n -> 0.368 as n -> inf").variable
    'n'
    """
    limit = _LIMIT.fullmatch(text)
    if limit:
        return Limit(*(part.strip() for part in limit.groups()))
    parts = _RELATION.split(text)
    if len(parts) != 3:
        raise InputError(
            f"{abridged(text, 60)} is no claim",
            mend="Write COMMAND == VALUE, as in: shape 28 maxpool:2 == 14.",
        )
    left, relation, right = parts
    if not right.strip():
        raise InputError(f"behind {relation} stands nothing")
    return Sentence(tuple(_wrt(command(left))), relation, right.strip())


def command(text: str) -> list[str]:
    """The words of a command line without dlcalc, as a shell parts them, but no shell.

    Raises `InputError` for what a shell would have to do, and for commands that would
    read or write files.
    """
    try:
        # Outside quotes these would run other programs or write files.
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError as error:
        raise InputError(f"{abridged(text, 60)}: a quote is not closed") from error
    for word in words:
        if set(word) <= set("();<>|&") or word.startswith(("$(", "`")):
            raise InputError(f"{word} is for a shell, and claims are run without one")
    words = words[1:] if words[:1] == ["dlcalc"] else words
    if not words:
        raise InputError("the command is missing")
    if words[0] == "check" and not _names_claims(words[1:]):
        raise InputError("check stands in notes with the names of one to three concepts")
    files = [word for word in words if word.partition("=")[0] in _FILES]
    if files:
        raise InputError(f"{files[0]} reads or writes a file, which notes may not")
    if "-" in words:
        raise InputError("- reads standard input, which notes have not")
    return words


def _names_claims(words: list[str]) -> bool:
    names = [word for word in words if not word.startswith("-")]
    plain = {"-q", "--quiet", "--json"}
    return 0 < len(names) <= 3 and set(words) <= {*names, *plain}


def _wrt(words: list[str]) -> list[str]:
    """``grad x^2 wrt x`` as it is spoken."""
    return ["--wrt" if word == "wrt" else word for word in words]
