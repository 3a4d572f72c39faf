"""Numbers as Python reads them, for formulas that can be pasted."""

from __future__ import annotations


def exactly(number: float) -> str:
    """A number with all its digits: whole ones without a fraction, negative ones in brackets.

    >>> exactly(2.0), exactly(0.01), exactly(-0.5)
    ('2', '0.01', '(-0.5)')
    """
    text = repr(number).removesuffix(".0")
    return f"({text})" if text.startswith("-") else text


def shown(number: float) -> str:
    """The same, long ones cut to ten digits.

    >>> shown(-0.5), shown(0.1 + 0.2)
    ('(-0.5)', '0.3')
    """
    text = exactly(number)
    return text if len(text) <= 14 else exactly(float(f"{number:.10g}"))
