"""How the DATA of ``dlcalc forward`` is read: which sizes, and which of its axes are what."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from re import fullmatch
from typing import NamedTuple

from dlcalc.errors import InputError, abridged
from dlcalc.layers.base import Layer
from dlcalc.layers.shape import Layout, Shape, sizes_text
from dlcalc.nets.parser import Net, unroll
from dlcalc.numbers import MAX_NUMBERS, MAX_RANK, Numbers, read

#: Layers that take values of any sizes: what stands behind them says how these are read.
_ANY = ("activation", "dropout", "merge", "normalisation")
_RECURRENT = ("recurrent", "attention", "transformer")


class Reading(NamedTuple):
    """DATA as a net reads it: the sizes of one example, the examples, the numbers.

    ``added`` is the axis of size 1 that the numbers were given beside their own, counted
    from the end of the sizes; it is taken off the output again. ``note`` says so.
    """

    shape: Shape
    batch: int
    values: Sequence[float]
    batched: bool = False
    added: int | None = None
    note: str = ""


def numbers(data: object, name: str = "DATA") -> Numbers:
    """The array that DATA is: a word as `dlcalc.numbers.read` has it, or nested lists.

    >>> numbers([[1, 2], [3, 4]]).sizes
    (2, 2)
    """
    if isinstance(data, str):
        try:
            found = read(data, name)
        except InputError as error:
            error.mend = error.mend or _mend(data, name)
            raise
    else:
        found = _nested(data, name)
    if not found.values:
        raise InputError(f"{name} is empty")
    return found


def _mend(word: str, name: str) -> str:
    """What was probably meant by a word that is neither numbers nor a file."""
    if name != "DATA" or word.lstrip().startswith("["):
        return ""
    if fullmatch(r"[0-9]+(x[0-9]+)*", word):
        return "DATA is numbers, not their sizes: 1,2,3 or '[[1,2],[3,4]]', or a file."
    return "DATA stands before the net: 1,2,3 or '[[1,2],[3,4]]', a CSV or .npy file, or -."


def _nested(data: object, name: str) -> Numbers:
    """Nested lists, or an array of NumPy's, as sizes and values."""
    from numpy import asarray

    try:
        array = asarray(data, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} is no array of numbers with rows of one length") from error
    if array.ndim > MAX_RANK or array.size > MAX_NUMBERS:
        raise InputError(f"{name} is larger than is read")
    if not array.ndim:
        array = array.reshape(1)
    return Numbers(array.shape, array.ravel().tolist())


def reading(
    found: Numbers, net: Net, asked: Shape | None, layout: Layout, batched: bool
) -> Reading:
    """DATA as the examples that a net takes.

    ``asked`` is the INPUT that was written before the net; without it the first layer
    decides that cares. Raises `InputError` where they do not go together.
    """
    sizes, batch, note = found.sizes, 1, ""
    if batched:
        batch, sizes = sizes[0], sizes[1:]
        if not sizes:
            sizes = (1,)
            note = f"the {batch} numbers are read as {batch} examples of one feature"
    if asked is not None:
        return _as_asked(Reading(asked, batch, found.values, batched), sizes)
    added, own = _missing_axis(sizes, net, layout)
    if added is None:
        _refuse_scalar(sizes)
        return Reading(Shape(sizes, layout), batch, found.values, batched, None, note)
    place = len(sizes) if added == -1 else 0
    whole = (*sizes[:place], 1, *sizes[place:])
    what = "number is" if prod(sizes) == 1 else f"{sizes_text(sizes)} numbers are"
    note = f"the {what} read as {own}: {sizes_text(whole)}"
    return Reading(Shape(whole, layout), batch, found.values, batched, added, note)


def _refuse_scalar(sizes: tuple[int, ...]) -> None:
    if not sizes or 0 in sizes:
        raise InputError("DATA is empty")


def _as_asked(given: Reading, sizes: tuple[int, ...]) -> Reading:
    """The numbers under the sizes of INPUT, which must be as many."""
    asked = given.shape
    if asked.symbolic:
        raise InputError(
            f"the input {asked} has an unknown size, and DATA has numbers",
            mend="Leave the input out, or write its sizes as numbers.",
        )
    known = tuple([size for size in asked.sizes if isinstance(size, int)])
    if prod(known) != prod(sizes):
        raise InputError(
            f"DATA has {prod(sizes):,} numbers ({sizes_text(sizes)}), but {asked} takes "
            f"{prod(known):,}",
            mend="Leave the input out, or take --batch if the first axis counts examples."
            if not given.batched
            else "Leave the input out.",
        )
    return given._replace(shape=Shape(known, asked.layout))


def _missing_axis(sizes: tuple[int, ...], net: Net, layout: Layout) -> tuple[int | None, str]:
    """The axis of size 1 that the numbers lack for the first layer that cares, and in words."""
    kind, rank = _wanted(net)
    axes = len(sizes)
    if kind == "sequence" and axes == 1:
        return -1, f"{sizes[0]} steps of one feature" if sizes[0] > 1 else "1 step of one feature"
    if kind != "spatial":
        return None, ""
    lacks = axes == rank if rank is not None else axes in (1, 2)
    if not lacks:
        return None, ""
    sides = f"length {sizes[0]}" if axes == 1 else sizes_text(sizes)
    return (-1 if layout == "hwc" else 0), f"1 channel of {sides}"


def _wanted(net: Net) -> tuple[str, int | None]:
    """What the first layer that cares reads: spatial axes (how many), a sequence, or anything."""
    for node, _ in unroll(net):
        layer = node.layer
        family = type(layer).__module__.rpartition(".")[2]
        if layer.spatial or layer.rank is not None:
            return "spatial", layer.rank
        if family in _RECURRENT:
            return "sequence", None
        for branch in node.branches:
            kind, rank = _wanted(branch)
            if kind:
                return kind, rank
        if family not in _ANY or _of_last_axes(layer):
            return "features", None
    return "", None


def _of_last_axes(layer: Layer) -> bool:
    return layer.words[0] in ("softmax", "log_softmax", "ln", "rmsnorm", "gn")


def fitted(found: Numbers, sizes: tuple[int, ...], name: str, what: str) -> list[float]:
    """Numbers as a tensor of these sizes takes them, axes of size 1 left out or not.

    Raises `InputError` where they do not fit.
    """
    given = found.sizes
    if given == sizes or _squeezed(given) == _squeezed(sizes):
        return found.values
    # Where there is one example, nobody wrote its axis.
    own = sizes[1:] if len(sizes) > 1 and sizes[0] == 1 else sizes
    shown = f"sizes {sizes_text(own)}" if own else "a single number"
    raise InputError(f"{abridged(name)} has {shown}, but {what} has {sizes_text(given)}")


def _squeezed(sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([size for size in sizes if size != 1])
