"""Answers about matrix derivatives: forms, names, points, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlcalc.answers.grad import grad
from dlcalc.answers.grad_result import GradResult
from dlcalc.errors import ClaimError, InputError

LEAST_SQUARES = {"wrt": "w", "shape": "X=nxd,w=d,y=n"}
NET = {
    "wrt": "W1,b1,W2,b2",
    "shape": "X=nxd,W1=dxh,b1=h,W2=hxk,b2=k,Y=nxk",
}
NET_TEXT = "cross_entropy(tanh(X@W1 + b1)@W2 + b2, Y)"


def asked(text: str, **settings: Any) -> GradResult:
    return grad(text, **settings)


def test_least_squares() -> None:
    found = asked("sum((X@w - y)^2)", **LEAST_SQUARES)
    assert found.value == "2*X.T@(X@w - y)"
    assert found.answers[0].shape == "d"
    assert found.answers[0].symbol == "dL/dw"
    assert found.plain().splitlines()[-1] == "dL/dw = 2*X.T@(X@w - y)  d"


def test_steps_carry_rule_expression_shape_and_residual() -> None:
    found = asked("sum((X@w - y)^2)", **LEAST_SQUARES)
    document = found.document()
    steps: Any = document["steps"]
    assert [step["rule"] for step in steps] == [
        "sum over entries",
        "power",
        "sum",
        "matrix product",
    ]
    assert steps[-1]["symbol"] == "dL/dw"
    assert steps[-1]["shape"] == "d"
    assert all(step["residual"] < 1e-12 for step in steps)
    assert document["definitions"][0] == {"symbol": "z1", "expression": "X@w"}  # type: ignore[index]


def test_all_forms() -> None:
    found = asked("sum((X@w - y)^2)", **LEAST_SQUARES, view="all")
    assert found.views["matrix"] == "dL/dw = 2*X.T@(X@w - y)"
    assert found.views["index"].splitlines() == [
        "dL/dw[j] = sum_i(2*X[i,j]*(sum_k(X[i,k]*w[k]) - y[i]))",
        "# i to n, j to d, k to d",
    ]
    assert found.views["code"].splitlines() == [
        "import numpy as np",
        "dL_dw = 2 * (X.T @ (X @ w - y))",
    ]
    assert found.views["latex"].startswith(r"\frac{\partial L}{\partial w} = 2 X^{\top}")
    assert (
        asked("sum((X@w - y)^2)", **LEAST_SQUARES, code="torch").terse().startswith("import torch")
    )


def test_shared_errors_are_named_delta() -> None:
    found = asked(NET_TEXT, **NET)
    assert [answer.text for answer in found.answers] == [
        "X.T@delta2",
        "sum(delta2, axis=0)",
        "z3.T@delta5",
        "sum(delta5, axis=0)",
    ]
    lines = found.terse().splitlines()
    assert lines[:3] == [
        "z3 = tanh(X@W1 + b1)",
        "delta5 = softmax(z3@W2 + b2) - Y",
        "delta2 = (delta5@W2.T)*(1 - z3**2)",
    ]
    assert len(lines) == 7
    where: Any = found.document()["where"]
    assert [entry["symbol"] for entry in where] == ["z3", "delta5", "delta2"]


def test_names_keep_off_those_of_variables() -> None:
    found = asked("sum(tanh(tanh(z1*t))*delta1)", wrt="z1", shape="z1=n,t=n,delta1=n")
    names = [name for name, _ in found.definitions]
    assert "z1" not in names
    assert "z_1" in names
    assert not found.failure


def test_targets_of_cross_entropy_sum_to_one_where_they_are_a_letter() -> None:
    plain = asked("cross_entropy(z, y)", wrt="z", shape="z=k,y=k")
    assert plain.value == "softmax(z) - y"
    assert any("sum to 1" in note for note in plain.notes)
    general = asked("cross_entropy(z, 2*y)", wrt="z", shape="z=k,y=k")
    assert general.value == "2*(sum(y)*softmax(z) - y)"
    assert not any("sum to 1" in note for note in general.notes)
    both = asked("cross_entropy(z, y)", wrt="y", shape="z=k,y=k")
    assert both.value == "-log_softmax(z)"


def test_a_letter_without_a_shape_is_a_number_and_a_note_says_so() -> None:
    found = asked("lam*sum(w^2)", wrt="lam", shape="w=d")
    assert found.value == "w.T@w"
    assert any("lam is taken as a number" in note for note in found.notes)
    said = asked("lam*sum(w^2)", wrt="lam", shape="w=d,lam=scalar")
    assert not said.notes


def test_numbers_for_sizes() -> None:
    found = asked("mean((X@w - y)^2)", wrt="w", shape="X=3x4,w=4,y=3")
    assert found.value == "2*X.T@(X@w - y)/3"
    assert found.answers[0].shape == "4"


def test_sizes_are_numbers_in_an_expression() -> None:
    found = asked("sum((X@w - y)^2)/n + lam*norm(w)^2/d", **LEAST_SQUARES)
    assert not found.failure
    assert "/n" in str(found.value)


def test_a_jacobian_says_so() -> None:
    found = asked("X@w", wrt="w", shape="X=nxd,w=d")
    assert found.value == "X"
    assert found.answers[0].symbol == "df/dw"
    assert any("Jacobian" in note for note in found.notes)


def test_what_is_no_matrix_is_written_over_indices() -> None:
    found = asked("X@w", wrt="X", shape="X=nxd,w=d")
    assert found.answers[0].symbol == "df/dX[i,k,j]"
    assert found.value == "w[j]*[i == k]"
    assert any("over indices" in note for note in found.notes)
    with pytest.raises(InputError, match="no form as a product of matrices"):
        asked("X@w", wrt="X", shape="X=nxd,w=d", view="matrix")


def test_hessians() -> None:
    found = asked("sum((X@w - y)^2)", **LEAST_SQUARES, hessian=True)
    assert found.value == "2*X.T@X"
    assert found.answers[0].symbol == "d2L/dw2"
    assert asked("sum((X@w - y)^2)", **LEAST_SQUARES, order=2).value == "2*X.T@X"
    mixed = asked("sum(x^2*y)", wrt="x,y", shape="x=n,y=n", hessian=True)
    assert [(a.symbol, a.text) for a in mixed.answers] == [
        ("d2L/dx2", "2*diag(y)"),
        ("d2L/dxdy", "2*diag(x)"),
        ("d2L/dy2", "0*ones(n, n)"),
    ]
    assert any("d2L/dy2 is 0" in note for note in mixed.notes)


def test_products_with_a_hessian() -> None:
    found = asked("sum((X@w - y)^2)", **LEAST_SQUARES, hvp="v")
    assert found.value == "2*X.T@X@v"
    assert found.answers[0].symbol == "H@v"
    with pytest.raises(InputError, match="v is 2 and w is d"):
        asked("sum((X@w - y)^2)", wrt="w", shape="X=nxd,w=d,y=n,v=2", hvp="v")
    with pytest.raises(InputError, match="by one variable"):
        asked("sum((X@w - y)^2)", wrt="w,X", shape="X=nxd,w=d,y=n", hvp="v")


def test_symmetric_matrices() -> None:
    question = {"wrt": "x", "shape": "x=n,A=nxn"}
    assert asked("x.T@A@x", **question).value == "(A + A.T)@x"
    assert asked("x.T@A@x", **question, symmetric="A").value == "2*A@x"
    with pytest.raises(InputError, match="cannot be symmetric and derived by"):
        asked("x.T@A@x", wrt="A", shape="x=n,A=nxn", symmetric="A")
    with pytest.raises(InputError, match="only a square matrix"):
        asked("sum(X@w)", wrt="w", shape="X=nxd,w=d", symmetric="X")


def test_kinks() -> None:
    question = {"wrt": "w", "shape": "X=nxd,w=d"}
    assert asked("sum(relu(X@w))", **question).value == "X.T@heaviside(X@w, 0)"
    told: Any = asked("sum(relu(X@w))", **question).document()["kinks"]
    assert told == [
        {
            "kind": "kink",
            "sentence": "relu where X@w = 0: the slope on the left counts, as in PyTorch",
        }
    ]
    right = asked("sum(relu(X@w))", **question, at_kink="right")
    assert right.value == "X.T@heaviside(X@w, 1)"
    assert not right.failure


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sum(abs(w))", "abs where w = 0: the middle of both slopes"),
        ("norm1(w - 1)", "abs where w - 1 = 0: the middle"),
        ("sum(max(w, 0))", "max where w = 0: the middle"),
        ("sum(hardtanh(w))", "hardtanh where w + 1 = 0: the slope outside"),
        ("sum(leaky_relu(w))", "leaky_relu where w = 0: the slope on the left"),
        ("max(w)", "max where the largest of w are equal: they share"),
        ("min(w)", "min where the least of w are equal: they share"),
        ("sum(sign(w)*w)", "sign where w = 0: no derivative there"),
        ("mae(w, y)", "mae where w - y = 0: the middle"),
    ],
)
def test_kinks_are_told(text: str, sentence: str) -> None:
    rows = asked(text, wrt="w", shape="w=d,y=d").remarks
    assert any(row.cells[1].startswith(sentence) for row in rows)


def test_kinks_of_what_is_not_derived_by_are_not_told() -> None:
    assert not asked("sum(relu(y)*w)", wrt="w", shape="w=d,y=d").remarks


# -- numbers ----------------------------------------------------------------------------------


def test_values_at_a_point() -> None:
    at = "X=[[1,2],[3,4],[5,6]],w=1,-1,y=0,1,2"
    found = asked("sum((X@w - y)^2)", **LEAST_SQUARES, at=at)
    data = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    expected = 2 * data.T @ (data @ [1.0, -1.0] - [0.0, 1.0, 2.0])
    assert found.answers[0].value == expected.tolist()
    assert found.terse() == str(expected.tolist())


def test_values_of_a_net_by_its_names() -> None:
    random = np.random.default_rng(0)
    sides = {"X": (4, 3), "W1": (3, 2), "b1": (2,), "W2": (2, 2), "b2": (2,)}
    values = {name: random.normal(size=side) for name, side in sides.items()}
    values["Y"] = np.eye(2)[[0, 1, 1, 0]]
    at = ",".join(f"{name}={value.tolist()}" for name, value in values.items())
    found = asked(NET_TEXT, **NET, at=at)
    hidden = np.tanh(values["X"] @ values["W1"] + values["b1"])
    logits = hidden @ values["W2"] + values["b2"]
    odds = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(np.array(found.answers[2].value), hidden.T @ (odds - values["Y"]))


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("w=1,2", "no numbers for X, y"),
        ("X=[[1,2]],w=1,2,3,y=1", "w is d with d = 2"),
        ("X=[[1,2]],w=1,2,y=1,2", "y is n with n = 1"),
        ("X=[[1,2]],w=[[1,2],[3,4]],y=1", "w is d, and these numbers are 2x2"),
        ("q=1", "q is not a variable here"),
        ("w=1,2,w=1", "w is given twice"),
        ("nonsense", "nonsense is not a point"),
        ("X=[[1,2],w=1,2,y=1", "X: X:"),
    ],
)
def test_points_that_do_not_fit(at: str, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        asked("sum((X@w - y)^2)", **LEAST_SQUARES, at=at)
    if message != "X: X:":
        assert message in refusal.value.rule
    assert refusal.value.place is not None


def test_undefined_points() -> None:
    with pytest.raises(InputError, match="no finite value"):
        asked("log(sum(x))", wrt="x", shape="x=n", at="x=-1,-2")
    with pytest.raises(InputError, match="no inverse"):
        asked("sum(inv(A))", wrt="A", shape="A=nxn", at="A=[[1,2],[2,4]]")
    with pytest.raises(InputError, match="and these to 2"):
        asked("cross_entropy(z, y)", wrt="z", shape="z=k,y=k", at="z=1,2,y=1,1")
    with pytest.raises(InputError, match="said to be symmetric"):
        asked("x.T@A@x", wrt="x", shape="x=n,A=nxn", symmetric="A", at="x=1,1,A=[[1,2],[3,4]]")


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shape", "wrt", "message", "marked"),
    [
        ("X@w", "X=nxd,w=k", "w", "X is nxd and w is k", "X@w"),
        ("sum((X@w - y)^2)", "X=nxd,w=d,y=d", "w", "X@w is n and y is d", "X@w - y"),
        ("sum(X + y)", "X=nxd,y=n", "y", "X is nxd and y is n", "X + y"),
        ("sum(X@c)", "X=nxd", "X", "c is a number", "X@c"),
        ("inv(X)", "X=nxd", "X", "takes a square matrix", "inv(X)"),
        ("tr(x)", "x=n", "x", "takes a square matrix", "tr(x)"),
        ("dot(x, y)", "x=n,y=d", "x", "n is not d", "dot(x, y)"),
        ("outer(X, x)", "X=nxd,x=n", "x", "takes vectors", "outer(X, x)"),
        ("sum(X, axis=2)", "X=nxd", "X", "no axis 2", "sum(X, axis=2)"),
        ("softmax(c)*sum(x)", "x=n", "x", "of a vector or matrix", "softmax(c)"),
        ("w[3]*x", "x=n,w=d", "x", "entries of vectors", "w[3]"),
        ("cross_entropy(z, y)", "z=k,y=n", "z", "z is k and y is n", "cross_entropy(z, y)"),
        ("heaviside(x, c)", "x=n", "x", "is a number", "heaviside(x, c)"),
        ("eye(m)@x", "x=n", "x", "m is none", "m"),
        ("ones(0)", "x=n", "x", "does not occur", ""),
        ("log(-sum(x^2) - 1)", "x=n", "x", "no finite value at any point", "log(-sum(x^2) - 1)"),
        ("logdet(outer(x, x))", "x=n", "x", "no finite value|singular", "logdet(outer(x, x))"),
        ("A@B", "A=2x3x4,B=3x4x2", "A", "the shapes do not fit", "A@B"),
    ],
)
def test_refusals_name_the_place(
    text: str, shape: str, wrt: str, message: str, marked: str
) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        asked(text, wrt=wrt, shape=shape)
    if marked:
        place = refusal.value.place
        assert place is not None
        assert place.source.text[place.start : place.end] == marked


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("x", "is not a letter's shape"),
        ("x=", "is not a shape"),
        ("x=nn", "nn is not a shape"),
        ("x=0", "not between 1 and"),
        ("x=9999999", "not between 1 and"),
        ("x=2x2x2x2x2", "more than 4 axes"),
        ("x=n,x=d", "given a shape twice"),
        ("sum=n", "not a variable's name"),
        ("x=n,n=d", "a size and a variable at once"),
        ("x=-n", "not a shape"),
    ],
)
def test_shapes_that_are_none(shape: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        asked("sum(x)", wrt="x", shape=shape)
    assert refusal.value.place is not None


def test_questions_that_are_not_answered() -> None:
    with pytest.raises(InputError, match="order 3"):
        asked("sum(x^2)", wrt="x", shape="x=n", order=3)
    with pytest.raises(InputError, match="one expression at a time"):
        grad("sum(x)", "x", wrt="x", shape="x=n")
    with pytest.raises(InputError, match="n is a size"):
        asked("sum(x)", wrt="n", shape="x=n")
    with pytest.raises(InputError, match="more than 200,000 entries"):
        asked("sum(X)/3000", wrt="X", shape="X=3000x3000")
    with pytest.raises(InputError, match="does not occur"):
        asked("sum(x)", wrt="q", shape="x=n")
    with pytest.raises(InputError, match="--hvp is for vectors"):
        asked("x^2", wrt="x", hvp="v")
    with pytest.raises(InputError, match="xx has no shape, and --shape names XX"):
        asked("sum(xx)", shape="XX=nxd")


def test_deep_expressions_end() -> None:
    deep = "x"
    for _ in range(150):
        deep = f"tanh({deep})"
    found = asked(f"sum({deep})", wrt="x", shape="x=n")
    assert not found.failure
    wide = " + ".join(f"sum(sin({k}*x))" for k in range(1, 90))
    assert not asked(wide, wrt="x", shape="x=n").failure


def test_claims() -> None:
    found = asked("sum((X@w - y)^2)", **LEAST_SQUARES)
    assert found.meets("2*(X.T@X@w - X.T@y)")
    assert found.compared is not None
    assert "same form" in found.compared.sentence
    assert asked("tr(A@X)", wrt="X", shape="A=nxd,X=dxn").meets("(A.T)")
    for claim, message in [
        ("X.T@(X@w - y)", r"entry \[.\] of"),
        ("X@w", "is n, the derivative d"),
        ("X.T@(X@w -", "is no expression"),
        ("Q@w", "Q is not a letter"),
        ("w;w", "--expect gives 2, and there is 1"),
    ]:
        with pytest.raises(ClaimError, match=message):
            found.meets(claim)


# -- sizes that are large numbers ---------------------------------------------------------------


def test_large_sizes_are_checked_as_letters_are() -> None:
    found = asked("mean((X@w - y)^2)", wrt="w", shape="X=60000x784,w=784,y=60000")
    assert found.value == "2*X.T@(X@w - y)/60000"
    assert not found.failure
    assert any("60000 as 3" in finding.sentence for finding in found.findings)
    hessian = asked("logdet(X)", wrt="X", shape="X=500x500", hessian=True)
    assert hessian.answers[0].shape == "500x500x500x500"
    assert not hessian.failure


def test_a_factor_that_is_a_size_by_chance_stays_a_factor() -> None:
    found = asked("sum(50*x^2)", wrt="x", shape="x=100")
    assert found.value == "100*x"
    assert not found.failure
    assert found.meets("100*x")
    mean = asked("mean(50*x^2)", wrt="x", shape="x=100")
    assert mean.meets("100*x/100")
    assert mean.meets("x")
    with pytest.raises(ClaimError):
        mean.meets("x/100")


def test_claims_at_sizes_beyond_all_bounds() -> None:
    found = asked("mean(50000*X^2)", wrt="X", shape="X=100000x10000")
    assert not found.failure
    with pytest.raises(ClaimError, match="cannot be told at sizes so large"):
        found.meets("100000*X/100000/20000")


def test_what_is_too_long_is_refused_in_bounded_time() -> None:
    product = "*".join(f"(x + {k})" for k in range(32))
    assert not asked(f"sum({product})", wrt="x", shape="x=n").failure
    with pytest.raises(InputError, match="too long to be written"):
        asked(f"sum({product})", wrt="x", shape="x=n", hessian=True)
