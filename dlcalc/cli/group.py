"""The command table: every command by name, imported only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from dlcalc.cli.command import EXAMPLES_WIDTH, help_option, write_examples
from dlcalc.errors import abridged, nearest

#: Name of a command: the attribute of ``dlcalc.cli.<module>`` that is it, and its summary.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "shape": ("shape", "shape", "Output shape of each layer, its formula, its receptive field."),
    "params": ("params", "params", "Parameters by tensor, and multiply-accumulates (MACs)."),
    "activation": ("activation", "activation", "A function's value, slope, and what it leaves."),
    "loss": ("loss", "loss", "A loss's value and gradient, and the constant that minimises it."),
    "norm": ("norm", "norm", "Numbers normalised: statistics, values, gradients, the inverse."),
    "step": ("step", "step", "Update steps: penalties, optimisers, descent down a function."),
    "grad": ("grad", "grad", "The gradient of an expression, with every step, verified."),
    "train-toy": ("train_toy", "train_toy", "Train a toy net and verify it."),
    "concepts": ("concepts", "concepts", "Claims about deep learning, by English or Chinese term."),
    "check": ("check", "check", "Run claims, and give verdicts with evidence."),
    "softmax": ("softmax", "softmax", "Softmax in four float types, against the exact value."),
    "bootstrap": ("bootstrap", "bootstrap", "What drawing with replacement leaves out, to 1/e."),
    "split": ("split", "split", "Folds, hold-outs, bootstraps and batches of N examples."),
    "forward": ("forward", "forward", "Numbers through layers, every intermediate shown."),
    "export": ("export", "export", "A net as PyTorch source, or in the normalised notation."),
    "layers": ("vocabulary", "layers", "Every layer with its arguments."),
    "zoo": ("vocabulary", "zoo", "Every built-in net."),
    "schema": ("vocabulary", "schema", "The form of a command's JSON, as JSON Schema."),
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
            raise click.UsageError(f"There is no command {abridged(name)}.{_meant(args)}", ctx)
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


def _meant(args: list[str]) -> str:
    """The command line that was probably meant, as a sentence; may be empty."""
    from dlcalc.layers.registry import find
    from dlcalc.nets import zoo

    close = nearest(args[0], COMMANDS)
    if close:
        return f" Did you mean {close}?"
    if zoo.find(args[0]):
        return f" Did you mean dlcalc params {args[0]}?"
    if find(args[0].partition(":")[0]) or args[0][:1].isdigit():
        return " Did you mean dlcalc shape, with these words behind it?"
    return ""


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
