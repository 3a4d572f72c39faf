"""Answers about model files as a stranger asks for them: options, a pipe, 80 columns, start-up."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from conftest import Run
from terminal import ESCAPES, on_terminal
from test_startup import imported

from dlcalc.answers.schema import schema

DATA = Path(__file__).parents[1] / "data" / "models"
#: A model file to its number of parameters, and its output if it holds layers.
FILES = {
    "digits.json": ("15914", "10"),
    "config.json": ("124672", "128x256"),
    "head.safetensors": ("8", ""),
}
ASKED = [
    (command, name, answers[place])
    for name, answers in FILES.items()
    for place, command in enumerate(("params", "shape"))
    if answers[place]
]


@pytest.mark.parametrize(("command", "name", "answer"), ASKED)
def test_the_bare_value_and_what_is_expected(
    command: str, name: str, answer: str, run: Run
) -> None:
    path = str(DATA / name)
    done = run(command, path, "-q")
    assert (done.returncode, done.stdout) == (0, f"{answer}\n")
    assert run(command, path, "-q", "--expect", answer).returncode == 0
    wrong = run(command, path, "-q", "--expect", "9")
    assert wrong.returncode == 1 and answer in wrong.stderr + wrong.stdout


@pytest.mark.parametrize(("command", "name", "answer"), ASKED)
def test_json_has_the_form_that_is_published(
    command: str, name: str, answer: str, run: Run
) -> None:
    found = json.loads(run(command, str(DATA / name), "--json").stdout)
    form = jsonschema.Draft202012Validator(schema(command).value)  # type: ignore[arg-type]
    error = jsonschema.exceptions.best_match(form.iter_errors(found))
    assert error is None, (error.json_path, error.message[:200])
    assert not form.is_valid(found | {"something": 1})
    value = found["parameters"] if command == "params" else "x".join(map(str, found["output"]))
    assert str(value) == answer


@pytest.mark.parametrize(("command", "name", "answer"), ASKED)
def test_a_table_has_a_line_for_each_record(command: str, name: str, answer: str, run: Run) -> None:
    path = str(DATA / name)
    head, *lines = csv.reader(io.StringIO(run(command, path, "--csv").stdout))
    document = json.loads(run(command, path, "--json").stdout)
    records = document.get("layers") or document.get("tensors")
    assert len(lines) == len(records)
    assert {len(line) for line in lines} == {len(head)}
    if command == "params":
        column = head.index("parameters")
        assert sum(int(line[column]) for line in lines) == int(answer)
    assert run(command, path, "--markdown").stdout.count("\n") == len(lines) + 2


# The table of config.json has no room there: its words do not break, so it stands as in a pipe.
NARROW = [asked for asked in ASKED if asked[:2] != ("params", "config.json")]


@pytest.mark.parametrize(("command", "name", "answer"), NARROW)
def test_a_terminal_of_80_columns(command: str, name: str, answer: str) -> None:
    shown = ESCAPES.sub("", on_terminal(f"{command} {DATA / name}", 80, LC_ALL="C.UTF-8"))
    lines = [line.rpartition("\r")[2] if "\r" in line.rstrip("\r") else line.rstrip("\r")
             for line in shown.split("\n")]  # fmt: skip
    assert max(map(len, lines)) <= 80
    assert answer in shown.replace(",", "")


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_that_is_closed(name: str) -> None:
    script = (
        f"'{sys.executable}' -m dlcalc params '{DATA / name}' | head -1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf-8")
    assert len(done.stdout.splitlines()) == 2
    assert done.stdout.splitlines()[1] in ("0", "141") and "Traceback" not in done.stderr


@pytest.mark.parametrize(("command", "name"), [pair[:2] for pair in ASKED])
def test_verified_or_refused(command: str, name: str, run: Run) -> None:
    """A net that a file describes runs in the engine; tensors alone cannot."""
    done = run(command, str(DATA / name), "--verify")
    if name == "head.safetensors":
        assert (done.returncode, done.stdout) == (2, "")
    else:
        assert done.returncode == 0, done.stderr
        assert "verified  by the engine" in done.stdout


def test_what_is_no_net_is_not_verified(run: Run, tmp_path: Path) -> None:
    """Layers that stand one by one are no net; the refusal says why."""
    dense = {"units": 4}
    layers = [
        ("x", "InputLayer", {"batch_shape": [None, 4]}, []),
        ("a", "Dense", dense, [[["x", 0, 0, {}]]]),
        ("b", "Dense", dense, [[["x", 0, 0, {}]]]),
        ("both", "Add", {}, [[["a", 0, 0, {}], ["b", 0, 0, {}]]]),
        ("end", "Add", {}, [[["both", 0, 0, {}], ["a", 0, 0, {}]]]),
    ]
    config = {
        "layers": [
            {"name": n, "class_name": kind, "config": {"name": n} | own, "inbound_nodes": at}
            for n, kind, own, at in layers
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["end", 0, 0]],
    }
    path = tmp_path / "crossed.json"
    path.write_text(json.dumps({"class_name": "Functional", "config": config}))
    assert run("params", str(path), "-q").stdout == "40\n"
    done = run("params", str(path), "--verify")
    assert (done.returncode, done.stdout) == (2, "")
    assert "but a is read in more than one branch" in done.stderr


#: What no reader may import; JSON is what the files are written in.
HEAVY = {"numpy", "sympy", "mpmath", "rich", "pickle", "decimal", "asyncio", "h5py", "keras"}


@pytest.mark.parametrize(("command", "name"), [pair[:2] for pair in ASKED])
def test_a_reader_imports_nothing_heavy(command: str, name: str) -> None:
    modules = imported(command, str(DATA / name))
    assert any(module.startswith("dlcalc.interop.") for module in modules)
    assert not modules & HEAVY


def test_a_reader_imports_no_other_reader() -> None:
    modules = imported("params", str(DATA / "head.safetensors"), "-q")
    assert "dlcalc.interop.safetensors" in modules
    assert not {"dlcalc.interop.keras.model", "dlcalc.interop.huggingface", "zipfile"} & modules
    modules = imported("params", str(DATA / "digits.json"), "-q")
    assert "dlcalc.interop.keras.model" in modules
    assert not {"dlcalc.interop.safetensors", "dlcalc.interop.archive", "zipfile"} & modules


def test_this_guard_can_fail() -> None:
    modules = imported("params", str(DATA / "digits.json"), "-q", before="import numpy, pickle\n")
    assert modules & HEAVY >= {"numpy", "pickle"}
