"""A training step allocates nothing that grows: 1,000 of them, watched by tracemalloc."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.network import load_line
from dlcalc.engine import operation
from dlcalc.engine.aim import aim
from dlcalc.engine.losses import Criterion
from dlcalc.engine.operation import Site, Value, find
from dlcalc.engine.optimisers.registry import NAMES, make
from dlcalc.engine.program import Program
from dlcalc.engine.tasks.problem import of_task
from dlcalc.engine.trainer import Settings, Trainer

STEPS, WARM = 1_000, 100
#: Bytes that may come and go: NumPy keeps a few small arrays for use again. Were one number
#: kept at each step, it would be six times as many.
SLACK = 4_000

NETS = [
    "2 dense:4 tanh dense:1",
    "2 dense:8 bn relu dropout:0.2 dense:2",
    "1x8x8 conv:2,k3 relu maxpool:2 flatten dense:2",
    "1x6x6 convtranspose:2,k2,s2 gn:2 avgpool:2 softplus stochasticpool:2 flatten dense:2",
    "5x3 lstm:4,layers=2,bidirectional=yes,dropout=0.1 last dense:2",
    "5x3 gru:4 rnn:2 last dense:2",
    "5 embedding:7,4 position encoder:2,ff=5 last dense:2",
    "5x4 decoder:2,ff=5,memory=3,experts=3 last dense:2",
    "5x4 moe:3[dense:4 tanh] last dense:2",
    "4 residual[ln dense:4 gelu] multiply[dense:4 sigmoid] concat[dense:2 | dense:3] dense:2",
]


def growth(step: Callable[[], object]) -> int:
    """How many bytes more are held after so many steps than before."""
    for _ in range(WARM):
        step()
    gc.collect()
    tracemalloc.start()
    try:
        step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(STEPS):
            step()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def training_step(line: str) -> Callable[[], object]:
    start, net = load_line(line)
    program = Program(net, start.sizes, batch=4, training=True, input_cotangent=False)
    draw = np.random.default_rng(0)
    program.parameters[...] = draw.normal(size=program.parameters.size) / 10
    for data, _ in program.inputs:
        data[...] = draw.integers(0, 7, data.shape)
    criterion = Criterion("mse", program.output)
    update = make("adam", program.parameters)

    def step() -> None:
        program.forward()
        criterion.forward()
        criterion.backward()
        program.backward()
        update.step(program.gradient, 0.0)  # Experts keep their tokens.

    return step


@pytest.mark.parametrize("line", NETS)
def test_a_step_holds_nothing_more_afterwards(line: str) -> None:
    assert growth(training_step(line)) < SLACK


@pytest.mark.parametrize("optimiser", NAMES)
def test_nor_does_the_training_loop(optimiser: str) -> None:
    problem = of_task("moons", samples=2_400)
    _, net = load_line("2 dense:8 relu dense:2")
    goal = aim(problem.recipe.loss, problem.kind, problem.outputs, 2)
    settings = Settings(optimiser, 1e-3, batch=1, epochs=1, l1=1e-4, l2=1e-4, clip_norm=1.0)
    trainer = Trainer(net, problem.training, problem.held_out, goal, settings)
    assert trainer.steps_each > STEPS + WARM
    assert growth(lambda: trainer.run(lambda: True)) < SLACK


def test_a_leak_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = load_line("2 dense:2")[1][0].layer  # type: ignore[union-attr]
    found = find(type(layer))
    kept: list[Any] = []

    def leaking(site: Site) -> Value:
        site.then(lambda: kept.append(1.5 * len(kept)))
        return found.build(site)

    monkeypatch.setitem(operation._TABLE, "dense", found._replace(build=leaking))
    assert growth(training_step("2 dense:2")) > 5 * SLACK
