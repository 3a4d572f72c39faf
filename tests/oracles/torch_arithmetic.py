"""PyTorch's bfloat16 as the witness of rounding, and its softmax of infinite logits and nan.

    python tests/oracles/torch_arithmetic.py --record     writes tests/data/torch_arithmetic.json

Recorded are the results of `COUNT` random operations of each kind: the first few in
full, all of them as a digest, for they must agree bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import arithmetic_draws as draws
import torch

DATA = Path(__file__).resolve().parent.parent / "data" / "torch_arithmetic.json"
SHOWN = 50
OPERATIONS = {
    "add": torch.add,
    "subtract": torch.subtract,
    "multiply": torch.multiply,
    "divide": torch.divide,
}


def bfloat16(bits: list[int]) -> torch.Tensor:
    """Numbers of these bits."""
    signed = [b - 65536 if b >= 32768 else b for b in bits]
    return torch.tensor(signed, dtype=torch.int16).view(torch.bfloat16)


def results(name: str) -> list[int]:
    """The bits of what the operation makes of every drawn pair, one nan for all of them."""
    a, b = (bfloat16(each) for each in draws.pairs())
    found = OPERATIONS[name](a, b)
    bits = found.view(torch.int16).tolist()
    nan = torch.isnan(found).tolist()
    return [draws.NAN if n else b & 0xFFFF for b, n in zip(bits, nan, strict=True)]


def functions(name: str) -> list[int]:
    """The bits of exp or log of every number that there is."""
    found = getattr(torch, name)(bfloat16(list(range(65536))))
    nan = torch.isnan(found).tolist()
    bits = found.view(torch.int16).tolist()
    return [draws.NAN if n else b & 0xFFFF for b, n in zip(bits, nan, strict=True)]


def odd(logits: list[float]) -> dict[str, list[str]]:
    """Softmax, log-softmax and log-sum-exp of logits that are not all finite."""
    z = torch.tensor(logits, dtype=torch.float64)
    return {
        "softmax": [str(v) for v in torch.softmax(z, 0).tolist()],
        "log-softmax": [str(v) for v in torch.log_softmax(z, 0).tolist()],
        "log-sum-exp": [str(torch.logsumexp(z, 0).item())],
    }


def digest(bits: list[int]) -> str:
    """One text for all results."""
    return hashlib.sha256(b"".join(b.to_bytes(2, "little") for b in bits)).hexdigest()


def main() -> None:
    """Write the table."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/torch_arithmetic.py --record")
    found: dict[str, object] = {"torch": torch.__version__.partition("+")[0]}
    for name in OPERATIONS:
        bits = results(name)
        found[name] = {"first": bits[:SHOWN], "all": digest(bits)}
    for name in ("exp", "log"):
        bits = functions(name)
        found[name] = {"all": digest(bits)}
    found["odd"] = [{"logits": list(map(str, z)), **odd(z)} for z in draws.ODD]
    text = json.dumps(found, separators=(",", ":")).replace('"all"', '\n"all"')
    DATA.write_text(text + "\n", encoding="utf-8")
    print(f"{draws.COUNT:,} operations of each kind, torch {torch.__version__}")


if __name__ == "__main__":
    main()
