"""``dlcalc step`` and ``dlcalc norm`` as processes: forms, streams, refusals, the drawing."""

from __future__ import annotations

import json
import re

import pytest
from cli.test_terminal import in_a_pipe, words
from conftest import Run
from terminal import on_terminal

STEP = ["step", "--weights", "0.5,-1,2", "--grad", "0.1,0,-0.2", "--lr", "0.1", "--l1", "0.01"]
NOTES = ["--weights", "2", "--grad", "0.5", "--lr", "0.1", "--l2", "1", "--n", "10"]


def test_the_answer_is_the_last_line_within_80_columns(run: Run) -> None:
    done = run(*STEP)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "weights  0.489,-0.999,2.019"
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_misprint_is_told_apart(run: Run) -> None:
    done = run("step", *NOTES, "--as-printed")
    assert "= 1.48" in done.stdout and done.stdout.splitlines()[-1] == "weights  1.93"
    assert run("step", *NOTES, "-q").stdout == "1.93\n"


def test_weights_and_data_may_begin_with_a_minus(run: Run) -> None:
    done = run("step", "--weights", "-1,2", "--grad", "-.5,0", "--lr", "1", "-q")
    assert done.stdout == "-0.5,2.0\n"
    assert run("norm", "minmax", "-1,0,1", "--range", "-1,1", "-q").stdout == "-1.0,0.0,1.0\n"


def test_expectations_and_proofs(run: Run) -> None:
    assert run(*STEP, "--expect", "0.489,-0.999,2.019", "--verify", "-q").returncode == 0
    done = run(*STEP, "--expect", "0.489,-0.999,2.02")
    assert done.returncode == 0  # 2.019 is 2.02 to the digits written.
    assert run(*STEP, "--expect", "0.489,-0.999,2.01").returncode == 1
    assert run("norm", "zscore", "1,2,3", "--expect", "-1,0,1", "--verify").returncode == 0
    assert run("norm", "l2", "[[3,4]]", "--expect", "[[0.6,0.8]]").returncode == 0
    assert run("norm", "l2", "[[3,4]]", "--expect", "[[0.6,0.9]]").returncode == 1


def test_json_is_one_document(run: Run) -> None:
    document = json.loads(run("step", *NOTES, "--json", "--verify").stdout)
    assert document["weights"] == [1.93]
    assert document["penalties"][0]["convention"] == "lambda/2n"
    assert document["verification"]["the engine's steps"]["passed"] is True
    norm = json.loads(run("norm", "batch", "[[1,2],[3,4]]", "--json", "--backward", "ones").stdout)
    assert norm["statistics"]["mean"] == [2.0, 3.0]
    assert norm["gradient"]["x"] == [[0.0, 0.0], [0.0, 0.0]]


def test_a_stream_of_questions(run: Run) -> None:
    lines = (
        "--weights 2 --grad 0.5 --l2 1 --n 10\n"
        "# a comment\n"
        "--weights 1 --grad 1,2\n"
        "--weights 1 --grad -1 --lr 0.2  # its own rate\n"
        "--function 'x^2' --start 3 --steps 1\n"
        "--nonsense\n"
        "--weights '\n"
        "--help\n"
        "--weights 1 --grad 1 --json\n"
        "word\n"
    )
    done = run("step", "-", "--lr", "0.1", stdin=lines)
    assert done.returncode == 2
    assert done.stdout.splitlines() == ["1.93", "", "", "1.2", "2.4", "", "", "", "", ""]
    for part in ("--grad has 2 numbers", "No such option", "cannot be read", "not in a line"):
        assert part in done.stderr
    document = json.loads(run("step", "-", "--json", stdin="--weights 1 --grad 1").stdout)
    assert document["line"] == 1 and document["weights"] == [0.999]


def test_norm_reads_standard_input(run: Run) -> None:
    done = run("norm", "zscore", "-", "-q", stdin="1,5\n2,5\n3,5\n")
    assert done.stdout == "[[-1.0,0.0],[0.0,0.0],[1.0,0.0]]\n"
    again = run("norm", "minmax", done.stdout.strip(), "-q")
    assert again.stdout == "[[0.0,0.0],[0.5,0.0],[1.0,0.0]]\n"
    ragged = run("norm", "zscore", "-", stdin="1,5\n2\n")
    assert ragged.returncode == 2 and ragged.stdout == ""
    assert "standard input:2: the row has 1 numbers, those above 2" in ragged.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["step"], "there are no weights"),
        (["step", "1,2"], "not as the word 1,2"),
        (["step", "--weights", ""], "--weights is empty"),
        (["step", "--weights", "1", "--grad", "1", "--optimizer", "adm"], "Did you mean adam?"),
        (["step", "--weights", "1", "--l1", "1", "--convention", "lamda"], "Did you mean lambda"),
        (["step", "--function", "__import__('os')", "--start", "1"], "is not"),
        (["step", "--weights", "1", "--grad", "1e309"], "number 1 is inf"),
        (["norm", "zscor", "1,2"], "Did you mean zscore?"),
        (["norm", "zscore"], "there is no data"),
        (["norm", "zscore", "nothing.csv"], "cannot read nothing.csv"),
        (["norm", "zscore", "1,nan"], "number 2 is nan"),
        (["norm", "zscore", "-", "-"], "zscore takes one word of data"),
    ],
)
def test_bad_input(run: Run, arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and "Traceback" not in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize(
    "line",
    [
        "step --weights 0.5,-1,2 --grad 0.1,0,-0.2 --lr 0.1 --l1 0.01",
        "step --weights 2 --grad 0.5 --lr 0.1 --l2 1 --n 10 --as-printed",
        "step --weights 0.5,-1 --grad 0.1,-0.2 --optimizer adam --steps 3",
        "norm batch [[1,2],[3,4],[5,9]] --backward ones",
        "norm zscore 1,2,3,4,5",
    ],
)
def test_a_terminal_shows_the_words_of_a_pipe(line: str, columns: int) -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(line, columns))
    assert sorted(words(shown)) == sorted(words(in_a_pipe(line)))
    assert max(len(text.rstrip()) for text in shown.splitlines()) <= columns or columns == 40


def test_the_descent_is_drawn_where_a_person_looks() -> None:
    line = "step --function x^2+10*y^2 --start 3,1 --steps 50"
    shown = on_terminal(line, 80, LC_ALL="C.UTF-8").splitlines()
    axis = next(number for number, text in enumerate(shown) if "└" in text)
    assert shown[-1].strip("\x1b[0132;m ").startswith("end") and axis < len(shown) - 1
    assert "└" not in in_a_pipe(line)
    plain = on_terminal(line, 80, LC_ALL="C")
    assert "└" not in plain and "+--" in plain
    assert len(in_a_pipe(line).splitlines()) < len(shown)


def test_a_narrow_terminal_has_no_drawing_and_no_crash() -> None:
    shown = on_terminal("step --function x^2 --start 3 --steps 5", 20)
    assert "Traceback" not in shown and "bug" not in shown
