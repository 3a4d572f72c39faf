"""What PyTorch says of losses: each example's, the reduced one, its gradient and Hessian diagonal.

    python tests/oracles/torch_losses.py --record     writes tests/data/torch_losses.jsonl

Targets, predictions and settings are drawn once, with a few digits; in float64.
``quantile``, ``kl`` and ``contrastive`` are written with PyTorch's operations where
it has no such loss, or another convention.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

TABLE = Path(__file__).resolve().parent.parent / "data" / "torch_losses.jsonl"
Tensor = torch.Tensor
Case = dict[str, Any]


def _tensor(numbers: Any) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def _binary(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    smooth = case.get("label_smoothing", 0.0)
    t = t * (1 - smooth) + smooth / 2
    low, high = case.get("weights", (1.0, 1.0))
    if case.get("from_logits"):
        # Its one weight is that of the target 1, beside which 0 counts 1.
        found = functional.binary_cross_entropy_with_logits(
            x, t, pos_weight=_tensor(high / low), reduction=reduction
        )
        return found * low
    logit = torch.log(x) - torch.log1p(-x)
    found = functional.binary_cross_entropy_with_logits(
        logit, t, pos_weight=_tensor(high / low), reduction=reduction
    )
    return found * low


def _categorical(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    weights = _tensor(case["weights"]) if "weights" in case else None
    # Unshifted logarithms of probabilities are the logits of these probabilities.
    logits = x if case.get("from_logits") else torch.log(x)
    if not case.get("from_logits"):
        return _from_logs(logits, t, case, weights, reduction)
    return functional.cross_entropy(
        logits,
        t.long() if t.ndim < x.ndim else t,
        weight=weights,
        label_smoothing=case.get("label_smoothing", 0.0),
        reduction=reduction,
    )


def _from_logs(logs: Tensor, t: Tensor, case: Case, weights: Tensor | None, how: str) -> Tensor:
    """Without softmax, so that the derivative is by the probabilities themselves."""
    classes, smooth = logs.shape[-1], case.get("label_smoothing", 0.0)
    is_class = t.ndim < logs.ndim
    by_class = torch.ones(classes, dtype=torch.float64) if weights is None else weights
    shares = functional.one_hot(t.long(), classes).double() if is_class else t
    wanted = (shares * (1 - smooth) + smooth / classes) * by_class
    found = -(wanted * logs).sum(-1)
    if how == "none":
        return found
    count = by_class[t.long()].sum() if is_class else _tensor(float(found.numel()))
    return found.sum() / count if how == "mean" else found.sum()


def _divergence(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    logs = functional.log_softmax(x, -1) if case.get("from_logits") else torch.log(x)
    found = functional.kl_div(logs, t, reduction="none").sum(-1)
    return _joined(found, reduction)


def _quantile(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    d = t - x
    found = torch.maximum(case["q"] * d, (case["q"] - 1) * d)
    return _joined(found, reduction)


def _hinge(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    found = torch.clamp_min(case.get("margin", 1.0) - t * x, 0)
    return _joined(found, reduction)


def _contrastive(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    room = torch.clamp_min(case.get("margin", 1.0) - x, 0)
    return _joined(t * x**2 + (1 - t) * room**2, reduction)


def _joined(found: Tensor, reduction: str) -> Tensor:
    return {"none": found, "sum": found.sum(), "mean": found.mean()}[reduction]


def _mse(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    weight = _tensor(case["weights"]) if "weights" in case else None
    return functional.mse_loss(x, t, reduction=reduction, weight=weight)


def _mae(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    weight = _tensor(case["weights"]) if "weights" in case else None
    return functional.l1_loss(x, t, reduction=reduction, weight=weight)


def _huber(x: Tensor, t: Tensor, case: Case, reduction: str) -> Tensor:
    return functional.huber_loss(x, t, reduction=reduction, delta=case.get("delta", 1.0))


LOSSES: dict[str, Callable[[Tensor, Tensor, Case, str], Tensor]] = {
    "mse": _mse,
    "mae": _mae,
    "huber": _huber,
    "quantile": _quantile,
    "bce": _binary,
    "ce": _categorical,
    "hinge": _hinge,
    "kl": _divergence,
    "contrastive": _contrastive,
}
SETTINGS: dict[str, list[Case]] = {
    "mse": [{}, {"weights": 4}],
    "mae": [{}, {"weights": 4}],
    "huber": [{}, {"delta": 0.25}, {"delta": 3.0}],
    "quantile": [{"q": 0.9}, {"q": 0.5}, {"q": 0.05}],
    "bce": [
        {},
        {"from_logits": True},
        {"from_logits": True, "label_smoothing": 0.1},
        {"from_logits": True, "weights": 2},
        {"label_smoothing": 0.2, "weights": 2},
        {"from_logits": True, "far": True},
    ],
    "ce": [
        {"from_logits": True},
        {"from_logits": True, "label_smoothing": 0.1},
        {"from_logits": True, "weights": 3},
        {"from_logits": True, "weights": 3, "label_smoothing": 0.3},
        {"from_logits": True, "shares": True},
        {"from_logits": True, "shares": True, "weights": 3, "label_smoothing": 0.2},
        {"from_logits": True, "far": True},
        {},
        {"shares": True},
        {"weights": 3, "label_smoothing": 0.1},
    ],
    "hinge": [{}, {"margin": 0.5}],
    "kl": [{}, {"from_logits": True}],
    "contrastive": [{}, {"margin": 2.5}],
}
EXAMPLES, CLASSES, DRAWS = 4, 3, 5


def drawn(name: str, settings: Case, draw: random.Random) -> Case:
    """A question: a target, a prediction, and the settings with numbers in them."""
    case = {key: value for key, value in settings.items() if key not in ("far", "shares")}
    if "weights" in case:
        case["weights"] = [round(draw.uniform(0.2, 3), 2) for _ in range(case["weights"])]
    spread = 900.0 if settings.get("far") else 2.0
    in_rows = name in ("ce", "kl")

    def shares() -> list[float]:
        cuts = sorted(draw.sample(range(1, 100), CLASSES - 1))
        return [(b - a) / 100 for a, b in zip([0, *cuts], [*cuts, 100])]

    def number() -> float:
        return round(draw.gauss(0, spread), 3)

    if in_rows:
        logits = [[number() for _ in range(CLASSES)] for _ in range(EXAMPLES)]
        prediction: Any = logits if case.get("from_logits") else [shares() for _ in range(EXAMPLES)]
        target: Any = [draw.randrange(CLASSES) for _ in range(EXAMPLES)]
        if name == "kl" or settings.get("shares"):
            target = [shares() for _ in range(EXAMPLES)]
    else:
        prediction = [number() for _ in range(EXAMPLES)]
        target = [number() for _ in range(EXAMPLES)]
        if name == "bce":
            target = [round(draw.random(), 2) for _ in range(EXAMPLES)]
            if not case.get("from_logits"):
                prediction = [round(draw.uniform(0.01, 0.99), 3) for _ in range(EXAMPLES)]
        if name == "hinge":
            target = [draw.choice((-1, 1)) for _ in range(EXAMPLES)]
        if name == "contrastive":
            prediction = [abs(x) for x in prediction]
            target = [draw.choice((0, 1)) for _ in range(EXAMPLES)]
    return {"loss": name, "target": target, "prediction": prediction, **case}


def said(case: Case) -> Case:
    """What PyTorch says to a question."""
    x = _tensor(case["prediction"]).requires_grad_()
    t = _tensor(case["target"])
    function = LOSSES[case["loss"]]
    answers: Case = {"none": function(x, t, case, "none").tolist()}
    for reduction in ("mean", "sum"):
        value = function(x, t, case, reduction)
        (gradient,) = torch.autograd.grad(value, x, create_graph=True)
        answers[reduction] = value.item()
        answers[f"{reduction}_gradient"] = gradient.tolist()
        answers[f"{reduction}_second"] = _diagonal(gradient, x).tolist()
    return answers


def _diagonal(gradient: Tensor, x: Tensor) -> Tensor:
    """The diagonal of the Hessian, a number at a time."""
    found = torch.zeros_like(x)
    if not gradient.requires_grad:
        return found
    for index in range(x.numel()):
        (row,) = torch.autograd.grad(
            gradient.reshape(-1)[index], x, retain_graph=True, allow_unused=True
        )
        found.view(-1)[index] = 0.0 if row is None else row.reshape(-1)[index]
    return found


def rows() -> list[Case]:
    """The recorded rows: questions with PyTorch's answers."""
    draw = random.Random(6)
    questions = [
        drawn(name, settings, draw)
        for name, many in SETTINGS.items()
        for settings in many
        for _ in range(DRAWS)
    ]
    return [{"ask": question, "torch": said(question)} for question in questions]


def recorded() -> list[Case]:
    """The rows of the table."""
    return [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Record the table."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/torch_losses.py --record")
    found = rows()
    text = "".join(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n" for row in found)
    TABLE.write_text(text, encoding="utf-8")
    print(f"{len(found):,} rows, torch {torch.__version__}")


if __name__ == "__main__":
    main()
