"""What frameworks do differently, as data.

A layer is handed a `Convention` and asks it for a rule, never for a
framework's name.
"""

from __future__ import annotations

from typing import NamedTuple


class Convention(NamedTuple):
    """The rules of one framework. Sources stand beside the instances below."""

    name: str
    #: ``padding=same`` with a stride: allowed, or refused.
    same_with_stride: bool
    #: ``padding=same`` on pooling: allowed, or refused.
    same_on_pooling: bool
    #: ``padding=same`` on transposed convolution: allowed, or refused.
    same_on_transposed: bool
    #: Dropout pinned to 1-D refuses more than one spatial axis.
    dropout_1d_checks_rank: bool
    #: Pooling may pad by at most half its kernel.
    pooling_pads_at_most_half: bool
    #: In 3-D the kernel of average pooling must fit into the input without its padding.
    average_3d_fits_unpadded: bool
    #: Global pooling keeps its axes at size 1, or drops them.
    global_pooling_keeps_axes: bool


#: torch/nn/modules/conv.py (same needs stride 1), ATen/native/Pool.h (padding);
#: torch/nn/functional.py (dropout1d); global pooling is AdaptiveAvgPool with output 1.
TORCH = Convention(
    name="torch",
    same_with_stride=False,
    same_on_pooling=False,
    same_on_transposed=False,
    dropout_1d_checks_rank=True,
    pooling_pads_at_most_half=True,
    average_3d_fits_unpadded=True,
    global_pooling_keeps_axes=True,
)
