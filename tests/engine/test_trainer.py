"""The training loop: what it repeats bit for bit, what it keeps, and how it says that it failed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.network import load_line
from dlcalc.engine.aim import aim
from dlcalc.engine.checkpoint import load, save
from dlcalc.engine.tasks.problem import of_task
from dlcalc.engine.trainer import Settings, Trainer, schedule
from dlcalc.errors import InputError

BUSY = "dense:8 bn relu dropout:0.2 dense:2"


def made(task: str = "moons", net: str = BUSY, loss: str = "", **settings: Any) -> Trainer:
    problem = of_task(task, samples=settings.pop("samples", None))
    _, parsed = load_line(f"{problem.input} {net}")
    last = int(net.rpartition(":")[2])
    found = aim(loss or problem.recipe.loss, problem.kind, problem.outputs, last)
    return Trainer(parsed, problem.training, problem.held_out, found, Settings(**settings))


def same(left: Trainer, right: Trainer) -> None:
    one, two = left.state, right.state
    assert one.keys() == two.keys()
    for name, array in one.items():
        assert np.array_equal(array, two[name]), name


@pytest.mark.parametrize("stop", [1, 7, 22, 23, 60])
@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "cosine", "patience": 3},
        {"optimizer": "momentum", "momentum": 0.8, "rate": 0.05, "schedule": "plateau:0,0.5"},
        {"optimizer": "adamw", "decay": 0.1, "l1": 1e-3, "clip_norm": 0.5, "dtype": "float32"},
    ],
)
def test_a_resumed_training_is_the_uninterrupted_one(
    stop: int, settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = made(epochs=4, **settings)
    assert whole.run()
    part = made(epochs=4, **settings)
    assert not part.run(lambda: part.step == stop)
    save(str(tmp_path / "a.npz"), {}, part.state)
    again = made(epochs=4, **settings)
    again.restore(load(str(tmp_path / "a.npz"))[1])
    assert again.step == stop
    assert again.run()
    same(whole, again)
    assert whole.history == again.history


def test_the_seed_says_everything() -> None:
    runs = [made(epochs=2, seed=seed) for seed in (3, 3, 4)]
    for each in runs:
        each.run()
    same(runs[0], runs[1])
    assert not np.array_equal(runs[0].program.parameters, runs[2].program.parameters)


def test_an_epoch_sees_every_example_and_fills_its_last_batch_up() -> None:
    trainer = made(epochs=1, batch=32)
    count = len(trainer.training.inputs)
    trainer.run()
    assert trainer.step == trainer.steps_each == math.ceil(count / 32)
    assert sorted(set(trainer.order.tolist())) == list(range(count))
    assert np.array_equal(trainer.order[count:], trainer.order[: trainer.order.size - count])


def test_gradient_descent_by_hand() -> None:
    trainer = made("line", "dense:1", optimizer="gd", rate=0.1, batch=0, epochs=1, l2=0.5)
    x, y = trainer.training.inputs, trainer.training.targets
    w, b = (tensor.value.copy() for tensor in trainer.program.tensors.values())
    error = x @ w.T + b - y
    expected = w - 0.1 * (2 * error.T @ x / len(x) + 0.5 * w), b - 0.1 * 2 * error.mean(axis=0)
    trainer.run()
    for tensor, value in zip(trainer.program.tensors.values(), expected):
        np.testing.assert_allclose(tensor.value, value, rtol=1e-12)
    assert math.isclose(trainer.history[0].loss, float(np.mean(error**2)))


def test_the_evaluation_has_no_dropout_and_runs_over_all_examples() -> None:
    trainer = made(epochs=2, samples=1_000)
    trainer.run()
    first, second = trainer.judge(), trainer.judge()
    assert first == second
    assert trainer.judge.outputs.shape == (300, 2)
    assert trainer.history[-1].validation == first[0]


def test_early_stopping_puts_the_best_back() -> None:
    trainer = made("noisy-labels", "dense:64 relu dense:2", epochs=200, patience=5, rate=0.05)
    assert trainer.run()
    assert trainer.stopped_early
    assert trainer.epoch < 200
    trainer.finish()
    best = min(each.validation for each in trainer.history if each.validation is not None)
    assert trainer.judge()[0] == best


def test_divergence_names_the_step_the_tensor_and_the_norms_before() -> None:
    trainer = made("line", "dense:1", optimizer="gd", rate=1.5, batch=0, epochs=500)
    assert trainer.run()
    found = trainer.divergence
    assert found is not None
    assert found.step == trainer.step > 5
    assert len(found.norms) == 5
    assert list(found.norms) == sorted(found.norms)
    assert "dense1." in found.where
    assert "--lr" in found.advice


def test_a_number_that_is_none_is_found_where_it_arises() -> None:
    trainer = made(epochs=2)
    trainer.program.tensors["dense2.weight"].value[0, 0] = np.nan
    trainer.run()
    assert trainer.divergence is not None
    assert trainer.divergence.where == "dense2.weight (layer 5, dense:2) holds nan"
    assert trainer.divergence.step == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch", -1),
        ("rate", 0.0),
        ("rate", math.nan),
        ("l1", -1.0),
        ("decay", math.inf),
        ("clip_norm", 0.0),
        ("schedule", "steps"),
        ("schedule", "plateau:1,x"),
        ("optimizer", "adma"),
        ("momentum", 0.5),
        ("initialiser", "hee"),
    ],
)
def test_settings_that_cannot_be_used(name: str, value: Any) -> None:
    with pytest.raises(InputError):
        made(**{name: value})


def test_schedules() -> None:
    assert [schedule("steps:2,0.5", 1.0, 9).rate(t) for t in (0, 1, 2, 5)] == [1, 1, 0.5, 0.25]
    assert schedule("warmup:3", 1.0, 9).rate(0) == 0.25
    assert schedule("cosine", 1.0, 8).rate(8) == 0


def test_a_foreign_or_broken_file_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    trainer = made(epochs=2)
    save(path, {}, trainer.state)
    _, state = load(path)
    with pytest.raises(InputError, match="does not fit"):
        made(net="dense:9 relu dense:2").restore(state)
    with pytest.raises(InputError, match="cannot be read"):
        trainer.restore({**state, "progress": np.array("{}")})
    np.savez(path, config=np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects, which are never read"):
        load(path)
    Path(path).write_bytes(Path(path).read_bytes()[:50])
    with pytest.raises(InputError, match="not a file of --save"):
        load(path)


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left(tmp_path: Path) -> None:
    target = tmp_path / "a.npz"
    target.mkdir()
    with pytest.raises(InputError, match="cannot write"):
        save(str(target), {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
