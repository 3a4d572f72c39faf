"""The tensors of ``dlcalc forward``: from a file, one by one, or drawn; and which is which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.answers.forward_data import fitted, numbers
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.layers.shape import sizes_text
from dlcalc.numbers import Numbers

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array
    from dlcalc.engine.program import Program

#: Tensors beyond this are counted rather than named in a message.
NAMED = 8


class Origin(NamedTuple):
    """Where the tensors came from: by --set, from a file, or drawn by an initialiser."""

    given: tuple[str, ...]
    loaded: tuple[str, ...]
    drawn: tuple[str, ...]
    file: str = ""
    initialiser: str = "default"
    seed: int = 0

    def rows(self) -> list[str]:
        """A sentence for each origin, where there is more than one or something was drawn."""
        found = []
        if self.given and (self.loaded or self.drawn):
            found.append(f"as set: {listed(self.given)}")
        if self.loaded and (self.given or self.drawn):
            found.append(f"from {abridged(self.file)}: {listed(self.loaded)}")
        if self.drawn:
            how = "" if self.initialiser == "default" else f" by {self.initialiser}"
            named = "" if len(self.drawn) <= NAMED else f": {listed(self.drawn)}"
            found.append(f"initialised{how} with seed {self.seed}{named}")
        return found

    def document(self) -> dict[str, object]:
        """The same as JSON."""
        return {
            "set": list(self.given),
            "file": self.file or None,
            "loaded": list(self.loaded),
            "initialised": list(self.drawn),
            "initialiser": self.initialiser,
            "seed": self.seed,
        }


def listed(names: Iterable[str]) -> str:
    """Names, those beyond a few counted.

    >>> listed(["a", "b"])
    'a, b'
    """
    every = list(names)
    shown = ", ".join(every[:NAMED])
    return shown if len(every) <= NAMED else f"{shown} and {len(every) - NAMED:,} more"


class Saved(NamedTuple):
    """A file of tensors: by name, or the flat parameters of a saved training and its net.

    Of a training also its loss, whether it saw z-scores, and by what means and deviations.
    """

    path: str
    tensors: dict[str, Array]
    flat: Array | None = None
    net: str = ""
    scaled: bool = False
    loss: str = ""
    scales: Mapping[str, Any] | None = None


def load(path: str) -> Saved:
    """The tensors of an ``.npz`` file, or those of a file of ``train-toy --save``."""
    from dlcalc.engine.archive import read_arrays
    from dlcalc.engine.checkpoint import configuration

    state = read_arrays(path)
    config = configuration(state)
    if config is None:
        return Saved(path, state)
    own = config.get("config")
    flat = state.get("parameters")
    if not isinstance(own, dict) or not isinstance(own.get("net"), str) or flat is None:
        raise InputError(f"{abridged(path, 60)} is a training without its net or parameters")
    kept = {
        name.removeprefix("statistics."): array
        for name, array in state.items()
        if name.startswith("statistics.")
    }
    net, loss, scales = (
        f"{own.get('input', '')} {own['net']}",
        own.get("loss"),
        config.get("scales"),
    )
    return Saved(
        path,
        kept,
        flat,
        net,
        bool(own.get("data")),
        loss if isinstance(loss, str) else "",
        scales if isinstance(scales, dict) else None,
    )


def assignments(given: Iterable[str] | Mapping[str, Any]) -> dict[str, Numbers]:
    """The tensors of ``NAME=VALUE`` by their names. Raises `InputError` for what is none."""
    if isinstance(given, Mapping):
        return {name: numbers(value, f"the value of {name}") for name, value in given.items()}
    found: dict[str, Numbers] = {}
    for word in given:
        name, sign, value = word.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise InputError(
                f"--set {abridged(word)} is not NAME=VALUE",
                mend="Write it as in --set dense1.weight=0.5,-1,2.",
            )
        if name.strip() in found:
            raise InputError(f"--set gives {abridged(name.strip())} twice")
        found[name.strip()] = numbers(value.strip(), f"the value of {abridged(name.strip())}")
    return found


def fill(
    program: Program,
    *,
    given: Mapping[str, Numbers],
    saved: Saved | None,
    seed: int | None,
    initialiser: str,
) -> Origin:
    """Write all tensors of a program, and say where they came from.

    Raises `InputError` for tensors that the net has not, that have other sizes, and
    for those that a file lacks, unless a seed says how to draw them.
    """
    import numpy as np

    from dlcalc.engine.initialisers import initialise

    targets = _targets(program)
    _refuse_unknown(given, targets, "--set", program)
    for name, memory in _memories(program).items():
        if name not in given:
            shape = "x".join(map(str, memory.shape))
            raise InputError(
                f"{name}, an encoder's output of {shape}, has no numbers",
                mend=f"Give them, as in --set {name}=1 for all, or a literal of {shape}.",
            )
    loaded = {} if saved is None else _loaded(saved, targets, program)
    missing = [name for name in program.tensors if name not in given and name not in loaded]
    if saved is not None and missing and seed is None:
        raise InputError(
            f"{abridged(saved.path, 60)} lacks {listed(missing)}",
            mend="Give them by --set, or --seed 0 to draw them.",
        )
    initialise(program, np.random.default_rng(seed or 0), initialiser)
    for name, array in loaded.items():
        targets[name][...] = array
    for name, value in given.items():
        target = targets[name]
        # A bare number fills a tensor; one in brackets has sizes, and these must fit.
        if value.sizes in ((), (1,)):
            target[...] = value.values[0]
        else:
            sizes = tuple(map(int, target.shape))
            target[...] = np.reshape(fitted(value, sizes, name, "its value"), sizes)
    return Origin(
        tuple(given),
        tuple(loaded),
        tuple(missing),
        saved.path if saved else "",
        initialiser,
        seed or 0,
    )


def _targets(program: Program) -> dict[str, Array]:
    """Every array that may be given: trained, kept, states to start from, encoders' outputs."""
    trained = {name: tensor.value for name, tensor in program.tensors.items()}
    return {**trained, **program.statistics, **program.starts, **_memories(program)}


def _memories(program: Program) -> dict[str, Array]:
    """The encoders' outputs that decoders look at, without the batch where it is 1."""
    return {
        f"{name}.memory": value.data[0] if program.batch == 1 else value.data
        for name, value in program.memories.items()
    }


def _refuse_unknown(
    names: Iterable[str], targets: Mapping[str, Array], what: str, program: Program
) -> None:
    for name in names:
        if name in targets:
            continue
        close = nearest(name, targets)
        if close:
            mend = f"Did you mean {close}?"
        elif program.tensors:
            mend = f"There are {listed(program.tensors)}."
        else:
            mend = "Its layers have no tensors."
        raise InputError(f"{what}: the net has no tensor {abridged(name)}", mend=mend)


def _loaded(saved: Saved, targets: Mapping[str, Array], program: Program) -> dict[str, Array]:
    """The tensors of a file, each held against the one that it is for."""
    name = abridged(saved.path, 60)
    if saved.flat is not None:
        flat = saved.flat
        if flat.ndim != 1 or flat.size != program.parameters.size or flat.dtype.kind != "f":
            raise InputError(
                f"{name} holds {flat.size:,} parameters of {saved.net.strip()}, but the net has "
                f"{program.parameters.size:,}",
                mend="Leave the net out: the file says which it is.",
            )
        found, start = {}, 0
        for key, tensor in program.tensors.items():
            found[key] = flat[start : start + tensor.value.size].reshape(tensor.value.shape)
            start += tensor.value.size
        saved = saved._replace(tensors={**found, **saved.tensors})
    _refuse_unknown(saved.tensors, targets, name, program)
    for key, array in saved.tensors.items():
        if array.dtype.kind not in "fiub":
            raise InputError(f"{name}: {key} holds {array.dtype}, not numbers")
        if array.shape != targets[key].shape:
            shown = sizes_text(array.shape) or "a single number"
            wanted = sizes_text(targets[key].shape) or "a single number"
            raise InputError(f"{name}: {key} is {shown}, but the net has {wanted}")
    return saved.tensors
