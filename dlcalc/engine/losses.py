"""The losses: each one entry of a table, a value and the cotangent of the prediction.

All are means, as in torch.nn.functional: over all numbers where a target is
numbers (`mse`, `mae`, `huber`, `quantile`, `binary_cross_entropy`, `hinge`),
over the examples and positions where it is a class or a pair. At a kink the
derivative taken is 0, save that hinges count a margin just kept as kept.
"""

from __future__ import annotations

import numpy as np

from dlcalc.engine.criterion import LOSSES, Criterion, loss
from dlcalc.engine.operation import Array

__all__ = ["LOSSES", "Criterion"]


def _difference(at: Criterion) -> tuple[Array, Array]:
    """Give x - t, and an array for the terms."""
    difference = at.array(*at.x.shape)
    at.then(np.subtract, at.x, at.target, difference)
    return difference, at.array(*at.x.shape)


@loss("mse", "numbers", smooth=True)
def _mse(at: Criterion) -> None:
    """mean((x - t)^2)."""
    difference, terms = _difference(at)
    at.then(np.multiply, difference, difference, terms)
    at.mean(terms, at.x.size)
    at.back(np.multiply, difference, 2 / at.x.size, at.dx)


@loss("mae", "numbers", smooth=False)
def _mae(at: Criterion) -> None:
    """mean(|x - t|)."""
    difference, terms = _difference(at)
    at.then(np.abs, difference, terms)
    at.mean(terms, at.x.size)
    at.back(np.sign, difference, at.dx)
    at.back(np.multiply, at.dx, 1 / at.x.size, at.dx)


@loss("huber", "numbers", smooth=False)
def _huber(at: Criterion) -> None:
    """d^2/2 up to |d| = delta, then delta*(|d| - delta/2). Huber, 1964.

    With c = d clipped to -delta..delta, which is its derivative too, that is c*(d - c/2).
    """
    difference, terms = _difference(at)
    clipped = at.array(*at.x.shape)
    at.then(np.clip, difference, -at.delta, at.delta, out=clipped)
    at.then(np.multiply, clipped, -0.5, terms)
    at.then(np.add, terms, difference, terms)
    at.then(np.multiply, terms, clipped, terms)
    at.mean(terms, at.x.size)
    at.back(np.multiply, clipped, 1 / at.x.size, at.dx)


@loss("quantile", "numbers", smooth=False)
def _quantile(at: Criterion) -> None:
    """max((1 - q)*d, -q*d) with d = x - t. Koenker and Bassett, 1978."""
    difference, terms = _difference(at)
    below = at.array(*at.x.shape)
    at.then(np.multiply, difference, 1 - at.q, terms)
    at.then(np.multiply, difference, -at.q, below)
    at.then(np.maximum, terms, below, out=terms)
    at.mean(terms, at.x.size)
    # sign(d)/2 + (1/2 - q)*|sign(d)|, which is 1 - q, -q, and 0 at 0.
    at.back(np.sign, difference, at.dx)
    at.back(np.abs, at.dx, below)
    at.back(np.multiply, below, 0.5 - at.q, below)
    at.back(np.multiply, at.dx, 0.5, at.dx)
    at.back(np.add, at.dx, below, at.dx)
    at.back(np.multiply, at.dx, 1 / at.x.size, at.dx)


@loss("binary_cross_entropy", "numbers", smooth=True)
def _binary(at: Criterion) -> None:
    """w1*t*log(1 + exp(-x)) + w0*(1 - t)*log(1 + exp(x)) from logits x, t smoothed.

    Both logarithms are log(1 + exp(-|x|)) plus max(-x, 0) or max(x, 0): nothing
    overflows. |x| goes by the sign of the real part, so that complex steps hold.
    """
    shape = at.x.shape
    ones, zeros = at.array(*shape, dtype=at.real), at.array(*shape, dtype=at.real)
    negative, size, tail = at.array(*shape, dtype=bool), at.array(*shape), at.array(*shape)
    plus, terms = at.array(*shape), at.array(*shape)
    low, high = at.weights or (1.0, 1.0)

    def parts() -> None:
        np.multiply(at.target, high * (1 - at.smoothing), ones)
        np.add(ones, high * at.smoothing / 2, ones)
        np.subtract(1, at.target, zeros)
        np.multiply(zeros, low * (1 - at.smoothing), zeros)
        np.add(zeros, low * at.smoothing / 2, zeros)
        np.less(at.x.real, 0, negative)
        np.copyto(size, at.x)
        np.negative(at.x, size, where=negative)
        np.negative(size, tail)
        np.exp(tail, tail)
        # max(-x, 0) = (|x| - x)/2, and max(x, 0) = (|x| + x)/2.
        np.log1p(tail, plus)
        np.subtract(size, at.x, terms)
        np.multiply(terms, 0.5, terms)
        np.add(terms, plus, terms)
        np.multiply(terms, ones, terms)
        np.add(size, at.x, size)
        np.multiply(size, 0.5, size)
        np.add(size, plus, size)
        np.multiply(size, zeros, size)
        np.add(terms, size, terms)

    at.then(parts)
    at.mean(terms, at.x.size)

    def cotangent() -> None:
        # sigmoid(|x|) = 1/(1 + e) and sigmoid(-|x|) = e/(1 + e) with e = exp(-|x|).
        np.add(tail, 1, plus)
        np.divide(tail, plus, size)
        np.divide(1, plus, plus)
        # zeros*sigmoid(x) - ones*sigmoid(-x)
        np.multiply(zeros, plus, at.dx)
        np.multiply(ones, size, terms)
        np.subtract(at.dx, terms, at.dx)
        np.multiply(zeros, size, size)
        np.multiply(ones, plus, plus)
        np.subtract(size, plus, plus)
        np.copyto(at.dx, plus, where=negative)
        np.multiply(at.dx, 1 / at.x.size, at.dx)

    at.back(cotangent)


@loss("cross_entropy", "classes", smooth=True)
def _categorical(at: Criterion) -> None:
    """-sum_c p_c w_c log softmax(x)_c, by the sum of the targets' weights.

    p is 1 - smoothing for the target, and smoothing/classes more for each. The
    mean by weights is torch's: sum over examples by the sum of w[target].
    """
    shape, classes = at.x.shape, at.x.shape[-1]
    logs, exps, dx = at.array(*shape), at.array(*shape), at.dx
    top, sums = at.array(*shape[:-1], 1, dtype=at.real), at.array(*shape[:-1], 1)
    weight = np.ones(classes) if at.weights is None else np.asarray(at.weights, float)
    # A row of p_c w_c for each target, and those of the targets at hand.
    table = ((1 - at.smoothing) * np.eye(classes) + at.smoothing / classes) * weight
    table, weight = table.astype(at.real), weight.astype(at.real)
    wanted, row = at.array(*shape, dtype=at.real), at.array(*shape[:-1], 1, dtype=at.real)
    chosen = at.array(*shape[:-1], dtype=at.real)
    scale = np.full((), 1 / max(at.target.size, 1), at.real)
    ones = np.ones(classes, exps.dtype)
    flat_exps, flat_sums = exps.reshape(-1, classes), sums.reshape(-1)

    def value() -> None:
        np.take(table, at.target, 0, wanted, "clip")
        if at.weights is not None:
            np.take(weight, at.target, 0, chosen, "clip")
            np.divide(1, np.add.reduce(chosen, None), scale)
        np.maximum.reduce(at.x.real, -1, out=top, keepdims=True)
        np.subtract(at.x, top, logs)
        np.exp(logs, exps)
        np.dot(flat_exps, ones, flat_sums)
        np.divide(exps, sums, exps)
        np.log(sums, sums)
        np.subtract(logs, sums, logs)
        np.dot(logs.reshape(-1), wanted.reshape(-1), at.value)
        np.multiply(at.value, -scale, at.value)

    at.then(value)

    def cotangent() -> None:
        # softmax times the row's total weight, less the weights themselves.
        if at.weights is None:
            np.subtract(exps, wanted, dx)
        else:
            np.add.reduce(wanted, -1, out=row, keepdims=True)
            np.multiply(exps, row, dx)
            np.subtract(dx, wanted, dx)
        np.multiply(dx, scale, dx)

    at.back(cotangent)


@loss("hinge", "signs", smooth=False)
def _hinge(at: Criterion) -> None:
    """mean(max(0, margin - t*x)) for t of -1 or 1."""
    terms = at.array(*at.x.shape)
    short = at.array(*at.x.shape, dtype=bool)
    at.then(np.multiply, at.x, at.target, terms)
    at.then(np.subtract, at.margin, terms, terms)
    at.then(np.maximum, terms, 0, out=terms)
    at.mean(terms, at.x.size)
    at.back(np.greater, terms, 0, short)
    at.back(np.multiply, at.target, short, at.dx)
    at.back(np.multiply, at.dx, -1 / at.x.size, at.dx)


@loss("multiclass_hinge", "classes", smooth=False)
def _multiclass_hinge(at: Criterion) -> None:
    """Summed over the other classes of max(0, margin - x[t] + x[c]), by classes.

    Crammer and Singer's idea, summed as by Weston and Watkins and by torch's multi_margin_loss.
    """
    shape, classes = at.x.shape, at.x.shape[-1]
    rows = at.target.size
    terms, short = at.array(*shape), at.array(*shape, dtype=bool)
    chosen, own = at.array(*shape, dtype=bool), at.array(*shape[:-1], 1)
    index, numbers = at.target[..., None], np.arange(classes)
    share = 1 / (rows * classes)

    def value() -> None:
        np.equal(index, numbers, chosen)
        np.multiply(at.x, chosen, terms)
        np.sum(terms, -1, out=own, keepdims=True)
        np.subtract(at.x, own, terms)
        np.add(terms, at.margin, terms)
        np.maximum(terms, 0, out=terms)
        np.copyto(terms, 0, where=chosen)

    at.then(value)
    at.mean(terms, rows * classes)

    def cotangent() -> None:
        np.greater(terms, 0, short)
        np.multiply(short, share, at.dx)
        np.sum(at.dx, -1, out=own, keepdims=True)
        np.negative(own, own)
        np.copyto(at.dx, own, where=chosen)

    at.back(cotangent)


@loss("contrastive", "pairs", smooth=False)
def _contrastive(at: Criterion) -> None:
    """t*d^2/2 + (1 - t)*max(0, margin - d)^2/2 for the distance d of each two examples.

    Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an
    Invariant Mapping", 2006, with t = 1 for two that belong together.
    """
    pairs = len(at.target)
    apart, squares = at.array(pairs, at.x.shape[1]), at.array(pairs, at.x.shape[1])
    distance, room, terms = at.array(pairs), at.array(pairs), at.array(pairs)
    unlike = at.array(pairs)

    def value() -> None:
        np.subtract(at.x[0::2], at.x[1::2], apart)
        np.multiply(apart, apart, squares)
        np.sum(squares, 1, out=terms)
        np.sqrt(terms, distance)
        np.subtract(1, at.target, unlike)
        np.subtract(at.margin, distance, room)
        np.maximum(room, 0, out=room)
        np.multiply(room, unlike, room)
        np.multiply(terms, at.target, terms)
        np.add(terms, np.multiply(room, room, unlike), terms)

    at.then(value)
    at.mean(terms, 2 * pairs)

    def cotangent() -> None:
        # t - (1 - t)*max(0, margin - d)/d times the difference; at d = 0 no direction is better.
        terms.fill(0)
        np.divide(room, distance, terms, where=distance > 0)
        np.subtract(at.target, terms, terms)
        np.multiply(terms, 1 / pairs, terms)
        np.multiply(apart, terms[:, None], at.dx[0::2])
        np.negative(at.dx[0::2], at.dx[1::2])

    at.back(cotangent)
