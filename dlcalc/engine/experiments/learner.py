"""A net, its loss and its optimiser in one object, for experiments of a few lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlcalc.engine.initialisers import initialise
from dlcalc.engine.losses import Criterion
from dlcalc.engine.operation import Array
from dlcalc.engine.optimisers.registry import make
from dlcalc.engine.program import Program
from dlcalc.engine.regularisers import ElasticNet
from dlcalc.engine.roles import weights
from dlcalc.errors import Source
from dlcalc.nets.parser import Net, parse


def read(net: str) -> Net:
    """The net of a text in the notation, without its input."""
    return parse(Source(net), files=False).net


class Learner:
    """Fits a net to arrays of examples; everything random comes from the seed.

    ``inputs`` are (examples, *sizes); ``targets`` as the loss takes them: numbers of the
    output's sizes, or classes.

    >>> x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> learner = Learner("dense:8 tanh dense:1", x, np.array([[0.0], [1], [1], [0]]), rate=0.05)
    >>> learner.fit(300).loss(x, learner.targets) < 0.01
    True
    """

    def __init__(
        self,
        net: str,
        inputs: Array,
        targets: Array,
        *,
        loss: str = "mse",
        optimizer: str = "adam",
        rate: float = 0.01,
        batch: int = 0,
        initialiser: str = "default",
        l1: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        dtype: Any = np.float64,
        **settings: float,
    ) -> None:
        self.net, self.inputs, self.targets = read(net), inputs, targets
        self.loss_name, self.rate, self.seed = loss, rate, seed
        self.batch = min(batch or len(inputs), len(inputs))
        self.program = Program(
            self.net,
            inputs.shape[1:],
            batch=self.batch,
            dtype=dtype,
            training=True,
            input_cotangent=False,
            seed=seed,
        )
        self.draw = np.random.default_rng([seed, 7])
        initialise(self.program, np.random.default_rng([seed, 3]), initialiser)
        self.criterion = Criterion(loss, self.program.output)
        mask = weights(self.program.tensors)
        self.penalty = ElasticNet(self.program.parameters, l1, l2, mask) if l1 or l2 else None
        self.optimiser = make(optimizer, self.program.parameters, decayed=mask, **settings)
        #: The loss of every step.
        self.losses: list[float] = []
        self._judges: dict[int, Program] = {}

    def gradient(self, chosen: Array | None = None) -> Array:
        """The gradient on some examples (all of a batch's size), as one flat vector."""
        program = self.program
        rows = np.arange(self.batch) if chosen is None else chosen
        program.input.data[...] = self.inputs[rows]
        self.criterion.target[...] = self.targets[rows]
        program.forward()
        self.losses.append(float(self.criterion.forward()))
        self.criterion.backward()
        return program.backward()

    def fit(self, steps: int) -> Learner:
        """So many steps, each on the next examples of an order drawn for every epoch."""
        count, order = len(self.inputs), np.zeros(0, int)
        for _ in range(steps):
            if len(order) < self.batch:
                order = self.draw.permutation(count) if self.batch < count else np.arange(count)
            gradient = self.gradient(order[: self.batch])
            order = order[self.batch :]
            if self.penalty is not None:
                self.penalty.on_gradient(gradient)
                self.penalty.before_step(self.rate)
            self.optimiser.step(gradient, self.rate)
            if self.penalty is not None:
                self.penalty.after_step(self.rate)
        return self

    def outputs(self, inputs: Array, *, training: bool = False) -> Array:
        """What the net gives for other examples, in evaluation mode unless ``training``."""
        key = len(inputs) * 2 + training
        if key not in self._judges:
            self._judges[key] = Program(
                self.net,
                inputs.shape[1:],
                batch=len(inputs),
                dtype=self.program.dtype,
                training=training,
                backwards=False,
                seed=self.seed,
            )
        judge = self._judges[key]
        judge.parameters[...] = self.program.parameters
        for name, kept in self.program.statistics.items():
            judge.statistics[name][...] = kept
        judge.input.data[...] = inputs
        return judge.forward().copy()

    def loss(self, inputs: Array, targets: Array) -> float:
        """The loss on other examples: of classes the mean negative log-likelihood."""
        from dlcalc.engine.operation import Value

        outputs = self.outputs(inputs)
        criterion = Criterion(self.loss_name, Value(outputs, None))
        criterion.target[...] = targets
        return float(criterion.forward())

    def accuracy(self, inputs: Array, targets: Array) -> float:
        """The share of classes that are right: the largest output, or the sign of a logit."""
        outputs = self.outputs(inputs)
        if outputs.shape[-1] == 1:
            return float(np.mean((outputs > 0) == (targets > 0.5)))
        return float(np.mean(outputs.argmax(axis=-1) == targets))

    def weight(self, name: str) -> Array:
        """A tensor by its name, such as dense1.weight: what is written there is learnt on."""
        return self.program.tensors[name].value
