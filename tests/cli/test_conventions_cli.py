"""The options of shape and params on the command line: exit codes, messages, forms, streams."""

from __future__ import annotations

import json

import pytest
from conftest import Run

from dlcalc.layers.convention import CONVENTIONS


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("shape 1x6x6 maxpool:2,s3,ceil=yes --like torch", "1x2x2"),
        ("shape 1x6x6 maxpool:2,s3,ceil=yes --like onnx", "1x2x2"),
        ("shape 1x6x6 maxpool:2,s3,ceil=yes --like onnx21", "1x3x3"),
        ("shape 1x6x6 maxpool:2,s3,ceil=yes --like caffe", "1x3x3"),
        ("shape 224 conv:64,k3,s2,p=same --like keras", "112"),
        ("params 10x50 lstm:128,layers=5 --like keras", "617,984"),
        ("params 10x50 lstm:128,layers=5 --like torch", "620,544"),
        ("params 10x50 lstm:128,layers=5", "620,544"),
        ("params lenet5 --dtype float16 --batch 64 --optimizer adam --include bias", "61,706"),
    ],
)
def test_terse_answers(run: Run, line: str, answer: str) -> None:
    done = run(*line.split(), "-q")
    assert (done.returncode, done.stdout) == (0, answer.replace(",", "") + "\n")
    assert done.stderr == ""


def test_an_answer_is_asserted_under_the_rules_asked_for(run: Run) -> None:
    asked = ["params", "10x50", "lstm:128", "--expect", "91648", "-q"]
    assert run(*asked, "--like", "keras").returncode == 0
    done = run(*asked)
    assert done.returncode == 1
    assert "expected 91648, but it is 92160" in done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("shape 1x9 relu --like tensorflow", "'tensorflow' is not one of 'torch', 'keras', 'tf'"),
        ("params 1x9 relu --dtype float", "'float' is not one of 'float64'"),
        ("params 1x9 relu --optimizer adma", "'adma' is not one of 'sgd'"),
        ("params 3x8x8 conv:2,k3 --include bais", "Did you mean bias?"),
        ("params 3x8x8 conv:2,k3 --exclude maskd", "Did you mean masked?"),
        ("params 3x8x8 conv:2,k3 --include bias,norm", "norm is not a part"),
        ("params 3x8x8 conv:2,k3 --include bias,norm", "There are attention, masked, gates, bias"),
        ("params 3x8x8 conv:2,k3 --batch 0", "batch must be at least 1, not 0"),
        ("params 3x8x8 conv:2,k3 --batch 1.5", "batch must be a whole number or a letter"),
        ("params 784 dense:128 dense:784,tied=dence1", "Did you mean dense1?"),
        ("shape 1x9x9 conv:1,k3,s2,p=same", "padding=same needs stride 1 in torch"),
        ("shape 1x6x6 maxpool:2,ceil=yes --like keras", "pooling cannot round up in keras"),
        ("shape - --compare", "--compare asks about one net"),
        ("shape 1x9 relu --compare --like keras", "--like has no use"),
        ("params 1x9 relu --compare --dtype float16", "--compare takes no --dtype"),
        ("params 1x9 relu --compare --include bias", "--compare takes no --include"),
        ("params 1x9 relu --compare --sharing", "--compare takes no --sharing"),
        ("shape 1x9 relu --compare --batch 0", "batch must be at least 1, not 0"),
        ("shape 1x2x2 conv:1,k9 --compare", "does not fit into 2x2"),
        ("shape --compare", "the net is empty"),
    ],
)
def test_refusals(run: Run, line: str, said: str) -> None:
    """Code 2, nothing on stdout, and what may be wrong on stderr, without a trace of Python."""
    done = run(*line.split(), "-q")
    assert (done.returncode, done.stdout) == (2, ""), done
    assert said in " ".join(done.stderr.split())
    assert done.stderr.startswith("dlcalc: ") and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "form",
    [
        [],
        ["--json"],
        ["-q"],
    ],
)
def test_whole_numbers_are_not_trained_in_any_form(run: Run, form: list[str]) -> None:
    done = run("params", "8", "dense:8", "--dtype", "int8", "--optimizer", "adam", *form)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing is trained in int8" in done.stderr


def test_notes_of_a_comparison_go_to_stderr(run: Run) -> None:
    asked = ["shape", "1x8x8", "maxpool:3", "--compare"]
    note = "a stride left out is the kernel here; onnx and caffe themselves take 1"
    done = run(*asked)
    assert done.stderr == f"dlcalc: note: {note}\n"
    assert note not in done.stdout
    assert run(*asked, "-q").stderr == ""
    done = run(*asked, "--json")
    assert (done.stderr, json.loads(done.stdout)["notes"]) == ("", [note])


@pytest.mark.parametrize("command", ["shape", "params"])
def test_documents_are_one_line_of_json(run: Run, command: str) -> None:
    net = ["3x9x9", "conv:4,k3,s2", "dense:5"]
    for options, like in (
        (["--like", "caffe"], "caffe"),
        (["--batch", "N", "--like", "tf"], "tf"),
        (["--compare"], None),
    ):
        done = run(command, *net, *options, "--json")
        assert (done.returncode, done.stdout.count("\n")) == (0, 1)
        document = json.loads(done.stdout)
        assert document.get("like") == like
        assert ("answers" in document) == (like is None)
    if command == "params":
        options = ["--dtype", "int4", "--batch", "3", "--sharing", "--include", "bias,activation"]
        document = json.loads(run(command, *net, *options, "--json").stdout)
        assert document["memory"]["dtype"] == "int4"
        assert document["memory"]["batch"] == 3
        assert "bias, activation; not counted: gates" in document["macs_convention"]
        assert document["layers"][0]["sharing"]["unshared"] == 16 * 112


def test_a_stream_under_other_rules(run: Run) -> None:
    lines = "10x50 lstm:128\n3x8x8 prelu\n\n10x50 lsmt:128\n3x8x8 conv:4,k3,s2,p=same\n"
    done = run("params", "-", "--like", "keras", stdin=lines)
    assert done.returncode == 2
    assert done.stdout.split("\n") == ["91648", "192", "", "", "112", ""]
    assert "standard input:4" in done.stderr and "lstm" in done.stderr
    done = run("shape", "-", "--like", "caffe", "--batch", "N", stdin="1x6x6 maxpool:2,s3\n")
    assert (done.returncode, done.stdout) == (0, "Nx1x3x3\n")


def test_a_stream_with_every_option_of_params(run: Run) -> None:
    options = "--dtype float16 --batch 2 --optimizer sgd --include bias --exclude masked --sharing"
    lines = "3x32x32 conv:6,k5\n4x8 attention:2,causal=yes\n"
    done = run("params", "-", *options.split(), "--json", stdin=lines)
    first, second = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, first["line"], second["line"]) == (0, 1, 2)
    assert first["memory"]["training"] == 2 * 456 * 2 + 4 * 456 + 2 * 2 * (3072 + 4704)
    assert first["layers"][0]["sharing"]["fully_connected"] == 14_455_392
    assert first["macs"] == 4704 * 75 + 4704
    assert second["macs"] == 4 * 4 * 64 + 4 * 5 * 8 + 4 * 4 * 8


@pytest.mark.parametrize(
    "options",
    ["--like tensorflow", "--include bais", "--batch 0", "--compare", "--expect 5", "-f x.net"],
)
def test_a_stream_refuses_its_options_before_it_reads(run: Run, options: str) -> None:
    done = run("params", "-", *options.split(), stdin="3x32x32 conv:6,k5\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dlcalc: ")


@pytest.mark.parametrize("command", ["shape", "params"])
def test_help_fits_80_columns_and_names_every_option(run: Run, command: str) -> None:
    done = run(command, "--help", COLUMNS="200")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    options = {"--like", "--compare", "--batch", "--layout", "--file", "--json", "--expect"}
    if command == "params":
        options |= {"--dtype", "--optimizer", "--include", "--exclude", "--sharing"}
    words = set(done.stdout.replace(",", " ").split())
    assert options <= words
    assert all(name in done.stdout for name in CONVENTIONS)
