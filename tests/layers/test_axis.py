"""Composed maps of one axis do what their layers do one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.layers.axis import Axis, Chain
from dlcalc.layers.size import letter


class Window(NamedTuple):
    """A window over a line, with ``slack`` what a ceiling adds."""

    kernel: int
    stride: int
    begin: int
    end: int
    slack: int = 0

    def axis(self) -> Axis:
        return Axis.window(**self._asdict())

    def size(self, n: int) -> int:
        return (n + self.begin + self.end - self.kernel + self.slack) // self.stride + 1

    def inputs(self, output: int) -> set[int]:
        return {output * self.stride - self.begin + i for i in range(self.kernel)}


class Transposed(NamedTuple):
    """A transposed window: input i adds to the outputs i*stride - begin + 0 ... kernel - 1."""

    kernel: int
    stride: int
    begin: int
    end: int
    output_padding: int

    def axis(self) -> Axis:
        return Axis.transposed(**self._asdict())

    def size(self, n: int) -> int:
        return (n - 1) * self.stride - self.begin - self.end + self.kernel + self.output_padding

    def inputs(self, output: int) -> set[int]:
        position = output + self.begin
        # Wide enough for every input that can reach the position.
        near = range(position // self.stride - self.kernel, position // self.stride + 1)
        return {i for i in near if 0 <= position - i * self.stride < self.kernel}


@st.composite
def windows(draw: st.DrawFn, slack: bool = True) -> Window:
    kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    begin, end = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return Window(kernel, stride, begin, end, draw(st.integers(0, stride - 1)) if slack else 0)


@st.composite
def transposed(draw: st.DrawFn) -> Transposed:
    kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    begin, end = draw(st.integers(0, kernel - 1)), draw(st.integers(0, kernel - 1))
    return Transposed(kernel, stride, begin, end, draw(st.integers(0, stride - 1)))


Part = Window | Transposed
PLAIN = st.lists(windows(slack=False), min_size=1, max_size=6)
SLACK = st.lists(windows(), min_size=1, max_size=6)
MIXED = st.lists(windows() | transposed(), min_size=1, max_size=5)


def chained(parts: Iterable[Part]) -> Chain:
    chain = Chain()
    for part in parts:
        chain = chain.then(part.axis())
    return chain


def passes(parts: Iterable[Part], n: int) -> bool:
    """Whether every size on the way is at least 1."""
    for part in parts:
        n = part.size(n)
        if n < 1:
            return False
    return True


def seen(parts: list[Part], output: int) -> set[int]:
    """The inputs that an output sees, borders not clipped, position by position."""
    positions = {output}
    for part in reversed(parts):
        positions = {i for position in positions for i in part.inputs(position)}
    return positions


@settings(deadline=None, max_examples=300)
@given(MIXED, st.integers(1, 400))
def test_sizes_are_those_of_the_layers_one_by_one(parts: list[Part], n: int) -> None:
    expected = n
    for part in parts:
        expected = part.size(expected)
    assert chained(parts).size(n) == expected


@settings(deadline=None, max_examples=200)
@given(MIXED)
def test_low_is_the_least_input_that_passes(parts: list[Part]) -> None:
    least = next(n for n in range(1, 100_000) if passes(parts, n))
    assert chained(parts).low == least


@settings(deadline=None, max_examples=100)
@given(windows() | transposed(), st.integers(1, 60))
def test_least_is_the_least_input_of_a_size(part: Part, size: int) -> None:
    expected = next(n for n in range(1, 1_000) if part.size(n) >= size)
    assert part.axis().least(size) == expected


@settings(deadline=None, max_examples=100)
@given(SLACK)
def test_a_chain_of_windows_is_one_map(parts: list[Window]) -> None:
    assert len(chained(parts).maps) == 1


@settings(deadline=None, max_examples=100)
@given(SLACK, SLACK)
def test_then_is_associative(left: list[Window], right: list[Window]) -> None:
    joined = chained(left).maps[0].then(chained(right).maps[0])
    assert joined == chained([*left, *right]).maps[0]


@settings(deadline=None, max_examples=100)
@given(SLACK)
def test_the_closed_formula_is_that_of_the_layers_one_by_one(parts: list[Window]) -> None:
    size = letter("H")
    for part in parts:
        size = part.axis().size(size)
    assert chained(parts).size(letter("H")) == size


@settings(deadline=None, max_examples=200)
@given(PLAIN, st.integers(0, 9))
def test_windows_see_exactly_what_index_sets_say(parts: list[Window], output: int) -> None:
    chain = chained(parts)
    positions, following = seen(parts, output), seen(parts, output + 1)
    assert chain.seen(output) == (min(positions), max(positions))
    assert chain.receptive_field == max(positions) - min(positions) + 1
    assert chain.jump == min(following) - min(positions)
    assert chain.begin == -min(seen(parts, 0))


@settings(deadline=None, max_examples=200)
@given(MIXED, st.integers(0, 40))
def test_seen_encloses_what_index_sets_say(parts: list[Part], output: int) -> None:
    # With transposed layers some positions between the ends may see nothing, so
    # `seen` may be wider than the index set, and never narrower.
    first, last = chained(parts).seen(output)
    assert all(first <= i <= last for i in seen(parts, output))


@settings(deadline=None, max_examples=100)
@given(transposed(), st.integers(0, 40))
def test_one_transposed_layer_sees_exactly_its_index_set(part: Transposed, output: int) -> None:
    first, last = chained([part]).seen(output)
    assert set(range(first, last + 1)) == part.inputs(output)


@settings(deadline=None, max_examples=100)
@given(MIXED)
def test_no_output_sees_more_than_the_receptive_field(parts: list[Part]) -> None:
    field = chained(parts).receptive_field
    assert field is not None
    for output in range(30):
        positions = seen(parts, output)
        assert not positions or max(positions) - min(positions) + 1 <= field


@settings(deadline=None, max_examples=100)
@given(MIXED)
def test_jump_is_what_outputs_move_by_on_the_whole(parts: list[Part]) -> None:
    chain = chained(parts)
    period = 1
    for part in parts:
        period *= part.stride
    first, last = chain.seen(0), chain.seen(period)
    assert last[0] - first[0] == chain.jump * period


def test_too_many_phases_have_no_receptive_field() -> None:
    double = Axis.transposed(kernel=2, stride=2, begin=0, end=0, output_padding=0)
    chain = Chain()
    for _ in range(12):
        chain = chain.then(double)
    assert chain.receptive_field == 1
    assert chain.then(double).receptive_field is None
