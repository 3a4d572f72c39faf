"""``dlcalc params FILE`` for files of tensors alone: safetensors, and the index of many such."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from dlcalc.answers.params_table import grouped
from dlcalc.errors import InputError, abridged
from dlcalc.interop.safetensors import Checkpoint, Header, Index
from dlcalc.result import Block, Result, Row

#: More tensors than this are shown as the sums of their modules.
MOST_ROWS = 40
_CANNOT_TELL = "numbers in all tensors; a header does not tell trained ones from kept ones"


class Tensor(NamedTuple):
    """One tensor: its type as the format names it, its sizes, its numbers, its bytes."""

    name: str
    dtype: str
    shape: Sequence[int]
    numbers: int
    bytes: int


class TensorsResult(Result):
    """The tensors of a checkpoint. Its value is how many numbers they hold."""

    #: A number; None where an index does not say it.
    value: Any
    #: No layers are there to multiply anything.
    macs: None = None

    def __init__(self, headers: Sequence[Header]) -> None:
        self.headers = headers
        self.value = sum(header.parameters for header in headers)

    @property
    def data(self) -> int:
        """How many bytes the tensors take."""
        return sum(header.data for header in self.headers)

    def tensors(self) -> Iterable[Tensor]:
        """Every tensor, as the files order them."""
        for header in self.headers:
            yield from map(
                Tensor, header.names, header.dtypes, header.shapes, header.counts, header.bytes
            )

    def by_dtype(self) -> dict[str, tuple[int, int]]:
        """Numbers and bytes of each type."""
        sums: dict[str, tuple[int, int]] = {}
        for header in self.headers:
            for dtype, count, size in zip(header.dtypes, header.counts, header.bytes, strict=True):
                before = sums.get(dtype, (0, 0))
                sums[dtype] = (before[0] + count, before[1] + size)
        return sums

    def blocks(self) -> list[Block]:
        """A row for each tensor, or for each module where they are many; then the sums."""
        head = Row(("tensor", "sizes", "dtype", "parameters", "bytes"), "aside")
        return [Block("lllrr", [head, *self._rows()]), Block("lrl", [*self._sums(), self._last()])]

    def _rows(self) -> list[Row]:
        if sum(len(header.names) for header in self.headers) > MOST_ROWS:
            return _module_rows(list(self.tensors()))
        return [
            Row(
                (
                    abridged(t.name, 60),
                    _sizes(t.shape),
                    t.dtype,
                    grouped(t.numbers),
                    grouped(t.bytes),
                )
            )
            for t in self.tensors()
        ]

    def _sums(self) -> list[Row]:
        kinds = self.by_dtype()
        rows = [
            Row((dtype, grouped(count), f"numbers, {size:,} bytes"))
            for dtype, (count, size) in kinds.items()
            if len(kinds) > 1
        ]
        before = sum(header.length for header in self.headers)
        remark = f"of tensors, behind {before:,} of header"
        if len(self.headers) > 1:
            remark = f"of tensors in {len(self.headers)} files"
        return [*rows, Row(("bytes", grouped(self.data), remark))]

    def _last(self) -> Row:
        assert isinstance(self.value, int)
        return Row(("parameters", grouped(self.value), _CANNOT_TELL), "answer")

    def document(self) -> dict[str, object]:
        """The sums and every tensor, as `dlcalc params --json` prints them."""
        return {
            "parameters": self.value,
            "bytes": self.data,
            "dtypes": {
                dtype: {"numbers": count, "bytes": size}
                for dtype, (count, size) in self.by_dtype().items()
            },
            "metadata": {k: v for header in self.headers for k, v in header.metadata.items()},
            "tensors": {
                t.name: {"dtype": t.dtype, "shape": list(t.shape), "bytes": t.bytes}
                for t in self.tensors()
            },
        }

    def table(self) -> list[dict[str, object]]:
        """A record for each tensor, in which its name is a column."""
        return [
            {
                "tensor": abridged(t.name, 200),
                "shape": list(t.shape),
                "dtype": t.dtype,
                "parameters": t.numbers,
                "bytes": t.bytes,
            }
            for t in self.tensors()
        ]


class IndexResult(TensorsResult):
    """The same for a checkpoint in many files, of which some may not be there."""

    def __init__(self, index: Index) -> None:
        super().__init__(list(index.headers.values()))
        self.index = index
        if index.missing:
            # Those that write an index may say how many numbers all its files hold.
            self.value = index.total_parameters

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """That files are missing, or hold other sums than the index claims."""
        missing = len(self.index.missing)
        if not missing:
            return self.index.contradictions()
        files = f"{missing} of {len(self.index.files)} files are not beside the index"
        said = "it does not say how many numbers they hold"
        return [f"{files}; {said if self.value is None else 'what it says itself is shown'}"]

    def blocks(self) -> list[Block]:
        """A row for each file with its tensors before the rest, if files are missing."""
        if not self.index.missing:
            return super().blocks()
        held = list(self.index.weights.values())
        rows = [Row(("file", "tensors", ""), "aside")]
        for file in self.index.files:
            header = self.index.headers.get(file)
            remark = "not here" if header is None else f"{header.parameters:,} parameters"
            rows.append(Row((abridged(file), grouped(held.count(file)), remark)))
        size = self.index.total_size
        sums = [] if size is None else [Row(("bytes", grouped(size), "of tensors, says the index"))]
        shown = "unknown" if self.value is None else f"{self.value:,}"
        remark = "says the index" if self.value is not None else "the index does not say"
        sums.append(Row(("parameters", shown, remark), "answer"))
        return [Block("lrl", rows), Block("lrl", sums)]

    def document(self) -> dict[str, object]:
        """As for one file; what is not known is null, and the missing files are named."""
        document = super().document()
        document["files"] = {file: file in self.index.headers for file in self.index.files}
        if self.index.missing:
            document |= {"parameters": self.value, "bytes": self.index.total_size}
            document["missing"] = self.index.missing
        if notes := self.notes:
            document["notes"] = notes
        return document

    def terse(self) -> str:
        """The number, or ``unknown``."""
        return "unknown" if self.value is None else super().terse()


def answer(checkpoint: Checkpoint, asked: bool) -> TensorsResult:
    """What a checkpoint holds. Raises `InputError` if more is ``asked`` than tensors can tell."""
    if asked:
        raise InputError(
            f"{checkpoint.source} holds tensors and no layers: only its numbers and bytes are told",
            mend="Leave the other options out; a config.json beside it says the layers.",
        )
    if checkpoint.shards is not None:
        return IndexResult(checkpoint.shards)
    return TensorsResult(checkpoint.headers)


def _module_rows(tensors: list[Tensor]) -> list[Row]:
    """The sums of modules, as deep as the rows stay few."""
    paths = [tensor.name.split(".") for tensor in tensors]
    depth = 1
    while depth < max(map(len, paths)) and _modules(paths, depth + 1) <= MOST_ROWS:
        depth += 1
    groups: dict[str, list[Tensor]] = {}
    for tensor, path in zip(tensors, paths, strict=True):
        groups.setdefault(".".join(path[:depth]), []).append(tensor)
    shown = list(groups.items())[: MOST_ROWS - 1] if len(groups) > MOST_ROWS else groups.items()
    rows = [_module_row(name, held) for name, held in shown]
    if len(groups) > MOST_ROWS:
        rest = [t for held in list(groups.values())[MOST_ROWS - 1 :] for t in held]
        rows.append(_module_row(f"{len(groups) - MOST_ROWS + 1:,} more", rest))
    return rows


def _modules(paths: list[list[str]], depth: int) -> int:
    return len({tuple(path[:depth]) for path in paths})


def _module_row(name: str, held: list[Tensor]) -> Row:
    shape = _sizes(held[0].shape) if len(held) == 1 else f"{len(held):,} tensors"
    dtypes = ", ".join(dict.fromkeys(tensor.dtype for tensor in held))
    numbers = grouped(sum(tensor.numbers for tensor in held))
    return Row(
        (abridged(name, 60), shape, dtypes, numbers, grouped(sum(tensor.bytes for tensor in held)))
    )


def _sizes(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "1 number"
