"""``--solve`` against exhaustive search: every value within the bounds sent through the net."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.errors import InputError, Source
from dlcalc.layers.axis import Axis
from dlcalc.layers.convention import CONVENTIONS, TORCH, Convention
from dlcalc.nets import conditions
from dlcalc.nets.parser import parse
from dlcalc.nets.search import Budget
from dlcalc.nets.solve import closest, solve_in
from dlcalc.nets.trace import trace
from dlcalc.nets.unknowns import Bounds, Question, unknowns

HIGH = 26
SMALL = {
    "kernel": (1, 4),
    "stride": (1, 3),
    "padding": (0, 2),
    "dilation": (1, 2),
    "output_padding": (0, 2),
    "H": (1, HIGH),
}


@st.composite
def words(draw: st.DrawFn) -> str:
    """A layer along one axis, known in full."""
    kind = draw(st.sampled_from(["conv", "maxpool", "avgpool", "deconv", "upsample", "block"]))
    k, s = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    p = draw(st.integers(0, k // 2))
    match kind:
        case "conv":
            return f"conv:1,k{k},s{s},p={draw(st.sampled_from([p, 'valid']))}"
        case "deconv":
            return f"convtranspose:1,k{k},s{s}"
        case "upsample":
            return f"upsample:{s}"
        case "block":
            inner = draw(st.sampled_from(["conv:1,k3,s2,p1 upsample:2", f"conv:1,k{k},p{p}"]))
            merge = draw(st.sampled_from(["residual", "concat"]))
            return f"{merge}[{inner} | identity]"
        case _:
            ceil = draw(st.sampled_from(["", ",ceil=yes"]))
            return f"{kind}:{k},s{s},p{p}{ceil}"


OPEN = [
    "conv:1,k_,p_",
    "conv:1,k_,s_",
    "conv:1,k2,d_,p_",
    "maxpool:_,s_,p_",
    "maxpool:k_,p_,ceil=yes",
    "avgpool:k_,p=same",
    "convtranspose:1,k_,s_",
    "convtranspose:1,k3,s_,op_",
    "convtranspose:1,k_,s2,p=same",
    "conv:1,k3,s_,p=same",
]


def question(line: str) -> Question:
    network = parse(Source(line), files=False, holes=True)
    assert network.input is not None
    opened = unknowns(network.input, network.net)
    given = {u.argument: SMALL[u.argument] for u in opened}
    return Question(network.input, network.net, unknowns(network.input, network.net, Bounds(given)))


def outputs(asked: Question, convention: Convention) -> dict[tuple[int, ...], tuple[int, ...]]:
    """The output of every combination of values that passes."""
    names = [u.name for u in asked.unknowns]
    found = {}
    for values in product(*(range(u.low, u.high + 1) for u in asked.unknowns)):
        try:
            start, net = asked.filled(dict(zip(names, values, strict=True)))
            found[values] = trace(net, start, convention)[-1].output.sizes
        except InputError:
            continue
    return found


def solved(
    asked: Question, target: tuple[int, ...], convention: Convention
) -> list[tuple[int, ...]]:
    """The answers in their order, each combination of values alone."""
    solution = solve_in(asked, target, convention, Budget(60))
    assert not solution.stopped
    found = []
    for answer in solution.answers:
        own = {
            name: [n for run in runs for n in range(run.first, run.last + 1, run.step)]
            for name, runs in answer.letters.items()
        }
        parts = [own.get(u.name) or [answer.numbers[u.name]] for u in asked.unknowns]
        found += list(product(*parts))
    return found


def compare(line: str, convention: Convention, draw: st.DataObject) -> None:
    asked = question(line)
    every = outputs(asked, convention)
    if not every:
        return
    target = draw.draw(st.sampled_from(sorted(set(every.values()))))
    found = solved(asked, target, convention)
    assert sorted(found) == sorted(values for values, out in every.items() if out == target)
    assert len(set(found)) == len(found)
    if not asked.letters:
        assert found == sorted(found, key=lambda values: (sum(values), values))


LIKE = st.sampled_from(["torch", "keras", "onnx"]).map(CONVENTIONS.__getitem__)


@settings(deadline=None, max_examples=150)
@given(st.lists(words(), min_size=1, max_size=4), LIKE, st.data())
def test_sizes_are_those_of_exhaustive_search(
    net: list[str], convention: Convention, draw: st.DataObject
) -> None:
    compare(f"1xH {' '.join(net)}", convention, draw)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(words(), max_size=1),
    st.sampled_from(OPEN),
    st.lists(words(), max_size=1),
    st.integers(4, 16),
    LIKE,
    st.data(),
)
def test_arguments_are_those_of_exhaustive_search(
    before: list[str],
    opened: str,
    after: list[str],
    n: int,
    convention: Convention,
    draw: st.DataObject,
) -> None:
    compare(" ".join([f"1x{n}", *before, opened, *after]), convention, draw)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(OPEN), LIKE, st.data())
def test_letters_and_arguments_at_once_too(
    opened: str, convention: Convention, draw: st.DataObject
) -> None:
    compare(f"1xH {opened}", convention, draw)


@settings(deadline=None, max_examples=60)
@given(st.lists(words(), min_size=1, max_size=3), st.integers(1, 40))
def test_the_nearest_output_is_nearest(net: list[str], side: int) -> None:
    asked = question(f"1xH {' '.join(net)}")
    every = outputs(asked, TORCH)
    if not every:
        return
    channels = next(iter(every.values()))[0]
    reached = closest(asked, (channels, side), TORCH, Budget(60))
    assert reached is not None
    least = min(abs(out[1] - side) for out in every.values())
    assert abs(int(str(reached.output.sizes[1])) - side) == least


def test_the_comparison_notices_a_planted_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = question("1xH conv:1,k3,s2")
    right = sorted(v for v, out in outputs(asked, TORCH).items() if out == (1, 5))
    assert sorted(solved(asked, (1, 5), TORCH)) == right
    first = conditions._first
    monkeypatch.setattr(conditions, "_first", lambda *a: first(*a) + 1)
    assert sorted(solved(asked, (1, 5), TORCH)) != right


def test_it_notices_a_wrong_bound_of_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcalc.nets import enclosure

    asked = question("1x9 conv:1,k_,p_")
    right = sorted(v for v, out in outputs(asked, TORCH).items() if out == (1, 8))
    assert sorted(solved(asked, (1, 8), TORCH)) == right
    size = enclosure._size

    def shifted(axis: Axis, n: int, upper: bool) -> int:
        return size(axis, n, upper) - upper

    monkeypatch.setattr(enclosure, "_size", shifted)
    assert sorted(solved(asked, (1, 8), TORCH)) != right


def test_bounds_of_a_million_stay_in_time_and_say_so() -> None:
    network = parse(Source("28 conv:k_,s2,p_"), holes=True)
    assert network.input is not None
    bounds = Bounds({"kernel": (1, 10**6), "padding": (0, 10**6)})
    asked = Question(network.input, network.net, unknowns(network.input, network.net, bounds))
    solution = solve_in(asked, (14,), TORCH, Budget(1.0))
    assert "stopped after 1 s" in solution.stopped
    assert list(solution.answers[0].numbers.values()) == [1, 0]
