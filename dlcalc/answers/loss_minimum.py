"""The constant prediction that minimises a loss over targets, and what statisticians call it."""

from __future__ import annotations

from math import fsum, inf, isfinite, log
from typing import NamedTuple

from dlcalc.answers.activation_facts import json_number, short
from dlcalc.answers.loss_data import Data
from dlcalc.formulas.intervals import Interval
from dlcalc.formulas.losses.base import Loss, reduced
from dlcalc.formulas.losses.minimum import mean, minimisers
from dlcalc.formulas.losses.registry import Settings, setting
from dlcalc.result import Row


class Minimum(NamedTuple):
    """Where a loss is least: ``place`` an interval of constants, or ``shares`` of classes."""

    place: Interval | None
    shares: tuple[float, ...]
    name: str
    least: float

    @property
    def value(self) -> object:
        """The constant; the ends of the interval if there are several; the shares."""
        if self.place is None:
            return self.shares
        if self.place.low == self.place.high:
            return self.place.low
        return self.place.low, self.place.high

    def rows(self) -> list[Row]:
        """The constant and its name, and the loss it leaves."""
        if self.place is None:
            shown = ",".join(map(short, self.shares))
        elif self.place.low == self.place.high:
            shown = short(self.place.low)
        else:
            shown = self.place.text(short)
        return [
            Row(("minimiser", f"{shown} ({self.name})")),
            Row(("least loss", f"{short(self.least)} if every prediction is that constant")),
        ]

    def document(self) -> dict[str, object]:
        """``low`` and ``high``, or ``shares``; what it is called; the loss there."""
        found: dict[str, object] = {"name": self.name, "loss": json_number(self.least)}
        if self.place is None:
            return {"shares": list(self.shares), **found}
        low, high = map(json_number, (self.place.low, self.place.high))
        return {"low": low, "high": high, **found}


def minimum(name: str, loss: Loss, settings: Settings, data: Data, divisor: float) -> Minimum:
    """What minimises a loss over the targets of some examples."""
    if name in ("ce", "kl"):
        return _shares(name, loss, settings, data, divisor)
    targets = [t[0] for t in data.targets]
    if name == "bce":
        return _logit(loss, settings, data, targets, divisor)
    weighted = ", weighted" if len(set(data.weights)) > 1 else ""
    if loss.breaks is None:
        constant = mean(targets, data.weights)
        place = Interval(constant, constant, True, True)
    else:
        place = minimisers(loss, targets, data.weights)
    several = place.low != place.high
    names = {
        "mse": "the mean of the targets",
        "mae": "every median of the targets" if several else "the median of the targets",
        "quantile": f"the {setting(settings, 'q'):g}-quantile of the targets",
        "huber": "Huber's estimate of their location",
        "hinge": "the sign of the majority times the margin",
        "contrastive": "the distance at which pull and push are even",
    }
    at = place.low if isfinite(place.low) else place.high
    return Minimum(place, (), names[name] + weighted, _least(loss, data, (at,), divisor))


def _least(loss: Loss, data: Data, constant: tuple[float, ...], divisor: float) -> float:
    terms = [loss.term(t, constant) for t in data.targets]
    return reduced(terms, data.weights, divisor).value + 0.0


def _logit(
    loss: Loss, settings: Settings, data: Data, targets: list[float], divisor: float
) -> Minimum:
    """The share of ones, weighted and smoothed as the targets are; or its logit."""
    smooth = setting(settings, "label_smoothing")
    assert isinstance(smooth, float)
    low, high = settings.weights or (1.0, 1.0)
    ones = high * fsum(t * (1 - smooth) + smooth / 2 for t in targets)
    zeros = low * fsum((1 - t) * (1 - smooth) + smooth / 2 for t in targets)
    share = ones / (ones + zeros) if ones + zeros else 0.5
    if not settings.from_logits:
        place = Interval(share, share, True, True)
        name = "the share of ones, the mean of the targets"
        return Minimum(place, (), name, _least(loss, data, (share,), divisor))
    if 0 < share < 1:
        logit = log(ones) - log(zeros)
        least = _least(loss, data, (logit,), divisor)
        name = f"the logit of {short(share)}, the mean of the targets"
        return Minimum(Interval(logit, logit, True, True), (), name, least)
    # Ever nearer to 0 the farther the logit goes.
    side = inf if share else -inf
    name = f"the logit of {short(share)}, the mean of the targets; never reached"
    return Minimum(Interval(side, side), (), name, 0.0)


def _shares(name: str, loss: Loss, settings: Settings, data: Data, divisor: float) -> Minimum:
    columns = [fsum(column) for column in zip(*data.targets, strict=True)]
    whole = fsum(columns)
    shares = tuple(column / whole for column in columns)
    made = loss
    if settings.from_logits:
        # The least loss is the same; at a share of 0 it has no finite logit.
        from dlcalc.formulas.losses.registry import make

        made = make(name, settings._replace(from_logits=False, label_smoothing=None, weights=None))
    least = _least(made, data, shares, divisor)
    told = "the mean of the targets" if name == "kl" else "the shares of the classes"
    if any(abs(fsum(row) - 1) > 1e-9 for row in data.targets):
        told += ", weighted"
    if settings.from_logits:
        told += ", as probabilities"
    return Minimum(None, shares, told, least)
