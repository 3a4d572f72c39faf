"""Nets run on random numbers, to witness what the algebra says of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlcalc.engine.operation import Array
from dlcalc.engine.program import Program
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Layout
from dlcalc.nets.parser import Net


def random_program(
    net: Net,
    sizes: tuple[int, ...],
    *,
    layout: Layout,
    convention: Convention,
    capacity: int,
    batch: int = 1,
) -> Program:
    """A forward program in float32 with random parameters and random inputs from 0 to 1.

    Raises `LayerError` for what the engine cannot run.
    """
    program = Program(
        net,
        sizes,
        batch=batch,
        layout=layout,
        convention=convention,
        dtype=np.float32,
        backwards=False,
        capacity=max(capacity, 1),
    )
    draw = np.random.default_rng(0)
    program.parameters[...] = draw.normal(size=program.parameters.shape) / 8
    for data, _ in program.inputs:
        data[...] = draw.random(data.shape)
    return program


def sees_just(
    program: Program,
    output: tuple[int, ...],
    windows: tuple[tuple[int, int], ...],
    corners: tuple[tuple[int, ...], ...],
) -> tuple[bool, bool]:
    """Whether an output sees nothing outside a window, and whether it sees these corners.

    ``windows`` are the first and the last input along each axis. First everything
    outside is NaN and the output must stay finite, then each corner alone is,
    and the output must turn NaN.
    """
    kept = program.input.data.copy()
    try:
        data = _channels_first(program, program.input.data)
        inside: Any = (slice(None), slice(None), *[slice(a, b + 1) for a, b in windows])
        window = data[inside].copy()
        data[...] = np.nan
        data[inside] = window
        outside = bool(np.isfinite(_output_at(program, output)).all())
        reached = []
        for corner in corners:
            program.input.data[...] = kept
            index: Any = (slice(None), slice(None), *corner)
            data[index] = np.nan
            reached.append(bool(np.isnan(_output_at(program, output)).any()))
    finally:
        program.input.data[...] = kept
    return outside, all(reached)


def _channels_first(program: Program, array: Array) -> Array:
    return np.moveaxis(array, -1, 1) if program.layout == "hwc" else array


def _output_at(program: Program, position: tuple[int, ...]) -> Array:
    with np.errstate(invalid="ignore"):
        output = _channels_first(program, program.forward())
    index: Any = (slice(None), slice(None), *position)
    found: Array = output[index]
    return found


def turns_nan(program: Program, output: tuple[int, ...], places: list[tuple[int, ...]]) -> bool:
    """Whether the output at a position turns NaN when the inputs at these places are NaN."""
    if not places:
        return False
    kept = program.input.data.copy()
    try:
        data = _channels_first(program, program.input.data)
        index: Any = (slice(None), slice(None), *np.array(places).T)
        data[index] = np.nan
        return bool(np.isnan(_output_at(program, output)).any())
    finally:
        program.input.data[...] = kept
