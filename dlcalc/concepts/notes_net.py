"""The 2-2-2 net of the notes as sums written out, and its derivatives by complex steps."""

from __future__ import annotations

import cmath
from collections.abc import Mapping, Sequence

from dlcalc.answers.grad_net import grad_net

#: w[l,j,k] enters unit j of layer l from unit k; a bias has k = 0, an input l = 1.
Point = Mapping[tuple[int, int, int], complex]
NOTES: dict[tuple[int, int, int], complex] = {
    (1, 1, 0): 0.05,
    (1, 2, 0): 0.10,
    **{(2, j, 0): 0.35 for j in (1, 2)},
    **{(3, j, 0): 0.60 for j in (1, 2)},
    **dict(zip([(2, j, k) for j in (1, 2) for k in (1, 2)], (0.15, 0.20, 0.25, 0.30), strict=True)),
    **dict(zip([(3, j, k) for j in (1, 2) for k in (1, 2)], (0.40, 0.45, 0.50, 0.55), strict=True)),
}
TARGET = (0.01, 0.99)


def sigmoid(z: complex) -> complex:
    """The logistic function, of complex numbers too."""
    return 1 / (1 + cmath.exp(-z))


def units(point: Point) -> dict[str, complex]:
    """Every z[l,j] and a[l,j] of the net at a point, by the sums written out."""
    found = {f"a[1,{k}]": point[1, k, 0] for k in (1, 2)}
    for layer in (2, 3):
        for j in (1, 2):
            terms = [point[layer, j, k] * found[f"a[{layer - 1},{k}]"] for k in (1, 2)]
            found[f"z[{layer},{j}]"] = z = sum(terms) + point[layer, j, 0]
            found[f"a[{layer},{j}]"] = sigmoid(z)
    return found


def error(point: Point, outputs: Sequence[int] = (1, 2)) -> complex:
    """Half the sum of squares of these outputs."""
    found = units(point)
    return sum((found[f"a[3,{j}]"] - TARGET[j - 1]) ** 2 / 2 for j in outputs)


def slope(key: tuple[int, int, int], outputs: Sequence[int] = (1, 2)) -> float:
    """How fast the error grows with one number of the net, by a complex step."""
    step = 1e-30
    return error({**NOTES, key: NOTES[key] + step * 1j}, outputs).imag / step


def numbers() -> dict[str, float]:
    """The units at the notes' numbers, and the weights by their names."""
    found = {name: value.real for name, value in units(NOTES).items()}
    return found | {f"w[{layer},{j},{k}]": v.real for (layer, j, k), v in NOTES.items() if k}


def flat(value: float) -> float:
    """The slope of a sigmoid by its value."""
    return value * (1 - value)


def told(wrt: str, unit: int = 0) -> float:
    """The derivative that dlcalc grad gives at the notes' numbers."""
    return float(grad_net("2-2-2", wrt=[wrt], at="notes", unit=unit).terse())
