"""``dlcalc bootstrap``: what drawing with replacement leaves out, and the estimators built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.errors import InputError
from dlcalc.formulas.bootstrap import LEFT_OUT, MAX_EXACT, TAKEN, Drawing, Estimate, estimate
from dlcalc.numbers import vector, whole
from dlcalc.result import Block, Finding, Result, Row, written

if TYPE_CHECKING:
    from decimal import Decimal

    from dlcalc.answers.bootstrap_proof import Sample

#: So many numbers are drawn at most by --simulate.
MAX_DRAWN = 1_000_000_000
MAX_COUNTS = 1_000

#: (1 - 1/n)**n to its limit: each line equals the one above it, for the reason behind it.
DERIVATION = (
    ("(1 - 1/n)**n", ""),
    ("((n - 1)/n)**n", "over one denominator"),
    ("1/(n/(n - 1))**n", "the reciprocal of the base"),
    ("1/(1 + 1/(n - 1))**n", "n is (n - 1) + 1"),
    ("1/((1 + 1/(n - 1))**(n - 1)*(1 + 1/(n - 1)))", "one factor set apart"),
)


def bootstrap(
    *counts: int | str,
    draws: int | str | None = None,
    batch: int | str | None = None,
    within: str | None = None,
    errors: str | None = None,
    simulate: int | str | None = None,
    seed: int = 0,
    derive: bool = False,
    exact: bool = False,
    verify: bool = False,
) -> Result:
    """The share of n examples that n draws with replacement never take, for each n.

    ``draws`` are made instead of n, in batches of distinct ones if ``batch`` is given.
    ``simulate`` repeats them as often. With ``within`` the smallest n so near to 1/e is
    looked for, with ``errors`` the .632 and .632+ estimates are made, and both take no
    n. Raises `InputError`.

    >>> bootstrap(1000).value
    0.36769542477096373
    >>> bootstrap(within="0.001").value
    185
    """
    if within is not None or errors is not None:
        if counts or (within is not None and errors is not None):
            name = "--within" if within is not None else "--errors"
            raise InputError(f"{name} asks a question of its own", mend="Leave the rest out.")
        unused = {"-m": draws, "--batch": batch, "--simulate": simulate, "--derive": derive}
        for name, value in {**unused, "--exact": exact}.items():
            if value:
                own = "--within" if within is not None else "--errors"
                raise InputError(f"{name} has no use with {own}")
        if within is not None:
            return _within(within, verify)
        return _estimate(str(errors), verify)
    if not counts:
        raise InputError("there is no n", mend="Give numbers of examples, as in 10 100 1000.")
    if len(counts) > MAX_COUNTS:
        raise InputError(f"more than {MAX_COUNTS:,} numbers")
    drawings = [_drawing(count, draws, batch) for count in counts]
    result = BootstrapResult(drawings, seed, derive=derive, exact=exact)
    if exact:
        for each in drawings:
            if max(each.n, each.draws) > MAX_EXACT:
                raise InputError(
                    f"--exact writes fractions of up to {MAX_EXACT:,} examples and draws, "
                    f"and n is {each.n:,}",
                    mend="Leave --exact out: the float is right to its last digits.",
                )
    if simulate is not None:
        result.simulate(whole(simulate, "--simulate", least=2))
    if verify:
        from dlcalc.answers.bootstrap_proof import verified

        result.findings = verified(result)
        result.failure = " ".join(filter(None, (f.failure for f in result.findings)))
    return result


def _drawing(count: int | str, draws: int | str | None, batch: int | str | None) -> Drawing:
    n = whole(count, "n")
    if n < 1:
        raise InputError("n must be at least 1: from no examples nothing can be drawn")
    m = n if draws is None else whole(draws, "-m")
    size = 1 if batch is None else whole(batch, "--batch", least=1)
    if size > n:
        raise InputError(f"a batch of {size:,} distinct examples cannot be drawn from {n:,}")
    if m > 10**6 * n:
        raise InputError(f"-m {m:,} is more than 1,000,000 draws for each example")
    return Drawing(n, m, size)


class BootstrapResult(Result):
    """The shares never drawn, one for each n; the value of one n is a number."""

    def __init__(
        self, drawings: list[Drawing], seed: int, *, derive: bool = False, exact: bool = False
    ) -> None:
        self.drawings = drawings
        self.seed = seed
        self.derive = derive
        self.exact = exact
        self.samples: list[Sample] = []
        self.findings: list[Finding] = []
        shares = tuple(drawing.share for drawing in drawings)
        self.value: object = shares[0] if len(shares) == 1 else shares
        self.notes = [
            f"(1 - 1/{d.n})**{d.draws} is below the smallest float, 5e-324"
            for d in drawings
            if d.share == 0 and d.n > 1 and d.batch == 1
        ]

    def simulate(self, repeats: int) -> None:
        """Draw for real. Raises `InputError` if that is more than `MAX_DRAWN` numbers."""
        from dlcalc.answers.bootstrap_proof import drawn

        for each in self.drawings:
            if max(each.n, each.draws) * repeats > MAX_DRAWN:
                raise InputError(
                    f"--simulate {repeats:,} of n = {each.n:,} takes more than "
                    f"{MAX_DRAWN:,} draws",
                    mend="The closed form needs none of them.",
                )
        self.samples = [drawn(each, repeats, self.seed) for each in self.drawings]

    def blocks(self) -> list[Block]:
        """A row for each n, and the limit."""
        blocks = self._derivation() if self.derive else []
        if self.exact:
            blocks.append(Block("l", [Row((self._fraction(d),)) for d in self.drawings]))
        if self.samples:
            blocks.append(self._simulated())
        if self.findings:
            blocks.append(Block("ll", [finding.row for finding in self.findings]))
        return [*blocks, *self._table()]

    def _table(self) -> list[Block]:
        """The shares, and in the last row where they go."""
        counts = [f"{d.n}" for d in self.drawings]
        own = all(d.draws == d.n and d.batch == 1 for d in self.drawings)
        formula = "(1 - 1/n)**n" if own else "never drawn"
        leading = "1/(2*e*n)" if own else "about"
        below = "below 1/e by" if own else "below exp(-m/n) by"
        titles = ["n", "m", formula, below, leading, "distinct", "+-"]
        rows = [Row(tuple(titles), "aside")]
        for count, each in zip(counts, self.drawings, strict=True):
            numbers = (each.share, each.below, each.leading)
            spread = each.variance**0.5
            cells = [f"{each.draws}", *map(_shown, numbers), _long(each.distinct), _long(spread)]
            rows.append(Row((count, *cells)))
        last = "limit"
        shares = {each.draws * self.drawings[0].n == self.drawings[0].draws * each.n for each in self.drawings}
        if not own and shares != {True}:
            # Each n has a limit of its own: there is no one row for it.
            rows[-1] = rows[-1]._replace(role="answer")
            return [Block("rrrrrrr", rows)]
        if own:
            rows = [Row((row.cells[0], *row.cells[2:]), row.role) for row in rows]
        limit = _shown(self.drawings[0].limit)
        width = max(len(last), *(len(row.cells[0]) for row in rows))
        skipped = 0 if own else max(len(row.cells[1]) for row in rows) + 3
        room = skipped + max(len(row.cells[1 if own else 2]) for row in rows)
        return [
            Block("r" * len(rows[0].cells), rows),
            Block("lll", [Row((last.rjust(width), limit.rjust(room), self._said()), "answer")]),
        ]

    def _said(self) -> str:
        """The limit in words."""
        first = self.drawings[0]
        if first.draws != first.n:
            out = first.limit
            return f"exp(-m/n): {out:.1%} of the data is never drawn".replace("%", " %")
        return "1/e: 36.8 % of the data is never drawn, 63.2 % at least once"

    def _fraction(self, each: Drawing) -> str:
        exact = each.exact()
        return f"{exact.numerator}/{exact.denominator}"

    def _derivation(self) -> list[Block]:
        rows = [
            Row((f"  = {text}" if reason else text, reason)) for text, reason in DERIVATION
        ]
        rows += [
            Row(("  -> 1/(e*1) = 1/e", "(1 + 1/k)**k -> e and 1 + 1/k -> 1, with k = n - 1")),
            Row(("log(1 - 1/n) = -1/n - 1/(2*n**2) - 1/(3*n**3) - ...", "the series of log")),
            Row(("  so (1 - 1/n)**n = 1/e*(1 - 1/(2*n) - 5/(24*n**2) - ...)", "times n, exp")),
        ]
        return [Block("ll", rows[: len(DERIVATION) + 1]), Block("ll", rows[len(DERIVATION) + 1 :])]

    def _simulated(self) -> Block:
        repeats = self.samples[0].repeats
        titles = ("n", "simulated", "95 % interval", "exact")
        rows = [Row(titles, "aside")]
        for drawing, sample in zip(self.drawings, self.samples, strict=True):
            low, high = sample.interval
            shown = f"{low:.7f} to {high:.7f}"
            rows.append(Row((f"{drawing.n}", f"{sample.mean:.7f}", shown, _shown(drawing.share))))
        rows.append(Row(("", f"{repeats:,} times", f"seed {self.seed}", ""), "aside"))
        return Block("rrrr", rows)

    def document(self) -> dict[str, object]:
        """``rows`` with a share each, ``limit``, and what else was asked for."""
        rows = []
        for index, each in enumerate(self.drawings):
            row: dict[str, object] = {"n": each.n, "draws": each.draws}
            if each.batch > 1:
                row["batch"] = each.batch
            row |= {"share": each.share, "limit": each.limit, "below": each.below}
            row |= {"leading": each.leading, "distinct": each.distinct, "variance": each.variance}
            if self.exact:
                row["exact"] = self._fraction(each)
            if self.samples:
                row["simulated"] = self.samples[index].document()
            rows.append(row)
        document: dict[str, object] = {"rows": rows, "limit": LEFT_OUT, "in_bag": TAKEN}
        if self.derive:
            document["derivation"] = [text for text, _ in DERIVATION] + ["1/e"]
        if self.samples:
            document["seed"] = self.seed
        return _with_findings(document, self.findings)


def _with_findings(document: dict[str, object], findings: list[Finding]) -> dict[str, object]:
    if findings:
        document["verification"] = {
            "passed": all(f.passed for f in findings if f.counts),
            **{f.name: {"passed": f.passed, **f.document} for f in findings},
        }
    return document


def _within(text: str, verify: bool) -> Result:
    from decimal import Decimal, InvalidOperation

    from dlcalc.formulas.bootstrap import smallest_within

    try:
        tolerance = Decimal(text.strip())
    except InvalidOperation:
        raise InputError(f"--within must be a number, not {text[:40]}") from None
    if not tolerance.is_finite() or not Decimal("1e-30") <= tolerance:
        raise InputError("--within must be at least 1e-30")
    result = WithinResult(str(tolerance), smallest_within(tolerance))
    if verify:
        from dlcalc.answers.bootstrap_proof import smallest

        result.findings = [smallest(result)]
        result.failure = result.findings[0].failure
    return result


class WithinResult(Result):
    """The smallest n whose share is so near to 1/e. Its value is that n."""

    def __init__(self, tolerance: str, n: int) -> None:
        self.tolerance = tolerance
        self.value: int = n
        self.findings: list[Finding] = []

    def blocks(self) -> list[Block]:
        """The n before it, and it."""
        titles = ("n", "(1 - 1/n)**n", "below 1/e by")
        rows = [Row(titles, "aside")]
        for n in (self.value - 1, self.value):
            if n:
                each = Drawing(n, n)
                rows.append(Row((f"{n}", f"{each.share:.10f}", f"{each.below:.9g}")))
        about = f"as {self.tolerance} is about 1/(2*e*n), n is about 1/(2*e*{self.tolerance})"
        return [
            Block("rrr", rows),
            Block("l", [Row((about,), "aside")]),
            Block("ll", [finding.row for finding in self.findings]),
            Block("ll", [Row(("smallest n", f"{self.value}   within {self.tolerance} of 1/e"), "answer")]),
        ]

    def document(self) -> dict[str, object]:
        """``within`` and the smallest ``n``."""
        each = Drawing(self.value, self.value)
        document = {"within": self.tolerance, "n": self.value, "below": each.below}
        return _with_findings(document, self.findings)


def _estimate(text: str, verify: bool) -> Result:
    given = vector(text, "--errors")
    if len(given) not in (2, 3):
        raise InputError(
            f"--errors takes two or three numbers, not {len(given)}",
            mend="Give training error, out-of-bag error, and perhaps that without information.",
        )
    for value in given:
        if not 0 <= value < float("inf"):
            raise InputError(f"--errors: {value:g} is not an error, which is at least 0")
    result = EstimateResult(given)
    if verify:
        from dlcalc.answers.bootstrap_proof import estimated

        result.findings = [estimated(result)]
        result.failure = result.findings[0].failure
    return result


class EstimateResult(Result):
    """The .632 estimate, or the .632+ one if the error without information is known."""

    def __init__(self, given: list[float]) -> None:
        self.given = given
        self.found: Estimate = estimate(*given)
        self.value: float = self.found.plain if self.found.plus is None else self.found.plus
        self.findings: list[Finding] = []

    def blocks(self) -> list[Block]:
        """Each formula with the numbers in it."""
        train, out_of_bag = map(_number, self.given[:2])
        found = self.found
        plain = f"0.368*{train} + 0.632*{out_of_bag} = {found.plain:.6g}"
        checks = [finding.row for finding in self.findings]
        if found.plus is None:
            return [
                Block("ll", [Row((".632", plain)), *checks]),
                Block("ll", [Row((".632 estimate", f"{found.plain:.6g}"), "answer")]),
            ]
        chance = _number(self.given[2])
        bounded = _number(min(self.given[1:]))
        rows = [Row((".632", plain))]
        if found.overfitting:
            overfit = f"({bounded} - {train})/({chance} - {train}) = {found.overfitting:.6g}"
            weight = f"0.632/(1 - 0.368*{found.overfitting:.6g}) = {found.weight:.6g}"
            plus = f"(1 - {found.weight:.6g})*{train} + {found.weight:.6g}*{bounded}"
            rows += [
                Row(("overfitting", overfit)),
                Row(("weight", weight)),
                Row((".632+", f"{plus} = {found.plus:.6g}")),
            ]
        else:
            why = "the out-of-bag error is not above that of training: it is the .632 estimate"
            rows.append(Row(("overfitting", f"0   {why}")))
        return [
            Block("ll", [*rows, *checks]),
            Block("ll", [Row((".632+ estimate", f"{found.plus:.6g}"), "answer")]),
        ]

    def document(self) -> dict[str, object]:
        """The errors given, and the estimates."""
        names = ("train", "out_of_bag", "no_information")
        document: dict[str, object] = dict(zip(names, self.given, strict=False))
        document[".632"] = self.found.plain
        if self.found.plus is not None:
            document |= {"overfitting": self.found.overfitting, "weight": self.found.weight}
            document[".632+"] = self.found.plus
        return _with_findings(document, self.findings)


def _shown(value: float) -> str:
    """Seven decimals, or four digits of what has none of them."""
    return f"{value:.7f}" if value >= 1e-4 or value == 0 else f"{value:.3e}"


def _long(value: float) -> str:
    return f"{value:,.3f}" if value < 1e5 else f"{value:.5g}"


def _number(value: float) -> str:
    return written(value).removesuffix(".0")
