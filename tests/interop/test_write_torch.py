"""Exported PyTorch source: it runs, it is the same net, and what has no spelling is refused."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.export import export
from dlcalc.answers.forward import forward
from dlcalc.answers.network import load_line
from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.engine.program import Program
from dlcalc.errors import InputError
from dlcalc.interop.write.torch.classes import CLASSES, classes_in
from dlcalc.interop.write.torch.layers import SPELLINGS
from dlcalc.interop.write.torch.net import MERGES
from dlcalc.layers.index import LAYERS
from dlcalc.nets.zoo import names

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "export_lenet5.py.txt"
#: The layers that have no spelling.
NOT_YET: set[str] = set()
WORDS = {"bert-base", "gpt2", "llama-7b"}
#: Nets with auxiliary heads, and how many.
HEADS = {"googlenet": 2, "googlenet-2014": 2, "inception_v3": 1}
#: A size for the letter of a net's usual input.
INPUTS = {"lstm-5x128": "20x128"}
#: What dlcalc calls the parts of attention and blocks.
THEIRS = {
    "self_attn": "attention",
    "linear1": "ff_up",
    "linear2": "ff_down",
    "out_proj": "output",
}
#: One for each spelling, and uses of it that are easily got wrong.
NETS = (
    "3x17 conv:6,k5,s2,p1",
    "4x9x8 conv:6,k3x2,s2x1,p1x0,d1x2,g2,bias=no",
    "2x5x6x7 conv:3,k3,p=0+1x1x2+0",
    "2x5x6 conv:3,k2x3,p=same",
    "2x5x6 conv:3,k2,p=1+0",
    "4x5x6 convtranspose:6,k3,s2,p1,op1,g2",
    "4x5x6 convtranspose:2,k3x2,s2x3,d2x1,bias=no",
    "4x5x6 convtranspose:2,k3,s2,p1,output=10x11",
    "2x9x8 maxpool:3,s2,p1,ceil=yes",
    "2x9 maxpool:2,s1,d3",
    "2x9x8 avgpool:3x2,s2x1,p1,count_include_pad=no,ceil=yes",
    "2x6x7x8 avgpool:2,p1",
    "2x9x8 lppool:3,s2,norm=3,ceil=yes",
    "2x9x8 adaptiveavgpool:4x3",
    "2x9x8 adaptivemaxpool:4",
    "2x9x8 globalavgpool flatten",
    "2x9 globalmaxpool",
    "5 dense:3,bias=no",
    "4x5 dense:3",
    "2x3x4 flatten dense:2",
    "4 embedding:9,3 position:7 token:2 first",
    "4 embedding:9,3 dense:9,bias=no,tied=embedding1",
    "4x3 position token last",
    "4x3 rnn:5",
    "4x3 lstm:5,layers=2,bidirectional=yes,bias=no",
    "4x3 lstm:5,proj=2",
    "4x3 gru:5,bidirectional=yes",
    "4x6 attention:2",
    "4x6 attention:3,causal=yes,bias=no",
    "4x6 encoder:2,ff=5",
    "4x6 decoder:2",
    "3x4x5 bn:eps=0.1",
    "6 bn:affine=no",
    "3x4 instancenorm:affine=yes",
    "6x4x5 gn:3,eps=0.1",
    "4x6 ln:eps=0.1",
    "4x4 ln:2,bias=no",
    "4x6 ln:affine=no",
    "4x6 rmsnorm",
    "6x4x5 lrn:3,alpha=0.5,beta=0.6,k=2",
    "4x2x3x2x3 lrn:3 gn:2 softmax",
    "2x4x4x3 upsample:2,linear=yes maxpool:2 bn instancenorm:affine=yes crop:1 pad:1+0",
    "3x4x5 dropout2d:0.2",
    "2x4x5 pad:1+2x0+3",
    "2x3x4 reshape:6x-1 permute:1x0",
    "2x9x8 crop:1+2x3",
    "2x9x8 crop:size=4x5",
    "4x3x3 select:3x0",
    "2x3x4 upsample:2x3",
    "2x3x4 upsample:2,linear=yes",
    "2x3x4 upsample:size=5x7",
    "8x3x4 pixelshuffle:2 pixelunshuffle:2",
    "2x5x6 residual[conv:2,k3,p1 relu residual[conv:2,k1 | identity] tanh]",
    "2x5x6 residual[conv:4,k3,p1 | conv:4,k1] relu",
    "2x5x6 concat[identity | conv:3,k1 concat[sigmoid | tanh]] conv:2,k1",
    "2x5x6 concat:axis=1[identity | conv:2,k1]",
    "4x5x6 multiply[globalavgpool conv:4,k1 sigmoid]",
    "4x5 prelu:4 softmax",
    "5 prelu log_softmax",
    "4x5x6 convtranspose:2,k3,s2,p=1+0",
    "4x5x6 convtranspose:2,k3x4,s2x3,p=0+2x1+0,op1,g2",
    "4x5x6 convtranspose:2,k3,s2,p=0+1,output=10x12",
    "4x5x6 convtranspose:2,k3,p=valid",
    "2x4x6 maxpool:3,s2,p=1+0x0+1",
    "2x5x6 maxpool:3,s2,p=0+1,ceil=yes",
    "2x9 maxpool:2,s3,p=1+0,d2,ceil=yes",
    "2x4x6x5 maxpool:2,s1,p=1+0x0x0+1",
    "2x9x8 maxpool:2,p=valid",
    "2x5x6 avgpool:3x2,s2,p=0+1x1+0",
    "2x5x6 avgpool:3,s2,p=1+0,ceil=yes,count_include_pad=no",
    "2x9 avgpool:2,s3,p=0+1,ceil=yes,count_include_pad=no",
    "2x9 avgpool:3,s2,p=0+1,ceil=yes",
    "2x5x6x4 avgpool:2,s3,p=1+0,ceil=yes,count_include_pad=no",
    "2x9 lppool:3,s2",
    "2x5x6x4 lppool:2,norm=3,ceil=yes",
    "2x9 local:3,k3,s2,p=1+0",
    "2x5x6 local:3,k3x2,s1x2,p1x0",
    "2x3x4x3 local:2,k2,bias=no",
    "2x9 relu stochasticpool:3,s2,ceil=yes",
    "2x5x7 relu stochasticpool:2x3,s2",
    "2x4x5x6 sigmoid stochasticpool:2,s3,ceil=yes",
    "2x9 subsample:2",
    "2x5x6 subsample:2x3 tanh",
    "2x4x5x6 subsample:2",
    "6 rbf:4",
    "4x3 segment:2",
    "4 embedding:9,6 token:2 segment:3 first",
    "2x5x6 aux[conv:3,k2 flatten dense:4] relu aux[identity] residual[conv:2,k1 aux[relu]]",
    "4x6 attention:2,kv=1",
    "4x6 attention:4,kv=2,dim=5,causal=yes,qkv_bias=no",
    "4x6 attention:3,dim=1,bias=no,qkv_bias=yes",
    "4x6 encoder:2,ff=5,gated=yes",
    "4x6 encoder:2,qkv_bias=no",
    "4x6 encoder:3,ff=5,rms=yes,kv=1",
    "4x6 decoder:2,ff=5,gated=yes,rms=yes,bias=no",
    "4x6 decoder:2,ff=5,experts=3,active=1",
    "4x6 residual[encoder:2,ff=5,experts=4,gated=yes,bias=no]",
    "4x6 encoder:2,ff=5,experts=1,active=1",
    "6 moe:3[dense:5 relu dense:6]",
    "4x6 residual[moe:4,active=3[rmsnorm residual[dense:6 tanh] dense:6]]",
    "4x6 moe:2,active=1[dense:4 prelu moe:3[dense:5,bias=no]]",
    "4x6 moe:1,active=1[dense:4 moe:3[dense:5]]",
    "4x6 moe:2[dense:3 dense:6,tied=dense1]",
    "4x6 dense:6 moe:3[dense:6,tied=dense1 dense:6,bias=no dense:6,tied=dense2]",
    "6 dense:6 residual[dense:6 dense:6,tied=dense1] dense:6,tied=dense1,bias=no",
    "6 dense:3 dense:6,tied=dense1 dense:3 dense:6,tied=dense1,bias=no",
    "4x3 token:3 dense:3,tied=token1",
    "4x3 rnn:5,act=sigmoid",
    "4x3 rnn:5,act=sigmoid,biases=1,bidirectional=yes,layers=2",
    "4x3 rnn:5,biases=1",
    "4x3 lstm:5,biases=1,layers=2,bidirectional=yes",
    "4x3 lstm:5,biases=1,proj=2,layers=2",
    "4x3 gru:5,biases=1",
    "4x3 gru:5,reset_after=no,layers=2,bidirectional=yes",
    "4x3 gru:5,reset_after=no,bias=no",
    "5 relu identity relu6 leaky_relu:0.3 elu:0.7 selu gelu silu mish",
    "5 sigmoid tanh hardsigmoid hardswish hardtanh softplus softsign log_sigmoid",
)
#: Nets with further inputs, and how many these are.
SECOND = {
    "4x6 decoder:2,memory=5": 1,
    "4x6 decoder:2,ff=5,memory=5x3,kv=1,gated=yes decoder:2,ff=5,memory=5x3,rms=yes": 1,
    "4x6 decoder:2,ff=5,memory=5 decoder:2,ff=5,memory=7x2,experts=2": 2,
    "4x3 segment:3 ln segment:2": 1,
    "4x6 segment:3 token segment:2 decoder:2,ff=5,memory=5x3": 3,
}


def test_just_these_layers_have_no_spelling() -> None:
    assert set(LAYERS) - set(SPELLINGS) - set(MERGES) == NOT_YET
    assert not (set(SPELLINGS) | set(MERGES)) - set(LAYERS)


def test_a_layer_without_spelling_would_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(SPELLINGS, "relu")
    with pytest.raises(InputError, match="relu: it has no spelling in torch") as caught:
        export("3 dense:4 relu")
    assert caught.value.place is not None


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_of_the_source_cannot_be_the_name_of_the_net(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} cannot be the name"):
        export("3 dense:4", class_name=name)


def test_every_class_of_the_source_is_run() -> None:
    written = "".join(export(net).value for net in (*NETS, *SECOND))
    assert {name for name in CLASSES if f"class {name}(" in written} == set(CLASSES)


def test_source_is_typed(tmp_path: Path) -> None:
    """By the strict rules of mypy, which would notice another type."""
    pytest.importorskip("torch")
    api = pytest.importorskip("mypy.api")
    nets = {"all": " ".join(CLASSES), "moe": "4x6 dense:6 moe:3[dense:6,tied=dense1]"}
    nets["aux"] = "2x4x4 aux[flatten dense:3] flatten dense:3"
    nets["memory"] = next(reversed(SECOND))
    for name, net in nets.items():
        source = "\n".join(classes_in([f"{word}()" for word in net.split()]))
        head = "import math\n\nimport torch\nfrom torch import Tensor, nn\n"
        head += "from torch.nn import functional as F\n\n\n"
        text = head + source if name == "all" else export(net).value
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    text = (tmp_path / "aux.py").read_text(encoding="utf-8")
    wrong = text.replace("-> Tensor | tuple[Tensor, ...]:", "-> Tensor:")
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    found, errors, _ = api.run(["--config-file=", "--strict", str(tmp_path)])
    assert not errors
    lines = [line for line in found.splitlines() if ": error:" in line]
    assert lines and all("wrong.py" in line for line in lines), found


def test_every_spelling_is_run() -> None:
    run = {name for name in [*SPELLINGS, *MERGES] for net in NETS if name in net}
    assert run == {*SPELLINGS, *MERGES}


def test_lenet5_is_written_so() -> None:
    assert export("lenet5", class_name="LeNet5").value == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("net", "rule"),
    [
        ("6 embedding:9,3 dense:3 dense:3,tied=dense2", "dense2"),
        ("6 dense:6,tied=dense2 dense:6", "dense2 only behind it"),
        ("6 dense:4 moe:2[dense:6,tied=dense1]", "dense1 only as it stands"),
        ("6 dense:6 moe:2[moe:2[dense:6,tied=dense1]]", "dense1 only as it stands"),
        ("28 conv:3,k3", "channels"),
        ("3xHxW conv:3,k3", "letters"),
        ("3x8x8 conv:C,k3", "letter"),
    ],
)
def test_what_torch_does_otherwise_is_refused(net: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        export(net)


@pytest.mark.parametrize("net", [*NETS, *names()])
def test_source_is_python_of_short_lines(net: str) -> None:
    source = export(INPUTS.get(net, ""), net).value
    assert max(map(len, source.splitlines())) <= 100
    classes = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    assert classes[-1] == "Net"
    assert len(set(classes)) == len(classes)


def module(source: str) -> Any:
    """The exported class at work. Only what this very test has written is run."""
    space: dict[str, Any] = {}
    exec(compile(source, "exported", "exec"), space)
    return space["Net"]()


@pytest.mark.parametrize("name", names())
def test_built_in_nets_have_the_same_shape_and_parameters_in_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    exported = export(INPUTS.get(name, ""), name)
    document = exported.document()
    with torch.device("meta"):
        net = module(exported.value).eval()
        x = torch.zeros(2, *exported.source.input)
        y = net(x.long() if name in WORDS else x)
    assert list(y.shape[1:]) == document["output"]
    counted = params(INPUTS.get(name, ""), name).document()
    heads = sum(
        layer["parameters"]
        for head in counted["layers"]  # type: ignore[attr-defined]
        for branch in (head["branches"] if head["name"].startswith("aux") else [])
        for layer in branch
    )
    assert document["parameters"] == counted["parameters"]
    assert sum(p.numel() for p in net.parameters()) == document["parameters"] + heads
    assert bool(heads) == (name in HEADS)
    found = {k.replace("_", ".") for k, _ in net.named_parameters()}
    ours = {k.replace("_", ".") for layer in _layers(name) for k in layer["tensors"]}
    if "encoder1" not in {key.partition(".")[0] for key in found} and name != "gpt2":
        assert found == ours


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads that wait for one another cost four times the work where tests share the cores."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", [name for name in names() if name != "llama-7b"])
def test_built_in_nets_train_a_step_in_torch(name: str) -> None:
    """All but those above 200 million parameters, which stay on the meta device."""
    torch = pytest.importorskip("torch")
    exported = export(INPUTS.get(name, ""), name)
    torch.manual_seed(3)
    net = module(exported.value)
    assert sum(p.numel() for p in net.parameters()) <= 200_000_000
    # A batch norm behind a global pooling needs two examples; attention does with few words.
    batch = 2 if any("BatchNorm" in type(part).__name__ for part in net.modules()) else 1
    sizes = (8,) if name in WORDS else exported.source.input
    x = torch.randint(99, (batch, *sizes)) if name in WORDS else torch.randn(batch, *sizes)
    found = net(x)
    outputs = found if name in HEADS else (found,)
    assert len(outputs) == 1 + HEADS.get(name, 0)
    assert all(y.shape == outputs[0].shape for y in outputs)
    if name not in WORDS:
        assert outputs[0].shape == (batch, *exported.source.output)
    sum(y.square().mean() for y in outputs).backward()
    groups, greatest = [], {}
    for key, parameter in net.named_parameters():
        gradient, values = parameter.grad.flatten(), parameter.detach().flatten()
        at = gradient.abs().argmax()
        assert gradient[at].isfinite() and gradient[at] != 0, key
        greatest[key] = (at, values[at].item())
        # So small are some gradients that float32 would not show a step of one size for all.
        groups.append({"params": [parameter], "lr": 0.01 / gradient[at].abs().item()})
    torch.optim.SGD(groups, lr=0.01).step()
    for key, parameter in net.named_parameters():
        at, before = greatest[key]
        after = parameter.detach().flatten()[at].item()
        assert abs(after - before) == pytest.approx(0.01, abs=1e-6), key


def _layers(name: str) -> list[dict[str, Any]]:
    """All layers of ``params``, those in branches too."""
    found: list[Any] = list(params(INPUTS.get(name, ""), name).document()["layers"])  # type: ignore
    for layer in found:
        for branch in layer.get("branches", []):
            found += branch
    return found


@pytest.mark.parametrize("net", NETS)
def test_outputs_are_those_of_the_engine(net: str) -> None:
    same_as_engine(net, export(net).value)


def same_as_engine(net: str, source: str) -> None:
    """With the same numbers in the tensors, by two routes that share no code."""
    torch = pytest.importorskip("torch")
    exported = export(net)
    draw = np.random.default_rng(7)
    layers = net.partition(" ")[2]
    sizes = (2, *exported.source.input)
    words = layers.startswith("embedding")
    data = draw.integers(0, 9, sizes) if words else draw.normal(size=sizes)
    tensors = forward(data, net, batch=True).extra.tensors
    given = {
        name: draw.normal(size=np.shape(a))
        for name, a in tensors.items()
        if "running" not in name and "num_batches" not in name and not name.endswith(".ids")
    }
    ours = forward(data, net, batch=True, set=given).value
    made = module(source).double().eval()
    fill(made, given)
    with torch.no_grad():
        theirs = made(torch.tensor(data)).numpy()
    assert np.shape(ours) == theirs.shape
    # A norm of an odd power has no value where the powers sum to less than 0.
    assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-11, equal_nan=True)


def some_net(draw: np.random.Generator) -> str:
    """A layer with arguments drawn by lot, behind an input that may not suit it."""

    def one(*values: object) -> Any:
        return values[int(draw.integers(len(values)))]

    def size(low: int, high: int) -> int:
        return int(draw.integers(low, high + 1))

    rank = size(1, 3)
    image = f"{one(2, 4)}x{'x'.join(str(size(4, 7)) for _ in range(rank))}"
    window = f"k{size(1, 3)},s{size(1, 3)}"
    ends = "p=" + "x".join(f"{size(0, 1)}+{size(0, 1)}" for _ in range(rank))
    up = f"ceil={one('yes', 'no')}"
    sequence, heads = f"{size(1, 4)}x{one(4, 8)}", one(2, 4)
    cell = f"{size(1, 4)},layers={size(1, 2)},bidirectional={one('yes', 'no')}"
    switches = [f"{key}={one('yes', 'no')}" for key in ("bias", "gated", "rms", "qkv_bias")]
    experts = one("", f",experts={size(2, 4)},active={size(1, 2)}")
    block = f"{heads},ff={size(1, 9)},kv={one(1, heads)},{','.join(switches)}{experts}"
    transposed = f"d{size(1, 2)},op{size(0, 1)},g{size(1, 2)}"
    return str(
        one(
            f"{image} maxpool:{window},{ends},d{size(1, 2)},{up}",
            f"{image} avgpool:{window},{ends},{up},count_include_pad={one('yes', 'no')}",
            f"{image} convtranspose:4,{window},{ends},{transposed}",
            f"{image} conv:4,{window},{ends},g{size(1, 2)}",
            f"{image} local:{size(1, 3)},{window},{ends},bias={one('yes', 'no')}",
            f"{image} relu stochasticpool:{window},{up}",
            f"{image} subsample:{size(1, 3)}",
            f"{sequence} attention:{heads},kv={one(1, heads)},dim={size(1, 5)},{switches[0]}",
            f"{sequence} {one('encoder', 'decoder')}:{block}",
            f"{sequence} rnn:{cell},act={one('tanh', 'sigmoid')},biases={one(1, 2)}",
            f"{sequence} lstm:{cell},biases={one(1, 2)}",
            f"{sequence} gru:{cell},{one('biases=1', 'reset_after=no', 'reset_after=yes')}",
            f"{sequence} moe:{size(2, 4)},active={size(1, 2)}[dense:{size(1, 5)} tanh dense:3]",
        )
    )


@pytest.mark.parametrize("seed", range(120))
def test_layers_with_any_arguments_are_those_of_the_engine(seed: int) -> None:
    draw = np.random.default_rng(seed)
    for _ in range(50):
        net = some_net(draw)
        try:
            shape(net)
        except InputError:
            continue  # It does not fit.
        same_as_engine(net, export(net).value)
        return
    raise AssertionError("no net fits")


def a_pool() -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(4)
    return torch, module(export("1x2x3 stochasticpool:2x3").value)


def test_stochastic_pooling_draws_by_the_values() -> None:
    torch, net = a_pool()
    x = torch.tensor([[1.0, 2.0, 0.0], [4.0, 0.0, 3.0]]).repeat(20_000, 1, 1, 1)
    y = net.train()(x.requires_grad_()).flatten()
    for value in (1.0, 2.0, 3.0, 4.0):
        # Five standard deviations.
        assert (y == value).double().mean().item() == pytest.approx(value / 10, abs=0.018)
    y.sum().backward()
    # What was drawn, and nothing else, gets the gradient.
    assert torch.equal((x.grad * x).sum((1, 2, 3)), y) and (x.grad.sum((1, 2, 3)) == 1).all()
    assert net.eval()(x)[0].item() == pytest.approx((1 + 4 + 16 + 9) / 10)


def test_stochastic_pooling_of_zeros_is_zero_and_of_less_is_refused() -> None:
    torch, net = a_pool()
    for mode in (True, False):
        x = torch.zeros(2, 1, 2, 3, requires_grad=True)
        y = net.train(mode)(x)
        y.sum().backward()
        assert not y.any() and not x.grad.any()
        with pytest.raises(ValueError, match="put relu before it"):
            net(x - 1)


@pytest.mark.parametrize("net", SECOND)
def test_further_inputs_are_those_of_the_engine(net: str) -> None:
    torch = pytest.importorskip("torch")
    exported, draw = export(net), np.random.default_rng(8)
    data = draw.normal(size=(2, *exported.source.input))
    start, layers = load_line(net)
    program = Program(layers, start.sizes, batch=2)
    program.input.data[...] = data
    given = {name: draw.normal(size=tensor.value.shape) for name, tensor in program.tensors.items()}
    for name, tensor in program.tensors.items():
        tensor.value[...] = given[name]
    # Memories come first; those of one size are one, and so are segments of so many steps.
    more: dict[object, Any] = {}
    for value in program.memories.values():
        value.data[...] = more.setdefault(value.data.shape, draw.normal(size=value.data.shape))
    for name, array in program.statistics.items():
        assert name.endswith(".ids")
        array[...] = more.setdefault((name[-3:], array.shape), draw.integers(0, 2, array.shape))
    made = module(exported.value).double().eval()
    fill(made, given)
    inputs = [torch.tensor(array) for array in more.values()]
    assert len(inputs) == SECOND[net]
    with torch.no_grad():
        found = made(torch.tensor(data), *inputs).numpy()
        assert np.allclose(found, program.forward(), rtol=1e-9, atol=1e-11)
        others = [1 - array if array.dtype == torch.long else 0 * array for array in inputs]
        assert not np.allclose(found, made(torch.tensor(data), *others).numpy())


@pytest.mark.parametrize(
    ("net", "right", "wrong"),
    [
        ("2x5x6 conv:3,k2,p=1+0", "(1, 0, 1, 0)", "(0, 1, 0, 1)"),
        ("4x6 decoder:2", "norm_first=True", "norm_first=False"),
        ("2x5x6 concat[identity | tanh]", "[x, concat1_2]", "[concat1_2, x]"),
        ("6x4x5 gn:3,eps=0.1", "eps=0.1", "eps=0.2"),
    ],
)
def test_other_source_would_be_noticed(net: str, right: str, wrong: str) -> None:
    source = export(net).value
    assert right in source
    with pytest.raises((AssertionError, RuntimeError)):
        same_as_engine(net, source.replace(right, wrong))


def fill(made: Any, given: dict[str, Any]) -> None:
    """Put numbers under dlcalc's names into a module; every parameter is filled."""
    import torch

    ours = {name.replace(".", "_"): torch.tensor(a) for name, a in given.items()}
    used = set()
    buffers = [(name, b) for name, b in made.named_buffers() if name.endswith("weight")]
    for name, parameter in [*made.named_parameters(), *buffers]:
        numbers = [int(number) for number in re.findall(r"experts\.(\d+)", name)]
        key = re.sub(r"\.experts\.\d+", "", name).replace("ff.router", "router")
        key = key.replace(".", "_")
        for theirs, name_here in THEIRS.items():
            key = key.replace(theirs, name_here)
        if key.startswith("token"):
            key += "_weight"
        if key not in ours and f"{key}_bias" in ours:  # Of a layer whose weight is another's.
            key += "_bias"
        if "in_proj_" in key:
            head, _, kind = key.partition("in_proj_")
            keys = [f"{head}{part}_{kind}" for part in ("query", "key", "value")]
        else:
            keys = [key]
        used |= set(keys)
        whole = [ours[key] for key in keys]
        # A mixture of one expert has no axis for it.
        extra = whole[0].ndim - parameter.ndim
        index = tuple(numbers[len(numbers) - extra :])
        parameter.data = torch.cat([a[index] for a in whole])
    assert used == set(ours)
