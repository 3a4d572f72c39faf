"""``dlcalc split`` as a process."""

from __future__ import annotations

import json
import time
from itertools import chain
from pathlib import Path
from random import Random

import pytest
from conftest import Run

import dlcalc
from dlcalc.answers.split import split
from dlcalc.answers.split_proof import verified


def test_103_in_10_folds(run: Run) -> None:
    done = run("split", "103", "--kfold", "10")
    assert done.stdout.splitlines()[-1] == "folds  3 of 11 and 7 of 10"
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        run("split", "103", "--kfold", "10", "--expect", "11,11,11,10,10,10,10,10,10,10").returncode
        == 0
    )
    assert (
        run("split", "103", "--kfold", "10", "--expect", "11,11,10,11,10,10,10,10,10,10").returncode
        == 1
    )


def test_hold_out(run: Run) -> None:
    assert run("split", "1000", "--holdout", "7:3", "--expect", "700,300").returncode == 0
    done = run("split", "101", "--holdout", "7:3")
    assert done.stdout.splitlines()[-1] == "sizes  70,31"
    assert "as in scikit-learn" in done.stdout
    done = run("split", "101", "--holdout", "8:1:1")
    assert [line.split()[0] for line in done.stdout.splitlines()[:3]] == [
        "train",
        "validation",
        "test",
    ]


def test_indices_one_a_line(run: Run) -> None:
    lines = run("split", "103", "--kfold", "10", "-q").stdout.split("\n\n")
    parts = [list(map(int, part.split())) for part in lines]
    assert [len(part) for part in parts] == [11] * 3 + [10] * 7
    assert sorted(chain(*parts)) == list(range(103))
    order = list(range(103))
    Random(0).shuffle(order)
    assert parts[0] == sorted(order[:11])
    again = run("split", "103", "--kfold", "10", "-q").stdout
    assert again.split("\n\n") == lines
    assert run("split", "103", "--kfold", "10", "-q", "--seed", "1").stdout != again
    plain = run("split", "6", "--kfold", "3", "--no-shuffle", "-q").stdout
    assert plain == "0\n1\n\n2\n3\n\n4\n5\n"


def test_json_has_indices_and_sizes(run: Run) -> None:
    document = json.loads(run("split", "10", "--kfold", "3", "--repeat", "2", "--json").stdout)
    assert document["sizes"] == [4, 3, 3]
    first, second = document["rounds"]
    assert list(first) == ["fold 1", "fold 2", "fold 3"]
    assert first != second
    assert sorted(chain(*second.values())) == list(range(10))


def test_batches(run: Run) -> None:
    done = run("split", "1000", "--batch", "64")
    assert done.stdout.splitlines() == [
        "an epoch  -(-1000//64) = 16 steps, the last of 1000 - 15*64 = 40",
        "steps     16",
    ]
    assert run("split", "1000", "--batch", "64", "--drop-last", "--expect", "15").returncode == 0
    assert run("split", "1000", "--batch", "64", "--epochs", "10", "-q").stdout == "160\n"
    assert run("split", "1000", "--batch", "50", "--expect", "20").returncode == 0
    document = json.loads(run("split", "103", "--kfold", "10", "--batch", "8", "--json").stdout)
    assert [each["train"] for each in document["batches"]] == [92, 93]


def test_a_bootstrap(run: Run) -> None:
    document = json.loads(run("split", "1000", "--bootstrap", "--json").stdout)
    (parts,) = document["rounds"]
    assert len(parts["in bag"]) == 1000
    assert sorted(set(parts["in bag"]) | set(parts["out of bag"])) == list(range(1000))
    assert document["share"] == len(parts["out of bag"]) / 1000
    assert 0.355 <= document["share"] <= 0.385
    assert round(document["expected_share"], 4) == 0.3677
    assert (
        run("split", "1000", "--bootstrap", "--repeat", "200", "--expect", "0.37").returncode == 0
    )


def test_classes_and_groups_of_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "flowers.csv"
    rows = [f"{i},{'rose' if i % 3 else 'iris'},bed{i // 4}" for i in range(24)]
    path.write_text("\n".join(["n,kind,bed", *rows]))
    done = run("split", "--stratify", f"{path}:kind", "--kfold", "4", "--json", "--verify")
    document = json.loads(done.stdout)
    assert document["classes"] == {"iris": [2, 2, 2, 2], "rose": [4, 4, 4, 4]}
    assert document["verification"]["passed"]
    grouped = run("split", "--groups", f"{path}:bed", "--holdout", "2:1", "-q").stdout
    train, test = (set(map(int, part.split())) for part in grouped.split("\n\n"))
    assert not {i // 4 for i in train} & {i // 4 for i in test}
    assert len({i // 4 for i in train}) == 4
    missing = run("split", "--stratify", f"{path}:knd", "--kfold", "4")
    assert missing.returncode == 2
    assert "Did you mean kind?" in missing.stderr


def test_a_small_class_is_told(run: Run) -> None:
    done = run("split", "--stratify", "a,a,a,a,b", "--kfold", "2")
    assert done.returncode == 0
    assert "class b has 1 of the examples" in done.stderr


def test_ragged_rows_are_refused_by_their_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("n,kind\n1,a\n2,b,c\n")
    done = run("split", "--stratify", f"{path}:kind", "--kfold", "2")
    assert done.returncode == 2
    assert "ragged.csv:3:" in done.stderr
    path.write_text("n,kind\n1,a\n2,\n")
    done = run("split", "--stratify", f"{path}:kind", "--kfold", "2")
    assert "kind is missing" in done.stderr


def test_a_trillion_at_once(run: Run) -> None:
    started = time.monotonic()
    done = run("split", "1e12", "--kfold", "10")
    assert done.stdout.splitlines()[-1] == "folds  10 of 100,000,000,000"
    assert run("split", "10**18", "--batch", "7", "-q").stdout == f"{-(-(10**18) // 7)}\n"
    assert run("split", "1e12", "--bootstrap", "--expect", "0.368").returncode == 0
    assert time.monotonic() - started < 10
    refused = run("split", "1e12", "--kfold", "10", "-q")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "more than 2,000,000 indices" in refused.stderr
    assert json.loads(run("split", "1e12", "--kfold", "10", "--json").stdout)["rounds"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["103", "--kfold", "10", "--batch", "8"],
        ["101", "--holdout", "7:3", "--repeat", "3"],
        ["1000", "--bootstrap", "--repeat", "5"],
        ["--stratify", "a,b,a,b,a,a,b", "--kfold", "2"],
        ["--stratify", "a,b,a,b,a,a,b,c,c", "--holdout", "3:2:1"],
        ["--groups", "a,b,a,b,c,c,d", "--kfold", "3"],
        ["--groups", "a,b,a,b,c", "--holdout", "2:1"],
        ["1e12", "--kfold", "7"],
        ["1e12", "--holdout", "7:3"],
        ["5", "--batch", "8", "--drop-last"],
    ],
)
def test_verify_agrees(run: Run, arguments: list[str]) -> None:
    done = run("split", *arguments, "--verify")
    assert done.returncode == 0, done.stderr
    assert "verified" in done.stdout


def test_verify_can_fail() -> None:
    result = split(10, kfold=2)
    result._rounds = [[[0, 1, 2, 3, 4], [4, 5, 6, 7, 8]]]
    assert {f.name for f in verified(result) if not f.passed} == {"sets", "again"}
    result = split(groups="a,a,b,b", kfold=2)
    result._rounds = [[[0, 2], [1, 3]]]
    assert "groups" in {f.name for f in verified(result) if not f.passed}
    result = split(stratify="a,a,b,b", kfold=2)
    result._rounds = [[[0, 1], [2, 3]]]
    assert "classes" in {f.name for f in verified(result) if not f.passed}


def test_lines_of_standard_input(run: Run) -> None:
    done = run("split", "-", "--kfold", "3", stdin="10\nx\n1e12\n")
    assert done.stdout.splitlines() == ["4,3,3", "", "333333333334,333333333333,333333333333"]
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["5"], "nothing to do"),
        (["--kfold", "2"], "there is no number of examples"),
        (["0", "--kfold", "2"], "the number of examples must be at least 1"),
        (["-3", "--kfold", "2"], "the number of examples must be at least 1"),
        (["nan", "--kfold", "2"], "the number of examples must be a whole number"),
        (["1", "--kfold", "2"], "1 examples cannot fill so many folds"),
        (["5", "--kfold", "1"], "--kfold must be at least 2"),
        (["1e12", "--kfold", "1e6"], "at most 100,000 folds"),
        (["1", "--holdout", "1:1"], "leaves a part empty"),
        (["10", "--holdout", "7"], "must be a ratio"),
        (["10", "--holdout", "7:0"], "no part may be 0"),
        (["10", "--holdout", "0.7:0.3"], "must be a ratio"),
        (["10", "--holdout", "-7:3"], "must be a ratio"),
        (["10", "--holdout", "7:3", "--kfold", "2"], "exclude one another"),
        (["10", "--batch", "0"], "--batch must be at least 1"),
        (["10", "--kfold", "2", "--drop-last"], "--drop-last goes with --batch"),
        (["10", "--kfold", "2", "--repeat", "0"], "--repeat must be at least 1"),
        (["10", "--kfold", "2", "--repeat", "2", "--no-shuffle"], "the same split each time"),
        (["10", "--batch", "5", "--repeat", "2"], "nothing to repeat"),
        (["3", "--stratify", "a,b", "--kfold", "2"], "2 labels for 3 examples"),
        (["--stratify", "a,,b", "--kfold", "2"], "label 2 is empty"),
        (["--stratify", "a,b", "--bootstrap"], "--stratify goes with --kfold or --holdout"),
        (["--stratify", "a,b", "--groups", "a,b", "--kfold", "2"], "exclude one another"),
        (["--stratify", "a,b,c", "--kfold", "2"], "the largest class has 1 examples"),
        (["--groups", "a,a,a", "--kfold", "2"], "there are 1 groups"),
        (["--stratify", "nowhere.csv:kind", "--kfold", "2"], "cannot read nowhere.csv"),
        (["--stratify", "kind", "--kfold", "2"], "must be FILE.csv:COLUMN or labels"),
    ],
)
def test_bad_input(run: Run, arguments: list[str], rule: str) -> None:
    done = run("split", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert rule in done.stderr.replace("\n  ", " ")
    assert "Traceback" not in done.stderr


def test_the_python_surface() -> None:
    assert dlcalc.split(103, kfold=10).value == (11,) * 3 + (10,) * 7
