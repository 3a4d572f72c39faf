"""Means over standard normal inputs: known integrals, and a sum that shares no rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp

from dlcalc.formulas.activations.registry import ACTIVATIONS, activation
from dlcalc.formulas.normal import below, between, density, legendre, mean, normal_points


@pytest.mark.parametrize(("power", "moment"), [(0, 1), (2, 1), (4, 3), (6, 15), (8, 105)])
def test_moments(power: int, moment: int) -> None:
    assert math.isclose(mean(lambda x: x**power, normal_points()), moment, rel_tol=1e-14)


@pytest.mark.parametrize("power", [1, 3, 5])
def test_what_is_odd_comes_to_nothing(power: int) -> None:
    assert mean(lambda x: x**power, normal_points([0.3, 1.7])) == 0


def test_shares_and_density_have_all_their_digits() -> None:
    for x in (-37.0, -10.0, -1.0, 0.0, 2.5, 9.0):
        with mp.workdps(40):
            assert math.isclose(below(x), mp.ncdf(x), rel_tol=1e-12)
            assert math.isclose(density(x), mp.npdf(x), rel_tol=1e-13)
    assert math.isclose(between(8, 9), between(-9, -8), rel_tol=1e-14)
    assert between(-math.inf, math.inf) == 1


def test_the_rule_is_gauss_and_legendres() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(20)
    ours = sorted(legendre())
    assert np.allclose([node for node, _ in ours], nodes, rtol=0, atol=1e-14)
    assert np.allclose([weight for _, weight in ours], weights, rtol=0, atol=1e-14)


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_means_of_activations_by_a_plain_sum(word: str) -> None:
    of = activation(word)
    points = normal_points([joint.at for joint in of.joints])
    # Midpoints, with every kink between two of them.
    xs = (np.arange(12_000) + 0.5) / 500 - 12
    weights = np.exp(-xs * xs / 2) / math.sqrt(2 * math.pi) / 500
    for function in (of.value, lambda x: of.value(x) ** 2, lambda x: of.slope(x) ** 2):
        plain = float(np.sum(weights * np.array([function(float(x)) for x in xs])))
        assert math.isclose(mean(function, points), plain, rel_tol=2e-6, abs_tol=2e-6)


def test_known_means() -> None:
    def moment(word: str, power: int) -> float:
        of = activation(word)
        points = normal_points([joint.at for joint in of.joints])
        return mean(lambda x: of.value(x) ** power, points)

    assert math.isclose(moment("relu", 1), 1 / math.sqrt(2 * math.pi), rel_tol=1e-14)
    assert math.isclose(moment("relu", 2), 0.5, rel_tol=1e-14)
    assert math.isclose(moment("gelu", 1), 1 / (2 * math.sqrt(math.pi)), rel_tol=1e-14)
    assert math.isclose(moment("sigmoid", 1), 0.5, rel_tol=1e-14)
    assert abs(moment("selu", 1)) < 1e-14
    assert math.isclose(moment("selu", 2), 1, rel_tol=1e-14)
    # exp(1/2)*ncdf(-1) - 1/2 + 1/sqrt(2*pi)
    elu = math.exp(0.5) * below(-1) - 0.5 + 1 / math.sqrt(2 * math.pi)
    assert math.isclose(moment("elu", 1), elu, rel_tol=1e-13)
