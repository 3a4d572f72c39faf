"""``dlcalc train-toy`` as a function: what is learnt, what is verified, what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dlcalc.answers.train import train
from dlcalc.answers.train_net import with_dropout
from dlcalc.errors import InputError


def test_xor_is_learnt_and_verified() -> None:
    document = train("xor").document()
    assert document["final"]["accuracy"] == 1.0  # type: ignore[index]
    verification: Any = document["verification"]
    assert verification["passed"] is True
    assert verification["gradients"]["method"] == "complex step"
    assert verification["gradients"]["largest_relative_error"] < 1e-9
    assert verification["parameters"] == {"passed": True, "claimed": 33, "found": 33, "tensors": 4}
    assert verification["shapes"] == {"passed": True, "layers": 3, "output": [1]}
    assert verification["reach"] == {
        "passed": True,
        "metric": "accuracy",
        "reach": 1.0,
        "found": 1.0,
    }


@pytest.mark.parametrize(
    "line",
    ["moons", "moons dense:32 relu dense:32 relu dense:1", "sequence-parity:4", "line", "blobs:4"],
)
def test_tasks_reach_what_is_known_of_them(line: str) -> None:
    result = train(line)
    assert not result.failure
    assert all(finding.passed for finding in result.findings)


def test_moons_well_above_its_reach() -> None:
    value = train("moons").value
    assert isinstance(value, float)
    # 4 standard errors of 0.97 over 300 are 0.039.
    assert value >= 0.97


@pytest.mark.parametrize(
    ("cell", "solves"), [("lstm:64", True), ("gru:64", True), ("rnn:64,act=sigmoid", False)]
)
def test_gates_remember_what_a_sigmoid_cell_forgets(cell: str, solves: bool) -> None:
    """The first of 20 symbols, with forget biases of 1.

    Of 20 seeds those with gates are right always, the other in about 0.25, by guessing,
    and never beyond 0.5: the standard error of 0.75 over the 150 held out is 0.035.
    """
    net = f"recall:20 {cell} last dense:4"
    found = train(net, samples=500, epochs=60, lr=0.005, clip_norm=1.0).value
    assert isinstance(found, float)
    assert (found > 0.75) is solves


def test_a_bias_that_a_norm_takes_away_is_no_wrong_gradient() -> None:
    for net in ("dense:8 bn relu dense:2", "dense:8 bn tanh dropout:0.2 dense:2"):
        assert not train(f"moons {net}", epochs=2).failure


@pytest.mark.parametrize("loss", ["mse", "hinge", "huber", "cross-entropy", "multiclass-hinge"])
def test_classes_by_other_losses(loss: str) -> None:
    assert train("moons", loss=loss, epochs=10).value > 0.9  # type: ignore[operator]


def test_the_command_with_everything_in_it() -> None:
    """As it stands in the documentation: dropout behind each hidden activation."""
    result = train(
        "moons dense:32 relu dense:32 relu dense:2",
        optimizer="adam",
        lr=0.01,
        l2=1e-3,
        dropout=0.2,
        batch=32,
        epochs=20,
        validation=0.3,
        early_stopping=10,
    )
    assert not result.failure
    net = "dense:32 relu dropout:0.2 dense:32 relu dropout:0.2 dense:2"
    assert (result.config["net"], result.config["dropout"]) == (net, 0.2)
    assert result.config["parameters"] == 1_218


@pytest.mark.parametrize(
    ("net", "found"),
    [
        ("dense:4 tanh dense:2 sigmoid", "dense:4 tanh dropout:0.5 dense:2 sigmoid"),
        ("2*[dense:4 relu]", "dense:4 relu dropout:0.5 dense:4 relu"),
        (
            "concat[dense:2 | dense:2 gelu] identity dense:2",
            "concat[dense:2 | dense:2 gelu dropout:0.5] identity dense:2",
        ),
        ("dropout:0.1 dense:2 relu dense:2", "dropout:0.1 dense:2 relu dropout:0.5 dense:2"),
    ],
)
def test_dropout_goes_behind_hidden_activations(net: str, found: str) -> None:
    assert with_dropout(net, 0.5) == found


@pytest.mark.parametrize("net", ["dense:2", "dense:2 relu", "identity dense:2"])
def test_dropout_without_a_place_is_refused(net: str) -> None:
    with pytest.raises(InputError, match="the net has none"):
        with_dropout(net, 0.5)


def test_max_norm_holds_behind_every_step() -> None:
    for limit in (0.5, 1.0):
        weights = _trained("moons dense:8 relu dense:2", max_norm=limit)
        rows = weights[:16].reshape(8, 2)
        assert (rows**2).sum(1).max() <= limit**2 * (1 + 1e-9)


def _state(path: str) -> dict[str, Any]:
    from dlcalc.engine.checkpoint import load

    return load(path)[1]


def _trained(line: str, **options: Any) -> Any:
    """The parameters behind a short training."""
    with TemporaryDirectory() as folder:
        train(line, epochs=3, save=f"{folder}/a.npz", **options)
        return _state(f"{folder}/a.npz")["parameters"]


def test_smoothing_and_weights_change_what_is_learnt() -> None:
    plain = _trained("moons dense:8 relu dense:2")
    for options in ({"label_smoothing": 0.1}, {"class_weights": "1,3"}):
        assert (_trained("moons dense:8 relu dense:2", **options) != plain).any()
    # Classes that are equally many are balanced as they are.
    assert (_trained("xor", class_weights="balanced") == _trained("xor")).all()
    # By the formula: no loss is below the entropy of a smoothed target.
    result = train("xor dense:8 tanh dense:2", label_smoothing=0.2, epochs=200)
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    loss: Any = result.document()["final"]["loss"]  # type: ignore[index]
    assert entropy <= loss < entropy + 0.01


def test_a_quantile_is_where_it_should_be(tmp_path: Path) -> None:
    """A constant learns the quantile that is asked for: of 0 to 99 that of 0.9 is about 90."""
    path = tmp_path / "even.csv"
    path.write_text("\n".join(["x,y", *[f"{n % 2},{n}" for n in range(100)]]))
    for share in (0.2, 0.9):
        save = str(tmp_path / f"{share}.npz")
        result = train(
            "select:0 dense:1",
            data=str(path),
            target="y",
            loss=f"quantile:{share}",
            validation=0,
            epochs=300,
            batch=0,
            lr=0.02,
            schedule="cosine",
            l2=1,
            save=save,
        )
        assert result.config["loss"] == f"quantile:{share}"
        bias = _state(save)["parameters"][-1]
        mean, deviation = 49.5, math.sqrt((100**2 - 1) / 12)
        assert abs(bias * deviation + mean - 100 * share) < 3


@pytest.mark.parametrize(
    ("line", "options", "says"),
    [
        ("sine", {"label_smoothing": 0.1}, "--label-smoothing is for cross-entropies"),
        ("moons", {"loss": "hinge", "class_weights": "1,2"}, "--class-weights is for cross"),
        ("moons", {"class_weights": "1,2,3"}, "must be 2 numbers of at least 0"),
        ("moons", {"class_weights": "1,-2"}, "must be 2 numbers of at least 0"),
        ("moons", {"class_weights": "0,0"}, "must be 2 numbers of at least 0"),
        ("moons", {"class_weights": "even"}, "is not a number"),
        ("moons", {"label_smoothing": 1.5}, "smoothing of cross_entropy cannot be 1.5"),
        ("moons", {"dropout": 1.0}, "--dropout must be at least 0 and below 1"),
        ("moons", {"dropout": -0.1}, "--dropout must be at least 0 and below 1"),
        ("moons", {"max_norm": 0.0}, "--max-norm must be above 0"),
        ("sine", {"loss": "mse:3"}, "mse takes no number"),
        ("sine", {"loss": "quantile:1.5"}, "q of quantile cannot be 1.5"),
        ("sine", {"loss": "quantile:x"}, "must be a number"),
        ("recall lstm:8 decoder:2,memory=3 last dense:4", {}, "which no task has"),
    ],
)
def test_what_does_not_suit_the_loss_or_the_net(
    line: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        train(line, **options)


def test_options_are_shown_as_they_were_used() -> None:
    result = train("xor dense:4 tanh dense:2", optimizer="momentum", epochs=3, seed=5)
    config = result.config
    assert (config["optimizer"], config["lr"], config["epochs"], config["seed"]) == (
        "momentum",
        0.05,
        3,
        5,
    )
    assert (config["loss"], config["net"]) == ("cross-entropy", "dense:4 tanh dense:2")


def test_a_file_is_learnt_like_a_task(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    rows = [f"{n % 7},{n % 5},{'far' if n % 7 + n % 5 > 5 else 'near'}" for n in range(200)]
    path.write_text("\n".join(["a,b,where", *rows]))
    result = train(data=str(path), target="where")
    assert result.value == pytest.approx(1.0, abs=0.1)
    assert [finding.name for finding in result.findings] == ["gradients", "parameters", "shapes"]
    number = train("dense:7", data=str(path), target="a", loss="mse", epochs=2)
    assert number.config["loss"] == "mse"


def test_a_bad_row_of_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(InputError, match=r"points\.csv:3"):
        train(data=str(path), target="b")


def test_a_wrong_gradient_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from dlcalc.engine import operation
    from dlcalc.engine.operations import dense  # noqa: F401 (enters the operation)

    right = operation._TABLE["dense"]

    def wrong(site: operation.Site) -> operation.Value:
        y = right.build(site)
        gradient = site.program.tensors[f"{site.name}.weight"].gradient
        site.back(np.multiply, gradient, 1.01, gradient)
        return y

    monkeypatch.setitem(operation._TABLE, "dense", right._replace(build=wrong))
    result = train("xor", epochs=2)
    assert "disagrees on gradients" in result.failure
    assert "dense1.weight" in result.failure


@pytest.mark.parametrize(
    ("line", "rule", "mend"),
    [
        ("xor dense:3", "gives 3, but xor asks for 2 classes: 2 or 1", "dense:2"),
        ("recall gru:8 dense:4", "20x4", "last"),
        ("sine dense:2", "1 number", "dense:1"),
        ("xor dense:1 sigmoid", "takes logits", "Leave sigmoid out"),
        ("moons dense:2 softmax", "takes logits", "Leave softmax out"),
        ("moons conv:4,k1", "slides over sides", "dense"),
    ],
)
def test_a_net_that_does_not_suit_its_task(line: str, rule: str, mend: str) -> None:
    with pytest.raises(InputError) as caught:
        train(line)
    assert rule in caught.value.rule
    assert mend in caught.value.mend
    assert caught.value.place is not None


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "cross-entropy"},
        {"expect_accuracy": 0.5},
        {"samples": 1},
        {"validation": 1.0},
        {"target": "a"},
        {"early_stopping": 0},
        {"proximal": True},
        {"seed": -1},
        {"dtype": "float16"},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        train("sine", **options)


def test_a_file_with_odd_settings_is_refused(tmp_path: Path) -> None:
    from dlcalc.engine.checkpoint import load, save

    path = str(tmp_path / "a.npz")
    train("xor", epochs=2, save=path)
    config, state = load(path)
    for name, odd in (("epochs", "many"), ("lr", []), ("net", "dense:9"), ("optimizer", 3)):
        save(path, {**config, "config": {**config["config"], name: odd}}, state)
        with pytest.raises(InputError):
            train(resume=path)


def test_a_large_net_is_no_toy() -> None:
    with pytest.raises(InputError, match="a toy has at most"):
        train("xor dense:100000000 dense:2")


def test_resuming_refuses_what_contradicts_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    train("xor", epochs=5, save=path)
    for line, options in (
        ("xor", {"lr": 0.5}),
        ("and", {}),
        ("xor dense:2", {}),
        ("xor", {"seed": 1}),
    ):
        with pytest.raises(InputError):
            train(line, resume=path, **options)
    longer = train(resume=path, epochs=9)
    assert longer.document() == train("xor", epochs=9).document()
