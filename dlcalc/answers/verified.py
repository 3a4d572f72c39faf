"""Answers that can be put to a second route: what it found, as rows, as failure and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

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
        if not self.findings:
            return {}
        found = {f.name: {"passed": f.passed, **f.document} for f in self.findings}
        return {"verification": found}
