"""Python source of one ``nn.Sequential(...)``, read without running it.

The text becomes a syntax tree, in which only imports, one name and calls of the
modules of torch.nn with plain arguments may stand: torch/nn/modules/container.py.
"""

from __future__ import annotations

import ast

from dlcalc.errors import InputError, abridged, nearest
from dlcalc.files import decode, read_bytes
from dlcalc.interop.graph import MAX_VERTICES, Graph
from dlcalc.interop.torch.layers import EMPTY, LAYERS
from dlcalc.interop.torch.module import MAX_DEPTH, Args, Module, arguments, parsed
from dlcalc.interop.torch.tree import graph_of
from dlcalc.layers.shape import Shape

_MAX_BYTES = 1_000_000
_KNOWN = {"Sequential", *LAYERS, *EMPTY}
# What may stand before the name of a module, and of OrderedDict.
_PREFIXES = ("", "nn.", "torch.nn.")
_ORDERED = ("OrderedDict", "collections.OrderedDict")
_PACKAGES = ("torch", "collections", "__future__")
_MEND = "Print the model, print(model), and give that text: it counts what the model holds."


def read(path: str, name: str, given: Shape | None) -> Graph:
    """The graph of an ``nn.Sequential`` in Python source.

    Raises `InputError` with the line of whatever else stands in the text.
    """
    data, name = read_bytes(path, _MAX_BYTES)
    return graph_of(_Source(name).module(decode(data, name)), name, "PyTorch source", given)


class _Source:
    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def module(self, text: str) -> Module:
        """The one module of the text."""
        found: list[ast.expr] = []
        for line in parsed(text, self.name).body:
            match line:
                case ast.Import(names=names):
                    self._packages(line, [alias.name for alias in names])
                case ast.ImportFrom(module=package):
                    self._packages(line, [package or "."])
                case ast.Expr(value=ast.Constant()):
                    pass
                case ast.Expr(value=value) | ast.Assign(targets=[ast.Name()], value=value):
                    found.append(value)
                case _:
                    raise self._error(line, "only imports and one nn.Sequential are read")
        if len(found) != 1:
            at = found[1] if found else ast.Pass(lineno=1)
            raise self._error(at, f"{len(found) or 'no'} modules stand here, not one nn.Sequential")
        return self._module(found[0], "", 0)

    def _packages(self, at: ast.stmt, names: list[str]) -> None:
        for name in names:
            if name.split(".")[0] not in _PACKAGES:
                raise self._error(at, f"{abridged(name, 40)} is not imported: nothing is run")

    def _module(self, node: ast.expr, name: str, depth: int) -> Module:
        if depth > MAX_DEPTH:
            raise self._error(node, f"modules nest more than {MAX_DEPTH} deep")
        self.count += 1
        if self.count > MAX_VERTICES:
            raise self._error(node, f"there are more than {MAX_VERTICES:,} modules")
        if not isinstance(node, ast.Call):
            raise self._error(node, "this is not a module of torch.nn with its arguments")
        called = _dotted(node.func)
        kind = called.rpartition(".")[2]
        if called.removesuffix(kind) not in _PREFIXES or kind not in _KNOWN:
            close = nearest(kind, sorted(_KNOWN)) if kind else ""
            mend = f"Did you mean nn.{close}?" if close else _MEND
            shown = abridged(called, 40) or "this"
            raise self._error(node, f"{shown} is not a known module of torch.nn", mend)
        where = f"{self.name}:{node.lineno}: {kind}"
        if kind != "Sequential":
            return Module(name, kind, arguments(node, where, names=False))
        children = [self._module(each, key, depth + 1) for key, each in self._named(node)]
        return Module(name, kind, Args(where, (), {}), tuple(children))

    def _named(self, node: ast.Call) -> list[tuple[str, ast.expr]]:
        """The modules of a Sequential with their names: numbers, or those of an OrderedDict."""
        if node.keywords:
            raise self._error(node, "Sequential takes modules, not arguments by name")
        match node.args:
            case [ast.Call(func=called, args=[items], keywords=[])] if _dotted(called) in _ORDERED:
                return self._items(items)
        return [(str(number), each) for number, each in enumerate(node.args)]

    def _items(self, node: ast.expr) -> list[tuple[str, ast.expr]]:
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        match node:
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                for part in parts:
                    if not isinstance(part, ast.Tuple | ast.List) or len(part.elts) != 2:
                        raise self._error(part, "OrderedDict takes pairs, (name, module)")
                    pairs.append((part.elts[0], part.elts[1]))
            case ast.Dict(keys=keys, values=values):
                pairs += zip(keys, values, strict=True)
            case _:
                raise self._error(node, "OrderedDict takes a list of pairs, (name, module)")
        # As in Python, a name that comes again replaces the module, in its first place.
        found: dict[str, ast.expr] = {}
        for key, each in pairs:
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                raise self._error(each, "the name of a module must be a string")
            if not key.value or "." in key.value:
                raise self._error(each, "the name of a module is not empty and has no dot")
            found[key.value] = each
        return list(found.items())

    def _error(self, at: ast.AST, rule: str, mend: str = _MEND) -> InputError:
        return InputError(f"{self.name}:{getattr(at, 'lineno', 1)}: {rule}", mend=mend)


def _dotted(node: ast.expr) -> str:
    """A name with its dots, as torch.nn.Linear; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=first), attr=name):
            return f"{first}.{name}"
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=first), attr=second), attr=name):
            return f"{first}.{second}.{name}"
    return ""
