"""The evidence of a proof, and the verdict that follows from it.

Every piece of evidence has a part: what the claim says (``claim``), a case inside
or outside its condition (``inside``, ``outside``), what was printed (``printed``:
it is evidence when it fails), what is right instead (``right``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dlcalc.concepts.claim import BROKEN, CONDITIONS, ERRATUM, HOLDS

if TYPE_CHECKING:
    import numpy as np

CLAIM, INSIDE, OUTSIDE, PRINTED, RIGHT = "claim", "inside", "outside", "printed", "right"
PARTS = (CLAIM, INSIDE, OUTSIDE, PRINTED, RIGHT)
T = TypeVar("T")


class Evidence(NamedTuple):
    """One measurement: what was expected, what was found, and whether that is as it should be.

    ``interval`` is a 95 % interval over seeds; it is shown and decides nothing.
    """

    part: str
    quantity: str
    expected: str
    measured: str
    passed: bool
    interval: tuple[float, float] | None = None

    def document(self) -> dict[str, object]:
        """The evidence as JSON has it."""
        found: dict[str, object] = dict(self._asdict())
        found["interval"] = list(self.interval) if self.interval else None
        return found


class Proof:
    """What a proof writes its evidence into.

    ``seed`` varies all experiments. ``subject`` marks what the claim is about, together
    with a planted error: a test puts the error in its place and sees the verdict change.
    """

    def __init__(self, seed: int = 0, broken: str = "") -> None:
        self.seed = seed
        self.evidence: list[Evidence] = []
        #: The names of the subjects, in the order in which the proof asked for them.
        self.subjects: list[str] = []
        self._broken = broken

    def subject(self, name: str, right: T, wrong: T) -> T:
        """The right one; the wrong one where a test breaks the subject of that name."""
        self.subjects.append(name)
        return wrong if name == self._broken else right

    def random(self, stream: int = 0) -> np.random.Generator:
        """A generator that hangs on the seed; one stream for each purpose."""
        import numpy

        return numpy.random.default_rng([self.seed, stream])

    def equal(self, quantity: str, expected: object, measured: object, part: str = CLAIM) -> None:
        """Expect exactly this: whole numbers, texts, tuples, truth tables."""
        self._add(part, quantity, _shown(expected), _shown(measured), expected == measured)

    def near(
        self,
        quantity: str,
        expected: float,
        measured: float,
        tolerance: float = 1e-9,
        part: str = CLAIM,
    ) -> None:
        """Expect a number within an absolute tolerance; NaN is near nothing."""
        passed = abs(measured - expected) <= tolerance
        wanted = f"{_shown(expected)} within {tolerance:g}"
        self._add(part, quantity, wanted, _shown(measured), passed)

    def at_most(
        self,
        quantity: str,
        bound: float,
        measured: float,
        part: str = CLAIM,
        values: Sequence[float] | None = None,
    ) -> None:
        """Expect no more than a bound; ``values`` over seeds give the interval shown."""
        self._add(
            part, quantity, f"at most {_shown(bound)}", _shown(measured), measured <= bound, values
        )

    def at_least(
        self,
        quantity: str,
        bound: float,
        measured: float,
        part: str = CLAIM,
        values: Sequence[float] | None = None,
    ) -> None:
        """Expect no less than a bound; ``values`` over seeds give the interval shown."""
        self._add(
            part, quantity, f"at least {_shown(bound)}", _shown(measured), measured >= bound, values
        )

    def holds(self, quantity: str, passed: bool, measured: object = "", part: str = CLAIM) -> None:
        """Expect a statement to be so."""
        self._add(part, quantity, "so", _said(passed, measured), passed)

    def fails(
        self, quantity: str, passed: bool, measured: object = "", part: str = PRINTED
    ) -> None:
        """Expect a statement not to be so: a printed one, or one outside its condition."""
        self._add(part, quantity, "not so", _said(passed, measured), not passed)

    def differs(
        self,
        quantity: str,
        printed: float,
        true: float,
        least: float = 1e-9,
        part: str = PRINTED,
    ) -> None:
        """Expect a quantity that is ``true`` to be off what was printed by more than ``least``."""
        apart = not abs(printed - true) <= least
        self._add(part, quantity, f"not {_shown(printed)}", _shown(true), apart)

    def refused(self, quantity: str, call: object, part: str = PRINTED) -> None:
        """Expect a calculator to refuse: ``call`` takes no arguments and raises `InputError`."""
        from dlcalc.errors import InputError

        try:
            found = call()  # type: ignore[operator]
        except InputError as error:
            self._add(part, quantity, "refused", error.rule, True)
        else:
            self._add(part, quantity, "refused", _shown(found), False)

    def _add(
        self,
        part: str,
        quantity: str,
        expected: str,
        measured: str,
        passed: bool,
        values: Sequence[float] | None = None,
    ) -> None:
        if part not in PARTS:
            raise ValueError(part)
        between = interval(values) if values is not None else None
        self.evidence.append(Evidence(part, quantity, expected, measured, bool(passed), between))

    @property
    def verdict(self) -> str:
        """What the evidence comes to, whatever the catalogue says."""
        return verdict(self.evidence)


def verdict(evidence: Sequence[Evidence]) -> str:
    """The verdict that follows from evidence.

    Everything must be as expected. What was printed failing beside what is right makes
    an erratum, cases on both sides of a condition make a condition, and the rest holds.

    >>> verdict([Evidence(CLAIM, "2 + 2", "4", "4", True)])
    'holds'
    >>> verdict([Evidence(PRINTED, "2 + 2", "not 5", "5", True)])
    'not as stated'
    """
    parts = {each.part for each in evidence}
    if not evidence or not all(each.passed for each in evidence):
        return BROKEN
    if PRINTED in parts:
        return ERRATUM if RIGHT in parts else BROKEN
    if parts & {INSIDE, OUTSIDE}:
        return CONDITIONS if {INSIDE, OUTSIDE} <= parts else BROKEN
    return HOLDS


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % normal interval of a mean over seeds.

    >>> interval([1.0, 2.0, 3.0])
    (0.868..., 3.131...)
    """
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return mean, mean
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = 1.96 * spread / math.sqrt(count)
    return mean - half, mean + half


def _said(passed: bool, measured: object) -> str:
    """What a statement is shown with: what was measured, or else whether it is so."""
    if measured != "":
        return _shown(measured)
    return "so" if passed else "not so"


def _shown(value: object) -> str:
    """A value as people read it: numbers to six digits, NumPy's as Python's."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, tuple | list):
        inner = ", ".join(_shown(each) for each in value)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if hasattr(value, "tolist"):
        return _shown(value.tolist())
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
