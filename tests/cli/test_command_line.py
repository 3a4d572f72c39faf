"""The conventions of the command line: streams, exit codes, forms, suggestions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from conftest import Run


def test_the_issue_examples(run: Run) -> None:
    asked = {
        "shape 3x32x32 conv:6,k5 maxpool:2 -q": "6x14x14",
        "shape 32 conv:k5 maxpool:2,s1 -q": "27",
        "params resnet50 -q": "25557032",
        "shape 1x5x5 maxpool:2,s2,p1,ceil=yes -q": "1x3x3",
    }
    for line, answer in asked.items():
        done = run(*line.split())
        assert (done.stdout, done.stderr, done.returncode) == (answer + "\n", "", 0), line


def test_the_answer_is_the_last_line(run: Run) -> None:
    assert run("shape", "3x32x32", "conv:6,k5").stdout.splitlines()[-1].split() == [
        "output",
        "6x28x28",
    ]
    assert run("params", "lenet5").stdout.splitlines()[-1].split() == ["parameters", "61,706"]


def test_shape_as_json(run: Run) -> None:
    done = run("shape", "3xHx32", "concat[conv:4,k3,p1 | conv:2,k3,p1] maxpool:2", "--json")
    document = json.loads(done.stdout)
    assert document["input"] == [3, "H", 32]
    assert document["output"] == [6, "H//2", 16]
    assert document["where"] == {"H": 2}
    concat, pool = document["layers"]
    assert (concat["index"], pool["index"]) == (1, 2)
    assert concat["layer"] == "concat[conv:4,k3,p1 | conv:2,k3,p1]"
    assert [branch[0]["output"] for branch in concat["branches"]] == [[4, "H", 32], [2, "H", 32]]
    assert pool["receptive_field"] == [4, 4]
    assert pool["jump"] == [2, 2]
    assert pool["begin"] == [1, 1]
    assert pool["formula"].endswith("(32 + 2*0 - 2)//2 + 1 = 16")


def test_params_as_json(run: Run) -> None:
    net = "residual[conv:8,k3,p1,bias=no bn relu] flatten dense:10"
    document = json.loads(run("params", "8x4x4", net, "--json").stdout)
    assert document["parameters"] == document["trainable"] == 576 + 16 + 1290
    assert document["buffers"] == 17
    assert document["macs"] == 576 * 16 + 1280
    residual, flatten, dense = document["layers"]
    assert residual["parameters"] == 592
    assert residual["tensors"] == {}
    assert residual["branches"][0][0]["tensors"] == {"residual1.conv1.weight": [8, 8, 3, 3]}
    assert flatten["output"] == [128]
    assert dense["tensors"] == {"dense1.weight": [10, 128], "dense1.bias": [10]}
    assert dense["macs"] == 1280


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["shpae"], "Did you mean shape?"),
        (["shape", "3x32x32", "cnov:6"], "Did you mean conv?"),
        (["shape", "3x32x32", "conv:6,kernal=3"], "Did you mean kernel=3?"),
        (["shape", "resnet5"], "Did you mean resnet50?"),
        (["shape", "3x32x32", "relu", "--jsn"], "--json"),
        (["layers", "cov"], "Did you mean conv?"),
        (["zoo", "lenet"], "Did you mean lenet5?"),
    ],
)
def test_a_misspelt_word_gets_the_nearest(run: Run, arguments: list[str], mend: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert mend in done.stderr


def test_an_operand_may_look_like_a_negative_number(run: Run) -> None:
    done = run("shape", "-1,2,3")
    assert done.returncode == 2
    assert "-1,2,3 is not an INPUT" in done.stderr


def test_expectations(run: Run) -> None:
    asked = ["shape", "3x32x32", "conv:6,k5", "--expect"]
    assert run(*asked, "6x28x28").returncode == 0
    wrong = run(*asked, "6x28x27")
    assert wrong.returncode == 1
    assert "6x28x28" in wrong.stdout
    assert "expected 6x28x27, but it is 6x28x28" in wrong.stderr
    assert run("params", "lenet5", "--expect", "61,706").returncode == 0
    assert run("params", "lenet5", "--expect", "61,707").returncode == 1
    assert run("params", "lenet5", "--expect", "many").returncode == 1
    assert run("shape", "3xHxW", "conv:6,k5", "--expect", "6x(H - 4)x(W-4)").returncode == 0


@pytest.mark.parametrize(
    "command",
    [[], ["shape"], ["params"], ["softmax"], ["bootstrap"], ["split"], ["layers"], ["zoo"]],
)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_shows_examples_first(run: Run, command: list[str], option: str) -> None:
    done = run(*command, option)
    assert done.returncode == 0
    assert (
        done.stdout.index("Examples:") < done.stdout.index("Usage:") < done.stdout.index("Options:")
    )
    assert max(map(len, done.stdout.splitlines())) <= 80


MODELS = {
    "model.json": "digits.json",
    "config.json": "config.json",
    "model.safetensors": "head.safetensors",
}


def test_every_example_in_the_help_runs(run: Run, tmp_path: Path) -> None:
    from dlcalc.cli.group import COMMANDS, EXAMPLES, dlcalc

    (tmp_path / "questions.txt").write_text("28 maxpool:2\n")
    (tmp_path / "logits.txt").write_text("1,2,3\n")
    (tmp_path / "steps.txt").write_text("--weights 2 --grad 0.5 --l2 1 --n 10\n")
    (tmp_path / "notes.md").write_text("```dlcalc\nshape 28 maxpool:2 == 14\n```\n")
    (tmp_path / "numbers.csv").write_text("1,2,4\n3,1,0\n")
    run("train-toy", "moons", "--epochs", "1", "--save", tmp_path / "moons.npz")
    flowers = [f"{n % 9},{n % 4},{'ab'[n % 9 > 4]}" for n in range(50)]
    (tmp_path / "iris.csv").write_text("\n".join(["sepal,petal,species", *flowers]))
    models = Path(__file__).parents[1] / "data" / "models"
    for name, model in MODELS.items():
        (tmp_path / name).write_bytes((models / model).read_bytes())
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.write(models / "digits.json", "config.json")
    lines = list(EXAMPLES)
    for name in COMMANDS:
        command = dlcalc.get_command(None, name)  # type: ignore[arg-type]
        lines += command.examples  # type: ignore[union-attr]
    for line in lines:
        script = line.replace("dlcalc", f"'{sys.executable}' -m dlcalc", 1)
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True)
        assert done.returncode == 0, (line, done.stderr)


def test_the_version(run: Run) -> None:
    from dlcalc import __version__

    assert run("--version").stdout == f"dlcalc {__version__}\n"


def test_json_and_quiet_exclude_one_another(run: Run) -> None:
    assert run("shape", "28", "maxpool:2", "-q", "--json").returncode == 2


def test_colour_is_decoration_only(run: Run) -> None:
    asked = ["params", "lenet5"]
    plain = run(*asked).stdout
    painted = run(*asked, "--color", "always").stdout
    assert "\x1b[" in painted
    assert "\x1b[" not in run(*asked, "--color", "never").stdout + plain
    assert _words(_without_escapes(painted)) == _words(plain)


def test_a_pipe_is_not_truncated_and_needs_no_rich(run: Run) -> None:
    net = "concat[conv:4,k3,p1 | conv:4,k3x5,p1x2,s1x1,dilation=1x1,groups=1,bias=no]"
    done = run("shape", "4x1000x1000", net, COLUMNS="20")
    assert "(1000 + 2*2 - 1*(5 - 1) - 1)//1 + 1 = 1000" in done.stdout


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_any_locale_and_any_character(run: Run, locale: str) -> None:
    done = run("shape", "3x32x32", "池化:2", LC_ALL=locale, PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert "池化" in done.stderr


def test_arguments_that_are_not_utf8() -> None:
    command = [sys.executable, "-m", "dlcalc", "shape", "3x32x32", b"conv\xff:6"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_a_closed_pipe_ends_quietly() -> None:
    script = f"'{sys.executable}' -m dlcalc zoo resnet152 | true; exit ${{PIPESTATUS[0]}}"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", script], capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
    endless = f"yes '28 maxpool:2' | '{sys.executable}' -m dlcalc shape - | head -n 2"
    done = subprocess.run(["bash", "-c", endless], capture_output=True, timeout=30)
    assert (done.stdout, done.stderr) == (b"14\n14\n", b"")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("shape 3x8x8 relu --expect 9x9x9 | true", 1),
        ("shape 3x8x8 relu --expect 9x9x9 2>&1 >/dev/null | true", 1),
        ("shape 3x8x8 relu --expect 3x8x8 | true", 0),
        ("shape 3x8x8 conv:6,k9 2>&1 >/dev/null | true", 2),
        ("shape - <<< nonsense 2>&1 >/dev/null | true", 2),
    ],
)
def test_a_verdict_outlives_its_reader(line: str, code: int) -> None:
    # Waiting lets the reader go before anything is written.
    question, _, _ = line.rpartition(" | ")
    script = f"(sleep 0.3; '{sys.executable}' -m dlcalc {question}) | true; exit ${{PIPESTATUS[0]}}"
    if question.endswith("2>&1 >/dev/null"):
        asked = question.removesuffix(" 2>&1 >/dev/null")
        script = (
            f"(sleep 0.3; '{sys.executable}' -m dlcalc {asked}) 2>&1 >/dev/null | true; "
            "exit ${PIPESTATUS[0]}"
        )
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=30)
    assert done.returncode == code


def test_an_answer_outlives_its_messages(tmp_path: Path) -> None:
    answer = tmp_path / "answer.txt"
    script = (
        f"(sleep 0.3; '{sys.executable}' -m dlcalc shape 28x28 conv:8,k3 2>&1 >{answer}) | true"
    )
    subprocess.run(["bash", "-c", script], check=False, timeout=30)
    assert answer.read_text().endswith("output     8x26\n")


def test_a_claim_takes_bounded_time(run: Run) -> None:
    letters = "+".join("ABCDEFGHIJKLMNOPQRSTUVW")
    cube = f"({letters})*({letters})*({letters})" + "*1" * 300
    started = time.monotonic()
    for expected in (cube, "x".join([cube[:900]] * 60), "-" * 5_000 + "H"):
        assert run("shape", "3xHxW", "maxpool:2", "--expect", expected).returncode == 1
    assert time.monotonic() - started < 10


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["shape 28 maxpool:2", "zoo", "--help", "--version"])
def test_a_full_disk_is_said(arguments: str) -> None:
    script = f"'{sys.executable}' -m dlcalc {arguments} > /dev/full"
    done = subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf-8")
    assert done.returncode == 2
    assert done.stderr == "dlcalc: cannot write the output: No space left on device\n"


def test_an_interrupt_exits_with_130() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dlcalc", "shape", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(b"28 maxpool:2\n")
    process.stdin.flush()
    # Answered line by line: the answer is here before the input ends.
    assert process.stdout.readline() == b"14\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert process.stderr.read() == b""


def test_a_bug_exits_with_70_and_says_where() -> None:
    script = (
        "import sys\n"
        "from dlcalc.cli import main\n"
        "from dlcalc.answers import vocabulary\n"
        "vocabulary.zoo = lambda name: 1 // 0\n"
        "sys.argv = ['dlcalc', 'zoo']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.returncode == 70
    assert done.stdout == ""
    assert "a bug of dlcalc" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr


def test_notes_go_to_standard_error_and_not_with_quiet(run: Run) -> None:
    asked = ["shape", "28x28", "conv:8,k3"]
    assert "28x28 is read as 28 channels of length 28" in run(*asked).stderr
    assert run(*asked, "-q").stderr == ""
    assert run("shape", "28x28", "conv1d:8,k3").stderr == ""
    assert "28 channels" in json.loads(run(*asked, "--json").stdout)["notes"][0]
    assert "flatten before it" in run("shape", "3x8x8", "dense:10").stderr


def test_hwc_layout_and_batch(run: Run) -> None:
    asked = ["shape", "32x30x3", "conv:6,k5 maxpool:2", "--layout", "hwc", "-q"]
    assert run(*asked).stdout == "14x13x6\n"
    assert run(*asked, "--batch", "64").stdout == "64x14x13x6\n"
    assert run(*asked, "--batch", "N").stdout == "Nx14x13x6\n"
    assert run(*asked, "--batch", "0").returncode == 2
    assert run("params", "resnet18", "--layout", "hwc", "-q").stdout == "11689512\n"


def test_nets_from_files(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "tiny.net"
    path.write_text("# a net\n1x28x28  # its usual input\nconv:6,k5 relu\nmaxpool:2\n")
    assert run("shape", str(path), "-q").stdout == "6x12x12\n"
    assert run("shape", "-f", str(path), "-q").stdout == "6x12x12\n"
    assert run("shape", "1x32x32", "-f", str(path), "-q").stdout == "6x14x14\n"
    assert run("shape", "1x32x32", "relu", str(path), "flatten", "-q").stdout == "1176\n"
    assert run("shape", "-f", "-", "-q", stdin="28 maxpool:2").stdout == "14\n"
    path.write_text("1x28x28\nconv:6,k5 relu\nmxpool:2\n")
    done = run("shape", "tiny.net", cwd=tmp_path)
    assert done.returncode == 2
    assert "dlcalc: tiny.net:3: mxpool is not a layer" in done.stderr
    assert "  mxpool:2\n  ^^^^^^\n" in done.stderr


def test_notes_of_params_and_of_unknown_sizes(run: Run) -> None:
    assert "flatten before it" in run("params", "3x32x32", "dense:10").stderr
    assert (
        "28 channels"
        in json.loads(run("params", "28x28", "conv:8,k3", "--json").stdout)["notes"][0]
    )
    assert "H channels of length W" in run("shape", "HxW", "conv:8,k3").stderr
    assert "28 channels" in run("shape", "28x28", "globalavgpool").stderr
    assert "--layout hwc" in run("shape", "32x32x3", "conv:8,k3").stderr
    assert "if 1 is the batch" in run("shape", "1x3x32x32", "conv:8,k3,p1").stderr
    for usual in ("1x16000 conv:8,k3", "3x32x32 conv:8,k3", "784 dense:10", "3x8x32x32 conv:8,k3"):
        assert run("shape", usual).stderr == "", usual


def test_a_misread_input_is_named_where_it_does_not_fit(run: Run) -> None:
    assert "If the channels come last, add --layout hwc" in run("shape", "32x32x3 conv:6,k5").stderr
    assert "leave it out: 3x32x32" in run("shape", "1x3x32x32 conv:6,k5").stderr


@pytest.mark.parametrize(
    ("line", "expected", "code"),
    [
        ("shape 3xHxW conv:6,k5,s2,p2", "6 x (H+1)//2 x (1+W)//2", 0),
        ("shape 3xHxW conv:6,k5,s2,p2", "6 x (H-1)//2+1 x (1+W)//2", 0),
        ("shape 3xHxW conv:6,k5,s2,p2", "6 x H//2 x (1+W)//2", 1),
        ("params CxHxW conv:64,k3", "64+576*C", 0),
        ("params CxHxW conv:64,k3", "64+577*C", 1),
        ("shape 3x32x32 conv:6,k5", "06x28x28", 0),
        ("shape 3x32x32 conv:6,k5", "6x28", 1),
        ("shape 3x32x32 conv:6,k5", "6x28x__import__('os')", 1),
        ("shape 3x32x32 conv:6,k5", "6x28x" + "(" * 500 + "28" + ")" * 500, 1),
        ("shape 3x32x32 conv:6,k5", "6x28x9**9**9", 1),
        ("shape 12x8x8 maxpool:2", "1 2x4x4", 1),
        ("params CxHxW conv:64,k3", "576*C+64 # so", 1),
        ("params CxHxW conv:64,k3", "576*C+64or 1", 1),
        ("params CxHxW conv:64,k3", "576*C+H64", 1),
        ("params CxHxW conv:64,k3", "-C", 1),
        ("shape 1xHxW conv:1,k301", "1x(H-299)x(W-300)", 1),
        ("shape 3xHxW maxpool:2", "3x" + "*".join(["9" * 90] * 10) + "*Hx1", 1),
    ],
)
def test_expectations_of_unknown_sizes(run: Run, line: str, expected: str, code: int) -> None:
    done = run(*line.split(), "--expect", expected)
    assert done.returncode == code, done.stderr
    malformed = any(part in expected for part in ("__", "((", "**", " 2", "#", "or", "H64", "999"))
    assert ("is not a size" in done.stderr) == malformed, done.stderr


def test_a_stream_and_a_file_exclude_one_another(run: Run) -> None:
    done = run("shape", "-", "-f", "nothing.net")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--file has no use" in done.stderr


def test_options_behind_two_dashes_and_values_stay_as_written(run: Run) -> None:
    assert "-q is not a layer" in run("shape", "28", "--", "-q").stderr
    assert "expected -q, but it is 28" in run("shape", "28", "relu", "--expect", "-q").stderr


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("vgg16", "dlcalc params vgg16"),
        ("conv:6,k5", "dlcalc shape"),
        ("layers vgg16", "dlcalc zoo vgg16"),
        ("zoo conv", "dlcalc layers conv"),
        ("shape 3x32x32 Conv2d(3,64,3)", "It is written as in 3x32x32 conv:6,k5"),
        ("shape 3x32x32 nn.ReLU()", "it is written as in 64x56x56 relu"),
        ("shape 3x32x32 dropout0.5", "write dropout:0.5"),
        ("shape 3x32x32 conv:8,k3,nobias", "bias=no"),
        ("shape 3x32x32 conv:8,K3", "Did you mean k3?"),
        ("shape 3x32x32 conv:8,k3,padding=SAME", "Write same."),
        ("shape 3x32x32 conv:8,k3,same", "Write p=same."),
        ("shape 3x32x32 add[relu|relu]", "residual[...]"),
        ("shape 3x32x32 3*(relu)", "brackets are square"),
        ("shape 3 32 32 relu", "Sizes are joined by x"),
        ("shape C×H×W relu", "Sizes are joined by x"),
        ("shape 4x32x32 conv:6,k3,g4", "such as 1, 2."),
    ],
)
def test_a_mend_for_what_other_tools_write(run: Run, line: str, mend: str) -> None:
    done = run(*line.split())
    assert done.returncode == 2
    assert mend in done.stderr


def test_the_python_surface() -> None:
    import dlcalc

    result = dlcalc.shape("3x32x32 conv:6,k5")
    assert repr(result) == "<ShapeResult 6x28x28>"
    assert result.value == (6, 28, 28)
    assert {"shape", "params", "InputError"} <= set(dir(dlcalc))
    with pytest.raises(dlcalc.InputError):
        dlcalc.shape("3x32x32 cnov:6")
    with pytest.raises(dlcalc.InputError, match="layout must be"):
        dlcalc.shape("3x32x32 relu", layout="nhwc")  # type: ignore[arg-type]
    with pytest.raises(dlcalc.ClaimError):
        dlcalc.params("lenet5").meets("many")


def _without_escapes(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _words(text: str) -> list[str]:
    return text.split()
