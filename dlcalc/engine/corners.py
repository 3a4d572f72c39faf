"""What the engine takes for the derivative at the kinks of activations, and whether it may."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.program import Program

#: Where each activation of one value has its kinks.
_KINKS: dict[str, tuple[float, ...]] = {
    "relu": (0.0,),
    "relu6": (0.0, 6.0),
    "leaky_relu": (0.0,),
    "prelu": (0.0,),
    "elu": (0.0,),
    "selu": (0.0,),
    "hardsigmoid": (-3.0, 3.0),
    "hardswish": (-3.0, 3.0),
    "hardtanh": (-1.0, 1.0),
    "softsign": (0.0,),
}
_STEP = 1e-6


class Corner(NamedTuple):
    """A kink: the derivatives on its two sides, and the one that the engine takes there."""

    layer: str
    at: float
    left: float
    right: float
    taken: float

    @property
    def allowed(self) -> bool:
        """Whether what is taken lies between the sides."""
        low, high = sorted((self.left, self.right))
        return low - 10 * _STEP <= self.taken <= high + 10 * _STEP

    def __str__(self) -> str:
        return (
            f"{self.layer} at {self.at:g}: {self.left:.4g} on the left, {self.right:.4g} on the "
            f"right, the engine takes {self.taken:.4g}"
        )


def corners(program: Program, settings: dict[str, Any]) -> list[Corner]:
    """The kinks of a net's activations; the first layer of each kind and setting alone."""
    found, seen = [], set()
    for _, node, value in program.trail:
        kinks = _KINKS.get(node.layer.words[0], ())
        if node.text in seen or not kinks:
            continue
        seen.add(node.text)
        alone = Program((node,), value.data.shape[1:], dtype=np.float64, **settings)
        alone.parameters.fill(0.25)
        for at in kinks:
            left, here, right = (_at(alone, at + shift) for shift in (-_STEP, 0.0, _STEP))
            _at(alone, at)
            alone.output.cotangent.fill(1.0)
            alone.backward()
            taken = float(alone.input.cotangent.flat[0])
            found.append(
                Corner(node.text, at, (here - left) / _STEP, (right - here) / _STEP, taken)
            )
    return found


def _at(program: Program, value: float) -> float:
    program.input.data.fill(value)
    return float(program.forward().flat[0])
