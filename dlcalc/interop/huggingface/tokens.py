"""What models of tokens share: their input, and the heads behind their blocks."""

from __future__ import annotations

from dlcalc.errors import InputError
from dlcalc.interop.graph import TOKENS, Builder
from dlcalc.interop.huggingface.config import Config
from dlcalc.layers.shape import Shape

#: Tokens of context if nothing else is asked for.
CONTEXT = 128


def context(builder: Builder, config: Config, start: Shape | None, most: int | None) -> int:
    """The input of the model: how many tokens; at most so many have a position."""
    if start is not None and len(start.sizes) != 1:
        raise InputError(
            f"{config.where} reads one sequence of tokens, not {start}",
            mend=f"Give their number, such as {CONTEXT}.",
        )
    if start is not None:
        return builder.input("input_ids", TOKENS, Shape(start.sizes))
    time = min(CONTEXT, most or CONTEXT)
    builder.notes.append(f"the context is {time} tokens; give another before the file")
    return builder.input("input_ids", TOKENS, Shape((time,)))


def token_head(
    builder: Builder, config: Config, at: int, *, name: str, kind: str, bias: bool
) -> int:
    """A matrix to the labels, on every token."""
    written = "" if bias else ",bias=no"
    return builder.add(name, kind, f"dense:{labels(config)}{written}", at)


def labels(config: Config) -> int:
    """How many labels a head tells apart. Raises `InputError` if there are none."""
    number = config.labels
    if number < 1:
        raise config.error("its head has no labels")
    return number


def language_head(
    builder: Builder, config: Config, at: int, embedding: str, vocabulary: int, *, tied: bool
) -> int:
    """Scores of the words; the weight is that of the embedding where they are tied."""
    tie = f",tied={embedding}" if config.flag("tie_word_embeddings", tied) else ""
    return builder.add("lm_head", "Linear", f"dense:{vocabulary},bias=no{tie}", at)
