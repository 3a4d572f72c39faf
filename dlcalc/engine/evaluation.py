"""A net that is being trained, judged on examples as it stands."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.aim import Aim
from dlcalc.engine.operation import Array, Value
from dlcalc.engine.program import Program
from dlcalc.engine.tasks.task import Data
from dlcalc.nets.parser import Net

# So many examples run at once.
_CHUNK = 256


class Evaluation:
    """A program without backward pass, and the loss of all examples at once.

    Dropout is off and norms take their running statistics.
    """

    def __init__(self, net: Net, source: Program, data: Data, aim: Aim, scale: float) -> None:
        """For a net trained as ``source``; ``scale`` is what numbers were divided by."""
        count = len(data.inputs)
        dtype = source.dtype
        self.source, self.aim, self.scale = source, aim, scale
        self.targets = data.targets
        self._inputs = data.inputs.astype(dtype, copy=False)
        self.program = Program(
            net,
            data.inputs.shape[1:],
            batch=min(count, _CHUNK),
            dtype=dtype,
            backwards=False,
            capacity=max(source.parameters.size, 1),
        )
        self.outputs: Array = np.zeros((count, *self.program.output.data.shape[1:]), dtype)
        self._criterion = aim.criterion(Value(self.outputs, None))
        self._criterion.set_target(aim.encoded(data.targets, dtype))

    def __call__(self) -> tuple[float, float]:
        """Loss and metric now."""
        program, batch, count = self.program, self.program.batch, len(self._inputs)
        np.copyto(program.parameters, self.source.parameters)
        for name, kept in self.source.statistics.items():
            np.copyto(program.statistics[name], kept)
        for first in range(0, count, batch):
            # The last part is as long as the others, and begins where it must.
            first = min(first, count - batch)
            np.copyto(program.input.data, self._inputs[first : first + batch])
            self.outputs[first : first + batch] = program.forward()
        loss = float(self._criterion.forward())
        metric = self.aim.measured(self.outputs, self.targets)
        return loss, metric * (self.scale if self.aim.kind == "numbers" else 1.0)
