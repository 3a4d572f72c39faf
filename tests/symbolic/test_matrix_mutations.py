"""Every rule of matrix derivatives planted wrong: caught, and named by its step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dlcalc.answers.grad_matrix import grad_matrix
from dlcalc.answers.grad_result import GradResult
from dlcalc.expr.parse import parse
from dlcalc.symbolic.matrix import chain, code, index_form, reverse, rules, simplify
from dlcalc.symbolic.matrix.node import Node
from dlcalc.symbolic.matrix.rules import derivative
from dlcalc.symbolic.scalar.rules import RULES

Patch = pytest.MonkeyPatch

#: For each function an expression whose gradient uses its rule, by each argument.
USES: dict[str, tuple[str, ...]] = {
    "**": ("sum((X@w)^3)", "sum((1 + exp(X@v))^(X@w))"),
    "leaky_relu": ("sum(leaky_relu(X@w))", "sum(prelu(X@v, sum(w)))"),
    "elu": ("sum(elu(X@w))", "sum(elu(X@v, sum(w)))"),
    "max": ("sum(max(X@w, X@v))", "sum(max(X@v, X@w))"),
    "min": ("sum(min(X@w, X@v))", "sum(min(X@v, X@w))"),
    "bce": ("bce(sigmoid(X@w), y)", "bce(sigmoid(X@v), X@w)"),
    "huber": ("huber(X@w, y)", "huber(y, X@w)", "huber(X@v, y, sum(w^2))"),
    "heaviside": ("sum(heaviside(X@w, 0)*(X@w))",),
    "sign": ("sum(sign(X@w)*(X@w))",),
    "log": ("sum(log(1 + exp(2*X@w)))",),
}
#: Rules of the table that are sums, products or powers of the graph here.
NOT_HERE = {"+", "-", "neg", "*", "/", "sqrt", "mse", "mae", "prelu"}
SHAPES = "X=nxd,w=d,v=d,y=n"


def derived(expr: str, wrt: str = "w", shape: str = SHAPES) -> GradResult:
    return grad_matrix([parse(expr)], [wrt], shape=shape)


def elementwise() -> list[tuple[str, int, str]]:
    found = []
    for name, rule in RULES.items():
        if name not in NOT_HERE:
            uses = USES.get(name, (f"sum({name}(X@w/3))",))
            places = range(min(len(rule.slopes), len(uses)))
            found += [(name, place, uses[place]) for place in places]
    return found


@pytest.mark.parametrize("change", ["2*({})", "-({})", "({}) + 1"])
@pytest.mark.parametrize(("name", "place", "expr"), elementwise())
def test_a_wrong_derivative_is_named(
    monkeypatch: Patch, name: str, place: int, expr: str, change: str
) -> None:
    rule = RULES[name]
    if rule.slopes[place] == "0" and "+" not in change:
        pytest.skip("twice 0 is 0")
    assert not derived(expr).failure
    wrong = list(rule.slopes)
    wrong[place] = change.format(wrong[place])
    monkeypatch.setitem(RULES, name, rule._replace(slopes=tuple(wrong)))
    derivative.cache_clear()
    try:
        found = derived(expr)
    finally:
        derivative.cache_clear()
    assert "the second computation disagrees on a step" in found.failure
    # By it alone, or among others where the argument is used twice.
    assert (rule.title or name) in found.failure.partition(", by ")[2]


def test_every_elementwise_rule_is_planted() -> None:
    planted = {(name, place) for name, place, _ in elementwise()}
    every = {
        (name, place)
        for name, rule in RULES.items()
        for place in range(len(rule.slopes))
        if name not in NOT_HERE
    }
    # The value of heaviside at 0 is a number, by which nothing is derived.
    assert every - planted == {("heaviside", 1)}


Rule = Callable[..., Any]


def scaled(rule: Rule) -> Rule:
    """A structural rule whose first contribution is twice what it should be."""

    def wrong(work: Any, node: Node, adjoint: Node, alive: Any) -> Any:
        title, found = rule(work, node, adjoint, alive)
        return title, [(a, work.graph.scale(2, part)) for a, part in found]

    return wrong


@pytest.mark.parametrize(
    ("kind", "expr", "title"),
    [
        ("add", "sum((X@w - y)^2)", "sum"),
        ("product", "norm(X@w)", "sum over entries"),
        ("product", "sum(exp(X@w)*y)", "matrix product"),
        ("each", "sum(tanh(X@w))", "tanh"),
        ("call", "logsumexp(X@w)", "logsumexp"),
    ],
)
def test_a_wrong_structural_rule_is_named(
    monkeypatch: Patch, kind: str, expr: str, title: str
) -> None:
    monkeypatch.setitem(reverse._RULES, kind, scaled(reverse._RULES[kind]))
    failure = derived(expr).failure
    assert "disagrees on a step" in failure
    assert f"by {title}" in failure


CALLS = {
    "softmax": ("sum(y*softmax(X@w))", "w", SHAPES),
    "log_softmax": ("sum(y*log_softmax(X@w))", "w", SHAPES),
    "logsumexp": ("logsumexp(X@w)", "w", SHAPES),
    "max": ("max(X@w)", "w", SHAPES),
    "min": ("min(X@w)", "w", SHAPES),
    "cross_entropy": ("cross_entropy(X@w, y)", "w", SHAPES),
    "hardmax": ("sum(hardmax(X@w)*(X@w))", "w", SHAPES),
    "inv": ("tr(inv(A))", "A", "A=nxn"),
    "det": ("det(A)", "A", "A=nxn"),
    "logdet": ("logdet(A)", "A", "A=nxn"),
}


@pytest.mark.parametrize("how", ["twice", "negative", "turned", "dropped"])
@pytest.mark.parametrize("name", reverse.CALLS)
def test_a_wrong_call_is_named(monkeypatch: Patch, name: str, how: str) -> None:
    expr, wrt, shape = CALLS[name]
    if how == "turned" and shape == SHAPES:
        pytest.skip("a vector is not turned")
    rule = reverse.CALLS[name]

    def wrong(work: Any, node: Node, axes: Any, adjoint: Node) -> Any:
        def build() -> Node:
            found: Node = rule(work, node, axes, adjoint)[0]()
            if name == "hardmax":
                # Its slope is 0, however often: as if it were the identity instead.
                return adjoint
            if how == "turned":
                return work.graph.permuted(found, (1, 0))
            return work.graph.scale({"twice": 2, "negative": -1, "dropped": 0}[how], found)

        return [build] * len(node.args)

    assert not derived(expr, wrt, shape).failure
    monkeypatch.setitem(reverse.CALLS, name, wrong)
    failure = derived(expr, wrt, shape).failure
    assert "disagrees on a step" in failure
    assert name in failure.partition(", by ")[2].partition(" is off")[0]


def test_every_call_is_planted() -> None:
    assert set(CALLS) == set(reverse.CALLS)


# -- what comes after the rules ---------------------------------------------------------------


def test_a_wrong_simplification_is_caught(monkeypatch: Patch) -> None:
    right = simplify._Simplifier._joined

    def wrong(self: Any, first: Any, second: Any) -> Any:
        return right(self, first, (-second[0], second[1]))

    monkeypatch.setattr(simplify._Simplifier, "_joined", wrong)
    assert "disagrees" in derived("w.T@A@w", shape="A=nxn,w=n").failure


def test_a_wrong_matrix_form_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(chain, "transposed", lambda expr: expr)
    assert "disagrees" in derived("tr(A@X)", "X", "A=nxn,X=nxn").failure


def test_a_wrong_index_form_is_caught(monkeypatch: Patch) -> None:
    right = index_form.IndexWriter._product

    def wrong(self: Any, node: Node, at: Any, scope: Any) -> Any:
        return right(self, node, tuple(reversed(at)), scope)

    monkeypatch.setattr(index_form.IndexWriter, "_product", wrong)
    found = derived("tr(A@X)", "X", "A=nxn,X=nxn")
    assert "dL/dX as index is off" in found.failure


def test_wrong_code_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(code, "transposed", lambda piece: piece)
    found = derived("tr(A@X)", "X", "A=nxn,X=nxn")
    assert "dL/dX as code is off" in found.failure


def test_a_wrong_reading_is_caught(monkeypatch: Patch) -> None:
    from dlcalc.symbolic.matrix.read import Reader

    def wrong(self: Reader, expr: Any, node: Node) -> Node:
        return self.graph.product(2, [(node, (0, 0))], (), ())

    from dlcalc.symbolic.matrix import read

    monkeypatch.setitem(read._MATRIX, "tr", wrong)
    assert "disagrees on the reading" in derived("tr(X)", "X", "X=nxn").failure


def test_meanings_are_those_of_the_functions() -> None:
    """What bce and huber are in words of the language is what they are as numbers."""
    import numpy as np

    from dlcalc.symbolic.matrix.evaluate import evaluate
    from dlcalc.symbolic.matrix.numeric import _each

    random = np.random.default_rng(0)
    for name, count in (("bce", 2), ("huber", 3)):
        values = dict(zip("xys", random.uniform(0.1, 0.9, (count, 5))))
        by_words = evaluate(rules.meaning(name), values)
        np.testing.assert_allclose(by_words, _each(name, list(values.values())), rtol=1e-12)
