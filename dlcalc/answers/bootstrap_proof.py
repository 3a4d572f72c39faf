"""The bootstrap a second time: SymPy's limit, fractions, many digits, and draws for real."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers.verified import apart
from dlcalc.formulas.bootstrap import MAX_EXACT, Drawing
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.answers.bootstrap import BootstrapResult, EstimateResult, WithinResult

#: A simulation disagrees if it is further from the exact share than so many standard errors.
STANDARD_ERRORS = 5
# Half of the interval that holds a normal variable with 95 %.
_NORMAL_95 = 1.959963984540054
# Where nothing was simulated, --verify draws about so many numbers for each n.
_DRAWN = 2_000_000
# Floats are right to a few units in the last place.
_RELATIVE = 2e-15


class Sample(NamedTuple):
    """The shares never drawn over the repeats of a simulation: their mean and deviation."""

    repeats: int
    mean: float
    deviation: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the mean, by the normal distribution."""
        half = _NORMAL_95 * self.deviation / sqrt(self.repeats)
        return self.mean - half, self.mean + half

    def document(self) -> dict[str, object]:
        """As JSON has it."""
        return {**self._asdict(), "interval": list(self.interval)}


def drawn(drawing: Drawing, repeats: int, seed: int) -> Sample:
    """A simulation."""
    from dlcalc.engine.resampling import shares_never_drawn

    n, draws, batch = drawing
    shares = shares_never_drawn(n, draws, repeats, batch=batch, seed=seed)
    return Sample(repeats, float(shares.mean()), float(shares.std(ddof=1)))


def verified(result: BootstrapResult) -> list[Finding]:
    """What SymPy, fractions and a simulation say of these shares."""
    findings = [_limit()] if result.derive or result.own else []
    findings += _shares(result.drawings)
    samples = result.samples
    simulated = list(zip(result.drawings, samples, strict=True)) if samples else []
    if not samples:
        for each in result.drawings:
            if max(each.n, each.draws) * 100 <= _DRAWN:
                repeats = min(20_000, _DRAWN // max(each.n, each.draws))
                simulated.append((each, drawn(each, repeats, result.seed)))
    if simulated:
        findings.append(_simulation(simulated))
    return findings


def _limit() -> Finding:
    """Whether each line of the derivation equals the one before it, and the limit is 1/e."""
    from dlcalc.symbolic.limits import bootstrap_limit

    steps, passed = bootstrap_limit()
    sentence = f"SymPy: the {steps} forms are equal, and their limit is 1/e"
    if not passed:
        sentence = "SymPy does not find the forms equal, or the limit to be 1/e"
    return Finding("limit", passed, sentence, {"forms": steps})


def _shares(drawings: list[Drawing]) -> list[Finding]:
    """The floats against fractions, or where n is too large for those, against 50 digits."""
    from mpmath import mp, mpf

    worst, fractions = 0.0, 0
    with mp.workdps(50 + 3 * max(len(str(d.n)) for d in drawings)):
        for each in drawings:
            if max(each.n, each.draws) <= MAX_EXACT:
                exact = each.exact()
                wanted = mpf(exact.numerator) / exact.denominator
                fractions += 1
            else:
                whole, rest = divmod(each.draws, each.batch)
                wanted = (1 - mpf(each.batch) / each.n) ** whole * (1 - mpf(rest) / each.n)
            gap = mp.exp(-mpf(each.draws) / each.n) - wanted
            for found, right in ((each.share, wanted), (each.below, gap)):
                # Below the smallest normal float there are no relative errors.
                if abs(right) > 1e-300:
                    worst = max(worst, float(abs(mpf(found) - right) / abs(right)))
                elif abs(mpf(found) - right) > 1e-300:
                    worst = float("inf")
    how = "exact fractions" if fractions == len(drawings) else "mpmath to 50 digits"
    passed = worst <= _RELATIVE
    sentence = f"shares by {how}, {apart(worst, _RELATIVE, 'relative error')}"
    return [Finding("shares", passed, sentence, {"largest_relative_error": worst})]


def _simulation(simulated: list[tuple[Drawing, Sample]]) -> Finding:
    worst = max(standard_errors(*pair) for pair in simulated)
    draws = sum(each.draws * sample.repeats for each, sample in simulated)
    passed = worst <= STANDARD_ERRORS
    sentence = f"{draws:,} draws: off by at most {worst:.1f} standard errors"
    return Finding("simulation", passed, sentence, {"standard_errors": worst, "draws": draws})


def standard_errors(drawing: Drawing, sample: Sample) -> float:
    """How far a simulation is from the exact share, in standard errors by the exact variance."""
    off = abs(sample.mean - drawing.share)
    error = sqrt(drawing.variance / sample.repeats) / drawing.n
    if error == 0:
        return 0.0 if off < 1e-12 else float("inf")
    # The mean of floats has an error of its own.
    return max(0.0, off - 1e-14) / error


def smallest(result: WithinResult) -> Finding:
    """Whether n is near enough and n - 1 is not, by mpmath."""
    from mpmath import e, mp, mpf

    def near(n: int) -> bool:
        return bool(1 / e - (1 - mpf(1) / n) ** n <= mpf(result.tolerance))

    with mp.workdps(120):
        passed = near(result.value) and (result.value == 1 or not near(result.value - 1))
    sentence = f"mpmath: {result.value} is near enough, and {result.value - 1} is not"
    return Finding("smallest", passed, sentence)


def estimated(result: EstimateResult) -> Finding:
    """The estimate in fractions, by weights of what the model does on each kind of example."""
    from fractions import Fraction

    train, out_of_bag, *rest = (Fraction(str(value)) for value in result.given)
    weight, excess = Fraction("0.632"), Fraction(0)
    if rest and min(out_of_bag, rest[0]) > train:
        bounded = min(out_of_bag, rest[0])
        rate = (bounded - train) / (rest[0] - train)
        # In the paper: 0.368*0.632*rate/(1 - 0.368*rate) on top of 0.632.
        weight += Fraction("0.368") * weight * rate / (1 - Fraction("0.368") * rate)
        excess = (weight - Fraction("0.632")) * (out_of_bag - bounded)
    wanted = (1 - weight) * train + weight * out_of_bag - excess
    error = float(abs(Fraction(result.value) - wanted) / max(wanted, Fraction(1, 10**300)))
    sentence = f"in exact fractions, {apart(error, 1e-13, 'relative error')}"
    return Finding("estimate", error < 1e-13, sentence, {"relative_error": error})
