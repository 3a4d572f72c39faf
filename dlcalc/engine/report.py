"""What the gradient checker found, typed and in sentences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Kink(NamedTuple):
    """A kink or a jump near a sampled point, beside which an entry has no one derivative."""

    tensor: str
    entry: tuple[int, ...] | None  # None for a projection, which moves every entry.
    layer: str
    output: tuple[int, ...]
    distance: float
    tie: bool

    def __str__(self) -> str:
        moved = f"{self.tensor}{_index(self.entry)}" if self.entry else f"all of {self.tensor}"
        where = f"{self.layer}, output {_index(self.output)}"
        if self.tie:
            return f"moving {moved} meets a kink or tie at the point itself: {where}; drawn anew"
        return f"moving {moved} by {self.distance:.1e} meets a kink: {where}; drawn anew"


class TensorCheck(NamedTuple):
    """What was found of one tensor, or of all together.

    ``error`` is the largest relative error of a sampled entry and ``worst`` that
    entry, with both its gradients. ``missing`` is the projections' error in
    units of what rounding explains: above 1 an entry is wrong somewhere.
    ``sees`` is the least error of any one entry, relative to the root mean
    square of the tensor's gradient, that the projections would show.
    """

    name: str
    method: str
    size: int
    looked_at: int
    error: float
    worst: tuple[int, ...]
    found: float
    expected: float
    missing: float
    sees: float
    zeros: int
    undecided: int
    verdict: str  # right, wrong or undecided

    def __str__(self) -> str:
        seen = f"{self.looked_at} of {self.size} entries" if self.looked_at else "projections"
        text = f"{self.name}: {self.verdict} by {self.method} ({seen}"
        text += f", largest relative error {self.error:.1e})" if self.looked_at else ")"
        if self.verdict == "wrong" and self.error > 0 and self.looked_at:
            text += f"; worst {_index(self.worst)}: {self.found:.6g}, but {self.expected:.6g}"
        if self.missing > 1:
            text += f"; projections are off by {self.missing:.1e} times what rounding explains"
        if self.zeros:
            text += f"; {self.zeros} are 0 to rounding, more cannot be said of them"
        if self.undecided:
            text += f"; {self.undecided} beside a kink at every point drawn: not decided"
        if np.isfinite(self.sees) and self.size > self.looked_at:
            text += f"; an error of {self.sees:.0e} of a usual entry would have been seen"
        return text


class Report(NamedTuple):
    """What the checker found; ``passed`` if every tensor is right."""

    method: str
    tensors: tuple[TensorCheck, ...]
    kinks: tuple[Kink, ...]
    failures: tuple[str, ...]
    undecided: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every gradient is right; what is not decided has not passed."""
        return not self.failures and all(tensor.verdict == "right" for tensor in self.tensors)

    @property
    def ties(self) -> tuple[Kink, ...]:
        """The kinks that lie at a sampled point itself."""
        return tuple([kink for kink in self.kinks if kink.tie])

    @property
    def sentences(self) -> tuple[str, ...]:
        """All findings, one sentence each."""
        found = [*self.failures, *map(str, self.tensors), *map(str, self.kinks), *self.undecided]
        return tuple(found)


def _index(entry: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, entry))}]"
