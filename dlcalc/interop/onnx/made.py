"""One node at work: what comes out of it, as layers of the notation or as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlcalc.errors import LayerError, abridged
from dlcalc.interop.graph import special
from dlcalc.interop.onnx.call import Reading
from dlcalc.interop.onnx.plain import Plain, PlainMerge
from dlcalc.interop.onnx.value import MAX_CONTENT, Sizes, Value
from dlcalc.layers.base import Layer, Parts, Tensors
from dlcalc.layers.shape import MAX_AXES, Shape, check_sizes, sizes_text
from dlcalc.layers.size import Size, product
from dlcalc.nets.word import read_word

_NO_LAYER = "the notation has no such layer"
# Of how many inputs the names are shown.
_SHOWN = 20
_SHARED = "its tensors are made of others, or counted where they are read first"
_TIMES = "it runs {} times on each example"


class Call(Reading):
    """A node, with what it makes."""

    def per_example(self, x: Value) -> tuple[Shape, Size]:
        """The shape behind the first axis, and how many of it there are for one example."""
        walk = self.walk
        if x.constant:
            raise self.error("its input is a constant, which is not supported")
        if len(x.shape) < 2:
            raise LayerError(f"it gets {len(x.shape)} axes, but needs a batch and more")
        if x.batch != 0:
            walk.mixes()
        return Shape(x.shape[1:]), walk.of_one(x.shape[0])

    def spatial(self, word: str, x: Value, weights: Mapping[str, Value | None]) -> None:
        """A layer on channels and sides, behind a batch that stands first.

        ``weights`` are constants by the layer's own names; their sizes must be the layer's.
        """
        inner, times = self.per_example(x)
        layer = read_word(word)
        output = layer.output_shape(inner, self.walk.convention)
        self._put(word, layer, x, inner, times, output, (x.shape[0], *output.sizes), 0, weights)

    def along(
        self, word: str, x: Value, weights: Mapping[str, Value | None], last: Size | None = None
    ) -> None:
        """A layer on the last axis, or on each value: other axes, the batch's too, are kept."""
        if x.constant:
            raise self.error("its input is a constant, which is not supported")
        shape = x.shape if last is None else (*x.shape[:-1], last)
        if last is not None and x.batch == len(x.shape) - 1:
            self.walk.mixes()
            x = x._replace(batch=None)
        inner = Shape(self.walk.display(x.shape, x.batch))
        layer = read_word(word)
        output = Shape(self.walk.display(shape, x.batch))
        if layer.output_shape(inner, self.walk.convention) != output:
            raise self.error(f"it makes {output} of {inner}, which {word} does not")
        self._put(word, layer, x, inner, 1, output, shape, x.batch, weights)

    def looked_up(self, word: str, rows: Value, table: Value, shape: Sizes) -> None:
        """A layer that looks up rows of a table, by numbers of which the batch stands first."""
        layer = read_word(word)
        inner = Shape(self.walk.display(rows.shape, rows.batch))
        output = layer.output_shape(inner, self.walk.convention)
        if output.sizes != self.walk.display(shape, rows.batch):
            raise self.error(f"it makes {output}, not {sizes_text(shape)}")
        self._put(word, layer, rows, inner, 1, output, shape, rows.batch, {"weight": table})

    def _put(
        self,
        word: str,
        layer: Layer,
        x: Value,
        inner: Shape,
        times: Size,
        output: Shape,
        shape: Sizes,
        batch: int | None,
        weights: Mapping[str, Value | None],
    ) -> None:
        """A layer of the notation; one of its own kind where it cannot be placed as such."""
        walk = self.walk
        check_sizes(output)
        given = {key: value for key, value in weights.items() if value is not None}
        tensors = layer.parameters(inner, walk.convention)
        buffers = layer.buffers(inner, walk.convention)
        for key, value in given.items():
            needed = (tensors | buffers).get(key, value.shape)
            if needed != value.shape:
                shown = sizes_text(value.shape) or "one number"
                raise self.error(f"its {key} is {shown}, but it needs {sizes_text(needed)}")
        alone = times == 1 and inner.sizes == walk.display(x.shape, x.batch)
        if alone and self.owned(given):
            assert x.vertex is not None
            vertex = walk.builder.add(walk.name(self.op), self.op.kind, word, x.vertex)
            walk.give(self.op, Value(shape, vertex, batch, outer=x.outer))
            return
        macs, parts = layer.macs(inner, output), layer.parts(inner, output)
        held = {
            key: walk.own(self.op, [origin])
            for key, value in given.items()
            for origin in value.origins
        }
        self.plain(
            [x],
            shape,
            batch,
            tensors=_by_name({key: held[key] for key in held if key not in buffers}),
            kept=_by_name({key: held[key] for key in held if key in buffers}),
            macs=times * macs,
            parts={kind: times * number for kind, number in parts.items()},
            text=word,
            why=_SHARED if times == 1 else _TIMES.format(times),
            counted=True,
        )

    def owned(self, weights: Mapping[str, Value | None]) -> bool:
        """Whether each constant is an initializer that is used here first, as it is."""
        walk = self.walk
        found: list[str] = []
        for value in weights.values():
            if value is None or not value.origins:
                continue
            (origin, *others) = value.origins
            numbers = product(walk.constants[origin].shape)
            if others or origin in walk.owners or numbers != product(value.shape):
                return False
            found.append(origin)
        if len(set(found)) < len(found):
            return False
        walk.owners.update(dict.fromkeys(found, self.op.name))
        return True

    def node(
        self,
        layer: Layer,
        text: str,
        x: Value,
        shape: Sizes,
        batch: int | None,
        outer: Size | None = None,
    ) -> None:
        """A layer without tensors, given as it is; a plain node if it makes another shape."""
        walk = self.walk
        assert x.vertex is not None
        before = walk.builder.shape(x.vertex)
        try:
            same = layer.output_shape(before, walk.convention).sizes
        except LayerError:
            same = ()
        if same != walk.display(shape, batch):
            self.plain([x if outer is None else x._replace(outer=outer)], shape, batch)
            return
        check_sizes(Shape(same))
        made = special(layer, text)
        vertex = walk.builder.add(walk.name(self.op), self.op.kind, made, x.vertex)
        walk.give(self.op, Value(shape, vertex, batch, outer=x.outer if outer is None else outer))

    def chain(
        self, words: Sequence[tuple[str, str]], x: Value, shape: Sizes, batch: int | None
    ) -> None:
        """One node that is several layers in the notation: (suffix, word) each."""
        walk = self.walk
        assert x.vertex is not None
        vertex = walk.builder.chain(walk.name(self.op), self.op.kind, words, x.vertex)
        if walk.builder.shape(vertex).sizes != walk.display(shape, batch):
            raise self.error(f"it makes {walk.builder.shape(vertex)}, not what its shape says")
        walk.give(self.op, Value(shape, vertex, batch, outer=x.outer))

    def merge(self, word: str, inputs: Sequence[Value], shape: Sizes, batch: int | None) -> None:
        """A merge of the notation, if it makes the same of its inputs; else a plain one."""
        walk = self.walk
        vertices = [value.vertex for value in inputs if value.vertex is not None]
        shapes = tuple(map(walk.builder.shape, vertices))
        try:
            layer = read_word(word)
            merged = layer.merge(shapes) if len(shapes) <= layer.branches[1] else None
        except LayerError:
            merged = None
        if merged is None or merged.sizes != walk.display(shape, batch):
            gates = {"gates": product(shape)} if word == "multiply" else {}
            self.plain(inputs, shape, batch, parts=gates, elementwise=True)
            return
        vertex = walk.builder.merge(walk.name(self.op), self.op.kind, word, vertices)
        walk.give(self.op, Value(shape, vertex, batch, outer=self._outer(inputs)))

    def plain(
        self,
        inputs: Sequence[Value],
        shape: Sizes,
        batch: int | None,
        *,
        tensors: Tensors | None = None,
        kept: Tensors | None = None,
        macs: Size = 0,
        parts: Parts | None = None,
        text: str = "",
        why: str = _NO_LAYER,
        elementwise: bool = False,
        output: int = 0,
        counted: bool = False,
    ) -> None:
        """A node as it is, of inputs of which at least one hangs on the model's own.

        Initializers among them are counted here, unless they are ``counted``. ``macs`` and
        ``parts`` are for the whole batch, but for one example where they are ``counted``.
        """
        walk = self.walk
        if len(shape) > MAX_AXES:
            raise LayerError(f"its output has {len(shape)} axes; at most {MAX_AXES} are taken")
        active = [value for value in inputs if not value.constant]
        if not active:
            raise self.error("its inputs are constants, which is not supported")
        sizes = walk.display(shape, batch)
        check_sizes(Shape(sizes))
        held: Tensors = {}
        if not counted:
            origins = [
                origin
                for value in inputs
                if value.constant and not value.single
                for origin in value.origins
            ]
            own = walk.own(self.op, origins)
            walk.beside |= own.keys()
            held = {abridged(key, 80): n for key, n in own.items()}
            macs = walk.of_one(macs)
            parts = {kind: walk.of_one(number) for kind, number in (parts or {}).items()}
        layer = (PlainMerge if len(active) > 1 else Plain)(
            sizes,
            tensors=held | (tensors or {}),
            kept=kept or {},
            products=macs,
            others=parts or {},
            elementwise=elementwise and len(active) == 1,
        )
        name = walk.name(self.op, output)
        vertices = tuple([value.vertex for value in active if value.vertex is not None])
        shown = text or abridged(self.op.kind, 40).lower()
        if len(vertices) > 1:
            between = [abridged(walk.builder.vertices[i].name, 30) for i in vertices[:_SHOWN]]
            between += ["..."] if len(vertices) > _SHOWN else []
            shown = f"{shown}[{' | '.join(between)}]"
        made = special(layer, shown)
        vertex = walk.builder.place(name, self.op.kind, made, vertices, Shape(sizes))
        walk.builder.stand_in(name, self.op.kind, why)
        outer = self._outer(inputs)
        walk.give(self.op, Value(shape, vertex, batch, outer=outer), output)

    def _outer(self, inputs: Sequence[Value]) -> Size:
        """What stands outside of the examples in the axis of the batch, on which all agree."""
        found = {value.outer for value in inputs if not value.constant}
        if len(found) > 1:
            self.walk.mixes()
            return 1
        return found.pop()

    def shared_batch(self, active: Sequence[Value], shape: Sizes) -> int | None:
        """The axis of the batch in what tensors become together, if they agree on one."""
        found = {
            None if value.batch is None else value.batch - len(value.shape) + len(shape)
            for value in active
        }
        (batch, *others) = found
        sizes = {value.shape[value.batch] for value in active if value.batch is not None}
        if others or batch is None or batch < 0 or sizes != {shape[batch]}:
            self.walk.mixes()
            return None
        return batch

    def alias(self, x: Value) -> None:
        """An output that is an input, its axes perhaps other ones."""
        self.walk.give(self.op, x)

    def fold(self, value: Value, output: int = 0) -> None:
        """An output that hangs on no input."""
        if value.content is not None and len(value.content) > MAX_CONTENT:
            value = value._replace(content=None)
        self.walk.give(self.op, value._replace(vertex=None), output)

    def stand_in(self, why: str) -> None:
        """Say that this node is shown by its shape and its tensors alone."""
        self.walk.builder.stand_in(abridged(self.op.name, 80), self.op.kind, why)


def _by_name(held: Mapping[str, Mapping[str, Sizes]]) -> Tensors:
    """The initializers that are counted here, by the layer's own names for them."""
    found: Tensors = {}
    for key, origins in held.items():
        found |= {key if len(origins) == 1 else abridged(n, 80): s for n, s in origins.items()}
    return found
