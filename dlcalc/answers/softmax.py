"""``dlcalc softmax``: five methods in four types, each value beside the exact one."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.errors import InputError, abridged, nearest
from dlcalc.formulas.ieee import FORMATS, Format
from dlcalc.formulas.softmax import METHODS, WORDS, Margin, Run, held, margin, run, scaled
from dlcalc.formulas.softmax_exact import (
    DIGITS,
    Exact,
    distance,
    exact,
    gradient,
    perplexity,
)
from dlcalc.formulas.softmax_exact import jacobian as jacobian_of
from dlcalc.numbers import number, read, whole
from dlcalc.result import Block, Finding, Result, written

if TYPE_CHECKING:
    from dlcalc.formulas.softmax_find import Breach

MAX_LOGITS = 10_000
#: Matrices and searches are for vectors that a person looks at.
MAX_JACOBIAN, MAX_FIND = 300, 100


class Cell(NamedTuple):
    """A value of a method, the exact one, its error in units in the last place, and a word."""

    value: float
    exact: Decimal | None
    error: float
    word: str


class Found(NamedTuple):
    """The smallest changes that break a method in a type; None where no number of it does.

    ``move`` moves each logit by at most so much, ``shift`` all together, ``factor``
    multiplies them.
    """

    method: str
    dtype: str
    move: Breach | None
    shift: Breach | None
    factor: float | None


class Question(NamedTuple):
    """What was asked about logits."""

    logits: tuple[float, ...]
    temperature: float = 1.0
    epsilon: float = 1e-8
    dtype: str | None = None
    method: str | None = None
    target: int | None = None
    jacobian: bool = False
    find: bool = False
    digits: int = 17


def softmax(
    logits: str,
    *,
    dtype: str | None = None,
    method: str | None = None,
    temperature: str | float = 1.0,
    epsilon: str | float = 1e-8,
    target: int | str | None = None,
    jacobian: bool = False,
    find: bool = False,
    digits: int = 17,
    verify: bool = False,
) -> SoftmaxResult:
    """The softmax of logits, exactly and as computed in float16, bfloat16, float32 and float64.

    The value is the exact softmax; with ``dtype`` or ``method`` what that method makes
    of it in that type; with ``target`` the cross-entropy of that class, counted from 0;
    with ``jacobian`` the matrix of derivatives; with ``find`` the smallest move of the
    logits that breaks a method. Raises `InputError`.

    >>> softmax("1000,1001,1002").terse()
    '0.09003057317038046,0.24472847105479764,0.6652409557748219'
    >>> softmax("1000,1001,1002", dtype="float32", method="naive").terse()
    'nan,nan,nan'
    """
    if sum((target is not None, jacobian, find)) > 1:
        raise InputError("--target, --jacobian and --find are questions of their own")
    values = _vector(logits)
    own = number(str(temperature), "--temperature")
    if not 0 < own < float("inf"):
        raise InputError(f"--temperature must be above 0 and finite, not {own:g}")
    small = number(str(epsilon), "--epsilon")
    if not 0 <= small < float("inf"):
        raise InputError(f"--epsilon must be at least 0 and finite, not {small:g}")
    kind, way = _choice(dtype, "--dtype", FORMATS), _choice(method, "--method", METHODS)
    if way and not kind:
        kind = "float64"
    if not 1 <= digits <= DIGITS:
        raise InputError(f"--digits must be 1 to {DIGITS}, not {digits}")
    index = None if target is None else whole(target, "--target")
    if index is not None and index >= len(values):
        raise InputError(
            f"--target {index}: there are {len(values)} logits",
            mend=f"Classes count from 0, so the last is {len(values) - 1}.",
        )
    if (jacobian or find or index is not None) and not all(map(isfinite, values)):
        raise InputError("--target, --jacobian and --find need logits that are finite")
    for asked, most, name in ((jacobian, MAX_JACOBIAN, "jacobian"), (find, MAX_FIND, "find")):
        if asked and len(values) > most:
            raise InputError(f"--{name} takes at most {most} logits, not {len(values):,}")
    question = Question(values, own, small, kind, way, index, jacobian, find, digits)
    result = SoftmaxResult(question)
    if verify:
        from dlcalc.answers.softmax_proof import verified

        result.findings = verified(result)
        result.failure = " ".join(filter(None, (f.failure for f in result.findings)))
    return result


def _vector(text: str) -> tuple[float, ...]:
    found = read(text, "the logits")
    if len(found.sizes) != 1 and len(found.values) != max(found.sizes):
        sizes = "x".join(map(str, found.sizes))
        raise InputError(
            f"the logits are one vector, not an array of {sizes}",
            mend="A single - answers standard input line by line.",
        )
    if len(found.values) > MAX_LOGITS:
        raise InputError(f"at most {MAX_LOGITS:,} logits are taken, not {len(found.values):,}")
    return tuple(found.values)


def _choice(word: str | None, option: str, choices: dict[str, Format] | dict[str, str]) -> str:
    if word is None:
        return ""
    if word not in choices:
        guess = nearest(word, choices)
        mend = f"Did you mean {guess}?" if guess else f"There are {', '.join(choices)}."
        raise InputError(f"{option} {abridged(word)} is unknown", mend=mend)
    return word


class SoftmaxResult(Result):
    """The softmax of logits. Everything about the types is worked out when asked for."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.logits = question.logits
        self.exact: Exact = exact(question.logits, question.temperature)
        self.findings: list[Finding] = []
        self.value: object = self._value()

    @property
    def types(self) -> dict[str, Format]:
        """The types asked about."""
        only = self.question.dtype
        return {only: FORMATS[only]} if only else FORMATS

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods asked about."""
        return (self.question.method,) if self.question.method else tuple(METHODS)

    def run(self, method: str, kind: Format) -> Run:
        """A method in a type."""
        asked = self.question
        return run(method, self.logits, kind, asked.temperature, asked.epsilon)

    def cells(self, method: str, kind: Format) -> list[Cell]:
        """The values of a method in a type beside the exact ones."""
        found = self.run(method, kind)
        wanted = self.exact.of(method)
        cells = []
        for index, value in enumerate(found.values):
            right = wanted[index] if wanted else None
            error = float("nan")
            if right is not None:
                error = distance(value, right, kind.unit(float(right)))
            elif abs(value) == float("inf"):
                # Without a limit there is nothing that it should be.
                error = float("inf")
            cells.append(Cell(value, right, error, found.word(value, error)))
        return cells

    def held(self, kind: Format) -> tuple[float, ...]:
        """The logits as a type holds them."""
        return held(self.logits, kind)

    def margin(self, kind: Format) -> Margin | None:
        """How far the logits are from the limits of exp; None if one is not finite."""
        z = scaled(self.logits, kind, self.question.temperature)
        return margin(z, kind) if all(map(isfinite, z)) else None

    @property
    def cross_entropy(self) -> Decimal:
        """The cross-entropy of the target."""
        assert self.question.target is not None
        return -self.exact.log_softmax[self.question.target]

    @property
    def perplexity(self) -> Decimal:
        """Exp of the cross-entropy."""
        return perplexity(self.cross_entropy)

    @property
    def gradient(self) -> tuple[Decimal, ...]:
        """The gradient of the cross-entropy by the logits."""
        assert self.question.target is not None
        return gradient(self.exact, self.question.target, self.question.temperature)

    @property
    def jacobian(self) -> tuple[tuple[Decimal, ...], ...]:
        """The derivative of each probability by each logit."""
        return jacobian_of(self.exact, self.question.temperature)

    @cached_property
    def breaches(self) -> list[Found]:
        """For each method and type the smallest changes that break it."""
        from dlcalc.formulas.softmax_find import Settings, smallest_factor, smallest_move

        asked = self.question
        found = []
        for method in self.methods:
            for name, kind in self.types.items():
                settings = Settings(method, kind, asked.temperature, asked.epsilon)
                shift = smallest_move(settings, self.logits, ("up", "down"))
                apart = smallest_move(settings, self.logits, ("apart",))
                both = [breach for breach in (apart, shift) if breach is not None]
                move = min(both, key=lambda breach: breach.amount, default=None)
                factor = smallest_factor(settings, self.logits)
                found.append(Found(method, name, move, shift, factor))
        return found

    def _value(self) -> object:
        asked = self.question
        if asked.find:
            moves = (each.move.amount for each in self.breaches if each.move is not None)
            return min(moves, default=float("inf"))
        if asked.target is not None:
            return float(self.cross_entropy)
        if asked.jacobian:
            return tuple(tuple(map(float, row)) for row in self.jacobian)
        if asked.dtype:
            return self.run(asked.method or "shifted", FORMATS[asked.dtype]).values
        if all(z < float("inf") for z in self.logits) and self.exact.softmax:
            return tuple(map(float, self.exact.softmax))
        # Where the exact value is undefined, or a limit, this is what libraries answer.
        return self.run("shifted", FORMATS["float64"]).values

    def terse(self) -> str:
        """The numbers, parted by commas."""
        return written(self.value)

    def blocks(self) -> list[Block]:
        """The tables, what was verified, the answer."""
        from dlcalc.answers.softmax_table import blocks

        return blocks(self)

    def table(self) -> list[dict[str, object]]:
        """A record for each type and method."""
        types: Any = self.document()["types"]
        return [
            {
                "type": kind,
                "method": method,
                "word": found["word"],
                "ulp": found["ulp"],
                "values": [each["value"] for each in found["values"]],
            }
            for kind, part in types.items()
            for method, found in part["methods"].items()
        ]

    def document(self) -> dict[str, object]:
        """The exact values to 50 digits, and for each type its limits and methods."""
        from dlcalc.answers.softmax_table import document

        return document(self)


def worst(cells: list[Cell]) -> tuple[str, float]:
    """The word that says most about a method, and its largest error that is a number."""
    word = max((cell.word for cell in cells), key=WORDS.index)
    errors = [cell.error for cell in cells if isfinite(cell.error)]
    return word, max(errors, default=float("nan"))
