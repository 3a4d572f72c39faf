"""ONNX as the witness of shapes and parameters, one random layer after the other.

A draw is a line of the notation ("3x17x9 conv:6,k3x5,s2,p=1+2") together with
the very same layer as an ONNX model of opset 22 ("onnx") or 21 ("onnx21"). The
model is built from the drawn numbers and never from the parsed line, so a
misreading of the notation shows as well. Two readings are taken: strict shape
inference with the checker (onnx 1.23), and onnxruntime (1.31) run on zeros.
``parameters`` are the values in the initialisers that are trained: weights,
biases, scales and slopes.

The readings differ, and at times both differ from the text of the operator
(onnx.defs.get_schema(op, opset).doc). So the row holds

1. a refusal, where the runtime refuses, unless it only says what it has not
   implemented (`RUNTIME_LIMITS`);
2. else the size by the formula in the operator's text, for pooling and
   transposed convolution; no value coming out is a refusal;
3. else what inference says, or the runtime where inference says nothing.

A row that not both readings confirm belongs to one of `CLASSES`; where it
belongs to none, AssertionError is raised. The classes, with I for inference and
R for the runtime, each with its smallest example:

The text and I against R:

* Opset 21 has no sentence on windows that begin in the right padding, so ceil
  keeps them: 1x2 maxpool:1,s2,ceil=yes is 2, R says 1. With opset 22 all say 1.
* Pooling with same is ceil(n/s). R pads as if there were no dilation, and loses
  values: 1x2 maxpool:2,s1,p=same,d2 is 2, R says 1. MaxPool in R also refuses
  same with a kernel below the stride: 1x2 maxpool:1,s2,p=same is 1.
* R has no same with dilation on convolution: 1x2 conv:1,k2,p=same,d2 is 2.
* output_padding below the dilation but not the stride is in the text ("less than
  the corresponding stride/dilation"); R refuses it: 1x1 convtranspose:1,k1,op1,d2
  is 2.
* R has lrn for 2-D and odd sizes alone.

The text and R against I:

* Pooling pads by less than its kernel, dilated or not. The text has no limit; R
  refuses 1x1 maxpool:1,s1,p1, where I says 3.
* The window of a convolution must fit, and channels and groups must agree. I
  checks neither, and says 1 to 1x1 conv:1,k2,s2.
* Of transposed convolution I does not check output_padding (2 for 1x1
  convtranspose:1,k1,op1), nor that something is left, nor that a convolution maps
  the output to the input and to none larger (2 for 1x1
  convtranspose:1,k1,output=2). It is silent on 1x2 convtranspose:1,k1,output=1.
* same is n*s with output_padding too: 1x1 convtranspose:1,k2,s2,op1,p=same is 2,
  I says 3.
* same is ceil(n/s) with ceil too: 1x2 avgpool:1,s2,p=same,ceil=yes is 1, I of
  opset 21 says 2.
* ceil with a window too large by the stride or more leaves nothing: to 1x1
  maxpool:3,s2,ceil=yes I of opset 22 says 1.
* Slopes of prelu that do not fit are not seen by I; on gn it is silent.

The text, which onnx.reference follows, against both:

* A window that is too large by less than the stride: the text rounds down to 0,
  both readings round towards zero. To 1x1 maxpool:2,s2 they say 1.
* valid with ceil is ceil((n - k + 1)/s), the size without ceil; both readings
  take it for padding 0 with ceil. 1x3 maxpool:2,s2,p=valid,ceil=yes is 1, they
  say 2.
* same on transposed convolution is n*s also where the kernel is below the
  stride: 1x1 convtranspose:1,k1,s2,p=same is 2, they say 1.

The text alone: that of LpPool has no sentence on windows that begin in the right
padding, but in opset 22 both readings drop them. They are followed.

By definition, ``residual`` adds equal shapes; where ONNX broadcasts, that is a
refusal, and so are slopes of prelu that would stretch the input.

Never drawn, as one of the two has no word for it: pooling without its stride
(the kernel in the notation, 1 in ONNX), words pinned to another rank, an INPUT
that is one side without channels, more than 3 spatial axes (the runtime's
limit), normalisation without its scale (required in ONNX; bias=no is drawn for
ln), bn without statistics, prelu without a number of slopes, recurrent layers of
more than one layer, with a projection or with dropout (nodes of their own in
ONNX), output together with output_padding, output channels of transposed
convolution that groups do not divide (they are a product in ONNX), and sizes
below 1.

    python tests/oracles/onnx_layers.py --record     writes tests/data/onnx_layers.jsonl
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from oracles.drawing import Sizes, by
from oracles.onnx_others import GATES, Others
from oracles.onnx_parts import Draw, Graph, Part
from oracles.onnx_windows import Windows
from oracles.record import Row, main, write

#: The sizes of each input and output of a model, or why there are none.
Shapes = dict[str, Sizes] | str

RECORD_SEED = 20_261
RECORD_DRAWS = 3_400

OPSETS = {"onnx": 22, "onnx21": 21}
REFUSALS = (
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.NotImplemented,
    errors.RuntimeException,
)

#: What the runtime says where the operator has it and the runtime has not, and in which
#: layers it is no more than that (a trait of `Part`, or "" for all).
RUNTIME_LIMITS = {
    "Dilation not supported for AutoPadType": "same",
    "Calculated output dimension is negative": "same",
    "padding values must be non-negative": "same",
    "Computed output shape is inconsistent with input": "between",
    "/cpu/nn/lrn.": "",
}


class Reading(NamedTuple):
    """The output sizes without the batch, None if refused or not told, and why."""

    output: Sizes | None
    reason: str


class Answer(NamedTuple):
    """The row to compare, both readings, and the class of their disagreement.

    A row has ``like``, ``output`` and ``parameters``.
    """

    row: Row
    inferred: Reading
    ran: Reading
    disagreement: str


class Class(NamedTuple):
    """A way in which readings part: in which layers, and which reading is right.

    ``right`` is "I", "R" or "" for neither; ``traits`` may be empty for any.
    """

    name: str
    kinds: str
    traits: str
    right: str


_PADDED = "maxpool avgpool"
_POOLS = "maxpool avgpool lppool"
CLASSES = (
    Class("same pads for the dilated kernel", _PADDED, "same dilated", "I"),
    Class("same with a kernel below the stride", "maxpool", "same", "I"),
    Class("same with ceil and a kernel below the stride", _PADDED, "same ceil", "R"),
    Class("same with ceil and a kernel below the stride", _PADDED, "same ceil", ""),
    Class("ceil keeps the last window in opset 21", _POOLS, "ceil", "I"),
    Class("window larger than the padded input", _POOLS, "large", ""),
    Class("window larger than the padded input", _POOLS, "large", "R"),
    Class("window larger than the padded input", "conv", "large", "R"),
    Class("padding not below the kernel", _PADDED, "wide", "R"),
    Class("valid with ceil", _PADDED, "valid ceil", ""),
    Class("valid with ceil", _PADDED, "valid ceil", "R"),
    Class("same with dilation is not in the runtime", "conv", "same dilated", "I"),
    Class("channels and groups", "conv", "uneven", "R"),
    Class("output_padding below the dilation alone", "convtranspose", "between", "I"),
    Class("output_padding below the dilation alone", "convtranspose", "between", ""),
    Class("output_padding not below stride or dilation", "convtranspose", "beyond", "R"),
    Class("output below the input", "convtranspose", "below", "R"),
    Class("output of a larger input", "convtranspose", "above", "R"),
    Class("nothing is left", "convtranspose", "nothing", "R"),
    Class("same is n*s with output_padding", "convtranspose", "same extra", "R"),
    Class("same is n*s with a kernel below the stride", "convtranspose", "same", ""),
    Class("lrn of another rank or an even size", "lrn", "", "I"),
    Class("prelu with other slopes", "prelu", "", "R"),
    Class("prelu that would stretch its input", "prelu", "", ""),
    Class("gn is not inferred", "gn", "", "R"),
    Class("window too large in a branch", "residual concat", "", "R"),
)


def answer(draw: Draw) -> Answer:
    """Both readings of a draw, and what follows from them."""
    graph = Graph()
    recurrent = draw.part.kind in GATES
    output = draw.part.build(graph, "x", draw.sizes)
    sizes = (draw.sizes[0], 1, *draw.sizes[1:]) if recurrent else (1, *draw.sizes)
    model = graph.model(sizes, output, OPSETS[draw.like])
    inferred = _reading(_inferred(model), output, graph, recurrent)
    ran = _reading(_ran(model, sizes), output, graph, recurrent)
    decided = _decided(draw, inferred, ran)
    row: Row = {"line": draw.line, "like": draw.like, "output": None}
    if decided is not None:
        row |= {"output": list(decided), "parameters": graph.parameters}
    return Answer(row, inferred, ran, _disagreement(draw, decided, inferred, ran))


def _inferred(model: onnx.ModelProto) -> Shapes:
    """What strict inference says, and the checker to the model with it."""
    try:
        inferred = onnx.shape_inference.infer_shapes(
            model, check_type=True, strict_mode=True, data_prop=True
        )
        shapes = {}
        for value in (*inferred.graph.input, *inferred.graph.output):
            if not value.type.tensor_type.HasField("shape"):
                return "nothing is told"
            shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        onnx.checker.check_model(inferred)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        return str(error)
    return shapes


def _ran(model: onnx.ModelProto, sizes: Sizes) -> Shapes:
    """What comes out of the runtime on zeros."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    names = [value.name for value in model.graph.output]
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        outputs = session.run(names, {"x": np.zeros(sizes, np.float32)})
    except REFUSALS as error:
        return str(error)
    return {"x": sizes} | {name: value.shape for name, value in zip(names, outputs)}


def _reading(shapes: Shapes, output: str, graph: Graph, recurrent: bool) -> Reading:
    """The output without the batch; recurrent layers join their directions."""
    if isinstance(shapes, str):
        return Reading(None, shapes)
    if any(shapes[one] != shapes[other] for one, other in graph.equal):
        return Reading(None, "by definition: residual adds equal shapes")
    sizes = shapes[output]
    if recurrent:
        time, directions, _, features = sizes
        return Reading((time, directions * features), "")
    if min(sizes) < 1:
        return Reading(None, f"by definition: no value comes out of {by(sizes)}")
    if len(sizes) == 1 or sizes[0] != 1:
        return Reading(None, f"by definition: {by(sizes)} has no batch")
    return Reading(sizes[1:], "")


def _decided(draw: Draw, inferred: Reading, ran: Reading) -> Sizes | None:
    """The output by the rules in the head of this module."""
    limited = any(
        message in ran.reason and set(traits.split()) <= draw.part.traits
        for message, traits in RUNTIME_LIMITS.items()
    )
    if ran.output is None and not limited and "no value" not in ran.reason:
        return None
    if draw.part.says is not None:
        sizes = draw.part.says(OPSETS[draw.like])
        return sizes if min(sizes) > 0 else None
    return ran.output if inferred.reason == "nothing is told" else inferred.output


def _disagreement(draw: Draw, sizes: Sizes | None, inferred: Reading, ran: Reading) -> str:
    """The class of a row that not both readings confirm; none raises AssertionError."""
    right = "I" * (inferred.output == sizes) + "R" * (ran.output == sizes)
    if right == "IR":
        return ""
    for found in CLASSES:
        named = draw.part.kind in found.kinds.split()
        if named and set(found.traits.split()) <= draw.part.traits and found.right == right:
            return found.name
    raise AssertionError(f"{draw.like}: {draw.line}: {sizes}, but {inferred} and {ran}")


class _Drawer(Windows, Others):
    """Draws layers of all kinds."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        weights: tuple[tuple[Callable[[], tuple[Sizes, Part]], int], ...] = (
            (self.conv, 30),
            (self.convtranspose, 28),
            (self.maxpool, 28),
            (self.avgpool, 24),
            (self.lppool, 8),
            (self.globalpool, 3),
            (self.recurrent, 8),
            (self.dense, 4),
            (self.norm, 8),
            (self.groupnorm, 4),
            (self.prelu, 4),
            (self.plain, 5),
            (self.residual, 5),
            (self.concat, 5),
        )
        self.kinds = [kind for kind, weight in weights for _ in range(weight)]

    def draw(self) -> Draw:
        """One line of any kind, in either opset."""
        like = self.rng.choice(list(OPSETS))
        sizes, part = self.rng.choice(self.kinds)()
        return Draw(like, sizes, part)


def draws(count: int, seed: int) -> Iterator[Draw]:
    """That many draws; the same for the same seed."""
    drawer = _Drawer(random.Random(seed))
    for _ in range(count):
        yield drawer.draw()


def record_answers() -> list[Answer]:
    """The answers of the recorded table, each line once in each opset."""
    answers = map(answer, draws(RECORD_DRAWS, RECORD_SEED))
    return list({(found.row["line"], found.row["like"]): found for found in answers}.values())


def record_rows() -> list[Row]:
    """The rows of the recorded table."""
    return [found.row for found in record_answers()]


def record() -> None:
    """Write the recorded table, and say how often which class of disagreement occurs."""
    answers = record_answers()
    versions = f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}"
    write("onnx", [found.row for found in answers], versions)
    classes = Counter(found.disagreement or "both readings confirm it" for found in answers)
    for name, count in classes.most_common():
        print(f"{count:6,}  {name}")


if __name__ == "__main__":
    main("onnx", record)
