"""Lines of Python that are written: parted where they are long; what all writers say alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dlcalc.layers.shape import Shape

if TYPE_CHECKING:
    from dlcalc.nets.trace import Step

#: Longer lines are parted.
WIDTH = 88


def fitted(line: str) -> list[str]:
    """A line, its longest brackets opened onto lines of their own if it is too long.

    >>> fitted("x = f(1)")
    ['x = f(1)']
    >>> fitted(f"x['{'a' * 60}'] = f('{'b' * 20}')")[0][-4:]
    '= f('
    """
    begin, end = _longest_brackets(line)
    if len(line) <= WIDTH or not end or not line.endswith((")", "]")):
        return [line]
    if line[begin] == "[" and line[end - 1] == "]" and len(arguments(line[begin:end])) == 1:
        begin, end = begin + 1, end - 1
    indent = " " * (len(line) - len(line.lstrip()))
    return [
        line[:begin],
        *_packed(arguments(line[begin:end]), f"{indent}    "),
        indent + line[end:],
    ]


def _longest_brackets(line: str) -> tuple[int, int]:
    """Where the text within the longest brackets of a line begins and ends, but of subscripts.

    A comma at the end of a subscript would make a tuple of it.
    """
    found, depth, begin, subscript = (0, 0), 0, 0, False
    for index, character in enumerate(line):
        if character in "([" and not depth:
            begin = index + 1
            subscript = character == "[" and index > 0 and line[index - 1] != " "
        depth += (character in "([{") - (character in ")]}")
        longer = index - begin > found[1] - found[0]
        if character in ")]" and not depth and longer and not subscript:
            found = (begin, index)
    return found


def _packed(parts: list[str], indent: str) -> list[str]:
    """Arguments, each with a comma, as many to a line as it holds; a long list is opened.

    Where one is a call itself, each stands on a line of its own.
    """
    lines, alone = [indent], any(re.search(r"\w\(", part) for part in parts)
    for part in parts:
        if len(f"{indent}{part},") > WIDTH and part[0] == "[" and part[-1] == "]":
            opened = [f"{indent}[", *_packed(arguments(part[1:-1]), f"{indent}    "), f"{indent}],"]
            lines += [*opened, indent]
            continue
        if lines[-1] != indent and (alone or len(f"{lines[-1]} {part},") > WIDTH):
            lines.append(indent)
        lines[-1] = f"{lines[-1]}{' ' if lines[-1] != indent else ''}{part},"
    return [line for line in lines if line != indent]


def arguments(text: str) -> list[str]:
    """The arguments of a call, brackets within them left whole.

    >>> arguments("3, (1, 2), bias=False")
    ['3', '(1, 2)', 'bias=False']
    """
    found, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [argument.strip() for argument in found]


def commented(line: str, comment: object) -> list[str]:
    """A line with its comment behind it, or above it where both do not fit."""
    whole = f"{line}  # {comment}"
    if len(whole) <= WIDTH:
        return [whole]
    indent = " " * (len(line) - len(line.lstrip()))
    return [f"{indent}# {comment}", *fitted(line)]


def input_comment(start: Shape, steps: tuple[Step, ...]) -> str:
    """What goes in, behind the batch."""
    words = ", numbers of words as whole numbers" if reads_words(steps) else ""
    return f"The batch, then {start}{words}."


def reads_words(steps: tuple[Step, ...]) -> bool:
    """Whether the first layer looks rows up, so that the input is no decimals."""
    first = steps[0]
    return first.node.layer.words[0] == "embedding" or any(map(reads_words, first.branches))
