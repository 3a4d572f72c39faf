"""What torch.optim makes of weights and gradients drawn at random, step by step.

python tests/oracles/updates.py --record
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "data" / "torch_updates.jsonl"
STEPS = 12
#: Ours as a word, torch's class and its settings.
TWINS: list[tuple[str, str, dict[str, Any]]] = [
    ("sgd", "SGD", {}),
    ("momentum", "SGD", {"momentum": 0.9}),
    ("momentum:momentum=0.5,dampening=0.3", "SGD", {"momentum": 0.5, "dampening": 0.3}),
    ("nesterov:momentum=0.8", "SGD", {"momentum": 0.8, "nesterov": True}),
    ("adagrad", "Adagrad", {}),
    (
        "adagrad:eps=0.001,rate_decay=0.1,start=0.5",
        "Adagrad",
        {"eps": 1e-3, "lr_decay": 0.1, "initial_accumulator_value": 0.5},
    ),
    ("rmsprop", "RMSprop", {}),
    ("rmsprop:alpha=0.8,momentum=0.7", "RMSprop", {"alpha": 0.8, "momentum": 0.7}),
    ("rmsprop:centred=1,eps=0.0001", "RMSprop", {"centered": True, "eps": 1e-4}),
    ("adadelta", "Adadelta", {}),
    ("adadelta:rho=0.5,eps=0.001", "Adadelta", {"rho": 0.5, "eps": 1e-3}),
    ("adam", "Adam", {}),
    ("adam:beta1=0,beta2=0.9", "Adam", {"betas": (0.0, 0.9)}),
    ("adam:amsgrad=1,eps=0.01", "Adam", {"amsgrad": True, "eps": 1e-2}),
    ("adamw", "AdamW", {}),
    ("adamw:weight_decay=0.3", "AdamW", {"weight_decay": 0.3}),
]


def draws() -> list[dict[str, Any]]:
    """The questions: each twin by its own rate and another, plain and with weight decay."""
    rng = random.Random(6)
    found = []
    for word, _, _ in TWINS:
        for rate in (None, 0.05):
            for l2 in (0.0, 0.1):
                if l2 and word.startswith("adamw"):
                    continue
                weights = [round(rng.gauss(0, 1), 3) for _ in range(3)]
                gradients = [
                    [round(rng.gauss(0, 1) * 10 ** rng.randint(-2, 2), 4) for _ in weights]
                    for _ in range(STEPS)
                ]
                found.append(
                    {"word": word, "lr": rate, "l2": l2, "weights": weights, "gradients": gradients}
                )
    return found


def answered(question: dict[str, Any]) -> list[float]:
    """The weights after all steps by torch.optim."""
    import torch

    _, kind, settings = next(twin for twin in TWINS if twin[0] == question["word"])
    settings = dict(settings)
    if question["lr"] is not None:
        settings["lr"] = question["lr"]
    if question["l2"]:
        settings["weight_decay"] = question["l2"]
    vector = torch.tensor(question["weights"], dtype=torch.float64, requires_grad=True)
    optimiser = getattr(torch.optim, kind)([vector], **settings)
    for gradient in question["gradients"]:
        vector.grad = torch.tensor(gradient, dtype=torch.float64)
        optimiser.step()
    return [float(value) for value in vector.detach()]


def read() -> list[dict[str, Any]]:
    """The rows as recorded."""
    return [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Record the table."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/updates.py --record")
    import torch

    rows = [{**question, "after": answered(question)} for question in draws()]
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    TABLE.write_text(text, encoding="utf-8")
    print(f"{len(rows)} rows, torch {torch.__version__}")


if __name__ == "__main__":
    main()
