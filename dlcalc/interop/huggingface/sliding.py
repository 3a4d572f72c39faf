"""Blocks in which a step sees no further back than a window.

Beltagy, Peters and Cohan, "Longformer: The Long-Document Transformer", 2020;
Jiang et al., "Mistral 7B", 2023. The parameters are those of the block without
one. The library computes all scores and hides those outside, so these are
counted as masked.
"""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.attention import AttendingLayer, Attention
from dlcalc.layers.base import Parts
from dlcalc.layers.shape import Shape
from dlcalc.layers.transformer import Decoder

WINDOW = Argument("window", "count", "steps that each sees, itself included", positional=False)


class _Sliding(AttendingLayer):
    window: int

    def parts(self, shape: Shape, output: Shape) -> Parts:
        """As without a window, but the products outside it are masked."""
        parts = super().parts(shape, output)
        heads = self.attention(shape)
        if not isinstance(heads.time, int):
            raise LayerError(
                f"what a window of {self.window} hides depends on how many tokens there are",
                "Give their number in place of a letter.",
            )
        whole = parts["attention"] + parts.get("masked", 0)
        window = min(self.window, heads.time)
        # The first steps see themselves and all before: 1, 2 to window; the others a whole window.
        pairs = window * (window + 1) // 2 + (heads.time - window) * window
        kept = 2 * pairs * heads.heads * heads.dim
        return parts | {"attention": kept, "masked": whole - kept}


class SlidingAttention(_Sliding, Attention):
    """Causal attention within a window."""

    words = ("slidingattention",)
    arguments = (*Attention.arguments, WINDOW)  # type: ignore[assignment]


class SlidingDecoder(_Sliding, Decoder):
    """Transformer decoder block whose attention sees no further back than a window."""

    words = ("slidingdecoder",)
    arguments = (*Decoder.arguments, WINDOW)
