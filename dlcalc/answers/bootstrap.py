"""``dlcalc bootstrap``: what drawing with replacement leaves out, and estimators on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.verified import documented
from dlcalc.errors import InputError
from dlcalc.formulas.bootstrap import LEFT_OUT, MAX_EXACT, TAKEN, Drawing, estimate, short
from dlcalc.numbers import vector, whole
from dlcalc.result import Block, Finding, Result, Row, written

if TYPE_CHECKING:
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
    0.36769542477096406
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
    n = whole(count, "n", least=1)
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
        #: Whether as many are drawn as there are, one by one.
        self.own = all(d.draws == d.n and d.batch == 1 for d in drawings)
        self.notes = [
            f"{d.formula} is below the smallest float, 5e-324"
            for d in drawings
            if d.share == 0 and d.limit == 0
        ]

    def simulate(self, repeats: int) -> None:
        """Draw for real. Raises `InputError` if that is more than `MAX_DRAWN` numbers."""
        from dlcalc.answers.bootstrap_proof import drawn

        for each in self.drawings:
            if max(each.n, each.draws) * repeats > MAX_DRAWN:
                raise InputError(
                    f"--simulate {repeats:,} of n = {each.n:,} takes more than {MAX_DRAWN:,} draws",
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
        return [*blocks, self._one()] if len(self.drawings) == 1 else [*blocks, *self._table()]

    def _one(self) -> Block:
        """The numbers of a single n, each by its formula."""
        each = self.drawings[0]
        share, n = _shown(each.share), short(each.n)
        limit = f"exp(-{short(each.draws)}/{n}) = {_shown(each.limit)}"
        if each.draws == each.n:
            limit = f"1/e = {_shown(each.limit)}"
        away = f"{_shown(each.below)} higher, about {_shown(each.leading)}"
        if self.own:
            away = f"{_shown(each.below)} higher, about 1/(2*e*{n}) = {_shown(each.leading)}"
        spread = f"standard deviation {_long(each.variance**0.5)}"
        rows = [
            Row(("distinct", f"{n}*(1 - {share}) = {_long(each.distinct)}, {spread}")),
            Row(("in the bag", f"1 - {share} = {_shown(each.distinct / each.n)}")),
            Row(("limit", f"{limit}, {away}")),
            Row(("never drawn", f"{each.formula} = {share}"), "answer"),
        ]
        return Block("ll", rows)

    def _table(self) -> list[Block]:
        """The shares of several n, and in the last row where they go."""
        own = self.own
        titles = ("n", "m", "never drawn", "below exp(-m/n) by", "distinct", "sd")
        if own:
            titles = ("n", "(1 - 1/n)**n", "below 1/e by", "1/(2*e*n)", "distinct", "sd")
        rows = [Row(titles, "aside")]
        for each in self.drawings:
            cells = [short(each.n).rjust(len("limit")), short(each.draws), _shown(each.share)]
            cells += [_shown(each.below), _shown(each.leading)]
            del cells[1 if own else 4]
            rows.append(Row((*cells, _long(each.distinct), _long(each.variance**0.5))))
        if not own:
            return [Block("rrrrrr", rows)]
        limit = _shown(LEFT_OUT).rjust(len(titles[1]))
        label = "limit".rjust(max(len(row.cells[0]) for row in rows))
        said = "1/e: 36.8 % is never drawn, 63.2 % at least once"
        return [
            Block("rrrrrr", rows),
            Block("lll", [Row((label, limit, said), "answer")]),
        ]

    def _fraction(self, each: Drawing) -> str:
        exact = each.exact()
        return f"{exact.numerator}/{exact.denominator}"

    def _derivation(self) -> list[Block]:
        forms = [Row((f"  = {text}" if reason else text, reason)) for text, reason in DERIVATION]
        forms.append(Row(("  -> 1/(e*1) = 1/e", "(1 + 1/k)**k -> e, k = n - 1")))
        speed = [
            Row(("log(1 - 1/n) = -1/n - 1/(2*n**2) - 1/(3*n**3) - ...", "its series")),
            Row(("(1 - 1/n)**n = 1/e*(1 - 1/(2*n) - 5/(24*n**2) - ...)", "exp of n times it")),
        ]
        return [Block("ll", forms), Block("ll", speed)]

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
        document["verification"] = documented(findings)
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
        about = f"the distance is about 1/(2*e*n), so n is about 1/(2*e*{self.tolerance})"
        return [
            Block("rrr", rows),
            Block("l", [Row((about,), "aside")]),
            Block("ll", [finding.row for finding in self.findings]),
            Block("ll", [Row(("smallest n", f"{self.value}"), "answer")]),
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
        self.found = estimate(*given)
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
        chance, bounded = _number(self.given[2]), _number(min(self.given[1:]))
        rows = [Row((".632", plain))]
        if found.overfitting:
            overfit = f"({bounded} - {train})/({chance} - {train}) = {found.overfitting:.6g}"
            weight = f"0.632/(1 - 0.368*{found.overfitting:.6g}) = {found.weight:.6g}"
            plus = f"(1 - {found.weight:.6g})*{train} + {found.weight:.6g}*{out_of_bag}"
            if bounded != out_of_bag:
                plus = f"{found.plain:.6g} + ({found.weight:.6g} - 0.632)*({bounded} - {train})"
            rows += [
                Row(("overfitting", overfit)),
                Row(("weight", weight)),
                Row((".632+", f"{plus} = {found.plus:.6g}")),
            ]
        else:
            rows.append(Row(("overfitting", "0: out of the bag the error is no larger, or chance")))
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
    return f"{value:.7f}" if value >= 1e-4 else f"{value:.3e}" if value else "0"


def _long(value: float) -> str:
    return f"{value:,.3f}" if value < 1e5 else f"{value:.5g}"


def _number(value: float) -> str:
    return written(value).removesuffix(".0")
