"""The command ``dlcalc params``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.memory import DTYPES, OPTIMIZERS
from dlcalc.answers.network import load_line, named_convention
from dlcalc.answers.params import answer, question
from dlcalc.answers.params import params as answer_params
from dlcalc.cli.command import command
from dlcalc.cli.net import (
    compared,
    explained,
    explaining,
    is_stream,
    net_options,
    verify_options,
    versus,
    versus_option,
)
from dlcalc.cli.output import Form
from dlcalc.layers.base import PARTS
from dlcalc.result import Result


@command(
    "params",
    "dlcalc params resnet50",
    "dlcalc params 3x32x32 conv:6,k5 maxpool:2 flatten dense:10",
    "dlcalc params CxHxW conv:64,k3",
    "dlcalc params vgg16 -q --expect 138357544",
    "dlcalc params gpt2 --dtype bfloat16 --batch 8 --optimizer adamw",
    "dlcalc params 10x50 lstm:128,layers=5 --like keras",
    "dlcalc params 3x32x32 conv:6,k5 --sharing",
    "dlcalc params resnet50 --explain 8.18G",
    "dlcalc params lenet5 --verify",
    "dlcalc params resnet50 --versus resnet50-v1",
    "dlcalc params model.json",
    "dlcalc params 128 config.json --dtype float16",
    "dlcalc params model.safetensors -q",
)
@net_options
@click.option("--batch", metavar="N", help="Memory for a batch of N, a number or a letter.")
@click.option("--dtype", type=click.Choice(list(DTYPES)), help="Memory in numbers of this type.")
@click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), help="Memory to train with it.")
@click.option("--include", metavar="PARTS", default="", help=f"Count as MACs: {', '.join(PARTS)}.")
@click.option("--exclude", metavar="PARTS", default="", help="Leave these out, such as masked.")
@click.option("--sharing", is_flag=True, help="What each layer would cost without sharing.")
@click.option("--explain", metavar="FIGURE", help="Which conventions give a figure, such as 4.1G.")
@versus_option
@verify_options
@click.pass_obj
def params(form: Form, /, words: tuple[str, ...], compare: bool, **settings: Any) -> Result | int:
    """The parameters of a net tensor by tensor, its multiply-accumulates (MACs), its memory.

    INPUT is CxHxW without the batch, a letter for an unknown size; a built-in
    net brings its usual input. NET may be a model file: a .keras archive, the
    JSON of a Keras model, ONNX (pip install 'dlcalc[onnx]'), config.json of Hugging
    Face, safetensors; -f - reads one from standard input. A MAC is one multiply and
    one add, so FLOPs are twice as many. A single - answers standard input line by line.
    """
    if explaining(words, compare, settings):
        from dlcalc.answers.explain import explain

        return explain(*words, figure=settings.pop("explain"), **explained(settings))
    if versus(words, settings, "compare" if compare else "", "include", "exclude"):
        from dlcalc.answers.versus import versus_params

        return versus_params(*words, **settings)
    if compare:
        from dlcalc.answers.compare import compare_params

        return compare_params(*words, **compared(words, settings))
    if not is_stream(words, settings):
        return answer_params(*words, **settings)
    from dlcalc.cli.stream import answer_lines

    settings.pop("file")
    layout, convention = settings.pop("layout"), named_convention(settings.pop("like"))
    verify, budget = settings.pop("verify"), settings.pop("verify_budget")
    asked = question(**settings)

    def answer_line(line: str, number: int) -> Result:
        start, net = load_line(line, number, layout=layout)
        result = answer(start, net, asked, convention)
        if verify:
            result.verify(net, budget)
        return result

    return answer_lines(answer_line, form)
