"""The perceptrons of transformer blocks: plain, gated, and many of which a router chooses."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Array, Parameter, Site
from dlcalc.engine.operations.blocks import (
    gated_silu,
    gated_silu_back,
    gelu,
    gelu_back,
    in_blocks,
)
from dlcalc.engine.operations.routing import Router


class Perceptron:
    """Two matrices with GELU between, or three: y = D (SiLU(G x) * U x), as in LLaMA.

    Shazeer, "GLU Variants Improve Transformer", 2020. With experts the tensors are
    stacked, and ``segments`` says which rows are whose; without there is one.
    """

    def __init__(self, site: Site, rows: int, features: int, experts: int | None = None) -> None:
        self.site = site
        layer = site.layer
        self.gated = layer.gated
        width = 4 * features if layer.ff is None else layer.ff
        self.segments = [(0, rows)]
        shapes = {"up": (width, features), "down": (features, width)}
        if self.gated:
            shapes["gate"] = (width, features)
        stacked = () if experts is None else (experts,)
        self.weights, self.biases = (
            {
                name: _stack(site.parameter(f"ff.{name}.{key}", *stacked, *sizes[:axes]), experts)
                for name, sizes in shapes.items()
                if key == "weight" or layer.bias
            }
            for key, axes in (("weight", 2), ("bias", 1))
        )
        for sizes in shapes.values():
            site.count(rows * sizes[0] * sizes[1])
        if self.gated:
            site.count(rows * width, "gates")
        wide = [site.array(rows, width) for _ in range(5 if self.gated else 3)]
        self.hidden, self.up, self.share, *self.gate = wide

    def forward(self, x: Array, y: Array) -> None:
        """Append the rows of y from those of x."""
        then = self.site.then
        then(self._multiply, "up", x, self.up)
        if self.gated:
            gate, active = self.gate
            then(self._multiply, "gate", x, gate)
            then(in_blocks, gated_silu, gate, self.up, self.share, active, self.hidden)
        else:
            then(in_blocks, gelu, self.up, self.share, self.hidden)
        then(self._multiply, "down", self.hidden, y)

    def backward(self, x: Array, y_cotangent: Array, x_cotangent: Array) -> None:
        """Append all gradients and x', into an array of its own."""
        back = self.site.back
        wide, narrow = np.zeros_like(self.hidden), np.zeros_like(self.hidden)
        back(self._pull, "down", self.hidden, y_cotangent, wide)
        if not self.gated:
            back(in_blocks, gelu_back, self.up, self.share, wide, narrow)
            back(self._pull, "up", x, narrow, x_cotangent)
            return
        part = np.zeros_like(x_cotangent)
        back(in_blocks, gated_silu_back, self.up, self.share, self.gate[1], wide, narrow)
        back(self._pull, "gate", x, narrow, x_cotangent)
        back(self._pull, "up", x, wide, part)
        back(np.add, x_cotangent, part, x_cotangent)

    def _multiply(self, name: str, x: Array, y: Array) -> None:
        weights = self.weights[name].value
        for expert, (first, end) in enumerate(self.segments):
            np.matmul(x[first:end], weights[expert].T, y[first:end])
            if self.biases:
                y[first:end] += self.biases[name].value[expert]

    def _pull(self, name: str, x: Array, y_cotangent: Array, x_cotangent: Array) -> None:
        weights = self.weights[name]
        for expert, (first, end) in enumerate(self.segments):
            part = y_cotangent[first:end]
            np.matmul(part.T, x[first:end], weights.gradient[expert])
            np.matmul(part, weights.value[expert], x_cotangent[first:end])
            if self.biases:
                np.sum(part, 0, out=self.biases[name].gradient[expert])


def _stack(parameter: Parameter, experts: int | None) -> Parameter:
    if experts is not None:
        return parameter
    return Parameter(parameter.value[None], parameter.gradient[None])


class Experts:
    """The perceptrons that a router chooses at each step, summed by their shares."""

    def __init__(self, site: Site, rows: int, features: int) -> None:
        experts = site.layer.experts
        active = 2 if site.layer.active is None else site.layer.active
        self.router = Router(site, rows, (features, features), experts, active)
        self.perceptron = Perceptron(site, self.router.working, features, experts)
        self.perceptron.segments = self.router.segments

    def forward(self, x: Array, y: Array) -> None:
        """Append the rows of y from those of x."""
        router = self.router
        router.forward(x)
        self.perceptron.forward(router.sorted_x, router.sorted_y)
        router.mix(y)

    def backward(self, x: Array, y_cotangent: Array, x_cotangent: Array) -> None:
        """Append all gradients and x', into an array of its own."""
        router = self.router
        given, pulled = np.zeros_like(router.sorted_y), np.zeros_like(router.sorted_x)
        scores = np.zeros_like(router.scores)
        router.part(y_cotangent, given, scores)
        self.perceptron.backward(router.sorted_x, given, pulled)
        router.backward(x, pulled, scores, x_cotangent)
