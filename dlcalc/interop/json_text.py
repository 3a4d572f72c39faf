"""JSON of which neither the depth nor the size is trusted."""

from __future__ import annotations

import re
from typing import Any

from dlcalc.errors import InputError, abridged

#: Brackets may nest so deep.
MAX_DEPTH = 200
#: No text that describes a model is longer than this, in bytes.
MAX_BYTES = 16_000_000

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ALL_BUT = bytes(set(range(256)) - set(b'"[]{}'))
_BRACKETS = bytes.maketrans(b"[]{}", b"[][]")


def load(data: bytes, name: str) -> Any:
    """What JSON text says. Raises `InputError` if it is none, too large or nested too deep.

    >>> load(b'{"a": [1, 2]}', "model.json")
    {'a': [1, 2]}
    """
    from json import JSONDecodeError, loads

    if len(data) > MAX_BYTES:
        raise InputError(f"{name} holds more than {MAX_BYTES:,} bytes of JSON")
    if deeper(data, MAX_DEPTH):
        raise InputError(f"{name}: its brackets nest more than {MAX_DEPTH} deep")
    try:
        return loads(data)
    except JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}: this is not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text: byte {error.start}") from error
    except ValueError as error:
        # The bound that Python sets to the digits of a number; its message is for programs.
        raise InputError(f"{name} holds a number of thousands of digits") from error
    except RecursionError as error:
        raise InputError(f"{name} is not JSON that can be read: {error}") from error


def deeper(data: bytes, limit: int) -> bool:
    """Whether brackets outside strings nest deeper than a limit, found before parsing.

    >>> deeper(b'[[["[[["]]]', 3), deeper(b"[[[[]]]]", 3)
    (False, True)
    """
    if b"\\" in data:
        data = _STRING.sub(b"", data)
    # What stands between an odd quote and the next one is a string.
    kept = data.translate(_BRACKETS, _ALL_BUT)
    brackets = b"".join(kept.split(b'"')[::2])
    for _ in range(limit):
        if not brackets:
            return False
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            # Brackets that do not match are for the parser to name; it reads so far at least.
            return len(brackets) > limit
        brackets = shorter
    return bool(brackets)


class Fields:
    """A JSON object read field by field; every refusal says which field of what it was."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise InputError(f"{where} is not a JSON object")
        self.value: dict[str, Any] = value
        self.where = where

    def __contains__(self, key: str) -> bool:
        return self.value.get(key) is not None

    def get(self, key: str, default: object = None) -> Any:
        """Whatever a field holds."""
        found = self.value.get(key)
        return default if found is None else found

    def fields(self, key: str) -> Fields:
        """An object within."""
        return Fields(self.value.get(key), f"{self.where}: {key}")

    def items(self, key: str) -> list[Any]:
        """A list within; empty if it is left out."""
        found = self.get(key, [])
        if not isinstance(found, list):
            raise self.wrong(key, "a list", found)
        return found

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        found = self.get(key, default)
        if not isinstance(found, str):
            raise self.wrong(key, "a string", found)
        return found

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        found = self.get(key, default)
        if not isinstance(found, bool):
            raise self.wrong(key, "true or false", found)
        return found

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number."""
        found = self.get(key, default)
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if not isinstance(found, int) or isinstance(found, bool):
            raise self.wrong(key, "a whole number", found)
        return found

    def number(self, key: str, default: float | None = None) -> float:
        """A number."""
        found = self.get(key, default)
        if not isinstance(found, int | float) or isinstance(found, bool):
            raise self.wrong(key, "a number", found)
        return found

    def wholes(self, key: str, default: object = None) -> tuple[int, ...]:
        """One whole number or several."""
        found = self.get(key, default)
        values = found if isinstance(found, list) else [found]
        if not values or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
            raise self.wrong(key, "whole numbers", found)
        return tuple(values)

    def wrong(self, key: str, wanted: str, found: object) -> InputError:
        """A refusal of what a field holds."""
        shown = "missing" if found is None else abridged(repr(found)[:100])
        return InputError(f"{self.where}: {key} must be {wanted}, but is {shown}")
