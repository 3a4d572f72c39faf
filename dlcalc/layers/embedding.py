"""Embeddings of words, positions and segments, and single steps of a sequence."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer, Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.sequence import SequenceLayer, time_and_features
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Polynomial, Size, product


class Embedding(Layer):
    """A trained row of features for each word, looked up by its number.

    Nothing is multiplied. The vocabulary is the number of rows.
    """

    words = ("embedding",)
    arguments = (
        Argument("vocabulary", "size", "how many words there are"),
        Argument("features", "size", "features of each word"),
    )
    example = "128 embedding:30522,768"

    vocabulary: Size
    features: Size

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        known_channels(shape, "embedding")
        return shape.with_sizes((*shape.sizes, self.features))

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        bias: Tensors = {"bias": (self.features,)} if convention.embedding_bias else {}
        return {"weight": (self.vocabulary, self.features)} | bias

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size | None:
        return product(output.sizes) * self.vocabulary


class Position(SequenceLayer):
    """A trained row of features added at each position of a sequence."""

    words = ("position",)
    arguments = (
        Argument("length", "size", "positions that have a row; TIME if left out", default=None),
    )
    example = "128 embedding:30522,768 position:512"

    length: Size | None

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        time, _ = time_and_features(shape, "position")
        if isinstance(time, int) and isinstance(self.length, int) and time > self.length:
            raise LayerError(
                f"position has {self.length} rows, but the sequence has {time} steps",
                f"It fits with at most {self.length} steps, or with position:{time}.",
            )
        return shape

    def note(self, shape: Shape, convention: Convention) -> str:
        time = shape.sizes[0]
        if self.length in (None, time) or not (
            isinstance(time, Polynomial) or isinstance(self.length, Polynomial)
        ):
            return ""
        return f"position needs {time} to be at most {self.length}"

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        time, features = shape.sizes
        return {"weight": (time if self.length is None else self.length, features)}


class Segment(SequenceLayer):
    """A trained row of features added to every step, by the segment it is in.

    Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of Deep Bidirectional
    Transformers for Language Understanding", 2019, section 3: two sentences.
    """

    words = ("segment",)
    arguments = (Argument("kinds", "size", "how many kinds of segments there are"),)
    example = "128 embedding:30522,768 position:512 segment:2"

    kinds: Size

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return {"weight": (self.kinds, shape.sizes[1])}

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size | None:
        return product(shape.sizes) * self.kinds


class Token(SequenceLayer):
    """Trained steps put before a sequence, such as the class token of a vision transformer."""

    words = ("token",)
    arguments = (Argument("count", "size", "how many steps", default=1),)
    example = "196x768 token position"

    count: Size

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        time, features = time_and_features(shape, "token")
        return shape.with_sizes((time + self.count, features))

    def formula(self, shape: Shape, convention: Convention) -> str:
        time = shape.sizes[0]
        return f"{time} + {self.count} = {time + self.count!s}"

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return {"weight": (self.count, shape.sizes[1])}


class First(SequenceLayer):
    """The features of the first step alone."""

    words = ("first",)
    example = "197x768 first dense:1000"

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        _, features = time_and_features(shape, self.words[0])
        return shape.with_sizes((features,))


class Last(First):
    """The features of the last step alone.

    Behind a bidirectional layer, the half that reads backwards has seen there
    the last step only.
    """

    words = ("last",)
    example = "20x50 lstm:128 last dense:2"
