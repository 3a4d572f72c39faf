"""Losses: values by hand, gradients by complex steps or differences, all as torch has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlcalc.engine.losses import LOSSES, Criterion
from dlcalc.engine.operation import Value
from dlcalc.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]

CASES: list[tuple[str, dict[str, Any]]] = [
    ("mse", {}),
    ("mae", {}),
    ("huber", {}),
    ("huber", {"delta": 0.3}),
    ("quantile", {"q": 0.9}),
    ("quantile", {}),
    ("binary_cross_entropy", {}),
    ("binary_cross_entropy", {"smoothing": 0.1}),
    ("binary_cross_entropy", {"weights": (0.5, 3.0)}),
    ("binary_cross_entropy", {"weights": (0.5, 3.0), "smoothing": 0.2}),
    ("cross_entropy", {}),
    ("cross_entropy", {"smoothing": 0.1}),
    ("cross_entropy", {"weights": (0.2, 1.0, 3.0, 0.0)}),
    ("cross_entropy", {"weights": (0.2, 1.0, 3.0, 0.7), "smoothing": 0.3}),
    ("cross_entropy", {"axis": 1, "smoothing": 0.1}),
    ("hinge", {}),
    ("hinge", {"margin": 0.5}),
    ("multiclass_hinge", {}),
    ("multiclass_hinge", {"margin": 0.4}),
    ("contrastive", {}),
    ("contrastive", {"margin": 3.0}),
]
IDS = [f"{name}-{'-'.join(settings)}" for name, settings in CASES]


def drawn(name: str, settings: dict[str, Any], dtype: Any = np.float64) -> tuple[Criterion, Array]:
    """A loss on random predictions and targets, and the predictions."""
    random = np.random.default_rng(7)
    shape = (6, 4, 5) if settings.get("axis") == 1 else (6, 4)
    x = random.normal(size=shape) * 2
    loss = Criterion(name, Value(x.astype(dtype), np.full(shape, np.nan, dtype)), **settings)
    sizes = loss.target.shape
    loss.set_target(
        {
            "numbers": random.normal(size=sizes),
            "classes": random.integers(0, 4, sizes),
            "signs": random.choice((-1, 1), sizes),
            "pairs": random.integers(0, 2, sizes),
        }[loss.entry.target]
        if name != "binary_cross_entropy"
        else random.uniform(size=sizes)
    )
    return loss, x


def test_every_loss_is_tested() -> None:
    assert {name for name, _ in CASES} == set(LOSSES)


@pytest.mark.parametrize(("name", "settings"), CASES, ids=IDS)
def test_gradients_are_those_of_the_value(name: str, settings: dict[str, Any]) -> None:
    loss, x = drawn(name, settings)
    loss.forward()
    found = np.moveaxis(loss.backward(), -1, settings.get("axis", -1))
    smooth = loss.entry.smooth
    twin, _ = drawn(name, settings, np.complex128 if smooth else np.float64)
    data = np.moveaxis(twin.x, -1, settings.get("axis", -1))
    for index in np.ndindex(x.shape):
        if smooth:
            data[index] += 1e-30j
            expected = float(twin.forward().imag) / 1e-30
        else:
            data[index] += 1e-6
            above = float(twin.forward())
            data[index] = x[index] - 1e-6
            expected = (above - float(twin.forward())) / 2e-6
        data[index] = x[index]
        assert abs(found[index] - expected) <= (1e-14 if smooth else 1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "settings"), CASES, ids=IDS)
def test_as_torch_has_it(name: str, settings: dict[str, Any], dtype: type) -> None:
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    loss, x = drawn(name, settings, dtype)
    t = torch.tensor(loss.target)
    z = torch.tensor(x.astype(dtype), requires_grad=True)
    smoothing, margin = settings.get("smoothing", 0.0), settings.get("margin", 1.0)
    weights, q = settings.get("weights"), settings.get("q", 0.5)
    if name == "mse":
        theirs = F.mse_loss(z, t)
    elif name == "mae":
        theirs = F.l1_loss(z, t)
    elif name == "huber":
        theirs = F.huber_loss(z, t, delta=settings.get("delta", 1.0))
    elif name == "quantile":
        theirs = torch.maximum(q * (t - z), (q - 1) * (t - z)).mean()
    elif name == "binary_cross_entropy":
        low, high = weights or (1.0, 1.0)
        smooth = t * (1 - smoothing) + smoothing / 2
        ratio = torch.tensor(high / low, dtype=z.dtype)
        theirs = low * F.binary_cross_entropy_with_logits(z, smooth, pos_weight=ratio)
    elif name == "cross_entropy":
        weight = None if weights is None else torch.tensor(weights, dtype=z.dtype)
        theirs = F.cross_entropy(z, t, weight=weight, label_smoothing=smoothing)
    elif name == "hinge":
        theirs = F.relu(margin - t * z).mean()
    elif name == "multiclass_hinge":
        theirs = F.multi_margin_loss(z, t, margin=margin)
    else:
        distance = (z[0::2] - z[1::2]).norm(dim=1)
        theirs = (t * distance**2 + (1 - t) * F.relu(margin - distance) ** 2).mean() / 2
    theirs.backward()
    close = 1e-12 if dtype is np.float64 else 1e-5
    assert abs(float(loss.forward()) - float(theirs.detach())) <= close * abs(
        float(theirs.detach())
    )
    found = np.moveaxis(loss.backward(), -1, settings.get("axis", -1))
    assert found.dtype == dtype == loss.value.dtype
    assert np.max(np.abs(found - z.grad.numpy())) <= close * float(z.grad.abs().max())


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_second_run_is_the_first(name: str) -> None:
    loss, _ = drawn(name, {})
    value, gradient = float(loss.forward()), loss.backward().copy()
    assert float(loss.forward()) == value
    assert np.array_equal(loss.backward(), gradient)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e3, 1e30])
def test_large_logits_stay_finite(size: float) -> None:
    logits = np.array([[size, -size], [-size, size]])
    for name, target, expected in (
        ("cross_entropy", [0, 0], size),
        ("binary_cross_entropy", [[1, 0], [1, 0]], size),
    ):
        loss = Criterion(name, Value(logits, np.zeros((2, 2))))
        loss.set_target(target)
        assert float(loss.forward()) == pytest.approx(
            expected if name == "cross_entropy" else size / 2, rel=1e-15
        )
        assert np.all(np.isfinite(loss.backward()))


def test_tiny_losses_keep_their_digits() -> None:
    loss = Criterion("binary_cross_entropy", Value(np.array([[40.0]]), np.zeros((1, 1))))
    loss.set_target([[1]])
    assert float(loss.forward()) == pytest.approx(np.exp(-40), rel=1e-14)
    assert float(loss.backward()[0, 0]) == pytest.approx(-np.exp(-40), rel=1e-14)


def test_values_at_the_kinks() -> None:
    for name, settings in (("mae", {}), ("quantile", {"q": 0.9}), ("huber", {})):
        loss = Criterion(name, Value(np.ones((1, 1)), np.ones((1, 1))), **settings)
        loss.set_target([[1]])
        loss.forward()
        assert loss.backward().item() == 0
    loss = Criterion("hinge", Value(np.ones((1, 1)), np.ones((1, 1))))
    loss.set_target([[1]])
    loss.forward()
    assert loss.backward().item() == 0
    pair = Criterion("contrastive", Value(np.ones((2, 3)), np.ones((2, 3))))
    assert float(pair.forward()) == 0.5
    assert not pair.backward().any()


@pytest.mark.parametrize(
    ("name", "settings", "target", "rule"),
    [
        ("crossentropy", {}, None, "no loss crossentropy"),
        ("mse", {"smoothing": 0.1}, None, "neither smoothing"),
        ("cross_entropy", {"weights": (1.0,)}, None, "2 class weights"),
        ("cross_entropy", {"smoothing": 2}, None, "smoothing"),
        ("cross_entropy", {}, [0, 2], "from 0 to 1"),
        ("cross_entropy", {}, [0, -1], "from 0 to 1"),
        ("cross_entropy", {}, [[0, 1]], "sizes"),
        ("hinge", {}, [[0, 1], [1, 1]], "-1 or 1"),
        ("contrastive", {}, [2], "belong together"),
    ],
)
def test_refusals(name: str, settings: dict[str, Any], target: Any, rule: str) -> None:
    prediction = Value(np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(InputError, match=rule):
        Criterion(name, prediction, **settings).set_target(target)
