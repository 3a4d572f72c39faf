"""How softmax in four types is shown: tables that fit 80 columns, and everything in JSON."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite, isinf, isnan
from typing import TYPE_CHECKING

from dlcalc.answers.softmax import Cell, SoftmaxResult, worst
from dlcalc.answers.verified import documented
from dlcalc.formulas.ieee import FLOAT64, Format
from dlcalc.formulas.softmax import METHODS
from dlcalc.formulas.softmax_exact import LEAST
from dlcalc.result import Block, Row, written

if TYPE_CHECKING:
    from dlcalc.formulas.softmax_find import Breach

#: So many logits have a column each; more of them have a row each, in one type.
_COLUMNS = 3
# Digits by which numbers are shown beside others.
_DIGITS = 8
# A line is no wider.
_WIDTH = 80
# The logits as a type holds them are written out up to so many, a matrix of them up to fewer.
_WRITTEN, _MATRIX = 8, 5


def blocks(result: SoftmaxResult) -> list[Block]:
    """The tables, what was verified, the answer."""
    asked = result.question
    if asked.find:
        found = _found(result)
    elif asked.jacobian:
        found = _jacobian(result)
    elif asked.target is not None:
        found = _target(result)
    elif asked.dtype:
        found = [*_one_type(result), _limits(result), *_odd(result)]
    else:
        found = [*_methods(result), _limits(result), *_odd(result)]
    rows = [*_held(result), *(finding.row for finding in result.findings)]
    answer = _answer(result)
    return [*found, Block("ll", [*rows, answer])]


def _answer(result: SoftmaxResult) -> Row:
    asked = result.question
    if asked.target is not None:
        return Row(("cross-entropy", _short(float(result.cross_entropy))), "answer")
    if asked.find:
        return Row(("first", _first(result)), "answer")
    label = "softmax"
    if asked.dtype:
        label = f"{asked.method or 'shifted'} in {asked.dtype}"
    if asked.jacobian:
        return Row(("jacobian", written(_shortened(result.value))), "answer")
    return Row((label, written(_shortened(result.value))), "answer")


def _first(result: SoftmaxResult) -> str:
    """What breaks first, in words."""
    moves = [(each.move, each) for each in result.breaches if each.move is not None]
    if not moves:
        return "no method is broken by any number of its type"
    move, each = min(moves, key=lambda pair: pair[0].amount)
    if move.amount == 0:
        return f"{each.method} in {each.dtype} is broken as it is"
    return f"{each.method} in {each.dtype}, moved {move.way} by {_short(move.amount)}"


def _shortened(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_shortened, value))
    assert isinstance(value, float)
    return float(_short(value))


def _methods(result: SoftmaxResult) -> list[Block]:
    """Every method in every type: a word, the largest error, and the values if there is room."""
    few = len(result.logits) <= _COLUMNS
    tables = _alike([(_heading(m, result), _method_rows(m, result, few)) for m in result.methods])
    if few and any(_width_of(row) > _WIDTH for _, rows in tables for row in rows):
        few = False
        tables = _alike([(heading, _without_values(rows)) for heading, rows in tables])
    found = []
    for heading, rows in tables:
        found.append(Block("l", [Row((heading,))]))
        found.append(Block("ll" + "r" * (len(rows[0].cells) - 2), rows))
    if not few:
        said = "the errors are the largest of each; --dtype TYPE shows every value"
        found.append(Block("l", [Row((said,), "aside")]))
    return found


def _method_rows(method: str, result: SoftmaxResult, few: bool) -> list[Row]:
    rows = []
    for name, kind in result.types.items():
        cells = result.cells(method, kind)
        word, error = worst(cells)
        values = [_digits(cell.value, kind) for cell in cells] if few else []
        role = "" if word in ("exact", "rounded") else "wrong"
        rows.append(Row((f"  {name}", word, _ulps(error), *values), role))
    if few:
        right = [_decimal(value, _DIGITS) for value in result.exact.of(method)]
        rows.append(Row(("  exact", "", "", *right), "aside"))
    return rows


def _without_values(rows: list[Row]) -> list[Row]:
    return [row._replace(cells=row.cells[:3]) for row in rows[:-1]]


def _width_of(row: Row) -> int:
    """How wide a row of these tables is."""
    return sum(map(len, row.cells)) + 3 * len(row.cells) - 4


def _alike(tables: list[tuple[str, list[Row]]]) -> list[tuple[str, list[Row]]]:
    """The tables with columns of the same width, below one another."""
    every = [row.cells for _, rows in tables for row in rows]
    widths = [0] * max(map(len, every))
    for cells in every:
        for column, cell in enumerate(cells):
            widths[column] = max(widths[column], len(cell))

    def padded(cells: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=False))
        )

    return [
        (heading, [row._replace(cells=padded(row.cells)) for row in rows])
        for heading, rows in tables
    ]


def _heading(method: str, result: SoftmaxResult) -> str:
    formula = METHODS[method].replace("epsilon", f"{result.question.epsilon:g}")
    return f"{method}  {formula}"


def _one_type(result: SoftmaxResult) -> list[Block]:
    """Each value of a type beside the exact one."""
    (kind,) = result.types.values()
    rows = [Row(("", "z", "value", "exact", "error in ulp"), "aside")]
    for method in result.methods:
        for index, cell in enumerate(result.cells(method, kind)):
            own = _number(result.logits[index]) if method != "log-sum-exp" else ""
            right = "" if cell.exact is None else _decimal(cell.exact, result.question.digits)
            label = method if index == 0 else ""
            value = _digits(cell.value, kind, 17)
            role = "" if cell.word in ("exact", "rounded") else "wrong"
            said = f"rounded {_ulps(cell.error, '')}" if cell.word == "rounded" else cell.word
            rows.append(Row((label, own, value, right, said), role))
    return [Block("lrrll", rows)]


def _limits(result: SoftmaxResult) -> Block:
    """The limits of exp, and how much room there is to them."""
    titles = ("limits", "largest", "smallest", "room above", "below", "apart")
    rows = [Row(titles, "aside")]
    for name, kind in result.types.items():
        margin, (high, low) = result.margin(kind), kind.exp_limits()
        room = ["", "", ""] if margin is None else [_short(value, 6) for value in margin]
        # The digits to which these limits are usually known.
        shown = (_short(high, 15 if kind is FLOAT64 else 9), _short(low, 9))
        rows.append(Row((f"  {name}", *shown, *room)))
    return Block("lrrrrr", rows)


def _held(result: SoftmaxResult) -> list[Row]:
    """What the types make of the logits where they cannot hold them."""
    rows = []
    for name, kind in result.types.items():
        own = result.held(kind)
        changed = sum(a != b and not isnan(a) for a, b in zip(own, result.logits, strict=True))
        # float64 holds them all; that float32 rounds a decimal is no surprise.
        moved = [
            abs(a - b) > 1e-3 * max(1.0, abs(b))
            for a, b in zip(own, result.logits, strict=True)
            if isfinite(b)
        ]
        if not changed or not any(moved):
            continue
        if len(own) <= _WRITTEN:
            rows.append(Row((f"{name} holds", ",".join(_number(z) for z in own)), "aside"))
        else:
            rows.append(Row((f"{name} rounds", f"{changed:,} of {len(own):,} logits"), "aside"))
    return rows


def _odd(result: SoftmaxResult) -> list[Block]:
    """What infinite logits and nan come to, and where SciPy and PyTorch differ."""
    logits = result.logits
    said = []
    if any(map(isnan, logits)):
        said.append("A logit is nan, and so is everything that the sum takes part in.")
    elif (highest := max(logits)) == float("inf"):
        if logits.count(highest) == 1:
            limit = written(tuple(int(p) for p in result.exact.softmax))
            said.append(f"As the logit grows, softmax goes to {limit}; but inf - inf is nan,")
            said.append("and so SciPy and PyTorch answer nan.")
        else:
            said.append("Several logits are inf: softmax has no limit, SciPy and PyTorch say nan.")
        if any(isfinite(z) or z < 0 for z in logits):
            said.append("log_softmax differs: where a logit is not inf, SciPy subtracts inf and")
            said.append("says -inf; PyTorch, and this table, say nan everywhere.")
    elif highest == float("-inf"):
        said.append("All logits are -inf: there is nothing to share out, so SciPy and PyTorch")
        said.append("answer nan, with -inf as the log-sum-exp.")
    elif any(map(isinf, logits)):
        said.append("A logit of -inf is masked: its probability is exactly 0 and its logarithm")
        said.append("-inf, in SciPy and PyTorch too.")
    return [Block("l", [Row((line,)) for line in said])] if said else []


def _target(result: SoftmaxResult) -> list[Block]:
    """The cross-entropy of a class by three ways in each type, its gradient and perplexity."""
    asked = result.question
    assert asked.target is not None
    k = asked.target
    rows = [Row(("", "-log(naive[K])", "-log(shifted[K])", "log-sum-exp - z[K]"), "aside")]
    for name, kind in result.types.items():
        ways = [_digits(value, kind) for value in cross_entropies(result, kind)]
        rows.append(Row((f"  {name}", *ways)))
    rows.append(Row(("  exact", "", "", _decimal(result.cross_entropy, asked.digits)), "aside"))
    by = "" if asked.temperature == 1 else f"/{asked.temperature:g}"
    table = [Row(("z", "p", f"gradient (p - y){by}"), "aside")]
    for index, (z, p, g) in enumerate(
        zip(result.logits, result.exact.softmax, result.gradient, strict=True)
    ):
        mark = "  the target" if index == k else ""
        table.append(Row((_number(z), _decimal(p, _DIGITS), _decimal(g, _DIGITS) + mark)))
    perplexity = _decimal(result.perplexity, _DIGITS)
    return [
        Block("lrrr", rows),
        Block("rrl", table),
        Block("ll", [Row(("perplexity", f"{perplexity} = exp(cross-entropy)"))]),
    ]


def cross_entropies(result: SoftmaxResult, kind: Format) -> tuple[float, float, float]:
    """The cross-entropy of the target in a type by -log of two softmaxes, and by log-softmax."""
    k = result.question.target
    assert k is not None
    naive, shifted = (-kind.log(result.run(m, kind).values[k]) for m in ("naive", "shifted"))
    return naive, shifted, -result.run("log-softmax", kind).values[k]


def _jacobian(result: SoftmaxResult) -> list[Block]:
    """The matrix, and its formula."""
    by = "" if result.question.temperature == 1 else f"/{result.question.temperature:g}"
    said = f"dp[i]/dz[j] = p[i]*((i == j) - p[j]){by}; every row and column sums to 0"
    if len(result.logits) > _MATRIX:
        return [Block("l", [Row((said,))])]
    rows = [Row(("p", *("" for _ in result.logits)), "aside")]
    for p, row in zip(result.exact.softmax, result.jacobian, strict=True):
        rows.append(Row((_decimal(p, 5), *(_decimal(value, 5) for value in row))))
    return [Block("l", [Row((said,))]), Block("r" * (len(result.logits) + 1), rows)]


def _found(result: SoftmaxResult) -> list[Block]:
    """The smallest changes that break each method in each type."""
    rows = [Row(("", "", "each moved", "", "all moved", "", "multiplied"), "aside")]
    for each in result.breaches:
        label = each.method if each.dtype == next(iter(result.types)) else ""
        times = "never" if each.factor is None else _short(each.factor)
        if each.factor == 1:
            times = "as it is"
        rows.append(Row((label, each.dtype, *_breach(each.move), *_breach(each.shift), times)))
    said = (
        "The smallest number of the type by which logits are moved or multiplied until a",
        "value is nan or infinite, or a probability 0. Moved apart, the smallest goes",
        "down and the others up: the worst that moving each of them by so much can do.",
    )
    return [Block("l", [Row((line,)) for line in said]), Block("llrlrlr", rows)]


def _breach(found: Breach | None) -> tuple[str, str]:
    """A smallest move: by how much, and where to."""
    if found is None:
        return "never", ""
    return (_short(found.amount), found.way) if found.amount else ("as it is", "")


def document(result: SoftmaxResult) -> dict[str, object]:
    """Everything, the exact values as text of 50 digits, what is not finite as text."""
    asked, exact = result.question, result.exact
    found: dict[str, object] = {
        "logits": [_plain(z) for z in result.logits],
        "temperature": asked.temperature,
        "epsilon": asked.epsilon,
        "exact": {
            "softmax": [str(p) for p in exact.softmax],
            "log_softmax": [str(p) for p in exact.log_softmax],
            "log_sum_exp": None if exact.log_sum_exp is None else str(exact.log_sum_exp),
        },
        "types": {name: _type(result, kind) for name, kind in result.types.items()},
        "value": _plain(result.value),
    }
    if asked.target is not None:
        found |= {
            "target": asked.target,
            "cross_entropy": str(result.cross_entropy),
            "perplexity": str(result.perplexity),
            "gradient": [str(g) for g in result.gradient],
        }
    if asked.jacobian:
        found["jacobian"] = [[str(value) for value in row] for row in result.jacobian]
    if asked.find:
        found["breaks"] = [
            {
                "method": each.method,
                "type": each.dtype,
                "move": None if each.move is None else each.move._asdict(),
                "shift": None if each.shift is None else each.shift._asdict(),
                "factor": each.factor,
            }
            for each in result.breaches
        ]
    if result.findings:
        found["verification"] = documented(result.findings)
    return found


def _type(result: SoftmaxResult, kind: Format) -> dict[str, object]:
    high, low = kind.exp_limits()
    margin = result.margin(kind)
    found: dict[str, object] = {
        "held": [_plain(z) for z in result.held(kind)],
        "limits": {"largest": high, "smallest": low},
        "room": None if margin is None else margin._asdict(),
    }
    if result.question.target is not None:
        found["cross_entropy"] = [_plain(value) for value in cross_entropies(result, kind)]
    found["methods"] = {m: _method(result.cells(m, kind)) for m in result.methods}
    return found


def _method(cells: list[Cell]) -> dict[str, object]:
    word, error = worst(cells)
    return {
        "word": word,
        "ulp": _plain(error),
        "values": [
            {"value": _plain(c.value), "ulp": _plain(c.error), "word": c.word} for c in cells
        ],
    }


def _plain(value: object) -> object:
    """What JSON has no number for as text."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, float) and isfinite(value) else str(value)


def _digits(value: float, kind: Format, most: int = _DIGITS) -> str:
    """The fewest digits that tell a number from the others of its type, but not more than many."""
    for digits in range(1, most):
        text = f"{value:.{digits}g}"
        if isnan(value) or kind.rounded(float(text)) == value:
            return _number(float(text))
    return _short(value, most)


def _short(value: float, digits: int = _DIGITS) -> str:
    return f"{value:.{digits}g}"


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _decimal(value: Decimal, digits: int) -> str:
    """An exact value to so many digits."""
    if value.copy_abs() == LEAST:
        return f"{'-' if value < 0 else ''}1e-999999999999999999 or less"
    if value.is_infinite():
        return "inf" if value > 0 else "-inf"
    return f"{value:.{digits}g}" if value else "0"


def _ulps(error: float, unit: str = " ulp") -> str:
    if not isfinite(error):
        return ""
    if error == 0:
        return f"0{unit}"
    # Of a large error the power of ten says enough.
    return f"{error:.0e}{unit}" if error >= 1000 else f"{error:.3g}{unit}"
