"""Softmax by five methods, every operation rounded to a type, and what goes wrong on the way.

The logits are rounded to the type first, then divided by the temperature; sums run
from left to right. `Run` tells the values and what happened.
"""

from __future__ import annotations

from math import inf, isfinite, isinf, isnan
from typing import NamedTuple

from dlcalc.formulas.ieee import Format

#: Each method, and its formula as Python writes it; z are the logits.
METHODS = {
    "naive": "exp(z)/sum(exp(z))",
    "shifted": "exp(z - max(z))/sum(exp(z - max(z)))",
    "epsilon": "exp(z)/(sum(exp(z)) + epsilon)",
    "log-softmax": "z - max(z) - log(sum(exp(z - max(z))))",
    "log-sum-exp": "max(z) + log(sum(exp(z - max(z))))",
}
#: Those whose values are probabilities.
PROBABILITIES = ("naive", "shifted", "epsilon")


class Run(NamedTuple):
    """What a method came to in a type."""

    values: tuple[float, ...]
    #: Something finite became infinite: a logit, an exponential, a sum.
    overflow: bool = False
    #: Every exponential was 0, and so was their sum.
    zero_sum: bool = False

    @property
    def broken(self) -> bool:
        """Whether a value is nan or infinite, or the sum is 0."""
        return self.zero_sum or not all(map(isfinite, self.values))

    def word(self, value: float, error: float) -> str:
        """What became of a value, in a word; ``error`` is 0 if it is the exact one.

        exact, rounded, underflow, overflow, sums to 0, or nan.
        """
        if error == 0:
            return "exact"
        if isfinite(value) and value != 0:
            return "rounded"
        if self.zero_sum:
            return "sums to 0"
        if self.overflow or isinf(value):
            return "overflow"
        return "underflow" if value == 0 else "nan"


#: From harmless to harmful.
WORDS = ("exact", "rounded", "underflow", "overflow", "sums to 0", "nan")


def held(logits: tuple[float, ...], kind: Format) -> tuple[float, ...]:
    """The logits as a type holds them."""
    return tuple(map(kind.rounded, logits))


def scaled(logits: tuple[float, ...], kind: Format, temperature: float) -> tuple[float, ...]:
    """The logits as a type holds them, by the temperature."""
    found = held(logits, kind)
    if temperature == 1:
        return found
    by = kind.rounded(temperature)
    return tuple(kind.divide(z, by) for z in found)


def run(
    method: str,
    logits: tuple[float, ...],
    kind: Format,
    temperature: float = 1.0,
    epsilon: float = 1e-8,
) -> Run:
    """One method in one type.

    >>> from dlcalc.formulas.ieee import FLOAT32
    >>> run("naive", (1000.0, 1001.0), FLOAT32)
    Run(values=(nan, nan), overflow=True, zero_sum=False)
    >>> run("log-sum-exp", (1000.0, 1000.0), FLOAT32).values
    (1000.6931762695312,)
    """
    z = scaled(logits, kind, temperature)
    overflow = any(isinf(a) and isfinite(b) for a, b in zip(z, logits, strict=True))
    if method in ("naive", "epsilon"):
        powers = tuple(map(kind.exp, z))
        total = _sum(powers, kind)
        overflow |= isinf(total) and inf not in z
        zero = total == 0 and any(map(isfinite, z))
        if method == "epsilon":
            total = kind.add(total, kind.rounded(epsilon))
        return Run(tuple(kind.divide(p, total) for p in powers), overflow, zero)
    top = nan_first(z)
    # Of infinite logits the sum is infinite, or 0 and its logarithm -inf: as in SciPy and
    # PyTorch nothing is subtracted then.
    anchor = 0.0 if method == "log-sum-exp" and isinf(top) else top
    differences = tuple(kind.subtract(a, anchor) for a in z)
    if isfinite(top):
        overflow |= any(isinf(d) and isfinite(a) for d, a in zip(differences, z, strict=True))
    powers = tuple(map(kind.exp, differences))
    total = _sum(powers, kind)
    if method == "shifted":
        return Run(tuple(kind.divide(p, total) for p in powers), overflow)
    rest = kind.log(total)
    if method == "log-sum-exp":
        return Run((kind.add(anchor, rest),), overflow)
    return Run(tuple(kind.subtract(d, rest) for d in differences), overflow)


def nan_first(values: tuple[float, ...]) -> float:
    """The largest of the values, nan if there is one among them."""
    return next((v for v in values if isnan(v)), max(values))


def _sum(terms: tuple[float, ...], kind: Format) -> float:
    total = terms[0]
    for term in terms[1:]:
        total = kind.add(total, term)
    return total


class Margin(NamedTuple):
    """How far logits are from the limits of exp in a type; below 0 they are beyond.

    ``above`` and ``below`` hold for exp of the logits as they are, ``apart`` for what
    the largest is above the smallest, once the maximum is subtracted.
    """

    above: float
    below: float
    apart: float


def margin(logits: tuple[float, ...], kind: Format) -> Margin:
    """The margins of finite logits, those divided by the temperature already.

    >>> from dlcalc.formulas.ieee import FLOAT16
    >>> margin((10.0, 0.0), FLOAT16)
    Margin(above=1.0859375, below=17.328125, apart=7.328125)
    """
    largest, smallest = kind.exp_limits()
    high, low = max(logits), min(logits)
    return Margin(largest - high, low - smallest, low - high - smallest)
