"""Forms as people write them: quotients for negative powers, and the shortest of a few shapes."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import reduce

from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Subscript
from dlcalc.symbolic.scalar.form import Algebra, Form, coefficients

#: Sums with more terms, and forms with more nodes, stay as they are.
_MOST_TERMS = 24
_MOST_NODES = 600
#: A power of a sum is multiplied out up to this exponent.
_MOST_POWER = 3


def expression(form: Form) -> Expr:
    """A form as an expression.

    >>> from dlcalc.expr.parse import parse
    >>> str(expression(Algebra().read(parse("-x^-1*y*0.5 + b"))))
    'b - y/(2*x)'
    """
    if form.kind == "number":
        return _number(form.value)  # type: ignore[arg-type]
    if form.kind == "symbol":
        return _symbol(str(form.value))
    if form.kind == "call":
        return Call(str(form.value), tuple([expression(part) for part in form.parts]))
    if form.kind == "sum" and len(form.parts) > 1:
        return _sum(form)
    if form.kind == "sum":
        return _product(coefficients(form)[0], form.parts[0])
    return _product(Fraction(1), form)


def _number(value: Fraction) -> Expr:
    if not _ends(value.denominator):
        over, under = Fraction(value.numerator), Fraction(value.denominator)
        return Binary("/", _number(over), Number(under))
    return Number(value) if value >= 0 else Negative(Number(-value))


def _symbol(name: str) -> Expr:
    base, bracket, rest = name.partition("[")
    if not bracket or "/" in name:
        return Name(name)
    parts = rest.removesuffix("]").split(",")
    return Subscript(Name(base), tuple(int(part) if part.isdigit() else part for part in parts))


def _sum(form: Form) -> Expr:
    terms = list(zip(coefficients(form), form.parts, strict=True))
    # 1 - x, not -x + 1.
    first = next((i for i, (coefficient, _) in enumerate(terms) if coefficient > 0), 0)
    terms.insert(0, terms.pop(first))
    coefficient, core = terms[0]
    found = _product(coefficient, core)
    for coefficient, core in terms[1:]:
        sign = "+" if coefficient > 0 else "-"
        found = Binary(sign, found, _product(abs(coefficient), core))
    return found


def _product(coefficient: Fraction, core: Form) -> Expr:
    """A coefficient times powers, those with negative exponents below the line."""
    above: list[tuple[int, Expr]] = []
    below: list[tuple[int, Expr]] = []
    for part in core.parts if core.kind == "product" else (core,):
        if part.number is not None:
            coefficient *= part.number
            continue
        base, exponent = part.parts if part.kind == "power" else (part, None)
        value = None if exponent is None else exponent.number
        # Numbers first, then letters, then what was made of them.
        rank = {"number": 0, "symbol": 1}.get(base.kind, 2)
        if value is not None and value < 0:
            below.append((rank, _power(base, -value)))
        elif exponent is None or value is not None:
            above.append((rank, _power(base, Fraction(1) if value is None else value)))
        else:
            above.append((2, Binary("**", expression(base), expression(exponent))))
    number = abs(coefficient)
    over, under = number.numerator, number.denominator
    # 3*x/4, but 5.5*x and 0.1*x.
    if _ends(under) and not (over < 10 and under in (2, 4)) and not (over == 1 and under % 5):
        over, under = number, 1  # type: ignore[assignment]
    numerators = [part for _, part in sorted(above, key=lambda pair: pair[0])]
    denominators = [part for _, part in sorted(below, key=lambda pair: pair[0])]
    if over != 1 or not numerators:
        numerators.insert(0, Number(Fraction(over)))
    if under != 1:
        denominators.insert(0, Number(Fraction(under)))
    if coefficient < 0:
        numerators[0] = Negative(numerators[0])
    found = _multiplied(numerators)
    return Binary("/", found, _multiplied(denominators)) if denominators else found


def _ends(denominator: int) -> bool:
    """Whether a fraction of this denominator is a decimal of few digits."""
    return 10**17 % denominator == 0


def _multiplied(factors: Iterable[Expr]) -> Expr:
    return reduce(lambda left, right: Binary("*", left, right), factors)


def _power(base: Form, exponent: Fraction) -> Expr:
    inner = expression(base)
    if exponent == 1:
        return inner
    if exponent == Fraction(1, 2):
        return Call("sqrt", (inner,))
    return Binary("**", inner, Number(exponent))


class Tidy:
    """Forms into the shortest of a few shapes: as they are, multiplied out, or gathered."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self._memo: dict[Form, Form] = {}

    def __call__(self, form: Form) -> Form:
        """The form itself, or a shorter one that is equal to it."""
        found = self._memo.get(form)
        if found is None:
            parts = [self(part) for part in form.parts]
            found = self.algebra.rebuilt(form, parts) if form.parts else form
            if found.kind == "sum" and 1 < len(found.parts) <= _MOST_TERMS:
                found = self._shortest(found)
                # What came before brackets may have left something to be done in them.
                found = self.algebra.rebuilt(found, [self(part) for part in found.parts])
            self._memo[form] = found
        return found

    def _shortest(self, form: Form) -> Form:
        if form.size > _MOST_NODES:
            return form
        shapes = [form, self._gathered(form)]
        expanded = self.expanded(form)
        if expanded is not form:
            # Of equals a polynomial is multiplied out, anything else is not.
            place = 0 if _is_polynomial(form) else 2
            shapes[place:place] = [expanded, self._gathered(expanded)]
        return min(shapes, key=weight)

    def expanded(self, form: Form) -> Form:
        """A sum whose products of sums are multiplied out, if that gives few terms."""
        algebra, found = self.algebra, []
        for term in algebra.terms(form):
            found += self._multiplied_out(term)
            if len(found) > 4 * _MOST_TERMS:
                return form
        return algebra.sum(found)

    def _multiplied_out(self, term: Form) -> list[Form]:
        algebra = self.algebra
        coefficient, core = algebra.parted(term)
        found = [algebra.number(coefficient)]
        for part in core.parts if core.kind == "product" else (core,):
            base, exponent = algebra.powered(part)
            power = exponent.number
            whole = power is not None and power.denominator == 1 and 0 < power <= _MOST_POWER
            if base.kind != "sum" or not whole or len(found) * len(base.parts) > 4 * _MOST_TERMS:
                found = [algebra.product([left, part]) for left in found]
                continue
            for _ in range(int(power or 0)):
                found = [algebra.product([a, b]) for a in found for b in algebra.terms(base)]
        return found

    def _gathered(self, form: Form) -> Form:
        """A sum with common factors before brackets, as long as that makes it shorter."""
        best = form
        for _ in range(_MOST_TERMS):
            found = self._gathered_once(best)
            if found is best:
                break
            best = found
        return best

    def _gathered_once(self, form: Form) -> Form:
        if form.kind != "sum" or not 1 < len(form.parts) <= _MOST_TERMS:
            return form
        algebra, terms = self.algebra, self.algebra.terms(form)
        powers = [self._powers(term) for term in terms]
        tried = set()
        for base in {base: None for row in powers for base in row}:
            group = [i for i, row in enumerate(powers) if base in row]
            below = any(powers[i][base] < 0 for i in group)
            if len(group) < 2 or (base.kind == "symbol" and not below) or tuple(group) in tried:
                continue
            tried.add(tuple(group))
            common = algebra.product(
                [
                    algebra.power(shared, algebra.number(min(powers[i][shared] for i in group)))
                    for shared in powers[group[0]]
                    if all(shared in powers[i] for i in group)
                ]
            )
            inverse = algebra.power(common, algebra.number(-1))
            plain = algebra.sum([algebra.product([terms[i], inverse]) for i in group])
            inner = min([plain, self.expanded(plain)], key=weight)
            rest = [term for i, term in enumerate(terms) if i not in group]
            found = algebra.sum([algebra.product([common, inner]), *rest])
            if weight(found) < weight(form):
                return found
        return form

    def _powers(self, term: Form) -> dict[Form, Fraction]:
        """The bases of a term with their exponents, where these are numbers."""
        core = self.algebra.parted(term)[1]
        found = {}
        for part in core.parts if core.kind == "product" else (core,):
            base, exponent = self.algebra.powered(part)
            if exponent.number is None:
                found[part] = Fraction(1)
            elif base.number is None:
                found[base] = exponent.number
        return found


def _is_polynomial(form: Form) -> bool:
    if form.kind == "power":
        exponent = form.parts[1].number
        return exponent is not None and exponent > 0 and _is_polynomial(form.parts[0])
    return form.kind != "call" and all(map(_is_polynomial, form.parts))


def weight(form: Form) -> int:
    """How much there is to read in a form: its numbers, letters, functions and exponents."""
    if form.kind == "power":
        exponent = form.parts[1].number
        plain = exponent in (-1, Fraction(1, 2)) or exponent is None
        return weight(form.parts[0]) + (weight(form.parts[1]) if exponent is None else not plain)
    inner = sum(map(weight, form.parts))
    if form.kind == "sum":
        return inner + sum(abs(coefficient) != 1 for coefficient in coefficients(form))
    return inner if form.kind == "product" else inner + 1
