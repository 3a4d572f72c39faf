"""Recurrent layers, which carry a state along a sequence: plain, LSTM and GRU.

Tensors as in torch/nn/modules/rnn.py. The rows of a weight are those of all
gates, one below the other.
"""

from __future__ import annotations

from typing import ClassVar

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.base import Parts, Tensors
from dlcalc.layers.convention import Convention
from dlcalc.layers.sequence import SequenceLayer, numbers, time_and_features
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size

#: Layers on top of one another have tensors of their own, so they are few.
MAX_LAYERS = 1_000

_ARGUMENTS: tuple[Argument, ...] = (
    Argument("out", "size", "hidden features of each direction"),
    Argument("layers", "count", "layers on top of one another", default=1, positional=False),
    Argument("bidirectional", "flag", "read it backwards as well", default=False, positional=False),
    Argument("bias", "flag", "trained numbers added in each gate", default=True, positional=False),
    Argument(
        "biases",
        "count",
        "bias vectors of each gate, 1 or 2; the framework's if left out",
        default=None,
        positional=False,
    ),
    Argument(
        "dropout", "number", "share dropped between the layers", default=0.0, positional=False
    ),
)


class _Recurrent(SequenceLayer):
    """Cells in layers and directions, each with the same step at every position.

    The output has every step of the last layer, both directions side by side.
    """

    arguments = _ARGUMENTS
    #: Blocks of rows in a weight: the gates and the candidate.
    gates: ClassVar[int]
    #: Elementwise products, values of sigmoid and tanh, and values kept for the backward
    #: pass, each for one hidden feature at one step.
    products: ClassVar[int]
    curves: ClassVar[int]
    kept: ClassVar[int]

    out: Size
    layers: int
    bidirectional: bool
    bias: bool
    biases: int | None
    dropout: float

    def check(self) -> None:
        word = self.words[0]
        if self.layers > MAX_LAYERS:
            raise LayerError(
                f"{word} takes at most {MAX_LAYERS:,} layers, not {self.layers:,}",
                f"Such as {word}:{self.out},layers=2.",
            )
        if self.biases not in (None, 1, 2):
            raise LayerError(f"biases must be 1 or 2, not {self.biases}", "Write biases=1.")
        if self.biases and not self.bias:
            raise LayerError(
                f"bias=no and biases={self.biases} contradict each other", "Leave one of them out."
            )
        if not 0 <= self.dropout <= 1:
            raise LayerError(
                f"dropout must be from 0 to 1, not {self.dropout:g}", "Such as dropout=0.5."
            )

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        time, _ = time_and_features(shape, self.words[0])
        return shape.with_sizes((time, self.directions * self.state))

    def formula(self, shape: Shape, convention: Convention) -> str:
        if not self.bidirectional:
            return ""
        return f"2*{self.state} = {2 * self.state!s}"

    def note(self, shape: Shape, convention: Convention) -> str:
        if self.dropout and self.layers == 1:
            return "dropout acts between layers, and there is only one"
        return ""

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return self._tensors(shape, self.bias_vectors(convention) if self.bias else 0)

    def macs(self, shape: Shape, output: Shape) -> Size:
        return shape.sizes[0] * numbers(self._tensors(shape, 0))

    def parts(self, shape: Shape, output: Shape) -> Parts:
        """Gates, activations and biases; two bias vectors of a gate count as their one sum."""
        hidden = shape.sizes[0] * self.cells * self.out
        parts: Parts = {"activation": self.curves * hidden}
        if self.products:
            parts["gates"] = self.products * hidden
        if self.bias:
            parts["bias"] = self.gates * hidden
        return parts

    def activations(self, shape: Shape, output: Shape) -> Size:
        """What each cell keeps at each step, as its class says."""
        return shape.sizes[0] * self.cells * self.kept_each_step

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size | None:
        return shape.sizes[0] * numbers(self.parameters(shape, convention))

    @property
    def directions(self) -> int:
        """2 if it reads the sequence backwards as well, else 1."""
        return 2 if self.bidirectional else 1

    def depth(self) -> int:
        """How many layers it stands for: one cell each."""
        return self.cells

    @property
    def cells(self) -> int:
        """Cells at work on each step."""
        return self.layers * self.directions

    @property
    def state(self) -> Size:
        """Features that a cell gives on to its next step and to the next layer."""
        return self.out

    @property
    def kept_each_step(self) -> Size:
        """Values that one cell keeps at one step for the backward pass."""
        return self.kept * self.out

    def bias_vectors(self, convention: Convention) -> int:
        """Bias vectors of each gate, where there are any."""
        return self.biases or convention.recurrent_biases

    def cell(self, inputs: Size, biases: int) -> Tensors:
        """The tensors of one cell, by the first part of their names."""
        rows = self.gates * self.out
        tensors: Tensors = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.state)}
        if biases == 1:
            tensors["bias"] = (rows,)
        if biases == 2:
            tensors |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        return tensors

    def _tensors(self, shape: Shape, biases: int) -> Tensors:
        tensors: Tensors = {}
        inputs = shape.sizes[1]
        for layer in range(self.layers):
            for suffix in ("", "_reverse")[: self.directions]:
                cell = self.cell(inputs, biases)
                tensors |= {f"{name}_l{layer}{suffix}": sizes for name, sizes in cell.items()}
            inputs = self.directions * self.state
        return tensors


class Rnn(_Recurrent):
    """Plain recurrent layer: h = tanh(W x + U h + b).

    With act=sigmoid a sigmoid stands for tanh, as it did at first: Elman, "Finding
    Structure in Time", 1990. Kept for the backward pass is h: H values for each cell
    and step.
    """

    words = ("rnn",)
    arguments = (
        *_ARGUMENTS,
        Argument("act", "curve", "tanh or sigmoid", default="tanh", positional=False),
    )
    example = "20x50 rnn:128 last dense:2"

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        if convention.plain_recurrent_output:
            raise LayerError(
                f"the rnn of {convention.name} ends in an output layer of its own",
                "Its lstm does not.",
            )
        return super().output_shape(shape, convention)

    gates = 1
    products = 0
    curves = 1
    kept = 1

    act: str

    def note(self, shape: Shape, convention: Convention) -> str:
        if self.act not in convention.recurrent_curves:
            return f"{convention.name} has no rnn with act={self.act}"
        return super().note(shape, convention)


class Lstm(_Recurrent):
    """Long short-term memory: input, forget and output gates around a cell state.

    Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; the forget gate
    by Gers, Schmidhuber and Cummins, 2000; the projection by Sak, Senior and
    Beaufays, 2014. Kept for the backward pass are three gates and the
    candidate, the cell state, the hidden state (6H values for each cell and
    step) and the projected state if there is one (P more). tanh of the cell
    state is computed again.
    """

    words = ("lstm",)
    arguments = (
        *_ARGUMENTS,
        Argument("proj", "size", "project the state to so many", default=None, positional=False),
    )
    example = "20x128 lstm:128,layers=5"

    gates = 4
    products = 3
    curves = 5
    kept = 6

    proj: Size | None

    def check(self) -> None:
        super().check()
        if isinstance(self.proj, int) and isinstance(self.out, int) and self.proj >= self.out:
            raise LayerError(
                f"proj={self.proj} must be smaller than the {self.out} hidden features",
                "Make it smaller, or leave it out.",
            )

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        if self.proj is not None and not convention.projection:
            raise LayerError(
                f"lstm takes no proj in {convention.name}",
                f"Leave it out. dense:{self.proj} behind it gives the same output size, but does "
                "not shrink the state that the next step reads.",
            )
        return super().output_shape(shape, convention)

    @property
    def state(self) -> Size:
        """The projected features if there is a projection, else the hidden ones."""
        return self.out if self.proj is None else self.proj

    @property
    def kept_each_step(self) -> Size:
        """6H, and the projected state."""
        return super().kept_each_step + (0 if self.proj is None else self.proj)

    def cell(self, inputs: Size, biases: int) -> Tensors:
        """The tensors of one cell; the projection is the last."""
        tensors = super().cell(inputs, biases)
        if self.proj is not None:
            tensors["weight_hr"] = (self.proj, self.out)
        return tensors


class Gru(_Recurrent):
    """Gated recurrent unit: a reset gate and an update gate around the state.

    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder",
    2014. If the reset gate acts after the product with U, as in n = tanh(W x +
    b + r*(U h + c)), there are two bias vectors that cannot become one. Kept
    for the backward pass are both gates, the candidate n, the product U h that
    r multiplies (or r*h) and the state: 5H values for each cell and step.
    """

    words = ("gru",)
    arguments = (
        *_ARGUMENTS,
        Argument(
            "reset_after",
            "flag",
            "reset after the product with the state, or before",
            default=None,
            positional=False,
        ),
    )
    example = "20x50 gru:64,bidirectional=yes"

    gates = 3
    products = 3
    curves = 3
    kept = 5

    reset_after: bool | None

    def check(self) -> None:
        super().check()
        if self.reset_after and self.biases == 1:
            raise LayerError(
                "reset_after=yes needs two bias vectors for each gate, but biases=1",
                "Leave one of them out.",
            )

    def note(self, shape: Shape, convention: Convention) -> str:
        if self.reset_after is False and convention.gru_resets_after:
            return f"{convention.name} has no gru that resets before the product"
        return super().note(shape, convention)

    def bias_vectors(self, convention: Convention) -> int:
        """Two if it resets after the product; before, as every recurrent layer of the framework."""
        if self.biases is not None or self.reset_after is None:
            return self.biases or convention.gru_biases
        return 2 if self.reset_after else convention.recurrent_biases
