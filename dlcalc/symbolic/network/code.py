"""Equations as code that runs: for rows of examples by matrix products, else by indices.

The lines need ``import numpy as np`` and arrays of the letters: ``a1`` the
input, ``y`` the targets, the tensors.
"""

from __future__ import annotations

import ast
import re

from dlcalc.errors import InputError
from dlcalc.expr.parse import parse
from dlcalc.symbolic.code import Language, source
from dlcalc.symbolic.network.equations import Equation, Equations
from dlcalc.symbolic.network.index import AT, ranges, read, unread


def code(
    equations: Equations, sizes: dict[str, tuple[int, ...]], language: Language = "numpy"
) -> str:
    """The code of a net; ``sizes`` are those of every array.

    Raises `InputError` for PyTorch where the equations have no matrix form.
    """
    if equations.batch:
        body = "\n".join(
            f"{line.symbol} = {source(parse(line.text.batch), language)}"
            for line in equations.lines
        )
        head = _head(body) if language == "numpy" else "import torch\n"
        return f"{head}\n# a1 and y have a row for each example.\n{body}"
    if language != "numpy":
        words = sorted({block.word for block in equations.blocks} - {"dense", "bn"})
        raise InputError(
            f"the equations of {', '.join(words)} have code for NumPy alone",
            mend="Take --code numpy.",
        )
    body = "\n".join(_line(line, sizes) for line in equations.lines)
    return f"{_head(body)}\n\n{AT}\n\n{body}"


def _head(body: str) -> str:
    return ("import math\n\n" if "math." in body else "") + "import numpy as np\n"


def _line(line: Equation, sizes: dict[str, tuple[int, ...]]) -> str:
    """One index equation: its indices as a grid, its sums as sums over axes of the grid."""
    reading = read(line.target, line.text.entries)
    runs = {**ranges(reading, sizes, sizes[line.symbol]), **dict(line.kernel)}
    order = [name for name in runs if not (line.loop and name == "t")]
    free = [name for name in order if name in reading.free]
    text = _Writer(order).of(reading.tree)
    bound = len(order) - len(free)
    if bound:
        text = f"({text})[{', '.join(['...'] + ['0'] * bound)}]"
    grid = ""
    if len(order) == 1:
        grid = f"{order[0]} = np.arange({runs[order[0]]})\n"
    elif order:
        grid = f"{', '.join(order)} = np.ogrid[{', '.join(f':{runs[n]}' for n in order)}]\n"
    if not line.loop:
        return f"{grid}{line.symbol} = {text}"
    time = sizes[line.symbol][-2]
    steps = f"range({time})" if line.loop == "up" else f"reversed(range({time}))"
    where = ", ".join([*([":"] if "n" in reading.free else []), "t"])
    return (
        f"{grid}{line.symbol} = np.zeros({sizes[line.symbol]})\n"
        f"for t in {steps}:\n    {line.symbol}[{where}] = {text}"
    )


class _Writer:
    """A tree of an index equation as NumPy text."""

    def __init__(self, order: list[str]) -> None:
        self.order = order

    def of(self, node: ast.expr) -> str:
        """The text; brackets stand wherever they might be needed."""
        match node:
            case ast.BinOp(left=left, op=op, right=right):
                return f"{self.part(left, op)}{_SIGNS[type(op)]}{self.part(right, op, True)}"
            case ast.UnaryOp(operand=operand):
                return f"-{self.part(operand, ast.Mult())}"
            case ast.Subscript():
                return self.entry(node)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self.call(name, arguments)
        return ast.unparse(node)

    def part(self, node: ast.expr, above: ast.operator, right: bool = False) -> str:
        text = self.of(node)
        if isinstance(node, ast.UnaryOp):
            return f"({text})"
        if not isinstance(node, ast.BinOp):
            return text
        inner, outer = _BINDS[type(node.op)], _BINDS[type(above)]
        return f"({text})" if inner < outer or (right and inner == outer) else text

    def entry(self, node: ast.Subscript) -> str:
        [(name, indices)] = unread(node, deep=False)
        places = [ast.unparse(index) for index in indices]
        if all(isinstance(index, ast.Name | ast.Constant) for index in indices):
            return f"{name}[{', '.join(places)}]" if places else name
        return f"at({name}, {', '.join(places)})"

    def call(self, name: str, arguments: list[ast.expr]) -> str:
        kind, sign, over = name.partition("_over_")
        if sign:
            axes = [self.order.index(index) for index in over.split("_")]
            axis = str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"
            return f"np.{kind}({self.of(arguments[0])}, axis={axis}, keepdims=True)"
        # The function of stand-ins first: no letter of an equation is called so.
        stand_ins = [f"argument{number}" for number in range(len(arguments))]
        plain = source(parse(f"{name}({', '.join(stand_ins)})"))
        texts = [self.of(argument) for argument in arguments]
        plain = _STAND_IN.sub(lambda found: _argument(texts[int(found[2])], *found.groups()), plain)
        return plain if plain.endswith(")") and plain.startswith("np.") else f"({plain})"


_STAND_IN = re.compile(r"([(]?)argument([0-9])(?=([,)]?))")


def _argument(text: str, before: str, number: str, behind: str) -> str:
    """A text in the place of a stand-in, in brackets unless commas or brackets part it off."""
    parted = (before == "(" and behind in (",", ")")) or text.isidentifier()
    return before + (text if parted or _PLAIN.fullmatch(text) else f"({text})")


_PLAIN = re.compile(r"[\w.]+\[[^\[\]()]*\]|[0-9.]+|np\.\w+\([^()]*\)")
_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: " + ",
    ast.Sub: " - ",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.FloorDiv: "//",
    ast.Mod: " % ",
}
_BINDS: dict[type[ast.operator], int] = {
    ast.Add: 0,
    ast.Sub: 0,
    ast.Mult: 1,
    ast.Div: 1,
    ast.FloorDiv: 1,
    ast.Mod: 1,
    ast.Pow: 2,
}
