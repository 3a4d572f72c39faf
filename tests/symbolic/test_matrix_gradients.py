"""Matrix derivatives from the Matrix Cookbook and machine learning, each proven three times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from symbolic.matrix_cases import Case, cases

from dlcalc.answers.grad_matrix import grad_matrix
from dlcalc.answers.grad_result import GradResult
from dlcalc.expr.parse import parse

CASES = cases()


def derived(case: Case, **settings: Any) -> GradResult:
    return grad_matrix([parse(case.expr)], case.wrt, shape=case.shape, **case.options, **settings)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_derivatives(case: Case) -> None:
    found = derived(case, view="code")
    assert not found.failure
    assert len(found.findings) >= 3
    for answer, expected in zip(found.answers, case.expected):
        # Brackets around a matrix product are the writer's, not the derivation's.
        assert not expected or answer.text in (expected, str(parse(expected)))
    for step in found.steps:
        assert step.residual is not None
        assert step.residual < 1e-8


def test_a_wrong_expectation_would_be_seen() -> None:
    case = next(case for case in CASES if case.expr == "tr(X@A)")
    assert derived(case).answers[0].text != "A"


@pytest.mark.parametrize(
    ("expr", "shape", "wrt", "right", "wrong"),
    [
        ("sum((X@w - y)^2)", "X=nxd,w=d,y=n", "w", "2*X.T@X@w - 2*X.T@y", "X.T@(X@w - y)"),
        ("logdet(X)", "X=nxn", "X", "inv(X.T)", "inv(X)"),
        ("x.T@A@x", "x=n,A=nxn", "x", "A@x + A.T@x", "2*A@x"),
        ("softmax(x)", "x=n", "x", "diag(softmax(x)) - outer(softmax(x), softmax(x))", "eye(n)"),
        ("norm(x)", "x=n", "x", "x/sqrt(x.T@x)", "x"),
    ],
)
def test_claims_are_compared(expr: str, shape: str, wrt: str, right: str, wrong: str) -> None:
    from dlcalc.errors import ClaimError

    found = grad_matrix([parse(expr)], [wrt], shape=shape)
    assert found.meets(right)
    with pytest.raises(ClaimError, match=r"at a random point|is n"):
        found.meets(wrong)


# -- the code that is printed -----------------------------------------------------------------


def point_of(case: Case, found: GradResult) -> dict[str, Any]:
    """Numbers for all letters, at which the expression is defined."""
    from dlcalc.symbolic.matrix.problem import Problem
    from dlcalc.symbolic.matrix.shapes import read_shapes

    settings: dict[str, Any] = {}
    if case.options.get("symmetric"):
        settings["symmetric"] = [case.options["symmetric"]]
    problem = Problem(
        parse(case.expr),
        read_shapes(case.shape),
        case.wrt,
        vector=case.options.get("hvp", ""),
        **settings,
    )
    return problem.points[0].variables


def by_matrices(case: Case) -> list[Any]:
    from dlcalc.symbolic.matrix.evaluate import evaluate
    from dlcalc.symbolic.matrix.problem import Problem
    from dlcalc.symbolic.matrix.shapes import read_shapes

    problem = Problem(parse(case.expr), read_shapes(case.shape), case.wrt)
    return [evaluate(parse(text), problem.points[0].values) for text in case.expected if text]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_numpy_code_runs(case: Case) -> None:
    """The printed lines, run by Python itself, give what the checked pieces gave."""
    found = derived(case, view="code")
    values = point_of(case, found)
    scope: dict[str, Any] = dict(values)
    with np.errstate(all="ignore"):
        exec(found.views["code"], scope)
    expected = derivative_at(case)
    for name, value in expected.items():
        np.testing.assert_allclose(scope[name], value, rtol=1e-9, atol=1e-12)


def derivative_at(case: Case) -> dict[str, Any]:
    """The derivatives by the graph's own numbers."""
    from dlcalc.answers.matrix_asked import Asked
    from dlcalc.symbolic.matrix.numeric import Values
    from dlcalc.symbolic.matrix.problem import Problem
    from dlcalc.symbolic.matrix.shapes import read_shapes

    symmetric = [case.options["symmetric"]] if case.options.get("symmetric") else []
    vector = case.options.get("hvp", "")
    problem = Problem(
        parse(case.expr), read_shapes(case.shape), case.wrt, symmetric=symmetric, vector=vector
    )
    asked = Asked(problem, second=bool(case.options.get("hessian")), vector=vector)
    work = Values(problem.points[0].values)
    return {part.name: work.of(part.node) for part in asked.parts}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_torch_code_and_autograd(case: Case) -> None:
    """PyTorch's autograd, from the typed expression, and the printed lines of PyTorch."""
    torch = pytest.importorskip("torch")
    from symbolic.torch_expression import evaluate as torch_evaluate

    values = point_of(case, derived(case))
    tensors = {
        name: torch.tensor(np.asarray(value), dtype=torch.float64) for name, value in values.items()
    }
    torch.set_default_dtype(torch.float64)
    scope: dict[str, Any] = dict(tensors)
    exec(derived(case, view="code", code="torch").views["code"], scope)
    sizes = {
        letter: side
        for name, shape in _shapes(case).items()
        for letter, side in zip(shape, np.shape(values[name]))
        if isinstance(letter, str)
    }
    expr = parse(case.expr)
    expected = derivative_at(case)
    if not case.options.get("hessian") and not case.options.get("hvp"):
        for name in case.wrt:
            leaf = tensors[name].clone().requires_grad_()

            def function(x: Any, name: str = name) -> Any:
                return torch_evaluate(expr, {**tensors, **sizes, name: x})

            (key,) = [key for key in expected if key.endswith(f"_d{name}")]
            truth = torch.autograd.functional.jacobian(function, leaf)
            np.testing.assert_allclose(expected[key], truth.numpy(), rtol=1e-8, atol=1e-10)
    for key, value in expected.items():
        np.testing.assert_allclose(
            np.asarray(scope[key]), value, rtol=1e-8, atol=1e-10, err_msg=key
        )


def _shapes(case: Case) -> dict[str, Any]:
    from dlcalc.symbolic.matrix.shapes import read_shapes

    return read_shapes(case.shape)
