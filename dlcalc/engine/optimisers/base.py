"""What all optimisers share: a flat vector, settings that are checked, state that can be saved.

A step is a handful of NumPy calls on arrays that stay where they are. On short
vectors each call costs the same whatever it does, so the rules are arranged for few
calls: running means leave out their constant factor (1 - beta), which is put into the
one number that the step is multiplied by. Constants are arrays without axes, which
NumPy takes up faster than Python's numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from dlcalc.errors import InputError, nearest

Array = np.ndarray[Any, np.dtype[Any]]


class Setting(NamedTuple):
    """A number (or a yes or no) of an optimiser: at least ``low``, and below ``high``."""

    name: str
    default: float
    help: str
    low: float = 0.0
    high: float = float("inf")


class Optimiser:
    """A rule at work on one flat vector, which `step` changes where it stands.

    Settings become attributes of the same names. ``decayed`` is 1 where weight decay
    acts and 0 elsewhere, for the rules that have it; left out, it acts everywhere.
    """

    #: Its name, then its other names.
    words: ClassVar[tuple[str, ...]]
    #: The learning rate if nothing is said: the default of torch.optim.
    rate: ClassVar[float]
    settings: ClassVar[tuple[Setting, ...]] = ()

    def __init__(self, parameters: Array, *, decayed: Array | None = None, **values: float) -> None:
        """Make it for a vector. Raises `InputError` if a setting cannot be used."""
        self.parameters = parameters
        self.decayed = decayed
        #: How many steps were made.
        self.steps = 0
        self._kept: dict[str, Array] = {}
        for setting in self.settings:
            value = values.pop(setting.name, setting.default)
            _check(self.words[0], setting, value)
            self.__dict__[setting.name] = value
        for name in values:
            raise self._unknown(name)
        self._rate = self.number(0.0)
        self._scratch = np.empty_like(parameters)
        self.prepare()

    def prepare(self) -> None:
        """Allocate state and constants, once."""

    def step(self, gradient: Array, rate: float) -> None:
        """Change the parameters by one step; the gradient is left as it is."""
        raise NotImplementedError

    def kept(self, name: str, fill: float = 0.0) -> Array:
        """A part of the state: an array as long as the parameters."""
        self._kept[name] = np.full_like(self.parameters, fill)
        return self._kept[name]

    def number(self, value: float) -> Array:
        """A constant of the parameters' type."""
        return np.array(value, self.parameters.dtype)

    @property
    def state(self) -> dict[str, Array]:
        """All that the next step depends on beside parameters and settings, by name.

        The arrays are those at work: copy them if more steps follow.
        """
        return {"steps": np.array(self.steps, np.int64), **self._kept}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take up a saved state; the next steps are the same bit for bit.

        Raises `InputError` if it is another optimiser's, or another net's.
        """
        own = self.state
        if {n: (a.shape, a.dtype) for n, a in state.items()} != {
            n: (a.shape, a.dtype) for n, a in own.items()
        }:
            raise InputError(
                f"the saved state is not one of {self.words[0]} on {self.parameters.size} "
                f"numbers of {self.parameters.dtype}",
                mend="Go on with the net, the optimiser and its settings that it was saved with.",
            )
        self.steps = int(state["steps"])
        for name, array in self._kept.items():
            array[...] = state[name]

    def _unknown(self, name: str) -> InputError:
        names = [setting.name for setting in self.settings]
        near = nearest(name, names)
        mend = f"Did you mean {near}?" if near else f"It has {', '.join(names) or 'none'}."
        return InputError(f"{self.words[0]} has no setting {name}", mend=mend)


def _check(word: str, setting: Setting, value: float) -> None:
    # A comparison with what is not a number is false.
    if not setting.low <= value < setting.high:
        below = f" and below {setting.high:g}" if setting.high < float("inf") else ""
        raise InputError(
            f"{setting.name} of {word} must be at least {setting.low:g}{below}, not {value:g}",
            mend=f"It is {setting.default:g} if left out.",
        )
