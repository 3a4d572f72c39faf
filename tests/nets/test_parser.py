"""The notation: its grammar, its errors with their places, its bounds, and garbage."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.answers import params, shape
from dlcalc.answers.network import load
from dlcalc.errors import InputError, NotationError, Source
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import letter
from dlcalc.nets.parser import Group, Net, Node, parse, unroll
from dlcalc.nets.word import read_word


def layers(net: Net) -> list[Any]:
    """The layers in their order, each with those of its branches, places left out."""
    return [(node.layer, [layers(branch) for branch in node.branches]) for node, _ in unroll(net)]


def net_of(text: str, name: str = "") -> list[Any]:
    return layers(parse(Source(text, name), files=False).net)


def refused(text: str, name: str = "") -> InputError:
    with pytest.raises(InputError) as caught:
        parse(Source(text, name), files=False)
    return caught.value


def marked(error: InputError) -> str:
    assert error.place is not None
    text, start, end = error.place
    return text.text[start:end]


# --- words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "same"),
    [
        ("conv:64,7", "conv:64,k7"),
        ("conv:64,7,2,3", "conv:64,k7,s2,p3"),
        ("conv:64,k7,s2,p3", "conv:out=64,kernel=7,stride=2,padding=3"),
        ("conv:64,k7,s2,p3", "conv:p=3,k=7,s=2,out=64"),
        ("conv:64,k7,p3", "conv:64,k7,p=3+3"),
        ("conv:64,k3,p0", "conv:64,k3"),
        ("conv:64,k3,s1,d1,g1,bias=yes", "conv:64,k3"),
        ("conv:4,k3,p=valid", "conv:4,3,1,valid"),
        ("conv:4,k3,p=same", "conv:4,3,padding=same"),
        ("maxpool:3,2", "maxpool:k3,s2"),
        ("maxpool:3,2,1", "maxpool:k3,s2,p1"),
        ("convtranspose:8,k3,s2,op1", "convtranspose:8,k3,s2,output_padding=1"),
        ("convtranspose:8,k3,s2,op1", "convtranspose:8,k3,s2,output-padding=1"),
        ("convtranspose:8,k3,s2,op1", "convtranspose:8,k3,s2,op=1"),
        ("leaky_relu:0.1", "leaky-relu:alpha=0.1"),
        ("leaky_relu:0.1", "leakyrelu:.1"),
        ("leaky_relu:-1e-3", "leaky_relu:alpha=-0.001"),
        ("dropout:0.5", "dropout"),
        ("conv:C,k3", "conv:out=C,k3"),
        ("linear:10", "dense:10"),
        ("fc:10", "dense:10"),
    ],
)
def test_words_that_mean_the_same(word: str, same: str) -> None:
    assert read_word(word) == read_word(same)


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("conv:4,k3x5", "kernel", (3, 5)),
        ("conv:4,k3,s2x1", "stride", (2, 1)),
        ("conv:4,k3,p1", "padding", ((1, 1),)),
        ("conv:4,k3,p=1+2", "padding", ((1, 2),)),
        ("conv:4,k3,p=1+2x0", "padding", ((1, 2), (0, 0))),
        ("conv:4,k3,p1+2x0+1", "padding", ((1, 2), (0, 1))),
        ("conv:4,k3,p=same", "padding", "same"),
        ("conv:4,k3,d2", "dilation", (2,)),
        ("conv:4,k3,g2", "groups", 2),
        ("conv:K,k3", "out", letter("K")),
        ("conv:4,k3,bias=no", "bias", False),
        ("conv2d:4,k3", "rank", 2),
        ("conv1d:4,k3", "rank", 1),
        ("conv:4,k3", "rank", None),
        ("maxpool:3", "stride", None),
        ("maxpool:3,ceil=yes", "ceil", True),
        ("convtranspose:4,k3,s2,op1,p2", "output_padding", (1,)),
        ("convtranspose:4,k3,s2,op1,p2", "padding", ((2, 2),)),
        ("leaky_relu:-.5", "alpha", -0.5),
    ],
)
def test_values(word: str, name: str, value: object) -> None:
    assert getattr(read_word(word), name) == value


# --- nets -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3x32x32 relu", (3, 32, 32)),
        ("784 relu", (784,)),
        ("CxHxW relu", (letter("C"), letter("H"), letter("W"))),
        ("3xHxH relu", (3, letter("H"), letter("H"))),
        ("H relu", (letter("H"),)),
        ("X relu", (letter("X"),)),
        ("  007x1 relu", (7, 1)),
        ("relu", None),
        ("conv:3,k3", None),
        ("lenet5", (1, 32, 32)),
        ("5x5 lenet5", (5, 5)),
    ],
)
def test_input(text: str, expected: tuple[object, ...] | None) -> None:
    shape_ = parse(Source(text), files=False).input
    assert (shape_.sizes if shape_ else None) == expected


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2*relu", "relu relu"),
        ("2*[relu conv:4,k3]", "relu conv:4,k3 relu conv:4,k3"),
        ("[relu]", "relu"),
        ("[[relu] tanh]", "relu tanh"),
        ("2*[relu 3*tanh]", "relu tanh tanh tanh relu tanh tanh tanh"),
        ("2*[2*[relu]]", "4*relu"),
        ("1*relu", "relu"),
        ("3*residual[relu]", "residual[relu] residual[relu] residual[relu]"),
        ("residual[relu|tanh]", "residual[ relu | tanh ]"),
        ("concat[2*relu|[tanh gelu]]", "concat[relu relu | tanh gelu]"),
        ("relu\ttanh\n gelu", "relu tanh gelu"),
        ("2*lenet5", "lenet5 lenet5"),
        ("residual[concat[relu|residual[tanh]]]", "residual[concat[relu | residual[tanh]]]"),
    ],
)
def test_nets_that_mean_the_same(text: str, same: str) -> None:
    assert net_of(text) == net_of(same)


def test_the_structure_is_kept() -> None:
    repeat, block = parse(Source("2*[relu tanh] residual[relu | tanh gelu]"), files=False).net
    assert isinstance(repeat, Group) and isinstance(block, Node)
    assert (repeat.times, [len(layers(repeat.body))]) == (2, [2])
    assert [len(branch) for branch in block.branches] == [1, 2]
    assert block.text == "residual[relu | tanh gelu]"


def test_comments_stand_in_files_alone() -> None:
    text = "# first\n3x8x8 relu# behind a word\n# conv:4,k99\nconv:4,k3 # the end"
    assert net_of(text, "net.txt") == net_of("3x8x8 relu conv:4,k3")
    error = refused("3x8x8 relu # no")
    assert (marked(error), error.rule) == ("# no", "# starts a comment only in a file")


def test_hwc_reads_channels_last() -> None:
    found = parse(Source("32x30x3 relu"), layout="hwc").input
    assert found is not None
    assert (found.channels, found.spatial) == (3, (32, 30))
    named = parse(Source("vgg16"), layout="hwc").input
    assert named == Shape((224, 224, 3), "hwc")


def test_a_named_net_is_a_layer_among_others() -> None:
    whole = net_of("relu lenet5 tanh")
    assert whole == net_of("relu") + net_of("lenet5") + net_of("tanh")


def test_a_file_is_a_net_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "small.net"
    path.write_text("# a net\n1x8x8\nconv:2,k3\n", encoding="utf-8")
    network = parse(Source(str(path)))
    assert network.input == Shape((1, 8, 8))
    assert layers(network.net) == net_of("conv:2,k3")
    assert parse(Source(f"3x9x9 relu {path}")).input == Shape((3, 9, 9))


@pytest.mark.parametrize("content", [b"relu \xff", b"relu\0", b"", b"x" * 1_000_001])
def test_a_file_that_is_no_net_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.net"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        parse(Source(f"3x8x8 {path}"))
    assert "bad.net" in caught.value.report()


def test_an_error_in_a_file_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.net"
    path.write_text("3x8x8\n# well\nrelu\nconv:4,q3 tanh\n", encoding="utf-8")
    with pytest.raises(NotationError) as caught:
        parse(Source(str(path)))
    assert marked(caught.value) == "q3"
    assert "bad.net:4: " in caught.value.headline()


# --- errors: what is marked, the rule, the mend -------------------------------------


@pytest.mark.parametrize(
    ("text", "part", "rule", "mend"),
    [
        ("3x8x8 cnov:4,k3", "cnov", "cnov is not a layer", "Did you mean conv?"),
        ("3x8x8 Conv:4,k3", "Conv", "Conv is not a layer", "Names are written small: conv."),
        ("3x8x8 conv64,k3", "conv64,k3", "is not a layer", "with a colon before the arguments"),
        ("3x8x8 qqq", "qqq", "qqq is not a layer", "list them"),
        ("3x8x8 vgg17", "vgg17", "vgg17 is not a layer", "Did you mean vgg1"),
        ("3x8x8 relu:1", "1", "relu takes no further argument 1", "takes none"),
        ("3x8x8 conv:4,q3", "q3", "conv has no argument q", "Its arguments are"),
        ("3x8x8 conv:4,kernl=3", "kernl=3", "no argument kernl", "Did you mean kernel=3?"),
        ("3x8x8 conv:4,k3,psame", "psame", "no argument psame", "Did you mean p=same?"),
        ("3x8x8 conv:4,k3,op1", "op1", "conv has no argument op", ""),
        ("3x8x8 conv:4,k0", "k0", "kernel must be at least 1, not 0", ""),
        ("3x8x8 conv:4,k=-1", "k=-1", "kernel must be at least 1, not -1", ""),
        ("3x8x8 conv:4,k3.5", "k3.5", "kernel must be a whole number, not 3.5", ""),
        ("3x8x8 conv:4,k3x", "k3x", "kernel must be a whole number, not empty", ""),
        ("3x8x8 conv:4,k3,p1+", "p1+", "padding must be a whole number, not empty", ""),
        ("3x8x8 conv:4,k3,p=-1", "p=-1", "padding must be at least 0, not -1", ""),
        ("3x8x8 conv:4,k_", "k_", "_ leaves kernel open", ""),
        ("3x8x8 conv:x,k3", "x", "out must be a whole number or a letter, not x", ""),
        ("3x8x8 conv:4,k3,bias=maybe", "bias=maybe", "bias must be yes or no", "bias=no"),
        ("9x4 rnn:8,act=sigmod", "act=sigmod", "act must be tanh or sigmoid", "act=sigmoid"),
        ("3x8x8 conv:4,k3,7", "7", "7 stands behind a named argument", "come first"),
        ("3x8x8 conv:4,3,k5", "k5", "kernel is given twice: 3 and k5", ""),
        ("3x8x8 conv:4,3,1,0,9", "9", "conv takes no further argument 9", "Its arguments are"),
        ("3x8x8 dropout:abc", "abc", "dropout has no argument abc", ""),
        ("3x8x8 dropout:p=abc", "p=abc", "p must be a number, not abc", ""),
        ("3x8x8 dropout:1.5", "dropout:1.5", "p must be from 0 to 1", ""),
        ("3x8x8 conv:4", "conv:4", "conv needs kernel", "3x32x32 conv:6,k5"),
        ("3x8x8 dense", "dense", "dense needs out", "Write it as in"),
        ("3x8x8 conv:4,,k3 relu", ",", "an argument is missing here", "Its arguments are"),
        ("3x8 pad:same", "pad:same", "pad takes numbers, not same", "Write it as in"),
        ("3x8x8 [relu", "[", "this bracket is never closed", "Add a ]."),
        ("3x8x8 residual[relu | concat[relu | tanh]", "[", "this bracket is never closed", "Add"),
        ("3x8x8 relu]", "]", "] closes or parts nothing", ""),
        ("3x8x8 relu | tanh", "|", "| closes or parts nothing", ""),
        ("3x8x8 []", "]", "no layer in this bracket", "identity"),
        ("3x8x8 concat[relu | ]", "]", "no layer in this bracket or branch", "identity"),
        ("3x8x8 concat[| relu]", "|", "no layer in this bracket or branch", "identity"),
        ("3x8x8 [relu | tanh]", "[", "without a name", "residual[a | b]"),
        ("3x8x8 residual", "residual", "needs branches in brackets", "residual["),
        ("3x8x8 residual [relu]", "residual", "needs branches in brackets right behind", ""),
        ("3x8x8 relu[tanh]", "[", "relu takes no branches", ""),
        ("3x8x8 concat[relu] tanh", "concat[relu]", "takes at least 2 branches, not 1", "concat["),
        (
            "3x8x8 residual[relu|relu|relu]",
            "residual[relu|relu|relu]",
            "takes at most 2",
            "residual[",
        ),
        ("3x8x8 2*", "2*", "stands before nothing to repeat", "right before"),
        ("3x8x8 2* relu", "2*", "stands before nothing to repeat", "right before"),
        ("3x8x8 2*]", "2*", "stands before nothing to repeat", "right before"),
        ("3x8x8 0*relu", "0*", "repeats at least once", ""),
        ("3x0x8 relu", "0", "a size must be at least 1, not 0", ""),
        ("3x8x relu", "3x8x", "3x8x is not an INPUT", "3x32x32"),
        ("3X8X8 relu", "3X8X8", "is not an INPUT", "Join its sizes by x"),
        ("-3x8 relu", "-3x8", "is not an INPUT", "Join its sizes by x"),
        ("(3,8,8) relu", "(3,8,8)", "is not an INPUT", "Join its sizes by x"),
        ("3x8x8 3x8x8 relu", "3x8x8", "is not a layer", ""),
        ("3x9999999999999 relu", "9999999999999", "a size may be at most", ""),
        ("3x8x8 a/b.net", "a/b.net", "is a path, and no file is read from here", ""),
    ],
)
def test_an_error_marks_its_place(text: str, part: str, rule: str, mend: str) -> None:
    error = refused(text)
    assert marked(error) == part
    assert rule in error.rule
    assert mend in error.mend
    assert error.rule in error.report() and error.mend in error.report()


def test_the_place_of_the_right_one_of_two_is_marked() -> None:
    error = refused("3x8x8 concat[relu|relu] [tanh")
    assert error.place is not None and error.place.start == len("3x8x8 concat[relu|relu] ")
    error = refused("3x0x0 relu")
    assert error.place is not None and error.place.start == 2


def test_a_missing_last_argument_is_marked_behind_the_comma() -> None:
    error = refused("3x8x8 conv:4,")
    assert error.place is not None and error.place.start == len("3x8x8 conv:4,")
    assert error.report().splitlines()[2].index("^") == len("  3x8x8 conv:4,")


@pytest.mark.parametrize(
    ("text", "rule"), [("", "the net is empty"), ("3x8x8", "the net is empty"), ("relu", "input")]
)
def test_a_question_needs_an_input_and_a_net(text: str, rule: str) -> None:
    with pytest.raises(NotationError, match=rule) as caught:
        load((text,))
    assert "3x32x32 conv:6,k5" in caught.value.mend


# --- bounds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("3x8x8 " + "[" * 5_000 + "relu" + "]" * 5_000, id="5,000 brackets"),
        pytest.param("3x8x8 " + "[" * 5_000, id="5,000 open brackets"),
        pytest.param("3x8x8 " + "residual[" * 5_000 + "relu" + "]" * 5_000, id="5,000 branches"),
        pytest.param("3x8x8 1000000000*[relu]", id="a billion times"),
        pytest.param("3x8x8 " + "9" * 10_000 + "*[relu]", id="10,000 digits of times"),
        pytest.param("3x8x8 100000*[2*relu]", id="nested repeats"),
        pytest.param("3x8x8 " + "1000*[" * 90 + "relu" + "]" * 90, id="90 nested repeats"),
        pytest.param("3x8x8 " + "9*" * 5_000 + "relu", id="repeated repeats"),
        pytest.param("3x8x8 99999*resnet152", id="a big net very often"),
        pytest.param("3x8x8 100000*relu 100000*relu", id="repeats side by side"),
        pytest.param("3x8x8 " + "relu " * 100_001, id="one layer too many"),
        pytest.param("3x" + "9" * 10_000 + " relu", id="10,000 digits of input"),
        pytest.param("3x8x8 conv:" + "9" * 10_000 + ",k3", id="10,000 digits of channels"),
        pytest.param("3x8x8 conv:4,k" + "9" * 10_000, id="10,000 digits of kernel"),
        pytest.param("3x8x8 conv:4,k3,p1+" + "9" * 10_000, id="10,000 digits of padding"),
        pytest.param("3x8x8 conv:4,k" + "3x" * 5_000 + "3", id="a kernel of 5,000 axes"),
        pytest.param("3x8x8 dropout:0." + "1" * 10_000, id="10,000 digits of decimal"),
        pytest.param("3x8x8 dropout:1e" + "9" * 10_000, id="10,000 digits of exponent"),
        pytest.param("3x8x8 " + "a" * 1_000_000, id="1 MB of a"),
        pytest.param("3x8x8 " + "_" * 1_000_000, id="1 MB of _"),
        pytest.param("3x8x8 a" + "-" * 1_000_000, id="1 MB of -"),
        pytest.param("3x8x8 \u6c60" + "\u5316" * 1_000_000, id="1 MB of Chinese"),
        pytest.param("3x8x8 conv:" + "1," * 500_000, id="1 MB of arguments"),
        pytest.param("3x8x8 conv:4,k3," + "k" * 1_000_000, id="1 MB of a key"),
        pytest.param("3x8x8 relu" + "]" * 100_000, id="100 kB of ]"),
        pytest.param("9" * 1_000_000 + " relu", id="1 MB of digits"),
        pytest.param("-" + "9" * 1_000_000 + " relu", id="1 MB of digits and a sign"),
        pytest.param("1x" * 500_000 + " relu", id="1 MB of axes and a slip"),
    ],
)
def test_bounds(text: str) -> None:
    start = time.process_time()
    error = refused(text)
    report = error.report()
    # Far from what it takes: reading more of an endless text would take minutes.
    assert time.process_time() - start < 10
    assert len(report) < 1_000


def test_what_is_just_within_the_bounds_is_read() -> None:
    deep = "[" * 99 + "relu" + "]" * 99
    assert net_of(deep) == net_of("relu")
    assert len(net_of("1000*[100*relu]")) == 100_000


# --- garbage, and nets drawn at random ------------------------------------------------

WORDS = st.sampled_from(
    [
        *("relu", "bn", "tanh", "dropout:0.3", "leaky-relu:0.2", "prelu", "identity", "pad:1+0"),
        *("conv:4,k3,p1", "conv:2,3,2", "conv:K,k1", "conv2d:4,k3x1,p=1x0", "conv:4,k5,d2,bias=no"),
        *("maxpool:2", "maxpool:3,2,1", "avgpool:2,ceil=yes", "globalavgpool", "adaptiveavgpool:2"),
        *("convtranspose:2,k2,s2", "convtranspose:4,k3,s2,op1,p1", "flatten", "dense:10", "lrn:5"),
    ]
)
INPUTS = st.sampled_from(["3x32x32", "1x9", "CxHxW", "3xHxH", "16", "L", "2x5x6x7", "784", "TxF"])


def repeated(word: str, times: int, body: list[str]) -> str:
    return f"{times}*{word}[{' '.join(body)}]"


def _grown(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bodies = st.lists(items, min_size=1, max_size=3)
    branches = st.lists(bodies.map(" ".join), min_size=2, max_size=2).map(" | ".join)
    return (
        st.builds(repeated, st.sampled_from(["", "residual"]), st.integers(1, 3), bodies)
        | branches.map("concat[ {} ]".format)
        | branches.map("residual[{}]".format)
    )


ITEMS = st.recursive(WORDS, _grown, max_leaves=6)
NETS = st.lists(ITEMS, min_size=1, max_size=5)


def answer_or_refusal(text: str, layout: Any = "chw") -> str:
    """What both commands print, or the report of the refusal. Nothing else may escape."""
    try:
        network = parse(Source(text), layout=layout, files=False)
        if network.input is None or not network.net:
            return "no question"
        found = shape.answer(network.input, network.net)
        counted = params.answer(network.input, network.net)
    except InputError as error:
        worked = getattr(error, "worked", None)
        return error.report() + (worked.plain() if worked is not None else "")
    return "\n".join([found.plain(), found.json(), counted.plain(), counted.json()])


@settings(deadline=2_000, max_examples=200)
@given(st.text())
def test_any_text_is_answered_or_refused(text: str) -> None:
    assert answer_or_refusal(text)
    assert answer_or_refusal("3x8x8 " + text)


@settings(deadline=2_000, max_examples=200)
@given(st.text(alphabet="019xkspdgoCH:,=+-_.*[]|# relucnv", max_size=40))
def test_any_text_of_the_alphabet_is_answered_or_refused(text: str) -> None:
    assert answer_or_refusal("3x8x8 " + text)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = " ".join([draw(INPUTS), *draw(NETS)])
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 3)))
        piece = draw(
            st.sampled_from([*"[]|*x:,=+-_0129kspC ", "", "99", "conv:", "2*[", "\n", "é"])
        )
        text = text[:start] + piece + text[end:]
    return text


@settings(deadline=2_000, max_examples=300)
@given(mutated(), st.sampled_from(["chw", "hwc"]))
def test_a_damaged_net_is_answered_or_refused(text: str, layout: str) -> None:
    assert answer_or_refusal(text, layout)


@settings(deadline=2_000, max_examples=150)
@given(INPUTS, NETS, st.sampled_from(["chw", "hwc"]))
def test_a_proper_net_is_answered_or_refused_by_a_layer(
    start: str, items: list[str], layout: Any
) -> None:
    text = " ".join([start, *items])
    try:
        parse(Source(text), layout=layout, files=False)
    except NotationError as error:
        pytest.fail(error.report())
    assert answer_or_refusal(text, layout)


@settings(deadline=None, max_examples=100)
@given(INPUTS, NETS, st.sampled_from([" ", "  ", "\t", "\n"]))
def test_words_may_be_quoted_together_or_one_by_one(
    start: str, items: list[str], space: str
) -> None:
    words = [start, *items]
    first, net = load(tuple(words))
    for other in (" ".join(words), space.join(words), " ".join(words).replace(" ", space)):
        again, same = load((other,))
        assert (first, layers(net)) == (again, layers(same))
    split = tuple(" ".join(words).split())
    assert layers(load(split)[1]) == layers(net)


@settings(deadline=None, max_examples=100)
@given(NETS)
def test_the_text_of_every_layer_reads_as_that_layer(items: list[str]) -> None:
    for node, place in unroll(parse(Source(" ".join(items))).net):
        text, start, end = place
        assert text.text[start:end] == node.text
        assert net_of(node.text) == layers((node,))
