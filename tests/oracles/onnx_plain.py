"""Plain values of an ONNX model to JSON and back, without onnx."""

from __future__ import annotations

from typing import Any

from dlcalc.interop.onnx.model import Constant, Given, Model, Op


def written(model: Model) -> dict[str, Any]:
    """A model as JSON has it."""
    return {
        "opset": model.opset,
        "ops": [
            [*op[:4], {k: _attribute(v) for k, v in op.attributes.items()}] for op in model.ops
        ],
        "constants": [list(constant) for constant in model.constants.values()],
        "inputs": [list(given) for given in model.inputs],
        "outputs": list(model.outputs),
    }


def _attribute(value: Any) -> Any:
    return {"tensor": list(value)} if isinstance(value, Constant) else value


def read(document: dict[str, Any]) -> Model:
    """The model that was written."""
    constants = [_constant(values) for values in document["constants"]]
    return Model(
        document["opset"],
        tuple(
            Op(name, kind, tuple(inputs), tuple(outputs), {k: _value(v) for k, v in held.items()})
            for name, kind, inputs, outputs, held in document["ops"]
        ),
        {constant.name: constant for constant in constants},
        tuple(Given(name, tuple(shape), type) for name, shape, type in document["inputs"]),
        tuple(document["outputs"]),
    )


def _constant(values: list[Any]) -> Constant:
    name, shape, type, numbers = values
    return Constant(name, tuple(shape), type, None if numbers is None else tuple(numbers))


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return _constant(value["tensor"])
    return tuple(value) if isinstance(value, list) else value
