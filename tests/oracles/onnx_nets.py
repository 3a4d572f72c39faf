"""Nets that are exported to ONNX: torchvision's and small ones of other kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
import torchvision
from torch import nn


class Export(NamedTuple):
    """How a net is exported: its inputs, the opset, the names of its open axes by their place."""

    make: Callable[[], nn.Module]
    inputs: tuple[torch.Tensor, ...]
    opset: int = 17
    open: Mapping[int, str] = MappingProxyType({})
    #: Keep normalisation as layers of its own, as in training; else it is folded into weights.
    kept: bool = True
    #: Let the exporter work out what hangs on no input.
    fold: bool = True
    #: By PyTorch's newer exporter, which folds normalisation into weights, and needs onnxscript.
    dynamo: bool = False


class Recurrent(nn.Module):
    """An embedding, a recurrent layer and a head on its last step."""

    def __init__(self, cell: str, both: bool, batch_first: bool, layers: int = 1) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.cell = getattr(nn, cell)(16, 32, layers, bidirectional=both, batch_first=batch_first)
        self.head = nn.Linear(64 if both else 32, 5)
        self.first = batch_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From words by their numbers to classes."""
        found = self.cell(self.embedding(x))[0]
        return self.head(found[:, -1] if self.first else found[-1])


class Unet(nn.Module):
    """Two levels down and up again, with concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU())
        self.second = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.Mish())
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.wide = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.last = nn.Conv2d(24, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From an image to a mask."""
        first = self.first(x)
        second = self.second(self.pool(first))
        return self.last(torch.cat([first, self.up(second), self.wide(second)[:, :8]], 1))


def sequence_cnn() -> nn.Module:
    """Convolutions along a sequence, with instance norm, PReLU and an adaptive pooling."""
    return nn.Sequential(
        nn.Conv1d(4, 8, 5, padding=2, stride=2),
        nn.InstanceNorm1d(8, affine=True),
        nn.PReLU(8),
        nn.Conv1d(8, 16, 3, dilation=2),
        nn.GELU(),
        nn.AvgPool1d(3, stride=2, padding=1),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(16, 3),
        nn.LogSoftmax(-1),
    )


class Encoder(nn.Module):
    """A transformer's encoder on words by their numbers."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 32)
        self.position = nn.Parameter(torch.zeros(1, 10, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=batch_first, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.first = batch_first
        self.head = nn.Linear(32, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From words to a class for each."""
        found = self.embedding(x) + (self.position if self.first else self.position[0, :, None])
        return self.head(self.encoder(found))


def _vision(name: str, **more: Any) -> Callable[[], nn.Module]:
    return lambda: getattr(torchvision.models, name)(weights=None, **more)


def _image(batch: int, side: int = 224) -> tuple[torch.Tensor, ...]:
    return (torch.zeros(batch, 3, side, side),)


def _words(*sizes: int) -> tuple[torch.Tensor, ...]:
    return (torch.zeros(sizes, dtype=torch.int64),)


#: The nets by name.
NETS: dict[str, Export] = {
    "resnet18": Export(_vision("resnet18"), _image(2)),
    "resnet50": Export(_vision("resnet50"), _image(1), open={0: "batch"}),
    "resnet50_folded": Export(_vision("resnet50"), _image(1), 13, kept=False),
    "vgg11": Export(_vision("vgg11"), _image(3), 9),
    "alexnet": Export(_vision("alexnet"), _image(1), 11, {0: "batch"}),
    "squeezenet1_1": Export(_vision("squeezenet1_1"), _image(1), 18),
    "googlenet": Export(_vision("googlenet", init_weights=False, aux_logits=False), _image(2), 12),
    "inception_v3": Export(
        _vision("inception_v3", init_weights=False, aux_logits=False), _image(1, 299)
    ),
    "mobilenet_v2": Export(_vision("mobilenet_v2"), _image(2), 14),
    "mobilenet_v3_small": Export(_vision("mobilenet_v3_small"), _image(1), 13),
    "mobilenet_v3_small_16": Export(_vision("mobilenet_v3_small"), _image(1), 16),
    "densenet121": Export(_vision("densenet121"), _image(1), 15),
    "shufflenet_v2_x0_5": Export(_vision("shufflenet_v2_x0_5"), _image(2)),
    "efficientnet_b0": Export(_vision("efficientnet_b0"), _image(1), 18),
    "regnet_y_400mf": Export(_vision("regnet_y_400mf"), _image(2), 20),
    "convnext_tiny": Export(_vision("convnext_tiny"), _image(1), open={0: "batch"}),
    "vit_b_16": Export(_vision("vit_b_16"), _image(1)),
    "vit_b_16_batch": Export(_vision("vit_b_16"), _image(2), 16),
    "swin_t": Export(_vision("swin_t"), _image(1), fold=False),
    "lstm": Export(lambda: Recurrent("LSTM", False, True), _words(3, 11)),
    "lstm_both_ways": Export(lambda: Recurrent("LSTM", True, False, 2), _words(11, 2)),
    "gru": Export(lambda: Recurrent("GRU", True, True), _words(3, 11), 14, {0: "batch"}),
    "rnn": Export(lambda: Recurrent("RNN", False, False), _words(11, 3), 11),
    "encoder": Export(lambda: Encoder(), _words(3, 10)),
    "encoder_time_first": Export(lambda: Encoder(False), _words(10, 3), 16),
    "unet": Export(Unet, (torch.zeros(1, 3, 32, 48),), open={0: "batch"}),
    "unet_13": Export(Unet, (torch.zeros(2, 3, 32, 48),), 13),
    "sequence_cnn": Export(sequence_cnn, (torch.zeros(2, 4, 65),)),
    "sequence_cnn_9": Export(sequence_cnn, (torch.zeros(2, 4, 65),), 9),
    "resnet18_dynamo": Export(_vision("resnet18"), _image(2), 18, kept=False, dynamo=True),
    "densenet121_dynamo": Export(_vision("densenet121"), _image(1), 18, kept=False, dynamo=True),
    "convnext_tiny_dynamo": Export(_vision("convnext_tiny"), _image(2), 22, dynamo=True),
    "vit_b_16_dynamo": Export(_vision("vit_b_16"), _image(1), 20, dynamo=True),
    "lstm_dynamo": Export(lambda: Recurrent("LSTM", False, True), _words(3, 11), 18, dynamo=True),
    "gru_dynamo": Export(lambda: Recurrent("GRU", True, True), _words(3, 11), 20, dynamo=True),
    "encoder_dynamo": Export(lambda: Encoder(False), _words(10, 3), 23, dynamo=True),
    "unet_dynamo": Export(Unet, (torch.zeros(1, 3, 32, 48),), 23, kept=False, dynamo=True),
    "sequence_cnn_dynamo": Export(sequence_cnn, (torch.zeros(2, 4, 65),), 20, dynamo=True),
}
