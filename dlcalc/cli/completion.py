"""The completion scripts for bash, zsh and fish, made from the registries.

A completion that asked Python would cost a start of Python for every TAB. So
the commands with their options, the layers with their arguments and the names
of the built-in nets are written into scripts that need nothing but the shell.
The logic of each shell is its template in ``dlcalc/cli/completions``; here are
the tables that stand in it for lines such as ``@LAYERS@``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import NamedTuple

import click

from dlcalc.cli.group import COMMANDS, dlcalc
from dlcalc.layers import registry
from dlcalc.layers.argument import CURVES, PADDING_WORDS, Argument
from dlcalc.layers.index import LAYERS, WORDS
from dlcalc.nets import zoo

#: Each shell's script by the name under which it is installed.
FILES = {"bash": "dlcalc.bash", "zsh": "_dlcalc", "fish": "dlcalc.fish"}

_TEMPLATES = os.path.join(os.path.dirname(__file__), "completions")
# What an argument's value may be besides a number.
_VALUES = {"flag": ("yes", "no"), "padding": PADDING_WORDS, "curve": CURVES}
# What stands unquoted in the tables.
_PLAIN = re.compile(r"[A-Za-z0-9_.+/-]+")


class Word(NamedTuple):
    """A layer as it is completed; ``suffix`` is what must follow it in a net."""

    name: str
    suffix: str
    summary: str


class Option(NamedTuple):
    """An option: its spellings, its help, and the kind of its value, empty for a flag.

    A kind is text, file, net, layers, zoo or ``=A,B,C``, one of these choices.
    """

    names: tuple[str, ...]
    help: str
    kind: str
    metavar: str


class Spec(NamedTuple):
    """What is completed behind a command; a kind that may be repeated ends in ``+``."""

    options: list[Option]
    operands: list[str]


def script(shell: str) -> str:
    """The completion script for bash, zsh or fish.

    >>> script("zsh").splitlines()[0]
    '#compdef dlcalc'
    """
    with open(os.path.join(_TEMPLATES, f"{FILES[shell]}.in"), encoding="utf-8") as file:
        template = file.read()
    return _filled(template, _TABLES[shell]())


def _filled(template: str, tables: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda match: tables[match[1]], template)


# The registries.


@cache
def words() -> list[Word]:
    """Every layer under its proper words, in the order of the index."""
    return [_word(word, name) for name, entry in LAYERS.items() for word in entry.words]


@cache
def pinned() -> list[Word]:
    """The further words of the index: with 1d, 2d and 3d behind, and without _."""
    proper = {word.name for word in words()}
    return [_word(word, name) for word, (name, _) in WORDS.items() if word not in proper]


def _word(word: str, name: str) -> Word:
    needing = any(argument.required for argument in registry.layer_class(name).arguments)
    suffix = "[" if LAYERS[name].branched else ":" if needing else ""
    return Word(word, suffix, LAYERS[name].summary)


def _arguments() -> list[tuple[str, str]]:
    """For each layer that has arguments: all its words as a pattern, and its arguments."""
    table = []
    for name in LAYERS:
        arguments = registry.layer_class(name).arguments
        if arguments:
            spellings = (word for word, (of, _) in WORDS.items() if of == name)
            table.append(("|".join(spellings), " ".join(map(_argument, arguments))))
    return table


def _argument(argument: Argument) -> str:
    values = ",".join(_VALUES.get(argument.kind, ()))
    return f"{argument.name}:{argument.short}:{values}:{'p' if argument.positional else ''}"


def specs() -> dict[str, Spec]:
    """Every command with what stands behind it; under the empty name the group itself."""
    context = click.Context(dlcalc, **dlcalc.context_settings)
    found = {"": _spec(dlcalc, "")}
    for name in COMMANDS:
        command = dlcalc.get_command(context, name)
        assert command is not None
        found[name] = _spec(command, name)
    return found


def _spec(command: click.Command, name: str) -> Spec:
    context = click.Context(command, **command.context_settings)
    options, operands = [], []
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            options.append(_option(parameter, context))
        elif isinstance(parameter, click.Argument):
            operands.append(_kind(parameter, name) + ("+" if parameter.nargs == -1 else ""))
    return Spec(options, operands)


def _option(option: click.Option, context: click.Context) -> Option:
    names = (*option.opts, *option.secondary_opts)
    flag = option.is_flag or option.count
    metavar = option.metavar or (option.name or "value").upper()
    return Option(names, option.help or "", "" if flag else _kind(option, ""), metavar)


def _kind(parameter: click.Parameter, command: str) -> str:
    """The kind of value that a parameter of a command takes."""
    metavar = parameter.metavar or ""
    if isinstance(parameter.type, click.Choice):
        return "=" + ",".join(_plain(str(choice)) for choice in parameter.type.choices)
    if parameter.name == "words" or metavar == "NET":
        return "net"
    if (
        isinstance(parameter.type, click.Path | click.File)
        or "FILE" in metavar
        or metavar == "DATA"
    ):
        return "file"
    return command if command in ("layers", "zoo") else "text"


def _plain(word: str) -> str:
    assert _PLAIN.fullmatch(word), f"{word!r} would have to be quoted in a completion script"
    return word


# The tables as each shell writes them.


def _bash() -> dict[str, str]:
    return {
        "COMMANDS": _joined(COMMANDS),
        "OPTIONS": "\n".join(_bash_spec(name, spec) for name, spec in specs().items()),
        "ARGUMENTS": _lines(8, (f"{words}) arguments='{a}' ;;" for words, a in _arguments())),
        "LAYERS": _joined(_bash_word(word) for word in words()),
        "PINNED": _joined(_bash_word(word) for word in pinned()),
        "ZOO": _joined(zoo.names()),
    }


def _bash_spec(name: str, spec: Spec) -> str:
    options = [f"{_plain(word)}:{option.kind}" for option in spec.options for word in option.names]
    lines = (
        f"        {name or repr('')})",
        f"            options='{' '.join(options)}'",
        f"            kinds='{' '.join(spec.operands)}'",
        "            ;;",
    )
    return "\n".join(lines)


def _bash_word(word: Word) -> str:
    return f"'{word.name}['" if word.suffix == "[" else word.name + word.suffix


def _zsh() -> dict[str, str]:
    plain = [word for word in words() if not word.suffix]
    group, *commands = specs().items()
    return {
        "GROUP": "\n".join(f"{line} \\" for line in _zsh_options(group[1])),
        "COMMANDS": _zsh_described((name, COMMANDS[name][2]) for name in COMMANDS),
        "OPTIONS": "\n".join(_zsh_spec(name, spec) for name, spec in commands),
        "ARGUMENTS": _lines(4, (f"({words}) arguments=({a}) ;;" for words, a in _arguments())),
        "NEEDING": _zsh_words(":"),
        "BRANCHED": _zsh_words("["),
        "PLAIN": _zsh_described((word.name, word.summary) for word in plain),
        "NEEDING_PINNED": _joined(word.name for word in pinned() if word.suffix),
        "PLAIN_PINNED": _joined(word.name for word in pinned() if not word.suffix),
        "ZOO": _zsh_described((name, zoo.summary(name)) for name in zoo.names()),
    }


def _zsh_words(suffix: str) -> str:
    return _zsh_described((word.name, word.summary) for word in words() if word.suffix == suffix)


def _zsh_described(pairs: Iterable[tuple[str, str]]) -> str:
    return _lines(4, (_quoted(f"{name}:{summary}") for name, summary in pairs))


def _zsh_spec(name: str, spec: Spec) -> str:
    lines = _zsh_options(spec)
    for position, kind in enumerate(spec.operands, 1):
        place = "*" if kind.endswith("+") else position
        lines.append("    " + _quoted(f"{place}:{_zsh_value(kind.rstrip('+'), 'operand')}"))
    body = " \\\n".join(f"    {line}" for line in lines)
    return f"    ({name})\n      _arguments -S \\\n{body} ;;"


def _zsh_options(spec: Spec) -> list[str]:
    lines = []
    for option in spec.options:
        others = f"({' '.join(option.names)})" if len(option.names) > 1 else ""
        help_text = re.sub(r"([\[\]:\\])", r"\\\1", option.help)
        for name in option.names:
            takes = ("=" if name.startswith("--") else "+") if option.kind else ""
            value = f":{_zsh_value(option.kind, option.metavar)}" if option.kind else ""
            lines.append("    " + _quoted(f"{others}{name}{takes}[{help_text}]{value}"))
    return lines


def _zsh_value(kind: str, label: str) -> str:
    label = re.sub(r"[^A-Za-z0-9_ ]", "", label)
    if kind.startswith("="):
        return f"{label}:({kind[1:].replace(',', ' ')})"
    actions = {"file": "_files", "text": " "}
    return f"{label}:{actions.get(kind, f'_dlcalc_{kind}')}"


def _fish() -> dict[str, str]:
    group, *commands = specs().items()
    complete = [
        "complete -c dlcalc -n 'not __dlcalc_command' "
        f"-a {name} -d {_fish_quoted(COMMANDS[name][2])}"
        for name in COMMANDS
    ]
    complete += _fish_spec("not __dlcalc_command", group[1])
    for name, spec in commands:
        complete += ["", *_fish_spec(f"__dlcalc_is {name}", spec)]
    return {
        "COMPLETE": "\n".join(complete),
        "ARGUMENTS": _lines(8, map(_fish_arguments, _arguments())),
        "LAYERS": _fish_described((word.name + word.suffix, word.summary) for word in words()),
        "PINNED": _joined(_fish_quoted(word.name + word.suffix) for word in pinned()),
        "ZOO": _fish_described((name, zoo.summary(name)) for name in zoo.names()),
    }


def _fish_arguments(row: tuple[str, str]) -> str:
    spellings, arguments = row
    return f"case {spellings.replace('|', ' ')}\n            string split ' ' '{arguments}'"


def _fish_described(pairs: Iterable[tuple[str, str]]) -> str:
    lines = (f"{_fish_quoted(name)}\\t{_fish_quoted(summary)}" for name, summary in pairs)
    return " \\\n".join(f"        {line}" for line in lines)


def _fish_spec(condition: str, spec: Spec) -> list[str]:
    start = f"complete -c dlcalc -n '{condition}'"
    lines = []
    for option in spec.options:
        names = " ".join(_fish_name(name) for name in option.names)
        lines.append(f"{start} {names}{_fish_value(option.kind)} -d {_fish_quoted(option.help)}")
    for kind in dict.fromkeys(operand.rstrip("+") for operand in spec.operands):
        # An operand takes no option's -x or -r, and a word of a net may be a path.
        value = re.sub(" -[xr]", "", _fish_value(kind))
        lines += [start + value] if value else []
        lines += [f"{start[:-1]}; and __dlcalc_path' -F"] if kind == "net" else []
    return lines


def _fish_name(name: str) -> str:
    if name.startswith("--"):
        return f"-l {name[2:]}"
    return f"{'-s' if len(name) == 2 else '-o'} {name[1:]}"


def _fish_value(kind: str) -> str:
    if kind.startswith("="):
        return f" -x -a '{kind[1:].replace(',', ' ')}'"
    simple = {"": "", "text": " -x", "file": " -r -F", "net": " -x -a '(__dlcalc_net)'"}
    return simple.get(kind, f" -x -a '(__dlcalc_{kind})'")


_TABLES: dict[str, Callable[[], dict[str, str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}


def _quoted(text: str) -> str:
    r"""One word of bash or zsh, whatever it holds.

    >>> print(_quoted("it's"))
    'it'\''s'
    """
    return "'" + text.replace("'", r"'\''") + "'"


def _fish_quoted(text: str) -> str:
    r"""One word of fish, whatever it holds.

    >>> print(_fish_quoted("it's"))
    'it\'s'
    """
    return "'" + text.replace("\\", r"\\").replace("'", r"\'") + "'"


def _joined(names: Iterable[str]) -> str:
    return " ".join(names)


def _lines(indent: int, lines: Iterable[str]) -> str:
    return "\n".join(f"{' ' * indent}{line}" for line in lines)
