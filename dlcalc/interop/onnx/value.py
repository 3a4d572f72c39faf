"""What goes along the edges of an ONNX graph: sizes, the axis of the batch, small numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dlcalc.errors import LayerError
from dlcalc.layers.size import Polynomial, Size, product, quotient, total

Sizes = tuple[Size, ...]
Content = tuple[Size | float, ...]
#: Whole numbers that are followed, of a shape: no shape has more.
MAX_CONTENT = 4_096


class Unbatched(Exception):
    """A node that mixes the examples of a batch, or of which that cannot be told."""


class Undetermined(Exception):
    """A node whose output hangs on the data themselves."""


class Value(NamedTuple):
    """A tensor of the model.

    ``batch`` is the axis of ``shape`` in which the examples stand: its size is their number,
    or a multiple of it, ``outer`` times what stands outside of them. ``vertex`` is the place
    in the graph, None for what hangs on no input. ``content`` are the numbers, in order, where
    they are known: shapes on their way. ``origins`` are the initializers that it is made of.
    """

    shape: Sizes
    vertex: int | None = None
    batch: int | None = None
    content: Content | None = None
    origins: tuple[str, ...] = ()
    type: int = 0
    outer: Size = 1

    @property
    def constant(self) -> bool:
        """Whether it hangs on no input."""
        return self.vertex is None

    @property
    def single(self) -> bool:
        """Whether it is one number."""
        return product(self.shape) == 1

    @property
    def whole(self) -> Sizes | None:
        """Its numbers where all are whole and known."""
        if self.content is None or any(isinstance(number, float) for number in self.content):
            return None
        return self.content  # type: ignore[return-value]


def broadcast(shapes: Sequence[Sizes]) -> Sizes:
    """The shape that tensors become together when sizes of 1 stretch.

    Raises `LayerError` where they do not fit, or that cannot be told.

    >>> broadcast([(2, 1, 5), (4, 1)])
    (2, 4, 5)
    """
    if not shapes:
        raise LayerError("it has no input")
    rank = max(map(len, shapes))
    found: list[Size] = []
    for place in range(-rank, 0):
        sizes = {shape[place] for shape in shapes if len(shape) >= -place} - {1}
        if len(sizes) > 1:
            shown = " and ".join(sorted(map(str, sizes)))
            rule = "do not match" if all(isinstance(n, int) for n in sizes) else "may differ"
            raise LayerError(f"the sizes {shown} of one axis {rule}")
        found.append(sizes.pop() if sizes else 1)
    return tuple(found)


def regrouped(x: Value, examples: Size, out: Sizes) -> tuple[int, Size]:
    """The axis of the examples after a reshape, and what stands outside of them in it.

    Raises `Unbatched` if they are mixed.

    >>> regrouped(Value((197, 2, 768), batch=1), 2, (197, 24, 64))
    (1, 1)
    >>> regrouped(Value((10, 3, 4, 8), batch=1), 3, (30, 32))
    (0, 10)
    """
    assert x.batch is not None
    before = product(x.shape[: x.batch]) * x.outer
    found = None
    for axis, size in enumerate(out):
        outer = quotient(before, product(out[:axis]))
        if outer is None:
            continue
        if outer == 1 and size == examples:
            return axis, 1
        if found is None and quotient(size, outer * examples) is not None:
            found = axis, outer
    if found is None:
        raise Unbatched
    return found


def with_inferred(shape: Sizes, wanted: Sizes, zeros_copy: bool) -> Sizes:
    """The sizes that a reshape asks for: 0 copies, -1 is what is left. Raises `LayerError`."""
    sizes = list(wanted)
    for axis, size in enumerate(wanted):
        if size == 0 and zeros_copy:
            if axis >= len(shape):
                raise LayerError(f"size {axis + 1} is to be copied, but it gets {len(shape)} axes")
            sizes[axis] = shape[axis]
        elif isinstance(size, int) and size < -1:
            raise LayerError(f"a size of {size} is asked for")
    values = product(shape)
    if sizes.count(-1) > 1:
        raise LayerError("more than one size is -1")
    if -1 in sizes:
        given = product(size for size in sizes if size != -1)
        left = None if given == 0 else quotient(values, given)
        if left is None:
            raise LayerError(f"its {values} values do not divide by {given}")
        sizes[sizes.index(-1)] = left
    elif product(sizes) != values:
        known = isinstance(values, int) and isinstance(product(sizes), int)
        rule = "has" if known else "may have"
        raise LayerError(f"its {values} values go into a shape that {rule} {product(sizes)}")
    return tuple(sizes)


def sliced(size: Size, begin: Size, end: Size, step: Size) -> Size:
    """How many positions a slice keeps. Raises `LayerError` where that cannot be told.

    >>> sliced(10, 0, 9223372036854775807, 2), sliced(10, -3, -1, 1), sliced(10, -1, -99, -1)
    (5, 2, 10)
    """
    if not isinstance(step, int) or step == 0:
        raise LayerError(f"it cuts with a step of {step}")
    if all(isinstance(n, int) for n in (size, begin, end)):
        return len(range(size)[slice(begin, slice_end(end, size, step), step)])  # type: ignore
    if step != 1:
        raise LayerError(f"whether it keeps all of {size} hangs on sizes that are not known")
    # A polynomial stands for a size of which as much is there as is cut off.
    first = begin + size if isinstance(begin, int) and begin < 0 else begin
    last = end + size if isinstance(end, int) and end < 0 else end
    if last == size or (isinstance(end, int) and end >= 2**31 - 1):
        last = size
    elif isinstance(size, Polynomial) and isinstance(last, int):
        raise LayerError(f"whether {size} positions reach up to {last} cannot be told")
    return last - first


def slice_end(end: Size, size: Size, step: int) -> Size | None:
    """The end of a slice as Python has it: one before the first, stepping back, is None."""
    if step < 0 and isinstance(end, int) and isinstance(size, int) and end < -size:
        return None
    return end


def joined(sizes: Sequence[Size]) -> Size:
    """The size of tensors side by side."""
    return total(sizes)
