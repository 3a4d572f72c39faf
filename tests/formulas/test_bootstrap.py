"""The bootstrap's closed forms against fractions, many digits, counting, and draws."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from dlcalc.engine.resampling import shares_never_drawn
from dlcalc.formulas.bootstrap import (
    LEFT_OUT,
    TAKEN,
    Drawing,
    estimate,
    smallest_within,
)

ULP = 2.0**-52


def moments(n: int, draws: int) -> tuple[Fraction, Fraction]:
    """Mean share and variance of the distinct count, by going through all draws."""
    counts = [len(set(each)) for each in itertools.product(range(n), repeat=draws)]
    mean = Fraction(sum(counts), len(counts))
    variance = Fraction(sum(c * c for c in counts), len(counts)) - mean**2
    return (n - mean) / n, variance


@pytest.mark.parametrize(("n", "draws"), [(2, 2), (3, 3), (4, 4), (5, 5), (3, 6), (6, 2), (1, 3)])
def test_share_and_variance_by_going_through_all_draws(n: int, draws: int) -> None:
    share, variance = moments(n, draws)
    found = Drawing(n, draws)
    assert found.exact() == share
    assert found.share == pytest.approx(float(share), rel=4 * ULP)
    assert found.variance == pytest.approx(float(variance), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize(("n", "draws", "batch"), [(4, 4, 2), (5, 5, 2), (4, 6, 3), (3, 3, 3)])
def test_share_and_variance_of_batches(n: int, draws: int, batch: int) -> None:
    sizes = [batch] * (draws // batch) + [draws % batch] * (draws % batch > 0)
    choices = [list(itertools.combinations(range(n), size)) for size in sizes]
    counts = [len(set(itertools.chain(*each))) for each in itertools.product(*choices)]
    mean = Fraction(sum(counts), len(counts))
    variance = Fraction(sum(c * c for c in counts), len(counts)) - mean**2
    found = Drawing(n, draws, batch)
    assert found.exact() == (n - mean) / n
    assert found.share == pytest.approx(float(found.exact()), rel=4 * ULP)
    assert found.variance == pytest.approx(float(variance), rel=1e-13, abs=1e-15)


def test_exactly_up_to_1000_and_no_further() -> None:
    for n in range(1, 1001):
        drawing = Drawing(n, n)
        exact = drawing.exact()
        assert exact == Fraction(n - 1, n) ** n
        assert drawing.share == pytest.approx(float(exact), rel=4 * ULP)
    with pytest.raises(ValueError, match="1000"):
        Drawing(1001, 1001).exact()


questions = st.builds(
    lambda n, m, b: Drawing(n, min(m, 500 * n), min(b, n)),
    st.integers(1, 10**30),
    st.integers(1, 10**30),
    st.one_of(st.just(1), st.integers(1, 10**6)),
)


@given(questions)
def test_nothing_cancels(drawing: Drawing) -> None:
    n, m, b = drawing
    with mp.workdps(250):
        p, q = mpf(1), mpf(1)
        for times, size in ((m // b, b), (1, m % b)):
            p *= (1 - mpf(size) / n) ** times
            if n > 1:
                q *= (mpf(n - size) * (n - size - 1) / (mpf(n) * (n - 1))) ** times
        limit = mp.exp(-mpf(m) / n)
        variance = n * p * (1 - p) + n * (mpf(n) - 1) * (q - p * p) if n > 1 else mpf(0)
        if p > 1e-300:
            assert abs(drawing.share - p) <= 8 * ULP * p
            assert abs(drawing.below - (limit - p)) <= 8 * ULP * (limit - p)
        assert abs(drawing.distinct - n * (1 - p)) <= 8 * ULP * n * (1 - p)
        # What 250 digits leave of a variance of 0, as of one draw, says nothing.
        if variance > mpf(10) ** -100:
            assert abs(drawing.variance - variance) <= 1e-11 * variance


def test_the_limit_is_approached_by_its_leading_term() -> None:
    assert Drawing(10**18, 10**18).share == LEFT_OUT == 0.36787944117144233
    assert TAKEN == 0.6321205588285577
    for n in (10**3, 10**6, 10**12):
        drawing = Drawing(n, n)
        assert drawing.leading == pytest.approx(1 / (2 * math.e * n), rel=1e-14)
        # The next term of the expansion: 5/(24*n**2) by e.
        assert drawing.below == pytest.approx(
            drawing.leading * (1 + 5 / (12 * n)), rel=2 / n**2 + 1e-14
        )


def test_the_notes_figures() -> None:
    shown = [f"{Drawing(n, n).share:.6f}" for n in (10, 100, 1000)]
    assert shown == ["0.348678", "0.366032", "0.367695"]
    # Batches of 50 that are distinct within themselves.
    assert f"{Drawing(1000, 1000, 50).share:.4f}" == "0.3585"


def test_the_smallest_n_is_the_smallest() -> None:
    with mp.workdps(80):
        for text in ("0.36", "0.1", "0.01", "0.001", "1e-6", "3e-15"):
            n = smallest_within(Decimal(text))
            gaps = [1 / mp.e - (1 - mpf(1) / k) ** k for k in (n, n - 1)]
            assert gaps[0] <= mpf(text) < gaps[1]
    assert smallest_within(Decimal("0.4")) == 1


def test_the_estimators() -> None:
    assert estimate(0.05, 0.3).plain == pytest.approx(0.368 * 0.05 + 0.632 * 0.3)
    # A model that learns its data by heart and knows nothing: .632 is too kind, .632+ is not.
    heart = estimate(0.0, 0.5, 0.5)
    assert (heart.plain, heart.overfitting, heart.weight, heart.plus) == (0.316, 1.0, 1.0, 0.5)
    # No overfitting: both are the same.
    assert estimate(0.2, 0.2, 0.5).plus == estimate(0.2, 0.2, 0.5).plain
    # Efron and Tibshirani, equation 32, where the error out of the bag is beyond chance.
    train, out, chance = 0.05, 0.6, 0.5
    rate = (chance - train) / (chance - train)
    wanted = (
        0.368 * train + 0.632 * out + (chance - train) * 0.368 * 0.632 * rate / (1 - 0.368 * rate)
    )
    assert estimate(train, out, chance).plus == pytest.approx(wanted)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_estimate_is_between_the_errors(train: float, out: float, chance: float) -> None:
    found = estimate(train, out, chance)
    assert found.plus is not None
    assert min(train, out) - 1e-12 <= found.plus <= max(train, out) + 1e-12
    assert 0 <= found.overfitting <= 1
    assert 0.632 <= found.weight <= 1 + 1e-12


@pytest.mark.parametrize(
    ("n", "draws", "batch"), [(10, 10, 1), (100, 37, 1), (1000, 1000, 50), (7, 20, 3)]
)
def test_draws_agree_within_five_standard_errors(n: int, draws: int, batch: int) -> None:
    repeats = 2_000
    shares = shares_never_drawn(n, draws, repeats, batch=batch, seed=1)
    drawing = Drawing(n, draws, batch)
    error = math.sqrt(drawing.variance / repeats) / n
    assert abs(shares.mean() - drawing.share) < 5 * error
    # The spread of a share is that of the distinct count.
    assert shares.std() * n == pytest.approx(math.sqrt(drawing.variance), rel=0.1)


def test_that_comparison_can_fail() -> None:
    shares = shares_never_drawn(100, 101, 20_000, seed=1)
    drawing = Drawing(100, 100)
    error = math.sqrt(drawing.variance / 20_000) / 100
    assert abs(shares.mean() - drawing.share) > 5 * error
