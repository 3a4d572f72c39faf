"""IEEE 754 arithmetic in four types, exactly: each operation rounded to the nearest, ties to even.

Every number of float16, bfloat16 and float32 is a number of float64, so a Python
float holds them all. A sum, product or quotient of two of them may be rounded to
float64 first: with at least twice the bits and two more, rounding twice gives what
rounding once does (Figueroa, "When is double rounding innocuous?", 1995). exp and log
are correctly rounded: where float64 leaves a doubt, 40 digits decide.
"""

from __future__ import annotations

import math
from math import copysign, frexp, inf, isfinite, ldexp, nan, nextafter
from typing import NamedTuple

# exp of more is infinite in every type, exp of less is 0.
_LEAST, _MOST = -800.0, 800.0
# math.exp and math.log are right to this, relatively: twice what C libraries promise.
_DOUBT = 2.0**-51
# Digits that decide in doubt: none of these functions comes so near to a midpoint.
_DIGITS = 40


class Format(NamedTuple):
    """A binary floating-point type: its significant bits, and the exponent of its largest number.

    >>> FLOAT16.rounded(0.1), FLOAT16.rounded(65520), BFLOAT16.rounded(1001)
    (0.0999755859375, inf, 1000.0)
    """

    name: str
    precision: int
    top: int

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return ldexp(2 - ldexp(1, 1 - self.precision), self.top)

    @property
    def smallest(self) -> float:
        """The smallest number above 0, a subnormal one."""
        return ldexp(1, 2 - self.top - self.precision)

    @property
    def finite(self) -> int:
        """How many finite numbers there are from 0 on."""
        return (2 * self.top + 1) << (self.precision - 1)

    def number(self, index: int) -> float:
        """The finite number before which there are ``index`` from 0 on.

        >>> FLOAT16.number(1) == FLOAT16.smallest, FLOAT16.number(FLOAT16.finite - 1)
        (True, 65504.0)
        """
        power, place = divmod(index, 1 << (self.precision - 1))
        if power:
            place += 1 << (self.precision - 1)
        return ldexp(place, max(power - 1, 0) + 2 - self.top - self.precision)

    def place(self, x: float) -> int:
        """How many numbers there are from 0 on before x, itself a number; `number` undone.

        >>> FLOAT16.place(65504.0) == FLOAT16.finite - 1
        True
        """
        unit = self.unit(x)
        binades = unit - (2 - self.top - self.precision)
        return (binades << (self.precision - 1)) + int(ldexp(x, -unit))

    def unit(self, x: float) -> int:
        """The exponent of two of the unit in the last place at x."""
        # Below the smallest normal number, 2**(1 - top), the places stay where they are.
        return max(frexp(x)[1] - 1, 1 - self.top) - self.precision + 1

    def rounded(self, x: float) -> float:
        """The number of the type nearest to x, the even one of two."""
        if x == 0 or not isfinite(x) or self.precision == _DOUBLE:
            return x
        beyond = ldexp(1, self.top + 1)
        if abs(x) >= beyond:
            return copysign(inf, x)
        unit = self.unit(x)
        nearest = ldexp(round(ldexp(x, -unit)), unit)
        return copysign(nearest if abs(nearest) < beyond else inf, x)

    def add(self, a: float, b: float) -> float:
        """A + b."""
        return self.rounded(a + b)

    def subtract(self, a: float, b: float) -> float:
        """A - b."""
        return self.rounded(a - b)

    def multiply(self, a: float, b: float) -> float:
        """a*b."""
        return self.rounded(a * b)

    def divide(self, a: float, b: float) -> float:
        """a/b, by 0 infinite or nan as IEEE 754 has it."""
        if b == 0:
            return nan if a == 0 or a != a else copysign(inf, a) * copysign(1.0, b)
        return self.rounded(a / b)

    def exp(self, x: float) -> float:
        """The exponential, correctly rounded.

        >>> FLOAT16.exp(11.0859375), FLOAT16.exp(11.09375), FLOAT64.exp(1.0)
        (65248.0, inf, 2.718281828459045)
        """
        if x == 0 or x != x:
            return 1.0 if x == 0 else x
        x = min(max(x, _LEAST), _MOST)
        return self._correct(x, _exp(x), "exp")

    def log(self, x: float) -> float:
        """The natural logarithm, correctly rounded; -inf of 0, nan of what is below."""
        if x == 1 or not 0 < x < inf:
            return 0.0 if x == 1 else -inf if x == 0 else x if x == inf else nan
        return self._correct(x, math.log(x), "log")

    def exp_limits(self) -> tuple[float, float]:
        """The largest number whose exp is finite, and the smallest whose exp is not 0.

        >>> FLOAT16.exp_limits(), BFLOAT16.exp_limits()
        ((11.0859375, -17.328125), (88.5, -92.5))
        """
        from decimal import Decimal, localcontext

        with localcontext() as context:
            context.prec = _DIGITS
            # Half a place above the largest number everything is infinite.
            half = Decimal(2) ** (self.unit(self.largest) - 1)
            over = (Decimal(self.largest) + half).ln()
            under = (Decimal(self.smallest) / 2).ln()
            high, low = self.rounded(float(over)), self.rounded(float(under))
            if Decimal(high) > over:
                high = self._neighbour(high, -1)
            if Decimal(low) < under:
                low = self._neighbour(low, 1)
        return high, low

    def _neighbour(self, x: float, step: int) -> float:
        """The next number of the type, for x that is no power of two."""
        return x + step * ldexp(1, self.unit(x))

    def _correct(self, x: float, near: float, function: str) -> float:
        """The value of a function at x, rounded once, of which ``near`` is a good guess."""
        if self.precision < _DOUBLE:
            low = self.rounded(near * (1 - _DOUBT))
            if low == self.rounded(near * (1 + _DOUBT)):
                return low
        return self._decided(x, function)

    def _decided(self, x: float, function: str) -> float:
        from decimal import Decimal, localcontext

        with localcontext() as context:
            context.prec = _DIGITS
            value = Decimal(x).exp() if function == "exp" else Decimal(x).ln()
            found = float(value)
            if self.precision == _DOUBLE:
                return found
            low, high = (self.rounded(nextafter(found, to)) for to in (-inf, inf))
            if low == high:
                return low
            if not isfinite(high):
                middle = Decimal(self.largest) + Decimal(2) ** (self.unit(self.largest) - 1)
            else:
                middle = (Decimal(low) + Decimal(high)) / 2
            return low if value < middle else high


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return inf


_DOUBLE = 53
FLOAT16 = Format("float16", 11, 15)
BFLOAT16 = Format("bfloat16", 8, 127)
FLOAT32 = Format("float32", 24, 127)
FLOAT64 = Format("float64", _DOUBLE, 1023)
#: From the coarsest range to the finest.
FORMATS = {each.name: each for each in (FLOAT16, BFLOAT16, FLOAT32, FLOAT64)}
