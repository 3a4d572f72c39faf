"""How attention, transformer blocks and recurrent layers are spelt in PyTorch.

By the module of torch where it computes the same, else by a class of the source's own
(`write_torch_classes`), whose tensors have dlcalc's names.
"""

from __future__ import annotations

from typing import Any

from dlcalc.interop.write.torch.spelling import Speller, Spelling, made, module
from dlcalc.layers.attention import Heads
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import quotient

_MASK = "nn.Transformer.generate_square_subsequent_mask({x}.size(1), device={x}.device)"
#: The epsilon of every norm inside a block.
_EPSILON = 1e-5


def attention(layer: Any, shape: Shape, output: Shape) -> Spelling:
    """Attention as torch has it, or with heads of other sizes."""
    heads = layer.attention(shape)
    if not _usual(heads):
        return Spelling(_attention(heads))
    mask = f"attn_mask={_MASK}, is_causal=True, " if heads.causal else ""
    built = module(
        "MultiheadAttention",
        heads.features,
        heads.heads,
        bias=(heads.bias, True),
        batch_first=(True, False),
    )
    return Spelling(built, f"self.{{name}}({{x}}, {{x}}, {{x}}, {mask}need_weights=False)[0]")


def block(layer: Any, shape: Shape, output: Shape) -> Spelling:
    """A block with its norms first, as dlcalc computes it."""
    heads = layer.attention(shape)
    others = (layer.gated, layer.rms, layer.experts, getattr(layer, "memory", None))
    if any(others) or not _usual(heads):
        return _own_block(layer, shape)
    built = module(
        "TransformerEncoderLayer",
        heads.features,
        heads.heads,
        dim_feedforward=(_width(layer, heads.features), None),
        dropout=(0.0, None),
        activation=("gelu", None),
        batch_first=(True, False),
        norm_first=(True, False),
        bias=(heads.bias, True),
    )
    if not heads.causal:
        return Spelling(built)
    return Spelling(built, f"self.{{name}}({{x}}, src_mask={_MASK}, is_causal=True)")


def _usual(heads: Heads) -> bool:
    """Whether torch has it: keys for every head, of features/heads, biases in all or no part."""
    whole = heads.heads * heads.dim == heads.features
    return heads.kv == heads.heads and whole and heads.qkv_bias == heads.bias


def _attention(heads: Heads, memory: bool = False) -> str:
    return made(
        "Attention",
        heads.features,
        heads.heads,
        kv=(heads.kv, heads.heads),
        dim=(heads.dim, quotient(heads.features, heads.heads)),
        memory=(heads.memory if memory else heads.features, heads.features),
        causal=(heads.causal, False),
        bias=(heads.bias, True),
        qkv_bias=(heads.qkv_bias, heads.bias),
    )


def _own_block(layer: Any, shape: Shape) -> Spelling:
    """A block of the source's own, put together from its parts."""
    heads = layer.attentions(shape)
    parts = [_attention(each, memory=name == "cross") for name, each in heads.items()]
    parts.append(_perceptron(layer, shape.sizes[1]))
    parts += [_norm(layer, shape.sizes[1])] * len(parts)
    if "cross" not in heads:
        return Spelling(f"Block({', '.join(parts)})")
    memory = Shape((heads["cross"].length, heads["cross"].memory))
    return Spelling(f"MemoryBlock({', '.join(parts)})", "self.{name}({x}, {memory})", memory)


def _perceptron(layer: Any, features: Any) -> str:
    name = "GatedPerceptron" if layer.gated else "Perceptron"
    one = made(name, features, _width(layer, features), bias=(layer.bias, True))
    if layer.experts is None:
        return one
    many = f"[{one} for _ in range({layer.experts})]"
    return f"MixtureOfExperts({features}, {features}, {many}, active={layer.at_work})"


def _norm(layer: Any, features: Any) -> str:
    if layer.rms:
        return f"nn.RMSNorm({features}, eps={_EPSILON!r})"
    return module("LayerNorm", features, bias=(layer.bias, True))


def _width(layer: Any, features: Any) -> Any:
    return 4 * features if layer.ff is None else layer.ff


def recurrent(cls: str) -> Speller:
    """A recurrent layer by torch's class of it, or by one of the source's own."""

    def spelled(layer: Any, shape: Shape, output: Shape) -> Spelling:
        own, biases = _own_cell(layer), layer.biases or 2
        shared: dict[str, tuple[object, object]] = {
            "bidirectional": (layer.bidirectional, False),
            "dropout": (layer.dropout, 0.0),
        }
        proj = getattr(layer, "proj", None)
        if own:
            counted = {"biases": (biases if layer.bias else 0, 1), "proj": (proj, None)}
            stacked = {"layers": (layer.layers, 1)}
            return Spelling(made(own, shape.sizes[1], layer.out, **stacked, **counted, **shared))
        built = module(
            cls,
            shape.sizes[1],
            layer.out,
            num_layers=(layer.layers, 1),
            bias=(layer.bias, True),
            batch_first=(True, False),
            **shared,
            proj_size=(proj or 0, 0),
        )
        return Spelling(built, "self.{name}({x})[0]")

    return spelled


def _own_cell(layer: Any) -> str:
    """The class of the source's own for a recurrent layer that torch has not; may be empty."""
    word = layer.words[0]
    if word == "rnn" and layer.act != "tanh":
        return "SigmoidRNN"
    if word == "gru":
        # With one vector for each gate it resets before the product, unless it is said.
        before = layer.reset_after is False or layer.biases == 1
        return "ResetBeforeGRU" if before else ""
    return f"OneBias{word.upper()}" if layer.biases == 1 else ""
