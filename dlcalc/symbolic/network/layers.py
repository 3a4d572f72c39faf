"""The equations of each kind of layer: forward, the error carried back, the gradients.

Every equation is an index equation; where the matrix product says it, also a
matrix equation for one example (columns) and one for a batch (rows).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape
from dlcalc.symbolic.network.model import Block

#: How far indices run, by their letters.
Runs = tuple[tuple[str, int], ...]


class Text(NamedTuple):
    """The right side of an equation: in indices, for one example, for rows of examples."""

    entries: str
    matrix: str = ""
    batch: str = ""


class Gradient(NamedTuple):
    """The gradient of a tensor: its letter and layer, its indices, its equation, its name."""

    symbol: str
    indices: str
    text: Text
    rule: str


class Rule(NamedTuple):
    """What a layer gives back-propagation; ``outputs`` and ``inputs`` are index letters."""

    outputs: str
    inputs: str
    forward: Text
    pull: Text
    gradients: tuple[Gradient, ...] = ()
    says: str = ""
    #: How far the letters of a kernel run.
    kernel: Runs = ()
    #: Equations before the forward one: symbol, indices, text, what it is.
    before: tuple[tuple[str, str, Text, str], ...] = ()


def rule(block: Block) -> Rule:
    """The rule of a layer."""
    return _RULES[block.word](block)


def _n(block: Block) -> str:
    """The index of the example, where examples meet."""
    return "n," if block.batched else ""


def _total(block: Block, letters: str, body: str) -> str:
    """A sum over letters, and over the examples where they meet."""
    over = _n(block) + letters
    over = over.strip(",")
    return f"sum_{{{over}}}({body})" if over else body


def _dense(block: Block) -> Rule:
    L, p, n = block.number, block.number - 1, _n(block)
    bias = bool(block.layer.bias)
    index = f"sum_{{k}}(w[{L},j,k]*a[{p},{n}k])" + (f" + b[{L},j]" if bias else "")
    matrix, batch = f"W{L}@a{p}", f"a{p}@W{L}.T"
    if bias:
        matrix, batch = f"{matrix} + b{L}", f"{batch} + b{L}"
    weight = Text(
        _total(block, "", f"delta[{L},{n}j]*a[{p},{n}k]"),
        f"outer(delta{L}, a{p})",
        f"delta{L}.T@a{p}",
    )
    gradients = [Gradient(f"W{L}", "j,k", weight, "weight: error times the input")]
    if bias:
        text = Text(_total(block, "", f"delta[{L},{n}j]"), f"delta{L}", f"sum(delta{L}, axis=0)")
        gradients.append(Gradient(f"b{L}", "j", text, "bias: the error itself"))
    pull = Text(f"sum_{{j}}(w[{L},j,k]*delta[{L},{n}j])", f"W{L}.T@delta{L}", f"delta{L}@W{L}")
    return Rule(
        "j",
        "k",
        Text(index, matrix, batch),
        pull,
        tuple(gradients),
        "weighted sums",
    )


def _affine(letter: str, stride: int, kernel: str, dilation: int, begin: int) -> str:
    """s*i + d*u - begin, as short as it is."""
    text = letter if stride == 1 else f"{stride}*{letter}"
    text += f" + {kernel}" if dilation == 1 else f" + {dilation}*{kernel}"
    return f"{text} - {begin}" if begin else text


def _back(letter: str, stride: int, kernel: str, dilation: int, begin: int) -> str:
    """(r + begin - d*u)/s, the output that saw input r at u; fractions are outside."""
    text = f"{letter} + {begin}" if begin else letter
    text += f" - {kernel}" if dilation == 1 else f" - {dilation}*{kernel}"
    return text if stride == 1 else f"({text})/{stride}"


class _Windows(NamedTuple):
    """The letters and places of a sliding window."""

    outputs: str
    inputs: str
    kernel: str
    seen: str
    seeing: str
    size: int
    runs: Runs


def _windows(block: Block) -> _Windows:
    rank = len(block.input) - 1
    outputs, inputs, kernel = "ijh"[:rank], "rsq"[:rank], "uve"[:rank]
    spatial = Shape(block.input).spatial
    windows = block.layer.windows(spatial, TORCH)
    seen, seeing, size = [], [], 1
    for i, r, u, window in zip(outputs, inputs, kernel, windows, strict=True):
        begin = (window.ends or (0, 0))[0]
        seen.append(_affine(i, window.stride, u, window.dilation, begin))
        seeing.append(_back(r, window.stride, u, window.dilation, begin))
        size *= window.kernel
    join = ",".join
    runs = tuple([(u, window.kernel) for u, window in zip(kernel, windows, strict=True)])
    return _Windows(join(outputs), join(inputs), join(kernel), join(seen), join(seeing), size, runs)


def _conv(block: Block) -> Rule:
    L, p, n, at = block.number, block.number - 1, _n(block), _windows(block)
    w = f"w[{L},o,c,{at.kernel}]"
    index = f"sum_{{c,{at.kernel}}}({w}*a[{p},{n}c,{at.seen}])"
    here = f"delta[{L},{n}o,{at.outputs}]"
    weight = Text(_total(block, at.outputs, f"{here}*a[{p},{n}c,{at.seen}]"))
    gradients = [
        Gradient(f"W{L}", f"o,c,{at.kernel}", weight, "kernel: errors times what they saw")
    ]
    if block.layer.bias:
        index += f" + b[{L},o]"
        text = Text(_total(block, at.outputs, here))
        gradients.append(Gradient(f"b{L}", "o", text, "bias: the sum of the errors"))
    pull = Text(f"sum_{{o,{at.kernel}}}({w}*delta[{L},{n}o,{at.seeing}])")
    says = "cross-correlation"
    return Rule(f"o,{at.outputs}", f"c,{at.inputs}", Text(index), pull, tuple(gradients), says)


def _maxpool(block: Block) -> Rule:
    L, p, n, at = block.number, block.number - 1, _n(block), _windows(block)
    forward = Text(f"max_{{{at.kernel}}}(a[{p},{n}c,{at.seen}])")
    # a - max is at most 0, and 0 just where the largest stands.
    won = f"heaviside(a[{p},{n}c,{at.inputs}] - a[{L},{n}c,{at.seeing}], 1)"
    pull = Text(f"sum_{{{at.kernel}}}(delta[{L},{n}c,{at.seeing}]*{won})")
    return Rule(f"c,{at.outputs}", f"c,{at.inputs}", forward, pull, (), "the largest", at.runs)


def _avgpool(block: Block) -> Rule:
    L, p, n, at = block.number, block.number - 1, _n(block), _windows(block)
    forward = Text(f"sum_{{{at.kernel}}}(a[{p},{n}c,{at.seen}])/{at.size}")
    pull = Text(f"sum_{{{at.kernel}}}(delta[{L},{n}c,{at.seeing}])/{at.size}")
    return Rule(f"c,{at.outputs}", f"c,{at.inputs}", forward, pull, (), "the mean", at.runs)


def _flatten(block: Block) -> Rule:
    L, p, n = block.number, block.number - 1, _n(block)
    letters = "crsq"[: len(block.input)]
    strides = [1]
    for size in reversed(block.input[1:]):
        strides.insert(0, strides[0] * size)
    whole = " + ".join(
        f"{stride}*{letter}" if stride > 1 else letter
        for letter, stride in zip(letters, strides, strict=True)
    )
    parts = []
    for place, (size, stride) in enumerate(zip(block.input, strides, strict=True)):
        part = f"k//{stride}" if stride > 1 else "k"
        parts.append("0" if size == 1 else part if place == 0 else f"{part} % {size}")
    forward = Text(f"a[{p},{n}{','.join(parts)}]")
    pull = Text(f"delta[{L},{n}{whole}]")
    return Rule("k", ",".join(letters), forward, pull, (), "all values in a row")


def _last(block: Block) -> Rule:
    L, p, n = block.number, block.number - 1, _n(block)
    end = block.input[0] - 1
    forward = Text(f"a[{p},{n}{end},k]")
    pull = Text(f"delta[{L},{n}k]*heaviside(t - {end}, 1)")
    return Rule("k", "t,k", forward, pull, (), "the last step")


def _identity(block: Block) -> Rule:
    L, p, n = block.number, block.number - 1, _n(block)
    letters = ",".join("kijh"[: len(block.input)])
    return Rule(
        letters,
        letters,
        Text(f"a[{p},{n}{letters}]", f"a{p}", f"a{p}"),
        Text(f"delta[{L},{n}{letters}]", f"delta{L}", f"delta{L}"),
        (),
        "the input itself",
    )


def _bn(block: Block) -> Rule:
    L, p = block.number, block.number - 1
    sides = ",".join("ij"[: len(block.input) - 1])
    inner = f",{sides}" if sides else ""
    count = "*".join(["N", *map(str, block.input[1:])])
    count = f"({count})" if sides else count
    over = f"n{inner}"
    a, delta, u = f"a[{p},n,k{inner}]", f"delta[{L},n,k{inner}]", f"u[{L},n,k{inner}]"
    others = "m" + (",r,s"[: len(inner)] if sides else "")
    one, its = (f"{letter}[{L},{others.replace('m', 'm,k', 1)}]" for letter in ("delta", "u"))
    flat = not sides
    deviation = f"sqrt(var[{L},k] + eps{L})"
    before = [
        (
            f"mean{L}",
            "k",
            Text(f"sum_{{{over}}}({a})/{count}", batch=f"mean(a{p}, axis=0)" * flat),
            "the batch's mean",
        ),
        (
            f"var{L}",
            "k",
            Text(
                f"sum_{{{over}}}(({a} - mean[{L},k])**2)/{count}",
                batch=f"mean((a{p} - mean{L})**2, axis=0)" * flat,
            ),
            "the batch's variance, by n",
        ),
        (
            f"u{L}",
            f"n,k{inner}",
            Text(
                f"({a} - mean[{L},k])/{deviation}",
                batch=f"(a{p} - mean{L})/sqrt(var{L} + eps{L})" * flat,
            ),
            "normalised",
        ),
    ]
    scaled = bool(block.layer.affine)
    forward = Text(
        f"gamma[{L},k]*{u} + beta[{L},k]" if scaled else u,
        batch=(f"gamma{L}*u{L} + beta{L}" if scaled else f"u{L}") * flat,
    )
    factor = f"gamma[{L},k]/{deviation}" if scaled else f"1/{deviation}"
    rows = f"gamma{L}/sqrt(var{L} + eps{L})" if scaled else f"1/sqrt(var{L} + eps{L})"
    pull = Text(
        f"{factor}*({delta} - sum_{{{others}}}({one})/{count}"
        f" - {u}*sum_{{{others}}}({one}*{its})/{count})",
        batch=f"{rows}*(delta{L} - mean(delta{L}, axis=0) - u{L}*mean(delta{L}*u{L}, axis=0))"
        * flat,
    )
    gradients = (
        Gradient(
            f"gamma{L}",
            "k",
            Text(f"sum_{{{over}}}({delta}*{u})", batch=f"sum(delta{L}*u{L}, axis=0)" * flat),
            "scale: errors times the normalised values",
        ),
        Gradient(
            f"beta{L}",
            "k",
            Text(f"sum_{{{over}}}({delta})", batch=f"sum(delta{L}, axis=0)" * flat),
            "shift: the sum of the errors",
        ),
    )
    letters = f"k{inner}"
    says = "scaled and shifted"
    return Rule(letters, letters, forward, pull, gradients * scaled, says, (), tuple(before))


def _rnn(block: Block) -> Rule:
    L, p, n = block.number, block.number - 1, _n(block)
    bias = f" + b[{L},j]" if block.layer.bias else ""
    forward = Text(
        f"tanh(sum_{{k}}(wx[{L},j,k]*a[{p},{n}t,k])"
        f" + sum_{{m}}(wh[{L},j,m]*a[{L},{n}t - 1,m]){bias})"
    )
    error = f"delta[{L},{n}t,j]"
    gradients = [
        Gradient(
            f"Wx{L}",
            "j,k",
            Text(_total(block, "t", f"{error}*a[{p},{n}t,k]")),
            "input weights: summed over time",
        ),
        Gradient(
            f"Wh{L}",
            "j,m",
            Text(_total(block, "t", f"{error}*a[{L},{n}t - 1,m]")),
            "state weights: summed over time",
        ),
    ]
    if bias:
        text = Text(_total(block, "t", error))
        gradients.append(Gradient(f"b{L}", "j", text, "bias: summed over time"))
    pull = Text(f"sum_{{j}}(wx[{L},j,k]*{error})")
    return Rule("t,j", "t,k", forward, pull, tuple(gradients), "the state of each step")


_RULES: dict[str, Callable[[Block], Rule]] = {
    "dense": _dense,
    "conv": _conv,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "flatten": _flatten,
    "last": _last,
    "identity": _identity,
    "bn": _bn,
    "rnn": _rnn,
}
