"""Classes of PyTorch source for layers that torch has no module for, by their names.

Each stands once in the head of a source, however many layers are made of it. Its
tensors have the names and the sizes of dlcalc's: only where experts are many are
dlcalc's stacked, and a list of modules here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dlcalc.interop.write.torch.cells import CELLS

#: Those on positions are for a number of spatial axes, as in Subsample2d.
_SPATIAL = {
    "Subsample": '''\
class Subsample{rank}d(nn.Module):
    """The sum of each window times a trained coefficient, plus a trained bias, by channel."""

    def __init__(self, channels: int, kernel: tuple[int, ...]) -> None:
        super().__init__()
        self.kernel = kernel
        # It begins as the mean of its window.
        self.weight = nn.Parameter(torch.full((channels,), 1 / math.prod(kernel)))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        sums = F.avg_pool{rank}d(x, self.kernel) * math.prod(self.kernel)
        return sums * self.weight.view(-1{ones}) + self.bias.view(-1{ones})
''',
    "LocallyConnected": '''\
class LocallyConnected{rank}d(nn.Module):
    """A convolution with weights of its own at every position."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        positions: tuple[int, ...],
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        bound = (inputs * math.prod(kernel)) ** -0.5
        weight = torch.empty(*positions, outputs, inputs, *kernel)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias: nn.Parameter | None = None
        if bias:
            drawn = torch.empty(outputs, *positions).uniform_(-bound, bound)
            self.bias = nn.Parameter(drawn)

    def forward(self, x: Tensor) -> Tensor:
        # batch, channels, positions, kernel
        for axis, (size, step) in enumerate(zip(self.kernel, self.stride, strict=True), 2):
            x = x.unfold(axis, size, step)
        y = torch.einsum("{einsum}", x, self.weight)
        return y if self.bias is None else y + self.bias
''',
    "UnevenAvgPool": '''\
class UnevenAvgPool{rank}d(nn.Module):
    """The mean of each window without padding, which may differ at both ends.

    ``ends`` are the amounts as F.pad takes them, the last axis first.
    """

    def __init__(
        self,
        kernel: {sides},
        stride: {sides},
        ends: tuple[int, ...],
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.pool = nn.AvgPool{rank}d(kernel, stride, ceil_mode=ceil_mode)
        self.ends = ends

    def forward(self, x: Tensor) -> Tensor:
        # The mean of ones is the share of a window that is no padding.
        shares: Tensor = self.pool(F.pad(torch.ones_like(x), self.ends))
        means: Tensor = self.pool(F.pad(x, self.ends))
        return means / shares
''',
    "StochasticPool": '''\
class StochasticPool{rank}d(nn.Module):
    """One value of each window, drawn with a probability proportional to it.

    Out of training it is the mean of the window by these probabilities. ``ends`` is how
    far the last window hangs over, the last axis first.
    """

    def __init__(
        self, kernel: tuple[int, ...], stride: tuple[int, ...], ends: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.ends = kernel, stride, ends

    def forward(self, x: Tensor) -> Tensor:
        if (x < 0).any():
            raise ValueError("probabilities are not below 0: put relu before it")
        x = F.pad(x, self.ends)
        for axis, (size, step) in enumerate(zip(self.kernel, self.stride, strict=True), 2):
            x = x.unfold(axis, size, step)
        x = x.flatten(-{rank})
        total = x.sum(-1, keepdim=True)
        shares = x / torch.where(total > 0, total, 1)
        if not self.training:
            return (x * shares).sum(-1)
        # A window of zeros gives 0, whichever of them is drawn.
        drawn = torch.multinomial((shares + (total == 0)).flatten(0, -2), 1)
        return (x.gather(-1, drawn.view_as(total)) * (total > 0)).squeeze(-1)
''',
}
_EINSUMS = {
    "1": "bcli,loci->bol",
    "2": "bchwij,hwocij->bohw",
    "3": "bcdhwijk,dhwocijk->bodhw",
}
#: A class comes behind those that it uses.
_CLASSES = {
    "RadialBasis": '''\
class RadialBasis(nn.Module):
    """Squared distances of the features to fixed prototypes of -1 and 1.

    The prototypes are drawn by lot: put bitmaps of the characters here.
    """

    weight: Tensor

    def __init__(self, features: int, prototypes: int) -> None:
        super().__init__()
        drawn = torch.randint(2, (prototypes, features)) * 2.0 - 1.0
        self.register_buffer("weight", drawn)

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(1) - self.weight).square().sum(-1)
''',
    "Attention": '''\
class Attention(nn.Module):
    """Attention with heads of any size, of which several may share keys and values.

    The keys and values are those of a ``memory`` where there is one.
    """

    def __init__(
        self,
        features: int,
        heads: int,
        kv: int | None = None,
        dim: int | None = None,
        memory: int | None = None,
        causal: bool = False,
        bias: bool = True,
        qkv_bias: bool | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.kv, self.causal = heads, kv or heads, causal
        dim = dim or features // heads
        seen = memory or features
        biased = bias if qkv_bias is None else qkv_bias
        self.query = nn.Linear(features, heads * dim, bias=biased)
        self.key = nn.Linear(seen, self.kv * dim, bias=biased)
        self.value = nn.Linear(seen, self.kv * dim, bias=biased)
        self.output = nn.Linear(heads * dim, features, bias=bias)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        seen = x if memory is None else memory
        # batch, heads, steps, size of a head
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key = self.key(seen).unflatten(-1, (self.kv, -1)).transpose(1, 2)
        value = self.value(seen).unflatten(-1, (self.kv, -1)).transpose(1, 2)
        shared = self.heads // self.kv
        if shared > 1:
            key = key.repeat_interleave(shared, dim=1)
            value = value.repeat_interleave(shared, dim=1)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        y: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return y
''',
    "Perceptron": '''\
class Perceptron(nn.Module):
    """Two matrices with GELU between."""

    def __init__(self, features: int, width: int, bias: bool = True) -> None:
        super().__init__()
        self.up = nn.Linear(features, width, bias=bias)
        self.down = nn.Linear(width, features, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(F.gelu(self.up(x)))
        return y
''',
    "GatedPerceptron": '''\
class GatedPerceptron(nn.Module):
    """SwiGLU: the widened values times SiLU of a gate."""

    def __init__(self, features: int, width: int, bias: bool = True) -> None:
        super().__init__()
        self.up = nn.Linear(features, width, bias=bias)
        self.down = nn.Linear(width, features, bias=bias)
        self.gate = nn.Linear(features, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return y
''',
    "MixtureOfExperts": '''\
class MixtureOfExperts(nn.Module):
    """A router sends each token through the experts of its greatest scores.

    Their outputs are summed by the softmax of these scores.
    """

    def __init__(
        self, features: int, outputs: int, experts: list[nn.Module], active: int
    ) -> None:
        super().__init__()
        self.outputs, self.active = outputs, active
        self.router = nn.Linear(features, len(experts), bias=False)
        self.experts = nn.ModuleList(experts)

    def forward(self, x: Tensor) -> Tensor:
        # Each token as an example of its own: a sequence of one step, or features alone.
        tokens = x.reshape(-1, *[1] * (x.dim() - 2), x.size(-1))
        # Of equal scores the first expert's counts as greater.
        scores, chosen = self.router(x).flatten(0, -2).sort(descending=True, stable=True)
        chosen = chosen[:, : self.active]
        shares = F.softmax(scores[:, : self.active], dim=-1)
        y = shares.new_zeros(len(tokens), self.outputs)
        for number, expert in enumerate(self.experts):
            rows, place = torch.where(chosen == number)
            part = expert(tokens[rows]).flatten(1) * shares[rows, place].unsqueeze(-1)
            y = y.index_add(0, rows, part.to(y.dtype))
        return y.view(*x.shape[:-1], self.outputs)
''',
    "Block": '''\
class Block(nn.Module):
    """A transformer block: attention and a perceptron, each behind a norm, beside a skip."""

    def __init__(
        self, attention: nn.Module, ff: nn.Module, norm1: nn.Module, norm2: nn.Module
    ) -> None:
        super().__init__()
        self.attention, self.ff = attention, ff
        self.norm1, self.norm2 = norm1, norm2

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        x = x + self.ff(self.norm2(x))
        return x
''',
    "MemoryBlock": '''\
class MemoryBlock(nn.Module):
    """A decoder block that also looks at an encoder's output, its ``memory``."""

    def __init__(
        self,
        attention: nn.Module,
        cross: nn.Module,
        ff: nn.Module,
        norm1: nn.Module,
        norm2: nn.Module,
        norm3: nn.Module,
    ) -> None:
        super().__init__()
        self.attention, self.cross, self.ff = attention, cross, ff
        self.norm1, self.norm2, self.norm3 = norm1, norm2, norm3

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        x = x + self.cross(self.norm2(x), memory)
        x = x + self.ff(self.norm3(x))
        return x
''',
}


def _ranked(name: str, rank: str) -> str:
    text = _SPATIAL[name].replace("{rank}", rank).replace("{ones}", ", 1" * int(rank))
    sides = f"tuple[{', '.join(['int'] * int(rank))}]"
    return text.replace("{einsum}", _EINSUMS[rank]).replace("{sides}", sides)


#: The source of each class, those that others use first.
CLASSES: dict[str, str] = {
    **{f"{name}{rank}d": _ranked(name, rank) for name in _SPATIAL for rank in _EINSUMS},
    **_CLASSES,
    **CELLS,
}


def classes_in(lines: Iterable[str]) -> list[str]:
    """The lines of the classes that some lines of source call, each once.

    >>> classes_in(["self.rbf1 = RadialBasis(84, 10)"])[0]
    'class RadialBasis(nn.Module):'
    """
    called = set(re.findall(r"\b[A-Z]\w+(?=\()", "\n".join(lines)))
    found = set[str]()
    for name in reversed(CLASSES):
        if name in called:
            found.add(name)
            # The bases of a class.
            called |= set(re.findall(r"\b[A-Z]\w+(?=\):)", CLASSES[name]))
    texts = [CLASSES[name].splitlines() for name in CLASSES if name in found]
    return [line for text in texts for line in (*text, "", "")]
