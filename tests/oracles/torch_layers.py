"""PyTorch as the witness of shapes and parameters, one random layer after the other.

A draw is a line of the notation ("3x17x9 conv:6,k3x5,s2,p1") together with the
very same layers as torch modules. The modules are built from the drawn numbers
and never from the parsed line, so a misreading of the notation shows as well.
They run on the CPU and on real tensors: the meta device accepts layers that the
CPU then rejects. Any exception of torch, at construction or forward, is a
rejection.

Torch is asked what dlcalc means, which needs these definitions:

* Tensors always have a batch. A window layer of torch takes a tensor with one
  axis less for an example without a batch, and so do recurrent layers and
  attention; that reading counts as a rejection, because dlcalc's shapes never
  hold the batch. Nor may ``ln`` or ``rmsnorm`` reach back to the batch.
* ``pad2d`` takes CxHxW. ``ZeroPad2d`` pads the last two axes of anything; where
  the rank is another one, that counts as a rejection. ``crop`` is padding below
  zero, or what ``narrow`` keeps around the centre, and takes the same ranks.
* ``globalavgpool2d`` takes CxHxW as well. ``AdaptiveAvgPool2d`` with output 1
  is a mean over the last two axes that looks at no others. So do
  ``pixelshuffle``, ``pixelunshuffle`` and ``upsample2d``.
* ``residual`` adds equal shapes. Where torch would broadcast, that counts as a
  rejection. ``multiply`` does stretch sizes of 1, but not the number of axes.
* ``select`` names each channel once.
* ``embedding`` reads numbers of words, of which shapes need the first alone.
  ``position`` and ``segment`` add rows of an ``nn.Embedding``, ``token`` is an
  ``nn.Parameter`` before the sequence; as ``first`` and ``last``, they take two
  axes alone.
* Blocks have their norms first and GELU, as dlcalc's engine says. ``decoder``
  without a memory is a ``TransformerEncoderLayer`` with a causal mask. Where the
  memory has features of its own, the second attention is made anew with ``kdim``
  and ``vdim``. ``ff`` is 4*features if it is not given.
* ``aux`` runs its head and leaves its parameters out of the sum.
* ``tied`` takes a weight, or its transpose, that has the sizes of the layer's own.
* An output without a single value counts as a rejection. Torch itself is of two
  minds: a transposed convolution of this size is refused by its own kernels
  ("Output size is too small") and taken by oneDNN, and which of them runs
  depends on the batch and on the sizes.

Never drawn, as dlcalc says there what torch has no word for: padding=valid and
padding of different ends on pooling and on the transposed convolution, both of
``output`` and ``output_padding``, norms below 0, ``biases=1`` and
``reset_after=no``, ``kv``, ``dim`` and ``qkv_bias`` but as torch has them,
gated perceptrons, norms by the root mean square and experts within a block; an
INPUT that is one side without channels before a window or lrn, and sizes below 1.

    python tests/oracles/torch_layers.py --record     writes tests/data/torch_layers.jsonl
"""

from __future__ import annotations

import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from oracles.drawing import Rejected, Sizes, rejecting
from oracles.record import Row, distinct, main, write
from oracles.torch_nets import Nets
from oracles.torch_parts import Draw, Part
from torch import Tensor, nn

RECORD_SEED = 20_260
RECORD_DRAWS = 4_700
REJECTIONS = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    AssertionError,
    ZeroDivisionError,
)


class Answer(NamedTuple):
    """What torch says to a line: the row to compare, and why it rejected it.

    A row has ``output``, ``parameters``, ``buffers`` and ``tensors``.
    """

    row: Row
    reason: str


def answer(draw: Draw) -> Answer:
    """Run a draw on the CPU, in eval mode and without gradients."""
    run = Run()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            output = run.through(draw.parts, torch.zeros(draw.batch, *draw.sizes))
        except Rejected as error:
            return Answer({"line": draw.line, "output": None}, str(error))
    row: Row = {
        "line": draw.line,
        "output": list(output.shape[1:]),
        "parameters": run.counts["parameters"],
        "buffers": run.counts["buffers"],
        "tensors": {name: list(tensor.shape) for name, tensor in run.tensors.items()},
    }
    return Answer(row, "")


class Run:
    """Layers at work: their tensors by dlcalc's names, and how many numbers these hold."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.counts = Counter[str]()

    def through(
        self,
        parts: tuple[Part, ...],
        x: Tensor,
        prefix: str = "",
        ordinals: Counter[str] | None = None,
    ) -> Tensor:
        """Layers one after the other. Tensors are named by kind and ordinal within brackets."""
        ordinals = Counter() if ordinals is None else ordinals
        for part in parts:
            ordinals[part.kind] += 1
            name = f"{prefix}{part.kind}{ordinals[part.kind]}."
            x = self._branched(part, x, name) if part.branches else self._layer(part, x, name)
        return x

    def _branched(self, part: Part, x: Tensor, name: str) -> Tensor:
        ordinals, before = Counter[str](), self.counts["parameters"]
        outputs = [self.through(branch, x, name, ordinals) for branch in part.branches]
        assert part.merge is not None, part.text
        if part.kind == "aux":
            self.counts["parameters"] = before
        with rejecting(REJECTIONS):
            return part.merge(outputs if len(outputs) > 1 else [*outputs, x])

    def _layer(self, part: Part, x: Tensor, name: str) -> Tensor:
        """Every exception that torch raises is a rejection, of whatever type it is."""
        assert part.build is not None, part.text
        with rejecting(REJECTIONS):
            module = part.build(tuple(x.shape[1:])).eval()
            if part.tied:
                _tie(module, self.tensors.get(f"{part.tied}.weight"))
            self.prepare(module, part, name)
            output = part.call(module, x)
        if not output.numel():
            raise Rejected("by definition: no value comes out")
        for kind, found in (
            ("parameters", module.named_parameters()),
            ("buffers", module.named_buffers()),
        ):
            for key, tensor in found:
                self.tensors |= {name + own: values for own, values in part.names(key, tensor)}
                self.counts[kind] += tensor.numel()
        return output

    def prepare(self, module: nn.Module, part: Part, name: str) -> None:
        """What is to be done with a module before it runs; nothing here."""


def _tie(module: nn.Module, other: Tensor | None) -> None:
    """Give a layer another's weight, or its transpose."""
    needed = module.weight.shape
    if other is None or needed not in (other.shape, other.shape[::-1]):
        raise Rejected("by definition: no weight of these sizes to share")
    del module.weight
    # As an attribute, and no parameter of its own.
    object.__setattr__(module, "weight", other if other.shape == needed else other.T)


def draws(count: int, seed: int) -> Iterator[Draw]:
    """That many draws; the same for the same seed."""
    drawer = _Drawer(random.Random(seed))
    for _ in range(count):
        yield drawer.draw()


class _Drawer(Nets):
    """Draws layers, many of them right where a rule begins to refuse."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        weights: tuple[tuple[Callable[[], tuple[Sizes, Part | list[Part]]], int], ...] = (
            (self.conv, 26),
            (self.convtranspose, 22),
            (self.maxpool, 18),
            (self.avgpool, 16),
            (self.lppool, 8),
            (self.adaptive, 5),
            (self.globalpool, 3),
            (self.dense, 3),
            (self.bn, 6),
            (self.instancenorm, 5),
            (self.gn, 5),
            (self.ln, 6),
            (self.dropout, 4),
            (self.flatten, 2),
            (self.pad, 4),
            (self.crop, 7),
            (self.upsample, 5),
            (self.shuffle, 6),
            (self.reshape, 6),
            (self.permute, 5),
            (self.select, 4),
            (self.activation, 7),
            (self.prelu, 4),
            (self.lrn, 2),
            (self.embedding, 2),
            (self.position, 3),
            (self.segment, 2),
            (self.token, 2),
            (self.step, 2),
            (self.recurrent, 10),
            (self.attention, 8),
            (self.block, 10),
            (self.chain, 8),
            (self.sequence_chain, 8),
            (self.tied, 5),
            (self.residual, 10),
            (self.concat, 11),
            (self.multiply, 7),
            (self.aux, 3),
        )
        self.kinds = [kind for kind, weight in weights for _ in range(weight)]

    def draw(self) -> Draw:
        """One line of any kind."""
        sizes, drawn = self.rng.choice(self.kinds)()
        parts = (drawn,) if isinstance(drawn, Part) else tuple(drawn)
        # Statistics over one example of one value are refused for their values, not their shape.
        normalised = any(kind in ("bn", "gn") for part in parts for kind in part.kinds())
        return Draw(sizes, parts, 2 if normalised else self.rng.choice((1, 2)))


def record_rows() -> list[Row]:
    """The rows of the recorded table, each line once."""
    return distinct(answer(draw).row for draw in draws(RECORD_DRAWS, RECORD_SEED))


def record() -> None:
    """Write the recorded table."""
    torch.set_num_threads(1)
    write("torch", record_rows(), f"torch {torch.__version__}")


if __name__ == "__main__":
    main("torch", record)
