"""The operands and options of every command that reads a net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def net_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add INPUT and NET, ``--file`` and ``--layout`` to a command."""
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
