"""The built-in nets, to the digit of the published and counted figures."""

from __future__ import annotations

import pytest

from dlcalc.answers.network import load
from dlcalc.answers.params import params
from dlcalc.nets import zoo
from dlcalc.nets.field import follow, start
from dlcalc.nets.trace import trace

#: Parameters, and multiply-accumulates at the usual input.
FIGURES = {
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
}
#: Before global pooling; vgg16 at its last pooling.
RECEPTIVE_FIELDS = {"vgg16": 212, "resnet50-v1": 483, "resnet50": 427, "resnet18": 435}


def test_every_net_has_a_figure() -> None:
    assert set(FIGURES) == set(zoo.names())


@pytest.mark.parametrize("name", FIGURES)
def test_parameters_and_macs(name: str) -> None:
    result = params(name)
    assert (result.value, result.macs) == FIGURES[name]


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
