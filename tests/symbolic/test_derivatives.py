"""Some 200 derivatives by three routes: written by hand, by differences, by SymPy."""

from __future__ import annotations

import math

import pytest
import sympy
from calculus import FUNCTIONS, Case, cases, names_of, plain, points, slope, value

from dlcalc.answers.grad import grad

CASES = cases()
BY_NAME = {f"{case.expression} by {case.variable}": case for case in CASES}


def close(first: float, second: float, tolerance: float) -> bool:
    return math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance)


def test_the_table_has_at_least_150_cases() -> None:
    assert len(CASES) >= 150


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.expression} by {case.variable}")
def test_derivatives(case: Case) -> None:
    result = grad(case.expression, wrt=case.variable)
    assert not result.failure
    printed = str(result.value)
    found = points(case.expression, f"{case.variable} + {case.derivative}", 5)
    assert found, "no point to compare at"
    for point in found:
        ours = value(printed, point)
        assert close(ours, value(case.derivative, point), 1e-9), (point, "by hand")
        assert close(ours, slope(case.expression, point, case.variable), 2e-6), (
            point,
            "differences",
        )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.expression} by {case.variable}")
def test_sympy_derives_the_same(case: Case) -> None:
    printed = str(grad(case.expression, wrt=case.variable).value)
    theirs = sympy.diff(_lifted(case.expression), sympy.Symbol(plain(case.variable), real=True))
    for point in points(case.expression, f"{case.variable} + {case.derivative}", 3, seed=1):
        at = {sympy.Symbol(plain(name), real=True): number for name, number in point.items()}
        assert close(value(printed, point), float(theirs.subs(at).evalf(20)), 1e-8), point


def _lifted(text: str) -> sympy.Expr:
    """The expression as SymPy's own parser reads it, with its functions defined here."""

    def larger(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
        # SymPy's Piecewise and Max recurse without end in some of these.
        return (x + y + sympy.Abs(x - y)) / 2

    def leaky(x: sympy.Expr, slope: object = sympy.Rational(1, 100)) -> sympy.Expr:
        return sympy.Piecewise((x, x > 0), (slope * x, True))

    def elu(x: sympy.Expr, alpha: object = 1) -> sympy.Expr:
        return sympy.Piecewise((x, x > 0), (alpha * (sympy.exp(x) - 1), True))

    def huber(x: sympy.Expr, y: sympy.Expr, d: object = 1) -> sympy.Expr:
        gap = sympy.Abs(x - y)
        return sympy.Piecewise((gap**2 / 2, gap <= d), (d * (gap - d / sympy.Integer(2)), True))

    def sigmoid(x: sympy.Expr) -> sympy.Expr:
        return 1 / (1 + sympy.exp(-x))

    known = {
        "log1p": lambda x: sympy.log(1 + x),
        "expm1": lambda x: sympy.exp(x) - 1,
        "abs": sympy.Abs,
        "max": larger,
        "min": lambda x, y: -larger(-x, -y),
        "heaviside": sympy.Heaviside,
        "sigmoid": sigmoid,
        "relu": lambda x: larger(x, sympy.Integer(0)),
        "leaky_relu": leaky,
        "prelu": leaky,
        "elu": elu,
        "selu": lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
        "gelu": lambda x: x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
        "silu": lambda x: x * sigmoid(x),
        "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
        "softsign": lambda x: x / (1 + sympy.Abs(x)),
        "hardtanh": lambda x: -larger(-larger(x, -sympy.S.One), -sympy.S.One),
        "mse": lambda x, y: (x - y) ** 2,
        "mae": lambda x, y: sympy.Abs(x - y),
        "bce": lambda p, t: -t * sympy.log(p) - (1 - t) * sympy.log(1 - p),
        "huber": huber,
    }
    letters = {plain(name): sympy.Symbol(plain(name), real=True) for name in names_of(text)}
    return sympy.sympify(plain(text), locals={**known, **letters})


def test_the_functions_of_the_table_are_all_those_of_numbers() -> None:
    from dlcalc.symbolic.scalar.rules import RULES

    text = " ".join(case.expression for case in CASES)
    names = {name for name in RULES if name.isidentifier() and name != "neg"}
    assert {name for name in names if f"{name}(" not in text} == set()
    assert names <= set(FUNCTIONS)


def test_a_wrong_derivative_would_be_seen() -> None:
    case = BY_NAME["sin(x) by x"]
    found = points(case.expression, case.variable, 5)
    assert not any(close(value("-cos(x)", p), slope(case.expression, p, "x"), 2e-6) for p in found)
