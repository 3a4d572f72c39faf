"""The operands and options of every command that reads a net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from dlcalc.layers.convention import CONVENTIONS


def net_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add INPUT and NET, ``--file``, ``--layout`` and ``--like`` to a command."""
    options = (
        click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[INPUT] NET..."),
        click.option(
            "-f", "--file", metavar="FILE", help="Read the net, with or without INPUT, from a file."
        ),
        click.option(
            "--layout",
            type=click.Choice(["chw", "hwc"]),
            default="chw",
            help="Order of the sizes: channels first or last.",
            show_default=True,
        ),
        click.option(
            "--like",
            type=click.Choice(list(CONVENTIONS)),
            help="Whose rules hold: rounding, padding, biases.  [default: torch]",
        ),
        click.option(
            "--compare", is_flag=True, help="All frameworks side by side, where and why they part."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def is_stream(words: tuple[str, ...], settings: dict[str, Any]) -> bool:
    """Whether standard input is to be answered line by line: the only word is ``-``."""
    if words != ("-",):
        return False
    if settings["file"] is not None:
        raise click.UsageError("- reads whole questions from standard input, so --file has no use.")
    _refuse_model()
    return True


def _refuse_model() -> None:
    """Refuse a model file on standard input: its lines are no questions."""
    from dlcalc.interop.read import recognised

    if recognised("-"):
        rule = (
            "- reads a question from each line, and standard input is a model file; -f - reads it."
        )
        raise click.UsageError(rule)


def _refuse_stream(option: str, words: tuple[str, ...], asked: str = "one net") -> None:
    if words == ("-",):
        rule = f"--{option} asks about {asked}, and - reads one from each line."
        raise click.UsageError(rule)


def _refuse_unused(option: str, settings: dict[str, Any], used: tuple[str, ...]) -> None:
    """Refuse the first setting that was given and has no use beside an option."""
    for name, value in settings.items():
        if value and name not in used:
            raise click.UsageError(f"--{option} takes no --{name.replace('_', '-')}.")


def compared(words: tuple[str, ...], settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that a comparison of frameworks takes; it refuses what it has no use for."""
    _refuse_stream("compare", words)
    if settings["like"] is not None:
        raise click.UsageError("--compare shows every framework, so --like has no use.")
    _refuse_unused("compare", settings, _COMPARED)
    return {name: settings[name] for name in ("layout", "file")}


def explaining(words: tuple[str, ...], compare: bool, settings: dict[str, Any]) -> bool:
    """Whether ``--explain`` is asked; it refuses what it has no use for."""
    if settings["explain"] is None:
        del settings["explain"]
        return False
    _refuse_stream("explain", words)
    _refuse_unused("explain", {**settings, "compare": compare}, _EXPLAINED)
    return True


def explained(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that an explanation takes."""
    return {name: settings[name] for name in _EXPLAINED if name != "explain"}


def boxing(words: tuple[str, ...], batch: str | None, settings: dict[str, Any]) -> bool:
    """Whether ``--box`` is asked; it refuses what it has no use for."""
    if settings["box"] is None:
        del settings["box"]
        return False
    _refuse_unused("box", settings, ("layout", "file", "like", "box", "verify", "verify_budget"))
    if words == ("-",) or batch is not None:
        raise click.UsageError("--box asks about one net, without --batch.")
    return True


def solving(words: tuple[str, ...], batch: str | None, settings: dict[str, Any]) -> bool:
    """Whether ``--solve`` is asked; its own settings are taken out where it is not."""
    if settings["solve"] is not None:
        _refuse_stream("solve", words)
        if batch is not None:
            raise click.UsageError("--solve takes no --batch.")
        settings.update(
            within=settings["within"] or "", solve_budget=settings["solve_budget"] or ""
        )
        return True
    del settings["solve"]
    for name in ("within", "solve_budget"):
        if settings.pop(name) is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is for --solve.")
    return False


versus_option = click.option(
    "--versus",
    metavar="NET",
    help="Beside another net, layer by layer: its name, a file, or quoted with its INPUT; "
    "--expect then takes how many layers differ, or same.",
)


def versus(words: tuple[str, ...], settings: dict[str, Any], other: str, *also: str) -> bool:
    """Whether ``--versus`` is asked; then its settings alone are kept, and others refused.

    ``other`` is an option that was given and is not among the settings; ``also`` are settings
    that it takes beside those of every net.
    """
    if settings["versus"] is None:
        del settings["versus"]
        return False
    _refuse_stream("versus", words, "two nets")
    used = ("layout", "file", "like", "versus", *also)
    _refuse_unused("versus", {other: bool(other), **settings}, used)
    for name in [name for name in settings if name not in used]:
        del settings[name]
    return True


def verify_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--verify`` and its budget to a command."""
    options = (
        click.option(
            "--verify", is_flag=True, help="Run the net on real arrays as well, and compare."
        ),
        click.option(
            "--verify-budget",
            metavar="BYTES,TIME",
            default="",
            help="What that may take, such as 2GB,20s.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


_EXPLAINED = ("explain", "layout", "file", "like", "dtype", "include", "exclude")
_COMPARED = ("layout", "file", "like")
