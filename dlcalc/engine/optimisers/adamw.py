"""AdamW: Adam, and weights that shrink by themselves."""

from __future__ import annotations

from typing import ClassVar

from dlcalc.engine.optimisers.adam import Adam
from dlcalc.engine.optimisers.base import Array, Setting
from dlcalc.engine.regularisers import DecoupledDecay


class AdamW(Adam):
    """w *= 1 - rate * weight_decay, then a step of Adam.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019;
    torch.optim.AdamW, which decays biases and norms as well unless they are grouped:
    here ``decayed`` says where.
    """

    words = ("adamw",)
    settings: ClassVar[tuple[Setting, ...]] = (
        *Adam.settings,
        Setting("weight_decay", 1e-2, "share of the weights lost at each step, times the rate"),
    )

    weight_decay: float

    def prepare(self) -> None:
        """Adam's sums, and the decay."""
        super().prepare()
        self._decay = DecoupledDecay(self.parameters, self.weight_decay, self.decayed)

    def step(self, gradient: Array, rate: float) -> None:
        """One call more than Adam where the rate stays, two where it changes."""
        if self.weight_decay:
            self._decay.before_step(rate)
        super().step(gradient, rate)
