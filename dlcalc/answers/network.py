"""The network that the words of a question describe."""

from __future__ import annotations

from dlcalc.errors import (
    InputError,
    LayerError,
    NotationError,
    Place,
    Source,
    abridged,
    nearest,
)
from dlcalc.layers.argument import Argument
from dlcalc.layers.convention import CONVENTIONS, Convention
from dlcalc.layers.shape import Layout, Shape
from dlcalc.layers.size import Polynomial, Size
from dlcalc.nets.parser import MAX_LAYERS, Net, Network, count, parse, parse_file


def load(
    words: tuple[str, ...],
    *,
    layout: Layout = "chw",
    file: str | None = None,
    holes: bool = False,
) -> tuple[Shape, Net]:
    """The input and the net that words describe; the net of a file comes behind them.

    With ``holes`` an argument may be left open as ``_``. Raises `InputError` if there
    is no net or no input.
    """
    if layout not in ("chw", "hwc"):
        raise InputError(f"layout must be chw or hwc, not {abridged(layout)}")
    network = parse(Source(" ".join(words)), layout=layout, holes=holes)
    if file is not None:
        network = _joined(network, parse_file(file, layout=layout, holes=holes))
    return _complete(network)


def load_line(line: str, number: int = 1, *, layout: Layout = "chw") -> tuple[Shape, Net]:
    """The same from one line of standard input, which may name no file."""
    return _complete(parse(Source(line, "standard input", number), layout=layout, files=False))


def _complete(network: Network) -> tuple[Shape, Net]:
    if not network.net:
        raise NotationError(
            "the net is empty",
            place=_whole(network.source),
            mend="Give at least one layer behind the input, as in 3x32x32 conv:6,k5.",
        )
    if network.input is None:
        raise NotationError(
            "the input is missing",
            place=_whole(network.source),
            mend="Give its sizes before the net, as in 3x32x32 conv:6,k5.",
        )
    return network.input, network.net


def _joined(words: Network, file: Network) -> Network:
    """The net of a file behind the words that came with it; their INPUT goes first."""
    shape = words.input if words.input is not None else file.input
    net = words.net + file.net
    if count(net) > MAX_LAYERS:
        raise InputError(f"words and file together have more than {MAX_LAYERS:,} layers")
    return Network(shape, net, file.source)


def _whole(source: Source) -> Place | None:
    return Place(source, 0, len(source.text)) if source.text.strip() else None


def named_convention(name: str) -> Convention:
    """The convention of that name. Raises `InputError` if there is none."""
    if name not in CONVENTIONS:
        close = nearest(name, CONVENTIONS)
        raise InputError(
            f"{abridged(name)} is not a framework whose rules are known",
            mend=f"Did you mean {close}?" if close else f"There are {', '.join(CONVENTIONS)}.",
        )
    return CONVENTIONS[name]


def size_option(name: str, value: int | str | None) -> Size | None:
    """The size that an option gives. Raises `InputError` if it is none."""
    if value is None:
        return None
    try:
        size = Argument(name, "size", "").value(str(value))
    except LayerError as error:
        raise InputError(error.rule) from error
    assert isinstance(size, int | Polynomial)
    return size
