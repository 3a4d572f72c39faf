"""Parts of the ONNX reader: groups of nodes that are one activation, batches, small constants."""

from __future__ import annotations

from typing import Any

import pytest

from dlcalc.answers.model import Way
from dlcalc.errors import InputError
from dlcalc.interop.graph import Graph
from dlcalc.interop.onnx.model import Constant, Given, Model, Op
from dlcalc.interop.onnx.read import followed
from dlcalc.layers.shape import Shape

X = (Given("x", (1, 4), 1),)


def op(kind: str, inputs: str, output: str, **attributes: Any) -> Op:
    return Op(f"{kind} {output}", kind, tuple(inputs.split()), (output,), attributes)


def number(name: str, value: float) -> Constant:
    return Constant(name, (), 1, (value,))


def built(
    *ops: Op,
    constants: tuple[Constant, ...] = (),
    inputs: tuple[Given, ...] = X,
    opset: int = 17,
    given: Shape | None = None,
) -> Graph:
    held = {constant.name: constant for constant in constants}
    return followed(Model(opset, ops, held, inputs, (ops[-1].outputs[0],)), "a.onnx", given)[1]


def layers(graph: Graph) -> list[str]:
    return [vertex.node.text for vertex in graph.vertices if vertex.node is not None]


NUMBERS = (number("one", 1.0), number("half", 0.5), number("root", 2**0.5), number("three", 3.0))
NUMBERS += (number("six", 6.0), number("zero", 0.0))
ERF = (op("Div", "x root", "a"), op("Erf", "a", "b"), op("Add", "b one", "c"))
#: Nodes as exporters write an activation, and the activation.
GROUPS: dict[str, tuple[Op, ...]] = {
    "silu": (op("Sigmoid", "x", "a"), op("Mul", "x a", "y")),
    "mish": (op("Softplus", "x", "a"), op("Tanh", "a", "b"), op("Mul", "x b", "y")),
    "gelu": (*ERF, op("Mul", "x c", "d"), op("Mul", "d half", "y")),
    "gelu, half first": (op("Mul", "x half", "h"), *ERF, op("Mul", "h c", "y")),
    "hardswish": (
        op("Add", "x three", "a"),
        op("Clip", "a zero six", "b"),
        op("Mul", "x b", "c"),
        op("Div", "c six", "y"),
    ),
    "hardswish, of its parts": (
        op("HardSigmoid", "x", "a", alpha=1 / 6, beta=0.5),
        op("Mul", "x a", "y"),
    ),
    "relu6": (op("Relu", "x", "a"), op("Min", "a six", "y")),
}


@pytest.mark.parametrize("name", GROUPS)
def test_several_nodes_are_one_activation(name: str) -> None:
    graph = built(*GROUPS[name], constants=NUMBERS)
    assert layers(graph) == [name.partition(",")[0]]
    assert not graph.standins


@pytest.mark.parametrize(
    "ops",
    [
        (op("Mul", "x x", "a"), op("Sigmoid", "a", "y")),
        (op("Div", "x half", "a"), *ERF[1:], op("Mul", "x c", "d"), op("Mul", "d half", "y")),
        (op("Sigmoid", "x", "a"), op("Mul", "x a", "b"), op("Add", "b a", "y")),
    ],
)
def test_the_same_nodes_in_another_order_are_not(ops: tuple[Op, ...]) -> None:
    found = layers(built(*ops, constants=NUMBERS))
    assert not {"silu", "gelu"} & set(found)


def test_the_search_for_groups_is_bounded() -> None:
    chain = [op("Sigmoid", f"y{n}" if n else "x", f"y{n + 1}") for n in range(20_000)]
    walk, graph = followed(Model(17, tuple(chain), {}, X, ("y20000",)), "a.onnx", None)
    assert len(layers(graph)) == 20_000
    assert walk.tried < 1_100_000


def test_a_batch_that_is_mixed_stays_in_the_shapes() -> None:
    image = (Given("x", (2, 3, 4), 1),)
    graph = built(op("ReduceMax", "x", "y", axes=(0, 1)), op("Relu", "y", "z"), inputs=image)
    assert str(graph.inputs[0].output) == "2x3x4"
    assert graph.notes == ("the batch is an axis of these shapes, and counted in MACs",)


def test_a_batch_is_followed_where_it_is_moved() -> None:
    image = (Given("x", ("n", 3, 4), 1),)
    ops = (op("Transpose", "x", "a", perm=(1, 0, 2)), op("Relu", "a", "b"))
    back = op("Transpose", "b", "y", perm=(1, 0, 2))
    graph = built(*ops, back, inputs=image)
    assert layers(graph) == ["relu"]
    assert str(graph.vertices[graph.outputs[0]].output) == "3x4"


def test_shapes_are_worked_out_with_letters() -> None:
    """View as PyTorch exports it: the sizes of a tensor, joined with -1, are its new ones."""
    image = (Given("x", ("n", 6, "h", "w"), 1),)
    constants = (Constant("at", (1,), 7, (0,)), Constant("rest", (2,), 7, (3, -1)))
    ops = (
        op("Shape", "x", "s"),
        op("Gather", "s at", "n", axis=0),
        op("Concat", "n rest", "t", axis=0),
        op("Reshape", "x t", "y"),
    )
    graph = built(*ops, constants=constants, inputs=image)
    assert str(graph.vertices[-1].output) == "3 x 2*H*W"
    assert (
        str(
            built(*ops, constants=constants, inputs=image, given=Shape((6, 4, 5)))
            .vertices[-1]
            .output
        )
        == "3x40"
    )


def test_two_inputs_are_one_batch() -> None:
    pair = (Given("x", ("n", 4), 1), Given("z", ("n", 4), 1))
    graph = built(op("Add", "x z", "y"), inputs=pair)
    assert Way(graph).net is None
    assert [str(vertex.output) for vertex in graph.inputs] == ["4", "4"]


def test_weights_that_two_nodes_read_are_counted_once() -> None:
    weight = Constant("w", (4, 4), 1)
    graph = built(op("MatMul", "x w", "a"), op("MatMul", "a w", "y"), constants=(weight,))
    held = [vertex.layer.parameters(Shape((4,)), graph.convention) for vertex in graph.vertices[1:]]  # type: ignore[union-attr]
    assert held == [{"weight": (4, 4)}, {}]
    assert "read by several nodes and counted once: w" in graph.notes


def test_what_no_layer_holds_is_told_of() -> None:
    weight = Constant("unused", (5, 7), 1)
    graph = built(op("Add", "x b", "y"), constants=(Constant("b", (4,), 1), weight))
    assert any("4 of the parameters are read beside layers, such as b" in n for n in graph.notes)
    assert "no layer holds unused: 35 numbers are not counted" in graph.notes


def test_a_weight_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="4 inputs meet a weight of 5"):
        built(op("Gemm", "x w", "y"), constants=(Constant("w", (5, 3), 1),))
    with pytest.raises(InputError, match="4 columns meet 5 rows"):
        built(op("MatMul", "x w", "y"), constants=(Constant("w", (5, 3), 1),))
