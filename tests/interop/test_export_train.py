"""The loop of exported PyTorch source: alone, and in two processes of torchrun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.export import export
from dlcalc.answers.train import train
from dlcalc.errors import InputError
from tests.interop.test_export_weights import space

#: A net, the call of its loss, the sizes of one target, and along which axis its classes lie.
KINDS: tuple[tuple[str, str, tuple[int, ...], int | None], ...] = (
    ("4 dense:8 relu dense:3", "cross_entropy(outputs, targets)", (), 1),
    ("4 dense:8 bn tanh dropout:0.1 dense:3 softmax", "nll_loss(outputs.clamp_min", (), 1),
    ("4 dense:8 tanh dense:3 log_softmax", "nll_loss(outputs, targets)", (), 1),
    ("4 dense:8 tanh dense:1", "mse_loss(outputs, targets)", (1,), None),
    ("4 dense:8 tanh dense:1 sigmoid", "binary_cross_entropy(outputs, targets)", (1,), None),
    ("4 dense:8 tanh dense:3 sigmoid", "binary_cross_entropy(outputs, targets)", (3,), None),
    ("2x6x5 conv:4,k3,p1 relu conv:3,k1", "cross_entropy(outputs, targets)", (6, 5), 1),
    ("2x6x5 conv:3,k1 softmax dropout:0", "nll_loss(outputs.clamp_min", (6, 5), 1),
    ("2x6x5 conv:4,k3,p1 relu conv:1,k1", "mse_loss(outputs, targets)", (1, 6, 5), None),
    ("2x9 conv:3,k3,p1", "cross_entropy(outputs, targets)", (9,), 1),
    ("5x4 lstm:8 dense:3", "cross_entropy(outputs.movedim(-1, 1), targets)", (5,), -1),
    ("5x4 gru:8 dense:1", "mse_loss(outputs, targets)", (5, 1), None),
    (
        "5 embedding:7,8 position decoder:2,ff=9 ln dense:7,bias=no,tied=embedding1",
        "cross_entropy(outputs.movedim(-1, 1), targets)",
        (5,),
        -1,
    ),
    ("5 embedding:7,8 gru:6 last dense:2", "cross_entropy(outputs, targets)", (), 1),
    ("6 dense:4 tanh rbf:3", "cross_entropy(-outputs, targets)", (), 1),
    ("2x4x4 residual[conv:2,k3,p1 bn]", "cross_entropy(outputs, targets)", (4, 4), 1),
    ("6 moe:3,active=1[dense:8 relu dense:6] dense:3", "cross_entropy(outputs, targets)", (), 1),
    ("5x4 gru:8,biases=1 dense:3", "cross_entropy(outputs.movedim(-1, 1), targets)", (5,), -1),
    ("1x6x6 local:3,k3 subsample:2 tanh flatten dense:1", "mse_loss(outputs, targets)", (1,), None),
)
ALL = [net for net, *_ in KINDS]
#: Nets with heads that work in training only, and one with a second input.
OTHERS = {
    "2x8x8 conv:4,k3 aux[globalavgpool flatten dense:5] relu conv:4,k3 aux[flatten dense:5] "
    "globalavgpool flatten dense:5": "loss = loss + 0.3 * loss_of(head, targets.to(device))",
    "4x6 decoder:2,ff=5,memory=5x3 first dense:2": "parallel(inputs.to(device), memory.to(device))",
}


def learnable(made: dict[str, Any], axis: int | None, count: int = 128) -> Any:
    """Examples whose targets another model of the class gives, so that they can be learnt."""
    import torch

    torch.manual_seed(5)
    inputs, drawn = made["random_examples"](count).tensors
    with torch.no_grad():
        outputs = made["Net"]().eval()(inputs)
    if axis is not None:
        targets = outputs.argmax(axis)
    elif drawn.unique().numel() == 2:
        targets = (outputs > outputs.median()).float()
    else:
        targets = outputs
    assert targets.shape == drawn.shape and targets.dtype == drawn.dtype
    return torch.utils.data.TensorDataset(inputs, targets)


@pytest.mark.parametrize("net", OTHERS)
def test_heads_and_memories_are_trained_too(
    net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = export(net, train=True).value
    assert OTHERS[net] in source
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    made = space(source)
    torch.manual_seed(2)
    model = made["Net"]()
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    examples = made["random_examples"](64)
    first = made["train"](model, examples, epochs=1, lr=1e-2)
    assert made["train"](model, examples, epochs=20, lr=1e-2) < first
    assert all((p != before[key]).any() for key, p in model.named_parameters())


def test_a_head_that_ends_otherwise_cannot_be_trained() -> None:
    net = "2x8x8 aux[globalavgpool flatten dense:{}] globalavgpool flatten dense:5{}"
    assert "heads" in export(net.format(5, ""), train=True).value
    for given, rule in (((4, ""), "gives 4"), ((5, " softmax"), "gives 5"), ((1, ""), "gives 1")):
        with pytest.raises(InputError, match=rule) as caught:
            export(net.format(*given), train=True)
        assert caught.value.place is not None


@pytest.mark.parametrize(("net", "loss", "target", "axis"), KINDS)
def test_what_can_be_learnt_is_learnt(
    net: str,
    loss: str,
    target: tuple[int, ...],
    axis: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = export(net, train=True).value
    assert loss in source
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    made = space(source)
    inputs, targets = made["random_examples"](3).tensors
    assert targets.shape == (3, *target)
    assert inputs.is_floating_point() == ("embedding" not in net)
    examples = learnable(made, axis)
    model = made["Net"]()
    before = made["loss_of"](model(examples.tensors[0]), examples.tensors[1]).item()
    after = made["train"](model, examples, epochs=25, lr=0.02)
    assert np.isfinite(before) and after < 0.7 * before
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 25 and shown[-1] == f"epoch 25: loss {after:.4f}"
    kept = torch.load("net.pt", weights_only=True)
    assert all(torch.equal(kept[name], found) for name, found in model.state_dict().items())


def test_what_teaches_nothing_is_not_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    made = space(export("4 dense:3", train=True).value)
    after = made["train"](made["Net"](), made["random_examples"](), epochs=25, lr=0.02)
    assert after > 1.0


@pytest.mark.parametrize("net", ["lenet5", "unet", "gpt2", "resnet18", *ALL])
def test_the_loop_is_python_of_short_lines(net: str) -> None:
    source = export(net, train=True).value
    compile(source, net, "exec")
    assert max(map(len, source.splitlines())) <= 100
    assert ("SyncBatchNorm" in source) == ("nn.BatchNorm" in source)
    assert ("manual_seed(distributed" in source) == ("nn.Dropout" in source)


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(InputError, match="needs parameters"):
        export("4 relu", train=True)


def test_words_and_decimals_at_once_are_refused() -> None:
    with pytest.raises(InputError, match="decimals into another") as caught:
        export("4 concat[embedding:9,4 flatten | dense:16]", train=True)
    assert caught.value.place is not None


@pytest.mark.parametrize(
    ("loss", "task", "call"),
    [
        ("mae", "sine", "l1_loss(outputs, targets)"),
        ("huber:0.5", "sine", "huber_loss(outputs, targets, delta=0.5)"),
        ("quantile:0.9", "sine", "targets > outputs, 0.9, 0.9 - 1"),
        ("binary-cross-entropy", "moons", "binary_cross_entropy_with_logits"),
    ],
)
def test_a_training_goes_on_with_its_own_loss(
    loss: str, task: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "saved.npz")
    trained = train(task, save=path, loss=loss, epochs=5)
    source = export(weights=path, train=True).value
    assert call in source
    assert source.endswith("    load_weights(model)\n    train(model, random_examples())\n")
    torch = pytest.importorskip("torch")
    from dlcalc.answers.train_asked import Asked

    problem, toy, aim, _ = Asked([task], {"loss": loss}, None).training()
    del toy
    made = space(source)
    model = made["Net"]().double().eval()
    made["load_weights"](model)
    held = problem.held_out
    assert held is not None and trained.final is not None
    with torch.no_grad():
        outputs = model(torch.tensor(held.inputs))
        targets = torch.tensor(aim.encoded(held.targets, np.dtype(float)))
        assert made["loss_of"](outputs, targets).item() == pytest.approx(
            trained.final.loss, rel=1e-6
        )
    monkeypatch.chdir(tmp_path)
    made["train"](made["Net"](), made["random_examples"](), epochs=1)


# In processes.


def launched(tmp_path: Path, script: str) -> list[str]:
    """What a script prints in two processes of torchrun on this machine's processor."""
    (tmp_path / "net.py").write_text(script, encoding="utf-8")
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    # On a busy machine about one run in thirty aborts behind its last line, as Python exits;
    # the cause is not known (a thread of torch that is still there, perhaps). Only what dies
    # with that message is tried again.
    for _ in range(3):
        done = subprocess.run(
            [*run, "net.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        if "terminate called without an active exception" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout.splitlines()


def test_it_runs_as_a_script_alone_and_in_two_processes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    source = export(
        "1x8x8 conv:3,k3 bn relu dropout:0.2 flatten dense:4", train=True, class_name="Small"
    ).value
    (tmp_path / "alone.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "alone.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    (tmp_path / "small.pt").unlink()
    for lines in (done.stdout.splitlines(), launched(tmp_path, source)):
        # One process prints, whatever their number.
        assert [line.split(":")[0] for line in lines] == [f"epoch {n}" for n in range(1, 6)]
        assert all(np.isfinite(float(line.split()[-1])) for line in lines)
    kept = torch.load(tmp_path / "small.pt", weights_only=True)
    made = space(source)["Small"]()
    made.load_state_dict(kept)


#: Behind the loop, whether the parameters of all processes are the same, and what was seen.
_TOLD = """
if __name__ == "__main__":
    from tests.interop.test_export_train import learnable

    seen = []
    examples = learnable(globals(), {axis})

    class Watched(torch.utils.data.Dataset):
        def __len__(self):
            return len(examples)

        def __getitem__(self, index):
            seen.append(index)
            return examples[index]

    torch.manual_seed(int(os.environ["RANK"]))  # models that are different at first
    model = {net}()
    before = loss_of(model(examples.tensors[0]), examples.tensors[1]).item()
    after = train(model, Watched(), epochs=20, lr=0.02)
    numbers = torch.cat([p.detach().flatten() for p in model.parameters()])
    torch.save((numbers, before, after, seen[:64], seen[64:128]), "rank" + os.environ["RANK"])
"""


def two(source: str, axis: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What each of two processes tells behind the training of a source."""
    torch = pytest.importorskip("torch")
    body, _, _ = source.partition('\n\nif __name__ == "__main__":')
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    launched(tmp_path, body + _TOLD.format(net="Net", axis=axis))
    return [torch.load(tmp_path / f"rank{rank}") for rank in (0, 1)]


@pytest.mark.parametrize("kind", [KINDS[6], KINDS[12], KINDS[15]])
def test_two_processes_train_one_model(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two(export(kind[0], train=True).value, kind[3], tmp_path, monkeypatch)
    assert (first[0] == second[0]).all()
    assert first[2] == second[2] and first[2] < 0.8 * min(first[1], second[1])
    # Each has seen its own half, in another order in the second epoch.
    assert not set(first[3]) & set(second[3])
    assert set(first[3]) | set(second[3]) == set(range(128))
    assert first[3] != first[4]


def test_models_that_are_trained_apart_would_be_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = export("4 dense:8 relu dense:3", train=True).value
    right = "DistributedDataParallel(parallel, device_ids=devices)"
    assert source.count(right) == 1
    first, second = two(source.replace(right, "model"), 1, tmp_path, monkeypatch)
    assert not (first[0] == second[0]).all()
