"""Limits that SymPy finds for itself, to be compared with those that a derivation names."""

from __future__ import annotations

from typing import Any

from sympy import E, Rational, Symbol, expand_log, limit, log, oo, series, simplify


def bootstrap_forms(n: Any) -> list[Any]:
    """(1 - 1/n)**n in each form of its derivation, the first as it is defined."""
    return [
        (1 - 1 / n) ** n,
        ((n - 1) / n) ** n,
        1 / (n / (n - 1)) ** n,
        1 / (1 + 1 / (n - 1)) ** n,
        1 / ((1 + 1 / (n - 1)) ** (n - 1) * (1 + 1 / (n - 1))),
    ]


def bootstrap_limit() -> tuple[int, bool]:
    """How many forms there are, and whether all are equal, go to 1/e, and as fast as said.

    >>> bootstrap_limit()
    (5, True)
    """
    n, k, x = (Symbol(name, positive=True) for name in "nkx")
    forms = bootstrap_forms(n)
    # With n = k + 1 every base is seen to be positive.
    logarithms = [expand_log(log(form.subs(n, k + 1)), force=True) for form in forms]
    equal = all(simplify(each - logarithms[0]) == 0 for each in logarithms)
    limits = all(limit(form, n, oo) == 1 / E for form in forms)
    speed = series(log(1 - x) / x + 1, x, 0, 3).removeO()
    return len(forms), equal and limits and speed == -x / 2 - Rational(1, 3) * x**2
