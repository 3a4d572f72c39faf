"""Printed PyTorch modules and sources of nn.Sequential against PyTorch: recorded, and live."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from math import prod
from pathlib import Path
from typing import Any

import pytest

from dlcalc.answers.counting import walk
from dlcalc.answers.model_open import OpenParams
from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.errors import InputError
from dlcalc.interop.graph import MAX_VERTICES
from dlcalc.interop.read import recognised

DATA = Path(__file__).parent.parent / "data" / "torch_text.json.gz"
RECORDED: dict[str, list[dict[str, Any]]] = json.loads(gzip.decompress(DATA.read_bytes()))
NETS, CHAINS = RECORDED["nets"], RECORDED["chains"]
HEAD = "import torch\nimport torch.nn as nn\nfrom collections import OrderedDict\n\nmodel = "
LINEAR = "Linear(in_features=3, out_features=4, bias=True)"


def written(folder: Path, text: str, name: str = "net.txt") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def opened(folder: Path, text: str) -> OpenParams:
    result = params(written(folder, text))
    assert isinstance(result, OpenParams)
    return result


def tensors(result: OpenParams) -> dict[str, list[int]]:
    return {key: list(s) for layer in result.layers for key, s in layer.tensors.items()}  # type: ignore[misc]


def refusal(folder: Path, text: str, *words: str, name: str = "net.txt") -> str:
    with pytest.raises(InputError) as caught:
        params(*words, written(folder, text, name))
    return f"{caught.value} {caught.value.mend}"


# Nets of torchvision, of which print shows all or all but what a class holds by itself.


@pytest.mark.parametrize("net", NETS, ids=lambda net: str(net["name"]))
def test_every_tensor_of_a_printed_net(tmp_path: Path, net: dict[str, Any]) -> None:
    result = opened(tmp_path, net["text"])
    assert tensors(result) == net["counted"]
    assert result.value == sum(map(prod, net["counted"].values()))
    assert result.buffers == net["buffers"]
    assert "has a forward of its own" in result.graph.open


def test_at_least_twenty_are_counted_whole(tmp_path: Path) -> None:
    whole = [
        net["name"] for net in NETS if opened(tmp_path, net["text"]).value == net["parameters"]
    ]
    assert len(whole) == 26
    # What print leaves out is named.
    for net in NETS:
        notes = " ".join(opened(tmp_path, net["text"]).notes)
        root = net["text"].partition("(")[0]
        assert f"none are counted for {root}" in notes
        assert ("Conv3DSimple (16)" in notes) == (net["name"] == "r3d_18")


def test_no_output_is_told_behind_a_forward_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, NETS[0]["text"])
    with pytest.raises(InputError, match="AlexNet has a forward of its own"):
        shape("3x224x224", path)


# Chains of torch.nn: both texts, with an input and without.


@pytest.mark.parametrize("chain", CHAINS, ids=range(len(CHAINS)))
@pytest.mark.parametrize("printed", [True, False], ids=["printed", "source"])
def test_a_chain(tmp_path: Path, chain: dict[str, Any], printed: bool) -> None:
    text = chain["text"] if printed else HEAD + chain["name"] + "\n"
    path = written(tmp_path, text)
    assert recognised(path) == ("torch module" if printed else "torch source")
    sizes = "x".join(map(str, chain["input"]))
    assert list(shape(sizes, path).value.sizes) == chain["output"]
    counted = params(sizes, path)
    assert counted.value == chain["parameters"]
    found = {key: list(of) for layer in walk(counted.layers) for key, of in layer.tensors.items()}
    assert found == chain["counted"]
    assert counted.buffers == chain["buffers"]
    without = params(path)
    assert isinstance(without, OpenParams)
    assert (tensors(without), without.buffers) == (chain["counted"], chain["buffers"])
    assert "give it before the file" in without.graph.open


def test_letters_in_the_input(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2))")
    assert str(shape("3xHxW", path).value) == "8 x (H - 2)//2 x (W - 2)//2"


def test_the_engine_runs_a_chain(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten())")
    assert shape("3x8x8", path, verify=True).value.sizes == (288,)
    assert params("3x8x8", path, verify=True).value == 224


def test_shapes_up_to_where_they_are_lost(tmp_path: Path) -> None:
    text = "Sequential(\n  (0): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))\n  (1): Mine()\n"
    text += f"  (2): {LINEAR}\n)"
    with pytest.raises(InputError, match=r"1 \(Mine\) has a forward of its own") as caught:
        shape("3x8x8", written(tmp_path, text))
    assert caught.value.worked is not None
    shown = [row["output"] for row in caught.value.worked.document()["layers"]]  # type: ignore[attr-defined]
    assert shown == [[3, 8, 8], [4, 6, 6]]
    counted = params("3x8x8", written(tmp_path, text))
    assert counted.value == 112 + 16
    assert "counted as holding no tensors: Mine" in " ".join(counted.notes)


def test_repeats_are_modules_under_each_of_their_names(tmp_path: Path) -> None:
    text = f"ModuleList(\n  (0-2): 3 x Block(\n    (a): {LINEAR}\n  )\n  (3): {LINEAR}\n)\n"
    result = opened(tmp_path, text)
    assert [name for name in tensors(result) if name.endswith("weight")] == [
        "0.a.weight", "1.a.weight", "2.a.weight", "3.weight"
    ]  # fmt: skip
    assert result.value == 4 * 16


def test_parameters_that_stand_in_the_text(tmp_path: Path) -> None:
    text = "Net(\n  (0): ParameterList(\n"
    text += "      (0): Parameter containing: [torch.float32 of size 2x3]\n"
    text += "      (1): Parameter containing: [torch.float32 of size ]\n  )\n"
    text += f"  (x): None\n  (fc): {LINEAR}\n)"
    result = opened(tmp_path, text)
    assert result.value == 6 + 16
    assert "(1): Parameter containing" in " ".join(result.notes)


def test_attention_has_a_matrix_that_print_leaves_out(tmp_path: Path) -> None:
    line = "NonDynamicallyQuantizableLinear(in_features=8, out_features=8, bias=False)"
    result = opened(tmp_path, f"MultiheadAttention(\n  (out_proj): {line}\n)")
    assert result.value == 4 * 64
    assert "print shows neither" in " ".join(result.notes)


def test_a_layer_with_modules_of_its_own_is_not_counted_as_its_class(tmp_path: Path) -> None:
    text = (
        f"Net(\n  (fc): {LINEAR}\n  (p): ParametrizedLinear(\n    in_features=3, out_features=4\n"
    )
    text += "    (parametrizations): ModuleDict()\n  )\n"
    text += "  (q): Linear(\n    in_features=3, out_features=4\n  )\n)"
    result = opened(tmp_path, text)
    assert result.value == 16
    notes = " ".join(result.notes)
    assert "ParametrizedLinear" in notes and "no tensors: Linear" in notes


def test_what_transformers_print(tmp_path: Path) -> None:
    text = "Block(\n  (a): Conv1D(nf=6, nx=2)\n  (n): LlamaRMSNorm((5,), eps=1e-06)\n)"
    result = opened(tmp_path, text)
    assert tensors(result) == {"a.weight": [2, 6], "a.bias": [6], "n.weight": [5]}


def test_batch_norm_without_its_shift(tmp_path: Path) -> None:
    line = "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=False)"
    assert tensors(opened(tmp_path, f"Net(\n  (0): {line}\n)")) == {"0.weight": [4]}
    path = written(tmp_path, f"Sequential(\n  (0): {line}\n)")
    assert params("4x2x2", path).value == 4
    with pytest.raises(InputError, match="no layer to run"):
        params("4x2x2", path, verify=True)


# Refusals.


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"Net(\n  (0): {LINEAR}\n", "net.txt:1: this bracket is never closed"),
        (f"Net(\n  (0): {LINEAR}\n)\n)\n", "net.txt:4: the module is closed, but the text goes on"),
        (f"Net(\n  (0): {LINEAR}\n  ...\n)", "net.txt:3: lines of the module are left out"),
        (f"Net(\n  (0): {LINEAR[:-1]}\n)", "net.txt:2: in_features"),
        (f"Net(\n  (0-2): 2 x {LINEAR}\n)", "(0-2) are not 2 modules"),
        (f"Net(\n  (0): 2 x {LINEAR}\n)", "no range of 2 names"),
        (f"Net(\n  (0): {LINEAR}\n  (1): what is this\n)", "net.txt:3: (1): what is this is not"),
        ("Net(\n  (0): Linear(in_features=3, out_features=4, bais=True)\n)", "no argument bais"),
        ("Net(\n  (0): Linear(in_features=3)\n)", "out_features is missing"),
        ("Net(\n  (0): Linear(in_features=-3, out_features=1)\n)", "not -3"),
        ("Net(\n  (0): Linear(in_features=True, out_features=1)\n)", "not True"),
        ("Net(\n  (0): Conv2d(3, 4, kernel_size=(3, 3, 3), stride=(1, 1))\n)", "2 whole numbers"),
        ("Net(\n  (0): Conv2d(3, 4, kernel_size=(3, 3), groups=2)\n)", "groups"),
        ("Net(\n  (0): GroupNorm(2, 4, affine=True, bias=False)\n)", "bias must be True"),
        ("Net(\n  (0): Mine()\n)", "no layer that is known"),
        ("Sequential(\n  what\n)", "not as print shows it"),
        (f"Net(\n  (a): {LINEAR}\n  (a): {LINEAR}\n)", "two layers have this name"),
    ],
)
def test_text_that_is_not_as_print_shows(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nn.Sequential(nn.Liner(3, 4))", "nn.Liner is not a known module"),
        ("nn.Sequential(os.system('true'))", "os.system is not a known module"),
        ("nn.Sequential(__import__('os').system('true'))", "this is not a known module"),
        ("nn.Sequential(*[nn.ReLU() for _ in range(3)])", "this is not a module"),
        ("nn.Sequential(nn.Linear(n, 4))", "what n stands for is not read"),
        ("nn.Sequential(nn.Conv2d(3, 4, 3, padding=same))", "what same stands for is not read"),
        ("nn.Sequential(nn.Linear(f(3), 4))", "an argument is not a number"),
        ("nn.Sequential(nn.Linear(9**9**9, 4))", "a calculation in its arguments"),
        ("nn.Sequential(nn.Linear(3, 4, **{}))", "** is not read"),
        ("nn.Sequential(nn.Linear(3, 4, True, None, None, 1))", "at most 3 arguments, not 6"),
        ("nn.Sequential(nn.Linear(3, 4, in_features=3))", "in_features is given twice"),
        ("nn.Sequential(a=nn.ReLU())", "not arguments by name"),
        ("nn.Sequential(OrderedDict([('a.b', nn.Linear(3, 4))]))", "no dot"),
        ("nn.Sequential(OrderedDict([nn.Linear(3, 4)]))", "pairs, (name, module)"),
        ("nn.Sequential(OrderedDict(a=nn.Linear(3, 4)))", "not a known module"),
        ("nn.Sequential(nn.Linear(3, 4))\nprint(model)", "2 modules stand here"),
        ("nn.Sequential(nn.Linear(3, 4))\nfor x in y: pass", "net.txt:6: only imports"),
        ("nn.Sequential(nn.Linear(3, 4))\nimport os", "os is not imported"),
        ("nn.Sequential(nn.Linear(3, 4)", "cannot be read, line 5"),
        ("nn.Sequential(nn.LazyLinear(4))", "nn.LazyLinear is not a known module"),
    ],
)
def test_source_that_is_not_read(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, HEAD + text)


def test_a_module_whose_input_does_not_fit(tmp_path: Path) -> None:
    source = HEAD + "nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(100, 10))"
    assert "0 (Conv2d): it takes 3 channels, but gets 4x8x8" in refusal(tmp_path, source, "4x8x8")
    assert "2 (Linear): it takes 100 features, but gets 144" in refusal(tmp_path, source, "3x8x8")
    assert "Give the number itself" in refusal(tmp_path, source, "CxHxW")
    source = HEAD + "nn.Sequential(nn.LayerNorm((3, 4), elementwise_affine=False))"
    assert "it takes 3x4 features, but gets 5x4" in refusal(tmp_path, source, "5x4")
    source = HEAD + "nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())"
    assert "BatchNorm2d" in refusal(tmp_path, source, "3x4")


def test_nothing_follows_a_recurrent_layer(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "nn.Sequential(nn.LSTM(3, 4), nn.Linear(4, 2))")
    with pytest.raises(InputError, match=r"nothing can follow 0 \(LSTM\) in a chain"):
        shape("5x3", path)
    assert params(path).value == 4 * 4 * (3 + 4) + 2 * 16 + 10


HOSTILE = {
    "deep": "Net(\n" + "(0): Sequential(\n" * 500_000,
    "deep and closed": "Net(\n" + "(0): Sequential(\n" * 200 + ")\n" * 201,
    "many": "Net(\n" + f"(0): {LINEAR}\n" * 300_000 + ")",
    "repeated": f"Net(\n(0-999998): 999999 x {LINEAR}\n)",
    "repeated within": "Net(\n"
    + "(0-99): 100 x Sequential(\n" * 20
    + f"(0): {LINEAR}\n"
    + ")\n" * 21,
    "long number": f"Net(\n(0): Linear(in_features={'9' * 1500}, out_features=1)\n)",
    "longer number": f"Net(\n(0): Linear(in_features={'9' * 5000}, out_features=1)\n)",
    "long range": f"Net(\n(0-{'9' * 5000}): 3 x {LINEAR}\n)",
    "long times": f"Net(\n(0-2): {'9' * 5000} x {LINEAR}\n)",
    "brackets": f"Net(\n(0): Linear({'(' * 1900})\n)",
    "signs": f"Net(\n(0): Linear({'-' * 1900}1)\n)",
    "blank": "Net(\n" + "\n" * 15_000_000,
    "one line": "Net(\n(0): Linear(" + "(" * 15_000_000 + ")\n)",
    "source deep": "nn.Sequential(" * 60_000,
    "source nested": "nn.Sequential(" * 150 + ")" * 150,
    "source signs": f"nn.Linear({'-' * 900_000}1)",
    "source sum": f"nn.Linear({'1+' * 400_000}1, 3)",
    "source product": f"nn.Linear({'*'.join(['999999'] * 15)}, 3)",
    "source dots": f"nn.Sequential(a{'.b' * 400_000}(3))",
    "source too long": "nn.Sequential(" + "nn.ReLU()," * 150_000 + ")",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_soon(tmp_path: Path, text: str) -> None:
    begin = time.monotonic()
    refusal(tmp_path, text)
    assert time.monotonic() - begin < 60


def test_a_hundred_megabytes_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    with path.open("w", encoding="utf-8") as file:
        file.write("Net(\n")
        for _ in range(100):
            file.write(f"  (0): {LINEAR}\n" * 19_000)
    assert path.stat().st_size > 100_000_000
    with pytest.raises(InputError, match="larger than 16,000,000 bytes"):
        params(str(path))


def test_as_many_modules_as_are_taken(tmp_path: Path) -> None:
    text = f"ModuleList(\n  (0-{MAX_VERTICES - 3}): {MAX_VERTICES - 2} x {LINEAR}\n)"
    assert opened(tmp_path, text).value == (MAX_VERTICES - 2) * 16


def test_nothing_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    refusal(tmp_path, f"nn.Sequential(open({str(mark)!r}, 'w'))", name="net.py")
    refusal(tmp_path, f"nn.Sequential(nn.Linear(open({str(mark)!r}, 'w'), 3))", name="net.py")
    assert not mark.exists()


def test_no_framework_is_needed(tmp_path: Path) -> None:
    path = written(tmp_path, NETS[0]["text"])
    program = f"""
import sys
from dlcalc.answers.params import params
assert params({path!r}).value == {NETS[0]["parameters"]}
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# Live.


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_the_recorded_table_is_what_pytorch_says(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))
    from oracles import torch_text

    kept = {net["name"]: net for net in NETS}
    for name in ("resnet18", "vit_b_16", "densenet121"):
        assert torch_text.net(name)["counted"] == kept[name]["counted"]
    for chain, (source, sizes) in zip(CHAINS, torch_text.CHAINS, strict=True):
        live = torch_text.chain(source, sizes)
        assert {**live, "text": ""} == {**chain, "text": ""}
