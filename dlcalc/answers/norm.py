"""``dlcalc norm``: given numbers normalised, with statistics, gradients and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlcalc.answers.norm_frame import frame
from dlcalc.answers.norm_result import NormResult
from dlcalc.answers.norm_settings import Settings, finite, settings_of, spread
from dlcalc.answers.norm_work import gradient_of, normalised, restored, running_of
from dlcalc.errors import InputError
from dlcalc.numbers import Numbers, read, whole

Data = str | Sequence[Any]


def norm(
    method: str,
    *data: Data,
    eps: str | float | None = None,
    gamma: str | Sequence[float] | None = None,
    beta: str | Sequence[float] | None = None,
    ddof: str | int | None = None,
    groups: str | int | None = None,
    last: str | int | None = None,
    ends: str | Sequence[float] | None = None,
    momentum: str | float | None = None,
    batch_size: str | int | None = None,
    statistics: dict[str, str | Sequence[float]] | None = None,
    backward: Data | None = None,
    inverse: bool = False,
    verify: bool = False,
) -> NormResult:
    """Data normalised by a method of `METHODS`; several data are batches, one after another.

    Data is nested lists, or a word: a literal, a CSV or ``.npy`` file, or - for standard
    input. ``statistics`` such as ``{"mean": [5], "var": [4]}`` stand in for the data's own;
    with ``inverse`` data is what came out, and what went in is found. ``backward`` is a
    cotangent, or ``ones``. Raises `InputError` for what cannot be normalised.

    >>> norm("minmax", [1, 3, 5]).value
    (0.0, 0.5, 1.0)
    """
    settings = settings_of(method, locals())
    if len(data) > 1 and method != "batch":
        raise InputError(f"{method} takes one word of data, not {len(data)}")
    if [*data, backward].count("-") > 1:
        raise InputError("standard input can be read but once")
    arrays = [_array(each) for each in data]
    if not arrays:
        raise InputError("there is no data", mend="Give numbers, as in 1,2,3 or [[1,2],[3,4]].")
    batches = _batches(arrays, settings, batch_size)
    count = None if groups is None else whole(groups, "--groups", least=1)
    if (method == "group") != (count is not None):
        raise InputError(
            "group normalisation takes --groups" if count is None else "--groups is of group alone",
            mend="Such as --groups 2." if count is None else "",
        )
    depth = None if last is None else whole(last, "--last", least=1)
    if depth is not None and method not in ("layer", "rms"):
        raise InputError("--last is of layer and rms alone")
    frames = [
        frame(method, each.sizes, groups=count, last=depth, columns=each.columns)
        for each in batches
    ]
    settings = settings._replace(
        gamma=spread("--gamma", settings.gamma, frames[-1].parameters, 1.0),
        beta=spread("--beta", settings.beta, frames[-1].parameters, 0.0),
    )
    act = restored if settings.inverse else normalised
    works = [act(f, each.values, settings) for f, each in zip(frames, batches, strict=True)]
    running = [] if method != "batch" or settings.given else running_of(works, settings)
    gradient = None
    if backward is not None:
        gradient = gradient_of(works[-1], settings, _cotangent(backward, batches[-1]))
    result = NormResult(batches[-1].sizes, settings, works, running, gradient)
    if verify:
        result.verify()
    return result


def _array(given: Data) -> Numbers:
    """Numbers from a word or nested lists, all finite."""
    if isinstance(given, str):
        if not given.strip():
            raise InputError("the data is empty", mend="Give numbers, as in 1,2,3.")
        found = read(given)
    else:
        sizes: list[int] = []
        level: Any = given
        while isinstance(level, list | tuple):
            sizes.append(len(level))
            level = level[0] if level else 0.0
        values = list(_flat(given, tuple(sizes)))
        found = Numbers(tuple(sizes), values)
    if not found.sizes:
        found = found._replace(sizes=(1,))
    finite(found.values, "the data")
    return found


def _flat(given: Any, sizes: tuple[int, ...]) -> list[float]:
    """The numbers of nested lists of these sizes. Raises `InputError` if rows differ."""
    if not sizes:
        return [float(given)]
    if not isinstance(given, list | tuple) or len(given) != sizes[0]:
        raise InputError("the data has rows of several lengths")
    return [value for part in given for value in _flat(part, sizes[1:])]


def _batches(arrays: list[Numbers], settings: Settings, batch_size: Any) -> list[Numbers]:
    """The data as batches: several given, or one cut after so many examples."""
    if len(arrays) > 1:
        if batch_size is not None:
            raise InputError("--batch-size cuts one word of data, and there are several")
        for each in arrays[1:]:
            if each.sizes[1:] != arrays[0].sizes[1:]:
                first, other = (" x ".join(map(str, a.sizes)) for a in (arrays[0], each))
                raise InputError(f"a batch of {other} does not follow one of {first}")
        return arrays
    if batch_size is None:
        return arrays
    size = whole(batch_size, "--batch-size", least=1)
    (array,) = arrays
    row = len(array.values) // max(array.sizes[0], 1)
    return [
        Numbers(
            (min(size, array.sizes[0] - first), *array.sizes[1:]),
            array.values[first * row : (first + size) * row],
            array.columns,
        )
        for first in range(0, array.sizes[0], size)
    ]


def _cotangent(given: Data, data: Numbers) -> list[float]:
    """A cotangent of the output: one number for each of the data, or ones."""
    if given == "ones":
        return [1.0] * len(data.values)
    found = _array(given)
    if found.sizes != data.sizes:
        theirs, ours = (" x ".join(map(str, sizes)) for sizes in (found.sizes, data.sizes))
        raise InputError(f"--backward is {theirs}, but the data is {ours}")
    return found.values
