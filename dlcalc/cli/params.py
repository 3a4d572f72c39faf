"""The command ``dlcalc params``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.network import load_line
from dlcalc.answers.params import answer
from dlcalc.answers.params import params as answer_params
from dlcalc.cli.command import command
from dlcalc.cli.net import is_stream, net_options
from dlcalc.cli.output import Form
from dlcalc.result import Result


@command(
    "params",
    "dlcalc params resnet50",
    "dlcalc params 3x32x32 conv:6,k5 maxpool:2 flatten dense:10",
    "dlcalc params CxHxW conv:64,k3",
    "dlcalc params vgg16 -q --expect 138357544",
)
@net_options
@click.pass_obj
def params(form: Form, /, words: tuple[str, ...], **settings: Any) -> Result | int:
    """The parameters of a net tensor by tensor, and its multiply-accumulates (MACs).

    INPUT is CxHxW without the batch, a letter for an unknown size; a built-in
    net brings its usual input. A MAC is one multiply and one add, so FLOPs are
    twice as many. A single - answers standard input line by line.
    """
    if not is_stream(words, settings):
        return answer_params(*words, **settings)
    from dlcalc.cli.stream import answer_lines

    layout = settings["layout"]
    return answer_lines(lambda line, number: answer(*load_line(line, number, layout=layout)), form)
