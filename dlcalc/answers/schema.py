"""``dlcalc schema``: the form of a command's JSON, as JSON Schema."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from dlcalc import schemas
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.result import Block, Result, Row

#: Modules that are no command's: what schemas are written with, and share.
_SHARED = {"form", "models", "nets", "stream"}


def schema(command: str | None = None) -> Result:
    """The schema of a command's JSON, or the commands that have one.

    Raises `InputError` for a command that is not there.

    >>> schema("zoo").value["title"]
    'dlcalc zoo'
    """
    names = commands()
    if command is None:
        return Schemas(names)
    if command not in names:
        close = nearest(command, names)
        mend = f"Did you mean {close}?" if close else f"There are {', '.join(names)}."
        raise InputError(f"{abridged(command)} is no command with JSON", mend=mend)
    return OneSchema(command)


def commands() -> list[str]:
    """The commands that have a schema."""
    found = {module.name.replace("_", "-") for module in iter_modules(schemas.__path__)}
    return sorted(found - _SHARED)


class Schemas(Result):
    """The commands whose JSON has a schema. Its value is their list."""

    def __init__(self, names: list[str]) -> None:
        self.value: list[str] = names

    def blocks(self) -> list[Block]:
        """A row for each."""
        return [Block("l", [Row((name,)) for name in self.value])]

    def document(self) -> dict[str, object]:
        """``schemas``, the names."""
        return {"schemas": self.value}

    def terse(self) -> str:
        """One name a line."""
        return "\n".join(self.value)


class OneSchema(Result):
    """A schema. Its value is the document."""

    def __init__(self, command: str) -> None:
        module = import_module(f"dlcalc.schemas.{command.replace('-', '_')}")
        self.value: dict[str, object] = module.SCHEMA

    def blocks(self) -> list[Block]:
        """The document, a member a line."""
        from json import dumps

        lines = dumps(self.value, indent=2, ensure_ascii=False).splitlines()
        return [Block("l", [Row((line,)) for line in lines])]

    def document(self) -> dict[str, object]:
        """The schema itself."""
        return self.value

    def terse(self) -> str:
        """The schema in one line."""
        return self.json()
