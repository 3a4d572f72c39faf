"""``dlcalc grad``: a gradient with every step of its derivation, verified."""

from __future__ import annotations

from collections.abc import Sequence

from dlcalc.answers.grad_result import GradResult
from dlcalc.errors import InputError
from dlcalc.expr.functions import FUNCTIONS
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Binary, Call, Expr, Transpose, walk

#: Functions of two numbers among those that reduce or are of matrices.
_OF_NUMBERS = {"max": 2, "min": 2, "mse": 2, "mae": 2, "bce": 2, "huber": 2}


def grad(
    *expressions: str,
    wrt: str | Sequence[str] = (),
    shape: str = "",
    at: str = "",
    order: int = 1,
    hessian: bool = False,
    jacobian: bool = False,
    hvp: str = "",
    symmetric: str = "",
    at_kink: str = "",
    view: str = "",
    code: str = "",
    latex: bool = False,
    verify: bool = False,
    net: str = "",
    activation: str = "",
    loss: str = "",
    unit: int = 0,
    steps: bool = True,
) -> GradResult:
    """The derivative of an expression by variables, step by step.

    ``wrt`` are the variables (all, if none is given), ``shape`` gives letters shapes
    such as ``X=nxd,w=d`` and derives matrices (``hvp`` names a vector that the Hessian is
    multiplied by, ``symmetric`` letters whose matrices equal their transposes), ``net``
    derives a whole network instead. ``at`` are numbers for the variables, as ``w=0.5,x=2``
    or ``w=1,2,X=[[1,2],[3,4]]``. Raises `InputError` where an expression cannot be read or
    derived.

    >>> grad("sigmoid(w*x + b)", wrt="w").value
    'x*sigmoid(w*x + b)*(1 - sigmoid(w*x + b))'
    """
    names = named(wrt)
    if net:
        from dlcalc.answers.grad_net import grad_net

        if expressions:
            raise InputError("--net derives a network, so an expression has no use beside it")
        others = {"shape": shape, "hessian": hessian, "jacobian": jacobian, "hvp": hvp}
        others |= {"symmetric": symmetric, "at-kink": at_kink, "order": order != 1}
        unused = [name for name, given in others.items() if given]
        if unused:
            raise InputError(f"--{unused[0]} is for expressions, and --net derives a network")
        return grad_net(
            net,
            wrt=names,
            activation=activation,
            loss=loss,
            unit=unit,
            at=at,
            view=view,
            code=code,
            latex=latex,
            steps=steps,
        )
    if activation or loss:
        given = "--activation" if activation else "--loss"
        raise InputError(f"{given} is of a network", mend="Give one, as in --net 2-2-2.")
    if not expressions:
        raise InputError("there is no expression", mend="Give one, as in 'sigmoid(w*x + b)'.")
    parsed = [parse(text) for text in expressions]
    if shape or any(map(of_matrices, parsed)):
        from dlcalc.answers.grad_matrix import grad_matrix

        return grad_matrix(
            parsed,
            names,
            shape=shape,
            at=at,
            order=order,
            hessian=hessian,
            hvp=hvp,
            symmetric=symmetric,
            at_kink=at_kink,
            view=view,
            code=code,
            latex=latex,
            steps=steps,
        )
    if hvp or symmetric:
        option = "--hvp" if hvp else "--symmetric"
        raise InputError(f"{option} is for vectors and matrices", mend="Give --shape as well.")
    from dlcalc.answers.grad_scalar import grad_scalar

    return grad_scalar(
        parsed,
        names,
        at=at,
        order=order,
        hessian=hessian,
        jacobian=jacobian,
        at_kink=at_kink,
        view=view,
        code=code,
        latex=latex,
        verify=verify,
        steps=steps,
    )


def named(wrt: str | Sequence[str]) -> list[str]:
    """The variables of ``--wrt``, parted by commas outside brackets.

    >>> named("w,w[3,1,1]")
    ['w', 'w[3,1,1]']
    """
    texts = [wrt] if isinstance(wrt, str) else wrt
    found: list[str] = []
    for text in texts:
        level, part = 0, ""
        for character in f"{text},":
            level += (character in "([") - (character in ")]")
            if character == "," and level <= 0:
                if part.strip():
                    found.append(part.strip())
                part = ""
            else:
                part += character
        if part.strip(" ,"):
            found.append(part.strip(" ,"))
    return found


def of_matrices(expr: Expr) -> bool:
    """Whether an expression holds what only vectors and matrices have."""
    return any(map(_of_matrices, walk(expr)))


def _of_matrices(node: Expr) -> bool:
    match node:
        case Transpose() | Binary("@"):
            return True
        case Call(function, arguments, axis):
            if FUNCTIONS[function].kind == "each":
                return False
            return axis is not None or len(arguments) < _OF_NUMBERS.get(function, 9)
    return False
