"""Functions of a few bits, learnt from their truth table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from dlcalc.engine.tasks.task import Array, Data, Recipe, Task, task

#: Tables up to this many rows are learnt whole.
_WHOLE = 1_024
_SMALL = Recipe("dense:1", "adam", 0.1, 0, 200, "binary-cross-entropy")


def _table(
    rule: Callable[[Array], Array],
    bits: int,
    draw: np.random.Generator,
    samples: int,
    noise: float,
) -> Data:
    """Rows of the truth table, each once before one comes again; noise moves the bits."""
    rows = np.arange(samples) % 2**bits
    if samples < 2**bits:
        rows = np.sort(draw.permutation(2**bits)[:samples])
    table = rows[:, None] >> np.arange(bits - 1, -1, -1) & 1
    return Data(table + noise * draw.normal(size=table.shape), rule(table).astype(np.int64))


def _both(table: Array) -> Array:
    both: Array = table.min(axis=1)
    return both


def _either(table: Array) -> Array:
    either: Array = table.max(axis=1)
    return either


def _parity(table: Array) -> Array:
    odd: Array = table.sum(axis=1) % 2
    return odd


def _of_two(rule: Callable[[Array], Array], recipe: Recipe = _SMALL) -> Task:
    draw = partial(_table, rule, 2)
    return Task("classes", "2", 2, 4, recipe, 1.0, draw, held_out=0.0)


@task("and")
def conjunction() -> Task:
    """Learn y = a and b."""
    return _of_two(_both)


@task("or")
def disjunction() -> Task:
    """Learn y = a or b."""
    return _of_two(_either)


@task("nand")
def not_and() -> Task:
    """Learn y = not (a and b)."""
    return _of_two(lambda table: 1 - _both(table))


@task("xor")
def exclusive() -> Task:
    """Learn y = a + b mod 2. With two hidden units many seeds get stuck; with eight none did."""
    recipe = Recipe("dense:8 tanh dense:1", "adam", 0.05, 0, 300, "binary-cross-entropy")
    return _of_two(_parity, recipe)


@task("parity")
def parity(bits: int) -> Task:
    """Learn y = the sum of the bits mod 2. All rows are needed: half a table tells nothing."""
    hidden = max(8, 4 * bits)
    recipe = Recipe(f"dense:{hidden} tanh dense:1", "adam", 0.02, 0, 1_500, "binary-cross-entropy")
    samples = min(2**bits, _WHOLE)
    draw = partial(_table, _parity, bits)
    return Task("classes", str(bits), 2, samples, recipe, 1.0, draw, held_out=0.0)
