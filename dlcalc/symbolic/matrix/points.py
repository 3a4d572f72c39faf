"""Points at which matrix gradients are checked: random, with sizes that tell letters apart.

Letters for sizes are different primes, so that a transpose or a sum over the
wrong axis cannot fit by chance. Where an expression is undefined at one point
(a logarithm of a negative number, a singular matrix) others are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from dlcalc.errors import InputError
from dlcalc.symbolic.matrix.chance import Random
from dlcalc.symbolic.matrix.evaluate import Array
from dlcalc.symbolic.matrix.node import Shape, Size
from dlcalc.symbolic.matrix.shapes import placeholder

# Not 2 first: of two numbers less their mean there is but one.
_PRIMES = (3, 2, 5, 7, 11, 13, 17, 19, 23, 29)
#: Variables of one point have no more entries than that.
MOST_ENTRIES = 200_000
_TRIES = 60
#: So many are enough, if values are only large at all of them.
_ENOUGH = 8
#: Values beyond are a sign of a badly conditioned matrix, or of an overflow to come.
_LARGE = 1e4
#: How far variables are moved, as a share of themselves, and by how much more values may change.
_NUDGE, _STEEP = 1e-9, 1e5
_NUDGES = 2


class Point(NamedTuple):
    """Values of the variables, numbers for the letters of sizes, and both in one."""

    variables: dict[str, Array]
    sizes: dict[str, int]

    @property
    def values(self) -> dict[str, Any]:
        """All values by name; sizes that look like numbers have a second one."""
        named = {placeholder(letter): size for letter, size in self.sizes.items()}
        return {**self.variables, **self.sizes, **named}

    def side(self, size: Size) -> int:
        """A length as a number."""
        return size if isinstance(size, int) else self.sizes[size]


class Kinds(NamedTuple):
    """Variables that are drawn in ways of their own, by name."""

    #: Rows that sum to 1.
    targets: Container[str] = ()
    #: Numbers between 0 and 1.
    odds: Container[str] = ()
    #: Matrices that equal their transposes.
    symmetric: Container[str] = ()


class Tools(NamedTuple):
    """What must be finite at a point, as one row, and what is said where it never is."""

    value: Callable[[Mapping[str, Any]], Any]
    blame: Callable[[Point], InputError]


class TooLarge(InputError):
    """Variables with more entries than are looked at."""


def primes(letters: Iterable[str], taken: Iterable[int] = ()) -> dict[str, int]:
    """A different prime for each letter, none of them a size that is a number already.

    >>> primes("nd", [3])
    {'n': 2, 'd': 5}
    """
    given = set(taken)
    left: Iterator[int] = iter([prime for prime in _PRIMES if prime not in given])
    try:
        return {letter: next(left) for letter in letters}
    except StopIteration:
        raise InputError(f"there are more than {len(_PRIMES) - len(given)} sizes") from None


def draw(
    shapes: Mapping[str, Shape],
    kinds: Kinds,
    letters: Iterable[str],
    tools: Tools,
    seed: int,
    given: Mapping[str, int],
) -> Point:
    """A random point at which all is finite, and of moderate size if possible.

    Letters have the sizes that are ``given``, the others primes. Raises `TooLarge`, or
    what is blamed for the last point that was tried if none is found.
    """
    numbers = {size for shape in shapes.values() for size in shape if isinstance(size, int)}
    names = [letter for letter in letters if letter not in given]
    found_sizes = primes(names, numbers)
    # X@X.T has no inverse where X has more rows than columns: then the other way round.
    turned = dict(zip(names, reversed(found_sizes.values()), strict=True))
    if sum(_entries(shape, {**found_sizes, **given}) for shape in shapes.values()) > MOST_ENTRIES:
        raise TooLarge(
            f"the variables have more than {MOST_ENTRIES:,} entries",
            mend="Write letters for large sizes, as in X=nxd: the gradient has the same form.",
        )
    random = Random(seed)
    second: Point | None = None
    for attempt in range(_TRIES):
        sizes = {**(found_sizes if attempt % 4 < 3 else turned), **given}
        point = Point({}, sizes)
        for name, shape in shapes.items():
            side = [size if isinstance(size, int) else sizes[size] for size in shape]
            law = 2 if name in kinds.odds else attempt
            drawn = _drawn(random, side, law, name in kinds.targets)
            point.variables[name] = drawn + drawn.T if name in kinds.symmetric else drawn
        try:
            found = np.asarray(tools.value(point.values))
        except np.linalg.LinAlgError:
            continue
        if not np.all(np.isfinite(found)):
            continue
        if not _is_steady(tools.value, point, found, random):
            continue
        if found.size == 0 or np.max(np.abs(found)) < _LARGE:
            return point
        second = second or point
        if attempt >= _ENOUGH:
            break
    if second is None:
        raise tools.blame(point)
    return second


def _entries(shape: Shape, sizes: Mapping[str, int]) -> int:
    found = 1
    for size in shape:
        found *= size if isinstance(size, int) else sizes[size]
    return found


def _is_steady(
    value: Callable[[Mapping[str, Any]], Any],
    point: Point,
    found: Array,
    random: Random,
) -> bool:
    """Whether values change little with the variables: near a singular matrix they do not."""
    size = 1.0 + float(np.max(np.abs(found), initial=0.0))
    for _ in range(_NUDGES):
        moved = {
            name: array * (1 + _NUDGE * random.uniform(-1.0, 1.0, array.shape))
            for name, array in point.variables.items()
        }
        try:
            other = np.asarray(value(point._replace(variables=moved).values))
        except np.linalg.LinAlgError:
            return False
        if other.shape != found.shape or not np.all(np.isfinite(other)):
            return False
        if float(np.max(np.abs(other - found), initial=0.0)) > _NUDGE * _STEEP * size:
            return False
    return True


def _drawn(random: Random, side: list[int], attempt: int, is_target: bool) -> Array:
    """Numbers around 0 at first, then positive ones, then from several laws at random."""
    if is_target:
        odds = random.uniform(0.2, 1.0, side)
        total: Array = odds / np.sum(odds, axis=-1, keepdims=True)
        return total
    law = attempt if attempt < 3 else random.below(6)
    is_square = len(side) == 2 and side[0] == side[1]
    match law:
        case 0:
            found = random.normal(0.8, side)
        case 1:
            found = random.uniform(0.3, 1.5, side)
        case 2:
            found = random.uniform(0.1, 0.9, side)
        case 3:
            found = random.uniform(-0.4, 0.4, side)
        case 4:
            found = random.normal(1.5, side)
        case _:
            found = random.normal(0.5, side) + (2 * np.eye(side[0]) if is_square else 1.5)
    return np.asarray(found)
