"""What a person sees: the same content as in a pipe, wrapped by column, at any width."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from terminal import ESCAPES, on_terminal

from dlcalc.cli.columns import broken, fitted
from dlcalc.result import Block, Row

QUESTIONS = [
    "shape 3x32x32 conv:6,k5 tanh avgpool:2",
    "shape 3x64x64 conv:64,kernel=3x3,stride=1x1,padding=1x1,dilation=1x1,groups=1,bias=no relu",
    "shape 192x28x28 concat[conv:64,k1|conv:96,k1|maxpool:3,s1,p=1]",
    "params lenet5",
    "params vgg16",
    "params resnet18",
    "shape 3x32x32 residual[residual[residual[conv:3,k3,p1,bias=no]]]",
    "params CxHxW conv:K,k3,s2,p1 flatten dense:F",
    "zoo resnet50",
    "zoo",
    "layers",
    "layers conv",
]
#: With options, which are asked as a command line alone.
OPTIONED = [
    "activation gelu --at -2,0,3",
    "activation --compare sigmoid,tanh,relu",
    "loss mse --target 0,1 --prediction 0.2,0.7",
    "loss mse --target 0 --through sigmoid",
]


def in_a_pipe(line: str) -> str:
    command = [sys.executable, "-m", "dlcalc", *line.split()]
    return subprocess.run(command, capture_output=True, encoding="utf-8").stdout


def words(text: str) -> list[str]:
    """What must stay whole: a layer's arguments alone may go on in the next line."""
    return re.split(r"\s+|(?<=,)(?=[a-z])", text.strip())


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("line", QUESTIONS)
def test_a_terminal_shows_every_word_unbroken(line: str, columns: int) -> None:
    shown = ESCAPES.sub("", on_terminal(line, columns))
    assert sorted(words(shown)) == sorted(words(in_a_pipe(line)))


@pytest.mark.parametrize("line", QUESTIONS)
def test_columns_hold_their_words_at_every_width(line: str) -> None:
    from rich.cells import cell_len

    from dlcalc.answers import params, shape, vocabulary

    command, *words = line.split()
    answers = {
        "shape": shape.shape,
        "params": params.params,
        "zoo": vocabulary.zoo,
        "layers": vocabulary.layers,
    }
    for block in answers[command](*words).blocks():
        for room in range(30, 200):
            columns = fitted(block, room)
            if columns is None:
                continue
            assert sum(columns.widths) + 2 * len(columns.widths) <= room
            for row in block.rows:
                for cell, width in zip(columns.cells(row), columns.widths):
                    for part in cell.splitlines():
                        indent = len(part) - len(part.lstrip())
                        for word in part.split():
                            assert indent + cell_len(word) <= width
                            indent = 0


def test_too_narrow_a_table_has_its_remarks_below_the_rows() -> None:
    rows = [
        Row(("transformer.wte", "embedding:256,64", "128x64", "16,384", "weight 256x64 16,384")),
        Row(("lm_head", "dense:256,bias=no,tied=transformer.wte", "128x256", "0", "tied")),
        Row(("head", "softmax", "128x256", "", "")),
        Row(("short",)),
    ]
    block = Block("lllrl", rows)
    wide, narrow = fitted(block, 200), fitted(block, 60)
    assert wide is not None and not wide.below and wide.remark(rows[0]) == ""
    assert narrow is not None and narrow.below and len(narrow.widths) == 4
    assert sum(narrow.widths) + 2 * 4 <= 60
    assert [narrow.remark(row) for row in rows] == ["weight 256x64 16,384", "tied", "", ""]
    assert narrow.cells(rows[1])[1].splitlines() == ["dense:256,bias=no,", "  tied=transformer.wte"]
    assert fitted(block, 40) is None


def test_a_label_goes_on_behind_a_comma_of_its_arguments() -> None:
    assert broken("  conv:64,k3,p=same", 12) == "  conv:64,\n    k3,\n    p=same"
    assert broken("weight 1,024", 5) == "weight 1,024"


@pytest.mark.parametrize("name", ["config.json", "digits.json", "head.safetensors"])
def test_model_files_fit_eighty_columns(name: str) -> None:
    line = f"params tests/data/models/{name}"
    shown = ESCAPES.sub("", on_terminal(line, 80))
    assert max(len(text.rstrip()) for text in shown.splitlines()) <= 80
    answer = shown[shown.index("\n") + 1 :] if shown.startswith("dlcalc: note") else shown
    assert sorted(words(answer)) == sorted(words(in_a_pipe(line)))


@pytest.mark.parametrize("line", QUESTIONS[:1] + QUESTIONS[3:4] + OPTIONED)
def test_eighty_columns_hold_every_line(line: str) -> None:
    shown = ESCAPES.sub("", on_terminal(line, 80))
    assert max(len(text.rstrip()) for text in shown.splitlines()) <= 80


def test_colour_has_its_three_meanings_and_can_be_declined() -> None:
    line = "shape 3x8x8 conv:6,k5"
    assert "\x1b[1;32moutput" in on_terminal(line, 80)
    assert "\x1b[1;31m" in on_terminal("shape 3x4x4 conv:6,k5", 80)
    for declined in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[" not in on_terminal(line, 80, **declined)
    assert "\x1b[" not in on_terminal(f"{line} --color never", 80)
    assert "\x1b[" in on_terminal(f"{line} --color always", 80, NO_COLOR="1")


@pytest.mark.parametrize("columns", [40, 80])
def test_messages_wrap_and_carets_stay_below_the_word(columns: int) -> None:
    line = "shape 3x64x64 conv:8,k3 relu conv:8,k3 relu conv:8,k3 relu cnov:8,k3 relu conv:8,k3"
    shown = on_terminal(line, columns).splitlines()
    (carets,) = [text for text in shown if "^" in text]
    marked = shown[shown.index(carets) - 1]
    assert marked[carets.index("^") : carets.rindex("^") + 1] == "cnov"
    assert max(map(len, shown)) < columns
