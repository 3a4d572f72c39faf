"""A net of ``dlcalc forward`` at work: compiled, filled, run forward and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlcalc.answers.counting import count, sums
from dlcalc.answers.forward_backward import Asked, Backward, Point
from dlcalc.answers.forward_backward import run as run_back
from dlcalc.answers.forward_data import Reading
from dlcalc.answers.forward_layers import Item, Laid, Ran, Setting, lay_out
from dlcalc.answers.forward_trace import disagreement, traced
from dlcalc.answers.forward_weights import Origin, Saved, fill
from dlcalc.nets.parser import Net
from dlcalc.nets.trace import Step
from dlcalc.numbers import Numbers
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array
    from dlcalc.engine.program import Program
    from dlcalc.formulas.layers.recurrent import Moment

RECURRENT = ("rnn", "lstm", "gru")
# Products in all the forward passes that a check of gradients makes, about.
_CHECKING = 100_000_000


class Run:
    """A net at work on DATA."""

    def __init__(self, net: Net, steps: tuple[Step, ...], read: Reading, setting: Setting) -> None:
        import numpy as np

        self.net, self.steps, self.read, self.setting = net, steps, read, setting
        self.sizes = tuple([size for size in read.shape.sizes if isinstance(size, int)])
        self.x = np.reshape(np.array(read.values, np.float64), (read.batch, *self.sizes))

    def _program(self, dtype: Any, *, backwards: bool) -> Program:
        from dlcalc.engine.program import Program

        return Program(
            self.net,
            self.sizes,
            batch=self.read.batch,
            layout=self.setting.layout,
            convention=self.setting.convention,
            dtype=dtype,
            training=self.setting.training,
            backwards=backwards,
            seed=self.seed,
        )

    def prepare(
        self,
        given: dict[str, Numbers],
        saved: Saved | None,
        seed: int | None,
        initialiser: str,
        flip: bool,
        backwards: bool,
    ) -> Origin:
        """Compile the net and fill its tensors; whence they come."""
        import numpy as np

        self.seed = seed or 0
        self.program = self._program(np.float64, backwards=backwards)
        initialiser = initialiser.replace("-", "_")
        origin = fill(self.program, given=given, saved=saved, seed=seed, initialiser=initialiser)
        if flip:
            for name in self._kernels():
                self._turn(self.program.tensors[name].value)
        return origin

    def _kernels(self) -> list[str]:
        """The weights of convolutions."""
        return [
            f"{name}.weight"
            for name, node, _ in self.program.trail
            if node.layer.words[0] == "conv"
        ]

    @staticmethod
    def _turn(kernel: Array) -> None:
        kernel[...] = kernel[
            (slice(None), slice(None), *[slice(None, None, -1)] * (kernel.ndim - 2))
        ].copy()

    def forward(self) -> tuple[list[Item], Array]:
        """Run it; every layer at work, and the output."""
        import numpy as np

        program = self.program
        program.input.data[...] = self.x
        self.draws = program.generator.bit_generator.state
        self.statistics = {name: array.copy() for name, array in program.statistics.items()}
        with np.errstate(all="ignore"):
            program.forward()
        trail = [Ran(name, node, value.data.copy()) for name, node, value in program.trail[::-1]]
        everything = {**self.tensors(), **program.starts}
        items, output = lay_out(self.steps, trail, self.x, everything, self.setting)
        return items, output

    def tensors(self) -> dict[str, Array]:
        """All tensors by name, kept ones as they were before the forward pass."""
        trained = {name: tensor.value for name, tensor in self.program.tensors.items()}
        return {**trained, **self.statistics}

    def _twin(self, dtype: Any) -> Program:
        twin = self._program(dtype, backwards=False)
        for name, array in self.program.starts.items():
            twin.starts[name][...] = array
        return twin

    def backward(self, wanted: Asked, output: Array, flip: bool) -> Backward:
        """All gradients, checked at this very point."""
        import numpy as np

        from dlcalc.engine.points import words

        products = sums(count(self.steps, self.setting.convention)).macs(("attention", "masked"))
        each = max(int(str(products)) * self.read.batch, 10_000)
        point = Point(
            self.program,
            self._twin,
            self.draws,
            self.statistics,
            self.setting.layout,
            words(self.net) is not None,
            max(min(_CHECKING // each, 4_000), 1),
        )
        with np.errstate(all="ignore"):
            found = run_back(wanted, point, output)
        for name in self._kernels() if flip else ():
            self._turn(found.gradients[name])
        return found

    def traces(self, items: list[Item]) -> dict[str, list[Moment]]:
        """The steps of every recurrent layer."""
        found = {}
        for item in items:
            if isinstance(item, Laid) and item.step.node.layer.words[0] in RECURRENT:
                found[item.name] = traced(item)
        return found

    def trace_findings(
        self, items: list[Item], traces: Mapping[str, list[Moment]]
    ) -> list[Finding]:
        """What of the steps is not what the engine made."""
        wrong = [
            disagreement(item, traces[item.name])
            for item in items
            if isinstance(item, Laid) and item.name in traces
        ]
        return [Finding("the steps", False, text) for text in wrong if text]
