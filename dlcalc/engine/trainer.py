"""Training: minibatches, forward, loss, backward, clip, regularise, step; over and over.

An epoch goes once through the examples in an order of its own; its last batch is filled
up from the beginning of that order, so that all batches have one size. Everything random
comes from the seed, and everything that the next step depends on is in `Trainer.state`.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.aim import Aim
from dlcalc.engine.clipping import clip_by_norm, clip_by_value, norm_of
from dlcalc.engine.criterion import Criterion
from dlcalc.engine.divergence import Divergence, explain
from dlcalc.engine.evaluation import Evaluation
from dlcalc.engine.initialisers import initialise
from dlcalc.engine.operation import Array
from dlcalc.engine.optimisers.registry import make
from dlcalc.engine.program import Program
from dlcalc.engine.regularisers import DecoupledDecay, ElasticNet, MaxNorm, Regulariser
from dlcalc.engine.roles import weights
from dlcalc.engine.schedules import Cosine, ReduceOnPlateau, Schedule, Steps, WarmUp
from dlcalc.engine.stopping import EarlyStopping
from dlcalc.engine.tasks.task import Data
from dlcalc.errors import InputError, abridged
from dlcalc.nets.parser import Net

# A loss so many times the first one (or 1) has run away and does not come back.
_RUNAWAY = 1e5
_REMEMBERED = 5
# What is drawn for one purpose must not repeat what is drawn for another (tasks have 1 and 2).
_INITIAL, _ORDER = 3, 4


class Settings(NamedTuple):
    """How to train; ``batch`` 0 is all examples at once, ``patience`` 0 is no early stopping."""

    optimizer: str = "adam"
    rate: float = 0.01
    momentum: float | None = None
    batch: int = 32
    epochs: int = 30
    l1: float = 0.0
    l2: float = 0.0
    proximal: bool = False
    decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    schedule: str = "constant"
    initialiser: str = "default"
    patience: int = 0
    dtype: str = "float64"
    seed: int = 0
    forget_bias: float = 1.0
    max_norm: float | None = None


class Epoch(NamedTuple):
    """What one epoch came to: its batches' mean loss, and loss and metric behind it.

    ``validation`` is the loss of the examples held out, None if there are none.
    """

    number: int
    loss: float
    validation: float | None
    metric: float


class Trainer:
    """A net at its training. `run` goes on until it is done, diverged, or asked to stop."""

    def __init__(
        self,
        net: Net,
        training: Data,
        held_out: Data | None,
        aim: Aim,
        settings: Settings,
        scale: float = 1.0,
        derive: Callable[[Program, Criterion], Callable[[], None]] | None = None,
    ) -> None:
        _check(settings)
        self.net, self.aim, self.settings, self.scale = net, aim, settings, scale
        self.training, self.held_out = training, held_out
        count = len(training.inputs)
        batch = min(settings.batch or count, count)
        self.steps_each = -(-count // batch)
        self.program = Program(
            net,
            training.inputs.shape[1:],
            batch=batch,
            dtype=settings.dtype,
            training=True,
            input_cotangent=False,
            seed=settings.seed,
        )
        initialise(
            self.program,
            self._source(_INITIAL),
            settings.initialiser,
            forget_bias=settings.forget_bias,
        )
        self._draw = self._source(_ORDER)
        self._inputs = training.inputs.astype(self.program.dtype, copy=False)
        self._targets = aim.encoded(training.targets, self.program.dtype)
        self.criterion = aim.criterion(self.program.output)
        # Another way to write the gradient than the program's own backward pass.
        self._write_gradient = derive(self.program, self.criterion) if derive else self._backward
        self.whole = batch == count
        self.order = np.arange(batch * self.steps_each) % count
        self.criterion.set_target(self._targets[self.order[:batch]])
        self._load(self.order[:batch])
        self._optimise(settings)
        self.schedule = schedule(settings.schedule, settings.rate, settings.epochs)
        self.judge = Evaluation(net, self.program, held_out or training, aim, scale)
        arrays = {"parameters": self.program.parameters, **self.program.statistics}
        self.stopping = EarlyStopping(arrays, settings.patience) if settings.patience else None
        self.step = self.epoch = self.position = 0
        self.stopped_early = False
        self.history: list[Epoch] = []
        self.divergence: Divergence | None = None
        self._sum, self._first = 0.0, math.nan
        self._limit = math.inf
        self._norms: deque[float] = deque(maxlen=_REMEMBERED)

    def _source(self, purpose: int) -> np.random.Generator:
        sequence = np.random.SeedSequence(self.settings.seed, spawn_key=(purpose,))
        return np.random.Generator(np.random.PCG64(sequence))

    def _optimise(self, settings: Settings) -> None:
        parameters, mask = self.program.parameters, weights(self.program.tensors)
        values = {} if settings.momentum is None else {"momentum": settings.momentum}
        self.regularisers: list[Regulariser] = []
        if settings.l1 or settings.l2:
            self.regularisers.append(
                ElasticNet(parameters, settings.l1, settings.l2, mask, proximal=settings.proximal)
            )
        if settings.optimizer == "adamw":
            values["weight_decay"] = settings.decay
        elif settings.decay:
            self.regularisers.append(DecoupledDecay(parameters, settings.decay, mask))
        if settings.max_norm is not None:
            self.regularisers.append(MaxNorm(self.program.tensors, settings.max_norm))
        self.optimiser = make(settings.optimizer, parameters, decayed=mask, **values)

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        finished = self.epoch >= self.settings.epochs
        return finished or self.stopped_early or self.divergence is not None

    def run(
        self,
        after_step: Callable[[], bool] | None = None,
        after_epoch: Callable[[], None] | None = None,
    ) -> bool:
        """Train on; say whether it came to its end: ``after_step`` asks to stop by True."""
        # Overflow is looked for in the numbers, not warned of.
        with np.errstate(all="ignore"):
            while not self.done:
                if self.position == 0:
                    self._shuffle()
                self._one_step()
                if self.divergence is None and self.position == self.steps_each:
                    self._end_epoch()
                    if after_epoch is not None and self.divergence is None:
                        after_epoch()
                if self.divergence is None and after_step is not None and after_step():
                    return self.done
        return True

    def finish(self) -> None:
        """Put back the best numbers, if early stopping kept them."""
        if self.stopping is not None and self.history:
            self.stopping.restore_best()

    def _shuffle(self) -> None:
        self._sum = 0.0
        if not self.whole:
            count = len(self._inputs)
            drawn = self._draw.permutation(count)
            self.order[:count] = drawn
            self.order[count:] = drawn[: self.order.size - count]

    def _load(self, chosen: Array) -> None:
        np.take(self._inputs, chosen, axis=0, out=self.program.input.data, mode="clip")
        np.take(self._targets, chosen, axis=0, out=self.criterion.target, mode="clip")

    def _one_step(self) -> None:
        program, settings = self.program, self.settings
        if not self.whole:
            first = self.position * program.batch
            self._load(self.order[first : first + program.batch])
        program.forward()
        loss = float(self.criterion.forward())
        self._write_gradient()
        gradient = program.gradient
        squares = float(np.dot(gradient, gradient))
        self.step += 1
        self.position += 1
        if self.step == 1:
            self._first, self._limit = loss, _RUNAWAY * max(loss, 1.0)
        if not (loss <= self._limit and squares < math.inf) and self._diverged(loss):
            return
        self._norms.append(math.sqrt(squares) if squares < math.inf else norm_of(gradient))
        self._sum += loss
        if settings.clip_value is not None:
            clip_by_value(gradient, settings.clip_value)
        if settings.clip_norm is not None:
            clip_by_norm(gradient, settings.clip_norm)
        rate = self.schedule.rate(self.epoch)
        for each in self.regularisers:
            each.on_gradient(gradient)
            each.before_step(rate)
        self.optimiser.step(gradient, rate)
        for each in self.regularisers:
            each.after_step(rate)

    def _backward(self) -> None:
        self.criterion.backward()
        self.program.backward()

    def _diverged(self, loss: float) -> bool:
        # In single precision squares overflow long before the gradient does.
        if loss <= self._limit and math.isfinite(norm_of(self.program.gradient)):
            return False
        self._explain(loss)
        return True

    def _explain(self, loss: float) -> None:
        settings = self.settings
        self.divergence = explain(
            self.program,
            loss,
            self._first,
            step=self.step,
            epoch=self.epoch + 1,
            norms=tuple(self._norms),
            rate=self.schedule.rate(self.epoch),
            clipped=settings.clip_norm is not None or settings.clip_value is not None,
        )

    def _end_epoch(self) -> None:
        loss, metric = self.judge()
        if not math.isfinite(loss):
            self.program.forward()
            self._explain(loss)
            return
        mean = self._sum / self.steps_each
        validation = None if self.held_out is None else loss
        self.position = 0
        self.epoch += 1
        self.history.append(Epoch(self.epoch, mean, validation, metric))
        self.schedule.observe(loss)
        if self.stopping is not None and self.stopping.observe(loss, self.epoch):
            self.stopped_early = True

    @property
    def state(self) -> dict[str, Array]:
        """All that the next step depends on, as copies; text holds JSON."""
        numbers = {
            "step": self.step,
            "epoch": self.epoch,
            "position": self.position,
            "sum": self._sum,
            "first": self._first,
            "stopped_early": self.stopped_early,
            "norms": list(self._norms),
            "schedule": self.schedule.state,
            "draws": self._draw.bit_generator.state,
            "dropout": self.program.generator.bit_generator.state,
            "history": [list(each) for each in self.history],
        }
        state = {"progress": np.array(json.dumps(numbers)), "order": self.order}
        state["parameters"] = self.program.parameters
        state |= {f"statistics.{n}": array for n, array in self.program.statistics.items()}
        state |= {f"optimiser.{n}": array for n, array in self.optimiser.state.items()}
        if self.stopping is not None:
            state |= {f"stopping.{n}": array for n, array in self.stopping.state.items()}
        return {name: array.copy() for name, array in state.items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take up a saved state. Raises `InputError` if it is not one of this training."""
        own = self.state
        for name, array in own.items():
            given = state.get(name)
            fits = given is not None and given.dtype.kind == array.dtype.kind
            if not fits or (name != "progress" and _form(state[name]) != _form(array)):
                raise InputError(
                    f"what was saved does not fit this training: {abridged(name)} is "
                    + ("another" if name in state else "missing"),
                    mend="Resume with the task, net and settings that it was saved with.",
                )
        np.copyto(self.program.parameters, state["parameters"])
        np.copyto(self.order, state["order"])
        if self.order.min() < 0 or self.order.max() >= len(self._inputs):
            raise InputError("what was saved orders examples that there are not")
        for name, kept in self.program.statistics.items():
            np.copyto(kept, state[f"statistics.{name}"])
        self.optimiser.restore(_under("optimiser.", state))
        if self.stopping is not None:
            self.stopping.restore(_under("stopping.", state))
        try:
            self._restore_progress(json.loads(str(state["progress"])))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise InputError("the progress that was saved cannot be read") from error

    def _restore_progress(self, numbers: dict[str, Any]) -> None:
        self.step, self.epoch = int(numbers["step"]), int(numbers["epoch"])
        self.position = int(numbers["position"])
        if not (0 <= self.position < self.steps_each and 0 <= self.epoch <= self.step):
            raise ValueError
        self._sum, self._first = float(numbers["sum"]), float(numbers["first"])
        self._limit = _RUNAWAY * max(self._first, 1.0) if self.step else math.inf
        self._norms.extend(float(norm) for norm in numbers["norms"])
        self.schedule.restore(numbers["schedule"])
        self._draw.bit_generator.state = numbers["draws"]
        self.program.generator.bit_generator.state = numbers["dropout"]
        self.history = [_epoch(*each) for each in numbers["history"]]
        if len(self.history) != self.epoch:
            raise ValueError
        # A run that stopped early is over, unless it may wait longer now.
        self.stopped_early = bool(numbers["stopped_early"])


def _epoch(number: int, loss: float, validation: float | None, metric: float) -> Epoch:
    held = None if validation is None else float(validation)
    return Epoch(int(number), float(loss), held, float(metric))


def _form(array: Array) -> tuple[object, ...]:
    return array.shape, array.dtype


def _under(prefix: str, state: Mapping[str, Array]) -> dict[str, Array]:
    return {n.removeprefix(prefix): array for n, array in state.items() if n.startswith(prefix)}


def _check(settings: Settings) -> None:
    for name, value, low in (("epochs", settings.epochs, 1), ("batch", settings.batch, 0)):
        if not low <= value <= 10_000_000:
            raise InputError(f"{name} must be {low} to 10,000,000, not {value:,}")
    for name in ("clip_norm", "clip_value", "max_norm"):
        limit = getattr(settings, name)
        if limit is not None and not 0 < limit < math.inf:
            raise InputError(f"--{name.replace('_', '-')} must be above 0, not {limit:g}")
    if not 0 < settings.rate < math.inf:
        raise InputError(f"the learning rate must be above 0, not {settings.rate:g}")
    if not math.isfinite(settings.forget_bias):
        raise InputError(f"--forget-bias must be a number, not {settings.forget_bias:g}")
    for name in ("l1", "l2", "decay"):
        if not 0 <= getattr(settings, name) < math.inf:
            raise InputError(f"--{name} must be at least 0, not {getattr(settings, name):g}")


def schedule(text: str, rate: float, epochs: int) -> Schedule:
    """The schedule over epochs that a text names. Raises `InputError` if it names none.

    >>> plan = schedule("warmup:3+cosine", 0.1, 13)
    >>> [round(plan.rate(epoch), 3) for epoch in (0, 3, 8, 13)]
    [0.025, 0.1, 0.05, 0.0]
    """
    warm, plus, rest = text.partition("+")
    if warm.startswith("warmup:"):
        (length,) = _numbers(text, warm.partition(":")[2], 1)
        return WarmUp(
            int(length), schedule(rest if plus else "constant", rate, epochs - int(length))
        )
    kind, _, written = text.partition(":")
    if text == "constant":
        return Schedule(rate)
    if text == "cosine":
        return Cosine(rate, max(epochs, 1))
    if kind == "steps" and written:
        every, *factor = _numbers(text, written, 2)
        return Steps(rate, int(every), *factor)
    if kind == "plateau":
        patience, *factor = _numbers(text, written or "10", 2)
        return ReduceOnPlateau(rate, factor[0] if factor else 0.1, int(patience))
    raise _no_schedule(text)


def _numbers(text: str, written: str, most: int) -> list[float]:
    """A whole number, then perhaps others."""
    first, *others = written.split(",")
    if not (first.isascii() and first.isdigit() and len(first) < 9) or len(others) >= most:
        raise _no_schedule(text)
    try:
        return [int(first), *map(float, others)]
    except ValueError:
        raise _no_schedule(text) from None


def _no_schedule(text: str) -> InputError:
    return InputError(
        f"{abridged(text)} is not a schedule",
        mend="Write constant, cosine, steps:30,0.1, plateau:10,0.1 or warmup:5+cosine.",
    )
