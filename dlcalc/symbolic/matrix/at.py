"""Numbers for the letters of a matrix expression: ``w=1,2,X=[[1,2],[3,4]],y=labels.npy``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from dlcalc.errors import InputError, Place, Source, abridged
from dlcalc.expr.tree import Expr
from dlcalc.numbers import read
from dlcalc.symbolic.matrix.points import Point
from dlcalc.symbolic.matrix.problem import Problem
from dlcalc.symbolic.matrix.shapes import shown

# A name and = begin a part, and no comma inside a part does.
_PART = re.compile(r"(?:^|[,;])\s*([^\W\d]\w*)\s*=")
_TOLERANCE = 1e-6


def read_point(text: str, problem: Problem) -> Point:
    """The values of all letters; the letters of sizes get theirs from the shapes.

    Raises `InputError` for a letter that is missing or unknown, and for a shape that
    does not fit.
    """
    source = Source(text)
    starts = list(_PART.finditer(text))
    if not starts or text[: starts[0].start()].strip():
        raise InputError(
            f"{abridged(text)} is not a point",
            place=Place(source, 0, len(text)),
            mend="Write w=1,2,X=[[1,2],[3,4]], or X=data.csv.",
        )
    variables: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for number, match in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        name, word = match[1], text[match.end() : end].strip()
        place = Place(source, match.start(1), end)
        if name not in problem.shapes:
            known = ", ".join(problem.shapes)
            raise InputError(
                f"{abridged(name)} is not a variable here", place=place, mend=f"There are {known}."
            )
        if name in variables:
            raise InputError(f"{name} is given twice", place=place)
        variables[name] = _array(name, word, problem, sizes, place)
    missing = [name for name in problem.shapes if name not in variables]
    if missing:
        raise InputError(
            f"--at gives no numbers for {', '.join(missing)}", place=Place(source, 0, len(text))
        )
    sizes = {letter: side for letter, side in sizes.items() if letter in problem.letters}
    unknown = [letter for letter in problem.letters if letter not in sizes]
    if unknown:
        raise InputError(f"nothing at the point has the size {', '.join(unknown)}")
    point = Point(variables, sizes)
    _check_targets(point, problem)
    return point


def _array(
    name: str, word: str, problem: Problem, sizes: dict[str, int], place: Place
) -> np.ndarray[Any, np.dtype[Any]]:
    try:
        found = read(word, name)
    except InputError as refusal:
        raise InputError(f"{name}: {refusal.rule}", place=place, mend=refusal.mend) from None
    array = np.array(found.values, dtype=float).reshape(found.sizes)
    shape = problem.shapes[name]
    if not shape and array.size == 1:
        array = array.reshape(())
    if len(shape) == 1 and array.ndim == 2 and 1 in array.shape:
        # A table of one column, or of one row.
        array = array.reshape(-1)
    fits = array.ndim == len(shape)
    for letter, side in zip(shape, array.shape, strict=False):
        known = int(letter) if isinstance(letter, int) or letter.isdigit() else None
        expected = sizes.setdefault(str(letter), side if known is None else known)
        fits = fits and side == expected
    if not fits:
        letters = [str(size) for size in dict.fromkeys(shape) if not str(size).isdigit()]
        told = [f"{letter} = {sizes[letter]}" for letter in letters if letter in sizes]
        here = f" with {', '.join(map(str, told))}" if told and array.ndim == len(shape) else ""
        rule = f"{name} is {shown(shape)}{here}, and these numbers are {shown(array.shape)}"
        raise InputError(rule, place=place)
    return array


def _check_targets(point: Point, problem: Problem) -> None:
    for name in sorted(problem.reader.targets):
        sums = np.sum(point.variables[name], axis=-1)
        if np.any(np.abs(sums - 1) > _TOLERANCE):
            found = float(np.ravel(sums)[0])
            raise InputError(
                f"the targets {name} of cross_entropy sum to 1, and these to {found:g}",
                mend="For other weights write -sum(Y*log_softmax(Z)).",
            )
    for name in sorted(problem.symmetric):
        matrix = point.variables[name]
        if np.any(matrix != matrix.T):
            raise InputError(f"{name} is said to be symmetric, and these numbers are not")


def value_of(compute: Callable[[], Any], expr: Expr, what: str = "the expression") -> Any:
    """A value, or a list of values, as numbers and nested lists.

    Raises `InputError` where it is undefined.
    """
    try:
        found = compute()
    except np.linalg.LinAlgError:
        raise InputError(
            f"{what} is undefined there: a matrix has no inverse", place=expr.place
        ) from None
    arrays = [np.asarray(value) for value in (found if isinstance(found, list) else [found])]
    if not all(np.all(np.isfinite(array)) for array in arrays):
        raise InputError(f"{what} has no finite value there", place=expr.place)
    lists = [array.tolist() for array in arrays]
    return lists if isinstance(found, list) else lists[0]
