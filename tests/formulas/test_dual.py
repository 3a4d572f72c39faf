"""Values with derivatives: against differences, SymPy and PyTorch; the eigenvalues of Hessians."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlcalc.errors import InputError
from dlcalc.expr.functions import FUNCTIONS
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import variables
from dlcalc.formulas.dual import Function, Undefined
from dlcalc.formulas.eigen import eigenvalues
from dlcalc.formulas.scalars import SCALARS


def function(text: str) -> Function:
    expr = parse(text)
    return Function(expr, variables(expr))


#: Every function of one number, where it is smooth.
SMOOTH = [f"{name}(x)" for name in SCALARS] + [
    "leaky_relu(x)",
    "leaky_relu(x, 0.3)",
    "prelu(x, y)",
    "elu(x)",
    "elu(x, y)",
    "max(x, y)",
    "min(x*y, y)",
    "x*y + x/y - y",
    "x**3*y**-2",
    "x**y",
    "2**x + x**0.5",
    "(x - y)**2*exp(-x**2/10)",
    "sigmoid(x*y)**2/(1 + y**2)",
    "x**1 + y**0 + pi*x",
    "-(x + 3)*-y",
    "heaviside(x)*x + 1",
    "tanh(3*x)*w[1,2]",
]
POINTS = [(0.7, 1.3, 0.4), (2.1, 0.6, -1.2)]


def five_points(act: Any, x: float, h: float) -> float:
    return float((8 * (act(x + h) - act(x - h)) - (act(x + 2 * h) - act(x - 2 * h))) / (12 * h))


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("text", SMOOTH)
def test_derivatives_are_those_of_differences(text: str, point: tuple[float, ...]) -> None:
    f = function(text)
    at = list(point[: len(f.names)])
    _, slopes = f.gradient(at)
    hessian = f.hessian(at)
    for i in range(len(at)):

        def moved(value: float, i: int = i) -> list[float]:
            return [*at[:i], value, *at[i + 1 :]]

        slope = five_points(lambda v: f.gradient(moved(v))[0], at[i], 1e-3)
        assert slopes[i] == pytest.approx(slope, rel=1e-7, abs=1e-8)
        for j in range(len(at)):
            curve = five_points(lambda v: f.gradient(moved(v))[1][j], at[i], 1e-3)  # noqa: B023
            assert hessian[i][j] == pytest.approx(curve, rel=1e-6, abs=1e-7)


def test_every_function_of_numbers_is_here() -> None:
    for name, entry in FUNCTIONS.items():
        arguments = ", ".join("xy"[: entry.least])
        if entry.kind == "each":
            function(f"{name}({arguments})")
        else:
            with pytest.raises(InputError, match="of vectors and matrices") as refused:
                function(f"{name}({arguments})")
            assert name in refused.value.rule


@pytest.mark.parametrize("text", ["x @ y", "x.T*y", "sum(x)", "max(x)", "x + norm(y)"])
def test_what_is_of_matrices_is_refused_at_its_place(text: str) -> None:
    with pytest.raises(InputError) as refused:
        function(text)
    assert refused.value.place is not None


@pytest.mark.parametrize(
    "text",
    [
        "exp(x)*sin(y) + log(x**2 + y**2)",
        "tanh(x*y)/(x + 3)",
        "erf(x)*softplus(y) - sqrt(x + 4)*cosh(y)",
        "gelu(x)*silu(y)",
    ],
)
def test_derivatives_are_those_of_torch(text: str) -> None:
    torch = pytest.importorskip("torch")
    f = function(text)
    names = {name: getattr(torch, name) for name in ("exp", "sin", "log", "tanh", "erf", "sqrt")}
    names |= {"cosh": torch.cosh, "softplus": torch.nn.functional.softplus}
    names |= {"gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu}

    def theirs(point: Any) -> Any:
        return eval(text, {}, {**names, "x": point[0], "y": point[1]})

    for point in ([0.3, -1.1], [1.7, 0.2]):
        at = torch.tensor(point, dtype=torch.float64)
        assert f.gradient(point)[0] == pytest.approx(float(theirs(at)), rel=1e-12)
        jacobian = torch.autograd.functional.jacobian(theirs, at)
        assert f.gradient(point)[1] == pytest.approx(jacobian.tolist(), rel=1e-11)
        hessian = torch.autograd.functional.hessian(theirs, at)
        assert np.allclose(f.hessian(point), hessian.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "slope"),
    [("abs(x)", 0), ("relu(x)", 0), ("leaky_relu(x)", 0.01), ("max(x, 0)", 0.5), ("elu(x)", 1)],
)
def test_at_a_kink_the_slope_is_that_of_torch(text: str, slope: float) -> None:
    assert function(text).gradient([0.0])[1] == [slope]
    torch = pytest.importorskip("torch")
    at = torch.tensor(0.0, requires_grad=True)
    named = {
        "abs(x)": torch.abs,
        "relu(x)": torch.relu,
        "leaky_relu(x)": torch.nn.functional.leaky_relu,
        "max(x, 0)": lambda x: torch.maximum(x, torch.tensor(0.0)),
        "elu(x)": torch.nn.functional.elu,
    }
    named[text](at).backward()
    assert float(at.grad) == pytest.approx(slope)


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("log(x)", -1.0, "a logarithm, root or power has no value"),
        ("sqrt(x)", 0.0, "it divides by 0"),
        ("1/x", 0.0, "it divides by 0"),
        ("x**0.5", -1.0, "a logarithm, root or power has no value"),
        ("exp(x)", 1e4, "it is beyond float64"),
        ("x**2", 1e200, "it is beyond float64"),
        ("x*1e200", 1e200, "it is beyond float64"),
    ],
)
def test_where_there_is_no_slope(text: str, at: float, why: str) -> None:
    with pytest.raises(Undefined, match=why):
        function(text).gradient([at])


def test_values_far_out_neither_overflow_nor_cancel() -> None:
    assert function("sigmoid(x)").gradient([-800.0]) == (0.0, [0.0])
    assert function("softplus(x)").gradient([800.0]) == (800.0, [1.0])
    slope = function("tanh(x)").gradient([19.0])[1][0]
    assert slope == pytest.approx(4 * math.exp(-38), rel=1e-12)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.integers(-3, 3))
def test_eigenvalues_are_those_of_lapack(size: int, seed: int, power: int) -> None:
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(size, size)) * 10.0**power
    matrix = (matrix + matrix.T) / 2
    if seed % 3 == 0:
        matrix[:, 0] = matrix[0, :] = 0
    expected = np.linalg.eigvalsh(matrix)
    assume(np.all(np.isfinite(expected)))
    error = np.max(np.abs(np.array(eigenvalues(matrix.tolist())) - expected))
    assert error <= 1e-13 * max(float(np.max(np.abs(expected))), 1e-300) * size
