"""Random matrix expressions: a right derivative or a refusal, never anything else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dlcalc.answers.grad_matrix import grad_matrix
from dlcalc.errors import InputError
from dlcalc.expr.parse import parse

LETTERS = {
    (): ["c", "s"],
    ("n",): ["a", "y"],
    ("d",): ["w", "v"],
    ("n", "d"): ["X", "Z"],
    ("d", "d"): ["W"],
    ("n", "n"): ["A"],
}
SHAPES = ",".join(
    f"{name}={'x'.join(shape) or 'scalar'}" for shape, names in LETTERS.items() for name in names
)
EACH = ["exp", "tanh", "sigmoid", "relu", "sin", "abs", "softplus", "gelu"]
Shape = tuple[str, ...]


@st.composite
def expressions(draw: Any, shape: Shape, depth: int) -> str:
    """An expression of a shape, well typed as NumPy has it."""
    if depth <= 0:
        names = LETTERS.get(shape)
        if names:
            return str(draw(st.sampled_from(names)))
        return str(draw(expressions(shape[::-1], 0))) + ".T"

    def inner(other: Shape) -> str:
        return str(draw(expressions(other, draw(st.integers(0, depth - 1)))))

    def named(words: str) -> str:
        return str(draw(st.sampled_from(words.split())))

    ways = ["each", "sum", "scale", "power", "divide"]
    if not shape:
        ways += ["total", "norm", "quadratic", "trace", "dot", "loss", "number", "reduced"]
    if len(shape) == 1:
        ways += ["matvec", "axis", "softmax"]
    if len(shape) == 2:
        ways += ["matmul", "outer", "row", "turned", "softmax"]
        if shape[0] == shape[1]:
            ways += ["inverse", "diag", "eye"]
    way = draw(st.sampled_from(ways))
    other: Shape = (draw(st.sampled_from(["n", "d"])),)
    match way:
        case "each":
            return f"{draw(st.sampled_from(EACH))}({inner(shape)})"
        case "sum":
            return f"({inner(shape)} {draw(st.sampled_from('+-*'))} {inner(shape)})"
        case "scale":
            return f"({inner(())})*({inner(shape)})"
        case "power":
            return f"({inner(shape)})^{draw(st.sampled_from(['2', '3', '(-1)']))}"
        case "divide":
            return f"({inner(shape)})/(1 + exp({inner(())}))"
        case "total":
            whole = draw(st.sampled_from([("n",), ("n", "d"), ("d", "d")]))
            return f"{named('sum mean max logsumexp norm1')}({inner(whole)})"
        case "norm":
            return f"norm({inner(draw(st.sampled_from([('n',), ('n', 'd')])))})"
        case "quadratic":
            return f"({inner(other)}).T@({inner(other * 2)})@({inner(other)})"
        case "trace":
            return f"{named('tr logdet det')}({inner(other * 2)})"
        case "dot":
            return f"dot({inner(other)}, {inner(other)})"
        case "loss":
            return f"{named('mse mae huber cross_entropy')}({inner(other)}, {inner(other)})"
        case "number":
            return str(draw(st.sampled_from(["2", "0.5", "n", "d", "pi"])))
        case "reduced":
            return f"sum(max({inner(('n', 'd'))}, axis={draw(st.integers(0, 1))}))"
        case "matvec":
            return f"({inner((*shape, *other))})@({inner(other)})"
        case "axis":
            axis = draw(st.integers(0, 1))
            whole = (*other, *shape) if axis == 0 else (*shape, *other)
            return f"{named('sum mean logsumexp min')}({inner(whole)}, axis={axis})"
        case "softmax":
            return f"{named('softmax log_softmax hardmax')}({inner(shape)})"
        case "matmul":
            return f"({inner((shape[0], *other))})@({inner((*other, shape[1]))})"
        case "outer":
            return f"outer({inner(shape[:1])}, {inner(shape[1:])})"
        case "row":
            return f"({inner(shape)} + {inner(shape[1:])})"
        case "turned":
            return f"({inner(shape[::-1])}).T"
        case "inverse":
            return f"inv({inner(shape)})"
        case "diag":
            return f"diag({inner(shape[:1])})"
    return f"eye({shape[0]})"


LIMITS = settings(
    max_examples=60,
    deadline=4_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def answered(text: str, wrt: str, **options: Any) -> Any:
    try:
        expr = parse(text)
        return grad_matrix([expr], [wrt], shape=SHAPES, view="code", **options)
    except InputError as refusal:
        assert refusal.rule
        return None


@LIMITS
@given(expressions((), 4), st.sampled_from("XWAwyc"))
def test_gradients_are_right(text: str, wrt: str) -> None:
    found = answered(text, wrt)
    assume(found is not None)
    assert not found.failure, text


@LIMITS
@given(st.sampled_from([("n",), ("d",), ("n", "d")]).flatmap(lambda s: expressions(s, 3)))
def test_jacobians_are_right(text: str) -> None:
    found = answered(text, "w")
    assume(found is not None)
    assert not found.failure, text


@LIMITS
@given(expressions((), 3), st.sampled_from("wa"))
def test_hessians_are_right(text: str, wrt: str) -> None:
    found = answered(text, wrt, hessian=True)
    assume(found is not None)
    assert not found.failure, text


@LIMITS
@given(
    st.recursive(
        st.sampled_from(["X", "w", "y", "A", "c", "2", "n", "pi", "eye(n)", "ones(d)", "Q"]),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "@", "^"]), inner).map(
                lambda parts: f"({' '.join(parts)})"
            ),
            st.tuples(
                st.sampled_from("sum mean tr det inv diag norm softmax max outer dot exp".split()),
                inner,
            ).map(lambda parts: f"{parts[0]}({parts[1]})"),
            inner.map(lambda part: f"({part}).T"),
        ),
        max_leaves=8,
    )
)
def test_ill_typed_expressions_are_refused_or_right(text: str) -> None:
    found = answered(text, "X")
    assert found is None or not found.failure, text


@pytest.mark.parametrize("text", ["sum(X)", "tr(A)"])
def test_a_failure_would_be_seen(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcalc.symbolic.matrix import reverse

    right = reverse._RULES["product"]

    def wrong(work: Any, node: Any, adjoint: Any, alive: Any) -> Any:
        title, found = right(work, node, adjoint, alive)
        return title, [(a, work.graph.scale(3, part)) for a, part in found]

    monkeypatch.setitem(reverse._RULES, "product", wrong)
    found = answered(text, "X" if "X" in text else "A")
    assert found.failure
