"""Derivatives of expressions in numbers: derived, verified, and told step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dlcalc.answers.grad_result import Answer, Comparison, GradResult, Step
from dlcalc.answers.verified import apart
from dlcalc.errors import ClaimError, InputError, abridged, nearest
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Expr, Name, Subscript, variables, written
from dlcalc.result import Finding, Row
from dlcalc.symbolic.scalar.derive import Link
from dlcalc.symbolic.scalar.kinks import Kink, Piece, kinks, on, pieces, wrong_piece
from dlcalc.symbolic.scalar.orders import Entry, Orders
from dlcalc.symbolic.scalar.point import at as value_at
from dlcalc.symbolic.scalar.point import read_point, shown

if TYPE_CHECKING:
    from dlcalc.symbolic.scalar.equal import Equality

#: Higher derivatives grow without end.
MOST_ORDERS = 12
#: More derivatives are not written out.
MOST_ENTRIES = 400
_ORDINALS = ("", "first", "second", "third")


def grad_scalar(
    exprs: Sequence[Expr],
    wrt: Sequence[str],
    *,
    at: str = "",
    order: int = 1,
    hessian: bool = False,
    jacobian: bool = False,
    at_kink: str = "",
    view: str = "",
    code: str = "",
    latex: bool = False,
    verify: bool = False,
    steps: bool = True,
) -> GradResult:
    """The derivatives of expressions in numbers; see `dlcalc.answers.grad.grad`.

    >>> from dlcalc.expr.parse import parse
    >>> grad_scalar([parse("x^3")], ["x"], order=2).value
    '6*x'
    """
    if view in ("matrix", "index"):
        rule = f"--view {view} shows vectors and matrices, and these are numbers"
        raise InputError(rule, mend="Give the letters shapes, as in --shape X=nxd,w=d.")
    names = list(dict.fromkeys(name for expr in exprs for name in variables(expr)))
    by = list(dict.fromkeys(_variable(text) for text in wrt)) or names
    if not by:
        raise InputError("there is no variable to derive by", mend="Name one with --wrt.")
    order = _order(exprs, by, order, hessian)
    if len(exprs) * len(by) ** (2 if hessian else 1) > MOST_ENTRIES:
        raise InputError(f"there are more than {MOST_ENTRIES} derivatives")
    point = read_point(at, list(dict.fromkeys([*names, *by]))) if at else None
    try:
        found = Orders(exprs, by, order, mixed=hessian, share=at_kink)
        shape = _arrangement(len(exprs), len(by), hessian) if hessian or jacobian else []
        result = _result(found, exprs, point, at_kink, [*_notes(names, by, wrt)], steps, shape)
        result.views, result.shown = _views(found, names, by, view, code, latex)
        if verify:
            from dlcalc.answers.grad_verify import verified

            told = list(verified(exprs, found))
            result.add([part for part in told if not isinstance(part, str)])
            result.notes = [*result.notes, *[part for part in told if isinstance(part, str)]]
        return result
    except RecursionError:
        raise InputError("the expression is nested too deep to be derived") from None


def _result(
    found: Orders,
    exprs: Sequence[Expr],
    point: Mapping[str, float] | None,
    share: str,
    notes: list[str],
    steps: bool,
    arrangement: list[list[int]],
) -> GradResult:
    entries = found.levels[-1]
    told = kinks([entry for level in found.levels for entry in level], share)
    parts = pieces(entries[0]) if len(entries) == 1 else []
    question: dict[str, object] = {
        "expressions": [written(expr) for expr in exprs],
        "wrt": list(dict.fromkeys(entry.path[-1] for entry in entries)),
        "order": len(found.levels),
    }
    if point is not None:
        question["at"] = point
    if told:
        question["kinks"] = [kink.document() for kink in told]
    if parts:
        question["pieces"] = {part.condition: written(part.expr) for part in parts}
    values: list[float | None] = [None] * len(entries)
    gaps = [e.verdict.gap for level in found.levels for e in level if e.verdict.gap]
    remarks = list(_remarks(told, parts, gaps, point))
    if point is not None:
        for expr, root in zip(exprs, found.roots, strict=True):
            remarks.append(Row(("", f"{root} = {value_at(expr, point)!r}")))
        values = [value_at(entry.expr, point, entry.symbol) for entry in entries]
    return GradResult(
        question,
        [
            Answer(entry.symbol, written(entry.expr), value=value)
            for entry, value in zip(entries, values, strict=True)
        ],
        list(_steps(found)),
        list(_findings(found, parts)),
        definitions=[(name, written(expr)) for name, expr in found.parts.definitions],
        remarks=remarks,
        show_steps=steps,
        compare=partial(compared, entries),
        arrangement=arrangement,
        notes=notes,
    )


def _arrangement(rows: int, columns: int, hessian: bool) -> list[list[int]]:
    """The numbers of derivatives in a Jacobian, or in a Hessian whose lower half is not told."""
    if not hessian:
        return [[row * columns + column for column in range(columns)] for row in range(rows)]
    first = [sum(range(columns - row + 1, columns + 1)) for row in range(columns)]
    return [[first[min(i, j)] + abs(i - j) for j in range(columns)] for i in range(columns)]


def _views(
    found: Orders, names: Sequence[str], by: Sequence[str], view: str, code: str, latex: bool
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The answers in other forms, and the names of those that were asked for."""
    views: dict[str, str] = {}
    entries = found.levels[-1]
    if view in ("code", "all") or code:
        from dlcalc.symbolic.scalar.code import code as code_of

        letters = list(dict.fromkeys([*names, *by]))
        views["code"] = code_of([entry.expr for entry in entries], letters, code or "numpy")
    if latex or view == "all":
        from dlcalc.expr.latex import latex as latex_of

        views["latex"] = "\n".join(latex_of(entry.expr) for entry in entries)
    return views, tuple(views)


def compared(ours: Sequence[Entry], expected: str) -> Comparison:
    """Whether a claim is what was derived; several derivatives are parted by semicolons.

    Raises `ClaimError` if the claim cannot be read, or that cannot be told.
    """
    from dlcalc.symbolic.scalar.equal import equality

    claims = [part for part in expected.replace("\n", ";").split(";") if part.strip()]
    if len(claims) != len(ours):
        are = "is 1 derivative" if len(ours) == 1 else f"are {len(ours)} derivatives"
        raise ClaimError(f"--expect gives {len(claims)}, and there {are}.")
    sentences: list[str] = []
    for entry, text in zip(ours, claims, strict=True):
        try:
            claim = parse(text.strip())
            found = equality(entry.expr, claim, entry.of)
        except InputError as error:
            raise ClaimError(f"--expect: {error.rule}.") from None
        shown_claim = abridged(written(claim))
        if found.equal is None:
            raise ClaimError(
                f"whether it is {shown_claim} cannot be told: no point is in both domains."
            )
        if not found.equal:
            where = f"at {shown(found.point)} " if found.point else ""
            sentence = (
                f"expected {shown_claim}, which {where}is {found.theirs:.9g}, "
                f"but the derivative is {found.ours:.9g} there."
            )
            return Comparison(False, sentence)
        sentences.append(_decided(found))
    return Comparison(True, "; ".join(dict.fromkeys(sentences)))


def _decided(found: Equality) -> str:
    if found.method.startswith("symbolically"):
        return f"the same, decided {found.method}"
    return (
        f"the same at {found.points} random points, not decided symbolically; "
        f"largest relative difference {found.largest:.1g}"
    )


def _variable(text: str) -> str:
    """A variable to derive by, as expressions write it."""
    found = parse(text)
    if isinstance(found, Name | Subscript) and found != Name("pi"):
        return written(found)
    what = "pi is a constant" if found == Name("pi") else f"{written(found)} is no variable"
    raise InputError(f"--wrt: {what}", place=found.place, mend="Name one, as in --wrt w.")


def _order(exprs: Sequence[Expr], by: Sequence[str], order: int, hessian: bool) -> int:
    if hessian:
        if order not in (1, 2):
            raise InputError("a Hessian holds second derivatives, so --order has no use")
        if len(exprs) > 1:
            raise InputError("a Hessian is of one expression")
        return 2
    if not 1 <= order <= MOST_ORDERS:
        raise InputError(f"--order is a whole number from 1 to {MOST_ORDERS}")
    if order > 1 and len(by) > 1:
        raise InputError(
            f"--order {order} is of one variable, and there are {', '.join(by)}",
            mend="Name one with --wrt, or ask for all second derivatives with --hessian.",
        )
    return order


def _notes(names: Sequence[str], by: Sequence[str], wrt: Sequence[str]) -> Iterator[str]:
    for name in by:
        if name not in names:
            close = nearest(name, names)
            meant = f"; did you mean {close}?" if close else ""
            yield f"{name} does not occur in the expression, so its derivative is 0{meant}"
    if "e" in names and "e" not in wrt:
        yield "e is a variable here; the exponential function is exp(x)"


def _steps(found: Orders) -> Iterator[Step]:
    """The steps of all derivatives, each symbol told once."""
    seen: set[str] = set()
    for number, level in enumerate(found.levels):
        for entry in level:
            if number and entry.root not in seen:
                seen.add(entry.root)
                before = next(e for e in found.levels[number - 1] if e.path == entry.path[:-1])
                which = _ORDINALS[number] if number < len(_ORDINALS) else f"{number}-th"
                yield Step(entry.root, f"the {which} derivative", before.symbol)
            yield from _linked(entry.links, entry.verdict.residuals, seen)
            assembled = written(entry.derivation.assembled(entry.root))
            if entry.links[0].expr is not None and assembled != written(entry.expr):
                symbol = f"d{entry.root}/d{entry.path[-1]}"
                yield Step(symbol, "multiplied", assembled)


def _linked(
    links: Sequence[Link], residuals: Mapping[str, float], seen: set[str]
) -> Iterator[Step]:
    for link in links:
        parts = tuple(_linked(link.parts, residuals, seen))
        if link.symbol not in seen:
            seen.add(link.symbol)
            residual = residuals.get(link.symbol)
            yield Step(link.symbol, link.rule, link.text, residual=residual, parts=parts)
        else:
            yield from parts


def _findings(found: Orders, parts: Sequence[Piece]) -> Iterator[Finding]:
    """What verified all steps and the printed derivatives; or the first that is wrong."""
    entries = [entry for level in found.levels for entry in level]
    for entry in entries:
        if entry.verdict.wrong:
            method = {"method": entry.verdict.method}
            yield Finding(entry.verdict.wrong, False, entry.verdict.sentence, method)
            return
    if parts and (wrong := wrong_piece(entries[-1], parts)):
        yield Finding("the pieces", False, wrong)
        return
    methods = sorted({entry.verdict.method for entry in entries}, reverse=True)
    points = min(entry.verdict.points for entry in entries)
    largest = max(entry.verdict.largest for entry in entries)
    sentence = (
        f"{' and '.join(methods)} at {points} random point{'s' * (points != 1)}, "
        f"{apart(largest, 1.0, 'relative error')}"
    )
    document = {"method": " and ".join(methods), "points": points, "residual": largest}
    yield Finding("the derivative", True, sentence, document)


def _remarks(
    told: Sequence[Kink],
    parts: Sequence[Piece],
    gaps: Sequence[str],
    point: Mapping[str, float] | None,
) -> Iterator[Row]:
    """What is to be known about an answer: its kinks, its pieces, the point.

    Raises `InputError` if the point lies where something jumps.
    """
    for kink in told:
        here = point is not None and on(kink.zero, point)
        if point is not None and here and kink.jump:
            rule = f"{kink.function} jumps at {shown(point)}, so there is no derivative"
            raise InputError(rule, place=kink.place)
        yield Row(("jump" if kink.jump else "kink", kink.sentence(here)), "aside")
    for number, part in enumerate(parts):
        where = "" if number else "where"
        yield Row((where, f"{part.condition}: {written(part.expr)}"), "aside")
    for gap in dict.fromkeys(gaps):
        yield Row(("left out", f"a point where {gap}"), "aside")
    if point is not None:
        yield Row(("at", shown(point)))
