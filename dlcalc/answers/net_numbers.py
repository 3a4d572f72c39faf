"""Numbers for a net's letters, and claims compared with its gradients by numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcalc.answers.grad import named
from dlcalc.answers.grad_result import Comparison
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import variables
from dlcalc.numbers import read

if TYPE_CHECKING:
    from dlcalc.symbolic.network.chain import Units
    from dlcalc.symbolic.network.check import Checker

_TOLERANCE = 1e-9


def numbers(text: str, checker: Checker, *, notes: bool = False) -> dict[str, Any]:
    """The arrays that ``x=[1,2];W2=[[1,0],[0,1]];b2=.35`` gives, each of its letter's sizes.

    One number fills an array; ``w[2,1,1]=.15`` gives one entry. Raises `InputError` for
    a letter that is not there, sizes that do not fit, and a letter without numbers.
    """
    import numpy as np

    found = {name: np.full_like(array, np.nan) for name, array in checker.given.items()}
    for part in named(text.split(";")):
        name, sign, written = part.partition("=")
        if not sign or not written.strip():
            raise InputError(f"--at: {abridged(part)} is not NAME=NUMBERS")
        array, place = _place(name.strip(), found, checker)
        try:
            value = read(written.strip(), f"--at {name.strip()}")
        except InputError as error:
            raise InputError(f"--at {abridged(part)}: {error.rule}") from error
        wanted = found[array][place].shape
        if len(value.values) == 1:
            found[array][place] = value.values[0]
        elif value.sizes == wanted:
            found[array][place] = np.reshape(value.values, wanted)
        elif notes:
            raise InputError(
                "the numbers of the notes are those of a net 2-2-2",
                mend="Give others, as in --at 'x=[1,2];W2=[[1,0],[0,1]];...'.",
            )
        else:
            shown = "x".join(map(str, wanted)) or "one number"
            raise InputError(f"--at {name.strip()} has sizes {value.sizes}, not {shown}")
    for name, filled in found.items():
        if name.startswith("eps") or name == "N":
            found[name] = checker.given[name]
        elif np.isnan(filled).any():
            shown = "x" if name == "a1" else name
            raise InputError(
                "the numbers of the notes are those of a net 2-2-2"
                if notes
                else f"--at gives no numbers for {shown}",
                mend=f"The net has {', '.join(n.replace('a1', 'x') for n in found)}.",
            )
    return found


def _place(name: str, found: dict[str, Any], checker: Checker) -> tuple[str, Any]:
    """The array that a name stands for, and the place in it."""
    known = {"x": "a1"}.get(name, name)
    if known in found:
        return known, ...
    if "[" in name:
        from dlcalc.symbolic.network.chain import Units

        units = Units(checker.blocks, checker.loss)
        if name.startswith("y[") and name.endswith("]") and name[2:-1].isdigit():
            entry = units.find(f"a[{units.last},{name[2:-1]}]")
            return "y", (int(entry.indices[1]) - 1,)
        entry = units.find(name)
        letter, (layer, *place) = entry.operand.name, entry.indices
        array = {"w": f"W{layer}", "b": f"b{layer}"}.get(letter, "a1")
        if letter in "wb" or layer == 1:
            return array, tuple([int(index) - 1 for index in place])
    close = nearest(name, ["x", *found])
    raise InputError(
        f"--at: {abridged(name)} is no letter of this net",
        mend=f"Did you mean {close}?" if close else f"There are x, {', '.join(found)}.",
    )


def compared(claim: str, text: str, question: Any, units: Units | None) -> Comparison:
    """Whether a claimed expression is the gradient, at the given point and at random ones."""
    import numpy as np

    from dlcalc.symbolic.network.values import Point

    expr = parse(claim, "--expect")
    points = question.points()
    for checker in points:
        point = Point(checker, units)
        if units is not None:
            wrt = units.find(text)
            true: Any = point.value(units.chain(wrt).answer)
        else:
            true = point.arrays[f"d{text}"]
        found = point.value(expr)
        if np.shape(found) != np.shape(true):
            sizes = ["x".join(map(str, np.shape(each))) or "a number" for each in (found, true)]
            return Comparison(False, f"--expect: the claim is {sizes[0]}, the gradient {sizes[1]}.")
        difference = float(np.max(np.abs(found - true), initial=0.0))
        if not difference <= _TOLERANCE * max(float(np.max(np.abs(true), initial=0.0)), 1e-12):
            return Comparison(False, _counterexample(expr, point, found, true))
    where = "the given point and " if question.at else ""
    return Comparison(True, f"equal at {where}{len(points) - bool(question.at)} random points")


def _counterexample(expr: Any, point: Any, found: Any, true: Any) -> str:
    import numpy as np

    if np.ndim(true):
        place = np.unravel_index(int(np.argmax(np.abs(found - true))), np.shape(true))
        index = ",".join(str(int(i) + 1) for i in place)
        return (
            f"--expect: not the gradient: entry {index} of the claim is {found[place]:.6g}, "
            f"of the gradient {true[place]:.6g}."
        )
    where = ", ".join(f"{name} = {point.value(parse(name)):.6g}" for name in variables(expr)[:8])
    return (
        f"--expect: not the gradient: the claim is {float(found):.6g}, the gradient "
        f"{float(true):.6g}, where {where}."
    )
