"""``dlcalc export``: a net as source that runs, in a framework or in the normalised notation."""

from __future__ import annotations

from collections.abc import Iterator
from keyword import iskeyword
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers import counting
from dlcalc.answers.network import load
from dlcalc.errors import InputError, NotationError, abridged, nearest
from dlcalc.files import refuse_unwritable, write_whole
from dlcalc.interop.targets import TARGETS, Target, Wanted, Writer
from dlcalc.layers.size import Polynomial
from dlcalc.nets.parser import Net
from dlcalc.nets.parser import count as layer_count
from dlcalc.nets.trace import Step, trace
from dlcalc.result import Block, Result, Row

if TYPE_CHECKING:
    from dlcalc.answers.export_weights import Numbers

#: Source of more layers is of no use to a reader.
MAX_LAYERS = 10_000
CLASS_NAME = "Net"


def export(
    *words: str,
    to: str = "torch",
    file: str | None = None,
    like: str | None = None,
    class_name: str | None = None,
    train: bool = False,
    weights: str | None = None,
    output: str | None = None,
) -> Exported:
    """The source of a net: a class of a framework, or the notation with its shapes.

    ``words`` are an INPUT and a net in the notation, a net from ``file`` stands behind
    them. ``train`` adds a loop that trains the class. ``weights`` is an ``.npz`` file of
    tensors by name, or one of ``train-toy --save``, which holds a net too: a function
    that loads it is added. ``output`` is a file for the source, written whole or not at
    all. Raises `InputError` for a net with letters, for a layer that has no spelling
    there, for tensors that are not the net's, and for a name or a file that cannot be.

    >>> print(export("784 dense:10", to="net").value, end="")
    # 784 to 10, 7,850 parameters.
    784
    dense:10  # 10
    """
    target = _target(to, like)
    given = {"class_name": class_name is not None, "train": train, "weights": weights is not None}
    _refuse_options(to, target, given)
    writer = target.writer()
    if class_name is not None:
        _refuse_name(class_name, writer)
    if output is not None:
        refuse_unwritable(output)
    numbers = None if weights is None else _numbers(weights)
    if numbers is not None and numbers.net is not None and not words and file is None:
        start, net = numbers.net
    else:
        start, net = load(words, file=file)
    _refuse_long(net)
    convention = target.convention
    steps = trace(net, start, convention)
    if start.symbolic:
        raise InputError(
            f"the input {start} has letters, and source needs whole numbers",
            mend="Give the input its numbers, such as 3x224x224.",
        )
    _refuse_letters(steps)
    parameters = counting.sums(counting.count(steps, convention)).parameters
    if train and parameters == 0:
        raise InputError("--train needs parameters to train, and the net has none")
    about = f"{start} to {steps[-1].output}, {parameters:,} parameters."
    loaded = None if numbers is None else numbers.held_against(steps)
    wanted = Wanted(start, steps, class_name or CLASS_NAME, about, train, loaded)
    source = writer.write(wanted)
    if output is not None:
        write_whole(output, lambda file: file.write(source.encode()))
    sizes = (start.sizes, steps[-1].output.sizes)
    return Exported(Source(to, source, *sizes, parameters, train, weights), output)


def _numbers(path: str) -> Numbers:
    from dlcalc.answers.export_weights import Numbers

    return Numbers(path)


class Source(NamedTuple):
    """What was written, and the whole numbers that it is to have."""

    to: str
    text: str
    input: tuple[object, ...]
    output: tuple[object, ...]
    parameters: object
    train: bool = False
    weights: str | None = None


class Exported(Result):
    """The source of a net. Its value is the text."""

    def __init__(self, source: Source, path: str | None) -> None:
        self.value: str = source.text
        self.source = source
        self.path = path

    def blocks(self) -> list[Block]:
        """The source, or the file that it went to."""
        if self.path is not None:
            lines = self.value.count("\n")
            return [Block("ll", [Row((abridged(self.path, 60), f"{lines:,} lines"), "answer")])]
        return [Block("l", [Row((line,)) for line in self.value.splitlines()])]

    def terse(self) -> str:
        """The source, or the name of its file."""
        return self.value.removesuffix("\n") if self.path is None else self.path

    def document(self) -> dict[str, object]:
        """``to``, ``source``, ``input``, ``output``, ``parameters``, ``train``, ``weights``."""
        to, text, start, end, parameters, train, weights = self.source
        return {
            "to": to,
            "source": text,
            "input": list(start),
            "output": list(end),
            "parameters": parameters,
            "train": train,
            "weights": weights,
        }


def _target(to: str, like: str | None) -> Target:
    """The target of that name, whose rules ``like`` may name again."""
    if to not in TARGETS:
        close = nearest(to, TARGETS)
        yet = " yet" if to == "keras" else ""
        raise InputError(
            f"there is no export to {abridged(to)}{yet}",
            mend=f"Did you mean {close}?" if close else f"There are {', '.join(TARGETS)}.",
        )
    target = TARGETS[to]
    if like not in (None, target.like):
        raise InputError(
            f"--to {to} is by the rules of {target.like}, not by those of {abridged(str(like))}",
            mend="Leave --like out.",
        )
    return target


def _refuse_options(to: str, target: Target, given: dict[str, bool]) -> None:
    """Refuse the first option that is given and means nothing to a target."""
    for name, is_given in given.items():
        if is_given and name not in target.takes:
            option = f"--{name.replace('_', '-')}"
            others = [other for other, each in TARGETS.items() if name in each.takes]
            raise InputError(
                f"{option} means nothing to --to {to}, which writes {target.summary}",
                mend=f"Leave it out, or take --to {' or '.join(others)}.",
            )


def _refuse_name(class_name: str, writer: Writer) -> None:
    valid = class_name.isascii() and class_name.isidentifier() and len(class_name) <= 60
    if not valid or iskeyword(class_name) or class_name in writer.NAMES:
        raise InputError(
            f"{abridged(class_name) or 'an empty word'} cannot be the name of a class here",
            mend="Letters, digits and _, at most 60, no digit first, such as LeNet5; "
            "no keyword, and no name that the source itself uses.",
        )


def _refuse_long(net: Net) -> None:
    if layer_count(net) > MAX_LAYERS:
        raise InputError(
            f"the net has {layer_count(net):,} layers; at most {MAX_LAYERS:,} are exported"
        )


def _refuse_letters(steps: tuple[Step, ...]) -> None:
    """Refuse a letter in the arguments of a layer, at its place."""
    for step in _walk(steps):
        for name, value in vars(step.node.layer).items():
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(each, Polynomial) for each in values):
                raise NotationError(
                    f"{step.node.head}: {name} is a letter, and source needs whole numbers",
                    place=step.place,
                )


def _walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        for branch in step.branches:
            yield from _walk(branch)
