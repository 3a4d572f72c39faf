"""What a training came to, as text and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers.verified import documented
from dlcalc.result import Block, Finding, Result, Row

if TYPE_CHECKING:
    from dlcalc.answers.train_drawing import Drawing
    from dlcalc.engine.divergence import Divergence
    from dlcalc.engine.trainer import Epoch

#: A table shows at most so many epochs.
SHOWN = 10


class Final(NamedTuple):
    """The net as it is at the end, on the examples that judge it and on those trained on."""

    loss: float
    metric: float
    examples: int
    training_loss: float | None = None
    training_metric: float | None = None


class TrainResult(Result):
    """A training. Its value is the metric at the end."""

    def __init__(
        self,
        config: Mapping[str, object],
        heading: list[Row],
        metric: str,
        history: list[Epoch],
        final: Final | None,
        findings: list[Finding],
        *,
        divergence: Divergence | None = None,
        interrupted: bool = False,
        failures: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        look: Callable[[], Sequence[Drawing]] = tuple,
    ) -> None:
        self.config = config
        self.heading = heading
        self.metric = metric
        self.history = history
        self.final = final
        self.findings = findings
        self.divergence = divergence
        self.interrupted = interrupted
        self.notes = notes
        #: Works out the drawings of it, for who wants to see them.
        self.look = look
        wrong = [finding.failure for finding in findings if finding.failure]
        if divergence is not None:
            wrong.append(str(divergence))
        self.failure = " ".join([*wrong, *failures])
        self.value: object = "diverged" if final is None else final.metric

    def terse(self) -> str:
        """The metric to six digits, or ``diverged``."""
        return str(self.value) if self.final is None else f"{self.final.metric:.6g}"

    def blocks(self) -> list[Block]:
        """What was trained, some epochs, what was verified, the metric."""
        rows = [finding.row for finding in self.findings]
        if self.divergence is not None:
            rows.append(Row(("diverged", f"at step {self.divergence.step:,}"), "wrong"))
        if self.interrupted:
            rows.append(Row(("interrupted", f"in epoch {len(self.history) + 1:,}"), "aside"))
        if self.final is not None:
            rows.append(Row((self.metric, self._answer()), "answer"))
        return [Block("ll", self.heading), *self._table(), Block("ll", rows)]

    def drawn(self, width: int, *, ascii: bool) -> list[list[str]]:
        """The losses, and what was learnt."""
        from dlcalc.answers.train_drawing import WIDEST
        from dlcalc.errors import wrapped

        found = []
        for each in self.look():
            lines = each.lines(min(width, WIDEST), ascii)
            if lines:
                found.append([*wrapped(each.caption, width), *lines])
        return found

    def _answer(self) -> str:
        assert self.final is not None
        shown = self._metric(self.final.metric)
        if self.metric == "accuracy":
            right = round(self.final.metric * self.final.examples)
            shown += f"   {right:,} of {self.final.examples:,}"
        return shown + ("" if self.final.training_loss is None else " held out")

    def _metric(self, value: float) -> str:
        return f"{value:.4f}" if self.metric == "accuracy" else f"{value:.4g}"

    def _table(self) -> list[Block]:
        """The first epoch, the last, and some evenly between."""
        if not self.history:
            return []
        held = self.history[0].validation is not None
        titles = ["epoch", "loss", *(["held out"] if held else []), self.metric]
        rows = [Row(tuple(titles), "aside")]
        for each in sampled(self.history):
            cells = [f"{each.number:,}", f"{each.loss:.4g}"]
            if each.validation is not None:
                cells.append(f"{each.validation:.4g}")
            rows.append(Row((*cells, self._metric(each.metric))))
        return [Block("r" * len(titles), rows)]

    def document(self) -> dict[str, object]:
        """``config``, ``history``, ``final`` and ``verification``."""
        document: dict[str, object] = {
            "config": dict(self.config),
            "history": [self._epoch(each) for each in self.history],
            "final": self._final(),
            "verification": documented(self.findings),
        }
        if self.divergence is not None:
            found = self.divergence._asdict()
            document["divergence"] = {k: _finite(v) for k, v in found.items()}
        if self.interrupted:
            document["interrupted"] = True
        if self.notes:
            document["notes"] = list(self.notes)
        return document

    def _epoch(self, each: Epoch) -> dict[str, object]:
        found: dict[str, object] = {"epoch": each.number, "loss": each.loss}
        if each.validation is not None:
            found["validation_loss"] = each.validation
        return {**found, self.metric: each.metric}

    def _final(self) -> dict[str, object] | None:
        final = self.final
        if final is None:
            return None
        found: dict[str, object] = {"loss": final.loss, self.metric: final.metric}
        if final.training_loss is not None:
            found["training_loss"] = final.training_loss
            found[f"training_{self.metric}"] = final.training_metric
        return found


def _finite(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def sampled(history: list[Epoch]) -> list[Epoch]:
    """At most `SHOWN` of the epochs, the first and the last among them.

    >>> from dlcalc.engine.trainer import Epoch
    >>> [each.number for each in sampled([Epoch(n, 0.0, None, 0.0) for n in range(1, 31)])]
    [1, 4, 7, 11, 14, 17, 20, 24, 27, 30]
    """
    if len(history) <= SHOWN:
        return history
    last = len(history) - 1
    return [history[round(index * last / (SHOWN - 1))] for index in range(SHOWN)]
