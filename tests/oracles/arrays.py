"""Recorded arrays: what a framework's float64 makes of a net, forwards and backwards.

Inputs, parameters and cotangents are not recorded: `numbers` makes them from their
names. A record has the rest: the output, and the gradients of sum(cotangent * output)
by everything that has one. All records of a framework are one ``.npz`` without pickle:
``rows``, JSON, says whose the ``values`` are, one behind the other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: So many numbers a record has at most.
LARGEST = 260
DATA = Path(__file__).resolve().parent.parent / "data"
_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Record(NamedTuple):
    """A line run by a framework: ``arrays`` by what they are, such as ``d conv1.weight``.

    ``single`` is how far the framework's own float32 is off, relative as `distance` is.
    """

    line: str
    like: str
    batch: int
    training: bool
    single: float
    arrays: dict[str, Array]


def numbers(name: str, *sizes: int) -> Array:
    """Multiples of 2^-20 from -1 to below 1, the same on every machine: float32 holds them too.

    The upper bits of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
    Number Generators", 2014), seeded by the name's CRC-32.
    """
    place = np.arange(1, prod(sizes) + 1, dtype=np.uint64)
    mixed = place * np.uint64(_GAMMA) + np.uint64(crc32(name.encode()))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(31)
    drawn: Array = (mixed >> np.uint64(43)).astype(np.float64) / 2**20 - 1
    return drawn.reshape(sizes)


def statistic(name: str, *sizes: int) -> Array:
    """Running statistics: a variance is above 0."""
    return numbers(name, *sizes) + (1.25 if name.endswith("var") else 0)


def word_numbers(name: str, vocabulary: int, *sizes: int) -> Array:
    """Numbers of words, for an embedding to look up."""
    found: Array = np.floor((numbers(name, *sizes) + 1) / 2 * vocabulary)
    return found


def distance(found: dict[str, Array], expected: dict[str, Array]) -> float:
    """The largest difference, relative to the largest number of its array.

    What is 0 but for rounding, as the gradient of a key's bias, has no size of its own:
    a thousandth of the largest number of all gradients counts for it. Infinite
    where an array is missing, has other sizes, or numbers that are none.
    """
    if {k: v.shape for k, v in found.items()} != {k: v.shape for k, v in expected.items()}:
        return np.inf
    largest = {name: float(np.max(np.abs(array), initial=0.0)) for name, array in expected.items()}
    least = 1e-3 * max([size for name, size in largest.items() if name[:2] == "d "], default=0.0)
    worst = 0.0
    for name, array in expected.items():
        size = max(largest[name], least if name[:2] == "d " else 0.0)
        apart = float(np.max(np.abs(found[name] - array), initial=0.0))
        if not np.isfinite(apart) or (apart and not size):
            return np.inf
        worst = max(worst, apart / size if size else 0.0)
    return worst


def usable(arrays: dict[str, Array]) -> bool:
    """Whether they are few enough to be recorded, and all of them numbers."""
    few = sum(array.size for array in arrays.values()) <= LARGEST
    return few and all(np.isfinite(array).all() for array in arrays.values())


def table(framework: str) -> Path:
    """Where the records of a framework are."""
    return DATA / f"{framework}_arrays.npz"


def read(framework: str) -> list[Record]:
    """All records of a framework."""
    with np.load(table(framework), allow_pickle=False) as file:
        rows, values = json.loads(str(file["rows"])), file["values"]
    found, first = [], 0
    for *about, shapes in rows:
        arrays = {}
        for name, sizes in shapes.items():
            arrays[name] = values[first : first + prod(sizes)].reshape(sizes)
            first += prod(sizes)
        found.append(Record(*about, arrays))
    assert first == values.size
    return found


def write(framework: str, records: Iterable[Record], versions: str) -> None:
    """Record, and print how much it is and who said it."""
    rows, values = [], [np.zeros(0)]
    for *about, arrays in records:
        rows.append([*about, {name: array.shape for name, array in arrays.items()}])
        values += [array.ravel() for array in arrays.values()]
    text = json.dumps(rows, separators=(",", ":"))
    numbers = np.concatenate(values)
    np.savez_compressed(table(framework), rows=np.array(text), values=numbers)
    size = table(framework).stat().st_size
    print(f"{len(rows):,} nets, {numbers.size:,} numbers, {size:,} bytes, {versions}")


def main(framework: str, record: Callable[[], None]) -> None:
    """The command line of an oracle, which only records."""
    if sys.argv[1:] != ["--record"]:
        sys.exit(f"usage: python tests/oracles/{framework}_arrays.py --record")
    record()
