"""The command ``dlcalc loss``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.loss import REDUCTIONS
from dlcalc.answers.loss import loss as answer_loss
from dlcalc.cli.command import command
from dlcalc.cli.output import Form
from dlcalc.errors import InputError
from dlcalc.numbers import literal
from dlcalc.result import Result


@command(
    "loss",
    "dlcalc loss mse --target 0,1 --prediction 0.2,0.7",
    "dlcalc loss bce --from-logits --target 0 --prediction 800",
    "dlcalc loss ce --from-logits --target 2,0 --prediction '[[1,2,3],[1,0,0]]'",
    "dlcalc loss quantile --q 0.9 --target 1,2,3,4,10",
    "dlcalc loss mse --half --target 0 --through sigmoid",
    "dlcalc loss kl --target 0.5,0.5 --prediction 0.9,0.1 --verify",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="NAME")
@click.option("--target", metavar="T,T", help="Numbers, a CSV or .npy file, or -.")
@click.option("--prediction", metavar="X,X", help="As many; left out, the minimiser is asked for.")
@click.option("--from-logits", is_flag=True, help="Predictions are logits, not probabilities.")
@click.option("--label-smoothing", type=float, metavar="X", help="Part shared by all classes.")
@click.option("--weights", metavar="W,W", help="Of the examples; of the classes for bce and ce.")
@click.option(
    "--reduction", type=click.Choice(REDUCTIONS), default="mean", help="How examples are joined."
)
@click.option("--delta", type=float, metavar="X", help="Where huber turns straight.  [default: 1]")
@click.option("--q", type=float, metavar="X", help="Which quantile.  [default: 0.5]")
@click.option("--margin", type=float, metavar="X", help="Of hinge, contrastive.  [default: 1]")
@click.option("--half", is_flag=True, help="Half of mse or contrastive, as some notes have it.")
@click.option("--through", metavar="NAME", help="The gradient that passes an activation.")
@click.option("--verify", is_flag=True, help="Ask the engine and central differences.")
@click.pass_obj
def loss(form: Form, /, words: tuple[str, ...], **settings: Any) -> Result | int:
    """A loss at targets and predictions, its gradient, and the constant that minimises it.

    NAME is mse, mae, huber, quantile, bce, ce, hinge, kl or contrastive. Targets
    of ce are classes, counted from 0, or probabilities; several examples are rows
    of a matrix. hinge has targets -1 and 1; contrastive has distances, and the
    target 1 for two that belong together. mse is the mean of squares.
    A single - answers standard input line by line: NAME TARGET PREDICTION.
    """
    if words != ("-",):
        if len(words) != 1:
            raise click.UsageError(f"One NAME is wanted, not {len(words)} words.")
        return answer_loss(*words, **settings)
    from dlcalc.cli.stream import answer_lines

    if settings["target"] is not None or settings["prediction"] is not None:
        raise click.UsageError("- reads targets and predictions from standard input.")

    def answer_line(line: str, number: int) -> Result:
        name, *numbers = line.partition("#")[0].split()
        if len(numbers) > 2:
            raise InputError(f"a line is NAME TARGET PREDICTION, not {1 + len(numbers)} words")
        given = [literal(word, "the line") for word in numbers]
        asked = dict(zip(("target", "prediction"), given, strict=False))
        return answer_loss(name, **{**settings, **asked})

    return answer_lines(answer_line, form)
