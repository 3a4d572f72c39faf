"""``dlcalc params``: parameters by tensor, buffers apart, multiply-accumulates and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers import counting
from dlcalc.answers.counting import Counted
from dlcalc.answers.memory import Memory, check, memory
from dlcalc.answers.net_result import NetResult
from dlcalc.answers.network import load, load_model, named_convention, size_option
from dlcalc.answers.shape import traced
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.layers.base import PARTS, Tensors
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import Layout, Shape
from dlcalc.layers.size import Size, as_json, product
from dlcalc.nets.parser import Net
from dlcalc.nets.trace import Step
from dlcalc.result import Block

if TYPE_CHECKING:
    from dlcalc.answers.checkpoint import TensorsResult
    from dlcalc.answers.model_open import OpenParams

#: What is counted beside the products with trained tensors, if nothing else is asked for.
COUNTED = ("attention", "masked")


def params(
    *words: str,
    layout: Layout = "chw",
    file: str | None = None,
    like: str | None = None,
    batch: int | str | None = None,
    dtype: str | None = None,
    optimizer: str | None = None,
    include: str = "",
    exclude: str = "",
    sharing: bool = False,
    verify: bool = False,
    verify_budget: str = "",
) -> ParamsResult | OpenParams | TensorsResult:
    """How many parameters a net has, tensor by tensor, its multiply-accumulates, its memory.

    ``words`` are an INPUT and a net in the notation, in one string or in many;
    a built-in net brings its usual input, and a net from ``file`` stands behind
    them. Or they are a model file, behind an INPUT if it leaves its own open.
    ``like`` names the framework whose rules hold, torch or that of the file.
    ``batch``, ``dtype`` and ``optimizer`` ask for memory in bytes; ``include`` and
    ``exclude`` say, with commas, which of `PARTS` count as multiply-accumulates;
    ``sharing`` adds what each layer would cost if it shared no weights; ``verify``
    runs the net in the engine as well, within ``verify_budget`` such as 2GB,20s.
    Raises `InputError` where the notation is wrong, the input does not fit or its
    channels are left out.

    >>> params("3x32x32 conv:6,k5").value
    456
    """
    model = load_model(words, file, like)
    kept = dtype or (model.dtype if model is not None else "") or None
    asked = question(batch, kept, optimizer, include, exclude, sharing)
    if model is not None:
        from dlcalc.answers.model import model_params

        return model_params(model, asked, verify_budget if verify else None)
    start, net = load(words, layout=layout, file=file)
    result = answer(start, net, asked, named_convention(like))
    if verify:
        result.verify(net, verify_budget)
    return result


class Question(NamedTuple):
    """What is asked for beside the parameters."""

    counted: tuple[str, ...] = COUNTED
    sharing: bool = False
    memory: bool = False
    batch: Size = 1
    dtype: str = "float32"
    optimizer: str | None = None


#: Nothing beside the parameters.
PLAIN = Question()


def question(
    batch: int | str | None = None,
    dtype: str | None = None,
    optimizer: str | None = None,
    include: str = "",
    exclude: str = "",
    sharing: bool = False,
) -> Question:
    """The question that options put. Raises `InputError` for a part that there is not."""
    size = size_option("batch", batch)
    left = _parts(exclude)
    counted = [part for part in (*COUNTED, *_parts(include)) if part not in left]
    check(dtype or "float32", optimizer)
    asked = not size == dtype == optimizer is None
    return Question(
        tuple(dict.fromkeys(counted)),
        sharing,
        asked,
        1 if size is None else size,
        dtype or "float32",
        optimizer,
    )


def _parts(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PARTS:
            close = nearest(name, PARTS)
            raise InputError(
                f"{abridged(name)} is not a part of the multiply-accumulates",
                mend=f"Did you mean {close}?" if close else f"There are {', '.join(PARTS)}.",
            )
    return names


def answer(
    start: Shape, net: Net, asked: Question = PLAIN, convention: Convention = TORCH
) -> ParamsResult:
    """The parameters of a net with this input."""
    steps = traced(start, net, convention=convention)
    return ParamsResult(start, steps, counting.count(steps, convention), asked, convention)


class ParamsResult(NetResult):
    """Parameters along a net. Its value is their number, auxiliary heads not counted."""

    tabled = "layers"

    def __init__(
        self,
        start: Shape,
        steps: tuple[Step, ...],
        layers: tuple[Counted, ...],
        asked: Question,
        convention: Convention,
    ) -> None:
        super().__init__(start, steps, convention)
        self.layers = layers
        self.asked = asked
        self.sums = counting.sums(layers)
        self.auxiliary = counting.auxiliary(layers)
        self.value: Size = self.sums.parameters
        self.buffers = self.sums.buffers
        self.macs_unknown: str = next(filter(None, map(counting.unknown, layers)), "")

    @property
    def macs(self) -> Size | None:
        """Multiply-accumulates for one example; None where they are not defined."""
        if self.macs_unknown:
            return None
        return self.sums.macs(self.asked.counted)

    @property
    def per_token(self) -> tuple[int | float, int] | None:
        """Multiply-accumulates for one token of a context, and its length; None elsewhere."""
        return None

    @property
    def parts(self) -> dict[str, Size]:
        """What else is computed, by the kinds of `PARTS`, auxiliary heads left out."""
        return dict(self.sums.parts)

    @property
    def memory(self) -> Memory:
        """Bytes by the type, batch and optimiser asked for."""
        asked = self.asked
        return memory(
            self.steps,
            self.sums,
            self.auxiliary,
            dtype=asked.dtype,
            batch=asked.batch,
            optimizer=asked.optimizer,
        )

    def meets(self, expected: str) -> bool:
        """Whether the number is the expected one. Raises `ClaimError` if that is none."""
        if isinstance(self.value, int):
            return super().meets(expected)
        from dlcalc.answers.claims import claimed, surely_equal

        return surely_equal(self.value, claimed(expected.strip()))

    def blocks(self) -> list[Block]:
        """A row for each layer that has tensors, then the sums."""
        from dlcalc.answers.params_table import Table

        return Table(self).blocks()

    def document(self) -> dict[str, object]:
        """The sums and ``layers``, as `dlcalc params --json` prints them."""
        sums = self.sums
        document: dict[str, object] = {
            "like": self.convention.name,
            "parameters": as_json(self.value),
            "trainable": as_json(self.value + self.auxiliary.parameters),
            "buffers": as_json(sums.buffers),
            "macs": None if self.macs is None else as_json(self.macs),
            "macs_convention": self.macs_convention,
            "macs_parts": {part: as_json(number) for part, number in self.parts.items()},
        }
        if self.macs_unknown:
            document["connections"] = as_json(counting.connections(self.layers))
        if self.auxiliary.parameters != 0:
            document["auxiliary"] = {
                "parameters": as_json(self.auxiliary.parameters),
                "buffers": as_json(self.auxiliary.buffers),
                "macs": as_json(self.auxiliary.macs(self.asked.counted)),
            }
        if sums.idle != 0:
            document["active"] = as_json(sums.parameters - sums.idle)
        if sums.kv_cache != 0:
            document["kv_cache_per_token"] = self._kv_document()
        if self.asked.memory:
            document["memory"] = self.memory.document()
        if self.verification is not None:
            document["verification"] = self.verification.document()
        document["layers"] = self._documents(self.layers)
        if notes := self.notes:
            document["notes"] = notes
        return document

    @property
    def macs_convention(self) -> str:
        """What a MAC is here, and what is in: the popular counters disagree with one another."""
        if self.macs_unknown:
            return f"{self.macs_unknown}; connections are counted as in LeCun et al. 1998"
        counted = ", ".join(["products with weights", *self.asked.counted])
        out = ", ".join([*(part for part in PARTS if part not in self.asked.counted), "pooling"])
        return f"one multiply and one add each, for one example; {counted}; not counted: {out}"

    def _kv_document(self) -> dict[str, object]:
        held = self.memory
        return {
            "values": as_json(self.sums.kv_cache),
            "bytes": as_json(held.kv_cache_per_token),
            "dtype": held.dtype,
        }

    def unshared(self, layer: Counted) -> dict[str, Size]:
        """What a layer would cost without sharing; empty where it shares nothing."""
        step = layer.step
        unshared = layer.layer.unshared(step.input, step.output, self.convention)
        if unshared is None:
            return {}
        found = {"unshared": layer.copies * unshared}
        if len(step.input.sizes) > 1:
            outputs = product(step.output.sizes)
            found["fully_connected"] = product(step.input.sizes) * outputs + outputs
        return found

    def _documents(self, layers: tuple[Counted, ...]) -> list[dict[str, object]]:
        return [self._layer_document(layer) for layer in layers]

    def _layer_document(self, layer: Counted) -> dict[str, object]:
        held = layer.held
        document: dict[str, object] = {
            "layer": layer.step.node.text,
            "name": layer.name,
            "output": [as_json(size) for size in layer.step.output.sizes],
            "parameters": as_json(held.parameters),
            "tensors": _shapes(layer.tensors),
            "buffers": _shapes(layer.buffers),
            "macs": None if counting.unknown(layer) else as_json(held.macs(self.asked.counted)),
        }
        if layer.ties:
            document["tied"] = {key: other for key, (other, _) in layer.ties.items()}
        if self.asked.sharing and (found := self.unshared(layer)):
            document["sharing"] = {key: as_json(number) for key, number in found.items()}
        if layer.branches:
            document["branches"] = [self._documents(branch) for branch in layer.branches]
        return document


def _shapes(tensors: Tensors) -> dict[str, list[int | str]]:
    return {name: [as_json(size) for size in sizes] for name, sizes in tensors.items()}
