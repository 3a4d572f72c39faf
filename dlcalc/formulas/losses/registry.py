"""Every loss by its words, and the settings that each takes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import isfinite
from typing import NamedTuple

from dlcalc.errors import InputError, NotationError, Place, Source, abridged, nearest
from dlcalc.formulas.losses.base import Loss


class Settings(NamedTuple):
    """What a loss may be told; None is what was left open."""

    from_logits: bool = False
    label_smoothing: float | None = None
    weights: tuple[float, ...] | None = None
    delta: float | None = None
    q: float | None = None
    margin: float | None = None
    half: bool = False


class Entry(NamedTuple):
    """A loss: its family, the function that makes it, and the settings that go to it.

    ``takes`` are settings that work around it. ``target`` says what a target is:
    "number", "share" from 0 to 1, "sign" of -1 or 1, "pair" of 0 or 1, "shares"
    of all classes that sum to 1, or "classes", such shares or whole numbers.
    ``words`` are further names, without - and _.
    """

    family: str
    maker: str
    settings: tuple[str, ...]
    takes: tuple[str, ...]
    target: str
    words: tuple[str, ...] = ()


LOSSES: dict[str, Entry] = {
    "mse": Entry("distances", "squared", ("half",), ("weights",), "number", ("l2",)),
    "mae": Entry("distances", "absolute", (), ("weights",), "number", ("l1",)),
    "huber": Entry("distances", "huber", ("delta",), ("weights",), "number"),
    "quantile": Entry("distances", "quantile", ("q",), ("weights",), "number", ("pinball",)),
    "bce": Entry(
        "entropies",
        "binary",
        ("from_logits", "label_smoothing", "weights"),
        (),
        "share",
        ("binarycrossentropy",),
    ),
    "ce": Entry(
        "entropies",
        "categorical",
        ("from_logits",),
        ("label_smoothing", "weights"),
        "classes",
        ("crossentropy",),
    ),
    "hinge": Entry("distances", "hinge", ("margin",), ("weights",), "sign"),
    "kl": Entry("entropies", "divergence", ("from_logits",), (), "shares", ("kldiv",)),
    "contrastive": Entry("distances", "contrastive", ("margin", "half"), (), "pair"),
}
_WORDS = {word: name for name, entry in LOSSES.items() for word in (name, *entry.words)}
#: What a setting is where it is left open.
USUAL: dict[str, object] = {"label_smoothing": 0.0, "delta": 1.0, "q": 0.5, "margin": 1.0}
_BOUNDS: dict[str, tuple[Callable[[float], bool], str]] = {
    "label_smoothing": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "delta": (lambda value: value > 0, "above 0"),
    "q": (lambda value: 0 < value < 1, "between 0 and 1"),
    "margin": (lambda value: value > 0, "above 0"),
}


def entry(word: str) -> tuple[str, Entry]:
    """The loss that a word means. Raises `NotationError` if there is none.

    >>> entry("cross-entropy")[0]
    'ce'
    """
    name = _WORDS.get(word.lower().replace("-", "").replace("_", ""))
    if name is not None:
        return name, LOSSES[name]
    close = nearest(word, _WORDS)
    mend = f"Did you mean {_WORDS[close]}?" if close else f"There are {', '.join(LOSSES)}."
    place = Place(Source(word), 0, len(word))
    raise NotationError(
        f"{abridged(word) or 'an empty word'} is not a loss", place=place, mend=mend
    )


def make(name: str, settings: Settings) -> Loss:
    """The loss with its settings. Raises `InputError` for one it does not take or cannot be.

    >>> make("huber", Settings(delta=2.0)).formula
    '(x - t)**2/2 if abs(x - t) <= 2 else 2*(abs(x - t) - 2/2)'
    """
    known = LOSSES[name]
    for key, value in settings._asdict().items():
        if value is None or value is False:
            continue
        option = f"--{key.replace('_', '-')}"
        if key not in known.settings + known.takes:
            takers = [n for n, e in LOSSES.items() if key in e.settings + e.takes]
            rule = f"{name} takes no {option}"
            raise InputError(rule, mend=f"It is an option of {', '.join(takers)}.")
        if key in _BOUNDS:
            fits, bound = _BOUNDS[key]
            if not (isfinite(value) and fits(value)):
                raise InputError(f"{option} must be a number {bound}, not {value:g}")
    given = {key: setting(settings, key) for key in known.settings}
    if name == "bce":
        given["weights"] = settings.weights or (1.0, 1.0)
    maker = getattr(import_module(f"dlcalc.formulas.losses.{known.family}"), known.maker)
    made: Loss = maker(**given)
    return made


def setting(settings: Settings, name: str) -> object:
    """A setting, or what is usual where it is left open."""
    value = getattr(settings, name)
    return USUAL.get(name) if value is None else value
