"""Bad input as a process: exit 2, one message, nothing on stdout, no traceback, bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run

NINES = "9" * 10_000
BAD = {
    "no words": [],
    "no net": ["3x32x32"],
    "no input": ["conv:6,k5"],
    "a size of 0": ["3x0x32", "relu"],
    "a negative size": ["3x-1x32", "relu"],
    "a negative input": ["-3x32x32", "relu"],
    "a half": ["3.5x32", "relu"],
    "a size without end": [f"3x{NINES}x32", "relu"],
    "an enormous size": ["3x10000000000000x4", "relu"],
    "an output of 0": ["3x32x32", "conv:0,k5"],
    "an argument without end": ["3x32x32", f"conv:{NINES},k5"],
    "an unknown word": ["3x32x32", "cov:6"],
    "an unknown key": ["3x32x32", "conv:6,k5,colour=3"],
    "a value given twice": ["3x32x32", "conv:6,k5,kernel=3"],
    "no kernel": ["3x32x32", "conv:6"],
    "no channels": ["3x32x32", "conv:k5"],
    "a kernel larger than its input": ["3x4x4", "conv:6,k7,p1"],
    "stride 0": ["3x32x32", "conv:6,k5,s0"],
    "groups that do not divide": ["3x32x32", "conv:6,k5,g2"],
    "branches that do not match": ["3x32x32", "residual[conv:3,k3]"],
    "an unclosed bracket": ["3x32x32", "concat[relu | relu"],
    "a bracket too many": ["3x32x32", "relu]"],
    "a bar alone": ["3x32x32", "relu | relu"],
    "an empty branch": ["3x32x32", "concat[relu | ]"],
    "an empty bracket": ["3x32x32", "[]"],
    "5,000 brackets": ["3x32x32", "[" * 5_000 + "relu" + "]" * 5_000],
    "5,000 open brackets": ["3x32x32", "[" * 5_000],
    "a billion layers": ["3x32x32", "1000000000*[relu]"],
    "a billion by nesting": ["3x32x32", "1000*[1000*[1000*[relu]]]"],
    "0 times": ["3x32x32", "0*[relu]"],
    "endless times": ["3x32x32", f"{NINES}*[relu]"],
    "growth without end": ["3x2x2", "99999*[concat[relu | relu]]"],
    "growth without end by stride": ["3x2x2", "9999*convtranspose:3,k9,s9"],
    "a polynomial without end": ["CxHxW", "30*[concat[relu | conv:K,k3]] flatten dense:J"],
    "a comment on the command line": ["3x32x32", "relu # why"],
    "a missing file": ["3x32x32", "./nothing.net"],
    "a folder": ["3x32x32", "./"],
    "an endless file": ["3x32x32", "/dev/zero"],
    "a word without end": ["3x32x32", "a" * 100_000],
    "a list of commas": ["3x32x32", "conv:" + "," * 50_000],
    "a bare side with features": ["32", "conv:k5", "dense:10"],
    "a batch of nothing": ["3x32x32", "relu", "--batch", "-1"],
    "an unknown layout": ["3x32x32", "relu", "--layout", "whc"],
    "an unknown option": ["3x32x32", "relu", "--frobnicate"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("command", ["shape", "params"])
def test_bad_input(run: Run, command: str, arguments: list[str]) -> None:
    started = time.monotonic()
    done = run(command, *arguments, LC_ALL="C")
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("dlcalc: ") == 1
    assert len(done.stderr) < 10_000
    # A bound against running away, far above what any of these takes.
    assert time.monotonic() - started < 20


def test_files_that_are_no_nets(run: Run, tmp_path: Path) -> None:
    files = {
        "binary.net": (b"\x00\x01\x02" * 1000, "NUL"),
        "latin.net": ("3x32x32 relu # \xe9t\xe9".encode("latin-1"), "byte 0xe9 is not UTF-8"),
        "huge.net": (b"relu " * 300_000, "larger than 1,000,000 bytes"),
        "empty.net": (b"", "holds no layer"),
        "comment.net": (b"# nothing", "holds no layer"),
        "nested.net": (b"3x8x8 ./other.net", "no file is read from here"),
    }
    for name, (data, message) in files.items():
        (tmp_path / name).write_bytes(data)
        for arguments in ([name], ["3x32x32", "-f", name]):
            done = run("shape", *arguments, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (2, ""), (name, done)
            assert message in done.stderr, (name, arguments, done.stderr)
            assert name in done.stderr
    unreadable = run("shape", "-f", "missing.net", cwd=tmp_path)
    assert unreadable.returncode == 2
    assert "cannot read missing.net: No such file" in unreadable.stderr


def test_an_error_in_a_builtin_net_points_at_its_name(run: Run) -> None:
    done = run("shape", "3x16x16", "relu", "alexnet")
    assert done.returncode == 2
    assert "  3x16x16 relu alexnet\n               ^^^^^^^\n" in done.stderr
    assert "does not fit" in done.stderr
    assert "at least 63x63" in done.stderr


def test_what_had_been_worked_out_is_not_lost(run: Run) -> None:
    done = run("shape", "3x8x8", "concat[relu | residual[conv:3,k3]]")
    assert done.returncode == 2
    assert [line.split() for line in done.stderr.splitlines()[:5]] == [
        ["input", "3x8x8"],
        ["concat["],
        ["relu", "3x8x8"],
        ["|"],
        ["residual[...]", "does", "not", "fit"],
    ]
    assert (
        "dlcalc: layer 1, branch 2, layer 1, residual: the branches give 3x6x6 and 3x8x8"
        in done.stderr
    )
    assert "3x8x8" not in run("shape", "3x8x8", "relu", "conv:3,k9", "-q").stderr.splitlines()[0]


def test_streams_go_on_after_bad_lines(run: Run) -> None:
    lines = ["28 maxpool:2", "nonsense", "", "# a comment", "3x4x4 conv:6,k5", "784 dense:10"]
    done = run("shape", "-", stdin="\n".join(lines) + "\n")
    assert done.returncode == 2
    assert done.stdout.split("\n") == ["14", "", "", "", "", "10", ""]
    assert "standard input:2: nonsense" in done.stderr
    assert "standard input:5: layer 1, conv:6,k5: a 5x5 kernel does not fit" in done.stderr


def test_streams_of_any_bytes(run: Run) -> None:
    data = b"28 maxpool:2\r\n\xff\xfe\n\x00\n" + b"a" * 2_000_000 + b"\n28 maxpool:2"
    done = run("shape", "-", "--json", stdin=data)
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert [line.split(", ")[0] for line in lines] == [f'{{"line": {n}' for n in range(1, 6)]
    assert ["error" in line for line in lines] == [False, True, True, True, False]


def test_streams_may_name_no_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text("relu")
    done = run("shape", "-", stdin="28 ./a.net\n", cwd=tmp_path)
    assert done.returncode == 2
    assert "no file is read from here" in done.stderr


def test_a_stream_needs_constant_memory(tmp_path: Path) -> None:
    def peak(lines: int) -> int:
        """The peak memory of one process, in KiB."""
        path = tmp_path / f"{lines}.txt"
        path.write_text("".join(f"3x64x64 conv:{n},k3 relu\n" for n in range(1, lines + 1)))
        with path.open() as source:
            command = [sys.executable, "-m", "dlcalc", "shape", "-"]
            process = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        return usage.ru_maxrss

    # Each line is another net; the caches of words and nets are full after 5,000.
    assert peak(30_000) < peak(6_000) + 4_000


def test_time_does_not_grow_with_depth_times_length(run: Run) -> None:
    net = "residual[" * 99 + "20000*[relu]" + "]" * 99
    started = time.monotonic()
    done = run("shape", "3x8x8", net)
    assert done.returncode == 0
    assert time.monotonic() - started < 20


def test_an_endless_polynomial_is_refused_in_its_place(run: Run) -> None:
    letters = " ".join(f"conv:{letter},k1" for letter in "BCDEFGI")
    line = f"3xHxWxA 30*[deconv:B,k3,s3 {letters} maxpool:2]"
    done = run("params", "-", "--json", stdin=f"{line}\n784 dense:10\n")
    assert done.returncode == 2
    first, second = map(json.loads, done.stdout.splitlines())
    assert "too long to write out" in first["error"]
    assert second["parameters"] == 7_850


@pytest.mark.parametrize(
    ("redirected", "code", "message"),
    [
        ("shape 28 maxpool:2 -q >&-", 0, ""),
        ("shape 28 maxpool:2 -q 2>&-", 0, ""),
        ("shape 28 cov:2 2>&-", 2, ""),
        ("shape - <&-", 2, "dlcalc: standard input is closed."),
        ("shape -f - <&-", 2, "dlcalc: standard input is closed."),
    ],
)
def test_closed_streams(redirected: str, code: int, message: str) -> None:
    script = f"'{sys.executable}' -m dlcalc {redirected}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr.strip()) == (code, message)


def test_nothing_typed_reaches_the_terminal_raw(run: Run) -> None:
    for arguments in (["a\x1b[31mb"], ["layers", "a\x1b[31mb"], ["shape", "3x8x8", "a\x1b[31m"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "\x1b" not in done.stderr
    assert len(run("layers", "a" * 5_000).stderr) < 1_000
