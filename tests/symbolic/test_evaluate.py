"""Values at points: three arithmetics agree, and what is undefined is told with its place."""

from __future__ import annotations

import math

import pytest
from calculus import FUNCTIONS as PLAIN
from calculus import value as plain_value

from dlcalc.errors import InputError
from dlcalc.expr.parse import parse
from dlcalc.symbolic.scalar import precise
from dlcalc.symbolic.scalar.evaluate import COMPLEX, FUNCTIONS, KINKED, Undefined, evaluate
from dlcalc.symbolic.scalar.point import read_point
from dlcalc.symbolic.scalar.rules import RULES
from dlcalc.symbolic.scalar.witness import kinked, method, slope

ARGUMENTS = {1: "(x)", 2: "(x, y)", 3: "(x, y, 0.7)"}
POINTS = [(0.3, 0.6), (-0.4, 0.2), (0.7, 0.7), (2.5, -1.5), (-3.0, 0.9), (7.5, 0.1), (1e-9, 0.5)]


def texts(name: str) -> list[str]:
    return [f"{name}{ARGUMENTS[count]}" for count in range(1, len(RULES[name].slopes) + 1)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_three_arithmetics_and_a_fourth_agree(name: str) -> None:
    compared = 0
    for text in texts(name):
        for x, y in POINTS:
            point = {"x": x, "y": y}
            try:
                expected = plain_value(text, point)
            except (ValueError, TypeError):
                continue
            compared += 1
            expr = parse(text)
            real = evaluate(expr, point)
            assert math.isclose(real, expected, rel_tol=1e-9, abs_tol=1e-12), (text, point)
            complexly = evaluate(expr, {key: complex(v) for key, v in point.items()}, COMPLEX)
            assert math.isclose(complex(complexly).real, real, rel_tol=1e-12, abs_tol=1e-15)
            precisely = float(precise.value(expr, point))
            assert math.isclose(precisely, real, rel_tol=1e-12, abs_tol=1e-15)
    assert compared


def test_every_function_of_numbers_has_a_rule_and_a_value() -> None:
    names = {name for name in RULES if name.isidentifier() and name != "neg"}
    assert names == set(FUNCTIONS) <= set(PLAIN)
    assert names >= KINKED


@pytest.mark.parametrize(
    ("text", "x", "part", "why"),
    [
        ("1 + log(x - 1)", 0.0, "log(x - 1)", "has no real value"),
        ("x/(x - 1)", 1.0, "x/(x - 1)", "divides by 0"),
        ("sin(x)/x", 0.0, "sin(x)/x", "divides by 0"),
        ("sqrt(x)", -1.0, "sqrt(x)", "has no real value"),
        ("(x - 2)^0.5", 1.0, "(x - 2)**0.5", "has no real value"),
        ("x^-2", 0.0, "x**-2", "divides by 0"),
        ("exp(exp(x))", 9.0, "exp(exp(x))", "is too large a number"),
        ("log1p(x)", -1.0, "log1p(x)", "has no real value"),
        ("bce(x, 1)", 0.0, "bce(x, 1)", "has no real value"),
        ("huber(x, 1, -1)", 0.0, "huber(x, 1, -1)", "has no real value"),
        ("1 + x*10", 1e308, "x*10", "is too large a number"),
    ],
)
def test_what_is_undefined_is_told_with_its_place(text: str, x: float, part: str, why: str) -> None:
    for values, arithmetic in (({"x": x}, None), ({"x": complex(x)}, COMPLEX)):
        with pytest.raises(Undefined) as caught:
            evaluate(parse(text), values, arithmetic)
        assert caught.value.why == why
    with pytest.raises(Undefined) as caught:
        evaluate(parse(text), {"x": x})
    assert caught.value.part == part
    place = caught.value.place
    assert place is not None
    assert parse(place.source.text[place.start : place.end]) == parse(part)


def test_the_methods() -> None:
    assert method([parse("sigmoid(x)*x")]) == "complex step"
    assert method([parse("sigmoid(x)"), parse("1 + relu(x)")]) == "central differences"
    assert not kinked([parse("x^2*erf(x)")])


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("x^3", -2.0, 12.0),
        ("x^101", -1.0, 101.0),
        ("x^-3", -2.0, -3 / 16),
        ("x^2.5", 4.0, 20.0),
        ("2^x", 3.0, 8 * math.log(2)),
        ("erf(x)", 5.5, 2 / math.sqrt(math.pi) * math.exp(-(5.5**2))),
        ("erf(x)", 1.9, 2 / math.sqrt(math.pi) * math.exp(-(1.9**2))),
        ("erf(x)", 2.1, 2 / math.sqrt(math.pi) * math.exp(-(2.1**2))),
        ("erf(x)", -0.5, 2 / math.sqrt(math.pi) * math.exp(-0.25)),
        ("expm1(x)", 1e-12, 1 + 1e-12),
        ("log1p(x)", 1e-12, 1 - 1e-12),
        ("tanh(x)", 20.0, 4 * math.exp(-40.0)),
        ("sigmoid(x)", -40.0, math.exp(-40.0)),
        ("softplus(x)", -40.0, math.exp(-40.0)),
    ],
)
def test_complex_steps_are_exact_to_rounding(text: str, x: float, expected: float) -> None:
    assert math.isclose(slope([("", parse(text))], {"x": x}, "x"), expected, rel_tol=1e-12)


def test_differences_keep_off_kinks() -> None:
    chain = [("", parse("abs(x)"))]
    assert math.isclose(slope(chain, {"x": 1e-9}, "x"), 1.0, rel_tol=1e-6)
    with pytest.raises(Undefined):
        slope(chain, {"x": 0.0}, "x")


def test_definitions_come_before_what_holds_them() -> None:
    chain = [("z", parse("w*x")), ("a", parse("sin(z)"))]
    assert slope(chain, {"w": 2.0, "x": 0.0}, "x") == 2.0


def test_points() -> None:
    assert read_point("w=1/4, x=-2,w[1,2]=pi", ["w", "x", "w[1,2]"]) == {
        "w": 0.25,
        "x": -2.0,
        "w[1,2]": math.pi,
    }


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("x", "--at: x is not NAME=NUMBER"),
        ("x=", "--at: x= is not NAME=NUMBER"),
        ("x=1,,y=2", "--at: an empty part is not NAME=NUMBER"),
        ("z=1", "--at: z is no variable here"),
        ("x=1,x=2", "--at gives x twice"),
        ("x=y", "--at: y is no number"),
        ("x=1", "--at gives no number for y"),
        ("x+1=2", "--at: x+1 is no variable"),
        ("x=log(0),y=1", "log(0) has no real value there"),
        ("x=1/0,y=1", "1/0 divides by 0"),
        ("x=__import__('os'),y=1", "__import__ is not a function that is known"),
    ],
)
def test_points_that_are_none(text: str, rule: str) -> None:
    with pytest.raises(InputError) as caught:
        read_point(text, ["x", "y"])
    assert caught.value.rule == rule
