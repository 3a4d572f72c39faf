"""A net as PyTorch source: an ``nn.Module`` with a named layer for each that has tensors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dlcalc.interop.write.lines import input_comment
from dlcalc.interop.write.torch.body import Body
from dlcalc.interop.write.torch.classes import CLASSES, classes_in
from dlcalc.interop.write.torch.train import NAMES as TRAINING
from dlcalc.interop.write.torch.train import training
from dlcalc.interop.write.torch.weights import NAMES as LOADING
from dlcalc.interop.write.torch.weights import loading

if TYPE_CHECKING:
    from dlcalc.interop.write.targets import Wanted

#: Layers with branches that are written as an expression of the branches' values.
MERGES = ("residual", "concat", "multiply", "aux", "moe")

#: What the source uses itself.
NAMES = frozenset(("torch", "nn", "F", "Tensor", "super")) | set(CLASSES) | TRAINING | LOADING


def write(wanted: Wanted) -> str:
    """The source of a net. Raises `NotationError` at the first layer that cannot be written."""
    start, steps, class_name, about, *_ = wanted
    writer = Body(class_name)
    writer.through(steps)
    lines = writer.lines(class_name, about, start, input_comment(start, steps))
    if wanted.weights is not None:
        lines += ["", "", *loading(class_name, wanted.weights, writer.held, writer.tied)]
    if wanted.train:
        lines += ["", "", *training(wanted, writer.inputs.named())]
    experts = [line for own in writer.experts for line in (*own, "", "")]
    head = [*classes_in([*experts, *lines]), *experts]
    return "\n".join([*_imports(wanted, [*head, *lines]), "", "", *head, *lines]) + "\n"


def _imports(wanted: Wanted, lines: list[str]) -> list[str]:
    """The imports of what stands in some lines: standard library, then others, then torch."""
    loads, body = wanted.weights, "\n".join(lines)
    standard = ["import math"] if re.search(r"\bmath\.", body) else []
    standard += ["import os"] if wanted.train else []
    found = [*standard, ""] if standard else []
    found += ["import numpy as np"] if loads else []
    found += ["import torch"] if "torch." in body.replace("torch.nn", "") else []
    found += [f"from torch import Tensor, {'distributed, ' if wanted.train else ''}nn"]
    found += ["from torch.nn import functional as F"] if re.search(r"\bF\.[a-z]", body) else []
    if wanted.train:
        found += ["from torch.nn.parallel import DistributedDataParallel"]
        data = "DataLoader, Dataset, DistributedSampler, TensorDataset"
        found += [f"from torch.utils.data import {data}"]
    return found
