"""SciPy as the witness of softmax: of infinite logits and nan, and of random ones.

python tests/oracles/scipy_softmax.py --record     writes tests/data/scipy_softmax.json
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import arithmetic_draws as draws
import numpy as np
import scipy
from scipy.special import log_softmax, logsumexp, softmax

DATA = Path(__file__).resolve().parent.parent / "data" / "scipy_softmax.json"


def answers(logits: list[float]) -> dict[str, list[str]]:
    """Softmax, log-softmax and log-sum-exp."""
    z = np.array(logits)
    with np.errstate(all="ignore"):
        return {
            "softmax": [str(v) for v in softmax(z).tolist()],
            "log-softmax": [str(v) for v in log_softmax(z).tolist()],
            "log-sum-exp": [str(float(logsumexp(z)))],
        }


def vectors(seed: int = 0, count: int = 100) -> list[list[float]]:
    """Random logits, near one another and far apart."""
    draw = random.Random(seed)
    return [
        [draw.gauss(0, 10.0 ** draw.randrange(-2, 4)) for _ in range(draw.randrange(1, 9))]
        for _ in range(count)
    ]


def main() -> None:
    """Write the table."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/scipy_softmax.py --record")
    found = {
        "scipy": scipy.__version__,
        "odd": [{"logits": list(map(str, z)), **answers(z)} for z in draws.ODD],
        "random": [{"logits": list(map(str, z)), **answers(z)} for z in vectors()],
    }
    text = json.dumps(found, separators=(",", ":")).replace('{"logits"', '\n{"logits"')
    DATA.write_text(text + "\n", encoding="utf-8")
    print(f"{len(draws.ODD)} odd and {len(vectors())} random vectors, scipy {scipy.__version__}")


if __name__ == "__main__":
    main()
