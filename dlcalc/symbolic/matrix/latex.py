r"""Matrix expressions in LaTeX, where what works entry by entry looks different.

``*`` between tensors is \odot, ``/`` is \oslash and ``**`` is ^{\circ}; sums over
axes are products with \mathbf{1}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dlcalc.expr.functions import FUNCTIONS
from dlcalc.expr.latex import latex as latex_of_numbers
from dlcalc.expr.latex import symbol
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Subscript, Transpose

# How tightly the parts bind.
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(5)
_NAMES = {
    **{
        name: rf"\{name}"
        for name in ["exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "det"]
    },
    "log": r"\ln",
    "logdet": r"\ln\det",
    "sigmoid": r"\sigma",
    "tr": r"\operatorname{tr}",
}
#: Functions that make a number of a tensor.
_SCALAR = frozenset(
    ["norm", "norm1", "tr", "det", "logdet", "dot", "cross_entropy", "bce", "mse", "mae", "huber"]
)
_KEEPING = frozenset(("softmax", "log_softmax", "hardmax"))
_ONE = r"\mathbf{1}"


class Setter:
    r"""Sets expressions; ``ranks`` are how many axes each letter has.

    >>> from dlcalc.expr.parse import parse
    >>> print(Setter({"X": 2, "w": 1, "y": 1}).text(parse("2*X.T@(y*(X@w - y)**2)")))
    2 X^{\top} \left(y \odot \left(X w - y\right)^{\circ 2}\right)
    """

    def __init__(self, ranks: Mapping[str, int]) -> None:
        self.ranks = ranks

    def text(self, expr: Expr) -> str:
        """An expression as LaTeX."""
        return self._set(expr)[0]

    def rank(self, expr: Expr) -> int:
        """How many axes an expression has."""
        match expr:
            case Name(name):
                return self.ranks.get(name, 0)
            case Negative(operand) | Transpose(operand):
                return self.rank(operand)
            case Binary("@", left, right):
                return self.rank(left) + self.rank(right) - 2
            case Binary(_, left, right):
                return max(self.rank(left), self.rank(right))
            case Call("eye" | "outer"):
                return 2
            case Call("ones", sizes):
                return len(sizes)
            case Call("diag", (inner,)):
                return 3 - self.rank(inner)
            case Call(function, arguments, axis):
                if function in _SCALAR:
                    return 0
                ranks = [self.rank(argument) for argument in arguments]
                is_reduced = function in ("sum", "mean", "logsumexp") or (
                    function in ("max", "min") and len(arguments) == 1
                )
                if is_reduced:
                    return 0 if axis is None else ranks[0] - 1
                return max(ranks)
        return 0

    def _set(self, expr: Expr) -> tuple[str, int]:
        match expr:
            case Name(name) if name.startswith("["):
                return rf"\delta{subscript(name.strip('[]').split(' == '))}", _ATOM
            case Name(name):
                return self._whole(name), _ATOM
            case Subscript(operand, indices):
                return f"{self._whole(operand.name)}{subscript(map(str, indices))}", _ATOM
            case Negative(operand):
                return f"-{self._inside(operand, _SIGN)}", _SIGN
            case Transpose(operand):
                return rf"{self._inside(operand, _ATOM)}^{{\top}}", _POWER
            case Binary("+" | "-" as sign, left, right):
                level = _SUM if sign == "+" else _PRODUCT
                first, second = self._inside(left, _SUM), self._inside(right, level)
                return f"{first} {sign} {second}", _SUM
            case Binary("**", left, right):
                ring = r"\circ " if self.rank(left) else ""
                return f"{self._inside(left, _ATOM)}^{{{ring}{self.text(right)}}}", _POWER
            case Binary("/", left, right):
                return self._quotient(left, right)
            case Binary(sign, left, right):
                return self._product(sign, left, right)
            case Call(function, arguments, axis):
                return self._call(function, arguments, axis)
        return latex_of_numbers(expr), _ATOM

    def _whole(self, name: str) -> str:
        """A tensor without its indices, perhaps in a function: inv(A)."""
        function, bracket, argument = name.partition("(")
        if not bracket:
            return name if name.isdigit() else symbol(name)
        inner = symbol(argument.rstrip(")"))
        if function == "inv":
            return rf"\left({inner}^{{-1}}\right)"
        return rf"{_NAMES.get(function, function)}\left({inner}\right)"

    def _quotient(self, left: Expr, right: Expr) -> tuple[str, int]:
        if self.rank(right):
            first, second = self._inside(left, _PRODUCT), self._inside(right, _SIGN)
            return rf"{first} \oslash {second}", _PRODUCT
        if not self.rank(left):
            return rf"\frac{{{self.text(left)}}}{{{self.text(right)}}}", _ATOM
        below = self.text(right)
        return rf"\frac{{1}}{{{below}}} {self._inside(left, _PRODUCT)}", _PRODUCT

    def _product(self, sign: str, left: Expr, right: Expr) -> tuple[str, int]:
        ranks = self.rank(left), self.rank(right)
        first, second = self._inside(left, _PRODUCT), self._inside(right, _SIGN)
        if sign == "*" and all(ranks):
            gap = r" \odot "
        elif isinstance(right, Number) or second[:1].isdigit():
            gap = r" \cdot "
        else:
            gap = " "
        return f"{first}{gap}{second}", _PRODUCT

    def _inside(self, expr: Expr, level: int) -> str:
        text, own = self._set(expr)
        return text if own >= level else rf"\left({text}\right)"

    def _call(
        self, function: str, arguments: tuple[Expr, ...], axis: int | None
    ) -> tuple[str, int]:
        first, rank = self.text(arguments[0]), self.rank(arguments[0])
        word, over, letters = function.partition("_")
        if over and word in ("sum", "max", "min") and function not in FUNCTIONS:
            return (
                rf"\{word}{subscript([letters])} {self._inside(arguments[0], _PRODUCT)}",
                _PRODUCT,
            )
        match function:
            case "eye":
                return f"I_{{{first}}}", _ATOM
            case "ones":
                sizes = r" \times ".join(map(self.text, arguments))
                return f"{_ONE}_{{{sizes}}}", _ATOM
            case "outer":
                vectors = [self._inside(argument, _ATOM) for argument in arguments]
                return rf"{vectors[0]} {vectors[1]}^{{\top}}", _PRODUCT
            case "inv":
                return f"{self._inside(arguments[0], _ATOM)}^{{-1}}", _POWER
            case "sqrt" if not rank:
                return rf"\sqrt{{{first}}}", _ATOM
            case "exp" if not rank:
                return f"e^{{{first}}}", _POWER
            case "abs":
                return rf"\left|{first}\right|", _ATOM
            case "norm" | "norm1":
                below = "1" if function == "norm1" else "F" if rank > 1 else "2"
                return rf"\left\lVert {first} \right\rVert_{{{below}}}", _ATOM
            case "sum" if rank == 1:
                return rf"{_ONE}^{{\top}} {self._inside(arguments[0], _PRODUCT)}", _PRODUCT
            case "sum" if rank == 2 and axis is not None:
                column = arguments[0] if axis in (1, -1) else Transpose(arguments[0])
                return f"{self._inside(column, _PRODUCT)} {_ONE}", _PRODUCT
        name = _NAMES.get(function) or rf"\operatorname{{{function.replace('_', '')}}}"
        if function == "heaviside":
            below = self.text(arguments[1]) if len(arguments) > 1 else r"\frac{1}{2}"
            return rf"\mathrm{{H}}_{{{below}}}\left({first}\right)", _ATOM
        if axis is not None:
            name += rf"_{{\mathrm{{axis}}\,{axis}}}"
        inner = ", ".join(map(self.text, arguments))
        return rf"{name}\left({inner}\right)", _ATOM


def subscript(letters: Iterable[str]) -> str:
    """Indices below the line; none are nothing."""
    inner = ", ".join(letters)
    return f"_{{{inner}}}" if inner else ""
