"""Files of arrays that may be hostile: bounded before anything is unpacked, never pickle."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dlcalc.engine import archive
from dlcalc.engine.archive import read_arrays
from dlcalc.errors import InputError


def written(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> str:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return str(path)


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array))
    return file.getvalue()


def header(text: str, data: bytes = b"") -> bytes:
    """An array file whose header is this text."""
    padded = text.encode() + b" " * (64 - (len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + data


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path: Path, save: object) -> None:
    given = {
        "a.weight": np.arange(6.0).reshape(2, 3),
        "f": np.asfortranarray(np.arange(6, dtype="i4").reshape(2, 3)),
        "half": np.array([0.5], "f2"),
        "big": np.array([1.5], ">f8"),
        "scalar": np.array(3.0),
        "empty": np.zeros((0, 2)),
        "text": np.array("net"),
    }
    path = tmp_path / "a.npz"
    save(path, **given)  # type: ignore[operator]
    found = read_arrays(str(path))
    assert found.keys() == given.keys()
    for name, array in given.items():
        assert np.array_equal(found[name], array)
        assert found[name].shape == array.shape


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = header("{'descr': '<f8', 'fortran_order': False, 'shape': (1250000,)}") + bytes(10**7)
    path = written(tmp_path / "bomb.npz", {"a.npy": zeros}, zipfile.ZIP_DEFLATED)
    assert Path(path).stat().st_size < 50_000
    assert read_arrays(path)["a"].size == 1_250_000
    monkeypatch.setattr(archive, "MAX_BYTES", 10**6)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(InputError, match=r"holds more than 1,000,000 bytes"):
        read_arrays(path)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.npz", {f"{i}.npy": npy(1.0) for i in range(4)})
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(InputError, match="more than 3 arrays"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999,)}"), "as long as"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", bytes(15)), "as long"),
        (
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (-2, -1)}", bytes(16)),
            "not an",
        ),
        (
            header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
            "Python objects",
        ),
        (header("__import__('os').abort()"), "not an .npz"),
        (b"nothing", "not an .npz"),
        (b"", "not an .npz"),
    ],
)
def test_an_array_that_is_not_what_it_says(tmp_path: Path, data: bytes, message: str) -> None:
    path = written(tmp_path / "a.npz", {"a.npy": data})
    with pytest.raises(InputError, match=message):
        read_arrays(path)


def test_names_twice_and_files_that_are_none(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", {"a.npy": npy(1.0), "a": npy(2.0)})
    with pytest.raises(InputError, match="holds a twice"):
        read_arrays(path)
    plain = tmp_path / "plain.npz"
    plain.write_bytes(b"PK nothing of the kind")
    for name, message in (("plain.npz", "not an .npz file"), ("none.npz", "No such file")):
        with pytest.raises(InputError, match=message):
            read_arrays(str(tmp_path / name))
