"""The command ``dlcalc concepts``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.cli.command import command
from dlcalc.result import Result


@command(
    "concepts",
    "dlcalc concepts",
    "dlcalc concepts 池化",
    "dlcalc concepts --errata --source 004",
    "dlcalc concepts pool-28-stride1-14",
    "dlcalc concepts pool-28-stride1-14 --lang zh",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[QUERY]...")
@click.option("--errata", is_flag=True, help="Only what was printed wrong.")
@click.option("--source", metavar="NNN", default="", help="Only from these notes, 000 to 004.")
@click.option("--tier", type=click.IntRange(1, 2), help="1 for what matters most, 2 for the rest.")
@click.option("--calculator", metavar="NAME", default="", help="Only with this command.")
@click.option(
    "--lang",
    type=click.Choice(["en", "zh"]),
    default="en",
    help="Language of titles, statements and verdicts.",
    show_default=True,
)
def concepts(words: tuple[str, ...], errata: bool, lang: Any, **settings: Any) -> Result:
    """The catalogue of claims about deep learning, found by English or Chinese term.

    QUERY is a slug, words of a title, or a Chinese term. One claim found is shown
    whole: what it says, when it holds, where it stands, what to try.
    """
    from dlcalc.concepts.card import concepts as answer
    from dlcalc.concepts.claim import ERRATUM

    verdict = ERRATUM if errata else ""
    return answer(" ".join(words), verdict=verdict, language=lang, **settings)
