"""The activations of Keras, which layers of many kinds end with."""

from __future__ import annotations

from dlcalc.interop.json_text import Fields
from dlcalc.interop.keras.call import Call

#: Functions by the names that Keras gives them; an empty word changes nothing.
ACTIVATIONS = {
    "linear": "",
    "relu": "relu",
    "relu6": "relu6",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
    "elu": "elu",
    "selu": "selu",
    "gelu": "gelu",
    "silu": "silu",
    "swish": "silu",
    "mish": "mish",
    "softplus": "softplus",
    "softsign": "softsign",
    "leaky_relu": "leaky_relu:0.2",
    "hard_sigmoid": "hardsigmoid",
    "hard_silu": "hardswish",
    "hard_swish": "hardswish",
    "hard_tanh": "hardtanh",
    "log_sigmoid": "log_sigmoid",
}
#: Functions of each value that the notation has not.
_OTHER_CURVES = {"exponential", "celu", "sparse_plus", "threshold", "tanh_shrink", "soft_shrink"}
_OTHER_CURVES |= {"hard_shrink", "squareplus", "sparse_sigmoid", "sparsemax"}


def activation(call: Call, before: int, config: Fields | None = None, suffix: bool = True) -> int:
    """The activation that a layer ends with, behind a vertex."""
    config = call.config if config is None else config
    name = config.get("activation", "linear")
    if isinstance(name, dict):
        # A function or a layer is written as an object: its name is in one of two places.
        inner = name.get("config")
        name = inner if isinstance(inner, str) else name.get("class_name")
    if not isinstance(name, str):
        raise config.wrong("activation", "a name", name)
    plain = name.lower()
    if plain in ACTIVATIONS:
        found = ACTIVATIONS[plain]
        if not found and suffix:
            return before
        return call.add(found or "identity", plain if suffix else "", before)
    if plain not in _OTHER_CURVES:
        raise call.error(f"the activation {name[:40]} is not known")
    call.stand_in(f"{plain} is shown as identity")
    return call.add("identity", plain if suffix else "", before)
