"""Files are written whole or not at all, and what cannot be written is said before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import pytest

from dlcalc.errors import InputError
from dlcalc.files import refuse_unwritable, write_whole


def test_a_file_is_exchanged_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    path.chmod(0o640)
    write_whole(str(path), lambda file: file.write(b"behind"))
    assert path.read_bytes() == b"behind"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a"]


def test_a_new_file_has_the_rights_of_any(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_whole(str(tmp_path / "a"), lambda file: file.write(b""))
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_what_breaks_off_leaves_the_file_as_it_was(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")

    def half(file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_whole(str(path), half)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("act", [refuse_unwritable, lambda p: write_whole(p, lambda f: None)])
@pytest.mark.parametrize("name", ["nowhere/a", "directory"])
def test_what_cannot_be_written_is_named(act: object, name: str, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    assert callable(act)
    with pytest.raises(InputError, match=f"cannot write .*{name}"):
        act(str(tmp_path / name))
    assert os.listdir(tmp_path) == ["directory"]


def test_asking_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    refuse_unwritable(str(path))
    assert os.listdir(tmp_path) == []
    path.write_bytes(b"before")
    refuse_unwritable(str(path))
    assert path.read_bytes() == b"before"
