"""What PyTorch says of activations: values, gradients, second gradients, gains.

    python tests/oracles/torch_activations.py --record     writes tests/data/torch_activations.jsonl

A point is held as a hexadecimal float, so that both see the same number. Second
gradients go through autograd twice; where PyTorch has none they are null.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

TABLE = Path(__file__).resolve().parent.parent / "data" / "torch_activations.jsonl"
FUNCTIONS = {
    "identity": lambda x: x * 1,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "leaky_relu": functional.leaky_relu,
    "leaky_relu:0.3": lambda x: functional.leaky_relu(x, 0.3),
    "leaky_relu:-0.7": lambda x: functional.leaky_relu(x, -0.7),
    "leaky_relu:1.5": lambda x: functional.leaky_relu(x, 1.5),
    "prelu:0.1": lambda x: functional.prelu(x, torch.tensor([0.1], dtype=torch.float64)),
    "elu": functional.elu,
    "elu:0.4": lambda x: functional.elu(x, 0.4),
    "elu:2": lambda x: functional.elu(x, 2.0),
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": functional.logsigmoid,
    "hardsigmoid": functional.hardsigmoid,
    "hardswish": functional.hardswish,
    "tanh": torch.tanh,
    "hardtanh": functional.hardtanh,
    # PyTorch takes x itself above a threshold, which is put out of reach here.
    "softplus": lambda x: functional.softplus(x, threshold=1e9),
    "softsign": functional.softsign,
}
#: Between the kinks, at them, and far out.
POINTS = [
    *(n / 4 + 1 / 64 for n in range(-40, 40)),
    *(0.0, -1.0, 1.0, -3.0, 3.0, 6.0),
    *(-700.0, -100.0, -36.5, -20.0, 20.0, 36.5, 100.0, 700.0),
]
GAINS = ("linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu")


def rows() -> list[dict[str, object]]:
    """The recorded rows: one for each activation and point, then the gains."""
    found: list[dict[str, object]] = []
    for word, function in FUNCTIONS.items():
        for point in POINTS:
            x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
            value = function(x)
            (slope,) = torch.autograd.grad(value, x, create_graph=True)
            second = _second(slope, x)
            numbers = [value.item(), slope.item(), second]
            found.append({"activation": word, "x": point.hex(), "torch": numbers})
    for name in GAINS:
        parameter = 0.3 if name == "leaky_relu" else None
        gain = nn.init.calculate_gain(name, parameter)  # type: ignore[arg-type]
        found.append({"gain": name, "torch": gain})
    return found


def _second(slope: torch.Tensor, x: torch.Tensor) -> float | None:
    try:
        return float(torch.autograd.grad(slope, x)[0].item())
    except RuntimeError:
        # Not implemented, or the slope is a constant.
        return None


def recorded() -> list[dict[str, object]]:
    """The rows of the table."""
    return [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Record the table."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/torch_activations.py --record")
    found = rows()
    assert all(math.isfinite(x) for row in found for x in _numbers(row["torch"]))
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in found)
    TABLE.write_text(text, encoding="utf-8")
    print(f"{len(found):,} rows, torch {torch.__version__}")


def _numbers(said: object) -> list[float]:
    parts = said if isinstance(said, list) else [said]
    return [part for part in parts if part is not None]


if __name__ == "__main__":
    main()
