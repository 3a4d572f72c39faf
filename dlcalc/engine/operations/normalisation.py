"""Normalisation: values less their mean, over the root of their variance.

Ioffe and Szegedy, 2015 (batch); Ba, Kiros and Hinton, 2016 (layer); Ulyanov, Vedaldi and
Lempitsky, 2016 (instance); Wu and He, 2018 (group); Zhang and Sennrich, 2019 (root mean
square); Krizhevsky, Sutskever and Hinton, 2012 (local response).

With n = (x - mean(x))/sqrt(var(x) + eps), y = w*n + b, a cotangent c of y and g = c*w:

    x' = (g - mean(g) - n*mean(g*n))/sqrt(var(x) + eps)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Parameter, Site, Value, operation
from dlcalc.engine.operations.sums import append_sums
from dlcalc.errors import LayerError


class _Cut(NamedTuple):
    """How the values are cut up: under which sizes, and what is shared along which axes.

    The scale and the shift are as many as the sizes without ``trained_along``.
    """

    sizes: tuple[int, ...]
    mean_along: tuple[int, ...]
    trained_along: tuple[int, ...]

    @property
    def sharing(self) -> int:
        """How many values share a mean."""
        return int(np.prod([self.sizes[axis] for axis in self.mean_along]))

    def kept(self, along: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes with 1 along these axes."""
        return tuple(1 if axis in along else n for axis, n in enumerate(self.sizes))


class _Affine(NamedTuple):
    """A scale and a shift under the sizes of a cut; either may be missing."""

    weight: Parameter | None
    bias: Parameter | None


class _Running(NamedTuple):
    """Statistics over the batches seen; Caffe keeps sums, and the scale that they are too large."""

    mean: Array
    variance: Array
    batches: Array | None
    scale: Array | None


def _channels_last(site: Site) -> bool:
    return site.layout == "hwc" or site.x.data.ndim == 2


def _channels(site: Site) -> tuple[int, int]:
    """The channels, and the values of each in one example."""
    sizes = site.x.data.shape[1:]
    channels = sizes[-1] if _channels_last(site) else sizes[0]
    return channels, int(np.prod(sizes)) // channels


def _by_channel(site: Site, *, whole_batch: bool) -> _Cut:
    """Means of each channel, of the batch or of each example; a scale for each channel."""
    channels, length = _channels(site)
    if _channels_last(site):
        sizes, within = (site.batch, length, channels), (1,)
    else:
        sizes, within = (site.batch, channels, length), (2,)
    return _Cut(sizes, (0, *within) if whole_batch else within, (0, *within))


def _affine(site: Site, cut: _Cut, *sizes: int, weight: bool, bias: bool) -> _Affine:
    """The trained tensors under the sizes of the cut."""
    view = cut.kept(cut.trained_along)

    def viewed(name: str) -> Parameter:
        found = site.parameter(name, *sizes)
        return Parameter(found.value.reshape(view), found.gradient.reshape(view))

    return _Affine(viewed("weight") if weight else None, viewed("bias") if bias else None)


def _normalised(
    site: Site, cut: _Cut, affine: _Affine, *, centred: bool = True
) -> tuple[Value, Array, Array]:
    """The normalised output, and the mean and the variance that it was made with."""
    y = site.value(*site.x.data.shape)
    x, out = site.x.reshaped(*cut.sizes), y.reshaped(*cut.sizes)
    few = cut.kept(cut.mean_along)
    mean, variance, inverse = site.array(*few), site.array(*few), site.array(*few)
    normal = out.data if affine.weight is None else site.array(*cut.sizes)
    work = site.array(*cut.sizes)
    given = x.data
    if centred:
        append_sums(site.then, given, cut.mean_along, mean, 1 / cut.sharing)
        site.then(np.subtract, given, mean, normal)
        given = normal
    site.then(np.multiply, given, given, work)
    append_sums(site.then, work, cut.mean_along, variance, 1 / cut.sharing)
    site.then(_inverse_root, variance, site.layer.eps, inverse)
    site.then(np.multiply, given, inverse, normal)
    if affine.weight is not None:
        site.then(np.multiply, normal, affine.weight.value, out.data)
    if affine.bias is not None:
        site.then(np.add, out.data, affine.bias.value, out.data)
    if site.backwards:
        site.back(np.multiply, out.cotangent, normal, work)
        _trained_gradients(site, cut, affine, work, out.cotangent)
        if x.cotangent is not None:
            pulled = _Pulled(out.cotangent, normal, work, inverse, x.cotangent)
            _pull(site, cut, affine, pulled, centred=centred)
    return y, mean, variance


def _inverse_root(variance: Array, eps: float, out: Array) -> None:
    np.divide(1, np.sqrt(np.add(variance, eps, out), out), out)


def _trained_gradients(
    site: Site, cut: _Cut, affine: _Affine, product: Array, cotangent: Array
) -> None:
    """Of a scale sum(c*n), of a shift sum(c), over all that it serves."""
    for one, summed in ((affine.weight, product), (affine.bias, cotangent)):
        if one is not None:
            append_sums(site.back, summed, cut.trained_along, one.gradient)


class _Pulled(NamedTuple):
    """What the backward pass reads, c, n, c*n and 1/sqrt(var + eps), and where it writes."""

    cotangent: Array
    normal: Array
    product: Array
    inverse: Array
    out: Array


def _pull(site: Site, cut: _Cut, affine: _Affine, at: _Pulled, *, centred: bool) -> None:
    """Append the formula at the top of the module."""
    cotangent, factor, weight = at.cotangent, at.inverse, affine.weight
    if weight is not None and cut.mean_along == cut.trained_along:
        # All that share a mean share a scale too: it comes last, on the few numbers.
        factor = site.array(*factor.shape)
        site.back(np.multiply, at.inverse, weight.value, factor)
    elif weight is not None:
        site.back(np.multiply, at.cotangent, weight.value, at.out)
        site.back(np.multiply, at.product, weight.value, at.product)
        cotangent = at.out
    mean = site.array(*factor.shape)
    if centred:
        append_sums(site.back, cotangent, cut.mean_along, mean, 1 / cut.sharing)
        site.back(np.subtract, cotangent, mean, at.out)
        cotangent = at.out
    slope = site.array(*factor.shape)
    append_sums(site.back, at.product, cut.mean_along, slope, 1 / cut.sharing)
    site.back(np.multiply, at.normal, slope, at.product)
    site.back(np.subtract, cotangent, at.product, at.out)
    site.back(np.multiply, at.out, factor, at.out)


def _running(site: Site, channels: int) -> _Running:
    """The statistics that it keeps, and what the framework keeps beside them."""
    extra = site.convention.batch_norm_extra
    start = 0.0 if "scale_factor" in extra else 1.0  # Sums begin at 0.
    mean = site.statistic("running_mean", channels)
    variance = site.statistic("running_var", channels, fill=start)
    more = {name: site.statistic(name, *sizes) for name, sizes in extra.items()}
    return _Running(mean, variance, more.get("num_batches_tracked"), more.get("scale_factor"))


def _tracked(running: _Running, mean: Array, variance: Array, share: float, count: int) -> None:
    """Move the running statistics towards those of the batch, by its share.

    The variance as an estimate from a sample, over count - 1. PyTorch keeps a mean
    that forgets, Caffe the sum whose terms fade and the sum of their shares.
    """
    new = 1.0 if running.scale is not None else share
    channels = running.mean.size
    for kept, found, factor in (
        (running.mean, mean, new),
        (running.variance, variance, new * count / (count - 1)),
    ):
        kept *= 1 - share
        kept += factor * found.reshape(-1, channels).mean(0)
    if running.scale is not None:
        np.add(running.scale * (1 - share), 1, running.scale)


def _by_running(site: Site, cut: _Cut, affine: _Affine, running: _Running) -> Value:
    """Normalised by what was kept, so that it is a line for each channel: y = x*slope + shift."""
    x, y = site.x.reshaped(*cut.sizes), site.value(*site.x.data.shape)
    out = y.reshaped(*cut.sizes)
    few = cut.kept(cut.trained_along)
    mean, inverse, slope, shift = (site.array(*few) for _ in range(4))
    site.then(_line, running, affine, site.layer.eps, mean, inverse, slope, shift)
    site.then(np.multiply, x.data, slope, out.data)
    site.then(np.add, out.data, shift, out.data)
    if site.backwards:
        if affine.weight is not None:
            work = site.array(*cut.sizes)
            site.back(np.subtract, x.data, mean, work)
            site.back(np.multiply, work, inverse, work)
            site.back(np.multiply, work, out.cotangent, work)
            _trained_gradients(site, cut, affine, work, out.cotangent)
        if x.cotangent is not None:
            site.back(np.multiply, out.cotangent, slope, x.cotangent)
    return y


def _line(
    running: _Running,
    affine: _Affine,
    eps: float,
    mean: Array,
    inverse: Array,
    slope: Array,
    shift: Array,
) -> None:
    scale = 1.0
    if running.scale is not None:
        kept = running.scale.item()
        scale = 1 / kept if kept else 0.0  # batch_norm_layer.cpp: nothing seen yet, all are 0.
    np.multiply(running.mean.reshape(mean.shape), scale, mean)
    _inverse_root(running.variance.reshape(mean.shape) * scale, eps, inverse)
    np.copyto(slope, inverse)
    if affine.weight is not None:
        np.multiply(slope, affine.weight.value, slope)
    np.negative(np.multiply(mean, slope, shift), shift)
    if affine.bias is not None:
        np.add(shift, affine.bias.value, shift)


def _channel_norm(site: Site, cut: _Cut, *, needs_two: bool) -> Value:
    """By the values at hand, or while evaluating by the running statistics if it keeps some."""
    layer, (channels, _) = site.layer, _channels(site)
    affine = _affine(site, cut, channels, weight=layer.affine, bias=layer.affine)
    running = _running(site, channels) if layer.track else None
    if running is not None and not site.training:
        return _by_running(site, cut, affine, running)
    if cut.sharing == 1 and (needs_two or running is not None):
        raise LayerError(
            f"{layer.words[0]} gets one value a channel: one value has no variance",
            "Give it a batch of more than one." if 0 in cut.mean_along else "Leave it out here.",
        )
    y, mean, variance = _normalised(site, cut, affine)
    if running is not None:
        site.then(_tracked, running, mean, variance, layer.momentum, cut.sharing)
    return y


@operation("bn")
def bn(site: Site) -> Value:
    """Each channel over the batch; while evaluating by the running statistics."""
    layer = site.layer
    y = _channel_norm(site, _by_channel(site, whole_batch=True), needs_two=True)
    if layer.track and site.training:
        batches = site.program.statistics.get(f"{site.name}.num_batches_tracked")
        if batches is not None:
            site.then(np.add, batches, 1, batches)
    return y


@operation("instancenorm")
def instancenorm(site: Site) -> Value:
    """Each channel of each example; while evaluating by the running statistics if it keeps some.

    As in PyTorch the batches seen are not counted, though there is a number for it.
    """
    if site.x.data.ndim < 3:
        raise LayerError("instancenorm needs at least one spatial axis", site.layer.hint())
    cut = _by_channel(site, whole_batch=False)
    return _channel_norm(site, cut, needs_two=site.convention.instance_norm_needs_two)


@operation("gn")
def gn(site: Site) -> Value:
    """Each group of channels of each example; a scale and a shift for each channel."""
    layer, (channels, length) = site.layer, _channels(site)
    groups = layer.groups
    if channels % groups:
        raise LayerError(
            f"gn has {groups} groups, but {channels} channels do not divide by {groups}"
        )
    each = channels // groups
    if _channels_last(site):
        cut = _Cut((site.batch, length, groups, each), (1, 3), (0, 1))
    else:
        cut = _Cut((site.batch, groups, each, length), (2, 3), (0, 3))
    affine = _affine(site, cut, channels, weight=layer.affine, bias=layer.affine)
    return _normalised(site, cut, affine)[0]


def _last_axes(site: Site) -> tuple[_Cut, tuple[int, ...]]:
    """Rows of the last axes, and their sizes."""
    sizes, last = site.x.data.shape[1:], site.layer.last
    if last > len(sizes):
        raise LayerError(
            f"{site.layer.words[0]}:{last} normalises the last {last} axes, "
            f"but its input has {len(sizes)}"
        )
    sizes = sizes[-last:]
    length = int(np.prod(sizes))
    return _Cut((site.x.data.size // length, length), (1,), (0,)), sizes


@operation("ln")
def ln(site: Site) -> Value:
    """The last axes of each example and position; a scale and a shift for each of their values."""
    layer, (cut, sizes) = site.layer, _last_axes(site)
    affine = _affine(site, cut, *sizes, weight=layer.affine, bias=layer.affine and layer.bias)
    return _normalised(site, cut, affine)[0]


@operation("rmsnorm")
def rmsnorm(site: Site) -> Value:
    """x/sqrt(mean(x^2) + eps) over the last axes, no mean taken off; a scale for each value."""
    cut, sizes = _last_axes(site)
    affine = _affine(site, cut, *sizes, weight=site.layer.affine, bias=False)
    return _normalised(site, cut, affine, centred=False)[0]


@operation("lrn")
def lrn(site: Site) -> Value:
    """x/d^beta with d = k + alpha/size*(sum of x^2 over neighbouring channels), as in PyTorch.

    x' = c/d^beta - 2*alpha*beta/size * x*(sum of c*y/d over those that x is a neighbour of).
    """
    layer = site.layer
    if site.x.data.ndim < 3:
        raise LayerError("lrn needs at least one spatial axis", layer.hint())
    raw = site.value(*site.x.data.shape)
    x, y = site.channels_first(site.x), site.channels_first(raw)
    arrays = [Value(np.zeros_like(raw.data), None) for _ in range(3)]
    work, divisor, power = (site.channels_first(value).data for value in arrays)
    before, after = layer.size // 2, (layer.size - 1) // 2
    site.then(np.multiply, x.data, x.data, work)
    site.then(_neighbours, work, before, after, divisor)
    site.then(np.multiply, divisor, layer.alpha / layer.size, divisor)
    site.then(np.add, divisor, layer.k, divisor)
    site.then(_power, divisor, -layer.beta, power)
    site.then(np.multiply, x.data, power, y.data)
    if x.cotangent is not None:
        site.back(np.multiply, y.cotangent, y.data, work)
        site.back(np.divide, work, divisor, work)
        site.back(_neighbours, work, after, before, x.cotangent)
        site.back(np.multiply, x.cotangent, x.data, x.cotangent)
        site.back(np.multiply, x.cotangent, -2 * layer.alpha * layer.beta / layer.size, x.cotangent)
        site.back(np.multiply, y.cotangent, power, work)
        site.back(np.add, x.cotangent, work, x.cotangent)
    return raw


def _neighbours(x: Array, before: int, after: int, out: Array) -> None:
    """Sum each channel with so many before it and behind it."""
    channels = x.shape[1]
    np.copyto(out, x)
    for step in range(1, min(before, channels - 1) + 1):
        np.add(out[:, step:], x[:, :-step], out[:, step:])
    for step in range(1, min(after, channels - 1) + 1):
        np.add(out[:, :-step], x[:, step:], out[:, :-step])


def _power(base: Array, exponent: float, out: Array) -> None:
    # For positive numbers the same as np.power, in a tenth of the time.
    np.exp(np.multiply(np.log(base, out), exponent, out), out)
