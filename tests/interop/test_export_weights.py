"""The numbers of a file in exported PyTorch source: its outputs are those of the engine."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.export import export
from dlcalc.answers.forward import forward
from dlcalc.answers.train import train
from dlcalc.errors import InputError
from tests.interop.test_write_torch import NETS

#: A task, its net, and settings that are enough for numbers that nothing else would give.
TRAININGS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("xor", "", {}),
    ("moons", "", {}),
    ("spirals", "", {}),
    ("sine", "", {}),
    ("line", "", {"dtype": "float32"}),
    ("sparse-regression", "", {}),
    ("glyphs:8", "", {}),
    ("glyphs:8", "conv:4,k3,p1 bn relu residual[conv:4,k3,p1 bn] flatten dense:10", {}),
    ("shifted-patterns", "", {}),
    ("adding:5", "lstm:6 last dense:1", {}),
    ("adding:5", "", {}),
    ("recall:4", "gru:6 last dense:4", {}),
    ("echo:2", "rnn:9 dense:4", {}),
    ("echo:2", "lstm:5,layers=2,bidirectional=yes dense:4", {}),
    ("sequence-parity:4", "dense:4 position encoder:2,ff=5 dense:2", {}),
    ("sequence-parity:4", "dense:4 residual[attention:2 ln] dense:2", {}),
    ("moons", "dense:9 bn relu dense:2", {"dropout": 0.3}),
)
#: Layers in branches whose parts have other names in torch.
NESTED = (
    "4x6 residual[encoder:2,ff=5 attention:2] encoder:2,ff=5 encoder:3,ff=5,bias=no",
    "4x6 residual[attention:2] attention:2 attention:3 decoder:2,ff=4",
    "4x6 concat[residual[dense:6 prelu] | token:2]",
    "2x5x6 residual[conv:2,k3,p1 bn relu residual[conv:2,k1 bn]] bn",
)


def space(source: str) -> dict[str, Any]:
    """What exported source defines. Only what this very test has written is run."""
    found: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "exported", "exec"), found)
    return found


def same_outputs(source: str, path: str, net: tuple[str, ...], data: Any) -> None:
    """The outputs of source with a file's numbers, and of the engine with them."""
    torch = pytest.importorskip("torch")
    made = space(source)
    wanted = np.asarray(forward(data, *net, weights=path, batch=True).value)
    for dtype, bound in ((torch.float64, 1e-6), (torch.float32, 1e-4)):
        model = made["Net"]().to(dtype).eval()
        made["load_weights"](model, path)
        inputs = torch.tensor(data)
        with torch.no_grad():
            found = model(inputs.to(dtype) if data.dtype.kind == "f" else inputs).double().numpy()
        assert found.shape == wanted.shape
        scale = np.max(np.abs(wanted)) if dtype is torch.float32 else 1.0
        assert np.max(np.abs(found - wanted)) <= bound * max(scale, 1e-3)
    # Other numbers would not have done.
    with torch.no_grad():
        other = made["Net"]().double().eval()(torch.tensor(data)).numpy()
    assert np.max(np.abs(other - wanted)) > 1e-3


@pytest.mark.parametrize(("task", "net", "options"), TRAININGS)
def test_a_saved_training_is_exported_with_its_numbers(
    task: str, net: str, options: dict[str, Any], tmp_path: Path
) -> None:
    path = str(tmp_path / "saved.npz")
    train(task, net, save=path, epochs=1, seed=3, **options)
    exported = export(weights=path)
    assert max(map(len, exported.value.splitlines())) <= 100 + len(path)
    data = np.random.default_rng(5).normal(size=(3, *exported.source.input))
    same_outputs(exported.value, path, (), data)


@pytest.mark.parametrize("net", [net for net in (*NETS, *NESTED) if export(net).source.parameters])
def test_tensors_by_name_are_exported(net: str, tmp_path: Path) -> None:
    shape = export(net).source.input
    draw = np.random.default_rng(7)
    words = net.partition(" ")[2].startswith("embedding")
    data = draw.integers(0, 9, (2, *shape)) if words else draw.normal(size=(2, *shape))
    tensors = forward(data, net, batch=True).extra.tensors
    given: dict[str, Any] = {
        name: draw.uniform(0.5, 1.5, np.shape(array))
        for name, array in tensors.items()
        if not name.endswith(".ids")  # Of the examples, not of the net.
    }
    path = str(tmp_path / "tensors.npz")
    np.savez(path, **given)
    same_outputs(export(net, weights=path).value, path, (net,), data)


def saved(path: Path, **changed: Any) -> str:
    """A file of the tensors of `NET`, some of them others."""
    given = {
        "dense1.weight": np.ones((5, 3)),
        "dense1.bias": np.ones(5),
        "bn1.weight": np.ones(5),
        "bn1.bias": np.ones(5),
        "bn1.running_mean": np.ones(5),
        "bn1.running_var": np.ones(5),
    }
    kept = {key: array for key, array in (given | changed).items() if array is not None}
    np.savez(path / "some.npz", **kept)
    return str(path / "some.npz")


NET = "3 dense:5 bn"


def test_what_no_output_depends_on_may_be_missing(tmp_path: Path) -> None:
    path = saved(tmp_path)
    data = np.random.default_rng(1).normal(size=(4, 3))
    same_outputs(export(NET, weights=path).value, path, (NET,), data)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"dense1.bias": None}, "has no tensor dense1.bias, which in the net is 5"),
        ({"bn1.running_var": None}, "has no tensor bn1.running_var"),
        ({"dense1.bias": np.ones(4)}, "dense1.bias is 4 in .*, but 5 in the net"),
        ({"dense1.weight": np.ones((3, 5))}, "dense1.weight is 3x5 in .*, but 5x3 in the net"),
        ({"dense2.bias": np.ones(4)}, "has a tensor dense2.bias of 4, which the net has not"),
        ({"dense1.bias": np.array(["a"] * 5)}, "dense1.bias holds <U1"),
        ({"dense1.bias": np.ones(5, ">f8")}, "dense1.bias holds >f8"),
        ({"dense1.bias": np.ones(5, complex)}, "dense1.bias holds complex128"),
    ],
)
def test_a_file_of_other_tensors_is_refused(
    changed: dict[str, Any], rule: str, tmp_path: Path
) -> None:
    path = saved(tmp_path, **changed)
    with pytest.raises(InputError, match=rule):
        export(NET, weights=path)


def test_the_source_refuses_another_file_too(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    made = space(export(NET, weights=saved(tmp_path)).value)
    for changed in ({"dense1.bias": None}, {"dense2.bias": np.ones(4)}, {"bn1.bias": np.ones(4)}):
        path = saved(tmp_path, **changed)
        with pytest.raises((RuntimeError, KeyError)):
            made["load_weights"](made["Net"](), path)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    path = saved(tmp_path, **{"dense1.bias": np.array([None] * 5)})
    with pytest.raises(InputError, match="Python objects"):
        export(NET, weights=path)


def test_a_training_of_another_net_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "xor.npz")
    train("xor", save=path, epochs=1)
    with pytest.raises(InputError, match=r"dense1.weight is 8x2 in .*, but 9x2 in the net"):
        export("2 dense:9 tanh dense:1", weights=path)
    # The same tensors behind another activation are the same tensors.
    assert "F.relu" in export("2 dense:8 relu dense:1", weights=path).value


def test_tensors_by_name_need_a_net(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds tensors by name, and no net"):
        export(weights=saved(tmp_path))


def table(path: Path, words: bool) -> str:
    """A table of two columns of numbers, one of words, and a target."""
    draw = np.random.default_rng(2)
    rows = ["size,weight,colour,target"]
    for _ in range(40):
        size, weight = draw.normal(100, 20), draw.uniform(1, 2)
        target = ("small", "large")[int(size > 100)] if words else f"{3 * size - weight:.4f}"
        rows.append(f"{size:.4f},{weight:.4f},{draw.choice(['red', 'blue'])},{target}")
    (path / "table.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path / "table.csv")


@pytest.mark.parametrize("words", [False, True])
def test_columns_of_a_table_are_scaled_as_in_training(words: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = str(tmp_path / "table.npz")
    result = train(data=table(tmp_path, words), target="target", save=path, epochs=20)
    made = space(export(weights=path).value)
    from dlcalc.engine.tasks.problem import of_file
    from dlcalc.engine.tasks.table import read_table

    problem = of_file(str(tmp_path / "table.csv"), "target")
    raw = read_table(str(tmp_path / "table.csv"), "target").data
    columns = made["prepare"](torch.tensor(raw.inputs))
    ours = {tuple(np.round(row, 9)) for row in columns.numpy()}
    assert {tuple(np.round(row, 9)) for row in problem.training.inputs} <= ours
    assert ("in_units" in made) == (not words)
    assert made["COLUMNS"] == ("size", "weight", "colour=blue", "colour=red")
    assert made.get("CLASSES") == (("large", "small") if words else None)
    same_outputs(export(weights=path).value, path, (), columns.numpy())
    if not words:
        model = made["Net"]().double().eval()
        made["load_weights"](model)
        outputs = made["in_units"](model(columns)).detach().numpy()
        held = {tuple(np.round(row, 9)) for row in problem.held_out.inputs}  # type: ignore[union-attr]
        chosen = [tuple(np.round(row, 9)) in held for row in columns.numpy()]
        error = np.sqrt(np.mean((outputs - raw.targets)[chosen] ** 2))
        assert error == pytest.approx(result.final.metric, rel=1e-6)  # type: ignore[union-attr]


def test_a_file_that_does_not_hold_the_scale_says_so(tmp_path: Path) -> None:
    from dlcalc.engine import checkpoint

    path = str(tmp_path / "table.npz")
    train(data=table(tmp_path, True), target="target", save=path, epochs=1)
    config, state = checkpoint.load(path)
    checkpoint.save(path, config | {"scales": None}, state)
    assert "does not hold" in export(weights=path).value


@pytest.mark.parametrize(
    "inputs",
    [
        None,
        {"mean": [0]},
        {"mean": [0] * 4, "deviation": [1, 1, 1, 0]},
        {"mean": [0] * 4, "deviation": [1, 1, 1, float("inf")]},
        {"mean": [0] * 3, "deviation": [1] * 3},
        {"mean": ["a"] * 4, "deviation": [1] * 4},
    ],
)
def test_a_scale_that_is_none_is_refused(inputs: Any, tmp_path: Path) -> None:
    from dlcalc.engine import checkpoint

    path = str(tmp_path / "table.npz")
    train(data=table(tmp_path, True), target="target", save=path, epochs=1)
    config, state = checkpoint.load(path)
    checkpoint.save(path, config | {"scales": {"inputs": inputs}}, state)
    with pytest.raises(InputError, match="means and deviations are no numbers"):
        export(weights=path)


def test_names_of_columns_are_strings_whatever_they_are(tmp_path: Path) -> None:
    from dlcalc.engine import checkpoint

    path = str(tmp_path / "table.npz")
    train(data=table(tmp_path, True), target="target", save=path, epochs=1)
    config, state = checkpoint.load(path)
    columns = ['"""', "a,b(1),[2", "\\", "'\"" * 99]
    scales = config["scales"] | {"columns": columns, "classes": [1, [], {}]}
    checkpoint.save(path, config | {"scales": scales}, state)
    source = export(weights=path).value
    (line,) = [node for node in ast.parse(source).body if "COLUMNS" in ast.dump(node)]
    found = ast.literal_eval(line.value)  # type: ignore[attr-defined]
    assert found[:3] == tuple(columns[:3]) and len(found[3]) == 60
    assert "CLASSES" not in source


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"net": "/etc/passwd"}, "no file is read from here"),
        ({"net": ""}, "the net is empty"),
        ({"net": "[" * 500}, "nest more than 100 deep"),
        ({"input": "3"}, "holds 33 parameters, but its net, .* has 41"),
        ({"input": "H"}, "a toy has at most"),
        ({"input": None}, "not a layer"),
        ({"net": "dense:999999 dense:1"}, "holds 33 parameters, but its net"),
    ],
)
def test_a_training_that_was_tampered_with_is_refused(
    changed: dict[str, Any], rule: str, tmp_path: Path
) -> None:
    from dlcalc.engine import checkpoint

    path = str(tmp_path / "xor.npz")
    train("xor", save=path, epochs=1)
    config, state = checkpoint.load(path)
    checkpoint.save(path, config | {"config": config["config"] | changed}, state)
    with pytest.raises(InputError, match=rule):
        export(weights=path)


def test_a_name_with_quotes_and_ends_of_lines_is_still_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "a\"\n\\'b,c ( d,e"
    folder.mkdir()
    path = saved(folder)
    source = export(NET, weights=path).value
    pytest.importorskip("torch")
    made = space(source)
    made["load_weights"](made["Net"]())
