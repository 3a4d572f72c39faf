"""Initialisers: their fans, their statistics within five standard errors, their defaults."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from engine.harness import compiled

from dlcalc.engine.initialisers import INITIALISERS, initialise
from dlcalc.engine.operation import Parameter
from dlcalc.engine.program import Program
from dlcalc.engine.roles import units
from dlcalc.errors import InputError

WIDE = "300 dense:200"
FAN_IN, FAN_OUT = 300, 200
#: The deviation that each promises on 300 inputs and 200 outputs.
DEVIATIONS = {
    "normal": 0.05,
    # Of a normal cut at 2: 1 - 4 phi(2) / (2 Phi(2) - 1).
    "truncated_normal": 0.05 * 0.87962566103423978,
    "uniform": 0.05 / math.sqrt(3),
    "xavier_uniform": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "he_uniform": math.sqrt(2 / FAN_IN),
    "he_normal": math.sqrt(2 / FAN_IN),
    "lecun_uniform": math.sqrt(1 / FAN_IN),
    "lecun_normal": math.sqrt(1 / FAN_IN),
}


def begun(line: str, how: str = "default", *, seed: int = 0, **settings: Any) -> Program:
    program = compiled(line, **{k: settings.pop(k) for k in ("dtype",) if k in settings})
    initialise(program, np.random.default_rng(seed), how, **settings)
    return program


def tensor(program: Program, name: str) -> Any:
    return program.tensors[name].value


def draws(**sizes: tuple[int, ...]) -> Any:
    """Tensors alone, in place of a program whose layers are of no interest."""
    tensors = {
        name.replace("__", "."): Parameter(np.full(s, np.nan), np.zeros(s))
        for name, s in sizes.items()
    }
    return SimpleNamespace(tensors=tensors, trail=[])


@pytest.mark.parametrize("how", DEVIATIONS)
def test_mean_and_deviation_are_those_promised(how: str) -> None:
    values = tensor(begun(WIDE, how), "dense1.weight").reshape(-1) / DEVIATIONS[how]
    # Standard errors with the true fourth moments: 3 for normals, 9/5 for uniforms; the
    # truncated normal's is below 3.
    fourth = 9 / 5 if "uniform" in how else 3
    assert abs(np.mean(values)) < 5 / math.sqrt(values.size)
    assert abs(np.mean(values**2) - 1) < 5 * math.sqrt((fourth - 1) / values.size)
    # The form too: uniforms end at sqrt(3), normals do not.
    kurtosis = float(np.mean(values**4))
    if "uniform" in how:
        assert np.max(np.abs(values)) <= math.sqrt(3) and abs(kurtosis - 9 / 5) < 0.05
    elif how == "truncated_normal":
        assert np.max(np.abs(values)) <= 2 / 0.87962566103423978
    else:
        assert abs(kurtosis - 3) < 5 * math.sqrt(96 / values.size)


def test_every_initialiser_is_tested() -> None:
    assert {*DEVIATIONS, "zero", "orthogonal"} == set(INITIALISERS)
    assert all(initialiser.help for initialiser in INITIALISERS.values())


@pytest.mark.parametrize("how", list(DEVIATIONS))
def test_a_scale_scales(how: str) -> None:
    plain = tensor(begun(WIDE, how), "dense1.weight")
    doubled = tensor(begun(WIDE, how, scale=2 * INITIALISERS[how].scale), "dense1.weight")
    assert np.allclose(doubled, 2 * plain, rtol=1e-15)


def test_zero_is_zero() -> None:
    assert not np.any(begun("3 dense:4 tanh dense:2", "zero").parameters)


@pytest.mark.parametrize(
    ("name", "sizes", "fans"),
    [
        ("dense1.weight", (5, 3), (3, 5)),
        ("conv1.weight", (6, 2, 3, 5), (30, 90)),
        ("conv1.weight", (6, 2, 3), (6, 18)),
        ("local1.weight", (4, 4, 6, 2, 3, 3), (18, 54)),
        ("lstm1.weight_ih_l0", (20, 3), (3, 5)),
        ("gru1.weight_hh_l1_reverse", (15, 5), (5, 5)),
        ("lstm1.weight_hr_l0", (2, 5), (5, 2)),
        ("encoder1.ff.up.weight", (8, 16, 4), (4, 16)),
    ],
)
def test_fans(name: str, sizes: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert units(name, np.zeros(sizes)).fans == fans


def test_fans_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    for name, sizes in [("dense1.weight", (5, 3)), ("conv1.weight", (6, 2, 3, 5))]:
        fans = torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(sizes))
        assert units(name, np.zeros(sizes)).fans == fans


def test_a_transposed_convolution_keeps_the_variance() -> None:
    # Each output of kernel 2 and stride 2 reads one position: the fan in is its channels.
    program = begun("64x8x8 convtranspose:32,k2,s2", "lecun_normal")
    weight = tensor(program, "convtranspose1.weight")
    assert np.mean(weight**2) * 64 == pytest.approx(1, abs=5 * math.sqrt(2 / weight.size))


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("dense1.weight", (5, 8)),
        ("dense1.weight", (8, 5)),
        ("conv1.weight", (6, 3, 2, 2)),
        ("lstm1.weight_hh_l0", (24, 6)),
        ("convtranspose1.weight", (3, 6, 2, 2)),
        ("local1.weight", (2, 2, 6, 3, 2, 2)),
    ],
)
def test_orthogonal_blocks_are_orthogonal(name: str, sizes: tuple[int, ...]) -> None:
    program = draws(**{name.replace(".", "__"): sizes})
    initialise(program, np.random.default_rng(0), "orthogonal", scale=2.0)
    view, lead = units(name, program.tensors[name].value)
    for block in np.ndindex(view.shape[:lead]):
        matrix = view[block].reshape(view.shape[lead], -1)
        product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        assert np.allclose(product, 4 * np.eye(len(product)), atol=1e-14)


def test_orthogonal_matrices_are_uniform() -> None:
    # Over all rotations and reflections each entry has mean 0; a QR without signs has not.
    program = draws(**{f"dense{n}__weight": (3, 3) for n in range(2_000)})
    initialise(program, np.random.default_rng(1), "orthogonal")
    matrices = np.array([t.value for t in program.tensors.values()])
    # The variance of an entry is 1/3.
    assert np.all(np.abs(np.mean(matrices, axis=0)) < 5 * math.sqrt(1 / 3 / 2_000))


def test_what_is_no_weight_has_its_own_beginning() -> None:
    sizes: dict[str, tuple[int, ...]] = {
        "bn1__weight": (4,),
        "bn1__bias": (4,),
        "ln1__weight": (3, 4),
        "prelu1__weight": (4,),
        "dense1__bias": (4,),
        "local1__bias": (4, 2, 2),
        "encoder1__norm1__weight": (4,),
    }
    for how in ("default", "normal", "zero"):
        program = draws(**sizes)
        initialise(program, np.random.default_rng(0), how)
        found = {name: set(t.value.reshape(-1)) for name, t in program.tensors.items()}
        assert list(found.values()) == [{1}, {0}, {1}, {0.25}, {0}, {0}, {1}]


@pytest.mark.parametrize("suffix", ["_ih_l0", "_l0", "_ih_l1_reverse"])
@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3)])
def test_the_gate_that_keeps_is_the_second(suffix: str, kind: str, gates: int) -> None:
    sizes: dict[str, tuple[int, ...]] = {
        f"{kind}1__bias{suffix}": (2 * gates,),
        f"{kind}1__bias_hh_l0": (2 * gates,),
        "rnn1__bias_ih_l0": (2,),
    }
    program = draws(**sizes)
    initialise(program, np.random.default_rng(0), forget_bias=1.5)
    first, second, third = (t.value.tolist() for t in program.tensors.values())
    assert first == [0, 0, 1.5, 1.5] + [0] * (2 * gates - 4)
    assert second == [0] * 2 * gates and third == [0] * 2


def test_the_update_gate_keeps_by_its_bias() -> None:
    torch = pytest.importorskip("torch")
    # A cell that begins at 1, reads zeros and has no candidate keeps sigmoid(forget_bias) of it.
    cell = torch.nn.GRUCell(3, 2).double()
    program = draws(gru1__bias_ih_l0=(6,), gru1__bias_hh_l0=(6,))
    initialise(program, np.random.default_rng(0), forget_bias=1.5)
    with torch.no_grad():
        for tensor in (cell.weight_ih, cell.weight_hh):
            tensor.zero_()
        cell.bias_ih.copy_(torch.tensor(program.tensors["gru1.bias_ih_l0"].value))
        cell.bias_hh.copy_(torch.tensor(program.tensors["gru1.bias_hh_l0"].value))
        state = cell(torch.zeros(1, 3).double(), torch.ones(1, 2).double())
    assert state.numpy() == pytest.approx(1 / (1 + math.exp(-1.5)), rel=1e-14)


def test_the_forget_gate_forgets_by_its_bias() -> None:
    torch = pytest.importorskip("torch")
    # A cell that begins at 1 and reads zeros keeps sigmoid(forget_bias) of it.
    cell = torch.nn.LSTMCell(3, 2).double()
    program = draws(lstm1__bias_ih_l0=(8,), lstm1__bias_hh_l0=(8,))
    initialise(program, np.random.default_rng(0), forget_bias=1.5)
    with torch.no_grad():
        cell.bias_ih.copy_(torch.tensor(program.tensors["lstm1.bias_ih_l0"].value))
        cell.bias_hh.copy_(torch.tensor(program.tensors["lstm1.bias_hh_l0"].value))
        zeros = torch.zeros(1, 2).double()
        _, state = cell(torch.zeros(1, 3).double(), (zeros, zeros + 1))
    assert state.numpy() == pytest.approx(1 / (1 + math.exp(-1.5)), rel=1e-14)


def test_by_default_the_curve_behind_decides() -> None:
    line = "300 dense:200 relu dense:200 bn tanh dense:100 ln relu dense:300 selu dense:200"
    program = begun(line)
    expected = {
        "dense1": math.sqrt(2 / 300),
        "dense2": math.sqrt(2 / 400),
        "dense3": math.sqrt(2 / 200),
        "dense4": math.sqrt(1 / 100),
        "dense5": math.sqrt(2 / 500),
    }
    for name, deviation in expected.items():
        values = tensor(program, f"{name}.weight") / deviation
        assert abs(np.mean(values**2) - 1) < 5 * math.sqrt(2 / values.size), name


def test_a_branch_ends_where_it_ends() -> None:
    program = begun("200 residual[dense:200] relu residual[dense:200 relu]")
    deviations = [float(np.std(t.value)) for t in program.tensors.values() if t.value.ndim > 1]
    assert deviations == pytest.approx([math.sqrt(2 / 400), math.sqrt(2 / 200)], rel=0.03)


def test_recurrent_and_looked_up_weights_by_default() -> None:
    program = draws(lstm1__weight_hh_l0=(20, 5), embedding1__weight=(300, 100))
    initialise(program, np.random.default_rng(0))
    state = program.tensors["lstm1.weight_hh_l0"].value.reshape(4, 5, 5)
    assert np.allclose(state @ state.swapaxes(1, 2), np.eye(5), atol=1e-14)
    rows = program.tensors["embedding1.weight"].value
    assert abs(np.mean(rows**2) - 1) < 5 * math.sqrt(2 / rows.size)


def test_a_subsampling_begins_as_a_mean() -> None:
    layer = SimpleNamespace(kernel=(2,), words=("subsample",))
    program = draws(subsample1__weight=(3,))
    value = SimpleNamespace(data=np.zeros((1, 3, 4, 4)))
    program.trail = [("subsample1", SimpleNamespace(layer=layer), value)]
    initialise(program, np.random.default_rng(0))
    assert program.tensors["subsample1.weight"].value.tolist() == [0.25] * 3


def test_a_seed_says_everything_in_both_types() -> None:
    line = "3 dense:8 relu dense:2"
    first, again, other = begun(line), begun(line), begun(line, seed=1)
    assert first.parameters.tobytes() == again.parameters.tobytes()
    assert not np.allclose(first.parameters, other.parameters)
    single = begun(line, dtype=np.float32)
    assert single.parameters.dtype == np.float32
    assert np.array_equal(single.parameters, first.parameters.astype(np.float32))


def test_refusals() -> None:
    with pytest.raises(InputError) as refused:
        begun(WIDE, "xavier")
    assert "Did you mean xavier_" in refused.value.mend
    with pytest.raises(InputError, match="scale of an initialiser must be at least 0"):
        begun(WIDE, "normal", scale=-1.0)
