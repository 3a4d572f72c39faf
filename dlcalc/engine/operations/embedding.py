"""Rows looked up by numbers, rows added or put before a sequence, and single steps of one."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations.blocks import as_rows, sequence
from dlcalc.errors import InputError, LayerError


@operation("embedding")
def embedding(site: Site) -> Value:
    """The row of each word: y = W[n], n the input rounded down to a whole number.

    By the input itself there is no derivative: its cotangent is 0, as that of any step
    function between its jumps. The gradient of a row is the sum of the cotangents of
    all words that looked it up.
    """
    layer, given = site.layer, site.x.data
    vocabulary, features = layer.vocabulary, layer.features
    digits = np.finfo(given.dtype).nmant + 1
    if vocabulary > 2**digits:
        raise LayerError(
            f"the numbers of {vocabulary} words do not fit into {given.dtype}",
            f"At most {2**digits} words do.",
        )
    weight = site.parameter("weight", vocabulary, features)
    numbers = site.array(given.size, dtype=np.intp)
    y = site.value(*given.shape, features)
    rows = y.reshaped(-1, features)
    site.then(_look_up, given, numbers, weight.value, rows.data, "words")
    if site.convention.embedding_bias:
        bias = site.parameter("bias", features)
        site.then(np.add, rows.data, bias.value, rows.data)
        site.back(np.sum, rows.cotangent, 0, out=bias.gradient)
    site.back(_gather, numbers, rows.cotangent, weight.gradient)
    if site.x.cotangent is not None:
        site.back(site.x.cotangent.fill, 0)
    return y


def _look_up(given: Array, numbers: Array, weight: Array, rows: Array, what: str) -> None:
    values = given.real.reshape(-1)  # Whole numbers do not move off the real axis.
    # NaN is on neither side of a bound, and refused as well.
    good = (values >= 0) & (values < len(weight))
    if not good.all():
        raise _unknown(given, int(np.argmin(good)), len(weight), what)
    numbers[...] = values
    # mode="clip", as the usual mode fills a copy first; the numbers are all there.
    np.take(weight, numbers, 0, rows, "clip")


def _unknown(given: Array, index: int, count: int, what: str) -> InputError:
    example, *place = (int(i) for i in np.unravel_index(index, given.shape))
    where = f" at [{','.join(map(str, place))}]" if place else ""
    return InputError(
        f"the numbers of {what} go from 0 to {count - 1}, but example {example} "
        f"has {given.flat[index].real:g}{where}"
    )


def _gather(numbers: Array, cotangent: Array, gradient: Array) -> None:
    """Each row's sum of cotangents: sorted by row, then one sum for each stretch."""
    gradient.fill(0)
    order = np.argsort(numbers, kind="stable")
    in_order = numbers[order]
    firsts = np.flatnonzero(np.diff(in_order, prepend=-1))
    if firsts.size:
        gradient[in_order[firsts]] = np.add.reduceat(cotangent[order], firsts, 0)


@operation("position")
def position(site: Site) -> Value:
    """A row for each position, added: y[t] = x[t] + W[t]; rows behind the last step do nothing."""
    _, time, features = sequence(site)
    length = time if site.layer.length is None else site.layer.length
    if time > length:
        raise LayerError(
            f"position has {length} rows, but the sequence has {time} steps",
            f"It fits with at most {length} steps.",
        )
    weight = site.parameter("weight", length, features)
    y = site.value(*site.x.data.shape)
    site.then(np.add, site.x.data, weight.value[:time], y.data)
    if site.backwards:
        if length > time:
            site.back(weight.gradient[time:].fill, 0)
        site.back(np.sum, y.cotangent, 0, out=weight.gradient[:time])
        _passed(site, y)
    return y


@operation("segment")
def segment(site: Site) -> Value:
    """A row for the segment of each step, added: y[t] = x[t] + W[s[t]].

    The net has one input, which says nothing of segments: all steps of all examples
    are in segment 0, as in BERT where no segments are given, unless ``ids``, a
    statistic of (batch, time), says otherwise.
    """
    batch, time, features = sequence(site)
    kinds = site.layer.kinds
    weight = site.parameter("weight", kinds, features)
    ids = site.statistic("ids", batch, time)
    numbers = site.array(batch * time, dtype=np.intp)
    y = site.value(*site.x.data.shape)
    rows = as_rows(y)
    site.then(_look_up, ids, numbers, weight.value, rows.data, "segments")
    site.then(np.add, site.x.data, y.data, y.data)
    if site.backwards:
        site.back(_gather, numbers, rows.cotangent, weight.gradient)
        _passed(site, y)
    return y


@operation("token")
def token(site: Site) -> Value:
    """Trained steps before the sequence, the same for each example."""
    batch, time, features = sequence(site)
    count = site.layer.count
    weight = site.parameter("weight", count, features)
    y = site.value(batch, count + time, features)
    site.then(np.copyto, y.data[:, :count], weight.value)
    site.then(np.copyto, y.data[:, count:], site.x.data)
    if site.backwards:
        site.back(np.sum, y.cotangent[:, :count], 0, out=weight.gradient)
        if site.x.cotangent is not None:
            site.back(np.copyto, site.x.cotangent, y.cotangent[:, count:])
    return y


@operation("first")
def first(site: Site) -> Value:
    """The features of the first step."""
    return _step(site, 0)


@operation("last")
def last(site: Site) -> Value:
    """The features of the last step."""
    return _step(site, -1)


def _step(site: Site, index: int) -> Value:
    batch, _, features = sequence(site)
    # A copy: what comes behind may read its input as rows, which a view would not be.
    y = site.value(batch, features)
    site.then(np.copyto, y.data, site.x.data[:, index])
    if site.x.cotangent is not None:
        site.back(site.x.cotangent.fill, 0)
        site.back(np.copyto, site.x.cotangent[:, index], y.cotangent)
    return y


def _passed(site: Site, y: Value) -> None:
    """The cotangent of a sum goes on as it is."""
    if site.x.cotangent is not None:
        site.back(np.copyto, site.x.cotangent, y.cotangent)
