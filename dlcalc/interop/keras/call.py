"""One call of a layer in a Keras model: what it is called with, and how it is built."""

from __future__ import annotations

from typing import Any, NamedTuple

from dlcalc.errors import InputError
from dlcalc.interop.graph import Builder
from dlcalc.interop.json_text import Fields
from dlcalc.layers.base import Layer
from dlcalc.layers.shape import Shape

#: A layer's name, the number of its call, the number of the output of that call.
Key = tuple[str, int, int]


class Tensor(NamedTuple):
    """A tensor among the arguments: whose output it is, or the vertex once that is known."""

    key: Key | int


class Call:
    """A layer at work: its settings, and the vertices and constants that it gets."""

    def __init__(
        self,
        builder: Builder,
        name: str,
        kind: str,
        config: Fields,
        args: list[Any],
        kwargs: dict[str, Any],
        module: str = "",
    ) -> None:
        self.builder = builder
        self.name = name
        self.kind = kind
        self.config = config
        self.args = args
        self.kwargs = kwargs
        self.module = module

    @property
    def inputs(self) -> list[int]:
        """The vertices among the positional arguments, those in lists too."""
        found = []
        for value in self.args:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, Tensor):
                    assert isinstance(each.key, int)
                    found.append(each.key)
        return found

    @property
    def constants(self) -> list[Any]:
        """The positional arguments that are no tensors."""
        values = [v for value in self.args for v in (value if isinstance(value, list) else [value])]
        return [value for value in values if not isinstance(value, Tensor) and value is not None]

    @property
    def input(self) -> int:
        """The only vertex. Raises `InputError` if there is none, or more than one."""
        inputs = self.inputs
        others = [key for key, value in self.kwargs.items() if isinstance(value, Tensor)]
        if len(inputs) != 1 or [key for key in others if key != "mask"]:
            shown = f" and {', '.join(others)}" if others else ""
            raise self.error(f"it is called with {len(inputs)} tensors{shown}, not with one")
        return inputs[0]

    @property
    def shape(self) -> Shape:
        """What comes in."""
        return self.builder.shape(self.input)

    @property
    def channels(self) -> int:
        """The channels that come in. Raises `InputError` if they are not known."""
        found = self.shape.channels
        if not isinstance(found, int):
            raise self.error(f"it needs to know its channels, which are {found}")
        return found

    def add(self, word: str, suffix: str = "", before: int | None = None) -> int:
        """A layer of the notation, behind the input or another vertex."""
        name = f"{self.name}.{suffix}" if suffix else self.name
        return self.builder.add(name, self.kind, word, self.input if before is None else before)

    def add_special(self, layer: Layer, text: str, suffix: str = "") -> int:
        """A layer that the notation cannot write."""
        from dlcalc.interop.graph import special

        name = f"{self.name}.{suffix}" if suffix else self.name
        return self.builder.add(name, self.kind, special(layer, text), self.input)

    def stand_in(self, why: str) -> None:
        """Say that this layer is shown by its shape and its tensors alone."""
        self.builder.stand_in(self.name, self.kind, why)

    def error(self, rule: str, mend: str = "") -> InputError:
        """A refusal that names the layer."""
        return self.builder.error(self.name, self.kind, rule, mend)


def calls_of(layer: Fields) -> list[tuple[list[Any], dict[str, Any]]]:
    """The arguments of each call of a layer, tensors by the key of their call."""
    found = []
    for node in layer.items("inbound_nodes"):
        if isinstance(node, dict):
            call = Fields(node, layer.where)
            args = [_value(value, layer.where) for value in call.items("args")]
            kwargs = call.get("kwargs", {})
            if not isinstance(kwargs, dict):
                raise call.wrong("kwargs", "an object", kwargs)
            named = {key: _value(value, layer.where) for key, value in kwargs.items()}
            found.append((args, {key: value for key, value in named.items() if value is not None}))
        else:
            found.append(_old(node, layer.where))
    return found


def _value(value: Any, where: str, depth: int = 0) -> Any:
    """An argument of Keras 3: a tensor, a list of them, or a constant."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return Tensor(_key(Fields(value, where).fields("config").get("keras_history"), where))
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        value = Fields(value, where).items("items")
    if isinstance(value, list) and depth < 2:
        return [_value(each, where, depth + 1) for each in value]
    return value


def _old(node: Any, where: str) -> tuple[list[Any], dict[str, Any]]:
    """A call of Keras 2: [[name, call, output, kwargs], ...]."""
    if not isinstance(node, list):
        raise InputError(f"{where}: inbound_nodes holds neither objects nor lists")
    if node and isinstance(node[0], str):
        node = [node]
    tensors: list[Any] = []
    kwargs: dict[str, Any] = {}
    for each in node:
        if not isinstance(each, list) or len(each) < 3:
            raise InputError(f"{where}: a call of it names no layer, call and output")
        tensors.append(Tensor(_key(each[:3], where)))
        if len(each) > 3 and isinstance(each[3], dict):
            kwargs |= {key: value for key, value in each[3].items() if value is not None}
    return [tensors if len(tensors) > 1 else tensors[0]] if tensors else [], kwargs


def tensors_of(value: Any, where: str) -> list[Key]:
    """The keys in input_layers or output_layers: one, a list, or a dictionary of them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and value and isinstance(value[0], str):
        value = [value]
    if not isinstance(value, list) or not value:
        raise InputError(f"{where}: its inputs or outputs are not listed")
    return [_key(each, where) for each in value]


def _key(value: Any, where: str) -> Key:
    if (
        isinstance(value, list)
        and len(value) == 3
        and isinstance(value[0], str)
        and all(type(n) is int and n >= 0 for n in value[1:])
    ):
        return value[0], value[1], value[2]
    raise InputError(f"{where}: a tensor is named neither by layer nor by call and output")
