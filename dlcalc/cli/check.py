"""The command ``dlcalc check``."""

from __future__ import annotations

import click

from dlcalc.cli.command import command
from dlcalc.result import Result


@command(
    "check",
    "dlcalc check pool-28-stride1-14",
    "dlcalc check",
    "dlcalc check --full -j 2 --seed 3 --json",
    asserts=False,
)
@click.argument("slugs", nargs=-1, type=click.UNPROCESSED, metavar="[CONCEPT]...")
@click.option("--full", is_flag=True, help="Also the claims that train nets or sample.")
@click.option("-j", "--processes", type=click.IntRange(1, 64), help="How many run at once.")
@click.option("--seed", type=int, default=0, help="Varies all experiments.", show_default=True)
def check(slugs: tuple[str, ...], full: bool, processes: int | None, seed: int) -> Result:
    """Run claims and give verdicts with their evidence; without CONCEPT all that train nothing.

    The exit code is 1 if a verdict is not the catalogue's. A claim that takes longer than
    its budget is undecided, which never counts as passed.
    """
    from dlcalc.cli.judging import Judging
    from dlcalc.concepts.check import check as answer

    with Judging() as watch:
        return answer(*slugs, full=full, processes=processes or 0, seed=seed, done=watch.done)
