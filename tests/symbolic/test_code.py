"""Gradients as code and as LaTeX: the code runs and gives the derivative's own values."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from calculus import Case, cases, points, value

from dlcalc.answers.grad import grad
from dlcalc.expr.latex import latex, symbol
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import variables
from dlcalc.symbolic.scalar.code import code
from dlcalc.symbolic.scalar.rules import RULES

FUNCTIONS = [name for name in RULES if name.isidentifier() and name != "neg"]


def run(text: str, *arguments: object) -> object:
    """What the function of a text of Python returns."""
    names: dict[str, object] = {}
    exec(text, names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return names["gradient"](*arguments)  # type: ignore[operator]


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.expression} by {case.variable}")
def test_numpy_code_has_the_values_of_the_derivative(case: Case) -> None:
    text = grad(case.expression, wrt=case.variable, code="numpy").terse()
    names = list(dict.fromkeys([*variables(parse(case.expression)), case.variable]))
    for point in points(case.expression, f"{case.variable} + {case.derivative}", 2):
        found: object = run(text, *[np.float64(point[name]) for name in names])
        expected = value(case.derivative, point)
        assert math.isclose(float(found), expected, rel_tol=1e-9, abs_tol=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_every_function_runs_on_arrays(name: str, framework: str) -> None:
    torch = pytest.importorskip("torch") if framework == "torch" else None
    letters = ["x", "y", "d"][: len(RULES[name].slopes)]
    text = f"2*{name}({', '.join(letters)}) + x"
    numbers = [[0.3, 0.7, 0.45], [0.2, 0.9, 0.45], [0.15, 0.35, 0.5]]
    arrays = [np.array(row) for row in numbers[: len(letters)]]
    given = [torch.tensor(array) for array in arrays] if torch is not None else arrays
    found = np.asarray(run(code([parse(text)], letters, framework), *given))
    expected = [
        value(text, {letter: row[i] for letter, row in zip(letters, numbers)}) for i in range(3)
    ]
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_constants_and_names_that_collide(framework: str) -> None:
    if framework == "torch":
        torch = pytest.importorskip("torch")
        number = torch.tensor(0.5, dtype=torch.float64)
    else:
        number = np.float64(0.5)  # type: ignore[assignment]
    text = "np*sigmoid(2)*sqrt(2*pi)*gelu(1) + w[1,2]*w_1_2 + abs(torch)*max(math, 0) + gradient"
    names = ["np", "w[1,2]", "w_1_2", "torch", "math", "gradient"]
    found = run(code([parse(text)], names, framework), *[number] * 6)
    expected = value(text, dict.fromkeys(names, 0.5))
    assert math.isclose(float(found), expected, rel_tol=1e-6)  # type: ignore[arg-type]


def test_several_derivatives_are_returned_together() -> None:
    text = grad("x*y", code="numpy").terse()
    assert run(text, 2.0, 3.0) == (3.0, 2.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x^2 + 1", "x^{2} + 1"),
        ("-x^2/2", r"-\frac{x^{2}}{2}"),
        ("(a + b)*c", r"\left(a + b\right) \, c"),
        ("2*x*3", r"2 x \cdot 3"),
        ("x*2^y", r"x \cdot 2^{y}"),
        ("(x + 1)^2", r"\left(x + 1\right)^{2}"),
        ("(-x)^2", r"\left(-x\right)^{2}"),
        ("sqrt(x)*exp(-x)", r"\sqrt{x} e^{-x}"),
        ("x*sigmoid(z)*(1 - sigmoid(z))", r"x \sigma(z) \, \left(1 - \sigma(z)\right)"),
        ("abs(x)*log(y)", r"\left|x\right| \ln(y)"),
        ("heaviside(x, 0)", r"\mathrm{H}_{0}(x)"),
        ("leaky_relu(x)", r"\operatorname{leaky\_relu}(x)"),
        ("w[3,1,1]*lam", r"w_{3,1,1} \, \lambda"),
        ("theta_1*λ*Γ*µ", r"\theta_{1} \, \lambda \, \Gamma \, \mu"),
        ("2*X.T@(X@w - y)", r"2 X^{\top} \, \left(X \, w - y\right)"),
        ("inv(A)*norm(x)", r"A^{-1} \left\lVert x \right\rVert_{2}"),
        ("1/3 - 0.5", r"\frac{1}{3} - 0.5"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
    ],
)
def test_latex(text: str, expected: str) -> None:
    assert latex(parse(text)) == expected


def test_brackets_of_latex_are_balanced_in_every_case() -> None:
    for case in cases():
        shown = latex(parse(case.derivative))
        assert shown.count("{") == shown.count("}")
        assert shown.count(r"\left(") == shown.count(r"\right)")


def test_symbols() -> None:
    assert symbol("x") == "x"
    assert symbol("w12") == "w_{12}"
    assert symbol("learning_rate") == r"\mathrm{learning\_rate}"
    assert symbol("alpha") == symbol("α") == r"\alpha"
