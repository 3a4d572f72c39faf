"""A function that reads the numbers of a file of dlcalc into a model, as Keras source.

The layouts of dlcalc are torch's: kernels out x in x sides, two biases for each gate, a
GRU's gates as reset, update, candidate. Keras has sides x in x out, one bias but in a GRU
that resets behind the product, and update, reset, candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from dlcalc.interop.write.keras.sequences import heads_of, resets_after
from dlcalc.interop.write.keras.spelling import Use, stored
from dlcalc.interop.write.keras.windows import depthwise
from dlcalc.interop.write.lines import fitted
from dlcalc.interop.write.numbers import scales, signature, sizes_of
from dlcalc.interop.write.targets import Weights


class Held(NamedTuple):
    """A layer with tensors under dlcalc's name."""

    name: str
    use: Use


class Filled(NamedTuple):
    """A layer of the model: what is behind the name, and its arrays in the order of Keras."""

    suffix: str
    arrays: tuple[str, ...]


_RUNS = "num_batches_tracked"
# Columns of a table as the net takes them, and its outputs in the unit of the table.
_PREPARE = ("    return (columns - np.array(INPUT_MEAN)) / np.array(INPUT_DEVIATION)",)
_IN_UNITS = ("    return outputs * np.array(TARGET_DEVIATION) + np.array(TARGET_MEAN)",)
_ALL = """\
    for layer, arrays in state.items():
        model.get_layer(layer).set_weights(arrays)
"""
_WITHOUT_HEADS = """\
    built = {layer.name for layer in model.layers}
    for layer, arrays in state.items():
        if layer in built:  # a model may be without its heads
            model.get_layer(layer).set_weights(arrays)
"""
_GATES = '''\
def by_update(rows: np.ndarray) -> np.ndarray:
    """The gates of a GRU as Keras has them: update before reset."""
    reset, update, candidate = np.split(rows, 3)
    return np.concatenate([update, reset, candidate])
'''


def loading(weights: Weights, layers: Sequence[Held], *, heads: bool) -> list[str]:
    """The lines of the function; ``heads`` is whether a model may lack some of the layers."""
    body = [*_filling(weights, layers), *(_WITHOUT_HEADS if heads else _ALL).splitlines()]
    lines = [*scales(weights, "np.ndarray", _PREPARE, _IN_UNITS), *sizes_of(weights)]
    if any("by_update(" in line for line in body):
        lines += [*_GATES.splitlines(), "", ""]
    lines += signature("keras.Model", weights.path)
    source = "train-toy --save" if weights.flat else "tensors by name"
    lines += [
        f'    """Give a model the numbers of a file of {source}.',
        "",
        '    A model built after ``keras.config.set_floatx("float64")`` then gives what',
        "    ``dlcalc forward --weights`` gives; in float32 the two differ by rounding.",
        "    Raises an error for a file of other tensors.",
        '    """',
    ]
    return [*lines, *_reading(weights), *body]


def _reading(weights: Weights) -> Iterator[str]:
    yield "    with np.load(path, allow_pickle=False) as file:"
    if not weights.flat:
        yield "        found = {name: file[name] for name in file.files}"
    else:
        yield '        flat = file["parameters"]'
        if weights.kept:
            yield "        kept = {"
            yield '            name.removeprefix("statistics."): file[name]'
            yield "            for name in file.files"
            yield '            if name.startswith("statistics.")'
            yield "        }"
        yield "    ends = np.cumsum([math.prod(sizes) for sizes in SIZES.values()])"
        yield "    named = zip(SIZES.items(), np.split(flat, ends[:-1]), strict=True)"
        yield "    found = {name: part.reshape(sizes) for (name, sizes), part in named}"
        if weights.kept:
            yield "    found |= kept"
    for name in weights.kept:
        if name.endswith(_RUNS):
            yield f'    del found["{name}"]  # Keras counts no batches.'
    yield "    state: dict[str, list[np.ndarray]] = {}"


def _filling(weights: Weights, layers: Sequence[Held]) -> Iterator[str]:
    """Each layer's arrays, those that are alike in one loop, and then all of them at once."""
    tensors = {k: v for k, v in {**weights.trained, **weights.kept}.items() if _RUNS not in k}
    groups: dict[tuple[Filled, ...], list[str]] = {}
    for layer in layers:
        start = f"{layer.name}."
        sizes = {key.removeprefix(start): tensors[key] for key in tensors if key.startswith(start)}
        filled = tuple(_filled(layer.use, sizes))
        if filled:
            groups.setdefault(filled, []).append(layer.name)
    for filled, names in groups.items():
        listed = ", ".join(f'"{name}"' for name in names)
        yield from fitted(f"    for name in ({listed}{',' * (len(names) == 1)}):")
        own = "name"
        if any("." in name for name in names):
            yield '        layer = name.replace(".", "_")'
            own = "layer"
        for suffix, arrays in filled:
            key = f'f"{{{own}}}{suffix}"' if suffix else own
            yield from fitted(f"        state[{key}] = [{', '.join(arrays)}]")
    yield "    if found:"
    yield '        raise ValueError(f"the model has no tensor {next(iter(found))}")'


def _take(tensor: str) -> str:
    return f'found.pop(f"{{name}}.{tensor}")'


#: The sizes of a layer's tensors, by what is behind its name.
Own = dict[str, tuple[int, ...]]


def _filled(use: Use, own: Own) -> list[Filled]:
    """What a layer's tensors become in Keras."""
    if not own:
        return []
    return _FILLS.get(use.layer.words[0], _as_they_are)(use, own)


def _as_they_are(use: Use, own: Own) -> list[Filled]:
    return [Filled("", tuple(map(_take, own)))]


def _kernel(use: Use, own: Own) -> list[Filled]:
    """Sides x in x out; with a kernel to each channel sides x in x how many each."""
    sizes, weight = own["weight"], _take("weight")
    sides = range(2, len(sizes))
    order = ", ".join(map(str, (*sides, 1, 0)))
    word = use.layer.words[0]
    if word == "conv" and depthwise(use):
        each = use.layer.out // use.layer.groups
        weight += f".reshape({', '.join(map(str, (use.layer.groups, each, *sizes[2:])))})"
        order = ", ".join(map(str, (*sides, 0, 1)))
    bias = (_take("bias"),) if "bias" in own else ()
    return [Filled("", (f"{weight}.transpose({order})", *bias))]


def _dense(use: Use, own: Own) -> list[Filled]:
    arrays = [f"{_take('weight')}.T"] if "weight" in own else []
    return [Filled("", (*arrays, *([_take("bias")] if "bias" in own else [])))]


def _prelu(use: Use, own: Own) -> list[Filled]:
    weight, axes = _take("weight"), len(use.shape.sizes)
    if use.layer.slopes is None:
        # One slope in dlcalc's usual rules; in Keras each value has its own.
        if own["weight"] == (1,):
            return [Filled("", (f"np.full({stored(use.shape, use.last)!r}, {weight}[0])",))]
        moved = f"np.moveaxis({weight}, 0, -1)" if use.last else weight
        return [Filled("", (moved,))]
    sizes = [1] * axes
    sizes[-1 if use.axis == -1 else 0] = own["weight"][0]
    return [Filled("", (f"{weight}.reshape({', '.join(map(str, sizes))})",))]


def _recurrent(use: Use, own: Own) -> list[Filled]:
    layer, found = use.layer, []
    for number in range(layer.layers):
        suffix = "" if layer.layers == 1 else f"_l{number}"
        arrays: list[str] = []
        for side in ("", "_reverse")[: layer.directions]:
            arrays += _cell(layer, own, f"l{number}{side}")
        found.append(Filled(suffix, tuple(arrays)))
    return found


def _cell(layer: Any, own: Own, end: str) -> list[str]:
    gru = layer.words[0] == "gru"

    def rows(tensor: str) -> str:
        return f"by_update({_take(tensor)})" if gru else _take(tensor)

    arrays = [f"{rows(f'weight_{side}_{end}')}.T" for side in ("ih", "hh")]
    if f"bias_{end}" in own:
        return [*arrays, rows(f"bias_{end}")]
    if f"bias_ih_{end}" not in own:
        return arrays
    both = [rows(f"bias_{side}_{end}") for side in ("ih", "hh")]
    if gru and resets_after(layer):
        return [*arrays, f"np.stack([{', '.join(both)}])"]
    return [*arrays, " + ".join(both)]


def _heads(use: Use, own: Own, part: str) -> tuple[str, ...]:
    """Features x heads x size of a head; of the output the other way."""
    heads = heads_of(use.layer, use.shape)
    counts = {"query": heads.heads, "key": heads.kv, "value": heads.kv}
    arrays = []
    for name, count in counts.items():
        sizes = own[f"{part}{name}.weight"]
        turned = f"{_take(f'{part}{name}.weight')}.T"
        arrays.append(f"{turned}.reshape({sizes[1]}, {count}, {heads.dim})")
        if f"{part}{name}.bias" in own:
            arrays.append(f"{_take(f'{part}{name}.bias')}.reshape({count}, {heads.dim})")
    turned = f"{_take(f'{part}output.weight')}.T"
    arrays.append(f"{turned}.reshape({heads.heads}, {heads.dim}, {heads.features})")
    if f"{part}output.bias" in own:
        arrays.append(_take(f"{part}output.bias"))
    return tuple(arrays)


def _attention(use: Use, own: Own) -> list[Filled]:
    return [Filled("", _heads(use, own, ""))]


def _block(use: Use, own: Own) -> list[Filled]:
    found = [
        Filled(f"_{part}", _heads(use, own, f"{part}."))
        for part in ("attention", "cross")
        if f"{part}.query.weight" in own
    ]
    kinds = ("weight", "bias")
    for name in dict.fromkeys(key.partition(".")[0] for key in own if key.startswith("norm")):
        arrays = [_take(f"{name}.{kind}") for kind in kinds if f"{name}.{kind}" in own]
        found.append(Filled(f"_{name}", tuple(arrays)))
    parts = [name for name in ("up", "down", "gate") if f"ff.{name}.weight" in own]
    if "router.weight" not in own:
        for name in parts:
            bias = [_take(f"ff.{name}.bias")] if f"ff.{name}.bias" in own else []
            found.append(Filled(f"_ff_{name}", (f"{_take(f'ff.{name}.weight')}.T", *bias)))
        return found
    arrays = []
    for name in parts:
        arrays.append(f"{_take(f'ff.{name}.weight')}.swapaxes(1, 2)")
        arrays += [_take(f"ff.{name}.bias")] if f"ff.{name}.bias" in own else []
    return [*found, Filled("_ff", (*arrays, f"{_take('router.weight')}.T"))]


def _local(use: Use, own: Own) -> list[Filled]:
    """Positions, then the window and its channels, then the filters."""
    sizes, rank = own["weight"], use.rank
    order = ", ".join(map(str, (*range(rank), *range(rank + 2, 2 * rank + 2), rank + 1, rank)))
    positions, taps = 1, 1
    for size in sizes[:rank]:
        positions *= size
    for size in sizes[rank + 1 :]:
        taps *= size
    weight = f"{_take('weight')}.transpose({order}).reshape({positions}, {taps}, {sizes[rank]})"
    bias = [f"np.moveaxis({_take('bias')}, 0, -1)"] if "bias" in own else []
    return [Filled("", (weight, *bias))]


#: Layers whose tensors lie otherwise in Keras, or in several layers.
_FILLS: dict[str, Callable[[Use, Own], list[Filled]]] = {
    "conv": _kernel,
    "convtranspose": _kernel,
    "dense": _dense,
    "prelu": _prelu,
    "rnn": _recurrent,
    "lstm": _recurrent,
    "gru": _recurrent,
    "attention": _attention,
    "encoder": _block,
    "decoder": _block,
    "local": _local,
}
