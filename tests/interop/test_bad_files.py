"""Hostile and broken model files as a process: exit 2, empty stdout, bounded time and memory."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

DATA = Path(__file__).parents[1] / "data" / "models"
DIGITS: dict[str, Any] = json.loads((DATA / "digits.json").read_bytes())
HEAD = (DATA / "head.safetensors").read_bytes()


def zipped(path: Path, data: bytes, member: str = "config.json") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(member, data)
    return path


def claiming(path: Path, size: int, packed: bytes = b" " * 50_000_000) -> Path:
    """An archive that says of its member that it unpacks to so many bytes, wherever it says so."""
    data = bytearray(zipped(path, packed).read_bytes())
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(magic) + offset, size)
    path.write_bytes(data)
    return path


def holes(path: Path, start: bytes, size: int) -> None:
    """A file of that size which takes no room on the disk."""
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(size)


def setting(layer: int, key: str, value: object) -> bytes:
    """The small Keras model with one setting of one of its layers changed."""
    document = json.loads(json.dumps(DIGITS))
    document["config"]["layers"][layer]["config"][key] = value
    return json.dumps(document).encode()


def put(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def damaged(path: Path) -> None:
    data = zipped(path, json.dumps(DIGITS).encode()).read_bytes()
    middle = 60
    path.write_bytes(data[:middle] + bytes(40) + data[middle + 40 :])


DEEP = b"[" * 100_000 + b"]" * 100_000
OBJECTS = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
KERAS = b'{"class_name": "Sequential", "config": '
#: The name of a file to what makes it, and a part of the refusal.
FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "cut off JSON": ("a.json", put(json.dumps(DIGITS).encode()[:900]), "a.json:1: this is not"),
    "cut off archive": (
        "a.keras",
        lambda path: path.write_bytes(zipped(path, b"{}" * 900).read_bytes()[:-30]),
        "is a damaged archive",
    ),
    "cut off member": ("a.keras", damaged, "is a damaged archive"),
    "cut off header": ("a.safetensors", put(HEAD[:90]), "but the file has 82 behind it"),
    "cut off data": ("a.safetensors", put(HEAD[:-1]), "is cut off"),
    "cut off length": ("a.safetensors", put(HEAD[:5]), "begins with 8 bytes, but this one has 5"),
    "empty": ("a.safetensors", put(b""), "begins with 8 bytes"),
    "zip bomb that says so": (
        "a.keras",
        lambda path: zipped(path, b" " * 50_000_000),
        "unpacks to more than 16,000,000 bytes",
    ),
    "zip bomb that says 100 bytes": (
        "a.keras",
        lambda path: claiming(path, 100),
        "is a damaged archive",
    ),
    "zip bomb that says 4 GB": (
        "a.keras",
        lambda path: claiming(path, 2**32 - 2, b"{}"),
        "unpacks to more than 16,000,000 bytes",
    ),
    "an archive without a config": (
        "a.keras",
        lambda path: zipped(path, b"{}", "metadata.json"),
        "zip archive without config.json (it holds metadata.json)",
    ),
    "an archive with nothing in it": (
        "a.keras",
        lambda path: zipfile.ZipFile(path, "w").close(),
        "it holds nothing",
    ),
    "an archive of arrays": (
        "a.keras",
        lambda path: zipped(path, b"", "a.npy"),
        "holds arrays alone",
    ),
    "an archive of a pickle": (
        "a.keras",
        lambda path: zipped(path, b"", "archive/data.pkl"),
        "is a pickle",
    ),
    "a config that leads out": (
        "a.keras",
        lambda path: zipped(path, b"{}", "../config.json"),
        "zip archive without config.json",
    ),
    "deep lists": ("a.json", put(b'{"a": ' + DEEP + b"}"), "nest more than 200 deep"),
    "deep objects": ("a.json", put(OBJECTS), "nest more than 200 deep"),
    "deep in an archive": ("a.keras", lambda path: zipped(path, DEEP), "nest more than 200 deep"),
    "deep in a header": (
        "a.safetensors",
        put(struct.pack("<Q", len(OBJECTS)) + OBJECTS),
        "its JSON nests too deep",
    ),
    "a number without end": (
        "a.json",
        put(b'{"a": ' + b"9" * 10_000 + b"}"),
        "thousands of digits",
    ),
    "100 GB of JSON": (
        "a.json",
        lambda path: holes(path, b'{"a": 1', 10**11),
        "larger than 16,000,000 bytes",
    ),
    "100 GB without a net": (
        "a.safetensors",
        lambda path: holes(path, b"", 10**11),
        "its header does not begin with {",
    ),
    "100 GB of an archive": (
        "a.keras",
        lambda path: holes(path, b"PK\x03\x04", 10**11),
        "is a damaged archive",
    ),
    "a header of 2**63 bytes": (
        "a.safetensors",
        put(struct.pack("<Q", 2**63) + b"{}"),
        "claims 9,223,372,036,854,775,808 bytes; the format allows 100,000,000",
    ),
    "a header of 100 MB": (
        "a.safetensors",
        put(struct.pack("<Q", 100_000_000) + b"{}"),
        "but the file has 2 behind it",
    ),
    "a pickle by its name": ("a.pt", put(b"(dp0\n."), "is a pickle"),
    "a pickle by its bytes": ("a.json", put(b"\x80\x04K\x01."), "is a pickle"),
    "a pickle named .pkl": ("a.pkl", put(b"cos\nsystem\n(S'true'\ntR."), "is a pickle"),
    "HDF5": ("a.h5", put(b"\x89HDF\r\n\x1a\n" + bytes(90)), "is an HDF5 file"),
    "HDF5 named .keras": ("a.keras", put(b"\x89HDF\r\n\x1a\n" + bytes(90)), "is an HDF5 file"),
    "JSON of another kind": ("a.json", put(b'{"name": "x"}'), "is JSON, but no model"),
    "no UTF-8": ("a.json", put(b'{"\xff": 1}'), "not UTF-8"),
    "no object": ("a.json", put(KERAS + b"3}"), "config is not a JSON object"),
    "no class": ("a.json", put(b'{"class_name": 3, "config": {}}'), "class_name must be a string"),
    "a class of its own": (
        "a.json",
        put(b'{"class_name": "\\u001b[31mMine", "config": {}}'),
        "is a class with code of its own",
    ),
    "no layers": ("a.json", put(KERAS + b"{}}"), "holds no layer"),
    "layers as text": ("a.json", put(KERAS + b'{"layers": "all"}}'), "layers must be a list"),
    "a layer as a number": ("a.json", put(KERAS + b'{"layers": [3]}}'), "is not a JSON object"),
    "filters as text": ("a.json", put(setting(1, "filters", "8")), "filters must be a whole"),
    "filters below 0": ("a.json", put(setting(1, "filters", -8)), "conv (Conv2D)"),
    "filters without end": ("a.json", put(setting(1, "filters", 10**400)), "conv (Conv2D)"),
    "half a filter": ("a.json", put(setting(1, "filters", 8.5)), "filters must be a whole"),
    "a kernel as an object": ("a.json", put(setting(1, "kernel_size", {})), "kernel_size must be"),
    "a kernel of 3 axes": ("a.json", put(setting(1, "kernel_size", [1] * 3)), "kernel_size must"),
    "a kernel of a million": (
        "a.json",
        put(setting(1, "kernel_size", [1] * 1_000_000)),
        "kernel_size must be 2 whole numbers",
    ),
    "stride 0": ("a.json", put(setting(1, "strides", 0)), "conv (Conv2D)"),
    "a bias as text": ("a.json", put(setting(1, "use_bias", "yes")), "use_bias must be true or"),
    "padding as a list": ("a.json", put(setting(1, "padding", ["same"])), "padding must be a"),
    "padding of another kind": ("a.json", put(setting(1, "padding", "odd")), "padding must be"),
    "a function as a list": ("a.json", put(setting(1, "activation", [1])), "conv"),
    "a name as a list": ("a.json", put(setting(1, "name", ["a"])), "name must be a string"),
    "a shape as text": ("a.json", put(setting(0, "batch_shape", "28")), "shape must be 2 to 9"),
    "a shape of text": ("a.json", put(setting(0, "batch_shape", [None, "2"])), "shape must be"),
    "an enormous shape": ("a.json", put(setting(0, "batch_shape", [None, 10**13])), "shape must"),
    "an axis as text": ("a.json", put(setting(3, "axis", "last")), "axis must be whole numbers"),
    "an axis that is none": ("a.json", put(setting(3, "axis", 7)), "axis 7 is not one of"),
    "momentum as an object": ("a.json", put(setting(3, "momentum", {})), "momentum must be a"),
    "momentum not a number": (
        "a.json",
        put(setting(3, "momentum", 0.5).replace(b'"momentum": 0.5', b'"momentum": NaN')),
        "norm (BatchNormalization)",
    ),
    "units as true": ("a.json", put(setting(5, "units", True)), "units must be a whole number"),
    "a folder": ("a.keras", lambda path: path.mkdir(), "cannot read"),
    "Hugging Face sizes as text": (
        "config.json",
        put(b'{"model_type": "bert", "hidden_size": "768"}'),
        "hidden_size must be a whole number",
    ),
}


# Both commands read by the same readers, so one of them is asked about each file.
@pytest.mark.parametrize(
    ("name", "command"), list(zip(FILES, cycle(["params", "params", "shape"])))
)
def test_refused(name: str, command: str, run: Run, tmp_path: Path) -> None:
    file, make, rule = FILES[name]
    make(tmp_path / file)
    started = time.monotonic()
    done = run(command, f"./{file}", cwd=tmp_path, LC_ALL="C.UTF-8")
    # A bound against running away, far above what any of these takes.
    assert time.monotonic() - started < 10
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert rule in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr and "\x1b" not in done.stderr
    assert len(done.stderr) < 10_000 and done.stderr.count("dlcalc: ") == 1


def test_what_these_are_made_of_is_read(run: Run, tmp_path: Path) -> None:
    """Without the damage each of them is a model, so that nothing else has refused them."""
    zipped(tmp_path / "a.keras", setting(1, "filters", 8))
    (tmp_path / "a.json").write_bytes(setting(1, "filters", 8.0))
    (tmp_path / "a.safetensors").write_bytes(HEAD)
    answers = [run("params", f"./a.{end}", "-q", cwd=tmp_path).stdout for end in ENDINGS]
    assert answers == ["15914\n", "15914\n", "8\n"]


ENDINGS = ("keras", "json", "safetensors")


@pytest.mark.parametrize("end", ENDINGS)
def test_a_file_by_standard_input(end: str, run: Run, tmp_path: Path) -> None:
    """All of them are read."""
    data = {
        "keras": zipped(tmp_path / "a", setting(1, "filters", 8)).read_bytes(),
        "json": setting(1, "filters", 8),
        "safetensors": HEAD,
    }[end]
    done = run("params", "-f", "-", "-q", stdin=data)
    answer = "8\n" if end == "safetensors" else "15914\n"
    assert (done.returncode, done.stdout) == (0, answer), done.stderr


PEAK = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "dlcalc", *sys.argv[1:]], capture_output=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(folder: Path, path: Path) -> int:
    """Kilobytes that a run needs at most."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "params", str(path)],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in kilobytes there")
def test_bombs_take_little_memory(tmp_path: Path) -> None:
    usual = peak(tmp_path, DATA / "digits.json")
    assert usual > 5_000
    bomb = zipped(tmp_path / "bomb.keras", b" " * 500_000_000)
    assert bomb.stat().st_size < 1_000_000
    for path in (bomb, claiming(tmp_path / "liar.keras", 100, b" " * 200_000_000)):
        assert peak(tmp_path, path) < usual + 40_000
    holes(tmp_path / "huge.json", b"{", 10**11)
    assert peak(tmp_path, tmp_path / "huge.json") < usual + 60_000
