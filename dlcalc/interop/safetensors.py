"""The header of a safetensors file: names, types and sizes of its tensors, never their data.

The format: github.com/huggingface/safetensors, README. Eight bytes hold the
length of a JSON header, little end first; behind it stands the data, which
the header's offsets must cover without a gap. A checkpoint in many files has
an index, ``model.safetensors.index.json``, that names the file of each tensor.
"""

from __future__ import annotations

import gc
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from math import prod
from typing import Any, NamedTuple, NoReturn

from dlcalc.errors import InputError, Place, abridged
from dlcalc.files import opened
from dlcalc.layers.shape import Shape

#: The format's own limit of a header, in bytes.
MAX_HEADER = 100_000_000
#: Bits of one number.
DTYPES = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E5M2FNUZ": 8,
    "F8_E4M3FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
}
#: No framework has tensors with more.
MAX_AXES = 64
_KEYS = ("dtype", "shape", "data_offsets")
# An offset is held in 64 bits.
_MOST = 2**64 - 1

Pairs = tuple[tuple[str, object], ...]
#: Raises `InputError` for a rule that the file breaks.
Refuse = Callable[[str], NoReturn]


class Header(NamedTuple):
    """The tensors of one file, in columns: the first name has the first type, and so on.

    ``counts`` are how many numbers each holds, ``bytes`` how much room they take.
    """

    names: Sequence[str]
    dtypes: Sequence[str]
    shapes: Sequence[Sequence[int]]
    counts: Sequence[int]
    bytes: Sequence[int]
    metadata: dict[str, str]
    #: Bytes before the data.
    length: int

    @property
    def parameters(self) -> int:
        """How many numbers all tensors hold."""
        return sum(self.counts)

    @property
    def data(self) -> int:
        """How many bytes they take."""
        return sum(self.bytes)


class Checkpoint(NamedTuple):
    """Tensors without the layers that use them: one file, or many with an index."""

    source: str
    headers: tuple[Header, ...]
    shards: Index | None = None
    #: Each tensor has a type of its own.
    dtype: str = ""

    @property
    def format(self) -> str:
        """What it is, for people."""
        return "safetensors file" if self.shards is None else "index of safetensors files"


def read(path: str, name: str, given: Shape | None) -> Checkpoint:
    """The tensors of one file. Raises `InputError` for what the format does not allow."""
    refuse_input(name, given)
    return Checkpoint(name, (read_header(path),))


def refuse_input(name: str, given: Shape | None) -> None:
    """Refuse an INPUT: tensors alone have no use for one."""
    if given is not None:
        raise InputError(f"{name} holds tensors and no layers, so an INPUT has no use")


def read_header(path: str, place: Place | None = None) -> Header:
    """The header of a file; its data stays unread, and of standard input what follows too.

    Raises `InputError` for what the format does not allow.
    """
    with opened(path, place) as (file, size, name):

        def refuse(rule: str, mend: str = "") -> NoReturn:
            raise InputError(f"{name}: {rule}", place=place, mend=mend)

        start = file.read(8)
        if len(start) < 8:
            refuse(f"a safetensors file begins with 8 bytes, but this one has {len(start)}")
        length = int.from_bytes(start, "little")
        if length > MAX_HEADER:
            refuse(f"its header claims {length:,} bytes; the format allows {MAX_HEADER:,}")
        if size is not None and length > size - 8:
            refuse(f"its header claims {length:,} bytes, but the file has {size - 8:,} behind it")
        text = file.read(length)
    if len(text) < length:
        refuse(f"its header is cut off: {len(text):,} of {length:,} bytes are there")
    return parse_header(text, None if size is None else size - 8 - length, refuse)


def parse_header(text: bytes, room: int | None, refuse: Refuse) -> Header:
    """The tensors that a header's JSON names, which must fill so many bytes of data.

    ``room`` is None where the data were not looked at.
    """
    if not text.startswith(b"{"):
        refuse("its header does not begin with {")
    with _without_collection():
        return _parsed(text, room, refuse)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Let nothing look for cycles: a header makes none, and looking costs a fifth of its time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _parsed(text: bytes, room: int | None, refuse: Refuse) -> Header:
    # Tuples of pairs show names that are given twice, and cost no more than objects.
    top = load_json(text, refuse, pairs=True)
    assert isinstance(top, tuple)
    names = [name for name, _ in top]
    entries = [entry for _, entry in top]
    if len(set(names)) < len(names):
        refuse(f"its header names {_twice(names)} twice")
    metadata: dict[str, str] = {}
    if "__metadata__" in names:
        place = names.index("__metadata__")
        metadata = _metadata(entries.pop(place), refuse)
        del names[place]
    if not _usual(entries):
        entries = [_entry(name, entry, refuse) for name, entry in zip(names, entries, strict=True)]
    dtypes = [dtype for (_, dtype), _, _ in entries]
    shapes = [shape for _, (_, shape), _ in entries]
    offsets = [pair for _, _, (_, pair) in entries]
    _check_types(names, dtypes, shapes, offsets, refuse)
    counts = [prod(shape) for shape in shapes]
    _check_offsets(names, dtypes, shapes, counts, offsets, room, refuse)
    return Header(
        names,
        dtypes,
        shapes,
        counts,
        [end - begin for begin, end in offsets],
        metadata,
        len(text) + 8,
    )


def load_json(text: bytes, refuse: Refuse, *, pairs: bool = False) -> object:
    """The value that JSON holds; with ``pairs`` its objects are tuples of names and values.

    ``refuse`` is called for what is no JSON, nests too deep or has endless numbers.
    """
    try:
        return json.loads(text.decode(), object_pairs_hook=tuple if pairs else None)
    except UnicodeDecodeError as error:
        refuse(f"byte {error.start:,} of its JSON is not UTF-8 text")
    except RecursionError:
        refuse("its JSON nests too deep")
    except ValueError as error:
        refuse(f"it holds no proper JSON: {abridged(str(error), 80)}")


def _usual(entries: list[Any]) -> bool:
    """Whether each is an object that gives the keys in the order in which they are written."""
    if set(map(type, entries)) - {tuple}:
        return False
    try:
        keys = {(a, b, c) for (a, _), (b, _), (c, _) in entries}
    except ValueError:
        return False
    return keys <= {_KEYS}


def _twice(names: list[str]) -> str:
    return abridged(Counter(names).most_common(1)[0][0])


def _metadata(found: object, refuse: Refuse) -> dict[str, str]:
    if found is None:
        return {}
    if type(found) is not tuple:
        refuse("its __metadata__ is not an object")
    names = [name for name, _ in found]
    if len(set(names)) < len(names):
        refuse(f"its __metadata__ names {_twice(names)} twice")
    for name, value in found:
        if not isinstance(value, str):
            refuse(f"its __metadata__ may hold texts only, and {abridged(name)} is none")
    return dict(found)


def _entry(name: str, entry: object, refuse: Refuse) -> Pairs:
    """What is said of one tensor, in the order of `_KEYS`."""
    if type(entry) is not tuple:
        refuse(f"what it says of {abridged(name)} is not an object")
    keys = [key for key, _ in entry]
    if len(set(keys)) < len(keys):
        refuse(f"it gives {_twice(keys)} of {abridged(name)} twice")
    held = dict(entry)
    for key in _KEYS:
        if key not in held:
            refuse(f"it gives no {key} of {abridged(name)}")
    for key in keys:
        if key not in _KEYS:
            refuse(f"it gives {abridged(key)} of {abridged(name)}, which the format has not")
    return tuple([(key, held[key]) for key in _KEYS])


def _check_types(
    names: list[str], dtypes: list[Any], shapes: list[Any], offsets: list[Any], refuse: Refuse
) -> None:
    """Refuse what is no type, no sizes or no pair of offsets; where all is well, all at once."""
    if set(map(type, chain(shapes, offsets))) <= {list} and set(map(len, offsets)) <= {2}:
        numbers = list(chain.from_iterable(chain(shapes, offsets)))
        plain = set(map(type, numbers)) <= {int} and min(numbers, default=0) >= 0
        plain = plain and max(numbers, default=0) <= _MOST
        plain = plain and max(map(len, shapes), default=0) <= MAX_AXES
        if plain and set(map(type, dtypes)) <= {str} and DTYPES.keys() >= set(dtypes):
            return
    for name, dtype, shape, pair in zip(names, dtypes, shapes, offsets, strict=True):
        if not isinstance(dtype, str) or dtype not in DTYPES:
            refuse(f"{abridged(name)} has the dtype {abridged(str(dtype))}, which is none")
        if not _whole_numbers(shape):
            refuse(f"the shape of {abridged(name)} is not a list of whole numbers")
        if len(shape) > MAX_AXES:
            refuse(f"{abridged(name)} has {len(shape):,} axes; at most {MAX_AXES} are taken")
        if not _whole_numbers(pair) or len(pair) != 2:
            refuse(f"the data_offsets of {abridged(name)} are not two whole numbers")


def _whole_numbers(found: Any) -> bool:
    return type(found) is list and all(type(n) is int and 0 <= n <= _MOST for n in found)


def _check_offsets(
    names: list[str],
    dtypes: list[str],
    shapes: list[list[int]],
    counts: list[int],
    offsets: list[list[int]],
    room: int | None,
    refuse: Refuse,
) -> None:
    """Refuse tensors that do not fill the data without a gap, each with the bytes it needs."""
    needed = [count * DTYPES[dtype] for dtype, count in zip(dtypes, counts, strict=True)]
    held = [8 * (end - begin) for begin, end in offsets]
    if needed != held:
        first = next(i for i in range(len(names)) if needed[i] != held[i])
        shape, dtype = "x".join(map(str, shapes[first])) or "one number", dtypes[first]
        begin, end = offsets[first]
        refuse(
            f"{abridged(names[first])} is {abridged(shape)} in {dtype}, which takes "
            f"{needed[first] / 8:,.10g} bytes, but its offsets {begin}, {end} hold {end - begin:,}"
        )
    reached = 0
    for begin, end in sorted(offsets):
        if begin != reached:
            name = abridged(names[offsets.index([begin, end])])
            rule = "leaves a gap behind" if begin > reached else "overlaps"
            refuse(f"{name} begins at {begin:,} and {rule} what ends at {reached:,}")
        reached = end
    if room is not None and reached != room:
        more = "is cut off" if reached > room else "holds more than that"
        refuse(f"its tensors take {reached:,} bytes, and the data, {room:,} bytes, {more}")


class Index(NamedTuple):
    """A checkpoint in many files: which tensor is where, and the headers of the files there."""

    weights: dict[str, str]
    metadata: dict[str, object]
    headers: dict[str, Header]

    @property
    def files(self) -> list[str]:
        """The names of all files, those that are not there too."""
        return list(dict.fromkeys(self.weights.values()))

    @property
    def missing(self) -> list[str]:
        """The files that are not beside the index."""
        return [name for name in self.files if name not in self.headers]

    @property
    def total_size(self) -> int | None:
        """How many bytes it says that all tensors take, if it does."""
        return _said(self.metadata, "total_size")

    @property
    def total_parameters(self) -> int | None:
        """How many numbers it says that they hold, if it does."""
        return _said(self.metadata, "total_parameters")

    def contradictions(self) -> list[str]:
        """What it says in numbers that its files, all there, do not bear out."""
        if self.missing:
            return []
        headers = self.headers.values()
        sums = (
            (self.total_size, sum(header.data for header in headers), "bytes"),
            (self.total_parameters, sum(header.parameters for header in headers), "parameters"),
        )
        return [
            f"the index claims {claimed:,} {what}, but its files hold {held:,}"
            for claimed, held, what in sums
            if claimed is not None and claimed != held
        ]


def _said(metadata: dict[str, object], key: str) -> int | None:
    found = metadata.get(key)
    # Older ones were written as decimals.
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return found if type(found) is int and 0 <= found <= _MOST else None


def from_document(found: dict[str, object], name: str, path: str) -> Checkpoint:
    """The checkpoint that an index in JSON describes, with the headers of the files beside it.

    ``path`` is where the index is. Raises `InputError` where the files contradict it.
    """

    def refuse(rule: str) -> NoReturn:
        raise InputError(f"{name}: {rule}")

    weights, metadata = found.get("weight_map"), found.get("metadata") or {}
    if not isinstance(weights, dict) or not weights:
        refuse("its weight_map names no tensor")
    if not isinstance(metadata, dict):
        refuse("its metadata is not an object")
    folder = os.path.dirname(path)
    for tensor, file in weights.items():
        if not _plain_name(file):
            refuse(f"{abridged(tensor)} is in {abridged(str(file))}, which is no file beside it")
    headers = {}
    for file in dict.fromkeys(weights.values()):
        shard = os.path.join(folder, file)
        if os.path.exists(shard):
            headers[file] = read_header(shard)
    index = Index(weights, metadata, headers)
    _check_index(index, refuse)
    return Checkpoint(name, tuple(headers.values()), index)


def _plain_name(file: object) -> bool:
    """Whether it names a file of the same folder: no index leads elsewhere."""
    return (
        isinstance(file, str)
        and bool(file)
        and file not in (".", "..")
        and not set(file) & set("/\\:\0")
    )


def _check_index(index: Index, refuse: Refuse) -> None:
    held = {name: file for file, header in index.headers.items() for name in header.names}
    for name, file in index.weights.items():
        if file in index.headers and held.get(name) != file:
            refuse(f"it places {abridged(name)} in {abridged(file)}, which has no such tensor")
    for file, header in index.headers.items():
        for name in header.names:
            if index.weights.get(name) != file:
                refuse(f"{abridged(file)} holds {abridged(name)}, of which the index knows nothing")
