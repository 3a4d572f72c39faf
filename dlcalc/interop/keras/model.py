"""Keras models in JSON, as ``model.to_json()`` and .keras archives hold them: 3 and 2.

The format: keras/src/models/functional.py (``get_config``), sequential.py and
keras/src/saving/serialization_lib.py. Layers stand in a list, each with the calls
in which it was used, which name the calls whose outputs they read. No class is
looked up and no function of the file is called: what a layer is, is told by its
name in `table`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dlcalc.errors import InputError, abridged, nearest
from dlcalc.interop.graph import Builder, Graph, special
from dlcalc.interop.json_text import Fields
from dlcalc.interop.keras.call import Call, Key, Tensor, calls_of, tensors_of
from dlcalc.interop.special import Again
from dlcalc.layers.convention import KERAS
from dlcalc.layers.shape import Layout, Shape, sizes_text
from dlcalc.layers.size import Size, letter

_MODELS = ("Sequential", "Functional", "Model")
_FORMAT = "Keras model"
# What an open size is called, by its place, before the rest of the alphabet.
_LETTERS = {1: "F", 2: "TF", 3: "HWC", 4: "DHWC"}
_OTHERS = "NMKLPQRSABEGIJUVYZabcdefghijklmnopqrstuvwyz"
# Models within models nest no deeper.
_MAX_NESTED = 20


def from_document(document: dict[str, Any], source: str, given: Shape | None) -> Graph:
    """The graph of a model's JSON; ``given`` is its input, in its own order of the sizes.

    Raises `InputError` where a layer is not known, or the input is open.
    """
    fields = Fields(document, source)
    kind = fields.text("class_name")
    if kind not in _MODELS:
        raise InputError(
            f"{source}: {abridged(kind)} is a class with code of its own, which JSON does not hold",
            mend="Functional and Sequential models are read.",
        )
    return _Reader(fields, source, given).graph(kind)


class _Reader:
    def __init__(self, document: Fields, source: str, given: Shape | None) -> None:
        self.config = _config(document)
        self.built = document.get("build_config")
        self.given = given
        self.builder = Builder(source, _FORMAT, KERAS, self._layout(source))
        self.letters: set[str] = set()

    def graph(self, kind: str) -> Graph:
        """All of it."""
        outputs = self.model(kind, self.config, "", None)
        if self.given is not None:
            raise InputError(
                f"{self.builder.source} has {len(self._inputs())} inputs, so one INPUT before it "
                "has no place"
            )
        return self.builder.graph(outputs)

    def _inputs(self) -> list[int]:
        return [i for i, vertex in enumerate(self.builder.vertices) if vertex.node is None]

    def _layout(self, source: str) -> Layout:
        """Where the channels stand, on which all layers must agree."""
        found = set(_data_formats(self.config, 0))
        if len(found) > 1:
            raise InputError(f"{source} has layers with channels first and others with them last")
        return "chw" if found == {"channels_first"} else "hwc"

    def model(self, kind: str, config: Fields, prefix: str, inputs: list[int] | None) -> list[int]:
        """A model, or one within a model, whose inputs are then outputs of the outer one."""
        if prefix.count("/") > _MAX_NESTED:
            raise InputError(f"{config.where}: models nest more than {_MAX_NESTED} deep")
        layers = [Fields(layer, f"{config.where}: layers") for layer in config.items("layers")]
        if not layers:
            raise InputError(f"{self.builder.source} holds no layer")
        if kind == "Sequential":
            return self._sequential(layers, config, prefix, inputs)
        return self._functional(layers, config, prefix, inputs)

    # Sequential models.

    def _sequential(
        self, layers: list[Fields], config: Fields, prefix: str, inputs: list[int] | None
    ) -> list[int]:
        if layers[0].text("class_name") == "InputLayer":
            first, layers = layers[0].fields("config"), layers[1:]
            name, shape = first.text("name", "input"), _batch_shape(first)
        else:
            shape = _batch_shape(_first(layers[0])) or config.get("build_input_shape")
            name = "input"
        if inputs is None:
            inputs = [self._input(f"{prefix}{name}", shape)]
        position = inputs[0]
        for layer in layers:
            call = self._call(layer, prefix, 0, [Tensor(position)], {})
            position = self.outputs(call)[0]
        return [position]

    # Functional models.

    def _functional(
        self, layers: list[Fields], config: Fields, prefix: str, inputs: list[int] | None
    ) -> list[int]:
        graph = _Functional(self, layers, prefix)
        starts = tensors_of(config.get("input_layers"), config.where)
        if inputs is not None:
            if len(inputs) != len(starts):
                raise InputError(
                    f"{config.where}: a model with {len(starts)} inputs is called with "
                    f"{len(inputs)}"
                )
            graph.made.update(zip(starts, inputs, strict=True))
        graph.run()
        return [graph.output(key) for key in tensors_of(config.get("output_layers"), config.where)]

    def _call(
        self, layer: Fields, prefix: str, number: int, args: list[Any], kwargs: dict[str, Any]
    ) -> Call:
        config = _config(layer, layer.where)
        own = layer.get("name") or config.get("name")
        if not isinstance(own, str) or not own:
            raise layer.wrong("name", "a string", own)
        name = f"{prefix}{own}" + (f".{number + 1}" if number else "")
        config.where = f"{self.builder.source}: {abridged(name, 60)}"
        kind = layer.text("class_name")
        return Call(self.builder, name, kind, config, args, kwargs, str(layer.get("module", "")))

    def outputs(self, call: Call, again: bool = False) -> list[int]:
        """What one call of a layer gives: a layer, a merge or a whole model."""
        before = len(self.builder.vertices)
        if call.kind in _MODELS:
            found = self.model(call.kind, call.config, f"{call.name}/", call.inputs)
        else:
            from dlcalc.interop.keras.table import HANDLERS

            handler = HANDLERS.get(call.kind)
            if handler is None:
                raise _unknown(call, HANDLERS)
            found = handler(call)
        if again:
            self._share(call, before)
        return found

    def _share(self, call: Call, before: int) -> None:
        """What a call added has tensors that an earlier one counts."""
        shared = False
        for position in range(before, len(self.builder.vertices)):
            vertex = self.builder.vertices[position]
            if vertex.node is None or vertex.node.layer.branches[1]:
                continue
            node = special(Again(inner=vertex.node.layer), vertex.node.text, vertex.name)
            self.builder.vertices[position] = vertex._replace(node=node)
            shared = True
        if shared:
            self.builder.stand_in(call.name, call.kind, "it uses the tensors of its first call")

    # Inputs.

    def input(self, call: Fields, prefix: str) -> int:
        """An input layer of the outermost model."""
        return self._input(f"{prefix}{call.text('name', 'input')}", _batch_shape(call))

    def _input(self, name: str, shape: object) -> int:
        builder, given = self.builder, self.given
        if shape is None and given is None:
            order = "channels last" if builder.layout == "hwc" else "channels first"
            raise InputError(
                f"{builder.source} leaves its input open",
                mend=f"Give its sizes before the file, without the batch and with {order}.",
            )
        if shape is None:
            sizes: tuple[Size, ...] = given.sizes if given is not None else ()
        else:
            sizes = self._sizes(name, shape)
        self.given = None
        found = Shape(sizes, builder.layout)
        return builder.input(name, "InputLayer", found)

    def _sizes(self, name: str, shape: object) -> tuple[Size, ...]:
        where = f"{self.builder.source}: {abridged(name, 60)}"
        if not isinstance(shape, list) or not 2 <= len(shape) <= 9:
            raise Fields({}, where).wrong("shape", "2 to 9 sizes, the batch first", shape)
        own = shape[1:]
        if not all(n is None or (type(n) is int and 0 < n <= 10**12) for n in own):
            raise Fields({}, where).wrong("shape", "whole numbers from 1, or null", shape)
        given = self.given
        if given is None:
            return tuple(self._letter(i, len(own)) if n is None else n for i, n in enumerate(own))
        fits = len(own) == len(given.sizes)
        if not fits or any(n not in (None, m) for n, m in zip(own, given.sizes, strict=False)):
            shown = sizes_text(tuple("_" if n is None else n for n in own))  # type: ignore[misc]
            open = "Sizes marked _ are open" if None in own else "It leaves no size open"
            raise InputError(
                f"{self.builder.source}: the input is {shown}, which {given} is not",
                mend=f"{open}; sizes stand in the order of the file.",
            )
        return given.sizes

    def _letter(self, place: int, rank: int) -> Size:
        """A letter that stands for an open size, and for no other one."""
        usual = _LETTERS.get(rank, "")
        if self.builder.layout == "chw" and rank > 2:
            usual = usual[-1:] + usual[:-1]
        wanted = usual[place : place + 1] + _OTHERS
        found = next((name for name in wanted if name not in self.letters), None)
        if found is None:
            raise InputError(f"{self.builder.source} leaves more sizes open than there are letters")
        self.letters.add(found)
        return letter(found)


class _Functional:
    """The calls of a functional model, each run when what it reads is there."""

    def __init__(self, reader: _Reader, layers: list[Fields], prefix: str) -> None:
        self.reader = reader
        self.prefix = prefix
        self.layers: dict[str, Fields] = {}
        #: (layer, call) to its arguments.
        self.calls: dict[tuple[str, int], tuple[list[Any], dict[str, Any]]] = {}
        #: The vertices that calls made, by (layer, call, output).
        self.made: dict[Key, int] = {}
        self.done: set[tuple[str, int]] = set()
        for layer in layers:
            name = layer.get("name") or layer.fields("config").get("name")
            if not isinstance(name, str) or name in self.layers:
                raise layer.wrong("name", "a name of its own", name)
            self.layers[name] = layer
            for number, arguments in enumerate(calls_of(layer)):
                self.calls[name, number] = arguments

    def run(self) -> None:
        """Every call, in the order of the file, but what it reads before it."""
        for name, layer in self.layers.items():
            if layer.text("class_name") == "InputLayer" and (name, 0, 0) not in self.made:
                self.made[name, 0, 0] = self.reader.input(layer.fields("config"), self.prefix)
        for call in self.calls:
            self._need(call)

    def _need(self, wanted: tuple[str, int]) -> None:
        waiting = [wanted]
        within = {wanted}
        while waiting:
            call = waiting[-1]
            if call in self.done or (*call, 0) in self.made:
                waiting.pop()
                continue
            missing = [key for key in self._reads(call) if key not in self.made]
            undone = [key[:2] for key in missing if key[:2] not in self.done]
            if undone:
                if undone[0] in within:
                    raise InputError(
                        f"{self.reader.builder.source}: {abridged(call[0])} reads what hangs on "
                        "its own output"
                    )
                within.add(undone[0])
                waiting.append(undone[0])
                continue
            if missing:
                raise self._no_output(missing[0], call[0])
            self._run(call)
            within.discard(call)
            waiting.pop()

    def _reads(self, call: tuple[str, int]) -> Iterator[Key]:
        if call not in self.calls:
            raise InputError(
                f"{self.reader.builder.source}: no layer {abridged(call[0])} has a call {call[1]}"
            )
        args, kwargs = self.calls[call]
        for value in (*args, *kwargs.values()):
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, Tensor):
                    assert isinstance(each.key, tuple)
                    yield each.key

    def _run(self, wanted: tuple[str, int]) -> None:
        name, number = wanted
        args, kwargs = self.calls[wanted]
        placed = [self._placed(value) for value in args]
        named = {key: self._placed(value) for key, value in kwargs.items()}
        call = self.reader._call(self.layers[name], self.prefix, number, placed, named)
        again = any((name, other) in self.done for other in range(number))
        for index, position in enumerate(self.reader.outputs(call, again)):
            self.made[name, number, index] = position
        self.done.add(wanted)

    def _placed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._placed(each) for each in value]
        if isinstance(value, Tensor):
            assert isinstance(value.key, tuple)
            return Tensor(self.made[value.key])
        return value

    def output(self, key: Key) -> int:
        """The vertex of an output of the model."""
        if key not in self.made:
            raise self._no_output(key, "the model")
        return self.made[key]

    def _no_output(self, key: Key, reader: str) -> InputError:
        return InputError(
            f"{self.reader.builder.source}: {abridged(reader)} reads output {key[2]} of "
            f"{abridged(key[0])}, which is not known"
        )


def _batch_shape(config: Fields) -> object:
    """The input's sizes with the batch, under the names of Keras 3 and 2; None if left out."""
    return config.get("batch_shape") or config.get("batch_input_shape")


def _data_formats(config: Fields, depth: int) -> Iterator[str]:
    if depth > _MAX_NESTED:
        return
    for layer in config.items("layers"):
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict | list):
            continue
        inner = _config(Fields(layer, config.where))
        found = inner.get("data_format")
        if isinstance(found, str):
            yield found
        if inner.get("layers") is not None:
            yield from _data_formats(inner, depth + 1)


def _config(layer: Fields, where: str = "") -> Fields:
    """The config of a layer or a model; before Keras 2.2.3 a Sequential had a bare list there."""
    found = layer.get("config", {})
    if isinstance(found, list) and layer.get("class_name") == "Sequential":
        found = {"layers": found}
    return Fields(found, where or f"{layer.where}: config")


def _first(layer: Fields) -> Fields:
    """The config of the layer that is called first, in a model at the beginning of a model too."""
    for _ in range(_MAX_NESTED):
        inner = _config(layer)
        layers = inner.get("layers") if layer.get("class_name") == "Sequential" else None
        if not isinstance(layers, list) or not layers:
            return inner
        layer = Fields(layers[0], layer.where)
    return inner


def _unknown(call: Call, handlers: dict[str, Any]) -> InputError:
    if call.kind == "Lambda":
        rule, mend = "a Lambda layer holds code, which is not run", "Write it as layers."
    elif call.kind == "TFOpLambda":
        rule, mend = "an operation of TensorFlow is not read", "Save it with Keras 3."
    else:
        close = nearest(call.kind, handlers)
        rule = f"{abridged(call.kind)} is not a layer that is known"
        mend = f"The nearest that is known is {close}." if close else ""
    return call.error(rule, mend)
