"""Vision transformer: models/vit/modeling_vit.py. Dosovitskiy et al., 2021."""

from __future__ import annotations

from dlcalc.interop.graph import Builder
from dlcalc.interop.huggingface.config import Config
from dlcalc.layers.shape import Shape


def heads(family: str) -> tuple[str, ...]:
    """The classes that are known, the bare model first."""
    return ("ViTModel", "ViTForImageClassification")


def build(config: Config, architecture: str, builder: Builder, start: Shape | None) -> list[int]:
    """Add its layers; returns the outputs."""
    features = config.size("hidden_size", 768)
    image = (config.size("num_channels", 3), *config.sides("image_size", 224))
    patch = config.sides("patch_size", 16)
    if start is not None and start.sizes != image:
        config.refuse(f"its positions are for images of {Shape(image)}, not {start}")
    kernel = "x".join(map(str, patch))
    at = builder.input("pixel_values", "image", Shape(image))
    at = builder.chain(
        "vit.embeddings",
        "ViTEmbeddings",
        (
            ("patch_embeddings", f"conv:{features},k{kernel},s{kernel}"),
            ("flatten", f"reshape:{features}x-1"),
            ("transpose", "permute:1x0"),
            ("cls_token", "token:1"),
            ("position_embeddings", "position"),
        ),
        at,
    )
    block = f"encoder:{config.size('num_attention_heads', 12)}"
    block += f",ff={config.size('intermediate_size', 3_072)}"
    if not config.flag("qkv_bias", True):
        block += ",qkv_bias=no"
    for number in range(config.blocks("num_hidden_layers", 12)):
        at = builder.add(f"vit.encoder.layer.{number}", "ViTLayer", block, at)
    at = builder.chain("vit", "ViTModel", (("layernorm", "ln"), ("first", "first")), at)
    if architecture == "ViTModel":
        size = config.size("pooler_output_size", features)
        pooled = (("dense", f"dense:{size}"), ("activation", config.curve("pooler_act", "tanh")))
        return [builder.chain("vit.pooler", "ViTPooler", pooled, at)]
    if not config.labels:
        return [at]
    return [builder.add("classifier", "Linear", f"dense:{config.labels}", at)]
