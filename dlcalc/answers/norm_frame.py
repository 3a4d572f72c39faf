"""Which values share a mean: the axes of data, and the groups that each normalisation makes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from dlcalc.errors import InputError
from dlcalc.formulas.normalise import Cut


class Method(NamedTuple):
    """A normalisation: its statistics by name, its epsilon if nothing is said, what it trains."""

    statistics: tuple[str, ...]
    eps: float | None
    trains: tuple[str, ...]
    rule: str
    #: x' where the statistics are the data's own.
    gradient: str


_BY_VARIANCE = (
    "gamma*(x - mean)/sqrt(var + eps) + beta",
    "(g - mean(g) - y*mean(g*y))/sqrt(var + eps)",
)
_AFFINE = ("gamma", "beta")
METHODS = {
    "zscore": Method(
        ("mean", "std"),
        None,
        (),
        "(x - mean)/std",
        "(g - mean(g) - y*sum(g*y)/(n - {ddof}))/std",
    ),
    "minmax": Method(
        ("min", "max"),
        None,
        (),
        "(x - min)/(max - min)",
        "g/(max - min), and at the ends less what moves them",
    ),
    "batch": Method(("mean", "var"), 1e-5, _AFFINE, *_BY_VARIANCE),
    "layer": Method(("mean", "var"), 1e-5, _AFFINE, *_BY_VARIANCE),
    "group": Method(("mean", "var"), 1e-5, _AFFINE, *_BY_VARIANCE),
    "instance": Method(("mean", "var"), 1e-5, _AFFINE, *_BY_VARIANCE),
    "rms": Method(
        ("rms",),
        1e-6,
        ("gamma",),
        "gamma*x/rms, rms = sqrt(mean(x**2) + eps)",
        "(g - y*mean(g*y))/rms",
    ),
    "l2": Method(
        ("norm",), 1e-12, (), "x/max(norm, eps), norm = sqrt(sum(x**2))", "(g - y*sum(g*y))/norm"
    ),
}
#: Each feature or channel over all examples.
_OF_COLUMNS = ("zscore", "minmax", "batch")
_AXES = {2: ("N", "F"), 3: ("N", "C", "L"), 4: ("N", "C", "H", "W"), 5: ("N", "C", "D", "H", "W")}
_WORDS = {"N": "examples", "F": "features", "C": "channels"}


class Frame(NamedTuple):
    """How data is cut by a method.

    ``sizes`` have the examples first, ``over`` are the axes that a mean runs over, and
    ``parameters`` is how many scales there are: value i has that of
    (i // ``stride``) % ``parameters``.
    """

    sizes: tuple[int, ...]
    axes: tuple[str, ...]
    cut: Cut
    over: tuple[int, ...]
    labels: tuple[str, ...]
    parameters: int
    stride: int
    #: What has statistics of its own, counted: 3 channels, 2 groups of 4 examples.
    each: str

    @property
    def shape(self) -> str:
        """The data in words: 3 x 2, N = 3 examples of F = 2 features."""
        named = [
            f"{axis} = {size:,} {_WORDS.get(axis, '')[: -1 if size == 1 else None]}".rstrip()
            for axis, size in zip(self.axes, self.sizes, strict=True)
        ]
        return f"{' x '.join(f'{size:,}' for size in self.sizes)}: {', '.join(named)}"

    @property
    def counted(self) -> str:
        """How many values share a mean, as a product of axes."""
        names = " x ".join(self.axes[axis] for axis in self.over)
        factors = [self.sizes[axis] for axis in self.over]
        product = f"{'*'.join(map(str, factors))} = " if len(factors) > 1 else ""
        plural = "" if self.cut.length == 1 else "s"
        return f"{names} = {product}{self.cut.length:,} value{plural}"


def frame(
    method: str,
    sizes: tuple[int, ...],
    *,
    groups: int | None = None,
    last: int | None = None,
    columns: Sequence[str] = (),
) -> Frame:
    """The groups of a method on data of these sizes.

    One axis alone is the values of one feature where examples share a mean, and the
    features of one example elsewhere. Raises `InputError` where there are no such groups.

    >>> frame("batch", (8, 3, 5, 7)).counted
    'N x H x W = 8*5*7 = 280 values'
    """
    if len(sizes) not in (1, 2, 3, 4, 5):
        raise InputError(f"the data has {len(sizes)} axes", mend="It has 1 to 5, examples first.")
    if 0 in sizes:
        raise InputError(f"the data is empty: its sizes are {' x '.join(map(str, sizes))}")
    if len(sizes) == 1:
        sizes = (sizes[0], 1) if method in _OF_COLUMNS else (1, sizes[0])
    axes = _AXES[len(sizes)]
    examples, channels, inner = sizes[0], sizes[1], prod(sizes[2:])
    rest = tuple(range(2, len(sizes)))
    word = "feature" if len(sizes) == 2 else "channel"
    if method in _OF_COLUMNS:
        labels = tuple(columns) if len(columns) == channels else _numbered(word, channels)
        cut = Cut(examples, channels, inner, "middle")
        each = _count(channels, word)
        return Frame(sizes, axes, cut, (0, *rest), labels, channels, inner, each)
    if method in ("layer", "rms"):
        return _of_last(method, sizes, axes, len(sizes) - 1 if last is None else last)
    if method == "l2":
        cut = Cut(examples, channels, inner, "across")
        labels = _numbered("example", examples, *(sizes[axis] for axis in rest))
        each = f"{_count(prod(sizes[2:]), 'position')} of " if rest else ""
        each += _count(examples, "example")
        return Frame(sizes, axes, cut, (1,), labels, 1, 1, each)
    if method == "instance":
        if not rest:
            raise InputError(
                "instance normalisation is over the positions of a channel, but the data has none",
                mend="Give it as examples x channels x positions, or take layer.",
            )
        labels = _pairs("channel", examples, channels)
        cut = Cut(examples, channels, inner, "inner")
        each = f"{_count(channels, 'channel')} of {_count(examples, 'example')}"
        return Frame(sizes, axes, cut, rest, labels, channels, inner, each)
    assert groups is not None
    if channels % groups:
        fitting = [str(g) for g in range(1, min(channels, 1_000) + 1) if channels % g == 0][:6]
        rule = f"{groups} groups do not divide {_count(channels, word)}"
        raise InputError(rule, mend=f"--groups may be {', '.join(fitting)}.")
    share = channels // groups
    cut = Cut(examples, groups, share * inner, "inner")
    # The axis of groups is not one of the data's: it is told apart.
    split = (examples, groups, share, *sizes[2:])
    names = ("N", "G", f"{axes[1]}/G", *axes[2:])
    over = tuple(range(2, len(split)))
    labels = _pairs("group", examples, groups)
    each = f"{_count(groups, 'group')} of {_count(examples, 'example')}"
    return Frame(split, names, cut, over, labels, channels, inner, each)


def _of_last(method: str, sizes: tuple[int, ...], axes: tuple[str, ...], last: int) -> Frame:
    """Each row of the last axes for itself."""
    if not 1 <= last < len(sizes):
        rule = f"--last {last}: behind the examples the data has {len(sizes) - 1} axes"
        raise InputError(rule, mend=f"It is {len(sizes) - 1} if left out.")
    before, length = sizes[: len(sizes) - last], prod(sizes[len(sizes) - last :])
    cut = Cut(prod(before), 1, length, "inner")
    over = tuple(range(len(sizes) - last, len(sizes)))
    each = _count(sizes[0], "example")
    if len(before) > 1:
        each = f"{_count(prod(before[1:]), 'row')} of {each}"
    return Frame(sizes, axes, cut, over, _numbered("example", *before), length, 1, each)


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _numbered(word: str, *sizes: int) -> tuple[str, ...]:
    """Example 1, example 2; with several axes example 1,1 and so on. The last varies fastest."""
    if len(sizes) == 1:
        return tuple(f"{word} {index}" for index in range(1, sizes[0] + 1))
    found = [""]
    for size in sizes:
        found = [f"{text}{',' if text else ''}{i}" for text in found for i in range(1, size + 1)]
    return tuple(f"{word} {text}" for text in found)


def _pairs(word: str, examples: int, count: int) -> tuple[str, ...]:
    return tuple(
        f"example {n}, {word} {c}" for n in range(1, examples + 1) for c in range(1, count + 1)
    )
