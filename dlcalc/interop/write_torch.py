"""A net as PyTorch source: an ``nn.Module`` with a named layer for each that has tensors."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.errors import LayerError, NotationError
from dlcalc.interop.source_lines import commented, fitted, input_comment
from dlcalc.interop.write_torch_layers import spell
from dlcalc.interop.write_torch_train import NAMES as TRAINING
from dlcalc.interop.write_torch_train import training
from dlcalc.interop.write_torch_weights import NAMES as LOADING
from dlcalc.interop.write_torch_weights import Held, loading
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape

if TYPE_CHECKING:
    from dlcalc.interop.targets import Wanted
    from dlcalc.nets.trace import Step

#: Layers with branches that are written as an expression of the branches' values.
MERGES = ("residual", "concat", "multiply")


#: What the source uses itself.
NAMES = frozenset(("torch", "nn", "F", "Tensor", "super")) | TRAINING | LOADING


def write(wanted: Wanted) -> str:
    """The source of a net. Raises `NotationError` at the first layer that cannot be written."""
    return _Writer().source(wanted)


class _Known(NamedTuple):
    """A layer with a weight: its attribute, and that weight's sizes."""

    attribute: str
    weight: tuple[object, ...]


class _Writer:
    def __init__(self) -> None:
        self.made: list[str] = []
        self.run: list[str] = []
        self.weights: dict[str, _Known] = {}
        #: For the numbers of a file: the layers with tensors, and who shares whose weight.
        self.held: list[Held] = []
        self.tied: dict[str, str] = {}

    def source(self, wanted: Wanted) -> str:
        """The whole of it."""
        start, steps, class_name, about, *_ = wanted
        self._through(steps, "", "x", "x", Counter())
        lines = [f"class {class_name}(nn.Module):", f'    """{about}"""', ""]
        lines += ["    def __init__(self) -> None:", "        super().__init__()", *self.made, ""]
        lines += [
            "    def forward(self, x: Tensor) -> Tensor:",
            f"        # {input_comment(start, steps)}",
        ]
        lines += [*self.run, "        return x"]
        if wanted.weights is not None:
            lines += ["", "", *loading(class_name, wanted.weights, self.held, self.tied)]
        if wanted.train:
            lines += ["", "", *training(wanted)]
        return "\n".join([*_imports(wanted, lines), "", "", *lines]) + "\n"

    def _through(
        self, steps: tuple[Step, ...], prefix: str, x: str, target: str, ordinals: Counter[str]
    ) -> str:
        """Write layers one after the other; the variable that holds what comes out."""
        for step in steps:
            kind = step.node.layer.words[0]
            ordinals[kind] += 1
            name = f"{prefix}{kind}{ordinals[kind]}"
            write = self._branched if step.branches else self._layer
            try:
                x = write(step, name, x, target)
            except LayerError as error:
                rule = f"{step.node.head}: {error.rule}"
                raise NotationError(rule, place=step.place, mend=error.mend) from error
        return x

    def _layer(self, step: Step, name: str, x: str, target: str) -> str:
        layer = step.node.layer
        spelling = spell(layer, step.input, step.output)
        attribute = name.replace(".", "_")
        if spelling.module:
            self.made += fitted(f"        self.{attribute} = {spelling.module}")
            tensors = layer.parameters(step.input, TORCH)
            self.held.append(Held(name, attribute, spelling.module))
            if "weight" in tensors:
                self.weights[name] = _Known(attribute, tensors["weight"])
            self._tie(step, attribute)
        call = spelling.call.replace("{x}", x).replace("{name}", attribute)
        if call == x:
            return x
        self._assign(target, call, step.output)
        return target

    def _tie(self, step: Step, attribute: str) -> None:
        """Let a layer share another's weight."""
        for other, sizes in step.node.layer.ties(step.input, TORCH).values():
            known = self.weights.get(other)
            if known is None or known.weight != sizes:
                raise LayerError(f"it can share the weight of {other} only as it stands, before it")
            self.made.append(f"        self.{attribute}.weight = self.{known.attribute}.weight")
            self.tied[attribute] = other

    def _branched(self, step: Step, name: str, x: str, target: str) -> str:
        kind = step.node.layer.words[0]
        if kind not in MERGES:
            raise LayerError("it has no spelling in torch yet")
        local, inner, found = name.replace(".", "_"), Counter[str](), []
        for number, branch in enumerate(step.branches, 1):
            own = local if len(step.branches) == 1 else f"{local}_{number}"
            found.append(self._through(branch, f"{name}.", x, own, inner))
        if len(found) == 1:
            found.append(x)
        if kind == "concat":
            axis = getattr(step.node.layer, "axis", None) or 0
            call = f"torch.cat([{', '.join(found)}], dim={axis + 1})"
        else:
            call = (" + " if kind == "residual" else " * ").join(found)
        self._assign(target, call, step.output)
        return target

    def _assign(self, target: str, call: str, output: Shape) -> None:
        self.run += commented(f"        {target} = {call}", output)


def _imports(wanted: Wanted, lines: list[str]) -> list[str]:
    """The imports of what stands in some lines: standard library, then others, then torch."""
    loads, body = wanted.weights, "\n".join(lines)
    standard = ["import math"] if loads and loads.flat else []
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
