"""The algebra of layers against naive counting that shares no code with it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import NamedTuple

import pytest
from arithmetic import python_value
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlcalc.answers import params, shape
from dlcalc.errors import InputError, Source
from dlcalc.layers.convention import TORCH
from dlcalc.layers.size import evaluate, letters
from dlcalc.nets.parser import Network, parse
from dlcalc.nets.trace import Step, TraceError, trace

# --- naive rules ---------------------------------------------------------------


def positions(n: int, begin: int, end: int, kernel: int, stride: int, ceil: bool = False) -> int:
    """Slides a window over a padded line and counts where it stops.

    With ``ceil``, torch's rule: one more window may hang over the end if the one
    before left positions uncovered, unless it starts behind the input.
    """
    line = begin + n + end
    count = start = 0
    while True:
        hangs = start + kernel > line
        kept = ceil and start - stride + kernel < line and start < begin + n
        if hangs and not kept:
            return count
        count += 1
        start += stride


def spread(n: int, begin: int, end: int, kernel: int, stride: int, extra: int) -> int:
    """Lays a kernel down for each input, ``stride`` apart, and counts what is left uncut."""
    touched = {i * stride + t for i in range(n) for t in range(kernel)}
    return max(touched) + 1 + extra - begin - end


class Drawn(NamedTuple):
    """A layer as a word, and what was drawn for it, axis by axis."""

    word: str
    kind: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    ends: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    out: int = 0
    groups: int = 1
    bias: bool = False
    ceil: bool = False
    extra: int = 0

    def sizes(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """The naive sizes behind the layer; some below 1 where it does not fit."""
        found = []
        for n, k, s, (b, e), d in zip(
            spatial, self.kernel, self.stride, self.ends, self.dilation, strict=True
        ):
            reach = d * (k - 1) + 1
            if self.kind == "avgpool" and len(spatial) == 3 and n < reach:
                # torch's avg_pool3d wants the kernel to fit without the padding.
                found.append(0)
            elif self.kind == "convtranspose":
                found.append(spread(n, b, e, reach, s, self.extra))
            else:
                found.append(positions(n, b, e, reach, s, self.ceil))
        return tuple(found)

    def parameters(self, channels: int) -> int:
        """The numbers of its weight and bias, counted one by one."""
        if self.kind not in ("conv", "convtranspose"):
            return 0
        weights = sum(1 for _ in range(channels) for _ in range(self.out // self.groups))
        return weights * prod(self.kernel) + (self.out if self.bias else 0)


def joined(values: tuple[object, ...]) -> str:
    return "x".join(map(str, values))


def padding_argument(ends: tuple[tuple[int, int], ...]) -> str:
    return "p=" + joined(tuple(f"{b}+{e}" if b != e else str(b) for b, e in ends))


@st.composite
def layers(draw: st.DrawFn, rank: int, channels: int, kinds: tuple[str, ...]) -> Drawn:
    kind = draw(st.sampled_from(kinds))

    def each(low: int, high: int) -> tuple[int, ...]:
        return draw(st.tuples(*[st.integers(low, high)] * rank))

    kernel, stride = each(1, 4), each(1, 3)
    dilation = each(1, 2) if kind != "avgpool" else (1,) * rank
    room = [k // 2 if kind.endswith("pool") else 2 for k in kernel]
    ends = tuple((draw(st.integers(0, r)), draw(st.integers(0, r))) for r in room)
    words = [f"k{joined(kernel)}", f"s{joined(stride)}", padding_argument(ends)]
    if kind != "avgpool":
        words.append(f"d{joined(dilation)}")
    if kind.endswith("pool"):
        ceil = draw(st.booleans())
        words += ["ceil=yes"] if ceil else []
        return Drawn(f"{kind}:{','.join(words)}", kind, kernel, stride, ends, dilation, ceil=ceil)
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    out = groups * draw(st.integers(1, 3))
    bias = draw(st.booleans())
    words = [str(out), *words, f"g{groups}", f"bias={'yes' if bias else 'no'}"]
    extra = 0
    if kind == "convtranspose":
        extra = draw(st.integers(0, min(max(s, d) for s, d in zip(stride, dilation)) - 1))
        words.append(f"op{extra}")
    word = f"{kind}:{','.join(words)}"
    return Drawn(word, kind, kernel, stride, ends, dilation, out, groups, bias, extra=extra)


class DrawnNet(NamedTuple):
    channels: int
    spatial: tuple[int, ...]
    layers: tuple[Drawn, ...]

    def text(self, *sides: object) -> str:
        words = [layer.word for layer in self.layers]
        return " ".join([joined((self.channels, *(sides or self.spatial))), *words])

    def network(self, *sides: object) -> Network:
        return parse(Source(self.text(*sides)), files=False)


KINDS = ("conv", "maxpool", "avgpool", "convtranspose")


@st.composite
def nets(
    draw: st.DrawFn,
    most: int = 4,
    sides: tuple[int, int] = (1, 24),
    kinds: tuple[str, ...] = KINDS,
    ranks: tuple[int, ...] = (1, 2, 3),
) -> DrawnNet:
    rank = draw(st.sampled_from(ranks))
    start = channels = draw(st.sampled_from([1, 2, 3, 6]))
    drawn = []
    for _ in range(draw(st.integers(1, most))):
        layer = draw(layers(rank, channels, kinds))
        channels = layer.out or channels
        drawn.append(layer)
    spatial = draw(st.tuples(*[st.integers(*sides)] * rank))
    return DrawnNet(start, spatial, tuple(drawn))


# --- sizes, parameters, MACs ----------------------------------------------------


@settings(deadline=None, max_examples=250)
@given(nets())
def test_sizes_are_counted_window_positions(net: DrawnNet) -> None:
    network = net.network()
    assert network.input is not None
    expected = [net.spatial]
    for layer in net.layers:
        sizes = layer.sizes(expected[-1])
        if min(sizes) < 1:
            break
        expected.append(sizes)
    try:
        steps = trace(network.net, network.input)
    except TraceError as error:
        # It refuses where the naive count has no position, and nowhere else.
        steps = error.trail[0].steps
        assert len(expected) < len(net.layers) + 1
    assert [step.output.spatial for step in steps] == expected[1:]


@settings(deadline=None, max_examples=100)
@given(nets())
def test_parameters_are_counted_weights(net: DrawnNet) -> None:
    channels, expected = net.channels, 0
    for layer in net.layers:
        expected += layer.parameters(channels)
        channels = layer.out or channels
    network = net.network()
    assert network.input is not None
    try:
        assert params.answer(network.input, network.net).value == expected
    except InputError as error:
        assume(not isinstance(error, TraceError))
        raise


def counted_macs(layer: Drawn, channels: int, spatial: tuple[int, ...]) -> int:
    """Multiplications of a convolution, one by one; those with padding or for cut outputs too."""
    count = 0
    places = spatial if layer.kind == "convtranspose" else layer.sizes(spatial)
    for _ in product(*map(range, places)):
        for _ in range(layer.groups):
            for _ in range(channels // layer.groups):
                for _ in range(layer.out // layer.groups):
                    count += sum(1 for _ in product(*map(range, layer.kernel)))
    return count


@settings(deadline=None, max_examples=60)
@given(nets(most=1, sides=(1, 7), kinds=("conv", "convtranspose"), ranks=(1, 2)))
def test_macs_are_counted_multiplications(net: DrawnNet) -> None:
    layer = net.layers[0]
    assume(min(layer.sizes(net.spatial)) >= 1)
    network = net.network()
    assert network.input is not None
    macs = params.answer(network.input, network.net).macs
    assert macs == counted_macs(layer, net.channels, net.spatial)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 5), st.booleans())
def test_dense_counts_one_multiplication_a_weight_and_row(
    sizes: list[int], out: int, bias: bool
) -> None:
    count = 0
    for _ in product(*map(range, sizes[:-1])):
        for _ in range(out):
            for _ in range(sizes[-1]):
                count += 1
    counted = params.params(joined(tuple(sizes)), f"dense:{out},bias={'yes' if bias else 'no'}")
    assert counted.macs == count
    assert counted.value == sizes[-1] * out + out * bias


@settings(deadline=None, max_examples=60)
@given(nets(most=3, ranks=(2,)))
def test_hwc_gives_the_same_sizes_the_other_way_round(net: DrawnNet) -> None:
    swapped = " ".join([joined((*net.spatial, net.channels)), *net.text().split()[1:]])
    try:
        first = shape.shape(net.text()).value.sizes
    except TraceError:
        with pytest.raises(TraceError):
            shape.shape(swapped, layout="hwc")
        return
    assert shape.shape(swapped, layout="hwc").value.sizes == (*first[1:], first[0])
    chw, hwc = params.params(net.text()), params.params(swapped, layout="hwc")
    assert (chw.value, chw.macs) == (hwc.value, hwc.macs)


# --- formulas -------------------------------------------------------------------


def assert_formula(step: Step, values: Mapping[str, int]) -> None:
    formula = step.node.layer.formula(step.input, TORCH)
    parts = formula.split("; ") if formula else []
    results = set()
    for part in parts:
        left, equals, right = part.partition(" = ")
        assert equals
        assert python_value(left, values) == python_value(right, values), part
        results.add(python_value(right, values))
    if parts:
        sizes = step.output.spatial or step.output.sizes
        assert results == {evaluate(size, values) for size in sizes}


@settings(deadline=None, max_examples=200)
@given(nets())
def test_formulas_evaluate_to_their_results(net: DrawnNet) -> None:
    network = net.network()
    assert network.input is not None
    try:
        steps = trace(network.net, network.input)
    except TraceError as error:
        steps = error.trail[0].steps
    for step in steps:
        assert step.node.layer.formula(step.input, TORCH)
        assert_formula(step, {})


@settings(deadline=None, max_examples=60)
@given(nets(most=3, ranks=(2,)), st.integers(50, 300), st.integers(50, 300))
def test_formulas_with_letters_evaluate_to_their_results(net: DrawnNet, h: int, w: int) -> None:
    network = net.network("H", "W")
    assert network.input is not None
    for step in trace(network.net, network.input):
        assert_formula(step, {"H": h, "W": w})


@pytest.mark.parametrize(
    ("net", "formula"),
    [
        ("3x32x32 conv:6,k5", "(32 + 2*0 - 1*(5 - 1) - 1)//1 + 1 = 28"),
        ("3x7x9 pad:0+1x2", "7 + 0 + 1 = 8; 9 + 2*2 = 13"),
        ("16x5x5 flatten", "16*5*5 = 400"),
        ("CxHxW conv:8,k3 flatten", "8*(H - 2)*(W - 2) = 8*(H - 2)*(W - 2)"),
        ("1x5 maxpool:2,s2,p1,ceil=yes", None),
        ("1x9 maxpool:3,d2", None),
        ("1x4x4 concat[conv:2,k1|conv:3,k1]", "2 + 3 = 5"),
        ("4x5 convtranspose:2,k3,s2,p=0+1,op1", None),
    ],
)
def test_formula(net: str, formula: str | None) -> None:
    last = shape.shape(net).document()["layers"][-1]  # type: ignore[index]
    shown = last["formula"]
    assert formula is None or shown == formula
    values = {"C": 3, "H": 17, "W": 23}
    for part in shown.split("; "):
        left, _, right = part.partition(" = ")
        assert python_value(left, values) == python_value(right, values)


# --- rules that are easily got wrong ----------------------------------------------


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        ("1x5 maxpool:2,s2,p1,ceil=yes", "1x3"),
        ("1x6 maxpool:2,s3,ceil=yes", "1x2"),
        ("1x4 avgpool:3,s2,p1,ceil=yes", "1x3"),
        ("1x2 maxpool:3,s2,ceil=yes", "1x1"),
        ("1x7 maxpool:3", "1x2"),
        ("1x7 conv:1,k3", "1x5"),
        ("1x7 conv:1,k4,p=same", "1x7"),
        ("1x9 conv:1,k3,p=same,d4", "1x9"),
        ("1x7 conv:1,k3,p=valid", "1x5"),
        ("1x4 convtranspose:1,k3,s2,p1,op1", "1x8"),
        ("32 conv:k5 maxpool:2", "14"),
        ("784 dense:10", "10"),
        ("7x5 adaptiveavgpool:9", "7x9"),
        ("3x7x9 globalavgpool flatten", "3"),
        ("3x7x9 concat[conv:4,k1|identity] residual[bn relu]", "7x7x9"),
    ],
)
def test_shape(net: str, expected: str) -> None:
    assert shape.shape(net).terse() == expected


@pytest.mark.parametrize(
    ("net", "rule"),
    [
        ("1x2 maxpool:4,s1,ceil=yes", "does not fit"),
        ("1x9 maxpool:3,p2", "padding 2 is more than half the kernel 3"),
        ("1x9 conv:1,k3,s2,p=same", "padding=same needs stride 1"),
        ("1x9 maxpool:3,p=same", "maxpool takes no padding=same"),
        ("1x9 convtranspose:1,k3,s2,op2", "output_padding=2 must be smaller"),
        ("1x1 convtranspose:1,k1,p1", "cuts everything off"),
        ("3x9x9 conv:4,k3,g2", "groups=2 does not divide the 3 input channels"),
        ("4x9x9 conv:3,k3,g2", "groups=2 does not divide the 3 output channels"),
        ("4x9x9 conv:3,k3x3x3", "kernel has 3 axes, but the input has 2"),
        ("4x9x9 conv1d:3,k3", "conv1d needs CxL, but gets 4x9x9"),
        ("9 flatten flatten conv:3,k3", "at least one spatial axis"),
        ("1x9x9 residual[conv:2,k1]", "the branches give 2x9x9 and 1x9x9"),
        ("1x9x9 concat[conv:2,k3|identity]", "the branches give 2x7x7 and 1x9x9"),
        ("4x9 prelu:3", "prelu has 3 slopes, but its input has 4 channels"),
        ("1x1000000000000 convtranspose:1,k2,s2", "grows beyond 1,000,000,000,000"),
    ],
)
def test_refusal(net: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule.replace("(", r"\(")):
        shape.shape(net)


def test_parameters_are_refused_without_channels() -> None:
    with pytest.raises(InputError, match="needs the channels"):
        params.params("32 conv:4,k5")


def test_branches_that_mix_a_bare_side_and_its_skip_are_not_called_different() -> None:
    # Both branches are one side of 32; "the branches give 32 and 32" would say nothing.
    try:
        shape.shape("32 concat[conv:4,k3,p1 | identity]")
    except InputError as error:
        assert "32 and 32" not in error.rule


def test_groups_by_a_letter_divide_a_multiple_of_it() -> None:
    assert shape.shape("CxHxW concat[relu|relu] conv:C,k1,g=C").terse() == "CxHxW"


# --- unknown sizes ----------------------------------------------------------------


def numeric(net: DrawnNet, sides: tuple[int, ...]) -> tuple[int, ...] | None:
    """The output for these sides, None where a layer refuses."""
    network = net.network(*sides)
    assert network.input is not None
    try:
        return trace(network.net, network.input)[-1].output.sizes  # type: ignore[return-value]
    except TraceError:
        return None


@settings(deadline=None, max_examples=120)
@given(nets(ranks=(1, 2)), st.data())
def test_unknown_sizes_stand_for_the_numbers(net: DrawnNet, data: st.DataObject) -> None:
    names = "HW"[: len(net.spatial)]
    network = net.network(*names)
    assert network.input is not None
    result = shape.answer(network.input, network.net)
    limits = result.document().get("where", {})
    assert isinstance(limits, dict)
    sides = tuple(limits.get(name, 1) + data.draw(st.integers(0, 40)) for name in names)
    values = dict(zip(names, sides))
    expected = tuple(evaluate(size, values) for size in result.value.sizes)
    assert numeric(net, sides) == expected
    for name, least in limits.items():
        too_small = tuple(least - 1 if n == name else side for n, side in values.items())
        assert least > 1 and numeric(net, too_small) is None


@settings(deadline=None, max_examples=60)
@given(nets(most=3, ranks=(2,)), st.integers(30, 90))
def test_one_letter_for_both_sides_keeps_the_greater_limit(net: DrawnNet, side: int) -> None:
    network = net.network("H", "H")
    assert network.input is not None
    result = shape.answer(network.input, network.net)
    limit = result.document().get("where", {}).get("H", 1)  # type: ignore[attr-defined]
    assert numeric(net, (limit, limit)) is not None
    assert limit == 1 or numeric(net, (limit - 1, limit - 1)) is None
    counted = params.answer(network.input, network.net)
    if side >= limit:
        numbers = net.network(side, side)
        assert numbers.input is not None
        assert params.answer(numbers.input, numbers.net).macs == evaluate(counted.macs, {"H": side})


@pytest.mark.parametrize(
    ("net", "output", "where"),
    [
        ("CxHxW conv:64,k7,s2,p3 maxpool:3,s2,p1", "64 x (H + 3)//4 x (W + 3)//4", {}),
        ("3xHxH 2*[conv:8,k3 maxpool:2]", "8 x (H - 6)//4 x (H - 6)//4", {"H": 10}),
        ("CxHxW residual[conv:C,k3,p1 bn]", "CxHxW", {}),
        ("CxHxW concat[conv:K,k1|identity]", "(C + K) x H x W", {}),
        ("TxF dense:K", "TxK", {}),
        ("3xHxW globalavgpool flatten dense:K", "K", {}),
    ],
)
def test_unknown_sizes(net: str, output: str, where: dict[str, int]) -> None:
    result = shape.shape(net)
    assert result.terse() == output
    assert result.document().get("where", {}) == where


def test_a_lone_unknown_size_needs_no_brackets() -> None:
    result = shape.shape("L conv:k5")
    assert result.document()["where"] == {"L": 5}
    assert result.terse() == "L - 4"


@pytest.mark.parametrize(
    "net",
    [
        # dense acts on the last axis; the side H is still limited by what follows.
        "1xHx4 dense:10 conv:4,k5x1",
        # Branches whose maps do not collapse to one, of the same size.
        "1xHx8 concat[conv:1,k2,s2 convtranspose:1,k2,s2 "
        "| conv:1,k2,s2 convtranspose:1,k2,s2 conv:1,k3,p1] conv:1,k9x1",
    ],
)
def test_a_limit_behind_a_lost_receptive_field_is_stated(net: str) -> None:
    result = shape.shape(net)
    least = next(n for n in range(1, 50) if _works(net.replace("H", str(n), 1)))
    assert least > 1
    assert result.document().get("where") == {"H": least}


def _works(net: str) -> bool:
    try:
        shape.shape(net)
    except TraceError:
        return False
    return True


def test_branches_of_equal_unknown_size_are_seen_to_be_equal() -> None:
    up = "convtranspose:1,k3,s3"
    net = f"1xHxH residual[{up} maxpool:2 maxpool:2 | {up} maxpool:4]"
    assert shape.shape(net.replace("H", "32")).terse() == "1x24x24"
    assert letters(shape.shape(net).value.sizes[1]) == {"H"}
