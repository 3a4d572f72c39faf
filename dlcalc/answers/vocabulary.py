"""``dlcalc layers`` and ``dlcalc zoo``: the words a net can be written with."""

from __future__ import annotations

from collections.abc import Sequence

from dlcalc.errors import NotationError, Place, Source, abridged, nearest
from dlcalc.layers.argument import Argument
from dlcalc.layers.entry import Entry
from dlcalc.layers.index import LAYERS, WORDS
from dlcalc.layers.registry import find, layer_class, normal
from dlcalc.nets import zoo as nets
from dlcalc.nets.parser import built_in
from dlcalc.result import Block, Result, Row


def layers(name: str | None = None) -> Result:
    """All layers, or one with its arguments. Raises `NotationError` for an unknown name.

    >>> layers("fc").value
    'dense'
    """
    if name is None:
        return AllLayers()
    found = WORDS.get(normal(name.lower()))
    if found is None:
        words = [word for entry in LAYERS.values() for word in entry.words]
        mend = f"It is a built-in net: dlcalc zoo {name}." if nets.find(name) else ""
        raise _unknown(name, "layer", words, mend)
    return OneLayer(found[0])


def zoo(name: str | None = None) -> Result:
    """All built-in nets, or one in the notation. Raises `NotationError` for an unknown name.

    >>> zoo("lenet5").terse().split()[:3]
    ['1x32x32', 'conv:6,k5', 'tanh']
    """
    if name is None:
        return AllNets()
    found = nets.find(name.lower())
    if found is None:
        mend = f"It is a layer: dlcalc layers {name}." if find(name) else ""
        raise _unknown(name, "built-in net", nets.names(), mend)
    return OneNet(found)


class AllLayers(Result):
    """The names of all layers. Its value is their list."""

    tabled = "layers"

    def __init__(self) -> None:
        self.value: list[str] = list(LAYERS)

    def blocks(self) -> list[Block]:
        """A row for each layer: its arguments, and what it is."""
        rows = [Row((name, _keys(entry), entry.summary)) for name, entry in LAYERS.items()]
        return [Block("lll", rows)]

    def document(self) -> dict[str, object]:
        """``layers``, an object for each."""
        return {"layers": [_layer_document(name) for name in LAYERS]}

    def terse(self) -> str:
        """One name a line."""
        return "\n".join(self.value)


class OneLayer(Result):
    """One layer with its arguments. Its value is its name."""

    tabled = "arguments"

    def __init__(self, name: str) -> None:
        self.value: str = name
        self.entry = LAYERS[name]

    def blocks(self) -> list[Block]:
        """The layer, its other words, its arguments, and an example."""
        entry = self.entry
        head = [Row((self.value, entry.summary))]
        others = entry.words[1:] + ((f"{self.value}1d, 2d, 3d",) if entry.pinned else ())
        if others:
            head.append(Row(("also", ", ".join(others))))
        arguments = [
            Row((argument.name, _forms(argument), _default(argument), argument.help))
            for argument in layer_class(self.value).arguments
        ]
        example = [Row(("example", f"dlcalc shape {entry.example}"), "answer")]
        return [Block("ll", head), Block("llll", arguments), Block("ll", example)]

    def document(self) -> dict[str, object]:
        """The layer as one object."""
        return _layer_document(self.value)


class AllNets(Result):
    """The names of all built-in nets. Its value is their list."""

    tabled = "nets"

    def __init__(self) -> None:
        self.value: list[str] = nets.names()

    def blocks(self) -> list[Block]:
        """A row for each net: its usual input, and what it is."""
        rows = [Row((name, str(built_in(name).input), nets.summary(name))) for name in self.value]
        return [Block("lll", rows)]

    def document(self) -> dict[str, object]:
        """``nets``, an object for each."""
        return {"nets": [OneNet(name).document() for name in self.value]}

    def terse(self) -> str:
        """One name a line."""
        return "\n".join(self.value)


class OneNet(Result):
    """One built-in net in the notation. Its value is its name."""

    def __init__(self, name: str) -> None:
        self.value: str = name
        self.lines = nets.text(name).splitlines()

    def blocks(self) -> list[Block]:
        """The file of the net as it is, to be saved and changed."""
        return [Block("l", [Row((line,)) for line in self.lines])]

    def document(self) -> dict[str, object]:
        """``name``, ``summary``, ``input`` and ``net``."""
        return {
            "name": self.value,
            "summary": nets.summary(self.value),
            "input": str(built_in(self.value).input),
            "net": " ".join(self.lines[2:]),
        }

    def terse(self) -> str:
        """Input and net in one line."""
        return " ".join(self.lines[1:])


def _unknown(name: str, what: str, names: Sequence[str], mend: str = "") -> NotationError:
    close = nearest(name, names)
    return NotationError(
        f"{abridged(name)} is not a {what}",
        place=Place(Source(name), 0, len(name)),
        mend=mend or (f"Did you mean {close}?" if close else ""),
    )


def _keys(entry: Entry) -> str:
    if entry.branched:
        return "[...]"
    return " ".join(short or name for name, short, _ in entry.arguments)


# A value of each kind, as the forms of arguments are shown.
_VALUES = {
    "sizes": "3",
    "padding": "1",
    "size": "8",
    "number": "0.1",
    "shape": "768x196",
    "name": "embedding1",
    "count": "8",
    "curve": "sigmoid",
}


def _forms(argument: Argument) -> str:
    value = _VALUES
    if argument.kind == "flag":
        return f"{argument.name}={'no' if argument.default else 'yes'}"
    if argument.short:
        return f"{argument.short}{value[argument.kind]}"
    return f"{argument.name}={value[argument.kind]}"


def _default(argument: Argument) -> str:
    default = argument.default
    if argument.required:
        return "required"
    if default is None:
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        first = default[0]
        return str(first[0] if isinstance(first, tuple) else first)
    return f"{default:g}" if isinstance(default, float) else str(default)


def _layer_document(name: str) -> dict[str, object]:
    entry = LAYERS[name]
    return {
        "name": name,
        "words": list(entry.words),
        "summary": entry.summary,
        "branches": entry.branched,
        "arguments": [
            {
                "name": argument.name,
                "short": argument.short or None,
                "kind": argument.kind,
                "default": None if argument.required else _default(argument) or None,
                "required": argument.required,
                "help": argument.help,
            }
            for argument in layer_class(name).arguments
        ],
        "example": entry.example,
    }
