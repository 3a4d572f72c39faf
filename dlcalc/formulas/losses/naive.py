"""Cross-entropy as it is written down: softmax or sigmoid first, then the logarithm.

In float64 with the overflows of IEEE 754: exp(710) is inf, log(0) is -inf, and 0
times either is nan. What comes out is why a loss had better start from logits.
"""

from __future__ import annotations

from math import exp, inf, log, nan

from dlcalc.formulas.losses.base import Row


def binary(ones: float, zeros: float, logit: float) -> float:
    """-(ones*log(p) + zeros*log(1 - p)) of p = 1/(1 + exp(-x)).

    >>> binary(0.0, 1.0, 800.0), binary(1.0, 0.0, 800.0), round(binary(0.0, 1.0, 36.0), 6)
    (inf, nan, 36.043653)
    """
    p = 1 / (1 + _exp(-logit))
    return -(ones * _log(p) + zeros * _log(1 - p))


def categorical(shares: Row, logits: Row) -> float:
    """-sum(t*log(p)) over the wanted classes, of p = exp(x)/sum(exp(x)).

    >>> categorical((0.0, 1.0), (1000.0, 0.0)), categorical((0.0, 1.0), (700.0, -100.0))
    (inf, inf)
    """
    powers = [_exp(x) for x in logits]
    whole = sum(powers)
    logs = [_log(p / whole if whole else nan) for p in powers]
    return -sum(t * part for t, part in zip(shares, logs, strict=True) if t)


def _exp(x: float) -> float:
    try:
        return exp(x)
    except OverflowError:
        return inf


def _log(p: float) -> float:
    # Only 0 and nan have no logarithm here: no probability is below 0.
    return log(p) if p > 0 else -inf if p == 0 else nan
