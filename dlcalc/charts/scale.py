"""An axis: from numbers to places along it, with marks at round numbers."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import NamedTuple

# Numbers closer together than this part of them are not told apart: labels stay short.
_FINEST = 1e-9
# Round numbers within a power of ten.
_FEW = (1, 2, 5)
_LARGEST = sys.float_info.max


class Tick(NamedTuple):
    """A mark on an axis, and the number written at it."""

    value: float
    label: str


class Scale(NamedTuple):
    """Numbers from ``low`` to ``high`` along an axis of length 1."""

    low: float
    high: float
    ticks: tuple[Tick, ...]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a number is: 0 at the low end, 1 at the high one.

        >>> scale([0, 10]).place(2.5)
        0.25
        """
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        # Halves, for the whole of the largest numbers overflows.
        return (value / 2 - low / 2) / (high / 2 - low / 2)

    def holds(self, value: float) -> bool:
        """Whether a number is on the axis."""
        return self.low <= value <= self.high


def scale(
    values: Iterable[float],
    *,
    most: int = 6,
    logarithmic: bool = False,
    exact: bool = False,
    whole: bool = False,
) -> Scale:
    """The scale that shows these numbers, with at most about ``most`` steps between ticks.

    Its ends are round unless ``exact`` keeps those of the numbers; ``whole`` has no ticks
    between whole numbers. What cannot be shown is ignored; one number alone gets room
    around it, none the room from 0 to 1, or from 1 to 10.

    >>> [tick.label for tick in scale([0.13, 0.92]).ticks]
    ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']
    >>> [tick.label for tick in scale([0.0007, 3000], logarithmic=True, most=4).ticks]
    ['0.01', '1', '100']
    """
    shown = [v for v in values if math.isfinite(v) and not (logarithmic and v <= 0)]
    nothing = (1.0, 10.0) if logarithmic else (0.0, 1.0)
    low, high = _roomy(min(shown), max(shown), logarithmic) if shown else nothing
    if logarithmic:
        return Scale(low, high, _powers(low, high, most), True)
    ticks = _round(low, high, most, whole)
    if exact:
        return Scale(low, high, tuple(tick for tick in ticks if low <= tick.value <= high))
    return Scale(min(low, ticks[0].value), max(high, ticks[-1].value), tuple(ticks))


def _roomy(low: float, high: float, logarithmic: bool) -> tuple[float, float]:
    """The ends, parted if they are the same number or nearly so."""
    largest = max(abs(low), abs(high))
    # Halves, for the whole difference may overflow.
    if high / 2 - low / 2 > largest * _FINEST / 2:
        return low, high
    if logarithmic:
        return low / 2 or low, min(high, _LARGEST / 2) * 2
    room = largest / 2 or 1.0
    return max(low - room, -_LARGEST), min(high + room, _LARGEST)


def _round(low: float, high: float, most: int, whole: bool = False) -> list[Tick]:
    """Multiples of 1, 2 or 5 times a power of ten, one at or below low to one at or above high."""
    rough = high / most - low / most
    # 1e-307 is the last power of ten with all its digits.
    exponent = max(math.floor(math.log10(rough)) if rough else -307, 0 if whole else -307)
    for factor, power in ((1, 0), (2, 0), (5, 0), (1, 1), (2, 1)):
        step = float(f"{factor}e{exponent + power}")
        # A hair inside counts as at: the quotient of two decimals is not exact.
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most:
            break
    # The round numbers around the largest ones would be too large themselves.
    multiples = [n for n in range(first, last + 1) if abs(n * step) < math.inf] or [0]
    return [_tick(n * factor, exponent + power, last * factor) for n in multiples]


def _tick(mantissa: int, exponent: int, last: int) -> Tick:
    """The tick at mantissa * 10**exponent; all have the same digits behind the point."""
    # By its digits: 3 times 0.1 is 0.3.
    value = float(f"{mantissa}e{exponent}")
    digits = max(len(str(abs(mantissa))), len(str(abs(last))))
    if exponent < -6 or exponent + digits > 7:
        return Tick(value, written(value, digits))
    return Tick(value, f"{value:,.{max(-exponent, 0)}f}")


def _powers(low: float, high: float, most: int) -> tuple[Tick, ...]:
    """Powers of ten, or fewer of them, or more numbers where there are not two."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last > first:
        every = -(-(last - first + 1) // most)
        from_first = range(first, last + 1, every)
        # Powers that are multiples are the rounder ones, if there are two of them.
        multiples = range(-(-first // every) * every, last + 1, every)
        chosen = multiples if len(multiples) > 1 else from_first
        return tuple(Tick(float(f"1e{n}"), written(float(f"1e{n}"))) for n in chosen)
    many = [float(f"{factor}e{power}") for power in range(first - 1, last + 1) for factor in _FEW]
    within = [value for value in many if low <= value <= high]
    if len(within) > 1:
        return tuple(Tick(value, written(value)) for value in within)
    return tuple(tick for tick in _round(low, high, most + 3) if low <= tick.value <= high)


def written(value: float, digits: int = 6) -> str:
    """A number for eyes, of at most so many digits.

    >>> written(12345.678), written(1e-9), written(2.5e10), written(-0.25)
    ('12,345.7', '1e-9', '2.5e10', '-0.25')
    """
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{short}e{int(exponent)}"
    return f"{value:,.{digits}g}" if "e" not in f"{value:.{digits}g}" else f"{value:,.0f}"
