"""Targets, predictions and weights: read, looked at, and put into the form a loss takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum, isfinite
from typing import NamedTuple

from dlcalc.errors import InputError
from dlcalc.formulas.losses.base import Row
from dlcalc.formulas.losses.registry import Entry, Settings, setting
from dlcalc.numbers import Numbers, read

#: Each example is looked at one by one.
MAX_NUMBERS = 100_000
#: By how much shares may miss the sum of 1: they are written with a few digits.
_SHARES = 1e-6
# Examples times classes.
_MOST_SHARES = 1_000_000


class Data(NamedTuple):
    """Examples: the target and the prediction of each, a row of one number or of all classes.

    ``weights`` has a factor for each example, ``divisor`` is what a mean divides
    by. ``classes`` are the target classes, where they were given as such.
    ``predictions`` is empty if only targets were given.
    """

    targets: list[Row]
    predictions: list[Row]
    weights: list[float]
    divisor: float
    classes: list[int] | None = None


Given = str | Numbers | Sequence[float] | Sequence[Sequence[float]]


def data(
    entry: Entry, target: Given, prediction: Given | None, weights: Given | None, settings: Settings
) -> tuple[Data, Settings]:
    """Look at what was given to a loss, and put it into rows.

    The settings come back with weights that the loss itself uses. Raises
    `InputError` for what does not fit together, with what would.
    """
    if "-" in (target, prediction) and target == prediction:
        raise InputError("standard input cannot be both the targets and the predictions")
    targets = _numbers(target, "--target")
    predictions = None if prediction is None else _numbers(prediction, "--prediction")
    factors = None if weights is None else _weights(weights)
    if entry.target in ("classes", "shares"):
        return _of_classes(entry, targets, predictions, factors, settings), settings
    if entry.target == "share" and factors is not None:
        if len(factors) != 2:
            rule = f"binary cross-entropy has 2 weights, of the targets 0 and 1, not {len(factors)}"
            raise InputError(rule)
        settings = settings._replace(weights=tuple(factors))
        factors = None
    return _of_numbers(entry, targets, predictions, factors, settings), settings


def _of_numbers(
    entry: Entry,
    targets: Numbers,
    predictions: Numbers | None,
    factors: list[float] | None,
    settings: Settings,
) -> Data:
    if predictions is not None and predictions.sizes != targets.sizes:
        sizes = f"{_sizes(targets)} and {_sizes(predictions)}"
        raise InputError(f"targets and predictions must be as many: they are {sizes}")
    _check_targets(entry, targets.values)
    if predictions is not None:
        _check_predictions(entry, predictions.values, settings)
    if factors is not None and len(factors) != len(targets.values):
        rule = f"there are {len(factors)} weights for {len(targets.values)} targets"
        raise InputError(rule, mend="Give one weight for each target.")
    weights = factors or [1.0] * len(targets.values)
    return Data(
        [(t,) for t in targets.values],
        [] if predictions is None else [(x,) for x in predictions.values],
        weights,
        fsum(weights),
    )


def _check_targets(entry: Entry, values: list[float]) -> None:
    rules: dict[str, tuple[Callable[[float], bool], str, str]] = {
        "share": (lambda t: 0 <= t <= 1, "from 0 to 1", ""),
        "sign": (lambda t: t in (-1, 1), "-1 or 1", "Write -1 where 0 is meant."),
        "pair": (lambda t: t in (0, 1), "1 for a pair that belongs together, else 0", ""),
    }
    if entry.target not in rules:
        return
    fits, wanted, mend = rules[entry.target]
    bad = next((t for t in values if not fits(t)), None)
    if bad is not None:
        raise InputError(f"a target must be {wanted}, not {bad:g}", mend=mend)


def _check_predictions(entry: Entry, values: list[float], settings: Settings) -> None:
    if entry.target == "share" and not settings.from_logits:
        bad = next((x for x in values if not 0 <= x <= 1), None)
        if bad is not None:
            rule = f"a prediction must be a probability from 0 to 1, not {bad:g}"
            raise InputError(rule, mend="Say --from-logits if these are logits.")
    if entry.target == "pair":
        bad = next((x for x in values if x < 0), None)
        if bad is not None:
            rule = f"a prediction is the distance of a pair, which cannot be {bad:g}"
            raise InputError(rule)


def _of_classes(
    entry: Entry,
    targets: Numbers,
    predictions: Numbers | None,
    factors: list[float] | None,
    settings: Settings,
) -> Data:
    rows = None if predictions is None else _rows(predictions, "--prediction")
    if rows is not None and not settings.from_logits:
        _check_shares(rows, "the prediction", "Say --from-logits if these are logits.")
    count = len(rows) if rows is not None else 1
    width = len(rows[0]) if rows is not None else len(factors or ())
    classes = _classes(targets, predictions, count) if entry.target == "classes" else None
    if classes is None:
        shares = _rows(targets, "--target")
        _check_shares(shares, "the target", "")
        width = len(shares[0])
    else:
        width = width or int(max(targets.values)) + 1
        if width * len(classes) > _MOST_SHARES:
            raise InputError(f"there are {len(classes):,} examples of {width:,} classes, too many")
        bad = next((k for k in classes if not 0 <= k < width), None)
        if bad is not None:
            rule = f"class {bad} does not exist: there are {width}, counted from 0"
            raise InputError(rule, mend=f"Give a class from 0 to {width - 1}.")
        shares = [tuple(float(k == c) for c in range(width)) for k in classes]
    if rows is not None and (len(rows) != len(shares) or len(rows[0]) != len(shares[0])):
        sizes = f"{_sizes(targets)} and {_sizes(predictions or targets)}"
        raise InputError(f"targets and predictions do not fit: they are {sizes}")
    if factors is not None and len(factors) != width:
        raise InputError(f"there are {len(factors)} weights for {width} classes")
    by_class = factors or [1.0] * width
    smooth = setting(settings, "label_smoothing")
    assert isinstance(smooth, float)
    wanted = [
        tuple(w * ((1 - smooth) * t + smooth / width) for t, w in zip(row, by_class, strict=True))
        for row in shares
    ]
    divisor = float(len(shares)) if classes is None else fsum(by_class[k] for k in classes)
    if divisor == 0:
        raise InputError("the weights of all target classes are 0: there is no mean of nothing")
    return Data(wanted, rows or [], [1.0] * len(shares), divisor, classes)


def _classes(targets: Numbers, predictions: Numbers | None, count: int) -> list[int] | None:
    """The targets as classes; None if they are shares."""
    values = targets.values
    whole = all(t == int(t) for t in values)
    if len(targets.sizes) > 1:
        return None
    if predictions is None:
        # Alone, a row that sums to 1 with a part between is shares.
        return [int(t) for t in values] if whole else None
    if targets.sizes == predictions.sizes and len(values) > 1:
        return None
    if len(values) != count:
        rule = f"there are {len(values)} targets for {count} examples"
        raise InputError(rule, mend="Give one class for each example, or one share for each class.")
    bad = next((t for t in values if t != int(t)), None)
    if bad is not None:
        raise InputError(f"a class is a whole number, counted from 0, not {bad:g}")
    return [int(t) for t in values]


def _check_shares(rows: list[Row], what: str, mend: str) -> None:
    for number, row in enumerate(rows, 1):
        of = f" {number}" if len(rows) > 1 else ""
        bad = next((x for x in row if not 0 <= x <= 1), None)
        if bad is not None:
            raise InputError(f"{what}{of} holds {bad:g}, which is no probability", mend=mend)
        if abs(fsum(row) - 1) > _SHARES:
            raise InputError(f"{what}{of} sums to {fsum(row):g}, not to 1", mend=mend)


def _rows(numbers: Numbers, name: str) -> list[Row]:
    """A vector as one row, a matrix as its rows."""
    sizes, values = numbers.sizes, numbers.values
    if len(sizes) > 2:
        raise InputError(f"{name} has {len(sizes)} axes; examples and classes are two")
    width = sizes[-1]
    return [tuple(values[first : first + width]) for first in range(0, len(values), width)]


def _weights(given: Given) -> list[float]:
    factors = _numbers(given, "--weights").values
    if min(factors) < 0:
        raise InputError(f"a weight cannot be below 0, as {min(factors):g} is")
    if not any(factors):
        raise InputError("all weights are 0: there is no mean of nothing")
    return factors


def _numbers(given: Given, name: str) -> Numbers:
    """The numbers of a word, or those that Python gave."""
    if isinstance(given, str):
        given = read(given, name)
    numbers = given if isinstance(given, Numbers) else _listed(given, name)
    if not numbers.values:
        raise InputError(f"{name} is empty", mend="Give numbers, as in 0,1.")
    if len(numbers.values) > MAX_NUMBERS:
        raise InputError(f"{name} has more than {MAX_NUMBERS:,} numbers")
    bad = next((x for x in numbers.values if not isfinite(x)), None)
    if bad is not None:
        raise InputError(f"{name} holds {bad:g}, which is no finite number")
    return numbers


def _listed(given: Sequence[float] | Sequence[Sequence[float]], name: str) -> Numbers:
    rows = [list(row) if isinstance(row, Sequence) else [row] for row in given]
    nested = bool(given) and isinstance(given[0], Sequence)
    if len({len(row) for row in rows}) > 1:
        raise InputError(f"{name} has rows of several lengths")
    values = [float(x) for row in rows for x in row]
    return Numbers((len(rows), len(rows[0])) if nested else (len(rows),), values)


def _sizes(numbers: Numbers) -> str:
    return "x".join(map(str, numbers.sizes))
