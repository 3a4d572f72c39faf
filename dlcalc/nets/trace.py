"""A shape's way through a net: every layer with what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dlcalc.errors import LayerError, Place, ShapeError, abridged
from dlcalc.layers.base import DoesNotFit
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import Shape, check_sizes
from dlcalc.nets.parser import Net, Node, unroll


class Step(NamedTuple):
    """One layer at work; ``branches`` are the steps within its brackets."""

    node: Node
    place: Place
    input: Shape
    output: Shape
    branches: tuple[tuple[Step, ...], ...] = ()


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, those in branches too."""
    for step in steps:
        for branch in step.branches:
            yield from walk(branch)
        yield step


class Level(NamedTuple):
    """Where a net failed, on one level of its brackets: what came before, and the layer.

    ``branch`` is the branch of that layer in which it failed, None for the layer
    itself; ``finished`` are the branches before it.
    """

    steps: tuple[Step, ...]
    node: Node
    input: Shape
    finished: tuple[tuple[Step, ...], ...] = ()
    branch: int | None = None


class TraceError(ShapeError):
    """A shape that does not go through; ``trail`` leads from the outermost net to the layer."""

    def __init__(self, cause: LayerError, place: Place, trail: tuple[Level, ...]) -> None:
        numbers = []
        for level in trail:
            numbers.append(f"layer {len(level.steps) + 1}")
            if level.branch is not None:
                numbers.append(f"branch {level.branch + 1}")
        text = abridged(trail[-1].node.head, 60)
        rule = f"{', '.join(numbers)}, {text}: {cause.rule}"
        super().__init__(rule, place=place, mend=cause.mend)
        self.cause = cause
        self.place: Place = place
        self.trail = trail

    @property
    def misfit(self) -> DoesNotFit | None:
        """The refusal of a window larger than its input, if that is what it was."""
        return self.cause if isinstance(self.cause, DoesNotFit) else None


def trace(
    net: Net, shape: Shape, convention: Convention = TORCH, place: Place | None = None
) -> tuple[Step, ...]:
    """The steps of a shape through a net; raises `TraceError` where it does not fit.

    >>> from dlcalc.errors import Source
    >>> from dlcalc.nets.parser import parse
    >>> network = parse(Source("3x32x32 conv:6,k5 maxpool:2"))
    >>> [str(step.output) for step in trace(network.net, network.input)]
    ['6x28x28', '6x14x14']
    """
    steps: list[Step] = []
    for node, where in unroll(net, place):
        try:
            if node.branches:
                branches, output = _branched(node, where, shape, convention, steps)
            else:
                branches, output = (), node.layer.output_shape(shape, convention)
            check_sizes(output)
        except LayerError as error:
            raise TraceError(error, where, (Level(tuple(steps), node, shape),)) from error
        steps.append(Step(node, where, shape, output, branches))
        shape = output
    return tuple(steps)


def _check_tokens(node: Node, shape: Shape, convention: Convention) -> None:
    """Refuse layers in which the steps of a sequence look at one another."""
    for branch in node.branches:
        for inside, _ in unroll(branch):
            if not inside.layer.on_tokens(shape, convention):
                raise LayerError(
                    f"an expert works on each token alone, which {inside.layer.words[0]} does not",
                    f"Put {inside.layer.words[0]} before or behind {node.layer.words[0]}.",
                )
            _check_tokens(inside, shape, convention)


def _branched(
    node: Node, place: Place, shape: Shape, convention: Convention, before: list[Step]
) -> tuple[tuple[tuple[Step, ...], ...], Shape]:
    """The branches of a layer, each traced, and what they become together."""
    branches: list[tuple[Step, ...]] = []
    # The reader of a built-in net knows only the word that named it.
    named = place if place is not node.place else None
    if node.layer.branches_on_each_token:
        _check_tokens(node, shape, convention)
    for number, branch in enumerate(node.branches):
        try:
            branches.append(trace(branch, shape, convention, named))
        except TraceError as error:
            level = Level(tuple(before), node, shape, tuple(branches), number)
            raise TraceError(error.cause, error.place, (level, *error.trail)) from error
    outputs = [branch[-1].output for branch in branches]
    if len(outputs) < 2:
        outputs.append(shape)
    return tuple(branches), node.layer.merge(tuple(outputs))
