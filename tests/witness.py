"""Comparing dlcalc with a framework, row by row: as recorded, and drawn anew.

The recorded table makes the comparison part of every run, without the
framework. Fresh draws need it; another DLCALC_SEED draws others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import ModuleType
from typing import NamedTuple

from oracles import record
from oracles.record import Row

from dlcalc.answers.counting import Counted
from dlcalc.answers.network import load_line
from dlcalc.answers.params import answer as params_answer
from dlcalc.answers.shape import answer as shape_answer
from dlcalc.errors import InputError
from dlcalc.layers.convention import CONVENTIONS

#: What a row has beside the values that are compared: its line, and whose rules it means.
MARKS = ("line", "like", "tf")


class Witness(NamedTuple):
    """A framework and what it says to a line: its name, that of its table, and the values.

    ``like`` is the convention that a row is compared under which names none.
    """

    name: str
    table: str
    values: tuple[str, ...]
    like: str

    def recorded(self) -> list[Row]:
        """The rows of the recorded table."""
        return record.read(self.table)

    def conventions(self, row: Row) -> tuple[str, ...]:
        """The conventions that a row means the same under."""
        like = str(row.get("like", self.like))
        return (like, "tf") if row.get("tf") else (like,)

    def computed(self, line: str, like: str = "") -> Row:
        """What dlcalc says to a line under a convention, in the form of the recorded rows."""
        marks: Row = {"line": line, "like": like or self.like}
        convention = CONVENTIONS[like or self.like]
        try:
            start, net = load_line(line)
            sizes = shape_answer(start, net, convention=convention).value.sizes
            params = params_answer(start, net, convention=convention)
        except InputError:
            return marks | {"output": None}
        found: Row = {
            "output": list(sizes),
            "parameters": params.value,
            "buffers": params.buffers + params.auxiliary.buffers,
            "tensors": tensors(params.layers),
        }
        return marks | {key: found[key] for key in self.values}

    def differences(self, rows: Iterable[Row]) -> list[str]:
        """One message for each row, and convention, in which dlcalc says something else."""
        found = []
        for row in rows:
            for like in self.conventions(row):
                mine = self.computed(str(row["line"]), like)
                for key in dict.fromkeys([*row, *mine]):
                    if key not in MARKS and mine.get(key) != row.get(key):
                        said = f"{self.name} {row.get(key)}, dlcalc --like {like} {mine.get(key)}"
                        found.append(f"{row['line']}: {key}: {said}")
                        break
        return found

    def compare(self, rows: Iterable[Row], hint: str = "") -> None:
        """Fails where dlcalc and a row differ, and tells how many do and the first of them."""
        found = self.differences(rows)
        shown = "\n".join([f"{hint}{len(found):,} lines differ", *found[:20]])
        assert not found, shown

    def compare_fresh(self, oracle: ModuleType, count: int) -> None:
        """Fails where dlcalc and the framework differ on lines drawn now."""
        seed = int(os.environ.get("DLCALC_SEED", "0"))
        rows = (oracle.answer(draw).row for draw in oracle.draws(count, seed))
        self.compare(rows, f"DLCALC_SEED={seed}: ")

    def notices(self, line: str, key: str, wrong: object) -> None:
        """Fails where a comparison does not see another value: one that cannot shows nothing."""
        row = self.computed(line)
        assert row[key] not in (None, wrong), row
        assert self.differences([row]) == [], row
        (message,) = self.differences([row | {key: wrong}])
        assert line in message and f"{key}: {self.name} {wrong}" in message, message

    def notices_refusals(self, fits: str, too_large: str) -> None:
        """Fails where a comparison does not tell a refusal from an answer, both ways round."""
        accepted, refused = self.computed(fits), self.computed(too_large)
        assert accepted["output"] is not None, accepted
        assert refused["output"] is None, refused
        assert self.differences([accepted, refused]) == []
        assert len(self.differences([refused | {"line": fits}])) == 1
        assert len(self.differences([accepted | {"line": too_large}])) == 1


def tensors(layers: tuple[Counted, ...]) -> dict[str, list[object]]:
    """All tensors by their full names, trained or not, those in branches too."""
    found: dict[str, list[object]] = {}
    for layer in layers:
        for name, sizes in (layer.tensors | layer.buffers).items():
            found[name] = list(sizes)
        for branch in layer.branches:
            found |= tensors(branch)
    return found


def accepted_words(rows: list[Row]) -> set[str]:
    """The words of the rows that are taken. Fails where refusals are too few, or too many."""
    accepted = [row for row in rows if row["output"] is not None]
    refused = 1 - len(accepted) / len(rows)
    assert 0.25 < refused < 0.35, f"{refused:.1%} of the rows are refused"
    return {
        word.partition(":")[0].replace("-", "_")
        for row in accepted
        for word in str(row["line"]).replace("[", " ").split()
    }
