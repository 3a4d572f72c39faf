"""Confidence intervals: of a mean by Student's t, of a share by Wilson's score."""

from __future__ import annotations

from collections.abc import Sequence
from math import atan2, cos, fsum, inf, pi, sin, sqrt

#: The quantile of the standard normal distribution at 97.5 %, for intervals of 95 %.
NORMAL = 1.959963984540054


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """The mean of values, and the ends of its confidence interval by Student's t.

    It holds for values drawn from a normal distribution, and roughly for others if
    they are many. One value alone says nothing of its spread: the ends are infinite.

    >>> mean_interval([1.0, 2.0, 3.0])
    (2.0, -0.4841377117503285, 4.4841377117503285)
    """
    count = len(values)
    mean = fsum(values) / count
    if count == 1:
        return mean, -inf, inf
    deviation = sqrt(fsum((value - mean) ** 2 for value in values) / (count - 1))
    room = student(confidence, count - 1) * deviation / sqrt(count)
    return mean, mean - room, mean + room


def share_interval(successes: int, trials: int) -> tuple[float, float]:
    """The ends of the 95 % confidence interval of a share, by Wilson's score.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    It keeps within 0 to 1, and has a length where all or none succeed.

    >>> share_interval(19, 20)
    (0.763868806553258, 0.9911185511992047)
    """
    share, square = successes / trials, NORMAL * NORMAL
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    room = NORMAL * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    room /= 1 + square / trials
    low = 0.0 if successes == 0 else middle - room
    return low, 1.0 if successes == trials else middle + room


def student(confidence: float, freedom: int) -> float:
    """The t between -t and t of which lies that share of Student's distribution.

    >>> round(student(0.95, 19), 6)
    2.093024
    """
    low, high = 0.0, 1.0
    while within(high, freedom) < confidence:
        high *= 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if within(middle, freedom) < confidence else (low, middle)
    return middle


def within(t: float, freedom: int) -> float:
    """The share of Student's distribution between -t and t, for whole degrees of freedom.

    Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.

    >>> within(1.0, 1)
    0.5
    """
    angle = atan2(t, sqrt(freedom))
    square = cos(angle) ** 2
    odd = freedom % 2
    term = cos(angle) if odd else 1.0
    total = 0.0
    for n in range(2 + odd, freedom + 1, 2):
        total += term
        term *= square * (n - 1) / n
    if odd:
        return 2 / pi * (angle + sin(angle) * total)
    return sin(angle) * total
