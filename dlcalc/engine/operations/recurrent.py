"""Recurrent layers: cells in layers and directions, time first between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from dlcalc.engine.cells.cell import Cell, states
from dlcalc.engine.cells.gru import GruAfter, GruBefore
from dlcalc.engine.cells.lstm import Lstm, Rnn, SigmoidRnn
from dlcalc.engine.operation import Site, Value, operation
from dlcalc.errors import LayerError
from dlcalc.layers.convention import Convention


@operation("rnn")
def rnn(site: Site) -> Value:
    """Elman, "Finding Structure in Time", 1990."""
    if site.convention.plain_recurrent_output:
        raise LayerError(
            f"the rnn of {site.convention.name} ends in an output layer of its own",
            "Its lstm does not.",
        )
    kind = SigmoidRnn if site.layer.act == "sigmoid" else Rnn
    return _stacked(site, kind, site.layer.biases or site.convention.recurrent_biases)


@operation("lstm")
def lstm(site: Site) -> Value:
    """Hochreiter and Schmidhuber, 1997; Gers et al., 2000; the projection by Sak et al., 2014."""
    if site.layer.proj is not None and not site.convention.projection:
        raise LayerError(
            f"lstm takes no proj in {site.convention.name}",
            f"Leave it out, or put dense:{site.layer.proj} behind it.",
        )
    return _stacked(site, Lstm, site.layer.biases or site.convention.recurrent_biases)


@operation("gru")
def gru(site: Site) -> Value:
    """Cho et al., 2014; reset after the product as in torch/nn/modules/rnn.py."""
    layer, convention = site.layer, site.convention
    after = resets_after(layer, convention)
    if layer.reset_after is None:
        usual = convention.gru_biases
    else:
        usual = 2 if after else convention.recurrent_biases
    return _stacked(site, GruAfter if after else GruBefore, layer.biases or usual)


def resets_after(layer: Any, convention: Convention) -> bool:
    """Whether the reset gate acts after the product with the state, or before.

    If nothing is said: before if there is one bias vector for each gate, for
    resetting after needs two (Keras has it so, and so does the textbook). With two,
    after if the framework always does, or has the second for this alone (Keras,
    whose other recurrent layers have one); before in ONNX, where
    linear_before_reset is 0.
    """
    if layer.reset_after is not None:
        return bool(layer.reset_after)
    if (layer.biases or convention.gru_biases) == 1:
        return False
    return convention.gru_resets_after or convention.gru_biases > convention.recurrent_biases


def _stacked(site: Site, kind: type[Cell], vectors: int) -> Value:
    """Cells in layers and directions; both directions read the same and stand side by side."""
    layer = site.layer
    if site.x.data.ndim != 3:
        sizes = "x".join(map(str, site.x.data.shape[1:]))
        raise LayerError(
            f"{layer.words[0]} reads TIMExFEATURES, but gets {sizes}",
            "Make every position a step with reshape.",
        )
    batch, time, inputs = site.x.data.shape
    state = int(getattr(layer, "proj", None) or layer.out)
    suffixes = ("", "_reverse") if layer.bidirectional else ("",)
    given = site.x.cotangent
    x = Value(
        site.array(time, batch, inputs), None if given is None else site.array(time, batch, inputs)
    )
    site.then(np.copyto, x.data, site.x.data.swapaxes(0, 1))
    read = x
    undo: list[Callable[[], None]] = []
    for level in range(layer.layers):
        y = states(site, time, len(suffixes) * state)
        cells = []
        for place, suffix in enumerate(suffixes):
            part = y.part(place * state, (place + 1) * state)
            name = f"_l{level}{suffix}"
            cells.append(kind(site, x, part, name, place == 1, vectors if layer.bias else 0))
            cells[-1].append_forward()
        undo.append(partial(_append_backward, cells))
        x = Value(y.now, y.cotangent)
        if layer.dropout and site.training and level < layer.layers - 1:
            x = _dropped(site, x, layer.dropout, undo)
    result = site.value(batch, time, len(suffixes) * state)
    site.then(np.copyto, result.data, x.data.swapaxes(0, 1))
    if site.backwards:
        site.back(np.copyto, x.cotangent, result.cotangent.swapaxes(0, 1))
        for append in reversed(undo):
            append()
        if given is not None:
            site.back(np.copyto, given, read.cotangent.swapaxes(0, 1))
    return result


def _append_backward(cells: list[Cell]) -> None:
    for place, cell in enumerate(cells):
        cell.append_backward(first=place == 0)


def _dropped(site: Site, x: Value, share: float, undo: list[Callable[[], None]]) -> Value:
    """Some values set to 0 at random, the others raised so that the mean stays."""
    draws = np.zeros(x.data.shape, x.data.real.dtype)
    raised = 0.0 if share == 1 else 1 / (1 - share)
    y = Value(np.zeros_like(x.data), None if x.cotangent is None else np.zeros_like(x.data))

    def drop() -> None:
        site.program.generator.random(out=draws, dtype=draws.dtype)
        np.greater_equal(draws, share, draws)
        np.multiply(draws, raised, draws)
        np.multiply(x.data, draws, y.data)

    site.then(drop)
    undo.append(lambda: site.back(np.multiply, y.cotangent, draws, x.cotangent))
    return y
