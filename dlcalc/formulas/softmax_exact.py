"""Softmax to 50 digits, by the standard library's decimal numbers."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from math import isinf, isnan
from typing import NamedTuple

#: Digits of what is called exact.
DIGITS = 50
# Differences of near numbers lose some: twice the digits of a float are at hand for that.
_GUARD = 40

ZERO, ONE = Decimal(0), Decimal(1)
INFINITE = Decimal("Infinity")
#: The least number there is; what would be less is written as this.
LEAST = Decimal((0, (1,), MIN_EMIN))


class Exact(NamedTuple):
    """Softmax, its logarithm and log-sum-exp to `DIGITS` digits; empty where they are undefined.

    Where one logit is infinite they are the limits as it grows.
    """

    softmax: tuple[Decimal, ...]
    log_softmax: tuple[Decimal, ...]
    log_sum_exp: Decimal | None
    #: 1 - softmax, each to as many digits.
    complement: tuple[Decimal, ...] = ()

    def of(self, method: str) -> tuple[Decimal, ...]:
        """What a method should have come to."""
        if method == "log-sum-exp":
            return () if self.log_sum_exp is None else (self.log_sum_exp,)
        return self.log_softmax if method == "log-softmax" else self.softmax


def exact(logits: tuple[float, ...], temperature: float = 1.0) -> Exact:
    """The exact values for the logits as float64 holds them.

    >>> found = exact((1000.0, 1001.0, 1002.0))
    >>> str(found.softmax[0])[:22], str(found.log_sum_exp)[:12]
    ('0.09003057317038045799', '1002.4076059')
    """
    if any(isnan(z) or isinf(z) for z in logits):
        return _infinite(logits)
    with localcontext(_context()) as context:
        z = [Decimal(logit) / Decimal(temperature) for logit in logits]
        top = max(z)
        powers = [max((a - top).exp(), LEAST) for a in z]
        place = z.index(top)
        total = sum(powers, ZERO)
        # The sum without the largest power, 1: the logarithm of 1 and a little is that little.
        rest = _log1p(sum(powers[:place] + powers[place + 1 :], ZERO))
        logs = [a - top - rest for a in z]
        shares = [power / total for power in powers]
        # What is left of 1 is the sum of the others, from both sides of each.
        before, behind = _partial(shares), _partial(shares[::-1])[::-1]
        complement = [a + b for a, b in zip(before, behind, strict=True)]
        whole = top + rest
        context.prec = DIGITS
        return Exact(_rounded(shares), _rounded(logs), +whole, _rounded(complement))


def _rounded(values: list[Decimal]) -> tuple[Decimal, ...]:
    """The values to the precision of the context."""
    return tuple(+value for value in values)


def _context(guard: int = _GUARD) -> Context:
    return Context(prec=DIGITS + guard, Emax=MAX_EMAX, Emin=MIN_EMIN)


def _partial(terms: list[Decimal]) -> list[Decimal]:
    """The sum of the terms before each."""
    sums = [ZERO]
    for term in terms[:-1]:
        sums.append(sums[-1] + term)
    return sums


def _log1p(x: Decimal) -> Decimal:
    """log(1 + x) to all digits, x >= 0."""
    if x > Decimal("1e-6"):
        return (1 + x).ln()
    total, power = ZERO, x
    # Each term brings 6 digits at least.
    for k in range(1, (DIGITS + _GUARD) // 6 + 3):
        total += power / k if k % 2 else -power / k
        power *= x
    return total


def _infinite(logits: tuple[float, ...]) -> Exact:
    if any(map(isnan, logits)):
        return Exact((), (), None)
    highest = max(logits)
    if highest == float("-inf"):
        return Exact((), (), -INFINITE)
    if highest == float("inf"):
        if logits.count(highest) > 1:
            return Exact((), (), INFINITE)
        shares = tuple(ONE if z == highest else ZERO for z in logits)
        return Exact(
            shares,
            tuple(ZERO if share else -INFINITE for share in shares),
            INFINITE,
            tuple(1 - share for share in shares),
        )
    # What is -inf is out; it has probability 0 and takes nothing from the others.
    inner = exact(tuple(z for z in logits if not isinf(z)))
    parts: list[list[Decimal]] = []
    for values, outside in (
        (inner.softmax, ZERO),
        (inner.log_softmax, -INFINITE),
        (inner.complement, ONE),
    ):
        left = iter(values)
        parts.append([outside if isinf(z) else next(left) for z in logits])
    return Exact(tuple(parts[0]), tuple(parts[1]), inner.log_sum_exp, tuple(parts[2]))


def distance(value: float, right: Decimal, unit: int) -> float:
    """How far a value is from the right one, in units of ``2**unit``; 0 only if it is that one."""
    if isinf(right):
        return 0.0 if value == right else float("nan")
    if isnan(value) or isinf(value):
        return float("inf") if isinf(value) else float("nan")
    with localcontext(_context()):
        off = abs(Decimal(value) - right) / Decimal(2) ** unit
        # What is smaller than any float is still not nothing.
        return max(float(off), 5e-324) if off else 0.0


def gradient(found: Exact, target: int, temperature: float = 1.0) -> tuple[Decimal, ...]:
    """The gradient of the cross-entropy by the logits, (p - y)/T."""
    with localcontext(_context(0)):
        by = Decimal(temperature)
        return tuple(
            (-found.complement[k] if k == target else p) / by for k, p in enumerate(found.softmax)
        )


def perplexity(cross_entropy: Decimal) -> Decimal:
    """Exp of a cross-entropy: as how many equally likely classes it is."""
    with localcontext(_context()) as context:
        found = cross_entropy.exp()
        context.prec = DIGITS
        return +found


def jacobian(found: Exact, temperature: float = 1.0) -> tuple[tuple[Decimal, ...], ...]:
    """The derivatives of each probability by each logit, p_i*((i == j) - p_j)/T."""
    with localcontext(_context(0)):
        by = Decimal(temperature)
        return tuple(
            tuple(
                (p * found.complement[i] if i == j else -p * q) / by
                for j, q in enumerate(found.softmax)
            )
            for i, p in enumerate(found.softmax)
        )
