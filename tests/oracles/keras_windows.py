"""Draws of the Keras layers that move along spatial axes."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import layers
from oracles.keras_parts import (
    CHANNELS_FIRST,
    Ends,
    Option,
    Part,
    Sizes,
    Writer,
    at,
    by,
    covered,
    ends_text,
    given,
    given_ends,
    keras_class,
)


class _Padding(NamedTuple):
    """Padding: as written, the word that Keras is given, and what a layer before it adds."""

    text: str
    word: str = "valid"
    before: Ends = ()


class Windows(Writer):
    """Convolution, pooling, padding, cropping, upsampling."""

    def padding(self, rank: int, words: tuple[str, ...], numeric: float) -> _Padding:
        """A word, numbers, or nothing."""
        if self.chance(numeric):
            ends = self.ends(rank, 3)
            return _Padding(ends_text(ends), before=ends)
        word = self.rng.choice((*words, "", ""))
        return _Padding(word, word or "valid")

    def grouped(self) -> tuple[int, int, int]:
        """Input channels, output channels and groups, which sometimes do not quite divide."""
        if self.chance(0.6):
            return self.rng.randint(1, 4), self.rng.randint(1, 6), 1
        groups = self.rng.randint(1, 4)
        inputs, out = groups * self.rng.randint(1, 2), groups * self.rng.randint(1, 2)
        if self.chance(0.2):
            inputs += self.rng.choice((-1, 1))
        elif self.chance(0.2):
            out += self.rng.choice((-1, 1))
        return max(inputs, 1), max(out, 1), groups

    def strided_and_dilated(self, rank: int) -> tuple[Sizes, Sizes]:
        """Stride and dilation; both above 1 more rarely than chance would have it."""
        stride, dilation = self.axes(rank, 1, 3), (1,)
        if self.chance(0.35):
            dilation = self.axes(rank, 1, 3)
            if self.chance(0.5):
                stride = (1,)
        return stride, dilation

    def conv(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        inputs, out, groups = self.grouped()
        kernel = self.axes(rank, 1, 4)
        stride, dilation = self.strided_and_dilated(rank)
        causal = ("causal", "causal") if rank == 1 or self.chance(0.08) else ()
        padding = self.padding(rank, ("same", "same", "valid", *causal), 0.25)
        bias = self.chance(0.75)
        word, pinned = self.word(rank, "conv", "conv", "convolution")
        text = self.written(
            word,
            Option("out", str(out), positional=True),
            Option("kernel", by(kernel), "k", True),
            Option("stride", self.unless(stride), "s", True),
            Option("padding", padding.text, "p", True),
            Option("dilation", self.unless(dilation), "d"),
            Option("groups", self.unless((groups,)), "g"),
            Option("bias", self.flag(bias, True)),
        )

        def build(sizes: Sizes) -> list[Any]:
            conv = keras_class("Conv{}D", pinned, sizes)(
                out,
                given(kernel),
                strides=given(stride),
                padding=padding.word,
                dilation_rate=given(dilation),
                groups=groups,
                use_bias=bias,
                **CHANNELS_FIRST,
            )
            return [*_padded(padding.before, sizes), conv]

        def least(axis: int) -> int:
            if padding.word != "valid":
                return 1
            return covered(kernel, dilation, axis) - sum(at(padding.before or ((0, 0),), axis))

        sides = tuple(self.near(least(axis), rank) for axis in range(rank))
        tf = padding.word != "causal" and not padding.before and set(dilation) == {1}
        return (inputs, *sides), Part("conv", text, build, tf=tf)

    def convtranspose(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        inputs, out = self.rng.randint(1, 4), self.rng.randint(1, 6)
        kernel = self.axes(rank, 1, 4)
        stride, dilation = self.strided_and_dilated(rank)
        padding = self.padding(rank, ("same", "same", "valid"), 0.0)
        extra = self.output_padding(rank, stride)
        bias = self.chance(0.75)
        word, pinned = self.word(rank, "convtranspose", "convtranspose", "deconv")
        text = self.written(
            word,
            Option("out", str(out), positional=True),
            Option("kernel", by(kernel), "k", True),
            Option("stride", self.unless(stride), "s", True),
            Option("padding", padding.text, "p", True),
            Option("output_padding", by(extra or ()), "op"),
            Option("dilation", self.unless(dilation), "d"),
            Option("bias", self.flag(bias, True)),
        )

        def build(sizes: Sizes) -> list[Any]:
            cls = keras_class("Conv{}DTranspose", pinned, sizes)
            return [
                cls(
                    out,
                    given(kernel),
                    strides=given(stride),
                    padding=padding.word,
                    output_padding=None if extra is None else given(extra),
                    dilation_rate=given(dilation),
                    use_bias=bias,
                    **CHANNELS_FIRST,
                )
            ]

        sides = tuple(self.rng.choice((1, 1, 2, 3, 4, 5)) for _ in range(rank))
        return (inputs, *sides), Part("convtranspose", text, build)

    def output_padding(self, rank: int, stride: Sizes) -> Sizes | None:
        """Mostly none; else up to one more than is allowed."""
        if self.chance(0.5):
            return None
        limits = [at(stride, axis) for axis in range(rank)]
        if self.chance(0.6):
            limits = [min(limits)]
        return tuple(
            limit if self.chance(0.4 / len(limits)) else self.rng.randint(0, limit - 1)
            for limit in limits
        )

    def pooling(self, kind: str, name: str, *words: str) -> tuple[Sizes, Part]:
        """What maximum and mean share."""
        rank = self.rank()
        kernel = self.axes(rank, 1, 5)
        stride = None if self.chance(0.4) else self.axes(rank, 1, 4)
        padding = self.padding(rank, ("same", "valid"), 0.1)
        word, pinned = self.word(rank, *words)
        text = self.written(
            word,
            Option("kernel", by(kernel), "k", True),
            Option("stride", by(stride or ()), "s", True),
            Option("padding", padding.text, "p", True),
        )

        def build(sizes: Sizes) -> list[Any]:
            pool = keras_class(name, pinned, sizes)(
                given(kernel),
                strides=None if stride is None else given(stride),
                padding=padding.word,
                **CHANNELS_FIRST,
            )
            return [*_padded(padding.before, sizes), pool]

        def least(axis: int) -> int:
            if padding.word != "valid":
                return 1
            return at(kernel, axis) - sum(at(padding.before or ((0, 0),), axis))

        sides = tuple(self.near(least(axis), rank) for axis in range(rank))
        part = Part(kind, text, build, tf=not padding.before)
        return (self.rng.randint(1, 3), *sides), part

    def maxpool(self) -> tuple[Sizes, Part]:
        return self.pooling("maxpool", "MaxPooling{}D", "maxpool")

    def avgpool(self) -> tuple[Sizes, Part]:
        return self.pooling("avgpool", "AveragePooling{}D", "avgpool", "avgpool", "meanpool")

    def adaptive(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        kind, name = self.rng.choice(
            (
                ("adaptiveavgpool", "AdaptiveAveragePooling{}D"),
                ("adaptivemaxpool", "AdaptiveMaxPooling{}D"),
            )
        )
        output = self.axes(rank % 3 + 1 if self.chance(0.3) else rank, 1, 8)
        word, pinned = self.word(rank, kind)
        text = self.written(word, Option("output", by(output), positional=True))

        def build(sizes: Sizes) -> list[Any]:
            return [keras_class(name, pinned, sizes)(given(output), **CHANNELS_FIRST)]

        return (self.rng.randint(1, 4), *self.sides(rank)), Part(kind, text, build)

    def globalpool(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        kind, name, short = self.rng.choice(
            (
                ("globalavgpool", "GlobalAveragePooling{}D", "gap"),
                ("globalmaxpool", "GlobalMaxPooling{}D", "gmp"),
            )
        )
        word, pinned = self.word(rank, kind, short)

        def build(sizes: Sizes) -> list[Any]:
            return [keras_class(name, pinned, sizes)(**CHANNELS_FIRST)]

        return (self.rng.randint(1, 6), *self.sides(rank)), Part(kind, word, build)

    def pad(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        ends = self.ends(rank, 4)
        word, pinned = self.word(rank, "pad", "zeropad")
        text = self.written(word, Option("padding", ends_text(ends), "p", True))

        def build(sizes: Sizes) -> list[Any]:
            return _padded(ends, sizes, pinned)

        return (self.rng.randint(1, 4), *self.sides(rank, 8)), Part("pad", text, build)

    def crop(self) -> tuple[Sizes, Part]:
        """Mostly leaves a little; often nothing at all."""
        rank = self.rank()
        ends = self.ends(rank, 3)
        text = self.written("crop", Option("margin", ends_text(ends), "p", True))

        def build(sizes: Sizes) -> list[Any]:
            cls = keras_class("Cropping{}D", None, sizes)
            return _with_channels_last(cls, given_ends(ends, sizes), len(sizes) - 1)

        sides = tuple(self.near(sum(at(ends, axis)) + 1, rank) for axis in range(rank))
        return (self.rng.randint(1, 4), *sides), Part("crop", text, build)

    def upsample(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        scale = self.axes(rank % 3 + 1 if self.chance(0.15) else rank, 1, 3)
        linear = rank == 2 and self.chance(0.3)
        text = self.written(
            "upsample",
            Option("scale", by(scale), positional=True),
            Option("linear", self.flag(linear, False)),
        )
        keywords = {"interpolation": "bilinear"} if linear else {}

        def build(sizes: Sizes) -> list[Any]:
            cls = keras_class("UpSampling{}D", None, sizes)
            return _with_channels_last(cls, given(scale), len(sizes) - 1, **keywords)

        return (self.rng.randint(1, 4), *self.sides(rank, 5)), Part("upsample", text, build)

    def spatial_dropout(self) -> tuple[Sizes, Part]:
        """Dropout of whole channels."""
        sizes = self.anything()
        pinned = len(sizes) - 1 if len(sizes) > 1 and self.chance(0.8) else self.rng.randint(1, 3)
        share = self.rng.choice(("", "0", "0.5", "1", "1.01"))
        text = self.written(f"dropout{pinned}d", Option("p", share, positional=True))
        keywords = {} if pinned == 1 else CHANNELS_FIRST

        def build(sizes: Sizes) -> list[Any]:
            cls = keras_class("SpatialDropout{}D", pinned, sizes)
            return [cls(float(share or 0.5), **keywords)]

        return sizes, Part("dropout", text, build)


def _padded(ends: Ends, sizes: Sizes, pinned: int | None = None) -> list[Any]:
    """The layer that pads with zeros, where any padding is asked for."""
    if not ends:
        return []
    cls = keras_class("ZeroPadding{}D", pinned, sizes)
    return [cls(given_ends(ends, sizes), **CHANNELS_FIRST)]


def _with_channels_last(cls: Any, value: Any, rank: int, **keywords: Any) -> list[Any]:
    """A layer that in 1-D is only made for channels last."""
    if rank > 1:
        return [cls(value, **CHANNELS_FIRST, **keywords)]
    return [layers.Permute((2, 1)), cls(value), layers.Permute((2, 1))]
