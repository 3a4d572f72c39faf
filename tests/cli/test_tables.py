"""Answers as CSV and as tables of Markdown: what is in them is what JSON holds."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dlcalc.cli.run import run
from dlcalc.cli.tables import as_csv, as_markdown
from dlcalc.result import Result

TABLES = {
    "shape": ["3x32x32", "conv:6,k5", "relu", "[residual[conv:6,k3,p1", "relu]]", "maxpool:2"],
    "params": ["lenet5"],
    "forward": ["1,2", "dense:2", "relu"],
    "activation": ["relu", "0,1"],
    "loss": ["mse", "--target", "0,1", "--prediction", "0.2,0.7"],
    "grad": ["sigmoid(w*x)", "--wrt", "w"],
    "check": ["softmax-sums-to-one", "bootstrap-limit"],
    "train-toy": ["xor", "--epochs", "3"],
    "softmax": ["1,2,3"],
    "bootstrap": ["10", "100"],
    "split": ["6", "--kfold", "3"],
    "step": ["--weights", "1,2", "--grad", "1,1", "--lr", "0.1", "--steps", "3"],
    "norm": ["zscore", "1,2,3"],
    "concepts": ["池化"],
    "layers": [],
    "zoo": [],
}


def printed(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run(words) == 0, words
    return capsys.readouterr().out


def csv_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(printed([*words, "--csv"], capsys))))


def markdown_cells(text: str) -> list[list[str]]:
    """The cells of a table, as a reader of GitHub's Markdown parts them."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(token.content)
    return rows


@pytest.mark.parametrize("command", TABLES)
def test_every_command_with_a_table_prints_it_in_both_forms(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [command, *TABLES[command]]
    lines = csv_of(words, capsys)
    assert len(lines) > 1
    assert len({len(line) for line in lines}) == 1
    marked = markdown_cells(printed([*words, "--markdown"], capsys))
    # The times of claims are not the same twice.
    drop = lines[0].index("seconds") if "seconds" in lines[0] else None
    assert [cut(line, drop) for line in marked] == [
        cut([" ".join(cell.split()).replace("|", "\\|") for cell in line], drop) for line in lines
    ]


def cut(line: list[str], drop: int | None) -> list[str]:
    return [cell.replace("\\|", "|") for n, cell in enumerate(line) if n != drop]


def test_the_numbers_are_those_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    head, *body = csv_of(["params", "lenet5"], capsys)
    layers = json.loads(printed(["params", "lenet5", "--json"], capsys))["layers"]
    assert [line[head.index("parameters")] for line in body] == [
        str(layer["parameters"]) for layer in layers
    ]
    assert body[0][head.index("output")] == "6x28x28"


def test_layers_within_others_have_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    net = "3x32x32 conv:6,k5 concat[conv:2,k1|conv:3,k1 relu] maxpool:2"
    lines = csv_of(["shape", net], capsys)
    assert [line[0] for line in lines] == ["place", "1", "2", "2.1.1", "2.2.1", "2.2.2", "3"]


def test_unknown_sizes_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    lines = csv_of(["shape", "3xHxW conv:6,k5"], capsys)
    assert lines[1][lines[0].index("output")] == "6 x H - 4 x W - 4"


@pytest.mark.parametrize("form", ["--csv", "--markdown"])
def test_what_is_no_table_is_refused(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo", "lenet5", form]) == 2
    out, err = capsys.readouterr()
    assert not out and "no table" in err and "--json" in err


@pytest.mark.parametrize("pair", [("--csv", "--json"), ("--csv", "--markdown"), ("-q", "--csv")])
def test_two_forms_exclude_one_another(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["zoo", *pair]) == 2
    assert "exclude one another" in capsys.readouterr().err


def test_a_table_is_of_one_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "-", "--csv"]) == 2
    assert "of one answer" in capsys.readouterr().err


def test_an_expectation_still_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "28 maxpool:2", "--csv", "--expect", "15"]) == 1


class Told(Result):
    """A table of any texts."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.rows = rows

    def document(self) -> dict[str, object]:
        return {"rows": self.rows}

    tabled = "rows"


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)

# A busy machine draws texts slowly.
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ROWS = st.lists(st.builds(lambda a, b: {"a": a, "b": b}, TEXTS, TEXTS), min_size=1, max_size=4)


@SETTINGS
@given(ROWS)
def test_any_text_comes_back_from_csv(rows: list[dict[str, str]]) -> None:
    found = list(csv.reader(io.StringIO(as_csv(Told(rows)))))
    assert found == [["a", "b"], *([row["a"], row["b"]] for row in rows)]


@SETTINGS
@given(ROWS)
def test_any_text_keeps_a_table_of_markdown_whole(rows: list[dict[str, str]]) -> None:
    lines = as_markdown(Told(rows)).split("\n")
    assert len(lines) == 2 + len(rows)
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)
    for line in lines:
        assert line.replace("\\|", "").count("|") == 3
