"""Notes checked: every form of claim, its line, its verdict; nothing runs that should not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.cli import notes as cli_notes
from dlcalc.cli.notes import TOOLS, check_notes
from dlcalc.errors import InputError
from dlcalc.notes.check import MALFORMED, OK, UNDECIDED, WRONG, Verdict, check
from dlcalc.notes.limit import limit
from dlcalc.notes.markdown import MAX_CLAIMS, written
from dlcalc.notes.result import updated
from dlcalc.notes.sentence import command, read
from dlcalc.numbers import amount


def verdicts(text: str) -> list[Verdict]:
    return list(check(text, TOOLS))


def one(sentence: str) -> Verdict:
    [verdict] = verdicts(f"```dlcalc\n{sentence}\n```\n")
    return verdict


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("shape 28 maxpool:2 == 14", OK),
        ("dlcalc shape 28 maxpool:2 == 14", OK),
        ("shape 28 maxpool:2 == 15", WRONG),
        ("shape 3x32x32 conv:6,k5 == 6x28x28", OK),
        ("shape 3xHxW conv:6,k5 == 6x(H-4)x(W-4)", OK),
        ("shape 3xHxW conv:6,k5 == 6xHxW", WRONG),
        ("shape 28 maxpool:2 != 15", OK),
        ("shape 28 maxpool:2 != 14", WRONG),
        ("params resnet50 == 25.6M", OK),
        ("params resnet50 == 25.5M", WRONG),
        ("params resnet50 == 25,557,032", OK),
        ("params resnet50 ~= 25.4M", OK),
        ("params resnet50 ~= 20M", WRONG),
        ("params resnet50 < 26M", OK),
        ("params resnet50 > 26M", WRONG),
        ("params resnet50 >= 25557032", OK),
        ("params resnet50 <= 25557031", WRONG),
        ("params vgg16 > 1e8", OK),
        ("shape 28 maxpool:2", MALFORMED),
        ("shape 28 maxpol:2 == 14", MALFORMED),
        ("shape 28 maxpool:2 == fourteen", MALFORMED),
        ("nonsense == 3", MALFORMED),
        ("params lenet5 < many", MALFORMED),
        ("shape 3x32x32 conv:6,k5 < 5", MALFORMED),
        ("== 3", MALFORMED),
    ],
)
def test_a_sentence(sentence: str, expected: str) -> None:
    verdict = one(sentence)
    assert verdict.verdict == expected, verdict
    assert verdict.verdict == OK or verdict.why


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("(1-1/n)^n -> 0.368 as n -> inf", OK),
        ("(1-1/n)^n -> 0.37 as n -> inf", OK),
        ("(1-1/n)^n -> 0.369 as n -> inf", WRONG),
        ("(1+1/n)^n -> 2.718 as n -> inf", OK),
        ("sin(x)/x -> 1 as x -> 0", OK),
        ("(exp(x) - 1)/x -> 1.0 as x -> 0", OK),
        ("sin(n) -> 0 as n -> inf", UNDECIDED),
        ("n -> 5 as n -> inf", UNDECIDED),
        ("sign(x) -> 0 as x -> 0", UNDECIDED),
        ("relu(x) -> 3 as x -> 3", OK),
        ("x*y -> 3 as x -> 3", MALFORMED),
        ("x -> y as x -> 3", MALFORMED),
        ("x -> 3 as x -> there", MALFORMED),
        ("__import__('os') -> 3 as x -> 3", MALFORMED),
    ],
)
def test_a_limit(sentence: str, expected: str) -> None:
    assert one(sentence).verdict == expected


def test_a_limit_is_told_with_its_room() -> None:
    found = limit(lambda n: (1 - 1 / n) ** n, float("inf"))
    assert found is not None
    assert abs(found.value - 0.36787944117) < 1e-6
    assert limit(lambda x: 1 / x, 0.0) is None


@pytest.mark.parametrize(
    "line",
    [
        "shape 28 maxpool:2 | cat == 14",
        "shape 28 maxpool:2 && rm -rf / == 14",
        "shape 28 maxpool:2 ; ls == 14",
        "shape 28 maxpool:2 > out.txt",
        "shape $(ls) maxpool:2 == 14",
        "shape `ls` maxpool:2 == 14",
        "shape -f secret.net == 14",
        "shape secret/file == 14",
        "shape - == 14",
        "train-toy xor --save x.npz == 1",
        "train-toy --data /etc/passwd --target x == 1",
        "check pool-28-stride1-14 == 1",
        "check -j 4 pool-28-stride1-14 == 1",
        "check --full == 1",
        "check notes.md == 1",
        "step --weights secret.npz --grad 1 == 1",
        "forward '[[1]]' maxpool:1 --weights secret.npz == 1",
        "rm -rf / == 3",
    ],
)
def test_what_notes_may_not_do(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert one(line).verdict == MALFORMED
    assert not list(tmp_path.iterdir())


TEXT = """# Notes\r
\r
Prose <!-- dlcalc: shape 28 maxpool:2 == 13 --> goes on.\r
\r
- a list\r
\r
  ```dlcalc\r
  shape 28 maxpool:2 == 14\r
\tshape 28 maxpool:2 == 12\r
  ```\r
\r
> > ```dlcalc title\r
> > # a remark alone\r
> > shape 28 maxpool:2 == 11\r
> > ```\r
\r
<!-- dlcalc:\r
shape 28 maxpool:2 == 10\r
-->\r
\r
```console\r
$ dlcalc shape 28 maxpool:2 -q\r
14\r
$ dlcalc shape 28 maxpool:2 -q\r
15\r
$ ls\r
anything\r
```\r
\r
```python\r
shape 28 maxpool:2 == 9\r
```\r
"""


def test_lines_are_those_of_the_file() -> None:
    found = [(verdict.line, verdict.verdict) for verdict in verdicts(TEXT)]
    assert found == [
        (3, WRONG),
        (8, OK),
        (9, WRONG),
        (14, WRONG),
        (18, WRONG),
        (22, OK),
        (24, WRONG),
    ]


@pytest.mark.parametrize(
    ("printed", "right"),
    [
        ("input      28\nmaxpool:2  14   (28 + 2*0 - 2)//2 + 1 = 14   sees 2, every 2\n"
         "output     14\n", True),
        ("...\noutput     14\n", True),
        ("input      28\n...\n", True),
        ("...\n", True),
        ("input      28\nmaxpool:2  14 ... every 2\noutput     14\n", True),
        ("...\noutput     15\n", False),
        ("input      28\n", False),
        ("input ...\noutput     14\n", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_transcript(printed: str, right: bool) -> None:
    [verdict] = verdicts(f"```console\n$ dlcalc shape 28 maxpool:2\n{printed}```\n")
    assert (verdict.verdict == OK) is right


@pytest.mark.parametrize(
    ("line", "printed", "expected"),
    [
        ("shape 28 maxpool:2 -q --expect 15", "14\ndlcalc: expected 15, but it is 14.\n", OK),
        ("shape 28 maxpool:2 -q --expect 15", "dlcalc: expected 15, but it is 14.\n14\n", WRONG),
        ("step --weights 2 --grad 0.5 --lr 0.1 -q", "1.95\n", OK),
        ("forward '[[1]]' maxpool:1 --weights secret.npz", "1\n", MALFORMED),
        ("check pool-28-stride1-14 -q", "all 1 as in the catalogue\n", OK),
        ("check pool-28-stride1-14 -q", "all 2 as in the catalogue\n", WRONG),
        ("check --full", "...\n", MALFORMED),
    ],
)
def test_a_transcript_holds_both_streams(line: str, printed: str, expected: str) -> None:
    [verdict] = verdicts(f"```console\n$ dlcalc {line}\n{printed}```\n")
    assert verdict.verdict == expected, verdict


def test_fifty_claims_of_which_ten_are_wrong(tmp_path: Path) -> None:
    lines = ["# Fifty", "", "```dlcalc"]
    lines += [f"shape {n} maxpool:2 == {n // 2 + (n % 5 == 0)}" for n in range(10, 60)]
    wrong = [place for place, line in enumerate(lines, 1) if "0 max" in line or "5 max" in line]
    path = tmp_path / "fifty.md"
    path.write_text("\n".join([*lines, "```", ""]))
    command_line = [sys.executable, "-m", "dlcalc", "check", str(path)]
    plain = subprocess.run(command_line, capture_output=True, encoding="utf-8")
    assert plain.returncode == 1
    shown = [line for line in plain.stdout.splitlines() if ": wrong: " in line]
    assert [int(line.split(":")[1]) for line in shown] == wrong
    assert len(wrong) == 10
    assert plain.stdout.splitlines()[-1] == f"{path}: 50 claims, 40 right, 10 wrong"
    done = subprocess.run([*command_line, "--json"], capture_output=True, encoding="utf-8")
    [file] = json.loads(done.stdout)["files"]
    found = [claim["line"] for claim in file["claims"] if claim["verdict"] != OK]
    assert found == wrong


def test_a_file_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(TEXT.encode())
    result = check_notes([str(path)], fail_fast=False, update=True, require=False)
    assert "+$ " not in result.plain()
    assert "-  shape" not in result.plain()
    after = path.read_bytes().decode()
    assert after.count("\r\n") == TEXT.count("\r\n")
    again = check_notes([str(path)], fail_fast=False, update=False, require=False)
    kinds = {verdict.verdict for verdict in again.files[0].verdicts}
    # What stands beside prose keeps its words around it, and is changed too.
    assert kinds <= {OK, WRONG}
    assert after.splitlines()[8].strip() == "shape 28 maxpool:2 == 14"
    assert after.splitlines()[24] == "14"
    assert after.splitlines()[30] == "shape 28 maxpool:2 == 9"
    assert list(tmp_path.iterdir()) == [path]


def test_a_right_file_stays_as_it_is() -> None:
    text = "```dlcalc\nshape 28 maxpool:2 == 14\n```\n"
    assert updated(text, verdicts(text)) == text


def test_fail_fast_stops() -> None:
    assert len(list(check(TEXT, TOOLS, fail_fast=True))) == 1


def test_no_claims(tmp_path: Path) -> None:
    path = tmp_path / "empty.md"
    path.write_text("# Nothing\n")
    result = check_notes([str(path)], fail_fast=False, update=False, require=False)
    assert not result.failure and "holds no claims" in result.notes[0]
    required = check_notes([str(path)], fail_fast=False, update=False, require=True)
    assert "--require-claims" in required.failure


def test_a_claim_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_notes, "EACH", 0.3)
    verdict = one("train-toy spirals --epochs 100000 > 0.5")
    assert verdict.verdict == UNDECIDED
    assert one("shape 28 maxpool:2 == 14").verdict == OK


def test_what_is_too_much_is_refused(tmp_path: Path) -> None:
    claims = "shape 28 maxpool:2 == 14\n" * (MAX_CLAIMS + 1)
    with pytest.raises(InputError, match="more than"):
        written(f"```dlcalc\n{claims}```\n")
    path = tmp_path / "big.md"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(InputError, match="larger"):
        check_notes([str(path)], fail_fast=False, update=False, require=False)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        check_notes([str(path)], fail_fast=False, update=False, require=False)


def test_deep_nesting_is_read() -> None:
    text = "> " * 500 + "```dlcalc\n" + "[" * 5_000 + "]" * 5_000
    assert written(text) == [] or written(text)


@settings(max_examples=150, deadline=None)
@given(st.text("-=<>~! abc0123.:,'\"|&;$()`#[]\\\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in (read, command):
        try:
            reader(text)
        except InputError:
            pass
    written(f"```dlcalc\n{text}\n```\n")


@pytest.mark.parametrize(
    ("text", "value", "half"),
    [("14", 14, 0), ("0.368", 0.368, 0.0005), ("25.6M", 25_600_000, 50_000), ("4G", 4e9, 5e8)],
)
def test_an_amount(text: str, value: float, half: float) -> None:
    found = amount(text)
    assert found is not None
    assert (float(found.value), float(found.half)) == (value, half)
