"""A recorded net run by the engine: the same arrays, from the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles.arrays import Array, Record, distance, numbers, statistic, word_numbers

from dlcalc.answers.network import load_line
from dlcalc.engine.points import words
from dlcalc.engine.program import Program
from dlcalc.layers.convention import CONVENTIONS

#: What may be off in float64, relative to the largest number of an array.
EXACT = 1e-10


def replayed(record: Record, dtype: Any = np.float64) -> dict[str, Array]:
    """What the engine makes of a record's line."""
    line = record.line
    start, net = load_line(line)
    settings: Any = {"batch": record.batch, "training": record.training, "dtype": dtype}
    program = Program(net, start.sizes, convention=CONVENTIONS[record.like], **settings)
    for name, tensor in program.tensors.items():
        tensor.value[...] = numbers(f"{line} {name}", *tensor.value.shape)
    kept = {n: a for n, a in program.statistics.items() if n.rpartition(".")[2] not in _UNSEEN}
    for name, array in kept.items():
        array[...] = statistic(f"{line} {name}", *array.shape)
    for name, memory in program.memories.items():
        memory.data[...] = numbers(f"{line} {name}.memory", *memory.data.shape)
    x, vocabulary = program.input, words(net)
    x.data[...] = numbers(f"{line} input", *x.data.shape)
    if vocabulary is not None:
        x.data[...] = word_numbers(f"{line} input", vocabulary, *x.data.shape)
    # What stood there before must not matter.
    program.gradient.fill(7)
    program.forward()
    program.output.cotangent[...] = numbers(f"{line} cotangent", *program.output.data.shape)
    program.backward()
    found = {"output": program.output.data}
    if vocabulary is None:
        found["d input"] = x.cotangent
    found |= {f"d {name}.memory": memory.cotangent for name, memory in program.memories.items()}
    found |= {f"d {name}": tensor.gradient for name, tensor in program.tensors.items()}
    found |= kept
    return {name: array.astype(np.float64) for name, array in found.items()}


#: Statistics that no framework's layer has.
_UNSEEN = ("num_batches_tracked", "ids")


def off(record: Record, dtype: Any = np.float64) -> float:
    """How far the engine is from a record."""
    return distance(replayed(record, dtype), record.arrays)
