"""The plain recurrent cell and the LSTM."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.cells.cell import Cell, rows
from dlcalc.engine.operation import Array


class Rnn(Cell):
    """h = tanh(W x + U h + b)."""

    scales = (1.0,)
    products = 0

    def prepare(self, suffix: str) -> None:
        self.ahead = self.steps(self.gates, self.before, self.y.now)
        if self.site.backwards:
            self.back = self.steps(self.slopes, self.y.now, self.y.cotangent)[::-1]

    def run(self) -> None:
        matmul, add = np.matmul, np.add
        wh, sums, squash = self.wh, self.sums, self.squash
        for gates, before, h in self.ahead:
            matmul(before, wh, sums)
            add(gates, sums, sums)
            squash(sums[0], h)

    def run_back(self) -> None:
        matmul, add, unsquash = np.matmul, np.add, self.unsquash
        carried, weight, part = self.carried, self.weight_hh.value, self.part[0]
        carried[...] = 0
        for slope, h, dh in self.back:
            add(dh, carried, dh)
            unsquash(dh, h, part, slope)
            matmul(slope, weight, carried)

    @staticmethod
    def squash(sums: Array, h: Array) -> None:
        """From the sums of a step to its state."""
        np.tanh(sums, h)

    @staticmethod
    def unsquash(dh: Array, h: Array, part: Array, slope: Array) -> None:
        """The cotangent of the sums, dh*(1 - h^2)."""
        np.multiply(dh, h, part)
        np.multiply(part, h, part)
        np.subtract(dh, part, slope)


class SigmoidRnn(Rnn):
    """h = sigmoid(W x + U h + b)."""

    scales = (0.5,)

    @staticmethod
    def squash(sums: Array, h: Array) -> None:
        """By tanh of the halved sums."""
        np.tanh(sums, h)
        np.multiply(h, 0.5, h)
        np.add(h, 0.5, h)

    @staticmethod
    def unsquash(dh: Array, h: Array, part: Array, slope: Array) -> None:
        """The cotangent of the sums, dh*(h - h^2)."""
        np.multiply(dh, h, part)
        np.multiply(part, h, slope)
        np.subtract(part, slope, slope)


class Lstm(Cell):
    """c = f*c + i*g, h = o*tanh(c), and with a projection h = P (o*tanh(c))."""

    scales = (0.5, 0.5, 1.0, 0.5)
    products = 3

    def prepare(self, suffix: str) -> None:
        site, sizes = self.site, (self.time, self.site.batch, self.hidden)
        self.projected = site.layer.proj is not None
        cells = site.array(self.time + 2, *sizes[1:])
        cell, cell_before = cells[1:-1], cells[2:] if self.reverse else cells[:-2]
        site.start(f"c0{suffix}", cells[-1 if self.reverse else 0])
        #: tanh(c), and o*tanh(c): the state itself if nothing projects it.
        squashed, self.shown = site.array(*sizes), self.y.now
        if self.projected:
            self.weight_hr = site.parameter(f"weight_hr{suffix}", self.state, self.hidden)
            self.wr = site.array(self.hidden, self.state)
            self.shown = site.array(*sizes)
            site.count(self.time * site.batch * self.hidden * self.state)
        values = [self.gates[:, gate] for gate in range(4)]
        states = (self.before, cell_before, cell, squashed, self.shown, self.y.now)
        self.ahead = self.steps(self.gates, *values, *states)
        if site.backwards:
            self.factors, self.d_cell = site.array(4, *sizes[1:]), site.array(*sizes[1:])
            self.d_shown = site.array(*sizes[1:])
            cotangents = (self.slopes, self.blocked, self.y.cotangent)
            self.back = self.steps(self.gates, *values, cell_before, squashed, *cotangents)[::-1]

    def load(self) -> None:
        super().load()
        if self.projected:
            np.copyto(self.wr, self.weight_hr.value.T)

    def run(self) -> None:
        matmul, add, multiply, tanh = np.matmul, np.add, np.multiply, np.tanh
        wh, sums, scale, offset, part = self.wh, self.sums, self.scale, self.offset, self.part[0]
        for gates, i, f, g, o, before, c_before, c, squashed, shown, h in self.ahead:
            matmul(before, wh, sums)
            add(sums, gates, sums)
            tanh(sums, sums)
            multiply(sums, scale, sums)
            add(sums, offset, gates)
            multiply(f, c_before, c)
            multiply(i, g, part)
            add(c, part, c)
            tanh(c, squashed)
            multiply(o, squashed, shown)
            if self.projected:
                matmul(shown, self.wr, h)

    def run_back(self) -> None:
        matmul, add, multiply = np.matmul, np.add, np.multiply
        carried, weight, part, factors = self.carried, self.weight_hh.value, self.part, self.factors
        d_cell, (by_i, by_f, by_g, by_o) = self.d_cell, factors
        carried[...] = 0
        d_cell[...] = 0
        for gates, i, f, g, o, c_before, squashed, slope, blocked, dh in self.back:
            add(dh, carried, dh)
            d_shown = matmul(dh, self.weight_hr.value, self.d_shown) if self.projected else dh
            # The cotangent of c through h: d*o*(1 - tanh(c)^2), here as d*o - d*o*tanh(c)^2.
            multiply(d_shown, o, by_i)
            multiply(by_i, squashed, by_f)
            multiply(by_f, squashed, by_f)
            add(d_cell, by_i, d_cell)
            np.subtract(d_cell, by_f, d_cell)
            multiply(d_cell, g, by_i)
            multiply(d_cell, c_before, by_f)
            multiply(d_cell, i, by_g)
            multiply(d_shown, squashed, by_o)
            self.slope(gates, part)
            multiply(part, factors, blocked)
            multiply(d_cell, f, d_cell)
            matmul(slope, weight, carried)

    def append_recurrent(self) -> None:
        super().append_recurrent()
        if self.projected:
            # The loop left in the cotangent of y that of each whole state.
            left = rows(self.y.cotangent).T
            self.site.back(np.matmul, left, rows(self.shown), self.weight_hr.gradient)
