"""Expressions in a form of their own, in which equal ones are one object and like terms meet.

A form is a number, a symbol, a function at its arguments, a power, a product of
powers, or a sum of products with exact coefficients. The constructors of
`Algebra` collect like terms, add exponents, cancel, and keep brackets: nothing is
multiplied out. What they change is true wherever the form before was defined.
Terms and factors stay in the order in which they first came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import gcd

from dlcalc.errors import InputError
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Subscript, written
from dlcalc.symbolic.scalar.exact import EVEN, ODD, folded, rational_power

#: Of forms that are made for one question, and of terms and factors that are looked at.
MAX_FORMS = 100_000
MAX_WORK = 500_000
#: No coefficient has more digits above or below its line.
MAX_DIGITS = 300
_LARGEST = 10**MAX_DIGITS


class Form:
    """A node. ``value`` is a number, a name, a function, or the coefficients of a sum."""

    __slots__ = ("age", "kind", "names", "parts", "size", "value")

    def __init__(
        self, age: int, kind: str, value: object, parts: tuple[Form, ...], names: frozenset[str]
    ) -> None:
        #: How many forms were made before it.
        self.age = age
        self.kind = kind
        self.value = value
        self.parts = parts
        #: The variables below it.
        self.names = names
        #: How many nodes it has written out.
        self.size: int = 1 + sum(part.size for part in parts)

    @property
    def number(self) -> Fraction | None:
        """Its value, if it is a number."""
        return self.value if isinstance(self.value, Fraction) else None


class Algebra:
    """The forms of one question."""

    def __init__(self) -> None:
        self._forms: dict[object, Form] = {}
        self._work = 0
        #: Whether what is made now stands as a person wrote it.
        self._reading = False
        self.zero, self.one = self.number(0), self.number(1)

    def _form(
        self, key: object, kind: str, value: object, parts: tuple[Form, ...], *names: str
    ) -> Form:
        found = self._forms.get(key)
        if found is None:
            if len(self._forms) >= MAX_FORMS:
                raise InputError(f"the derivation takes more than {MAX_FORMS:,} parts")
            below = frozenset(names).union(*[part.names for part in parts])
            found = self._forms[key] = Form(len(self._forms), kind, value, parts, below)
        return found

    def _count(self, parts: int) -> None:
        self._work += parts
        if self._work > MAX_WORK:
            raise InputError("the derivation takes too long: the expression is too large")

    def number(self, value: Fraction | int) -> Form:
        """A number. Raises `InputError` if it has too many digits to be exact."""
        value = Fraction(value)
        if abs(value.numerator) >= _LARGEST or value.denominator >= _LARGEST:
            raise InputError(f"a number on the way has more than {MAX_DIGITS} digits")
        return self._form(("number", value), "number", value, ())

    def symbol(self, name: str) -> Form:
        """A variable; pi is a symbol without a name."""
        names = () if name == "pi" else (name,)
        return self._form(("symbol", name), "symbol", name, (), *names)

    def call(self, function: str, arguments: tuple[Form, ...]) -> Form:
        """A function at its arguments, or the number that it is there."""
        if function == "sqrt":
            return self.power(arguments[0], self.number(Fraction(1, 2)))
        numbers = [argument.number for argument in arguments]
        if None not in numbers:
            value = folded(function, *[number for number in numbers if number is not None])
            if value is not None:
                return self.number(value)
        if function in ODD or function in EVEN or function == "heaviside":
            opposite = self.scaled(-1, arguments[0])
            if opposite.age < arguments[0].age:
                return self._mirrored(function, opposite, *arguments[1:])
        return self._form(("call", function, arguments), "call", function, arguments)

    def _mirrored(self, function: str, opposite: Form, *rest: Form) -> Form:
        """A function at minus an argument, by the one at the argument."""
        if function == "heaviside":
            at_zero = rest[0] if rest else self.number(Fraction(1, 2))
            share = self.sum([self.one, self.scaled(-1, at_zero)])
            step = self.call(function, (opposite, share))
            return self.sum([self.one, self.scaled(-1, step)])
        return self.scaled(1 if function in EVEN else -1, self.call(function, (opposite,)))

    def sum(self, terms: Iterable[Form]) -> Form:
        """Terms added, like ones collected; a sum among them is one with it."""
        found: dict[Form, Fraction] = {}

        def add(coefficient: Fraction, core: Form) -> None:
            found[core] = found.get(core, Fraction(0)) + coefficient

        for term in terms:
            coefficient, core = self.parted(term)
            if core.kind == "sum" and abs(coefficient) == 1:
                for inner, part in zip(coefficients(core), core.parts, strict=True):
                    add(coefficient * inner, part)
            else:
                add(coefficient, core)
        self._count(len(found))
        kept = {core: coefficient for core, coefficient in found.items() if coefficient}
        if not kept:
            return self.zero
        if len(kept) == 1:
            ((core, coefficient),) = kept.items()
            if core is self.one:
                return self.number(coefficient)
            if coefficient == 1:
                return core
            if core.kind == "sum" and coefficient == -1:
                return self.sum([self.scaled(-1, part) for part in self.terms(core)])
        for coefficient in kept.values():
            self.number(coefficient)
        key = ("sum", frozenset(kept.items()))
        return self._form(key, "sum", tuple(kept.values()), tuple(kept))

    def scaled(self, coefficient: Fraction | int, form: Form) -> Form:
        """A number times a form."""
        inner, core = self.parted(form)
        value = coefficient * inner
        if not value:
            return self.zero
        if core is self.one:
            return self.number(value)
        if value == 1:
            return core
        if core.kind == "sum" and value == -1:
            return self.sum([self.scaled(-1, part) for part in self.terms(core)])
        self.number(value)
        key = ("sum", frozenset([(core, value)]))
        return self._form(key, "sum", (Fraction(value),), (core,))

    def parted(self, form: Form) -> tuple[Fraction, Form]:
        """A coefficient and what it multiplies."""
        if form.number is not None:
            return form.number, self.one
        if form.kind == "sum" and len(form.parts) == 1:
            return coefficients(form)[0], form.parts[0]
        return Fraction(1), form

    def terms(self, form: Form) -> list[Form]:
        """What a form is the sum of."""
        if form.kind != "sum":
            return [form]
        return [
            self.scaled(coefficient, part)
            for coefficient, part in zip(coefficients(form), form.parts, strict=True)
        ]

    def product(self, factors: Iterable[Form]) -> Form:
        """Factors multiplied, the exponents of equal ones added."""
        waiting = [factor for factor in factors if factor is not self.one][::-1]
        if len(waiting) == 1:
            return waiting[0]
        coefficient = Fraction(1)
        found: dict[Form, Form] = {}
        while waiting:
            inner, core = self.parted(waiting.pop())
            coefficient *= inner
            if core.kind == "product":
                waiting += reversed(core.parts)
                continue
            base, exponent = self.powered(core)
            if base is self.one:
                continue
            unit, base = self._unit(base, exponent)
            coefficient *= unit
            if base in found:
                exponent = self.sum([found.pop(base), exponent])
                power = self.power(base, exponent)
                if self.powered(power) != (base, exponent):
                    waiting.append(power)
                    continue
            if exponent is not self.zero:
                found[base] = exponent
        self._count(len(found))
        if not coefficient:
            return self.zero
        self._absorb(found)
        if not self._reading:
            # Letters in the order in which they first came.
            letters = sorted([b for b in found if b.kind == "symbol"], key=lambda b: b.age)
            found = {**{base: found[base] for base in letters}, **found}
        powers = tuple([self.power(base, exponent) for base, exponent in found.items()])
        if not powers:
            return self.number(coefficient)
        if len(powers) == 1:
            return self.scaled(coefficient, powers[0])
        core = self._form(("product", frozenset(powers)), "product", None, powers)
        return self.scaled(coefficient, core)

    def _absorb(self, found: dict[Form, Form]) -> None:
        """u*sign(u) is abs(u), and u*heaviside(u, h) is relu(u), as relu(u)*heaviside(u, h) is."""
        for base in [base for base in found if base.kind == "call" and found[base] is self.one]:
            inner = base.parts[0]
            if base.value not in ("sign", "heaviside"):
                continue
            larger = self.call("relu", (inner,)), self.call("max", (inner, self.zero))
            name = "abs" if base.value == "sign" else "relu"
            for other in (inner,) if name == "abs" else (*larger, inner):
                exponent = found[other].number if other in found else None
                if exponent is None or exponent < 1 or exponent.denominator != 1:
                    continue
                found.pop(base)
                if other is inner:
                    made = self.call(name, (inner,))
                    found[other] = self.number(exponent - 1)
                    found[made] = self.sum([found.get(made, self.zero), self.one])
                    if exponent == 1:
                        found.pop(other)
                break

    def _unit(self, base: Form, exponent: Form) -> tuple[Fraction, Form]:
        """A base without what divides all its coefficients, and with the sign that came first."""
        power = exponent.number
        if base.kind != "sum" or power is None or power.denominator != 1:
            return Fraction(1), base
        content = _content(coefficients(base))
        if content != 1:
            base = self.sum([self.scaled(1 / content, term) for term in self.terms(base)])
        if min(coefficients(base)) > 0:
            return content ** int(power), base
        opposite = self.scaled(-1, base)
        if opposite.age < base.age:
            return (-content) ** int(power), opposite
        return content ** int(power), base

    def powered(self, form: Form) -> tuple[Form, Form]:
        """A base and its exponent."""
        if form.kind == "power":
            return form.parts[0], form.parts[1]
        return form, self.one

    def power(self, base: Form, exponent: Form) -> Form:
        """A power; powers of powers and products become one where that is true."""
        value = exponent.number
        if value == 1 or base is self.one:
            return base
        if value == 0:
            return self.one
        if value is not None:
            number = base.number
            if number is not None:
                if not number and value < 0:
                    raise InputError("a part is always 0 and stands below a line")
                root = rational_power(number, value)
                if root is not None:
                    return self.number(root)
            elif value.denominator == 1:
                whole = int(value)
                if base.kind == "sum" and len(base.parts) > 1:
                    unit, first = self._unit(base, exponent)
                    if first is not base:
                        return self.scaled(unit, self.power(first, exponent))
                if base.kind == "power":
                    return self.power(base.parts[0], self.product([base.parts[1], exponent]))
                if base.kind == "product":
                    return self.product([self.power(part, exponent) for part in base.parts])
                if base.kind == "sum" and len(base.parts) == 1:
                    coefficient, core = self.parted(base)
                    if abs(whole) > 10_000:
                        raise InputError(f"a power of {whole:,} is not written out")
                    return self.scaled(coefficient**whole, self.power(core, exponent))
                if base.kind == "call" and base.value == "abs" and whole % 2 == 0:
                    return self.power(base.parts[0], exponent)
            elif base.kind == "power":
                inner = base.parts[1].number
                if inner is not None and inner.denominator % 2 == 0:
                    # Such a power has no values below 0, and is of none.
                    return self.power(base.parts[0], self.number(inner * value))
        return self._form(("power", base, exponent), "power", None, (base, exponent))

    def substituted(self, form: Form, values: Mapping[Form, Form]) -> Form:
        """A form with other forms for some symbols."""
        memo = dict(values)

        def change(form: Form) -> Form:
            if form not in memo:
                memo[form] = self.rebuilt(form, [change(part) for part in form.parts])
            return memo[form]

        return change(form)

    def rebuilt(self, form: Form, parts: list[Form]) -> Form:
        """The form of the same kind with other parts."""
        if form.kind == "sum":
            return self.sum(
                [self.scaled(c, part) for c, part in zip(coefficients(form), parts, strict=True)]
            )
        if form.kind == "product":
            return self.product(parts)
        if form.kind == "power":
            return self.power(parts[0], parts[1])
        if form.kind == "call":
            return self.call(str(form.value), tuple(parts))
        return form

    def read(self, expr: Expr) -> Form:
        """The form of an expression; its factors stay in their order."""
        before, self._reading = self._reading, True
        try:
            return self._read(expr)
        finally:
            self._reading = before

    def _read(self, expr: Expr) -> Form:
        match expr:
            case Number(value):
                return self.number(value)
            case Name() | Subscript():
                return self.symbol(written(expr))
            case Negative(operand):
                return self.scaled(-1, self._read(operand))
            case Call(function, arguments):
                return self.call(function, tuple([self._read(part) for part in arguments]))
            case Binary(operator, left, right):
                first, second = self._read(left), self._read(right)
                if operator in "+-":
                    return self.sum([first, second if operator == "+" else self.scaled(-1, second)])
                if operator == "*":
                    return self.product([first, second])
                try:
                    if operator == "/":
                        return self.product([first, self.power(second, self.number(-1))])
                    if operator == "**":
                        return self.power(first, second)
                except InputError as error:
                    error.place = error.place or expr.place
                    raise
        raise InputError(f"{type(expr).__name__} is not an operation on numbers", place=expr.place)


def coefficients(form: Form) -> tuple[Fraction, ...]:
    """The coefficients of a sum."""
    assert isinstance(form.value, tuple)
    return form.value


def _content(values: tuple[Fraction, ...]) -> Fraction:
    """What divides all coefficients, if they are whole, with a sign that all have."""
    sign = -1 if max(values) < 0 else 1
    if any(value.denominator != 1 for value in values):
        return Fraction(sign)
    return Fraction(sign * gcd(*[value.numerator for value in values]))
