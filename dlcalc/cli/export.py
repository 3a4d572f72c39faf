"""The command ``dlcalc export``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.export import CLASS_NAME
from dlcalc.answers.export import export as answer_export
from dlcalc.cli.command import Words, command
from dlcalc.interop.write.targets import TARGETS
from dlcalc.layers.convention import CONVENTIONS
from dlcalc.result import Result


@command(
    "export",
    "dlcalc export lenet5",
    "dlcalc export 3x32x32 conv:6,k5 relu flatten dense:10 --class-name Small",
    "dlcalc export resnet50 -o resnet50.py",
    "dlcalc export lenet5 --train -o lenet5.py",
    "dlcalc export --weights moons.npz -o moons.py",
    "dlcalc export model.json --to net",
    "dlcalc export vit_b_16 --to keras -o vit.py",
    "dlcalc export unet --to net",
    asserts=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[[INPUT] NET]...")
@click.option("-f", "--file", metavar="FILE", help="Read the net from a file.")
@click.option(
    "--to",
    type=Words(list(TARGETS)),
    default="torch",
    show_default=True,
    help=f"{', '.join(target.summary for target in TARGETS.values())}.",
)
@click.option(
    "--class-name",
    metavar="NAME",
    help=f"Of the nn.Module or keras.Model.  [default: {CLASS_NAME}]",
)
@click.option("--train", is_flag=True, help="With a loop that trains it, on many devices too.")
@click.option("--weights", metavar="FILE.npz", help="With a function that loads these numbers.")
@click.option("--like", type=click.Choice(list(CONVENTIONS)), help="Only the target's own.")
@click.option("-o", "--output", metavar="FILE", help="Write it there, whole or not at all.")
def export(words: tuple[str, ...], **settings: Any) -> Result:
    """A net as source that runs: a class of PyTorch, a model of Keras, or the notation.

    INPUT is CxHxW in whole numbers; a built-in net brings its usual input. The layers
    are named as dlcalc params names them, with _ for the point, and each line has its
    shape. What a framework has no layer for is a class in the head of the source. NET may
    be a model file, if it is a net of the notation. --to keras writes a function that
    builds the model with its channels last, by the rules of --like keras. --to net
    writes the net one layer a line, in the short form that dlcalc reads.

    --train adds a loop with a loss that suits the output, for python FILE and for
    torchrun --nproc-per-node 2 FILE; Keras takes all devices with KERAS_BACKEND=jax.
    --weights adds a function that loads a file's numbers: arrays by the names of dlcalc
    params, or a net that train-toy --save has trained, which then may be left out; with
    them the source computes what dlcalc forward --weights computes.
    """
    return answer_export(*words, **settings)
