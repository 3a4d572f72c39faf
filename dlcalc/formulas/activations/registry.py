"""Every activation by its words; its family is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from math import isfinite
from typing import NamedTuple

from dlcalc.errors import NotationError, Place, Source, abridged, nearest
from dlcalc.formulas.activations.base import Activation


class Entry(NamedTuple):
    """Where an activation is made, and its argument with its usual value, if it takes one."""

    family: str
    maker: str
    argument: str = ""
    usual: float = 0.0


#: By the first of its words. The rest of the words are in `ALSO`.
ACTIVATIONS: dict[str, Entry] = {
    "sigmoid": Entry("sigmoids", "sigmoid"),
    "tanh": Entry("sigmoids", "tangent"),
    "softsign": Entry("sigmoids", "softsign"),
    "hardtanh": Entry("sigmoids", "hard_tangent"),
    "hardsigmoid": Entry("sigmoids", "hard_sigmoid"),
    "identity": Entry("rectifiers", "identity"),
    "relu": Entry("rectifiers", "relu"),
    "relu6": Entry("rectifiers", "relu6"),
    "leaky_relu": Entry("rectifiers", "leaky_relu", "alpha", 0.01),
    # A net trains the slope; PyTorch starts it at 1/4.
    "prelu": Entry("rectifiers", "prelu", "slope", 0.25),
    "elu": Entry("rectifiers", "elu", "alpha", 1.0),
    "selu": Entry("rectifiers", "selu"),
    "softplus": Entry("rectifiers", "softplus"),
    "log_sigmoid": Entry("rectifiers", "log_sigmoid"),
    "gelu": Entry("gated", "gelu"),
    "silu": Entry("gated", "silu"),
    "mish": Entry("gated", "mish"),
    "hardswish": Entry("gated", "hard_swish"),
}
ALSO = {"logistic": "sigmoid", "swish": "silu", "linear": "identity"}
#: Functions of all numbers together, which have no slope of their own.
TOGETHER = ("softmax", "log_softmax")
#: Squares of larger arguments would leave the range of floats.
MAX_ARGUMENT = 1e100

_WORDS = {word.replace("_", ""): word for word in ACTIVATIONS} | ALSO


def activation(word: str) -> Activation:
    """The activation that a word such as ``tanh`` or ``leaky_relu:0.1`` means.

    Raises `NotationError` for one that does not exist or has an argument it does not take.

    >>> activation("leaky-relu:0.1").slope(-3)
    0.1
    """
    name, colon, rest = word.partition(":")
    known = _WORDS.get(_normal(name))
    if known is None:
        raise _unknown(word, name)
    entry = ACTIVATIONS[known]
    maker = getattr(import_module(f"dlcalc.formulas.activations.{entry.family}"), entry.maker)
    if not entry.argument:
        if colon:
            raise _refusal(word, len(name), f"{known} takes no argument", f"Write {known}.")
        made: Activation = maker()
    else:
        made = maker(_argument(word, rest, known, entry) if colon else entry.usual)
    return made


def _normal(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


def _argument(word: str, text: str, known: str, entry: Entry) -> float:
    """The number behind the colon, as ``0.1`` or ``alpha=0.1``."""
    key, equals, number = text.rpartition("=")
    mend = f"Write {known}:{entry.usual:g}, or another number."
    first = len(word) - len(text)
    if equals and key != entry.argument:
        raise _refusal(word, first, f"{known} has no {abridged(key) or 'empty key'}", mend)
    try:
        # Python would read 1_0 and other scripts' digits.
        value = float(number) if number.isascii() and "_" not in number else float("nan")
    except ValueError:
        value = float("nan")
    if not (isfinite(value) and abs(value) <= MAX_ARGUMENT):
        shown = abridged(number) or "an empty text"
        bound = f"a number from -{MAX_ARGUMENT:g} to {MAX_ARGUMENT:g}"
        rule = f"{entry.argument} of {known} must be {bound}, not {shown}"
        raise _refusal(word, first, rule, mend)
    return value


def _unknown(word: str, name: str) -> NotationError:
    if _normal(name) in map(_normal, TOGETHER):
        rule = f"{name} is a function of several numbers together, without a slope of its own"
        return _refusal(word, 0, rule, "Ask dlcalc softmax, as in dlcalc softmax 1,2,3.")
    close = nearest(name, [*ACTIVATIONS, *ALSO])
    mend = f"Did you mean {close}?" if close else f"There are {', '.join(ACTIVATIONS)}."
    return _refusal(word, 0, f"{abridged(name) or 'an empty word'} is not an activation", mend)


def _refusal(word: str, start: int, rule: str, mend: str) -> NotationError:
    end = len(word) if start else len(word.partition(":")[0]) or 1
    return NotationError(rule, place=Place(Source(word), start, end), mend=mend)
