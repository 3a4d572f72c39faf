"""The command table: every command by name, imported only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from dlcalc.cli.command import EXAMPLES_WIDTH, help_option, write_examples
from dlcalc.errors import nearest

#: Name of a command: the attribute of ``dlcalc.cli.<module>`` that is it, and its summary.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "shape": ("shape", "shape", "Output shape of each layer, its formula, its receptive field."),
    "params": ("params", "params", "Parameters by tensor, and multiply-accumulates (MACs)."),
    "layers": ("vocabulary", "layers", "Every layer with its arguments."),
    "zoo": ("vocabulary", "zoo", "Every built-in net."),
}

EXAMPLES = (
    "dlcalc shape 3x224x224 conv:64,k7,s2,p3 relu maxpool:3,s2,p1",
    "dlcalc shape 3xHxW resnet50",
    "dlcalc params vgg16",
)


class Group(click.Group):
    """A group whose commands are in a static table."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{**settings, "add_help_option": False})
        self.params.append(help_option())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"dlcalc.cli.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; a misspelt one gets the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            close = nearest(name, COMMANDS)
            mend = f" Did you mean {close}?" if close else ""
            raise click.UsageError(f"There is no command {name}.{mend}", ctx)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, then the commands, then the options."""
        formatter.write_text(self.help or "")
        write_examples(formatter, EXAMPLES)
        formatter.write_paragraph()
        self.format_usage(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])
        self.format_options(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options alone: the commands have been listed."""
        click.Command.format_options(self, ctx, formatter)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from dlcalc import __version__

        click.echo(f"dlcalc {__version__}")
        ctx.exit()


def _print_completion(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value and not ctx.resilient_parsing:
        from dlcalc.cli.completion import script

        click.echo(script(value), nl=False)
        ctx.exit()


@click.group(
    "dlcalc",
    cls=Group,
    invoke_without_command=True,
    context_settings={"max_content_width": EXAMPLES_WIDTH},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.option(
    "--completion",
    type=click.Choice(["bash", "zsh", "fish"]),
    is_eager=True,
    expose_value=False,
    callback=_print_completion,
    help="Print the completion script for a shell and exit.",
)
@click.pass_context
def dlcalc(ctx: click.Context) -> None:
    """The command-line calculator for deep learning."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
