"""What PyTorch and scikit-learn make of data drawn at random: values, gradients, statistics.

python tests/oracles/norms.py --record
"""

from __future__ import annotations

import json
import random
import sys
from math import prod
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "data" / "norms.jsonl"
#: Methods, sizes and options of ours.
QUESTIONS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("batch", (5, 3), {}),
    ("batch", (4, 3, 5), {"eps": 0.1}),
    ("batch", (3, 2, 4, 5), {"momentum": 0.3}),
    ("batch", (2, 2, 2, 3, 2), {}),
    ("layer", (4, 6), {}),
    ("layer", (2, 3, 4), {}),
    ("layer", (2, 3, 4), {"last": 1}),
    ("layer", (2, 2, 3, 3), {"eps": 1e-3, "last": 2}),
    ("group", (3, 6), {"groups": 2}),
    ("group", (2, 4, 3, 3), {"groups": 2}),
    ("group", (2, 4, 5), {"groups": 4}),
    ("instance", (2, 3, 4), {}),
    ("instance", (2, 3, 3, 4), {"eps": 1e-2}),
    ("rms", (4, 6), {}),
    ("rms", (2, 3, 4), {"eps": 1e-3}),
    ("l2", (4, 5), {}),
    ("l2", (2, 3, 2, 2), {}),
    ("zscore", (6, 3), {"ddof": 0}),
    ("zscore", (6, 3), {}),
    ("minmax", (6, 3), {}),
    ("minmax", (6, 3), {"ends": [-1, 2]}),
]


def draws() -> list[dict[str, Any]]:
    """The questions with their numbers."""
    rng = random.Random(7)
    found = []
    for method, sizes, options in QUESTIONS:

        def numbers(count: int, spread: float = 3.0) -> list[float]:
            return [round(rng.gauss(1, spread), 3) for _ in range(count)]

        row: dict[str, Any] = {"method": method, "sizes": sizes, "options": dict(options)}
        row["data"], row["cotangent"] = numbers(prod(sizes)), numbers(prod(sizes), 1.0)
        if method not in ("l2", "zscore", "minmax"):
            last = options.get("last", len(sizes) - 1)
            count = prod(sizes[-last:]) if method in ("layer", "rms") else sizes[1]
            row["options"]["gamma"] = numbers(count, 1.0)
            if method != "rms":
                row["options"]["beta"] = numbers(count, 1.0)
        found.append(row)
    return found


def answered(row: dict[str, Any]) -> dict[str, Any]:
    """Values, and where PyTorch has the method gradients and running statistics."""
    import torch
    from torch.nn import functional as F

    method, sizes, options = row["method"], tuple(row["sizes"]), dict(row["options"])
    x = torch.tensor(row["data"], dtype=torch.float64).reshape(sizes).requires_grad_()
    weight, bias = (
        torch.tensor(options[name], dtype=torch.float64, requires_grad=True)
        if name in options
        else None
        for name in ("gamma", "beta")
    )
    eps = options.get("eps", {"rms": 1e-6, "l2": 1e-12}.get(method, 1e-5))
    kept: dict[str, Any] = {}
    if method == "batch":
        mean = torch.zeros(sizes[1], dtype=torch.float64)
        variance = torch.ones(sizes[1], dtype=torch.float64)
        share = options.get("momentum", 0.1)
        y = F.batch_norm(x, mean, variance, weight, bias, True, share, eps)
        kept = {"running_mean": mean.tolist(), "running_var": variance.tolist()}
    elif method in ("layer", "rms"):
        shape = sizes[-options.get("last", len(sizes) - 1) :]
        weight_as, bias_as = (None if t is None else t.reshape(shape) for t in (weight, bias))
        if method == "layer":
            y = F.layer_norm(x, shape, weight_as, bias_as, eps)
        else:
            y = F.rms_norm(x, shape, weight_as, eps)
    elif method == "group":
        y = F.group_norm(x, options["groups"], weight, bias, eps)
    elif method == "instance":
        y = F.instance_norm(x, weight=weight, bias=bias, eps=eps)
    elif method == "l2":
        y = F.normalize(x, eps=eps)
    elif method == "zscore":
        y = (x - x.mean(0)) / x.std(0, correction=options.get("ddof", 1))
        if options.get("ddof") == 0:
            kept = {"scaler": _scaled("StandardScaler", row)}
    else:
        low, high = options.get("ends", (0, 1))
        y = (x - x.amin(0)) / (x.amax(0) - x.amin(0)) * (high - low) + low
        kept = {"scaler": _scaled("MinMaxScaler", row, feature_range=(low, high))}
    (y * torch.tensor(row["cotangent"], dtype=torch.float64).reshape(sizes)).sum().backward()
    found = {"output": y.detach().flatten().tolist(), "x": x.grad.flatten().tolist(), **kept}
    for name, tensor in (("gamma", weight), ("beta", bias)):
        if tensor is not None:
            found[name] = tensor.grad.flatten().tolist()
    return found


def _scaled(name: str, row: dict[str, Any], **settings: Any) -> list[float]:
    import numpy as np
    from sklearn import preprocessing

    data = np.reshape(row["data"], row["sizes"])
    scaled = getattr(preprocessing, name)(**settings).fit_transform(data)
    return [float(value) for value in scaled.ravel()]


def read() -> list[dict[str, Any]]:
    """The rows as recorded."""
    return [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Record the table."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/norms.py --record")
    import sklearn
    import torch

    rows = [{**row, "answer": answered(row)} for row in draws()]
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    TABLE.write_text(text, encoding="utf-8")
    print(f"{len(rows)} rows, torch {torch.__version__}, scikit-learn {sklearn.__version__}")


if __name__ == "__main__":
    main()
