"""Rounding to four types, bit for bit as NumPy and PyTorch do it."""

from __future__ import annotations

import hashlib
import json
import math
import random
import struct
from collections.abc import Callable
from math import isinf, isnan
from pathlib import Path

import arithmetic_draws as draws
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from dlcalc.formulas.ieee import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, FORMATS, Format

RECORDED = json.loads(
    (Path(__file__).parent.parent / "data" / "torch_arithmetic.json").read_text(encoding="utf-8")
)
OPERATIONS = ("add", "subtract", "multiply", "divide")
finite = st.floats(allow_nan=False, allow_infinity=False)


def bfloat16_of(bits: int) -> float:
    return struct.unpack("<f", struct.pack("<I", bits << 16))[0]


def bits_of(value: float) -> int:
    """The bits of a bfloat16, one nan for all."""
    return draws.NAN if isnan(value) else struct.unpack("<I", struct.pack("<f", value))[0] >> 16


def digest(bits: list[int]) -> str:
    return hashlib.sha256(b"".join(b.to_bytes(2, "little") for b in bits)).hexdigest()


def results(operation: Callable[[float, float], float]) -> list[int]:
    first, second = draws.pairs()
    pairs = zip(map(bfloat16_of, first), map(bfloat16_of, second))
    return [bits_of(operation(a, b)) for a, b in pairs]


@pytest.mark.parametrize("name", OPERATIONS)
def test_100_000_operations_of_bfloat16_are_torchs_bit_for_bit(name: str) -> None:
    found = results(getattr(BFLOAT16, name))
    assert found[:50] == RECORDED[name]["first"]
    assert digest(found) == RECORDED[name]["all"]


def test_that_comparison_can_fail() -> None:
    # Rounding half away from zero differs from half to even in ties alone.
    def away(a: float, b: float) -> float:
        total = a + b
        if isnan(total) or isinf(total) or total == 0:
            return total
        unit = BFLOAT16.unit(total)
        return math.copysign(
            math.ldexp(math.floor(math.ldexp(abs(total), -unit) + 0.5), unit), total
        )

    def bounded(a: float, b: float) -> float:
        found = away(a, b)
        return (
            found
            if abs(found) <= BFLOAT16.largest or isnan(found)
            else math.copysign(math.inf, found)
        )

    found = results(bounded)
    assert digest(found) != RECORDED["add"]["all"]


@pytest.mark.parametrize("name", ["exp", "log"])
def test_exp_and_log_of_every_bfloat16_are_torchs(name: str) -> None:
    found = [bits_of(getattr(BFLOAT16, name)(bfloat16_of(bits))) for bits in range(65536)]
    assert digest(found) == RECORDED[name]["all"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_bfloat16_are_torchs_live(name: str) -> None:
    torch = pytest.importorskip("torch")
    oracle = pytest.importorskip("oracles.torch_arithmetic")
    assert torch.__version__
    assert results(getattr(BFLOAT16, name)) == oracle.results(name)


NUMPY = {"float16": np.float16, "float32": np.float32}


def random_numbers(dtype: type, seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of random bits, half of the pairs near one another."""
    draw = np.random.default_rng(seed)
    size = 8 * np.dtype(dtype).itemsize
    found = draw.integers(0, 2**size, size=shape, dtype=f"u{size // 8}").view(dtype)
    half = found[::2]
    half[:, 1] = half[:, 0] * draw.uniform(0.001, 1000, len(half)).astype(dtype)
    return found


@pytest.mark.parametrize("kind", [FLOAT16, FLOAT32], ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_100_000_operations_are_numpys_bit_for_bit(kind: Format, name: str) -> None:
    dtype = NUMPY[kind.name]
    pairs = random_numbers(dtype, 0, (100_000, 2))
    a, b = pairs[:, 0], pairs[:, 1]
    theirs = getattr(np, name)(a, b)
    ours = np.array(
        [getattr(kind, name)(x, y) for x, y in pairs.astype(np.float64).tolist()]
    ).astype(dtype)
    same = ours.view(f"u{dtype().itemsize}") == theirs.view(f"u{dtype().itemsize}")
    assert (same | (np.isnan(ours) & np.isnan(theirs))).all()


@pytest.mark.parametrize("name", ["exp", "log"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_exp_and_log_of_every_float16_are_within_one_unit_of_numpys(name: str) -> None:
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    theirs = getattr(np, name)(every).astype(np.float64)
    others = 0
    for x, value in zip(every.astype(np.float64).tolist(), theirs.tolist()):
        own = getattr(FLOAT16, name)(x)
        if own == value or (isnan(own) and isnan(value)):
            continue
        others += 1
        assert abs(own - value) <= 2.0 ** FLOAT16.unit(max(abs(own), abs(value)))
        # NumPy is not correctly rounded everywhere: there ours is the nearer one.
        with mp.workdps(40):
            right = getattr(mp, name)(mp.mpf(x))
            assert abs(own - right) < abs(value - right)
    assert others < 20


@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("name", ["exp", "log"])
def test_exp_and_log_are_the_nearest_numbers(kind: Format, name: str) -> None:
    draw = random.Random(1)
    high, low = kind.exp_limits()
    with mp.workdps(60):
        for _ in range(300):
            x = kind.rounded(
                draw.uniform(low, high) if name == "exp" else math.exp(draw.uniform(low, high))
            )
            found = getattr(kind, name)(x)
            if found == 0 or x == 0:
                continue
            right = getattr(mp, name)(mp.mpf(x))
            assert abs(found - right) <= mp.mpf(2) ** (kind.unit(found) - 1)


def test_in_doubt_digits_decide_as_the_short_way_does() -> None:
    draw = random.Random(2)
    for kind in (FLOAT16, BFLOAT16, FLOAT32):
        for _ in range(500):
            x = kind.rounded(draw.uniform(-20, 20))
            assert kind._decided(x, "exp") == kind.exp(x) or x == 0


def test_the_limits_of_exp() -> None:
    assert FLOAT16.exp_limits() == (11.0859375, -17.328125)
    assert BFLOAT16.exp_limits() == (88.5, -92.5)
    high, low = FLOAT32.exp_limits()
    assert f"{high:.7f}" == "88.7228317"
    assert f"{low:.3f}" == "-103.972"
    high, low = FLOAT64.exp_limits()
    assert repr(high) == "709.782712893384"
    assert f"{low:.4f}" == "-745.1332"


@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
def test_beyond_the_limits_exp_is_infinite_or_0(kind: Format) -> None:
    high, low = kind.exp_limits()
    assert isinf(kind.exp(kind._neighbour(high, 1)))
    assert not isinf(kind.exp(high))
    assert kind.exp(kind._neighbour(low, -1)) == 0
    assert kind.exp(low) == kind.smallest


@pytest.mark.parametrize(("kind", "code"), [(FLOAT16, "e"), (FLOAT32, "f")])
@given(x=finite)
def test_rounding_is_structs(kind: Format, code: str, x: float) -> None:
    try:
        packed = struct.unpack(f"<{code}", struct.pack(f"<{code}", x))[0]
    except OverflowError:
        packed = math.copysign(math.inf, x)
    assert kind.rounded(x) == packed
    assert math.copysign(1, kind.rounded(x)) == math.copysign(1, packed)


@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
@given(x=finite)
def test_rounding_again_changes_nothing(kind: Format, x: float) -> None:
    assert kind.rounded(kind.rounded(x)) == kind.rounded(x)


@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
def test_numbers_are_counted_in_order(kind: Format) -> None:
    assert kind.number(0) == 0
    assert kind.number(1) == kind.smallest
    assert kind.number(kind.finite - 1) == kind.largest
    draw = random.Random(3)
    for _ in range(200):
        index = draw.randrange(1, kind.finite)
        assert kind.number(index - 1) < kind.number(index)
        assert kind.rounded(kind.number(index)) == kind.number(index)
        assert kind.place(kind.number(index)) == index


def test_division_by_0_and_functions_of_the_odd() -> None:
    assert FLOAT16.divide(1, 0.0) == math.inf
    assert FLOAT16.divide(1, -0.0) == -math.inf
    assert isnan(FLOAT16.divide(0.0, 0.0))
    assert FLOAT64.exp(math.inf) == math.inf
    assert FLOAT64.exp(-math.inf) == 0
    assert isnan(FLOAT64.exp(math.nan))
    assert FLOAT64.log(0.0) == -math.inf
    assert isnan(FLOAT64.log(-1.0))
    assert isnan(FLOAT64.log(math.nan))
