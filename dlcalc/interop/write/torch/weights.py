"""A function that reads the numbers of a file of dlcalc into a module, as PyTorch source.

The layouts are torch's already: kernels out x in x sides, gates in torch's order, two
biases for each gate. What differs are names, and that torch keeps the matrices of
query, key and value as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from dlcalc.interop.write.lines import fitted
from dlcalc.interop.write.numbers import CONSTANTS, scales, signature, sizes_of
from dlcalc.interop.write.targets import Weights

#: What numbers the experts of each mixture, the outermost first.
NUMBERS = "ijklmn"
#: What this part of the source uses.
NAMES = CONSTANTS | {"math", "np", "load_weights", "prepare", "in_units"}
_RUNS = "num_batches_tracked"
# Columns of a table as the net takes them, and its outputs in the unit of the table.
_PREPARE = (
    "    mean = columns.new_tensor(INPUT_MEAN)",
    "    return (columns - mean) / columns.new_tensor(INPUT_DEVIATION)",
)
_IN_UNITS = (
    "    deviation = outputs.new_tensor(TARGET_DEVIATION)",
    "    return outputs * deviation + outputs.new_tensor(TARGET_MEAN)",
)


class Held(NamedTuple):
    """A layer with tensors: its name in dlcalc, its attribute, the call that makes its module.

    ``experts`` are how many there are in each mixture around it; in the attribute their
    numbers are {i}, {j} and so on.
    """

    name: str
    attribute: str
    module: str
    experts: tuple[int, ...] = ()


class Tied(NamedTuple):
    """A tensor of the module that is another's: its name there, and whose in dlcalc.

    ``experts`` as above; of them the other tensor has the first ``stacked``.
    """

    tensor: str
    owner: str
    experts: tuple[int, ...] = ()
    stacked: int = 0


class Parts(NamedTuple):
    """A module of torch that has attention: where that is, and its other parts by torch's names."""

    theirs: str
    own: str
    renamed: Mapping[str, str]


#: The modules whose parts have other names than dlcalc's.
MODULES = {
    "MultiheadAttention": Parts("", "", {"out_proj": "output"}),
    "TransformerEncoderLayer": Parts(
        "attention.",
        "self_attn.",
        {
            "self_attn.out_proj": "attention.output",
            "linear1": "ff.up",
            "linear2": "ff.down",
            "norm1": "norm1",
            "norm2": "norm2",
        },
    ),
}


def loading(
    class_name: str, weights: Weights, layers: Sequence[Held], ties: Sequence[Tied]
) -> list[str]:
    """The lines of the function. ``ties``: what shares a weight, and whose that is."""
    lines = [*scales(weights, "Tensor", _PREPARE, _IN_UNITS)]
    lines += [*sizes_of(weights), *signature(class_name, weights.path)]
    source = "train-toy --save" if weights.flat else "tensors by name"
    lines += [
        f'    """Give a model the numbers of a file of {source}.',
        "",
        "    With them ``model.double().eval()`` gives what ``dlcalc forward --weights`` gives;",
        "    in float32 the two differ by rounding. Raises an error for a file of other tensors.",
        '    """',
    ]
    return [*lines, *_reading(weights), *_renaming(weights, layers, ties)]


def _reading(weights: Weights) -> Iterator[str]:
    yield "    with np.load(path, allow_pickle=False) as file:"
    if not weights.flat:
        yield "        found = {name: torch.from_numpy(file[name]) for name in file.files}"
        return
    yield '        flat = torch.from_numpy(file["parameters"])'
    if weights.kept:
        yield "        kept = {"
        yield '            name.removeprefix("statistics."): torch.from_numpy(file[name])'
        yield "            for name in file.files"
        yield '            if name.startswith("statistics.")'
        yield "        }"
    yield "    parts = torch.split(flat, [math.prod(sizes) for sizes in SIZES.values()])"
    yield "    named = zip(SIZES.items(), parts, strict=True)"
    yield "    found = {name: part.view(sizes) for (name, sizes), part in named}"
    if weights.kept:
        yield "    found |= kept"


def _renaming(weights: Weights, layers: Sequence[Held], ties: Sequence[Tied]) -> Iterator[str]:
    """From dlcalc's names to those of the module, which takes all of them or none."""
    tensors = [*weights.trained, *weights.kept]
    for name in weights.kept:
        layer, _, kind = name.rpartition(".")
        if kind == "running_mean" and f"{layer}.{_RUNS}" not in weights.kept:
            yield f'    found["{layer}.{_RUNS}"] = torch.tensor(0)'
    renamed = [*_shared(ties), *_grouped(layers, tensors)]
    nested = any("." in layer.name for layer in layers if not _other(layer))
    if renamed or nested:
        yield "    state: dict[str, Tensor] = {}"
        yield from renamed
        if nested:
            yield "    for name, tensor in found.items():"
            yield '        layer, _, kind = name.rpartition(".")'
            yield "        state[f\"{layer.replace('.', '_')}.{kind}\"] = tensor"
        else:
            yield "    state |= found"
    yield f"    model.load_state_dict({'state' if renamed or nested else 'found'})"


def _shared(ties: Sequence[Tied]) -> Iterator[str]:
    for tensor, owner, experts, stacked in ties:
        target, loops, numbers = _numbered(tensor, experts)
        index = f"[{', '.join(numbers[:stacked])}]" if numbers[:stacked] else ""
        yield from loops
        yield f'    {"    " * len(loops)}state[{target}] = found["{owner}"]{index}'


def _numbered(path: str, experts: tuple[int, ...]) -> tuple[str, list[str], list[str]]:
    """A path as a string of Python, the loops over its experts, and what numbers these.

    A mixture of one expert has no axis in dlcalc, so nothing numbers it.
    """
    loops: list[str] = []
    numbers: list[str] = []
    for name, count in zip(NUMBERS, experts, strict=False):
        if count == 1:
            path = path.replace(f"{{{name}}}", "0")
            continue
        loops.append(f"    {'    ' * len(loops)}for {name} in range({count}):")
        numbers.append(name)
    return f'{"f" * bool(loops)}"{path}"', loops, numbers


def _taken_apart(layer: Held, own: Sequence[str]) -> Iterator[str]:
    """The tensors of experts, which dlcalc has stacked."""
    for kind in own:
        path = layer.attribute
        if not layer.module.startswith("nn.Parameter("):
            path += f".{kind}"
        target, loops, numbers = _numbered(path, layer.experts)
        if not loops:
            yield from fitted(f'    state[{target}] = found.pop("{layer.name}.{kind}")')
            continue
        yield f'    stacked = found.pop("{layer.name}.{kind}")'
        yield from loops
        index = ", ".join(numbers)
        yield from fitted(f"    {'    ' * len(loops)}state[{target}] = stacked[{index}]")


def _other(layer: Held) -> str:
    """The class of a module whose parts have other names, or nn.Parameter; else empty."""
    found = re.match(r"nn\.(\w+)\(", layer.module)
    name = found[1] if found else ""
    return name if name in MODULES or name == "Parameter" else ""


def _grouped(layers: Sequence[Held], tensors: Sequence[str]) -> Iterator[str]:
    """Layers whose tensors lie otherwise, those of a kind in one loop."""
    groups: dict[tuple[str, tuple[str, ...]], list[Held]] = {}
    known = {layer.name for layer in layers}
    for layer in layers:
        own = tuple(
            name.removeprefix(f"{layer.name}.")
            for name in tensors
            if name.startswith(f"{layer.name}.") and _owner(name, known) == layer.name
        )
        if layer.experts:
            yield from _taken_apart(layer, own)
        elif "MixtureOfExperts(" in layer.module and not layer.module.startswith("Mix"):
            yield from _block(layer, own)
        elif _other(layer) or any("." in name for name in own):
            groups.setdefault((_other(layer), own), []).append(layer)
    for (cls, own), alike in groups.items():
        if cls == "Parameter":
            for layer in alike:
                yield f'    state["{layer.attribute}"] = found.pop("{layer.name}.{own[0]}")'
            continue
        names = [f'"{layer.name}"' for layer in alike]
        yield from fitted(f"    for layer in ({', '.join(names)}{',' * (len(names) == 1)}):")
        target = "layer"
        if any("." in layer.name for layer in alike):
            yield '        own = layer.replace(".", "_")'
            target = "own"
        yield from _parts(MODULES[cls], own, target) if cls else _as_they_are(own, target)


def _owner(tensor: str, names: set[str]) -> str:
    """The layer that a tensor is of: the longest name that begins it."""
    name = tensor.rpartition(".")[0]
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


def _block(layer: Held, own: Sequence[str]) -> Iterator[str]:
    """A block with experts, whose perceptrons dlcalc has stacked, even if there is one."""
    for kind in own:
        name = f"{layer.name}.{kind}"
        if not kind.startswith("ff."):
            path = f"ff.{kind}" if kind.startswith("router.") else kind
            yield f'    state["{layer.attribute}.{path}"] = found.pop("{name}")'
            continue
        yield f'    for i, tensor in enumerate(found.pop("{name}")):'
        part = kind.removeprefix("ff.")
        yield f'        state[f"{layer.attribute}.ff.experts.{{i}}.{part}"] = tensor'


def _parts(parts: Parts, own: tuple[str, ...], target: str) -> Iterator[str]:
    kinds = dict.fromkeys(name.rpartition(".")[2] for name in own)
    names = ", ".join(f'"{kind}"' for kind in kinds)
    yield f"        for kind in ({names}{',' * (len(kinds) == 1)}):"
    yield "            joined = ["
    yield f'                found.pop(f"{{layer}}.{parts.theirs}{{part}}.{{kind}}")'
    yield '                for part in ("query", "key", "value")'
    yield "            ]"
    yield f'            state[f"{{{target}}}.{parts.own}in_proj_{{kind}}"] = torch.cat(joined)'
    for ours, theirs in parts.renamed.items():
        yield from fitted(
            f'            state[f"{{{target}}}.{ours}.{{kind}}"] = '
            f'found.pop(f"{{layer}}.{theirs}.{{kind}}")'
        )


def _as_they_are(own: tuple[str, ...], target: str) -> Iterator[str]:
    for name in own:
        yield f'        state[f"{{{target}}}.{name}"] = found.pop(f"{{layer}}.{name}")'
