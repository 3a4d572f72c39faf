"""Settings of a model file as arguments of the notation."""

from __future__ import annotations

from collections.abc import Sequence


def axes(values: Sequence[int]) -> str:
    """One number for all axes, or one for each.

    >>> axes((3, 3)), axes((3, 5))
    ('3', '3x5')
    """
    return str(values[0]) if len(set(values)) == 1 else "x".join(map(str, values))


def ends(pairs: Sequence[tuple[int, int]]) -> str:
    """Padding at both ends of each axis.

    >>> ends([(1, 1), (1, 1)]), ends([(0, 1), (2, 2)])
    ('1', '0+1x2')
    """
    shown = [str(begin) if begin == end else f"{begin}+{end}" for begin, end in pairs]
    return shown[0] if len(set(shown)) == 1 else "x".join(shown)


def word(name: str, *arguments: str) -> str:
    """A layer with those arguments that are not empty.

    >>> word("conv", "64", "k3", "", "bias=no")
    'conv:64,k3,bias=no'
    """
    given = ",".join(filter(None, arguments))
    return f"{name}:{given}" if given else name


def short(key: str, values: Sequence[int], usual: int) -> str:
    """An argument by its short form, such as s2 or p=1x2; empty if it is the usual one."""
    if set(values) == {usual}:
        return ""
    shown = axes(values)
    return f"{key}{shown}"


def number(key: str, value: float, usual: float) -> str:
    """A decimal argument; empty if it is the usual one."""
    return "" if value == usual else f"{key}={value:.10g}"


def flag(key: str, value: bool, usual: bool) -> str:
    """A yes or no; empty if it is the usual one."""
    return "" if value == usual else f"{key}={'yes' if value else 'no'}"
