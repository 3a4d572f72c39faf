"""Steps as answers: the notes' figures, every printed formula evaluated, refusals, proofs."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.answers.step import step
from dlcalc.answers.step_result import StepResult
from dlcalc.errors import ClaimError, InputError

#: The example of the notes: eta 0.1, lambda 1, n 10, w 2, dE/dw 0.5.
NOTES: dict[str, Any] = {"weights": "2", "grad": "0.5", "lr": "0.1", "l2": "1", "n": "10"}
NAMES = {
    "sqrt": math.sqrt,
    "log": math.log,
    "log1p": math.log1p,
    "max": max,
    "soft": lambda w, t: math.copysign(max(abs(w) - t, 0.0), w),
}


def assert_formulas_hold(text: str, least: int = 1) -> None:
    """Every ``formula = number`` of a text, evaluated as Python."""
    found = 0
    for line in text.splitlines():
        for part in re.split(r"\s{2,}|;|: ", line):
            sides = part.split(" = ")
            if len(sides) < 2 or not re.match(r"-?[\d.]+(e[-+]\d+)?\b", sides[-1]):
                continue
            formula, value = sides[-2], sides[-1].split()[0]
            if re.search(r"\b(w|grad|lr|g|m|s|v|x|N)\b", formula):
                continue
            expected = float(value)
            assert eval(formula, {}, NAMES) == pytest.approx(expected, rel=2e-3, abs=1e-6), part
            found += 1
    assert found >= least, text


def test_the_example_of_the_issue() -> None:
    result = step(weights="0.5,-1,2", grad="0.1,0,-0.2", lr="0.1", l1="0.01")
    assert result.value == pytest.approx((0.489, -0.999, 2.019))
    text = result.plain()
    assert text.splitlines()[-1] == "weights  0.489,-0.999,2.019"
    for part in (
        "w - lr*(grad + l1*sign(w))",
        "0.5 - 0.1*(0.1 + 0.01*1) = 0.489",
        "-1 - 0.1*(0 + 0.01*-1) = -0.999",
        "data gradient",
        "penalty gradient",
        "L1 by subgradient",
        "by soft threshold",
        "0 at step",
        "exactly 0, if the gradient of the data stays",
        "the convention lambda",
    ):
        assert part in text
    assert_formulas_hold(text, 3)


def test_the_misprint_of_the_notes() -> None:
    """The line that dropped the learning rate gives 1.48, the right one 1.93."""
    result = step(**NOTES, as_printed=True)
    assert result.value == (1.93,)
    text = result.plain()
    assert "(1 - 0.1*1/10)*2 - 0.5 = 1.48" in text
    assert "(1 - 0.1*1/10)*2 - 0.1*0.5 = 1.93" in text
    assert "grad*(lr - 1) = 0.5*(0.1 - 1) = -0.45" in text
    assert result.document()["as_printed"] == pytest.approx([1.48])
    assert_formulas_hold(text, 4)


def test_the_conventions_are_switched_and_named() -> None:
    """The same lambda gives four steps, and the same step four lambdas."""
    steps = {}
    for factor in ("lambda", "lambda/2", "lambda/n", "lambda/2n"):
        given = {**NOTES, "convention": factor}
        if "n" not in factor:
            del given["n"]
        result = step(**given)
        assert f"the convention {factor};" in result.plain()
        steps[factor] = result.value[0]  # type: ignore[index]
    assert steps == pytest.approx(
        {"lambda": 1.55, "lambda/2": 1.75, "lambda/n": 1.91, "lambda/2n": 1.93}
    )
    told = step(**NOTES).plain()
    assert "--l2 0.05 by lambda, 0.1 by lambda/2, 0.5 by lambda/n" in told
    for factor, strength in (("lambda", "0.05"), ("lambda/2", "0.1"), ("lambda/n", "0.5")):
        given = {**NOTES, "convention": factor, "l2": strength}
        if "n" not in factor:
            del given["n"]
        assert step(**given).value == pytest.approx((1.93,))


def test_l1_by_both_ways() -> None:
    result = step(weights="0.013,0.03,2", lr=0.1, l1=0.1)
    text = result.plain()
    assert "never" in text and "3 but for rounding" in text
    document = result.document()["l1"]
    assert document["subgradient_zero"] == [None, None, None]  # type: ignore[index]
    assert document["soft_threshold_zero"][0] == 2  # type: ignore[index]
    soft = step(weights="0.005,-0.005,2", lr=0.1, l1=0.1, proximal=True)
    assert soft.value == pytest.approx((0.0, 0.0, 1.99))
    assert "soft(w - lr*grad, lr*l1)" in soft.plain()
    assert_formulas_hold(soft.plain(), 3)


def test_l2_over_a_hundred_steps() -> None:
    result = step(weights="2", lr=0.1, l2=0.1, steps=100)
    assert result.value == pytest.approx((2 * 0.99**100,))
    text = result.plain()
    assert "(1 - 0.1*0.1)**100 = 0.366032 of a weight after 100 steps" in text
    assert "log(0.5)/log(1 - 0.1*0.1) = 68.9676 steps; exactly 0 it never is" in text
    assert_formulas_hold(text, 2)
    assert step(weights="2", lr=0.1, l2=0.1, steps="1e18").value == (0.0,)
    moving = step(weights="2", grad="0.5", lr=0.1, l2=0.1, steps="1e18")
    assert moving.value == pytest.approx((-5.0,))
    assert "the distance to -grad/l2" in moving.plain()


def test_huge_n_is_answered_at_once() -> None:
    result = step(weights="2", grad="0.5", lr="0.1", l2="1", n="1e18")
    assert result.value == pytest.approx((1.95,))
    assert "log1p" in result.plain()
    assert step(weights="2", grad="0.5", lr="0.1", l2="1", n="1").value == pytest.approx((1.75,))


@pytest.mark.parametrize(
    "word",
    ["momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "adam:amsgrad=1"],
)
@pytest.mark.parametrize("count", [1, 3])
def test_optimisers_show_their_state(word: str, count: int) -> None:
    result = step(
        weights="0.5,-1", grad="0.1,-0.2", optimizer=word, steps=count, l2=0.1, verify=True
    )
    assert isinstance(result, StepResult)
    text = result.plain()
    assert "torch.optim." in text and result.failure == ""
    for name in result.question.how.rule.keeps(result.question.how.settings):
        assert re.search(rf"\b{name}\b", text)
    assert_formulas_hold(text)
    assert result.document()["terms"][0]["kept"]  # type: ignore[index]


def test_a_gradient_for_each_step() -> None:
    ours = step(weights="1", grad=["1", "-1", "0.5"], lr=0.1, optimizer="momentum")
    v, w = 0.0, 1.0
    for g in (1, -1, 0.5):
        v = 0.9 * v + g
        w -= 0.1 * v
    assert ours.value == pytest.approx((w,))
    with pytest.raises(InputError, match="--steps is 4, but there are 3 gradients"):
        step(weights="1", grad=["1", "-1", "0.5"], lr=0.1, steps=4)


def test_adagrad_shortens_its_steps_by_the_root() -> None:
    """1, 0.1 and 0.01 at steps 1, 100 and 10,000 of one gradient."""
    for count, size in ((1, 1.0), (100, 0.1), (10_000, 0.01)):
        before = step(weights="0", grad="1", lr=1, optimizer="adagrad", steps=max(count - 1, 1))
        after = step(weights="0", grad="1", lr=1, optimizer="adagrad", steps=count)
        moved = after.value[0] - (before.value[0] if count > 1 else 0.0)  # type: ignore[index]
        assert -moved == pytest.approx(size, rel=1e-3)


def test_clipping_keeps_a_direction_by_norm() -> None:
    by_norm = step(weights="0,0", grad="30,40", lr=1, clip_norm=5)
    by_value = step(weights="0,0", grad="30,40", lr=1, clip_value=5)
    assert by_norm.value == (-3.0, -4.0) and by_value.value == (-5.0, -5.0)
    assert "clipped" in by_norm.plain()


def test_decay_is_l2_by_plain_descent_and_not_by_adam() -> None:
    given: dict[str, Any] = {"weights": "2", "grad": "0.5", "lr": 0.1}
    assert step(**given, decay=0.3).value == pytest.approx(step(**given, l2=0.3).value)
    by_adam = step(**given, l2=0.3, optimizer="adam").value
    decoupled = step(**given, decay=0.3, optimizer="adam").value
    assert by_adam != pytest.approx(decoupled)
    assert "0.01, decoupled" in step(**given, optimizer="adamw").plain()
    adamw = step(**given, decay=0.3, optimizer="adamw").value
    assert adamw == decoupled == step(**given, optimizer="adamw:weight_decay=0.3").value


def test_elastic_net_is_both() -> None:
    given: dict[str, Any] = {"weights": "2,-1", "grad": "0.5,0", "lr": 0.1}
    both = step(**given, elastic="0.2,0.3")
    assert both.value == step(**given, l1=0.2, l2=0.3).value
    assert both.value == pytest.approx((2 - 0.1 * (0.5 + 0.2 + 0.6), -1 + 0.1 * (0.2 + 0.3)))
    assert "w - lr*(grad + l1*sign(w) + l2*w)" in both.plain()
    # -1 goes to 0 by the soft threshold, as many steps as it takes.
    at, steps = -1.0, 0
    while at:
        at, steps = at - 0.1 * 0.3 * at, steps + 1
        at -= max(min(at, 0.1 * 0.2), -0.1 * 0.2)
    zeros = both.document()["l1"]["soft_threshold_zero"]  # type: ignore[index]
    assert zeros == [None, steps] and "never" in both.plain()
    assert_formulas_hold(both.plain(), 2)


FLOATS = st.floats(-50, 50).map(lambda value: round(value, 4))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=3),
    st.sampled_from([{}, {"l1": 0.2}, {"l2": 0.3}, {"l1": 0.2, "proximal": True}, {"decay": 0.4}]),
    st.sampled_from([None, "adam", "nesterov", "adadelta", "rmsprop:centred=1"]),
    st.integers(1, 8),
)
def test_the_second_route_agrees_and_documents_are_json(
    pairs: list[tuple[float, float]], penalty: dict[str, Any], word: str | None, count: int
) -> None:
    result = step(
        weights=[w for w, _ in pairs],
        grad=[g for _, g in pairs],
        lr=0.1,
        steps=count,
        optimizer=word,
        verify=True,
        **penalty,
    )
    assert isinstance(result, StepResult) and result.failure == ""
    document = json.loads(result.json(), parse_constant=lambda name: pytest.fail(name))
    assert document["weights"] == list(result.value)
    assert document["verification"]["the engine's steps"]["passed"]
    assert len(result.plain().splitlines()) > 2


def test_a_wrong_step_is_found_by_the_second_route() -> None:
    result = step(**NOTES)
    assert isinstance(result, StepResult)
    result.value = (1.93 + 1e-9,)
    result.verify()
    assert "the engine's steps" in result.failure and "the closed form" in result.failure
    assert "wrong" in result.plain()


def test_where_the_engine_has_no_numbers_it_is_said() -> None:
    """0 divided by 0, where ours moves nothing; that is no agreement and no failure."""
    result = step(weights="1", grad="0", optimizer="adam:eps=0", verify=True)
    assert result.value == (1.0,) and result.failure == ""
    assert "not reached" in result.plain()


def test_expectations() -> None:
    result = step(weights="0.5,-1", grad="0.1,0", lr=0.1)
    assert result.meets("0.49,-1") and result.meets("0.5,-1.0")
    assert not result.meets("0.48,-1") and not result.meets("0.49")
    with pytest.raises(ClaimError):
        result.meets("a,b")


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({}, "there are no weights"),
        ({"weights": ""}, "--weights is empty"),
        ({"weights": "1,,2"}, "an empty part is not a number"),
        ({"weights": "nan", "grad": "1"}, "number 1 is nan"),
        ({"weights": "1,inf", "grad": "1,1"}, "number 2 is inf"),
        ({"weights": "1"}, "there is no gradient and no penalty"),
        ({"weights": "1,2", "grad": "1"}, "--grad has 1 number, but --weights has 2 numbers"),
        ({"weights": "1", "grad": "1", "lr": "-0.1"}, "--lr must be a finite number"),
        ({"weights": "1", "grad": "1", "lr": "nan"}, "--lr must be a finite number"),
        ({"weights": "1", "grad": "1", "l1": "-1"}, "--l1 must be a finite number"),
        ({"weights": "1", "grad": "1", "l2": "inf"}, "--l2 must be a finite number"),
        ({"weights": "1", "l2": "1", "n": "0"}, "--n must be at least 1, not 0"),
        ({"weights": "1", "l2": "1", "n": "1.5"}, "--n must be a whole number"),
        ({"weights": "1", "grad": "1", "n": "5"}, "--n divides the strength of a penalty"),
        ({"weights": "1", "l2": "1", "convention": "lambda/n"}, "divides by n"),
        ({"weights": "1", "l2": "1", "n": "3", "convention": "lambda"}, "has no n"),
        ({"weights": "1", "l2": "1", "convention": "lamda"}, "lamda is not a convention"),
        ({"weights": "1", "grad": "1", "steps": "0"}, "--steps must be at least 1"),
        ({"weights": "1", "grad": "1", "steps": "1e18", "optimizer": "adam"}, "too many one by"),
        ({"weights": "1", "l1": "1", "steps": "1e18"}, "too many one by one"),
        ({"weights": "1", "l2": "3", "lr": "1", "steps": "1e18"}, "the weights grow beyond"),
        ({"weights": "1", "grad": "1e200", "optimizer": "adam"}, "leaves the range of float64"),
        ({"weights": "1", "grad": "1e-200", "optimizer": "rmsprop:eps=0"}, "its square is 0"),
        ({"weights": "1", "grad": "1", "elastic": "1"}, "--elastic takes two strengths"),
        ({"weights": "1", "grad": "1", "elastic": "1,-2"}, "--elastic takes two strengths"),
        ({"weights": "1", "elastic": "1,2", "l1": "1"}, "--l1 does not go together"),
        ({"weights": "1", "grad": "1", "proximal": True}, "--proximal is a way to take --l1"),
        ({"weights": "1", "grad": "1", "as_printed": True}, "--as-printed is one step of --l2"),
        ({"weights": "1", "grad": "1", "clip_norm": "0"}, "--clip-norm must be above 0"),
        ({"weights": "1", "grad": "1", "start": "1"}, "--start does not go together"),
    ],
)
def test_refusals(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError) as refused:
        step(**given)
    assert rule in refused.value.rule


def test_a_rate_of_0_moves_nothing() -> None:
    assert step(weights="1", grad="1", lr="0", l1="1").value == (1.0,)


def test_many_weights_are_told_in_part() -> None:
    result = step(weights=[0.5] * 1000, grad=[1.0] * 1000, lr=0.1, l1=0.1)
    text = result.plain()
    assert "... and 988 more; -q prints all" in text and "1,000 numbers" in text
    assert len(text.splitlines()) < 40
    assert len(result.terse().split(",")) == 1000
