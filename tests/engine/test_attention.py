"""Attention: values by hand, gradients by complex steps, the algebra's numbers, PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, error, gradients
from engine.torch_blocks import assert_blocks_are_torch

from dlcalc.answers.network import load_line
from dlcalc.engine.program import Program
from dlcalc.errors import LayerError
from dlcalc.layers.convention import CONVENTIONS

NETS = [
    "5x6 attention:3",
    "5x6 attention:1",
    "1x4 attention:2",
    "5x6 attention:3,causal=yes",
    "5x6 attention:4,dim=2",
    "4x5 attention:2,dim=3,bias=no",
    "4x6 attention:3,qkv_bias=no",
    "4x6 attention:3,bias=no,qkv_bias=yes,causal=yes",
    "4x8 attention:4,kv=2",
    "4x8 attention:4,kv=1,causal=yes",
    "4x6 attention:6,kv=3,dim=2",
]


@pytest.mark.parametrize("line", NETS)
def test_gradients_are_those_of_complex_steps(line: str) -> None:
    _, by_parameters, by_input = gradients(compiled(line))
    exact = complex_steps(line)
    assert error(by_parameters, exact[0]) < 1e-12
    assert error(by_input, exact[1]) < 1e-12


@pytest.mark.parametrize("like", ["torch", "keras", "tf", "onnx"])
@pytest.mark.parametrize("line", NETS)
def test_the_algebra_says_the_same(line: str, like: str) -> None:
    start, net = load_line(line)
    layer, convention = net[0].layer, CONVENTIONS[like]  # type: ignore[union-attr]
    program = compiled(line, like=like)
    output = layer.output_shape(start, convention)
    assert program.output.data.shape == (program.batch, *output.sizes)
    tensors = {name: t.value.shape for name, t in program.tensors.items()}
    claimed = layer.parameters(start, convention)
    assert tensors == {f"attention1.{name}": sizes for name, sizes in claimed.items()}
    parts = layer.parts(start, output)
    scored = parts["attention"] + parts.get("masked", 0)
    assert program.multiplications == {
        "weights": program.batch * layer.macs(start, output),
        "attention": program.batch * scored,
    }


def test_values_by_hand() -> None:
    program = compiled("2x1 attention:1,bias=no", batch=1)
    program.parameters[...] = [1, 1, 1, 2]  # Query, key, value, output.
    program.input.data[...] = [[[1], [3]]]
    # The scores of step 1 are 1 and 3, of step 2 are 3 and 9.
    shares = [1 / (1 + np.exp(2)), 1 / (1 + np.exp(6))]
    expected = [2 * (share * 1 + (1 - share) * 3) for share in shares]
    assert np.allclose(program.forward().ravel(), expected, rtol=1e-15)
    causal = compiled("2x1 attention:1,bias=no,causal=yes", batch=1)
    causal.parameters[...] = [1, 1, 1, 2]
    causal.input.data[...] = [[[1], [3]]]
    assert np.allclose(causal.forward().ravel(), [2, expected[1]], rtol=1e-15)


def test_no_step_sees_those_behind_it() -> None:
    program = compiled("6x4 attention:2,causal=yes")
    before = program.forward().copy()
    program.input.data[:, 4:] += 1
    after = program.forward()
    assert np.array_equal(after[:, :4], before[:, :4])
    assert not np.isclose(after[:, 4:], before[:, 4:]).any()


def test_neighbouring_heads_share_keys_and_values() -> None:
    shared, full = compiled("4x8 attention:4,kv=2"), compiled("4x8 attention:4")
    for name, tensor in full.tensors.items():
        given = shared.tensors[name].value
        if "key" in name or "value" in name:
            given = given.reshape(2, 2, *given.shape[1:]).repeat(2, 0)
        tensor.value[...] = given.reshape(tensor.value.shape)
    full.input.data[...] = shared.input.data
    assert error(shared.forward(), full.forward()) < 1e-14


@pytest.mark.parametrize("causal", ["no", "yes"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_scores_do_not_overflow(causal: str, dtype: type) -> None:
    program = compiled(f"5x4 attention:2,causal={causal}", dtype=dtype)
    program.input.data[...] *= 1e4
    with np.errstate(all="raise", under="ignore"):
        program.forward()
    assert np.isfinite(program.output.data).all()


def test_types_stay_what_they_are_and_a_second_run_is_the_first() -> None:
    program = compiled("5x6 attention:2,kv=1,causal=yes", dtype=np.float32)
    first = gradients(program)
    again = gradients(program)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one, other)
    assert first[1].dtype == np.float32 == program.output.data.dtype
    double = compiled("5x6 attention:2,kv=1,causal=yes")
    assert error(first[1], gradients(double)[1]) < 1e-5


def test_scores_beyond_one_block() -> None:
    program = compiled("150x4 attention:2", batch=2)
    alone = compiled("150x4 attention:2", batch=1)
    alone.parameters[...] = program.parameters
    program.forward()
    for example in range(2):
        alone.input.data[0] = program.input.data[example]
        assert error(program.output.data[example], alone.forward()[0]) < 1e-13


def test_heads_that_do_not_fit_are_refused() -> None:
    for line, says in (
        ("5x6 attention:4", "heads=4 does not divide the 6 features"),
        ("6 attention:2", "attention reads TIMExFEATURES"),
    ):
        start, net = load_line(line)
        with pytest.raises(LayerError, match=says):
            Program(net, start.sizes)


@pytest.mark.parametrize("bias", ["yes", "no"])
@pytest.mark.parametrize("causal", ["yes", "no"])
def test_torch_multihead_attention(bias: str, causal: str) -> None:
    torch = pytest.importorskip("torch")
    program = compiled(f"7x12 attention:3,causal={causal},bias={bias}")
    layer = torch.nn.MultiheadAttention(
        12, 3, bias=bias == "yes", batch_first=True, dtype=torch.float64
    )

    def theirs(x: Any, given: dict[str, Any]) -> Any:
        packed = {
            "in_proj_weight": torch.cat([given[f"{n}.weight"] for n in ("query", "key", "value")]),
            "out_proj.weight": given["output.weight"],
        }
        if bias == "yes":
            biases = [given[f"{n}.bias"] for n in ("query", "key", "value")]
            packed |= {"in_proj_bias": torch.cat(biases), "out_proj.bias": given["output.bias"]}
        mask = torch.ones(7, 7, dtype=torch.bool).triu(1) if causal == "yes" else None
        settings = {"need_weights": False, "attn_mask": mask}
        return torch.func.functional_call(layer, packed, (x, x, x), settings)[0]

    assert_blocks_are_torch(program, theirs)


@pytest.mark.parametrize("kv", [1, 2, 4])
def test_torch_grouped_attention(kv: int) -> None:
    torch = pytest.importorskip("torch")
    program = compiled(f"5x6 attention:4,kv={kv},dim=3,bias=no,causal=yes")

    def theirs(x: Any, given: dict[str, Any]) -> Any:
        q, k, v = (
            (x @ given[f"{name}.weight"].T).unflatten(-1, (heads, 3)).transpose(1, 2)
            for name, heads in (("query", 4), ("key", kv), ("value", kv))
        )
        attend = torch.nn.functional.scaled_dot_product_attention
        mixed = attend(q, k, v, is_causal=True, enable_gqa=True)
        return mixed.transpose(1, 2).flatten(2) @ given["output.weight"].T

    assert_blocks_are_torch(program, theirs)
