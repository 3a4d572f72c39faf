"""Answers that can be put to a second route: what it found, as rows, as failure and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10

from dlcalc.result import Finding, Result, Row


class VerifiedResult(Result):
    """An answer with the findings of a second computation; none until it was asked for."""

    findings: Sequence[Finding] = ()

    @property
    def failure(self) -> str:  # type: ignore[override]
        """How a second computation disagreed, as sentences; empty if it did not."""
        return " ".join(finding.failure for finding in self.findings if finding.failure)

    def verified(self) -> list[Row]:
        """A row for each finding."""
        return [finding.row for finding in self.findings]

    def verification(self) -> dict[str, object]:
        """The findings by name under ``verification``; nothing if there are none."""
        return {"verification": documented(self.findings)} if self.findings else {}


def documented(findings: Sequence[Finding]) -> dict[str, object]:
    """Findings as JSON has them: whether all passed, and each under its name.

    >>> documented([Finding("shares", True, "shares agree", {"error": 0.0})])
    {'passed': True, 'shares': {'passed': True, 'error': 0.0}}
    """
    return {
        "passed": all(finding.passed for finding in findings if finding.counts),
        **{each.name: {"passed": each.passed, **each.document} for each in findings},
    }


def apart(error: float, bound: float, what: str = "difference") -> str:
    """What all differences are below, or the largest where it is too large or no number.

    The digits of a small one are those of one machine's rounding.

    >>> apart(3.1e-16, 1e-12), apart(2e-13, 1e-12), apart(0.5, 1e-12)
    ('differences below 1e-14', 'differences below 1e-11', 'largest difference 0.5')
    """
    if not error <= bound:
        return f"largest {what} {error:.2g}"
    power = ceil(log10(error)) if error else -14
    # In steps of three, so that another machine's rounding seldom tells another bound.
    told = next((step for step in (-14, -11, -8, -5) if power <= step), power)
    return f"{what}s below 1e{told:03d}"
