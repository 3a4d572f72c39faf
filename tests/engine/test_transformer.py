"""Transformer blocks: gradients by complex steps, the algebra's numbers, PyTorch's layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, differences, error, gradients
from engine.torch_blocks import assert_blocks_are_torch

from dlcalc.answers.network import load_line
from dlcalc.engine.operation import find
from dlcalc.engine.operations.blocks import in_blocks
from dlcalc.layers.convention import CONVENTIONS

NETS = [
    "4x4 encoder:2,ff=5",
    "3x4 encoder:2",
    "4x4 encoder:2,ff=3,bias=no",
    "3x4 encoder:1,ff=3,dim=3,qkv_bias=no",
    "4x4 decoder:2,ff=3",
    "4x4 decoder:2,kv=1,ff=3,gated=yes,rms=yes,bias=no",
    "4x4 encoder:2,ff=3,gated=yes",
    "4x4 encoder:2,ff=3,rms=yes",
    "4x4 decoder:2,ff=3 encoder:2,ff=3",
    # A router's choice does not move by so little.
    "4x4 encoder:2,ff=3,experts=3",
    "4x4 decoder:2,ff=3,experts=4,active=3,gated=yes,rms=yes,bias=no",
    "3x4 encoder:2,ff=3,experts=5,active=1",
    "3x4 encoder:2,ff=3,experts=2",
    "3x4 decoder:2,ff=3,memory=5",
    "4x4 decoder:2,ff=3,memory=2x5,kv=1,gated=yes,rms=yes,bias=no",
    "3x4 decoder:2,ff=3,memory=1,experts=3",
]


@pytest.mark.parametrize("line", NETS)
def test_gradients_are_those_of_complex_steps(line: str) -> None:
    _, by_parameters, by_input = gradients(compiled(line, batch=2))
    exact = complex_steps(line, batch=2)
    assert error(by_parameters, exact[0]) < 1e-12
    assert error(by_input, exact[1]) < 1e-12


@pytest.mark.parametrize("like", ["torch", "keras", "tf", "onnx"])
@pytest.mark.parametrize("line", [line for line in NETS if line.count("coder") == 1])
def test_the_algebra_says_the_same(line: str, like: str) -> None:
    start, net = load_line(line)
    layer, convention = net[0].layer, CONVENTIONS[like]  # type: ignore[union-attr]
    program = compiled(line, like=like)
    output = layer.output_shape(start, convention)
    assert program.output.data.shape == (program.batch, *output.sizes)
    claimed = layer.parameters(start, convention)
    assert {name: t.value.shape for name, t in program.tensors.items()} == {
        f"{layer.words[0]}1.{name}": sizes for name, sizes in claimed.items()
    }
    parts = layer.parts(start, output)
    expected = {
        "weights": layer.macs(start, output),
        "attention": parts["attention"] + parts.get("masked", 0),
        "gates": parts.get("gates", 0),
    }
    assert program.multiplications == {k: program.batch * n for k, n in expected.items() if n}


def test_without_attention_and_perceptron_the_input_passes() -> None:
    for line in ("4x4 encoder:2", "4x4 decoder:2,gated=yes,rms=yes,experts=3"):
        program = compiled(line)
        for name in ("attention.output", "ff.down"):
            for tensor, one in program.tensors.items():
                if name in tensor:
                    one.value[...] = 0
        assert np.array_equal(program.forward(), program.input.data)


def test_experts_by_a_plain_loop() -> None:
    program = compiled("6x4 encoder:2,ff=3,experts=4,active=2,gated=yes", batch=2)
    t = {name.removeprefix("encoder1."): one.value for name, one in program.tensors.items()}
    t["attention.output.weight"][...] = 0
    t["attention.output.bias"][...] = 0
    program.forward()
    for x, found in zip(
        program.input.data.reshape(-1, 4), program.output.data.reshape(-1, 4), strict=True
    ):
        n = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * t["norm2.weight"] + t["norm2.bias"]
        scores = t["router.weight"] @ n
        best = sorted(range(4), key=lambda e: -scores[e])[:2]
        shares = np.exp(scores[best]) / np.exp(scores[best]).sum()
        y = x.copy()
        for share, e in zip(shares, best, strict=True):
            gate = t["ff.gate.weight"][e] @ n + t["ff.gate.bias"][e]
            up = t["ff.up.weight"][e] @ n + t["ff.up.bias"][e]
            hidden = gate / (1 + np.exp(-gate)) * up
            y += share * (t["ff.down.weight"][e] @ hidden + t["ff.down.bias"][e])
        assert error(found, y) < 1e-13


def test_an_expert_that_no_step_chooses_has_no_gradient() -> None:
    program = compiled("3x4 encoder:2,ff=3,experts=3,active=1")
    program.tensors["encoder1.router.weight"].value[...] = 0  # Of equal scores the first.
    program.gradient[...] = 9
    gradients(program)
    gradient = program.tensors["encoder1.ff.up.weight"].gradient
    assert gradient[0].all()
    assert not gradient[1:].any()


def test_other_numbers_leave_no_trace() -> None:
    line = "5x4 encoder:2,ff=3,experts=4,active=2"
    used, fresh = compiled(line), compiled(line)
    gradients(used)
    for program in (used, fresh):
        program.input.data[...] = np.random.default_rng(8).normal(size=program.input.data.shape)
    for one, other in zip(gradients(used), gradients(fresh), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("size", [1, 8_192, 8_193, 20_000])
def test_blocks_reach_the_end(size: int) -> None:
    x, y = np.arange(float(size)), np.zeros(size)
    in_blocks(np.negative, x, y)
    assert np.array_equal(y, -x)


def test_no_step_of_a_decoder_sees_those_behind_it() -> None:
    program = compiled("6x4 decoder:2,experts=3")
    before = program.forward().copy()
    program.input.data[:, 4:] += 1
    assert np.array_equal(program.forward()[:, :4], before[:, :4])


def test_smooth_but_for_the_router() -> None:
    for line, smooth in (("3x4 encoder:2", True), ("3x4 decoder:2,experts=3", False)):
        layer = load_line(line)[1][0].layer  # type: ignore[union-attr]
        assert find(type(layer)).smooth(layer) is smooth


def test_every_step_sees_all_of_the_memory_which_has_a_gradient() -> None:
    program = compiled("3x4 decoder:2,memory=5x2", batch=2)
    memory = program.memories["decoder1"]
    assert [data.shape for data, _ in program.inputs] == [(2, 3, 4), (2, 5, 2)]
    memory.data[...] = np.random.default_rng(3).normal(size=memory.data.shape)
    before = program.forward().copy()
    cotangent, _, _ = gradients(program)
    found = memory.cotangent.copy()
    memory.data[:, 4] += 1
    assert not np.isclose(program.forward(), before).any()
    memory.data[:, 4] -= 1
    assert error(found, differences(program, memory.data, cotangent)) < 1e-8


def test_no_cotangent_of_a_memory_where_none_of_the_input_is_asked_for() -> None:
    given = compiled("3x4 decoder:2,memory=5")
    spared = compiled("3x4 decoder:2,memory=5", input_cotangent=False)
    for program in (given, spared):
        program.memories["decoder1"].data[...] = 0.5
        program.forward()
        program.output.cotangent[...] = 1
        program.backward()
    assert spared.memories["decoder1"].cotangent is None
    assert np.array_equal(given.gradient, spared.gradient)


@pytest.mark.parametrize("line", ["5x4 encoder:2", "5x4 decoder:2,gated=yes,rms=yes,experts=3"])
def test_types_stay_what_they_are_and_a_second_run_is_the_first(line: str) -> None:
    program = compiled(line, dtype=np.float32)
    first = gradients(program)
    for one, other in zip(first, gradients(program), strict=True):
        assert np.array_equal(one, other)
    assert first[1].dtype == np.float32 == program.output.data.dtype
    assert error(first[1], gradients(compiled(line))[1]) < 1e-4


def test_forward_alone_needs_no_backward() -> None:
    program = compiled("5x4 encoder:2,experts=3", backwards=False)
    assert error(program.forward(), compiled("5x4 encoder:2,experts=3").forward()) == 0


@pytest.mark.parametrize("word", ["encoder", "decoder"])
@pytest.mark.parametrize("bias", ["yes", "no"])
def test_torch_encoder_layer(word: str, bias: str) -> None:
    torch = pytest.importorskip("torch")
    program = compiled(f"6x8 {word}:2,ff=10,bias={bias}")
    layer = torch.nn.TransformerEncoderLayer(
        8, 2, 10, 0.0, "gelu", bias=bias == "yes", batch_first=True, norm_first=True
    ).double()
    plain = {"attention.output": "self_attn.out_proj", "ff.up": "linear1", "ff.down": "linear2"}

    def theirs(x: Any, given: dict[str, Any]) -> Any:
        packed = {}
        for key in ("weight", "bias") if bias == "yes" else ("weight",):
            three = [given[f"attention.{name}.{key}"] for name in ("query", "key", "value")]
            packed[f"self_attn.in_proj_{key}"] = torch.cat(three)
            for ours, torchs in (plain | {"norm1": "norm1", "norm2": "norm2"}).items():
                packed[f"{torchs}.{key}"] = given[f"{ours}.{key}"]
        mask = torch.ones(6, 6, dtype=torch.bool).triu(1) if word == "decoder" else None
        return torch.func.functional_call(layer, packed, (x, mask))

    assert_blocks_are_torch(program, theirs)


@pytest.mark.parametrize("bias", ["yes", "no"])
@pytest.mark.parametrize("features", [8, 5])
def test_torch_decoder_layer(features: int, bias: str) -> None:
    torch = pytest.importorskip("torch")
    program = compiled(f"6x8 decoder:2,ff=10,memory=4x{features},bias={bias}")
    memory = program.memories["decoder1"]
    memory.data[...] = np.random.default_rng(5).normal(size=memory.data.shape)
    seen = torch.tensor(memory.data, requires_grad=True)
    settings: Any = {"bias": bias == "yes", "batch_first": True}
    layer = torch.nn.TransformerDecoderLayer(
        8, 2, 10, 0.0, "gelu", norm_first=True, **settings
    ).double()
    if features != 8:
        layer.multihead_attn = torch.nn.MultiheadAttention(
            8, 2, kdim=features, vdim=features, dtype=torch.float64, **settings
        )
    names = {"attention": "self_attn", "cross": "multihead_attn"}
    plain = {"ff.up": "linear1", "ff.down": "linear2"} | {f"norm{n}": f"norm{n}" for n in (1, 2, 3)}

    def theirs(x: Any, given: dict[str, Any]) -> Any:
        packed = {}
        for ours, torchs in names.items():
            for key in ("weight", "bias") if bias == "yes" else ("weight",):
                three = [given[f"{ours}.{name}.{key}"] for name in ("query", "key", "value")]
                packed[f"{torchs}.out_proj.{key}"] = given[f"{ours}.output.{key}"]
                if ours == "cross" and key == "weight" and features != 8:
                    for letter, one in zip("qkv", three, strict=True):
                        packed[f"{torchs}.{letter}_proj_weight"] = one
                else:
                    packed[f"{torchs}.in_proj_{key}"] = torch.cat(three)
        for ours, torchs in plain.items():
            for key in ("weight", "bias") if bias == "yes" else ("weight",):
                packed[f"{torchs}.{key}"] = given[f"{ours}.{key}"]
        mask = torch.ones(6, 6, dtype=torch.bool).triu(1)
        return torch.func.functional_call(layer, packed, (x, seen, mask))

    assert_blocks_are_torch(program, theirs)
    assert error(memory.cotangent, seen.grad.numpy()) < 1e-12


def test_torch_block_of_llama() -> None:
    torch = pytest.importorskip("torch")
    program = compiled("5x8 decoder:4,kv=2,ff=6,gated=yes,rms=yes,bias=no")
    functional = torch.nn.functional

    def theirs(x: Any, given: dict[str, Any]) -> Any:
        n = functional.rms_norm(x, (8,), given["norm1.weight"], 1e-5)
        q, k, v = (
            (n @ given[f"attention.{name}.weight"].T).unflatten(-1, (-1, 2)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        attend = functional.scaled_dot_product_attention
        mixed = attend(q, k, v, is_causal=True, enable_gqa=True).transpose(1, 2).flatten(2)
        h = x + mixed @ given["attention.output.weight"].T
        n = functional.rms_norm(h, (8,), given["norm2.weight"], 1e-5)
        wide = functional.silu(n @ given["ff.gate.weight"].T) * (n @ given["ff.up.weight"].T)
        return h + wide @ given["ff.down.weight"].T

    assert_blocks_are_torch(program, theirs)
