"""``dlcalc grad`` as a process: streams, exit codes, operands, bad input, bounded time."""

from __future__ import annotations

import json
import time

import pytest
from conftest import Run
from terminal import on_terminal

NEURON = "sigmoid(w*x + b)"


def test_the_bare_gradient(run: Run) -> None:
    done = run("grad", NEURON, "--wrt", "w", "-q")
    assert done.stdout == "x*sigmoid(w*x + b)*(1 - sigmoid(w*x + b))\n"
    assert (done.stderr, done.returncode) == ("", 0)


def test_the_answer_is_the_last_line(run: Run) -> None:
    assert run("grad", "x^3").stdout.splitlines()[-1] == "dy/dx = 3*x**2"


def test_steps_can_be_left_out(run: Run) -> None:
    shown = run("grad", "x^3", "--no-steps").stdout
    assert shown.splitlines()[0].startswith("verified")
    document = json.loads(run("grad", "x^3", "--no-steps", "--json").stdout)
    assert document["steps"][0]["rule"] == "power"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["-x^2"], "-2*x"),
        (["-x"], "-1"),
        (["-(x - 1)^2"], "-2*(x - 1)"),
        (["-2*x"], "-2"),
        (["--wrt", "x", "-q*x"], "-q"),
        (["-x*y", "-q", "--wrt=y"], "-x"),
        (["x^2", "--at", "x=-3"], "-6.0"),
        (["x*y", "--wrt", "x,y"], "y\nx"),
        (["x*y", "--wrt", "y", "--wrt", "x"], "x\ny"),
        (["w[1,2]*w[2,1]", "--wrt", "w[1,2],w[2,1]"], "w[2,1]\nw[1,2]"),
        (["x*y", "x + y", "--jacobian"], "[[y, x], [1, 1]]"),
        (["x^2*y", "--hessian"], "[[2*y, 2*x], [2*x, 0]]"),
        (["x^4", "--order", "2"], "12*x**2"),
        (["cos(\u03b8)", "--wrt", "\u03b8"], "-sin(\u03b8)"),
        (["x^2", "--latex"], "2 x"),
    ],
)
def test_answers(run: Run, arguments: list[str], answer: str) -> None:
    done = run("grad", *arguments, "-q")
    assert (done.stdout, done.returncode) == (answer + "\n", 0), done.stderr


def test_expectations(run: Run) -> None:
    asked = ["grad", NEURON, "--wrt", "w", "--expect"]
    done = run(*asked, "x*sigmoid(w*x+b)*(1-sigmoid(w*x+b))")
    assert done.returncode == 0
    assert "expected  the same, decided symbolically" in done.stdout
    wrong = run(*asked, "x*sigmoid(w*x+b)")
    assert wrong.returncode == 1
    assert wrong.stdout
    assert "which at w = " in wrong.stderr
    assert run("grad", "x^2", "--at", "x=3", "--expect", "6").returncode == 0
    assert run("grad", "x^2", "--at", "x=3", "--expect", "7").returncode == 1
    assert run("grad", "x^2", "--expect", "2*(").returncode == 1


def test_a_disagreement_exits_with_1(run: Run) -> None:
    import subprocess
    import sys

    script = (
        "import sys\n"
        "from dlcalc.symbolic.scalar.rules import RULES\n"
        "RULES['tanh'] = RULES['tanh']._replace(slopes=('1 - tanh(x)',))\n"
        "from dlcalc.cli.run import run\n"
        "sys.exit(run(['grad', 'tanh(w*x)', '--wrt', 'w']))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert "disagrees on da/dz" in done.stderr
    assert "wrong" in done.stdout


def test_line_by_line(run: Run) -> None:
    done = run("grad", "-", stdin="x^2\n\n# nothing\nfoo(x)\nx*y; x + y\n")
    assert done.returncode == 2
    assert done.stdout == "2*x\n\n\n\ny; x; 1; 1\n"
    assert "foo is not a function" in done.stderr
    done = run("grad", "-", "--json", "--wrt", "x", stdin="x^2\nfoo(x)\n")
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert documents[0]["gradient"][0]["expression"] == "2*x"
    assert documents[1]["error"] == "foo is not a function that is known"


BAD = {
    "nothing": [],
    "an empty expression": [""],
    "an import": ["__import__('os').system('true')"],
    "attribute access": ["x.__class__"],
    "a lambda": ["(lambda x: x)(1)"],
    "a comprehension": ["[x for x in y]"],
    "a power without end": ["9**9**9"],
    "a power of a power": ["x*9**9**9"],
    "10,000 parentheses": ["(" * 10_000 + "x" + ")" * 10_000],
    "10,000 functions": ["sin(" * 10_000 + "x" + ")" * 10_000],
    "10,000 minuses": ["+" + "-" * 10_000 + "x"],
    "an unknown name": ["sgimoid(x)"],
    "an unknown variable of --at": ["x*y", "--at", "x=1,z=2"],
    "a missing variable of --at": ["x*y", "--at", "x=1"],
    "--at without a number": ["x", "--at", "x=abc"],
    "--at that is none": ["x", "--at", "1"],
    "a logarithm of -1": ["log(x)", "--at", "x=-1"],
    "0/0": ["sin(x)/x", "--at", "x=0"],
    "always 0/0": ["x/(x - x)"],
    "numbers alone": ["3 + 4"],
    "--wrt a number": ["x", "--wrt", "3"],
    "--wrt an expression": ["x", "--wrt", "x + 1"],
    "--wrt pi": ["x*pi", "--wrt", "pi"],
    "a jump": ["sign(x)", "--at", "x=0"],
    "a second derivative at a kink": ["relu(x)", "--order", "2", "--at", "x=0"],
    "order 0": ["x", "--order", "0"],
    "order 1000": ["x", "--order", "1000"],
    "order of several": ["x*y", "--order", "2"],
    "a half order": ["x", "--order", "1.5"],
    "a Hessian of two": ["x", "y", "--hessian"],
    "an unknown kink": ["relu(x)", "--at-kink", "up"],
    "an unknown option": ["x", "--frobnicate"],
    "an unknown view": ["x", "--view", "pretty"],
    "a matrix view of numbers": ["x", "--view", "matrix"],
    "a loss without a network": ["x", "--loss", "mse"],
    "--json and -q": ["x", "--json", "-q"],
    "defined nowhere": ["log(-x^2 - 1)"],
    "a number too large": ["1e999*x"],
    "coefficients without end": ["(1e250*x)^9"],
    "an equation": ["y = x"],
    "a Chinese word": ["\u6c60\u5316(x)"],
    "a NUL by its escape": ["x\x01"],
    "a derivative without end": ["*".join(f"sin(x + {n})" for n in range(150)), "--order", "2"],
    "a product of 190 sums": ["*".join(f"(x + {n})*sin(x)" for n in range(90)), "--order", "3"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_bad_input(run: Run, arguments: list[str]) -> None:
    started = time.monotonic()
    done = run("grad", *arguments, LC_ALL="C")
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("dlcalc: ") == 1
    assert len(done.stderr) < 10_000
    assert time.monotonic() - started < 30


def test_places_are_marked(run: Run) -> None:
    for text, marked in (
        ("1 + log(x)*2", "log(x)"),
        ("(x - 1)^0.5 + x", "(x - 1)^0.5"),
        ("x + sgimoid(x)", "sgimoid"),
    ):
        *_, line, carets = [
            shown
            for shown in run("grad", text, "--at", "x=-1").stderr.splitlines()
            if "Did you" not in shown
        ]
        assert line[carets.index("^") : carets.rindex("^") + 1] == marked


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize(
    "line",
    [
        "grad sigmoid(w*x+b) --wrt w",
        "grad relu(w*x+b) --wrt w --at w=1,x=2,b=3",
        "grad mse(tanh(v*tanh(w*x)),t) --wrt w",
        "grad x^2*exp(x) --order 2",
    ],
)
def test_a_terminal_shows_the_same_words(run: Run, line: str, columns: int) -> None:
    shown = on_terminal(line, columns, NO_COLOR="1")
    assert sorted(shown.split()) == sorted(run(*line.split()).stdout.split())


def test_eighty_columns_hold_a_neuron() -> None:
    shown = on_terminal("grad sigmoid(w*x+b) --wrt w", 80, NO_COLOR="1")
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80
