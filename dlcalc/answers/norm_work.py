"""Values less a shift over a divisor, group by group: forwards, backwards and undone."""

from __future__ import annotations

from math import fsum, hypot, inf
from typing import NamedTuple

from dlcalc.answers.norm_frame import Frame
from dlcalc.answers.norm_settings import Settings
from dlcalc.errors import InputError
from dlcalc.formulas import normalise as formulas


class Work(NamedTuple):
    """Values less a shift over a divisor, group by group, and what they came from."""

    frame: Frame
    values: list[float]
    shift: list[float]
    divisor: list[float]
    #: Statistics by name, one a group.
    statistics: dict[str, list[float]]
    normal: list[float]
    output: list[float]
    #: The groups whose values are all the same.
    constant: list[int]


class Running(NamedTuple):
    """One batch of a feature or channel: its statistics, and the running ones behind it."""

    batch: int
    label: str
    mean: float
    variance: float
    unbiased: float
    running_mean: float
    running_variance: float


class Gradient(NamedTuple):
    """A cotangent pulled back: by the data, the scales and the shifts."""

    cotangent: list[float]
    by_data: list[float]
    by_gamma: list[float]
    by_beta: list[float]


def normalised(cut: Frame, values: list[float], settings: Settings) -> Work:
    """The data with its own statistics, or with those given."""
    groups = cut.cut.groups(values)
    statistics = settings.given and _of_groups(settings.given, len(groups))
    statistics = statistics or _measured(cut, groups, settings)
    shift, divisor = _line(statistics, settings)
    constant = [index for index, group in enumerate(groups) if _degenerate(group, settings)]
    for index, size in enumerate(divisor):
        if size == 0 and (settings.given or settings.name not in ("zscore", "minmax", "l2")):
            _refuse_zero(cut.labels[index], settings, index in constant)
    normal = cut.cut.joined(
        [
            [(value - below) / size for value in group] if size else [0.0] * len(group)
            for group, below, size in zip(groups, shift, divisor, strict=True)
        ]
    )
    output = [g * y + b for y, (g, b) in zip(normal, _affine(cut, settings), strict=False)]
    work = Work(cut, values, shift, divisor, statistics, normal, output, constant)
    if not all(abs(value) < inf for value in output):
        raise InputError("the data spreads so far that its differences are beyond float64")
    return work


def restored(cut: Frame, values: list[float], settings: Settings) -> Work:
    """What went in, of data that came out."""
    if 0 in settings.gamma:
        raise InputError("a gamma of 0 keeps nothing of the data: there is no way back")
    normal = [(y - b) / g for y, (g, b) in zip(values, _affine(cut, settings), strict=False)]
    groups = cut.cut.groups(normal)
    statistics = _of_groups(settings.given, len(groups))
    shift, divisor = _line(statistics, settings)
    output = cut.cut.joined(
        [
            [value * size + below for value in group]
            for group, below, size in zip(groups, shift, divisor, strict=True)
        ]
    )
    if not all(abs(value) < inf for value in output):
        raise InputError("what went in is beyond float64")
    return Work(cut, values, shift, divisor, statistics, normal, output, [])


def _measured(cut: Frame, groups: list[list[float]], settings: Settings) -> dict[str, list[float]]:
    """The data's own statistics."""
    if settings.name == "rms":
        return {"rms": [formulas.root_mean_square(group, settings.eps) for group in groups]}
    if settings.name == "l2":
        return {"norm": [hypot(*group) for group in groups]}
    if cut.cut.length <= settings.ddof:
        raise InputError(
            "one value has no sample standard deviation: its divisor n - 1 is 0",
            mend="Give more values, or --ddof 0.",
        )
    found = [formulas.moments(group, settings.ddof) for group in groups]
    if settings.name == "minmax":
        return {"min": [each.least for each in found], "max": [each.largest for each in found]}
    means = [each.mean for each in found]
    if settings.name == "zscore":
        return {"mean": means, "std": [each.deviation for each in found]}
    for label, each in zip(cut.labels, found, strict=True):
        if each.variance == inf:
            raise InputError(f"{label} spreads so far that its variance is beyond float64")
    return {"mean": means, "var": [each.variance for each in found]}


def _line(
    statistics: dict[str, list[float]], settings: Settings
) -> tuple[list[float], list[float]]:
    """What is taken off and what divides, group by group."""
    if "rms" in statistics:
        divisors = statistics["rms"]
        return [0.0] * len(divisors), divisors
    if "norm" in statistics:
        divisors = [max(size, settings.eps) for size in statistics["norm"]]
        return [0.0] * len(divisors), divisors
    if "min" in statistics:
        pairs = zip(statistics["min"], statistics["max"], strict=True)
        return statistics["min"], [largest - least for least, largest in pairs]
    if "std" in statistics:
        return statistics["mean"], statistics["std"]
    roots = [
        formulas.Moments(0.0, variance, variance**0.5, 0.0, 0.0).root(settings.eps)
        for variance in statistics["var"]
    ]
    return statistics["mean"], roots


def _of_groups(given: dict[str, list[float]], count: int) -> dict[str, list[float]]:
    for name, values in given.items():
        if len(values) not in (1, count):
            raise InputError(f"--{name} has {len(values)} numbers, but there are {count:,} groups")
    return {n: values if len(values) == count else values * count for n, values in given.items()}


def _degenerate(group: list[float], settings: Settings) -> bool:
    """Whether nothing but epsilon, or nothing at all, keeps a group from 0/0."""
    if settings.given:
        return False
    if settings.method.statistics[0] in ("rms", "norm"):
        return not any(group)
    return min(group) == max(group)


def _refuse_zero(label: str, settings: Settings, constant: bool) -> None:
    if settings.given:
        what = " and ".join(settings.method.statistics)
        raise InputError(f"{label}: the {what} given divide by 0")
    kind = "all 0" if settings.name == "rms" else "constant, so its variance is 0"
    if not constant:
        kind = "so close together that its variance is 0 in float64"
    raise InputError(
        f"{label} is {kind}, and without epsilon 0/0 is no number",
        mend=f"Give --eps {settings.method.eps:g}.",
    )


def _affine(cut: Frame, settings: Settings) -> list[tuple[float, float]]:
    """Scale and shift of every value."""
    total = cut.cut.outer * cut.cut.middle * cut.cut.inner
    if settings.name == "minmax":
        low, high = settings.ends
        return [(high - low, low)] * total
    pairs = list(zip(settings.gamma, settings.beta, strict=True))
    if len(set(pairs)) == 1:
        return pairs[:1] * total
    return [pairs[index // cut.stride % cut.parameters] for index in range(total)]


def running_of(works: list[Work], settings: Settings) -> list[Running]:
    """Running statistics batch by batch, from mean 0 and variance 1; none of a single value."""
    count = works[0].frame.cut.number
    means, variances = [0.0] * count, [1.0] * count
    rows = []
    for batch, work in enumerate(works, 1):
        length = work.frame.cut.length
        if length == 1:
            return []
        for index, label in enumerate(work.frame.labels):
            mean, variance = work.statistics["mean"][index], work.statistics["var"][index]
            unbiased = variance * length / (length - 1)
            means[index] = formulas.moved(means[index], mean, settings.share)
            variances[index] = formulas.moved(variances[index], unbiased, settings.share)
            rows.append(
                Running(batch, label, mean, variance, unbiased, means[index], variances[index])
            )
    return rows


def gradient_of(work: Work, settings: Settings, cotangent: list[float]) -> Gradient:
    """A cotangent pulled back through a normalisation."""
    cut = work.frame
    affine = _affine(cut, settings)
    pulled = [c * g for c, (g, _) in zip(cotangent, affine, strict=True)]
    groups = zip(
        cut.cut.groups(pulled),
        cut.cut.groups(work.normal),
        cut.cut.groups(work.values),
        work.divisor,
        cut.labels,
        strict=True,
    )
    by_data = cut.cut.joined([_through(settings, *group) for group in groups])
    by_gamma: list[float] = []
    by_beta: list[float] = []
    if settings.method.trains:
        products = [c * y for c, y in zip(cotangent, work.normal, strict=True)]
        for sums, values in ((by_gamma, products), (by_beta, cotangent)):
            parts: list[list[float]] = [[] for _ in range(cut.parameters)]
            for index, value in enumerate(values):
                parts[index // cut.stride % cut.parameters].append(value)
            sums += [fsum(part) for part in parts]
    if "beta" not in settings.method.trains:
        by_beta = []
    return Gradient(cotangent, by_data, by_gamma, by_beta)


def _through(
    settings: Settings,
    pulled: list[float],
    normal: list[float],
    values: list[float],
    divisor: float,
    label: str,
) -> list[float]:
    """One group's gradient."""
    if settings.given:
        return [g / divisor for g in pulled]
    if divisor == 0:
        raise InputError(f"{label} is constant: {settings.name} has no derivative there")
    if settings.name == "minmax":
        return formulas.range_gradient(pulled, values, min(values), max(values))
    if settings.name == "rms":
        return formulas.scaled_gradient(pulled, normal, divisor, len(values))
    if settings.name == "l2":
        if divisor <= settings.eps:
            return [g / divisor for g in pulled]
        return formulas.scaled_gradient(pulled, normal, divisor, 1)
    degrees = len(values) - settings.ddof
    return formulas.standardised_gradient(pulled, normal, divisor, degrees)
