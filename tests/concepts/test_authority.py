"""What the catalogue says of frameworks, asked of those that are installed."""

from __future__ import annotations

import os

import pytest


def test_torch_takes_padding_in_small_letters_only() -> None:
    torch = pytest.importorskip("torch")
    assert torch.nn.Conv2d(1, 1, 3, padding="valid").padding == "valid"
    for word in ("SAME", "VALID"):
        with pytest.raises(ValueError, match="Invalid padding string"):
            torch.nn.Conv2d(1, 1, 3, padding=word)


def test_keras_takes_padding_in_any_case() -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    for word in ("same", "SAME", "valid", "VALID"):
        assert keras.layers.Conv2D(1, 3, padding=word).padding == word.lower()


def test_tensorflow_takes_padding_in_capitals_only() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    image, kernel = tensorflow.zeros((1, 5, 5, 1)), tensorflow.zeros((3, 3, 1, 1))
    assert tensorflow.nn.conv2d(image, kernel, 1, "VALID").shape == (1, 3, 3, 1)
    for word in ("same", "valid"):
        with pytest.raises(Exception, match="is not in the list of allowed values"):
            tensorflow.nn.conv2d(image, kernel, 1, word)
