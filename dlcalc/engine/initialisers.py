"""Numbers to start training from.

Weights are drawn from the fans of each block: each gate of a recurrent layer, each
expert, each position of a local layer is a matrix of its own. Biases are 0 (those of an
LSTM's forget gate and a GRU's update gate 1), norms' scales 1, slopes of prelu 0.25 (He
et al., 2015), and coefficients of subsample start it as the mean of its window.

A fan in is how many inputs an output reads, a fan out the outputs times the kernel, as
in torch.nn.init. A transposed convolution is counted by what an output reads:
inputs * kernel / (groups * strides), where PyTorch takes its outputs for its inputs.
Rows that are looked up (embedding, position, segment, token) have no fans: they are
normal with deviation 1, as in torch.nn.Embedding.

All are drawn in double precision, so that both types start from the same net.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlcalc.engine.roles import GATES, LOOKUPS, Units, owner, role, units
from dlcalc.errors import InputError, nearest

if TYPE_CHECKING:
    from dlcalc.engine.program import Program

Array = np.ndarray[Any, np.dtype[Any]]

_RELUS = {"relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "softplus"}
_RELUS |= {"hardswish"}
#: Layers through which a weight still sees the curve behind it.
_BETWEEN = {"bn", "ln", "gn", "instancenorm", "rmsnorm", "lrn", "dropout", "flatten", "reshape"}
_BETWEEN |= {"maxpool", "avgpool", "globalavgpool", "globalmaxpool"}


class _Job(NamedTuple):
    """A weight to fill: its units, its fans, and the number that the initialiser takes."""

    units: Units
    fans: tuple[int, int]
    generator: np.random.Generator
    scale: float

    def normal(self, deviation: float) -> None:
        self.units.view[...] = self.generator.normal(0.0, deviation, self.units.view.shape)

    def uniform(self, limit: float) -> None:
        self.units.view[...] = self.generator.uniform(-limit, limit, self.units.view.shape)


class Initialiser(NamedTuple):
    """One way to draw a weight; ``scale`` is the default of the number that it takes."""

    fill: Callable[[_Job], None]
    scale: float
    help: str
    #: Whether it goes by fans.
    fans: bool = False


def _zero(job: _Job) -> None:
    job.units.view[...] = 0


def _normal(job: _Job) -> None:
    job.normal(job.scale)


def _uniform(job: _Job) -> None:
    job.uniform(job.scale)


def _truncated(job: _Job) -> None:
    draw = job.generator
    values: Array = np.asarray(draw.standard_normal(job.units.view.shape))
    while np.any(far := np.abs(values) > 2):
        values[far] = draw.standard_normal(np.count_nonzero(far))
    job.units.view[...] = values * job.scale


def _xavier(job: _Job) -> float:
    return job.scale * math.sqrt(2 / max(sum(job.fans), 1))


def _he(job: _Job) -> float:
    return job.scale * math.sqrt(2 / max(job.fans[0], 1))


def _lecun(job: _Job) -> float:
    return job.scale * math.sqrt(1 / max(job.fans[0], 1))


def _by_normal(deviation: Callable[[_Job], float]) -> Callable[[_Job], None]:
    return lambda job: job.normal(deviation(job))


def _by_uniform(deviation: Callable[[_Job], float]) -> Callable[[_Job], None]:
    return lambda job: job.uniform(math.sqrt(3) * deviation(job))


def _orthogonal(job: _Job) -> None:
    view, lead = job.units
    for block in np.ndindex(view.shape[:lead]):
        part: Array = view[block]
        rows, columns = part.shape[0], math.prod(part.shape[1:])
        drawn = job.generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(drawn)
        # Without the signs it would not be uniform over all such matrices: Mezzadri, 2007.
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        part[...] = job.scale * (q if rows >= columns else q.T).reshape(part.shape)


#: Every initialiser by name. Xavier: Glorot and Bengio, 2010; He et al., 2015; LeCun,
#: Bottou, Orr and Mueller, "Efficient BackProp", 1998; orthogonal: Saxe, McClelland and
#: Ganguli, 2014. Normals are not truncated, as in torch.nn.init (Keras truncates them).
INITIALISERS = {
    "zero": Initialiser(_zero, 0.0, "all 0: units of a layer stay equal for ever"),
    "normal": Initialiser(_normal, 0.05, "normal; scale is the deviation"),
    "truncated_normal": Initialiser(
        _truncated, 0.05, "normal, redrawn beyond 2 deviations; scale is that before truncation"
    ),
    "uniform": Initialiser(_uniform, 0.05, "uniform; scale is the limit on both sides"),
    "xavier_uniform": Initialiser(
        _by_uniform(_xavier), 1.0, "uniform of variance 2/(fan_in + fan_out)", True
    ),
    "xavier_normal": Initialiser(
        _by_normal(_xavier), 1.0, "normal of variance 2/(fan_in + fan_out)", True
    ),
    "he_uniform": Initialiser(_by_uniform(_he), 1.0, "uniform of variance 2/fan_in", True),
    "he_normal": Initialiser(_by_normal(_he), 1.0, "normal of variance 2/fan_in", True),
    "lecun_uniform": Initialiser(_by_uniform(_lecun), 1.0, "uniform of variance 1/fan_in", True),
    "lecun_normal": Initialiser(_by_normal(_lecun), 1.0, "normal of variance 1/fan_in", True),
    "orthogonal": Initialiser(_orthogonal, 1.0, "rows or columns at right angles, of norm 1"),
}

#: Chosen for each weight by what is behind it; see `initialise`.
DEFAULT = "default"


def initialise(
    program: Program,
    generator: np.random.Generator,
    how: str = DEFAULT,
    *,
    scale: float | None = None,
    forget_bias: float = 1.0,
) -> None:
    """Fill all parameters. The same generator gives the same numbers.

    By default a weight in front of relu and its kin is He's, in front of selu LeCun's,
    from a recurrent state to itself orthogonal, and any other Xavier's uniform. ``scale``
    is the number that the initialiser takes: a deviation, a limit, or a gain.
    ``forget_bias`` is the whole bias of an LSTM's forget gate (Gers, Schmidhuber and
    Cummins, 2000; Jozefowicz, Zaremba and Sutskever, 2015) and of a GRU's update gate,
    which keeps the state where it is near 1; in the first bias if there are two. Raises
    `InputError` if there is no such initialiser.
    """
    if how != DEFAULT and how not in INITIALISERS:
        names = [DEFAULT, *INITIALISERS]
        near = nearest(how, names)
        mend = f"Did you mean {near}?" if near else f"There are {', '.join(names)}."
        raise InputError(f"{how} is not an initialiser", mend=mend)
    if scale is not None and not 0 <= scale < math.inf:
        raise InputError(f"the scale of an initialiser must be at least 0, not {scale:g}")
    layers = {name: node.layer for name, node, _ in program.trail}
    ranks = {name: max(value.data.ndim - 2, 1) for name, _, value in program.trail}
    curves = _curves(program)
    for name, tensor in program.tensors.items():
        array, layer = tensor.value, _home(name, layers)
        what = role(name, array.ndim)
        if what == "weight":
            rows = units(name, array)
            fans = _fans(name, rows, layers.get(layer))
            chosen, number = _choice(name, how, scale, curves.get(layer, ""))
            chosen.fill(_Job(rows, fans, generator, number))
        elif what == "bias":
            array[...] = 0
            _forget(name, array, forget_bias)
        elif what == "coefficient":
            array[...] = _mean(layers.get(layer), ranks.get(layer, 1))
        else:
            array[...] = 1.0 if what == "norm" else 0.25


def _choice(name: str, how: str, scale: float | None, curve: str) -> tuple[Initialiser, float]:
    """The initialiser of one weight, and its number."""
    lookup = owner(name) in LOOKUPS
    if lookup and (how == DEFAULT or INITIALISERS[how].fans):
        return INITIALISERS["normal"], 1.0
    if how == DEFAULT:
        how = "xavier_uniform"
        if name.rpartition(".")[2].startswith("weight_hh"):
            how = "orthogonal"
        elif curve in _RELUS:
            how = "he_normal"
        elif curve == "selu":
            how = "lecun_normal"
    chosen = INITIALISERS[how]
    return chosen, chosen.scale if scale is None else scale


def _curves(program: Program) -> dict[str, str]:
    """For each layer the word of the layer behind it, passing those that change no curve."""
    found: dict[str, str] = {}
    trail = [
        (name.rpartition(".")[0], name, node.layer.words[0]) for name, node, _ in program.trail
    ]
    for index, (scope, name, _) in enumerate(trail):
        for other, _, kind in trail[index + 1 :]:
            if other != scope:
                break
            if kind not in _BETWEEN:
                found[name] = kind
                break
    return found


def _home(name: str, layers: dict[str, Any]) -> str:
    """The name of the layer that a tensor belongs to; layers have parts with names of their own."""
    while name and name not in layers:
        name = name.rpartition(".")[0]
    return name


def _fans(name: str, rows: Units, layer: Any) -> tuple[int, int]:
    """The fans of each block; those of a transposed convolution by its strides and groups."""
    inputs, outputs = rows.fans
    if owner(name) != "convtranspose" or layer is None:
        return inputs, outputs
    reads = inputs / (layer.groups * _over_axes(layer.stride, rows.view.ndim - 2))
    return max(round(reads), 1), outputs


def _forget(name: str, bias: Array, forget_bias: float) -> None:
    # Gates in the order input, forget, candidate, output, as in torch.nn.LSTM, and reset,
    # update, candidate, as in torch.nn.GRU.
    kind, leaf = owner(name), name.rpartition(".")[2]
    if kind in ("lstm", "gru") and leaf.startswith(("bias_ih", "bias_l")):
        bias.reshape(GATES[kind], -1)[1] = forget_bias


def _mean(layer: Any, rank: int) -> float:
    """One over the window of a subsampling."""
    kernel = getattr(layer, "kernel", None)
    return 1.0 if kernel is None else 1 / _over_axes(kernel, rank)


def _over_axes(sizes: tuple[int, ...], rank: int) -> int:
    """The product of sizes, one for each axis or one for all."""
    return math.prod(sizes if len(sizes) == rank else sizes * rank)
