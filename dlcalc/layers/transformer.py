"""The blocks of a transformer: attention, then a perceptron, each with a norm and a skip.

Vaswani et al., "Attention Is All You Need", 2017; torch/nn/modules/transformer.py.
Whether a norm stands before or behind changes no number here.
"""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.attention import BIAS, DIM, HEADS, KV, QKV_BIAS, AttendingLayer, Heads
from dlcalc.layers.base import Parts, Tensors
from dlcalc.layers.convention import Convention
from dlcalc.layers.sequence import numbers
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.layers.size import Size, total

_SIZE = Argument("", "size", "", default=None, positional=False)
_FLAG = Argument("", "flag", "", default=False, positional=False)
_ARGUMENTS: tuple[Argument, ...] = (
    HEADS,
    _SIZE._replace(name="ff", help="width of the perceptron; 4*features if left out"),
    KV,
    DIM,
    BIAS._replace(help="trained numbers added by every matrix and norm"),
    QKV_BIAS,
    _FLAG._replace(name="gated", help="multiply by a third matrix's outputs, as in SwiGLU"),
    _FLAG._replace(name="rms", help="norms by the root mean square, with a scale alone"),
    _SIZE._replace(name="experts", help="perceptrons from which a router chooses at each step"),
    _SIZE._replace(name="active", help="how many of them it chooses; 2 if left out"),
)


class _Block(AttendingLayer):
    """What encoder and decoder share: attentions, perceptrons, norms.

    Gated perceptrons: Shazeer, "GLU Variants Improve Transformer", 2020. RMS
    norm: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
    Experts: Jiang et al., "Mixtral of Experts", 2024.
    """

    arguments = _ARGUMENTS

    ff: Size | None
    gated: bool
    rms: bool
    experts: Size | None
    active: Size | None

    def check(self) -> None:
        super().check()
        experts, active = self.experts, self.at_work
        if experts is None and self.active is not None:
            raise LayerError(
                f"active={self.active} says how many experts work, but there are none",
                "Say how many there are, such as experts=8.",
            )
        if isinstance(experts, int) and isinstance(active, int) and active > experts:
            raise LayerError(
                f"active={active} is more than experts={experts}",
                f"Write active={experts}, or fewer.",
            )

    @property
    def at_work(self) -> Size:
        """Perceptrons that work on one step."""
        if self.experts is None:
            return 1
        return 2 if self.active is None else self.active

    def attentions(self, shape: Shape) -> dict[str, Heads]:
        """Its attentions by name."""
        return {"attention": self.attention(shape)}

    def perceptron(self, features: Size) -> Tensors:
        """The tensors of one perceptron."""
        width = self._width(features)
        matrices = {"up": (width, features), "down": (features, width)}
        if self.gated:
            matrices["gate"] = (width, features)
        tensors: Tensors = {f"{name}.weight": sizes for name, sizes in matrices.items()}
        if self.bias:
            tensors |= {f"{name}.bias": (rows,) for name, (rows, _) in matrices.items()}
        return tensors

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        features = shape.sizes[1]
        attentions = self.attentions(shape)
        tensors: Tensors = {}
        for name, heads in attentions.items():
            tensors |= {f"{name}.{key}": sizes for key, sizes in heads.tensors().items()}
        stacked: tuple[Size, ...] = ()
        if self.experts is not None:
            stacked = (self.experts,)
            tensors["router.weight"] = (self.experts, features)
        for key, sizes in self.perceptron(features).items():
            tensors[f"ff.{key}"] = (*stacked, *sizes)
        for number in range(1, len(attentions) + 2):
            tensors[f"norm{number}.weight"] = (features,)
            if self.bias and not self.rms:
                tensors[f"norm{number}.bias"] = (features,)
        return tensors

    def macs(self, shape: Shape, output: Shape) -> Size:
        time, features = shape.sizes
        matrices = {k: s for k, s in self.perceptron(features).items() if len(s) == 2}
        routed = features * (self.experts or 0)
        attended = total(heads.macs() for heads in self.attentions(shape).values())
        return attended + time * (self.at_work * numbers(matrices) + routed)

    def parts(self, shape: Shape, output: Shape) -> Parts:
        """Also the products of gated units, and those by the router's share for each expert.

        The norms' shift is part of normalisation; softmax is not an activation here.
        """
        time, features = shape.sizes
        working = time * self.at_work
        attentions = self.attentions(shape).values()
        biases = {k: s for k, s in self.perceptron(features).items() if len(s) == 1}
        parts: Parts = {
            "normalisation": (len(attentions) + 1) * time * features,
            "activation": working * self._width(features),
        }
        if self.gated:
            parts["gates"] = working * self._width(features)
        if self.experts is not None:
            parts["gates"] = parts.get("gates", 0) + working * features
        if biases:
            parts["bias"] = working * numbers(biases)
        for heads in attentions:
            for kind, count in heads.parts().items():
                parts[kind] = parts.get(kind, 0) + count
        return parts

    def activations(self, shape: Shape, output: Shape) -> Size:
        """Every value on the way, in the plain form that keeps the scores.

        At each step these are, beside those of the attentions, the outputs of
        each norm and of each skip; of each perceptron at work the widened
        values before and after the activation, with a gate also the other
        factor and the product, and its outputs; with experts the router's
        scores and probabilities, and the sum of the perceptrons.
        """
        time, features = shape.sizes
        attentions = self.attentions(shape).values()
        wide = (4 if self.gated else 2) * self._width(features)
        each = 2 * (len(attentions) + 1) * features + self.at_work * (wide + features)
        if self.experts is not None:
            each = each + 2 * self.experts + features
        return total(heads.activations() for heads in attentions) + time * each

    def idle(self, shape: Shape, convention: Convention) -> Size:
        if self.experts is None:
            return 0
        return (self.experts - self.at_work) * numbers(self.perceptron(shape.sizes[1]))

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size | None:
        attentions = self.attentions(shape).values()
        own = total(numbers(heads.tensors()) for heads in attentions)
        others = numbers(self.parameters(shape, convention)) - own
        return total(heads.unshared() for heads in attentions) + shape.sizes[0] * others

    def _width(self, features: Size) -> Size:
        return 4 * features if self.ff is None else self.ff


class Encoder(_Block):
    """Transformer encoder block: every step sees every other."""

    words = ("encoder",)
    example = "197x768 encoder:12,ff=3072"

    causal = False


class Decoder(_Block):
    """Transformer decoder block: no step sees those behind it.

    With a memory, a second attention looks from each step at an encoder's
    output. Cached for each token are the keys and values of the first
    attention; those of the memory are computed once and do not grow.
    """

    words = ("decoder",)
    arguments = (
        *_ARGUMENTS,
        Argument(
            "memory",
            "shape",
            "LENGTH or LENGTHxFEATURES of an encoder's output to look at",
            default=None,
            positional=False,
        ),
    )
    example = "128x4096 decoder:32,ff=11008,gated=yes,rms=yes,bias=no"

    memory: tuple[Size, ...] | None

    causal = True

    def check(self) -> None:
        super().check()
        if self.memory is not None and (len(self.memory) > 2 or -1 in self.memory):
            raise LayerError(
                f"memory is LENGTH or LENGTHxFEATURES, not {sizes_text(self.memory)}",
                "Such as memory=77 or memory=77x768.",
            )

    def attentions(self, shape: Shape) -> dict[str, Heads]:
        """The attention to itself, and ``cross`` to the memory."""
        attentions = super().attentions(shape)
        if self.memory is None:
            return attentions
        own = attentions["attention"]
        length, features = (*self.memory, own.features)[:2]
        cross = own._replace(length=length, memory=features, causal=False)
        return attentions | {"cross": cross}
