"""Optimisers: against torch.optim, against their formulas, saved and restored."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from dlcalc.engine.optimisers import NAMES, find, make
from dlcalc.errors import InputError

#: Ours, its settings, torch's, its settings.
TWINS: list[tuple[str, dict[str, float], str, dict[str, Any]]] = [
    ("gd", {}, "SGD", {}),
    ("sgd", {}, "SGD", {}),
    ("momentum", {}, "SGD", {"momentum": 0.9}),
    ("momentum", {"momentum": 0.5, "dampening": 0.3}, "SGD", {"momentum": 0.5, "dampening": 0.3}),
    ("nesterov", {}, "SGD", {"momentum": 0.9, "nesterov": True}),
    ("adagrad", {}, "Adagrad", {}),
    (
        "adagrad",
        {"rate_decay": 0.1, "start": 0.5, "eps": 1e-3},
        "Adagrad",
        {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3},
    ),
    ("rmsprop", {}, "RMSprop", {}),
    ("rmsprop", {"alpha": 0.8, "momentum": 0.7}, "RMSprop", {"alpha": 0.8, "momentum": 0.7}),
    ("rmsprop", {"centred": True, "eps": 1e-4}, "RMSprop", {"centered": True, "eps": 1e-4}),
    ("adadelta", {}, "Adadelta", {}),
    ("adadelta", {"rho": 0.5, "eps": 1e-3}, "Adadelta", {"rho": 0.5, "eps": 1e-3}),
    ("adam", {}, "Adam", {}),
    ("adam", {"beta1": 0.0, "beta2": 0.9}, "Adam", {"betas": (0.0, 0.9)}),
    ("adam", {"amsgrad": True, "eps": 1e-2}, "Adam", {"amsgrad": True, "eps": 1e-2}),
    ("adamw", {}, "AdamW", {}),
    ("adamw", {"weight_decay": 0.3}, "AdamW", {"weight_decay": 0.3}),
]
#: Every optimiser, and every way through its step.
OURS = [(name, settings) for name, settings, _, _ in TWINS]


def rate_at(time: int) -> float:
    """A rate that changes now and then."""
    return 0.05 if time % 7 else 0.2


def gradient_at(time: int, size: int = 23) -> Any:
    """Gradients of all sizes, some of them 0."""
    draw = np.random.default_rng(time)
    return draw.normal(size=size) * 10.0 ** draw.integers(-3, 3, size) * (draw.random(size) > 0.1)


def run(optimiser: Any, first: int, last: int) -> Any:
    for time in range(first, last):
        optimiser.step(gradient_at(time), rate_at(time))
    return optimiser.parameters


def start() -> Any:
    return np.random.default_rng(99).normal(size=23)


@pytest.mark.parametrize(("name", "settings", "theirs", "their_settings"), TWINS)
def test_fifty_steps_are_those_of_torch(
    name: str, settings: dict[str, float], theirs: str, their_settings: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")
    ours = make(name, start(), **settings)
    vector = torch.tensor(start(), requires_grad=True)
    optimiser = getattr(torch.optim, theirs)([vector], lr=ours.rate, **their_settings)
    for time in range(50):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(time)
        vector.grad = torch.tensor(gradient_at(time))
        optimiser.step()
        ours.step(gradient_at(time), rate_at(time))
        expected = vector.detach().numpy()
        assert np.max(np.abs(ours.parameters - expected)) <= 1e-12 * np.max(np.abs(expected))
    assert not np.allclose(ours.parameters, start(), atol=1e-3)


@pytest.mark.parametrize(("theirs", "name"), [(t, n) for n, s, t, ts in TWINS if not s and not ts])
def test_defaults_are_those_of_torch(theirs: str, name: str) -> None:
    torch = pytest.importorskip("torch")
    defaults = getattr(torch.optim, theirs)([torch.zeros(1)]).defaults
    defaults["beta1"], defaults["beta2"] = defaults.get("betas", (0, 0))
    kind = find(name)
    assert kind.rate == defaults["lr"]
    shared = {s.name: s.default for s in kind.settings if s.name in defaults}
    assert shared == {key: defaults[key] for key in shared}


def by_hand(name: str, w: float, gradients: list[float], rate: float) -> float:
    """The rules as the papers write them, on one number, with the default settings."""
    a = b = 0.0
    for t, g in enumerate(gradients, 1):
        if name == "gd":
            w -= rate * g
        elif name == "momentum":
            a = 0.9 * a + g
            w -= rate * a
        elif name == "nesterov":
            a = 0.9 * a + g
            w -= rate * (g + 0.9 * a)
        elif name == "adagrad":
            a += g * g
            w -= rate * g / (math.sqrt(a) + 1e-10)
        elif name == "rmsprop":
            a = 0.99 * a + 0.01 * g * g
            w -= rate * g / (math.sqrt(a) + 1e-8)
        elif name == "adadelta":
            a = 0.9 * a + 0.1 * g * g
            d = math.sqrt(b + 1e-6) / math.sqrt(a + 1e-6) * g
            b = 0.9 * b + 0.1 * d * d
            w -= rate * d
        else:
            w *= 1 - rate * 0.01 if name == "adamw" else 1
            a = 0.9 * a + 0.1 * g
            b = 0.999 * b + 0.001 * g * g
            w -= rate * (a / (1 - 0.9**t)) / (math.sqrt(b / (1 - 0.999**t)) + 1e-8)
    return w


@pytest.mark.parametrize("name", NAMES)
def test_steps_by_hand(name: str) -> None:
    gradients = [0.5, -2.0, 0.25, 0.0, 1.5]
    optimiser = make(name, np.array([1.0, -3.0]))
    for g in gradients:
        optimiser.step(np.array([g, 2 * g]), 0.1)
    assert optimiser.parameters[0] == pytest.approx(by_hand(name, 1.0, gradients, 0.1), rel=1e-13)
    doubled = by_hand(name, -3.0, [2 * g for g in gradients], 0.1)
    assert optimiser.parameters[1] == pytest.approx(doubled, rel=1e-13)


@pytest.mark.parametrize(("name", "settings"), OURS)
def test_restored_it_goes_on_bit_for_bit(name: str, settings: dict[str, float]) -> None:
    whole = run(make(name, start(), **settings), 0, 30)
    first = make(name, start(), **settings)
    run(first, 0, 11)
    saved = {key: array.copy() for key, array in first.state.items()}
    second = make(name, first.parameters.copy(), **settings)
    second.restore(saved)
    assert run(second, 11, 30).tobytes() == whole.tobytes()
    # Without the state it would not be the same, but for plain descent, which has none.
    fresh = make(name, first.parameters.copy(), **settings)
    assert (run(fresh, 11, 30).tobytes() == whole.tobytes()) == (name in ("gd", "sgd"))


@pytest.mark.parametrize(("name", "settings"), OURS)
def test_single_precision_stays_single(name: str, settings: dict[str, float]) -> None:
    double = make(name, start(), **settings)
    single = make(name, start().astype(np.float32), **settings)
    for time in range(20):
        double.step(gradient_at(time), 0.01)
        single.step(gradient_at(time).astype(np.float32), 0.01)
    assert {a.dtype for k, a in single.state.items() if k != "steps"} <= {np.dtype(np.float32)}
    assert single.parameters.dtype == np.float32
    assert np.allclose(single.parameters, double.parameters, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "settings"), OURS)
def test_a_step_works_in_place_and_leaves_the_gradient(
    name: str, settings: dict[str, float]
) -> None:
    parameters, gradient = start(), gradient_at(0)
    optimiser = make(name, parameters, **settings)
    optimiser.step(gradient, 0.1)
    optimiser.step(gradient, 0.1)
    assert optimiser.parameters is parameters
    assert gradient.tobytes() == gradient_at(0).tobytes()


@pytest.mark.parametrize(("name", "settings"), OURS)
def test_steps_allocate_nothing_that_grows(name: str, settings: dict[str, float]) -> None:
    size = 10_000
    optimiser = make(name, np.ones(size), **settings)
    gradient = gradient_at(0, size)
    optimiser.step(gradient, 0.1)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for time in range(50):
        optimiser.step(gradient, 0.1 + time)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Less than one vector of numbers, also on the way.
    assert after - before < 4_000 and peak - before < 4 * size


def test_decay_acts_where_it_is_told_to() -> None:
    gradient = np.array([0.5, -1.0, 2.0])
    ours = make("adamw", np.ones(3), decayed=np.array([1.0, 0.0, 1.0]), weight_decay=0.5)
    plain, decayed = make("adam", np.ones(3)), make("adamw", np.ones(3), weight_decay=0.5)
    for rate in (0.1, 0.1, 0.2):
        for optimiser in (ours, plain, decayed):
            optimiser.step(gradient, rate)
    assert ours.parameters[1] == plain.parameters[1] != decayed.parameters[1]
    assert ours.parameters[[0, 2]].tolist() == decayed.parameters[[0, 2]].tolist()


def test_a_variance_lost_to_rounding_is_no_nan() -> None:
    optimiser = make("rmsprop", np.ones(4), centred=True, alpha=0.5)
    for _ in range(200):
        optimiser.step(np.array([0.1, 0.3, 0.7, 1e-5]), 1e-12)
    assert np.all(np.isfinite(optimiser.parameters))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_leads_to_one_that_says_what_it_is(name: str) -> None:
    kind = find(name)
    assert kind.words[0] == name
    assert all(find(word) is kind for word in kind.words)
    assert "w -= " in (kind.__doc__ or "") or name == "adamw"
    assert all(setting.help for setting in kind.settings)


@pytest.mark.parametrize(
    ("name", "settings", "rule", "mend"),
    [
        ("adm", {}, "adm is not an optimiser", "Did you mean adam?"),
        ("xyz", {}, "xyz is not an optimiser", "There are gd, momentum"),
        ("adam", {"beta": 0.5}, "adam has no setting beta", "Did you mean beta"),
        ("gd", {"eps": 0.5}, "gd has no setting eps", "It has none."),
        ("adam", {"beta1": 1.0}, "beta1 of adam must be at least 0 and below 1, not 1", "0.9"),
        ("adagrad", {"eps": -1.0}, "eps of adagrad must be at least 0, not -1", "1e-10"),
        ("rmsprop", {"alpha": math.nan}, "alpha of rmsprop must be at least 0 and", "0.99"),
    ],
)
def test_refusals(name: str, settings: dict[str, float], rule: str, mend: str) -> None:
    with pytest.raises(InputError) as refused:
        make(name, np.zeros(2), **settings)
    assert rule in refused.value.rule and mend in refused.value.mend


def test_another_state_is_refused() -> None:
    optimiser = make("adam", np.zeros(3))
    for other in (
        make("gd", np.zeros(3)),
        make("adam", np.zeros(4)),
        make("adam", np.zeros(3, "f")),
    ):
        with pytest.raises(InputError, match="is not one of adam on 3 numbers of float64"):
            optimiser.restore(other.state)
