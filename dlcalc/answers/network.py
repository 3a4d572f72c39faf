"""The network that the words of a question describe, or the model file that they name."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

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
from dlcalc.layers.convention import CONVENTIONS, TORCH, Convention
from dlcalc.layers.shape import Layout, Shape
from dlcalc.layers.size import Polynomial, Size
from dlcalc.nets.parser import MAX_LAYERS, Net, Network, count, is_path, parse, parse_file

if TYPE_CHECKING:
    from dlcalc.interop.graph import Graph
    from dlcalc.interop.safetensors import Checkpoint


def load(
    words: tuple[str, ...],
    *,
    layout: Layout = "chw",
    file: str | None = None,
    holes: bool = False,
) -> tuple[Shape, Net]:
    """The input and the net that words describe; the net of a file comes behind them.

    With ``holes`` an argument may be left open as ``_``. Raises `InputError` if there
    is no net or no input, or if a file is a model's.
    """
    if layout not in ("chw", "hwc"):
        raise InputError(f"layout must be chw or hwc, not {abridged(layout)}")
    for path, _ in _model_paths(words, file):
        raise InputError(
            f"{abridged(path, 60)} is a model file, and this question takes a net in the notation",
            mend="shape and params answer about model files.",
        )
    network = parse(Source(" ".join(words)), layout=layout, holes=holes)
    if file is not None:
        network = _joined(network, parse_file(file, layout=layout, holes=holes))
    return _complete(network)


def load_model(
    words: tuple[str, ...], file: str | None, like: str | None
) -> Graph | Checkpoint | None:
    """The graph of the model file that words or ``file`` name, behind at most an INPUT.

    Its tensors alone if it holds no layers; None if they are in the notation. Raises
    `InputError` if the file cannot be read, if other words stand beside it, or if ``like`` asks
    for other rules than the file's own.
    """
    found = _model_paths(words, file)
    if not found:
        return None
    from dlcalc.interop.read import read

    path, format = found[0]
    others = [word for word in " ".join(words).split() if word != path]
    source = Source(" ".join(others))
    given = parse(source, files=False) if others else None
    if len(found) > 1 or (given and given.net):
        raise InputError(
            f"{abridged(path, 60)} is a model file, which stands alone behind its INPUT",
            mend="No layers and no other files go with it.",
        )
    model = read(path, given and given.input, format)
    rules = getattr(getattr(model, "convention", None), "name", "")
    if like not in (None, rules):
        raise InputError(
            f"{model.source} is a {model.format}, to which the rules of {like} do not apply",
            mend=f"Leave --like out{f': the rules are those of {rules}' if rules else ''}.",
        )
    return model


def _model_paths(words: tuple[str, ...], file: str | None) -> list[tuple[str, str]]:
    """The model files that are named, each with its format; nothing is opened but for that."""
    paths = [word for word in " ".join(words).split() if is_path(word)]
    if file is not None:
        paths.append(file)
    if not paths:
        return []
    from dlcalc.interop.read import recognised

    found = []
    for path in paths:
        # What cannot be opened is left to the parser, which marks the place of its path.
        with suppress(InputError):
            found.append((path, recognised(path)))
    return [(path, format) for path, format in found if format]


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


def named_convention(name: str | None) -> Convention:
    """The convention of that name, PyTorch's for none. Raises `InputError` if there is none."""
    if name is None:
        return TORCH
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
