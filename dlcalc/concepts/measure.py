"""What proofs measure with: the calculators' answers, and the engine run on real arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from dlcalc.answers.network import load_line
from dlcalc.answers.shape import shape

if TYPE_CHECKING:
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
