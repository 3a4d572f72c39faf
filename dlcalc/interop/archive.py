"""Zip archives: the .keras ones are read, of the others it is said what they are.

Only one small member is unpacked, and not beyond the size that is taken of any
JSON, whatever the archive says of itself.
"""

from __future__ import annotations

from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from dlcalc.errors import InputError, abridged
from dlcalc.files import buffered_input
from dlcalc.interop.graph import Graph
from dlcalc.interop.json_model import from_document
from dlcalc.interop.json_text import MAX_BYTES, load
from dlcalc.layers.shape import Shape

# No archive of a model has more members; each costs memory before any is unpacked.
_MAX_MEMBERS = 100_000


def read(path: str, name: str, given: Shape | None) -> Graph:
    """The graph in a .keras archive. Raises `InputError` for any other archive."""
    try:
        with open(path, "rb") if path != "-" else buffered_input() as file, _opened(file) as found:
            data = _config(found, name)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}") from error
    # zlib's own error is none of these; it is raised for a member that is cut off.
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"{name} is a damaged archive: {error}") from error
    return from_document(load(data, f"{name}: config.json"), name, given)


def _opened(file: BinaryIO) -> ZipFile:
    archive = ZipFile(file)
    if len(archive.infolist()) > _MAX_MEMBERS:
        raise InputError(f"the archive has more than {_MAX_MEMBERS:,} members")
    return archive


def _config(archive: ZipFile, name: str) -> bytes:
    members = archive.namelist()
    if "config.json" not in members:
        raise _refused(members, name)
    info = archive.getinfo("config.json")
    if info.file_size > MAX_BYTES:
        raise _too_large(name, info)
    return _unpacked(archive, info, name)


def _unpacked(archive: ZipFile, info: ZipInfo, name: str) -> bytes:
    """The member, read no further than is taken, whatever size it claims."""
    from zlib import error as DamagedStream

    try:
        with archive.open(info) as member:
            data = member.read(MAX_BYTES + 1)
    except DamagedStream as error:
        raise BadZipFile(str(error)) from error
    if len(data) > MAX_BYTES:
        raise _too_large(name, info)
    return data


def _too_large(name: str, info: ZipInfo) -> InputError:
    return InputError(
        f"{name}: config.json unpacks to more than {MAX_BYTES:,} bytes, from "
        f"{info.compress_size:,} packed ones"
    )


def _refused(members: list[str], name: str) -> InputError:
    if any(member.endswith("data.pkl") for member in members):
        from dlcalc.interop.read import REFUSED

        rule, mend = REFUSED["pickle"]
        return InputError(f"{name} {rule}", mend=mend)
    if members and all(member.endswith(".npy") for member in members):
        return InputError(
            f"{name} holds arrays alone, and no layers",
            mend="forward --weights reads arrays; here a net or a model is needed.",
        )
    held = ", ".join(abridged(member, 30) for member in members[:3]) or "nothing"
    return InputError(
        f"{name} is a zip archive without config.json (it holds {held}), so no .keras archive",
        mend="model.save('model.keras') writes one.",
    )
