"""The router of a mixture of experts: which of them work on a token, and by what share.

Jiang et al., "Mixtral of Experts", 2024: of the scores R x the largest are taken, and
their softmax is the shares. Of equal scores the first expert's counts as larger. Tokens
are sorted by their expert, so each expert's are rows that lie together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlcalc.engine.operation import Array, Site
from dlcalc.errors import LayerError


class Router:
    """Rows to their experts and back: y = sum of share * expert(x) over those chosen.

    Between `forward` and `mix` someone turns ``sorted_x`` into ``sorted_y``, expert by
    expert as ``segments`` says; between `part` and `backward` the cotangents likewise.
    """

    def __init__(
        self, site: Site, rows: int, sizes: tuple[int, int], experts: int, active: int
    ) -> None:
        if active > experts:
            raise LayerError(f"active={active} is more than experts={experts}")
        self.site = site
        features, outputs = sizes
        self.working = rows * active
        self.weight = site.parameter("router.weight", experts, features)
        site.count(self.working * outputs, "gates")
        #: Of the sorted rows, the first of each expert and the one behind its last.
        self.segments = [(0, 0)] * experts
        self.scores = site.array(rows, experts)
        self.chosen = site.array(rows, active, dtype=np.intp)
        self.shares = site.array(rows, active)
        self.order = site.array(self.working, dtype=np.intp)  # Of the sorted rows, which each was.
        self.place = site.array(self.working, dtype=np.intp)  # Where each row went.
        self.sorted_x = site.array(self.working, features)
        self.sorted_y = site.array(self.working, outputs)
        self.y = site.array(rows, active, outputs)  # By token, before they are summed.
        self.work = site.array(rows, active, outputs)

    def forward(self, x: Array) -> None:
        """Append the choice, and the rows of x sorted by it."""
        self.site.matmul(x, self.weight.value.T, self.scores)
        self.site.then(self._route, x)

    def mix(self, y: Array) -> None:
        """Append the rows of y from the sorted ones."""
        self.site.then(self._mix, y)

    def part(self, y_cotangent: Array, sorted_cotangent: Array, scores_cotangent: Array) -> None:
        """Append the way back from y to the sorted rows and to the scores."""
        self.site.back(self._part, y_cotangent, sorted_cotangent, scores_cotangent)

    def backward(self, x: Array, sorted_cotangent: Array, scores: Array, x_cotangent: Any) -> None:
        """Append the router's gradient, and x' if it is asked for; the choice has none."""
        back = self.site.back
        back(np.matmul, scores.T, x, self.weight.gradient)
        if x_cotangent is None:
            return
        routed = np.zeros_like(x)
        each = np.zeros((*self.chosen.shape, x.shape[1]), x.dtype)
        rows = each.reshape(sorted_cotangent.shape)
        back(np.take, sorted_cotangent, self.place, 0, rows, "clip")
        back(np.sum, each, 1, out=x_cotangent)
        back(np.matmul, scores, self.weight.value, routed)
        back(np.add, x_cotangent, routed, x_cotangent)

    def _route(self, x: Array) -> None:
        active = self.chosen.shape[1]
        self.chosen[...] = np.argsort(-self.scores.real, 1, kind="stable")[:, :active]
        best = np.take_along_axis(self.scores, self.chosen, 1)
        np.exp(best - best[:, :1].real, self.shares)
        self.shares /= self.shares.sum(1, keepdims=True)
        flat = self.chosen.reshape(-1)
        self.order[...] = np.argsort(flat, kind="stable")
        self.place[self.order] = np.arange(flat.size)
        ends = np.cumsum(np.bincount(flat, minlength=self.scores.shape[1])).tolist()
        self.segments[:] = zip([0, *ends[:-1]], ends, strict=True)
        np.take(x, self.order // active, 0, self.sorted_x, "clip")

    def _mix(self, y: Array) -> None:
        np.take(self.sorted_y, self.place, 0, self.y.reshape(self.sorted_y.shape), "clip")
        np.multiply(self.y, self.shares[:, :, None], self.work)
        np.sum(self.work, 1, out=y)

    def _part(self, y_cotangent: Array, sorted_cotangent: Array, scores: Any) -> None:
        """From the sum back to each expert's outputs, and through the softmax to the scores."""
        cotangent = y_cotangent[:, None]
        np.multiply(cotangent, self.y, self.work)
        shares = self.work.sum(2)
        shares -= np.sum(shares * self.shares, 1, keepdims=True)
        scores.fill(0)
        np.put_along_axis(scores, self.chosen, shares * self.shares, 1)
        np.multiply(cotangent, self.shares[:, :, None], self.work)
        rows = self.work.reshape(sorted_cotangent.shape)
        np.take(rows, self.order, 0, sorted_cotangent, "clip")
