"""Layers that model files have and the notation cannot write: their algebra alone.

Each is built on layers of the notation, which do the counting.
"""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.attention import Heads
from dlcalc.layers.base import Layer, Parts, Tensors
from dlcalc.layers.convention import Convention
from dlcalc.layers.normalisation import BatchNorm
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product


class _Special(Layer):
    """A layer that is made from values, not from words."""

    words = ("special",)

    def __init__(self, **values: object) -> None:
        self.__dict__["rank"] = None
        self.__dict__.update(values)


class Again(_Special):
    """A layer that is called a second time: it works as before, with tensors that are counted."""

    inner: Layer

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        return self.inner.output_shape(shape, convention)

    def macs(self, shape: Shape, output: Shape) -> Size:
        return self.inner.macs(shape, output)

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return self.inner.parts(shape, output)


class EachStep(_Special):
    """A layer applied to each step of a sequence, with the same tensors."""

    inner: Layer

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        output = self.inner.output_shape(_step(shape), convention)
        return shape.with_sizes((shape.sizes[0], *output.sizes))

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return self.inner.parameters(_step(shape), convention)

    def buffers(self, shape: Shape, convention: Convention) -> Tensors:
        return self.inner.buffers(_step(shape), convention)

    def macs(self, shape: Shape, output: Shape) -> Size:
        return shape.sizes[0] * self.inner.macs(_step(shape), _step(output))

    def parts(self, shape: Shape, output: Shape) -> Parts:
        parts = self.inner.parts(_step(shape), _step(output))
        return {part: shape.sizes[0] * number for part, number in parts.items()}


def _step(shape: Shape) -> Shape:
    if len(shape.sizes) < 2:
        raise LayerError(f"it works on each step of a sequence, but gets {shape}")
    return shape.with_sizes(shape.sizes[1:])


class PartNorm(BatchNorm):
    """Batch normalisation with a scale or a shift alone; ``kept`` is weight or bias."""

    kept: str

    def __init__(self, kept: str, eps: float) -> None:
        super().__init__(eps=eps)
        self.__dict__["kept"] = kept

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        tensors = super().parameters(shape, convention)
        return {self.kept: tensors[self.kept]}


class Standardise(_Special):
    """Values less a kept mean, over a kept deviation; a batch has no part in it."""

    held: Tensors

    def buffers(self, shape: Shape, convention: Convention) -> Tensors:
        return self.held

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return {"normalisation": product(shape.sizes)}


class Repeat(_Special):
    """Features repeated as the steps of a sequence."""

    times: int

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        if len(shape.sizes) != 1:
            raise LayerError(f"it repeats features, but gets {shape}")
        return shape.with_sizes((self.times, *shape.sizes))


class Cross(_Special):
    """Attention from a sequence to another one, of ``length`` steps of ``memory`` features."""

    heads: int
    dim: int
    length: Size
    memory: Size
    bias: bool

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        if len(shape.sizes) != 2:
            raise LayerError(f"it reads TIMExFEATURES, but gets {shape}")
        return shape

    def _heads(self, shape: Shape) -> Heads:
        time, features = shape.sizes
        sizes = (self.heads, self.heads, self.dim, time, features, self.length, self.memory)
        return Heads(*sizes, causal=False, bias=self.bias, qkv_bias=self.bias)

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return self._heads(shape).tensors()

    def macs(self, shape: Shape, output: Shape) -> Size:
        return self._heads(shape).macs()

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return self._heads(shape).parts()
