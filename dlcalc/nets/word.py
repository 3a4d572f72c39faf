"""One word of the notation, such as ``conv:64,k3,s2``, to the layer it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from dlcalc.errors import LayerError, abridged, nearest
from dlcalc.layers import registry
from dlcalc.layers.argument import PADDING_WORDS, Argument
from dlcalc.layers.base import Layer
from dlcalc.layers.shape import MAX_AXES

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
# The values that a positional argument may begin with.
_VALUE = re.compile(
    r"[+\-.0-9_].*|[A-Za-z](?:x-?[A-Za-z0-9]+)*|yes|no|same(?:_upper|_lower)?|valid|causal",
    re.DOTALL,
)
# The kinds of arguments whose numbers may be left open as _.
_OPEN_KINDS = ("size", "count", "sizes", "padding")


class WordError(LayerError):
    """A word that names no layer; ``start`` and ``end`` mark the part of it that is wrong."""

    def __init__(self, rule: str, mend: str, start: int, end: int) -> None:
        super().__init__(rule, mend)
        self.start = start
        self.end = end


@lru_cache(maxsize=4_096)
def read_word(word: str) -> Layer:
    """The layer that a word means.

    Raises `WordError` if there is no such layer or its arguments are wrong.

    >>> read_word("maxpool:3x5,s2")
    MaxPool(rank=None, kernel=(3, 5), stride=(2,), padding=((0, 0),), dilation=(1,), ceil=None)
    """
    name, colon, rest = word.partition(":")
    found = registry.find(name) if _NAME.fullmatch(name) else None
    if found is None:
        raise _unknown(word, name)
    cls, rank = found
    values = _read_arguments(cls, name, rest) if colon else {}
    try:
        return cls(rank=rank, **values)
    except LayerError as error:
        raise WordError(error.rule, error.mend, 0, len(word)) from error


def _read_arguments(cls: type[Layer], name: str, rest: str) -> dict[str, object]:
    values: dict[str, object] = {}
    written: dict[str, str] = {}
    for argument, value, start, end in _written_arguments(cls, name, rest):
        part = rest[start - len(name) - 1 : end - len(name) - 1]
        try:
            if argument.name in values:
                before = abridged(written[argument.name])
                raise LayerError(f"{argument.name} is given twice: {before} and {abridged(part)}")
            values[argument.name] = argument.value(value)
        except LayerError as error:
            raise WordError(error.rule, error.mend, start, max(end, start + 1)) from error
        written[argument.name] = part
    return values


def _written_arguments(
    cls: type[Layer], name: str, rest: str
) -> Iterator[tuple[Argument, str, int, int]]:
    """Each argument that is written, its value as a word, and where in the word both stand."""
    positional = [argument for argument in cls.arguments if argument.positional]
    keyed = False
    start = len(name) + 1
    for part in rest.split(","):
        end = start + len(part)
        try:
            found = _keyed_argument(cls, name, part)
            if found is None:
                if keyed:
                    rule = f"{abridged(part)} stands behind a named argument"
                    mend = "Arguments without a name come first."
                    raise LayerError(rule, "Write p=same." if part == "same" else mend)
                if not positional:
                    rule = f"{name} takes no further argument {abridged(part)}"
                    raise LayerError(rule, _keys(cls))
                found = positional.pop(0), part
            else:
                keyed = True
        except LayerError as error:
            raise WordError(error.rule, error.mend, start, max(end, start + 1)) from error
        yield *found, start, end
        start = end + 1


class Hole(NamedTuple):
    """A ``_`` in a word: where it stands, the argument that it leaves open, and the axis.

    ``axis`` counts from 0; it is None where one value holds for all axes.
    """

    place: int
    argument: Argument
    axis: int | None


@lru_cache(maxsize=256)
def holes(word: str) -> tuple[Hole, ...]:
    """The arguments of a word that are written as ``_``. Raises `WordError` as `read_word` does.

    >>> [(hole.place, hole.argument.name, hole.axis) for hole in holes("conv:8,k3x_,p_")]
    [(10, 'kernel', 1), (13, 'padding', None)]
    """
    name, _, rest = word.partition(":")
    found = registry.find(name) if "_" in rest and _NAME.fullmatch(name) else None
    if found is None:
        return ()
    holes = []
    for argument, value, _, end in _written_arguments(found[0], name, rest):
        if argument.kind not in _OPEN_KINDS:
            continue
        place = end - len(value)
        axes = value.split("x", MAX_AXES)
        for axis, sizes in enumerate(axes):
            for size in sizes.split("+", 2):
                if size == "_":
                    holes.append(Hole(place, argument, axis if len(axes) > 1 else None))
                place += len(size) + 1
    return tuple(holes)


def filled(word: str, numbers: Iterable[int]) -> str:
    """The word with numbers in the places of its holes, in their order.

    >>> filled("conv:8,k3x_,p_", (5, 2))
    'conv:8,k3x5,p2'
    """
    parts = []
    last = 0
    for hole, number in zip(holes(word), numbers, strict=True):
        parts += [word[last : hole.place], str(number)]
        last = hole.place + 1
    return "".join([*parts, word[last:]])


def read_open(word: str) -> Layer:
    """The layer that a word means when the least values stand in its holes."""
    # Each is one digit, so that the places of other mistakes stay where they are.
    return read_word(filled(word, [hole.argument.low for hole in holes(word)]))


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
    for argument in cls.arguments:
        if not value and registry.normal(key.lower()) == registry.normal(argument.name):
            example = {"flag": "yes", "name": "embedding1", "curve": "tanh"}.get(argument.kind, "2")
            return LayerError(
                f"{argument.name} needs a value", f"Write it as in {argument.name}={example}."
            )
    rule = f"{name} has no argument {abridged(key) or 'without a name'}"
    meant = _meant_argument(cls, key, value.lstrip(":"))
    return LayerError(rule, f"Did you mean {abridged(meant)}?" if meant else _keys(cls))


def _meant_argument(cls: type[Layer], key: str, value: str) -> str:
    """The argument that was probably meant, as it is written; may be empty."""
    for argument in cls.arguments:
        word = key.lower().removeprefix(argument.short)
        if argument.kind == "padding" and word in PADDING_WORDS:
            return f"{argument.short}={word}"
        if argument.kind == "flag" and key.lower() == f"no{argument.name}":
            return f"{argument.name}=no"
        if argument.short and key.lower() == argument.short and value:
            return f"{argument.short}{value}"
    close = nearest(key, [argument.name for argument in cls.arguments])
    return f"{close}={value}" if close and value else close


def _keys(cls: type[Layer]) -> str:
    shown = [f"{a.name} ({a.short})" if a.short else a.name for a in cls.arguments]
    if len(shown) == 1:
        return f"Its only argument is {shown[0]}."
    return f"Its arguments are {', '.join(shown)}." if shown else f"{cls.words[0]} takes none."


# What other tools call it, and how it is written here.
_ELSEWHERE = {
    "add": "residual[...]",
    "skip": "residual[...]",
    "shortcut": "residual[main | shortcut]",
    "cat": "concat[... | ...]",
    "dwconv": "conv with as many groups as channels, as in 32x56x56 conv:32,k3,g32",
    "depthwiseconv": "conv with as many groups as channels, as in 32x56x56 conv:32,k3,g32",
    "separableconv": "32x56x56 conv:32,k3,g32 conv:64,k1",
    "maxpooling": "maxpool:2",
    "averagepooling": "avgpool:2",
    "batchnormalization": "bn",
    "mul": "multiply[... | ...]",
    "se": "'multiply[globalavgpool conv:4,k1 relu conv:64,k1 sigmoid]' on 64 channels",
    "view": "reshape, as in 768x14x14 reshape:768x-1",
    "transpose": "permute, as in 768x196 permute:1x0",
    "slice": "crop:1 for positions, or select:0x1x2 for channels",
    "mha": "attention, as in 128x768 attention:12",
    "multiheadattention": "attention, as in 128x768 attention:12",
    "transformerencoderlayer": "encoder, as in 128x768 encoder:12",
    "transformerdecoderlayer": "decoder, as in 128x768 decoder:12",
}


def _unknown(word: str, name: str) -> WordError:
    rule = f"{abridged(name)} is not a layer or a built-in net"
    return WordError(rule, _meant_layer(word, name), 0, max(1, len(name)))


def _meant_layer(word: str, name: str) -> str:
    """How the layer that was probably meant is written, as a sentence."""
    plain = registry.normal(name.lower())
    if name[:1].isdigit() or name == "x" or "\N{MULTIPLICATION SIGN}" in name:
        return "Sizes are joined by x in one word, as in 3x32x32."
    if re.fullmatch(r"[A-Z0-9]{1,3}(x[A-Z0-9]{1,3})+", name):
        return "A size is a whole number or one letter, as in CxHxW."
    if name[:1] in ("(", "*"):
        return "A count comes first and brackets are square, as in '3*[conv:64,k3,p1 relu]'."
    if name != name.lower() and registry.find(plain):
        return f"Names are written small: {name.lower()}."
    if (unpinned := re.sub("[123]d$", "", plain)) in _ELSEWHERE:
        return f"It is written {_ELSEWHERE[unpinned]}."
    match = re.match(r"(?:torch\.)?(?:nn\.)?([A-Za-z_-]+?)([0-9]d)?(?=[^A-Za-z_]|$)", name)
    found = registry.find((match[1] + (match[2] or "")).lower()) if match else None
    if match and found:
        written = f"{match[1].lower()}:{word[match.end() :]}"
        if re.fullmatch(r"[0-9][0-9x,.a-z]*", word[match.end() :]) and _reads(written):
            return f"Write {written}, with a colon before the arguments."
        return found[0].hint().replace("Write it", "It is written")
    close = nearest(name, _known_names())
    return f"Did you mean {close}?" if close else "dlcalc layers and dlcalc zoo list them."


def meant_layer(path: str) -> str:
    """If a path looks like a layer of another notation: how the layer is written."""
    if "/" in path or not re.match(r"(torch\.|nn\.)|[A-Za-z]+[0-9(]", path):
        return ""
    mend = _meant_layer(path, path)
    written = mend.startswith(("Write ", "It is written "))
    return f"If a layer is meant: {mend[0].lower()}{mend[1:]}" if written else ""


def _reads(word: str) -> bool:
    try:
        read_word(word)
    except WordError:
        return False
    return True


def _known_names() -> list[str]:
    from dlcalc.layers.index import LAYERS
    from dlcalc.nets.zoo import names

    return [word for entry in LAYERS.values() for word in entry.words] + names()
