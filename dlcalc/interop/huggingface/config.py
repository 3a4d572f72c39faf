"""A config.json as it is asked: every value with its kind and bounds, what is not known refused."""

from __future__ import annotations

from typing import NoReturn

from dlcalc.errors import InputError, abridged
from dlcalc.interop.json_text import Fields
from dlcalc.layers.shape import MAX_SIZE

#: No model has more blocks.
MAX_BLOCKS = 10_000
#: Activations by their names there, and in the notation.
_CURVES = {
    "gelu": "gelu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "relu": "relu",
    "relu6": "relu6",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "mish": "mish",
    "selu": "selu",
}
_DTYPES = ("float64", "float32", "float16", "bfloat16")


class Config(Fields):
    """The values of a config.json; one that is null counts as left out, as in the library."""

    def size(self, key: str, default: int, low: int = 1) -> int:
        """A whole number within bounds."""
        value = self.whole(key, default)
        if not low <= value <= MAX_SIZE:
            raise self.wrong(key, f"from {low} to {MAX_SIZE:,}", value)
        return value

    def blocks(self, key: str, default: int) -> int:
        """How many blocks stand behind one another."""
        number = self.size(key, default, low=0)
        if number > MAX_BLOCKS:
            raise self.error(f"{key} is {number:,}; at most {MAX_BLOCKS:,} are taken")
        return number

    def sides(self, key: str, default: int) -> tuple[int, int]:
        """Height and width, given as one number or as two."""
        sides = self.wholes(key, default)
        if len(sides) > 2 or not all(1 <= side <= MAX_SIZE for side in sides):
            raise self.wrong(key, "one size or two", list(sides))
        return sides[0], sides[-1]

    def curve(self, key: str, default: str) -> str:
        """The notation's word for an activation. Raises `InputError` if it has none."""
        name = self.text(key, default)
        if name not in _CURVES:
            raise self.error(f"{key} {abridged(name)} is no activation of the notation")
        return _CURVES[name]

    @property
    def labels(self) -> int:
        """How many classes a head tells apart: named one by one, or their number; else 2."""
        named = self.get("id2label")
        if isinstance(named, dict):
            return len(named)
        return self.size("num_labels", 2, low=0)

    @property
    def dtype(self) -> str:
        """The type in which the weights are kept, if it is said and is a usual one."""
        value = self.get("dtype", self.get("torch_dtype"))
        return value if isinstance(value, str) and value in _DTYPES else ""

    def refuse_unless(self, key: str, *allowed: object) -> None:
        """Refuse an option that changes the layers in a way not known here."""
        value = self.get(key)
        if value is not None and value not in allowed:
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            raise self.error(f"{key} {abridged(shown[:200])} is not supported")

    def error(self, rule: str, mend: str = "") -> InputError:
        """A refusal that names the file."""
        return InputError(f"{self.where}: {rule}", mend=mend)

    def refuse(self, rule: str) -> NoReturn:
        """Raise it."""
        raise self.error(rule)
