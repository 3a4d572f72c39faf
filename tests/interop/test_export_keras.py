"""A file's numbers and the training loop in exported Keras source."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.export import export
from dlcalc.answers.forward import forward
from dlcalc.answers.train import train
from dlcalc.errors import InputError
from tests.interop.test_export_train import KINDS
from tests.interop.test_export_weights import NESTED, NET, TRAININGS, saved, table
from tests.interop.test_write_keras import NETS, in_our_order

os.environ.setdefault("KERAS_BACKEND", "torch")


def space(source: str) -> dict[str, Any]:
    """What exported source defines. Only what this very test has written is run."""
    found: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "exported", "exec"), found)
    return found


def same_outputs(source: str, path: str, net: tuple[str, ...], data: Any) -> None:
    """The outputs of source with a file's numbers, and of the engine with them."""
    pytest.importorskip("keras")
    from oracles.keras_arrays import of_type

    made = space(source)
    wanted = np.asarray(forward(data, *net, weights=path, batch=True).value)
    with of_type("float64"):
        model, other = made["build_model"](), made["build_model"]()
        made["load_weights"](model, path)
        last = in_our_order(model.input_shape[1:], data.shape[1:])
        given = np.moveaxis(data, 1, -1) if last else data
        found, drawn = (np.asarray(each.predict(given, verbose=0)) for each in (model, other))
    # A global pooling of Keras drops the axes that torch keeps at 1.
    wanted = wanted.reshape(found.shape) if wanted.ndim > found.ndim else wanted
    back = in_our_order(found.shape[1:], wanted.shape[1:])
    assert back is not None
    found, drawn = ((np.moveaxis(each, -1, 1) if back else each) for each in (found, drawn))
    assert np.max(np.abs(found - wanted)) <= 1e-6
    # Other numbers would not have done.
    assert np.max(np.abs(drawn - wanted)) > 1e-3


@pytest.mark.parametrize(("task", "net", "options"), TRAININGS)
def test_a_saved_training_is_exported_with_its_numbers(
    task: str, net: str, options: dict[str, Any], tmp_path: Path
) -> None:
    path = str(tmp_path / "saved.npz")
    train(task, net, save=path, epochs=1, seed=3, **options)
    exported = export(weights=path, to="keras")
    assert max(map(len, exported.value.splitlines())) <= 100 + len(path)
    data = np.random.default_rng(5).normal(size=(3, *exported.source.input))
    same_outputs(exported.value, path, (), data)


def has_numbers(net: str) -> bool:
    """Whether a net has tensors, and is the same by the rules of torch."""
    ours = export(net, to="keras").source
    if not ours.parameters or "aux" in net:
        return False
    try:
        theirs = np.shape(forward(np.zeros(ours.input), net).value)
    except InputError:
        return False
    return [n for n in theirs if n != 1] == [n for n in ours.output if n != 1]


BY_NAME = tuple(net for net in (*NETS, *NESTED) if has_numbers(net))


def test_most_nets_have_numbers() -> None:
    assert len(BY_NAME) > 50


@pytest.mark.parametrize("net", BY_NAME)
def test_tensors_by_name_are_exported(net: str, tmp_path: Path) -> None:
    shape = export(net, to="keras").source.input
    draw = np.random.default_rng(7)
    words = net.partition(" ")[2].startswith("embedding")
    data = draw.integers(0, 9, (2, *shape)) if words else draw.normal(size=(2, *shape))
    tensors = forward(data, net, batch=True).extra.tensors
    given: dict[str, Any] = {
        name: draw.uniform(0.5, 1.5, np.shape(array))
        for name, array in tensors.items()
        if not name.endswith("ids")
    }
    path = str(tmp_path / "tensors.npz")
    np.savez(path, **given)
    same_outputs(export(net, weights=path, to="keras").value, path, (net,), data)


def test_numbers_of_another_size_are_refused(tmp_path: Path) -> None:
    net, path = "1x3x3 convtranspose:2,k2,s3", str(tmp_path / "tensors.npz")
    np.savez(path, **forward(np.zeros((1, 3, 3)), net).extra.tensors)
    with pytest.raises(InputError, match=r"makes 2x9x9 in keras, .* makes 2x8x8") as caught:
        export(net, weights=path, to="keras")
    assert caught.value.place is not None
    assert "load_weights" in export(net, weights=path).value


def test_the_source_refuses_another_file_too(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    made = space(export(NET, weights=saved(tmp_path), to="keras").value)
    for changed in ({"dense1.bias": None}, {"dense2.bias": np.ones(4)}, {"bn1.bias": np.ones(4)}):
        path = saved(tmp_path, **changed)
        with pytest.raises((ValueError, KeyError)):
            made["load_weights"](made["build_model"](), path)


def test_columns_of_a_table_are_scaled_as_in_training(tmp_path: Path) -> None:
    path = str(tmp_path / "table.npz")
    train(data=table(tmp_path, False), target="target", save=path, epochs=2)
    source = export(weights=path, to="keras").value
    pytest.importorskip("keras")
    from dlcalc.engine.tasks.problem import of_file
    from dlcalc.engine.tasks.table import read_table

    made = space(source)
    problem = of_file(str(tmp_path / "table.csv"), "target")
    raw = read_table(str(tmp_path / "table.csv"), "target").data
    ours = {tuple(np.round(row, 9)) for row in made["prepare"](raw.inputs)}
    assert {tuple(np.round(row, 9)) for row in problem.training.inputs} <= ours
    same_outputs(source, path, (), made["prepare"](raw.inputs))
    back = made["in_units"](problem.training.targets)
    assert {*np.round(back.ravel(), 6)} <= {*np.round(np.ravel(raw.targets), 6)}


# The loop.


#: Keras on torch has no gradient of this: "grad_input must be contiguous", in any model in
#: which a softmax stands behind a convolution.
NO_GRADIENT = "2x6x5 conv:3,k1 softmax dropout:0"


@pytest.mark.parametrize(
    "net", [net for net, *_ in KINDS if net != NO_GRADIENT and "moe" not in net]
)
def test_what_can_be_learnt_is_learnt(net: str, tmp_path: Path) -> None:
    source = export(net, train=True, to="keras").value
    assert max(map(len, source.splitlines())) <= 100
    keras = pytest.importorskip("keras")
    made = space(source)
    keras.utils.set_random_seed(5)
    inputs, drawn = made["random_examples"](128)
    outputs = np.asarray(made["build_model"]().predict(inputs, verbose=0))
    if drawn.dtype.kind == "i":
        classes = getattr(made["LOSS"], "axis", -1) if outputs.shape != drawn.shape else -1
        axis = next(
            axis
            for axis in (-1, 1)
            if tuple(np.delete(outputs.shape, axis)) == drawn.shape and classes in (axis, -1)
        )
        targets = (-outputs if "rbf" in net else outputs).argmax(axis)
    elif set(np.unique(drawn)) == {0, 1}:
        targets = (outputs > np.median(outputs)).astype("float32")
    else:
        targets = outputs
    assert targets.shape == drawn.shape
    model, kept = made["build_model"](), str(tmp_path / "kept.keras")
    model.compile(loss=made["LOSS"])
    before = model.evaluate(inputs, targets, verbose=0)
    after = made["train"](model, (inputs, targets), epochs=25, lr=0.02, checkpoint=kept)
    assert np.isfinite(before) and after < 0.7 * before
    again = keras.models.load_model(kept)
    assert np.allclose(again.predict(inputs, verbose=0), model.predict(inputs, verbose=0))


@pytest.mark.parametrize("loss", ["mae", "huber:0.5", "quantile:0.9", "binary-cross-entropy"])
def test_a_training_goes_on_with_its_own_loss(loss: str, tmp_path: Path) -> None:
    path = str(tmp_path / "saved.npz")
    task = "moons" if loss.startswith("binary") else "sine"
    trained = train(task, save=path, loss=loss, epochs=5)
    source = export(weights=path, train=True, to="keras").value
    pytest.importorskip("keras")
    from oracles.keras_arrays import of_type

    from dlcalc.answers.train_asked import Asked

    problem, _, aim, _ = Asked([task], {"loss": loss}, None).training()
    held = problem.held_out
    assert held is not None and trained.final is not None
    with of_type("float64"):
        made = space(source)
        model = made["build_model"]()
        made["load_weights"](model)
        model.compile(loss=made["LOSS"])
        targets = np.asarray(aim.encoded(held.targets, np.dtype(float)))
        found = model.evaluate(np.asarray(held.inputs), targets, verbose=0)
    assert found == pytest.approx(trained.final.loss, rel=1e-5)


def test_heads_are_trained_too(tmp_path: Path) -> None:
    net = "3x5x6 aux[globalavgpool flatten dense:4] conv:4,k3 globalavgpool flatten dense:4"
    path = str(tmp_path / "tensors.npz")
    draw = np.random.default_rng(4)
    data = draw.normal(size=(2, 3, 5, 6))
    np.savez(path, **forward(data, net, batch=True).extra.tensors)
    source = export(net, weights=path, train=True, to="keras").value
    pytest.importorskip("keras")
    same_outputs(source, path, (net,), data)
    made = space(source)
    model = made["build_model"](heads=True)
    made["load_weights"](model)
    before = [np.array(weight) for weight in model.trainable_weights]
    kept = str(tmp_path / "kept.keras")
    made["train"](model, made["random_examples"](), epochs=1, checkpoint=kept)
    changed = [
        (np.array(w) != old).any() for w, old in zip(model.trainable_weights, before, strict=True)
    ]
    assert len(changed) == 6 and all(changed)


def test_a_head_of_other_sizes_is_not_trained() -> None:
    with pytest.raises(InputError, match="must end as the net does"):
        export("3x5x6 aux[flatten dense:3] flatten dense:4", to="keras", train=True)


def test_a_memory_is_refused_at_its_place() -> None:
    assert "decoder1_memory" in export("4x6 decoder:2,memory=5", to="keras").value
    with pytest.raises(InputError, match="another input") as caught:
        export("4x6 decoder:2,memory=5", to="keras", train=True)
    assert caught.value.place is not None


def script(tmp_path: Path, **more: str) -> subprocess.Popen[str]:
    """The exported script at work."""
    return subprocess.Popen(
        [sys.executable, "net.py"],
        cwd=tmp_path,
        env={**os.environ, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


SMALL = "1x8x8 conv:3,k3 bn relu dropout:0.2 flatten dense:4"


def epochs(printed: str) -> list[float]:
    """The losses that a script prints."""
    lines = [line for line in printed.splitlines() if "loss: " in line]
    return [float(line.rpartition("loss: ")[2]) for line in lines]


def test_it_runs_as_a_script(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    source = export(SMALL, train=True, class_name="Small", to="keras").value
    (tmp_path / "net.py").write_text(source, encoding="utf-8")
    run = script(tmp_path)
    printed, errors = run.communicate(timeout=200)
    assert run.returncode == 0, errors[-3_000:]
    assert len(epochs(printed)) == 5 and np.isfinite(epochs(printed)).all()
    assert (tmp_path / "small.keras").exists()


def test_several_processes_without_jax_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    source = export(SMALL, train=True, to="keras").value
    (tmp_path / "net.py").write_text(source, encoding="utf-8")
    run = script(tmp_path, KERAS_BACKEND="torch", KERAS_DISTRIBUTION_NUM_PROCESSES="2")
    _, errors = run.communicate(timeout=200)
    assert run.returncode != 0 and "KERAS_BACKEND=jax" in errors


def test_two_devices_of_jax_share_each_batch(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    source = export(SMALL, train=True, to="keras").value
    (tmp_path / "net.py").write_text(source, encoding="utf-8")
    flags = "--xla_force_host_platform_device_count=2"
    run = script(tmp_path, KERAS_BACKEND="jax", XLA_FLAGS=flags)
    printed, errors = run.communicate(timeout=200)
    assert run.returncode == 0, errors[-3_000:]
    # 256 examples in batches of 32 for each of two devices.
    assert printed.count("4/4 ") == 5 and np.isfinite(epochs(printed)).all()


def test_two_processes_of_jax_train_one_model(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    source = export(SMALL, train=True, to="keras").value
    (tmp_path / "net.py").write_text(source, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    shared = {
        "KERAS_BACKEND": "jax",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    runs = [script(tmp_path, KERAS_DISTRIBUTION_PROCESS_ID=str(i), **shared) for i in (0, 1)]
    try:
        (printed, errors), (nothing, _) = (run.communicate(timeout=120) for run in runs)
    finally:
        for run in runs:
            run.kill()
    assert runs[0].returncode == runs[1].returncode == 0, errors[-3_000:]
    assert printed.count("4/4 ") == 5 and not epochs(nothing)
    assert (tmp_path / "net.keras").exists()
