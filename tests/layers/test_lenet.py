"""The layers of LeNet-5 against the figures in the paper and a naive count."""

from __future__ import annotations

from math import prod

import pytest

from dlcalc.errors import LayerError
from dlcalc.layers.base import DoesNotFit
from dlcalc.layers.convention import TORCH
from dlcalc.layers.lenet import Rbf, Subsample
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import letter

H = letter("H")


@pytest.mark.parametrize(
    ("sizes", "after", "parameters", "connections"),
    # LeCun, Bottou, Bengio and Haffner, 1998, section II.B: S2 and S4.
    [((6, 28, 28), (6, 14, 14), 12, 5_880), ((16, 10, 10), (16, 5, 5), 32, 2_000)],
)
def test_subsampling_is_counted_as_in_the_paper(
    sizes: tuple[int, ...], after: tuple[int, ...], parameters: int, connections: int
) -> None:
    layer = Subsample(kernel=(2,))
    shape = Shape(sizes)
    output = layer.output_shape(shape, TORCH)
    assert output.sizes == after
    tensors = layer.parameters(shape, TORCH)
    assert tensors == {"weight": sizes[:1], "bias": sizes[:1]}
    assert sum(map(prod, tensors.values())) == parameters
    assert layer.connections(shape, output) == connections
    assert layer.parts(shape, output) == {"bias": prod(after)}
    assert layer.unshared(shape, output, TORCH) == 2 * prod(after)
    assert layer.macs_unknown


def test_rbf_units_are_counted_as_in_the_paper() -> None:
    layer = Rbf(out=10)
    shape = Shape((84,))
    output = layer.output_shape(shape, TORCH)
    assert output.sizes == (10,)
    assert layer.parameters(shape, TORCH) == {}
    assert layer.buffers(shape, TORCH) == {"weight": (10, 84)}
    assert layer.connections(shape, output) == 840
    assert layer.macs_unknown
    with pytest.raises(LayerError, match="rbf needs features, but gets 120x1x1"):
        layer.output_shape(Shape((120, 1, 1)), TORCH)


def test_subsampling_is_a_window_without_overlap() -> None:
    layer = Subsample(kernel=(2, 3))
    shape = Shape((6, 9, 11))
    assert layer.output_shape(shape, TORCH).sizes == (6, 4, 3)
    assert layer.formula(shape, TORCH) == "(9 - 2)//2 + 1 = 4; (11 - 3)//3 + 1 = 3"
    high, wide = layer.axes(shape, TORCH) or ()
    assert [high.seen(i, i) for i in range(2)] == [(0, 1), (2, 3)]
    assert [wide.seen(i, i) for i in range(2)] == [(0, 2), (3, 5)]
    assert layer.connections(shape, layer.output_shape(shape, TORCH)) == 6 * 4 * 3 * 7
    assert Subsample(kernel=(2,)).output_shape(Shape((6, H)), TORCH).sizes == (6, H // 2)


def test_subsampling_refuses_a_window_larger_than_its_input() -> None:
    with pytest.raises(DoesNotFit, match="a 3x3 kernel does not fit into 2x9") as caught:
        Subsample(kernel=(3,)).output_shape(Shape((6, 2, 9)), TORCH)
    assert caught.value.axes[0].low == 3
    with pytest.raises(LayerError, match="subsample2d needs CxHxW"):
        Subsample(rank=2, kernel=(2,)).output_shape(Shape((6, 9)), TORCH)
