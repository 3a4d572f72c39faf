"""A model file of any kind, known by what it holds, read to a graph.

Nothing in a file is executed, and no file is unpacked beyond the sizes written
below. To add a format: say in `recognised` how it begins, and name its module in
`READERS`; the module has a function ``read(path, name, given)``, in which ``given``
is the INPUT that a person wrote before the file, or None.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from stat import S_ISFIFO
from typing import TYPE_CHECKING

from dlcalc.errors import InputError, abridged
from dlcalc.files import check_open, standard_input
from dlcalc.interop.graph import Graph
from dlcalc.layers.shape import Shape

if TYPE_CHECKING:
    from dlcalc.interop.safetensors import Checkpoint

#: The module that reads a format. What JSON and archives hold is told apart there.
READERS = {
    "json": "dlcalc.interop.json_model",
    "archive": "dlcalc.interop.archive",
    "onnx": "dlcalc.interop.onnx.read",
    "safetensors": "dlcalc.interop.safetensors",
    "torch module": "dlcalc.interop.torch.text",
    "torch source": "dlcalc.interop.torch.source",
}
#: Formats that run code when they are loaded, or hold no layers: why not, and what to save.
REFUSED = {
    "pickle": (
        "is a pickle, as torch.save writes it: to load one is to run the code in it",
        "Write its layers in the notation.",
    ),
    "hdf5": (
        "is an HDF5 file, which may hold pickled code beside its weights",
        "Save what model.to_json() gives, or the archive of model.save('model.keras').",
    ),
    "gguf": ("is a GGUF file, of a format that is not read here", ""),
}
_HEAD = 4_096
_MAGIC = {
    b"PK\x03\x04": "archive",
    b"PK\x05\x06": "archive",
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"GGUF": "gguf",
}
# Under these names a file that is cut off or hostile is refused as what it claims to be.
_ENDINGS = {".safetensors": "safetensors", ".onnx": "onnx"}
# Endings under which pickles go, whatever their first bytes are.
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt")
_COMMENTS = r"(?:\s|#[^\n]*\n|\"\"\"[^\"]*\"\"\")*"
_MODULE = re.compile(rf"{_COMMENTS}(?:\([\w.-]+\): )?[A-Z]\w*\(")
_SOURCE = re.compile(
    rf"{_COMMENTS}(?:(?:import|from)\s+(?:torch|collections)\b|(?:\w+\s*=\s*)?"
    r"(?:torch\.)?nn\.[A-Z]\w*\(|\w+\s*=\s*[A-Z]\w*\()"
)


def recognised(path: str) -> str:
    """The format of a file by what it begins with; empty for text in the notation.

    Raises `InputError` if the file cannot be opened.
    """
    return _by_head(_head(path)) or _by_ending(path)


def read(path: str, given: Shape | None = None, format: str = "") -> Graph | Checkpoint:
    """The graph of a model file, or its tensors alone where it holds no layers.

    Raises `InputError` if it is of no format that is read.
    ``given`` is an INPUT for a model with one input; ``format`` saves looking twice.
    """
    name = "standard input" if path == "-" else abridged(path, 60)
    found = format or recognised(path)
    if found in REFUSED:
        rule, mend = REFUSED[found]
        raise InputError(f"{name} {rule}", mend=mend)
    if found not in READERS:
        raise InputError(f"{name} is no model file that is read here")
    model: Graph | Checkpoint = import_module(READERS[found]).read(path, name, given)
    return model


def _by_ending(path: str) -> str:
    """The format that a name claims, where the bytes do not show it."""
    ending = os.path.splitext(path.lower())[1]
    return "pickle" if ending in _PICKLES else _ENDINGS.get(ending, "")


def _head(path: str) -> bytes:
    """The first bytes of a file, which standard input keeps for the reader."""
    check_open(path)
    if path == "-":
        peek = getattr(standard_input(), "peek", None)
        return bytes(peek(_HEAD)[:_HEAD]) if peek else b""
    try:
        if S_ISFIFO(os.stat(path).st_mode):
            # What is read from a pipe is gone, so it is left to the notation's parser.
            return b""
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {abridged(path, 60)}: {reason}") from error


def _by_head(head: bytes) -> str:
    for magic, format in _MAGIC.items():
        if head.startswith(magic):
            return format
    # The opcode PROTO, a version that exists, then what a pickle of any version may go on with.
    if len(head) > 2 and head[0] == 0x80 and 1 <= head[1] <= 5:
        return "pickle"
    # The length of a header in eight bytes, at most 100 MB, then the brace of its JSON.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= 100_000_000:
        return "safetensors"
    # A protobuf of which the first field, 1, is the version of the format, then another field.
    if re.match(rb"\x08[\x01-\x1f][\x12\x1a\x22\x2a\x32\x3a\x42]", head):
        return "onnx"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{",):
        return "json"
    text = head.decode("utf-8", "replace").lstrip("\ufeff")
    if _SOURCE.match(text):
        return "torch source"
    return "torch module" if _MODULE.match(text) else ""
