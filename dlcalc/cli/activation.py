"""The command ``dlcalc activation``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.activation import activation as answer_activation
from dlcalc.cli.command import command
from dlcalc.cli.output import Form
from dlcalc.numbers import literal
from dlcalc.result import Result


@command(
    "activation",
    "dlcalc activation sigmoid --at -2,0,3",
    "dlcalc activation leaky_relu:0.1 --depth 50",
    "dlcalc activation --compare sigmoid,tanh,relu",
    "dlcalc activation gelu --plot",
    "dlcalc activation gelu --svg gelu.svg",
    "dlcalc activation sigmoid --at 0 --of derivative --expect 0.25",
    "dlcalc activation mish --verify",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="NAME [POINTS]")
@click.option("--at", metavar="X,X", help="Points, a CSV or .npy file of them, or -.")
@click.option("--depth", type=int, default=20, metavar="N", help="Layers the gradient passes.")
@click.option("--epsilon", type=float, default=0.01, metavar="X", help="Slope that is flat.")
@click.option("--compare", metavar="NAME,NAME", default="", help="Several, and where they cross.")
@click.option("--of", metavar="WHAT", help="What -q and --expect ask for, such as derivative.")
@click.option("--plot", is_flag=True, help="Draw the value and the derivative.")
@click.option("--svg", metavar="FILE.svg", help="Write that drawing as a picture.")
@click.option("--verify", is_flag=True, help="Ask the engine and SymPy for the same.")
@click.pass_obj
def activation(form: Form, /, words: tuple[str, ...], **settings: Any) -> Result | int:
    """What an activation does to a number, and to the gradient that passes it.

    NAME is one of dlcalc layers' activations, with its argument if it takes one.
    The shares of a gradient leave the weights aside. --of is value, derivative,
    second (at the points), largest, left, left-normal, mean, deviation or gain.
    A single - answers standard input line by line, each a NAME with or without POINTS.
    """
    if words != ("-",):
        return answer_activation(*_read(words, settings), **settings)
    from dlcalc.cli.stream import answer_lines

    def answer_line(line: str, number: int) -> Result:
        name, *points = line.partition("#")[0].split(None, 1)
        asked = {**settings}
        if points:
            asked["at"] = literal(points[0], "the points").values
        return answer_activation(name, **asked)

    return answer_lines(answer_line, form)


def _read(words: tuple[str, ...], settings: dict[str, Any]) -> tuple[str, ...]:
    """The name; points behind it are put where ``--at`` has them."""
    if len(words) > 2:
        raise click.UsageError(f"NAME and POINTS are wanted, not {len(words)} words.")
    if len(words) == 2:
        if settings["at"] is not None:
            raise click.UsageError("POINTS and --at say the same: give one of them.")
        settings["at"] = words[1]
    return words[:1]
