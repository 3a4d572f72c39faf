"""The perceptrons of transformer blocks: plain, gated, and many of which a router chooses."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlcalc.engine.operation import Array, Parameter, Site
from dlcalc.engine.operations.blocks import (
    gated_silu,
    gated_silu_back,
    gelu,
    gelu_back,
    in_blocks,
)
from dlcalc.errors import LayerError


class Perceptron:
    """Two matrices with GELU between, or three: y = D (SiLU(G x) * U x), as in LLaMA.

    Shazeer, "GLU Variants Improve Transformer", 2020. With experts the tensors are
    stacked, and ``segments`` says which rows are whose; without there is one.
    """

    def __init__(self, site: Site, rows: int, features: int, experts: int | None) -> None:
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
    """The perceptrons that a router chooses at each step, by its scores, summed by their shares.

    Jiang et al., "Mixtral of Experts", 2024: of the scores R x the largest are taken,
    and their softmax is the shares. Of equal scores the first expert's counts as larger.
    Steps are sorted by their expert, so each expert's are rows that lie together.
    """

    def __init__(self, site: Site, rows: int, features: int) -> None:
        self.site = site
        experts = site.layer.experts
        active = 2 if site.layer.active is None else site.layer.active
        if active > experts:
            raise LayerError(f"active={active} is more than experts={experts}")
        self.weight = site.parameter("router.weight", experts, features)
        working = rows * active
        self.perceptron = Perceptron(site, working, features, experts)
        site.count(working * features, "gates")
        self.scores = site.array(rows, experts)
        self.chosen = site.array(rows, active, dtype=np.intp)
        self.shares = site.array(rows, active)
        self.order = site.array(working, dtype=np.intp)  # Of the sorted rows, which each was.
        self.place = site.array(working, dtype=np.intp)  # Where each row went.
        self.sorted_x, self.sorted_y = (site.array(working, features) for _ in range(2))
        self.y = site.array(rows, active, features)  # By step, before they are summed.
        self.work = site.array(rows, active, features)

    def forward(self, x: Array, y: Array) -> None:
        """Append the rows of y from those of x."""
        self.site.matmul(x, self.weight.value.T, self.scores)
        self.site.then(self._route, x)
        self.perceptron.forward(self.sorted_x, self.sorted_y)
        self.site.then(self._mix, y)

    def backward(self, x: Array, y_cotangent: Array, x_cotangent: Array) -> None:
        """Append all gradients and x', into an array of its own; the choice has none."""
        site = self.site
        pulled, given = np.zeros_like(self.sorted_x), np.zeros_like(self.sorted_y)
        scores = np.zeros_like(self.scores)
        site.back(self._part, y_cotangent, given, scores)
        self.perceptron.backward(self.sorted_x, given, pulled)
        site.back(self._add_up, pulled, x_cotangent)
        part = np.zeros_like(x)
        site.back(np.matmul, scores.T, x, self.weight.gradient)
        site.back(np.matmul, scores, self.weight.value, part)
        site.back(np.add, x_cotangent, part, x_cotangent)

    def _route(self, x: Array) -> None:
        active = self.chosen.shape[1]
        self.chosen[...] = np.argsort(-self.scores.real, 1, kind="stable")[:, :active]
        best = np.take_along_axis(self.scores, self.chosen, 1)
        np.exp(best - best[:, :1].real, self.shares)
        self.shares /= self.shares.sum(1, keepdims=True)
        flat = self.chosen.reshape(-1)
        self.order[...] = np.argsort(flat, kind="stable")
        self.place[self.order] = np.arange(flat.size)
        ends = np.cumsum(np.bincount(flat, minlength=self.scores.shape[1])).tolist()
        self.perceptron.segments = list(zip([0, *ends[:-1]], ends, strict=True))
        np.take(x, self.order // active, 0, self.sorted_x, "clip")

    def _mix(self, y: Array) -> None:
        np.take(self.sorted_y, self.place, 0, self.y.reshape(self.sorted_y.shape), "clip")
        np.multiply(self.y, self.shares[:, :, None], self.work)
        np.sum(self.work, 1, out=y)

    def _part(self, y_cotangent: Array, sorted_cotangent: Array, scores: Any) -> None:
        """From the sum back to each perceptron's outputs, and through the softmax to the scores."""
        cotangent = y_cotangent[:, None]
        np.multiply(cotangent, self.y, self.work)
        shares = self.work.sum(2)
        shares -= np.sum(shares * self.shares, 1, keepdims=True)
        scores.fill(0)
        np.put_along_axis(scores, self.chosen, shares * self.shares, 1)
        np.multiply(cotangent, self.shares[:, :, None], self.work)
        rows = self.work.reshape(sorted_cotangent.shape)
        np.take(rows, self.order, 0, sorted_cotangent, "clip")

    def _add_up(self, sorted_cotangent: Array, x_cotangent: Array) -> None:
        rows = self.work.reshape(sorted_cotangent.shape)
        np.take(sorted_cotangent, self.place, 0, rows, "clip")
        np.sum(self.work, 1, out=x_cotangent)
