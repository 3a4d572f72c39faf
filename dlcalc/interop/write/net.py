"""A net in the normalised notation: one layer a line, its shape behind it as a comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlcalc.interop import words
from dlcalc.layers.base import Layer

if TYPE_CHECKING:
    from dlcalc.interop.write.targets import Wanted
    from dlcalc.layers.argument import Argument
    from dlcalc.nets.trace import Step


#: The notation has no names that are given.
NAMES: frozenset[str] = frozenset()


def write(wanted: Wanted) -> str:
    """The text of a file that is the same net; what it is about is its first comment.

    Names are the first of a layer's words, arguments their short forms where there are
    any, and what is the default is left out.
    """
    lines = _lines(wanted.steps, "")
    return "\n".join([f"# {wanted.about}", str(wanted.start), *lines]) + "\n"


def layer_text(layer: Layer) -> str:
    """One layer as it is written in short.

    >>> from dlcalc.nets.word import read_word
    >>> layer_text(read_word("convolution:out=6,kernel=5,stride=1,padding=2"))
    'conv:6,k5,p2'
    """
    name = layer.words[0] + (f"{layer.rank}d" if layer.rank else "")
    # What has no key stands first, as long as nothing before it was left out.
    bare, found = True, []
    for argument in layer.arguments:
        value = getattr(layer, "last" if argument.name == "axes" else argument.name)
        if value == argument.default:
            bare = False
            continue
        text = _text(argument, value)
        if argument.short and text[0].isdigit():
            found.append(f"{argument.short}{text}")
        elif bare and argument.positional and not argument.short:
            found.append(text)
        else:
            found.append(f"{argument.short or argument.name}={text}")
    return words.word(name, *found)


def _text(argument: Argument, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple) and argument.kind == "padding":
        return words.ends(value)
    if isinstance(value, tuple):
        # Sizes of a reshape and channels to keep are a list, alike or not.
        listed = argument.kind == "shape" or argument.name in ("channels", "order")
        return "x".join(map(str, value)) if listed else words.axes(value)
    return str(value)


def _lines(steps: tuple[Step, ...], indent: str) -> Iterator[str]:
    for step in steps:
        head = f"{indent}{layer_text(step.node.layer)}"
        if not step.branches:
            yield f"{head}  # {step.output}"
            continue
        for number, branch in enumerate(step.branches):
            yield f"{indent}|" if number else f"{head}["
            yield from _lines(branch, f"{indent}    ")
        yield f"{indent}]  # {step.output}"
