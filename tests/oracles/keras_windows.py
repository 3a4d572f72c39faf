"""Draws of the Keras layers that move along spatial axes."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import layers
from oracles.drawing import (
    Ends,
    Option,
    Sizes,
    at,
    by,
    covered,
    ends_text,
    given,
    window_options,
)
from oracles.keras_parts import CHANNELS_FIRST, Part, Writer, given_ends, keras_class


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
            ends = self.ends(rank, 3, even=0.5)
            return _Padding(ends_text(ends), before=ends)
        word = self.rng.choice((*words, "", ""))
        return _Padding(word, word or "valid")

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
        word, pinned = self.word("conv", rank)
        text = self.written(
            word,
            *self.conv_options(out, kernel, stride, padding.text),
            *self.reach_options(dilation, groups),
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

        sides = self.around(least, rank)
        tf = padding.word != "causal" and not padding.before and set(dilation) == {1}
        return (inputs, *sides), Part("conv", text, build, tf=tf)

    def convtranspose(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        inputs, out = self.rng.randint(1, 4), self.rng.randint(1, 6)
        kernel = self.axes(rank, 1, 4)
        stride, dilation = self.strided_and_dilated(rank)
        padding = self.padding(rank, ("same", "same", "valid"), 0.0)
        extra = self.added(rank, stride)
        bias = self.chance(0.75)
        word, pinned = self.word("convtranspose", rank)
        text = self.written(
            word,
            *self.conv_options(out, kernel, stride, padding.text),
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

    def added(self, rank: int, stride: Sizes) -> Sizes | None:
        """Padding of the output: mostly none said; else up to one more than is allowed."""
        if self.chance(0.5):
            return None
        limits = [at(stride, axis) for axis in range(rank)]
        if self.chance(0.6):
            limits = [min(limits)]
        return tuple(
            limit if self.chance(0.4 / len(limits)) else self.rng.randint(0, limit - 1)
            for limit in limits
        )

    def pooling(self, kind: str, name: str) -> tuple[Sizes, Part]:
        """What maximum and mean share."""
        rank = self.rank()
        kernel = self.axes(rank, 1, 5)
        stride = None if self.chance(0.4) else self.axes(rank, 1, 4)
        padding = self.padding(rank, ("same", "valid"), 0.1)
        word, pinned = self.word(kind, rank)
        text = self.written(word, *window_options(kernel, by(stride or ()), padding.text))

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

        sides = self.around(least, rank)
        part = Part(kind, text, build, tf=not padding.before)
        return (self.rng.randint(1, 3), *sides), part

    def maxpool(self) -> tuple[Sizes, Part]:
        return self.pooling("maxpool", "MaxPooling{}D")

    def avgpool(self) -> tuple[Sizes, Part]:
        return self.pooling("avgpool", "AveragePooling{}D")

    def adaptive(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        kind, name = self.rng.choice(
            (
                ("adaptiveavgpool", "AdaptiveAveragePooling{}D"),
                ("adaptivemaxpool", "AdaptiveMaxPooling{}D"),
            )
        )
        output = self.axes(rank % 3 + 1 if self.chance(0.3) else rank, 1, 8)
        word, pinned = self.word(kind, rank)
        text = self.written(word, Option("output", by(output), positional=True))

        def build(sizes: Sizes) -> list[Any]:
            return [keras_class(name, pinned, sizes)(given(output), **CHANNELS_FIRST)]

        return (self.rng.randint(1, 4), *self.sides(rank)), Part(kind, text, build)

    def globalpool(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        kind, name = self.rng.choice(
            (
                ("globalavgpool", "GlobalAveragePooling{}D"),
                ("globalmaxpool", "GlobalMaxPooling{}D"),
            )
        )
        word, pinned = self.word(kind, rank)

        def build(sizes: Sizes) -> list[Any]:
            return [keras_class(name, pinned, sizes)(**CHANNELS_FIRST)]

        return (self.rng.randint(1, 6), *self.sides(rank)), Part(kind, word, build)

    def pad(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        ends = self.ends(rank, 4, even=0.5)
        word, pinned = self.word("pad", rank)
        text = self.written(word, Option("padding", ends_text(ends), "p", True))

        def build(sizes: Sizes) -> list[Any]:
            return _padded(ends, sizes, pinned)

        return (self.rng.randint(1, 4), *self.sides(rank, 8)), Part("pad", text, build)

    def crop(self) -> tuple[Sizes, Part]:
        """Mostly leaves a little; often nothing at all."""
        rank = self.rank()
        ends = self.ends(rank, 3, even=0.5)
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
