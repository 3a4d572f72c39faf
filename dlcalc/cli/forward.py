"""The command ``dlcalc forward``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.cli.command import command
from dlcalc.layers.convention import CONVENTIONS
from dlcalc.result import Result

_OPTIONS = (
    click.option("--weights", metavar="FILE.npz", help="Tensors by name, or a saved training."),
    click.option(
        "--set", "set", multiple=True, metavar="NAME=VALUE", help="One tensor; repeatable."
    ),
    click.option("--seed", type=int, metavar="N", help="Of what is drawn.  [default: 0]"),
    click.option("--initialiser", metavar="NAME", default="default", help="How it is drawn."),
    click.option("--batch", is_flag=True, help="The first axis of DATA counts examples."),
    click.option("--training", is_flag=True, help="Statistics of the batch; dropout drops."),
    click.option("--flip", is_flag=True, help="Turn kernels: convolution, not correlation."),
    click.option("--backward", metavar="LOSS", help="Gradients too: of mse, cross-entropy, sum."),
    click.option("--target", metavar="VALUE", help="What the loss compares with; classes from 0."),
    click.option("--cotangent", metavar="VALUE", help="Gradients of sum(VALUE*output)."),
    click.option("--trace", is_flag=True, help="Gates and states of recurrent cells by step."),
    click.option("--verify", is_flag=True, help="All outputs by scalar formulas as well."),
    click.option(
        "--digits",
        type=int,
        default=6,
        metavar="N",
        help="Significant digits shown.",
        show_default=True,
    ),
    click.option("-f", "--file", metavar="FILE", help="Read the net from a file."),
    click.option(
        "--layout", type=click.Choice(["chw", "hwc"]), default="chw", help="Channels first or last."
    ),
    click.option(
        "--like", type=click.Choice(list(CONVENTIONS)), default="torch", help="Whose rules."
    ),
)


def _options(function: Any) -> Any:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@command(
    "forward",
    "dlcalc forward 1,2,3 dense:1 --set dense1.weight=0.5,-1,2 --set dense1.bias=1",
    "dlcalc forward '[[7,5],[2,0]]' conv:1,k2 --set conv1.weight='[[0,1],[3,2]]'",
    "dlcalc forward '[[1,3],[5,7]]' maxpool:2 --expect '[[7]]'",
    "dlcalc forward '[[1,2],[3,4],[5,6]]' bn --batch --training",
    "dlcalc forward 1,-1 lstm:1,bias=no --set lstm1.weight_ih_l0=0.5 --trace",
    "dlcalc forward 0.5,0.1 dense:2 sigmoid --backward mse --target 0,1",
    "dlcalc forward 0.5 --weights sine.npz -q",
)
@click.argument("data", type=click.UNPROCESSED, metavar="DATA")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="NET...")
@_options
def forward(data: str, words: tuple[str, ...], **settings: Any) -> Result:
    """Numbers through the layers of a net, each intermediate with its formula.

    DATA is a literal (1,2,3 or '[[1,2],[3,4]]'), a CSV or .npy file, or - for
    standard input. An INPUT before NET says how it is read; else a matrix is
    one channel for a convolution, TIMExFEATURES for a recurrent layer. Tensors
    are named as dlcalc params --json names them, starting states such as
    lstm1.h0_l0; those not given are drawn. Indices count from 0.
    """
    from dlcalc.answers.forward import forward as answer

    return answer(data, *words, **settings)
