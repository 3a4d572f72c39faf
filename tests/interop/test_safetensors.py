"""Headers of safetensors files: what they say, every rule of the format, and hostile ones."""

from __future__ import annotations

import json
import os
import random
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

from dlcalc.answers.checkpoint import MOST_ROWS, IndexResult, TensorsResult
from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.errors import InputError
from dlcalc.interop.read import recognised
from dlcalc.interop.safetensors import DTYPES, read_header

TWO = {
    "fc.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "fc.bias": {"dtype": "BF16", "shape": [2], "data_offsets": [24, 28]},
}


def written(path: Path, header: object, room: int = 28, *, text: bytes | None = None) -> str:
    """A file of that header; its data are holes, so that none of it takes room on the disk."""
    data = json.dumps(header).encode() if text is None else text
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(data)) + data)
        file.truncate(8 + len(data) + room)
    return str(path)


def refusal(path: str) -> str:
    with pytest.raises(InputError) as caught:
        read_header(path)
    return str(caught.value)


def entry(dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_what_it_says(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", {"__metadata__": {"format": "pt"}} | TWO)
    header = read_header(path)
    assert list(header.names) == ["fc.weight", "fc.bias"]
    assert (header.parameters, header.data, header.metadata) == (8, 28, {"format": "pt"})
    result = TensorsResult([header])
    assert result.by_dtype() == {"F32": (6, 24), "BF16": (2, 4)}
    assert result.value == 8
    assert result.meets("8") and not result.meets("9")
    assert result.plain().splitlines()[1].split() == ["fc.weight", "2x3", "F32", "6", "24"]
    document = json.loads(result.json())
    assert document["tensors"]["fc.bias"] == {"dtype": "BF16", "shape": [2], "bytes": 4}
    assert document["dtypes"]["F32"] == {"numbers": 6, "bytes": 24}


def test_keys_in_any_order_and_no_tensors(tmp_path: Path) -> None:
    turned = {"a": {"shape": [], "data_offsets": [0, 4], "dtype": "F32"}}
    assert read_header(written(tmp_path / "a", turned, 4)).parameters == 1
    assert read_header(written(tmp_path / "b", {}, 0)).parameters == 0
    assert read_header(written(tmp_path / "c", {"a": entry("F32", [0, 3], [0, 0])}, 0)).counts == [
        0
    ]


def test_spaces_behind_the_header(tmp_path: Path) -> None:
    text = json.dumps(TWO).encode() + b"   "
    assert read_header(written(tmp_path / "a", None, text=text)).parameters == 8


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_takes_its_bits(dtype: str, tmp_path: Path) -> None:
    size = DTYPES[dtype]
    assert read_header(written(tmp_path / "a", {"a": entry(dtype, [8], [0, size])}, size)).data
    wrong = written(tmp_path / "b", {"a": entry(dtype, [8], [0, size + 1])}, size + 1)
    assert f"takes {size} bytes" in refusal(wrong)


BROKEN: dict[str, tuple[object, int, str]] = {
    "gap": ({"a": entry(), "b": entry(offsets=[8, 12])}, 12, "b begins at 8 and leaves a gap"),
    "gap at the start": ({"a": entry(offsets=[4, 8])}, 8, "leaves a gap behind what ends at 0"),
    "overlap": ({"a": entry(), "b": entry(offsets=[2, 6])}, 6, "b begins at 2 and overlaps"),
    "twice the same": ({"a": entry(), "b": entry()}, 4, "overlaps what ends at 4"),
    "beyond the file": ({"a": entry()}, 3, "is cut off"),
    "uncovered": ({"a": entry()}, 5, "holds more than that"),
    "sizes": ({"a": entry(shape=[2])}, 4, "takes 8 bytes, but its offsets 0, 4 hold 4"),
    "half a byte": ({"a": entry("F4", [3], [0, 1])}, 1, "takes 1.5 bytes"),
    "backwards": ({"a": entry(offsets=[4, 0])}, 4, "hold -4"),
    "dtype": ({"a": entry("F31")}, 4, "has the dtype F31, which is none"),
    "no text as dtype": ({"a": entry(7)}, 4, "has the dtype 7"),
    "dtype in a list": ({"a": entry(["F32"])}, 4, "which is none"),
    "decimal": ({"a": entry(shape=[1.0])}, 4, "shape of a is not a list of whole numbers"),
    "truth": ({"a": entry(shape=[True])}, 4, "shape of a is not a list"),
    "below zero": ({"a": entry(shape=[-1])}, 4, "shape of a is not a list"),
    "shape as text": ({"a": entry(shape="11")}, 4, "shape of a is not a list"),
    "three offsets": ({"a": entry(offsets=[0, 4, 4])}, 4, "data_offsets of a are not two"),
    "offsets null": ({"a": entry(offsets=None)}, 4, "data_offsets of a are not two"),
    "huge": ({"a": entry(shape=[2**63, 2**63])}, 4, "but its offsets 0, 4 hold 4"),
    "beyond 64 bits": ({"a": entry(shape=[2**64])}, 4, "shape of a is not a list"),
    "axes": ({"a": entry(shape=[1] * 65)}, 4, "65 axes; at most 64"),
    "missing key": ({"a": {"dtype": "F32", "shape": [1]}}, 4, "no data_offsets of a"),
    "further key": ({"a": entry() | {"scale": 1}}, 4, "gives scale of a, which the format has not"),
    "no object": ({"a": [["dtype", "F32"], ["shape", [1]], ["data_offsets", [0, 4]]]}, 4, "object"),
    "empty list": ({"a": []}, 0, "not an object"),
    "text": ({"a": "dtype"}, 0, "not an object"),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, 0, "may hold texts only, and a is none"),
    "metadata of objects": ({"__metadata__": {"a": {}}}, 0, "texts only"),
    "metadata a list": ({"__metadata__": ["a"]}, 0, "__metadata__ is not an object"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_the_format_does_not_allow(name: str, tmp_path: Path) -> None:
    header, room, reason = BROKEN[name]
    assert reason in refusal(written(tmp_path / "a", header, room))


WRONG_TEXTS = {
    "named twice": (
        b'{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},'
        b'"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
        "names a twice",
    ),
    "key twice": (
        b'{"a":{"dtype":"U8","dtype":"I8","shape":[],"data_offsets":[0,1]}}',
        "dtype of a twice",
    ),
    "metadata twice": (b'{"__metadata__":{"a":"1","a":"2"}}', "__metadata__ names a twice"),
    "no object": (b"[]", "does not begin with {"),
    "nothing": (b"", "does not begin with {"),
    "a space before": (b" {}", "does not begin with {"),
    "no JSON": (b'{"a":', "no proper JSON"),
    "two values": (b"{}{}", "no proper JSON"),
    "not UTF-8": (b'{"\xff":1}', "byte 2 of its JSON is not UTF-8"),
    "deep": (b'{"a":' + b"[" * 200_000, "nests too deep"),
    "a number without end": (b'{"a":' + b"9" * 10_000 + b"}", "no proper JSON"),
    "not a number": (b'{"a":NaN}', "not an object"),
}


@pytest.mark.parametrize("name", WRONG_TEXTS)
def test_texts_that_are_no_header(name: str, tmp_path: Path) -> None:
    text, reason = WRONG_TEXTS[name]
    assert reason in refusal(written(tmp_path / "a", None, 1, text=text))


@pytest.mark.parametrize("claim", [2**63, 2**64 - 1, 100_000_001, 50, 9])
def test_a_header_longer_than_its_file_is_refused_at_once(claim: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(struct.pack("<Q", claim) + b"{}")
    before = time.perf_counter()
    assert f"claims {claim:,} bytes" in refusal(str(tmp_path / "a"))
    assert time.perf_counter() - before < 1


@pytest.mark.parametrize("length", [0, 1, 7])
def test_less_than_a_length(length: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * length)
    assert f"but this one has {length}" in refusal(str(tmp_path / "a"))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = Path(written(tmp_path / "a", TWO)).read_bytes()
    assert read_header(str(tmp_path / "a")).parameters == 8
    for length in range(len(whole)):
        (tmp_path / "b").write_bytes(whole[:length])
        refusal(str(tmp_path / "b"))


def test_the_data_is_not_read(tmp_path: Path) -> None:
    """A terabyte of holes is answered at once."""
    header = {"a": entry("U8", [10**12], [0, 10**12])}
    before = time.perf_counter()
    assert read_header(written(tmp_path / "a", header, 10**12)).data == 10**12
    assert time.perf_counter() - before < 2


def test_not_there(tmp_path: Path) -> None:
    assert "No such file" in refusal(str(tmp_path / "none"))
    assert "Is a directory" in refusal(str(tmp_path))


def test_recognised(tmp_path: Path) -> None:
    """By what it holds; where that is cut off or hostile, by its name."""
    assert recognised(written(tmp_path / "any.bin", TWO)) == "safetensors"
    for name, data, format in [
        ("a.bin", b'{"model_type": "bert"}', "json"),
        ("a.net", b"3x32x32 conv:6,k5", ""),
        ("a.bin", b"", ""),
        ("a.bin", struct.pack("<Q", 2**63) + b"{}", ""),
        ("a.safetensors", struct.pack("<Q", 2**63) + b"{}", "safetensors"),
        ("A.SAFETENSORS", b"", "safetensors"),
    ]:
        (tmp_path / name).write_bytes(data)
        assert recognised(str(tmp_path / name)) == format


def test_what_is_answered_about_a_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", TWO)
    assert params(path).value == 8
    with pytest.raises(InputError, match="only its numbers and bytes are told"):
        params(path, batch=3)
    with pytest.raises(InputError, match="only its numbers and bytes are told"):
        params(path, verify=True)
    with pytest.raises(InputError, match="the rules of keras do not apply"):
        params(path, like="keras")
    with pytest.raises(InputError, match="an INPUT has no use"):
        params("3x4", path)
    with pytest.raises(InputError, match="no shape goes through it"):
        shape(path)


def test_many_tensors_are_shown_by_module(tmp_path: Path) -> None:
    names = [f"model.layers.{n}.{part}.weight" for n in range(30) for part in ("q", "k")]
    header = {
        name: entry(shape=[1], offsets=[4 * i, 4 * i + 4]) for i, name in enumerate(names)
    } | {"head": entry("F16", [2], [240, 244])}
    result = TensorsResult([read_header(written(tmp_path / "a", header, 244))])
    lines = result.plain().splitlines()
    assert lines[1].split() == ["model.layers.0", "2", "tensors", "F32", "2", "8"]
    assert "head" in result.plain() and len(lines) <= MOST_ROWS + 6
    assert result.value == 62 and len(json.loads(result.json())["tensors"]) == 61


def test_more_modules_than_rows(tmp_path: Path) -> None:
    header = {f"t{i}": entry(offsets=[4 * i, 4 * i + 4]) for i in range(100)}
    result = TensorsResult([read_header(written(tmp_path / "a", header, 400))])
    assert "61 more" in result.plain()


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    header = {"\x1b[2J" + "n" * 10_000: entry()}
    shown = TensorsResult([read_header(written(tmp_path / "a", header, 4))]).plain()
    assert "\x1b" not in shown and max(map(len, shown.splitlines())) < 200


def index_of(folder: Path, weights: dict[str, object], **metadata: object) -> IndexResult:
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": metadata, "weight_map": weights}), encoding="utf-8")
    result = params(str(path))
    assert isinstance(result, IndexResult)
    return result


def two_shards(folder: Path) -> dict[str, object]:
    written(folder / "1.safetensors", {"a": entry()}, 4)
    written(folder / "2.safetensors", {"b": entry("F16", [3], [0, 6])}, 6)
    return {"a": "1.safetensors", "b": "2.safetensors"}


def test_an_index_with_its_files(tmp_path: Path) -> None:
    result = index_of(tmp_path, two_shards(tmp_path), total_size=10)
    assert (result.value, result.data, list(result.notes)) == (4, 10, [])
    assert index_of(tmp_path, two_shards(tmp_path), total_size=11).notes == [
        "the index claims 11 bytes, but its files hold 10"
    ]


def test_an_index_without_all_its_files(tmp_path: Path) -> None:
    weights = two_shards(tmp_path)
    os.remove(tmp_path / "2.safetensors")
    result = index_of(tmp_path, weights, total_size=10, total_parameters=4)
    assert result.value == 4 and "1 of 2 files" in result.notes[0]
    result = index_of(tmp_path, weights, total_size=10)
    assert result.value is None and result.terse() == "unknown"
    assert json.loads(result.json())["missing"] == ["2.safetensors"]
    assert not result.meets("4")


@pytest.mark.parametrize("file", ["../1.safetensors", "/etc/passwd", "..", "", "a\0b", "a\\b", 3])
def test_an_index_leads_nowhere_else(file: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file beside it"):
        index_of(tmp_path, {"a": file})


def test_an_index_that_its_files_contradict(tmp_path: Path) -> None:
    weights = two_shards(tmp_path)
    with pytest.raises(InputError, match=r"places a in 2\.safetensors, which has no such"):
        index_of(tmp_path, weights | {"a": "2.safetensors"})
    with pytest.raises(InputError, match="of which the index knows nothing"):
        written(tmp_path / "1.safetensors", {"a": entry(), "c": entry(offsets=[4, 8])}, 8)
        index_of(tmp_path, weights)
    with pytest.raises(InputError, match="names no tensor"):
        index_of(tmp_path, {})
    with pytest.raises(InputError, match="an INPUT has no use"):
        params("3", str(tmp_path / "model.safetensors.index.json"))


def test_the_library_accepts_and_refuses_alike(tmp_path: Path) -> None:
    """Random headers, sound and broken, through the format's own implementation."""
    library = pytest.importorskip("safetensors", reason="safetensors is not installed")
    draw = random.Random(7)
    accepted = 0
    for _ in range(600):
        header, reached = {}, 0
        for number in range(draw.randint(0, 4)):
            dtype = draw.choice(list(DTYPES))
            shape = [draw.randint(0, 3) for _ in range(draw.randint(0, 3))]
            bits = DTYPES[dtype]
            for size in shape:
                bits *= size
            end = reached + bits // 8
            header[f"t{number}"] = entry(dtype, shape, [reached, end])
            reached = end
        if header and draw.random() < 0.5:
            broken = header[draw.choice(list(header))]
            key = draw.choice(["dtype", "shape", "data_offsets"])
            values: dict[str, list[object]] = {
                "dtype": ["F32", "F99", 1],
                "shape": [[1], [2, 2], [-1], [1.5], 3],
                "data_offsets": [[0, 4], [4, 0], [1, 2], [0], "a"],
            }
            broken[key] = draw.choice(values[key])
        path = written(tmp_path / "a", header, reached + draw.choice([0, 0, 0, 1]))
        try:
            with library.safe_open(path, "np") as file:
                theirs = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        except Exception as error:  # a SafetensorError, which the package does not always export
            assert "deserializing header" in str(error)
            refusal(path)
            continue
        accepted += 1
        ours = read_header(path)
        assert dict(zip(ours.names, map(list, ours.shapes))) == theirs
    assert 200 < accepted < 500


# --- standard input ---------------------------------------------------------------


def test_standard_input_needs_the_header_alone(tmp_path: Path, run: Run) -> None:
    whole = Path(written(tmp_path / "a", TWO)).read_bytes()
    for end in (len(whole), len(whole) - 28, len(whole) - 27):
        done = run("params", "-f", "-", "-q", stdin=whole[:end])
        assert (done.returncode, done.stdout) == (0, "8\n")
    for end in (9, 40, len(whole) - 29):
        done = run("params", "-f", "-", "-q", stdin=whole[:end])
        assert (
            done.returncode == 2
            and f"{end - 8:,} of {len(whole) - 36:,} bytes are there" in done.stderr
        )


def test_standard_input_claims_too_much(run: Run) -> None:
    done = run("params", "-f", "-", stdin=struct.pack("<Q", 2**63) + b"{}")
    assert done.returncode == 2 and done.stdout == ""


@pytest.mark.parametrize("command", ["params", "shape"])
@pytest.mark.parametrize("name", ["digits.json", "printed.txt", "head.safetensors"])
def test_a_model_is_no_stream_of_questions(command: str, name: str, run: Run) -> None:
    data = Path("tests/data/models", name).read_bytes()
    done = run(command, "-", stdin=data)
    assert done.returncode == 2 and "-f - reads it" in done.stderr
