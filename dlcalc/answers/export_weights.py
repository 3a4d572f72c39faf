"""``dlcalc export --weights``: a file of numbers, held against the net that is exported."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from dlcalc.answers import counting
from dlcalc.answers.forward_weights import Saved, load
from dlcalc.answers.train_net import toy_net
from dlcalc.errors import InputError, abridged
from dlcalc.interop.write.targets import Scale, Weights
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.nets.parser import Net

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array
    from dlcalc.nets.trace import Step

#: Longer names of columns are cut.
_LONGEST = 60
Sizes = Mapping[str, tuple[int, ...]]
#: What no output depends on, so that a file may lack it.
_IDLE = "num_batches_tracked"


class Numbers:
    """A file of numbers, read: its tensors' sizes, and the net if it is a saved training's."""

    def __init__(self, path: str) -> None:
        self.saved: Saved = load(path)
        self.name = abridged(path, 60)
        for key, array in self.saved.tensors.items():
            self._refuse_dtype(key, array)
        self.net: tuple[Shape, Net] | None = None
        self.trained: Sizes = {}
        if self.saved.flat is not None:
            self._training(self.saved.flat)

    def _training(self, flat: Array) -> None:
        """The net of a saved training, and what its flat parameters are."""
        start, _, text = self.saved.net.partition(" ")
        toy = toy_net(start, text, files=False)
        self._refuse_dtype("parameters", flat)
        if flat.ndim != 1 or flat.size != toy.parameters:
            raise InputError(
                f"{self.name} holds {flat.size:,} parameters, but its net, "
                f"{abridged(self.saved.net)}, has {toy.parameters:,}"
            )
        from dlcalc.engine.program import Program

        program = Program(toy.net, toy.sizes, backwards=False, capacity=toy.parameters)
        self.net = toy.start, toy.net
        self.trained = {name: tensor.value.shape for name, tensor in program.tensors.items()}

    def held_against(self, steps: tuple[Step, ...]) -> Weights:
        """What a writer is told. Raises `InputError` at the first tensor that is not the net's."""
        found = {name: array.shape for name, array in self.saved.tensors.items()}
        wanted, buffers = _tensors(steps)
        self._compare({**self.trained, **found}, wanted, buffers)
        flat = self.saved.flat is not None
        trained = self.trained if flat else {name: wanted[name] for name in wanted}
        kept = {name: sizes for name, sizes in buffers.items() if name in found}
        inputs, targets = self._scales(steps)
        features = steps[0].input.sizes[-1] if inputs else 0
        return Weights(
            self.saved.path,
            trained,
            kept,
            flat,
            _loss(self.saved.loss),
            self.saved.scaled,
            inputs,
            targets,
            self._names("columns", features),
            self._names("classes", steps[-1].output.sizes[-1]) if inputs else (),
        )

    def _compare(self, found: Sizes, wanted: Sizes, buffers: Sizes) -> None:
        every = {**wanted, **buffers}
        for name, sizes in every.items():
            if name not in found and not name.endswith(_IDLE):
                raise InputError(
                    f"{self.name} has no tensor {abridged(name)}, which in the net is "
                    f"{_shown(sizes)}",
                    mend=_others(found, every),
                )
            if name in found and found[name] != sizes:
                raise InputError(
                    f"{abridged(name)} is {_shown(found[name])} in {self.name}, but "
                    f"{_shown(sizes)} in the net"
                )
        for name, sizes in found.items():
            if name not in every:
                raise InputError(
                    f"{self.name} has a tensor {abridged(name)} of {_shown(sizes)}, "
                    "which the net has not"
                )

    def _refuse_dtype(self, key: str, array: Array) -> None:
        kind = array.dtype
        if kind.kind not in "fiub" or kind.itemsize > 8 or not kind.isnative:
            raise InputError(f"{self.name}: {abridged(key)} holds {kind}, which is not exported")

    def _scales(self, steps: tuple[Step, ...]) -> tuple[Scale | None, Scale | None]:
        """How a training on a table scaled it, where its file says so."""
        scales = self.saved.scales
        if not self.saved.scaled or scales is None:
            return None, None
        features = steps[0].input.sizes[-1]
        numbers = steps[-1].output.sizes[-1]
        inputs = self._scale(scales.get("inputs"), features)
        given = scales.get("targets")
        return inputs, None if given is None else self._scale(given, numbers)

    def _names(self, of: str, count: object) -> tuple[str, ...]:
        """The names of columns or classes, where the file has as many; one output is of two."""
        found = (self.saved.scales or {}).get(of)
        if not isinstance(found, list) or len(found) not in (count, 2 if count == 1 else count):
            return ()
        return tuple(abridged(str(name), _LONGEST) for name in found)

    def _scale(self, given: Any, count: object) -> Scale:
        try:
            mean, deviation = (tuple(map(float, given[key])) for key in ("mean", "deviation"))
        except (TypeError, KeyError, ValueError, OverflowError):
            mean, deviation = (), ()
        lengths = {len(mean), len(deviation)}
        if lengths != {count} or not all(map(isfinite, mean + deviation)) or 0 in deviation:
            raise InputError(f"{self.name} is a training whose means and deviations are no numbers")
        return Scale(mean, deviation)


def _tensors(steps: tuple[Step, ...]) -> tuple[Sizes, Sizes]:
    """The tensors of a net by name, trained and kept."""
    trained: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for layer in counting.walk(counting.count(steps, TORCH)):
        trained |= layer.tensors
        kept |= layer.buffers
    return trained, kept


def _loss(text: str) -> str:
    """The loss of a training, or nothing where its number is none."""
    try:
        return text if isfinite(float(text.partition(":")[2] or "0")) else ""
    except ValueError:
        return ""


def _shown(sizes: tuple[int, ...]) -> str:
    return sizes_text(sizes) if sizes else "a single number"


def _others(found: Sizes, every: Sizes) -> str:
    """What the file has instead, if it has anything that the net has not."""
    more = [name for name in found if name not in every]
    return f"It has {abridged(more[0])} instead." if more else ""
