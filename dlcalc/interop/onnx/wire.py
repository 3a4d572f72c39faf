"""An ONNX file without its weights: what is left after large data were skipped, not read.

Protobuf's wire format (protobuf.dev/programming-guides/encoding) nests messages as
fields with a length. Numbers of tensors are raw_data and the like; where they are
large they are left out, so that a model of gigabytes takes a few megabytes of memory.
"""

from __future__ import annotations

from typing import BinaryIO, NoReturn, Protocol

#: No more than this is kept of one file, in bytes.
MAX_KEPT = 64_000_000
#: Nothing of protobuf is larger; weights beyond it are in files of their own.
MAX_BYTES = 2**31
#: Data of a tensor are kept up to this: enough for shapes, too little for weights.
SMALL = 4_096
# Messages up to this are kept as they are.
_WHOLE = 16_384
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
# The fields that hold further messages, and the numbers of a tensor, in onnx.proto.
_TENSOR: dict[int, dict] = {}  # type: ignore[type-arg]
_NODE = {5: {5: _TENSOR}}
_MODEL = {7: {1: _NODE, 5: _TENSOR}}
_NUMBERS = {4, 5, 6, 7, 9, 10, 11}
# Fields that are looked at one by one: far more than a model of as many nodes as are taken.
_MAX_FIELDS = 500_000


class Refuse(Protocol):
    """Raises the refusal of a file: a rule, and what would mend it."""

    def __call__(self, rule: str, mend: str = "") -> NoReturn: ...


_Fields = dict[int, dict]  # type: ignore[type-arg]


def skeleton(file: BinaryIO, size: int, refuse: Refuse) -> bytes:
    """The bytes of a model with all its large tensors emptied.

    ``refuse`` is called for what is no protobuf or is cut off.
    """
    if size > MAX_BYTES:
        refuse(f"it has {size:,} bytes; a protobuf has at most {MAX_BYTES:,}")
    return _Reader(file, refuse).message(size, _MODEL)


class _Reader:
    def __init__(self, file: BinaryIO, refuse: Refuse) -> None:
        self.file = file
        self.refuse = refuse
        self.kept = 0
        self.fields = 0

    def message(self, length: int, fields: _Fields) -> bytes:
        """A message of that many bytes, those of ``fields`` looked into."""
        end = self.file.tell() + length
        parts = []
        while self.file.tell() < end:
            self.fields += 1
            if self.fields > _MAX_FIELDS:
                self.refuse(f"it has more than {_MAX_FIELDS:,} fields")
            tag = self._varint(end)
            field, kind = tag >> 3, tag & 7
            if kind == _VARINT:
                parts.append(_varint_of(tag) + _varint_of(self._varint(end)))
            elif kind in (_EIGHT, _FOUR):
                parts.append(_varint_of(tag) + self._take(8 if kind == _EIGHT else 4, end))
            elif kind == _LENGTH:
                inner = self._field(field, fields, end)
                if inner is not None:
                    parts.append(_varint_of(tag) + _varint_of(len(inner)) + inner)
            else:
                self.refuse("it is no protobuf")
        return b"".join(parts)

    def _field(self, field: int, fields: _Fields, end: int) -> bytes | None:
        length = self._varint(end)
        if length > end - self.file.tell():
            self.refuse("it is cut off, or no protobuf: a field is longer than what is left")
        if fields is _TENSOR and field in _NUMBERS and length > SMALL:
            self.file.seek(length, 1)
            return None
        if field in fields and length > _WHOLE:
            return self.message(length, fields[field])
        return self._take(length, end)

    def _take(self, length: int, end: int) -> bytes:
        self.kept += length
        if self.kept > MAX_KEPT:
            self.refuse(f"it holds more than {MAX_KEPT:,} bytes beside its weights")
        data = self.file.read(length)
        if len(data) < length or self.file.tell() > end:
            self.refuse("it is cut off, or no protobuf")
        return data

    def _varint(self, end: int) -> int:
        value = shift = 0
        while shift < 70:
            byte = self.file.read(1)
            if not byte or self.file.tell() > end:
                self.refuse("it is cut off, or no protobuf")
            value |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                return value
            shift += 7
        return self.refuse("it is no protobuf: a number has no end")


def _varint_of(value: int) -> bytes:
    """A number in the wire format.

    >>> _varint_of(300).hex()
    'ac02'
    """
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
