"""Every step of a derivation, and its printed end, held against true slopes at random points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dlcalc.errors import InputError
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Expr, variables, written
from dlcalc.symbolic.scalar.derive import MOST_NODES, Derivation, Link
from dlcalc.symbolic.scalar.draw import drawn, on_kink
from dlcalc.symbolic.scalar.evaluate import Undefined, evaluate
from dlcalc.symbolic.scalar.witness import Chain, method, slope

#: Where the sides agree to this, rounding explains the rest.
TOLERANCE = {"complex step": 1e-10, "central differences": 1e-6}
PRECISE = 1e-12


class Verdict(NamedTuple):
    """What the checks of one derivation found."""

    method: str
    points: int
    #: The largest relative error of each step by its symbol.
    residuals: Mapping[str, float]
    #: The first symbol that is wrong, and a sentence that says where; empty if none is.
    wrong: str = ""
    sentence: str = ""
    #: Where a formula has no value though the expression has a slope; empty if nowhere.
    gap: str = ""

    @property
    def largest(self) -> float:
        """The largest relative error."""
        return max(self.residuals.values(), default=0.0)


class _Claim(NamedTuple):
    """A slope that a derivation tells, and the definitions whose slope it is."""

    symbol: str
    by: str
    expr: Expr
    chain: Chain


def check(expr: Expr, derivation: Derivation, root: str) -> Verdict:
    """Hold the steps of a derivation, and its gradient as it is printed, against its expression.

    Raises `InputError` where no point is found at which the expression has a slope.
    """
    return _Check(expr, derivation, root).verdict()


class _Check:
    def __init__(self, expr: Expr, derivation: Derivation, root: str) -> None:
        self.expr, self.by = expr, derivation.by
        names = set(derivation.within(root))
        self.definitions: Chain = [pair for pair in derivation.definitions if pair.name in names]
        self.claims = list(self._claimed(derivation.links(root)))
        printed = reread(written(derivation.gradient(root)))
        self.claims.append(_Claim(f"d{root}/d{self.by}", self.by, printed, [("", expr)]))
        self.residuals: dict[str, float] = {}

    def _claimed(self, links: Sequence[Link]) -> Iterator[_Claim]:
        """The claims of steps: local ones first, then what joins others, behind these."""
        flat = list(_flat(links))
        for link in flat:
            if link.expr is None:
                chain = [pair for pair in self.definitions if pair[0] == link.of]
                yield _Claim(link.symbol, link.by, reread(link.text), chain)
        names = [name for name, _ in self.definitions]
        for link in sorted(flat, key=lambda link: names.index(link.of)):
            if link.expr is not None:
                chain = list(self.definitions[: names.index(link.of) + 1])
                yield _Claim(link.symbol, link.by, link.expr, chain)

    def verdict(self) -> Verdict:
        names = dict.fromkeys(name for _, expr in self.definitions for name in variables(expr))
        points = drawn(self.expr, self.by, [n for n in names if n not in dict(self.definitions)])
        used, held, gap = method([self.expr]), 0, ""
        for values in points:
            try:
                wrong = self._wrong(values)
            except Undefined as undefined:
                gap = gap or f"{undefined.part} {undefined.why} at {_at(values)}"
                continue
            held += 1
            if wrong and on_kink(self.expr, values):
                rule = f"the expression has a kink at {_at(values)}, and so wherever it was tried"
                raise InputError(rule, place=self.expr.place)
            if wrong:
                return Verdict(used, held, self.residuals, *wrong)
        if not held:
            rule = f"the derivative cannot be verified: {gap}, and so at every point"
            raise InputError(rule, place=self.expr.place)
        return Verdict(used, held, self.residuals, gap=gap)

    def _wrong(self, values: dict[str, float]) -> tuple[str, str] | None:
        """The first claim that does not hold at a point, and a sentence about it."""
        try:
            claimed, known = self._evaluated(values, evaluate)
        except Undefined:
            return self._wrong_precisely(values)
        for claim, ours in zip(self.claims, claimed, strict=True):
            try:
                true = slope(claim.chain, known, claim.by)
            except Undefined:
                return self._wrong_precisely(values)
            error = relative(ours, true)
            if not error <= TOLERANCE[method([expr for _, expr in claim.chain])]:
                return self._wrong_precisely(values)
            self._note(claim, error)
        return None

    def _wrong_precisely(self, values: dict[str, float]) -> tuple[str, str] | None:
        """The same to 120 digits, where rounding may have parted what is equal.

        Raises `Undefined` where even so a step has no value.
        """
        from dlcalc.symbolic.scalar import precise

        claimed, known = self._evaluated(values, precise.value)
        noise = precise.NOISE * max(1, *map(abs, known.values()))
        for claim, ours in zip(self.claims, claimed, strict=True):
            true = precise.slope(claim.chain, known, claim.by)
            error = 0.0 if abs(ours - true) <= noise else float(relative(ours, true))
            if not error <= PRECISE:
                sentence = f"{claim.symbol} is {float(true):.9g} and not {float(ours):.9g}"
                held = {name: known[name] for name in _held(claim)}
                return claim.symbol, f"{sentence} at {_at(held)}"
            self._note(claim, error)
        return None

    def _evaluated(
        self, values: Mapping[str, Any], value: Callable[[Expr, Mapping[str, Any]], Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """What every claim says at a point, and the values of all names there."""
        known = dict(values)
        for name, expr in self.definitions:
            known[name] = value(expr, known)
        found: dict[str, Any] = {}
        said = []
        for claim in self.claims:
            said.append(value(claim.expr, {**known, **found}))
            found[claim.symbol] = said[-1]
        return said, known

    def _note(self, claim: _Claim, error: float) -> None:
        self.residuals[claim.symbol] = max(self.residuals.get(claim.symbol, 0.0), error)


def _held(claim: _Claim) -> list[str]:
    """The names that a claim and its definitions take from outside."""
    made = {name for name, _ in claim.chain}
    names = [name for _, expr in claim.chain for name in variables(expr)]
    return [name for name in dict.fromkeys(names) if name not in made]


def _at(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {float(number):.6g}" for name, number in values.items())


def relative(claimed: Any, true: Any) -> Any:
    """The difference as a share of the larger; 0 where both are 0."""
    if claimed == true:
        return 0.0
    return abs(claimed - true) / max(abs(claimed), abs(true))


def reread(text: str) -> Expr:
    """What was printed, as it is read again."""
    return parse(text, depth=MOST_NODES, nodes=MOST_NODES)


def _flat(links: Sequence[Link]) -> Iterator[Link]:
    for link in links:
        yield link
        yield from _flat(link.parts)
