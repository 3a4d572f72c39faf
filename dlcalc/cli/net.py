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
    return True


def compared(words: tuple[str, ...], settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that a comparison of frameworks takes; it refuses what it has no use for."""
    if words == ("-",):
        raise click.UsageError("--compare asks about one net, and - reads one from each line.")
    if settings["like"] is not None:
        raise click.UsageError("--compare shows every framework, so --like has no use.")
    unused = [name for name in settings if name not in _COMPARED and settings[name]]
    if unused:
        raise click.UsageError(f"--compare takes no --{unused[0]}.")
    return {name: settings[name] for name in ("layout", "file")}


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


_COMPARED = ("layout", "file", "like")
