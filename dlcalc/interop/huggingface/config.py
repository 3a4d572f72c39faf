"""A config.json as it is asked: every value with its kind and bounds, what is not known refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from dlcalc.errors import InputError, abridged
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


class Config:
    """The values of a config.json. ``source`` is the name of the file for people.

    A value that is null counts as left out, as the library itself has it.
    """

    def __init__(self, found: Mapping[str, object], source: str) -> None:
        self.found = found
        self.source = source

    def __contains__(self, key: str) -> bool:
        return self.found.get(key) is not None

    def whole(self, key: str, default: int | None = None, low: int = 1) -> int:
        """A whole number. Raises `InputError` if it is none, or is left out without a default."""
        value = self.found.get(key)
        if value is None:
            value = default
        if value is None:
            raise self.error(f"it gives no {key}")
        if type(value) is not int or not low <= value <= MAX_SIZE:
            raise self.error(
                f"{key} must be a whole number from {low} to {MAX_SIZE:,}, not {_shown(value)}"
            )
        return value

    def blocks(self, key: str, default: int) -> int:
        """How many blocks stand behind one another."""
        number = self.whole(key, default, low=0)
        if number > MAX_BLOCKS:
            raise self.error(f"{key} is {number:,}; at most {MAX_BLOCKS:,} are taken")
        return number

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.found.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(f"{key} must be true or false, not {_shown(value)}")
        return value

    def sides(self, key: str, default: int) -> tuple[int, int]:
        """Height and width, given as one number or as two."""
        value = self.found.get(key)
        if isinstance(value, list) and len(value) == 2:
            inner = Config({key: value[0], f"{key} ": value[1]}, self.source)
            return inner.whole(key), inner.whole(f"{key} ")
        side = self.whole(key, default)
        return side, side

    def curve(self, key: str, default: str) -> str:
        """The notation's word for an activation. Raises `InputError` if it has none."""
        name = self.found.get(key) or default
        if not isinstance(name, str) or name not in _CURVES:
            raise self.error(f"{key} {_shown(name)} is no activation of the notation")
        return _CURVES[name]

    @property
    def labels(self) -> int:
        """How many classes a head tells apart: named one by one, or their number; else 2."""
        named = self.found.get("id2label")
        if isinstance(named, dict):
            return len(named)
        return self.whole("num_labels", 2, low=0)

    @property
    def dtype(self) -> str:
        """The type in which the weights are kept, if it is said and is a usual one."""
        value = self.found.get("dtype", self.found.get("torch_dtype"))
        return value if isinstance(value, str) and value in _DTYPES else ""

    def refuse_unless(self, key: str, *allowed: object) -> None:
        """Refuse an option that changes the layers in a way not known here."""
        value = self.found.get(key)
        if value is not None and value not in allowed:
            raise self.error(f"{key} {_shown(value)} is not supported")

    def error(self, rule: str, mend: str = "") -> InputError:
        """A refusal that names the file."""
        return InputError(f"{self.source}: {rule}", mend=mend)

    def refuse(self, rule: str) -> NoReturn:
        """Raise it."""
        raise self.error(rule)


def _shown(value: object) -> str:
    return abridged(str(value).lower() if isinstance(value, bool) else str(value))
