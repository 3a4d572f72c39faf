"""``grad`` on numbers: what it answers, in words and as data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
from calculus import cases, points, value

import dlcalc
from dlcalc.answers.grad import grad, named, of_matrices
from dlcalc.answers.grad_result import GradResult, Step
from dlcalc.errors import ClaimError, InputError
from dlcalc.expr.parse import parse


def lines(result: GradResult) -> list[str]:
    return [" ".join(line.split()) for line in result.plain().splitlines()]


def flat(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from flat(step.parts)


def refusal(*expressions: str, **settings: object) -> InputError:
    with pytest.raises(InputError) as caught:
        grad(*expressions, **settings)  # type: ignore[arg-type]
    return caught.value


def test_a_neuron_step_by_step() -> None:
    assert lines(grad("sigmoid(w*x + b)", wrt="w")) == [
        "let z = w*x + b",
        "a = sigmoid(z)",
        "da/dw = da/dz * dz/dw chain rule",
        "da/dz = sigmoid(z)*(1 - sigmoid(z)) sigmoid",
        "dz/dw = x product, w alone varies",
        "da/dw = x*sigmoid(z)*(1 - sigmoid(z)) multiplied",
        "verified complex step at 7 random points, relative errors below 1e-14",
        "da/dw = x*sigmoid(w*x + b)*(1 - sigmoid(w*x + b))",
    ]


def test_paths_are_added() -> None:
    assert lines(grad("x^2*sin(x)", wrt="x"))[2:4] == [
        "dy/dx = 2*x*v + x**2*dv/dx product, power",
        "dv/dx = cos(x) sin",
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("5", "constant"),
        ("x", "identity"),
        ("x + 1", "sum, x alone varies"),
        ("3*x", "product, x alone varies"),
        ("x/3", "quotient, x alone varies"),
        ("x^3", "power"),
        ("3*x^4 - 2*x + 1", "power"),
        ("1/x", "quotient"),
        ("2^x", "exponential"),
        ("x^x", "power, exponential"),
        ("(2*x)^3", "chain rule"),
        ("tanh(x)", "tanh"),
        ("x*(1 + x)", "product"),
        ("x/(1 + x)", "quotient"),
        ("sin(x) + cos(x)", "sum"),
    ],
)
def test_rules_have_the_names_that_people_use(text: str, rule: str) -> None:
    assert grad(text, wrt="x").steps[0].rule == rule


def test_every_step_carries_its_check() -> None:
    for case in cases():
        result = grad(case.expression, wrt=case.variable)
        for step in flat(result.steps):
            if step.rule == "multiplied":
                continue
            assert step.residual is not None
            assert step.residual < 1e-6


def test_steps_and_answer_are_one_derivation() -> None:
    # The product of the steps, the names put in, has the value of the answer everywhere.
    for case in cases():
        result = grad(case.expression, wrt=case.variable)
        assembled = [step.text for step in flat(result.steps) if step.rule == "multiplied"]
        for point in points(case.expression, case.variable, 2):
            known = dict(point)
            for name, text in result.definitions:
                known[name] = value(text, known)
            for text in assembled:
                printed = value(str(result.value), point)
                assert math.isclose(value(text, known), printed, rel_tol=1e-6, abs_tol=1e-9)


def test_names_keep_off_those_of_the_expression() -> None:
    result = grad("sigmoid(a*z + y)*u*v*L", wrt="z")
    names = [name for name, _ in result.definitions]
    assert not set(names) & set("azyuvL")
    assert not result.failure
    assert grad("relu(w)", wrt="y").answers[0].symbol == "df/dy"


def test_without_variables_all_are_derived_by() -> None:
    result = grad("x*y + z")
    assert [answer.symbol for answer in result.answers] == ["df/dx", "df/dy", "df/dz"]
    assert result.terse() == "y\nx\n1"


def test_several_variables_and_expressions() -> None:
    result = grad("r*cos(phi)", "r*sin(phi)", wrt=["r,phi"], jacobian=True)
    assert result.terse() == "[[cos(phi), -r*sin(phi)], [sin(phi), r*cos(phi)]]"
    assert result.document()["matrix"] == [["cos(phi)", "-r*sin(phi)"], ["sin(phi)", "r*cos(phi)"]]
    assert [answer.symbol for answer in result.answers] == [
        "dy1/dr",
        "dy1/dphi",
        "dy2/dr",
        "dy2/dphi",
    ]


def test_higher_derivatives() -> None:
    assert grad("x^5", wrt="x", order=3).value == "60*x**2"
    assert grad("exp(2*x)", wrt="x", order=12).value == "4096*exp(2*x)"
    assert grad("sin(x)", wrt="x", order=4).answers[0].symbol == "d4v/dx4"
    assert grad("x^2", wrt="x", order=3).value == "0"
    second = grad("sigmoid(x)", wrt="x", order=2)
    assert second.compare is not None
    assert second.compare("sigmoid(x)*(1 - sigmoid(x))*(1 - 2*sigmoid(x))").equal


def test_a_hessian_is_symmetric_and_told_once() -> None:
    result = grad("x^3*y^2*z", hessian=True)
    assert len(result.answers) == 6
    matrix = result.document()["matrix"]
    assert isinstance(matrix, list)
    assert matrix == [list(row) for row in zip(*matrix)]
    assert matrix[0] == ["6*x*y**2*z", "6*x**2*y*z", "3*x**2*y**2"]
    assert grad("x*y", hessian=True, at="x=1,y=2").terse() == "[[0.0, 1.0], [1.0, 0.0]]"


def test_numbers_at_a_point() -> None:
    result = grad("sigmoid(w*x + b)", wrt="w", at="w=0.5,x=2,b=-1")
    assert result.value == 0.5
    assert result.terse() == "0.5"
    assert lines(result)[-1] == "da/dw = 0.5"
    assert "a = 0.5" in lines(result)
    assert result.document()["at"] == {"w": 0.5, "x": 2.0, "b": -1.0}
    assert grad("sin(x)", wrt="x", at="x=pi/3").value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "share", "expected"),
    [
        ("relu(x)", "", 0.0),
        ("relu(x)", "left", 0.0),
        ("relu(x)", "middle", 0.5),
        ("relu(x)", "right", 1.0),
        ("abs(x)", "", 0.0),
        ("abs(x)", "left", -1.0),
        ("abs(x)", "right", 1.0),
        ("leaky_relu(x, 0.1)", "", 0.1),
        ("leaky_relu(x, 0.1)", "right", 1.0),
        ("elu(x, 2)", "", 2.0),
        ("elu(x, 2)", "right", 1.0),
        ("hardtanh(x + 1)", "", 0.0),
        ("hardtanh(x + 1)", "left", 1.0),
        ("hardtanh(x - 1)", "", 0.0),
        ("hardtanh(x - 1)", "right", 1.0),
        ("max(x, -x)", "", 0.0),
        ("max(x, 2*x)", "", 1.5),
        ("max(x, 2*x)", "left", 1.0 * 0 + 2.0),
        ("min(x, 2*x)", "left", 1.0),
        ("mae(x, 0)", "", 0.0),
    ],
)
def test_the_slope_at_a_kink_is_pytorchs_or_as_asked(
    text: str, share: str, expected: float
) -> None:
    assert grad(text, wrt="x", at="x=0", at_kink=share).value == pytest.approx(expected)


def test_slopes_at_kinks_are_pytorchs_own() -> None:
    torch = pytest.importorskip("torch")
    functions = {
        "relu(x)": torch.relu,
        "abs(x)": torch.abs,
        "leaky_relu(x)": torch.nn.functional.leaky_relu,
        "elu(x, 2)": lambda x: torch.nn.functional.elu(x, 2.0),
        "selu(x)": torch.selu,
        "hardtanh(x + 1)": lambda x: torch.nn.functional.hardtanh(x + 1),
        "hardtanh(x - 1)": lambda x: torch.nn.functional.hardtanh(x - 1),
        "softsign(x)": torch.nn.functional.softsign,
        "max(x, 2*x)": lambda x: torch.maximum(x, 2 * x),
        "min(x, 3*x)": lambda x: torch.minimum(x, 3 * x),
        "mae(x, 0)": lambda x: torch.nn.functional.l1_loss(x, torch.zeros(())),
        "prelu(x, 0.25)": lambda x: torch.nn.functional.prelu(
            x.reshape(1), torch.tensor([0.25])
        ).sum(),
    }
    for text, function in functions.items():
        x = torch.zeros((), requires_grad=True)
        function(x).backward()
        assert grad(text, wrt="x", at="x=0").value == pytest.approx(float(x.grad)), text


def test_kinks_and_pieces_are_told() -> None:
    result = grad("relu(w*x + b)", wrt="w")
    assert "kink relu at w*x + b = 0: the left slope counts, as in PyTorch" in lines(result)
    assert "where w*x + b > 0: x" in lines(result)
    assert "w*x + b < 0: 0" in lines(result)
    assert result.document()["pieces"] == {"w*x + b > 0": "x", "w*x + b < 0": "0"}
    (kink,) = result.document()["kinks"]  # type: ignore[misc]
    assert (kink["kind"], kink["function"], kink["zero"]) == ("kink", "relu", "w*x + b")
    assert "the right slope counts" in grad("relu(x)", at_kink="right").plain()
    assert "pieces" not in grad("relu(x)*abs(x - 1)").document()


def test_a_wrong_piece_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcalc.symbolic.scalar import kinks

    monkeypatch.setitem(kinks._SIDES, "heaviside", lambda algebra, parts, above: algebra.one)
    assert "disagrees on the pieces" in grad("relu(x)").failure


def test_where_something_jumps_there_is_no_derivative() -> None:
    result = grad("relu(x)", wrt="x", order=2)
    assert result.value == "0"
    assert "jump heaviside at x = 0: there is no derivative there" in lines(result)
    assert "jumps at x = 0" in refusal("relu(x)", order=2, at="x=0").rule
    assert "jumps at x = 0" in refusal("sign(x)", at="x=0").rule
    assert grad("sign(x)", at="x=2").value == 0


@pytest.mark.parametrize(
    ("text", "at", "rule"),
    [
        ("log(x)", "x=-1", "log(x) has no real value at x = -1"),
        ("x + sin(x)/x", "x=0", "sin(x)/x divides by 0 at x = 0"),
        ("x^2/x", "x=0", "x**2/x divides by 0 at x = 0"),
        ("sqrt(x)", "x=0", "1/(2*sqrt(x)) divides by 0 at x = 0, in dv/dx"),
        ("exp(x)", "x=1000", "exp(x) is too large a number at x = 1000"),
        ("x^x", "x=0", "log(x) has no real value at x = 0, in dy/dx"),
    ],
)
def test_undefined_points_are_refused_with_their_place(text: str, at: str, rule: str) -> None:
    error = refusal(text, wrt="x", at=at)
    assert error.rule == rule
    # Of the derivative there is no place: it does not stand in what was typed.
    assert (error.place is None) == ("in d" in rule)


def test_what_is_defined_nowhere_is_never_called_verified() -> None:
    for text in ("log(-x^2 - 1)", "sqrt(-abs(x) - 1)", "x/(x - x)", "bce(x + 2, 3)*0 + log(-2)"):
        refusal(text, wrt="x")


def test_a_variable_that_does_not_occur() -> None:
    result = grad("sin(weight)", wrt="wieght")
    assert result.value == "0"
    assert result.notes == [
        "wieght does not occur in the expression, so its derivative is 0; did you mean weight?"
    ]
    assert grad("e^x", wrt="x").notes == [
        "e is a variable here; the exponential function is exp(x)"
    ]


@pytest.mark.parametrize(
    ("claim", "method"),
    [
        ("x*sigmoid(w*x+b)*(1-sigmoid(w*x+b))", "decided symbolically"),
        ("x*exp(-w*x - b)/(1 + exp(-w*x - b))^2", "decided symbolically, by SymPy"),
        ("x/4 - x*tanh((w*x + b)/2)^2/4", "decided symbolically, by SymPy"),
        ("x*sigmoid(w*x + b)*sigmoid(-w*x - b) + 0*relu(w)", "symbolically"),
    ],
)
def test_an_equivalent_claim_is_met(claim: str, method: str) -> None:
    result = grad("sigmoid(w*x + b)", wrt="w")
    assert result.meets(claim)
    assert method in result.plain().splitlines()[-2]


def test_a_claim_that_only_numbers_decide() -> None:
    result = grad("relu(x)", wrt="x")
    assert result.meets("(sign(x) + 1)/2")
    assert "the same at 30 random points, not decided symbolically" in result.plain()


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("x*sigmoid(w*x+b)", "at w = "),
        ("x*sigmoid(w*x+b)*(1-sigmoid(w*x+b)) + 1e-6", "at w = "),
        ("q", "at w = "),
        ("x*(", "--expect: x*( is no expression"),
        ("__import__('os')", "--expect: __import__ is not a function"),
        ("x;b", "--expect gives 2, and there is 1 derivative"),
        ("log(-1 - x^2)", "cannot be told"),
        ("X@X", "Binary is not an operation on numbers"),
        ("", "--expect gives 0"),
    ],
)
def test_a_wrong_or_malformed_claim(claim: str, message: str) -> None:
    with pytest.raises(ClaimError, match=message.replace("(", r"\(").replace("*", r"\*")):
        grad("sigmoid(w*x + b)", wrt="w").meets(claim)


def test_claims_of_numbers_and_of_several() -> None:
    result = grad("x^2", at="x=3")
    assert result.meets("6")
    assert not result.meets("5.9")
    assert result.meets("2*x")
    assert grad("x*y").meets("y; x")


def test_the_second_routes() -> None:
    sentences = [f.sentence for f in grad("sigmoid(w*x + b)", wrt="w", verify=True).findings]
    assert sentences[1:] == [
        "SymPy derives the same",
        "the engine's backward pass, relative errors below 1e-14",
    ]
    result = grad("log(x)", verify=True)
    assert result.notes == ["the engine has no log, and was not asked"]
    assert len(grad("x^3", order=2, verify=True).findings) == 2


def test_a_wrong_second_route_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcalc.symbolic.scalar import engine_route, sympy_route

    wrong = engine_route.Slope(0.5, 0.0)
    monkeypatch.setattr(engine_route, "slopes", lambda expr, by, points: [wrong] * len(points))
    assert "the engine says 0.5 and not" in grad("tanh(x)", verify=True).failure
    monkeypatch.setitem(sympy_route._FUNCTIONS, "tanh", lambda x: x)
    assert "SymPy says 1 and not" in grad("tanh(x)", verify=True).failure


def test_the_document() -> None:
    document = json.loads(grad("sigmoid(w*x + b)", wrt="w").json())
    assert document["expressions"] == ["sigmoid(w*x + b)"]
    assert document["wrt"] == ["w"]
    assert document["gradient"] == [
        {
            "symbol": "da/dw",
            "expression": "x*sigmoid(w*x + b)*(1 - sigmoid(w*x + b))",
            "shape": None,
        }
    ]
    assert document["definitions"] == [
        {"symbol": "z", "expression": "w*x + b"},
        {"symbol": "a", "expression": "sigmoid(z)"},
    ]
    chain = document["steps"][0]
    assert (chain["symbol"], chain["rule"], chain["expression"]) == (
        "da/dw",
        "chain rule",
        "da/dz * dz/dw",
    )
    assert [step["symbol"] for step in chain["steps"]] == ["da/dz", "dz/dw"]
    assert all(0 <= step["residual"] < 1e-12 for step in [chain, *chain["steps"]])
    (verification,) = document["verification"]
    assert verification["method"] == "complex step"
    assert verification["points"] == 7


def test_views() -> None:
    result = grad("silu(x)", code="torch")
    assert result.terse().startswith("import torch\n")
    assert list(grad("silu(x)", view="all").views) == ["code", "latex"]
    assert grad("x^2/sqrt(y)", wrt="y", latex=True).terse() == r"-\frac{x^{2}}{2 y^{1.5}}"
    assert "numbers" in refusal("x^2", view="matrix").rule


def test_the_python_surface() -> None:
    assert dlcalc.grad("x^2").value == "2*x"  # type: ignore[attr-defined, operator]


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"wrt": "pi"}, "--wrt: pi is a constant"),
        ({"wrt": "3"}, "--wrt: 3 is no variable"),
        ({"wrt": "x + y"}, "--wrt: x + y is no variable"),
        ({"wrt": "sin"}, "sin is a function, and stands here without its argument"),
        ({"order": 0}, "--order is a whole number from 1 to 12"),
        ({"order": 13}, "--order is a whole number from 1 to 12"),
        ({"order": 2}, "--order 2 is of one variable, and there are x, y"),
        ({"hessian": True, "order": 3}, "a Hessian holds second derivatives"),
        ({"at": "x=1"}, "--at gives no number for y"),
        ({"loss": "mse"}, "--loss is of a network"),
        ({"activation": "relu"}, "--activation is of a network"),
    ],
)
def test_questions_without_an_answer(settings: dict[str, object], rule: str) -> None:
    assert rule in refusal("x*y", **settings).rule


def test_questions_about_nothing() -> None:
    assert refusal().rule == "there is no expression"
    assert refusal("3").rule == "there is no variable to derive by"
    assert refusal("x", "y", hessian=True).rule == "a Hessian is of one expression"
    assert "more than 400" in refusal("+".join(f"x{i}" for i in range(30)), hessian=True).rule


def test_what_grows_without_end_is_refused() -> None:
    tower = "x"
    for _ in range(12):
        tower = f"({tower})*sin({tower})"
    for text in (tower, "*".join(f"sin(x + {i})" for i in range(150)), "x" + "+x*sin(x)" * 150):
        try:
            assert not grad(text, wrt="x", order=2).failure
        except InputError as error:
            assert error.rule


def test_names_of_variables() -> None:
    assert named(["w,b", "w[3,1,1]", " x ,"]) == ["w", "b", "w[3,1,1]", "x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x*sin(y)", False),
        ("max(x, y) + mse(x, y) + huber(x, y, 1)", False),
        ("x@y", True),
        ("x.T", True),
        ("sum(x)", True),
        ("max(x)", True),
        ("norm(x)", True),
        ("softmax(x)", True),
        ("cross_entropy(x, y)", True),
        ("max(x, axis=0)", True),
    ],
)
def test_what_only_matrices_have(text: str, expected: bool) -> None:
    assert of_matrices(parse(text)) is expected
