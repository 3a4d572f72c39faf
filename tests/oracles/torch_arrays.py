"""PyTorch as the witness of numbers: outputs and gradients of small random nets.

The nets are those of `torch_layers`, small ones of every kind, and a few layers that
torch has no module for but says in a line or two. In training where nothing is drawn
at random, else in evaluation.

    python tests/oracles/torch_arrays.py --record     writes tests/data/torch_arrays.npz
"""

from __future__ import annotations

import random
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from oracles import torch_layers
from oracles.arrays import (
    Array,
    Record,
    distance,
    main,
    numbers,
    statistic,
    usable,
    word_numbers,
    write,
)
from oracles.drawing import Rejected
from oracles.torch_others import OTHERS
from oracles.torch_parts import Draw, Part
from torch import Tensor, nn

RECORD_SEED, RECORD_EACH = 20_261, 12
RECORD_DRAWS = 6_000
BATCH = 2


class _Run(torch_layers.Run):
    """Layers at work on the numbers that their names make, and what is behind them."""

    def __init__(self, line: str, *, training: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.line, self.training, self.dtype = line, training, dtype
        self.modules: list[tuple[nn.Module, Part, str]] = []
        self.memories: dict[str, Tensor] = {}

    def prepare(self, module: nn.Module, part: Part, name: str) -> None:
        module.to(self.dtype).train(self.training)
        self.modules.append((module, part, name))
        with torch.no_grad():
            for key, tensor in module.named_parameters():
                tensor.zero_()
                for own, values in part.names(key, tensor):
                    values.copy_(torch.tensor(numbers(f"{self.line} {name}{own}", *values.shape)))
            for key, tensor in module.named_buffers():
                if tensor.is_floating_point():
                    drawn = statistic(f"{self.line} {name}{key}", *tensor.shape)
                    tensor.copy_(torch.tensor(drawn))
        if hasattr(module, "memory"):
            sizes = (BATCH, *module.memory.shape[1:])
            drawn = torch.tensor(numbers(f"{self.line} {name}memory", *sizes), dtype=self.dtype)
            module.memory = self.memories[f"{name}memory"] = drawn.requires_grad_()

    def gradients(self) -> dict[str, Array]:
        """The gradients of all parameters by dlcalc's names; 0 where none came back."""
        found = {}
        for module, part, name in self.modules:
            for key, tensor in module.named_parameters():
                gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
                for own, values in part.names(key, gradient):
                    found[f"d {name}{own}"] = _array(values)
        return found

    def statistics(self) -> dict[str, Array]:
        """What was kept but not trained, as it is afterwards."""
        return {
            f"{name}{key}": _array(tensor)
            for module, _, name in self.modules
            for key, tensor in module.named_buffers()
            if tensor.is_floating_point()
        }


def arrays(draw: Draw, *, training: bool, dtype: torch.dtype = torch.float64) -> dict[str, Array]:
    """Output and gradients of a draw. Raises `Rejected` where torch refuses it."""
    run = _Run(draw.line, training=training, dtype=dtype)
    sizes = (BATCH, *draw.sizes)
    x = torch.tensor(numbers(f"{draw.line} input", *sizes), dtype=dtype, requires_grad=True)
    if draw.parts[0].kind == "embedding":
        vocabulary = draw.parts[0].build(draw.sizes).num_embeddings
        x = torch.tensor(word_numbers(f"{draw.line} input", vocabulary, *sizes), dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = run.through(draw.parts, x)
    y.backward(torch.tensor(numbers(f"{draw.line} cotangent", *y.shape), dtype=dtype))
    found = {"output": _array(y)}
    if x.requires_grad:
        found["d input"] = _array(torch.zeros_like(x) if x.grad is None else x.grad)
    found |= {f"d {name}": _array(memory.grad) for name, memory in run.memories.items()}
    return found | run.gradients() | run.statistics()


def _array(tensor: Tensor) -> Array:
    found: Array = tensor.detach().double().numpy().copy()
    return found


def record_of(draw: Draw, *, training: bool) -> Record:
    """What is recorded of a draw. Raises `Rejected` where torch refuses it, or it is too large."""
    exact = arrays(draw, training=training)
    if not usable(exact):
        raise Rejected("by definition: too large, or not of numbers")
    single = distance(arrays(draw, training=training, dtype=torch.float32), exact)
    return Record(draw.line, "torch", BATCH, training, single, exact)


def draws(count: int, seed: int) -> Iterator[tuple[Draw, bool]]:
    """That many draws and whether they train; the same for the same seed."""
    rng = random.Random(seed)
    for draw in torch_layers.draws(count, seed):
        drops = "dropout" in draw.line
        yield draw._replace(batch=BATCH), not drops and rng.random() < 0.5


def records(chosen: Iterable[tuple[Draw, bool]]) -> Iterator[Record]:
    """The records of those that torch takes and that are small."""
    for draw, training in chosen:
        try:
            yield record_of(draw, training=training)
        except Rejected:
            continue


def record_rows() -> list[Record]:
    """Of every kind the first few, and the others."""
    seen: Counter[str] = Counter()
    found = {record.line: record for record in records((draw, False) for draw in OTHERS)}
    for draw, training in draws(RECORD_DRAWS, RECORD_SEED):
        kinds = {word for part in draw.parts for word in part.kinds()}
        if draw.line not in found and min(seen[kind] for kind in kinds) < RECORD_EACH:
            for record in records([(draw, training)]):
                found[draw.line] = record
                seen.update(kinds)
    return list(found.values())


def record() -> None:
    """Write the records."""
    torch.set_num_threads(1)
    write("torch", record_rows(), f"torch {torch.__version__}")


if __name__ == "__main__":
    main("torch", record)
