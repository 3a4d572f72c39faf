"""Unknown sizes as people write them, and as Python would evaluate them."""

from __future__ import annotations

from math import gcd, isqrt

from dlcalc.layers.size import (
    Atom,
    Floor,
    Monomial,
    Polynomial,
    Size,
    has_floor,
    letters,
    lone_floor,
    made,
    product,
    rank,
)

# Looking for factors takes time that only a size short enough to read is worth.
_MAX_FACTORED_TERMS = 64


def written(size: Polynomial) -> str:
    """The size as a product where factors are short to find, else as a sum.

    >>> from dlcalc.layers.size import letter
    >>> C, H, W = map(letter, "CHW")
    >>> written(9*C*(H - 2)*(W - 2)*64), written(64*(9*C + 1)), written(3*H//2)
    ('576*C*(H - 2)*(W - 2)', '576*C + 64', '(3*H)//2')
    """
    number, parts = _factors(size)
    if len(parts) == 1 and (number == 1 or _quotient_and_rest(parts[0]) is None):
        return _sum_text(size)
    texts = [_factor_text(part) for part in parts]
    if abs(number) != 1:
        texts.insert(0, str(abs(number)))
    return ("-" if number < 0 else "") + "*".join(texts)


def written_floor(floor: Floor, rest: Size) -> str:
    """A quotient plus a whole size, which is drawn into the numerator."""
    shown = str(floor.numerator + floor.divisor * rest)
    return f"{shown if shown.isalpha() else f'({shown})'}//{floor.divisor}"


def _factors(size: Polynomial) -> tuple[int, list[Polynomial]]:
    """A number and polynomials whose product is the size: its linear factors, then the rest."""
    number = gcd(*size.terms.values())
    if next(iter(_ordered(size)))[1] < 0:
        number = -number
    rest: Size = made({monomial: c // number for monomial, c in size.terms.items()})
    parts: list[Polynomial] = []
    few = len(size.terms) <= _MAX_FACTORED_TERMS
    atoms = {atom for monomial in size.terms for atom, _ in monomial} if few else set()
    for atom in sorted(atoms, key=rank):
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
    coefficients = [made(degrees.get(power, {})) for power in range(top, -1, -1)]
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
        return (-sum(power for _, power in monomial), [rank(atom) for atom, _ in monomial])

    return sorted(size.terms.items(), key=key)


def _factor_text(part: Polynomial) -> str:
    shown = _sum_text(part)
    return shown if shown.isalpha() else f"({shown})"


def _sum_text(size: Polynomial) -> str:
    merged = _quotient_and_rest(size)
    if merged is not None:
        return written_floor(*merged)
    shown = ""
    for monomial, coefficient in _ordered(size):
        factors = [str(abs(coefficient))] if abs(coefficient) != 1 or not monomial else []
        # A quotient needs no brackets beside a sum, but -C//2 would be (-C)//2.
        alone = len(monomial) == 1 and monomial[0][1] == 1 and not factors
        alone = alone and (bool(shown) or coefficient > 0)
        for atom, power in monomial:
            factors += [str(atom) if isinstance(atom, str) or alone else f"({atom})"] * power
        sign = "-" if coefficient < 0 else "+"
        joined = "*".join(factors)
        if shown:
            shown += f" {sign} {joined}"
        else:
            shown = joined if coefficient > 0 else "-" + joined
    return shown


def _quotient_and_rest(size: Polynomial) -> tuple[Floor, Size] | None:
    """The only quotient of a sum and the rest, if they read better as one quotient."""
    floors = [monomial for monomial in size.terms if has_floor(monomial)]
    if len(floors) != 1:
        return None
    floor = lone_floor({floors[0]: size.terms[floors[0]]})
    if floor is None:
        return None
    rest = made({m: c for m, c in size.terms.items() if m != floors[0]})
    return (floor, rest) if letters(rest) <= letters(floor.numerator) else None
