"""Memory in bytes: by type, optimiser and batch, and the peak against a simulated machine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, pairwise
from math import ceil, prod
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlcalc.answers.memory import DTYPES, OPTIMIZERS, Memory, peak, size_in_bytes
from dlcalc.answers.network import load_line
from dlcalc.answers.params import params
from dlcalc.errors import InputError
from dlcalc.layers.size import evaluate
from dlcalc.nets.trace import Step, trace

# Bytes of one number.
BYTES = {
    "float64": 8.0,
    "float32": 4.0,
    "float16": 2.0,
    "bfloat16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": 0.5,
}
# 3x8x8 conv:4,k3 bn flatten dense:10: 112 + 8 + 1,450 trained, 9 kept.
NET = "3x8x8 conv:4,k3 bn flatten dense:10"
TRAINED, KEPT = 112 + 8 + 1_450, 9
OUTPUTS = 192 + 144 + 144 + 144 + 10


def asked(net: str, **options: object) -> Memory:
    return params(net, **options).memory  # type: ignore[arg-type]


# --- types and optimisers ---------------------------------------------------------


@pytest.mark.parametrize("dtype", BYTES)
def test_bytes_by_type(dtype: str) -> None:
    held = asked(NET, dtype=dtype)
    assert held.parameters == ceil(TRAINED * BYTES[dtype])
    assert held.buffers == ceil(KEPT * BYTES[dtype])
    assert held.inference_activations == ceil((192 + 144) * BYTES[dtype])
    assert held.inference == held.parameters + held.buffers + held.inference_activations
    assert held.gradients == held.optimizer_state == held.master_copy == held.activations == 0
    assert set(DTYPES) == set(BYTES)


@pytest.mark.parametrize(("values", "expected"), [(0, 0), (1, 1), (2, 1), (3, 2), (1_001, 501)])
def test_half_bytes_are_rounded_up(values: int, expected: int) -> None:
    assert size_in_bytes(values, 4) == expected
    if values:
        assert asked(f"{values} dense:1,bias=no", dtype="int4").parameters == expected


def test_half_bytes_of_unknown_sizes() -> None:
    weights = asked("C dense:3,bias=no", dtype="int4").parameters
    assert [evaluate(weights, {"C": c}) for c in (1, 2, 3)] == [2, 3, 5]


# Bytes a parameter: weight, gradient, state of each optimiser's number, master copy.
TRAINING = {
    "float64": (8, 8, 8, 0),
    "float32": (4, 4, 4, 0),
    "float16": (2, 2, 4, 4),
    "bfloat16": (2, 2, 4, 4),
    "fp8": (1, 2, 4, 4),
}
STATES = {
    "sgd": 0,
    "momentum": 1,
    "nesterov": 1,
    "adagrad": 1,
    "rmsprop": 1,
    "adadelta": 2,
    "adam": 2,
    "adamw": 2,
}


@pytest.mark.parametrize("dtype", TRAINING)
@pytest.mark.parametrize("optimizer", STATES)
def test_bytes_to_train(dtype: str, optimizer: str) -> None:
    held = asked(NET, dtype=dtype, optimizer=optimizer)
    weight, gradient, state, master = TRAINING[dtype]
    assert held.parameters == TRAINED * weight
    assert held.gradients == TRAINED * gradient
    assert held.optimizer_state == TRAINED * state * STATES[optimizer]
    assert held.master_copy == TRAINED * master
    assert held.activations == OUTPUTS * weight
    each = weight + gradient + state * STATES[optimizer] + master
    assert held.training == TRAINED * each + KEPT * weight + OUTPUTS * weight
    assert set(OPTIMIZERS) == set(STATES)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_sixteen_bytes_a_parameter_for_adam(dtype: str) -> None:
    """ZeRO, section 3: 2 + 2 for the halves, 12 for the optimiser, 16 in all."""
    held = asked(NET, dtype=dtype, optimizer="adam")
    own = held.parameters + held.gradients + held.optimizer_state + held.master_copy
    assert own == 16 * TRAINED


@pytest.mark.parametrize("dtype", ["int8", "int4"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_whole_numbers_are_not_trained(dtype: str, optimizer: str) -> None:
    with pytest.raises(InputError, match=f"nothing is trained in {dtype}") as caught:
        asked(NET, dtype=dtype, optimizer=optimizer)
    assert "bfloat16" in caught.value.mend
    assert asked(NET, dtype=dtype).parameters > 0


@pytest.mark.parametrize(
    ("options", "rule", "mend"),
    [
        ({"dtype": "flaot16"}, "flaot16 is no dtype", "Did you mean float16?"),
        ({"optimizer": "adma"}, "adma is no", "Did you mean adam?"),
        ({"dtype": "decimal"}, "decimal is no dtype", "There are float64, float32"),
    ],
)
def test_types_and_optimisers_that_there_are_not(
    options: dict[str, str], rule: str, mend: str
) -> None:
    with pytest.raises(InputError) as caught:
        asked(NET, **options)
    assert caught.value.rule.startswith(rule)
    assert mend in caught.value.mend


def test_double_precision_is_not_said_to_be_single() -> None:
    assert "numbers the optimizer keeps, in float32" in params(NET, optimizer="adam").plain()
    assert (
        "numbers the optimizer keeps, in float32"
        not in params(NET, optimizer="adam", dtype="float64").plain()
    )


# --- the batch --------------------------------------------------------------------


def test_a_batch_multiplies_what_is_at_work_and_nothing_else() -> None:
    one, many = (asked(NET, batch=batch, optimizer="adam") for batch in (1, 64))
    assert many.activations == 64 * OUTPUTS * 4 == 64 * one.activations
    assert many.inference_activations == 64 * (192 + 144) * 4
    for name in ("parameters", "buffers", "gradients", "optimizer_state", "master_copy"):
        assert getattr(many, name) == getattr(one, name)


def test_a_batch_by_a_letter() -> None:
    held = asked(NET, batch="N", dtype="float16", optimizer="adam")
    for n in (1, 3, 64):
        numbered = asked(NET, batch=n, dtype="float16", optimizer="adam")
        assert evaluate(held.activations, {"N": n}) == numbered.activations
        assert evaluate(held.training, {"N": n}) == numbered.training
    document = held.document()
    assert document["batch"] == "N"
    assert document["activations"] == f"{OUTPUTS * 2}*N"
    assert document["inference_activations"] is document["inference"] is None


def test_half_bytes_of_a_batch_are_rounded_up_once() -> None:
    assert asked("1 dense:2,bias=no", dtype="int4", batch=3).inference_activations == 5


def test_unknown_sizes_have_no_peak() -> None:
    held = asked("3xHxW conv:4,k3,p1", optimizer="sgd", batch=2)
    assert held.inference_activations is None is held.inference
    assert evaluate(held.activations, {"H": 5, "W": 7}) == 2 * 4 * (3 + 4) * 5 * 7


# --- what is kept for the backward pass ------------------------------------------------


@pytest.mark.parametrize(
    ("net", "kept"),
    [
        ("4 dense:7", 4 + 7),
        ("4 dense:7 relu dense:2", 4 + 7 + 7 + 2),
        ("4 residual[dense:6 dense:4]", 4 + 6 + 4 + 4),
        ("4 concat[dense:6 | dense:5]", 4 + 6 + 5 + 11),
        ("4 moe:3,active=2[dense:6]", 4 + 2 * 6 + 6),
        ("4x8 moe:3,active=1[dense:6]", 4 * (8 + 6 + 6)),
        ("2x3 lstm:5", 2 * 3 + 2 * 6 * 5),
        ("4 dense:7,tied=dense2 dense:4", 4 + 7 + 4),
    ],
)
def test_kept_outputs(net: str, kept: int) -> None:
    assert asked(net, optimizer="sgd").activations == 4 * kept
    assert asked(net).activations == 0


def test_an_auxiliary_head_keeps_its_own_outputs_alone() -> None:
    assert asked("512 aux[dense:10] dense:128", optimizer="sgd").activations == 4 * (512 + 10 + 128)


def test_auxiliary_heads_are_trained() -> None:
    head, alone = 784 * 10 + 10, 784 * 128 + 128
    net = "784 aux[dense:10] dense:128"
    assert asked(net).parameters == asked(net, optimizer="momentum").parameters == 4 * alone
    assert asked(net, optimizer="momentum").auxiliary == 4 * head
    assert asked(net, optimizer="momentum").optimizer_state == 4 * (head + alone)


def test_using_a_net_takes_as_much_whoever_trains_it() -> None:
    net = "512 aux[dense:10] dense:128"
    assert asked(net, optimizer="adam").inference == asked(net).inference


def test_an_auxiliary_head_is_not_at_work() -> None:
    assert asked("4 aux[dense:1000] relu").inference_activations == 4 * (4 + 4)


def test_memory_in_the_document() -> None:
    plain, trained = params(NET, batch=2).document(), params(NET, optimizer="adam").document()
    assert plain["memory"] == {
        "dtype": "float32",
        "batch": 2,
        "optimizer": None,
        "parameters": 4 * TRAINED,
        "buffers": 4 * KEPT,
        "inference_activations": 2 * 4 * 336,
        "inference": 4 * (TRAINED + KEPT + 2 * 336),
    }
    assert trained["memory"]["training"] == 4 * (4 * TRAINED + KEPT + OUTPUTS)  # type: ignore[index]
    assert "memory" not in params(NET).document()
    for option in ({"batch": 1}, {"dtype": "float32"}, {"optimizer": "sgd"}):
        assert "memory" in params(NET, **option).document()  # type: ignore[arg-type]


# --- the peak, simulated ----------------------------------------------------------------


class Event(NamedTuple):
    """One layer at work: the buffers that it reads, and the one that it writes, if any."""

    reads: frozenset[int]
    writes: int | None


class Machine:
    """Runs a net into a list of events, then asks how much was alive at each.

    Every layer writes a buffer of its own, a merge too. A buffer is alive from
    its event to the last that reads it.
    """

    def __init__(self, start: int) -> None:
        self.numbers: Iterator[int] = count()
        self.sizes: dict[int, int] = {}
        self.events: list[Event] = []
        self.start = self._written(frozenset(), start)

    def _written(self, reads: frozenset[int], size: int) -> frozenset[int]:
        number = next(self.numbers)
        self.sizes[number] = size
        self.events.append(Event(reads, number))
        return frozenset({number})

    def run(self, steps: tuple[Step, ...], value: frozenset[int]) -> frozenset[int]:
        for step in steps:
            if not step.branches:
                value = self._written(value, prod(step.output.sizes))  # type: ignore[arg-type]
                continue
            outputs = [self.run(branch, value) for branch in step.branches]
            if len(outputs) == 1:
                outputs.append(value)
            read = frozenset().union(*outputs)
            value = self._written(read, prod(step.output.sizes))  # type: ignore[arg-type]
        return value

    def most(self, output: frozenset[int]) -> int:
        self.events.append(Event(output, None))
        born = {e.writes: time for time, e in enumerate(self.events) if e.writes is not None}
        dies = {number: time for time, e in enumerate(self.events) for number in e.reads}
        return max(
            sum(self.sizes[b] for b, birth in born.items() if birth <= time <= dies.get(b, birth))
            for time in range(len(self.events))
        )


def simulated(line: str) -> int:
    """The most values alive at once on the machine."""
    steps = trace(*reversed(load_line(line)))
    machine = Machine(prod(steps[0].input.sizes))  # type: ignore[arg-type]
    return machine.most(machine.run(steps, machine.start))


def computed(line: str) -> int | None:
    return peak(trace(*reversed(load_line(line))))


WIDTHS = st.sampled_from([1, 2, 5, 10, 50])


@st.composite
def chains(draw: st.DrawFn, most: int = 4) -> str:
    return " ".join(f"dense:{draw(WIDTHS)}" for _ in range(draw(st.integers(1, most))))


@st.composite
def nets(draw: st.DrawFn, width: int, depth: int = 2, longest: int = 3) -> tuple[str, int]:
    """A net on features, and its last width; brackets within brackets to a depth."""
    words = []
    for _ in range(draw(st.integers(1, longest))):
        kind = draw(st.sampled_from(("dense", "residual", "concat") if depth else ("dense",)))
        if kind == "dense":
            width = draw(WIDTHS)
            words.append(f"dense:{width}")
        if kind == "residual":
            main, _ = draw(nets(width, depth - 1, longest))
            skip = f" | dense:{width}" if draw(st.booleans()) else ""
            words.append(f"residual[{main} dense:{width}{skip}]")
        if kind == "concat":
            parts = [draw(nets(width, depth - 1, longest)) for _ in range(draw(st.integers(2, 3)))]
            words.append(f"concat[{' | '.join(part for part, _ in parts)}]")
            width = sum(out for _, out in parts)
    return " ".join(words), width


@st.composite
def branched(draw: st.DrawFn) -> str:
    width = draw(WIDTHS)
    return f"{width} {draw(nets(width))[0]}"


@st.composite
def flat(draw: st.DrawFn) -> str:
    """Brackets one deep, with one layer in each branch."""
    width = draw(WIDTHS)
    words = [str(width)]
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            skip = f" | dense:{width}" if draw(st.booleans()) else ""
            words.append(f"residual[dense:{width}{skip}]")
        else:
            outs = draw(st.lists(WIDTHS, min_size=2, max_size=3))
            words.append(f"concat[{' | '.join(f'dense:{out}' for out in outs)}]")
            width = sum(outs)
    return " ".join(words)


@settings(deadline=None, max_examples=60)
@given(WIDTHS, chains())
def test_peak_of_chains(width: int, chain: str) -> None:
    line = f"{width} {chain}"
    sizes = [width, *[int(word.partition(":")[2]) for word in chain.split()]]
    assert computed(line) == simulated(line)
    assert simulated(line) == max(a + b for a, b in pairwise(sizes))


@settings(deadline=None, max_examples=60)
@given(flat())
def test_peak_of_branches_of_one_layer(line: str) -> None:
    assert computed(line) == simulated(line)


@settings(deadline=None, max_examples=100)
@given(branched())
@example("5 residual[dense:50 dense:2 dense:5]")
@example("2 concat[concat[dense:1 | dense:9 dense:9] | dense:1]")
def test_peak_of_any_branches(line: str) -> None:
    assert computed(line) == simulated(line)


@pytest.mark.parametrize(
    ("line", "most"),
    [
        ("5 dense:50 dense:2", 55),
        # The skip waits while 50 become 2: 5 + 50 + 2.
        ("5 residual[dense:50 dense:2 dense:5]", 57),
        ("5 residual[dense:5]", 15),
        # The sum's two terms, and the input of the second while it is made.
        ("5 residual[dense:5 | dense:5]", 15),
        # Both branches of the inner concat, what they become, and the input that waits.
        ("2 concat[concat[dense:1 | dense:9 dense:9] | dense:1]", 1 + 9 + 10 + 2),
    ],
)
def test_the_machine_itself(line: str, most: int) -> None:
    assert simulated(line) == most
