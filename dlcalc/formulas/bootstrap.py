"""The bootstrap in closed form: the share of n examples that m draws never take.

Each draw misses an example with probability 1 - 1/n, so m of them miss it with
(1 - 1/n)**m, which goes to exp(-m/n), and for m = n to 1/e. Everything here is
arranged so that nothing cancels, from n = 1 to beyond 1e18.
"""

from __future__ import annotations

from math import exp, expm1, log1p
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

#: What is left out of a bootstrap in the limit, 0.368, and what is in it, 0.632.
LEFT_OUT = exp(-1)
TAKEN = -expm1(-1)
#: A share that is exactly a fraction is not written down beyond this many examples or draws.
MAX_EXACT = 1_000
# Up to so many examples (1 - 1/n)**n keeps eight digits in floats as it stands.
_PLAIN = 10_000_000


class Drawing(NamedTuple):
    """``draws`` from ``n`` examples with replacement; those of one batch are distinct.

    >>> Drawing(10, 10).share
    0.3486784401
    >>> Drawing(1000, 1000, batch=50).share  # 20 batches: (1 - 50/1000)**20
    0.3584859224085422
    """

    n: int
    draws: int
    batch: int = 1

    @property
    def share(self) -> float:
        """The probability that an example is never drawn, also the expected share of those."""
        if self._all_in_one:
            return 0.0
        if self._correction < -1:
            # Many draws from few: an exponent so large would spoil the last digits.
            return float(self._in_digits()[0])
        return self.limit * exp(self._correction)

    @property
    def formula(self) -> str:
        """The share with the numbers in it, as Python reads it.

        >>> Drawing(1000, 1030, batch=50).formula
        '(1 - 50/1000)**20*(1 - 30/1000)'
        """
        n = short(self.n)
        if self.n > _PLAIN:
            # In floats 1 - 1/n would be rounded, beyond 1e16 to 1.
            logs = [f"{short(times)}*log1p(-{size}/{n})" for times, size in self._batches]
            return f"exp({' + '.join(logs) or '0'})"
        parts = [
            f"(1 - {size}/{n})" + (f"**{short(times)}" if times > 1 else "")
            for times, size in self._batches
        ]
        return "*".join(parts) or "1"

    @property
    def limit(self) -> float:
        """exp(-draws/n), where the share goes as n grows and draws/n stays."""
        return _exp_of_ratio(self.draws, self.n)

    @property
    def below(self) -> float:
        """How far the share is below its limit; not the difference of two near numbers."""
        if self._all_in_one:
            return self.limit
        return -self.limit * expm1(self._correction)

    @property
    def leading(self) -> float:
        """The leading term of that: limit*draws*batch/(2*n**2), 1/(2*e*n) for n single draws."""
        return self.limit * (self.draws / self.n) * (self.batch / self.n) / 2

    @property
    def distinct(self) -> float:
        """How many different examples are drawn, expected."""
        if self._all_in_one:
            return float(self.n)
        return self.n * -expm1(self._correction - self.draws / self.n)

    @property
    def variance(self) -> float:
        """The variance of the number of different examples, which is also that of those left out.

        n*p*(1 - p) + n*(n - 1)*(q - p**2), with q the probability that two given
        examples are both never drawn.
        """
        p = self.share
        if p == 0 or self.n == 1 or self.draws <= self.batch:
            return 0.0
        # A batch of b makes q/p**2 smaller by 1 - b/((n - 1)*(n - b)).
        ratio = sum(
            times * log1p(-size / ((self.n - 1) * (self.n - size)))
            for times, size in self._batches
            if self.n - size > 1
        )
        lone = any(self.n - size <= 1 for _, size in self._batches)
        both = -p * p if lone else p * p * expm1(ratio)
        single = self.n * p * (self.distinct / self.n)
        variance = single + self.n * (self.n - 1) * both
        # Few draws from many: both terms are then nearly the number of draws.
        if variance < 0.001 * single:
            return float(self._in_digits()[1])
        return variance

    def exact(self) -> Fraction:
        """The share as a fraction in lowest terms, for up to `MAX_EXACT` examples and draws.

        >>> Drawing(3, 3).exact()
        Fraction(8, 27)
        """
        from fractions import Fraction

        if max(self.n, self.draws) > MAX_EXACT:
            raise ValueError(f"more than {MAX_EXACT} examples or draws")
        found = Fraction(1)
        for times, size in self._batches:
            found *= Fraction(self.n - size, self.n) ** times
        return found

    @property
    def _batches(self) -> list[tuple[int, int]]:
        """How often how many are drawn at once: whole batches, and what is left for a last one."""
        whole, rest = divmod(self.draws, self.batch)
        return [(t, size) for t, size in ((whole, self.batch), (1, rest)) if t and size]

    @property
    def _all_in_one(self) -> bool:
        """Whether one batch is all examples."""
        return any(size == self.n for _, size in self._batches)

    @property
    def _correction(self) -> float:
        """log(share) + draws/n."""
        return sum(times * _beyond_linear(size / self.n) for times, size in self._batches)

    def _in_digits(self) -> tuple[Decimal, Decimal]:
        """Share and variance by sheer precision: twice the digits of n cancel, 30 more remain."""
        from decimal import MIN_EMIN, Decimal, localcontext

        with localcontext() as context:
            context.prec = 3 * len(str(self.n)) + 3 * len(str(self.draws)) + 30
            context.Emin = MIN_EMIN
            n, p, q = Decimal(self.n), Decimal(1), Decimal(1)
            for times, size in self._batches:
                p *= ((n - size) / n) ** times
                q *= ((n - size) * (n - size - 1) / (n * (n - 1))) ** times
            return p, n * p * (1 - p) + n * (n - 1) * (q - p * p)


def short(n: int) -> str:
    """A whole number as Python reads it, a large round one as 1e+18.

    >>> short(1000), short(10**18), short(10**18 + 1)
    ('1000', '1e+18', '1000000000000000001')
    """
    rounded = f"{n:g}"
    return rounded if n > _PLAIN and int(float(rounded)) == n else str(n)


def _beyond_linear(x: float) -> float:
    """log(1 - x) + x for 0 < x < 1, which is -x**2/2 - x**3/3 - ..., nothing cancelled."""
    if x > 0.5:
        return log1p(-x) + x
    total, power, k = 0.0, x * x, 2
    terms = []
    while power > 1e-17 * x * x:
        terms.append(power / k)
        power *= x
        k += 1
    # The smallest first.
    for term in reversed(terms):
        total -= term
    return total


def _exp_of_ratio(m: int, n: int) -> float:
    """exp(-m/n), with what m/n loses when it is rounded put back."""
    ratio = m / n
    numerator, denominator = ratio.as_integer_ratio()
    lost = (m * denominator - numerator * n) / (n * denominator)
    return exp(-ratio) * (1 - lost)


def smallest_within(tolerance: Decimal) -> int:
    """The smallest n with 1/e - (1 - 1/n)**n <= tolerance, which is above 0.

    >>> from decimal import Decimal
    >>> smallest_within(Decimal("0.001"))
    185
    """
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 40 + 2 * max(0, -tolerance.adjusted())
        limit = Decimal(-1).exp()

        def within(n: int) -> bool:
            share = (n * (1 - 1 / Decimal(n)).ln()).exp() if n > 1 else Decimal(0)
            return limit - share <= tolerance

        # It is near 1/(2*e*tolerance), and the distance shrinks as n grows.
        high = 1
        while not within(high):
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if within(middle) else (middle, high)
        return high


class Estimate(NamedTuple):
    """The error of a model by the bootstrap, after Efron and Tibshirani (JASA 92, 1997)."""

    #: 0.368*train + 0.632*out_of_bag.
    plain: float
    #: How far the model overfits, from 0 to 1, and the weight that then falls on out_of_bag.
    overfitting: float = 0.0
    weight: float = 0.632
    #: The .632+ estimate; None without the error of a model that knows nothing.
    plus: float | None = None


def estimate(train: float, out_of_bag: float, no_information: float | None = None) -> Estimate:
    """The .632 and .632+ estimators from the errors of a model.

    ``train`` is its error on what it was trained on, ``out_of_bag`` on what it
    never saw, ``no_information`` that on targets dealt at random. The constants
    are the paper's, 0.368 and 0.632, not 1/e to all digits.

    >>> estimate(0, 0.5).plain, estimate(0, 0.5, 0.5).plus
    (0.316, 0.5)
    """
    plain = 0.368 * train + 0.632 * out_of_bag
    if no_information is None:
        return Estimate(plain)
    # What is worse than chance overfits no more than chance does.
    bounded = min(out_of_bag, no_information)
    if bounded <= train:
        return Estimate(plain, plus=plain)
    overfitting = (bounded - train) / (no_information - train)
    weight = 0.632 / (1 - 0.368 * overfitting)
    # The paper's equation 32; (1 - weight)*train + weight*out_of_bag where nothing was bounded.
    return Estimate(plain, overfitting, weight, plain + (weight - 0.632) * (bounded - train))
