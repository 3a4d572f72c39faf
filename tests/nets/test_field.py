"""Receptive fields through branches, against index sets; and those of well-known nets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.errors import Source
from dlcalc.nets import field as fields
from dlcalc.nets.field import Field
from dlcalc.nets.parser import parse
from dlcalc.nets.trace import Step, trace


class Window(NamedTuple):
    kernel: int
    stride: int
    begin: int
    end: int

    def word(self) -> str:
        return f"conv:1,k{self.kernel},s{self.stride},p={self.begin}+{self.end}"

    def inputs(self, outputs: set[int]) -> set[int]:
        return {
            output * self.stride - self.begin + i for output in outputs for i in range(self.kernel)
        }


class Branches(NamedTuple):
    """Chains of windows side by side; an empty one is the identity."""

    chains: tuple[tuple[Window, ...], ...]

    def word(self) -> str:
        nets = [" ".join(w.word() for w in chain) or "identity" for chain in self.chains]
        return f"concat[{' | '.join(nets)}] conv:1,k1"

    def inputs(self, outputs: set[int]) -> set[int]:
        return set().union(*(seen(chain, outputs) for chain in self.chains))

    def aligned(self) -> bool:
        """Whether first and second outputs have the same centres in all branches."""
        ends = {
            tuple(min(s) + max(s) for s in (seen(chain, {0}), seen(chain, {1})))
            for chain in self.chains
        }
        return len(ends) == 1


Part = Window | Branches


def seen(parts: Iterable[Part], outputs: set[int]) -> set[int]:
    for part in reversed(tuple(parts)):
        outputs = part.inputs(outputs)
    return outputs


@st.composite
def windows(draw: st.DrawFn) -> Window:
    kernel = draw(st.integers(1, 4))
    ends = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    return Window(kernel, draw(st.integers(1, 3)), *ends)


@st.composite
def same_size(draw: st.DrawFn, stride: int) -> tuple[Window, ...]:
    """Windows that make ceil(n/stride) of n together, whatever their padding at either end."""
    chain = []
    for s in draw(st.permutations([stride, 1])):
        kernel = draw(st.integers(1, 4))
        begin = draw(st.integers(0, kernel - 1))
        chain.append(Window(kernel, s, begin, kernel - 1 - begin))
    return tuple(chain)


@st.composite
def branches(draw: st.DrawFn) -> Branches:
    stride = draw(st.integers(1, 3))
    chains = st.lists(same_size(stride), min_size=2, max_size=3)
    drawn = draw(chains)
    return Branches(tuple([*drawn, ()] if stride == 1 and draw(st.booleans()) else drawn))


def traced(net: str) -> tuple[tuple[Step, ...], list[Field]]:
    network = parse(Source(net), files=False)
    assert network.input is not None
    steps = trace(network.net, network.input)
    seen = fields.follow(steps, fields.start(network.input))
    return steps, [item.field for item in seen]


@settings(deadline=None, max_examples=150)
@given(
    st.lists(windows(), max_size=2), branches(), st.lists(windows(), max_size=2), st.integers(0, 5)
)
def test_outputs_see_what_index_sets_say(
    before: list[Window], block: Branches, after: list[Window], output: int
) -> None:
    parts: list[Part] = [*before, block, *after]
    net = " ".join(["1x400", *(part.word() for part in parts)])
    chains = traced(net)[1][-1].chains
    assert chains is not None
    positions = seen(parts, {output})
    assert chains[0].seen(output) == (min(positions), max(positions))
    assert chains[0].receptive_field == max(positions) - min(positions) + 1


@settings(deadline=None, max_examples=150)
@given(st.lists(windows(), max_size=2), branches())
def test_misaligned_branches_are_reported_and_no_others(
    before: list[Window], block: Branches
) -> None:
    net = " ".join(["1x400", *(part.word() for part in [*before, block])])
    steps, found = traced(net)
    (merge,) = [field for step, field in zip(steps, found) if step.branches]
    behind = [Branches(tuple((*before, *chain) for chain in block.chains))]
    assert bool(merge.misaligned) != behind[0].aligned()


@pytest.mark.parametrize(
    ("net", "misaligned"),
    [
        ("3x8x8 concat[conv:4,k3,p1 | conv:4,k2,p=0+1]", "centred at 0 and 1/2"),
        ("3x8x8 concat[conv:4,k3,p1 | conv:4,k5,p=0+4]", "centred at 0 and 2"),
        ("3x8x8 concat[conv:4,k3,p1 | conv:4,k2x3,p=0+1x1]", "centred at 0 and 1/2"),
        ("3x1x8 residual[conv:3,k3,s2x1,p1]", "move by 1 and 2"),
        ("3x8x8 concat[conv:4,k3,p1 | conv:4,k1]", ""),
        ("3x8x8 concat[maxpool:3,s2,p1 | conv:4,k3,s2,p1 | conv:4,k1,s2]", ""),
        ("3x8x8 residual[conv:3,k3,p1 relu conv:3,k5,p2]", ""),
        ("3x8x8 concat[convtranspose:4,k2,s2 | convtranspose:2,k2,s2]", ""),
    ],
)
def test_misalignment(net: str, misaligned: str) -> None:
    shown = traced(net)[1][-1].misaligned
    assert misaligned in shown
    assert bool(shown) == bool(misaligned)


def test_transposed_branches_with_the_same_centre_are_not_called_misaligned() -> None:
    # On the stretched grid both look at -1/2: 4 positions with 1 cut off, and 2 with none.
    net = "3x8x8 concat[convtranspose:4,k2,s2 | convtranspose:4,k4,s2,p1]"
    assert traced(net)[1][-1].misaligned == ""


def before_word(steps: tuple[Step, ...], found: list[Field], word: str) -> Field:
    """The field in front of the last layer of that word."""
    places = [i for i, step in enumerate(steps) if step.node.layer.words[0] == word]
    return found[places[-1] - 1]


@pytest.mark.parametrize(
    ("net", "receptive_field"),
    [("resnet50-v1", 483), ("resnet50", 427), ("resnet18", 435)],
)
def test_receptive_field_before_global_pooling(net: str, receptive_field: int) -> None:
    field = before_word(*traced(net), "adaptiveavgpool")
    assert field.chains is not None
    assert [chain.receptive_field for chain in field.chains] == [receptive_field] * 2
    assert [chain.jump for chain in field.chains] == [32, 32]


def test_receptive_field_of_vgg16_at_its_last_pooling() -> None:
    field = before_word(*traced("vgg16"), "adaptiveavgpool")
    assert field.chains is not None
    assert [chain.receptive_field for chain in field.chains] == [212, 212]


@pytest.mark.parametrize("net", ["resnet18", "resnet50", "resnet50-v1", "resnet152"])
def test_resnets_are_aligned(net: str) -> None:
    assert not any(field.misaligned for field in traced(net)[1])


@pytest.mark.parametrize("layer", ["flatten", "dense:10", "flatten dense:4"])
def test_what_sees_everything_has_no_chains(layer: str) -> None:
    assert traced(f"3x8x8 conv:4,k3 {layer}")[1][-1].chains is None


def test_global_pooling_sees_the_whole_input() -> None:
    field = traced("3x8x10 conv:4,k3 globalavgpool")[1][-1]
    assert field.chains is not None
    assert [chain.receptive_field for chain in field.chains] == [8, 10]
