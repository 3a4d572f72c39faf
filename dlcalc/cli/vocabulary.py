"""The commands ``dlcalc layers``, ``dlcalc zoo`` and ``dlcalc schema``."""

from __future__ import annotations

import click

from dlcalc.answers import vocabulary
from dlcalc.cli.command import command
from dlcalc.result import Result


@command("layers", "dlcalc layers", "dlcalc layers conv", "dlcalc layers --json", asserts=False)
@click.argument("name", required=False)
def layers(name: str | None) -> Result:
    """Every layer that a net can be written with, or one with its arguments."""
    return vocabulary.layers(name)


@command("zoo", "dlcalc zoo", "dlcalc zoo resnet50", "dlcalc zoo lenet5 -q", asserts=False)
@click.argument("name", required=False)
def zoo(name: str | None) -> Result:
    """Every built-in net, or one in the notation, to be saved and changed."""
    return vocabulary.zoo(name)


@command("schema", "dlcalc schema", "dlcalc schema shape", "dlcalc schema params -q", asserts=False)
@click.argument("name", required=False, metavar="[COMMAND]")
def schema(name: str | None) -> Result:
    """The form of a command's --json as a JSON Schema, or the commands that have one."""
    from dlcalc.answers.schema import schema as answer

    return answer(name)
