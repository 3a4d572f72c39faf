"""Which conventions give a quoted figure: those of papers, planted ones, and what is none."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from dlcalc.answers.explain import ExplainResult, explain
from dlcalc.answers.explain_readings import Reading
from dlcalc.answers.figure import read_figure
from dlcalc.answers.params import params
from dlcalc.cli.run import run
from dlcalc.errors import InputError


def only(result: ExplainResult) -> Reading:
    """The one explanation that there is."""
    (found,) = result.explanations
    return found


# --- figures that are quoted ------------------------------------------------------

KNOWN = [
    ("resnet50", "4.09G", 4_089_184_256, "MACs", "resnet50", ()),
    ("resnet50", "4.1G", 4_089_184_256, "MACs", "resnet50", ()),
    ("resnet50", "3.86G", 3_857_973_248, "MACs", "resnet50-v1", ("resnet50-v1: ",)),
    ("resnet50-v1", "4.09G", 4_089_184_256, "MACs", "resnet50", ("resnet50: ",)),
    ("resnet50", "8.18G", 8_178_368_512, "FLOPs", "resnet50", ("FLOPs, ",)),
    ("resnet50", "8.18 GFLOPs", 8_178_368_512, "FLOPs", "resnet50", ()),
    ("resnet50", "4.1 GFLOPs", 4_089_184_256, "MACs", "resnet50", ("MACs, ",)),
    ("mobilenet_v1", "569M", 568_740_352, "MACs", "mobilenet_v1", ()),
    ("googlenet", "13.0M", 13_004_888, "parameters", "googlenet", ("the auxiliary heads too",)),
    ("googlenet", "7.0M", 6_998_552, "parameters", "googlenet-2014", ("googlenet-2014: ",)),
    ("vgg16", "30.9G", 30_940_528_640, "FLOPs", "vgg16", ("FLOPs, ",)),
    ("alexnet", "2.14G", 2_142_565_440, "MACs", "alexnet", ("three forward passes",)),
    ("resnet50", "25.6M", 25_557_032, "parameters", "resnet50", ()),
    ("resnet50", "25557032", 25_557_032, "parameters", "resnet50", ()),
    ("bert-base", "109M", 109_482_240, "parameters", "bert-base", ()),
    ("bert-base", "110M", 109_482_240, "parameters", "bert-base", ("the last 0 of 110M",)),
    ("gpt2", "124M params", 124_439_808, "parameters", "gpt2", ()),
    ("llama-7b", "6.7B", 6_738_415_616, "parameters", "llama-7b", ()),
    ("mobilenet_v1", "4.254M", 4_253_891, "parameters", "mobilenet_v1", ("buffers counted",)),
    ("resnet50", "5.3G", 5_340_348_416, "MACs", "resnet50", ("input 3x256x256",)),
    ("resnet50", "4.11G", 4_109_906_944, "MACs", "resnet50", ("normalisation", "activation")),
]


@pytest.mark.parametrize(("net", "figure", "value", "counts", "of", "departures"), KNOWN)
def test_a_figure_that_is_quoted(
    net: str, figure: str, value: int, counts: str, of: str, departures: tuple[str, ...]
) -> None:
    found = only(explain(net, figure=figure))
    assert (found.value, found.counts, found.net) == (value, counts, of)
    assert len(found.departures) == len(departures)
    for departure, begin in zip(found.departures, departures, strict=True):
        assert departure.reason.startswith(begin)


@pytest.mark.parametrize(
    ("figure", "value", "departures"),
    [
        ("102MB", 4 * 25_557_032, 0),
        ("97.5MiB", 4 * 25_557_032, 0),
        ("97.5MB", 4 * 25_557_032, 1),
        ("51.1MB", 2 * 25_557_032, 1),
        ("102.4MB", 4 * (25_557_032 + 53_173), 1),
        ("12.8MB", -(-25_557_032 // 2), 1),
    ],
)
def test_bytes(figure: str, value: int, departures: int) -> None:
    found = only(explain("resnet50", figure=figure))
    assert (found.value, len(found.departures)) == (value, departures)


def test_the_experts_that_a_token_meets() -> None:
    net = "128x64 moe:8,active=2[dense:256 relu dense:64]"
    expert = (64 * 256 + 256) + (256 * 64 + 64)
    whole = params(net).value
    assert isinstance(whole, int)
    found = only(explain(net, figure=f"{whole - 6 * expert} params"))
    assert [d.reason for d in found.departures] == ["only the experts that one token meets"]


def test_the_type_asked_for_is_no_departure() -> None:
    found = only(explain("resnet50", figure="51.1MB", dtype="float16"))
    assert found.departures == ()


def test_what_is_included_is_where_departures_begin() -> None:
    found = only(explain("resnet50", figure="4.11G", include="normalisation,activation"))
    assert found.departures == ()
    found = only(explain("bert-base", figure="10.87G"))
    assert found.departures[0].reason.startswith("attention not counted")
    assert only(explain("bert-base", figure="10.87G", exclude="attention")).departures == ()


# --- planted figures --------------------------------------------------------------


@pytest.mark.parametrize(
    "net",
    ["lenet5", "vgg11", "resnet18", "densenet121", "gpt2", "vit_b_16", "3x32x32 conv:6,k5 bn"],
)
@pytest.mark.parametrize("part", ["", "bias", "normalisation", "activation"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_planted_number_is_found(net: str, part: str, times: int) -> None:
    macs = params(net, include=part).macs
    once = macs - params(net).macs  # type: ignore[operator]
    assert isinstance(macs, int)
    # Twice as many are FLOPs, of which what is no product is one.
    number = times * macs - (once if times == 2 else 0)
    kind = "FLOPs" if times == 2 else "MACs"
    result = explain(net, figure=f"{number} {kind}")
    assert {found.value for found in result.explanations} == {number}
    assert result.explanations[0].weight == bool(once) + (times == 3)


@pytest.mark.parametrize("net", ["resnet50", "googlenet", "alexnet"])
def test_every_explanation_is_within_the_digits_written_and_none_departs_less(net: str) -> None:
    for hundredth in range(100, 1000, 31):
        result = explain(net, figure=f"{hundredth / 100:.2f}G")
        room = Fraction(5_000_000)
        met = [r for r in result._all if abs(r.value - hundredth * 10**7) <= room]
        assert bool(met) == bool(result.explanations)
        if met:
            assert {r.weight for r in result.explanations} == {min(r.weight for r in met)}
            assert all(r in met for r in result.explanations)


def test_several_that_depart_as_little_are_all_told() -> None:
    # 4*4 + 4 parameters; 16 MACs and 4 sums of the bias.
    result = explain("4 dense:4", figure="16")
    assert [found.counts for found in result.explanations] == ["MACs"]
    result = explain("4 dense:4,bias=no", figure="16")
    assert [found.counts for found in result.explanations] == ["parameters", "MACs"]
    assert [row.role for row in result.blocks()[0].rows] == ["aside", "answer", "answer"]
    assert result.terse() == "16"


# --- figures that nothing gives ---------------------------------------------------


def test_nothing_gives_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["params", "resnet50", "--explain", "5G"]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].startswith("nearest  4,100,298,240   MACs of resnet50")
    assert "nothing tried gives 5G" in told.err
    assert run(["params", "resnet50", "--explain", "5G", "-q"]) == 1
    assert capsys.readouterr().out == "nothing\n"
    assert run(["params", "resnet50", "--explain", "4.1G", "-q"]) == 0
    assert capsys.readouterr().out == "4089184256\n"


def test_just_beyond_the_last_digit_is_a_miss() -> None:
    value = 25_557_032
    assert explain("resnet50", figure="25.557M params").explanations
    for figure in (value - 1, value + 1):
        result = explain("resnet50", figure=f"{figure} params")
        assert not result.explanations
        assert result.nearest.value == value
        assert result.failure


def test_one_digit_bears_no_other_input() -> None:
    assert not explain("resnet50", figure="5G").explanations
    assert only(explain("resnet50", figure="5.3G")).input.sizes == (3, 256, 256)


# --- what is no figure, or no question --------------------------------------------


@pytest.mark.parametrize(
    "figure",
    [
        "",
        "G",
        "4.1Q",
        "-4G",
        "0",
        "4.1G apples",
        "5%",
        "1" * 100,
        "4..1G",
        "nan",
        "4.1G\n;",
        "7BiB",
    ],
)
def test_no_figure(figure: str) -> None:
    with pytest.raises(InputError):
        read_figure(figure)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("569M", 569_000_000, ""),
        ("7B params", 7 * 10**9, "parameters"),
        ("569000000 MACs", 569_000_000, "MACs"),
        ("12 Bytes", 12, "bytes"),
        ("4.1GMACs", 4_100_000_000, "MACs"),
        ("98MB", 98_000_000, "bytes"),
        ("98MiB", 98 * 1024**2, "bytes"),
        ("1.5 GB", 1_500_000_000, "bytes"),
        ("4.1e9", 4_100_000_000, ""),
        ("25,557,032", 25_557_032, ""),
        ("30 BFLOPs", 30 * 10**9, "FLOPs"),
    ],
)
def test_a_figure(text: str, value: int, kind: str) -> None:
    figure = read_figure(text)
    assert (figure.value, figure.kind) == (value, kind)


def test_unknown_sizes_are_said_or_refused() -> None:
    result = explain("lstm-5x128", figure="660k")
    assert only(result).value == 660_480
    assert result.notes == ["MACs are not tried: they are 655360*T here, no number"]
    with pytest.raises(InputError, match="nothing that it may count is a number"):
        explain("lstm-5x128", figure="1G MACs")
    with pytest.raises(InputError, match="nothing that it may count is a number"):
        explain("3x8x8 relu", figure="1G params")


@pytest.mark.parametrize(
    "words", [["--batch", "8"], ["--compare"], ["--sharing"], ["--verify"], ["--optimizer", "adam"]]
)
def test_options_without_use_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["params", "resnet50", "--explain", "4G", *words]) == 2
    assert f"--explain takes no {words[0]}" in capsys.readouterr().err


def test_a_stream_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["params", "-", "--explain", "4G"]) == 2
    assert "one net" in capsys.readouterr().err


def test_the_document_and_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["params", "resnet50", "--explain", "3.86G", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["least"], document["most"]) == (3_855_000_000, 3_865_000_000)
    assert document["explanations"][0]["net"] == "resnet50-v1"
    assert run(["params", "resnet50", "--explain", "3.86G", "--csv"]) == 0
    assert capsys.readouterr().out.startswith("value,counts,net,input,departures")


# --- model files ------------------------------------------------------------------

MODELS = Path("tests/data/models")


@pytest.mark.parametrize(
    ("words", "figure", "value", "counts", "departures"),
    [
        (("digits.json",), "172k", 172_480, "MACs", ()),
        (("digits.json",), "345k FLOPs", 344_960, "FLOPs", ()),
        (("digits.json",), "15.93k", 15_930, "parameters", ("buffers counted",)),
        (("config.json",), "125k params", 124_672, "parameters", ()),
        (("config.json",), "249344 bytes", 249_344, "bytes of 124,672 numbers in float16", ()),
        (("config.json",), "498688 bytes", 498_688, "bytes of 124,672", ("32 bits each",)),
        (("config.json",), "114,944", 114_944, "MACs", ("1 token in place of 128",)),
        (("64", "config.json"), "8.39M", 8_388_608, "MACs", ()),
    ],
)
def test_a_figure_of_a_model_file(
    words: tuple[str, ...], figure: str, value: int, counts: str, departures: tuple[str, ...]
) -> None:
    found = only(explain(*words[:-1], str(MODELS / words[-1]), figure=figure))
    assert found.value == value and found.counts.startswith(counts) and found.net == "the model"
    assert len(found.departures) == len(departures)
    for departure, begin in zip(found.departures, departures, strict=True):
        assert departure.reason.startswith(begin)


def test_a_model_file_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(MODELS / "config.json") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert run(["params", "-f", "-", "--explain", "125k", "-q"]) == 0
    assert capsys.readouterr().out == "124672\n"


@pytest.mark.parametrize(
    "name", ["printed.txt", "head.safetensors", "model.safetensors.index.json"]
)
def test_a_file_that_leaves_its_layers_open_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="does not tell the layers"):
        explain(str(MODELS / name), figure="100k")


def test_the_rules_of_a_file_are_its_own() -> None:
    with pytest.raises(InputError, match="rules of torch do not apply"):
        explain(str(MODELS / "digits.json"), figure="1k", like="torch")
