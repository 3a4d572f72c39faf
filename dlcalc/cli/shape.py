"""The command ``dlcalc shape``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.network import load_line, named_convention, size_option
from dlcalc.answers.shape import answer
from dlcalc.answers.shape import shape as answer_shape
from dlcalc.cli.command import command
from dlcalc.cli.net import (
    boxing,
    compared,
    is_stream,
    net_options,
    solving,
    verify_options,
    versus,
    versus_option,
)
from dlcalc.cli.output import Form
from dlcalc.result import Result


@command(
    "shape",
    "dlcalc shape 3x32x32 conv:6,k5 maxpool:2",
    "dlcalc shape 3xHxW resnet50",
    "dlcalc shape 28 maxpool:2 --expect 14",
    "dlcalc shape 64x56x56 'residual[conv:64,k3,p1 relu conv:64,k3,p1]'",
    "dlcalc shape 224 conv:64,k3,s2,p=same --like keras",
    "dlcalc shape 1x6x6 maxpool:2,s3,ceil=yes --compare",
    "dlcalc shape 3x32x32 conv:6,k5,s2 maxpool:2 --verify",
    "dlcalc shape 3xHxW resnet50 --solve 1000",
    "dlcalc shape 28 conv:k_,s2,p_ --solve 14",
    "dlcalc shape 3x32x32 conv:6,k5 maxpool:2 --box 3x4",
    "dlcalc shape 3x32x32 conv:6,k5 relu --versus 'conv:6,k3 relu'",
    "dlcalc shape model.keras",
    "dlcalc shape 128 config.json",
    "dlcalc shape - < questions.txt",
)
@net_options
@click.option("--batch", metavar="N", help="Set a batch of N, a number or a letter, before shapes.")
@click.option(
    "--solve",
    metavar="OUTPUT",
    help="Find the letters of INPUT and the arguments written as _ that make this output; "
    "--expect then takes any of the answers.",
)
@click.option(
    "--within", metavar="BOUNDS", help="Bounds for --solve, such as kernel=1..7,H=32..512."
)
@click.option("--solve-budget", metavar="TIME", help="What --solve may take, such as 10s.")
@click.option(
    "--box", metavar="POSITION", help="The inputs behind one output, such as 3x4, from 0."
)
@versus_option
@verify_options
@click.pass_obj
def shape(
    form: Form, /, words: tuple[str, ...], batch: str | None, compare: bool, **settings: Any
) -> Result | int:
    """The output shape of each layer, its formula with the numbers in it, its receptive field.

    INPUT is CxHxW without the batch, a letter for an unknown size; one number
    alone is one side for convolution and pooling, and features for other layers.
    NET is layers such as conv:64,k7,s2,p3 (dlcalc layers), nets such as resnet50
    (dlcalc zoo), or a file: of this notation, the .keras archive or the JSON of a
    Keras model, ONNX (pip install 'dlcalc[onnx]'), config.json of Hugging Face. A
    single - answers standard input line by line.
    """
    if versus(words, settings, "compare" if compare else "" if batch is None else "batch"):
        from dlcalc.answers.versus import versus_shape

        return versus_shape(*words, **settings)
    if compare:
        from dlcalc.answers.compare import compare_shape

        return compare_shape(*words, batch=batch, **compared(words, settings))
    if boxing(words, batch, settings):
        from dlcalc.answers.box import box

        names = ("layout", "file", "like", "verify", "verify_budget")
        kept = {name: settings[name] for name in names}
        return box(*words, position=settings["box"], **kept)
    if solving(words, batch, settings):
        from dlcalc.answers.solve import solve

        return solve(*words, output=settings.pop("solve"), **settings)
    if not is_stream(words, settings):
        return answer_shape(*words, batch=batch, **settings)
    from dlcalc.cli.stream import answer_lines

    size, convention = size_option("batch", batch), named_convention(settings["like"])

    def answer_line(line: str, number: int) -> Result:
        start, net = load_line(line, number, layout=settings["layout"])
        result = answer(start, net, batch=size, convention=convention)
        if settings["verify"]:
            result.verify(net, settings["verify_budget"])
        return result

    return answer_lines(answer_line, form)
