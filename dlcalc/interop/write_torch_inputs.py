"""What ``forward`` takes beside x, as PyTorch source."""

from __future__ import annotations

from typing import Any

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

    def signature(self) -> str:
        """The parameters of ``forward`` behind x."""
        memories = (f", {self.memory(shape)}: Tensor" for shape in self.memories)
        segments = (f", {self.segment(time)}: Tensor | None = None" for time in self.segments)
        return "".join([*memories, *segments])

    def comments(self, start: Shape) -> list[str]:
        """What they are, beside an input x of these sizes."""
        lines = [f"# {self.memory(shape)}: the batch, then {shape}." for shape in self.memories]
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
