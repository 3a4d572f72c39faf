"""The command ``dlcalc train-toy``."""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import click

from dlcalc.cli.command import command
from dlcalc.cli.output import Form, emit
from dlcalc.engine.tasks.index import TASKS
from dlcalc.errors import InputError
from dlcalc.result import Result

if TYPE_CHECKING:
    from dlcalc.answers.train_result import TrainResult
    from dlcalc.answers.train_seeds_result import SeedsResult

_OPTIONS = (
    click.option("--samples", type=int, metavar="N", help="How many examples to draw."),
    click.option("--noise", type=float, metavar="X", help="How noisy they are."),
    click.option("--seed", type=int, metavar="N", help="Of everything random.  [default: 0]"),
    click.option("--seeds", type=int, metavar="N", help="Train from so many seeds, in processes."),
    click.option("--data", metavar="FILE", help="Learn a CSV file instead of a task."),
    click.option("--target", metavar="COLUMN", help="Its column to be predicted, or its number."),
    click.option("--validation", type=float, metavar="PART", help="Part to be held out."),
    click.option("--loss", metavar="NAME", help="mse, mae, huber:1, quantile:0.9, hinge, ..."),
    click.option("--label-smoothing", type=float, metavar="X", help="For cross-entropies."),
    click.option("--class-weights", metavar="W,W,...", help="One a class, or balanced."),
    click.option("--optimizer", metavar="NAME", help="gd, momentum, nesterov, adam, adamw, ..."),
    click.option("--lr", type=float, metavar="X", help="The learning rate."),
    click.option("--momentum", type=float, metavar="X", help="Of optimisers that have one."),
    click.option("--batch", type=int, metavar="N", help="Examples in a step; 0 for all."),
    click.option("--epochs", type=int, metavar="N", help="Times through the examples."),
    click.option("--schedule", metavar="TEXT", help="cosine, steps:30,0.1, plateau:10, warmup:5."),
    click.option("--l1", type=float, metavar="X", help="Add X * sum |w| to the loss."),
    click.option("--proximal", is_flag=True, default=None, help="Take --l1 by its proximal step."),
    click.option("--l2", type=float, metavar="X", help="Add X/2 * sum w^2 to the loss."),
    click.option("--dropout", type=float, metavar="X", help="Behind every hidden activation."),
    click.option("--max-norm", type=float, metavar="X", help="Of the weights into each unit."),
    click.option("--decay", type=float, metavar="X", help="Decoupled decay of the weights."),
    click.option("--clip-norm", type=float, metavar="X", help="Scale larger gradients to norm X."),
    click.option("--clip-value", type=float, metavar="X", help="Cut gradients at -X and X."),
    click.option("--early-stopping", type=int, metavar="N", help="Stop after N idle epochs."),
    click.option("--initialiser", metavar="NAME", help="Such as he_normal, xavier_uniform."),
    click.option("--forget-bias", type=float, metavar="X", help="Of an LSTM or GRU.  [default: 1]"),
    click.option("--dtype", type=click.Choice(["float64", "float32"]), help="Type of numbers."),
    click.option(
        "--derived", is_flag=True, default=None, help="Train by the equations of grad --net."
    ),
    click.option("--save", metavar="FILE.npz", help="Keep the training in a file as it goes."),
    click.option("--resume", metavar="FILE.npz", help="Go on with it, as if never stopped."),
    click.option(
        "--svg",
        "--plot",
        "plot",
        metavar="FILE.svg",
        help="Write losses and what was learnt as a picture.",
    ),
    click.option("--expect-accuracy", type=float, metavar="X", help="Exit with 1 if it is less."),
    click.option("--expect-loss", type=float, metavar="X", help="Exit with 1 if it is more."),
)


def _options(function: Any) -> Any:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _tasks(function: Any) -> Any:
    """Put the tasks into the help."""
    names = ", ".join(
        f"{name}[:{entry.size.meaning}]" if entry.size else name for name, entry in TASKS.items()
    )
    function.__doc__ = f"{cleandoc(function.__doc__)}\n\nTasks: {names}."
    return function


@command(
    "train-toy",
    "dlcalc train-toy xor",
    "dlcalc train-toy moons dense:32 relu dense:2 --l2 1e-3 --early-stopping 10",
    "dlcalc train-toy spirals --optimizer momentum --lr 0.05 --schedule cosine",
    "dlcalc train-toy parity:3 -q --expect-accuracy 1",
    "dlcalc train-toy --data iris.csv --target species",
    "dlcalc train-toy moons --seeds 20 --expect-accuracy 0.97",
    "dlcalc train-toy spirals --plot spirals.svg",
    "dlcalc train-toy sine --save sine.npz",
    "dlcalc train-toy --resume sine.npz --epochs 300",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="TASK [NET]...")
@_options
@click.pass_obj
@_tasks
def train_toy(form: Form, /, words: tuple[str, ...], **settings: Any) -> Result | int:
    """Train a toy net and verify it: its gradients, its parameters, its shapes, its reach.

    NET, in the notation of dlcalc shape and without its input, stands in for the
    task's own. Ctrl-C stops behind the step and answers with what was learnt.
    The loss takes logits, so no softmax or sigmoid is needed at the end.

    --seeds trains on from --seed, each seed with examples, weights and order of
    its own, and answers with the mean and its 95 % interval; --expect-accuracy and
    --expect-loss then are asked of every seed, --expect of the mean.
    """
    from dlcalc.answers.train import train
    from dlcalc.cli.progress import Progress

    seeds = settings.pop("seeds")
    if seeds is not None:
        for name in ("save", "resume", "plot"):
            if settings.pop(name) is not None:
                raise InputError(
                    f"--{name} is of one training, and --seeds are many",
                    mend="Give --seed instead.",
                )
    result: TrainResult | SeedsResult
    with Progress() as progress:
        if seeds is None:
            result = train(*words, watch=progress, **settings)
        else:
            from dlcalc.answers.train_seeds import train_seeds

            result = train_seeds(*words, seeds=seeds, watch=progress, **settings)
    if not result.interrupted:
        return result
    emit(result, form)
    return 130
