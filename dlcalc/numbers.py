"""Numbers from words and files: one number, a vector, or an array of any rank.

A word is read as what it is: a number or vector (``0.5,-1,2``), an array
(``[[1,2],[3,4]]``), ``-`` for standard input, or else the path of a CSV or
``.npy`` file. Nothing is evaluated; everything is bounded.
"""

from __future__ import annotations

import re
from os.path import exists
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.errors import InputError, Place, Source, abridged
from dlcalc.files import decode, read_bytes

if TYPE_CHECKING:
    from fractions import Fraction

MAX_BYTES = 50_000_000
MAX_NUMBERS = 5_000_000
#: Arrays of more axes are not read (NumPy's own bound is 64).
MAX_RANK = 8
#: Whole numbers have no more digits.
MAX_DIGITS = 100

_NUMBER = r"[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?|inf|nan)"
_VECTOR = re.compile(rf"\s*{_NUMBER}\s*(?:,\s*{_NUMBER}\s*)*")
_TOKEN = re.compile(rf"\s*(?:({_NUMBER})|([\[\],]))\s*")
_ONE = re.compile(_NUMBER)
_WHOLE = re.compile(r"([-+]?[0-9]+)(?:\.([0-9]*))?(?:[eE]\+?([0-9]{1,4})|(?:\*\*|\^)([0-9]{1,4}))?")
_AMOUNT = re.compile(
    r"([+-]?(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)([kKMGTB%]?)"
)
#: Powers of ten by the letter behind a number; B is a billion.
_UNITS = {"": 0, "k": 3, "K": 3, "M": 6, "G": 9, "B": 9, "T": 12, "%": -2}
# What was meant as numbers, and not as the path of a file.
_MEANT = re.compile(r"[-+0-9.,eE\s]*")


class Numbers(NamedTuple):
    """An array: its sizes, its values in row-major order, and the names of a table's columns."""

    sizes: tuple[int, ...]
    values: list[float]
    columns: tuple[str, ...] = ()


class Amount(NamedTuple):
    """A number as written, and half a unit of its last digit."""

    value: Fraction
    half: Fraction


def number(text: str, name: str) -> float:
    """The number that a text is; ``name`` says in messages what it was for.

    Raises `InputError` if it is none.

    >>> number("-1.5e3", "--lr")
    -1500.0
    """
    if not _ONE.fullmatch(text.strip()):
        raise _refusal(text, 0, len(text), f"{name} must be a number, not {abridged(text)}")
    return float(text)


def amount(text: str) -> Amount | None:
    """A number with the room that its written digits leave, None if it is no number.

    >>> amount("25.6M")
    Amount(value=Fraction(25600000, 1), half=Fraction(50000, 1))
    >>> amount("6x28x28") is None
    True
    """
    from fractions import Fraction

    number = _AMOUNT.fullmatch(text.strip())
    if number is None:
        return None
    mantissa, _, exponent = number[1].replace(",", "").lower().partition("e")
    shift = int(exponent or 0) + _UNITS[number[2]]
    digits = len(mantissa.partition(".")[2])
    unit = Fraction(10) ** (shift - digits)
    exact = shift <= 0 and not digits
    value = Fraction(mantissa.replace(".", "")) * unit
    return Amount(value, Fraction(0) if exact else unit / 2)


def whole(text: str | int, name: str, *, least: int = 0) -> int:
    """The whole number that a text is, such as 1000, 1e18 or 10**18; exactly, however large.

    Raises `InputError` if it is none, is below ``least`` or has more than `MAX_DIGITS` digits.

    >>> whole("1e3", "n"), whole("10**18", "n")
    (1000, 1000000000000000000)
    """
    written = str(text).strip().replace("_", "")
    match = _WHOLE.fullmatch(written)
    if match is None:
        rule = f"{name} must be a whole number, not {abridged(str(text)) or 'empty'}"
        raise _refusal(str(text), 0, len(str(text)), rule)
    digits, fraction, exponent = match[1], match[2] or "", match[3] or match[4] or "0"
    if len(digits) + int(exponent) > MAX_DIGITS:
        raise InputError(f"{name} has more than {MAX_DIGITS} digits")
    if fraction.rstrip("0")[int(exponent) :]:
        raise InputError(f"{name} must be a whole number, not {abridged(str(text))}")
    if match[4]:
        if digits.lstrip("+") != "10":
            raise InputError(f"{name}: only powers of 10 are read, not {abridged(str(text))}")
        found = int("1" + "0" * int(exponent))
    else:
        # The digits behind the point that the exponent does not reach are zeros.
        found = int((digits + fraction + "0" * int(exponent))[: len(digits) + int(exponent)])
    if found < least:
        raise InputError(f"{name} must be at least {least}, not {found}")
    return found


def vector(text: str, name: str) -> list[float]:
    """The numbers of a word such as ``0.5,-1,2``; brackets around them are allowed.

    Raises `InputError` at the first part that is no number, and if there is none.

    >>> vector("-1,2.5,3", "the weights")
    [-1.0, 2.5, 3.0]
    """
    inner = text.strip()
    first = text.index(inner)
    if inner.startswith("[") and inner.endswith("]"):
        inner, first = inner[1:-1], first + 1
    if not inner.strip():
        raise InputError(f"{name} is empty", mend="Give numbers, as in 0.5,-1,2.")
    found = []
    for part in inner.split(","):
        if not _ONE.fullmatch(part.strip()):
            shown = abridged(part.strip()) or "an empty part"
            raise _refusal(text, first, len(part), f"{name}: {shown} is not a number")
        found.append(float(part))
        first += len(part) + 1
    if len(found) > MAX_NUMBERS:
        raise InputError(f"{name} has more than {MAX_NUMBERS:,} numbers")
    return found


def read(word: str, name: str = "the data") -> Numbers:
    """The array that a word is or names: a vector, a literal, ``-``, or a CSV or ``.npy`` file.

    Raises `InputError` for what cannot be read, rows of several lengths, cells that
    are no numbers (by their line), and more than `MAX_NUMBERS` numbers.

    >>> read("[[1,2,0],[0,1,3]]")
    Numbers(sizes=(2, 3), values=[1.0, 2.0, 0.0, 0.0, 1.0, 3.0], columns=())
    """
    if _VECTOR.fullmatch(word) or ("," in word and "[" not in word and not exists(word)):
        values = vector(word, name)
        return Numbers((len(values),), values)
    if word.lstrip().startswith("["):
        return _literal(Source(word), name)
    if word != "-" and ("," in word or not word.strip()) and _MEANT.fullmatch(word):
        return literal(word, name)
    data, file = read_bytes(word, MAX_BYTES)
    if data.startswith(b"\x93NUMPY"):
        return _npy(data, file)
    return parse(decode(data, file), file)


def literal(word: str, name: str) -> Numbers:
    """The array that a word itself is, and not a file: a vector or a literal.

    >>> literal("1,2", "the data").values
    [1.0, 2.0]
    """
    if word.lstrip().startswith("[["):
        return _literal(Source(word), name)
    values = vector(word, name)
    return Numbers((len(values),), values)


def parse(text: str, name: str) -> Numbers:
    r"""The array of a text: a literal, or a table of numbers with or without names above it.

    >>> parse("size,age\n1,2\n3,4\n", "people.csv")
    Numbers(sizes=(2, 2), values=[1.0, 2.0, 3.0, 4.0], columns=('size', 'age'))
    """
    if text.lstrip().startswith("["):
        return _literal(Source(text, name), name)
    return _table(text, name)


def _literal(source: Source, name: str) -> Numbers:
    """Nested brackets, each level with rows of one length."""
    sizes: dict[int, int] = {}
    counts: list[int] = []
    values: list[float] = []
    position, text, after_value = 0, source.text, False
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise _at(source, position, f"{name}: here stands neither a number nor a bracket")
        found, sign = token.groups()
        start = token.start(1 if found else 2)
        if not counts and position > 0:
            raise _at(source, start, f"{name}: something stands behind the last bracket")
        if sign == ",":
            if not after_value:
                raise _at(source, start, f"{name}: a comma without a number before it")
            after_value = False
        elif sign == "]":
            if not after_value:
                raise _at(source, start, f"{name}: an empty row, or a comma before a bracket")
            _close(source, start, name, len(counts), counts.pop(), sizes)
        else:
            if after_value:
                raise _at(source, start, f"{name}: a comma is missing")
            if counts:
                counts[-1] += 1
            if sign:
                counts.append(0)
                if len(counts) > MAX_RANK:
                    raise _at(source, start, f"{name} has more than {MAX_RANK} axes")
            else:
                values.append(float(found))
                if sizes.setdefault(0, len(counts)) != len(counts):
                    raise _at(source, start, f"{name}: numbers stand at several depths")
            after_value = not sign
        if sign == "]":
            after_value = True
        position = token.end()
    if counts:
        raise _at(source, len(text) - 1, f"{name}: a bracket is not closed")
    if len(values) > MAX_NUMBERS:
        raise InputError(f"{name} has more than {MAX_NUMBERS:,} numbers")
    return Numbers(tuple(sizes[depth] for depth in range(1, sizes[0] + 1)), values)


def _close(
    source: Source, start: int, name: str, depth: int, count: int, sizes: dict[int, int]
) -> None:
    """A row ends: it has as many parts as the others of its depth."""
    if sizes.setdefault(depth, count) != count:
        rule = f"{name}: a row has {count}, the one before it {sizes[depth]}"
        raise _at(source, start, rule)


def _table(text: str, name: str) -> Numbers:
    """Rows of numbers parted by commas, semicolons, tabs or blanks, perhaps below names."""
    rows: list[list[float]] = []
    columns: tuple[str, ...] = ()
    width = 0
    for line_number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        cells = [cell.strip().strip('"') for cell in re.split(r"[,;\t]|(?<=\S)\s+(?=\S)", line)]
        bad = next((cell for cell in cells if not _ONE.fullmatch(cell)), None)
        if bad is not None and not rows and not columns:
            columns, width = tuple(cells), len(cells)
            continue
        if bad is not None:
            shown = abridged(bad) or "an empty cell"
            raise InputError(f"{name}:{line_number}: {shown} is not a number")
        width = width or len(cells)
        if len(cells) != width:
            rule = f"{name}:{line_number}: the row has {len(cells)} numbers, those above {width}"
            raise InputError(rule)
        rows.append([float(cell) for cell in cells])
        if len(rows) * width > MAX_NUMBERS:
            raise InputError(f"{name} has more than {MAX_NUMBERS:,} numbers")
    if not rows:
        raise InputError(f"{name} holds no numbers")
    return Numbers((len(rows), width), [value for row in rows for value in row], columns)


#: The array module's codes of NumPy's types; a half has none and is read by struct.
_TYPES = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b"}
_TYPES |= {"u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "?"}


def _npy(data: bytes, name: str) -> Numbers:
    """An ``.npy`` file, format 1 to 3 (numpy/lib/format.py); objects are refused."""
    import ast
    import struct

    try:
        wide = data[6] > 1
        length = int.from_bytes(data[8 : 12 if wide else 10], "little")
        first = (12 if wide else 10) + length
        if length > 10_000:
            raise ValueError
        header = ast.literal_eval(data[first - length : first].decode("utf-8"))
        kind, order = str(header["descr"]), bool(header["fortran_order"])
        sizes = tuple(int(size) for size in header["shape"])
    except (ValueError, KeyError, TypeError, IndexError, SyntaxError, RecursionError) as error:
        raise InputError(f"{name} is not a whole .npy file") from error
    if kind[1:] not in _TYPES or kind[0] not in "<>|=":
        rule = f"{name} holds numbers of type {abridged(kind)}, which are not read"
        raise InputError(rule, mend="Save it as float64 or float32.")
    count = 1
    for size in sizes:
        count *= size
    if min(sizes, default=1) < 0 or count > MAX_NUMBERS or len(sizes) > MAX_RANK:
        raise InputError(f"{name} has sizes {abridged(str(sizes))}, more than is read")
    form = f"{'>' if kind[0] == '>' else '<'}{count}{_TYPES[kind[1:]]}"
    if struct.calcsize(form) != len(data) - first:
        raise InputError(f"{name} is not a whole .npy file: its length is not that of its array")
    values = [float(value) for value in struct.unpack(form, data[first:])]
    return Numbers(sizes, _row_major(values, sizes) if order else values)


def _row_major(values: list[float], sizes: tuple[int, ...]) -> list[float]:
    """Values in column-major order in the other order."""
    order = [0]
    stride = 1
    steps = []
    for size in sizes:
        steps.append(stride)
        stride *= size
    for size, step in zip(sizes, steps, strict=True):
        order = [place + index * step for place in order for index in range(size)]
    return [values[place] for place in order]


def _at(source: Source, position: int, rule: str) -> InputError:
    return InputError(rule, place=Place(source, position, position + 1))


def _refusal(text: str, start: int, length: int, rule: str) -> InputError:
    return InputError(rule, place=Place(Source(text), start, start + max(length, 1)))
