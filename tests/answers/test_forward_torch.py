"""``dlcalc forward`` beside PyTorch, where it is installed: outputs and gradients of whole nets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.forward import forward

torch = pytest.importorskip("torch")


def _image(x: Any, t: dict[str, Any]) -> Any:
    f = torch.nn.functional
    x = f.conv2d(x, t["conv1.weight"], t["conv1.bias"], 2, 1)
    x = f.batch_norm(x, None, None, t["bn1.weight"], t["bn1.bias"], training=True)
    x = f.max_pool2d(torch.relu(x), 2, ceil_mode=True)
    return f.log_softmax(f.linear(x.flatten(1), t["dense1.weight"], t["dense1.bias"]), 1)


def _branches(x: Any, t: dict[str, Any]) -> Any:
    f = torch.nn.functional
    inner = f.conv2d(x, t["residual1.conv1.weight"], t["residual1.conv1.bias"], padding=1)
    x = f.gelu(inner + x)
    up = f.conv_transpose2d(x, t["convtranspose1.weight"], t["convtranspose1.bias"], 2, 1, 1)
    return f.group_norm(f.avg_pool2d(up, 3, 2, 1), 2, t["gn1.weight"], t["gn1.bias"])


def _recurrent(kind: str, **options: Any) -> Callable[[Any, dict[str, Any]], Any]:
    def run(x: Any, t: dict[str, Any]) -> Any:
        own = {k.partition(".")[2]: v for k, v in t.items() if k.startswith(kind.lower())}
        module = getattr(torch.nn, kind)(x.shape[2], 3, batch_first=True, **options).double()
        y, _ = torch.func.functional_call(module, own, (x,))
        last = y[:, -1]
        return torch.nn.functional.linear(last, t["dense1.weight"], t["dense1.bias"])

    return run


def _attention(x: Any, t: dict[str, Any]) -> Any:
    f = torch.nn.functional
    q, k, v = (
        f.linear(x, t[f"attention1.{name}.weight"], t[f"attention1.{name}.bias"])
        .unflatten(2, (2, -1))
        .transpose(1, 2)
        for name in ("query", "key", "value")
    )
    mixed = f.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
    y = f.linear(mixed, t["attention1.output.weight"], t["attention1.output.bias"])
    return f.layer_norm(y, y.shape[-1:], t["ln1.weight"], t["ln1.bias"])


NETS: dict[str, tuple[tuple[int, ...], Callable[[Any, dict[str, Any]], Any]]] = {
    "conv:4,k3,s2,p1 bn relu maxpool:2,ceil=yes flatten dense:3 log_softmax": ((2, 9, 8), _image),
    "residual[conv:2,k3,p1] gelu convtranspose:4,k3,s2,p1,op1 avgpool:3,s2,p1 gn:2": (
        (2, 5, 4),
        _branches,
    ),
    "rnn:3 last dense:2": ((4, 2), _recurrent("RNN")),
    "lstm:3,layers=2,bidirectional=yes last dense:2": (
        (4, 2),
        _recurrent("LSTM", num_layers=2, bidirectional=True),
    ),
    "lstm:3,proj=2 last dense:2": ((4, 2), _recurrent("LSTM", proj_size=2)),
    "gru:3,bidirectional=yes last dense:2": ((4, 2), _recurrent("GRU", bidirectional=True)),
    "attention:2,causal=yes ln": ((5, 4), _attention),
}


@pytest.mark.parametrize("net", NETS)
def test_outputs_and_gradients_are_those_of_torch(net: str) -> None:
    sizes, run = NETS[net]
    draw = np.random.default_rng(2)
    data = draw.normal(size=(3, *sizes))
    names = forward(data, net, batch=True, training=True).extra.tensors
    given = {name: draw.normal(size=a.shape) for name, a in names.items() if "running" not in name}
    given.pop("bn1.num_batches_tracked", None)
    shape = np.shape(forward(data, net, batch=True, training=True).value)
    cotangent = draw.normal(size=shape)
    result = forward(
        data, net, batch=True, training=True, set=given, cotangent=cotangent, verify=True
    )
    assert not result.failure
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in given.items()}
    x = torch.tensor(data, requires_grad=True)
    y = run(x, tensors)
    y.backward(torch.tensor(cotangent))
    assert np.allclose(result.value, y.detach().numpy(), rtol=1e-10, atol=1e-12)
    back = result.extra.backward
    assert back is not None
    for name, gradient in back.gradients.items():
        theirs = (x if name == "input" else tensors[name]).grad.numpy()
        assert np.allclose(gradient, theirs, rtol=1e-9, atol=1e-11), name


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        ("mse", [[0.5, -1.0, 2.0], [0.0, 1.0, 0.0]]),
        ("mae", [[0.5, -1.0, 2.0], [0.0, 1.0, 0.0]]),
        ("huber", [[0.5, -1.0, 2.0], [0.0, 1.0, 0.0]]),
        ("binary-cross-entropy", [[1, 0, 1], [0, 0, 1]]),
        ("cross-entropy", [2, 0]),
    ],
)
def test_losses_are_those_of_torch(loss: str, target: Any) -> None:
    data = np.random.default_rng(0).normal(size=(2, 3))
    result = forward(data, "identity", batch=True, backward=loss, target=target)
    f = torch.nn.functional
    function = {
        "mse": f.mse_loss,
        "mae": f.l1_loss,
        "huber": f.huber_loss,
        "binary-cross-entropy": f.binary_cross_entropy_with_logits,
        "cross-entropy": f.cross_entropy,
    }[loss]
    x = torch.tensor(data, requires_grad=True)
    kind = torch.long if loss == "cross-entropy" else torch.double
    value = function(x, torch.tensor(target, dtype=kind))
    value.backward()
    back = result.extra.backward
    assert back is not None
    assert back.value == pytest.approx(value.item(), rel=1e-12)
    assert np.allclose(back.gradients["input"], x.grad.numpy(), rtol=1e-12, atol=1e-15)
    assert not result.failure
