"""Deep stacks of equal layers, run once forwards and once back: what reaches which layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlcalc.engine.experiments.learner import read
from dlcalc.engine.initialisers import initialise
from dlcalc.engine.operation import Array
from dlcalc.engine.program import Program


class Stack:
    """``depth`` dense layers from ``width`` to ``width``, and the same block behind each.

    ``block`` is in the notation and ends with an activation: ``sigmoid``, ``bn relu``.
    ``end`` stands in its place behind the last dense layer.

    >>> stack = Stack("tanh", depth=3, width=8).run(np.random.default_rng(0))
    >>> stack.gradients().shape
    (3,)
    """

    def __init__(
        self,
        block: str,
        *,
        end: str = "",
        depth: int = 20,
        width: int = 64,
        batch: int = 64,
        training: bool = True,
        dtype: Any = np.float64,
    ) -> None:
        first = f"{depth - 1}*[dense:{width} {block}] " if depth > 1 else ""
        self.program = Program(
            read(f"{first}dense:{width} {end or block}"),
            (width,),
            batch=batch,
            dtype=dtype,
            training=training,
            input_cotangent=False,
        )
        self._weights = [t for name, t in self.program.tensors.items() if _is_dense(name)]
        self._sums = [v for name, _, v in self.program.trail if name.startswith("dense")]
        trail = self.program.trail
        self._inputs = [
            trail[index - 1][2]
            for index, (_, node, _) in enumerate(trail)
            if node.layer.words[0] not in ("dense", "bn")
        ]

    def run(
        self,
        random: np.random.Generator,
        *,
        how: str = "lecun_normal",
        scale: float = 1.0,
        size: float = 1.0,
        noise: float = 0.0,
        bias: float = 0.0,
    ) -> Stack:
        """Run both ways with weights, inputs of a ``size`` with ``noise``, and a cotangent drawn.

        ``scale`` is the initialiser's gain: 1 with lecun_normal is a deviation of 1/sqrt(width).
        """
        program = self.program
        initialise(program, random, how, scale=scale)
        for name, tensor in program.tensors.items():
            if name.startswith("dense") and name.endswith("bias"):
                tensor.value[...] = bias
        program.input.data[...] = size * random.normal(size=program.input.data.shape)
        program.output.cotangent[...] = random.normal(size=program.output.data.shape)
        if noise:
            program.input.data[...] += noise * random.normal(size=program.input.data.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            program.forward()
            program.backward()
        return self

    def gradients(self) -> Array:
        """The norm of the gradient by the weights of each layer, the first layer first."""
        return np.array([np.linalg.norm(tensor.gradient) for tensor in self._weights])

    def deviations(self) -> Array:
        """How far examples are apart behind each dense layer: their deviation, over its units."""
        return np.array([value.data.std(axis=0).mean() for value in self._sums])

    def into(self, layer: int) -> Array:
        """What comes into the activation of a layer, counted from 0: (batch, width)."""
        found: Array = self._inputs[layer].data
        return found


def _is_dense(name: str) -> bool:
    return name.startswith("dense") and name.endswith("weight")
