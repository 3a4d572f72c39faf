"""Softmax: its figures, its properties, and what SciPy, PyTorch and mpmath say."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from math import inf, isfinite, isnan, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from dlcalc.formulas.ieee import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, FORMATS, Format
from dlcalc.formulas.softmax import METHODS, PROBABILITIES, margin, run
from dlcalc.formulas.softmax_exact import exact, gradient, jacobian, perplexity
from dlcalc.formulas.softmax_find import Settings, moved, smallest_factor, smallest_move

DATA = Path(__file__).parent.parent / "data"
SCIPY = json.loads((DATA / "scipy_softmax.json").read_text(encoding="utf-8"))
TORCH = json.loads((DATA / "torch_arithmetic.json").read_text(encoding="utf-8"))
KINDS = pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)

logits = st.lists(st.floats(-2000, 2000), min_size=1, max_size=8).map(tuple)


def same(ours: float, theirs: float) -> bool:
    return ours == theirs or (isnan(ours) and isnan(theirs))


def test_1000_1001_1002_in_every_type() -> None:
    z = (1000.0, 1001.0, 1002.0)
    for kind in FORMATS.values():
        for method in ("naive", "epsilon"):
            assert all(map(isnan, run(method, z, kind).values))
            assert run(method, z, kind).overflow
    assert run("shifted", z, FLOAT64).values == pytest.approx((0.0900, 0.2447, 0.6652), abs=5e-5)
    # bfloat16 cannot tell these logits from one another.
    assert run("shifted", z, BFLOAT16).values == (0.333984375,) * 3


def test_minus_1000_and_the_notes_small_constant() -> None:
    z = (-1000.0, -1001.0)
    naive = run("naive", z, FLOAT64)
    assert all(map(isnan, naive.values))
    assert naive.word(naive.values[0], nan) == "sums to 0"
    constant = run("epsilon", z, FLOAT64, epsilon=1e-8)
    assert constant.values == (0.0, 0.0)
    assert constant.word(0.0, 1e300) == "sums to 0"
    assert run("shifted", z, FLOAT64).values == pytest.approx((0.7311, 0.2689), abs=5e-5)
    # In float16 the constant itself is 0.
    assert all(map(isnan, run("epsilon", z, FLOAT16, epsilon=1e-8).values))
    biased = run("epsilon", (0.0, 0.0), FLOAT64, epsilon=1e-3)
    assert f"{sum(biased.values):.4f}" == "0.9995"


def test_log_softmax_keeps_what_the_logarithm_of_softmax_loses() -> None:
    z = (0.0, -1000.0)
    lost = run("shifted", z, FLOAT64).values[1]
    assert FLOAT64.log(lost) == -inf
    assert run("log-softmax", z, FLOAT64).values[1] == -1000
    assert float(exact(z).log_softmax[1]) == -1000


def test_words() -> None:
    tiny = run("shifted", (0.0, -800.0), FLOAT64)
    assert tiny.word(tiny.values[1], 1.0) == "underflow"
    assert tiny.word(tiny.values[0], 0.0) == "exact"
    assert tiny.word(0.5, 1.0) == "rounded"
    over = run("naive", (1000.0, 0.0), FLOAT64)
    assert [over.word(value, nan) for value in over.values] == ["overflow", "overflow"]
    assert run("naive", (nan, 0.0), FLOAT64).word(nan, nan) == "nan"
    # An infinite logit is no overflow: nothing finite has become infinite.
    assert run("shifted", (inf, 0.0), FLOAT64).word(nan, nan) == "nan"


def test_margins() -> None:
    room = margin((1000.0, 1002.0), FLOAT16)
    assert room == (11.0859375 - 1002, 1000 + 17.328125, 17.328125 - 2)


@KINDS
@given(z=logits)
def test_softmax_sums_to_1_within_the_units_of_its_operations(
    kind: Format, z: tuple[float, ...]
) -> None:
    values = run("shifted", z, kind).values
    # n - 1 sums, n quotients, and what is lost below the smallest number.
    bound = Fraction(len(z) + 1, 2**kind.precision) + len(z) * Fraction(kind.smallest)
    assert abs(sum(map(Fraction, values)) - 1) <= bound
    assert abs(sum(map(Fraction, exact(z).softmax)) - 1) <= Fraction(len(z), 10**49)


@KINDS
@given(
    z=st.lists(st.integers(-10, 10), min_size=1, max_size=6),
    shift=st.integers(-100, 100),
)
def test_softmax_does_not_see_a_shift_that_its_type_can_hold(
    kind: Format, z: list[int], shift: int
) -> None:
    # Small whole numbers are exact in every type, and so are their differences.
    here = run("shifted", tuple(map(float, z)), kind)
    there = run("shifted", tuple(float(a + shift) for a in z), kind)
    assert here.values == there.values


@given(z=logits, shift=st.floats(-1000, 1000))
def test_any_shift_is_seen_no_more_than_the_logits_are_rounded(
    z: tuple[float, ...], shift: float
) -> None:
    there = tuple(a + shift for a in z)
    rounding = 2.0**-53 * max(map(abs, there))
    for p, q in zip(run("shifted", z, FLOAT64).values, run("shifted", there, FLOAT64).values):
        assert abs(p - q) <= p * (2.1 * rounding + 2 * (len(z) + 4) * 2.0**-52) + 1e-320


@KINDS
@given(z=st.lists(st.floats(-8, 8), min_size=1, max_size=6).map(tuple))
def test_the_methods_agree_where_nothing_goes_wrong(kind: Format, z: tuple[float, ...]) -> None:
    held = tuple(map(kind.rounded, z))
    wanted = exact(held)
    unit = 2.0 ** (1 - kind.precision)
    for method in ("naive", "shifted"):
        for value, right in zip(run(method, z, kind).values, wanted.softmax):
            # The exponent of a shifted logit is off by half a unit of at most 16.
            assert abs(value - float(right)) <= float(right) * (len(z) + 12) * unit + kind.smallest


@given(z=st.lists(st.floats(-700, 700), min_size=1, max_size=6).map(tuple))
def test_fifty_digits_are_mpmaths(z: tuple[float, ...]) -> None:
    with mp.workdps(700):
        powers = [mp.exp(mpf(a)) for a in z]
        total = mp.fsum(powers)
        found = exact(z)
        for value, log, power in zip(found.softmax, found.log_softmax, powers):
            assert abs(mpf(str(value)) - power / total) <= power / total * mpf(10) ** -48
            right = mp.log(power / total)
            assert abs(mpf(str(log)) - right) <= abs(right) * mpf(10) ** -48
        right = mp.log(total)
        assert abs(mpf(str(found.log_sum_exp)) - right) <= abs(right) * mpf(10) ** -48


@given(z=st.lists(st.floats(-50, 50), min_size=1, max_size=5).map(tuple), data=st.data())
def test_the_gradient_is_the_slope_of_the_cross_entropy(
    z: tuple[float, ...], data: st.DataObject
) -> None:
    target = data.draw(st.integers(0, len(z) - 1))
    temperature = data.draw(st.sampled_from([0.5, 1.0, 3.0]))
    found = gradient(exact(z, temperature), target, temperature)
    matrix = jacobian(exact(z, temperature), temperature)
    assert abs(sum(map(float, found))) < 1e-14
    with mp.workdps(60):
        step = mpf(10) ** -20

        def shares(changed: list[mpf]) -> list[mpf]:
            powers = [mp.exp((a - max(changed)) / temperature) for a in changed]
            return [power / mp.fsum(powers) for power in powers]

        for j in range(len(z)):
            up, down = (
                [mpf(a) + sign * step * (i == j) for i, a in enumerate(z)] for sign in (1, -1)
            )
            high, low = shares(up), shares(down)
            slope = -(mp.log(high[target]) - mp.log(low[target])) / (2 * step)
            assert abs(mpf(str(found[j])) - slope) < 1e-30
            for i in range(len(z)):
                assert abs(mpf(str(matrix[i][j])) - (high[i] - low[i]) / (2 * step)) < 1e-30


def test_perplexity_of_equal_logits_is_their_number() -> None:
    assert float(perplexity(-exact((0.0,) * 7).log_softmax[0])) == 7


def test_two_classes_are_a_sigmoid() -> None:
    for a, b in ((0.3, -1.2), (5.0, 5.0), (-40.0, 2.0)):
        assert float(exact((a, b)).softmax[0]) == pytest.approx(
            1 / (1 + math.exp(b - a)), rel=1e-15
        )


@pytest.mark.parametrize("row", SCIPY["odd"], ids=lambda row: ",".join(row["logits"]))
def test_infinities_and_nan_as_scipy(row: dict[str, list[str]]) -> None:
    z = tuple(map(float, row["logits"]))
    for method, name in (("shifted", "softmax"), ("log-sum-exp", "log-sum-exp")):
        for ours, theirs in zip(run(method, z, FLOAT64).values, map(float, row[name])):
            assert same(ours, theirs) or ours == pytest.approx(theirs, rel=1e-15)


@pytest.mark.parametrize("row", TORCH["odd"], ids=lambda row: ",".join(row["logits"]))
def test_infinities_and_nan_as_torch(row: dict[str, list[str]]) -> None:
    z = tuple(map(float, row["logits"]))
    names = (("shifted", "softmax"), ("log-softmax", "log-softmax"), ("log-sum-exp", "log-sum-exp"))
    for method, name in names:
        for ours, theirs in zip(run(method, z, FLOAT64).values, map(float, row[name])):
            assert same(ours, theirs) or ours == pytest.approx(theirs, rel=1e-15)


def test_where_scipy_and_torch_differ() -> None:
    differ = [
        tuple(map(float, a["logits"]))
        for a, b in zip(SCIPY["odd"], TORCH["odd"])
        if not all(map(same, map(float, a["log-softmax"]), map(float, b["log-softmax"])))
        and not all(map(isfinite, map(float, a["logits"])))
        and inf in map(float, a["logits"])
    ]
    assert differ == [(inf, 0.0), (inf, -inf)]


@pytest.mark.parametrize("row", SCIPY["random"], ids=lambda row: row["logits"][0][:8])
def test_the_exact_values_are_scipys(row: dict[str, list[str]]) -> None:
    z = tuple(map(float, row["logits"]))
    found = exact(z)
    scale = 1 + max(map(abs, z))
    for ours, theirs in zip(found.softmax, map(float, row["softmax"])):
        assert float(ours) == pytest.approx(theirs, rel=4e-16 * scale * len(z), abs=1e-300)
    for ours, theirs in zip(found.log_softmax, map(float, row["log-softmax"])):
        assert float(ours) == pytest.approx(theirs, rel=1e-14, abs=4e-16 * scale)


def test_scipy_says_so_live() -> None:
    pytest.importorskip("scipy")
    oracle = pytest.importorskip("oracles.scipy_softmax")
    for z in oracle.vectors(seed=5, count=50):
        theirs = map(float, oracle.answers(z)["softmax"])
        for ours, value in zip(exact(tuple(z)).softmax, theirs):
            scale = 1 + max(map(abs, z))
            assert float(ours) == pytest.approx(value, rel=4e-16 * scale * len(z), abs=1e-300)


def test_the_smallest_logit_apart_is_never_0_exactly() -> None:
    found = exact((0.0, -1e300))
    assert 0 < found.softmax[1] < found.softmax[0]
    assert found.complement[0] > 0


def test_an_infinite_logit_has_its_limit() -> None:
    assert exact((inf, 0.0)).softmax == (1, 0)
    assert exact((inf, inf)).softmax == ()
    assert exact((nan, 0.0)).log_sum_exp is None
    assert exact((-inf, -inf)).log_sum_exp == -inf
    assert [float(p) for p in exact((-inf, 0.0, 0.0)).softmax] == [0, 0.5, 0.5]


@KINDS
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("z", [(0.0, 1.0, 2.0), (3.0,), (-5.0, 5.0), (1.5, 1.5)])
def test_what_is_found_is_the_smallest(kind: Format, method: str, z: tuple[float, ...]) -> None:
    settings = Settings(method, kind)

    def before(amount: float) -> float:
        return kind.number(kind.place(amount) - 1)

    move = smallest_move(settings, z)
    if move is not None and move.amount:
        assert settings.broken(moved(z, move.way, move.amount))
        for way in ("up", "down", "apart"):
            if way != "apart" or len(z) > 1:
                assert not settings.broken(moved(z, way, before(move.amount)))
    factor = smallest_factor(settings, z)
    if factor is not None and factor > 1:
        assert settings.broken(tuple(a * factor for a in z))
        assert not settings.broken(tuple(a * before(factor) for a in z))


@given(
    z=st.lists(st.floats(-9, 9), min_size=2, max_size=4).map(tuple),
    method=st.sampled_from(["naive", "shifted"]),
    data=st.data(),
)
def test_no_other_move_breaks_sooner(
    z: tuple[float, ...], method: str, data: st.DataObject
) -> None:
    settings = Settings(method, FLOAT16)
    move = smallest_move(settings, z)
    assert move is not None
    less = FLOAT16.number(max(FLOAT16.place(move.amount) - 1, 0))
    moves = data.draw(st.tuples(*(st.floats(-less, less) for _ in z)))
    if move.amount:
        assert not settings.broken(tuple(a + b for a, b in zip(z, moves)))


def test_only_what_overflows_breaks_the_logarithms() -> None:
    move = smallest_move(Settings("log-softmax", FLOAT32), (0.0, 1.0))
    assert move is not None
    assert move.amount > 1e38
    assert smallest_move(Settings("shifted", FLOAT32), (0.0, 1.0)).amount < 60
    assert PROBABILITIES == ("naive", "shifted", "epsilon")
