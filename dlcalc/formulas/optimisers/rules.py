"""The eight rules and their settings.

Each moves one weight: from w, its gradient, the rate, the number t of the step (from 1)
and what the optimiser keeps of the weight, to the new w. ``lines`` is the same as text,
which Python reads; the last line is the new weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

State = dict[str, float]
Settings = dict[str, float]


class Setting(NamedTuple):
    """A number of an optimiser: at least 0 and below ``high``."""

    default: float
    high: float = math.inf


class Rule(NamedTuple):
    """An optimiser; ``twin`` is what it is called in torch.optim, whose defaults it has."""

    name: str
    twin: str
    rate: float
    settings: dict[str, Setting]
    #: What it keeps of a weight from step to step, from 0 unless ``begin`` says else.
    keeps: Callable[[Settings], tuple[str, ...]]
    lines: Callable[[Settings], tuple[str, ...]]
    move: Callable[[float, float, float, int, State, Settings], float]

    def begin(self, settings: Settings) -> State:
        """What is kept of a weight before the first step."""
        return dict.fromkeys(self.keeps(settings), settings.get("start", 0.0))


def _share(default: float) -> Setting:
    return Setting(default, 1.0)


_FLAG = Setting(0.0, 2.0)


def _gd(w: float, grad: float, lr: float, t: int, kept: State, s: Settings) -> float:
    return w - lr * grad


def _momentum(w: float, grad: float, lr: float, t: int, kept: State, s: Settings) -> float:
    # torch.optim.SGD takes the first gradient whole.
    share = 1 - s["dampening"] if t > 1 else 1.0
    kept["v"] = s["momentum"] * kept["v"] + share * grad
    return w - lr * kept["v"]


def _momentum_lines(s: Settings) -> tuple[str, ...]:
    share = "(1 - dampening if t > 1 else 1)*" if s["dampening"] else ""
    return f"v = momentum*v + {share}grad", "w = w - lr*v"


def _nesterov(w: float, grad: float, lr: float, t: int, kept: State, s: Settings) -> float:
    kept["v"] = s["momentum"] * kept["v"] + grad
    return w - lr * (grad + s["momentum"] * kept["v"])


def _adagrad(w: float, grad: float, lr: float, t: int, kept: State, s: Settings) -> float:
    kept["s"] += grad * grad
    lr = lr / (1 + (t - 1) * s["rate_decay"])
    root = math.sqrt(kept["s"]) + s["eps"]
    return w - lr * grad / root if grad else w


def _adagrad_lines(s: Settings) -> tuple[str, ...]:
    slower = "/(1 + (t - 1)*rate_decay)" if s["rate_decay"] else ""
    return "s = s + grad**2", f"w = w - lr{slower}*grad/(sqrt(s) + eps)"


def _rmsprop(w: float, grad: float, lr: float, t: int, kept: State, s: Settings) -> float:
    kept["s"] = s["alpha"] * kept["s"] + (1 - s["alpha"]) * (grad * grad)
    variance = kept["s"]
    if s["centred"]:
        kept["m"] = s["alpha"] * kept["m"] + (1 - s["alpha"]) * grad
        # Rounding may make a variance negative, whose root torch.optim takes for NaN.
        variance = max(kept["s"] - kept["m"] * kept["m"], 0.0)
    step = grad / (math.sqrt(variance) + s["eps"]) if grad else 0.0
    if s["momentum"]:
        kept["v"] = s["momentum"] * kept["v"] + step
        step = kept["v"]
    return w - lr * step


def _rmsprop_keeps(s: Settings) -> tuple[str, ...]:
    return ("s", *(["m"] if s["centred"] else []), *(["v"] if s["momentum"] else []))


def _rmsprop_lines(s: Settings) -> tuple[str, ...]:
    lines = ["s = alpha*s + (1 - alpha)*grad**2"]
    root = "sqrt(s)"
    if s["centred"]:
        lines.append("m = alpha*m + (1 - alpha)*grad")
        root = "sqrt(max(s - m**2, 0))"
    if s["momentum"]:
        return *lines, f"v = momentum*v + grad/({root} + eps)", "w = w - lr*v"
    return *lines, f"w = w - lr*grad/({root} + eps)"


def _adadelta(w: float, grad: float, lr: float, t: int, kept: State, s: Settings) -> float:
    kept["s"] = s["rho"] * kept["s"] + (1 - s["rho"]) * (grad * grad)
    # With eps = 0 the first root is 0/0 where nothing was seen yet; grad is 0 there.
    step = math.sqrt((kept["u"] + s["eps"]) / (kept["s"] + s["eps"])) * grad if grad else 0.0
    kept["u"] = s["rho"] * kept["u"] + (1 - s["rho"]) * (step * step)
    kept["d"] = step
    return w - lr * step


def _adam(w: float, grad: float, lr: float, t: int, kept: State, s: Settings) -> float:
    beta1, beta2 = s["beta1"], s["beta2"]
    kept["m"] = beta1 * kept["m"] + (1 - beta1) * grad
    kept["s"] = beta2 * kept["s"] + (1 - beta2) * (grad * grad)
    largest = kept["s"]
    if s["amsgrad"]:
        largest = kept["h"] = max(kept["h"], kept["s"])
    mean = kept["m"] / (1 - beta1**t)
    root = math.sqrt(largest / (1 - beta2**t)) + s["eps"]
    return w - lr * mean / root if mean else w


def _adam_lines(s: Settings) -> tuple[str, ...]:
    lines = ["m = beta1*m + (1 - beta1)*grad", "s = beta2*s + (1 - beta2)*grad**2"]
    if s["amsgrad"]:
        lines.append("h = max(h, s)")
    largest = "h" if s["amsgrad"] else "s"
    return *lines, f"w = w - lr*(m/(1 - beta1**t))/(sqrt({largest}/(1 - beta2**t)) + eps)"


_ADAM = {
    "beta1": _share(0.9),
    "beta2": _share(0.999),
    "eps": Setting(1e-8),
    "amsgrad": _FLAG,
}

_SGD = Rule("sgd", "SGD", 1e-3, {}, lambda s: (), lambda s: ("w = w - lr*grad",), _gd)
_ADAM_RULE = Rule(
    "adam",
    "Adam",
    1e-3,
    _ADAM,
    lambda s: ("m", "s", "h") if s["amsgrad"] else ("m", "s"),
    _adam_lines,
    _adam,
)

#: By every name. AdamW is Adam on weights that shrink before the step: its
#: ``weight_decay`` is read where all decoupled decay is.
RULES: dict[str, Rule] = {
    "sgd": _SGD,
    "gd": _SGD,
    "momentum": Rule(
        "momentum",
        "SGD(momentum=...)",
        1e-3,
        {"momentum": _share(0.9), "dampening": _share(0.0)},
        lambda s: ("v",),
        _momentum_lines,
        _momentum,
    ),
    "nesterov": Rule(
        "nesterov",
        "SGD(momentum=..., nesterov=True)",
        1e-3,
        {"momentum": _share(0.9)},
        lambda s: ("v",),
        lambda s: ("v = momentum*v + grad", "w = w - lr*(grad + momentum*v)"),
        _nesterov,
    ),
    "adagrad": Rule(
        "adagrad",
        "Adagrad",
        1e-2,
        {"eps": Setting(1e-10), "rate_decay": Setting(0.0), "start": Setting(0.0)},
        lambda s: ("s",),
        _adagrad_lines,
        _adagrad,
    ),
    "rmsprop": Rule(
        "rmsprop",
        "RMSprop",
        1e-2,
        {"alpha": _share(0.99), "eps": Setting(1e-8), "momentum": _share(0.0), "centred": _FLAG},
        _rmsprop_keeps,
        _rmsprop_lines,
        _rmsprop,
    ),
    "adadelta": Rule(
        "adadelta",
        "Adadelta",
        1.0,
        {"rho": _share(0.9), "eps": Setting(1e-6)},
        lambda s: ("s", "u", "d"),
        lambda s: (
            "s = rho*s + (1 - rho)*grad**2",
            "d = sqrt((u + eps)/(s + eps))*grad",
            "u = rho*u + (1 - rho)*d**2",
            "w = w - lr*d",
        ),
        _adadelta,
    ),
    "adam": _ADAM_RULE,
    "adamw": _ADAM_RULE._replace(
        name="adamw", twin="AdamW", settings={**_ADAM, "weight_decay": Setting(1e-2)}
    ),
}
