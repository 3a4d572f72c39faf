"""The gated recurrent unit, which resets after the product with the state or before it."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.cells.cell import Cell, rows
from dlcalc.engine.operation import Array


class _Gru(Cell):
    """h = (1 - z)*n + z*h, computed as n + z*(h - n)."""

    scales = (0.5, 0.5, 1.0)
    products = 3

    def prepare(self, suffix: str) -> None:
        site, sizes = self.site, (self.time, self.site.batch, self.hidden)
        #: What r multiplies into the candidate or is multiplied with, and h - n.
        self.inner, apart = site.array(*sizes), site.array(*sizes)
        #: Cotangents of the sums on the state's side, where they differ from the input's.
        self.sided = self.slopes
        r, z, n = (self.gates[:, gate] for gate in range(3))
        states = (self.before, self.inner, apart)
        self.ahead = self.steps(self.gates[:, :2], r, z, n, *states, self.y.now)
        if site.backwards:
            self.prepare_back()
            cotangents = (self.blocked, self.sided, self.split(self.sided), self.y.cotangent)
            self.back = self.steps(self.gates, r, z, *states, *cotangents)[::-1]

    def prepare_back(self) -> None:
        """Further arrays of the backward pass."""

    def squash(self, gates: Array) -> None:
        """The two gates of a step from what the input and the state give."""
        np.add(gates, self.sums[:2], gates)
        np.tanh(gates, gates)
        np.multiply(gates, self.scale[:2], gates)
        np.add(gates, self.offset[:2], gates)

    def mix(self, n: Array, z: Array, before: Array, apart: Array, h: Array) -> None:
        """The new state from the sum of the candidate."""
        np.tanh(n, n)
        np.subtract(before, n, apart)
        np.multiply(apart, z, self.part[0])
        np.add(n, self.part[0], h)

    def unmix(self, gates: Array, z: Array, apart: Array, dh: Array, kept: Array) -> None:
        """The cotangents of the sums of z and n, the slope of r, and what h keeps of its own."""
        _, d_z, d_n = part = self.part
        factor = self.sums[0]
        np.add(dh, self.carried, dh)
        np.multiply(dh, z, kept)
        self.slope(gates, part)
        np.multiply(dh, apart, factor)
        np.multiply(d_z, factor, d_z)
        np.subtract(dh, kept, factor)
        np.multiply(d_n, factor, d_n)


class GruAfter(_Gru):
    """Reset after the product with the state: n = tanh(W x + b + r*(U h + c))."""

    def prepare_back(self) -> None:
        self.sided = np.zeros_like(self.slopes)

    def load_bias(self, biases: list[Array]) -> None:
        """The candidate's second bias belongs into the bracket that r multiplies."""
        super().load_bias(biases)
        self.bias[2] = biases[0][2]

    def run(self) -> None:
        matmul, add, multiply = np.matmul, np.add, np.multiply
        sums, part = self.sums, self.part[0]
        inside = self.biases[1].value[-self.hidden :] if self.biases else np.zeros_like(part[0])
        for gates, r, z, n, before, inner, apart, h in self.ahead:
            matmul(before, self.wh, sums)
            self.squash(gates)
            add(sums[2], inside, inner)
            multiply(inner, r, part)
            add(n, part, n)
            self.mix(n, z, before, apart, h)

    def run_back(self) -> None:
        matmul, multiply, copyto = np.matmul, np.multiply, np.copyto
        carried, weight, part, kept = self.carried, self.weight_hh.value, self.part, self.sums[1]
        d_r, _, d_n = part
        carried[...] = 0
        for gates, r, z, _, inner, apart, blocked, sided, sided_blocked, dh in self.back:
            self.unmix(gates, z, apart, dh, kept)
            multiply(d_r, inner, d_r)
            multiply(d_r, d_n, d_r)
            copyto(blocked, part)
            multiply(d_n, r, d_n)
            copyto(sided_blocked, part)
            matmul(sided, weight, carried)
            np.add(carried, kept, carried)

    def append_recurrent(self) -> None:
        self.site.back(np.matmul, rows(self.sided).T, rows(self.before), self.weight_hh.gradient)

    def append_second_bias(self, ones: Array) -> None:
        self.site.back(np.matmul, ones, rows(self.sided), self.biases[1].gradient)


class GruBefore(_Gru):
    """Reset before the product with the state: n = tanh(W x + b + U (r*h))."""

    def prepare_back(self) -> None:
        self.d_inner = np.zeros_like(self.carried)

    def run(self) -> None:
        matmul, multiply = np.matmul, np.multiply
        sums, w_gates, w_candidate = self.sums, self.wh[:2], self.wh[2]
        for gates, r, z, n, before, inner, apart, h in self.ahead:
            matmul(before, w_gates, sums[:2])
            self.squash(gates)
            multiply(r, before, inner)
            matmul(inner, w_candidate, sums[2])
            np.add(n, sums[2], n)
            self.mix(n, z, before, apart, h)

    def run_back(self) -> None:
        matmul, add, multiply = np.matmul, np.add, np.multiply
        carried, d_inner, part, kept = self.carried, self.d_inner, self.part, self.sums[1]
        (d_r, _, d_n), two = part, 2 * self.hidden
        w_gates, w_candidate = np.split(self.weight_hh.value, [two])
        carried[...] = 0
        for gates, r, z, before, _, apart, blocked, slope, _, dh in self.back:
            self.unmix(gates, z, apart, dh, kept)
            matmul(d_n, w_candidate, d_inner)
            multiply(d_r, before, d_r)
            multiply(d_r, d_inner, d_r)
            np.copyto(blocked, part)
            matmul(slope[:, :two], w_gates, carried)
            add(carried, kept, carried)
            multiply(d_inner, r, d_inner)
            add(carried, d_inner, carried)

    def append_recurrent(self) -> None:
        two, slopes = 2 * self.hidden, rows(self.slopes)
        gates, candidate = np.split(self.weight_hh.gradient, [two])
        self.site.back(np.matmul, slopes[:, :two].T, rows(self.before), gates)
        self.site.back(np.matmul, slopes[:, two:].T, rows(self.inner), candidate)
