"""What ``print(model)`` shows of a PyTorch module.

One module a line, ``(name): Class(arguments)``, those within it indented between
its brackets, and ``(0-5): 6 x Class(`` for six that print alike:
torch/nn/modules/module.py (``__repr__``) and container.py (``ModuleList``).
"""

from __future__ import annotations

import ast
import re

from dlcalc.errors import InputError, abridged
from dlcalc.files import decode, read_bytes
from dlcalc.interop.graph import MAX_VERTICES, Graph
from dlcalc.interop.torch.module import MAX_DEPTH, Args, Module, arguments, parsed
from dlcalc.interop.torch.tree import graph_of
from dlcalc.layers.shape import Shape

_MAX_BYTES = 16_000_000
_MAX_LINES = 4 * MAX_VERTICES
_MAX_LINE = 2_000
_HEAD = re.compile(r"(?:\((?P<name>[^()]*)\): )?(?:(?P<times>\d{1,6}) x )?(?P<kind>[A-Za-z_]\w*)\(")
_RANGE = re.compile(r"(\d{1,6})-(\d{1,6})")


def read(path: str, name: str, given: Shape | None) -> Graph:
    """The graph of a printed module, as far as the text tells how data flow in it.

    Raises `InputError` with the line where the text is not as print shows a module.
    """
    data, name = read_bytes(path, _MAX_BYTES)
    if data.count(b"\n") > _MAX_LINES:
        raise InputError(f"{name} has more than {_MAX_LINES:,} lines")
    module = _Lines(decode(data, name), name).module()
    return graph_of(module, name, "printed PyTorch module", given)


class _Lines:
    def __init__(self, text: str, name: str) -> None:
        self.lines = [line.strip() for line in text.splitlines()]
        self.name = name
        self.position = 0
        self.count = 0

    def module(self) -> Module:
        """The module that the text prints, and nothing behind it."""
        self._skip()
        found = self._module(0)
        self._skip()
        if self.position < len(self.lines):
            raise self._error("the module is closed, but the text goes on")
        return found[0]

    def _skip(self) -> None:
        """Pass by empty lines and comments around the module."""
        while self.position < len(self.lines):
            line = self.lines[self.position]
            if line and not line.startswith("#"):
                return
            self.position += 1

    def _module(self, depth: int) -> list[Module]:
        """The module that begins on this line, under each of its names."""
        line = self.lines[self.position] if self.position < len(self.lines) else ""
        head = _HEAD.match(line)
        if head is None:
            raise self._error(f"{abridged(line, 40) or 'an empty text'} is not a module")
        if depth > MAX_DEPTH:
            raise self._error(f"modules nest more than {MAX_DEPTH} deep")
        before = self.count
        self._counted(1)
        begin, rest = self.position, line[head.end() :]
        kind, where = abridged(head["kind"], 60), f"{self.name}:{begin + 1}: {head['kind'][:60]}"
        self.position += 1
        found = Module(head["name"] or "", kind, Args(where, (), {}))
        if rest.endswith(")"):
            found = found._replace(args=_arguments(rest, where))
        elif rest:
            raise self._error(f"{abridged(rest, 40)} does not end with a bracket", begin)
        else:
            children, shown = self._within(depth, begin)
            found = found._replace(children=children, shown=shown)
        return self._repeated(found, int(head["times"] or 1), self.count - before, begin)

    def _within(self, depth: int, begin: int) -> tuple[tuple[Module, ...], tuple[str, ...]]:
        """The modules up to the closing bracket, and the lines that are none."""
        children: list[Module] = []
        shown: list[str] = []
        while self.position < len(self.lines):
            line = self.lines[self.position]
            if line == ")":
                self.position += 1
                return tuple(children), tuple(shown)
            if line.startswith("(") and _HEAD.match(line):
                children += self._module(depth + 1)
                continue
            if line in ("...", "…"):
                raise self._error("lines of the module are left out here")
            named = line.startswith("(") and "): " in line
            if named and not line.endswith("): None") and " containing: [" not in line:
                raise self._error(f"{abridged(line, 40)} is not a module")
            if line and not line.endswith("): None"):
                self._counted(1)
                shown.append(line)
            self.position += 1
        raise self._error("this bracket is never closed", begin)

    def _repeated(self, found: Module, times: int, size: int, line: int) -> list[Module]:
        """The module under each of its names: (0-5) are six of them."""
        span = _RANGE.fullmatch(found.name)
        if span is None:
            if times != 1:
                raise self._error(f"{times} modules, but no range of {times} names", line)
            return [found]
        first, last = int(span[1]), int(span[2])
        if last - first + 1 != times:
            raise self._error(f"({found.name}) are not {times} modules", line)
        self._counted((times - 1) * size)
        return [found._replace(name=str(number)) for number in range(first, last + 1)]

    def _counted(self, more: int) -> None:
        self.count += more
        if self.count > MAX_VERTICES:
            raise self._error(f"there are more than {MAX_VERTICES:,} modules")

    def _error(self, rule: str, line: int | None = None) -> InputError:
        at = min(self.position if line is None else line, len(self.lines) - 1) + 1
        return InputError(f"{self.name}:{max(at, 1)}: {rule}")


def _arguments(rest: str, where: str) -> Args | InputError:
    """The arguments, or why they cannot be read: a class of one's own prints what it likes."""
    if len(rest) > _MAX_LINE:
        return InputError(f"{where} has more than {_MAX_LINE:,} characters of arguments")
    try:
        match parsed(f"f({rest}", where).body:
            case [ast.Expr(value=ast.Call(func=ast.Name()) as call)]:
                return arguments(call, where, names=True)
    except InputError as error:
        return error
    return InputError(f"{where}: {abridged(rest, 40)} are no arguments")
