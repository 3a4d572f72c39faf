"""Softmax a second time: by mpmath, by NumPy in its own types, and by the engine."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

from dlcalc.answers.verified import apart
from dlcalc.formulas.ieee import FORMATS, Format
from dlcalc.formulas.softmax import PROBABILITIES, scaled
from dlcalc.formulas.softmax_exact import DIGITS
from dlcalc.result import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlcalc.answers.softmax import SoftmaxResult

# mpmath works with so many digits, and a result of `DIGITS` may be off in the last two.
_WORKING = 150
_RELATIVE = 10.0 ** (2 - DIGITS)
# NumPy's exp and log are off by at most one unit each; sums and quotients carry that on.
_SLACK = 4
# Of the engine, in units of float64: the same for its own operations.
_ENGINE = 16


def verified(result: SoftmaxResult) -> list[Finding]:
    """What each of the other routes finds."""
    findings = []
    if all(map(isfinite, result.logits)):
        findings.append(_digits(result))
    findings += [_numpy(result, kind) for kind in result.types.values()]
    if all(map(isfinite, result.logits)):
        findings.append(_engine(result))
    if result.question.find:
        findings.append(_breaches(result))
    return findings


def _digits(result: SoftmaxResult) -> Finding:
    """The exact values by mpmath, as the quotients that softmax is, and their derivatives."""
    from mpmath import mp, mpf

    with mp.workdps(_WORKING):
        by = mpf(result.question.temperature)
        z = [mpf(logit) / by for logit in result.logits]
        top = max(z)
        powers = [mp.exp(a - top) for a in z]
        total = mp.fsum(powers)
        shares = [power / total for power in powers]
        rest = mp.fsum(sorted(powers)[:-1])
        log_total = mp.log1p(rest)
        logs = [a - top - log_total for a in z]
        pairs = [
            *zip(result.exact.softmax, shares, strict=True),
            *zip(result.exact.log_softmax, logs, strict=True),
            (result.exact.log_sum_exp, top + log_total),
        ]
        if result.question.target is not None:
            k = result.question.target
            slopes = list(shares)
            slopes[k] = -mp.fsum(powers[:k] + powers[k + 1 :]) / total
            pairs += zip(result.gradient, (slope / by for slope in slopes), strict=True)
            pairs.append((result.perplexity, total / powers[k]))
        worst = max(_relative(found, right) for found, right in pairs)
    passed = worst <= _RELATIVE
    sentence = f"the exact values by mpmath, {apart(worst, _RELATIVE, 'relative error')}"
    return Finding("exact", passed, sentence, {"largest_relative_error": worst})


def _relative(found: Decimal | None, right: Any) -> float:
    from mpmath import mpf

    value = mpf(str(found))
    return float(abs(value - right) / abs(right)) if right else float(abs(value))


def _numpy(result: SoftmaxResult, kind: Format) -> Finding:
    """The methods in a type, by NumPy."""
    from dlcalc.engine.softmax import softmax_values

    asked = result.question
    worst = 0.0
    for method in result.methods:
        theirs = softmax_values(method, result.logits, kind.name, asked.temperature, asked.epsilon)
        ours = result.run(method, kind).values
        units = _Units(result, kind, method)
        worst = max([worst, *(units(a, b) for a, b in zip(ours, theirs, strict=True))])
    bound = _SLACK + len(result.logits)
    passed = worst <= bound
    sentence = f"{kind.name} by NumPy, off by at most {worst:.3g} ulp"
    return Finding(kind.name, passed, sentence, {"units": worst if isfinite(worst) else "inf"})


class _Units:
    """How far two values are apart, in units in the last place of what they were made from."""

    def __init__(self, result: SoftmaxResult, kind: Format, method: str) -> None:
        self.kind = kind
        # Logarithms are differences: their error is that of what was subtracted.
        self.least = 0.0
        if method not in PROBABILITIES:
            z = scaled(result.logits, kind, result.question.temperature)
            self.least = max((abs(a) for a in z if isfinite(a)), default=0.0) + len(z)

    def __call__(self, ours: float, theirs: float) -> float:
        if ours == theirs or (isnan(ours) and isnan(theirs)):
            return 0.0
        if not (isfinite(ours) and isfinite(theirs)):
            return float("inf")
        unit = self.kind.unit(max(abs(ours), abs(theirs), self.least))
        return abs(ours - theirs) / 2.0**unit


def _engine(result: SoftmaxResult) -> Finding:
    """The exact values against the engine's softmax in float64, and its backward pass."""
    from dlcalc.engine.softmax import engine_softmax

    values, rows = engine_softmax(result.logits, result.question.temperature)
    # A difference of large logits is off by as much as they are rounded.
    scale = 1 + max(map(abs, result.logits), default=0.0) / result.question.temperature
    worst = _apart(result.exact.softmax, values.tolist())
    pairs = "softmax"
    if result.question.jacobian:
        pairs = "softmax and its Jacobian"
        by = result.question.temperature
        for ours, theirs in zip(result.jacobian, rows, strict=True):
            worst = max(worst, _apart(ours, theirs.tolist()) * min(by, 1.0))
    bound = _ENGINE * scale * 2.0**-52
    sentence = f"{pairs} by the engine in float64, off by at most {worst:.1e}"
    return Finding("engine", worst <= bound, sentence, {"largest_error": worst})


def _apart(ours: Sequence[Decimal], theirs: Sequence[float]) -> float:
    return max(abs(float(a) - float(b)) for a, b in zip(ours, theirs, strict=True))


def _breaches(result: SoftmaxResult) -> Finding:
    """Whether NumPy's methods break at these moves, and not two numbers of the type before."""
    from dlcalc.engine.softmax import softmax_values
    from dlcalc.formulas.softmax_find import moved

    asked = result.question
    wrong: list[str] = []
    for each in result.breaches:
        kind = FORMATS[each.dtype]
        for breach in (each.move, each.shift):
            if breach is None or breach.amount == 0:
                continue
            step = 2.0 * 2.0 ** kind.unit(breach.amount)
            breaks = []
            for amount in (min(breach.amount + step, kind.largest), breach.amount - step):
                z = moved(result.logits, breach.way, amount)
                values = softmax_values(
                    each.method, z, each.dtype, asked.temperature, asked.epsilon
                )
                zero = each.method in PROBABILITIES and 0.0 in values
                breaks.append(zero or not all(map(isfinite, values)))
            if breaks != [True, False]:
                wrong.append(f"{each.method} in {each.dtype}")
    sentence = "NumPy's methods break there, and not two numbers of the type before"
    if wrong:
        sentence = f"NumPy's methods break elsewhere: {', '.join(wrong)}"
    return Finding("breaches", not wrong, sentence)
