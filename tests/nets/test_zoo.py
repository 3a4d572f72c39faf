"""The built-in nets, to the digit of the published and counted figures."""

from __future__ import annotations

import pytest

from dlcalc.answers.network import load
from dlcalc.answers.params import params
from dlcalc.nets import zoo
from dlcalc.nets.field import follow, start
from dlcalc.nets.trace import trace

#: Parameters, and multiply-accumulates at the usual input.
FIGURES: dict[str, tuple[int, int | str | None]] = {
    "lenet5": (61_706, 416_520),
    "alexnet": (61_100_840, 714_188_480),
    "alexnet-2012": (60_965_224, 724_406_816),
    "vgg11": (132_863_336, 7_609_090_048),
    "vgg13": (133_047_848, 11_308_466_176),
    "vgg16": (138_357_544, 15_470_264_320),
    "vgg19": (143_667_240, 19_632_062_464),
    "vgg11_bn": (132_868_840, 7_609_090_048),
    "vgg13_bn": (133_053_736, 11_308_466_176),
    "vgg16_bn": (138_365_992, 15_470_264_320),
    "vgg19_bn": (143_678_248, 19_632_062_464),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet101": (44_549_160, 7_801_405_440),
    "resnet152": (60_192_808, 11_513_626_624),
    "resnet50-v1": (25_557_032, 3_857_973_248),
    "mobilenet_v1": (4_231_976, 568_740_352),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "densenet121": (7_978_856, 2_834_161_664),
    "lenet5-1998": (60_000, None),
    "googlenet": (6_624_904, 1_498_376_192),
    "googlenet-2014": (6_998_552, 1_582_671_872),
    "inception_v3": (23_834_568, 5_713_216_096),
    "unet": (31_030_658, 150_428_424_448),
    "vit_b_16": (86_567_656, 17_563_828_224),
    "bert-base": (109_482_240, 11_174_215_680),
    "gpt2": (124_439_808, 16_114_089_984),
    "llama-7b": (6_738_415_616, 850_000_871_424),
    "lstm-5x128": (660_480, "655360*T"),
}
#: With the auxiliary heads.
IN_TRAINING = {
    "googlenet": 13_004_888,
    "googlenet-2014": 13_378_280,
    "inception_v3": 27_161_264,
}
#: Before global pooling; vgg16 at its last pooling.
RECEPTIVE_FIELDS = {"vgg16": 212, "resnet50-v1": 483, "resnet50": 427, "resnet18": 435}


def test_every_net_has_a_figure() -> None:
    assert set(FIGURES) == set(zoo.names())


@pytest.mark.parametrize("name", FIGURES)
def test_parameters_and_macs(name: str) -> None:
    result = params(name)
    macs = result.macs if isinstance(result.macs, int | None) else str(result.macs)
    assert (result.value, macs) == FIGURES[name]


@pytest.mark.parametrize("name", FIGURES)
def test_auxiliary_heads_are_counted_apart(name: str) -> None:
    document = params(name).document()
    assert document["trainable"] == IN_TRAINING.get(name, FIGURES[name][0])
    assert ("auxiliary" in document) == (name in IN_TRAINING)


def test_lenet_of_1998_by_layer_and_by_connections() -> None:
    """LeCun, Bottou, Bengio and Haffner, 1998, section II.B."""
    result = params("lenet5-1998")
    held = [layer.sums.parameters for layer in result.layers if layer.sums.parameters != 0]
    assert held == [156, 12, 1_516, 32, 48_120, 10_164]
    document = result.document()
    assert (document["macs"], document["connections"]) == (None, 340_908)
    assert "connections" in str(document["macs_convention"])


def test_the_lstm_of_the_notes_with_one_bias_a_gate() -> None:
    assert params("lstm-5x128", like="keras").value == 657_920
    assert params("Tx50 lstm:128,layers=5").value == 620_544
    assert params("Tx50 lstm:128,layers=5", like="keras").value == 617_984


@pytest.mark.parametrize("name", RECEPTIVE_FIELDS)
def test_receptive_fields(name: str) -> None:
    shape, net = load((name,))
    steps = trace(net, shape)
    before = [step.node.layer.words[0] for step in steps].index("adaptiveavgpool")
    chains = follow(steps, start(shape))[before - 1].field.chains
    assert chains is not None
    assert {chain.receptive_field for chain in chains} == {RECEPTIVE_FIELDS[name]}


def test_one_closed_form_for_an_unknown_size() -> None:
    shape, net = load(("3xHxW resnet50",))
    sizes = {str(step.output) for step in trace(net, shape)}
    assert "2048 x (H + 31)//32 x (W + 31)//32" in sizes
    assert str(trace(net, shape)[-1].output) == "1000"


def test_names_are_in_natural_order_and_forgiving() -> None:
    names = zoo.names()
    assert names.index("resnet50") < names.index("resnet101")
    assert zoo.find("VGG16-BN".lower()) == "vgg16_bn"
    assert zoo.find("resnet") is None
