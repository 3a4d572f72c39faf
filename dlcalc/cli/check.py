"""The command ``dlcalc check``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.cli.command import command
from dlcalc.result import Result


@command(
    "check",
    "dlcalc check pool-28-stride1-14",
    "dlcalc check --quick",
    "dlcalc check --full -j 2 --seed 3 --json",
    "dlcalc check notes.md",
    "dlcalc check notes.md --update",
    asserts=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[CONCEPT or FILE.md]...")
@click.option("--quick", is_flag=True, help="All claims that train nothing: the default.")
@click.option("--full", is_flag=True, help="Also the claims that train nets or sample.")
@click.option("-j", "--processes", type=click.IntRange(1, 64), help="How many run at once.")
@click.option("--seed", type=int, default=0, help="Varies all experiments.", show_default=True)
@click.option("--fail-fast", is_flag=True, help="Of notes: stop at the first that is not right.")
@click.option("--update", is_flag=True, help="Of notes: write what is right into the file.")
@click.option("--require-claims", is_flag=True, help="Of notes: exit with 1 if there are none.")
def check(words: tuple[str, ...], **settings: Any) -> Result:
    """Run claims and give verdicts with their evidence; without CONCEPT all that train nothing.

    The exit code is 1 if a verdict is not the catalogue's. A claim that takes longer than
    its budget is undecided, which never counts as passed.

    FILE.md is anybody's notes. Claims stand in a fenced block dlcalc, one a line, such as
    shape 28 maxpool:2 == 14; in a block console behind $ dlcalc, with what is printed; or
    in a comment <!-- dlcalc: ... -->. No shell runs, no file is read or written by them.
    """
    if settings.pop("quick") and (settings["full"] or words):
        raise click.UsageError("--quick is for all claims that train nothing.")
    files = [word for word in words if "." in word or "/" in word or word == "-"]
    if not files:
        return _concepts(words, settings)
    if len(files) < len(words):
        raise click.UsageError("Concepts and files are checked apart.")
    if settings["full"] or settings["processes"] or settings["seed"]:
        raise click.UsageError("--full, -j and --seed are about concepts, not files.")
    from dlcalc.cli.notes import check_notes

    return check_notes(
        files,
        fail_fast=settings["fail_fast"],
        update=settings["update"],
        require=settings["require_claims"],
    )


def _concepts(words: tuple[str, ...], settings: dict[str, Any]) -> Result:
    if settings["fail_fast"] or settings["update"] or settings["require_claims"]:
        raise click.UsageError("--fail-fast, --update and --require-claims are about files.")
    from dlcalc.cli.judging import Judging
    from dlcalc.concepts.check import check as answer

    chosen = {"full": settings["full"], "seed": settings["seed"]}
    with Judging() as watch:
        return answer(*words, processes=settings["processes"] or 0, done=watch.done, **chosen)
