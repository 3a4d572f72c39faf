"""What a person sees of a training: a bar, curves, regions; and what a pipe does not."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Run
from terminal import ESCAPES, on_terminal

from dlcalc.cli.progress import bar, line
from dlcalc.errors import display_width

#: Text the terminal was given, by lines; what was drawn over by the next drawing is gone.
UTF8 = {"LC_ALL": "C.UTF-8"}
TASKS = {
    "xor": "which class the net takes every point for",
    "line": "the net's curve",
    "recall:3": "what the net takes the 300 examples held out for",
    "sparse-regression:4": "what the net gives for the 12 examples held out",
}


def shown(text: str) -> list[str]:
    """The lines as they stand at the end."""
    return [each.rpartition("\r")[2] for each in ESCAPES.sub("", text).split("\n")]


def spaced(lines: list[str]) -> list[str]:
    """The lines that hold anything, with one space between words: a terminal's gaps are others."""
    return [" ".join(each.split()) for each in lines if each.strip()]


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("task", TASKS)
def test_no_line_is_broken(task: str, columns: int) -> None:
    lines = shown(on_terminal(f"train-toy {task} --epochs 5", columns, **UTF8))
    assert max(map(display_width, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    assert TASKS[task] in text
    assert "loss of each epoch" in text


@pytest.mark.parametrize("task", TASKS)
def test_a_pipe_gets_the_same_without_drawings(task: str, run: Run) -> None:
    arguments = ["train-toy", *task.split(), "--epochs", "5"]
    plain = spaced(run(*arguments, **UTF8).stdout.split("\n"))
    lines = spaced(shown(on_terminal(" ".join(arguments), 80, **UTF8)))
    assert [each for each in lines if each in plain] == plain
    assert lines[-1] == plain[-1] and plain[-1].startswith(("accuracy", "rmse"))
    drawn = "".join(each for each in lines if each not in plain)
    assert "└" in drawn and "└" not in "".join(plain)


@pytest.mark.parametrize("form", ["-q", "--json"])
def test_a_bare_value_and_a_document_are_not_drawn(form: str, run: Run) -> None:
    text = on_terminal(f"train-toy line --epochs 3 {form}", 80, **UTF8)
    assert shown(text) == run("train-toy", "line", "--epochs", "3", form).stdout.split("\n")


@pytest.mark.parametrize("plain", [{"LC_ALL": "C"}, {"TERM": "dumb"}])
def test_ascii_is_enough(plain: dict[str, str]) -> None:
    text = on_terminal("train-toy xor --epochs 5", 80, **{**UTF8, **plain})
    assert text.isascii()
    assert "+--" in text
    assert on_terminal("train-toy xor --epochs 5", 80, **UTF8).isascii() is False


def test_no_colour_changes_nothing_else() -> None:
    coloured = on_terminal("train-toy line --epochs 5", 80, **UTF8)
    declined = on_terminal("train-toy line --epochs 5", 80, **UTF8, NO_COLOR="1")
    assert shown(coloured) == shown(declined)
    assert "\x1b[1;32m" in coloured and "\x1b[1;32m" not in declined


def test_the_bar_says_how_far_it_is() -> None:
    text = on_terminal("train-toy glyphs --samples 600 --epochs 3", 80, **UTF8)
    drawn = [part for part in re.split(r"\r\x1b\[K", text) if "epoch " in part[:60]]
    for part in ("loss ", "accuracy ", "rate 0.005", " left", "▏", "█"):
        assert any(part in each for each in drawn), part
    assert all(display_width(each.partition("\n")[0]) < 80 for each in drawn)
    dumb = on_terminal("train-toy glyphs --samples 600 --epochs 3", 80, TERM="dumb")
    assert "left" not in dumb


def test_the_bar_fits() -> None:
    parts = ["epoch 1,234/5,678", "loss 0.0123", "accuracy 0.9876", "rate 0.01", "9/s", "7 s left"]
    for width in range(10, 120):
        drawn = line(parts, 0.4, width, ascii=False)
        assert display_width(drawn) <= width
        assert width < 27 or drawn.endswith("7 s left")


@pytest.mark.parametrize("ascii", [False, True])
def test_the_bar_grows(ascii: bool) -> None:
    bars = [bar(part / 100, 10, ascii) for part in range(101)]
    assert {display_width(each) for each in bars} == {12}
    assert len(set(bars)) == (11 if ascii else 81)
    assert bars[0] in ("[----------]", "▕          ▏")
    assert bars[100] in ("[##########]", "▕██████████▏")


def test_a_picture_is_written_whole(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "xor.svg"
    file.write_text("before")
    done = run("train-toy", "xor", "--plot", str(file), "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    root = ElementTree.fromstring(file.read_text("utf-8"))
    title = root.findtext("{http://www.w3.org/2000/svg}title")
    assert title == "xor: accuracy 1"
    captions = [element.text or "" for element in root.iter() if element.get("class") == "caption"]
    assert captions == [
        "loss of each epoch",
        "which class the net takes every point for, and the 4 examples",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["xor.svg"]
    again = tmp_path / "again.svg"
    run("train-toy", "xor", "--plot", str(again))
    assert again.read_bytes() == file.read_bytes()


def test_a_picture_of_what_diverged(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "xor.svg"
    done = run("train-toy", "xor", "--lr", "1e6", "--plot", str(file))
    assert done.returncode == 1
    root = ElementTree.fromstring(file.read_text("utf-8"))
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "xor: diverged"


@pytest.mark.parametrize("name", ["picture.png", "-", "nowhere/a.svg", "directory.svg"])
def test_what_cannot_be_written_is_refused_before_the_training(
    name: str, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "directory.svg").mkdir()
    done = run("train-toy", "spirals", "--epochs", "1000000", "--plot", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pictures are SVG" in done.stderr or f"cannot write {name}" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["directory.svg"]
