"""What print shows of nets of torchvision and of chains of torch.nn, and what they hold.

python tests/oracles/torch_text.py --record
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import OrderedDict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import torchvision
from oracles.record import DATA, Row
from torch import nn
from torchvision.models import get_model

TABLE = DATA / "torch_text.json.gz"
NETS = (
    "alexnet convnext_tiny deeplabv3_resnet50 densenet121 efficientnet_b0 efficientnet_v2_s "
    "fasterrcnn_resnet50_fpn fcn_resnet50 googlenet inception_v3 lraspp_mobilenet_v3_large "
    "maxvit_t mnasnet1_0 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small r3d_18 raft_small "
    "regnet_x_400mf regnet_y_400mf resnet18 resnet50 resnext50_32x4d retinanet_resnet50_fpn "
    "shufflenet_v2_x1_0 squeezenet1_0 swin_t swin_v2_t vgg11 vgg16_bn vit_b_16 wide_resnet50_2"
).split()
#: Classes outside of torch.nn that dlcalc counts all the same.
ALSO = ("LayerNorm2d",)
#: Chains: the source of each, and an input without its batch.
CHAINS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10, bias=False))", (784,)),
    (
        "nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6(), "
        "nn.Conv2d(8, 16, (3, 5), padding=(1, 2), groups=4, bias=False), nn.GroupNorm(4, 16), "
        "nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), nn.Flatten(), "
        "nn.Linear(16 * 9 * 8, 10))",
        (3, 34, 30),
    ),
    (
        "nn.Sequential(OrderedDict([('stem', nn.Conv2d(1, 6, kernel_size=5, padding='same')), "
        "('act', nn.PReLU(6)), ('body', nn.Sequential(nn.AvgPool2d(2, 3, 1), nn.Tanh())), "
        "('norm', nn.InstanceNorm2d(6, affine=True, track_running_stats=True))]))",
        (1, 28, 32),
    ),
    (
        "nn.Sequential(nn.ConvTranspose2d(8, 4, 4, 2, 1, output_padding=1, groups=2), "
        "nn.LeakyReLU(0.2), nn.Upsample(scale_factor=2), nn.ZeroPad2d((1, 2, 3, 4)), "
        "nn.PixelUnshuffle(1), nn.AdaptiveAvgPool2d((2, 3)))",
        (8, 7, 9),
    ),
    (
        "nn.Sequential(nn.Conv1d(2, 4, 3, dilation=2, padding_mode='circular', padding=2), "
        "nn.BatchNorm1d(4, affine=False), nn.GELU(), nn.MaxPool1d(2), nn.Flatten(), "
        "nn.LayerNorm(40, bias=False), nn.LayerNorm((40,), elementwise_affine=False))",
        (2, 20),
    ),
    (
        "nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2, track_running_stats=False), "
        "nn.ELU(), nn.AvgPool3d(2), nn.Dropout3d(0.1), nn.AdaptiveMaxPool3d(1), nn.Flatten())",
        (1, 8, 9, 10),
    ),
    ("nn.Sequential(nn.LSTM(5, 7, 2, bidirectional=True, batch_first=True))", (4, 5)),
    ("nn.Sequential(nn.LSTM(5, 7, proj_size=3, bias=False, batch_first=True))", (4, 5)),
    ("nn.Sequential(nn.GRU(5, 7, num_layers=3, batch_first=True))", (4, 5)),
    ("nn.Sequential(nn.RNN(5, 7, 2, 'relu', batch_first=True))", (4, 5)),
    (
        "nn.Sequential(nn.LayerNorm((4, 5)), nn.Linear(5, 6), nn.RMSNorm(6), nn.SiLU(), "
        "nn.Softmax(-1), nn.Identity(3, a=4))",
        (4, 5),
    ),
    ("nn.Sequential(nn.Conv2d(3, 4, 1), nn.LocalResponseNorm(2), nn.PixelShuffle(2))", (3, 5, 5)),
)


def row(name: str, model: nn.Module) -> Row:
    """The text, and the shapes of the tensors of those modules that torch.nn defines."""
    counted, buffers = {}, 0
    for path, module in model.named_modules():
        known = type(module).__module__.startswith("torch.nn.") or type(module).__name__ in ALSO
        for key, tensor in module.named_parameters(recurse=False):
            if known:
                counted[f"{path}.{key}"] = list(tensor.shape)
        buffers += sum(t.numel() for t in module.buffers(recurse=False)) if known else 0
    return {
        "name": name,
        "text": str(model),
        "parameters": sum(tensor.numel() for tensor in model.parameters()),
        "buffers": buffers,
        "counted": counted,
    }


def net(name: str) -> Row:
    """A net of torchvision, built without weights to load and without numbers in it."""
    more: dict[str, object] = {}
    if name.endswith(("fpn", "deeplabv3_resnet50", "fcn_resnet50")) or "lraspp" in name:
        more["weights_backbone"] = None
    if name in ("googlenet", "inception_v3"):
        more["init_weights"] = False
    # Some nets compute their widths with tensors, which a device without numbers does not allow.
    with torch.device("cpu" if "regnet" in name or "swin" in name else "meta"):
        model = get_model(name, weights=None, **more)
    return row(name, model)


def chain(source: str, sizes: tuple[int, ...]) -> Row:
    """A chain of torch.nn, and what comes out of it for an example of these sizes."""
    model = eval(source, {"nn": nn, "OrderedDict": OrderedDict})
    model.eval()
    output = model(torch.zeros(2, *sizes))
    found = output[0] if isinstance(output, tuple) else output
    return row(source, model) | {"input": list(sizes), "output": list(found.shape[1:])}


def record() -> None:
    """Write the table, and print how much of it print shows."""
    rows = [net(name) for name in NETS]
    whole = sum(
        sum(torch.Size(sizes).numel() for sizes in each["counted"].values()) == each["parameters"]  # type: ignore[attr-defined]
        for each in rows
    )
    chains = [chain(*each) for each in CHAINS]
    text = json.dumps({"nets": rows, "chains": chains}, separators=(",", ":"))
    TABLE.write_bytes(gzip.compress(text.encode(), mtime=0))
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    print(f"{len(rows)} nets, {whole} of them shown whole, {len(chains)} chains, {versions}")


if __name__ == "__main__":
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/torch_text.py --record")
    record()
