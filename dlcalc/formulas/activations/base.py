"""What an activation is: pieces of the line with a formula each, and the joints between them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from math import exp, isinf
from typing import NamedTuple

Function = Callable[[float], float]


class Piece(NamedTuple):
    """One stretch of the line: the value there, its first and its second derivative."""

    value: Function
    slope: Function
    curvature: Function


class Joint(NamedTuple):
    """Where two pieces meet, and the derivatives that PyTorch takes there.

    The value is that of both. Source: ATen/native/cpu/Activation.cpp.
    """

    at: float
    slope: float = 0.0
    curvature: float = 0.0


class Line(NamedTuple):
    """The straight line that an activation comes close to, far to one side."""

    slope: float
    offset: float

    def limit(self, side: float) -> float:
        """Where it leads, for a side of -inf or inf."""
        return self.slope * side if self.slope else self.offset


class Activation(NamedTuple):
    """An activation with its argument, if it takes one, put in.

    ``formula`` and ``derivative`` are Python, with the names of the module math.
    ``ends`` are the lines on the left and on the right. ``by_value`` tells the
    derivative by the value f. ``gain`` is that of torch.nn.init.calculate_gain.
    """

    name: str
    formula: str
    derivative: str
    pieces: tuple[Piece, ...]
    ends: tuple[Line, Line]
    joints: tuple[Joint, ...] = ()
    by_value: str = ""
    gain: float | None = None
    argument: float | None = None

    def value(self, x: float) -> float:
        """f(x); at an infinity the limit."""
        return self._end(x).limit(x) if isinf(x) else self._piece(x).value(x)

    def slope(self, x: float) -> float:
        """f'(x); at a joint the one that PyTorch takes, at an infinity the limit."""
        if isinf(x):
            return self._end(x).slope
        for joint in self.joints:
            if x == joint.at:
                return joint.slope
        return self._piece(x).slope(x)

    def curvature(self, x: float) -> float:
        """f''(x), at joints and infinities as for the slope."""
        if isinf(x):
            return 0.0
        for joint in self.joints:
            if x == joint.at:
                return joint.curvature
        return self._piece(x).curvature(x)

    def _piece(self, x: float) -> Piece:
        return self.pieces[bisect_left([joint.at for joint in self.joints], x)]

    def _end(self, x: float) -> Line:
        return self.ends[x > 0]


def constant(number: float) -> Piece:
    """A piece that is one number."""
    return Piece(lambda x: number, _zero, _zero)


def straight(slope: float, offset: float = 0.0) -> Piece:
    """A piece of a line."""
    return Piece(lambda x: slope * x + offset, lambda x: slope, _zero)


def _zero(x: float) -> float:
    return 0.0


def logistic(x: float) -> float:
    """1/(1 + exp(-x)) to full relative precision: no overflow, and no sum where exp(x) is small.

    >>> logistic(0), logistic(-800), logistic(800)
    (0.5, 0.0, 1.0)
    """
    if x >= 0:
        return 1 / (1 + exp(-x))
    part = exp(x)
    return part / (1 + part)


def logistic_slope(x: float) -> float:
    """The derivative of `logistic`, which is even in x.

    >>> logistic_slope(0), logistic_slope(40) == exp(-40)
    (0.25, True)
    """
    part = exp(-abs(x))
    return part / ((1 + part) * (1 + part))
