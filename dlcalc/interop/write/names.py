"""The attributes of a module of PyTorch: what a layer of a model file is called there."""

from __future__ import annotations

import re
from collections.abc import Collection
from keyword import iskeyword

#: What ``torch.nn.Module`` has itself, and what the source calls so: no layer can.
RESERVED = frozenset(
    (
        *("add_module", "apply", "bfloat16", "buffers", "call_super_init", "children"),
        *("compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float"),
        *("forward", "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half"),
        *("ipu", "load_state_dict", "modules", "mtia", "named_buffers", "named_children"),
        *("named_modules", "named_parameters", "parameters", "register_backward_hook"),
        *("register_buffer", "register_forward_hook", "register_forward_pre_hook"),
        *("register_full_backward_hook", "register_full_backward_pre_hook"),
        *("register_load_state_dict_post_hook", "register_load_state_dict_pre_hook"),
        *("register_module", "register_parameter", "register_state_dict_post_hook"),
        *("register_state_dict_pre_hook", "requires_grad_", "set_extra_state", "set_submodule"),
        *("share_memory", "state_dict", "to", "to_empty", "train", "training", "type", "xpu"),
        *("zero_grad", "T_destination", "x", "self", "torch", "nn", "F"),
    )
)


def attribute(name: str, taken: Collection[str]) -> str:
    """A layer's name as an attribute that is not yet taken.

    >>> attribute("residual1.conv1", ()), attribute("train", ()), attribute("a/b", ["a_b"])
    ('residual1_conv1', 'layer_train', 'a_b_')
    >>> attribute("/layer1.0/conv1/Conv", ()), attribute("0", ())
    ('layer1_0_conv1_Conv', 'layer_0')
    """
    found = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    if not found[:1].isalpha() or iskeyword(found) or found in RESERVED:
        found = f"layer_{found}"
    while found in taken:
        found += "_"
    return found
