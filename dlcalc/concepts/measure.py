"""What proofs measure with: the calculators' answers, and the engine run on real arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from dlcalc.answers.network import load_line
from dlcalc.answers.shape import shape

if TYPE_CHECKING:
    from numpy.random import Generator

    from dlcalc.engine.operation import Array
    from dlcalc.engine.program import Program


def made(line: str, like: str = "torch") -> str:
    """The output shape that the engine makes of real arrays, as dlcalc shape --verify has it.

    >>> made("3x32x32 conv:6,k5")
    '6x28x28'
    """
    result = shape(line, verify=True, like=like)
    if result.failure:
        raise AssertionError(result.failure)
    return str(result.value)


def compiled(line: str, tensors: Mapping[str, object] | None = None) -> Program:
    """A net in the engine for one example, with these tensors; those not given are 0."""
    from dlcalc.engine.program import Program

    start, net = load_line(line)
    # The lines of proofs have numbers for sizes, never letters.
    program = Program(net, cast("tuple[int, ...]", start.sizes))
    for name, value in (tensors or {}).items():
        program.tensors[name].value[...] = value
    return program


def ran(line: str, x: object, tensors: Mapping[str, object] | None = None) -> Array:
    """What the engine makes of one example, without the batch.

    >>> float(ran("1x2x2 globalmaxpool", [[[1, 2], [3, 4]]]).item())
    4.0
    """
    program = compiled(line, tensors)
    program.input.data[...] = x
    program.forward()
    found: Array = program.output.data[0].copy()
    return found


def trial(line: str, random: Generator, batch: int) -> Program:
    """A net in training with weights, a batch and a cotangent drawn at random, as masks are."""
    from dlcalc.engine.program import Program

    start, net = load_line(line)
    sizes = cast("tuple[int, ...]", start.sizes)
    program = Program(net, sizes, batch=batch, training=True, generator=random)
    for array in (program.parameters, program.input.data, program.output.cotangent):
        if array is not None:
            array[...] = random.normal(size=array.shape)
    return program


def number(value: object) -> float:
    """A result's value, where the question has one number for an answer."""
    if not isinstance(value, int | float):
        raise AssertionError(value)
    return float(value)


def mean(values: Sequence[float]) -> float:
    """The mean over trials.

    >>> mean([1.0, 2.0])
    1.5
    """
    return sum(values) / len(values)


def difference(f: Callable[[float], float], x: float, step: float = 1e-5) -> float:
    """A central difference.

    >>> round(difference(lambda x: x * x, 3.0), 6)
    6.0
    """
    return (f(x + step) - f(x - step)) / (2 * step)


def partial_difference(
    f: Callable[[Sequence[float]], float], at: Sequence[float], i: int, step: float = 1e-5
) -> float:
    """A central difference by one entry of a vector."""
    return difference(lambda x: f([*at[:i], x, *at[i + 1 :]]), at[i], step)


def passed(line: str, x: Sequence[float], tensors: Mapping[str, object] | None = None) -> Array:
    """The gradient that reaches one example, in the engine, where ones come in at the end.

    >>> passed("3 relu", [-1, 0, 2]).tolist()
    [0.0, 0.0, 1.0]
    """
    program = compiled(line, tensors)
    program.input.data[...] = x
    program.forward()
    program.output.cotangent[...] = 1
    program.backward()
    found: Array = program.input.cotangent[0].copy()
    return found


def slopes(name: str, points: Sequence[float]) -> tuple[float, ...]:
    """The slopes that dlcalc activation gives at points."""
    from dlcalc.answers.activation import activation

    found = activation(name, at=points, of="derivative").value
    return (number(found),) if len(points) == 1 else tuple(found)  # type: ignore[arg-type]
