"""Scalar formulas of layers against the engine: random nets, every layer, planted errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.answers.array_text import full
from dlcalc.answers.forward import forward
from dlcalc.answers.forward_layers import TOLERANCE, Laid
from dlcalc.answers.forward_result import ForwardResult
from dlcalc.errors import InputError, Source
from dlcalc.formulas.layers.worked import Worked, exponential, mean, power, quotient, weighted
from dlcalc.layers.convention import CONVENTIONS
from dlcalc.layers.index import LAYERS
from dlcalc.nets.parser import parse

IMAGES = [
    "conv:3,k3,p1",
    "conv:4,k2,s2,bias=no",
    "conv:4,k3,p=1+2x0",
    "conv:3,k3,d2,p2",
    "convtranspose:2,k3,s2,p1,op1",
    "convtranspose:3,k2,s2,bias=no",
    "convtranspose:2,k3,d2",
    "conv:4,k3,p=same",
    "local:2,k2",
    "maxpool:2",
    "maxpool:3,s2,p1,ceil=yes",
    "maxpool:2,s1,d2",
    "avgpool:2,s1",
    "avgpool:3,s2,p1,ceil=yes",
    "avgpool:3,s2,p1,count_include_pad=no",
    "lppool:2",
    "lppool:2,s3,ceil=yes",
    "adaptiveavgpool:2x3",
    "adaptivemaxpool:2",
    "globalavgpool",
    "globalmaxpool",
    "subsample:2",
    "bn",
    "bn:track=no",
    "instancenorm:affine=yes",
    "instancenorm:track=yes",
    "gn:1",
    "ln",
    "ln:2,bias=no",
    "rmsnorm:3",
    "lrn:3,alpha=0.5",
    "prelu",
    "pad:1+0",
    "crop:1",
    "select:1x0",
    "upsample:2",
    "upsample:size=5x7,linear=yes",
    "residual[conv:2,k3,p1 | conv:2,k1]",
    "concat[identity | conv:1,k1]",
    "concat:axis=1[maxpool:1 | avgpool:1]",
    "multiply[globalavgpool]",
    "dropout:0.5",
    "pixelunshuffle:2",
    "relu stochasticpool:2",
    "softmax",
    "log_softmax",
    "flatten dense:3",
    "reshape:-1x2 permute:1x0",
    "dense:2",
]
SEQUENCES = [
    "rnn:2,layers=2",
    "rnn:3,bidirectional=yes,bias=no",
    "lstm:2",
    "lstm:3,proj=2,layers=2,bidirectional=yes",
    "lstm:2,biases=1",
    "gru:2,layers=2,bidirectional=yes",
    "gru:3,reset_after=no",
    "gru:2,biases=1",
    "gru:2,bias=no",
    "position",
    "segment:2",
    "token:2",
    "attention:1",
    "attention:2,causal=yes,dim=3",
    "attention:2,kv=1,dim=2,bias=no",
    "ln",
    "rmsnorm",
    "dense:4",
    "first",
    "last",
]
CURVES = [name for name, entry in LAYERS.items() if entry.module == "activation"]


def randomised(
    data: Any, net: str, seed: int = 0, **options: Any
) -> tuple[ForwardResult, dict[str, Any]]:
    """The answer with every tensor drawn, statistics and starting states as well."""
    draw = np.random.default_rng(seed)
    first = forward(data, net, **options)
    tensors = {name: draw.normal(size=a.shape) for name, a in first.extra.tensors.items()}
    for name, array in tensors.items():
        if "running_var" in name or "scale_factor" in name:
            tensors[name] = array**2 + 0.5
        if name.endswith("ids"):
            tensors[name] = draw.integers(0, 2, array.shape)
    return forward(data, net, set=tensors, verify=True, **options), tensors


def agreed(result: ForwardResult) -> list[str]:
    """What was verified, everything being so."""
    assert not result.failure, result.failure
    assert not result.extra.left_out
    return [finding.sentence for finding in result.extra.findings]


@st.composite
def questions(draw: st.DrawFn) -> tuple[Any, str, dict[str, Any]]:
    """DATA, a net of up to three layers, and options."""
    sequence = draw(st.booleans())
    menu = (SEQUENCES if sequence else IMAGES) + CURVES
    layers = draw(st.lists(st.sampled_from(menu), min_size=1, max_size=3))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    sizes = (
        (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
        if sequence
        else (2, draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    )
    options: dict[str, Any] = {
        "like": draw(st.sampled_from(list(CONVENTIONS))),
        "training": draw(st.booleans()),
        "batch": draw(st.booleans()),
    }
    if not sequence and draw(st.booleans()):
        options["layout"] = "hwc"
        sizes = (*sizes[1:], sizes[0])
    data = random.normal(size=(2, *sizes) if options["batch"] else sizes)
    return data, " ".join(["x".join(map(str, sizes)), *layers]), options


@settings(deadline=None, max_examples=150)
@given(questions(), st.integers(0, 100))
def test_random_nets_do_what_their_formulas_say(
    question: tuple[Any, str, dict[str, Any]], seed: int
) -> None:
    data, net, options = question
    try:
        result, _ = randomised(data, net, seed, **options)
    except InputError:
        return  # What does not fit together is refused.
    if options["training"] and "dropout" in net:
        return
    agreed(result)


@pytest.mark.parametrize("net", IMAGES + CURVES)
@pytest.mark.parametrize("layout", ["chw", "hwc"])
def test_every_layer_on_images(net: str, layout: str) -> None:
    data = np.random.default_rng(1).normal(size=(6, 7, 2) if layout == "hwc" else (2, 6, 7))
    if net == "pixelunshuffle:2":
        data = data[:, :6] if layout == "hwc" else data[:, :, :6]
    if layout == "hwc" and net in ("select:1x0", "reshape:-1x2 permute:1x0"):
        pytest.skip("the axes are taken as they stand")
    sizes = "x".join(map(str, data.shape))
    assert agreed(randomised(data, f"{sizes} {net}", layout=layout)[0])


@pytest.mark.parametrize("net", SEQUENCES)
@pytest.mark.parametrize("like", ["torch", "keras", "onnx"])
def test_every_layer_on_sequences(net: str, like: str) -> None:
    if "proj" in net and like != "torch":
        pytest.skip("a projection is torch's alone")
    data = np.random.default_rng(1).normal(size=(2, 4, 3))
    assert agreed(randomised(data, f"4x3 {net}", like=like, batch=True)[0])


def test_words_and_volumes() -> None:
    assert agreed(randomised([1, 0, 3], "embedding:4,3 position:5 last")[0])
    data = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    for net in ("conv:2,k2,s2", "convtranspose:2,k2", "maxpool:2", "avgpool:2", "bn"):
        assert agreed(randomised(data, f"2x3x4x5 {net}")[0])


def test_the_table_has_a_formula_for_every_layer_but_blocks() -> None:
    from dlcalc.formulas.layers.table import find
    from dlcalc.layers.registry import layer_class

    without = {name for name in LAYERS if find(layer_class(name)) is None}
    assert without == {"encoder", "decoder", "moe"}


def test_what_has_no_formula_is_said() -> None:
    result = forward(np.ones((3, 4)), "encoder:2 last", verify=True)
    assert result.extra.left_out == ("encoder:2 (encoder1): no scalar formula",)


@pytest.mark.parametrize("net", ["dense:3 tanh", "flatten", "softmax"])
def test_an_output_that_is_not_its_formula_is_seen(
    net: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlcalc.engine.program import Program

    run = Program.forward

    def spoilt(self: Program) -> Any:
        found = run(self)
        self.output.data.flat[0] += 1e-7
        return found

    monkeypatch.setattr(Program, "forward", spoilt)
    result = forward("0.1,0.2,0.3,0.4,0.5,0.6,0.7", net, verify=True)
    assert "but" in result.failure
    assert "by its formula" in result.failure
    # The formulas that are shown are held against the numbers even if nobody asks.
    assert "by its formula" in forward("0.1,0.2", net).failure or net == "flatten"


@settings(deadline=None, max_examples=60)
@given(questions())
def test_shown_formulas_are_python(question: tuple[Any, str, dict[str, Any]]) -> None:
    """Each formula, evaluated as it stands in the answer, is the number behind it."""
    data, net, options = question
    try:
        result, tensors = randomised(data, net, **options)
    except InputError:
        return
    for item in result.items:
        if not isinstance(item, Laid) or item.rule is None:
            continue
        names: dict[str, Any] = {n: getattr(np, n) for n in ("exp", "log", "sqrt", "tanh")}
        names |= {"moveaxis": np.moveaxis, "erf": math.erf, "nan": math.nan, "inf": math.inf}
        own = {k.rpartition(".")[2]: a for k, a in tensors.items() if k.startswith(item.name + ".")}
        x = np.reshape(np.array(item.at.x.flat), item.at.x.sizes)
        names |= {**own, "x": x if options["batch"] else x[0]}
        worked = item.worked(0)
        assert worked is not None
        for one in (*[part for _, part in worked.parts], worked):
            for text in {
                one.text(full),
                one.template and one.template.format(*map(full, one.numbers)),
            }:
                if text:
                    with np.errstate(all="ignore"):
                        value = float(eval(text, {"max": max, "min": min, "abs": abs}, names))
                    assert one.agrees(value, TOLERANCE), (item.name, text, value, one.value)


def test_numbers_beyond_the_finite() -> None:
    assert exponential(1e4) == math.inf
    assert math.isnan(quotient(0.0, 0.0))
    assert quotient(-1.0, 0.0) == -math.inf
    assert math.isnan(power(-1.0, 0.5))
    assert power(0.0, -1.0) == power(10.0, 400.0) == math.inf
    assert weighted([], None).template == "0"
    assert mean([2.0], 1).template == "{}/1"


def test_agreement_is_of_the_size_of_what_was_added() -> None:
    assert Worked(1e-20, size=1.0).agrees(0.0, 1e-9)
    assert not Worked(1e-20, size=1e-20).agrees(2e-20, 1e-9)
    assert Worked(math.nan).agrees(math.nan, 1e-9)
    assert not Worked(math.nan).agrees(1.0, 1e-9)
    assert not Worked(math.inf, size=math.inf).agrees(1.0, 1e-9)


def test_parsing_of_the_menu() -> None:
    """The menu is of layers that exist: a line that was always refused would test nothing."""
    for net in IMAGES + SEQUENCES:
        assert parse(Source(net)).net


def test_a_slope_of_its_own_for_the_only_value() -> None:
    assert agreed(randomised([[-0.5]], "1x1 prelu", like="keras")[0])


def test_a_gate_that_is_all_but_closed_rounds_as_1_does() -> None:
    given = {"lstm1.weight_ih_l0": [0.3, 0, 0.5, -28], "lstm1.weight_hh_l0": 0}
    result = forward("1", "lstm:1,bias=no", set=given, verify=True)
    assert agreed(result)
    assert 0 < result.value[0] < 1e-12
