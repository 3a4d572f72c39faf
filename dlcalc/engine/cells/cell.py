"""What recurrent cells share, and back-propagation through time written out by hand.

Sequences lie time first, (time, batch, features). The products with the inputs
of all steps are one call before the loop, and those of the weights' gradients
one product after it; in the loop stay the products with the state. Gates are in
torch's order whatever the convention: i, f, g, o and r, z, n
(torch/nn/modules/rnn.py). On the way forward each gate of a step is a block of
its own, (time, gate, batch, hidden), for elementwise calls are several times
faster on contiguous blocks; on the way back the gates lie side by side, so that
all steps are the rows of one matrix.

A sigmoid is (1 + tanh(z/2))/2: the sums of sigmoids are halved in the working
copies of the weights, so that one tanh serves all gates of a step, then a scale
and an offset: a = s*tanh(s*z) + (1 - s), with s = 1/2 for a sigmoid and 1 for
tanh. Its slope by z is s^2 - (a - (1 - s))^2.

Werbos, "Backpropagation Through Time", 1990.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Site, Value


class States(NamedTuple):
    """The states of all steps between two rows where the two directions start, of zeros."""

    padded: Array  # (time + 2, batch, features)
    cotangent: Any  # (time, batch, features) or None

    @property
    def now(self) -> Array:
        """The state after each step."""
        return self.padded[1:-1]

    def before(self, reverse: bool) -> Array:
        """The state that each step reads."""
        return self.padded[2:] if reverse else self.padded[:-2]

    def start(self, reverse: bool) -> Array:
        """The state that the first step reads."""
        found: Array = self.padded[-1 if reverse else 0]
        return found

    def part(self, first: int, last: int) -> States:
        """Some of the features."""
        cotangent = None if self.cotangent is None else self.cotangent[..., first:last]
        return States(self.padded[..., first:last], cotangent)


def states(site: Site, time: int, features: int) -> States:
    padded = site.array(time + 2, site.batch, features)
    return States(padded, np.zeros_like(padded[1:-1]) if site.backwards else None)


class Cell:
    """One direction of one layer: its tensors, its arrays for all steps, the loops over them."""

    #: The scale s of each block of rows: 1/2 for a sigmoid, 1 for a tanh.
    scales: ClassVar[tuple[float, ...]]
    #: Elementwise products that the formulas have for each hidden feature and step.
    products: ClassVar[int]

    def __init__(
        self, site: Site, x: Value, y: States, suffix: str, reverse: bool, vectors: int
    ) -> None:
        self.site, self.x, self.y, self.reverse = site, x, y, reverse
        self.time, batch, inputs = x.data.shape
        self.hidden, self.state = int(site.layer.out), y.padded.shape[-1]
        blocks, hidden = len(self.scales), self.hidden
        self.weight_ih = site.parameter(f"weight_ih{suffix}", blocks * hidden, inputs)
        self.weight_hh = site.parameter(f"weight_hh{suffix}", blocks * hidden, self.state)
        names = {0: (), 1: ("bias",), 2: ("bias_ih", "bias_hh")}[vectors]
        self.biases = [site.parameter(f"{name}{suffix}", blocks * hidden) for name in names]
        self.before = y.before(reverse)
        site.start(f"h0{suffix}", y.start(reverse))
        self.wx, self.wh = (site.array(blocks, size, hidden) for size in (inputs, self.state))
        # Whole arrays instead of rows that stretch: the inner loops of NumPy are longer so.
        self.scale, self.bias, self.sums, self.part = (
            site.array(blocks, batch, hidden) for _ in range(4)
        )
        self.scale[...] = np.reshape(self.scales, (blocks, 1, 1))
        self.offset, self.squared = 1 - self.scale, self.scale * self.scale
        #: The sums of each gate, which become its values.
        self.gates = site.array(self.time, blocks, batch, hidden)
        #: The cotangents of the sums; ``blocked`` is the same memory gate by gate.
        self.slopes = site.array(self.time if site.backwards else 0, batch, blocks * hidden)
        self.blocked = self.split(self.slopes)
        self.carried = site.array(batch, self.state)
        self.prepare(suffix)

    def prepare(self, suffix: str) -> None:
        """Further tensors and arrays, and the views of each step."""
        raise NotImplementedError

    def run(self) -> None:
        """The loop over the steps."""
        raise NotImplementedError

    def run_back(self) -> None:
        """The loop back over the steps."""
        raise NotImplementedError

    def split(self, array: Array) -> Array:
        """A view of (time, batch, gates side by side) as (time, gate, batch, hidden)."""
        sizes = (*array.shape[:2], len(self.scales), self.hidden)
        return array.reshape(sizes).swapaxes(1, 2)

    def steps(self, *arrays: Array) -> list[tuple[Array, ...]]:
        """The views of each step, in the order in which the cell reads the sequence."""
        found = list(zip(*arrays, strict=True))
        return found[::-1] if self.reverse else found

    def append_forward(self) -> None:
        """Append the calls of the forward pass."""
        site, cells = self.site, self.time * self.site.batch * self.hidden
        site.then(self.load)
        site.matmul(self.x.data[:, None], self.wx, self.gates)
        if self.biases:
            site.then(np.add, self.gates, self.bias, self.gates)
        site.count(cells * len(self.scales) * self.state)
        if self.products:
            site.count(cells * self.products, "gates")
        site.then(self.run)

    def append_backward(self, first: bool) -> None:
        """Append the calls of the backward pass; the first direction writes, the other adds."""
        site, x = self.site, self.x
        site.back(self.run_back)
        flat = rows(self.slopes)
        site.back(np.matmul, flat.T, rows(x.data), self.weight_ih.gradient)
        self.append_recurrent()
        if self.biases:
            ones = np.ones(len(flat), flat.dtype)
            site.back(np.matmul, ones, flat, self.biases[0].gradient)
            self.append_second_bias(ones)
        if x.cotangent is None:
            return
        # A fresh product for each direction: the sum is the cotangent of the input.
        out = x.cotangent if first else np.zeros_like(x.cotangent)
        site.back(np.matmul, flat, self.weight_ih.value, rows(out))
        if not first:
            site.back(np.add, x.cotangent, out, x.cotangent)

    def append_recurrent(self) -> None:
        """The gradient of the weights of the state."""
        self.site.back(np.matmul, rows(self.slopes).T, rows(self.before), self.weight_hh.gradient)

    def append_second_bias(self, ones: Array) -> None:
        """Two vectors that are only ever added have one gradient."""
        for bias in self.biases[1:]:
            self.site.back(np.copyto, bias.gradient, self.biases[0].gradient)

    def load(self) -> None:
        """Working copies of the weights: scaled, and laid out as the products of a step want."""
        scale = self.scale[:, :1]
        for own, weight in ((self.wx, self.weight_ih), (self.wh, self.weight_hh)):
            blocks = weight.value.reshape(len(own), self.hidden, -1)
            np.multiply(blocks.swapaxes(1, 2), scale, own)
        if self.biases:
            self.bias[...] = 0
            self.load_bias([bias.value.reshape(-1, 1, self.hidden) for bias in self.biases])
            np.multiply(self.bias, self.scale, self.bias)

    def load_bias(self, biases: list[Array]) -> None:
        """What is added to the sums before the loop: every bias vector."""
        for bias in biases:
            np.add(self.bias, bias, self.bias)

    def slope(self, gates: Array, out: Array) -> None:
        """The slopes of all gates at a step: s^2 - (a - (1 - s))^2."""
        np.subtract(gates, self.offset, out)
        np.multiply(out, out, out)
        np.subtract(self.squared, out, out)


def rows(array: Array) -> Array:
    """All steps of all examples as the rows of one matrix: always a view."""
    flat = array.reshape(-1, array.shape[-1])
    assert np.may_share_memory(flat, array)
    return flat
