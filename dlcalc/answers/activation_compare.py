"""Activations side by side, and where their values and their slopes cross."""

from __future__ import annotations

from collections.abc import Callable

from dlcalc.answers.activation import asked, column
from dlcalc.answers.activation_facts import Facts, json_number, short
from dlcalc.errors import ClaimError
from dlcalc.formulas.activations.crossings import Crossing, crossings
from dlcalc.formulas.intervals import Interval
from dlcalc.formulas.intervals import text as intervals_text
from dlcalc.result import Block, Result, Row, written

# So many columns of facts stand side by side in 80 columns.
_TOGETHER = 3
_ROWS: dict[str, Callable[[Facts], str]] = {
    "range": Facts.range,
    "largest slope": lambda known: short(known.steepest.slope),
    "": Facts.where,
    "flat": Facts.flat_text,
    "mean": lambda known: short(known.mean),
    "deviation": lambda known: short(known.deviation),
    "gain": lambda known: short(known.gain),
}


class Comparison(Result):
    """Several activations. Its value is where the slopes, or ``of`` the values, cross.

    That is a tuple of places for two activations, and for more one for each pair.
    """

    tabled = "activations"

    def __init__(
        self, known: list[Facts], points: tuple[float, ...], of: str | None, plot: bool
    ) -> None:
        self.known, self.points, self.plot = known, points, plot
        self.asked = asked(of, "derivative", ["value", "derivative"])
        self.crossings = crossings([each.of for each in known])
        chosen = [tuple(each.places) for each in self._chosen()]
        self.value: object = chosen[0] if len(chosen) == 1 else tuple(chosen)

    def _chosen(self) -> list[Crossing]:
        wanted = "value" if self.asked == "value" else "slope"
        return [each for each in self.crossings if each.of == wanted]

    def terse(self) -> str:
        """The places where two cross; of several activations a line for each pair."""
        chosen = self._chosen()
        if len(chosen) == 1:
            return written(self.value)
        return "\n".join(f"{_pair(each)} {written(tuple(each.places))}" for each in chosen)

    def meets(self, expected: str) -> bool:
        """Whether two cross at the expected places."""
        if len(self._chosen()) != 1:
            raise ClaimError("--expect asks where two activations cross: compare just two.")
        return super().meets(expected)

    def blocks(self) -> list[Block]:
        """Facts as rows under the names, values at points, and the crossings."""
        found = []
        if self.plot:
            from dlcalc.answers.activation_plot import drawing

            found.append(drawing([each.of for each in self.known], self.points, self.asked))
        for first in range(0, len(self.known), _TOGETHER):
            found.append(self._facts(self.known[first : first + _TOGETHER]))
        if self.points:
            found += [self._table("value"), self._table("derivative")]
        return [*found, self._crossed()]

    def _facts(self, known: list[Facts]) -> Block:
        rows = [Row(("", *(each.title for each in known)))]
        rows += [Row((label, *map(tell, known))) for label, tell in _ROWS.items()]
        rows += [
            Row((known[0].layers, *(f"{short(each.left)} at most" for each in known))),
            Row(("  normal inputs", *(short(each.left_normal) for each in known))),
        ]
        return Block("l" * (1 + len(known)), rows)

    def _table(self, what: str) -> Block:
        rows = [Row((what, *(each.title for each in self.known)))]
        columns = [column(what, each.of, self.points) for each in self.known]
        for x, *cells in zip(self.points, *columns, strict=True):
            rows.append(Row((f"x = {short(x)}", *map(short, cells))))
        return Block("l" + "r" * len(self.known), rows)

    def _crossed(self) -> Block:
        chosen = self._chosen()
        rest = [each for each in self.crossings if each not in chosen]
        rows = [
            Row((f"{'values' if each.of == 'value' else 'slopes'} cross", _pair(each), _at(each)))
            for each in rest + chosen
        ]
        if rows:
            rows[-1] = rows[-1]._replace(role="answer")
        return Block("lll", rows)

    def document(self) -> dict[str, object]:
        """``activations``, the facts of each, and ``crossings``, an object for each pair."""
        documents = []
        for each in self.known:
            document = each.document()
            if self.points:
                document["points"] = [
                    {"x": json_number(x), "value": json_number(y), "derivative": slope}
                    for x, y, slope in zip(
                        self.points,
                        column("value", each.of, self.points),
                        column("derivative", each.of, self.points),
                        strict=True,
                    )
                ]
            documents.append(document)
        return {
            "activations": documents,
            "crossings": [
                {
                    "first": each.first.name,
                    "second": each.second.name,
                    "of": "value" if each.of == "value" else "derivative",
                    "at": each.places,
                }
                for each in self.crossings
            ],
        }


def _pair(crossing: Crossing) -> str:
    return f"{crossing.first.name} {crossing.second.name}"


def _at(crossing: Crossing) -> str:
    places = [Interval(x, x, True, True) for x in crossing.places]
    return intervals_text(places, short) if places else "never"
