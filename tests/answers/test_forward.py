"""``dlcalc forward`` as a function: worked numbers, how DATA is read, tensors, gradients, steps."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.answers.array_text import full, lines, literal, shown
from dlcalc.answers.forward import forward
from dlcalc.answers.forward_result import ForwardResult
from dlcalc.errors import ClaimError, InputError
from dlcalc.numbers import read

MAZUR = {
    "dense1.weight": [[0.15, 0.2], [0.25, 0.3]],
    "dense1.bias": 0.35,
    "dense2.weight": [[0.4, 0.45], [0.5, 0.55]],
    "dense2.bias": 0.6,
}
CORRELATED = [[7, 5, 4, 2], [2, 0, 0, 0], [1, 7, 5, 8]]
POOLED = [[1, 3, 2, 4], [5, 7, 6, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
KERNEL = {"conv1.weight": [[0, 1], [3, 2]]}


def right(result: ForwardResult) -> Any:
    """The value of an answer that verifies."""
    assert not result.failure, result.failure
    return result.value


def refusal(*arguments: Any, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        forward(*arguments, **options)
    return caught.value


# --- worked numbers ---------------------------------------------------------------


def test_a_neuron() -> None:
    given = {"dense1.weight": [0.5, -1, 2], "dense1.bias": 0.1}
    result = forward("1,2,3", "dense:1", set=given, verify=True)
    assert right(result) == pytest.approx([4.6])
    assert "y[0] = 0.5*1 + -1*2 + 2*3 + 0.1 = 4.6" in result.plain()
    # The bias as the weight of a constant input 1.
    absorbed = forward("1,2,3,1", "dense:1,bias=no", set={"dense1.weight": [0.5, -1, 2, 0.1]})
    assert right(absorbed) == pytest.approx([4.6])


def test_three_by_four_under_two_by_two_is_two_by_three() -> None:
    result = forward(CORRELATED, "conv:1,k2,bias=no", set=KERNEL, verify=True)
    assert right(result) == [[11, 4, 2], [17, 31, 31]]
    assert result.plain().splitlines()[-1].split() == ["output", "[[11,4,2],[17,31,31]]"]
    flipped = forward(CORRELATED, "conv:1,k2,bias=no", set=KERNEL, flip=True, verify=True)
    assert right(flipped) == [[31, 22, 14], [5, 7, 5]]
    turned = {"conv1.weight": [[2, 3], [1, 0]]}
    assert forward(CORRELATED, "conv:1,k2,bias=no", set=turned).value == flipped.value


def test_the_convolution_sum() -> None:
    x, h = np.arange(1.0, 8), np.array([0.5, -1.0, 2.0])
    result = forward(x, "conv:1,k3,p2,bias=no", set={"conv1.weight": h}, flip=True)
    assert right(result) == pytest.approx(np.convolve(x, h).tolist())


def test_pooling() -> None:
    assert right(forward(POOLED, "maxpool:2")) == [[7, 8], [3, 4]]
    assert right(forward(POOLED, "avgpool:2")) == [[4, 5], [2, 2]]
    quarter = {"conv1.weight": 0.25, "conv1.bias": 0}
    assert right(forward(POOLED, "conv:1,k2,s2", set=quarter)) == [[4, 5], [2, 2]]
    assert right(forward(POOLED, "maxpool:2,s1")) == [[7, 7, 8], [7, 7, 8], [3, 3, 4]]
    assert right(forward([[1.6, 0], [0, 2.4]], "stochasticpool:2")) == [[pytest.approx(2.08)]]
    drawn = {
        forward([[1.6, 0], [0, 2.4]], "stochasticpool:2", training=True, seed=s).value[0][0]
        for s in range(20)
    }
    assert drawn == {1.6, 2.4}
    for length in (10, 15):
        assert len(right(forward(np.ones(length), "adaptiveavgpool:4"))) == 4
    up = forward([[1, 2], [3, 4]], "upsample:2 avgpool:2")
    assert right(up) == [[1, 2], [3, 4]]


def test_the_subsampling_of_lenet() -> None:
    given = {"subsample1.weight": 0.25, "subsample1.bias": 0}
    value = right(forward([[0.1, 0.2], [0.3, 0.4]], "subsample:2 sigmoid", set=given, verify=True))
    assert value == [[pytest.approx(0.5622, abs=5e-5)]]


def test_the_network_of_four_neurons_forwards_and_backwards() -> None:
    result = forward(
        ".05,.10",
        "dense:2 sigmoid dense:2 sigmoid",
        set=MAZUR,
        backward="mse",
        target="0.01,0.99",
        verify=True,
    )
    assert right(result) == pytest.approx([0.7513650695, 0.7729284653])
    assert result.meets("0.751365,0.772928")
    back = result.extra.backward
    assert back is not None
    # mse over two outputs is half the sum of squares.
    assert back.value == pytest.approx(0.298371109)
    assert back.gradients["dense2.weight"][0, 0] == pytest.approx(0.082167041)
    assert back.gradients["dense1.weight"][0, 0] == pytest.approx(0.000438568)
    unactivated = forward(".05,.10", "dense:2 sigmoid dense:2", set=MAZUR)
    assert unactivated.meets("1.10591,1.22492")


def test_batch_normalisation() -> None:
    data = [[1, 2], [3, 4], [5, 9]]
    result = forward(data, "bn", batch=True, training=True, verify=True)
    x = np.array(data, float)
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    assert np.allclose(right(result), expected, atol=0, rtol=1e-12)
    assert "mean[0] = (1 + 3 + 5)/3 = 3" in result.plain()
    own = {"bn1.weight": [2, 3], "bn1.bias": [1, -1]}
    scaled = forward(data, "bn", batch=True, training=True, set=own, verify=True)
    assert np.allclose(right(scaled), expected * [2, 3] + [1, -1], atol=0, rtol=1e-12)
    kept = {"bn1.running_mean": 1, "bn1.running_var": 4}
    evaluated = forward(data, "bn", batch=True, set=kept, verify=True)
    assert np.allclose(right(evaluated), (x - 1) / np.sqrt(4 + 1e-5), atol=0, rtol=1e-12)


def test_what_batch_normalisation_normalises_by_is_said() -> None:
    data = [[1, 2], [3, 4]]
    assert any("--training takes" in note for note in forward(data, "bn").notes)
    assert any("sees one example" in note for note in forward(data, "bn", training=True).notes)
    assert not forward(data, "bn", training=True, batch=True).notes
    assert not forward(data, "bn", set={"bn1.running_mean": 1}).notes


def test_an_lstm_of_halves() -> None:
    given = {"lstm1.weight_ih_l0": 0.5, "lstm1.weight_hh_l0": 0.5}
    result = forward("1,-1", "lstm:1,bias=no", set=given, trace=True, verify=True)
    assert result.meets("0.174270,-0.016365")
    first, second = result.extra.traces["lstm1"]
    assert first.named("c") == pytest.approx([0.287649], abs=5e-7)
    assert second.named("c") == pytest.approx([-0.041118], abs=5e-7)
    text = result.plain()
    assert "l0, step 1: x = -1, h = 0.17427, c = 0.287649" in text
    assert "c = 0.398225*0.287649 + 0.398225*-0.390903 = -0.0411182" in text


def test_a_plain_recurrent_step_from_a_given_state() -> None:
    given = {"rnn1.weight_ih_l0": 0.5, "rnn1.weight_hh_l0": 0.25, "rnn1.h0_l0": 2}
    result = forward("1", "rnn:1,bias=no", set=given, trace=True, backward="sum", verify=True)
    assert right(result) == pytest.approx([math.tanh(1)])
    assert "h = tanh(0.5*1 + 0.25*2) = 0.761594" in result.plain()


def test_an_update_gate_that_keeps_and_one_that_overwrites() -> None:
    for bias, expected in ((20, 0.7), (-20, math.tanh(0.3))):
        given = {
            "gru1.weight_ih_l0": [0, 0, 0.3],
            "gru1.weight_hh_l0": 0,
            "gru1.bias_l0": [0, bias, 0],
            "gru1.h0_l0": 0.7,
        }
        value = right(forward("1", "gru:1,biases=1", set=given, trace=True, verify=True))
        assert value == pytest.approx([expected], abs=1e-8)


def test_where_the_reset_gate_acts() -> None:
    random = np.random.default_rng(0)
    sizes = {"weight_ih_l0": (6, 2), "weight_hh_l0": (6, 2)}
    given = {f"gru1.{name}": random.normal(size=size) for name, size in sizes.items()}
    data = random.normal(size=(3, 2))
    before, after = (
        right(
            forward(data, f"gru:2,bias=no,reset_after={which}", set=given, trace=True, verify=True)
        )
        for which in ("no", "yes")
    )
    assert not np.allclose(before[1], after[1], atol=1e-4)
    assert np.allclose(before[0], after[0])  # From a state of 0 there is nothing to reset.


# --- how DATA is read -------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "net", "shape", "note"),
    [
        ("1,2,3", "dense:2", (3,), ""),
        ("1,2,3", "relu conv:1,k2", (1, 3), "1 channel of length 3"),
        ("1,2,3", "rnn:1", (3, 1), "3 steps of one feature"),
        ("5", "rnn:1", (1, 1), "the number is read as 1 step of one feature"),
        ("[[1,2],[3,4]]", "conv:1,k2", (1, 2, 2), "1 channel of 2x2"),
        ("[[1,2],[3,4]]", "bn relu maxpool:2", (1, 2, 2), "1 channel of 2x2"),
        ("[[1,2],[3,4]]", "conv1d:1,k2", (2, 2), ""),
        ("[[1,2],[3,4]]", "conv2d:1,k2", (1, 2, 2), "1 channel of 2x2"),
        ("[[1,2],[3,4]]", "residual[conv:1,k1 | identity]", (1, 2, 2), "1 channel"),
        ("[[1,2],[3,4]]", "lstm:2", (2, 2), ""),
        ("[[1,2],[3,4]]", "dense:2", (2, 2), ""),
        ("[[1,2],[3,4]]", "relu", (2, 2), ""),
        ("[[[1,2],[3,4]]]", "conv:1,k2", (1, 2, 2), ""),
        ("1,2,3,4", "1x2x2 conv:1,k2", (1, 2, 2), ""),
        ("[[1,2],[3,4]]", "4 dense:1", (4,), ""),
    ],
)
def test_the_first_layer_that_cares_decides(
    data: str, net: str, shape: tuple[int, ...], note: str
) -> None:
    result = forward(data, net, verify=True)
    right(result)
    assert result.read.shape.sizes == shape
    read_as = [text for text in result.notes if "read as" in text]
    assert bool(read_as) == bool(note)
    assert not note or note in read_as[0]


def test_channels_last_and_examples() -> None:
    data = np.random.default_rng(0).normal(size=(3, 4))
    one = forward(data, "conv:1,k2", layout="hwc")
    assert one.read.shape.sizes == (3, 4, 1)
    assert one.value == forward(data, "conv:1,k2").value
    many = forward([data, data + 1], "conv:1,k2", batch=True)
    assert many.read.batch == 2
    assert np.allclose(many.value[0], one.value)
    assert forward("1,2,3", "bn", batch=True, training=True).value[1] == [0.0]
    rows = forward("[[1,2,3,4],[5,6,7,8]]", "1x2x2 maxpool:2", batch=True)
    assert rows.value == [[[[4]]], [[[8]]]]


def test_files_and_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    assert forward(str(path), "relu").value == [[1, 2], [3, 4]]
    np.save(tmp_path / "a.npy", np.array([1.0, -2.0]))
    assert forward(str(tmp_path / "a.npy"), "relu").value == [1, 0]
    net = tmp_path / "a.net"
    net.write_text("1x2x2 maxpool:2 # comment")
    assert forward("1,2,3,4", file=str(net)).value == [[[4]]]
    assert forward("1,2,3,4", str(net)).value == [[[4]]]


def test_words_of_a_net_may_be_one_or_many() -> None:
    assert forward("1,-2", "relu dense:2").value == forward("1,-2", "relu", "dense:2").value


def test_what_is_not_finite_flows_and_is_said() -> None:
    result = forward("1,nan,inf", "relu", verify=True)
    assert not result.failure
    assert result.terse() == "1,nan,inf"
    assert "2 of 3 numbers of DATA are not finite" in result.notes
    assert json.loads(result.json())["output"] == [1.0, "nan", "inf"]
    huge = forward("1e300", "dense:1,bias=no", set={"dense1.weight": 1e300}, backward="sum")
    assert huge.terse() == "inf"
    assert "the output is not finite, though DATA is" in huge.notes
    assert "not finite cannot be checked" in huge.plain()


# --- tensors ----------------------------------------------------------------------


def test_tensors_from_a_file_and_over_it(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    tensors = {"dense1.weight": np.array([[1.0, 2.0]]), "dense1.bias": np.array([3.0])}
    np.savez(path, **tensors)
    assert forward("1,1", "dense:1", weights=path).value == [6]
    result = forward("1,1", "dense:1", weights=path, set={"dense1.bias": 0})
    assert result.value == [3]
    assert "as set: dense1.bias" in result.plain()
    assert "dense1.weight" in result.plain()
    document: Any = result.document()
    assert document["weights"]["loaded"] == ["dense1.weight", "dense1.bias"]
    assert document["tensors"]["dense1.bias"] == [0]


@pytest.mark.parametrize(
    ("tensors", "rule", "mend"),
    [
        ({"dense1.weight": np.ones((1, 2))}, "lacks dense1.bias", "--seed 0 to draw"),
        ({"dense1.weigth": np.ones((1, 2))}, "no tensor dense1.weigth", "dense1.weight?"),
        ({"dense1.weight": np.ones((2, 1))}, "dense1.weight is 2x1, but the net has 1x2", ""),
        ({"dense1.weight": np.array([["a", "b"]])}, "not numbers", ""),
        ({"dense1.weight": np.ones((1, 2)) * 1j}, "not numbers", ""),
    ],
)
def test_files_whose_tensors_do_not_fit(
    tmp_path: Path, tensors: dict[str, Any], rule: str, mend: str
) -> None:
    path = str(tmp_path / "a.npz")
    np.savez(path, **tensors)
    error = refusal("1,1", "dense:1", weights=path)
    assert rule in error.rule
    assert mend in error.mend


def test_a_seed_draws_what_a_file_lacks(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    np.savez(path, **{"dense1.weight": np.ones((1, 2))})
    result = forward("1,1", "dense:1", weights=path, seed=0)
    assert result.value == [2]
    assert result.extra.origin.drawn == ("dense1.bias",)


def test_a_saved_training_is_run(tmp_path: Path) -> None:
    from dlcalc.answers.train import train

    path = str(tmp_path / "xor.npz")
    assert train("xor", save=path).value == 1.0
    data = [[0, 0], [0, 1], [1, 0], [1, 1]]
    result = forward(data, weights=path, batch=True, verify=True)
    assert [logit > 0 for (logit,) in right(result)] == [False, True, True, False]
    other = forward(data, "dense:8 relu dense:1", weights=path, batch=True)
    assert any("trained as those of 2 dense:8 tanh dense:1" in note for note in other.notes)
    assert "holds 33 parameters" in refusal(data, "dense:4", weights=path, batch=True).rule


def test_values_fill_fit_or_are_refused() -> None:
    assert forward("1,2", "dense:1,bias=no", set={"dense1.weight": "3"}).value == [9]
    assert forward("1,2", "dense:1,bias=no", set={"dense1.weight": "3,4"}).value == [11]
    assert forward("1,2", "dense:1,bias=no", set=["dense1.weight=[[3,4]]"]).value == [11]
    error = refusal("1,2", "dense:2", set={"dense1.weight": "1,2,3,4"})
    assert "has sizes 2x2, but its value has 4" in error.rule
    assert "Did you mean dense1.weight?" in refusal("1", "dense:1", set=["dense1.wieght=1"]).mend
    assert "There are dense1.weight" in refusal("1", "dense:1", set=["zzz=1"]).mend
    assert "have no tensors" in refusal("1", "relu", set=["zzz=1"]).mend
    assert "twice" in refusal("1", "dense:1", set=["dense1.bias=1", "dense1.bias=2"]).rule
    assert "NAME=VALUE" in refusal("1", "dense:1", set=["dense1.bias"]).rule


def test_drawn_tensors_are_shown_and_repeat() -> None:
    one, two = (forward("1,2", "dense:2", seed=3) for _ in range(2))
    assert one.json() == two.json()
    assert one.value != forward("1,2", "dense:2", seed=4).value
    assert "initialised with seed 3" in one.plain()
    assert shown(one.document()["tensors"]["dense1.weight"][1][1]) in one.plain()  # type: ignore[index]
    he = forward("1,2", "dense:2", initialiser="he-normal")
    assert "initialised by he_normal" in he.plain()
    assert "not an initialiser" in refusal("1,2", "dense:2", initialiser="hee").rule
    given = forward("1", "dense:1", set={"dense1.weight": 1, "dense1.bias": 0})
    assert "weights" not in given.plain()


def test_training_drops_and_evaluating_does_not() -> None:
    result = forward(np.ones(50), "dropout:0.5", training=True, seed=1, verify=True)
    assert set(right(result)) == {0.0, 2.0}
    assert set(forward(np.ones(50), "dropout:0.5").value) == {1.0}


# --- gradients --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "options", "gradient"),
    [
        ("relu", {"backward": "sum"}, [1, 0, 1]),
        ("tanh", {"cotangent": "1,0,0"}, [1 - math.tanh(1) ** 2, 0, 0]),
        ("identity", {"backward": "mse", "target": "0,0,0"}, [2 / 3, -4 / 3, 2]),
        ("identity", {"backward": "mae", "target": "0,0,0"}, [1 / 3, -1 / 3, 1 / 3]),
        ("identity", {"backward": "hinge", "target": "1,1,1"}, [0, -1 / 3, 0]),
        ("identity", {"backward": "huber", "target": "0.5,0,0"}, [0.5 / 3, -1 / 3, 1 / 3]),
    ],
)
def test_gradients_by_the_input(net: str, options: dict[str, Any], gradient: list[float]) -> None:
    result = forward("1,-2,3", net, **options)
    back = result.extra.backward
    assert back is not None
    assert not result.failure
    assert back.gradients["input"][0].tolist() == pytest.approx(gradient)
    assert "verified" in result.plain()


def test_cross_entropy_is_softmax_less_the_class() -> None:
    result = forward("1,2,3", "identity", backward="cross-entropy", target="2")
    back = result.extra.backward
    assert back is not None
    softmax = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    assert back.cotangent[0].tolist() == pytest.approx((softmax - [0, 0, 1]).tolist())
    assert "log(exp(1) + exp(2) + exp(3)) - 3" in result.plain()
    image = forward(
        np.zeros((3, 2, 2)), "conv:3,k1", backward="cross-entropy", target=[[0, 1], [2, 0]]
    )
    assert not image.failure
    assert image.extra.backward is not None
    assert image.extra.backward.value == pytest.approx(math.log(3))
    ended = forward("1,2", "softmax", backward="cross-entropy", target="0")
    assert any("applies softmax itself" in note for note in ended.notes)


def test_gradients_of_a_flipped_kernel_are_those_of_the_kernel_given() -> None:
    plain, flipped = (
        forward(CORRELATED, "conv:1,k2,bias=no", set=KERNEL, flip=flip, backward="sum")
        for flip in (False, True)
    )
    assert plain.extra.backward is not None
    assert flipped.extra.backward is not None
    ours = flipped.extra.backward.gradients["conv1.weight"]
    theirs = plain.extra.backward.gradients["conv1.weight"]
    assert np.array_equal(ours, theirs[..., ::-1, ::-1])
    assert not flipped.failure
    assert not np.array_equal(ours, theirs)


def test_at_a_kink_the_answer_says_so() -> None:
    result = forward("0,1", "relu", backward="sum")
    assert not result.failure
    assert "at a kink, so undecided: 1 of input" in result.plain()
    alone = forward("0", "relu", backward="sum")
    assert not alone.failure
    assert "unverified  gradients: every entry lies at a kink" in alone.plain()
    assert (
        "beside which it has a kink"
        in forward("1", "tanh identity", backward="mae", target=[math.tanh(1)]).plain()
    )


def test_words_have_no_gradient_and_their_rows_have() -> None:
    result = forward("2,0,2", "embedding:4,3 last", backward="sum")
    back = result.extra.backward
    assert back is not None
    assert list(back.gradients) == ["embedding1.weight"]
    assert back.gradients["embedding1.weight"].sum(1).tolist() == [0, 0, 3, 0]


def test_a_wrong_gradient_fails_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcalc.engine.program import Program

    run = Program.backward

    def spoilt(self: Program) -> Any:
        found = run(self)
        self.tensors["dense1.weight"].gradient[0, 0] *= 1.01
        return found

    monkeypatch.setattr(Program, "backward", spoilt)
    result = forward("1,2", "dense:1", backward="sum")
    assert "disagrees on gradients: dense1.weight[0, 0] is off by 9.9e-03" in result.failure
    document: Any = result.document()
    assert document["verification"]["passed"] is False


@pytest.mark.parametrize(
    ("loss", "target", "gradient"),
    [
        ("huber:delta=0.5", "0,0", [0.25, -0.25]),
        ("quantile:q=0.9", "0,0", [0.05, -0.45]),
        ("hinge:margin=3", "1,1", [-0.5, -0.5]),
        ("cross-entropy:smoothing=0.2", "0", None),
    ],
)
def test_losses_take_their_numbers(loss: str, target: str, gradient: list[float] | None) -> None:
    result = forward("1,-2", "identity", backward=loss, target=target)
    assert not result.failure
    back = result.extra.backward
    assert back is not None
    assert back.loss == loss
    if gradient is not None:
        assert back.gradients["input"][0].tolist() == pytest.approx(gradient)


def test_what_gradients_are_asked_of() -> None:
    assert "does not take q=1" in refusal("1", "relu", backward="huber:q=1", target="1").rule
    assert "huber:delta=0.5" in refusal("1", "relu", backward="huber:", target="1").mend
    assert "takes nothing" in refusal("1", "relu", backward="mse:a=1", target="1").mend
    assert (
        "delta must be a number" in refusal("1", "relu", backward="huber:delta=a", target="1").rule
    )
    assert "cannot be -1" in refusal("1", "relu", backward="huber:delta=-1", target="1").rule
    assert "needs --target" in refusal("1", "relu", backward="mse").rule
    assert "missing" in refusal("1", "relu", target="1").rule
    assert "Did you mean mse?" in refusal("1", "relu", backward="mes", target="1").mend
    assert "no use" in refusal("1", "relu", backward="sum", cotangent="1").rule
    assert "no --target" in refusal("1", "relu", cotangent="1", target="1").rule
    assert "no --target" in refusal("1", "relu", backward="sum", target="1").rule
    error = refusal("1,2", "dense:2", backward="mse", target="1")
    assert "the target of mse has sizes 2, but --target has 1" in error.rule
    error = refusal("1,2", "dense:2", cotangent="1,2,3")
    assert "the output has sizes 2, but --cotangent has 3" in error.rule
    error = refusal("1,2", "dense:2", backward="cross-entropy", target="2")
    assert "from 0 to 1" in error.rule


# --- steps of recurrent cells -----------------------------------------------------


@pytest.mark.parametrize(
    "net", ["rnn:2", "lstm:2,layers=2,bidirectional=yes", "gru:3", "lstm:3,proj=2"]
)
def test_steps_are_those_of_the_engine(net: str) -> None:
    data = np.random.default_rng(0).normal(size=(2, 3, 2))
    result = forward(data, net, batch=True, trace=True)
    assert not result.failure
    (steps,) = result.extra.traces.values()
    cells = len({step.cell for step in steps})
    assert len(steps) == 2 * 3 * cells
    last = [step for step in steps if step.example == 1 and step.cell == "l0"][-1]
    assert last.time == 2
    document: Any = result.document()
    trace = document["layers"][0]["trace"]
    assert trace[0].keys() >= {"cell", "example", "step", "x", "h_before", "h", "formulas"}


def test_steps_of_many_features_are_written_in_names() -> None:
    text = forward("1,2", "lstm:5", trace=True).plain()
    assert "i = 1/(1 + exp(-(W_i @ x + U_i @ h + b_i))) = [" in text
    assert "h = o*tanh(c) = [" in text
    after = forward("1,2", "gru:5", trace=True).plain()
    assert "n = tanh(W_n @ x + b_n + r*(U_n @ h + c_n)) = [" in after
    before = forward("1,2", "gru:5,reset_after=no,biases=1", trace=True).plain()
    assert "n = tanh(W_n @ x + U_n @ (r*h) + b_n) = [" in before


def test_long_sequences_are_cut_and_endless_ones_refused() -> None:
    result = forward(np.ones(100), "rnn:1", trace=True)
    assert "and 60 steps more, which --json has" in result.plain()
    assert "would follow" in refusal(np.ones((200, 50)), "lstm:128", trace=True).rule
    assert "has none" in refusal("1,2", "relu", trace=True).rule


def test_a_wrong_step_fails_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcalc.formulas.layers import recurrent

    monkeypatch.setattr(recurrent, "tanh", lambda x: math.tanh(x) + 1e-6)
    assert "by its formula" in forward("1,2", "lstm:5", trace=True).failure


# --- the answer -------------------------------------------------------------------


def test_expectations_hold_to_the_digits_written() -> None:
    result = forward("1,2,3", "softmax")
    assert result.meets("0.09,0.245,0.6652")
    assert not result.meets("0.09,0.246,0.6652")
    assert not result.meets("0.09,0.245")
    assert not result.meets("[[0.09,0.245,0.6652]]")
    matrix = forward(POOLED, "maxpool:2")
    assert matrix.meets("[[7, 8], [3, 4]]")
    assert not matrix.meets("[[7,8],[3,5]]")
    assert not matrix.meets("7,8,3,4")
    for malformed in ("[[7,8],[3]]", "[[7,8", "a,b,c,d", "[[7,8],[3,x]]"):
        with pytest.raises(ClaimError):
            result.meets(malformed) if malformed == "a,b,c" else matrix.meets(malformed) or forward(
                "1,2,3,4", "relu"
            ).meets(malformed)


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), min_size=1, max_size=12),
    st.sampled_from([1, 2, 3]),
)
def test_what_is_printed_can_be_given_back(values: list[float], rank: int) -> None:
    sizes = {1: (len(values),), 2: (1, len(values)), 3: (len(values), 1, 1)}[rank]
    found = read(literal(sizes, values))
    assert found.sizes == sizes
    assert np.array_equal(found.values, values, equal_nan=True)


def test_numbers_and_arrays_for_people() -> None:
    assert [shown(x) for x in (1e9, 1e-7, -0.5, 123456.789)] == ["1e+09", "1e-07", "-0.5", "123457"]
    assert full(1e22) == "1e+22"
    assert lines((2, 2, 2), list(range(8))) == ["[0]  0  1", "     2  3", "[1]  4  5", "     6  7"]
    assert lines((1, 2), [1.0, 2.0]) == ["1  2"]
    assert lines((40, 2), [1.0] * 80) == ["40x2, from 1 to 1, mean 1"]
    assert lines((100,), [1.0] * 100) == ["100, from 1 to 1, mean 1"]


def test_large_answers_are_summed_up_and_whole_in_json() -> None:
    result = forward(np.ones((1, 20, 20)), "conv:3,k3 relu", verify=True)
    assert right(result)
    assert "3x18x18, from" in result.plain()
    document: Any = result.document()
    assert np.array(document["layers"][0]["output"]).shape == (3, 18, 18)
    assert np.array(document["output"]).shape == (3, 18, 18)
    # From sums of many products only the way they are made is shown.
    text = forward(np.ones((3, 20, 20)), "conv:2,k3").plain()
    assert "y[0, 0, 0] = (weight[0, :, 0:3, 0:3]*x[:, 0:3, 0:3]).sum() + bias[0]" in text


def test_branches_are_shown_as_they_are_written() -> None:
    text = forward("1,2", "residual[dense:2 | identity] relu", verify=True).plain()
    labels = [
        line.split("  ")[0] if line[0] != " " else line.split()[0] for line in text.splitlines()
    ]
    assert labels[:6] == ["input", "residual[", "dense:2", "y[1]", "|", "identity"]


def test_nets_too_large_are_refused_before_they_are_built() -> None:
    assert "would hold" in refusal("1,2", "dense:1000000000").rule
    assert "would multiply" in refusal(np.ones((3, 64, 64)), "8*[conv:1000,k3,p1]").rule


def test_options_that_mean_nothing_are_refused() -> None:
    assert "has none" in refusal("1,2", "dense:1", flip=True).rule
    assert "--digits" in refusal("1", "relu", digits=0).rule
    assert "--seed" in refusal("1", "relu", seed=-1).rule
    assert "not a framework" in refusal("1", "relu", like="toch").rule
    assert "net is empty" in refusal("1").rule
    assert "unknown size" in refusal("1,2", "H relu").rule
    assert "6 numbers" in refusal([[1, 2, 3], [4, 5, 6]], "2x2 relu").rule
    assert "rows of one length" in refusal([[1, 2], [3]], "relu").rule
    assert "is empty" in refusal([], "relu").rule
    assert "not their sizes" in refusal("3x32x32", "relu").mend
    assert "before the net" in refusal("dense:2", "1,2").mend
    assert "one value a channel" in refusal("1,2", "bn", training=True).rule


def test_a_decoder_looks_at_the_memory_that_is_given() -> None:
    line = "decoder:heads=1,memory=3x2"
    with pytest.raises(InputError, match=r"decoder1\.memory, an encoder's output of 3x2"):
        forward("[[1,2],[3,4]]", line)
    outputs = [
        forward("[[1,2],[3,4]]", line, set=[f"decoder1.memory={memory}"]).value
        for memory in ("[[1,0],[0,1],[1,1]]", "[[1,0],[0,1],[5,1]]")
    ]
    assert outputs[0] != outputs[1]


def test_a_plain_cell_goes_through_its_own_curve() -> None:
    result = forward("[[1],[-1],[2]]", "rnn:1,act=sigmoid", seed=1, verify=True)
    assert not result.failure
    tanh = forward("[[1],[-1],[2]]", "rnn:1", seed=1, verify=True)
    assert not tanh.failure and tanh.value != result.value
