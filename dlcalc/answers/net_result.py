"""What answers about a traced net share: their remarks, and the engine as their witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.remarks import remarks
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.nets.parser import Net
from dlcalc.nets.trace import Step
from dlcalc.result import Result

if TYPE_CHECKING:
    from dlcalc.answers.verify import Verification


class NetResult(Result):
    """An answer about an input's way through a net, under one convention."""

    def __init__(self, start: Shape, steps: tuple[Step, ...], convention: Convention) -> None:
        self.start = start
        self.steps = steps
        self.convention = convention
        self.verification: Verification | None = None

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """How the input was read where that may surprise, and what layers remark."""
        return remarks(self.start, self.steps, self.convention)

    def verify(self, net: Net, budget: str = "") -> None:
        """Let the engine witness the answer. Raises `InputError` for a budget that is none."""
        from dlcalc.answers.verify import read_budget, verify

        self.verification = verify(self.start, net, self.convention, read_budget(budget))

    @property
    def failure(self) -> str:  # type: ignore[override]
        """How the engine disagreed; empty if it did not, or was not asked."""
        return self.verification.failure if self.verification else ""
