"""The graph of a tree of PyTorch modules, as far as the tree tells how data flow.

What stands in a Sequential runs one after the other. A class of one's own has a
``forward`` that no text shows: from there on the tensors of the known modules are
counted, and no shape is told.
"""

from __future__ import annotations

import re
from collections import Counter

from dlcalc.errors import InputError, LayerError, abridged
from dlcalc.interop.graph import Builder, Graph, node_of
from dlcalc.interop.torch.layers import EMPTY, LAYERS, made
from dlcalc.interop.torch.made import Made, Unknown
from dlcalc.interop.torch.module import Module
from dlcalc.layers.base import Tensors
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import MAX_SIZE, Shape
from dlcalc.nets.parser import Node

_PARAMETER = re.compile(
    r"\((?P<name>[^()]*)\): (?:Parameter|Buffer) containing: "
    r"\[[\w.]+ of size (?P<sizes>\d{1,13}(?:x\d{1,13})*)[^\]]*\]"
)
_NO_INPUT = "the text does not say the input; give it before the file, as in 3x224x224 FILE"
# Containers of torch.nn with a forward of their own, which hold no tensors but their modules'.
_OWN = frozenset(
    {
        "ModuleDict",
        "ModuleList",
        "MultiheadAttention",
        "ParameterDict",
        "ParameterList",
        "Transformer",
        "TransformerDecoder",
        "TransformerDecoderLayer",
        "TransformerEncoder",
        "TransformerEncoderLayer",
    }
)


def graph_of(module: Module, source: str, format: str, given: Shape | None) -> Graph:
    """The graph of a module, with this input if one is given."""
    return _Tree(source, format, given).graph(module)


class _Tree:
    def __init__(self, source: str, format: str, given: Shape | None) -> None:
        self.builder = Builder(source, format, TORCH, "chw")
        #: The vertex behind which the next module stands; None where that is not known.
        self.at: int | None = None
        self.open = ""
        if given is not None:
            self.at = self.builder.input("input", "input", given.as_features())
        #: Why nothing may stand behind the last module.
        self.ended = ""
        #: Classes that are not of torch.nn: with modules within, and without.
        self.own: Counter[str] = Counter()
        self.uncounted: Counter[str] = Counter()

    def graph(self, module: Module) -> Graph:
        """All of it."""
        without = self.at is None
        self._place(module, "")
        builder = self.builder
        if not any(vertex.node or vertex.tensors for vertex in builder.vertices):
            raise InputError(f"{builder.source} holds no layer that is known and has tensors")
        if self.uncounted:
            builder.notes.append(
                f"not known, and counted as holding no tensors: {_listed(self.uncounted)}"
            )
        if self.own:
            builder.notes.append(
                f"print shows no tensors that a class holds by itself, outside of modules, so none "
                f"are counted for {_listed(self.own)}; a module under two names is counted twice"
            )
        outputs = [self.at] if self.at is not None else []
        return builder.graph(outputs, open=self.open or (_NO_INPUT if without else ""))

    def _lose(self, why: str) -> None:
        """The flow of data is not known from here on."""
        self.at = None
        self.open = self.open or why

    def _place(self, module: Module, path: str) -> None:
        name, kind = path or module.kind, module.kind
        if kind == "Sequential":
            if module.shown or (not module.children and _given(module)):
                raise self.builder.error(name, kind, "what it holds is not as print shows it")
            self._within(module, path)
        elif kind in LAYERS:
            if module.children or module.shown:
                # A known layer with something within has other tensors than its class has.
                self.uncounted[kind] += 1
                self._lose(f"{name} ({kind}) holds modules of its own")
                self._within(module, path)
            else:
                self._known(module, name)
        elif kind in EMPTY and not module.children:
            self._lose(f"what {name} ({kind}) does to a shape is not known")
        else:
            self._open(module, path)

    def _within(self, module: Module, path: str) -> None:
        for child in module.children:
            self._place(child, f"{path}.{child.name}" if path else child.name)

    def _open(self, module: Module, path: str) -> None:
        """A class with a forward of its own: nothing is known of the order within."""
        name, kind = path or module.kind, module.kind
        if kind == "MultiheadAttention":
            self._attention(module, name)
        if kind not in _OWN:
            (self.own if module.children else self.uncounted)[kind] += 1
        elif not module.children and not module.shown and _given(module):
            self.uncounted[kind] += 1
        whose = kind if name == kind else f"{name} ({kind})"
        self._lose(f"{whose} has a forward of its own, which the text does not show")
        self._within(module, path)
        self._tensors(module, name)

    def _tensors(self, module: Module, name: str) -> None:
        """Parameters that stand in the text by themselves."""
        tensors: Tensors = {}
        for line in module.shown:
            found = _PARAMETER.fullmatch(line)
            if found is not None:
                sizes = tuple(int(size) for size in found["sizes"].split("x"))
                if max(sizes) > MAX_SIZE:
                    raise self.builder.error(name, module.kind, f"a size is beyond {MAX_SIZE:,}")
                tensors[f"{name}.{found['name']}"] = sizes
            elif "Parameter" in line or module.kind in _OWN:
                self.uncounted[f"{name}: {abridged(line, 40)}"] += 1
        if tensors:
            self.builder.tensors(f"{name}.parameters", module.kind, tensors)

    def _attention(self, module: Module, name: str) -> None:
        """Its matrix of queries, keys and values, which print leaves out: its rows are told."""
        inner = [child for child in module.children if child.name == "out_proj"]
        if len(inner) != 1 or len(module.children) != 1 or inner[0].kind not in LAYERS:
            self.uncounted[module.kind] += 1
            return
        args = inner[0].arguments.bind("in_features out_features bias")
        features = args.whole("in_features")
        tensors: Tensors = {f"{name}.in_proj_weight": (3 * features, features)}
        if args.flag("bias", True):
            tensors[f"{name}.in_proj_bias"] = (3 * features,)
        self.builder.tensors(f"{name}.in_proj", module.kind, tensors)
        self.builder.notes.append(
            "MultiheadAttention is counted with keys and values of as many features as its "
            "queries, and without add_bias_kv: print shows neither"
        )

    def _known(self, module: Module, name: str) -> None:
        try:
            layer = made(module.kind, module.arguments)
        except Unknown as error:
            self._lose(f"what {name} ({module.kind}) does to a shape is not known: {error}")
            if error.tensors:
                tensors = {f"{name}.{key}": sizes for key, sizes in error.tensors.items()}
                self.builder.tensors(name, module.kind, tensors)
            return
        if self.ended:
            self._lose(self.ended)
        if self.at is None:
            self._alone(module, name, layer)
        else:
            self._behind(module, name, layer, self.at)
        if layer.ends:
            self.ended = f"nothing can follow {name} ({module.kind}) in a chain: {layer.ends}"

    def _alone(self, module: Module, name: str, layer: Made) -> None:
        """A layer whose input is not known: its arguments say what its tensors are."""
        if layer.needs is None:
            return
        try:
            node = layer.word if isinstance(layer.word, Node) else node_of(layer.word, name)
            inner = node.layer
            held = inner.parameters(layer.needs, TORCH) or inner.buffers(layer.needs, TORCH)
        except LayerError as error:
            raise self.builder.error(name, module.kind, error.rule, error.mend) from error
        if held:
            self.builder.unplaced(name, module.kind, node, layer.needs)

    def _behind(self, module: Module, name: str, layer: Made, at: int) -> None:
        self._check(module, name, layer, self.builder.shape(at))
        if layer.standin:
            self.builder.stand_in(name, module.kind, layer.standin)
        self.at = self.builder.add(name, module.kind, layer.word, at)

    def _check(self, module: Module, name: str, layer: Made, shape: Shape) -> None:
        """Refuse an input with other channels or features than the module was made for."""
        needs = layer.needs
        if needs is None or not layer.fixed:
            return
        if layer.fixed == "first":
            what, wanted, found = "channels", needs.sizes[:1], shape.sizes[:1]
        elif layer.fixed == "features":
            what, wanted, found = "features", needs.sizes[-1:], shape.sizes[-1:]
        else:
            what, wanted, found = "features", needs.sizes, shape.sizes[-len(needs.sizes) :]
        if wanted != found:
            text = "x".join(map(str, wanted))
            rule = f"it takes {text} {what}, but gets {shape}"
            if not any(isinstance(size, int) for size in found):
                mend = f"Give the number itself, {text}, in INPUT."
                raise self.builder.error(name, module.kind, rule, mend)
            raise self.builder.error(name, module.kind, rule)


def _given(module: Module) -> bool:
    args = module.arguments
    return bool(args.given or args.named)


def _listed(names: Counter[str]) -> str:
    shown = [f"{abridged(name, 60)} ({n})" if n > 1 else name for name, n in names.items()]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
