"""Index equations: read, evaluated, and bounded."""

from __future__ import annotations

import numpy as np
import pytest

from dlcalc.symbolic.network.index import AT, Evaluator, at, read


def run(target: str, text: str, sizes: tuple[int, ...], **arrays: object) -> np.ndarray:
    evaluator = Evaluator({name: np.asarray(array) for name, array in arrays.items()})
    return evaluator.run(target, text, sizes, {})


def test_a_matrix_product() -> None:
    w, x = np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0, 2.0])
    found = run("z[2,j]", "sum_{k}(w[2,j,k]*a[1,k])", (2,), W2=w, a1=x)
    np.testing.assert_array_equal(found, w @ x)


def test_a_convolution_by_loops() -> None:
    random = np.random.default_rng(0)
    x, w = random.normal(size=(2, 7)), random.normal(size=(3, 2, 3))
    text = "sum_{c,u}(w[2,o,c,u]*a[1,c,2*i + u - 1])"
    found = run("z[2,o,i]", text, (3, 4), W2=w, a1=x)
    for o in range(3):
        for i in range(4):
            total = 0.0
            for c in range(2):
                for u in range(3):
                    place = 2 * i + u - 1
                    total += w[o, c, u] * (x[c, place] if 0 <= place < 7 else 0.0)
            assert found[o, i] == pytest.approx(total)


def test_a_sum_counts_an_index_that_a_factor_does_not_have() -> None:
    assert run("E", "sum_{j}(y[j] + 1)", (), y=[1.0, 2.0]) == 5.0
    assert run("E", "sum_{j}(y[j])*sum_{j}(2)", (), y=[1.0, 2.0, 3.0]) == 36.0


def test_the_code_of_at_is_at() -> None:
    space: dict[str, object] = {"np": np}
    exec(AT, space)
    x = np.arange(12.0).reshape(3, 4)
    places = np.array([-1, 0, 0.5, 1, 2, 3])[:, None], np.array([0, 3, 4, -2, 1.5])[None]
    np.testing.assert_array_equal(space["at"](x, *places), at(x, *places))  # type: ignore[operator]
    assert at(x, *places)[4, 1] == x[2, 3]


def test_a_target_of_a_gradient() -> None:
    reading = read("dE/dwx[2,j,k]", "sum_{t}(delta[2,t,j]*a[1,t,k])")
    assert (reading.name, reading.free) == ("dWx2", ("j", "k"))


def test_what_is_too_large_is_not_worked_out() -> None:
    big = np.zeros((5_000, 1))
    with pytest.raises(OverflowError):
        run("z[2,j,k]", "a[1,j,0]*a[1,k,0]", (5_000, 5_000), a1=big)
