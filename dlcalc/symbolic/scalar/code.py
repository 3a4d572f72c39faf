"""Gradients as runnable NumPy or PyTorch: one function of the variables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dlcalc.expr.parse import parse
from dlcalc.expr.tree import (
    Binary,
    Call,
    Expr,
    Name,
    Negative,
    Subscript,
    variables,
    written,
)

_MODULE = {"numpy": "np", "torch": "torch"}
_IMPORT = {"numpy": "import numpy as np", "torch": "import torch"}
#: What both have by itself.
_PLAIN = frozenset(
    ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")
)
#: Functions in the words of each; what is not here has the module's own name.
_OWN = {
    "numpy": {
        "erf": ("x", "np.vectorize(math.erf)(x)"),
        "sigmoid": ("x", "np.exp(-np.logaddexp(0, -x))"),
        "softplus": ("x", "np.logaddexp(0, x)"),
        "relu": ("x", "np.maximum(x, 0)"),
        "leaky_relu": ("x, slope=0.01", "np.where(x > 0, x, slope*x)"),
        "elu": ("x, alpha=1", "np.where(x > 0, x, alpha*np.expm1(np.minimum(x, 0)))"),
        "hardtanh": ("x", "np.clip(x, -1, 1)"),
        "heaviside": ("x, at_zero=0.5", "np.heaviside(x, at_zero)"),
        "max": ("x, y", "np.maximum(x, y)"),
        "min": ("x, y", "np.minimum(x, y)"),
        "huber": (
            "x, y, d=1",
            "np.where(abs(x - y) <= d, (x - y)**2/2, d*(abs(x - y) - d/2))",
        ),
    },
    "torch": {
        "erf": ("x", "torch.erf(x)"),
        "sigmoid": ("x", "torch.sigmoid(x)"),
        "softplus": ("x", "torch.nn.functional.softplus(x)"),
        "relu": ("x", "torch.relu(x)"),
        "leaky_relu": ("x, slope=0.01", "torch.where(x > 0, x, slope*x)"),
        "elu": ("x, alpha=1", "torch.where(x > 0, x, alpha*torch.expm1(torch.clamp(x, max=0)))"),
        "hardtanh": ("x", "torch.clamp(x, -1, 1)"),
        "heaviside": ("x, at_zero=0.5", "torch.where(x == 0, at_zero, (x > 0)*1.0)"),
        "max": ("x, y", "torch.maximum(torch.as_tensor(x), torch.as_tensor(y))"),
        "min": ("x, y", "torch.minimum(torch.as_tensor(x), torch.as_tensor(y))"),
        "huber": (
            "x, y, d=1",
            "torch.where(abs(x - y) <= d, (x - y)**2/2, d*(abs(x - y) - d/2))",
        ),
    },
}
#: Functions in the words of the language itself.
_DEFINED = {
    "silu": ("x", "x*sigmoid(x)"),
    "gelu": ("x", "x*(1 + erf(x/sqrt(2)))/2"),
    "selu": ("x", "1.0507009873554805*elu(x, 1.6732632423543772)"),
    "prelu": ("x, slope", "leaky_relu(x, slope)"),
    "softsign": ("x", "x/(1 + abs(x))"),
    "mse": ("x, y", "(x - y)**2"),
    "mae": ("x, y", "abs(x - y)"),
    "bce": ("p, t", "-(t*log(p) + (1 - t)*log1p(-p))"),
}


def code(exprs: Sequence[Expr], names: Sequence[str], framework: str = "numpy") -> str:
    """A function ``gradient`` of the variables that returns these expressions.

    >>> from dlcalc.expr.parse import parse
    >>> print(code([parse("x*cos(w*x)")], ["w", "x"]))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def gradient(w, x):
        return x*np.cos(w*x)
    """
    writer = _Writer(framework)
    letters = _letters(names)
    body = ", ".join(writer.written(expr, letters) for expr in exprs)
    parameters = ", ".join(letters[name] for name in names)
    functions = [
        *writer.functions.values(),
        f"def gradient({parameters}):\n    return {body}",
    ]
    text = "\n\n\n".join(functions)
    imports = [_IMPORT[framework]] if f"{_MODULE[framework]}." in text else []
    if "math." in text:
        imports.insert(0, "import math")
    return "\n\n\n".join(["\n".join(imports)] * bool(imports) + [text])


def _letters(names: Sequence[str]) -> dict[str, str]:
    """The variables as parameters: w[3,1,1] is w_3_1_1, and none hides a name that is used."""
    found: dict[str, str] = {}
    for name in names:
        shown = re.sub(r"[\[\],]+", "_", name).rstrip("_") if "[" in name else name
        while shown in ("np", "torch", "math", "abs", "gradient") or shown in found.values():
            shown += "_"
        found[name] = shown
    return found


class _Writer:
    """Expressions in the words of one framework, and the functions that they need."""

    def __init__(self, framework: str) -> None:
        self.framework = framework
        #: The definitions that are needed, by name, each behind those it needs.
        self.functions: dict[str, str] = {}

    def written(self, expr: Expr, letters: dict[str, str]) -> str:
        return written(self._named(expr, letters))

    def _named(self, expr: Expr, letters: dict[str, str]) -> Expr:
        """The same with names that Python knows; `Name` may be dotted here."""
        match expr:
            case Name("pi"):
                return Name("math.pi")
            case Name() | Subscript():
                return Name(letters[written(expr)])
            case Negative(operand):
                return Negative(self._named(operand, letters))
            case Binary(operator, left, right):
                return Binary(operator, self._named(left, letters), self._named(right, letters))
            case Call(function, arguments):
                parts = tuple([self._named(part, letters) for part in arguments])
                name = self._function(function, bool(variables(expr)))
                if self.framework == "torch" and not variables(expr) and name == function:
                    # PyTorch's functions take tensors alone.
                    exact = "torch.tensor({}, dtype=torch.float64)"
                    parts = tuple([Name(exact.format(part)) for part in parts])
                return Call(name, parts)
        return expr

    def _function(self, name: str, varies: bool) -> str:
        if name == "abs":
            return name
        if name in _PLAIN and not varies:
            return f"math.{name}"
        if name in _OWN[self.framework]:
            parameters, body = _OWN[self.framework][name]
        elif name in _DEFINED:
            parameters, body = _DEFINED[name]
            body = self.written(parse(body), {letter: letter for letter in parameters.split(", ")})
        else:
            return f"{_MODULE[self.framework]}.{name}"
        self.functions.setdefault(name, f"def {name}({parameters}):\n    return {body}")
        return name
