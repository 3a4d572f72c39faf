"""Examples from a CSV file: numbers and categories, one row an example.

The file is text, read by the csv module, and bounded. Whatever is in doubt is
refused by its line: a missing value, a row of another length, a column of
numbers and words alike.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

import numpy as np

from dlcalc.csv_rows import MAX_BYTES, MISSING, NUMBER, Rows
from dlcalc.engine.tasks.task import Array, Data
from dlcalc.errors import InputError, abridged
from dlcalc.files import decode, read_bytes

#: A column of more different words than this is a text, not a category.
MAX_CATEGORIES = 100
#: Whole numbers are classes if they are at most so many different ones, each at least twice.
FEW_CLASSES = 10
#: No table makes more numbers than this for the net, categories laid out (200 MB).
MAX_NUMBERS = 25_000_000


Kind = Literal["classes", "numbers"]


class Table(NamedTuple):
    """A file as examples, and the names of what is in it.

    ``features`` names the columns of ``data.inputs``: a column of numbers as it is,
    one of categories as a column of 0 and 1 for each, column=category. ``measured``
    tells those of numbers. ``classes`` is empty if the target is a number.
    """

    data: Data
    features: tuple[str, ...]
    measured: Array
    target: str
    kind: Kind
    classes: tuple[str, ...]
    header: bool


class Scaling(NamedTuple):
    """The z-score of every column, (x - mean)/deviation, by parameters of the training part."""

    mean: Array
    deviation: Array

    def __call__(self, values: Array) -> Array:
        """The values scaled."""
        scaled: Array = (values - self.mean) / self.deviation
        return scaled

    def back(self, scaled: Array) -> Array:
        """Scaled values as they were."""
        values: Array = scaled * self.deviation + self.mean
        return values


def scaling(training: Array, measured: Array | None = None) -> Scaling:
    """Mean and standard deviation (by n) of the training part alone.

    A column that does not vary there, or that is not ``measured``, is left in its
    scale. Raises `InputError` if the numbers are too large to be squared.

    >>> scaling(np.array([[1.0, 5.0], [3.0, 5.0]]))(np.array([[4.0, 5.0]])).tolist()
    [[2.0, 0.0]]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = training.mean(axis=0), training.std(axis=0)
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise InputError("the numbers are too large to be scaled", mend="Divide them first.")
    # The mean of equal numbers may be off by rounding: what is left is not a deviation.
    still = np.ptp(training, axis=0) == 0
    mean = np.where(still, training[0], mean)
    deviation = np.where(still | (deviation == 0), 1.0, deviation)
    if measured is not None:
        mean, deviation = np.where(measured, mean, 0.0), np.where(measured, deviation, 1.0)
    return Scaling(mean, deviation)


def read_table(
    path: str, target: str, *, header: bool | None = None, kind: Kind | None = None
) -> Table:
    """A CSV file, ``-`` being standard input, with the target column by name or by number from 0.

    ``header`` says whether the first row holds names; None finds out. So does
    ``kind`` None for the target. Raises `InputError`.
    """
    data, name = read_bytes(path, MAX_BYTES)
    return parse_table(decode(data, name), target, name=name, header=header, kind=kind)


def parse_table(
    text: str,
    target: str,
    *,
    name: str = "the table",
    header: bool | None = None,
    kind: Kind | None = None,
) -> Table:
    r"""The same of a text; ``name`` is the file's, for messages.

    >>> table = parse_table("size,sort\n1.5,pear\n0.5,plum\n", "sort")
    >>> table.data.inputs.tolist(), table.data.targets.tolist(), table.classes
    ([[1.5], [0.5]], [0, 1], ('pear', 'plum'))
    """
    return _Reader(text, name).table(target, header, kind)


class _Column:
    """One column's cells as they were written, and how to read them."""

    def __init__(self, name: str, cells: list[str]) -> None:
        self.name = name
        self.cells = cells
        self.numeric = [NUMBER.fullmatch(cell) is not None for cell in cells]

    @property
    def numbers(self) -> bool:
        return all(self.numeric)

    def values(self) -> Array:
        return np.array([float(cell) for cell in self.cells])


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.rows = Rows(text, name)

    def table(self, target: str, header: bool | None, kind: Kind | None) -> Table:
        if header is None:
            header = self.rows.has_header(target)
        columns = self._columns(header)
        names = [column.name for column in columns]
        index = self.rows.find(target, names, header)
        aim = columns.pop(index)
        if not columns:
            raise InputError(f"{self.name} has no column but the target")
        targets, classes = self._targets(aim, kind)
        inputs, features, measured = self._inputs(columns)
        found: Kind = "classes" if classes else "numbers"
        return Table(Data(inputs, targets), features, measured, aim.name, found, classes, header)

    def _columns(self, header: bool) -> list[_Column]:
        names = self.rows.take_header(header)
        for row, cells in enumerate(self.rows.cells):
            for column, cell in enumerate(cells):
                if cell.lower() in MISSING:
                    raise self.rows.missing(row, names[column], cell)
        found = [
            _Column(name, [row[index] for row in self.rows.cells])
            for index, name in enumerate(names)
        ]
        for each in found:
            self._of_one_sort(each)
        return found

    def _of_one_sort(self, column: _Column) -> None:
        """Refuse a column of numbers and words, by the line of the rarer sort."""
        count = sum(column.numeric)
        rest = len(column.cells) - count
        if count and rest:
            odd = column.numeric.index(count < rest)
            rule = f"{abridged(column.cells[odd])} is {'a' if count < rest else 'not a'} number"
            raise self.rows.error(odd, f"{rule}, unlike others of {abridged(column.name)}")
        if count:
            for row, cell in enumerate(column.cells):
                if not np.isfinite(float(cell)):
                    raise self.rows.error(row, f"{abridged(cell)} is too large a number")

    def _targets(self, column: _Column, kind: Kind | None) -> tuple[Array, tuple[str, ...]]:
        """The targets, and the names of the classes if they are classes."""
        if column.numbers and kind != "classes":
            values = column.values()
            if kind == "numbers" or not _few(values):
                return values[:, None], ()
        if kind == "numbers":
            raise InputError(f"{abridged(column.name)} of {self.name} holds words, not numbers")
        if column.numbers:
            different, found = np.unique(column.values(), return_inverse=True)
            names = tuple(repr(value).removesuffix(".0") for value in different.tolist())
        else:
            names, found = _categories(column)
        if len(names) < 2:
            raise InputError(f"{abridged(column.name)} of {self.name} is always {names[0]}")
        self._not_too_many(column, len(names))
        return found.astype(np.int64), names

    def _inputs(self, columns: list[_Column]) -> tuple[Array, tuple[str, ...], Array]:
        parts: list[Array] = []
        features: list[str] = []
        measured: list[bool] = []
        for column in columns:
            if column.numbers:
                parts.append(column.values()[:, None])
                features.append(column.name)
                measured.append(True)
                continue
            names, found = _categories(column)
            self._not_too_many(column, len(names))
            if (len(features) + len(names)) * len(self.rows.cells) > MAX_NUMBERS:
                raise InputError(f"{self.name} makes more than {MAX_NUMBERS:,} numbers")
            parts.append(np.eye(len(names))[found])
            features += [f"{column.name}={name}" for name in names]
            measured += [False] * len(names)
        return np.concatenate(parts, axis=1), tuple(features), np.array(measured, bool)

    def _not_too_many(self, column: _Column, count: int) -> None:
        if count > MAX_CATEGORIES:
            raise InputError(
                f"{abridged(column.name)} of {self.name} has {count:,} different values; "
                f"at most {MAX_CATEGORIES} categories are taken",
                mend="Leave the column out.",
            )


def _few(values: Array) -> bool:
    """Whether numbers are rather the names of classes."""
    counts = Counter(values.tolist())
    return (
        len(counts) <= FEW_CLASSES
        and min(counts.values()) > 1
        and all(value.is_integer() for value in counts)
    )


def _categories(column: _Column) -> tuple[tuple[str, ...], Array]:
    """The different words in order, and for each row which of them it holds."""
    names = sorted(set(column.cells))
    places = {name: index for index, name in enumerate(names)}
    return tuple(names), np.array([places[cell] for cell in column.cells])
