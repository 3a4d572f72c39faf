"""One node at work: its inputs and attributes, checked, as its rule reads them."""

from __future__ import annotations

from typing import Any

from dlcalc.errors import InputError, abridged
from dlcalc.interop.onnx.value import Sizes, Undetermined, Value
from dlcalc.interop.onnx.walk import Walk
from dlcalc.layers.shape import MAX_SIZE


class Reading:
    """A node, with what it reads."""

    def __init__(self, walk: Walk, number: int) -> None:
        self.walk = walk
        self.place = number
        self.op = walk.model.ops[number]

    # Inputs.

    def value(self, position: int) -> Value | None:
        """An input, None if it is left out."""
        op = self.op
        if position >= len(op.inputs) or not op.inputs[position]:
            return None
        found = self.walk.values.get(op.inputs[position])
        if found is None:
            name = abridged(op.inputs[position], 60)
            raise self.error(f"no node before it gives its input {name}")
        return found

    def need(self, position: int = 0) -> Value:
        """An input that must be there."""
        found = self.value(position)
        if found is None:
            raise self.error(f"its input {position + 1} is left out")
        return found

    @property
    def all(self) -> list[Value]:
        """Every input that is there."""
        return [v for i in range(len(self.op.inputs)) if (v := self.value(i)) is not None]

    @property
    def active(self) -> list[Value]:
        """Those that hang on the model's inputs."""
        return [value for value in self.all if not value.constant]

    def weight(self, position: int) -> Value | None:
        """An input that is a constant, None if it is left out."""
        found = self.value(position)
        if found is not None and not found.constant:
            raise self.error(f"its input {position + 1} is worked out, and not a constant")
        return found

    def sizes(self, position: int, key: str = "", since: int = 0) -> Sizes | None:
        """Whole numbers from an input, before an opset from an attribute; None if left out.

        Raises `Undetermined` where they hang on the data.
        """
        if self._as_attribute(position, key, since):
            return self.wholes(key)
        value = self.value(position)
        if value is None:
            return None
        if value.whole is None:
            raise Undetermined(f"its input {position + 1}, which says sizes, hangs on the data")
        return value.whole

    def _as_attribute(self, position: int, key: str, since: int) -> bool:
        """Whether a setting is an attribute. Raises `InputError` where its opset has it not so."""
        new = self.walk.opset >= since
        if key in self.op.attributes and new:
            raise self.error(f"{key} is an input from opset {since} on, not an attribute")
        if not new and self.value(position) is not None:
            raise self.error(f"{key} is an attribute before opset {since}, not an input")
        return key in self.op.attributes

    def ints(self, position: int, key: str = "", since: int = 0) -> tuple[int, ...] | None:
        """The same where letters will not do."""
        found = self.sizes(position, key, since)
        if found is None or all(isinstance(n, int) for n in found):
            return found  # type: ignore[return-value]
        raise self.error(
            f"its input {position + 1} hangs on sizes that are not known",
            "Give the INPUT in numbers.",
        )

    def scalar(self, position: int, key: str, since: int, default: float | None) -> float | None:
        """A number from a constant input, before an opset from an attribute."""
        if self._as_attribute(position, key, since):
            return self.number(key, 0.0)
        value = self.value(position)
        if value is None:
            return default
        number = value.content[0] if value.content else None
        return float(f"{number:.7g}") if isinstance(number, int | float) else None

    # Attributes.

    def get(self, key: str) -> Any:
        """An attribute as the file has it, None if it is left out."""
        return self.op.attributes.get(key)

    def wholes(self, key: str, count: int = 0, default: int = 0, low: int = 0) -> tuple[int, ...]:
        """So many whole numbers, from ``low`` if there are just so many."""
        found = self.get(key)
        if found is None:
            return (default,) * count
        if not isinstance(found, tuple) or not all(type(n) is int for n in found):
            raise self.error(f"{key} must be whole numbers")
        if count and len(found) != count:
            raise self.error(f"{key} has {len(found)} numbers, not {count}")
        if count and not all(low <= n <= MAX_SIZE for n in found):
            raise self.error(f"{key} must be numbers from {low}, not {abridged(str(found))}")
        return found

    def whole(self, key: str, default: int) -> int:
        """A whole number."""
        found = self.get(key)
        if found is not None and type(found) is not int:
            raise self.error(f"{key} must be a whole number")
        return default if found is None else found

    def flag(self, key: str, default: bool = False) -> bool:
        """A yes or no, which ONNX writes as 1 or 0."""
        found = self.whole(key, int(default))
        if found not in (0, 1):
            raise self.error(f"{key} must be 0 or 1, not {found}")
        return found == 1

    def takes(self, least: int, most: int) -> None:
        """Raise `InputError` if the node has fewer or more inputs than its operator."""
        found = len(self.op.inputs)
        if not least <= found <= most:
            shown = str(least) if least == most else f"{least} to {most}"
            raise self.error(f"it has {found} inputs, not {shown}")

    def number(self, key: str, default: float) -> float:
        """A number."""
        found = self.get(key)
        if found is not None and type(found) not in (int, float):
            raise self.error(f"{key} must be a number")
        # The file has 32 bits: what was written as 1e-5 is 9.99999974e-06 there.
        return default if found is None else float(f"{found:.7g}")

    def text(self, key: str, default: str) -> str:
        """A word."""
        found = self.get(key)
        if found is not None and not isinstance(found, str):
            raise self.error(f"{key} must be a word")
        return default if found is None else found

    def axis(self, axis: object, rank: int) -> int:
        """An axis counted from 0, from one that may be counted from the end."""
        if isinstance(axis, int) and -rank <= axis < rank:
            return axis % rank
        raise self.error(f"axis {abridged(str(axis))} is not one of {rank}")

    def wanted(self, output: int) -> bool:
        """Whether anybody reads an output."""
        outputs = self.op.outputs
        return output < len(outputs) and bool(self.walk.readers.get(outputs[output] or " "))

    def error(self, rule: str, mend: str = "") -> InputError:
        """A refusal that names the node."""
        return self.walk.error(self.op, rule, mend)
