"""The options of a normalisation, read and checked against what its method has."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from dlcalc.answers.norm_frame import METHODS, Method
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.numbers import number, vector, whole


class Settings(NamedTuple):
    """What a normalisation is made with."""

    name: str
    method: Method
    eps: float
    ddof: int
    gamma: list[float]
    beta: list[float]
    #: The ends of the range that minmax maps to.
    ends: tuple[float, float]
    share: float
    #: Statistics that are given, by name; empty where the data's own are taken.
    given: dict[str, list[float]]
    inverse: bool


def settings_of(name: str, options: dict[str, Any]) -> Settings:
    """The options of a method; those that it has not are refused."""
    if name not in METHODS:
        near = nearest(name, METHODS)
        mend = f"Did you mean {near}?" if near else f"There are {', '.join(METHODS)}."
        raise InputError(f"{abridged(name)} is not a normalisation", mend=mend)
    method = METHODS[name]
    belongs = {
        "eps": method.eps is not None,
        "gamma": "gamma" in method.trains,
        "beta": "beta" in method.trains,
        "ddof": name == "zscore",
        "ends": name == "minmax",
        "momentum": name == "batch",
        "batch_size": name == "batch",
    }
    for option, there in belongs.items():
        if options[option] is not None and not there:
            word = {"ends": "range"}.get(option, option).replace("_", "-")
            raise InputError(f"{name} has no --{word}")
    eps = method.eps or 0.0
    if options["eps"] is not None:
        eps = _number("--eps", options["eps"], 0.0, inf)
    share = 0.1
    if options["momentum"] is not None:
        share = _number("--momentum", options["momentum"], 0.0, 1.0)
    ddof = 1 if options["ddof"] is None else whole(options["ddof"], "--ddof", least=0)
    if ddof > 1:
        raise InputError(f"--ddof is 0 for n or 1 for n - 1, not {ddof}")
    given = _given(name, method, options["statistics"] or {})
    if options["inverse"] and not given:
        needed = " and ".join(f"--{word}" for word in method.statistics)
        raise InputError("--inverse needs the statistics of what went in", mend=f"Give {needed}.")
    if options["inverse"] and options["backward"] is not None:
        raise InputError("--backward goes through the normalisation, not through its inverse")
    return Settings(
        name,
        method,
        eps,
        ddof if name == "zscore" else 0,
        _vector("--gamma", options["gamma"]),
        _vector("--beta", options["beta"]),
        _ends(options["ends"]),
        share,
        given,
        options["inverse"],
    )


def _given(name: str, method: Method, given: dict[str, Any]) -> dict[str, list[float]]:
    found = {key: _vector(f"--{key}", value) for key, value in given.items() if value is not None}
    for key in found:
        if key not in method.statistics:
            rule = f"{name} has no statistic {key}"
            raise InputError(rule, mend=f"It has {' and '.join(method.statistics)}.")
    if found and len(found) < len(method.statistics):
        missing = next(key for key in method.statistics if key not in found)
        raise InputError(f"--{missing} is missing beside --{next(iter(found))}")
    for key in ("var", "std", "rms", "norm"):
        if min(found.get(key, [0.0])) < 0:
            raise InputError(f"--{key} holds {min(found[key]):g}, but it is never negative")
    if any(a > b for a, b in zip(found.get("min", []), found.get("max", []), strict=False)):
        raise InputError("--min is above --max")
    return found


def _ends(given: str | Sequence[float] | None) -> tuple[float, float]:
    if given is None:
        return 0.0, 1.0
    ends = _vector("--range", given)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise InputError("--range is two numbers, the lower first", mend="Such as --range -1,1.")
    return ends[0], ends[1]


def _number(name: str, given: str | float, least: float, most: float) -> float:
    value = number(given, name) if isinstance(given, str) else float(given)
    # A comparison with what is not a number is false.
    if not least <= value <= most or value == inf:
        bound = f"{least:g} to {most:g}" if most < inf else f"finite and at least {least:g}"
        raise InputError(f"{name} must be {bound}, not {value:g}")
    return value


def _vector(name: str, given: str | Sequence[float] | None) -> list[float]:
    if given is None:
        return []
    found = vector(given, name) if isinstance(given, str) else [float(value) for value in given]
    if not found:
        raise InputError(f"{name} is empty")
    finite(found, name)
    return found


def finite(values: Sequence[float], name: str) -> None:
    for place, value in enumerate(values, 1):
        if not abs(value) < inf:
            raise InputError(
                f"{name}: number {place} is {value}, which has no mean and no place in one",
                mend="Leave it out, or put a number in its place.",
            )


def spread(name: str, given: list[float], count: int, default: float) -> list[float]:
    """A number for each parameter: those given, one for all, or the default."""
    if len(given) not in (0, 1, count):
        raise InputError(f"{name} has {len(given)} numbers, but {count:,} are trained here")
    return given if len(given) == count else (given or [default]) * count
