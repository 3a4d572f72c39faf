"""What a net is trained to minimise in exported source, told by its output and its last layers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.errors import NotationError
from dlcalc.interop.write.lines import reads_words
from dlcalc.layers.shape import Shape

if TYPE_CHECKING:
    from dlcalc.nets.trace import Step

#: Layers whose output has its features on the last axis, as dlcalc and torch have sequences.
_LAST = {
    *("dense", "embedding", "position", "token", "segment", "rnn", "lstm", "gru"),
    *("attention", "encoder", "decoder", "moe", "ln", "rmsnorm", "rbf"),
}
#: What leaves values where they are.
_STAYING = {"dropout", "identity", "aux"}
#: Losses by the number of a class.
_CLASSES = ("cross_entropy", "log_probabilities", "probabilities", "distances")
#: Losses of train-toy for numbers; the others are of classes.
_NUMBERS = {"mse", "mae", "huber", "quantile"}
#: What the number behind a loss is if none is written.
_USUAL = {"huber": 1.0, "quantile": 0.5}
#: So many numbers make a set of random examples, and at most and least so many examples.
_ROOM, _MOST, _LEAST = 2**24, 256, 32


class Objective(NamedTuple):
    """A loss, and what it is held against.

    ``loss`` is one of

    - ``cross_entropy`` of logits, ``log_probabilities``, ``probabilities`` or ``distances``
      to prototypes (what the net ends in), by the number of the right class along ``axis``,
      the batch being axis 0;
    - ``binary_cross_entropy`` of logits, or ``binary_probabilities``, by 0 and 1;
    - ``mse``, ``mae``, ``huber`` and ``quantile`` by numbers, the last two with a ``number``.

    ``targets`` are the sizes of one target. ``words`` is the number of words where those
    come in by their numbers, 0 for decimals. ``examples`` is how many random ones to draw.
    """

    loss: str
    axis: int
    classes: int
    targets: tuple[int, ...]
    words: int
    examples: int
    number: float | None = None

    @property
    def by_class(self) -> bool:
        """Whether a target is the number of a class."""
        return self.loss in _CLASSES


def objective(start: Shape, steps: tuple[Step, ...], trained: str = "") -> Objective:
    """The objective of a net; ``trained`` is the loss that it was trained by, where known.

    >>> from dlcalc.answers.network import load_line
    >>> from dlcalc.nets.trace import trace
    >>> start, net = load_line("3x8x8 conv:5,k3")
    >>> objective(start, trace(net, start))[:4]
    ('cross_entropy', 1, 5, (6, 6))
    """
    output = steps[-1].output
    sizes = tuple(int(str(size)) for size in output.sizes)
    inputs = tuple(int(str(size)) for size in start.sizes)
    axis = _axis(steps, sizes)
    classes = sizes[axis - 1 if axis > 0 else axis]
    loss, number = _loss(trained, _ending(steps), classes)
    targets = sizes
    if loss in _CLASSES:
        place = axis - 1 if axis > 0 else len(sizes) - 1
        targets = (*sizes[:place], *sizes[place + 1 :])
    room = _ROOM // max(1, prod(inputs) + prod(targets))
    examples = max(_LEAST, min(_MOST, room))
    words = _words(steps) if reads_words(steps) else 0
    return Objective(loss, axis, classes, targets, words, examples, number)


def _loss(trained: str, ending: str, classes: int) -> tuple[str, float | None]:
    name, _, written = trained.replace("-", "_").partition(":")
    if name in _NUMBERS:
        return name, float(written) if written else _USUAL.get(name)
    if classes == 1:
        if ending == "sigmoid":
            return "binary_probabilities", None
        return ("binary_cross_entropy" if name == "binary_cross_entropy" else "mse"), None
    if name == "binary_cross_entropy":
        return name, None
    endings = {"softmax": "probabilities", "log_softmax": "log_probabilities"}
    endings |= {"sigmoid": "binary_probabilities", "rbf": "distances"}
    return endings.get(ending, "cross_entropy"), None


def _ending(steps: tuple[Step, ...]) -> str:
    """The last layer that changes values."""
    words = [step.node.layer.words[0] for step in steps]
    return next((word for word in reversed(words) if word not in _STAYING), "")


def _axis(steps: tuple[Step, ...], sizes: tuple[int, ...]) -> int:
    """The axis of the classes, behind the batch: 1 for channels, -1 for features."""
    if len(sizes) == 1:
        return 1
    for step in reversed(steps):
        layer: Any = step.node.layer
        word = layer.words[0]
        if word in ("softmax", "log_softmax"):
            return 1
        if word in ("reshape", "permute"):
            break
        if word in _LAST:
            return -1
        if step.branches and not layer.auxiliary:
            return _axis(step.branches[0], sizes)
        if layer.spatial:
            return 1
    # Nothing says what the axes are: two are a sequence, more are channels first.
    return -1 if len(sizes) == 2 else 1


def _words(steps: tuple[Step, ...]) -> int:
    """How many words all layers know that look up the input."""
    first = steps[0]
    layer: Any = first.node.layer
    if layer.words[0] == "embedding":
        return int(layer.vocabulary)
    known = [_words(branch) for branch in first.branches if reads_words(branch)]
    if len(known) < len(first.branches):
        raise NotationError(
            f"{first.node.head}: words come into one branch and decimals into another",
            place=first.place,
        )
    return min(known)
