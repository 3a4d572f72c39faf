"""The vocabulary: which word means which layer, loaded when it occurs.

The index is generated from the layer modules, so that the names, arguments and
summaries of all layers are known without importing any of them.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from dlcalc.layers.base import Layer
from dlcalc.layers.index import LAYERS, WORDS


def normal(word: str) -> str:
    """The word as the index has it: - and _ do not count.

    >>> normal("leaky_relu") == normal("leaky-relu") == normal("leakyrelu")
    True
    """
    return word.replace("-", "").replace("_", "")


def find(word: str) -> tuple[type[Layer], int | None] | None:
    """The layer class that a word means and the rank that it pins, or None.

    >>> find("conv2d")
    (<class 'dlcalc.layers.conv.Conv'>, 2)
    """
    entry = WORDS.get(normal(word))
    if entry is None:
        return None
    name, rank = entry
    return layer_class(name), rank


@cache
def layer_class(name: str) -> type[Layer]:
    """The class of a layer by the first of its words."""
    entry = LAYERS[name]
    found: type[Layer] = getattr(import_module(f"dlcalc.layers.{entry.module}"), entry.class_name)
    return found
