"""Restricted Boltzmann machines: probabilities by enumeration, and what training does to them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dlcalc.engine.experiments.boltzmann import Boltzmann, deep_belief


def drawn(visible: int, hidden: int) -> Boltzmann:
    """A machine with parameters that are far from symmetric."""
    random = np.random.default_rng(8)
    machine = Boltzmann(visible, hidden, random)
    machine.weight[...] = random.normal(size=(hidden, visible))
    machine.visible_bias[...] = random.normal(size=visible)
    machine.hidden_bias[...] = random.normal(size=hidden)
    return machine


def joint(machine: Boltzmann) -> dict[tuple[tuple[int, ...], tuple[int, ...]], float]:
    """The probability of each pair of states, from the energy alone."""
    hidden, visible = machine.weight.shape
    mass = {}
    for v in product((0, 1), repeat=visible):
        for h in product((0, 1), repeat=hidden):
            energy = -sum(a * b for a, b in zip(v, machine.visible_bias, strict=True))
            energy -= sum(a * b for a, b in zip(h, machine.hidden_bias, strict=True))
            energy -= sum(
                h[j] * v[i] * machine.weight[j, i] for j in range(hidden) for i in range(visible)
            )
            mass[v, h] = np.exp(-energy)
    total = sum(mass.values())
    return {state: each / total for state, each in mass.items()}


@pytest.mark.parametrize(("visible", "hidden"), [(4, 3), (3, 5), (4, 4)])
def test_likelihood_and_conditionals_are_those_of_the_energy(visible: int, hidden: int) -> None:
    machine = drawn(visible, hidden)
    probability = joint(machine)
    for v in product((0, 1), repeat=visible):
        total = sum(p for (state, _), p in probability.items() if state == v)
        assert machine.log_likelihood(np.array([v], float)) == pytest.approx(np.log(total))
        on = [sum(p for (s, h), p in probability.items() if s == v and h[j]) for j in range(hidden)]
        assert machine.up(np.array([v], float))[0] == pytest.approx(np.array(on) / total)
    for h in product((0, 1), repeat=hidden):
        total = sum(p for (_, state), p in probability.items() if state == h)
        on = [
            sum(p for (v, s), p in probability.items() if s == h and v[i]) for i in range(visible)
        ]
        assert machine.down(np.array([h], float))[0] == pytest.approx(np.array(on) / total)


def test_training_raises_the_likelihood_of_what_it_sees() -> None:
    stripes = np.array([row * 3 for row in product((0.0, 1.0), repeat=3)])
    machine = Boltzmann(9, 6, np.random.default_rng(1))
    before = machine.log_likelihood(stripes)
    noise = np.random.default_rng(2).integers(0, 2, (20, 9)).astype(float)
    other = machine.log_likelihood(noise)
    machine.fit(stripes, 1500)
    assert machine.log_likelihood(stripes) > before + 1.5
    assert machine.log_likelihood(noise) < other


def test_a_large_machine_has_no_exact_likelihood() -> None:
    with pytest.raises(ValueError, match="17 units"):
        Boltzmann(17, 20, np.random.default_rng(0)).log_likelihood(np.zeros((1, 17)))


def test_each_machine_of_a_deep_belief_net_sees_the_one_below() -> None:
    data = np.random.default_rng(0).integers(0, 2, (30, 8)).astype(float)
    machines = deep_belief(data, (6, 5, 4), np.random.default_rng(3), 20)
    assert [each.weight.shape for each in machines] == [(6, 8), (5, 6), (4, 5)]
    first = Boltzmann(8, 6, again := np.random.default_rng(3)).fit(data, 20)
    second = Boltzmann(6, 5, again).fit(first.up(data), 20)
    assert (machines[1].weight == second.weight).all()
