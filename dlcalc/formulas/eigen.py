"""Eigenvalues of a small symmetric matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SWEEPS = 60


def eigenvalues(matrix: Sequence[Sequence[float]]) -> list[float]:
    """The eigenvalues of a symmetric matrix, the least first, by Jacobi's rotations.

    Golub and Van Loan, "Matrix Computations", 4th edition, section 8.5.

    >>> [round(value, 9) for value in eigenvalues([[2.0, 1.0], [1.0, 2.0]])]
    [1.0, 3.0]
    """
    a = [list(row) for row in matrix]
    size = len(a)
    for _ in range(_SWEEPS):
        diagonal = math.hypot(*(a[i][i] for i in range(size)))
        outside = math.hypot(*(a[i][j] for i in range(size) for j in range(i)))
        if outside <= 1e-17 * diagonal or outside == 0:
            break
        for p in range(size):
            for q in range(p + 1, size):
                if a[p][q] != 0:
                    _rotate(a, p, q)
    return sorted(a[i][i] for i in range(size))


def _rotate(a: list[list[float]], p: int, q: int) -> None:
    """Turn axes p and q so that the entry between them becomes 0."""
    slant = (a[q][q] - a[p][p]) / (2 * a[p][q])
    tangent = math.copysign(1.0, slant) / (abs(slant) + math.hypot(1.0, slant))
    cosine = 1 / math.hypot(1.0, tangent)
    sine = tangent * cosine
    for row in a:
        left, right = row[p], row[q]
        row[p], row[q] = cosine * left - sine * right, sine * left + cosine * right
    upper, lower = a[p], a[q]
    a[p] = [cosine * x - sine * y for x, y in zip(upper, lower, strict=True)]
    a[q] = [sine * x + cosine * y for x, y in zip(upper, lower, strict=True)]
    a[p][q] = a[q][p] = 0.0
