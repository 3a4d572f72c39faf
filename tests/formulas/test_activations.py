"""Activations in closed form: against PyTorch, 60 digits, dense grids and the printed text."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from mpmath import mp

from dlcalc.errors import NotationError
from dlcalc.formulas.activations import facts
from dlcalc.formulas.activations.base import Activation
from dlcalc.formulas.activations.crossings import crossing, crossings
from dlcalc.formulas.activations.registry import ACTIVATIONS, ALSO, TOGETHER, activation
from dlcalc.formulas.intervals import Interval
from dlcalc.layers import activation as layers
from dlcalc.layers.base import Layer

TABLE = Path(__file__).resolve().parent.parent / "data" / "torch_activations.jsonl"
ROWS = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
#: Every activation, those with an argument at several.
WORDS = [
    *ACTIVATIONS,
    *("leaky_relu:0.3", "leaky_relu:-0.7", "leaky_relu:1.5", "leaky_relu:1", "leaky_relu:-1"),
    *("prelu:0", "elu:0.4", "elu:2", "elu:-1", "elu:0"),
]
GRID = [n / 100 for n in range(-2_500, 2_501)]
FINITE = some.floats(allow_nan=False, allow_infinity=False)

# The definitions, for mpmath: none shares a line with the code.
DEFINITIONS = {
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "tanh": lambda x: (mp.exp(x) - mp.exp(-x)) / (mp.exp(x) + mp.exp(-x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "hardtanh": lambda x: min(max(x, mp.mpf(-1)), mp.mpf(1)),
    "hardsigmoid": lambda x: min(max((x + 3) / 6, mp.mpf(0)), mp.mpf(1)),
    "identity": lambda x: x,
    "relu": lambda x: max(x, mp.mpf(0)),
    "relu6": lambda x: min(max(x, mp.mpf(0)), mp.mpf(6)),
    "leaky_relu": lambda x: max(x, x * mp.mpf(0.01)),
    "prelu": lambda x: max(x, x / 4),
    "elu": lambda x: x if x > 0 else mp.exp(x) - 1,
    "selu": lambda x: (
        mp.mpf("1.0507009873554804934193349852946")
        * (x if x > 0 else mp.mpf("1.6732632423543772848170429916717") * (mp.exp(x) - 1))
    ),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "log_sigmoid": lambda x: mp.log(1 / (1 + mp.exp(-x))),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "mish": lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    "hardswish": lambda x: x * min(max((x + 3) / 6, mp.mpf(0)), mp.mpf(1)),
}


def joints(of: Activation) -> list[float]:
    return [joint.at for joint in of.joints]


def close(ours: float, theirs: float, relative: float, absolute: float = 0.0) -> bool:
    return math.isclose(ours, theirs, rel_tol=relative, abs_tol=absolute)


def within(x: float, parts: list[Interval]) -> bool:
    return any(
        (part.low < x or (part.first and part.low == x))
        and (x < part.high or (part.last and x == part.high))
        for part in parts
    )


def near_an_end(x: float, parts: list[Interval]) -> bool:
    return any(abs(x - end) < 1e-9 for part in parts for end in (part.low, part.high))


# The registry.


def test_every_activation_of_the_notation_has_its_formula() -> None:
    kinds = [kind for kind in vars(layers).values() if isinstance(kind, type)]
    words = {word for kind in kinds if issubclass(kind, Layer) for word in kind.words}
    missing = words - set(ACTIVATIONS) - set(ALSO) - set(TOGETHER)
    assert not missing
    assert set(TOGETHER) <= words
    assert set(ACTIVATIONS) <= words
    assert set(DEFINITIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_an_activation_bears_its_name(word: str) -> None:
    assert activation(word).name == word
    assert activation(word.replace("_", "-").upper()).name == word


@pytest.mark.parametrize(("word", "name"), ALSO.items())
def test_other_words(word: str, name: str) -> None:
    assert activation(word).name == name


@pytest.mark.parametrize(
    ("word", "rule", "mend"),
    [
        ("sigmod", "sigmod is not an activation", "Did you mean sigmoid?"),
        ("softmax", "a function of several numbers", "dlcalc softmax 1,2,3"),
        ("log-softmax", "a function of several numbers", "dlcalc softmax"),
        ("relu:2", "relu takes no argument", "Write relu."),
        ("elu:", "not an empty text", "elu:1"),
        ("elu:x", "not x", "elu:1"),
        ("elu:nan", "not nan", "elu:1"),
        ("elu:1e101", "1e101", "elu:1"),
        ("elu:1_0", "1_0", "elu:1"),
        ("leaky_relu:slope=1", "leaky_relu has no slope", "leaky_relu:0.01"),
        ("", "an empty word", "There are sigmoid"),
    ],
)
def test_refusals_point_and_mend(word: str, rule: str, mend: str) -> None:
    with pytest.raises(NotationError) as caught:
        activation(word)
    assert rule in caught.value.rule
    assert mend in caught.value.mend
    assert caught.value.place is not None


# Values and derivatives.


def test_torch_says_the_same() -> None:
    compared = 0
    for row in ROWS:
        if "gain" in row:
            continue
        of, x = activation(row["activation"]), float.fromhex(row["x"])
        ours = (of.value(x), of.slope(x), of.curvature(x))
        for mine, theirs in zip(ours, row["torch"]):
            if theirs is None:
                continue
            # PyTorch cancels: 1 - y*y, 1 + erf; its 1/6 of hardsigmoid is single.
            bound = 1e-7 if of.name == "hardsigmoid" else 1e-12
            assert close(mine, theirs, bound, 5e-15), (row, ours)
            compared += 1
    assert compared > 5_000


def test_torch_gains() -> None:
    gains = {row["gain"]: row["torch"] for row in ROWS if "gain" in row}
    words = {"linear": "identity", "leaky_relu": "leaky_relu:0.3"}
    for name, gain in gains.items():
        ours = activation(words.get(name, name)).gain
        assert ours is not None and close(ours, gain, 1e-15)
    advised = {name for name in ACTIVATIONS if activation(name).gain is not None}
    assert advised == {words.get(name, name).partition(":")[0] for name in gains}


def test_the_record_is_what_torch_says() -> None:
    pytest.importorskip("torch")
    from oracles import torch_activations

    for fresh, row in zip(torch_activations.rows(), ROWS, strict=True):
        old, new = row.pop("torch"), fresh.pop("torch")
        assert row == fresh
        row["torch"] = old
        pairs = zip(old, new) if isinstance(old, list) else [(old, new)]
        assert all(a == b or close(a, b, 1e-12, 1e-300) for a, b in pairs)


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_all_digits_far_out_and_near(word: str) -> None:
    """Value and both derivatives beside 60 digits: no overflow, nothing cancelled away.

    Near a zero of its own, as of gelu's slope at -0.75, a function has the digits
    of the numbers that it is the difference of.
    """
    of, define = activation(word), DEFINITIONS[word]
    points = [s * 10**e for e in (-8, -3, -1, 0, 0.5, 1, 1.3, 1.5, 2, 2.5, 2.84) for s in (-1, 1)]
    for x in [*points, -745.0, -30.0, 0.25, -0.125, -1000.0, 1000.0]:
        if any(abs(x - at) < 1e-9 for at in joints(of)):
            continue
        # What cancels of the definition itself is paid for in digits.
        with mp.workdps(900 if abs(x) < 200 else 1_600):
            exact = [define(mp.mpf(x)), *_derivatives(define, mp.mpf(x))]
        for mine, theirs in zip((of.value(x), of.slope(x), of.curvature(x)), map(float, exact)):
            scale = 3e-16 if abs(x) < 5 else 1e-300
            assert close(mine, theirs, 4e-15, scale), (x, mine, theirs)


def _derivatives(define: object, x: object) -> tuple[object, object]:
    """By central differences in so many digits that nothing is left of the error."""
    h = mp.mpf(10) ** -200
    ahead, here, behind = define(x + h), define(x), define(x - h)  # type: ignore[operator]
    return (ahead - behind) / (2 * h), (ahead - 2 * here + behind) / (h * h)


@pytest.mark.parametrize("word", WORDS)
@given(x=FINITE)
def test_no_finite_input_overflows(word: str, x: float) -> None:
    of = activation(word)
    for number in (of.value(x), of.slope(x), of.curvature(x)):
        assert math.isfinite(number) or abs(x) > 1e300
    reach = facts.values(of)
    assert reach.low - 1e-15 <= of.value(x) <= reach.high + 1e-15 or abs(x) > 1e300
    assert abs(of.slope(x)) <= facts.steepest(of).slope * (1 + 1e-13)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("side", [-inf, inf])
def test_infinities_are_limits(word: str, side: float) -> None:
    of, far = activation(word), math.copysign(1e9, side)
    limit = of.value(side)
    assert close(of.value(far), limit, 1e-8, 1e-8) or (
        abs(of.value(far)) > 1e6 and limit in (math.copysign(inf, of.value(far)),)
    )
    assert close(of.slope(far), of.slope(side), 1e-8, 1e-8)
    assert of.curvature(side) == 0


@pytest.mark.parametrize("word", WORDS)
def test_derivatives_are_those_of_the_value(word: str) -> None:
    of, h = activation(word), 1e-5
    for x in (n / 7 + 0.013 for n in range(-60, 60)):
        if any(abs(x - at) < 2 * h for at in joints(of)):
            continue
        by_steps = (of.value(x + h) - of.value(x - h)) / (2 * h)
        assert close(of.slope(x), by_steps, 1e-8, 1e-9)
        by_steps = (of.slope(x + h) - of.slope(x - h)) / (2 * h)
        assert close(of.curvature(x), by_steps, 1e-8, 1e-9)


def test_what_is_printed_can_be_pasted() -> None:
    """One Python reads every formula, with the names of math, and says what it comes to."""
    points = [-2.75, -0.5, 0.25, 1.5, 3.5, 7.0]
    lines = ["from math import *", f"for x in {points}:"]
    for word in WORDS:
        of = activation(word)
        lines += [f"    f = {of.formula}", f"    print(f, {of.derivative}, {of.by_value or 'nan'})"]
    done = subprocess.run(
        [sys.executable, "-"], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    said = [list(map(float, line.split())) for line in done.stdout.splitlines()]
    ours = [(word, x) for x in points for word in WORDS]
    assert len(said) == len(ours)
    for (word, x), (value, slope, by_value) in zip(ours, said):
        of = activation(word)
        assert close(of.value(x), value, 1e-13, 1e-15), (word, x)
        assert close(of.slope(x), slope, 1e-12, 1e-15), (word, x)
        if of.by_value:
            assert close(of.slope(x), by_value, 1e-10, 1e-12), (word, x)


# What is said of them.


@pytest.mark.parametrize("word", WORDS)
def test_range_on_a_dense_grid(word: str) -> None:
    of = activation(word)
    reach = facts.values(of)
    seen = [of.value(x) for x in [*GRID, -1e6, 1e6]]
    low, high = min(seen), max(seen)
    assert reach.low <= low + 1e-15
    assert reach.high >= high - 1e-15
    # It is no wider than what is seen: softsign comes no nearer than 1e-6.
    assert close(reach.low, low, 1e-5, 2e-6) or (reach.low == -inf and low < -1e3)
    assert close(reach.high, high, 1e-5, 2e-6) or (reach.high == inf and high > 1e3)
    inner = [of.value(x) for x in GRID if abs(x) < 15]
    assert reach.first or min(inner) > reach.low
    assert reach.last or max(inner) < reach.high
    if reach.first:
        assert close(min(inner), reach.low, 1e-4, 1e-15)
    if reach.last:
        assert close(max(inner), reach.high, 1e-4, 1e-15)


@pytest.mark.parametrize("word", WORDS)
def test_largest_slope_on_a_dense_grid(word: str) -> None:
    of = activation(word)
    found = facts.steepest(of)
    slopes = {x: abs(of.slope(x)) for x in GRID}
    assert max(slopes.values()) <= found.slope * (1 + 1e-13)
    assert max(slopes.values()) >= found.slope * (1 - 1e-2)
    for part in found.where:
        inside = [x for x in GRID if part.low < x < part.high] or [part.low]
        assert all(close(abs(of.slope(x)), found.slope, 1e-12) for x in inside)
    outside = [x for x in GRID if not within(x, found.where)]
    tails = [x for x in outside if abs(x) < 12]
    assert all(slopes[x] < found.slope for x in tails)
    assert found.where or found.limits
    for place in found.limits:
        beside = math.copysign(40, place) if math.isinf(place) else place - 1e-9
        other = math.copysign(40, place) if math.isinf(place) else place + 1e-9
        assert any(close(abs(of.slope(x)), found.slope, 1e-8) for x in (beside, other))


@pytest.mark.parametrize("epsilon", [1e-12, 1e-3, 0.01, 0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("word", WORDS)
def test_flat_on_a_dense_grid(word: str, epsilon: float) -> None:
    of = activation(word)
    parts = facts.flat(of, epsilon)
    for x in [*GRID, *joints(of), -1e8, -700.0, 700.0, 1e8]:
        if not near_an_end(x, parts) or x in joints(of):
            assert within(x, parts) == (abs(of.slope(x)) < epsilon), x


@pytest.mark.parametrize("word", WORDS)
def test_falling_and_still_on_a_dense_grid(word: str) -> None:
    of = activation(word)
    falling, still = facts.falling(of), facts.still(of)
    for x in [*GRID, *joints(of)]:
        if not near_an_end(x, falling) or x in joints(of):
            assert within(x, falling) == (of.slope(x) < 0), x
        if within(x, still) and within(x + 1e-3, still):
            assert of.value(x) == of.value(x + 1e-3)
        elif not within(x, still) and abs(x) < 15 and x not in joints(of):
            assert of.slope(x) != 0 or near_an_end(x, falling)


@pytest.mark.parametrize("word", WORDS)
def test_kinks_by_steps_to_both_sides(word: str) -> None:
    of = activation(word)
    found = {kink.at: kink for kink in facts.kinks(of)}
    assert set(found) <= set(joints(of))
    for at, kink in found.items():
        left = (of.value(at) - of.value(at - 1e-7)) / 1e-7
        right = (of.value(at + 1e-7) - of.value(at)) / 1e-7
        assert close(kink.slopes[0], left, 1e-5, 1e-6)
        assert close(kink.slopes[1], right, 1e-5, 1e-6)
        assert kink.slope == of.slope(at)
        assert kink.breaks == (abs(left - right) > 1e-4)
    engine = {"tanh", "sigmoid", "gelu", "silu", "mish", "softplus", "log_sigmoid", "identity"}
    assert (not found) == (word in engine or word == "leaky_relu:1")


def test_known_facts() -> None:
    assert facts.steepest(activation("sigmoid")) == (0.25, [Interval(0, 0, True, True)], [])
    assert facts.steepest(activation("tanh")) == (1, [Interval(0, 0, True, True)], [])
    assert close(facts.values(activation("silu")).low, -0.2784645427610738, 1e-15)
    assert close(facts.steepest(activation("gelu")).where[0].low, math.sqrt(2), 1e-15)
    assert facts.values(activation("hardswish")) == Interval(-0.375, inf, True, False)
    assert facts.values(activation("relu6")) == Interval(0, 6, True, True)
    (left, right) = facts.flat(activation("sigmoid"), 0.01)
    # s*(1 - s) = 0.01.
    assert close(right.low, math.log((1 + math.sqrt(0.96)) / (1 - math.sqrt(0.96))), 1e-14)
    assert close(left.high, -right.low, 1e-14)


# Crossings.


def test_slopes_of_tanh_and_sigmoid_cross_where_the_notes_say() -> None:
    places = crossing(activation("tanh"), activation("sigmoid"), "slope")
    exact = 2 * math.acosh((1 + math.sqrt(3)) / 2)
    assert [round(x, 5) for x in places] == [-1.66289, 1.66289]
    assert close(places[1], exact, 1e-15)
    assert places[0] == -places[1]


def test_crossings_are_where_signs_change_and_nowhere_else() -> None:
    for each in crossings([activation(word) for word in ACTIVATIONS]):
        one, other = (
            (part.value if each.of == "value" else part.slope) for part in (each.first, each.second)
        )
        for x in each.places:
            step = 1e-4 * max(1.0, abs(x))
            before, after = (one(x + s) - other(x + s) for s in (-step, step))
            assert before * after < 0, (each, x)
        changes, last, together = 0, 0.0, 0
        for x in GRID:
            now = one(x + 0.003) - other(x + 0.003)
            if abs(now) < 1e-14:
                together += 1
                continue
            # Across a stretch on which both are the same they do not cross.
            changes += last * now < 0 and together < 3
            last, together = now, 0
        inside = [x for x in each.places if abs(x) < 25]
        assert changes <= len(inside) <= changes + 1, each


def test_jumps_cross_at_the_joint_itself() -> None:
    assert crossing(activation("relu"), activation("sigmoid"), "slope") == [0.0]
    assert crossing(activation("relu"), activation("relu"), "value") == []
