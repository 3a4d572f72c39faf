"""The walk along an ONNX graph: every value with its shape, every node as a layer.

ONNX has the batch as an axis like any other. It is followed through the nodes, so
that shapes and counts can be those of one example; where a node mixes examples,
`Unbatched` is raised, and the walk starts again with another axis or with whole shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlcalc.errors import InputError, LayerError, abridged, nearest
from dlcalc.interop.graph import TOKENS, Builder, Graph
from dlcalc.interop.onnx.model import FRACTIONS, TYPES, Constant, Given, Model, Op
from dlcalc.interop.onnx.value import Sizes, Unbatched, Undetermined, Value
from dlcalc.layers.convention import ONNX, ONNX21
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Polynomial, Size, letter, letters, product, quotient, total

# Rounding up changed with this opset.
_NEW_POOLING = 22
# Letters for sizes of which the file tells nothing but a name, or not even that.
_USUAL = {2: "NF", 3: "NTF", 4: "NCHW", 5: "NCDHW"}
_LETTERS = "NHWTLSCDABEFGIJKMOPQRUVYZabcdefghijklmnopqrstuvwyz"


class Walk:
    """The graph in the making; ``axis`` is that of the batch in the inputs, None for none."""

    def __init__(self, model: Model, source: str, given: Shape | None, axis: int | None) -> None:
        self.model = model
        self.opset = model.opset
        self.axis = axis
        self.examples: Size = 1
        self.convention = ONNX if model.opset >= _NEW_POOLING else ONNX21
        self.builder = Builder(source, f"ONNX model of opset {self.opset}", self.convention, "chw")
        self.values: dict[str, Value] = {"": Value(())}
        #: The nodes that read a value, by their numbers; the model's outputs are read by -1.
        self.readers: dict[str, list[int]] = {}
        #: Nodes that an earlier one stands for already.
        self.done: set[int] = set()
        #: How many nodes were run in search of activations that are written as several.
        self.tried = 0
        #: The node that counts an initializer.
        self.owners: dict[str, str] = {}
        self.shared: set[str] = set()
        #: Those that no layer of the notation holds.
        self.beside: set[str] = set()
        self._names: set[str] = set()
        self._letters: dict[str, Size] = {}
        self._asked_for: Sizes = () if given is None else given.sizes
        for number, op in enumerate(model.ops):
            for name in op.inputs:
                self.readers.setdefault(name, []).append(number)
        for name in model.outputs:
            self.readers.setdefault(name, []).append(-1)
        #: The tensors that the file gives, those of nodes that are constants too.
        self.constants: dict[str, Constant] = dict(model.constants)
        for constant in list(model.constants.values()):
            self.values[constant.name] = self.of_constant(constant)
        self._inputs(given)

    def run(self) -> Graph:
        """The graph. Raises `Unbatched` where the axis is not that of a batch."""
        from dlcalc.interop.onnx.made import Call
        from dlcalc.interop.onnx.table import RULES

        for number, op in enumerate(self.model.ops):
            # Their numbers are read before the nodes between which they stand.
            if op.kind == "Constant":
                RULES[op.kind](Call(self, number))
                self.done.add(number)
        for number, op in enumerate(self.model.ops):
            if number in self.done:
                continue
            rule = RULES.get(op.kind)
            if rule is None:
                raise self._unknown(op)
            try:
                rule(Call(self, number))
            except LayerError as error:
                raise self.error(op, error.rule, error.mend) from error
            except Undetermined as error:
                return self._open(number, str(error))
        return self._finished()

    # What rules ask.

    @property
    def lone(self) -> bool:
        """Whether the batch is one example, which no node can mix with others."""
        return self.examples == 1

    def mixes(self) -> None:
        """Say that a node mixes examples. Raises `Unbatched` if there are several."""
        if self.axis is not None and not self.lone:
            raise Unbatched

    def of_constant(self, constant: Constant) -> Value:
        """The value that an initializer, or the tensor of a node that is constant, is."""
        # A node holds settings, as well as the weights of some exporters, which are not as few.
        setting = constant.name not in self.constants and constant.values is not None
        self.constants[constant.name] = constant
        origins = (constant.name,) if constant.type in FRACTIONS and not setting else ()
        return Value(constant.shape, content=constant.values, origins=origins, type=constant.type)

    def give(self, op: Op, value: Value, output: int = 0) -> None:
        """Name an output of a node."""
        name = op.outputs[output] if output < len(op.outputs) else ""
        if not name:
            return
        if name in self.values:
            raise self.error(op, f"its output {abridged(name)} is given twice")
        self.values[name] = value

    def display(self, shape: Sizes, batch: int | None) -> Sizes:
        """The sizes of one example, or all where no batch is followed."""
        if 0 in shape:
            raise LayerError("a size of 0 holds nothing")
        if self.axis is None or (batch is None and self.lone):
            return shape or (1,)
        if batch is None:
            raise Unbatched
        times = quotient(shape[batch], self.examples)
        if times is None:
            raise Unbatched
        kept = () if times == 1 else (times,)
        return (*shape[:batch], *kept, *shape[batch + 1 :]) or (1,)

    def of_one(self, number: Size) -> Size:
        """A count for the whole batch as that for one example."""
        found = quotient(number, self.examples) if self.axis is not None else number
        if found is None:
            raise Unbatched
        return found

    def name(self, op: Op, output: int = 0) -> str:
        """The name of the layer of an output: that of the node, made different where it is not."""
        name = abridged(op.name, 80)
        if output or name in self._names:
            own = op.outputs[output] if output < len(op.outputs) else ""
            name = abridged(f"{name}:{own or output}", 100)
        if name in self._names:
            name = f"{name} {len(self._names)}"
        self._names.add(name)
        return name

    def own(self, op: Op, origins: Sequence[str]) -> Mapping[str, Sizes]:
        """The initializers among these that no earlier node counts; from now on this one does."""
        found: dict[str, Sizes] = {}
        for origin in origins:
            if origin in self.owners:
                if self.owners[origin] != op.name:
                    self.shared.add(origin)
                continue
            self.owners[origin] = op.name
            found[origin] = self.constants[origin].shape
        return found

    def error(self, op: Op, rule: str, mend: str = "") -> InputError:
        """A refusal that names the node."""
        return self.builder.error(op.name, op.kind, rule, mend)

    # The end.

    def _finished(self) -> Graph:
        found = []
        for name in self.model.outputs:
            value = self.values.get(name)
            if value is None:
                raise InputError(
                    f"{self.builder.source}: no node gives its output {abridged(name)}"
                )
            if value.vertex is not None:
                found.append(value.vertex)
        if not found:
            raise InputError(f"{self.builder.source}: no output hangs on an input")
        self._remarks()
        return self.builder.graph(tuple(dict.fromkeys(found)), dtype=self._dtype())

    def _open(self, number: int, why: str) -> Graph:
        """The graph up to a node whose output hangs on the data; behind it tensors alone."""
        from dlcalc.interop.onnx.table import BUFFERS

        first = self.model.ops[number]
        for op in self.model.ops[number:]:
            kept = {op.inputs[i] for i in BUFFERS.get(op.kind, ()) if i < len(op.inputs)}
            names = [name for name in dict.fromkeys(op.inputs) if self._trained(name)]
            held = self.own(op, [name for name in names if name not in kept])
            self.owners.update(dict.fromkeys(kept, op.name))
            if held:
                tensors = {abridged(name, 80): sizes for name, sizes in held.items()}
                self.builder.tensors(self.name(op), op.kind, tensors)
        self._remarks()
        shown = f"{abridged(first.name, 60)} ({first.kind})"
        return self.builder.graph((), open=f"{shown}: {why}", dtype=self._dtype())

    def _trained(self, name: str) -> bool:
        """Whether a name is that of an initializer that is counted where it is read."""
        constant = self.constants.get(name)
        return constant is not None and constant.type in FRACTIONS and product(constant.shape) != 1

    def _remarks(self) -> None:
        notes = self.builder.notes
        if self.axis is None and self.model.inputs:
            notes.append("the batch is an axis of these shapes, and counted in MACs")
        elif self.axis:
            notes.append(f"the batch is axis {self.axis} of the input, and left out of the shapes")
        if self.shared:
            notes.append(f"read by several nodes and counted once: {_few(sorted(self.shared))}")
        if self.beside:
            numbers = total(product(self.constants[name].shape) for name in self.beside)
            notes.append(
                f"{numbers:,} of the parameters are read beside layers, such as "
                f"{abridged(min(self.beside), 60)}: exporters may keep constants there"
            )
        held = {origin for value in self.values.values() for origin in value.origins}
        unused = [n for n in held if self._trained(n) and n not in self.owners]
        if unused:
            numbers = total(product(self.constants[name].shape) for name in unused)
            notes.append(f"no layer holds {_few(unused)}: {numbers:,} numbers are not counted")

    def _dtype(self) -> str:
        types = {self.constants[n].type for n in self.owners if n in self.constants}
        return TYPES.get(types.pop(), "") if len(types) == 1 else ""

    def _unknown(self, op: Op) -> InputError:
        from dlcalc.interop.onnx.table import RULES

        if "Quantize" in op.kind or op.kind.startswith("QLinear") or op.kind.endswith("Integer"):
            return self.error(
                op,
                "quantised operators are not supported",
                "Export the model before it is quantised.",
            )
        close = nearest(op.kind, RULES)
        mend = f"The nearest that is known is {close}." if close else ""
        return self.error(op, f"{abridged(op.kind)} is not an operator that is known", mend)

    # The inputs.

    def _inputs(self, given: Shape | None) -> None:
        inputs = self.model.inputs
        if not inputs:
            raise InputError(f"{self.builder.source} has no input")
        if given is not None and len(inputs) != 1:
            raise InputError(
                f"{self.builder.source} has {len(inputs)} inputs, so one INPUT cannot be theirs",
                mend="Leave it out: they have shapes in the file.",
            )
        shapes = [self._shape(wanted, given) for wanted in inputs]
        if self.axis is not None:
            if any(self.axis >= len(shape) for shape in shapes):
                raise Unbatched
            self.examples = shapes[0][self.axis]
            if any(shape[self.axis] != self.examples for shape in shapes):
                raise Unbatched
        for wanted, shape in zip(inputs, shapes, strict=True):
            tokens = wanted.type not in FRACTIONS and len(shape) == 2 and len(inputs) == 1
            name = abridged(wanted.name, 80)
            if name in self._names:
                raise InputError(f"{self.builder.source}: two inputs are called {name}")
            self._names.add(name)
            sizes = Shape(self.display(shape, self.axis))
            vertex = self.builder.input(name, TOKENS if tokens else "input", sizes)
            self.values[wanted.name] = Value(shape, vertex, self.axis, type=wanted.type)

    def _shape(self, wanted: Given, given: Shape | None) -> Sizes:
        """The sizes of an input; what the file leaves open is the person's, or a letter."""
        asked = self._asked(wanted, given)
        shape: list[Size] = []
        for place, (size, own) in enumerate(zip(wanted.shape, asked, strict=True)):
            if isinstance(size, int):
                if own not in (None, size):
                    fixed = "x".join("_" if type(n) is not int else str(n) for n in wanted.shape)
                    raise InputError(
                        f"{self.builder.source}: its input is {fixed}, batch included, which "
                        f"{given} is not",
                        mend="Leave the INPUT out, or export the model with dynamic axes.",
                    )
                shape.append(size)
                continue
            key = size or ("the batch" if place == (self.axis or 0) else f"{wanted.name} {place}")
            if own is None:
                own = self._letters.get(key)
            if own is None:
                usual = _USUAL.get(len(wanted.shape), "")[place : place + 1]
                own = self._letter(size[:1].upper() if size else usual)
            if self._letters.setdefault(key, own) != own:
                raise InputError(
                    f"{self.builder.source}: {given} gives {abridged(key)} two sizes: "
                    f"{self._letters[key]} and {own}"
                )
            shape.append(own)
        return tuple(shape)

    def _asked(self, wanted: Given, given: Shape | None) -> Sequence[Size | None]:
        """For each axis the size that a person gave, without the batch."""
        rank = len(wanted.shape)
        if given is None:
            return [None] * rank
        asked: list[Size | None] = list(given.sizes)
        if len(asked) != rank - 1:
            raise InputError(
                f"{self.builder.source}: its input {abridged(wanted.name)} has {rank} axes with "
                f"the batch, so {given} does not go in"
            )
        asked.insert(self.axis or 0, None)
        return asked

    def _letter(self, wish: str) -> Polynomial:
        """A letter that stands for a size, and for no other one."""
        taken = set().union(*map(letters, [*self._letters.values(), *self._asked_for]))
        order = (wish if wish in _LETTERS else "") + _LETTERS
        free = next((c for c in order if c not in taken), None)
        if free is None:
            raise InputError(f"{self.builder.source} has more sizes without a number than letters")
        return letter(free)


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(abridged(name, 40) for name in names[:3])
    return f"{shown} and {len(names) - 3:,} more" if len(names) > 3 else shown
