"""``dlcalc shape --solve`` as a user meets it: answers, refusals, verification."""

from __future__ import annotations

import json

import pytest
from conftest import Run

from dlcalc.answers import solve_proof
from dlcalc.answers.solve import solve
from dlcalc.errors import InputError

STEM = ("3xHxW", "conv:64,k7,s2,p3", "maxpool:3,s2,p1", "--solve", "64x56x56")

BAD = {
    "a wrong rank": (["3xHxW", "conv:8,k3", "--solve", "8x7"], "3 axes"),
    "a wrong rank of arguments": (["28", "conv:k_", "--solve", "8x7"], "1 axis"),
    "_ without --solve": (["28", "conv:k_"], "--solve OUTPUT"),
    "_ to params": (["28", "conv:k3,s_", "-q"], "--solve OUTPUT"),
    "nothing open": (["28", "conv:k3", "--solve", "14"], "given in full"),
    "no answer": (["28", "conv:k_", "--within", "kernel=1..3", "--solve", "14"], "nearest"),
    "a negative output": (["H", "conv:k3", "--solve", "-3"], "not an output"),
    "an output of 0": (["H", "conv:k3", "--solve", "0"], "not an output"),
    "letters as output": (["H", "conv:k3", "--solve", "H"], "not an output"),
    "bounds that are none": (["H", "conv:k3", "--solve", "3", "--within", "H"], "not bounds"),
    "bounds of what is known": (["H", "conv:k3", "--solve", "3", "--within", "W=1..2"], "unknown"),
    "bounds the wrong way": (["H", "conv:k3", "--solve", "3", "--within", "H=3..2"], "no value"),
    "a time that is none": (["H", "conv:k3", "--solve", "3", "--solve-budget", "x"], "a time"),
    "bounds without --solve": (["3", "relu", "--within", "H=1..2"], "is for --solve"),
    "a batch": (["H", "conv:k3", "--solve", "3", "--batch", "2"], "no --batch"),
    "a comparison": (["H", "conv:k3", "--solve", "3", "--compare"], "no --solve"),
    "a net that never fits": (["3xH", "adaptiveavgpool:7", "conv:4,k9", "--solve", "4x1"], "fit"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_solved_is_refused(run: Run, arguments: list[str], said: str) -> None:
    done = run("shape", *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr


def test_the_answer_in_every_form(run: Run) -> None:
    plain = run("shape", *STEM, "--verify")
    assert plain.returncode == 0
    assert plain.stdout.splitlines()[-1] == "input     3 x 221..224 x 221..224"
    assert run("shape", *STEM, "-q").stdout == "3x221x221\n"
    document = json.loads(run("shape", *STEM, "--json", "--verify").stdout)
    assert document["answers"][0]["letters"]["H"] == [{"first": 221, "last": 224, "step": 1}]
    assert document["complete"] is True and document["verification"]["passed"] is True


@pytest.mark.parametrize(
    ("expected", "code"), [("3x224x222", 0), ("3x225x224", 1), ("3x220x224", 1), ("3x224", 1)]
)
def test_any_answer_meets_what_is_expected(run: Run, expected: str, code: int) -> None:
    assert run("shape", *STEM, "-q", "--expect", expected).returncode == code


@pytest.mark.parametrize(
    ("line", "output", "value"),
    [
        ("3x28x28 conv:_,k3,p1", "64x28x28", "conv:64,k3,p1"),
        ("3xHxH conv:8,k3 flatten", "800", "3x12x12"),
        ("12x14x14 pixelshuffle:_", "3x28x28", "pixelshuffle:2"),
        ("8x7x7 convtranspose:4,k3,s2,p1,op_", "4x14x14", "convtranspose:4,k3,s2,p1,op1"),
        ("3x28x28 2*[conv:3,k_,p1]", "3x26x26", "conv:3,k4,p1"),
        ("1xHxW unet", "2x388x388", "1x572x572"),
        ("3xHxW resnet50", "1000", "3x1x1"),
    ],
)
def test_the_simplest_answer(line: str, output: str, value: str) -> None:
    result = solve(line, output=output, verify=True)
    assert result.value == value
    assert not result.failure


def test_channels_may_come_last() -> None:
    line = "HxWx3 conv:8,k3,s2,p=same"
    assert solve(line, output="14x14x8", layout="hwc", like="keras").value == "27x27x3"


def test_a_wrong_answer_does_not_pass_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    right = solve("3xHxW conv:8,k3,s2", output="8x7x7")
    wrong = right.answers[0]._replace(
        letters={
            name: (runs[0]._replace(last=runs[0].last + 1),)
            for name, runs in right.answers[0].letters.items()
        }
    )
    proof = solve_proof.prove(right.question, right.target, right.convention, (wrong,))
    assert not proof.passed
    with pytest.raises(InputError):
        solve("3xHxW conv:8,k3,s2 upsample:2", output="8x7x7")


def test_verification_tells_what_was_sent_forward_from_what_the_engine_ran(run: Run) -> None:
    lines = run("shape", *STEM, "--verify").stdout.splitlines()
    (trace,) = [line for line in lines if line.startswith("verified  by the trace: ")]
    (engine,) = [line for line in lines if line.startswith("verified  by the engine: ")]
    assert "3 answers sent forward" in trace and "sent forward" not in engine
    assert "output shape of 3x221x221" in engine
    document = json.loads(run("shape", *STEM, "--json", "--verify").stdout)
    routes = [check["route"] for check in document["verification"]["checks"]]
    assert routes[:2] == ["trace", "trace"] and set(routes[2:]) == {"engine"}


def test_without_channels_nothing_is_said_of_the_engine(run: Run) -> None:
    done = run("shape", "28", "conv:k_,s2", "--solve", "14", "--verify")
    assert "by the trace: " in done.stdout and "by the engine" not in done.stdout
    assert "unverified" in done.stdout


def test_a_layer_of_which_the_engine_disagrees_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    right = solve("3xHxW conv:8,k3,s2", output="8x7x7")
    wrong = solve_proof.Verification((solve_proof.Check("a layer alone", "agree", "parts"),))
    monkeypatch.setattr(solve_proof, "verify_net", lambda *a: wrong)
    proof = solve_proof.prove(right.question, right.target, right.convention, right.answers)
    assert "the engine disagrees on a layer alone" in proof.failure
