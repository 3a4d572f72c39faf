"""Answers about model files: those of nets in the notation, under the names of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dlcalc.answers import counting
from dlcalc.answers.params import PLAIN, ParamsResult, Question
from dlcalc.answers.shape import ShapeResult
from dlcalc.errors import InputError
from dlcalc.interop.graph import TOKENS, Graph
from dlcalc.interop.reduce import Unreduced, reduced
from dlcalc.layers.size import Size
from dlcalc.nets.field import Field, Seen, merged
from dlcalc.nets.field import start as start_field
from dlcalc.nets.parser import Net
from dlcalc.nets.trace import Step, trace
from dlcalc.result import Row

if TYPE_CHECKING:
    from dlcalc.answers.checkpoint import TensorsResult
    from dlcalc.answers.model_open import OpenParams
    from dlcalc.interop.safetensors import Checkpoint


def model_params(
    model: Graph | Checkpoint, asked: Question, budget: str | None
) -> ParamsResult | OpenParams | TensorsResult:
    """The parameters of a model file; ``budget`` asks for the engine as a witness."""
    if not isinstance(model, Graph):
        from dlcalc.answers.checkpoint import answer

        return answer(model, asked != PLAIN or budget is not None)
    graph = model
    if graph.open:
        from dlcalc.answers.model_open import OpenParams

        _refuse_verify(budget, graph.open)
        return OpenParams(graph)
    return _verified(ModelParams(Way(graph), asked), budget)


def model_shape(model: Graph | Checkpoint, batch: Size | None, budget: str | None) -> ShapeResult:
    """The shapes in a model file, with a batch before them if one is given.

    Raises `InputError`, with what is determined, where the file leaves the flow open.
    """
    if not isinstance(model, Graph):
        raise InputError(
            f"{model.source} holds tensors and no layers, so no shape goes through it",
            mend="dlcalc params counts its numbers; a config.json beside it says the layers.",
        )
    if model.open:
        from dlcalc.answers.model_open import undetermined

        raise undetermined(model)
    return _verified(ModelShape(Way(model), batch), budget)


class Way:
    """How a graph is walked: as a net whose branches part and meet, or vertex by vertex."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.start = graph.inputs[0].output
        assert self.start is not None
        self.net: Net | None
        try:
            self.net, self.why = reduced(graph), ""
            self.steps = trace(self.net, self.start, graph.convention)
        except Unreduced as error:
            self.net, self.why = None, str(error)
            self.steps = graph.steps()
        if not self.steps:
            raise InputError(f"{graph.source} holds no layer")

    @property
    def notes(self) -> list[str]:
        """What a reader should know of how the file was read."""
        graph, notes = self.graph, list(self.graph.notes)
        if self.why:
            notes.append(f"the layers are listed one by one: {self.why}")
        for standin in graph.standins[:3]:
            notes.append(f"shown by its shape and its parameters alone: {standin}")
        if len(graph.standins) > 3:
            notes.append(f"and so are {len(graph.standins) - 3} more layers")
        return notes

    def document(self) -> dict[str, object]:
        """The same for JSON."""
        graph = self.graph
        return {
            "file": graph.source,
            "format": graph.format,
            "reduced": self.net is not None,
            "standins": list(graph.standins),
        }


class ModelParams(ParamsResult):
    """The parameters of a model file."""

    def __init__(self, way: Way, asked: Question) -> None:
        convention = way.graph.convention
        layers = counting.count(way.steps, convention)
        assert way.start is not None
        super().__init__(way.start, way.steps, layers, asked, convention)
        self.way = way

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """How the file was read, and what layers remark."""
        return [*self.way.notes, *super().notes]

    @property
    def per_token(self) -> tuple[int | float, int] | None:
        """Multiply-accumulates for one of the tokens that come in, on average; how many come."""
        start = self.way.graph.inputs[0]
        time = self.start.sizes[0]
        if start.kind != TOKENS or not (isinstance(self.macs, int) and isinstance(time, int)):
            return None
        whole, rest = divmod(self.macs, time)
        return (self.macs / time if rest else whole), time

    def document(self) -> dict[str, object]:
        """That of a net, and the file."""
        document = self.way.document() | super().document()
        if (found := self.per_token) is not None:
            macs, time = found
            document["macs_per_token"] = {"context": time, "macs": macs}
        return document


class ModelShape(ShapeResult):
    """The shapes in a model file."""

    def __init__(self, way: Way, batch: Size | None) -> None:
        assert way.start is not None
        super().__init__(way.start, way.steps, batch, way.graph.convention)
        self.way = way

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """How the file was read, and what layers remark."""
        return [*self.way.notes, *super().notes]

    def document(self) -> dict[str, object]:
        """That of a net, and the file."""
        return self.way.document() | super().document()

    def _inputs(self) -> list[Row]:
        shown = [(vertex.name, vertex.output) for vertex in self.way.graph.inputs]
        return [
            Row((*(name, "input")[: 2 if self.named else 1], self._shape(shape)))
            for name, shape in shown
            if shape is not None
        ]

    def _seen(self) -> tuple[Seen, ...]:
        if self.way.net is not None:
            return super()._seen()
        return _seen_by_vertex(self.way.graph)


def _seen_by_vertex(graph: Graph) -> tuple[Seen, ...]:
    """What every layer sees; with several inputs, nobody says of which."""
    single = len(graph.inputs) == 1
    fields: dict[str, Field] = {}
    for vertex in graph.inputs:
        assert vertex.output is not None
        fields[vertex.name] = start_field(vertex.output) if single else Field(None)
    found = []
    for step, vertex in graph.placed():
        met = [fields[graph.vertices[position].name] for position in vertex.inputs]
        field = _behind(step, met, [graph.vertices[i].output for i in vertex.inputs], graph)
        fields[vertex.name] = field
        found.append(Seen(step, met[0], field))
    return tuple(found)


def _behind(step: Step, met: list[Field], shapes: list[object], graph: Graph) -> Field:
    if len(met) == 1:
        return met[0].then(step.node.layer.axes(step.input, graph.convention))
    sides = {getattr(shape, "spatial", None) for shape in shapes}
    return merged(met) if sides == {step.output.spatial} else Field(None)


def _refuse_verify(budget: str | None, why: str) -> None:
    if budget is not None:
        raise InputError(f"--verify runs a net from its input to its output, but {why}")


Answer = TypeVar("Answer", "ModelParams", "ModelShape")


def _verified(result: Answer, budget: str | None) -> Answer:
    if budget is None:
        return result
    way = result.way
    if way.net is None:
        _refuse_verify(budget, way.why)
        return result
    if way.graph.standins:
        raise InputError(f"--verify has no layer to run for {way.graph.standins[0]}")
    result.verify(way.net, budget)
    return result
