"""The table of ``dlcalc params``: a row for each layer with tensors, then the sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dlcalc.answers.counting import Counted, connections, unknown, walk
from dlcalc.answers.memory import Memory
from dlcalc.layers.base import PARTS, Tensors
from dlcalc.layers.shape import sizes_text
from dlcalc.layers.size import Size, product
from dlcalc.result import Block, Row

if TYPE_CHECKING:
    from dlcalc.answers.params import ParamsResult

# What is always said to be left out; the other parts only where a net has them.
_USUALLY_SAID = ("bias", "normalisation", "activation")
_SAID = {"masked": "masked attention"}
# A layer with more tensors than this shows the sums of their groups.
_MOST_TENSORS = 5


class Table:
    """The rows of an answer."""

    def __init__(self, result: ParamsResult) -> None:
        self.result = result
        self.asked = result.asked
        self.named = any(layer.step.node.name for layer in walk(result.layers))

    def blocks(self) -> list[Block]:
        """A row for each layer that has tensors, then the sums."""
        head = ("name", "layer") if self.named else ("layer",)
        table = [Row((*head, "output", "parameters", "MACs", ""), "aside")]
        table += self._rows(self.result.layers)
        blocks = [Block("lllrrl" if self.named else "llrrl", table)]
        if self.result.verification is not None:
            blocks.append(Block("ll", self.result.verification.rows()))
        return [*blocks, Block("lrl", [*self._totals(), *self._answer()])]

    def _rows(self, layers: tuple[Counted, ...], depth: int = 0) -> list[Row]:
        rows: list[Row] = []
        indent = "  " * depth
        for layer in layers:
            node = layer.step.node
            output = str(layer.step.output)
            own = (grouped(layer.held.parameters), self._macs(layer))
            if layer.branches:
                opened = self._label(f"{node.head}[", indent)
                rows.append(Row((*opened, "", "", "", _tensors(layer))))
                for number, branch in enumerate(layer.branches):
                    if number:
                        rows.append(Row(self._label("|", indent)))
                    rows += self._rows(branch, depth + 1)
                closed = self._label("]", indent, node.name)
                rows.append(Row((*closed, output, *own, _experts(layer)), "aside"))
            elif layer.tensors or layer.buffers or layer.ties or own[1]:
                label = self._label(node.text, indent, node.name)
                rows.append(Row((*label, output, *own, _tensors(layer))))
                rows += self._sharing(layer, indent)
        return rows

    def _label(self, text: str, indent: str, name: str = "") -> tuple[str, ...]:
        """What a row begins with: the layer, in a file with names behind its name."""
        if not self.named:
            return (indent + text,)
        return (indent + name, text) if name else (indent + text, "")

    def _macs(self, layer: Counted) -> str:
        macs = layer.held.macs(self.asked.counted)
        return grouped(macs) if macs != 0 and not unknown(layer) else ""

    def _sharing(self, layer: Counted, indent: str) -> list[Row]:
        """What the layer would cost without sharing, as rows."""
        found = self.result.unshared(layer) if self.asked.sharing else {}
        words = {"unshared": "if not shared, still local", "fully_connected": "if fully connected"}
        return [
            Row(
                (
                    *self._label(words[key], f"{indent}  "),
                    "",
                    grouped(number),
                    "",
                    _times(number, layer),
                ),
                "aside",
            )
            for key, number in found.items()
        ]

    def _totals(self) -> list[Row]:
        """Sums that are not the answer."""
        result, sums = self.result, self.result.sums
        rows = []
        if self.asked.memory:
            rows += _memory_rows(result.memory)
        elif sums.kv_cache != 0:
            rows.append(Row(("KV cache", grouped(sums.kv_cache), "keys and values a token")))
        if sums.buffers != 0:
            rows.append(Row(("buffers", grouped(sums.buffers), "kept, not trained")))
        if result.macs_unknown:
            rows.append(Row(("connections", grouped(connections(result.layers)), "biases in")))
            rows.append(Row(("MACs", "none", result.macs_unknown)))
        else:
            rows.append(Row(("MACs", grouped(result.macs or 0), self._left_out())))
        if (found := result.per_token) is not None:
            macs, time = found
            shown = f"{macs:,}" if isinstance(macs, int) else f"{macs:,.1f}"
            rows.append(Row(("MACs a token", shown, f"on average, in a context of {time} tokens")))
        if result.auxiliary.parameters != 0:
            number = grouped(result.auxiliary.parameters + sums.parameters)
            rows.append(Row(("in training", number, "parameters, auxiliary heads in")))
        if sums.idle != 0:
            active = grouped(sums.parameters - sums.idle)
            rows.append(Row(("active", active, "parameters at work on one token")))
        return rows

    def _answer(self) -> list[Row]:
        return [Row(("parameters", grouped(self.result.value)), "answer")]

    def _left_out(self) -> str:
        """Which products and sums are in, where that may surprise, and which are not."""
        counted, present = (
            self.asked.counted,
            [part for part in PARTS if part in self.result.sums.parts],
        )
        within = [_SAID.get(part, part) for part in present if part in counted]
        within = [part for part in within if part != "attention"]
        out = [
            _SAID.get(part, part)
            for part in PARTS
            if part not in counted and (part in _USUALLY_SAID or part in present)
        ]
        texts = [f"{', '.join(within)} counted"] if within else []
        texts += [f"{', '.join(out)} not counted"] if out else []
        return "; ".join(texts)


def grouped(size: Size) -> str:
    """A number with its thousands parted, for eyes; a polynomial as it is.

    >>> grouped(138357544)
    '138,357,544'
    """
    return f"{size:,}" if isinstance(size, int) else str(size)


def _experts(layer: Counted) -> str:
    """How many experts of a mixture work on one token; empty elsewhere."""
    copies, runs = layer.layer.copies(), layer.layer.runs()
    return f"{runs} of {copies} at work on a token" if copies > 1 else ""


def _times(number: Size, layer: Counted) -> str:
    own = layer.held.parameters
    if layer.ties or not isinstance(number, int) or not isinstance(own, int) or own == 0:
        return ""
    times = number / own
    return f"{times:,.0f} times as many" if times >= 10 else f"{times:.1f} times as many"


def _memory_rows(held: Memory) -> list[Row]:
    """Bytes as rows, the sums last."""
    training: Iterable[tuple[str, Size | None, str]] = ()
    if held.optimizer:
        kept = "float64" if held.dtype == "float64" else "float32"
        training = (
            ("gradients", held.gradients, ""),
            (held.optimizer, held.optimizer_state, f"numbers the optimizer keeps, in {kept}"),
            ("master copy", held.master_copy, "parameters in float32"),
            (
                "activations",
                held.activations,
                f"batch {held.batch}, input and every output kept",
            ),
            ("to train", held.training, "bytes, all of these"),
        )
    rows = [("in bytes", None, held.dtype), ("weights", held.parameters, "")]
    rows += [("buffers", held.buffers, ""), ("aux heads", held.auxiliary, ""), *training]
    rows.append(("KV cache", held.kv_cache_per_token, "a token, all layers"))
    rows.append(
        (
            "at work",
            held.inference_activations,
            f"batch {held.batch}, largest input and output of a layer",
        )
    )
    rows.append(("to use", held.inference, "bytes, weights, buffers and what is at work"))
    return [
        Row((name, "" if number is None else grouped(number), remark))
        for name, number, remark in rows
        if number != 0 and (number is not None or name == "in bytes")
    ]


def _tensors(layer: Counted) -> str:
    own = {name.removeprefix(f"{layer.name}."): sizes for name, sizes in layer.tensors.items()}
    shown = shown_tensors(own)
    shown += [f"{key} of {other}" for key, (other, _) in layer.ties.items()]
    return ", ".join(shown)


def shown_tensors(tensors: Tensors) -> list[str]:
    """Every tensor with its sizes and its number, or the sums of their groups if they are many."""
    if len(tensors) > _MOST_TENSORS:
        return _groups(tensors)
    shown = []
    for name, sizes in tensors.items():
        shape = f" {sizes_text(sizes)}" if len(sizes) > 1 else ""
        shown.append(f"{name}{shape} {grouped(product(sizes))}")
    return shown


def _groups(tensors: Tensors) -> list[str]:
    """Sums by the first part of dotted names, or by the layer of a stack: l0, l1."""
    sums: dict[str, Size] = {}
    for name, sizes in tensors.items():
        group = name.partition(".")[0] if "." in name else name[name.rfind("_l") + 1 :]
        sums[group] = sums.get(group, 0) + product(sizes)
    return [f"{group} {grouped(number)}" for group, number in sums.items()]
