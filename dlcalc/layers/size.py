"""Sizes: whole numbers, or integer polynomials over unknown sizes.

A size that is not yet known is a `Polynomial` over atoms. An atom is a letter
(``H``) or a floored quotient of a polynomial (`Floor`, which prints as
``(H + 1)//2``). Polynomials are kept in one canonical form, so that two sizes
that were reached on different ways are equal when their forms are:

>>> H = letter("H")
>>> str((H + 2*3 - 7)//2 + 1), ((H - 1)//2 + 1)//2 == (H + 1)//4
('(H + 1)//2', True)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import gcd, isqrt

from dlcalc.errors import LayerError

# Sizes are untrusted input grown large: one with more symbols than this, or with
# quotients nested deeper, is refused, never computed on.
MAX_SYMBOLS = 10_000
MAX_DEPTH = 40
# Looking for factors takes time that only a size short enough to read is worth.
_MAX_FACTORED_TERMS = 64


class Floor:
    """The atom ``numerator // divisor``; build it by ``polynomial // divisor``."""

    __slots__ = ("_hash", "_text", "depth", "divisor", "numerator", "symbols")

    def __init__(self, numerator: Polynomial, divisor: int) -> None:
        self.numerator = numerator
        self.divisor = divisor
        self.symbols = numerator.symbols + 1
        self.depth = numerator.depth + 1
        if self.depth > MAX_DEPTH:
            raise LayerError(f"a size needs more than {MAX_DEPTH} quotients in one another")
        self._hash = hash((numerator, divisor))
        self._text = ""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Floor)
            and self._hash == other._hash
            and self.divisor == other.divisor
            and self.numerator == other.numerator
        )

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        self._text = self._text or _floor_text(self, 0)
        return self._text


Atom = str | Floor
Monomial = tuple[tuple[Atom, int], ...]


class Polynomial:
    """A sum of integer multiples of products of atoms, never a plain number.

    Made from `letter` and arithmetic, which gives back an ``int`` as soon as no
    letter is left.

    >>> C = letter("C")
    >>> print(64*(9*C + 1)), (C - C)
    576*C + 64
    (None, 0)
    """

    __slots__ = ("_hash", "depth", "symbols", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = dict(terms)
        self.symbols = len(self.terms)
        self.depth = 0
        for monomial in self.terms:
            for atom, power in monomial:
                if isinstance(atom, Floor):
                    self.symbols += power * atom.symbols
                    self.depth = max(self.depth, atom.depth)
                else:
                    self.symbols += power
        if self.symbols > MAX_SYMBOLS:
            raise LayerError("a size with these unknowns is too long to write out")
        self._hash = hash(frozenset(self.terms.items()))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Polynomial)
            and self._hash == other._hash
            and self.terms == other.terms
        )

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Size) -> Size:
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _made(terms)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __mul__(self, other: Size) -> Size:
        others = _terms(other)
        if len(self.terms) * len(others) > 10 * MAX_SYMBOLS:
            raise LayerError("a size with these unknowns is too long to write out")
        terms: dict[Monomial, int] = {}
        for left, c in self.terms.items():
            for right, d in others.items():
                monomial = _product(left, right)
                terms[monomial] = terms.get(monomial, 0) + c * d
        return _made(terms)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Size:
        whole: dict[Monomial, int] = {}
        rest: dict[Monomial, int] = {}
        for monomial, coefficient in self.terms.items():
            if not monomial or coefficient % divisor == 0:
                whole[monomial] = coefficient // divisor
            else:
                rest[monomial] = coefficient
        if not rest:
            return _made(whole)
        constant = self.terms.get((), 0) % divisor
        common = gcd(divisor, *rest.values())
        if common > 1:
            divisor //= common
            constant //= common
            rest = {monomial: c // common for monomial, c in rest.items()}
        inner = _lone_floor(rest)
        if inner is not None:
            # (P//s1 + c)//s2 is (P + s1*c)//(s1*s2): how a chain of layers collapses.
            numerator = inner.numerator + inner.divisor * constant
            return numerator // (inner.divisor * divisor) + _made(whole)
        atom = Floor(Polynomial({**rest, (): constant} if constant else rest), divisor)
        return Polynomial({((atom, 1),): 1}) + _made(whole)

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__


Size = int | Polynomial


def letter(name: str) -> Polynomial:
    """The unknown size of that name."""
    return Polynomial({((name, 1),): 1})


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes, 1 for none.

    >>> product([3, 5, 5])
    75
    """
    result: Size = 1
    for size in sizes:
        result = result * size
    return result


def quotient(size: Size, divisor: Size) -> Size | None:
    """The quotient where that is a whole number for every value of the letters, else None.

    >>> C = letter("C")
    >>> quotient(64*C, 2), quotient(C, C), quotient(C, 2), quotient(7, 2)
    (32*C, 1, None, None)
    """
    if isinstance(divisor, int):
        if any(c % divisor for c in _terms(size).values()):
            return None
        return size // divisor
    return 1 if size == divisor else None


def letters(size: Size) -> set[str]:
    """The names of the unknown sizes in it."""
    found: set[str] = set()
    for monomial in _terms(size):
        for atom, _ in monomial:
            found |= {atom} if isinstance(atom, str) else letters(atom.numerator)
    return found


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """The number it stands for when every letter has a value.

    >>> evaluate((letter("H") + 1)//2, {"H": 224})
    112
    """
    if isinstance(size, int):
        return size
    total = 0
    for monomial, coefficient in size.terms.items():
        for atom, power in monomial:
            value = (
                values[atom]
                if isinstance(atom, str)
                else evaluate(atom.numerator, values) // atom.divisor
            )
            coefficient *= value**power
        total += coefficient
    return total


def counterexample(left: Size, right: Size) -> dict[str, int] | None:
    """Values of the letters for which two sizes differ, or None if none was found."""
    names = sorted(letters(left) | letters(right))
    for base in range(1, 200):
        values = {name: base + 37 * i for i, name in enumerate(names)}
        if evaluate(left, values) != evaluate(right, values):
            return values
    return None


def text(size: Size) -> str:
    """The size as Python would evaluate it, factored where factors are short to find.

    >>> C, H, W = map(letter, "CHW")
    >>> text(9*C*(H - 2)*(W - 2)*64)
    '576*C*(H - 2)*(W - 2)'
    """
    if isinstance(size, int):
        return str(size)
    number, parts = _factors(size)
    if len(parts) == 1 and _lone_floor(_without_constant(parts[0])) is None:
        return _sum_text(size)
    if len(parts) == 1 and number == 1:
        return _sum_text(parts[0])
    texts = [_factor_text(part) for part in parts]
    if abs(number) != 1:
        texts.insert(0, str(abs(number)))
    return ("-" if number < 0 else "") + "*".join(texts)


def _terms(size: Size) -> Mapping[Monomial, int]:
    if isinstance(size, Polynomial):
        return size.terms
    return {(): size} if size else {}


def _made(terms: Mapping[Monomial, int]) -> Size:
    kept = {monomial: c for monomial, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Polynomial(kept)


def _without_constant(size: Polynomial) -> dict[Monomial, int]:
    return {monomial: c for monomial, c in size.terms.items() if monomial}


def _lone_floor(terms: Mapping[Monomial, int]) -> Floor | None:
    """The floored quotient that these terms are, if they are just one, once."""
    if len(terms) != 1:
        return None
    (monomial, coefficient), *_ = terms.items()
    if coefficient != 1 or len(monomial) != 1 or monomial[0][1] != 1:
        return None
    atom = monomial[0][0]
    return atom if isinstance(atom, Floor) else None


def _rank(atom: Atom) -> tuple[bool, str]:
    return (isinstance(atom, Floor), str(atom))


def _product(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    if len(powers) <= 1:
        return tuple(powers.items())
    return tuple(sorted(powers.items(), key=lambda item: _rank(item[0])))


def _factors(size: Polynomial) -> tuple[int, list[Polynomial]]:
    """A number and polynomials whose product is the size: its linear factors, then the rest."""
    number = gcd(*size.terms.values())
    if next(iter(_ordered(size)))[1] < 0:
        number = -number
    rest: Size = _made({monomial: c // number for monomial, c in size.terms.items()})
    parts: list[Polynomial] = []
    few = len(size.terms) <= _MAX_FACTORED_TERMS
    atoms = {atom for monomial in size.terms for atom, _ in monomial} if few else set()
    for atom in sorted(atoms, key=_rank):
        while isinstance(rest, Polynomial):
            found = _linear_factor(rest, atom)
            if found is None:
                break
            part, rest = found
            parts.append(part)
    if not isinstance(rest, Polynomial):
        return number * rest, parts
    return number, [*parts, rest]


def _linear_factor(size: Polynomial, atom: Atom) -> tuple[Polynomial, Size] | None:
    """(atom + c, size/(atom + c)) for a whole c for which that divides, or None."""
    degrees: dict[int, dict[Monomial, int]] = {}
    for monomial, coefficient in size.terms.items():
        power = dict(monomial).get(atom, 0)
        rest = tuple(item for item in monomial if item[0] != atom)
        degrees.setdefault(power, {})[rest] = coefficient
    top = max(degrees)
    if top == 0:
        return None
    coefficients = [_made(degrees.get(power, {})) for power in range(top, -1, -1)]
    lowest = degrees.get(0, {})
    for root in [0] if not lowest else _divisors(gcd(*lowest.values())):
        divided: Size = 0
        carry: Size = 0
        base = Polynomial({((atom, 1),): 1})
        for place, part in enumerate(coefficients[:-1]):
            carry = part + carry * root
            divided = divided + carry * product([base] * (top - 1 - place))
        if coefficients[-1] + carry * root == 0:
            factor = base - root
            assert isinstance(factor, Polynomial)
            return factor, divided
    return None


def _divisors(number: int) -> list[int]:
    """The whole numbers that divide it, of both signs; none if it is too large to try."""
    if number > 1_000_000:
        return []
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    divisors = sorted({*small, *(number // d for d in small)})
    return [sign * d for d in divisors for sign in (1, -1)]


def _ordered(size: Polynomial) -> list[tuple[Monomial, int]]:
    """The terms as people order them: highest degree first, then by name."""

    def key(term: tuple[Monomial, int]) -> tuple[int, list[tuple[bool, str]]]:
        monomial = term[0]
        return (-sum(power for _, power in monomial), [_rank(atom) for atom, _ in monomial])

    return sorted(size.terms.items(), key=key)


def _factor_text(part: Polynomial) -> str:
    shown = _sum_text(part)
    return shown if shown.isalpha() else f"({shown})"


def _sum_text(size: Polynomial) -> str:
    constant = size.terms.get((), 0)
    lone = _lone_floor(_without_constant(size))
    if lone is not None:
        return _floor_text(lone, constant)
    shown = ""
    for monomial, coefficient in _ordered(size):
        factors = [str(abs(coefficient))] if abs(coefficient) != 1 or not monomial else []
        for atom, power in monomial:
            factors += [atom if isinstance(atom, str) else f"({atom})"] * power
        sign = "-" if coefficient < 0 else "+"
        joined = "*".join(factors)
        if shown:
            shown += f" {sign} {joined}"
        else:
            shown = joined if coefficient > 0 else "-" + joined
    return shown


def _floor_text(atom: Floor, constant: int) -> str:
    """The quotient plus a constant, the constant drawn into the numerator."""
    numerator = atom.numerator + atom.divisor * constant
    shown = text(numerator)
    return f"{shown if shown.isalpha() else f'({shown})'}//{atom.divisor}"
