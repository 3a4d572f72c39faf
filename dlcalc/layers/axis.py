"""What a layer does along one axis, as a map of sizes and of windows.

Along one axis every convolution and pooling turns n into (n + a)//s, and its
output i sees the inputs i*s - begin to i*s - begin + extent - 1. A transposed
convolution is a convolution over the input stretched by its stride, ``up``,
with zeros between. Such maps compose to the same form, so that a chain of
layers is again one object: its size formula, its least input, its cumulative
stride (jump) and its receptive field.

Source of the receptive-field rule: Araujo, Norris and Sim, "Computing
Receptive Fields of Convolutional Neural Networks", Distill, 2019.
"""

from __future__ import annotations

from math import gcd, prod
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.layers.size import Size

if TYPE_CHECKING:
    from fractions import Fraction

# Phases of an upsampling chain that are looked at one by one.
_MAX_PHASES = 4_096


class Axis(NamedTuple):
    """n becomes (up*n + a)//s, for n >= low.

    On the grid stretched by ``up``, output i sees the positions i*s - begin to
    i*s - begin + extent - 1, of which every up-th is an input.

    >>> kernel7 = Axis.window(kernel=7, stride=2, begin=3, end=3)
    >>> pool3 = Axis.window(kernel=3, stride=2, begin=1, end=1)
    >>> kernel7.size(224), pool3.size(112)
    (112, 56)
    >>> kernel7.then(pool3)
    Axis(a=3, s=4, begin=5, extent=11, low=1, up=1)
    """

    a: int
    s: int
    begin: int
    extent: int
    low: int = 1
    up: int = 1

    @classmethod
    def window(cls, *, kernel: int, stride: int, begin: int, end: int, slack: int = 0) -> Axis:
        """A window of ``kernel`` positions (dilation included) that moves by ``stride``.

        ``slack`` is what a ceiling adds before the division by the stride.
        """
        a = begin + end - kernel + stride + slack
        return cls(a, stride, begin, kernel, max(1, stride - a))

    @classmethod
    def transposed(
        cls, *, kernel: int, stride: int, begin: int, end: int, output_padding: int
    ) -> Axis:
        """The transpose of a window: (n - 1)*stride - begin - end + kernel + output_padding."""
        a = kernel - begin - end + output_padding - stride
        return cls(a, 1, kernel - 1 - begin, kernel, max(1, -((a - 1) // stride)), stride)

    def size(self, n: Size) -> Size:
        """The size that a size becomes. Not checked against ``low``."""
        return (self.up * n + self.a) // self.s

    def least(self, size: int) -> int:
        """The least n that the map takes and that becomes at least this size."""
        return max(self.low, -((self.a - self.s * size) // self.up))

    def then(self, after: Axis) -> Axis | None:
        """Both maps as one, or None where no single map does the same."""
        if self.s != 1 and after.up != 1:
            return None
        return Axis(
            after.up * self.a + self.s * after.a,
            self.s * after.s,
            after.up * self.begin + self.s * after.begin,
            after.up * (self.extent - 1) + self.s * (after.extent - 1) + 1,
            self.least(after.low),
            self.up * after.up,
        )

    def seen(self, first: int, last: int) -> tuple[int, int]:
        """The first and last input that the outputs first to last see."""
        low = first * self.s - self.begin
        high = last * self.s - self.begin + self.extent - 1
        return -(-low // self.up), high // self.up


IDENTITY = Axis(0, 1, 0, 1)


class Chain(NamedTuple):
    """Maps one after the other along one axis, as few as they collapse to.

    >>> chain = Chain().then(Axis.window(kernel=5, stride=1, begin=0, end=0))
    >>> chain = chain.then(Axis.window(kernel=2, stride=2, begin=0, end=0))
    >>> chain.receptive_field, chain.jump, chain.begin, chain.low
    (6, 2, 0, 6)
    """

    maps: tuple[Axis, ...] = (IDENTITY,)

    def then(self, after: Axis) -> Chain:
        """The chain with one more map."""
        joined = self.maps[-1].then(after)
        if joined is None:
            return Chain((*self.maps, after))
        return Chain((*self.maps[:-1], joined))

    def size(self, n: Size) -> Size:
        """The size that an input of size n has after the chain."""
        for axis in self.maps:
            n = axis.size(n)
        return n

    @property
    def low(self) -> int:
        """The least input that passes."""
        least = 1
        for axis in reversed(self.maps):
            least = axis.least(least)
        return least

    def seen(self, output: int) -> tuple[int, int]:
        """The first and last input that this output sees, borders not clipped."""
        first = last = output
        for axis in reversed(self.maps):
            first, last = axis.seen(first, last)
        return first, last

    @property
    def receptive_field(self) -> int | None:
        """How many inputs one output sees: the most, where outputs differ by phase."""
        phases = prod(axis.up for axis in self.maps)
        if phases > _MAX_PHASES:
            return None
        return max(last - first + 1 for first, last in map(self.seen, range(phases)))

    @property
    def jump(self) -> int | Fraction:
        """How far apart in the input neighbouring outputs look: the cumulative stride."""
        down, up = prod(axis.s for axis in self.maps), prod(axis.up for axis in self.maps)
        if down % up == 0:
            return down // up
        from fractions import Fraction  # costs start-up time, and only upsampling needs it

        return Fraction(down, up)

    @property
    def centre(self) -> tuple[int, int]:
        """Where in the input the first output's window has its middle, as a reduced fraction.

        >>> Chain().then(Axis.window(kernel=2, stride=2, begin=0, end=0)).centre
        (1, 2)
        """
        over, under = 0, 1
        for axis in reversed(self.maps):
            over = 2 * over * axis.s + under * (axis.extent - 1 - 2 * axis.begin)
            under *= 2 * axis.up
        common = gcd(over, under)
        return over // common, under // common

    @property
    def begin(self) -> int:
        """How far before the input the first output begins to look."""
        return -self.seen(0)[0]
