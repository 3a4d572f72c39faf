"""A module of PyTorch as text names it: its class, its arguments, the modules within.

Text becomes a syntax tree and the tree becomes numbers, words and tuples; nothing
in it is looked up or called.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from dlcalc.errors import InputError, abridged
from dlcalc.layers.shape import MAX_SIZE

#: Modules nest no deeper.
MAX_DEPTH = 100
#: Tuples and calculations nest no deeper.
_MAX_NESTED = 20
# Arguments that change neither shapes nor numbers of parameters.
_IGNORED = {"device", "dtype", "inplace"}
_MEND = "Write the value itself, or whole numbers with + - * and // between them."


class Args:
    """The arguments of a module, by position and by name."""

    def __init__(self, where: str, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.where = where
        self.given = given
        self.named = named
        self.values: dict[str, Any] = {}

    def bind(self, names: str) -> Args:
        """Give those by position their names. Raises `InputError` for one that is not known."""
        known = names.split()
        if len(self.given) > len(known):
            raise InputError(
                f"{self.where} takes at most {len(known)} arguments, not {len(self.given)}"
            )
        values = dict(zip(known, self.given, strict=False))
        for key, value in self.named.items():
            if key in values:
                raise InputError(f"{self.where}: {abridged(key, 40)} is given twice")
            if key not in known and key not in _IGNORED:
                raise InputError(f"{self.where} has no argument {abridged(key, 40)}")
            values[key] = value
        self.values = values
        return self

    def get(self, key: str, usual: Any = None) -> Any:
        """Whatever an argument is."""
        return self.values.get(key, usual)

    def whole(self, key: str, usual: int | None = None, low: int = 1) -> int:
        """A whole number from ``low``."""
        found = self.get(key, usual)
        if type(found) is not int or not low <= found <= MAX_SIZE:
            raise self.wrong(key, f"a whole number from {low} to {MAX_SIZE:,}", found)
        return found

    def wholes(self, key: str, rank: int, usual: Any = None, low: int = 1) -> tuple[int, ...]:
        """A whole number for each axis, from one for all or one for each."""
        found = self.get(key)
        found = usual if found is None else found
        values = found if isinstance(found, tuple) else (found,)
        if len(values) == 1:
            values *= rank
        right = all(type(n) is int and low <= n <= MAX_SIZE for n in values)
        if len(values) != rank or not right:
            raise self.wrong(key, f"{rank} whole numbers from {low} to {MAX_SIZE:,}", found)
        return values

    def flag(self, key: str, usual: bool) -> bool:
        """True or False."""
        found = self.get(key, usual)
        if not isinstance(found, bool):
            raise self.wrong(key, "True or False", found)
        return found

    def number(self, key: str, usual: float) -> float:
        """A number."""
        found = self.get(key, usual)
        if not isinstance(found, int | float) or isinstance(found, bool):
            raise self.wrong(key, "a number", found)
        return found

    def wrong(self, key: str, wanted: str, found: object) -> InputError:
        """A refusal of an argument."""
        if found is None:
            return InputError(f"{self.where}: {key} is missing, {wanted}")
        return InputError(f"{self.where}: {key} must be {wanted}, not {_shown(found)}")


class Module(NamedTuple):
    """A module of the text. ``shown`` are lines within it that are no modules.

    ``args`` are the arguments, or the refusal of them where they cannot be read.
    """

    name: str
    kind: str
    args: Args | InputError
    children: tuple[Module, ...] = ()
    shown: tuple[str, ...] = ()

    @property
    def arguments(self) -> Args:
        """The arguments. Raises `InputError` where they cannot be read."""
        if isinstance(self.args, InputError):
            raise self.args
        return self.args


def parsed(text: str, where: str) -> ast.Module:
    """The syntax tree of Python text. Raises `InputError` if it is none."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        at = f", line {line}" if line and "\n" in text else ""
        reason = abridged(str(getattr(error, "msg", "") or "it nests too deep"), 60)
        raise InputError(f"{where} cannot be read{at}: {reason}") from error


def arguments(call: ast.Call, where: str, *, names: bool) -> Args:
    """The arguments of a call, all of which must be numbers, words or tuples of them.

    With ``names`` a bare name is the word it spells, as print shows padding=same.
    """
    values = _Values(where, names)
    named: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise InputError(f"{where}: ** is not read", mend=_MEND)
        if keyword.arg not in _IGNORED:
            named[keyword.arg] = values.of(keyword.value)
    return Args(where, tuple(map(values.of, call.args)), named)


class _Values:
    def __init__(self, where: str, names: bool) -> None:
        self.where = where
        self.names = names

    def of(self, node: ast.expr, depth: int = 0) -> Any:
        """A number, a string, True, False, None or a tuple."""
        if depth > _MAX_NESTED:
            raise InputError(f"{self.where}: its arguments nest more than {_MAX_NESTED} deep")
        match node:
            case ast.Constant(value=found) if isinstance(found, int | float | str | None):
                return found
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                found = self.of(operand, depth + 1)
                if type(found) in (int, float):
                    return -found
            case ast.BinOp(left=left, op=sign, right=right):
                pair = self.of(left, depth + 1), self.of(right, depth + 1)
                return _calculated(pair, sign, self.where)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return tuple([self.of(part, depth + 1) for part in parts])
            case ast.Name(id=name) if self.names:
                return name
            case ast.Name(id=name):
                shown = abridged(name, 40)
                raise InputError(f"{self.where}: what {shown} stands for is not read", mend=_MEND)
        raise InputError(f"{self.where}: an argument is not a number, word or tuple", mend=_MEND)


def _calculated(pair: tuple[Any, Any], sign: ast.operator, where: str) -> int:
    """The sizes that people write as 64 * 7 * 7."""
    left, right = pair
    if type(left) is int and type(right) is int and max(abs(left), abs(right)) <= MAX_SIZE:
        match sign:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.FloorDiv() if right != 0:
                return left // right
    raise InputError(f"{where}: a calculation in its arguments is not read", mend=_MEND)


def _shown(found: object) -> str:
    if type(found) is int and abs(found) > MAX_SIZE:
        return "a larger one" if found > 0 else "one below"
    return abridged(repr(found)[:200], 40)
