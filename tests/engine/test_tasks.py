"""The tasks: each one's rule, looked for in what it draws; splits; tables from files."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlcalc.answers.network import load_line
from dlcalc.answers.shape import answer as shape_of
from dlcalc.engine.tasks.glyphs import font
from dlcalc.engine.tasks.index import TASKS, read_name
from dlcalc.engine.tasks.patterns import PATTERN
from dlcalc.engine.tasks.split import split
from dlcalc.engine.tasks.table import Table, parse_table, read_table, scaling
from dlcalc.engine.tasks.task import Task, find, generator
from dlcalc.errors import InputError, NotationError

EVERY = [find(name) for name in TASKS]
SIZED = [
    find(f"{name}-{number}")
    for name, entry in TASKS.items()
    if entry.size
    for number in (entry.size.low, min(entry.size.high, 2 * entry.size.default))
]
each = pytest.mark.parametrize("task", EVERY, ids=lambda task: task.name)
each_size = pytest.mark.parametrize("task", EVERY + SIZED, ids=lambda task: task.name)


@each_size
def test_examples_have_the_shape_the_task_tells(task: Task) -> None:
    data = task.data(samples=57)
    assert data.inputs.shape == (57, *task.sizes)
    assert data.inputs.dtype == np.float64
    assert len(task.data().inputs) == task.samples
    if task.kind == "numbers":
        assert data.targets.shape == (57, task.outputs)
        assert data.targets.dtype == np.float64
        assert not task.classes
        return
    steps = (task.sizes[0],) if task.kind == "sequence of classes" else ()
    assert data.targets.shape == (57, *steps)
    assert data.targets.dtype == np.int64
    assert set(np.unique(task.data().targets)) <= set(range(task.outputs))
    assert len(task.classes) == task.outputs


@each_size
def test_the_default_net_takes_the_inputs_and_gives_the_targets(task: Task) -> None:
    start, net = load_line(f"{task.input} {task.recipe.net}")
    made = [int(size) for size in str(shape_of(start, net).value).split("x")]
    steps = [task.sizes[0]] if task.kind == "sequence of classes" else []
    binary = task.recipe.loss == "binary-cross-entropy"
    assert made == [*steps, 1 if binary else task.outputs]
    assert not binary or task.outputs == 2
    assert (task.recipe.loss == "mse") == (task.kind == "numbers")


@each
def test_a_recipe_is_whole(task: Task) -> None:
    assert task.summary
    assert task.recipe.optimizer in {"gd", "adam"}
    assert 0 < task.recipe.rate < 1
    assert 0 <= task.recipe.batch <= task.samples
    assert task.recipe.epochs > 0
    assert 0 <= task.held_out < 1
    assert task.reached(task.reach)
    assert task.reached(0.0) == (task.metric == "rmse") == (not task.reached(2.0))


@each_size
def test_the_same_seed_draws_the_same_and_another_other(task: Task) -> None:
    first, again, other = (task.data(samples=500, noise=0.25, seed=seed) for seed in (3, 3, 4))
    assert first.inputs.tobytes() == again.inputs.tobytes()
    assert first.targets.tobytes() == again.targets.tobytes()
    assert first.inputs.tobytes() != other.inputs.tobytes()


def test_what_is_drawn_for_one_purpose_is_not_drawn_for_another() -> None:
    draws = [generator(0, "data"), generator(0, "split"), np.random.default_rng(0)]
    assert len({draw.normal(size=4).tobytes() for draw in draws}) == 3


@pytest.mark.parametrize(
    "name",
    ["blobs", "blobs-7", "moons", "circles", "spirals-3", "glyphs", "shifted-patterns", "recall"],
)
@pytest.mark.parametrize("samples", [60, 61, 67])
def test_classes_are_balanced(name: str, samples: int) -> None:
    task = find(name)
    counts = np.bincount(task.data(samples=samples).targets, minlength=task.outputs)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("name", [n for n in TASKS if n != "noisy-labels"])
def test_noise_moves_inputs_or_targets_and_nothing_else(name: str) -> None:
    task = find(name)
    exact, noisy = task.data(samples=300, noise=0.0), task.data(samples=300, noise=0.5)
    one, other = ("inputs", "targets")[:: 1 if task.noise_on == "inputs" else -1]
    assert np.array_equal(getattr(exact, other), getattr(noisy, other))
    moved = getattr(noisy, one) - getattr(exact, one)
    assert abs(moved.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * moved.size)
    assert abs(moved.mean()) < 4 * 0.5 / np.sqrt(moved.size)
    if task.noise_on == "targets":
        assert np.array_equal(exact.targets, exact.clean)
        assert np.array_equal(noisy.clean, exact.clean)


def test_logic_is_what_python_says() -> None:
    rules = {
        "and": lambda a, b: a and b,
        "or": lambda a, b: a or b,
        "nand": lambda a, b: 1 - (a and b),
        "xor": lambda a, b: a ^ b,
    }
    for name, rule in rules.items():
        data = find(name).data()
        assert data.inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
        assert data.targets.tolist() == [rule(a, b) for a, b in itertools.product((0, 1), (0, 1))]


@pytest.mark.parametrize("bits", [1, 3, 4, 6])
def test_parity_is_a_count_over_the_whole_table(bits: int) -> None:
    data = find(f"parity:{bits}").data()
    assert data.inputs.tolist() == [list(row) for row in itertools.product((0, 1), repeat=bits)]
    assert data.targets.tolist() == [row.count(1) % 2 for row in data.inputs.tolist()]


def test_less_than_a_table_is_drawn_and_more_repeats_it() -> None:
    some = find("parity-20").data(samples=100).inputs
    assert len(np.unique(some, axis=0)) == 100
    twice = find("xor").data(samples=8)
    assert twice.targets.tolist() == [0, 1, 1, 0] * 2


def test_blobs_lie_around_a_circle() -> None:
    data = find("blobs-5").data(noise=0.0)
    angle = 2 * np.pi * data.targets / 5
    assert np.allclose(data.inputs, 2 * np.stack([np.cos(angle), np.sin(angle)], 1), atol=1e-12)


def test_moons_are_two_half_circles() -> None:
    data = find("moons").data(noise=0.0)
    upper, lower = (data.inputs[data.targets == label] for label in (0, 1))
    assert np.allclose(np.hypot(*upper.T), 1)
    assert np.allclose(np.hypot(*(lower - [1, 0.5]).T), 1)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5
    # Each reaches into the other: neither a line x = 1/2 nor y = 1/4 parts them.
    assert upper[:, 0].max() > 0.9 and lower[:, 0].min() < 0.1


def test_circles_have_radius_one_and_a_half() -> None:
    data = find("circles").data(noise=0.0)
    assert np.allclose(np.hypot(*data.inputs.T), np.where(data.targets == 0, 1, 0.5))
    assert np.abs(data.inputs[data.targets == 1].mean(axis=0)).max() < 0.1


@pytest.mark.parametrize("arms", [2, 3])
def test_spirals_turn_as_they_grow(arms: int) -> None:
    data = find(f"spirals-{arms}").data(noise=0.0)
    radius = np.hypot(*data.inputs.T)
    turned = np.arctan2(data.inputs[:, 1], data.inputs[:, 0]) / (2 * np.pi) - 1.25 * radius
    off = (turned - data.targets / arms + 0.5) % 1 - 0.5
    assert np.abs(off).max() < 1e-12
    assert radius.min() >= 0.1 and radius.max() <= 1


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5])
def test_noisy_labels_are_wrong_as_often_as_told(noise: float) -> None:
    data = find("noisy-labels").data(noise=noise)
    assert data.clean is not None
    side = data.inputs[:, 1] - data.inputs[:, 0]
    assert np.array_equal(data.clean, side > 0)
    assert np.abs(side).min() >= 0.1
    for label in (0, 1):
        assert (data.targets != data.clean)[data.clean == label].mean() == noise
    assert data.targets.sum() == 250


def test_curves_are_those_functions() -> None:
    data = find("sine").data(noise=0.0)
    assert np.array_equal(data.targets, np.sin(data.inputs))
    assert -np.pi <= data.inputs.min() < -3 and 3 < data.inputs.max() <= np.pi
    data = find("line").data(noise=0.0)
    assert np.array_equal(data.targets, 2 * data.inputs - 1)


@pytest.mark.parametrize("features", [4, 20])
def test_few_weights_of_a_sparse_sum_are_not_zero(features: int) -> None:
    data = find(f"sparse-regression-{features}").data(noise=0.0)
    assert data.weights is not None
    assert np.count_nonzero(data.weights) == 3
    used = np.abs(data.weights[data.weights != 0])
    assert used.min() >= 1 and used.max() <= 3
    assert np.allclose(data.inputs @ data.weights, data.targets[:, 0], atol=1e-12)


def test_glyphs_are_the_font_at_every_position() -> None:
    data = find("glyphs").data(noise=0.0)
    letters, places = font(), set()
    assert len({letter.tobytes() for letter in letters}) == 10
    for image, label in zip(data.inputs[:, 0], data.targets):
        found = [
            (top, left)
            for top in range(6)
            for left in range(8)
            if np.array_equal(image[top : top + 7, left : left + 5], letters[label])
        ]
        assert len(found) == 1 and image.sum() == letters[label].sum()
        places.update(found)
    assert len(places) == 6 * 8


def test_a_pattern_occurs_where_it_is_told_to() -> None:
    data = find("shifted-patterns").data(noise=0.0)
    assert set(np.unique(data.inputs)) == {-1, 1}
    told = "".join("+" if value > 0 else "-" for value in PATTERN)
    lines = ["".join("+" if value > 0 else "-" for value in row[0]) for row in data.inputs]
    assert [told in line for line in lines] == (data.targets == 1).tolist()
    starts = {line.find(told) for line in lines} - {-1}
    assert starts == set(range(24 - len(told) + 1))


@pytest.mark.parametrize("delay", [0, 1, 3, 19])
def test_echo_tells_the_symbol_of_some_steps_ago(delay: int) -> None:
    data = find(f"echo-{delay}").data()
    symbols = data.inputs.argmax(axis=-1)
    assert np.array_equal(data.inputs.sum(axis=-1), np.ones((500, 20)))
    for step in range(20):
        expected = symbols[:, step - delay] if step >= delay else np.zeros(500)
        assert np.array_equal(data.targets[:, step], expected)


@pytest.mark.parametrize("length", [2, 5, 20])
def test_adding_sums_the_marked_numbers_one_of_each_half(length: int) -> None:
    data = find(f"adding-{length}").data()
    numbers, marks = data.inputs[..., 0], data.inputs[..., 1]
    assert np.array_equal(marks[:, : length // 2].sum(axis=1), np.ones(2_000))
    assert np.array_equal(marks[:, length // 2 :].sum(axis=1), np.ones(2_000))
    assert set(np.unique(marks)) <= {0, 1}
    assert np.allclose((numbers * marks).sum(axis=1), data.targets[:, 0], atol=1e-15)
    assert numbers.min() >= 0 and numbers.max() <= 1


@pytest.mark.parametrize("length", [1, 20, 40])
def test_recall_asks_for_the_first_symbol(length: int) -> None:
    data = find(f"recall-{length}").data()
    symbols = data.inputs.argmax(axis=-1)
    assert np.array_equal(symbols[:, 0], data.targets)
    # What follows is of other symbols and tells nothing.
    assert set(np.unique(symbols[:, 1:])) == (set() if length == 1 else {4, 5})


def test_sequence_parity_counts_the_ones_so_far() -> None:
    data = find("sequence-parity").data()
    for row, told in zip(data.inputs[..., 0].tolist(), data.targets.tolist()):
        assert told == [row[: step + 1].count(1) % 2 for step in range(len(row))]


def test_names_are_read_with_their_sizes() -> None:
    assert find("Parity:3").name == find("parity-3").name == find("parity_3").name == "parity-3"
    assert find("parity-3").summary == TASKS["parity"].summary
    assert read_name("sequence_parity") == ("sequence-parity", 12)
    assert read_name("sparse-regression-8") == ("sparse-regression", 8)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("mons", "Did you mean moons?"),
        ("", "The tasks are and, or"),
        ("xor-3", "Write xor alone"),
        ("parity:0", "1 to 20, not 0"),
        ("parity-21", "1 to 20, not 21"),
        ("parity-" + "9" * 5_000, "1 to 20, not 999"),
        ("parity-x", "Did you mean parity"),
        ("parity-", "Did you mean parity"),
        ("3", "The tasks are"),
    ],
)
def test_a_wrong_name_is_refused_with_a_mend(name: str, part: str) -> None:
    with pytest.raises(NotationError) as caught:
        find(name)
    assert part in caught.value.report()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("moons", {"samples": 0}),
        ("moons", {"samples": 10**9}),
        ("glyphs", {"samples": 10**6}),
        ("moons", {"noise": -0.1}),
        ("moons", {"noise": float("nan")}),
        ("moons", {"noise": float("inf")}),
        ("noisy-labels", {"noise": 0.6}),
        ("moons", {"seed": -1}),
    ],
)
def test_what_cannot_be_drawn_is_refused(name: str, settings: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        find(name).data(**settings)


def test_the_names_are_known_without_numpy() -> None:
    code = "import sys, dlcalc.engine.tasks.index; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    code = "import sys, dlcalc.engine.tasks.task; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 1


@pytest.mark.parametrize("part", [0.0, 0.1, 0.3, 0.5, 0.9])
def test_a_split_parts_every_example_once_and_every_class_alike(part: float) -> None:
    classes = np.random.default_rng(0).permutation([0] * 50 + [1] * 33 + [2] * 17)
    for targets in (classes, classes[:, None] / 2, np.stack([classes, classes], axis=1)):
        training, held_out = split(targets, part, seed=5)
        assert held_out.size == round(100 * part)
        assert sorted([*training, *held_out]) == list(range(100))
    training, held_out = split(classes, part, seed=5)
    held = np.bincount(classes[held_out], minlength=3)
    assert np.abs(held - np.array([50, 33, 17]) * part).max() < 1


def test_a_split_follows_its_seed_and_is_shuffled() -> None:
    targets = np.arange(60) % 3
    first, again, other = (split(targets, 0.25, seed) for seed in (1, 1, 2))
    assert first.training.tobytes() == again.training.tobytes()
    assert first.held_out.tobytes() == again.held_out.tobytes()
    assert set(first.held_out) != set(other.held_out)
    assert first.training.tolist() != sorted(first.training)
    assert first.held_out.tolist() != sorted(first.held_out)


def test_a_class_of_one_stays_to_be_trained_on() -> None:
    for seed in range(20):
        training, _ = split(np.array([0] * 9 + [1]), 0.5, seed)
        assert 9 in training


@pytest.mark.parametrize(
    ("count", "part"), [(4, 0.1), (4, 0.9), (1, 0.5), (10, 1.0), (10, -0.1), (10, float("nan"))]
)
def test_a_split_with_an_empty_side_is_refused(count: int, part: float) -> None:
    with pytest.raises(InputError):
        split(np.zeros(count, int), part)


FRUIT = 'size,colour,sort\n1.5,red,"plum, blue"\n-2e1,green,pear\n.5,red,pear\n'


def test_a_table_of_numbers_and_categories() -> None:
    table = parse_table(FRUIT, "sort")
    assert table.features == ("size", "colour=green", "colour=red")
    assert table.data.inputs.tolist() == [[1.5, 0, 1], [-20, 1, 0], [0.5, 0, 1]]
    assert table.measured.tolist() == [True, False, False]
    assert table.classes == ("pear", "plum, blue")
    assert table.data.targets.tolist() == [1, 0, 0]
    assert (table.target, table.kind, table.header) == ("sort", "classes", True)


@pytest.mark.parametrize("target", ["sort", "2", "-1"])
@pytest.mark.parametrize(
    "text", [FRUIT, FRUIT.replace("\n", "\r\n"), FRUIT.replace("\n", "\r"), "\ufeff" + FRUIT]
)
def test_a_file_by_name_and_by_number(tmp_path: Path, text: str, target: str) -> None:
    file = tmp_path / "fruit.csv"
    file.write_bytes((text + "\n\n").encode())
    assert_same(read_table(str(file), target), parse_table(FRUIT, "sort"))


def assert_same(found: Table, expected: Table) -> None:
    assert found.features == expected.features
    assert found.classes == expected.classes
    assert np.array_equal(found.data.inputs, expected.data.inputs)
    assert np.array_equal(found.data.targets, expected.data.targets)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a,b\n1,2\n3,4\n", True),
        ("1,2\n3,4\n", False),
        ("1,x\n2,y\n", False),
        ("size,sort\n1,x\n2,y\n", True),
        ("x,1\ny,2\n", False),
        ("colour,sort\nred,a\nred,b\nblue,a\n", True),
        ("red,a\nred,b\nblue,a\n", False),
    ],
)
def test_a_header_is_found_out(text: str, header: bool) -> None:
    table = parse_table(text, "1")
    assert table.header == header
    assert len(table.data.inputs) == text.count("\n") - header


def test_a_header_may_be_told() -> None:
    assert parse_table("2019,2020\n1,2\n3,4\n", "2020", header=True).data.targets.size == 2
    assert parse_table("a,b\nc,d\n", "1", header=False).classes == ("b", "d")


def test_numbers_are_classes_if_they_are_few_and_whole() -> None:
    few = "".join(f"{row},{row % 3}\n" for row in range(9))
    table = parse_table(few, "1")
    assert (table.kind, table.classes) == ("classes", ("0", "1", "2"))
    assert table.data.targets.tolist() == [0, 1, 2] * 3
    numbers = parse_table(few, "1", kind="numbers")
    assert (numbers.kind, numbers.classes) == ("numbers", ())
    assert numbers.data.targets.tolist() == [[float(row % 3)] for row in range(9)]
    assert parse_table(few, "0").kind == "numbers"
    assert parse_table(few, "0", kind="classes").classes == tuple(str(row) for row in range(9))
    assert parse_table("1,0.5\n2,1.5\n3,0.5\n4,1.5\n", "1").kind == "numbers"


def test_numbered_classes_are_in_the_order_of_numbers() -> None:
    table = parse_table("".join(f"{row},{label}\n" for row, label in enumerate([10, 9] * 2)), "1")
    assert table.classes == ("9", "10")


def test_a_quoted_field_may_hold_a_line_break_and_lines_still_count() -> None:
    text = 'a,b\n"x\ny",1\nz,2\n'
    assert parse_table(text, "b").features == ("a=x\ny", "a=z")
    with pytest.raises(InputError, match=r"^the table:5: 1 column, but line 1 has 2$"):
        parse_table(text + "w\n", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "the table:3: 1 column, but line 1 has 2"),
        ("a,b\n1,2\n\n3,4,5\n", "the table:4: 3 columns, but line 1 has 2"),
        ("a,b\n1,2\n,4\n", "the table:3: a is missing"),
        ("a,b\n1,2\n3, \n", "the table:3: b is missing"),
        ("a,b\n1,2\nNaN,4\n", "the table:3: a is missing: 'NaN'"),
        ("1,2\n3,?\n", "the table:2: column 1 is missing: '?'"),
        ("a,b\n1,2\n3,4\nx,6\n", "the table:4: x is not a number, unlike others of a"),
        ("a,b\nx,2\ny,4\n7,6\n", "the table:4: 7 is a number, unlike others of a"),
        ("1,2\nx,3\n4,5\n", "the table:2: x is not a number, unlike others of column 0"),
        ("a,b\n1,2\ninf,4\n5,6\n", "the table:3: inf is not a number, unlike others of a"),
        ("a,b\n1,2\n1_0,4\n5,6\n", "the table:3: 1_0 is not a number, unlike others of a"),
        ("a,b\n1,2\n1e999,4\n", "the table:3: 1e999 is too large a number"),
        ('a,b\n1,2\n"3,4\n5,6\n', "the table:3: unexpected end of data"),
        ('a,b\n1,2\n"3"x,4\n', "the table:3: ',' expected after '\"'"),
        ("a;b\n1;2\n", "the table:1: the columns are parted by ';'"),
        ("", "the table is empty"),
        ("\n \n", "the table is empty"),
        ("a,b\n", "the table has a header and no rows"),
        ("b\n1\n2\n", "the table has no column but the target"),
        ("a,c\n1,2\n3,4\n", "the table has no column b"),
        ("1,2\n3,4\n", "the table has no header"),
        ("b,b,c\n1,2,3\n", "the table has 2 columns b"),
        ("a,b\n1,x\n2,x\n", "b of the table is always x"),
    ],
)
def test_a_bad_table_is_refused_by_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_table(text, "b")
    assert caught.value.rule == message


def test_a_target_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="no column srot") as caught:
        parse_table(FRUIT, "srot")
    assert caught.value.mend == "Did you mean sort?"
    with pytest.raises(InputError, match="3 columns, and none of number 3"):
        parse_table(FRUIT, "3")
    with pytest.raises(InputError, match="holds words"):
        parse_table(FRUIT, "sort", kind="numbers")


def test_a_table_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "a,b\n" + "".join(f"word{row},{row}\n" for row in range(101))
    with pytest.raises(InputError, match="a of the table has 101 different values"):
        parse_table(words, "b")
    with pytest.raises(InputError, match="a of the table has 101 different values"):
        parse_table(words, "a")
    with pytest.raises(InputError, match="10,001 columns"):
        parse_table(",".join(["1"] * 10_001), "0")
    monkeypatch.setattr("dlcalc.engine.tasks.table.MAX_BYTES", 100)
    monkeypatch.setattr("dlcalc.csv_rows.MAX_CELLS", 9)
    file = tmp_path / "long.csv"
    file.write_text(words)
    with pytest.raises(InputError, match="larger than 100 bytes"):
        read_table(str(file), "b")
    with pytest.raises(InputError, match="the table:5: more than 9 values"):
        parse_table("1,2\n" * 5, "0")
    monkeypatch.setattr("dlcalc.engine.tasks.table.MAX_NUMBERS", 5)
    with pytest.raises(InputError, match="more than 5 numbers"):
        parse_table("a,1\nb,2\nc,3\n", "1")


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"a,b\n1,\xff\n", ":2: byte 0xff"), (b"a,b\n1,\0\n", "NUL"), (None, "cannot read")],
)
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, data: bytes | None, message: str
) -> None:
    file = tmp_path / "data.csv"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_table(str(file), "b")


def test_scaling_looks_at_the_training_part_alone() -> None:
    training = np.array([[1.0, 7.0, 0.0], [3.0, 7.0, 1.0]])
    scale = scaling(training, np.array([True, True, False]))
    assert scale.mean.tolist() == [2, 7, 0]
    assert scale.deviation.tolist() == [1, 1, 1]
    assert scale(np.array([[5.0, 8.0, 1.0]])).tolist() == [[3, 1, 1]]
    values = np.random.default_rng(0).normal(3, 5, (40, 3))
    scaled = scaling(values)(values)
    assert np.allclose(scaled.mean(axis=0), 0) and np.allclose(scaled.std(axis=0), 1)
    assert np.allclose(scaling(values).back(scaled), values)


def test_scaling_of_what_does_not_vary_or_is_too_large() -> None:
    # 0.1 three times has a mean that is not 0.1, and so a deviation that is not 0.
    assert scaling(np.full((3, 1), 0.1))(np.full((1, 1), 0.1)).tolist() == [[0]]
    with pytest.raises(InputError, match="too large"):
        scaling(np.array([[1e300], [-1e300]]))
