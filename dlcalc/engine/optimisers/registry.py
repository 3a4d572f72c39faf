"""The optimisers by name; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from dlcalc.engine.optimisers.base import Array, Optimiser
from dlcalc.errors import InputError, nearest

#: Module and class of each.
_TABLE = {
    "gd": ("gradient_descent", "GradientDescent"),
    "momentum": ("momentum", "Momentum"),
    "nesterov": ("nesterov", "Nesterov"),
    "adagrad": ("adagrad", "Adagrad"),
    "rmsprop": ("rmsprop", "RmsProp"),
    "adadelta": ("adadelta", "Adadelta"),
    "adam": ("adam", "Adam"),
    "adamw": ("adamw", "AdamW"),
}
_OTHER_WORDS = {"sgd": "gd"}

#: Every name that `find` knows as its first.
NAMES = tuple(_TABLE)


def find(name: str) -> type[Optimiser]:
    """The optimiser of a name. Raises `InputError` if there is none."""
    word = _OTHER_WORDS.get(name, name)
    if word not in _TABLE:
        near = nearest(name, [*_TABLE, *_OTHER_WORDS])
        mend = f"Did you mean {near}?" if near else f"There are {', '.join(NAMES)}."
        raise InputError(f"{name} is not an optimiser", mend=mend)
    module, kind = _TABLE[word]
    found: type[Optimiser] = getattr(import_module(f"dlcalc.engine.optimisers.{module}"), kind)
    return found


def make(
    name: str, parameters: Array, *, decayed: Array | None = None, **settings: float
) -> Optimiser:
    """The optimiser of a name for a flat vector, the settings left out at their defaults.

    >>> import numpy as np
    >>> weights = np.array([1.0, 2.0])
    >>> make("gd", weights).step(np.array([1.0, -1.0]), 0.5)
    >>> weights.tolist()
    [0.5, 2.5]
    """
    return find(name)(parameters, decayed=decayed, **settings)
