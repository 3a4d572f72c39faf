"""Exported Keras source: it runs, it is the same net, and what has no spelling is refused."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.export import export
from dlcalc.answers.forward import forward
from dlcalc.answers.params import params
from dlcalc.errors import InputError
from dlcalc.interop.write.keras.classes import CLASSES
from dlcalc.interop.write.keras.layers import SPELLINGS
from dlcalc.interop.write.keras.net import BLOCKS, MERGES
from dlcalc.layers.index import LAYERS
from dlcalc.nets.zoo import names

os.environ.setdefault("KERAS_BACKEND", "torch")
DATA = Path(__file__).resolve().parent.parent / "data"
#: Nets whose whole source is kept, and the name it has.
GOLDEN = {"lenet5": "export_lenet5_keras.py.txt", "gpt2": "export_gpt2_keras.py.txt"}
#: The layers that have no spelling yet.
NOT_YET = {"stochasticpool", "moe"}
#: A size for the letter of a net's usual input.
INPUTS = {"lstm-5x128": "20x128"}
#: One for each spelling, and uses of it that are easily got wrong.
NETS = (
    "3x17 conv:6,k5,s2,p1",
    "4x9x8 conv:6,k3x2,s2x1,p1x0,g2,bias=no",
    "4x9x8 conv:6,k3x2,d1x2,g2",
    "4x9x8 conv:8,k3,s2,p1,g4",
    "4x9 conv:4,k3,p1,g4,d2",
    "2x5x6x7 conv:3,k3,p=0+1x1x2+0",
    "2x5x6 conv:3,k2x3,p=same",
    "2x5x6 conv:3,k3,p1 conv:2,k4,s2,p=same",
    "2x5x6 conv:3,k2,p=1+0",
    "3x17 conv:6,k5,p=causal",
    "4x5x6 convtranspose:6,k3,s2,op1",
    "4x5x6 convtranspose:3,k3,s2,p=same",
    "4x5x6 convtranspose:2,k3x2,s2x3,bias=no",
    "4x5 convtranspose:2,k3,d2",
    "2x9x8 maxpool:3,s2,p1",
    "2x9x8 maxpool:3,s1,p1",
    "2x9x8 maxpool:3,s2,p1,ceil=yes",
    "2x8x10 maxpool:3,s2,ceil=yes",
    "2x9 maxpool:4,s3,p2",
    "2x9x8 maxpool:3,s2,p=same",
    "2x9x8 avgpool:3x2,s2x1,p1x0",
    "2x9x8 avgpool:3x2,s2x1,p1,count_include_pad=no,ceil=yes",
    "2x9x8 avgpool:3,s1,p1,count_include_pad=no",
    "2x4x10 avgpool:3,s2,p1,ceil=yes",
    "2x6x7x8 avgpool:2,p1",
    "2x9x8 avgpool:3,s2,p=same",
    "2x9x8 avgpool:2",
    "2x9x8 lppool:3,s2,norm=3,ceil=yes",
    "2x9x8 lppool:3,s2",
    "2x9x8 adaptiveavgpool:4x3",
    "2x9x8 adaptivemaxpool:4",
    "2x9x8 globalavgpool flatten",
    "2x9 globalmaxpool",
    "5 dense:3,bias=no",
    "4x5 dense:3",
    "2x3x4 dense:5",
    "2x3x4 flatten dense:2",
    "2x3x4 conv:3,k1 flatten dense:2",
    "4 embedding:9,3 position:7 token:2 first",
    "4 embedding:9,3 segment:2 dense:9,bias=no,tied=embedding1",
    "6 dense:6,bias=no relu dense:6,bias=no,tied=dense1",
    "4x3 position token last",
    "4x3 rnn:5,act=sigmoid",
    "4x3 lstm:5,layers=2,bidirectional=yes,bias=no",
    "4x3 lstm:5,dropout=0.3,layers=2",
    "4x3 gru:5,bidirectional=yes",
    "4x3 gru:5,reset_after=no",
    "4x3 gru:5,bias=no",
    "4x6 attention:2",
    "4x6 attention:3,causal=yes,bias=no",
    "4x6 attention:4,kv=2,dim=5",
    "4x6 encoder:2,ff=5 encoder:2,rms=yes,bias=no",
    "4x6 decoder:2",
    "4x6 decoder:2,gated=yes,rms=yes,bias=no,kv=1 decoder:2,gated=yes",
    "4x6 decoder:2,experts=4,active=2,ff=5",
    "4x6 encoder:2,experts=3,active=2,ff=5,gated=yes,bias=no",
    "3x4x5 bn:eps=0.1",
    "6 bn:affine=no",
    "3x4 bn",
    "3x4x5 instancenorm:affine=yes",
    "3x4 instancenorm",
    "6x4x5 gn:3,eps=0.1",
    "6x4 gn:2",
    "4x6 ln:eps=0.1",
    "4x5 ln:2,bias=no",
    "4x6 ln:affine=no",
    "2x3x4 ln:3",
    "4x6 rmsnorm",
    "6x4x5 lrn:3,alpha=0.5,beta=0.6,k=2",
    "6x4x5 lrn:4",
    "3x4x5 dropout2d:0.2 dropout:0.3",
    "2x4x5 pad:1+2x0+3",
    "2x4 pad:1+2",
    "2x3x4 reshape:6x-1 permute:1x0",
    "6x2x4 conv:5,k1 reshape:5x-1 permute:1x0 dense:3",
    "2x3x4 permute:2x0x1 conv:3,k2",
    "2x3x4 reshape:3x8 conv:2,k3",
    "2x9x8 crop:1+2x3",
    "2x9x8 crop:size=4x5",
    "4x3x2 select:3x0",
    "4 select:3x0",
    "2x3x4 upsample:2x3",
    "2x3x4 upsample:2,linear=yes",
    "2x3x4 upsample:size=6x12",
    "2x3 upsample:3",
    "8x3x4 pixelshuffle:2 pixelunshuffle:2",
    "3x6x4 local:5,k3x2,s2x1,p1",
    "3x6 local:5,k3,bias=no",
    "3x6x5 subsample:2",
    "6 rbf:4",
    "2x5x6 residual[conv:2,k3,p1 relu residual[conv:2,k1 | identity] tanh]",
    "2x5x6 residual[conv:4,k3,p1 | conv:4,k1] relu",
    "2x5x6 concat[identity | conv:3,k1 concat[sigmoid | tanh]] conv:2,k1",
    "2x5x6 concat:axis=1[identity | conv:2,k1]",
    "4x5 concat[identity | dense:5 | conv:3,k1]",
    "3 concat[dense:2 | identity]",
    "4x5x6 multiply[conv:1,k1 sigmoid]",
    "3x5x6 aux[globalavgpool flatten dense:2] conv:4,k3",
    "4x5 prelu:4 softmax",
    "2x3x4 prelu conv:2,k1 prelu prelu:1 softmax",
    "5 prelu log_softmax",
    "2x3x4 conv:5,k1 log_softmax",
    "5 relu identity relu6 leaky_relu:0.3 elu:0.7 selu gelu silu mish",
    "5 sigmoid tanh hardsigmoid hardswish hardtanh softplus softsign log_sigmoid",
)
#: What Keras itself has no argument for: the witness counts, rounds and pads as torch does.
AS_TORCH = re.compile("ceil=yes|count_include_pad|maxpool.*p[0-9]")
#: Parameters of nets with their auxiliary heads.
WITH_HEADS = {"googlenet": 13_004_888, "googlenet-2014": 13_378_280, "inception_v3": 27_161_264}


def test_just_these_layers_have_no_spelling() -> None:
    written = {*SPELLINGS, *MERGES, *BLOCKS, "aux"}
    assert set(LAYERS) - written == NOT_YET
    assert not written - set(LAYERS)


def test_every_spelling_is_run() -> None:
    words = {word for net in NETS for word in re.findall(r"[a-z_]+[a-z_0-9]*", net)}
    assert {*SPELLINGS, *MERGES, *BLOCKS, "aux"} <= words


def test_every_class_is_run() -> None:
    sources = [export(net, to="keras").value for net in NETS]
    assert {name for name in CLASSES if any(f"class {name}(" in s for s in sources)} == {*CLASSES}


@pytest.mark.parametrize("name", GOLDEN)
def test_this_source_is_written_so(name: str) -> None:
    kept = (DATA / GOLDEN[name]).read_text(encoding="utf-8")
    assert export(name, to="keras").value == kept


@pytest.mark.parametrize("net", [*NETS, *names()])
def test_source_is_python_of_short_lines(net: str) -> None:
    source = export(INPUTS.get(net, ""), net, to="keras").value
    assert max(map(len, source.splitlines())) <= 100
    functions = [each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef)]
    assert functions[-1].name == "build_model"


@pytest.mark.parametrize(
    ("net", "rule"),
    [
        ("2x5x6 stochasticpool:2", "stochasticpool:2: it has no spelling"),
        ("4x6 lstm:3,biases=2", "one bias"),
        ("4x6 gru:3,biases=1,reset_after=yes", "two bias vectors"),
        ("4x6 lstm:3,proj=2", "no proj in keras"),
        ("4x6 attention:2,qkv_bias=no", "in every part"),
        ("4x6 encoder:2,qkv_bias=no", "in every part"),
        ("2x5x6 residual[conv:2,k3,p1 moe:2[dense:6]]", "moe"),
        ("4 embedding:9,3 dense:9,tied=embedding1", "neither can have a bias"),
        ("6 embedding:9,3 dense:3 dense:3,tied=dense2", "dense2"),
        ("4x5x6 convtranspose:6,k3,g2", "no groups"),
        ("4x5x6 convtranspose:6,k3,p1", "padding in numbers in keras"),
        ("2x3x4 bn:track=no", "track=yes"),
        ("2x3x4 instancenorm:track=yes", "track=no"),
        ("4x6 rmsnorm:affine=no", "affine=yes"),
        ("2x3x4 upsample:size=5x7", "whole number"),
        ("2x3 upsample:2,linear=yes", "of images alone"),
        ("2x9 maxpool:2,s1,d3", "no dilation in keras"),
        ("28 conv:3,k3", "channels"),
        ("3xHxW conv:3,k3", "letters"),
        ("3x8x8 conv:C,k3", "letter"),
    ],
)
def test_what_keras_does_otherwise_is_refused(net: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        export(net, to="keras")


def test_the_rules_of_torch_are_refused() -> None:
    with pytest.raises(InputError, match="--to keras is by the rules of keras"):
        export("lenet5", to="keras", like="torch")
    assert export("lenet5", to="keras", like="keras").value == export("lenet5", to="keras").value


# The live witness.


def built(source: str, **given: Any) -> Any:
    """The exported model. Only what this very test has written is run."""
    space: dict[str, Any] = {}
    exec(compile(source, "exported", "exec"), space)
    return space["build_model"](**given)


@pytest.mark.parametrize("name", names())
def test_built_in_nets_have_the_same_shape_and_parameters_in_keras(name: str) -> None:
    keras = pytest.importorskip("keras")
    exported = export(INPUTS.get(name, ""), name, to="keras")
    with keras.device("meta"):  # Nothing is allocated, however large.
        model = built(exported.value)
    document = exported.document()
    assert in_our_order(model.output_shape[1:], document["output"]) is not None
    assert counted(model.trainable_weights) == document["parameters"]
    assert unnamed(model, params(INPUTS.get(name, ""), name).document()["layers"]) == set()


@pytest.mark.parametrize("name", WITH_HEADS)
def test_heads_are_further_outputs(name: str) -> None:
    keras = pytest.importorskip("keras")
    with keras.device("meta"):
        model = built(export(name, to="keras").value, heads=True)
    assert counted(model.trainable_weights) == WITH_HEADS[name]
    assert {tuple(output) for output in model.output_shape} == {(None, 1000)}


#: Inputs that are less work than the usual ones, for nets that take them.
SMALLER = {
    "bert-base": "8",
    "gpt2": "8",
    "unet": "1x188x188",
    **{
        name: "3x64x64"
        for name in names()
        if name.startswith(("resnet", "densenet", "mobilenet", "vgg")) or name == "googlenet"
    },
}


@pytest.mark.parametrize("name", [name for name in names() if name != "llama-7b"])
def test_built_in_nets_train_a_step_in_keras(name: str) -> None:
    """All but those above 200 million parameters, which stay on the meta device."""
    keras = pytest.importorskip("keras")
    exported = export(SMALLER.get(name, INPUTS.get(name, "")), name, to="keras")
    keras.utils.set_random_seed(3)
    model = built(exported.value)
    assert model.count_params() <= 200_000_000
    draw = np.random.default_rng(3)
    sizes = (2, *model.input_shape[1:])
    words = model.inputs[0].dtype == "int32"
    x = draw.integers(0, 99, sizes) if words else draw.normal(size=sizes).astype("float32")
    y = draw.normal(size=(2, *model.output_shape[1:])).astype("float32")
    before = [np.array(weight) for weight in model.trainable_weights]
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mean_squared_error")
    assert np.isfinite(model.train_on_batch(x, y))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        new = np.array(weight)
        assert np.isfinite(new).all() and (new != old).any(), weight.path


def unnamed(model: Any, layers: Any) -> set[str]:
    """The layers that hold numbers and are not called as dlcalc calls their tensors."""
    tensors = [name.replace(".", "_") for name in tensors_of(layers)]
    held = {re.sub(r"_l\d+$", "", each.name) for each in model.layers if each.weights}
    return {name for name in held if not any(each.startswith(f"{name}_") for each in tensors)}


def tensors_of(layers: Any) -> list[str]:
    """The tensors of ``params``, those in branches too."""
    found: list[str] = []
    for layer in layers:
        found += [*layer["tensors"], *layer["buffers"]]
        for branch in layer.get("branches", []):
            found += tensors_of(branch)
    return found


def counted(weights: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def in_our_order(sizes: Any, ours: Any) -> bool | None:
    """Whether sizes have the channels last; None if they are not ours at all."""
    if list(sizes) == list(ours):
        return False
    return True if [sizes[-1], *sizes[:-1]] == list(ours) else None


@pytest.mark.parametrize("net", NETS)
def test_outputs_are_those_of_the_engine(net: str) -> None:
    same_as_engine(net, export(net, to="keras").value)


def same_as_engine(net: str, source: str) -> None:
    """With the same numbers in the tensors, by two routes that share no code."""
    pytest.importorskip("keras")
    from oracles.keras_arrays import of_type

    exported = export(net, to="keras")
    draw = np.random.default_rng(7)
    shape = (2, *exported.source.input)
    words = net.partition(" ")[2].startswith("embedding")
    data = draw.integers(0, 9, shape) if words else draw.normal(size=shape)
    like = "torch" if AS_TORCH.search(net) else "keras"
    tensors = forward(data, net, batch=True, like=like).extra.tensors
    given = {
        name: draw.normal(size=np.shape(a))
        for name, a in tensors.items()
        if not re.search("running|num_batches|ids|rbf", name)
    }
    ours = np.asarray(forward(data, net, batch=True, set=given, like=like).value)
    given |= {name: np.asarray(a) for name, a in tensors.items() if "rbf" in name}
    with of_type("float64"):
        model = built(source, **({"heads": True} if "aux" in net else {}))
        fill(model, given)
        last = in_our_order(model.input_shape[1:], exported.source.input)
        theirs = model.predict(np.moveaxis(data, 1, -1) if last else data, verbose=0)
        theirs = np.asarray(theirs[0] if "aux" in net else theirs)
    back = in_our_order(theirs.shape[1:], ours.shape[1:])
    assert back is not None
    theirs = np.moveaxis(theirs, -1, 1) if back else theirs
    # A norm of an odd power has no value where the powers sum to less than 0.
    assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-8, equal_nan=True)


@pytest.mark.parametrize(
    ("net", "right", "wrong"),
    [
        ("2x9x8 maxpool:3,s2,p1", '"-inf"', '"0"'),
        ("2x3x4 conv:3,k1 flatten dense:2", "Permute((3, 1, 2)", "Permute((1, 2, 3)"),
        ("2x4x10 avgpool:3,s2,p1,ceil=yes", "((1, 1), (1, 1)), name", "((0, 0), (0, 0)), name"),
        ("4x6 decoder:2", ", use_causal_mask=True", ""),
        ("6x4x5 gn:3,eps=0.1", "epsilon=0.1", "epsilon=0.2"),
    ],
)
def test_other_source_would_be_noticed(net: str, right: str, wrong: str) -> None:
    source = export(net, to="keras").value
    assert right in source
    with pytest.raises((AssertionError, ValueError)):
        same_as_engine(net, source.replace(right, wrong))


def fill(model: Any, given: dict[str, Any]) -> None:
    """Put numbers under dlcalc's names into a model; every weight is filled."""
    from oracles.keras_arrays import weights_of

    ours = {name.replace(".", "_"): np.asarray(a) for name, a in given.items()}
    for layer in model.layers:
        found = re.fullmatch(r"(.*)_l(\d+)", layer.name)
        name, number = (found[1], int(found[2])) if found else (layer.name, 0)
        if type(layer).__name__ in CLASSES or hasattr(layer, "depthwise_constraint"):
            for weight in layer.weights:
                weight.assign(own_layout(layer, weight, name, ours))
            continue
        for weight, places in weights_of(layer, number):
            if "seed" in weight.path or "moving" in weight.path:
                continue
            values = np.zeros(int(np.prod(weight.shape)))
            for own, indices in places.items():
                tensor = ours.pop(f"{name}_{own.replace('.', '_')}")
                if own == "weight" and weight.path.endswith("alpha") and tensor.ndim > 1:
                    last = in_our_order(weight.shape, tensor.shape)
                    tensor = np.moveaxis(tensor, 0, -1) if last else tensor
                values[indices] = tensor.reshape(indices.shape)
            weight.assign(values.reshape(weight.shape))
    assert not ours


def own_layout(layer: Any, weight: Any, name: str, ours: dict[str, Any]) -> Any:
    """A tensor as a layer of the source, or one for each channel, holds it."""
    kind, own = type(layer).__name__, weight.path.rpartition("/")[2]
    if kind == "Experts":
        if own == "router":
            return ours.pop(f"{name.removesuffix('_ff')}_router_weight").T
        part, _, is_bias = own.partition("_")
        tensor = ours.pop(f"{name}_{part}_{'bias' if is_bias else 'weight'}")
        return tensor if is_bias else tensor.swapaxes(1, 2)
    tensor = ours.pop(f"{name}_{'bias' if own == 'bias' else 'weight'}")
    if kind == "LocallyConnected":
        if own == "bias":
            return np.moveaxis(tensor, 0, -1)
        rank = len(layer.sides)
        # (*positions, out, in, *kernel) to positions, then kernel and in, then out.
        order = (*range(rank), *range(rank + 2, 2 * rank + 2), rank + 1, rank)
        return tensor.transpose(order).reshape(weight.shape)
    if "depthwise" in kind.lower() and own == "kernel":
        *window, inputs, each = weight.shape
        return np.moveaxis(tensor.reshape(inputs, each, *window), (0, 1), (-2, -1))
    return tensor
