"""The local derivatives of networks, as data: one line an activation, one a loss.

Formulas are text of the expression language in ``z`` (before the activation),
``a`` (behind it), ``y`` (the target) and ``g`` (the cotangent that arrives).
They serve one unit as well as whole arrays. At a kink the derivative is
PyTorch's, as in the engine.
"""

from __future__ import annotations

from typing import NamedTuple

from dlcalc.errors import InputError, nearest


class Activation(NamedTuple):
    """a of z, and da/dz of z and a; ``smooth`` says whether complex steps hold."""

    value: str
    slope: str
    smooth: bool = True


_SELU_ALPHA = "1.6732632423543772"
_SELU_SCALE = "1.0507009873554805"
_BELOW_THREE = "heaviside(3 - abs(z), 0)"

#: Activations of each unit by itself, under the words of the notation.
ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation("z", "1"),
    "sigmoid": Activation("sigmoid(z)", "a*(1 - a)"),
    "tanh": Activation("tanh(z)", "1 - a**2"),
    "relu": Activation("relu(z)", "heaviside(z, 0)", smooth=False),
    "relu6": Activation("min(relu(z), 6)", "heaviside(z, 0)*heaviside(6 - z, 0)", smooth=False),
    "leaky_relu": Activation(
        "leaky_relu(z, alpha)", "alpha + (1 - alpha)*heaviside(z, 0)", smooth=False
    ),
    "elu": Activation(
        "elu(z, alpha)", "heaviside(z, 0) + heaviside(-z, 1)*(a + alpha)", smooth=False
    ),
    "selu": Activation(
        "selu(z)",
        f"heaviside(z, 0)*{_SELU_SCALE} + heaviside(-z, 1)*(a + {_SELU_SCALE}*{_SELU_ALPHA})",
        smooth=False,
    ),
    "gelu": Activation("gelu(z)", "(1 + erf(z/2**0.5))/2 + z*exp(-z**2/2)/(2*pi)**0.5"),
    "silu": Activation("silu(z)", "sigmoid(z) + a*(1 - sigmoid(z))"),
    "mish": Activation(
        "z*tanh(softplus(z))",
        "tanh(softplus(z)) + z*sigmoid(z)*(1 - tanh(softplus(z))**2)",
    ),
    "log_sigmoid": Activation("-softplus(-z)", "sigmoid(-z)"),
    "hardsigmoid": Activation("min(max(z/6 + 1/2, 0), 1)", f"{_BELOW_THREE}/6", smooth=False),
    "hardswish": Activation(
        "z*min(max(z/6 + 1/2, 0), 1)",
        f"heaviside(z - 3, 1) + {_BELOW_THREE}*(z/3 + 1/2)",
        smooth=False,
    ),
    "hardtanh": Activation("hardtanh(z)", "heaviside(1 - abs(z), 0)", smooth=False),
    "softplus": Activation("softplus(z)", "sigmoid(z)"),
    "softsign": Activation("softsign(z)", "1/(1 + abs(z))**2", smooth=False),
}


class Loss(NamedTuple):
    """A loss of one example, and its derivative by each output ``a``.

    ``terms`` is what is summed over the outputs. ``fused`` names an activation
    of the last layer with which dE/dz is shorter, and that derivative.
    """

    terms: str
    slope: str
    says: str
    fused: tuple[str, str] | None = None
    smooth: bool = True


#: Losses of one example, summed over its outputs.
LOSSES: dict[str, Loss] = {
    "mse": Loss("(a - y)**2/2", "a - y", "half the sum of squares, as the notes have it"),
    "mae": Loss("abs(a - y)", "sign(a - y)", "the sum of absolute errors", smooth=False),
    "huber": Loss(
        "min(abs(a - y), 1)*(abs(a - y) - min(abs(a - y), 1)/2)",
        "min(max(a - y, -1), 1)",
        "squares up to 1, linear beyond",
        smooth=False,
    ),
    "quantile": Loss(
        "max((a - y)/2, -(a - y)/2)", "sign(a - y)/2", "the median's: half of each", smooth=False
    ),
    "hinge": Loss(
        "max(1 - y*a, 0)",
        "-y*heaviside(1 - y*a, 0)",
        "what is missing to a margin of 1, for targets -1 and 1",
        smooth=False,
    ),
    "bce": Loss(
        "-(y*log(a) + (1 - y)*log(1 - a))",
        "(a - y)/(a*(1 - a))",
        "binary cross-entropy of probabilities",
        ("sigmoid", "a - y"),
    ),
    "cross-entropy": Loss(
        "-y*log(a)",
        "-y/a",
        "cross-entropy behind softmax, of targets that sum to 1",
        ("softmax", "a - y"),
    ),
}
_OTHER_NAMES = {
    "cross_entropy": "cross-entropy",
    "ce": "cross-entropy",
    "binary-cross-entropy": "bce",
    "binary_cross_entropy": "bce",
    "l1": "mae",
}


class Trained(NamedTuple):
    """A loss as training has it: its equations, the activation put behind the logits, a divisor.

    M divides by all numbers of a batch, N by its examples.
    """

    loss: Loss
    activation: str
    divisor: str


#: The engine's losses of a batch, under its names.
TRAINED: dict[str, Trained] = {
    "mse": Trained(Loss("(a - y)**2", "2*(a - y)", "the mean of squares"), "", "M"),
    "mae": Trained(LOSSES["mae"], "", "M"),
    "huber": Trained(LOSSES["huber"], "", "M"),
    "quantile": Trained(LOSSES["quantile"], "", "M"),
    "hinge": Trained(LOSSES["hinge"], "", "M"),
    "binary_cross_entropy": Trained(LOSSES["bce"], "sigmoid", "M"),
    "cross_entropy": Trained(LOSSES["cross-entropy"], "softmax", "N"),
}


def loss(word: str) -> tuple[str, Loss]:
    """The loss of a word and its own name. Raises `InputError` for one that is not known."""
    name = _OTHER_NAMES.get(word, word)
    if name not in LOSSES:
        close = nearest(name, LOSSES)
        mend = f"Did you mean {close}?" if close else f"There are {', '.join(LOSSES)}."
        raise InputError(f"there is no loss {word}", mend=mend)
    return name, LOSSES[name]
