"""The completion scripts, in the shells themselves: what a line becomes when TAB is pressed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path

import pytest
from click.testing import CliRunner

from dlcalc.cli.completion import FILES, Option, script, specs
from dlcalc.cli.group import COMMANDS, dlcalc
from dlcalc.layers.argument import PADDING_WORDS
from dlcalc.layers.index import LAYERS, WORDS
from dlcalc.nets import zoo

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "completions"
SHELLS = sorted(FILES)
# Asks the shell for the line as it stands, and clears it.
SHOW = "\x07"
TAB = "\t"

# What is typed before TAB, and the line behind it.
COMMON = [
    ("dlcalc sh", "dlcalc shape "),
    ("dlcalc --ver", "dlcalc --version "),
    ("dlcalc --completion f", "dlcalc --completion fish "),
    ("dlcalc shape --qu", "dlcalc shape --quiet "),
    ("dlcalc shape --color al", "dlcalc shape --color always "),
    ("dlcalc shape --layout=h", "dlcalc shape --layout=hwc "),
    ("dlcalc shape -f compl", "dlcalc shape -f completions/"),
    ("dlcalc shape --file compl", "dlcalc shape --file completions/"),
    ("dlcalc shape ./compl", "dlcalc shape ./completions/"),
    ("dlcalc layers maxp", "dlcalc layers maxpool "),
    ("dlcalc zoo mobilenet_v1", "dlcalc zoo mobilenet_v1 "),
    ("dlcalc params resnet50-", "dlcalc params resnet50-v1 "),
    ("dlcalc shape 3x32x32 fla", "dlcalc shape 3x32x32 flatten "),
    ("dlcalc shape -1,2 fla", "dlcalc shape -1,2 flatten "),
    ("dlcalc shape 3x32x32 maxp", "dlcalc shape 3x32x32 maxpool:"),
    ("dlcalc shape 3x32x32 conv2", "dlcalc shape 3x32x32 conv2d:"),
    ("dlcalc shape 3x32x32 leakyr", "dlcalc shape 3x32x32 leakyrelu "),
    ("dlcalc shape 3x32x32 3*maxp", "dlcalc shape 3x32x32 3*maxpool:"),
    ("dlcalc shape conv:64,ker", "dlcalc shape conv:64,kernel="),
    ("dlcalc shape conv:64,k3,k", "dlcalc shape conv:64,k3,k"),
    ("dlcalc shape conv:64,3,1,p", "dlcalc shape conv:64,3,1,padding="),
    ("dlcalc shape conv:64,bias=n", "dlcalc shape conv:64,bias=no "),
    ("dlcalc shape conv:64,p=v", "dlcalc shape conv:64,p=valid "),
    ("dlcalc shape avgpool:3,count-include-pad=y", "dlcalc shape avgpool:3,count-include-pad=yes "),
    ("dlcalc shape resi", "dlcalc shape 'residual["),
    ("dlcalc shape '3*resi", "dlcalc shape '3*residual["),
    ("dlcalc shape 'residual[conv:64,str", "dlcalc shape 'residual[conv:64,stride="),
    ('dlcalc shape "residual[conv:64,str', 'dlcalc shape "residual[conv:64,stride='),
    ("dlcalc shape 'residual[conv:64,k3 bat", "dlcalc shape 'residual[conv:64,k3 batchnorm"),
    ("dlcalc shape 'concat[relu |fla", "dlcalc shape 'concat[relu |flatten"),
    ("dlcalc shape 'concat[relu | 2*[fla", "dlcalc shape 'concat[relu | 2*[flatten"),
    (r"dlcalc shape residual\[bn\ fla", r"dlcalc shape residual\[bn\ flatten "),
    ("true; A=1 dlcalc shape fla", "true; A=1 dlcalc shape flatten "),
    ("dlcalc shape --expect é fla", "dlcalc shape --expect é flatten "),
    ("dlcalc params < compl", "dlcalc params < completions/"),
    ("dlcalc shape 'conv:64'k", "dlcalc shape 'conv:64'k"),
]
# What is typed before TAB, and what is offered.
OFFERS = [
    ("dlcalc shape --color ", "always auto never"),
    ("dlcalc shape --layout ", "chw hwc"),
    ("dlcalc zoo vgg16", "vgg16 vgg16_bn"),
    ("dlcalc shape conv:64,k3,", "bias= dilation= groups= padding= stride="),
    ("dlcalc shape convtranspose:64,k3,op1,bias=no,", "dilation= groups= output= padding= stride="),
    ("dlcalc shape conv:64,kernel=3,s2,", "bias= dilation= groups= padding="),
    ("dlcalc shape conv:64,bias=", "no yes"),
    ("dlcalc shape conv:64,padding=", "causal same same_lower same_upper valid"),
    ("dlcalc shape 'residual[conv:64,k3 b", "batchnorm bert-base bn"),
]


class Terminal:
    """An interactive shell behind a pseudo-terminal."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.chdir(ROOT)
            os.execve(command[0], command, environment)
        self.text = ""

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until the pattern occurs, and forget all up to its end."""
        deadline = time.monotonic() + 20
        while not (match := re.search(pattern, self.text, re.DOTALL)):
            ready, _, _ = select.select([self.file], [], [], deadline - time.monotonic())
            assert ready, f"the shell said {self.text!r}"
            self.text += os.read(self.file, 65_536).decode(errors="replace")
        self.text = self.text[match.end() :]
        return match

    def press(self, keys: str) -> tuple[str, str]:
        """Press keys; what appeared, and what the line has become."""
        os.write(self.file, (keys + SHOW).encode())
        match = self.wait_for(r"(.*?)LINE<([^\n]*)>\r*\n")
        return match[1], match[2]

    def close(self) -> None:
        os.close(self.file)
        os.waitpid(self.process, 0)


def environment(home: Path, locale: str = "C.UTF-8") -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TERM": "dumb",
        "LC_ALL": locale,
        "INPUTRC": os.devnull,
        "ZDOTDIR": str(home),
        "XDG_CONFIG_HOME": str(home),
    }


def program(shell: str) -> str:
    """The path of a shell; the test is skipped where there is none that will do."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    if shell == "bash":
        check = [path, "-c", "((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404))"]
        if subprocess.run(check, check=False).returncode:
            pytest.skip("this bash is older than 4.4")
    return path


BASH_START = r"""
bind 'set enable-bracketed-paste off'; bind 'set bell-style none'
show() { printf 'LINE<%s>\n' "$READLINE_LINE"; READLINE_LINE=; READLINE_POINT=0; }
bind -x '"\C-g": show'
source completions/dlcalc.bash
PATH=
"""
BASH_SETTINGS = {
    "default": ":",
    "no : and = in COMP_WORDBREAKS": "COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]/}",
    "strict": "set -u; shopt -s nullglob failglob nocasematch; IFS=,",
    "bytes": "LC_ALL=C",
}


@pytest.fixture(scope="module", params=BASH_SETTINGS)
def bash(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    home = tmp_path_factory.mktemp("bash")
    (home / "start").write_text(BASH_START + BASH_SETTINGS[request.param] + "\n")
    terminal = Terminal([program("bash"), "--norc", "--noprofile", "-i"], environment(home))
    os.write(terminal.file, b". ~/start; echo REA''DY\n")
    terminal.wait_for("READY\r*\n")
    yield terminal
    terminal.close()


@pytest.mark.parametrize(("typed", "line"), COMMON)
def test_bash_completes_a_line(bash: Terminal, typed: str, line: str) -> None:
    assert bash.press(typed + TAB)[1] == line


@pytest.mark.parametrize(("typed", "offers"), OFFERS)
def test_bash_offers_the_parts_that_fit(bash: Terminal, typed: str, offers: str) -> None:
    shown, line = bash.press(typed + TAB + TAB)
    assert line == typed
    assert shown.split("\n")[1].split() == offers.split()


# In zsh a blank, which goes away before ] and its like, stands in an open quote too.
ZSH_DIFFERS = {
    "dlcalc shape 'residual[conv:64,k3 bat": "dlcalc shape 'residual[conv:64,k3 batchnorm ",
    "dlcalc shape 'concat[relu |fla": "dlcalc shape 'concat[relu |flatten ",
    "dlcalc shape 'concat[relu | 2*[fla": "dlcalc shape 'concat[relu | 2*[flatten ",
}
ZSH_START = r"""
PS1='$ '
autoload -U compinit
%s
unsetopt beep auto_menu zle_bracketed_paste
show() { print -r -- $'\n'"LINE<$BUFFER>"; BUFFER= }
zle -N show
bindkey '^G' show
PATH=
print READY
"""
ZSH_SETTINGS = {
    "autoloaded": f"fpath=({SCRIPTS} $fpath); compinit -D -u",
    "sourced": f"compinit -D -u; source {SCRIPTS}/_dlcalc",
}


@pytest.fixture(scope="module", params=ZSH_SETTINGS)
def zsh(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    home = tmp_path_factory.mktemp("zsh")
    (home / ".zshrc").write_text(ZSH_START % ZSH_SETTINGS[request.param])
    terminal = Terminal([program("zsh"), "-d", "-i"], environment(home))
    terminal.wait_for("READY\r*\n.*\\$ ")
    yield terminal
    terminal.close()


@pytest.mark.parametrize(("typed", "line"), COMMON)
def test_zsh_completes_a_line(zsh: Terminal, typed: str, line: str) -> None:
    assert zsh.press(typed + TAB)[1] == ZSH_DIFFERS.get(typed, line)


@pytest.mark.parametrize(("typed", "offers"), OFFERS)
def test_zsh_offers_the_parts_that_fit(zsh: Terminal, typed: str, offers: str) -> None:
    shown, line = zsh.press(typed + TAB)
    assert line == typed
    listed = re.split(r"\r*\n", shown)[1:]
    words = [word for row in listed for word in row.partition(" -- ")[0].split()]
    for offer in offers.split():
        assert offer.rstrip("=") in words
    for left_out in ("out", "kernel", "conv1d"):
        assert left_out not in words


FISH = [
    ("dlcalc sh", ["shape"]),
    ("dlcalc --ver", ["--version"]),
    ("dlcalc --completion f", ["fish"]),
    ("dlcalc shape --qu", ["--quiet"]),
    ("dlcalc shape --color ", ["always", "auto", "never"]),
    ("dlcalc shape --layout=h", ["--layout=hwc"]),
    ("dlcalc shape -f compl", ["completions/"]),
    ("dlcalc shape ./compl", ["./completions/"]),
    ("dlcalc layers maxp", ["maxpool"]),
    ("dlcalc zoo vgg16", ["vgg16", "vgg16_bn"]),
    ("dlcalc shape 3x32x32 conv2", ["conv2d:"]),
    ("dlcalc shape 3x32x32 leakyr", ["leakyrelu"]),
    ("dlcalc shape '3*maxp", ["3*maxpool:"]),
    ("dlcalc shape conv:64,ker", ["conv:64,kernel="]),
    ("dlcalc shape conv:64,3,1,p=1,d", ["conv:64,3,1,p=1,dilation="]),
    ("dlcalc shape conv:64,bias=", ["conv:64,bias=no", "conv:64,bias=yes"]),
    ("dlcalc shape conv:64,p=", [f"conv:64,p={word}" for word in sorted(PADDING_WORDS)]),
    ("dlcalc shape avgpool:3,count-include-pad=y", ["avgpool:3,count-include-pad=yes"]),
    # A second answer, so that neither a blank nor a closing quote is put behind the first.
    ("dlcalc shape resi", ["residual[", "residual[conv"]),
    ("dlcalc shape 'concat[relu |fla", ["concat[relu |flatten", "concat[relu |flatten "]),
    ("dlcalc shape 'residual[conv:64,str", ["residual[conv:64,stride="]),
    (
        "dlcalc shape 'conv:64,k3 b",
        ["conv:64,k3 batchnorm", "conv:64,k3 bert-base", "conv:64,k3 bn"],
    ),
    (r"dlcalc shape residual\[bn\ fla", ["residual[bn flatten"]),
]


@pytest.fixture(scope="module")
def fish(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What fish offers for each line, all asked of one process."""
    lines = [typed for typed, _ in FISH]
    ask = "for line in $argv; echo LINE; complete -C $line; end"
    command = f"source {SCRIPTS}/dlcalc.fish; set PATH; {ask}"
    answer = subprocess.run(
        [program("fish"), "--no-config", "-c", command, *lines],
        env=environment(tmp_path_factory.mktemp("fish")),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not answer.stderr
    answers = answer.stdout.split("LINE\n")[1:]
    return {
        line: [offer.partition("\t")[0] for offer in offers.splitlines()]
        for line, offers in zip(lines, answers, strict=True)
    }


@pytest.mark.parametrize(("typed", "offers"), FISH)
def test_fish_offers_what_fits(fish: dict[str, list[str]], typed: str, offers: list[str]) -> None:
    assert sorted(fish[typed]) == sorted(offers)


def test_bash_leaves_no_variable_behind() -> None:
    lines = (
        "set -u; COMP_LINE= COMP_POINT= COMP_TYPE= COMPREPLY=() before= after=",
        "before=$(compgen -v)",
        f"source {SCRIPTS}/dlcalc.bash",
        "COMP_LINE='dlcalc shape conv:64,ker'; COMP_POINT=${#COMP_LINE} COMP_TYPE=9",
        "_dlcalc",
        "after=$(compgen -v)",
        '[[ $before == "$after" ]] && echo "$COMPREPLY $-"',
    )
    answer = subprocess.run(
        [program("bash"), "--norc", "-c", "\n".join(lines)], capture_output=True, text=True
    )
    assert (answer.stdout, answer.stderr) == ("64,kernel= huBc\n", "")


def stale() -> list[str]:
    """The completion scripts that are not what the registries make of them."""
    return [
        name
        for shell, name in FILES.items()
        if (SCRIPTS / name).read_text(encoding="utf-8") != script(shell)
    ]


def test_scripts_are_current() -> None:
    assert not stale(), "run python tests/generate.py"


def test_a_new_command_makes_the_scripts_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "again", ("shape", "shape", "Shapes again."))
    assert sorted(stale()) == sorted(FILES.values())
    assert all("again" in script(shell) for shell in SHELLS)


def test_generate_writes_the_scripts() -> None:
    generated = run_path(str(ROOT / "tests" / "generate.py"))["generated"]()
    for shell, name in FILES.items():
        assert generated[SCRIPTS / name] == script(shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_option_prints_the_script(shell: str) -> None:
    assert CliRunner().invoke(dlcalc, ["--completion", shell]).output == script(shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_word_appears(shell: str) -> None:
    words = set(re.findall(r"[\w-]+", script(shell)))
    expected = {*COMMANDS, *WORDS, *zoo.names()}
    expected |= {word for entry in LAYERS.values() for word in entry.words}
    expected |= {name for entry in LAYERS.values() for name, _, _ in entry.arguments}
    assert expected - words == set()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_option_and_choice_appears(shell: str, command: str) -> None:
    part = part_of(script(shell), shell, command)
    for option in specs()[command].options:
        assert all(re.search(spelling(shell, name), part) for name in option.names)
        assert choices(shell, option) in part


def part_of(text: str, shell: str, command: str) -> str:
    """The lines of a script that are about the options of one command."""
    if shell == "fish":
        condition = f"-n '__dlcalc_is {command}'" if command else "-n 'not __dlcalc_command'"
        return "\n".join(line for line in text.splitlines() if condition in line)
    if shell == "zsh" and not command:
        return text.partition("  _arguments -C")[2].partition("1:command:")[0]
    head = rf"^ +\({command}\)\n" if shell == "zsh" else rf"^ +{command or repr('')}\)\n"
    match = re.search(head + r".*?;;", text, re.DOTALL | re.MULTILINE)
    assert match
    return match[0]


def spelling(shell: str, name: str) -> str:
    if shell == "fish":
        return rf" -{'l' if name.startswith('--') else 's'} {name.lstrip('-')} "
    return re.escape(name) + (r"[=+]?\[" if shell == "zsh" else ":")


def choices(shell: str, option: Option) -> str:
    if not option.kind.startswith("="):
        return ""
    return option.kind[1:] if shell == "bash" else option.kind[1:].replace(",", " ")
