"""What models of tokens share: their input, and the heads behind their blocks."""

from __future__ import annotations

from dlcalc.errors import InputError
from dlcalc.interop.graph import Builder
from dlcalc.interop.huggingface.config import Config
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Polynomial

#: Tokens of context if nothing else is asked for.
CONTEXT = 128


def context(builder: Builder, config: Config, start: Shape | None, most: int | None) -> int:
    """The input of the model: how many tokens; at most so many have a position."""
    if start is not None and len(start.sizes) != 1:
        raise InputError(
            f"{config.source} reads one sequence of tokens, not {start}",
            mend=f"Give their number, such as {CONTEXT}.",
        )
    time = min(CONTEXT, most or CONTEXT) if start is None else start.sizes[0]
    return builder.input("input_ids", "tokens", Shape((time,)))


def said_context(builder: Builder, position: int) -> None:
    """Say for how many tokens the answer holds, where the file does not."""
    time = builder.shape(position).sizes[0]
    if not isinstance(time, Polynomial):
        builder.notes.append(
            f"multiply-accumulates are for a context of {time} tokens; give another before the file"
        )


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
