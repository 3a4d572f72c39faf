"""Every wrong rule is caught by the verification, and named by its step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dlcalc.answers.grad import grad
from dlcalc.answers.grad_result import GradResult, Step
from dlcalc.symbolic.scalar import rules
from dlcalc.symbolic.scalar.rules import RULES, SHARES, Rule

LETTERS = ("p", "q", "d")
MUTATIONS = {
    "another sign": "-({})",
    "twice": "2*({})",
    "one more": "({}) + 1",
    "a little more": "1.000001*({}) + 1e-5",
    "nothing": "0*({})",
    "a square": "({})**2 + 0.1",
}


def used(operation: str, place: int) -> str:
    """An expression in which an operation stands once, with w below the argument of a place."""
    operands = [*LETTERS]
    operands[place] = "sin(w)"
    operands = operands[: len(RULES[operation].slopes)]
    if operation == "neg":
        return f"-{operands[0]}"
    if operation in "+-*/" or operation == "**":
        return f" {operation} ".join(operands)
    return f"{operation}({', '.join(operands)})"


def mutants(rule: Rule, sided: bool) -> Iterator[tuple[int, str, Rule]]:
    """A rule with each of its derivatives spoilt in each way."""
    slopes = rule.sided if sided else rule.slopes
    for place, slope in enumerate(slopes):
        for name, form in MUTATIONS.items():
            if slope == "0" and form.format("0") in ("-(0)", "2*(0)", "0*(0)"):
                continue
            spoilt = (*slopes[:place], form.format(slope), *slopes[place + 1 :])
            changed = rule._replace(sided=spoilt) if sided else rule._replace(slopes=spoilt)
            yield place, name, changed


def steps(result: GradResult) -> dict[str, Step]:
    """All steps by their symbols."""
    found: dict[str, Step] = {}
    waiting = list(result.steps)
    while waiting:
        step = waiting.pop()
        found.setdefault(step.symbol, step)
        waiting += step.parts
    return found


def assert_caught(operation: str, place: int, share: str, name: str) -> None:
    result = grad(used(operation, place), wrt="w", at_kink=share)
    assert result.failure, (name, result.value)
    (finding,) = result.findings
    assert not finding.passed
    title = "exponential" if (operation, place) == ("**", 1) else RULES[operation].title
    title = title or operation
    assert steps(result)[finding.name].rule.startswith(title), (name, finding)


@pytest.mark.parametrize("operation", RULES)
def test_every_mutation_is_caught_and_named(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name, mutant in mutants(RULES[operation], sided=False):
        with monkeypatch.context() as patch:
            patch.setitem(rules.RULES, operation, mutant)
            assert_caught(operation, place, "", name)
    for place in range(len(RULES[operation].slopes)):
        assert not grad(used(operation, place), wrt="w").failure


@pytest.mark.parametrize("operation", [name for name, rule in RULES.items() if rule.sided])
@pytest.mark.parametrize("share", SHARES)
def test_so_are_those_of_the_slopes_at_kinks(
    operation: str, share: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name, mutant in mutants(RULES[operation], sided=True):
        with monkeypatch.context() as patch:
            patch.setitem(rules.RULES, operation, mutant)
            assert_caught(operation, place, share, name)
    for place in range(len(RULES[operation].slopes)):
        assert not grad(used(operation, place), wrt="w", at_kink=share).failure


def test_a_wrong_end_is_caught_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcalc.symbolic.scalar.derive import Derivation

    whole = Derivation.gradient

    def spoilt(self: Derivation, root: str) -> object:
        from dlcalc.expr.parse import parse

        return parse(f"{whole(self, root)} + w")

    monkeypatch.setattr(Derivation, "gradient", spoilt)
    result = grad("sigmoid(w*x)", wrt="w")
    assert result.findings[0].name == "da/dw"
    assert "disagrees on da/dw" in result.failure


def test_a_wrong_simplification_is_caught_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcalc.symbolic.scalar.present import Tidy

    monkeypatch.setattr(
        Tidy, "_shortest", lambda self, form: min(form.parts, key=lambda part: part.size)
    )
    assert grad("x^2*sin(x)", wrt="x").failure
