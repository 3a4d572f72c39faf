"""Normalisation as an answer: PyTorch and scikit-learn, the notes' claims, the way back."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import norms as oracle

from dlcalc.answers.norm import norm
from dlcalc.answers.norm_frame import METHODS, frame
from dlcalc.answers.norm_result import NormResult, nested
from dlcalc.errors import InputError
from dlcalc.result import flat


def asked(row: dict[str, Any], **more: Any) -> NormResult:
    data = nested(row["data"], tuple(row["sizes"]))
    cotangent = nested(row["cotangent"], tuple(row["sizes"]))
    return norm(row["method"], data, backward=cotangent, **row["options"], **more)


def assert_close(ours: Any, theirs: Any, bound: float = 1e-12) -> None:
    ours, theirs = list(flat(ours) if isinstance(ours, tuple) else ours), list(theirs)
    size = max(1.0, *map(abs, theirs))
    assert len(ours) == len(theirs)
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= bound * size


ROWS = oracle.read()
IDS = [f"{row['method']} {'x'.join(map(str, row['sizes']))}" for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_each_is_that_of_torch_and_scikit_learn(row: dict[str, Any]) -> None:
    result, answer = asked(row, verify=True), row["answer"]
    assert result.failure == ""
    assert_close(result.work.output, answer["output"])
    assert result.gradient is not None
    assert_close(result.gradient.by_data, answer["x"])
    if "gamma" in answer:
        assert_close(result.gradient.by_gamma, answer["gamma"])
    if "beta" in answer:
        assert_close(result.gradient.by_beta, answer["beta"])
    if "running_mean" in answer:
        assert_close([each.running_mean for each in result.running], answer["running_mean"])
        assert_close([each.running_variance for each in result.running], answer["running_var"])
    if "scaler" in answer:
        assert_close(result.work.output, answer["scaler"])
    json.loads(result.json(), parse_constant=lambda name: pytest.fail(name))


def test_the_table_is_that_of_the_frameworks_that_are_here() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    assert [row["data"] for row in oracle.draws()] == [row["data"] for row in ROWS]
    for row in ROWS:
        for name, values in oracle.answered(row).items():
            assert_close(values, row["answer"][name])


def test_another_divisor_would_be_seen() -> None:
    row = next(row for row in ROWS if row["method"] == "zscore" and "ddof" in row["options"])
    with pytest.raises(AssertionError):
        assert_close(norm("zscore", nested(row["data"], (6, 3))).value, row["answer"]["output"])


# The claims of the notes.


def test_zscore_has_sample_deviation_1() -> None:
    """Over n - 1; with NumPy's default of n the same numbers have sqrt(9/10)."""
    rng = random.Random(0)
    result = norm("zscore", [rng.gauss(5, 3) for _ in range(10)])
    again = norm("zscore", list(result.value), ddof=0)  # type: ignore[call-overload]
    sample = norm("zscore", list(result.value))  # type: ignore[call-overload]
    assert sample.work.statistics["std"][0] == pytest.approx(1.0)
    assert again.work.statistics["std"][0] == pytest.approx(math.sqrt(0.9))
    assert "n - 1" in result.plain() and "StandardScaler" in result.plain()


def test_minmax_ends_are_exact_and_others_lie_beyond() -> None:
    result = norm("minmax", [3.1, 9.7, 12.3])
    assert result.value[0] == 0.0 and result.value[-1] == 1.0  # type: ignore[index]
    beyond = norm("minmax", [20], statistics={"min": [3.1], "max": [12.3]})
    assert beyond.value == pytest.approx(((20 - 3.1) / 9.2,))


def test_which_values_share_a_mean() -> None:
    """Dense: N values a feature. Convolutional: R x L x N values a channel."""
    assert frame("batch", (8, 3)).counted == "N = 8 values"
    conv = frame("batch", (8, 3, 5, 7))
    assert conv.counted == "N x H x W = 8*5*7 = 280 values" and conv.cut.number == 3
    data = nested([float(i * i % 17) for i in range(840)], (8, 3, 5, 7))
    assert "R x L x N" in norm("batch", data).plain()
    assert frame("layer", (8, 3, 5, 7)).counted == "C x H x W = 3*5*7 = 105 values"
    assert frame("group", (8, 6, 5, 7), groups=2).counted == "C/G x H x W = 3*5*7 = 105 values"
    assert frame("instance", (8, 3, 5, 7)).counted == "H x W = 5*7 = 35 values"


def test_two_moments_are_set_and_the_shape_stays() -> None:
    """An exponential sample keeps its skew of 2: mean 0 and variance 1 are not normality."""
    rng = random.Random(1)
    data = [rng.expovariate(1) for _ in range(20_000)]

    def skew(values: Any) -> float:
        mean = math.fsum(values) / len(values)
        second, third = (math.fsum((v - mean) ** k for v in values) / len(values) for k in (2, 3))
        return third / second**1.5

    result = norm("batch", data)
    assert skew(result.value) == pytest.approx(skew(data), rel=1e-6)
    assert skew(data) == pytest.approx(2, abs=0.2)


def test_a_batch_of_one_without_epsilon_is_0_over_0() -> None:
    assert norm("batch", [[5.0, 3.0]]).value == ((0.0, 0.0),)
    assert "PyTorch refuses" in norm("batch", [[5.0, 3.0]]).plain()
    with pytest.raises(InputError, match="without epsilon 0/0 is no number"):
        norm("batch", [[5.0, 3.0]], eps=0)


def test_gamma_and_beta_undo_it() -> None:
    """Gamma = sqrt(var + eps) and beta = mean give the data back."""
    data = [[1.0, 2.0], [3.0, 7.0], [4.0, 9.0]]
    plain = norm("batch", data)
    again = norm("batch", data, gamma=plain.work.divisor, beta=plain.work.statistics["mean"])
    assert_close(again.value, flat(tuple(map(tuple, data))))
    assert norm("batch", data, gamma=[2, 3], backward="ones").gradient is not None


def test_a_scale_before_it_changes_nothing() -> None:
    data = [1.0, 2.0, 4.0, 8.0]
    one = norm("batch", data, eps=0)
    other = norm("batch", [5 * value + 3 for value in data], eps=0)
    assert_close(other.value, one.value)


def test_a_constant_cotangent_comes_to_nothing() -> None:
    """The bias before a batch normalisation is of no use: its gradient is 0."""
    result = norm("batch", [[1.0, 2.0], [3.0, 7.0], [4.0, 9.0]], backward="ones")
    assert max(map(abs, flat(result.value))) < 1e-15


def test_running_averages_over_batches() -> None:
    batches = [[[1.0], [3.0]], [[2.0], [6.0]]]
    result = norm("batch", *batches, momentum=0.1, verify=True)
    assert result.failure == ""
    first, second = result.running
    assert (first.running_mean, first.running_variance) == pytest.approx((0.2, 0.9 + 0.1 * 2))
    assert second.running_mean == pytest.approx(0.9 * 0.2 + 0.1 * 4)
    assert second.running_variance == pytest.approx(0.9 * 1.1 + 0.1 * 8)
    cut = norm("batch", [[1.0], [3.0], [2.0], [6.0]], batch_size=2)
    assert cut.running == result.running
    text = result.plain()
    assert "(1 - 0.1)*running + 0.1*batch" in text and "over n - 1" in text


def test_constant_columns_are_named() -> None:
    result = norm("zscore", [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    assert result.value == ((-1.0, 0.0), (0.0, 0.0), (1.0, 0.0))
    assert "feature 2 is 5 throughout: 0/0 is taken for 0" in result.plain()
    assert result.document()["constant"] == ["feature 2"]
    assert norm("minmax", [[0.1], [0.1], [0.1]]).value == ((0.0,), (0.0,), (0.0,))
    for method in ("zscore", "minmax"):
        with pytest.raises(InputError, match="feature 2 is constant"):
            norm(method, [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]], backward="ones")
    zeros = norm("l2", [[3.0, 4.0], [0.0, 0.0]])
    assert zeros.value == ((0.6, 0.8), (0.0, 0.0)) and "example 2" in zeros.plain()


def test_names_of_columns_are_taken(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("size,age\n1,40\n2,40\n3,40\n", encoding="utf-8")
    assert "constant  age is 40 throughout" in norm("zscore", str(table)).plain()
    table.write_text("size,age\n1,40\n2\n", encoding="utf-8")
    with pytest.raises(InputError, match=":3: the row has 1 numbers"):
        norm("zscore", str(table))


def test_npy_files_are_read(tmp_path: Path) -> None:
    import numpy as np

    data = np.random.default_rng(0).normal(size=(4, 3, 2, 2))
    np.save(tmp_path / "x.npy", data)
    ours = norm("batch", str(tmp_path / "x.npy"), verify=True)
    assert ours.failure == "" and ours.sizes == (4, 3, 2, 2)


# Properties.

NUMBERS = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))
SHAPES = st.sampled_from([(4,), (3, 2), (2, 4), (2, 2, 3), (2, 4, 2, 2)])


@settings(max_examples=150)
@given(st.data(), st.sampled_from(list(METHODS)), SHAPES)
def test_the_inverse_returns_the_data(draw: Any, method: str, sizes: tuple[int, ...]) -> None:
    count = math.prod(sizes)
    values = draw.draw(st.lists(NUMBERS, min_size=count, max_size=count))
    options: dict[str, Any] = {"groups": 2} if method == "group" else {}
    if method == "instance" and len(sizes) < 3:
        return
    if "gamma" in METHODS[method].trains:
        options["gamma"] = [2.5]
    if "beta" in METHODS[method].trains:
        options["beta"] = [-0.3]
    there = norm(method, nested(values, sizes), verify=True, **options)
    assert there.failure == ""
    back = norm(method, there.value, statistics=there.work.statistics, inverse=True, **options)
    # A number lost beside an epsilon or a mean is lost; the largest of its group is the measure.
    assert_close(back.value, values, 1e-11)


@settings(max_examples=100)
@given(st.data(), st.sampled_from(["batch", "layer", "group", "instance", "zscore", "rms", "l2"]))
def test_moments_of_what_comes_out(draw: Any, method: str) -> None:
    sizes = (3, 4, 2)
    values = draw.draw(st.lists(NUMBERS, min_size=24, max_size=24))
    options = {"groups": 2} if method == "group" else {}
    result = norm(method, nested(values, sizes), **options)
    cut = result.work.frame.cut
    for index, group in enumerate(cut.groups(result.work.output)):
        size = result.work.divisor[index]
        if (result.work.constant and index in result.work.constant) or size < 1:
            continue
        if method in ("rms", "l2"):
            mean_square = math.fsum(v * v for v in group) / len(group)
            expected = 1.0 if method == "rms" else 1 / len(group)
            assert mean_square == pytest.approx(expected, rel=1e-4)
            continue
        assert math.fsum(group) == pytest.approx(0, abs=1e-9)
        spread = math.fsum(v * v for v in group) / (len(group) - result.settings.ddof)
        assert spread == pytest.approx(1, rel=1e-4)


def test_given_statistics_normalise_other_data() -> None:
    """As batch normalisation does while evaluating."""
    result = norm(
        "batch",
        [[1.0, 2.0]],
        gamma=[2, 1],
        beta=[0, 1],
        statistics={"mean": "0.5,1", "var": "4,9"},
        backward="ones",
        verify=True,
    )
    assert result.failure == ""
    assert result.work.output == pytest.approx([1 / math.sqrt(4 + 1e-5), 1 + 1 / 3], rel=1e-5)
    assert result.value[0] == pytest.approx((1.0, 1 / 3), rel=1e-5)  # type: ignore[index]
    assert result.running == []
    for method, given_, data in (
        ("rms", {"rms": "2,4"}, [[1.0, 2.0], [4.0, 2.0]]),
        ("l2", {"norm": "2,4"}, [[1.0, 2.0], [4.0, 2.0]]),
        ("zscore", {"mean": "2,4", "std": "1"}, [[1.0, 2.0], [4.0, 2.0]]),
        ("minmax", {"min": "2,4", "max": "9"}, [[1.0, 2.0], [4.0, 2.0]]),
        ("layer", {"mean": "2,4", "var": "9"}, [[1.0, 2.0], [4.0, 2.0]]),
    ):
        told = norm(method, data, statistics=given_, backward="ones", verify=True)
        assert told.failure == "" and "as given" in told.plain()


def test_a_wrong_value_is_found_by_the_second_route() -> None:
    for method in ("batch", "zscore"):
        result = norm(method, [1.0, 2.0, 4.0], backward="ones")
        result.work.output[0] += 1e-6
        assert result.gradient is not None
        result.gradient.by_data[1] += 1e-6
        result.verify()
        assert "the values" in result.failure and "the gradients" in result.failure
        assert "the way back" in result.failure


def test_where_arrays_would_overflow_it_is_said() -> None:
    result = norm("zscore", [1e300, -1e300], verify=True)
    assert result.failure == "" and "not reached" in result.plain()
    assert_close(result.value, [0.5**0.5, -(0.5**0.5)])
    with pytest.raises(InputError, match="what went in is beyond float64"):
        norm("rms", [1e308], statistics={"rms": [10]}, inverse=True)


@pytest.mark.parametrize("method", ["zscore", "batch", "layer", "minmax"])
@pytest.mark.parametrize("value", [85.672, 123456.789, 1e9 + 0.1])
def test_what_is_constant_is_so_by_the_second_route_too(method: str, value: float) -> None:
    """Plain sums of floats give a mean that is not the value, over a divisor of nearly 0."""
    result = norm(method, [[value, value, value]] * 3, verify=True)
    assert result.failure == "" and set(flat(result.value)) == {0.0}


def test_what_sums_of_floats_lose_is_said() -> None:
    result = norm("zscore", [1e9, 1e9 + 1e-6, 1e9 + 2e-6], verify=True)
    assert result.failure == "" and "lose their differences" in result.plain()
    near = norm("zscore", [1e6, 1e6 + 0.1, 1e6 + 0.2], verify=True)
    assert near.failure == "" and "values by NumPy" in near.plain()


def test_large_and_small_numbers() -> None:
    assert_close(norm("zscore", [1e300, 2e300, 3e300]).value, [-1, 0, 1])
    assert_close(norm("zscore", [1e-300, 2e-300, 3e-300]).value, [-1, 0, 1])
    assert_close(norm("l2", [3e200, 4e200]).value, [0.6, 0.8])
    with pytest.raises(InputError, match="beyond float64"):
        norm("minmax", [-1.7e308, 1.7e308])
    with pytest.raises(InputError, match="variance is beyond float64"):
        norm("batch", [1e300, -1e300])
    with pytest.raises(InputError, match="so close together"):
        norm("batch", [1e-300, 2e-300], eps=0)


@pytest.mark.parametrize(
    ("method", "data", "options", "rule"),
    [
        ("zscor", "1,2", {}, "zscor is not a normalisation"),
        ("zscore", "", {}, "the data is empty"),
        ("zscore", [], {}, "the data is empty"),
        ("zscore", "[]", {}, "an empty row"),
        ("zscore", "1,nan", {}, "number 2 is nan"),
        ("batch", "[[1,inf]]", {}, "number 2 is inf"),
        ("batch", "[[1,2],[3]]", {}, "a row has 1, the one before it 2"),
        ("batch", [[1.0, 2.0], [3.0]], {}, "rows of several lengths"),
        ("zscore", "5", {}, "one value has no sample standard deviation"),
        ("instance", "[[1,2],[3,4]]", {}, "over the positions of a channel"),
        ("group", "[[1,2,3]]", {}, "group normalisation takes --groups"),
        ("group", "[[1,2,3]]", {"groups": 2}, "2 groups do not divide 3 features"),
        ("batch", "1,2", {"groups": 2}, "--groups is of group alone"),
        ("batch", "1,2", {"last": 1}, "--last is of layer and rms"),
        ("layer", "[[1,2]]", {"last": 2}, "--last 2: behind the examples the data has 1 axes"),
        ("zscore", "1,2", {"eps": 1}, "zscore has no --eps"),
        ("rms", "1,2", {"beta": "1"}, "rms has no --beta"),
        ("batch", "1,2", {"ends": "0,1"}, "batch has no --range"),
        ("minmax", "1,2", {"ends": "1,0"}, "--range is two numbers, the lower first"),
        ("batch", "1,2", {"eps": -1}, "--eps must be finite and at least 0"),
        ("batch", "1,2", {"momentum": 2}, "--momentum must be 0 to 1"),
        ("zscore", "1,2", {"ddof": 2}, "--ddof is 0 for n or 1 for n - 1"),
        ("batch", "[[1,2],[3,4]]", {"gamma": "1,2,3"}, "--gamma has 3 numbers, but 2 are"),
        ("batch", "1,2", {"inverse": True}, "--inverse needs the statistics"),
        ("batch", "1,2", {"statistics": {"std": "1"}}, "batch has no statistic std"),
        ("batch", "1,2", {"statistics": {"mean": "1"}}, "--var is missing beside --mean"),
        ("batch", "1,2", {"statistics": {"mean": "1", "var": "-1"}}, "never negative"),
        ("batch", "1,2", {"statistics": {"mean": "1,2", "var": "1"}}, "has 2 numbers, but"),
        ("zscore", "1,2", {"statistics": {"mean": "1", "std": "0"}}, "given divide by 0"),
        ("minmax", "1,2", {"statistics": {"min": "2", "max": "1"}}, "--min is above --max"),
        ("batch", "1,2", {"backward": "1,2,3"}, "--backward is 3, but the data is 2"),
        ("batch", "[[[[[[1]]]]]]", {}, "the data has 6 axes"),
    ],
)
def test_refusals(method: str, data: Any, options: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError) as refused:
        norm(method, data, **options)
    assert rule in refused.value.rule


def test_several_data_are_batches_of_batch_alone() -> None:
    with pytest.raises(InputError, match="zscore takes one word of data"):
        norm("zscore", [1.0, 2.0], [3.0, 4.0])
    with pytest.raises(InputError, match="a batch of 1 x 3 does not follow one of 1 x 2"):
        norm("batch", [[1.0, 2.0]], [[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="not through its inverse"):
        norm("batch", [1.0], statistics={"mean": "0", "var": "1"}, inverse=True, backward="ones")
    with pytest.raises(InputError, match="a gamma of 0"):
        norm("batch", [1.0], statistics={"mean": "0", "var": "1"}, inverse=True, gamma=[0])


def test_large_data_is_told_in_part() -> None:
    data = nested([float(i % 13) for i in range(20 * 30 * 4)], (20, 30, 4))
    text = norm("layer", data).plain()
    assert "the first 12 of 600 rows" in text and "and 8 more; --json has all" in text
    assert max(map(len, text.splitlines())) <= 80
