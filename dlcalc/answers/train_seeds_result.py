"""What many trainings came to, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.result import Block, Finding, Result, Row

if TYPE_CHECKING:
    from dlcalc.answers.train_result import Final

#: So many failures are told in words, the others counted.
_TOLD = 3


class OfSeed(NamedTuple):
    """One of many trainings; ``final`` is None if it diverged, ``failure`` says why."""

    seed: int
    epochs: int
    final: Final | None
    findings: list[Finding]
    failure: str

    @property
    def verified(self) -> bool:
        """Whether a second route agreed on its gradients, parameters and shapes."""
        return all(finding.passed for finding in self.findings if finding.counts)

    @property
    def reached(self) -> bool:
        """Whether it attained what is known of its task."""
        return any(finding.name == "reach" and finding.passed for finding in self.findings)


class SeedsResult(Result):
    """Trainings from many seeds. The value is the mean of their metric."""

    tabled = "seeds"

    def __init__(
        self,
        config: Mapping[str, object],
        heading: list[Row],
        metric: str,
        reach: float | None,
        seeds: list[OfSeed],
        failures: tuple[str, ...] = (),
    ) -> None:
        from dlcalc.formulas.confidence import mean_interval

        self.config = config
        self.heading = heading
        self.metric = metric
        self.reach = reach
        self.seeds = seeds
        self.interrupted = len(seeds) != config["seeds"]
        self.trained = [each.final.metric for each in seeds if each.final is not None]
        self.value: object = "diverged"
        if self.trained:
            self.value, *ends = mean_interval(self.trained)
            # No accuracy is beyond 0 and 1, and no error below 0.
            high = 1.0 if metric == "accuracy" else float("inf")
            self.interval = max(ends[0], 0.0), min(ends[1], high)
        wrong = [f"Seed {each.seed}: {each.failure}" for each in seeds if each.failure]
        told = [*wrong, *failures]
        more = [f"{len(told) - _TOLD:,} more of that kind."] if len(told) > _TOLD else []
        self.failure = " ".join([*told[:_TOLD], *more])

    @property
    def reached(self) -> int:
        """How many attained what is known of the task."""
        return sum(each.reached for each in self.seeds)

    def terse(self) -> str:
        """The mean of the metric to six digits."""
        return f"{self.value:.6g}" if self.trained else str(self.value)

    def _shown(self, value: float) -> str:
        return f"{value:.4f}" if self.metric == "accuracy" else f"{value:.4g}"

    def blocks(self) -> list[Block]:
        """What was trained, every seed, how many reach and were verified, the mean."""
        rows = []
        count = len(self.seeds)
        wrong = [each for each in self.seeds if not each.verified]
        if wrong:
            what = f"{len(wrong):,} of {count:,} seeds, {_numbers(wrong)}"
            rows.append(Row(("wrong", f"gradients, parameters or shapes of {what}"), "wrong"))
        else:
            rows.append(Row(("verified", f"gradients, parameters and shapes of {_all(count)}")))
        diverged = [each for each in self.seeds if each.final is None]
        if diverged:
            rows.append(Row(("diverged", f"{len(diverged):,} of {count:,} seeds"), "wrong"))
        if self.reach is not None:
            rows.append(Row(("reached", self._reached())))
        if self.interrupted:
            rows.append(Row(("interrupted", f"{count:,} of {self.config['seeds']} seeds"), "aside"))
        if self.trained:
            rows += self._answers()
        return [Block("ll", self.heading), self._table(), Block("ll", rows)]

    def _reached(self) -> str:
        from dlcalc.formulas.confidence import share_interval

        low, high = share_interval(self.reached, len(self.seeds))
        return (
            f"{self.reach:g} by {self.reached:,} of {len(self.seeds):,} seeds"
            f"   95 % interval {100 * low:.3g} to {100 * high:.3g} % (Wilson)"
        )

    def _answers(self) -> list[Row]:
        """The mean, and the interval before it if it says anything."""
        assert isinstance(self.value, float)
        count = len(self.trained)
        shown = f"{self._shown(self.value)}   mean of {count:,} seeds"
        if count == 1:
            shown = f"{self._shown(self.value)}   of one seed"
        elif min(self.trained) == max(self.trained):
            shown += ", all the same"
        answer = Row((self.metric, shown), "answer")
        if min(self.trained) == max(self.trained):
            return [answer]
        low, high = map(self._shown, self.interval)
        return [Row(("interval", f"{low} to {high}   95 %, by Student's t")), answer]

    def _table(self) -> Block:
        rows = [Row(("seed", "epochs", "loss", self.metric, ""), "aside")]
        for each in self.seeds:
            final = each.final
            remark = "" if each.verified else "wrong"
            if final is None:
                loss = metric = ""
                remark = "diverged"
            else:
                loss, metric = f"{final.loss:.4g}", self._shown(final.metric)
            if not remark and self.reach is not None and not each.reached:
                remark = "not reached"
            role = "wrong" if each.failure else "aside" if remark else ""
            rows.append(Row((f"{each.seed:,}", f"{each.epochs:,}", loss, metric, remark), role))
        return Block("rrrrl", rows)

    def document(self) -> dict[str, object]:
        """``config``, each of ``seeds``, and what they came to together."""
        from dlcalc.formulas.confidence import share_interval

        document: dict[str, object] = {
            "config": dict(self.config),
            "seeds": [self._of_seed(each) for each in self.seeds],
            self.metric: {
                "mean": self.value if self.trained else None,
                "interval": list(self.interval) if len(self.trained) > 1 else None,
                "confidence": 0.95,
                "method": "Student's t",
                "seeds": len(self.trained),
            },
        }
        if self.reach is not None:
            document["reached"] = {
                "reach": self.reach,
                "count": self.reached,
                "seeds": len(self.seeds),
                "interval": list(share_interval(self.reached, len(self.seeds))),
                "confidence": 0.95,
                "method": "Wilson's score",
            }
        if self.interrupted:
            document["interrupted"] = True
        return document

    def _of_seed(self, each: OfSeed) -> dict[str, object]:
        found: dict[str, object] = {"seed": each.seed, "epochs": each.epochs}
        if each.final is None:
            found["diverged"] = each.failure
        else:
            found |= {"loss": each.final.loss, self.metric: each.final.metric}
        found["verified"] = each.verified
        if self.reach is not None:
            found["reached"] = each.reached
        return found


def _all(count: int) -> str:
    return "the one seed" if count == 1 else f"all {count:,} seeds"


def _numbers(seeds: list[OfSeed]) -> str:
    shown = ", ".join(f"{each.seed:,}" for each in seeds[:10])
    return shown + (", ..." if len(seeds) > 10 else "")
