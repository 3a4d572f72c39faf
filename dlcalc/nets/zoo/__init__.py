"""The built-in nets: each a file in the notation, its first line a comment that says what it is."""

from __future__ import annotations

import os
import re
from functools import cache

from dlcalc.layers.registry import normal

_FOLDER = os.path.dirname(__file__)
_ENDING = ".net"


@cache
def names() -> list[str]:
    """The names of all built-in nets, in the order people expect: vgg8 before vgg11.

    >>> names()[:2]
    ['alexnet', 'alexnet-2012']
    """
    return sorted(map(_name, _paths().values()), key=_natural)


@cache
def _paths() -> dict[str, str]:
    files = [name for name in os.listdir(_FOLDER) if name.endswith(_ENDING)]
    return {normal(name[: -len(_ENDING)]): os.path.join(_FOLDER, name) for name in files}


def find(word: str) -> str | None:
    """The proper name of the built-in net that a word means, or None.

    >>> find("vgg16-bn"), find("vgg17")
    ('vgg16_bn', None)
    """
    path = _paths().get(normal(word))
    return None if path is None else _name(path)


@cache
def text(name: str) -> str:
    """The file of a built-in net, by its proper name."""
    with open(_paths()[normal(name)], encoding="utf-8") as file:
        return file.read()


def summary(name: str) -> str:
    """What the first line of the file says the net is."""
    return text(name).partition("\n")[0].removeprefix("#").strip()


def _name(path: str) -> str:
    return os.path.basename(path).removesuffix(_ENDING)


def _natural(name: str) -> tuple[str, int, str]:
    match = re.match(r"([a-z]+)([0-9]+)", name)
    return (match[1], int(match[2]), name) if match else (name, 0, name)
