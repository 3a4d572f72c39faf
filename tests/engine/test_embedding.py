"""Embeddings and single steps: values by hand, gradients, the algebra's numbers, PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, error, gradients

from dlcalc.answers.network import load_line
from dlcalc.engine.program import Program
from dlcalc.errors import InputError, LayerError
from dlcalc.layers.convention import CONVENTIONS

NETS = [
    "5x3 position",
    "5x3 position:8",
    "5x3 segment:2",
    "5x3 token",
    "5x3 token:3",
    "5x3 first dense:2",
    "5x3 last",
    "5x3 token position:9 segment:3 dense:4 first",
    "1x3 residual[token last | first] dense:2",
]
WORDS = [
    "6 embedding:9,4",
    "2x3 embedding:5,2",
    "6 embedding:9,4 position:7 token segment:2 last dense:9,tied=embedding1,bias=no",
]


def after_another_run(program: Program) -> Program:
    """The program with something in all that its backward pass has to write."""
    for vector in (program.gradient, program.input.cotangent):
        vector[...] = 7
    return program


def with_words(line: str, **settings: Any) -> Program:
    """The program of a line that starts with an embedding, on words drawn at random."""
    program = compiled(line, **settings)
    words = program.tensors["embedding1.weight"].value.shape[0]
    shape = program.input.data.shape
    program.input.data[...] = np.random.default_rng(3).integers(0, words, shape)
    return program


@pytest.mark.parametrize("line", NETS)
def test_gradients_are_those_of_complex_steps(line: str) -> None:
    _, by_parameters, by_input = gradients(after_another_run(compiled(line)))
    exact = complex_steps(line)
    assert error(by_parameters, exact[0]) < 1e-13
    assert error(by_input, exact[1]) < 1e-13


@pytest.mark.parametrize("like", ["torch", "caffe"])
@pytest.mark.parametrize("line", WORDS)
def test_gradients_by_words(line: str, like: str) -> None:
    program = with_words(line, like=like)
    cotangent, by_parameters, by_input = gradients(after_another_run(program))
    assert not by_input.any()
    twin = with_words(line, like=like, dtype=np.complex128, backwards=False)
    twin.parameters[...] = program.parameters
    exact = np.zeros(program.parameters.size)
    for index in range(exact.size):
        twin.parameters[index] += 1e-30j
        exact[index] = np.sum(twin.forward() * cotangent).imag / 1e-30
        twin.parameters[index] = program.parameters[index]
    assert error(by_parameters, exact) < 1e-13


@pytest.mark.parametrize("like", list(CONVENTIONS))
@pytest.mark.parametrize("line", [*NETS[:7], *WORDS[:2]])
def test_the_algebra_says_the_same(line: str, like: str) -> None:
    start, net = load_line(line)
    layer, convention = net[0].layer, CONVENTIONS[like]  # type: ignore[union-attr]
    first = Program((net[0],), start.sizes, convention=convention, batch=2)
    assert first.output.data.shape == (2, *layer.output_shape(start, convention).sizes)
    claimed = layer.parameters(start, convention)
    assert {name: t.value.shape for name, t in first.tensors.items()} == {
        f"{layer.words[0]}1.{name}": sizes for name, sizes in claimed.items()
    }
    assert not first.multiplications


def test_values_by_hand() -> None:
    program = compiled("3 embedding:2,2", batch=1)
    program.parameters[...] = [1, 2, 30, 40]
    program.input.data[...] = [[1, 0, 1]]
    assert program.forward().tolist() == [[[30, 40], [1, 2], [30, 40]]]
    program.output.cotangent[...] = [[[1, 2], [4, 8], [16, 32]]]
    assert program.backward().tolist() == [4, 8, 17, 34]


def test_rows_that_no_word_looked_up_have_no_gradient() -> None:
    program = compiled("4 embedding:7,2")
    program.gradient[...] = 5
    program.input.data[...] = 3
    _, gradient, _ = gradients(program)
    rows = gradient.reshape(7, 2)
    assert rows[3].all()
    assert not np.delete(rows, 3, 0).any()


def test_numbers_are_rounded_down() -> None:
    program = compiled("2 embedding:3,1", batch=1)
    program.parameters[...] = [1, 2, 3]
    program.input.data[...] = [[0.9, 2.5]]
    assert program.forward().ravel().tolist() == [1, 3]


@pytest.mark.parametrize("wrong", [-1, -0.5, 5, 5.5, np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_numbers_of_no_word_are_refused(wrong: float, dtype: type) -> None:
    program = compiled("2x3 embedding:5,2", dtype=dtype, backwards=False)
    program.input.data[...] = 4
    program.forward()
    program.input.data[1, 0, 2] = wrong
    with pytest.raises(InputError, match=rf"0 to 4, but example 1 has {wrong:g} at \[0,2\]"):
        program.forward()


def test_numbers_too_large_for_their_type_are_refused() -> None:
    start, net = load_line("2 embedding:20000000,1")
    with pytest.raises(LayerError, match="float32"):
        Program(net, start.sizes, dtype=np.float32, backwards=False)


def test_segments_are_all_the_first_unless_given() -> None:
    program = compiled("2x1 segment:3", batch=1)
    program.parameters[...] = [10, 20, 30]
    program.input.data[...] = [[[1], [2]]]
    assert program.forward().ravel().tolist() == [11, 12]
    program.statistics["segment1.ids"][...] = [[2, 1]]
    assert program.forward().ravel().tolist() == [31, 22]
    program.output.cotangent[...] = [[[5], [7]]]
    assert program.backward().tolist() == [0, 7, 5]
    program.statistics["segment1.ids"][...] = 3
    with pytest.raises(InputError, match="segments go from 0 to 2"):
        program.forward()


def test_tokens_positions_and_steps_by_hand() -> None:
    program = compiled("2x1 token:1 position:4", batch=1)
    program.parameters[...] = [7, 100, 200, 300, 400]
    program.input.data[...] = [[[1], [2]]]
    assert program.forward().ravel().tolist() == [107, 201, 302]
    for word, value in (("first", 5), ("last", 6)):
        step = compiled(f"2x1 {word}", batch=1)
        step.input.data[...] = [[[5], [6]]]
        assert step.forward().tolist() == [[value]]


def test_sequences_that_do_not_fit_are_refused() -> None:
    for line, says in (
        ("5x3 position:4", "4 rows, but the sequence has 5 steps"),
        ("3 first", "first reads TIMExFEATURES"),
    ):
        start, net = load_line(line)
        with pytest.raises(LayerError, match=says):
            Program(net, start.sizes)


def test_types_stay_what_they_are_and_a_second_run_is_the_first() -> None:
    program = with_words(WORDS[2], dtype=np.float32)
    first = gradients(program)
    for one, other in zip(first, gradients(program), strict=True):
        assert np.array_equal(one, other)
    assert first[1].dtype == np.float32 == program.output.data.dtype


def test_torch_embedding() -> None:
    torch = pytest.importorskip("torch")
    program = with_words("50 embedding:20,6", batch=4)
    cotangent, gradient, _ = gradients(program)
    layer = torch.nn.Embedding.from_pretrained(
        torch.tensor(program.tensors["embedding1.weight"].value), freeze=False
    )
    y = layer(torch.tensor(program.input.data).long())
    y.backward(torch.tensor(cotangent))
    assert np.array_equal(program.output.data, y.detach().numpy())
    assert error(gradient, layer.weight.grad.numpy().ravel()) < 1e-14
