"""Every function in every form: as a matrix, over indices, as NumPy, as PyTorch, in LaTeX."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.grad_matrix import grad_matrix
from dlcalc.answers.grad_result import GradResult
from dlcalc.expr.functions import FUNCTIONS
from dlcalc.expr.parse import parse
from dlcalc.symbolic.matrix.codes import CALLS, EACH
from dlcalc.symbolic.matrix.evaluate import FUNCTIONS as NUMERIC
from dlcalc.symbolic.matrix.evaluate import evaluate
from dlcalc.symbolic.matrix.index_form import IndexWriter
from dlcalc.symbolic.matrix.index_read import evaluate_entries
from dlcalc.symbolic.matrix.latex import Setter

#: The derivative by B of sum(B*f(A)) is f(A): so every function comes out in every form.
BINARY = {"prelu": "prelu(A, 0.3)", "max": "max(A, C)", "min": "min(A, C)"}
EACH_TEXTS = [
    BINARY.get(name, f"{name}(A)")
    for name, function in FUNCTIONS.items()
    if function.kind == "each"
] + ["max(A, C)", "min(A, C)", "leaky_relu(A, 0.2)", "elu(A, 0.7)", "A**C", "A/C", "A**(-2)"]
ALONG_TEXTS = [
    *(f"{name}(A)" for name in ("softmax", "log_softmax", "hardmax")),
    *(f"{name}(A, axis=0)" for name in ("softmax", "log_softmax", "hardmax")),
    *("inv(A)", "diag(diag(A))", "outer(diag(A), diag(C))", "A.T", "A@C", "eye(3)*2", "C@A.T@A"),
    *(f"outer(ones(3), {name}(A, axis=0))" for name in ("max", "min", "sum", "mean", "logsumexp")),
    *(f"outer({name}(A, axis=1), ones(3))" for name in ("max", "min", "sum", "mean", "logsumexp")),
    *(f"{name}(A)*C" for name in ("max", "min", "sum", "mean", "logsumexp", "norm", "norm1")),
    *(f"{name}(A)*C" for name in ("tr", "det", "logdet")),
    *(f"{name}(A, C)*C" for name in ("mse", "mae", "bce", "huber", "cross_entropy")),
    "huber(A, C, 0.3)*C",
    "dot(diag(A), diag(C))*C",
    "pi*C",
    "exp(A - logsumexp(A))",
]
SHAPES = "A=3x3,B=3x3,C=3x3"


def derived(text: str, **settings: Any) -> GradResult:
    return grad_matrix([parse(f"sum(B*({text}))")], ["B"], shape=SHAPES, **settings)


def point() -> dict[str, Any]:
    random = np.random.default_rng(5)
    values = {name: random.uniform(0.1, 0.9, (3, 3)) for name in "ABC"}
    values["C"] /= values["C"].sum(1, keepdims=True)
    return values


def test_every_function_is_here() -> None:
    text = " ".join([*EACH_TEXTS, *ALONG_TEXTS])
    assert [name for name in FUNCTIONS if f"{name}(" not in text] == []
    assert set(FUNCTIONS) == set(NUMERIC)


@pytest.mark.parametrize("text", [*EACH_TEXTS, *ALONG_TEXTS])
def test_numpy(text: str) -> None:
    found = derived(text, view="code")
    assert not found.failure
    values = point()
    scope: dict[str, Any] = dict(values)
    exec(found.views["code"], scope)
    np.testing.assert_allclose(scope["dL_dB"], evaluate(parse(text), values), rtol=1e-12)


@pytest.mark.parametrize("text", [*EACH_TEXTS, *ALONG_TEXTS])
def test_torch(text: str) -> None:
    torch = pytest.importorskip("torch")
    from symbolic.torch_expression import evaluate as by_torch

    torch.set_default_dtype(torch.float64)
    values = point()
    scope: dict[str, Any] = {name: torch.tensor(value) for name, value in values.items()}
    expected = by_torch(parse(text), scope)
    exec(derived(text, code="torch").views["code"], scope)
    np.testing.assert_allclose(scope["dL_dB"].numpy(), expected.numpy(), rtol=1e-12)
    np.testing.assert_allclose(evaluate(parse(text), values), expected.numpy(), rtol=1e-10)


@pytest.mark.parametrize("text", [*EACH_TEXTS, *ALONG_TEXTS])
def test_latex_is_balanced(text: str) -> None:
    shown = derived(text, latex=True).views["latex"]
    assert shown.count("{") == shown.count("}")
    assert shown.count(r"\left") == shown.count(r"\right")
    assert "None" not in shown


def test_rows_of_code_are_used() -> None:
    """No function of the graph lacks a row, and no row is there for nothing."""
    names = {name for name, function in FUNCTIONS.items() if function.kind == "each"}
    assert set(EACH) == names - {"prelu"} | {"max", "min", "bce", "huber"}
    others = {"eye", "ones", "tr", "diagonal", "total", "sum"}
    reducing = {"max", "min", "logsumexp", "softmax", "hardmax", "log_softmax"}
    assert set(CALLS) == others | reducing | {"inv", "det", "logdet", "cross_entropy"}


def test_hadamard_and_matrix_products_look_different() -> None:
    setter = Setter({"A": 2, "B": 2, "x": 1})
    assert setter.text(parse("A*B")) == r"A \odot B"
    assert setter.text(parse("A@B")) == "A B"
    assert setter.text(parse("A/B")) == r"A \oslash B"
    assert setter.text(parse("A**2")) == r"A^{\circ 2}"
    assert setter.text(parse("norm(A) + norm(x)")).count("_{F}") == 1
    assert setter.text(parse("sum(A, axis=0)")) == r"A^{\top} \mathbf{1}"
    assert setter.text(parse("outer(x, x)*2")) == r"x x^{\top} \cdot 2"


# -- the index form ---------------------------------------------------------------------------


def test_indices_run_along_one_size_each() -> None:
    found = grad_matrix([parse("tr(A@X@B)")], ["X"], shape="A=nxd,X=dxh,B=hxn", view="index")
    assert found.views["index"].splitlines() == [
        "dL/dX[j,k] = sum_i(A[i,j]*B[k,i])",
        "# i to n, j to d, k to h",
    ]


def test_no_index_has_the_name_of_a_variable_or_of_a_size() -> None:
    found = grad_matrix([parse("sum(i*(j@k))")], ["k"], shape="i=n,j=nxl,k=l", view="index")
    assert found.views["index"].startswith("dL/dk[p] = sum_m(i[m]*j[m,p])")


def test_whole_matrices_have_names() -> None:
    found = grad_matrix([parse("logdet(A@A.T)")], ["A"], shape="A=nxn", view="index")
    lines = found.views["index"].splitlines()
    assert lines[0] == "M1[i,j] = sum_k(A[i,k]*A[j,k])"
    assert "inv(M1)[i," in lines[1]


@pytest.mark.parametrize(
    "text", ["__import__('os')", "w.shape", "[x for x in w]", "w[0]", "lambda: 1", "w if w else 1"]
)
def test_the_index_reader_takes_its_own_notation_only(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        evaluate_entries(text, [], {"w": np.ones(2)}, {"i": 2})


def test_the_package_evaluates_no_text() -> None:
    from pathlib import Path

    import dlcalc.symbolic.matrix as room

    assert room.__file__ is not None
    for path in Path(room.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), path
        assert "sympy" not in path.read_text(encoding="utf-8")


def test_unknown_letters_never_run_out() -> None:
    from dlcalc.symbolic.matrix.graph import Graph

    writer = IndexWriter(Graph(), [])
    assert len(set(writer.indices((2,) * 60))) == 60
