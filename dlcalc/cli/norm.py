"""The command ``dlcalc norm``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.norm_frame import METHODS
from dlcalc.cli.command import Words, command
from dlcalc.result import Result

#: The statistics that can be given, of all methods.
_STATISTICS = {
    "mean": "of zscore, batch, layer, group and instance",
    "std": "of zscore",
    "var": "of batch, layer, group and instance",
    "min": "of minmax",
    "max": "of minmax",
    "rms": "of rms",
    "norm": "of l2",
}
_OPTIONS = (
    click.option("--eps", metavar="X", help="Added to the variance: 1e-5; rms 1e-6, l2 1e-12."),
    click.option("--gamma", metavar="X,...", help="Scales, one for all or one for each."),
    click.option("--beta", metavar="X,...", help="Shifts, likewise."),
    click.option("--ddof", metavar="0|1", help="zscore's std is over n - ddof.  [default: 1]"),
    click.option("--groups", metavar="G", help="Groups of channels, of group."),
    click.option("--last", metavar="K", help="Axes of layer and rms.  [default: all but N]"),
    click.option("--range", "ends", metavar="A,B", help="Where minmax leads.  [default: 0,1]"),
    click.option("--momentum", metavar="X", help="Share of a new batch.  [default: 0.1]"),
    click.option("--batch-size", metavar="N", help="Cut the data into batches of N examples."),
    click.option("--backward", metavar="C", help="Pull back this cotangent, or ones."),
    click.option("--inverse", is_flag=True, help="From what came out to what went in."),
    *(
        click.option(f"--{name}", metavar="X,...", help=f"Given statistic {of}.")
        for name, of in _STATISTICS.items()
    ),
    click.option("--verify", is_flag=True, help="Compute it with the engine as well."),
)


def _options(function: Any) -> Any:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@command(
    "norm",
    "dlcalc norm zscore 1,2,3,4,5",
    "dlcalc norm minmax 3,9,12 --range -1,1",
    "dlcalc norm batch '[[1,2],[3,4],[5,9]]' --gamma 2,1 --backward ones",
    "dlcalc norm group '[[1,2,3,4]]' --groups 2 --verify",
    "dlcalc norm zscore --inverse --mean 3 --std 1.5811 -1.26491,0,1.26491",
    "dlcalc norm batch '[[1],[3]]' '[[2],[6]]' --momentum 0.1",
    "dlcalc norm layer - < numbers.csv",
)
@click.argument("method", type=Words(list(METHODS)), metavar="METHOD")
@click.argument("data", nargs=-1, type=click.UNPROCESSED, metavar="DATA...")
@_options
def norm(method: str, data: tuple[str, ...], **settings: Any) -> Result:
    """Normalised numbers: which of them share a mean, their statistics, the gradient, the way back.

    METHOD is zscore, minmax, batch, layer, group, instance, rms or l2. DATA is
    numbers such as 1,2,3 or [[1,2],[3,4]], a CSV or .npy file, or - for standard
    input: examples x features, or examples x channels x positions. One row of
    numbers is one feature of many examples for zscore, minmax and batch, and one
    example elsewhere. Several DATA are the batches of running averages.
    """
    from dlcalc.answers.norm import norm as answer_norm

    statistics = {name: settings.pop(name) for name in _STATISTICS}
    return answer_norm(method, *data, statistics=statistics, **settings)
