"""Functions and powers of numbers, where these are rational numbers."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt


def rational_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """A power of numbers, if it is a rational number that is short enough to be written."""
    if base in (0, 1):
        return base
    size = max(abs(base.numerator), base.denominator).bit_length() * abs(float(exponent))
    if exponent.denominator == 1:
        return base ** int(exponent) if size < 900 else None
    if exponent.denominator == 2 and base > 0 and size < 900:
        above, below = isqrt(base.numerator), isqrt(base.denominator)
        if above**2 == base.numerator and below**2 == base.denominator:
            return Fraction(above, below) ** exponent.numerator
    return None


#: Functions with f(-x) = -f(x), and with f(-x) = f(x).
ODD = frozenset({"sign", "sin", "tan", "sinh", "tanh", "erf", "softsign", "hardtanh"})
EVEN = frozenset({"abs", "cos", "cosh"})
#: What functions are at 0 and 1, where that is a rational number.
_AT: dict[tuple[str, Fraction | int], Fraction | int] = {
    ("exp", 0): 1,
    ("log", 1): 0,
    ("log1p", 0): 0,
    ("expm1", 0): 0,
    ("sin", 0): 0,
    ("cos", 0): 1,
    ("tan", 0): 0,
    ("sinh", 0): 0,
    ("cosh", 0): 1,
    ("tanh", 0): 0,
    ("sigmoid", 0): Fraction(1, 2),
    ("erf", 0): 0,
    ("gelu", 0): 0,
    ("silu", 0): 0,
    ("elu", 0): 0,
    ("selu", 0): 0,
}


def folded(function: str, *numbers: Fraction) -> Fraction | int | None:
    """The value of a function of numbers, if it is a rational number."""
    first = numbers[0]
    if function == "abs":
        return abs(first)
    if function in ("sign", "heaviside"):
        if function == "heaviside" and first == 0:
            return numbers[1] if len(numbers) > 1 else Fraction(1, 2)
        sign = (first > 0) - (first < 0)
        return sign if function == "sign" else (sign + 1) // 2
    if function == "relu":
        return max(first, Fraction(0))
    if function == "hardtanh":
        return min(max(first, Fraction(-1)), Fraction(1))
    if function in ("max", "min") and len(numbers) == 2:
        return max(numbers) if function == "max" else min(numbers)
    return _AT.get((function, first)) if len(numbers) == 1 else None
