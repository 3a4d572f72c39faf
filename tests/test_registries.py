"""What is generated is current, and every layer and net is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import generate
import pytest

from dlcalc.answers.network import load
from dlcalc.answers.params import answer as params_of
from dlcalc.answers.vocabulary import layers, zoo
from dlcalc.errors import NotationError
from dlcalc.layers.index import LAYERS, WORDS
from dlcalc.layers.registry import find, layer_class, normal
from dlcalc.nets import zoo as nets


def test_generated_files_are_current() -> None:
    for path, text in generate.generated().items():
        assert path.read_text(encoding="utf-8") == text, f"run python tests/generate.py: {path}"


def test_a_stale_file_would_be_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stale = generate.ROOT / "dlcalc" / "layers" / "index.py"
    monkeypatch.setattr(generate, "generated", lambda: {stale: "something else"})
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    assert generate.main() == 1
    assert "is not current" in capsys.readouterr().out


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_help_with_an_example_that_runs(name: str) -> None:
    assert layer_class(name).__doc__
    example = LAYERS[name].example
    assert name in example
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m dlcalc params {example} --json"], capture_output=True
    )
    assert done.returncode == 0, done.stderr
    card = layers(name).plain()
    assert example in card
    for argument in layer_class(name).arguments:
        assert argument.help
        assert argument.name in card


def test_every_word_finds_its_layer() -> None:
    for word, (name, rank) in WORDS.items():
        assert find(word) == (layer_class(name), rank)
    assert find("leaky-relu") == find("leaky_relu") == find("leakyrelu")
    assert find("conv2d") == (layer_class("conv"), 2)
    assert find("conv4d") is None


def test_layer_and_net_names_are_disjoint() -> None:
    assert not {normal(name) for name in nets.names()} & set(WORDS)


@pytest.mark.parametrize("name", nets.names())
def test_every_net_says_what_it_is_and_runs_from_its_own_text(name: str) -> None:
    assert nets.summary(name)
    card = zoo(name)
    start, net = load((card.terse(),))
    assert params_of(start, net).value == params_of(*load((name,))).value
    document = card.document()
    assert document["name"] == name
    assert f"{document['input']} {document['net']}" == card.terse()


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(NotationError) as caught:
        zoo("resnet-51")
    assert "Did you mean resnet" in caught.value.mend
    with pytest.raises(NotationError):
        layers("nothing")
