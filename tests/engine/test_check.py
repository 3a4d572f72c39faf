"""The gradient checker: right nets pass, and planted mistakes fail, in every operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import dlcalc.engine.operation as table
from dlcalc.answers.network import load_line
from dlcalc.engine import check as checker
from dlcalc.engine.check import check
from dlcalc.engine.derivative import CentralDifference, ComplexStep, Point, Runner
from dlcalc.engine.operation import Operation, Site, Value
from dlcalc.engine.program import Program
from dlcalc.engine.report import Report
from dlcalc.layers import registry
from dlcalc.layers.index import LAYERS

Array = np.ndarray[Any, np.dtype[Any]]
Mutation = Callable[[Array], None]

#: A small net for every layer; * in front where it is to train. Behind a dot, a variant.
NETS = {
    "conv": "2x4x4 conv:3,k3,p1",
    "convtranspose": "2x3x3 convtranspose:2,k2,s2",
    "local": "2x4x4 local:3,k2",
    "maxpool": "2x4x4 maxpool:2",
    "avgpool": "2x5x5 avgpool:3,s2,p1",
    "lppool": "2x4x4 lppool:2",
    "stochasticpool": "*2x4x4 softplus stochasticpool:2",
    "adaptiveavgpool": "2x5x5 adaptiveavgpool:2",
    "adaptivemaxpool": "2x5x5 adaptivemaxpool:2",
    "globalavgpool": "3x3x3 globalavgpool",
    "globalmaxpool": "3x3x3 globalmaxpool",
    "dense": "4 dense:5",
    "flatten": "2x3x2 flatten dense:3",
    "embedding": "4 embedding:6,3",
    "position": "4x3 position:5",
    "segment": "4x3 segment:2",
    "token": "4x3 token:2",
    "first": "4x3 first",
    "last": "4x3 last",
    "rnn": "4x3 rnn:3",
    "lstm": "4x3 lstm:3",
    "gru": "4x3 gru:3",
    "attention": "4x6 attention:2",
    "encoder": "4x6 encoder:2,ff=5",
    "decoder": "4x6 decoder:2,ff=5",
    "decoder.memory": "3x4 decoder:2,ff=5,memory=2x3",
    "bn": "*3x2x2 bn",
    "instancenorm": "3x3x3 instancenorm",
    "gn": "4x2x2 gn:2",
    "ln": "3x4 ln",
    "rmsnorm": "3x4 rmsnorm",
    "lrn": "5x2x2 lrn:3",
    "dropout": "*12 dropout:0.5",
    "pad": "2x3x3 pad:1",
    "reshape": "2x3x2 reshape:3x4",
    "permute": "2x3 permute:1x0",
    "crop": "2x5x5 crop:size=3",
    "select": "4x2x2 select:0x2",
    "upsample": "2x2x2 upsample:2",
    "pixelshuffle": "4x2x2 pixelshuffle:2",
    "pixelunshuffle": "1x4x4 pixelunshuffle:2",
    "residual": "4 residual[dense:4]",
    "concat": "4 concat[dense:2 | dense:3]",
    "multiply": "4 multiply[dense:4]",
    "aux": "4 aux[dense:3] dense:2",
    "moe": "4 moe:3,active=2[dense:4 tanh]",
    "moe.steps": "3x4 dense:3 moe:3[dense:4,tied=dense1 moe:2,active=1[ln dense:2]]",
    "subsample": "2x4x4 subsample:2",
    "rbf": "5 rbf:3",
}
# Activations of one value: prelu has a weight, the last two mix channels.
NETS |= {w: f"6 {w}" for w, entry in LAYERS.items() if entry.module == "activation"}


def loaded(name: str) -> tuple[str, str, bool]:
    """The layer's word, its line, and whether it trains."""
    line = NETS[name]
    return name.partition(".")[0], line.strip("*"), line.startswith("*")


def checked(line: str, **settings: Any) -> Report:
    start, net = load_line(line)
    return check(net, start.sizes, **{"batch": 2, **settings})


def gradient_of(line: str, training: bool) -> Array:
    """Some gradient of a line, the second of two, so that what is left over shows."""
    start, net = load_line(line)
    program = Program(net, start.sizes, batch=2, training=training)
    random, draws = np.random.default_rng(3), program.generator.bit_generator.state
    for _ in range(2):
        program.generator.bit_generator.state = draws
        program.parameters[...] = random.normal(size=program.parameters.shape)
        program.input.data[...] = random.integers(0, 3, program.input.data.shape)
        for data, _ in program.inputs if "embedding" not in line else ():
            data[...] = random.normal(size=data.shape)
        program.forward()
        program.output.cotangent[...] = random.normal(size=program.output.data.shape)
        program.backward()
    pulled = [cotangent.ravel() for _, cotangent in program.inputs]
    return np.concatenate([program.gradient, *pulled])


# The mistakes.


def dropped_factor(gradient: Array) -> None:
    gradient *= 0.5


def wrong_sign(gradient: Array) -> None:
    np.negative(gradient, gradient)


def transposed(gradient: Array) -> None:
    turned = np.roll(gradient, 1) if gradient.ndim < 2 else gradient.T.reshape(gradient.shape)
    gradient[...] = turned.copy()


def one_entry(gradient: Array) -> None:
    """Half of an entry in the middle of those that are not 0."""
    sizes = np.abs(gradient)
    entries = np.argwhere(sizes > 1e-3 * sizes.max())
    if len(entries):
        gradient[tuple(entries[len(entries) // 2])] *= 0.5


def another_entry_each_time(gradient: Array) -> None:
    """Half of an entry that rounding chooses."""
    sizes = np.abs(gradient)
    entry = np.unravel_index(np.argmin(np.abs(sizes - np.median(sizes))), sizes.shape)
    gradient[entry] *= 0.5


MUTATIONS = [dropped_factor, wrong_sign, transposed, one_entry]


def patched(monkeypatch: pytest.MonkeyPatch, word: str, around: Any) -> None:
    """Another operation for a word: ``around`` gets its build function."""
    layer = registry.layer_class(word)
    found = table.find(layer)
    monkeypatch.setitem(table._TABLE, word, found._replace(build=around(found.build)))


def wronged(name: str, target: int, mutation: Mutation) -> Any:
    """The operation at a site with a mistake in one of its gradients, of parameters or inputs."""

    def around(build: Callable[[Site], Value]) -> Callable[[Site], Value]:
        def wrong(site: Site) -> Value:
            before = set(site.program.tensors)
            y = build(site)
            if site.name == name and site.backwards:
                own = [
                    site.program.tensors[k].gradient
                    for k in site.program.tensors
                    if k not in before
                ]
                own += [x.cotangent for x in _read(site)]
                if target < len(own):
                    site.back(mutation, own[target])
            return y

        return wrong

    return around


def _read(site: Site) -> list[Value]:
    """What an operation has read: its inputs, and its memory if it has one."""
    memories = site.program.memories
    return [*site.inputs, *([memories[site.name]] if site.name in memories else [])]


def scaled(build: Any) -> Any:
    """A test's own operation: a millionth of its input."""

    def scale(site: Site) -> Value:
        y = site.value(*site.x.data.shape)
        site.then(np.multiply, site.x.data, 1e-6, y.data)
        if site.backwards and site.x.cotangent is not None:
            site.back(np.multiply, y.cotangent, 1e-6, site.x.cotangent)
        return y

    return scale


def targets(line: str, word: str, training: bool, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many gradients the operation writes: those of its parameters and its inputs."""
    counts: list[int] = []

    def around(build: Any) -> Any:
        def count(site: Site) -> Value:
            before = len(site.program.tensors)
            y: Value = build(site)
            counts.append(len(site.program.tensors) - before + len(_read(site)))
            return y

        return count

    with monkeypatch.context() as patch:
        patched(patch, word, around)
        start, net = load_line(line)
        Program(net, start.sizes, batch=2, training=training)
    return counts[0]


def test_every_layer_has_a_line() -> None:
    assert {name.partition(".")[0] for name in NETS} == set(LAYERS)


@pytest.mark.parametrize("name", NETS)
def test_the_operation_is_right(name: str) -> None:
    _, line, training = loaded(name)
    report = checked(line, training=training)
    assert report.passed, "\n".join(report.sentences)
    if report.method == "complex step":
        assert np.median([tensor.error for tensor in report.tensors]) < 1e-12


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("name", NETS)
def test_a_mistake_is_seen(name: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each gradient of the operation alone; hardly any entry sampled, so projections count."""
    word, line, training = loaded(name)
    right, planted = gradient_of(line, training), 0
    for target in range(targets(line, word, training, monkeypatch)):
        with monkeypatch.context() as patch:
            patched(patch, word, wronged(f"{word}1", target, mutation))
            wrong = gradient_of(line, training)
            if np.allclose(right, wrong, rtol=1e-9, atol=1e-12):
                continue  # Such as a gradient of one number, which cannot be transposed.
            planted += 1
            report = checked(line, training=training, samples=2)
            assert not report.passed, "\n".join(report.sentences)
            assert any(t.verdict == "wrong" for t in report.tensors), "\n".join(report.sentences)
    assert planted


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("name", [name for name in NETS if name != "identity"])
def test_a_mistake_in_a_small_gradient_is_seen(
    name: str, everything: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient of a branch is a millionth of its sister's, or all of it is so small.

    What scales is the identity, which cannot scale itself.
    """
    word, line, training = loaded(name)
    start, _, net = line.partition(" ")
    line, place = f"{line} identity", f"{word}1"
    if not everything:
        line, place = f"{start} concat[{net} identity | {net}]", f"concat1.{word}1"
    patched(monkeypatch, "identity", scaled)
    right, planted = gradient_of(line, training), 0
    assert checked(line, training=training, samples=8).passed
    for target in range(targets(line, word, training, monkeypatch)):
        with monkeypatch.context() as patch:
            patched(patch, word, wronged(place, target, one_entry))
            wrong = gradient_of(line, training)
            if np.allclose(right, wrong, rtol=1e-9, atol=1e-17):
                continue
            planted += 1
            assert not checked(line, training=training, samples=2).passed
    assert planted


# What a call that is gone leaves behind may overflow.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", NETS)
def test_a_call_left_out_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each backward call in turn: what was there before must not pass for its result."""
    word, line, training = loaded(name)
    right, calls = gradient_of(line, training), [0]

    def without(index: int) -> Any:
        def around(build: Any) -> Any:
            def fewer(site: Site) -> Value:
                y: Value = build(site)
                if site.name == f"{word}1" and site.backwards:
                    calls[0] = len(site.backward_calls)
                    if index < calls[0]:
                        del site.backward_calls[index]
                return y

            return fewer

        return around

    index = 0
    while index < max(calls[0], 1):
        with monkeypatch.context() as patch:
            patched(patch, word, without(index))
            if not np.allclose(right, gradient_of(line, training), rtol=1e-9, atol=1e-12):
                assert not checked(line, training=training, samples=2).passed, index
        index += 1


@pytest.mark.parametrize("millionth", [False, True])
@pytest.mark.parametrize("line", ["300 dense:300", "300 dense:300 relu"])
def test_one_entry_of_a_large_tensor(
    line: str, millionth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if millionth:
        patched(monkeypatch, "identity", scaled)
        line += " identity"
    assert checked(line, samples=4).passed
    patched(monkeypatch, "dense", wronged("dense1", 0, one_entry))
    report = checked(line, samples=4)
    weight = report.tensors[0]
    assert weight.size == 90_000 and weight.looked_at <= 10
    assert weight.missing > 1 and weight.verdict == "wrong" and not report.passed


def test_a_mistake_that_moves_with_rounding_does_not_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a gradient changes by under rounding is no excuse where it is a jump."""
    patched(monkeypatch, "dense", wronged("dense1", 0, another_entry_each_time))
    report = checked("5 dense:6", samples=2)
    assert not report.passed


def test_single_precision_is_held_against_double() -> None:
    assert checked("3 dense:4 dense:2", dtype=np.float32).passed


def test_what_is_not_repeatable_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(build: Any) -> Any:
        def drifting(site: Site) -> Value:
            y: Value = build(site)
            if site.backwards:
                parameter = next(iter(site.program.tensors.values()))
                count = [0]

                def drift() -> None:
                    count[0] += 1
                    parameter.gradient[0, 0] += count[0]

                site.back(drift)
            return y

        return drifting

    patched(monkeypatch, "dense", around)
    report = checked("3 dense:2")
    assert not report.passed and "second time" in report.failures[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_fails(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    patched(monkeypatch, "dense", wronged("dense1", 1, lambda g: g.fill(value)))
    report = checked("3 dense:2")
    assert not report.passed and "dense1.bias" in report.failures[0]


@cache
def _kinked(smooth: bool) -> Operation:
    def build(site: Site) -> Value:
        y = site.value(*site.x.data.shape)
        site.then(np.abs, site.x.data, y.data)
        site.back(lambda: np.copyto(site.x.cotangent, np.sign(site.x.data) * y.cotangent))
        return y

    return Operation(build, lambda layer: smooth)


def test_what_is_wrongly_called_analytic_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table._TABLE, "identity", _kinked(True))
    report = checked("3 identity")
    assert not report.passed and "analytic" in report.failures[0]
    monkeypatch.setitem(table._TABLE, "identity", _kinked(False))
    report = checked("3 identity")
    assert report.passed and report.method == "central differences"


def line_of_abs(monkeypatch: pytest.MonkeyPatch) -> tuple[CentralDifference, Program]:
    monkeypatch.setitem(table._TABLE, "identity", _kinked(False))
    start, net = load_line("2 identity")
    program = Program(net, start.sizes)
    runner = Runner(program, program.generator.bit_generator.state, {})
    return CentralDifference(runner), program


@pytest.mark.parametrize("place", [0.0, 1e-9, 2e-8, -6e-8])
def test_a_kink_within_every_step_is_named(place: float, monkeypatch: pytest.MonkeyPatch) -> None:
    witness, _ = line_of_abs(monkeypatch)
    point = Point(np.zeros(0), np.array([place, 1.0]), np.ones((1, 2)))
    slope = witness.along(point, np.array([1.0, 0.0]))
    assert slope.bend is not None and slope.bend.layer == "identity1"
    assert slope.bend.output == (0, 0)
    assert slope.bend.distance == pytest.approx(abs(place), abs=5e-8)
    assert slope.bend.tie == (place == 0)
    assert witness.along(point, np.array([0.0, 1.0])).value == pytest.approx(1, rel=1e-9)


def test_a_smaller_step_stays_clear_of_a_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    witness, _ = line_of_abs(monkeypatch)
    for place in np.linspace(3e-6, 2e-3, 97):
        point = Point(np.zeros(0), np.array([[-place, 1.0]]), np.ones((1, 2)))
        slope = witness.along(point, np.array([1.0, 0.0]))
        assert slope.bend is None and slope.value == pytest.approx(-1, rel=1e-8)


def test_entries_beside_kinks_are_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first point lies on a kink: it is named, and another point decides."""
    monkeypatch.setitem(table._TABLE, "identity", _kinked(False))
    drawn = checker.Points._point
    calls = [0]

    def on_a_kink(self: Any, random: np.random.Generator) -> Point:
        point = drawn(self, random)
        calls[0] += 1
        if calls[0] <= 2:
            point.inputs[1] = 0.0
        return point

    monkeypatch.setattr(checker.Points, "_point", on_a_kink)
    report = checked("3 identity")
    assert report.passed and report.ties
    entries = [kink for kink in report.kinks if kink.entry == (0, 1)]
    assert entries and entries[0].tensor == "input" and "drawn anew" in str(entries[0])
    assert report.tensors[0].looked_at == 6

    def always(self: Any, random: np.random.Generator) -> Point:
        point = drawn(self, random)
        point.inputs[1] = 0.0
        return point

    monkeypatch.setattr(checker.Points, "_point", always)
    report = checked("3 identity")
    assert not report.passed and report.tensors[0].verdict == "undecided"


def test_zero_gradients_are_said_to_be_zero() -> None:
    report = checked("4 aux[dense:3] dense:2")
    head = {tensor.name: tensor for tensor in report.tensors}["aux1.dense1.weight"]
    assert head.verdict == "right" and head.expected == 0


def test_methods_by_their_accuracy() -> None:
    start, net = load_line("3 dense:4 dense:2")
    program = Program(net, start.sizes, dtype=np.complex128, backwards=False)
    runner = Runner(program, program.generator.bit_generator.state, {})
    random = np.random.default_rng(1)
    point = Point(random.normal(size=26), random.normal(size=(1, 3)), np.ones((1, 2)))
    direction = random.normal(size=29)
    exact = ComplexStep(runner).along(point, direction).value
    twin = Program(net, start.sizes)
    rough = CentralDifference(Runner(twin, twin.generator.bit_generator.state, {}))
    slope = rough.along(point, direction)
    assert abs(slope.value - exact) < max(slope.noise, 1e-12) < 1e-8


def test_the_value_at_a_kink_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    report = checked("3 relu leaky_relu:0.1 hardtanh")
    assert "relu at 0: 0 on the left, 1 on the right, the engine takes 0" in report.undecided
    assert "hardtanh at 1: 1 on the left, 0 on the right, the engine takes 0" in report.undecided
    patched(monkeypatch, "relu", _five_at_zero)
    report = checked("3 relu")
    assert not report.passed and "relu at 0" in report.failures[0]


def _five_at_zero(build: Any) -> Any:
    def five(site: Site) -> Value:
        y: Value = build(site)
        if site.backwards:
            site.back(lambda: np.putmask(site.x.cotangent, site.x.data == 0, 5.0))
        return y

    return five
