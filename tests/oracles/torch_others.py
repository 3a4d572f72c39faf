"""Layers that torch has no module for, written from their definitions in its operations.

Locally connected layers, LeNet-5's, stochastic pooling while evaluating, attention with
shared keys, the blocks of LLaMA and of Mixtral, mixtures of experts, and recurrent layers
as textbooks write them: one bias for each gate, the reset gate before the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from oracles.drawing import Sizes
from oracles.torch_parts import Draw, Part
from torch import Tensor, nn
from torch.nn import functional

#: Tensors by name, and what an input becomes with them.
Tensors = dict[str, Tensor]
Formula = Callable[[Tensor, Tensors], Tensor]


class _Formula(nn.Module):
    """A function of an input and of trained tensors, named as dlcalc names them."""

    def __init__(self, formula: Formula, sizes: dict[str, Sizes]) -> None:
        super().__init__()
        self.formula, self.named = formula, dict.fromkeys(sizes)
        for name, shape in sizes.items():
            self.register_parameter(name.replace(".", "/"), nn.Parameter(torch.zeros(*shape)))

    def forward(self, x: Tensor) -> Tensor:
        tensors = {name: getattr(self, name.replace(".", "/")) for name in self.named}
        return self.formula(x, tensors)


class _Rbf(nn.Module):
    """Squared distances to what is kept."""

    def __init__(self, out: int, inputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(out, inputs))

    def forward(self, x: Tensor) -> Tensor:
        return ((x[:, None] - self.weight) ** 2).sum(-1)


def _names(key: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield key.replace("/", "."), tensor


def _other(sizes: Sizes, text: str, formula: Formula, tensors: dict[str, Sizes]) -> Draw:
    part = Part(
        text.partition(":")[0], text, lambda _: _Formula(formula, tensors), (), names=_names
    )
    return Draw(sizes, (part,), 2)


# Windows.


def _windows(x: Tensor, kernel: Sizes, stride: Sizes) -> Tensor:
    """(batch, channels, *positions, *kernel)."""
    for axis, (k, s) in enumerate(zip(kernel, stride, strict=True)):
        x = x.unfold(axis + 2, k, s)
    return x


def _local(kernel: Sizes, stride: Sizes, pad: int = 0) -> Formula:
    marks = "xyz"[: len(kernel)], "uvw"[: len(kernel)]
    term = "bc{0}{1},{0}oc{1}->bo{0}".format(*marks)

    def local(x: Tensor, t: Tensors) -> Tensor:
        x = functional.pad(x, (pad, pad) * len(kernel))
        y = torch.einsum(term, _windows(x, kernel, stride), t["weight"])
        return y + t["bias"] if "bias" in t else y

    return local


def _subsample(kernel: Sizes) -> Formula:
    def subsample(x: Tensor, t: Tensors) -> Tensor:
        windows = _windows(x, kernel, kernel)
        sums = windows.sum(tuple(range(-len(kernel), 0)))
        ones = (1,) * len(kernel)
        return sums * t["weight"].view(-1, *ones) + t["bias"].view(-1, *ones)

    return subsample


def _expected(kernel: Sizes) -> Formula:
    """The mean by the probabilities with which stochastic pooling would draw, of x^2 >= 0."""

    def pool(x: Tensor, t: Tensors) -> Tensor:
        axes = tuple(range(-len(kernel), 0))
        windows = _windows(functional.softplus(x), kernel, kernel)
        return (windows * windows / windows.sum(axes, keepdim=True)).sum(axes)

    return pool


# Attention and blocks.


def _attended(x: Tensor, t: Tensors, prefix: str, dim: int, causal: bool) -> Tensor:
    """Heads of a size; neighbouring ones share keys and values where there are fewer."""
    q, k, v = (
        functional.linear(x, t[f"{prefix}{n}.weight"], t.get(f"{prefix}{n}.bias"))
        .unflatten(-1, (-1, dim))
        .transpose(1, 2)
        for n in ("query", "key", "value")
    )
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.transpose(-1, -2) / dim**0.5
    if causal:
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(hidden, -torch.inf)
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return functional.linear(mixed, t[f"{prefix}output.weight"], t.get(f"{prefix}output.bias"))


def _attention(dim: int, causal: bool) -> Formula:
    return lambda x, t: _attended(x, t, "", dim, causal)


def _gated(x: Tensor, t: Tensors, expert: Any = ...) -> Tensor:
    up, gate, down = (t[f"ff.{name}.weight"][expert] for name in ("up", "gate", "down"))
    return (functional.silu(x @ gate.T) * (x @ up.T)) @ down.T


def _chosen(
    x: Tensor, router: Tensor, active: int, expert: Callable[[int, Tensor], Tensor]
) -> Tensor:
    """Each row through the experts of its largest scores, by their softmax."""
    rows = x.flatten(0, -2)
    made = []
    for row in rows:
        best = (router @ row).topk(active)
        shares = best.values.softmax(0)
        made.append(sum(s * expert(int(e), row) for s, e in zip(shares, best.indices, strict=True)))
    return torch.stack(made).unflatten(0, x.shape[:-1])


def _llama(dim: int, active: int) -> Formula:
    """The block of LLaMA, or with experts that of Mixtral."""

    def block(x: Tensor, t: Tensors) -> Tensor:
        features = (x.shape[-1],)
        n = functional.rms_norm(x, features, t["norm1.weight"], 1e-5)
        h = x + _attended(n, t, "attention.", dim, True)
        n = functional.rms_norm(h, features, t["norm2.weight"], 1e-5)
        if not active:
            return h + _gated(n, t)
        return h + _chosen(n, t["router.weight"], active, lambda e, row: _gated(row, t, e))

    return block


def _block_sizes(experts: int, active: int) -> tuple[str, dict[str, Sizes]]:
    """Features of 4, 2 heads with one pair of keys and values, width 3."""
    sizes: dict[str, Sizes] = {f"norm{n}.weight": (4,) for n in (1, 2)}
    sizes |= {f"attention.{n}.weight": (4, 4) for n in ("query", "output")}
    sizes |= {f"attention.{n}.weight": (2, 4) for n in ("key", "value")}
    stack = (experts,) if experts else ()
    sizes |= {f"ff.{n}.weight": (*stack, 3, 4) for n in ("up", "gate")}
    sizes["ff.down.weight"] = (*stack, 4, 3)
    text = "decoder:2,kv=1,ff=3,gated=yes,rms=yes,bias=no"
    if experts:
        sizes["router.weight"] = (experts, 4)
        text += f",experts={experts},active={active}"
    return text, sizes


def _moe(active: int) -> Formula:
    def expert(t: Tensors, e: int, row: Tensor) -> Tensor:
        hidden = torch.tanh(t["dense1.weight"][e] @ row + t["dense1.bias"][e])
        return t["dense2.weight"][e] @ hidden

    return lambda x, t: _chosen(x, t["router.weight"], active, lambda e, row: expert(t, e, row))


# Recurrent layers of textbooks.

Cell = Callable[[Tensor, Tensor, Tensors, str], Tensor]


def _gates(x: Tensor, h: Tensor, t: Tensors, end: str) -> tuple[list[Tensor], list[Tensor]]:
    """What the input and what the state add to each gate."""
    w, u = t[f"weight_ih_l{end}"], t[f"weight_hh_l{end}"]
    b = t.get(f"bias_l{end}", t.get(f"bias_ih_l{end}"))
    c = t.get(f"bias_hh_l{end}")
    count = len(w) // u.shape[1]
    return (
        list(functional.linear(x, w, b).chunk(count, -1)),
        list(functional.linear(h, u, c).chunk(count, -1)),
    )


def _rnn(x: Tensor, h: Tensor, t: Tensors, end: str) -> Tensor:
    (a,), (b,) = _gates(x, h, t, end)
    return torch.tanh(a + b)


def _lstm(x: Tensor, state: Tensor, t: Tensors, end: str) -> Tensor:
    """The state holds h and c side by side."""
    h, c = state.chunk(2, -1)
    own, kept = _gates(x, h, t, end)
    i, f, g, o = (a + b for a, b in zip(own, kept, strict=True))
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.cat([torch.sigmoid(o) * torch.tanh(c), c], -1)


def _gru(x: Tensor, h: Tensor, t: Tensors, end: str) -> Tensor:
    """The state times the reset gate, and then the product."""
    (a_r, a_z, a_n), (b_r, b_z, _) = _gates(x, h, t, end)
    r, z = torch.sigmoid(a_r + b_r), torch.sigmoid(a_z + b_z)
    u, c = t[f"weight_hh_l{end}"].chunk(3)[2], t.get(f"bias_hh_l{end}")
    n = torch.tanh(a_n + functional.linear(r * h, u, None if c is None else c.chunk(3)[2]))
    return (1 - z) * n + z * h


def _recurrent(cell: Cell, hidden: int, layers: int, ends: tuple[str, ...]) -> Formula:
    """Steps one after the other; the second of two ends reads them backwards."""
    state = 2 * hidden if cell is _lstm else hidden

    def run(x: Tensor, t: Tensors, end: str) -> Tensor:
        h, found = x.new_zeros(len(x), state), []
        for step in x.unbind(1):
            h = cell(step, h, t, end)
            found.append(h[:, :hidden])
        return torch.stack(found, 1)

    def stacked(x: Tensor, t: Tensors) -> Tensor:
        for layer in range(layers):
            sides = [run(x.flip(1) if end else x, t, f"{layer}{end}") for end in ends]
            sides[1:] = [side.flip(1) for side in sides[1:]]
            x = torch.cat(sides, -1)
        return x

    return stacked


def _textbook(word: str, cell: Cell, text: str, keys: tuple[str, ...], layers: int = 1) -> Draw:
    """Three steps of two features into two hidden ones."""
    ends = ("", "_reverse") if "bidirectional" in text else ("",)
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[word]
    sizes: dict[str, Sizes] = {}
    for layer in range(layers):
        inputs = 2 * len(ends) if layer else 2
        for end in ends:
            sizes[f"weight_ih_l{layer}{end}"] = (2 * gates, inputs)
            sizes[f"weight_hh_l{layer}{end}"] = (2 * gates, 2)
            sizes |= {f"{key}_l{layer}{end}": (2 * gates,) for key in keys}
    return _other((3, 2), f"{word}:2,{text}", _recurrent(cell, 2, layers, ends), sizes)


def _all() -> Iterator[Draw]:
    kernels: tuple[tuple[Sizes, Sizes, Sizes, Sizes, str], ...] = (
        ((2, 5), (2,), (1,), (4,), "local:2,k2"),
        ((2, 4, 3), (2, 2), (2, 1), (2, 2), "local:2,k2,s2x1"),
        ((1, 3, 3, 2), (2, 2, 2), (1, 1, 1), (2, 2, 1), "local:1,k2,bias=no"),
    )
    for sizes, kernel, stride, positions, text in kernels:
        out = int(text[6])
        tensors: dict[str, Sizes] = {"weight": (*positions, out, sizes[0], *kernel)}
        if "bias" not in text:
            tensors["bias"] = (out, *positions)
        yield _other(sizes, text, _local(kernel, stride), tensors)
    padded = {"weight": (3, 3, 1, 1, 2, 2), "bias": (1, 3, 3)}
    yield _other((1, 2, 2), "local:1,k2,p1", _local((2, 2), (1, 1), 1), padded)
    for sizes, kernel in (((2, 5), (2,)), ((3, 4, 6), (2, 2)), ((2, 4, 6), (2, 3))):
        text = f"subsample:{'x'.join(map(str, kernel))}"
        yield _other(sizes, text, _subsample(kernel), {"weight": sizes[:1], "bias": sizes[:1]})
    for sizes, kernel in (((2, 6), (2,)), ((2, 4, 6), (2, 3)), ((1, 4, 4, 2), (2, 2, 2))):
        text = f"softplus stochasticpool:{'x'.join(map(str, kernel))}"
        yield _other(sizes, text, _expected(kernel), {})
    for inputs in (1, 4, 6):
        yield Draw((inputs,), (Part("rbf", "rbf:3", lambda sizes: _Rbf(3, *sizes)),), 2)
    for kv, dim, causal in ((1, 3, "yes"), (2, 3, "no"), (4, 2, "yes")):
        text = f"attention:4,kv={kv},dim={dim},causal={causal}"
        q, k = 4 * dim, kv * dim
        shapes = {"query": (q, 3), "key": (k, 3), "value": (k, 3), "output": (3, q)}
        tensors = {f"{name}.weight": shape for name, shape in shapes.items()}
        tensors |= {f"{name}.bias": shape[:1] for name, shape in shapes.items()}
        yield _other((4, 3), text, _attention(dim, causal == "yes"), tensors)
    for experts, active in ((0, 0), (3, 2), (4, 1)):
        text, tensors = _block_sizes(experts, active)
        yield _other((3, 4), text, _llama(2, active), tensors)
    for sizes, experts, active in (((4,), 3, 2), ((3, 4), 3, 1), ((3, 4), 4, 3)):
        text = f"moe:{experts},active={active}[dense:3 tanh dense:2,bias=no]"
        tensors = {"router.weight": (experts, 4), "dense1.weight": (experts, 3, 4)}
        tensors |= {"dense1.bias": (experts, 3), "dense2.weight": (experts, 2, 3)}
        yield _other(sizes, text, _moe(active), tensors)
    one, two = ("bias",), ("bias_ih", "bias_hh")
    both = "bidirectional=yes"
    for word, cell in (("rnn", _rnn), ("lstm", _lstm), ("gru", _gru)):
        yield _textbook(word, cell, "biases=1", one)
        yield _textbook(word, cell, f"layers=2,{both},biases=1", one, 2)
    yield _textbook("gru", _gru, f"{both},biases=2,reset_after=no", two)
    yield _textbook("gru", _gru, "bias=no,reset_after=no", ())


#: What torch has no module for.
OTHERS = tuple(_all())
