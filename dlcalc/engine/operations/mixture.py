"""A mixture of experts whose experts are nets: each a program of its own for its tokens.

How many tokens choose an expert is only known at work. Their number is cut into powers of
two, and for each of these the expert is compiled once, when it first occurs: so every token
is multiplied by its own experts alone, and there are few programs. Their tensors are slices
of those of the mixture.
"""

from __future__ import annotations

import math

import numpy as np

from dlcalc.engine.operation import Array, Parameter, Site, Value
from dlcalc.engine.operations.routing import Router
from dlcalc.engine.program import Program
from dlcalc.errors import LayerError


class _Expert(Program):
    """The net in the brackets for so many tokens; the one without a number shows its sizes."""

    def __init__(self, mixture: Mixture, number: int | None, tokens: int) -> None:
        self.mixture, self.number = mixture, number
        #: Gradients of this expert's tensors, and those of the mixture to which they are added.
        self.parts: list[tuple[Array, Array]] = []
        outer = mixture.site.program
        super().__init__(
            mixture.site.branches[0],
            mixture.token,
            batch=tokens,
            layout=outer.layout,
            convention=outer.convention,
            dtype=outer.dtype,
            training=outer.training,
            backwards=outer.backwards,
            generator=outer.generator,
        )

    def parameter(self, name: str, sizes: tuple[int, ...]) -> Parameter:
        """A slice of the mixture's tensor, with a gradient of its own."""
        if self.number is None:
            return super().parameter(name, sizes)
        self.tensors[name] = self._part(self.mixture.slice_of(name, self.number))
        return self.tensors[name]

    def tied(self, site: Site, name: str, key: str) -> Parameter:
        """Another layer's tensor, of this expert or from outside the mixture."""
        if self.owner(site, name, key) is not None:
            return super().tied(site, name, key)
        return self._part(self.mixture.borrowed(name, key))

    def _part(self, whole: Parameter) -> Parameter:
        if not self.backwards:
            return whole
        own = np.zeros_like(whole.gradient)
        self.parts.append((own, whole.gradient))
        return Parameter(whole.value, own)


class Mixture:
    """The router, the experts' tensors, and the programs that were needed so far."""

    def __init__(self, site: Site) -> None:
        self.site = site
        sizes = site.x.data.shape
        if len(sizes) not in (2, 3):
            raise LayerError(f"moe reads features or TIMExFEATURES, but gets {len(sizes) - 1} axes")
        self.token = (1,) * (len(sizes) - 2) + sizes[-1:]
        self._borrowed: dict[str, Parameter] = {}
        self._programs: dict[tuple[int, int], _Expert] = {}
        experts, active = site.layer.experts, site.layer.active
        pattern = _Expert(self, None, 1)
        if pattern.output.data.shape[:-1] != (1, *self.token[:-1]) or pattern.statistics:
            raise LayerError("an expert works on each token alone")
        self.outputs = pattern.output.data.shape[-1]
        rows = math.prod(sizes[:-1])
        self.router = Router(site, rows, (sizes[-1], self.outputs), experts, active)
        for kind, count in pattern.multiplications.items():
            site.count(count * self.router.working, kind)
        stack = (experts,) if experts > 1 else ()
        self._tensors = {
            name: site.parameter(name, *stack, *tensor.value.shape)
            for name, tensor in pattern.tensors.items()
        }
        for name, node, value in pattern.trail:
            # The numbers of an expert differ by token, its sizes do not.
            seen = np.broadcast_to(value.data, (*sizes[:-1], value.data.shape[-1]))
            site.program.trail.append((f"{site.name}.{name}", node, Value(seen, None)))

    def slice_of(self, name: str, number: int) -> Parameter:
        """One expert's part of a tensor."""
        value, gradient = self._tensors[name]
        if self.site.layer.experts == 1:
            return Parameter(value, gradient)
        return Parameter(value[number], gradient[number])

    def borrowed(self, name: str, key: str) -> Parameter:
        """A tensor from outside, with a gradient to which all experts add."""
        if f"{name}.{key}" not in self._borrowed:
            self._borrowed[f"{name}.{key}"] = self.site.program.tied(self.site, name, key)
        return self._borrowed[f"{name}.{key}"]

    def forward(self) -> None:
        """Run every expert on the rows that chose it."""
        router = self.router
        for program, rows in self._at_work():
            np.copyto(program.input.data, router.sorted_x[rows].reshape(program.input.data.shape))
            np.copyto(router.sorted_y[rows], program.forward().reshape(-1, self.outputs))

    def backward(self, given: Array, pulled: Array) -> None:
        """From the cotangents of the sorted outputs to those of the inputs, and all gradients."""
        for whole in (*self._tensors.values(), *self._borrowed.values()):
            whole.gradient.fill(0)
        for program, rows in self._at_work():
            cotangent = program.output.cotangent
            np.copyto(cotangent, given[rows].reshape(cotangent.shape))
            program.backward()
            np.copyto(pulled[rows], program.input.cotangent.reshape(pulled[rows].shape))
            for part, whole_gradient in program.parts:
                np.add(whole_gradient, part, whole_gradient)

    def _at_work(self) -> list[tuple[_Expert, slice]]:
        """Each expert's programs with the sorted rows that they are for."""
        found = []
        for number, (first, end) in enumerate(self.router.segments):
            while first < end:
                tokens = 1 << ((end - first).bit_length() - 1)
                key = (number, tokens)
                if key not in self._programs:
                    self._programs[key] = _Expert(self, number, tokens)
                found.append((self._programs[key], slice(first, first + tokens)))
                first += tokens
        return found
