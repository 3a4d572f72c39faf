"""``dlcalc activation``: what a function does to a number, and to the gradient that passes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, isnan

from dlcalc.answers.activation_facts import Facts, json_number, short
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.formulas.activations.base import Activation
from dlcalc.formulas.activations.registry import activation as named
from dlcalc.result import Block, Finding, Result, Row

#: More layers than anyone stacks.
MAX_DEPTH = 10**9
# More curves cannot be told apart, and every two are compared.
_MAX_COMPARED = 20
#: What can be asked for at points.
_AT_POINTS: dict[str, Callable[[Activation, float], float]] = {
    "value": lambda of, x: of.value(x),
    "derivative": lambda of, x: of.slope(x),
    "second": lambda of, x: of.curvature(x),
}
#: What can be asked for without points.
_OF_ITSELF: dict[str, Callable[[Facts], float | str]] = {
    "largest": lambda known: known.steepest.slope,
    "left": lambda known: known.left,
    "left-normal": lambda known: known.left_normal,
    "mean": lambda known: known.mean,
    "deviation": lambda known: known.deviation,
    "gain": lambda known: known.gain,
}


def activation(
    name: str = "",
    *,
    at: str | Sequence[float] | None = None,
    compare: str | Sequence[str] = (),
    depth: int = 20,
    epsilon: float = 0.01,
    of: str | None = None,
    plot: bool = False,
    svg: str | None = None,
    verify: bool = False,
) -> Result:
    """One activation, or several side by side. Raises `InputError` for what is none.

    ``of`` says what the answer's value is, as ``--of`` does; ``svg`` is a file for a
    picture of value and derivative.

    >>> activation("sigmoid", at="-2,0,3", of="derivative").value[1]
    0.25
    >>> [round(x, 5) for x in activation("tanh", compare="sigmoid").value]
    [-1.66289, 1.66289]
    """
    points = read_points(at)
    _check(depth, epsilon)
    others = compare.split(",") if isinstance(compare, str) and compare else list(compare)
    words = [word.strip() for word in ([name] if name else []) + others]
    if not words:
        raise InputError("no activation is named", mend="Name one, as in dlcalc activation tanh.")
    if svg is not None:
        from dlcalc.answers.picture import refuse_undrawable

        refuse_undrawable(svg)
    known = [Facts(named(word), depth, epsilon) for word in dict.fromkeys(words)]
    result = _answer(known, points, of, plot, verify, bool(others))
    if svg is not None:
        from dlcalc.answers.activation_plot import write_drawing

        what = of if others and of else "derivative" if others else "value"
        write_drawing(svg, [each.of for each in known], points, what)
    return result


def _answer(
    known: list[Facts],
    points: tuple[float, ...],
    of: str | None,
    plot: bool,
    verify: bool,
    several: bool,
) -> Result:
    if not several:
        result = ActivationResult(known[0], points, of, plot)
        if verify:
            result.verify()
        return result
    if len(known) < 2:
        raise InputError(f"{known[0].title} has nothing to be compared with", mend="Name another.")
    if len(known) > _MAX_COMPARED:
        raise InputError(f"{len(known)} activations are compared; at most {_MAX_COMPARED} are")
    if verify:
        raise InputError("--verify is about one activation", mend="Verify each without --compare.")
    from dlcalc.answers.activation_compare import Comparison

    return Comparison(known, points, of, plot)


def read_points(at: str | Sequence[float] | None) -> tuple[float, ...]:
    """The points at which values are wanted: numbers, or a word that is or names an array.

    Raises `InputError` if there are none, or one is nan.
    """
    if at is None:
        return ()
    if isinstance(at, str):
        from dlcalc.numbers import read

        at = read(at, "--at").values
    points = tuple(map(float, at))
    if not points:
        raise InputError("--at is empty", mend="Give points, as in --at -2,0,3.")
    if any(map(isnan, points)):
        raise InputError("--at holds nan, at which no function has a value")
    return points


def _check(depth: int, epsilon: float) -> None:
    if not 0 <= depth <= MAX_DEPTH:
        raise InputError(f"--depth must be from 0 to {MAX_DEPTH:,} layers, not {depth}")
    if not (isfinite(epsilon) and epsilon > 0):
        rule = f"--epsilon must be a number above 0, not {epsilon:g}"
        raise InputError(rule, mend="It is the slope below which an activation counts as flat.")


def column(asked: str, of: Activation, points: Sequence[float]) -> tuple[float, ...]:
    """The values, derivatives or second derivatives at points.

    Raises `InputError` for one that is beyond every float.
    """
    # Adding 0 makes 0 of -0.
    found = tuple(_AT_POINTS[asked](of, x) + 0.0 for x in points)
    for x, y in zip(points, found, strict=True):
        if isfinite(x) and not isfinite(y):
            raise InputError(f"the {asked} of {of.name} at {x:g} is beyond every float")
    return found


class ActivationResult(Result):
    """One activation. Its value is what was asked for.

    If nothing was, that is the values at the points, and without points the largest slope.
    """

    tabled = "points"

    def __init__(self, known: Facts, points: tuple[float, ...], of: str | None, plot: bool) -> None:
        self.known, self.points, self.plot = known, points, plot
        self.asked = asked(of, "value" if points else "largest", [*_AT_POINTS, *_OF_ITSELF])
        self.columns = [column(name, known.of, points) for name in _AT_POINTS]
        self.findings: list[Finding] = []
        self.value: object
        if self.asked not in _AT_POINTS:
            self.value = _OF_ITSELF[self.asked](known)
        elif not points:
            mend = "Give some, as in --at -2,0,3."
            raise InputError(f"--of {self.asked} needs points", mend=mend)
        else:
            found = self.columns[list(_AT_POINTS).index(self.asked)]
            self.value = found if len(found) > 1 else found[0]
        if known.of.name == "prelu":
            self.notes = ["a net trains the slope of prelu; PyTorch starts it at 0.25"]

    def verify(self) -> None:
        """Ask the engine, SymPy and a plain sum for the same."""
        from dlcalc.answers.activation_proof import prove

        self.findings = prove(self.known, self.points)
        self.failure = " ".join(filter(None, (finding.failure for finding in self.findings)))

    def blocks(self) -> list[Block]:
        """What it is, what it does to a gradient, and its values at the points."""
        found = []
        if self.plot:
            from dlcalc.answers.activation_plot import drawing

            found.append(drawing([self.known.of], self.points))
        parts = self._parts()
        last = parts.pop(self.asked, []) if not self.points else []
        rows = [*(row for part in parts.values() for row in part)]
        rows += [finding.row for finding in self.findings]
        rows += [row._replace(role="answer") for row in last]
        found.append(Block("ll", rows))
        return [*found, self._table()] if self.points else found

    def _parts(self) -> dict[str, list[Row]]:
        """The rows, by what can be asked for."""
        known, of = self.known, self.known.of
        best = f"{known.steepest.slope:.8g}**{known.depth} = {short(known.left)}"
        usual = f"{known.moments[2]:.8g}**({known.depth}/2) = {short(known.left_normal)}"
        aside = "(root mean square; weights left aside)"
        flat = f"{short(100 * known.flat_share)} % of normal inputs"
        parts = {
            "formula": [known.title, of.formula],
            "derivative": ["derivative", of.derivative],
            "range": ["range", known.range()],
            "monotone": ["monotone", known.monotone()],
            **{label: [label, *lines] for label, lines in known.smooth().items()},
            "mean": ["zero-centred", *known.centred()],
            "flat": ["flat", f"slope below {known.epsilon:g} {known.flat_text()}", flat],
            "gain": ["gain", *_gains(known)],
            "left": [known.layers, f"scale a gradient by at most {best}"],
            "left-normal": ["", f"by {usual} over normal inputs", aside],
            "largest": ["largest slope", f"{short(known.steepest.slope)} {known.where()}"],
        }
        if of.by_value:
            parts["derivative"].append(f"{of.by_value}, by the value f")
        if not known.flat:
            parts["flat"].pop()
        return {
            key: [Row((label if not n else "", line)) for n, line in enumerate(lines)]
            for key, (label, *lines) in parts.items()
        }

    def _table(self) -> Block:
        rows = [Row(("x", *_AT_POINTS))]
        for x, *cells in zip(self.points, *self.columns, strict=True):
            rows.append(Row(tuple(map(short, (x, *cells)))))
        rows[-1] = rows[-1]._replace(role="answer")
        return Block("r" * (1 + len(_AT_POINTS)), rows)

    def document(self) -> dict[str, object]:
        """The facts, and ``points``: an object for each."""
        document = self.known.document()
        names = ("x", *_AT_POINTS)
        rows = zip(self.points, *self.columns, strict=True)
        if self.points:
            document["points"] = [
                dict(zip(names, map(json_number, row), strict=True)) for row in rows
            ]
        if self.findings:
            document["verification"] = [
                {"name": part.name, "passed": part.passed, **part.document}
                for part in self.findings
            ]
        return document


def asked(of: str | None, usual: str, known: Sequence[str]) -> str:
    """What was asked for. Raises `InputError` if there is no such answer."""
    if of is None or of in known:
        return of or usual
    close = nearest(of, known)
    mend = f"Did you mean {close}?" if close else f"There are {', '.join(known)}."
    raise InputError(f"--of {abridged(of)}: there is no such answer", mend=mend)


def _gains(known: Facts) -> list[str]:
    """The advised gains, in words."""
    theirs = known.of.gain
    first = f"{short(known.gain)} = 1/sqrt({known.moments[1]:.10g}) keeps the mean square"
    if theirs is None:
        return [first, "PyTorch advises none"]
    return [first, f"{short(theirs)} is what PyTorch advises"]
