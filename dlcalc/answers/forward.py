"""``dlcalc forward``: numbers through layers, with every intermediate and its formula."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from dlcalc.answers.counting import count, sums
from dlcalc.answers.forward_backward import Asked, asked
from dlcalc.answers.forward_data import Reading, numbers, reading
from dlcalc.answers.forward_layers import (
    VERIFY_COST,
    Agreement,
    Item,
    Laid,
    Setting,
    agreement,
)
from dlcalc.answers.forward_result import Extra, ForwardResult
from dlcalc.answers.forward_run import RECURRENT, Run
from dlcalc.answers.forward_weights import Origin, Saved, assignments, load
from dlcalc.answers.network import named_convention
from dlcalc.answers.remarks import remarks
from dlcalc.answers.shape import traced as traced_shapes
from dlcalc.answers.train_net import LOGITS
from dlcalc.errors import InputError, NotationError, Source
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Layout, Shape
from dlcalc.nets.parser import Group, Network, parse, parse_file, unroll
from dlcalc.nets.trace import Step, walk
from dlcalc.numbers import Numbers
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array

#: Numbers held at once, and products in a forward pass: what a machine does in its stride.
MAX_HELD, MAX_PRODUCTS = 200_000_000, 30_000_000_000
# The name of the text that a saved training has of its net.
_TRAINED = "the saved training"


def forward(
    data: object,
    *words: str,
    weights: str | None = None,
    set: Iterable[str] | Mapping[str, Any] = (),
    seed: int | None = None,
    initialiser: str = "default",
    batch: bool = False,
    training: bool = False,
    flip: bool = False,
    backward: str | None = None,
    target: object = None,
    cotangent: object = None,
    trace: bool = False,
    verify: bool = False,
    layout: Layout = "chw",
    like: str = "torch",
    file: str | None = None,
    digits: int = 6,
) -> ForwardResult:
    """Numbers through the layers of a net.

    ``data`` is a word as the command takes it (a literal, a file, ``-``) or nested lists;
    ``words`` are the net, with or without an INPUT that says how the numbers are read.
    Tensors come from the file ``weights``, from ``set`` (``NAME=VALUE``, or a mapping)
    and else from an ``initialiser`` and a ``seed``. Raises `InputError` for what does not
    go together.

    >>> forward([[7, 5, 4], [2, 0, 0]], "conv:1,k2", set={"conv1.weight": [[0, 1], [3, 2]]}).value
    [[11.0, 4.0]]
    """
    convention = named_convention(like)
    if digits not in range(1, 18):
        raise InputError(f"--digits must be from 1 to 17, not {digits}")
    if seed is not None and seed < 0:
        raise InputError(f"--seed must be at least 0, not {seed}")
    wanted = asked(backward, target, cotangent)
    given = assignments(set)
    saved = None if weights is None else load(weights)
    found = numbers(data)
    network = _network(words, file, layout, saved)
    read = reading(found, network.net, _written_input(network, found, batch), layout, batch)
    steps = traced_shapes(read.shape, network.net, convention=convention)
    _refuse_large(steps, convention, read.batch, backwards=wanted is not None)
    _refuse_unused(steps, flip=flip, trace=trace)
    setting = Setting(convention, layout, training, read.batched)
    run = Run(network.net, steps, read, setting)
    origin = run.prepare(given, saved, seed, initialiser, flip, wanted is not None)
    items, output = run.forward()
    traces = run.traces(items) if trace else {}
    back = run.backward(wanted, output, flip) if wanted is not None else None
    findings, left_out = _verified(items) if verify else ([], [])
    findings += run.trace_findings(items, traces)
    extra = Extra(
        origin,
        run.tensors(),
        (*findings, *(back.findings if back else ())),
        (*left_out, *(back.left_out if back else ())),
        back,
        traces,
        {"like": convention.name, "training": training, "flip": flip},
        tuple(_notes(read, found, steps, setting, origin, saved, output, network, wanted)),
    )
    return ForwardResult(read, run.x, items, output, extra, digits)


def _network(
    words: tuple[str, ...], file: str | None, layout: Layout, saved: Saved | None
) -> Network:
    """The net of the words, of a file, or of a saved training."""
    network = parse(Source(" ".join(words)), layout=layout)
    if file is not None:
        more = parse_file(file, layout=layout)
        network = Network(network.input or more.input, network.net + more.net, more.source)
    if not network.net and saved is not None and saved.net:
        return parse(Source(saved.net, _TRAINED), files=False)
    if not network.net:
        raise NotationError(
            "the net is empty", mend="Give at least one layer behind DATA, as in 1,2,3 dense:2."
        )
    return network


def _written_input(network: Network, found: Numbers, batched: bool) -> Shape | None:
    """The INPUT that was written before the net; the usual one of a built-in net does not count.

    That of a saved training counts where DATA has as many numbers.
    """
    shape, first = network.input, network.net[0]
    if isinstance(first, Group) and shape is first.input and _built_in(first):
        return None
    if shape is not None and network.source.name == _TRAINED:
        each = prod(found.sizes[1:] if batched else found.sizes)
        if each != prod(size for size in shape.sizes if isinstance(size, int)):
            return None
    return shape


def _built_in(group: Group) -> bool:
    """Whether a net begins with a built-in one."""
    first = group.body[0]
    return group.place is not None or (isinstance(first, Group) and _built_in(first))


def _refuse_large(
    steps: tuple[Step, ...], convention: Convention, batch: int, *, backwards: bool
) -> None:
    held = sums(count(steps, convention))
    values, products = (
        held.parameters + held.activations * batch,
        held.macs(("attention", "masked")),
    )
    if not isinstance(values, int) or not isinstance(products, int):
        raise InputError("the net has sizes that are not known")
    values *= 2 if backwards else 1
    products *= batch
    if values > MAX_HELD:
        raise InputError(
            f"the net would hold {values:,} numbers; at most {MAX_HELD:,} are held here"
        )
    if products > MAX_PRODUCTS:
        raise InputError(
            f"the net would multiply {products:,} times; at most {MAX_PRODUCTS:,} times here"
        )


def _refuse_unused(steps: tuple[Step, ...], *, flip: bool, trace: bool) -> None:
    kinds = {step.node.layer.words[0] for step in walk(steps)}
    if flip and "conv" not in kinds:
        raise InputError("--flip turns the kernels of convolutions, and the net has none")
    if trace and not kinds & {*RECURRENT}:
        raise InputError("--trace follows the steps of rnn, lstm and gru, and the net has none")


def _verified(items: list[Item]) -> tuple[list[Finding], list[str]]:
    """Every layer's outputs held against scalar formulas; what could not be."""
    layers = [item for item in items if isinstance(item, Laid)]
    found: list[Agreement] = []
    left_out, budget = [], VERIFY_COST
    # What the cheap ones leave over is for the others.
    for place, layer in enumerate(sorted(layers, key=lambda layer: layer.cost)):
        share = budget // (len(layers) - place)
        held = agreement(layer, share)
        if held is None:
            reason = "no scalar formula" if layer.rule is None else "too many products"
            left_out.append(f"{layer.step.node.head} ({layer.name}): {reason}")
        else:
            found.append(held)
            budget -= min(layer.cost, share)
    wrong = [held.wrong for held in found if held.wrong]
    if wrong:
        return [Finding("the output of a layer", False, text) for text in wrong], left_out
    if not found:
        return [], left_out
    looked, whole = sum(h.looked_at for h in found), sum(h.layer.output.size for h in found)
    many = f"all {whole:,} outputs" if looked == whole else f"{looked:,} of {whole:,} outputs"
    if whole == 1:
        many = "the output"
    layer_count = "1 layer" if len(found) == 1 else f"{len(found)} layers"
    worst = max(held.difference for held in found)
    apart = f"largest relative difference {worst:.1e}" if worst else "equal to the last bit"
    sentence = f"{many} of {layer_count} by scalar formulas, {apart}"
    document = {"layers": len(found), "outputs": looked, "of": whole, "largest": worst}
    return [Finding("outputs", True, sentence, document)], left_out


def _norm_notes(steps: tuple[Step, ...], setting: Setting, origin: Origin) -> list[str]:
    """What batch normalisation normalises by, where that may surprise."""
    if not any(step.node.layer.words[0] == "bn" for step in walk(steps)):
        return []
    if setting.training:
        if setting.batched:
            return []
        return ["bn sees one example; --batch makes the first axis of DATA count examples"]
    if any(name.endswith("running_mean") for name in (*origin.given, *origin.loaded)):
        return []
    return [
        "bn normalises by the mean 0 and the variance 1 that it starts with; --training takes "
        "those of the batch"
    ]


def _notes(
    read: Reading,
    found: Numbers,
    steps: tuple[Step, ...],
    setting: Setting,
    origin: Origin,
    saved: Saved | None,
    output: Array,
    network: Network,
    wanted: Asked | None,
) -> list[str]:
    from numpy import isfinite

    notes = [read.note] if read.note else []
    notes += remarks(read.shape, steps, setting.convention)
    notes += _norm_notes(steps, setting, origin)
    ending = steps[-1].node.layer.words[0] if steps else ""
    if wanted is not None and LOGITS.get(wanted.loss) == ending:
        loss = wanted.loss.replace("_", "-")
        notes.append(f"{loss} takes logits and applies {ending} itself, but the net ends in it")
    if (
        saved is not None
        and saved.net
        and " ".join(node.text for node, _ in unroll(network.net)) != saved.net.split(" ", 1)[1]
    ):
        notes.append(f"the tensors were trained as those of {saved.net}")
    if saved is not None and saved.scaled:
        notes.append("the training saw z-scores of its columns: give DATA likewise")
    lost = sum(1 for x in found.values if x - x != 0)
    if lost:
        notes.append(f"{lost:,} of {len(found.values):,} numbers of DATA are not finite")
    elif not isfinite(output).all():
        notes.append("the output is not finite, though DATA is")
    return notes
