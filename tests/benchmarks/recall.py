"""What recurrent cells remember: the first of 40 symbols, told at the end, over many seeds.

    python tests/benchmarks/recall.py [SEEDS [LENGTH]]

All have 32 hidden features and the same training. The forget gate of the LSTM and the
update gate of the GRU start with a bias of 1; beside them what becomes of 0. Whoever only
guesses among the four symbols is right in 0.25.
"""

from __future__ import annotations

import sys
from time import perf_counter

from dlcalc.answers.train_seeds import train_seeds

#: Smaller steps than for the task's own GRU, and clipped: what an LSTM has learnt it else loses.
TRAINING = {
    "samples": 500,
    "epochs": 200,
    "lr": 0.01,
    "clip_norm": 1.0,
    "initialiser": "orthogonal",
}
CELLS = (
    ("lstm:32", 1.0),
    ("lstm:32", 0.0),
    ("gru:32", 1.0),
    ("gru:32", 0.0),
    ("rnn:32", 1.0),
    ("rnn:32,act=sigmoid", 1.0),
)


def main() -> None:
    """Print how often each cell solves it, with the 95 % interval of that share."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    length = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    print(f"{'cell':20}{'bias':>5}{'mean accuracy':>15}{'worst':>8}{'solved':>12}{'seconds':>9}")
    for cell, bias in CELLS:
        began = perf_counter()
        result = train_seeds(
            f"recall:{length} {cell} last dense:4",
            seeds=seeds,
            forget_bias=bias,
            **TRAINING,  # type: ignore[arg-type]
        )
        spent = (perf_counter() - began) / seeds
        shown = "" if cell.startswith("rnn") else f"{bias:g}"
        print(
            f"{cell:20}{shown:>5}{result.value:15.4f}{min(result.trained):8.4f}"
            f"{result.reached:6} of {seeds:<3}{spent:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
