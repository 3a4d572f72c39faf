"""The layers of Keras on sequences: recurrent ones, attention, and what wraps another layer."""

from __future__ import annotations

from collections.abc import Callable

from dlcalc.errors import abridged
from dlcalc.interop.graph import Builder, special
from dlcalc.interop.json_text import Fields
from dlcalc.interop.keras.call import Call, Tensor
from dlcalc.interop.special import Cross, EachStep
from dlcalc.interop.words import flag, word

Handler = Callable[[Call], list[int]]

_CELLS = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
# Of these each step alone is what the layer makes of a whole sequence anyway.
_ON_THE_LAST_AXIS = ("Dense", "Activation", "ReLU", "Dropout", "LayerNormalization", "Identity")


def _recurrent(call: Call, config: Fields, kind: str, both_ways: bool) -> list[int]:
    """A recurrent layer, its last step if that is all it gives, and its states if asked for."""
    name = _CELLS[kind]
    act = config.get("activation", "tanh")
    gate = config.get("recurrent_activation", "sigmoid") if name != "rnn" else "sigmoid"
    if name == "rnn" and act == "sigmoid":
        squash = "act=sigmoid"
    else:
        squash = ""
        if act != "tanh" or gate != "sigmoid":
            call.stand_in(f"its functions {abridged(f'{act}, {gate}')} are shown as the usual ones")
    for key in ("dropout", "recurrent_dropout"):
        if config.number(key, 0.0):
            call.stand_in(f"its {key} is not shown")
    reset = config.flag("reset_after", True) if name == "gru" else False
    biased = config.flag("use_bias", True)
    made = call.add(
        word(
            name,
            str(config.whole("units")),
            flag("bidirectional", both_ways, False),
            flag("bias", biased, True),
            squash,
            (f"reset_after={'yes' if reset else 'no'}") if name == "gru" and biased else "",
        ),
        before=_sequence(call),
    )
    ends = not config.flag("return_sequences", False)
    stateful = config.flag("return_state", False)
    outputs = [made]
    if ends or stateful:
        if both_ways:
            call.stand_in("the half that reads backwards ends at the first step, not at the last")
        last = call.add("last", "last", made)
        outputs = [last if ends else made]
        if stateful:
            outputs += [last] * ((2 if name == "lstm" else 1) * (2 if both_ways else 1))
            if name == "lstm" or both_ways:
                call.stand_in("its states are shown as its last output")
    return outputs


def _sequence(call: Call) -> int:
    """The sequence itself; states that the layer is started with are left out, and said."""
    inputs = call.inputs
    if not inputs:
        raise call.error("it is called without a tensor")
    started = len(inputs) > 1 or "initial_state" in call.kwargs
    if started:
        call.builder.also(call.name, "the states that it starts with")
    return inputs[0]


def _plain(call: Call) -> list[int]:
    return _recurrent(call, call.config, call.kind, False)


def _bidirectional(call: Call) -> list[int]:
    inner = call.config.fields("layer")
    kind = inner.text("class_name")
    if kind not in _CELLS:
        raise call.error(f"Bidirectional of {abridged(kind)} is not known")
    mode = call.config.get("merge_mode")
    if mode != "concat":
        raise call.error(
            f"both ways merged by {abridged(str(mode))} are not known",
            "merge_mode concat puts them side by side.",
        )
    config = inner.fields("config")
    backward = call.config.get("backward_layer")
    if isinstance(backward, dict):
        written = Fields(backward, call.config.where)
        if written.text("class_name") != kind:
            raise call.error(f"both ways differ: {abridged(written.text('class_name'))} and {kind}")
        other = written.fields("config")
        for key in ("units", "use_bias", "reset_after", "activation", "recurrent_activation"):
            if other.get(key) != config.get(key):
                raise call.error(f"both ways differ in {key}, which is not known")
    return _recurrent(call, config, kind, True)


def _time_distributed(call: Call) -> list[int]:
    from dlcalc.interop.keras.table import HANDLERS

    inner = call.config.fields("layer")
    kind = inner.text("class_name")
    if kind not in HANDLERS or kind in _NO_STEPS:
        raise call.error(f"TimeDistributed of {abridged(kind)} is not known")
    config = Fields(inner.get("config", {}), call.config.where)
    shape = call.shape
    if kind in _ON_THE_LAST_AXIS and len(shape.sizes) == 2:
        return HANDLERS[kind](Call(call.builder, call.name, kind, config, call.args, {}))
    if len(shape.sizes) < 2:
        raise call.error(f"it works on each step of a sequence, but gets {shape}")
    # One step goes through the layer alone; what it becomes is then done to each.
    alone = Builder(call.builder.source, "", call.builder.convention, call.builder.layout)
    step = alone.input(" step", "", shape.with_sizes(shape.sizes[1:]))
    HANDLERS[kind](Call(alone, call.name, kind, config, [Tensor(step)], {}))
    position = call.input
    for vertex in alone.vertices[1:]:
        assert vertex.node is not None
        layer = EachStep(inner=vertex.node.layer)
        node = special(layer, vertex.node.text, vertex.name)
        position = call.builder.add(vertex.name, call.kind, node, position)
    call.stand_in("the notation has no layer that is applied to each step")
    call.builder.standins.extend(alone.standins)
    return [position]


def _attention(call: Call) -> list[int]:
    """Queries first, then values, then keys if they are not the values."""
    inputs = list(call.inputs)
    for key in ("value", "key"):
        given = call.kwargs.get(key)
        if isinstance(given, Tensor):
            assert isinstance(given.key, int)
            inputs.append(given.key)
    if not 2 <= len(inputs) <= 3:
        raise call.error(f"it is called with {len(inputs)} tensors, not with a query and values")
    config = call.config
    heads, dim = (
        config.whole("num_heads", config.whole("num_query_heads", 0)),
        config.get("key_dim"),
    )
    dim = config.whole("head_dim", 0) if dim is None else config.whole("key_dim")
    pairs = config.whole("num_key_value_heads", heads)
    if config.get("value_dim", dim) != dim or config.get("output_shape") is not None:
        raise call.error("values or outputs of other sizes than the keys are not known")
    if config.get("attention_axes") not in (None, [1], 1) or config.flag("use_gate", False):
        raise call.error("attention along several axes, or with a gate, is not known")
    biased = config.flag("use_bias", True)
    if len(set(inputs)) == 1:
        made = word(
            "attention",
            str(heads),
            f"kv={pairs}" if pairs != heads else "",
            f"dim={dim}",
            flag("causal", call.kwargs.get("use_causal_mask") is True, False),
            flag("bias", biased, True),
        )
        return [call.add(made, before=inputs[0])]
    if len(set(inputs[1:])) > 1 or pairs != heads:
        raise call.error("keys and values from different tensors are not known")
    memory = call.builder.shape(inputs[1])
    if len(memory.sizes) != 2:
        raise call.error(f"it looks at {memory}, which is not TIMExFEATURES")
    cross = Cross(heads=heads, dim=dim, length=memory.sizes[0], memory=memory.sizes[1], bias=biased)
    call.stand_in("the notation has no attention to another sequence by itself")
    call.builder.also(call.name, "the sequence that it looks at")
    text = word("attention", str(heads), f"dim={dim}")
    node = special(cross, text, call.name)
    return [call.builder.add(call.name, call.kind, node, inputs[0])]


# What merges, or wraps layers itself, has no single step to be applied to.
_NO_STEPS = {"Add", "Multiply", "Concatenate", "MultiHeadAttention", "TimeDistributed"}
SEQUENCES: dict[str, Handler] = {
    "SimpleRNN": _plain,
    "LSTM": _plain,
    "GRU": _plain,
    "CuDNNLSTM": lambda call: _recurrent(call, call.config, "LSTM", False),
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
    "MultiHeadAttention": _attention,
    "GroupQueryAttention": _attention,
    "GroupedQueryAttention": _attention,
}
