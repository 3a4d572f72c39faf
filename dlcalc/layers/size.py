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

from collections.abc import Iterable, Iterator, Mapping
from math import gcd

from dlcalc.errors import LayerError

# Sizes are untrusted input grown large: one with more symbols than this, or with
# quotients nested deeper, is refused, never computed on.
MAX_SYMBOLS = 10_000
MAX_DEPTH = 40
MAX_NUMBER = 10**15


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
        if max(divisor, *map(abs, numerator.terms.values())) > MAX_NUMBER:
            raise LayerError(f"a size needs numbers beyond {MAX_NUMBER:,}")
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
        from dlcalc.layers.written import written_floor

        self._text = self._text or written_floor(self, 0)
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
        return made(terms)

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
        return made(terms)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Size:
        whole: dict[Monomial, int] = {}
        rest: dict[Monomial, int] = {}
        for monomial, coefficient in self.terms.items():
            # What divides leaves the quotient. Multiples of another quotient do so only
            # as a whole: parting them would double the text at every level.
            nested = coefficient % divisor != 0 and has_floor(monomial)
            whole[monomial], remainder = (
                (0, coefficient) if nested else divmod(coefficient, divisor)
            )
            if monomial and remainder:
                rest[monomial] = remainder
        if not rest:
            return made(whole)
        constant = self.terms.get((), 0) % divisor
        common = gcd(divisor, *rest.values())
        if common > 1:
            divisor //= common
            constant //= common
            rest = {monomial: c // common for monomial, c in rest.items()}
        floors = [monomial for monomial in rest if has_floor(monomial)]
        inner = lone_floor({floors[0]: rest[floors[0]]}) if len(floors) == 1 else None
        if inner is not None:
            # (P//s1 + Q)//s2 is (P + s1*Q)//(s1*s2): how a chain of layers collapses.
            del rest[floors[0]]
            numerator = inner.numerator + inner.divisor * (made(rest) + constant)
            return numerator // (inner.divisor * divisor) + made(whole)
        atom = Floor(Polynomial({**rest, (): constant} if constant else rest), divisor)
        return Polynomial({((atom, 1),): 1}) + made(whole)

    def __str__(self) -> str:
        from dlcalc.layers.written import written  # only unknown sizes need it

        return written(self)

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


def total(sizes: Iterable[Size]) -> Size:
    """The sum of sizes, 0 for none.

    >>> total([64, 128, letter("C")])
    C + 192
    """
    result: Size = 0
    for size in sizes:
        result = result + size
    return result


def as_json(size: Size) -> int | str:
    """The size as JSON has it: a number, or an expression in a string."""
    return size if isinstance(size, int) else str(size)


def quotient(size: Size, divisor: Size) -> Size | None:
    """The quotient by a number or a single product of letters, where it has no remainder.

    It is None where a remainder is possible, and where that cannot be told.

    >>> C = letter("C")
    >>> quotient(64*C, 2), quotient(6*C, 2*C), quotient(C, 2), quotient(7, 2)
    (32*C, 3, None, None)
    """
    if size == divisor:
        return 1
    if len(_terms(divisor)) != 1:
        return None
    ((shared, number),) = _terms(divisor).items()
    terms: dict[Monomial, int] = {}
    for monomial, coefficient in _terms(size).items():
        powers = dict(monomial)
        for atom, power in shared:
            powers[atom] = powers.get(atom, 0) - power
        if coefficient % number or min(powers.values(), default=0) < 0:
            return None
        kept = tuple((atom, power) for atom, power in powers.items() if power)
        terms[kept] = coefficient // number
    return made(terms)


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


def counterexample(left: Size, right: Size, *, existing: bool = True) -> dict[str, int] | None:
    """Values of the letters for which two sizes differ, or None if none was found.

    Only values for which both sizes exist, that is, are at least 1, unless
    ``existing`` is False.
    """
    names = sorted(letters(left) | letters(right))
    for values in _samples(names):
        sizes = evaluate(left, values), evaluate(right, values)
        if sizes[0] != sizes[1] and (not existing or min(sizes) > 0):
            return values
    return None


def _samples(names: list[str]) -> Iterator[dict[str, int]]:
    """Small equal values first, then scattered ones, then large ones."""
    for base in range(1, 200):
        yield dict.fromkeys(names, base)
    for base in range(1, 200):
        yield {name: 1 + (7919 * base * (2 * i + 1)) % 1_009 for i, name in enumerate(names)}
    for power in range(3, 13):
        for base in range(10**power, 10**power + 12):
            yield {name: base + 37 * i for i, name in enumerate(names)}


def least_value(size: Size, bound: int) -> int | None:
    """The least value of its only letter for which the size is at least the bound.

    A size grows with its letter. None if it has not just one letter, or never
    reaches the bound.

    >>> least_value((letter("H") - 4)//2, 5)
    14
    """
    names = letters(size)
    if len(names) != 1:
        return None
    (name,) = names
    slope = _terms(size).get(((name, 1),), 0)
    if slope > 0 and len(_without_constant(_terms(size))) == 1:
        return max(1, -((_terms(size).get((), 0) - bound) // slope))
    low, high = 0, MAX_NUMBER
    if evaluate(size, {name: high}) < bound:
        return None
    return bisected(size, name, bound, low, high)


def bisected(size: Size, name: str, bound: int, low: int, high: int) -> int:
    """The least value of a letter with which a growing size reaches a bound.

    With ``low`` it stays below, with ``high`` it reaches it.

    >>> bisected((letter("H") - 4)//2, "H", 5, 0, 100)
    14
    """
    while high - low > 1:
        middle = (low + high) // 2
        if evaluate(size, {name: middle}) < bound:
            low = middle
        else:
            high = middle
    return high


def _terms(size: Size) -> Mapping[Monomial, int]:
    if isinstance(size, Polynomial):
        return size.terms
    return {(): size} if size else {}


def made(terms: Mapping[Monomial, int]) -> Size:
    """The size of these terms: a number if no letter is left."""
    kept = {monomial: c for monomial, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Polynomial(kept)


def _without_constant(terms: Mapping[Monomial, int]) -> dict[Monomial, int]:
    return {monomial: c for monomial, c in terms.items() if monomial}


def lone_floor(terms: Mapping[Monomial, int]) -> Floor | None:
    """The floored quotient that these terms are, if they are just one, once."""
    if len(terms) != 1:
        return None
    (monomial, coefficient), *_ = terms.items()
    if coefficient != 1 or len(monomial) != 1 or monomial[0][1] != 1:
        return None
    atom = monomial[0][0]
    return atom if isinstance(atom, Floor) else None


def has_floor(monomial: Monomial) -> bool:
    """Whether a quotient is among the factors."""
    return any(isinstance(atom, Floor) for atom, _ in monomial)


def rank(atom: Atom) -> tuple[bool, str]:
    """The order of atoms: letters first."""
    return (isinstance(atom, Floor), str(atom))


def _product(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    if len(powers) <= 1:
        return tuple(powers.items())
    return tuple(sorted(powers.items(), key=lambda item: rank(item[0])))
