"""The numbers of small constants under other shapes, in the order of their tensors.

Each works on a shape of whole numbers and as many numbers, and gives the numbers of
the result, or None where they are not known or too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product as pairs

from dlcalc.interop.onnx.value import MAX_CONTENT, Content, Sizes, Value
from dlcalc.layers.size import product


def taken(x: Value, rows: Sequence[Iterable[int]]) -> Content | None:
    """The numbers at these places along each axis.

    >>> taken(Value((2, 3), content=(1, 2, 3, 4, 5, 6)), [[1, 0], [2]])
    (6, 3)
    """
    steps = _steps(x.shape)
    if x.content is None or steps is None:
        return None
    places = [[row * step for row in each] for each, step in zip(rows, steps, strict=True)]
    count = product([len(each) for each in places])
    if not isinstance(count, int) or count > MAX_CONTENT:
        return None
    return tuple([x.content[sum(each)] for each in pairs(*places)])


def turned(x: Value, order: Sequence[int]) -> Content | None:
    """The numbers with the axes in another order.

    >>> turned(Value((2, 3), content=(1, 2, 3, 4, 5, 6)), (1, 0))
    (1, 4, 2, 5, 3, 6)
    """
    steps = _steps(x.shape)
    if x.content is None or steps is None:
        return None
    places = [[i * steps[axis] for i in range(x.shape[axis])] for axis in order]  # type: ignore[arg-type]
    return tuple([x.content[sum(each)] for each in pairs(*places)])


def stretched(x: Value, shape: Sizes) -> Content | None:
    """The numbers when sizes of 1 stretch.

    >>> stretched(Value((2, 1), content=(1, 2)), (2, 2))
    (1, 1, 2, 2)
    """
    count = product(shape)
    if x.content is None or not isinstance(count, int) or count > MAX_CONTENT:
        return None
    if len(x.content) == 1:
        return x.content * count
    own = (*(1,) * (len(shape) - len(x.shape)), *x.shape)
    rows = [
        [0] * m if n == 1 else range(m)  # type: ignore[operator, arg-type]
        for n, m in zip(own, shape, strict=True)
    ]
    return taken(x._replace(shape=own), rows)


def side_by_side(values: Sequence[Value], axis: int) -> Content | None:
    """The numbers of tensors that are joined along an axis.

    >>> side_by_side([Value((2, 1), content=(1, 2)), Value((2, 1), content=(3, 4))], 1)
    (1, 3, 2, 4)
    """
    found: list[Content] = []
    outer = product(values[0].shape[:axis])
    if not isinstance(outer, int) or any(value.content is None for value in values):
        return None
    if sum(len(value.content or ()) for value in values) > MAX_CONTENT:
        return None
    for block in range(outer):
        for value in values:
            content = value.content or ()
            size = len(content) // max(outer, 1)
            found.append(content[block * size : (block + 1) * size])
    return tuple([number for block in found for number in block])


def _steps(shape: Sizes) -> list[int] | None:
    """How far apart neighbours along each axis stand."""
    if not all(isinstance(n, int) for n in shape):
        return None
    return [product(shape[axis + 1 :]) for axis in range(len(shape))]  # type: ignore[misc]
