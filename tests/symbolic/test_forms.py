"""Forms: equal expressions are one object, and no change is more than a change of shape."""

from __future__ import annotations

import math

import pytest
from calculus import points, value
from expressions import EXPRESSIONS
from hypothesis import given, settings

from dlcalc.errors import InputError
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import written
from dlcalc.symbolic.scalar.form import Algebra
from dlcalc.symbolic.scalar.present import Tidy, expression, weight


def shown(text: str, tidy: bool = False) -> str:
    algebra = Algebra()
    form = algebra.read(parse(text))
    return written(expression(Tidy(algebra)(form) if tidy else form))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + x", "2*x"),
        ("x - x", "0"),
        ("x*x", "x**2"),
        ("x/x", "1"),
        ("x^2*x^0.5", "x**2.5"),
        ("x^n*x", "x**(n + 1)"),
        ("(x^3)^2", "x**6"),
        ("(x^2)^0.5", "sqrt(x**2)"),
        ("sqrt(x)^4", "x**2"),
        ("sqrt(sqrt(x))", "x**0.25"),
        ("(2*x*y)^3", "8*x**3*y**3"),
        ("abs(x)^2", "x**2"),
        ("-x + 1", "1 - x"),
        ("-(x - y)", "y - x"),
        ("2*(x - y)", "2*(x - y)"),
        ("(x - y)/(y - x)", "-1"),
        ("(2*x + 2)*(x + 1)", "2*(x + 1)**2"),
        ("y*(-x - 1)", "-y*(x + 1)"),
        ("x*0.5", "x/2"),
        ("0.1*x", "0.1*x"),
        ("x*3/4", "3*x/4"),
        ("x*2/3", "2*x/3"),
        ("-1/3 + 0*x", "-1/3"),
        ("1/(2*sqrt(x))", "1/(2*sqrt(x))"),
        ("x*y^-1*z^-2", "x/(y*z**2)"),
        ("sin(x)*x", "x*sin(x)"),
        ("sin(-x)", "-sin(x)"),
        ("cos(-x)", "cos(x)"),
        ("abs(y - x) - abs(x - y)", "0"),
        ("heaviside(x, 0) + heaviside(-x, 1)", "1"),
        ("x*sign(x)", "abs(x)"),
        ("x^3*sign(x)", "x**2*abs(x)"),
        ("x*heaviside(x, 0.5)", "relu(x)"),
        ("relu(x)^2*heaviside(x, 0)", "relu(x)**2"),
        ("exp(0) + log(1) + sqrt(4/9)", "5/3"),
        ("2^10", "1024"),
        ("2^0.5", "sqrt(2)"),
        ("max(2, 3)*min(1/2, 1/3)", "1"),
        ("sigmoid(0)*x", "x/2"),
        ("heaviside(0)", "0.5"),
        ("heaviside(0, 1)", "1"),
        ("pi*x/pi", "x"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exp(x) + x*exp(x)", "exp(x)*(1 + x)"),
        ("1/(1 + x) - x/(1 + x)^2", "1/(1 + x)**2"),
        ("-t*(1 - sigmoid(x)) + (1 - t)*sigmoid(x)", "sigmoid(x) - t"),
        ("sigmoid(x) + x*sigmoid(x)*(1 - sigmoid(x))", "sigmoid(x)*(1 + x*(1 - sigmoid(x)))"),
        ("2*x*(x - 3) + x^2 + 1", "3*x**2 - 6*x + 1"),
        ("2*x*sin(x) + x^2*cos(x)", "2*x*sin(x) + x**2*cos(x)"),
        ("3*x^2 + 2*x", "3*x**2 + 2*x"),
        ("(x + 1)^2", "(x + 1)**2"),
        ("x^x + x^x*log(x)", "x**x*(1 + log(x))"),
    ],
)
def test_the_shortest_of_a_few_shapes(text: str, expected: str) -> None:
    assert shown(text, tidy=True) == expected


def test_equal_expressions_are_one_form() -> None:
    algebra = Algebra()
    assert algebra.read(parse("a*b + sin(c)")) is algebra.read(parse("sin(c) + b*a"))
    assert algebra.read(parse("a - b")) is not algebra.read(parse("b - a"))


def test_what_is_always_0_below_a_line_is_refused_at_its_place() -> None:
    with pytest.raises(InputError) as caught:
        Algebra().read(parse("1 + y/(x - x)"))
    place = caught.value.place
    assert place is not None
    assert place.source.text[place.start : place.end] == "y/(x - x)"


@pytest.mark.parametrize("text", ["(1e200*x)^3", "(x*1e-200)^100", "(2*x)^99999"])
def test_numbers_that_grow_without_end_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        Algebra().read(parse(text))


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS)
def test_every_shape_has_the_same_value(text: str) -> None:
    algebra = Algebra()
    try:
        form = algebra.read(parse(text))
        tidy = Tidy(algebra)(form)
    except InputError:
        return
    assert weight(tidy) <= weight(form) or tidy is form
    for shape in (form, tidy, Tidy(algebra).expanded(form)):
        printed = written(expression(shape))
        for point in points(text, "x", 2):
            try:
                found, true = value(printed, point), value(text, point)
            except ValueError:
                continue
            size = 1 + abs(true)
            if size < 1e6:
                assert math.isclose(found, true, rel_tol=1e-6, abs_tol=1e-6 * size), (text, printed)
