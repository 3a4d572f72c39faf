"""Trials: independent of one another, alike for the nets of one, and bound to the seed."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.experiments.data import spiral
from dlcalc.engine.experiments.trials import clean, trials


def test_seeds_and_trials_share_no_examples() -> None:
    found = [each for seed in range(3) for each in trials(seed, 4, 20, tests=5)]
    assert len({each.seed for each in found}) == 12
    assert len({each.inputs.tobytes() for each in found}) == 12
    again = next(trials(0, 1, 20, tests=5))
    assert again.inputs.tobytes() == found[0].inputs.tobytes()


def test_labels_are_flipped_for_learning_alone() -> None:
    def truth(x: np.ndarray) -> np.ndarray:
        return (x[:, 0] * x[:, 1] + 0.5 * x[:, 2] > 0).astype(int)

    (each,) = trials(0, 1, 2000)
    assert (truth(each.test_inputs) == each.test_targets).all()
    flipped = float((truth(each.inputs) != each.targets).mean())
    assert abs(flipped - 0.15) < 0.04
    (each,) = trials(0, 1, 2000, draw=clean)
    assert (truth(each.inputs) == each.targets).all()


def test_nets_of_the_same_widths_start_alike() -> None:
    net = "dense:6 relu dense:2"
    first, second = (next(trials(seed, 1, 20, tests=5)) for seed in (3, 4))
    start = first.learner(net).program.parameters
    assert (start == first.learner("dense:6 relu dropout:0.5 dense:2").program.parameters).all()
    assert (start != second.learner(net).program.parameters).any()


def test_fewer_are_the_first() -> None:
    (each,) = trials(0, 1, 20, draw=spiral, test=spiral, tests=10)
    few = each.fewer(6)
    assert few.inputs.shape == (6, 2) and few.targets.shape == (6,)
    assert (few.inputs == each.inputs[:6]).all()
    assert few.test_inputs is each.test_inputs


def test_masks_of_testing_hang_on_the_seed() -> None:
    outputs = []
    for seed in (0, 1):
        (each,) = trials(0, 1, 20, tests=5)
        each = each._replace(seed=seed)
        learner = each.learner("dropout:0.5 dense:2")
        learner.program.parameters[...] = 1
        first, second = (learner.outputs(each.test_inputs, training=True) for _ in range(2))
        assert (first != second).any()
        outputs.append(first)
    assert (outputs[0] != outputs[1]).any()
    assert (learner.outputs(each.test_inputs) == learner.outputs(each.test_inputs)).all()
