"""One word of the notation, such as ``conv:64,k3,s2``, to the layer it names."""

from __future__ import annotations

import re
from functools import lru_cache

from dlcalc.errors import LayerError, abridged, nearest
from dlcalc.layers import registry
from dlcalc.layers.argument import Argument
from dlcalc.layers.base import Layer

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
# The values that a positional argument may begin with.
_VALUE = re.compile(r"[+\-.0-9_].*|[A-Za-z]|yes|no|same|valid", re.DOTALL)


class WordError(LayerError):
    """A word that names no layer; ``start`` and ``end`` mark the part of it that is wrong."""

    def __init__(self, rule: str, mend: str, start: int, end: int) -> None:
        super().__init__(rule, mend)
        self.start = start
        self.end = end


def split_name(word: str) -> tuple[str, str | None]:
    """The name and what stands behind its colon, None if there is no colon."""
    name, colon, rest = word.partition(":")
    return name, rest if colon else None


@lru_cache(maxsize=4_096)
def read_word(word: str) -> Layer:
    """The layer that a word means.

    Raises `WordError` if there is no such layer or its arguments are wrong.

    >>> read_word("maxpool:3x5,s2")
    MaxPool(rank=None, kernel=(3, 5), stride=(2,), padding=((0, 0),), dilation=(1,), ceil=False)
    """
    name, rest = split_name(word)
    found = registry.find(name) if _NAME.fullmatch(name) else None
    if found is None:
        raise _unknown(name)
    cls, rank = found
    values = {} if rest is None else _read_arguments(cls, name, rest)
    try:
        return cls(rank=rank, **values)
    except LayerError as error:
        raise WordError(error.rule, error.mend, 0, len(word)) from error


def _read_arguments(cls: type[Layer], name: str, rest: str) -> dict[str, object]:
    values: dict[str, object] = {}
    written: dict[str, str] = {}
    positional = [argument for argument in cls.arguments if argument.positional]
    keyed = False
    start = len(name) + 1
    for part in rest.split(","):
        end = start + len(part)
        try:
            found = _keyed_argument(cls, name, part)
            if found is None:
                if keyed:
                    raise LayerError(
                        f"{abridged(part)} stands behind a named argument",
                        "Arguments without a name come first.",
                    )
                if not positional:
                    rule = f"{name} takes no further argument {abridged(part)}"
                    raise LayerError(rule, _keys(cls))
                argument, value = positional.pop(0), part
            else:
                keyed = True
                argument, value = found
            if argument.name in values:
                before = abridged(written[argument.name])
                raise LayerError(f"{argument.name} is given twice: {before} and {abridged(part)}")
            values[argument.name] = argument.value(value)
        except LayerError as error:
            raise WordError(error.rule, error.mend, start, max(end, start + 1)) from error
        written[argument.name] = part
        start = end + 1
    return values


def _keyed_argument(cls: type[Layer], name: str, part: str) -> tuple[Argument, str] | None:
    """The argument that a part names and its value, or None if it is positional."""
    key, equals, value = part.partition("=")
    if equals:
        plain = registry.normal(key)
        for argument in cls.arguments:
            if plain == registry.normal(argument.name) or key == argument.short:
                return argument, value
        raise _unknown_key(cls, name, key, value)
    if _VALUE.fullmatch(part):
        return None
    for argument in sorted(cls.arguments, key=lambda argument: -len(argument.short)):
        value = part.removeprefix(argument.short)
        # The sign is no part of the grammar; it gets to the message about the value.
        if argument.short and value != part and value[:1] in _SHORT_STARTS:
            return argument, value
    if not part:
        raise LayerError("an argument is missing here", _keys(cls))
    match = re.fullmatch(r"([A-Za-z_-]+)(.*)", part, re.DOTALL)
    raise _unknown_key(cls, name, *(match.groups() if match else (part, "")))


_SHORT_STARTS = tuple("0123456789_-+")


def _unknown_key(cls: type[Layer], name: str, key: str, value: str) -> LayerError:
    names = [argument.name for argument in cls.arguments]
    close = nearest(key, names)
    rule = f"{name} has no argument {abridged(key) or 'without a name'}"
    for argument in cls.arguments:
        word = key.removeprefix(argument.short)
        if argument.kind == "padding" and word in ("same", "valid"):
            close, value = argument.short, word
    if close:
        meant = f"{close}={abridged(value)}" if value else close
        return LayerError(rule, f"Did you mean {meant}?")
    return LayerError(rule, _keys(cls))


def _keys(cls: type[Layer]) -> str:
    shown = [f"{a.name} ({a.short})" if a.short else a.name for a in cls.arguments]
    return f"Its arguments are {', '.join(shown)}." if shown else f"{cls.words[0]} takes none."


def _unknown(name: str) -> WordError:
    shown = abridged(name)
    rule = f"{shown} is not a layer or a built-in net"
    match = re.fullmatch(r"([A-Za-z_-]+?)([0-9_].*)", name, re.DOTALL)
    if registry.find(name.lower()) and name != name.lower():
        mend = f"Names are written small: {name.lower()}."
    elif match and registry.find(match[1].lower()):
        mend = f"Write {match[1].lower()}:{abridged(match[2])}, with a colon before the arguments."
    else:
        close = nearest(name, _known_names())
        mend = f"Did you mean {close}?" if close else "dlcalc layers and dlcalc zoo list them."
    return WordError(rule, mend, 0, max(1, len(name)))


def _known_names() -> list[str]:
    from dlcalc.layers.index import LAYERS
    from dlcalc.nets.zoo import names

    return [word for entry in LAYERS.values() for word in entry.words] + names()
