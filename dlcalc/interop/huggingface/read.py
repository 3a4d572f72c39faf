"""Which family a config.json is of, and the graph that its numbers make.

The layers are those of the library itself: github.com/huggingface/transformers,
src/transformers/models. No weights are there, only their sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from dlcalc.errors import abridged, nearest
from dlcalc.interop.graph import Builder, Graph
from dlcalc.interop.huggingface.config import Config
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape

#: The module of each family, which has a ``HEADS`` and a ``build``.
FAMILIES = {
    "bert": "bert",
    "gpt2": "gpt2",
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "llama",
    "vit": "vit",
}
#: What changes the layers or their numbers in ways that no family here knows.
_NEVER: dict[str, tuple[object, ...]] = {
    "quantization_config": (),
    "is_encoder_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({}, []),
    "text_config": (),
    "vision_config": (),
}

Build = Callable[[Config, str, Builder, Shape | None], list[int]]


def from_document(found: object, source: str, start: Shape | None = None) -> Graph:
    """The graph of a model by its config; ``start`` are tokens, or an image, in place of its own.

    Raises `InputError` for a family or an option that is not supported, by its name.
    """
    config = Config(found, source)
    family = config.get("model_type")
    if not isinstance(family, str) or family not in FAMILIES:
        close = nearest(str(family), FAMILIES)
        mend = f"Did you mean {close}?" if close else f"There are {', '.join(FAMILIES)}."
        raise config.error(f"model_type {abridged(str(family))} is not supported", mend)
    for key, allowed in _NEVER.items():
        config.refuse_unless(key, *allowed)
    module = import_module(f"dlcalc.interop.huggingface.{FAMILIES[family]}")
    build: Build = module.build
    architecture = _architecture(config, module.heads(family))
    builder = Builder(source, f"Hugging Face {architecture}", TORCH, "chw")
    if "auto_map" in config:
        builder.notes.append("the model names code of its own, which is not run; the library's is")
    outputs = build(config, architecture, builder, start)
    # The library's own type, where a config names none.
    return builder.graph(outputs, dtype=config.dtype or "float32")


def _architecture(config: Config, known: tuple[str, ...]) -> str:
    """The class that is built: the first of ``architectures``, or the bare model."""
    listed = config.get("architectures")
    if listed is None or listed == []:
        return known[0]
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], str):
        raise config.error("architectures must name one class")
    if listed[0] not in known:
        raise config.error(
            f"architecture {abridged(listed[0])} is not supported", f"There are {', '.join(known)}."
        )
    return listed[0]
