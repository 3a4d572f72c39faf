"""``dlcalc export``: a net as source that runs, in a framework or in the normalised notation."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from keyword import iskeyword
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers import counting
from dlcalc.answers.network import load, load_model
from dlcalc.errors import InputError, NotationError, abridged, nearest
from dlcalc.files import refuse_unwritable, write_whole
from dlcalc.interop.write.targets import TARGETS, Target, Wanted, Writer
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import Shape
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
    them; or they are a model file that is such a net. ``train`` adds a loop that trains
    the class. ``weights`` is an ``.npz`` file of tensors by name, or one of ``train-toy
    --save``, which holds a net too: a function that loads it is added. ``output`` is a
    file for the source, written whole or not at all. Raises `InputError` for a net with
    letters, for a layer that has no spelling there, for tensors that are not the net's,
    and for a name or a file that cannot be.

    >>> print(export("784 dense:10", to="net").value, end="")
    # 784 to 10, 7,850 parameters.
    784
    dense:10  # 10
    """
    target = _target(to)
    given = {"class_name": class_name is not None, "train": train, "weights": weights is not None}
    _refuse_options(to, target, given)
    writer = target.writer()
    if class_name is not None:
        _refuse_name(class_name, writer)
    if output is not None:
        if not output:
            raise InputError(
                "-o needs the name of a file", mend="Leave it out to print the source."
            )
        refuse_unwritable(output)
    asked = _asked(words, file, to, target, like, weights)
    start, net, rules = asked.net
    _refuse_long(net)
    steps = trace(net, start, rules)
    if start.symbolic:
        raise InputError(
            f"the input {start} has letters, and source needs whole numbers",
            mend="Give the input its numbers, such as 3x224x224.",
        )
    _refuse_letters(steps)
    counted = counting.count(steps, rules)
    parameters = counting.sums(counted).parameters
    if train and parameters == 0:
        raise InputError("--train needs parameters to train, and the net has none")
    about = f"{start} to {steps[-1].output}, {parameters:,} parameters{_heads(counted)}."
    if asked.numbers is not None:
        _refuse_other_sizes(net, start, steps, rules)
    numbers = None if asked.numbers is None else asked.numbers.held_against(steps)
    about = f"{about} {asked.reading}".rstrip()
    source = writer.write(Wanted(start, steps, class_name or CLASS_NAME, about, train, numbers))
    if asked.model and to == "net":
        from dlcalc.answers.export_model import refuse_unless_read

        refuse_unless_read(source, asked.net, asked.model)
    if output is not None:
        write_whole(output, lambda file: file.write(source.encode()))
    sizes = (start.sizes, steps[-1].output.sizes)
    return Exported(Source(to, source, *sizes, parameters, train, weights), output, asked.notes)


def _refuse_other_sizes(net: Net, start: Shape, steps: tuple[Step, ...], rules: Convention) -> None:
    """Refuse a layer of which the engine, which goes by torch, makes another size.

    Its numbers would fit, and the outputs be others. A net that torch has not at all can
    have come by them only under these rules.
    """
    if rules.name == TORCH.name:
        return
    try:
        usual = trace(net, start)
    except InputError:
        return
    for ours, theirs in zip(_walk(steps), _walk(usual), strict=True):
        # Global pooling of Keras drops the axes that torch keeps at 1: the same numbers.
        sizes = [[n for n in step.output.sizes if n != 1] for step in (ours, theirs)]
        if sizes[0] != sizes[1]:
            raise NotationError(
                f"{ours.node.head} makes {ours.output} in {rules.name}, but the numbers are of "
                f"a net that makes {theirs.output} of it, as torch does",
                place=ours.place,
                mend="Leave --weights out.",
            )


def _heads(counted: tuple[counting.Counted, ...]) -> str:
    """What its auxiliary heads have beside the net's own, if there are any."""
    parameters = counting.auxiliary(counted).parameters
    return f", {parameters:,} more in auxiliary heads" if parameters else ""


class _Asked(NamedTuple):
    """What is to be written: a net, the file of its numbers, the model file that it is from."""

    net: tuple[Shape, Net, Convention]
    numbers: Numbers | None = None
    model: str = ""
    reading: str = ""
    notes: tuple[str, ...] = ()


def _asked(
    words: tuple[str, ...],
    file: str | None,
    to: str,
    target: Target,
    like: str | None,
    weights: str | None,
) -> _Asked:
    """The net of words, of a file, of a model file, or of a saved training."""
    model = load_model(words, file, like)
    if model is not None:
        from dlcalc.answers.export_model import model_net, reading

        if weights is not None:
            raise InputError(
                "--weights is for nets in the notation, by their names of tensors",
                mend="Leave it out, or write the net.",
            )
        found = model_net(model, to, target)
        told = reading(found) if to == "net" else ""
        return _Asked(found, None, model.source, told, getattr(model, "notes", ()))
    if like not in (None, target.like):
        raise InputError(
            f"--to {to} is by the rules of {target.like}, not by those of {abridged(str(like))}",
            mend="Leave --like out.",
        )
    numbers = None if weights is None else _numbers(weights)
    if numbers is not None and numbers.net is not None and not words and file is None:
        start, net = numbers.net
    elif numbers is not None and not words and file is None:
        raise InputError(
            f"{numbers.name} holds tensors by name, and no net",
            mend="Give the net before it, as in 784 dense:10 --weights FILE.npz.",
        )
    else:
        start, net = load(words, file=file)
    return _Asked((start, net, target.convention), numbers)


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

    def __init__(self, source: Source, path: str | None, notes: tuple[str, ...] = ()) -> None:
        self.value: str = source.text
        self.source = source
        self.path = path
        self.notes = list(notes)

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


def _target(to: str) -> Target:
    """The target of that name."""
    if to not in TARGETS:
        close = nearest(to, TARGETS)
        raise InputError(
            f"there is no export to {abridged(to)}",
            mend=f"Did you mean {close}?" if close else f"There are {', '.join(TARGETS)}.",
        )
    return TARGETS[to]


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
    own = class_name in writer.NAMES or hasattr(builtins, class_name)
    if not valid or iskeyword(class_name) or own:
        raise InputError(
            f"{abridged(class_name) or 'an empty word'} cannot be the name of a class here",
            mend="Letters, digits and _, at most 60, no digit first, such as LeNet5; "
            "no keyword, and no name that Python or the source itself uses.",
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
