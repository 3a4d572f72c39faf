"""What ``forward`` takes beside x, as PyTorch source."""

from __future__ import annotations

from typing import Any

from dlcalc.interop.write.lines import WIDTH
from dlcalc.layers.shape import Shape


class Inputs:
    """What ``forward`` takes beside x: memories, and the numbers of segments, by their sizes."""

    def __init__(self) -> None:
        self.memories: list[Shape] = []
        self.segments: list[Any] = []

    def memory(self, shape: Shape) -> str:
        """The name of a memory: those of the same sizes are one."""
        if shape not in self.memories:
            self.memories.append(shape)
        return f"memory{_number(self.memories.index(shape))}"

    def segment(self, time: Any) -> str:
        """The name of the numbers of the segments of so many steps."""
        if time not in self.segments:
            self.segments.append(time)
        return f"segments{_number(self.segments.index(time))}"

    def named(self) -> dict[str, Shape]:
        """The memories by their names."""
        return {self.memory(shape): shape for shape in self.memories}

    def signature(self, kind: str) -> list[str]:
        """The head of ``forward``, which gives a value of that type."""
        memories = (f"{name}: Tensor" for name in self.named())
        segments = (f"{self.segment(time)}: Tensor | None = None" for time in self.segments)
        parameters = ["self", "x: Tensor", *memories, *segments]
        line = f"    def forward({', '.join(parameters)}) -> {kind}:"
        if len(line) <= WIDTH:
            return [line]
        parted = (f"        {parameter}," for parameter in parameters)
        return ["    def forward(", *parted, f"    ) -> {kind}:"]

    def comments(self, start: Shape) -> list[str]:
        """What they are, beside an input x of these sizes."""
        lines = [f"# {name}: the batch, then {shape}." for name, shape in self.named().items()]
        for time in self.segments:
            name = self.segment(time)
            # A shorter sequence has as many fewer, unless others were put before it.
            sizes = "*x.shape[:2]" if start.sizes[0] == time else f"len(x), {time}"
            lines += [
                f"# {name}: the batch, then {time}, whole numbers; all 0 if left out.",
                f"if {name} is None:",
                f"    {name} = torch.zeros({sizes}, dtype=torch.long, device=x.device)",
            ]
        return lines


def _number(index: int) -> str:
    """What stands behind a name: nothing for the first, then 2, 3 and so on."""
    return str(index + 1) if index else ""
