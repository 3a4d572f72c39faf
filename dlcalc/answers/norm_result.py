"""A normalisation as an answer: which values share a mean, the statistics, the values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlcalc.answers.verified import VerifiedResult
from dlcalc.formulas.update import filled, shown
from dlcalc.result import Block, Row

if TYPE_CHECKING:
    from dlcalc.answers.norm_settings import Settings
    from dlcalc.answers.norm_work import Gradient, Running, Work

#: At most so many rows and columns are told of anything.
_ROWS, _COLUMNS = 12, 6


class NormResult(VerifiedResult):
    """Normalised data; with a gradient, that by the data. Its value is nested as the data is."""

    def __init__(
        self,
        sizes: tuple[int, ...],
        settings: Settings,
        works: list[Work],
        running: list[Running],
        gradient: Gradient | None,
    ) -> None:
        self.sizes, self.settings, self.works = sizes, settings, works
        self.running, self.gradient = running, gradient
        self.work = works[-1]
        values = self.work.output if gradient is None else gradient.by_data
        self.value: object = nested(values, sizes)

    def verify(self) -> None:
        """Normalise with NumPy and the engine as well, and go back."""
        from dlcalc.answers.norm_verify import findings

        self.findings = findings(self)

    def blocks(self) -> list[Block]:
        """The axes, the rule, the statistics, running ones, and the values last."""
        blocks = [Block("ll", self._heading()), self._statistics()]
        blocks += self._more(len(self.work.frame.labels))
        if self.running and (len(self.works) > 1 or self.settings.share != 0.1):
            blocks += self._running()
        elif self.running:
            blocks.append(Block("ll", self._running_rows()))
        blocks += self._remarks()
        if self.findings:
            blocks.append(Block("ll", self.verified()))
        if self.gradient is not None:
            return [*blocks, *self._values(self.work.output, ""), *self._gradient(self.gradient)]
        return [*blocks, *self._values(self.work.output, "answer")]

    def _heading(self) -> list[Row]:
        settings, frame = self.settings, self.work.frame
        rows = []
        if len(self.works) > 1:
            rows.append(Row(("batches", f"{len(self.works):,}; the last of them is told")))
        notes = " (R x L x N in the notes)" if frame.over == (0, 2, 3) else ""
        statistic = {"minmax": "range", "l2": "norm", "rms": "rms"}.get(settings.name, "mean")
        over = f"over {frame.counted}{notes}, for each of {frame.each}"
        if settings.given:
            over = f"as given, for each of {frame.each}"
        rows += [Row(("data", frame.shape)), Row((statistic, over))]
        if "var" in settings.method.statistics:
            rows.append(Row(("variance", f"sum((x - mean)**2)/n, eps {shown(settings.eps)}")))
        elif settings.name == "zscore" and not settings.given:
            divisor = "n - 1" if settings.ddof else "n"
            why = "; scikit-learn's StandardScaler has n" if settings.ddof else ""
            rows.append(Row(("std", f"sqrt(sum((x - mean)**2)/({divisor})){why}")))
        elif settings.method.eps is not None:
            rows.append(Row(("eps", shown(settings.eps))))
        rows.append(Row(("inverse" if settings.inverse else "rule", self._rule())))
        for name, values in (("gamma", settings.gamma), ("beta", settings.beta)):
            if name in settings.method.trains and len(set(values)) > 1:
                rows.append(Row((name, _listed(values))))
        return rows

    def _rule(self) -> str:
        """The formula, with scales and shifts where they are 1 and 0 left out."""
        settings = self.settings
        if settings.inverse:
            return {
                "zscore": "y*std + mean",
                "minmax": "(y - low)/(high - low)*(max - min) + min",
                "rms": "y/gamma*rms",
                "l2": "y*norm",
            }.get(settings.name, "(y - beta)/gamma*sqrt(var + eps) + mean")
        rule = settings.method.rule
        if settings.name == "minmax" and settings.ends != (0.0, 1.0):
            low, high = settings.ends
            return filled(f"low + (high - low)*{rule}", {"low": low, "high": high})
        scales, shifts = set(settings.gamma), set(settings.beta)
        if scales == {1.0}:
            rule = rule.replace("gamma*", "")
        elif len(scales) == 1:
            rule = rule.replace("gamma", shown(settings.gamma[0]))
        if shifts == {0.0}:
            rule = rule.replace(" + beta", "")
        elif len(shifts) == 1:
            rule = rule.replace("+ beta", f"+ {shown(settings.beta[0])}").replace("+ -", "- ")
        return rule

    def _statistics(self) -> Block:
        """The statistics of each group, and what it is divided by."""
        work, settings = self.work, self.settings
        names = settings.method.statistics
        divisor = {"var": "sqrt(var + eps)", "max": "max - min", "norm": "max(norm, eps)"}
        extra = divisor.get(names[-1], "")
        rows = [Row(("", *names, *((extra,) if extra else ())))]
        for index, label in enumerate(work.frame.labels[:_ROWS]):
            cells = [label, *(shown(work.statistics[name][index]) for name in names)]
            rows.append(Row((*cells, *((shown(work.divisor[index]),) if extra else ()))))
        return Block("l" + "r" * (len(rows[0].cells) - 1), rows)

    def _more(self, count: int) -> list[Block]:
        """A remark where rows were left out."""
        if count <= _ROWS:
            return []
        return [Block("l", [Row((f"... and {count - _ROWS:,} more; --json has all",), "aside")])]

    def _running_rows(self) -> list[Row]:
        """The running statistics behind one batch, of its first group."""
        row, share = self.running[0], self.settings.share
        numbers = {"m": share, "x": row.mean, "v": row.variance, "n": self.work.frame.cut.length}
        mean = filled("(1 - m)*0 + m*x", numbers)
        variance = filled("(1 - m)*1 + m*v*n/(n - 1)", numbers)
        return [
            Row(("running", f"from mean 0 and var 1, as in PyTorch; of {row.label}:"), "aside"),
            Row(("  mean", f"{mean} = {shown(row.running_mean)}"), "aside"),
            Row(("  var", f"{variance} = {shown(row.running_variance)}"), "aside"),
        ]

    def _running(self) -> list[Block]:
        """The running statistics batch by batch."""
        share = self.settings.share
        rule = filled("(1 - m)*running + m*batch", {"m": share})
        rows = [
            Row(("batch", "", "mean", "var over n", "over n - 1", "running mean", "running var"))
        ]
        for each in self.running[:_ROWS]:
            numbers = (
                each.mean,
                each.variance,
                each.unbiased,
                each.running_mean,
                each.running_variance,
            )
            rows.append(Row((str(each.batch), each.label, *map(shown, numbers))))
        said = f"{rule}, from 0 and 1; of the variance over n - 1, as in PyTorch"
        return [
            Block("ll", [Row(("running", said))]),
            Block("rlrrrrr", rows),
            *self._more(len(self.running)),
        ]

    def _remarks(self) -> list[Block]:
        """What is constant or alone, by name."""
        work, settings = self.work, self.settings
        rows = []
        for index in work.constant[:_ROWS]:
            label = work.frame.labels[index]
            if settings.method.statistics[0] in ("rms", "norm"):
                rows.append(Row(("all 0", f"{label}: its values stay 0"), "aside"))
                continue
            values = work.frame.cut.groups(work.values)[index]
            lone = len(values) == 1
            what = "has one value" if lone else f"is {shown(values[0])} throughout"
            kept = "only eps keeps 0/0 away" if settings.eps else "0/0 is taken for 0"
            rows.append(Row(("constant", f"{label} {what}: {kept}"), "aside"))
        if settings.name == "batch" and work.frame.cut.length == 1 and not settings.given:
            said = "none: one value has no variance over n - 1, and PyTorch refuses it in training"
            rows.append(Row(("running", said), "aside"))
        return [Block("ll", rows)] if rows else []

    def _values(self, values: Sequence[float], role: str) -> list[Block]:
        """The output: with its formula for a lone row of numbers, else as rows of the last axis."""
        name = "data" if self.settings.inverse else "normalised"
        if len(self.sizes) == 1:
            return [self._terms(values), Block("ll", [Row((name, _listed(values)), role)])]
        return _table(name, values, self.sizes, role)

    def _terms(self, values: Sequence[float]) -> Block:
        """Each value of a vector with its numbers in the formula."""
        work = self.work
        groups = work.frame.cut.groups([float(i) for i in range(len(values))])
        of = {int(place): index for index, group in enumerate(groups) for place in group}
        rows = []
        for place, value in enumerate(work.values[:_ROWS]):
            shift, divisor = work.shift[of[place]], work.divisor[of[place]]
            numbers = {"x": value, "s": shift, "d": divisor or 1.0}
            formula = "x*d + s" if self.settings.inverse else "(x - s)/d"
            if self.settings.method.statistics[0] in ("rms", "norm"):
                formula = "x*d" if self.settings.inverse else "x/d"
            normal = work.normal[place] if not self.settings.inverse else value
            told = filled(formula, numbers)
            if self.settings.inverse:
                told = filled(formula, {**numbers, "x": work.normal[place]})
                rows.append(Row((shown(value), f"{told} = {shown(values[place])}")))
                continue
            told += f" = {shown(normal)}"
            if values[place] != normal:
                told += f", scaled {shown(values[place])}"
            rows.append(Row((shown(value), told)))
        if len(values) > _ROWS:
            rows.append(Row(("...", f"{len(values) - _ROWS:,} more; -q prints all"), "aside"))
        return Block("rl", rows)

    def _gradient(self, gradient: Gradient) -> list[Block]:
        """The gradient by the data, with its formula, those of scale and shift before it."""
        settings = self.settings
        formula = settings.method.gradient.format(ddof=settings.ddof)
        if not settings.ddof:
            formula = formula.replace("(n - 0)", "n")
        if settings.given:
            formula = f"g/{'std' if settings.name == 'zscore' else 'divisor'}"
        scaled = "c, the cotangent" if set(settings.gamma) <= {1.0} else "c*gamma"
        if settings.name == "minmax" and settings.ends != (0.0, 1.0):
            scaled = "c*(high - low)"
        normal = ", and y is what gamma multiplies" if scaled == "c*gamma" else ""
        rows = [Row(("backward", formula)), Row(("", f"where g = {scaled}{normal}"))]
        rows.append(Row(("cotangent c", _listed(gradient.cotangent))))
        for name, values, formula in (
            ("gamma", gradient.by_gamma, "sum(c*y)"),
            ("beta", gradient.by_beta, "sum(c)"),
        ):
            if values:
                rows.append(Row((f"by {name}", f"{formula} = {_listed(values)}")))
        blocks = [Block("ll", rows)]
        if len(self.sizes) == 1:
            return [*blocks, Block("ll", [Row(("by x", _listed(gradient.by_data)), "answer")])]
        return [*blocks, *_table("by x", gradient.by_data, self.sizes, "answer")]

    def table(self) -> list[dict[str, object]]:
        """A record for each group of values that share statistics."""
        statistics, labels = self.work.statistics, self.work.frame.labels
        return [
            {"group": label, **{name: values[i] for name, values in statistics.items()}}
            for i, label in enumerate(labels)
        ]

    def document(self) -> dict[str, object]:
        """The method, the axes, the ``statistics`` by group, the ``output``, and what was asked."""
        work, settings, frame = self.work, self.settings, self.work.frame
        document: dict[str, object] = {
            "method": settings.name,
            "sizes": list(self.sizes),
            "over": frame.counted,
            "values_in_a_mean": frame.cut.length,
            "groups": list(frame.labels),
            "eps": settings.eps if settings.method.eps is not None else None,
            "statistics": work.statistics,
            "given": bool(settings.given),
            "divisor": work.divisor,
            "constant": [frame.labels[index] for index in work.constant],
            "inverse": settings.inverse,
            "output": _lists(work.output, self.sizes),
        }
        if settings.name == "zscore":
            document["ddof"] = settings.ddof
        for name in settings.method.trains:
            document[name] = getattr(settings, name)
        if self.running:
            document["running"] = [row._asdict() for row in self.running]
        if self.gradient is not None:
            document["gradient"] = {
                "x": _lists(self.gradient.by_data, self.sizes),
                "gamma": self.gradient.by_gamma or None,
                "beta": self.gradient.by_beta or None,
            }
        return document | self.verification()


def nested(values: Sequence[float], sizes: tuple[int, ...]) -> tuple[object, ...]:
    """Values in row-major order as tuples of tuples.

    >>> nested([1.0, 2.0, 3.0, 4.0], (2, 2))
    ((1.0, 2.0), (3.0, 4.0))
    """
    found: list[Any] = list(values)
    for size in reversed(sizes[1:]):
        found = [tuple(found[first : first + size]) for first in range(0, len(found), size)]
    return tuple(found)


def _lists(values: Sequence[float], sizes: tuple[int, ...]) -> list[object]:
    def listed(part: object) -> object:
        return [listed(each) for each in part] if isinstance(part, tuple) else part

    return [listed(part) for part in nested(values, sizes)]


def _listed(values: Sequence[float]) -> str:
    if len(values) <= _ROWS:
        return ",".join(map(shown, values))
    return f"{','.join(map(shown, values[:_COLUMNS]))},...,{shown(values[-1])}"


def _table(name: str, values: Sequence[float], sizes: tuple[int, ...], role: str) -> list[Block]:
    """Values as rows of the last axis, each with its place along the others, from 1."""
    width = sizes[-1]
    count = len(values) // width
    cells = min(width, _COLUMNS)
    rows = []
    for row in range(min(count, _ROWS)):
        shown_row = list(map(shown, values[row * width : row * width + cells]))
        more = ("...",) if width > cells else ()
        rows.append(Row((f"{name} {_place(row, sizes[:-1])}", *shown_row, *more), role))
    blocks = []
    if count > _ROWS:
        left_out = f"{name}: the first {_ROWS} of {count:,} rows; -q prints all"
        blocks.append(Block("l", [Row((left_out,), "aside")]))
    return [*blocks, Block("l" + "r" * (len(rows[0].cells) - 1), rows)]


def _place(row: int, sizes: tuple[int, ...]) -> str:
    found = []
    for size in reversed(sizes):
        row, index = divmod(row, size)
        found.append(str(index + 1))
    return ",".join(reversed(found))
