"""The net of a toy training: read, held against the task, and verified before it is trained."""

from __future__ import annotations

from math import floor, inf, log10
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers.counting import Counted, count, sums
from dlcalc.answers.counting import walk as walk_layers
from dlcalc.errors import InputError, NotationError, Place, ShapeError, Source, abridged
from dlcalc.layers.activation import Activation, Identity
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.nets.parser import Net, parse, unroll
from dlcalc.nets.trace import Step, trace, walk
from dlcalc.numbers import vector
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.engine.aim import Aim
    from dlcalc.engine.program import Program
    from dlcalc.engine.report import Report
    from dlcalc.engine.tasks.problem import Problem

#: Larger nets are no toys.
MAX_PARAMETERS = 10_000_000
MAX_ACTIVATIONS = 2_000_000
#: Losses that take logits, and the layer that they apply themselves.
LOGITS = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}
_CHECKED_BATCH, _CHECKED_SAMPLES = 4, 16


class ToyNet(NamedTuple):
    """A net with its input, what the algebra says of it, and its text without its input."""

    start: Shape
    net: Net
    steps: tuple[Step, ...]
    layers: tuple[Counted, ...]
    text: str

    @property
    def parameters(self) -> int:
        """How many there are."""
        found = sums(self.layers).parameters
        assert isinstance(found, int)
        return found

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the input."""
        return tuple(size for size in self.start.sizes if isinstance(size, int))

    def verified(self, program: Program, seed: int) -> list[Finding]:
        """The gradients by the checker; parameters and shapes as they are in a program."""
        from dlcalc.engine.check import check

        report = check(
            self.net,
            self.sizes,
            batch=_CHECKED_BATCH,
            training=True,
            seed=seed,
            samples=_CHECKED_SAMPLES,
        )
        return [_gradients(report), self._parameters(program), self._shapes(program)]

    def _parameters(self, program: Program) -> Finding:
        claimed = {n: s for layer in walk_layers(self.layers) for n, s in layer.tensors.items()}
        found = {name: tensor.value.shape for name, tensor in program.tensors.items()}
        total = program.parameters.size
        document = {"claimed": self.parameters, "found": total, "tensors": len(found)}
        other = [n for n in {**claimed, **found} if claimed.get(n) != found.get(n)]
        if other or total != self.parameters:
            name = other[0] if other else "all"
            sentence = f"{name} is {found.get(name)}, not {claimed.get(name)}"
            return Finding("parameters", False, sentence, document)
        sentence = f"{total:,} parameters in {len(found)} tensors, as dlcalc params counts"
        return Finding("parameters", True, sentence, document)

    def _shapes(self, program: Program) -> Finding:
        claimed = [(step.node.text, step.output.sizes) for step in walk(self.steps)]
        found = [(node.text, value.data.shape[1:]) for _, node, value in program.trail]
        document = {"layers": len(found), "output": list(found[-1][1])}
        for left, right in zip(claimed, found, strict=False):
            if left != right:
                sentence = f"{right[0]} gives {sizes_text(right[1])}, not {sizes_text(left[1])}"
                return Finding("shapes", False, sentence, document)
        if len(claimed) != len(found):
            sentence = f"{len(found)} layers ran, not {len(claimed)}"
            return Finding("shapes", False, sentence, document)
        layers = "1 layer" if len(found) == 1 else f"each of {len(found)} layers"
        sentence = f"the output of {layers}, as dlcalc shape says"
        return Finding("shapes", True, sentence, document)


def toy_net(start: str, text: str, *, files: bool = True) -> ToyNet:
    """The net of a text behind the input of a task. Raises `InputError`."""
    network = parse(Source(f"{start} {text}"), files=files)
    assert network.input is not None
    if not network.net:
        raise NotationError("the net is empty", mend="Leave it out, or give at least one layer.")
    try:
        steps = trace(network.net, network.input, TORCH)
    except ShapeError as error:
        if not error.mend:
            from dlcalc.nets.mend import mend
            from dlcalc.nets.trace import TraceError

            if isinstance(error, TraceError):
                error.mend = mend(error, network.input, network.net, TORCH)
        raise
    for step in walk(steps):
        if step.output.kind == "side" or step.input.kind == "side":
            raise ShapeError(
                f"{step.node.text} slides over sides, and the input has features alone",
                place=step.place,
                mend="Take layers such as dense for it.",
            )
        if getattr(step.node.layer, "memory", None) is not None:
            raise ShapeError(
                f"{step.node.text} looks at an encoder's output, which no task has",
                place=step.place,
                mend="Leave memory out.",
            )
    layers = count(steps, TORCH)
    written = " ".join(node.text for node, _ in unroll(network.net))
    found = ToyNet(network.input, network.net, steps, layers, written)
    _refuse_large(found)
    return found


def with_dropout(text: str, share: float) -> str:
    """The net of a text with dropout behind every hidden activation.

    Raises `InputError` if there is none, and if the text is no net.

    >>> with_dropout("dense:4 relu residual[dense:4 tanh] dense:2", 0.2)
    'dense:4 relu dropout:0.2 residual[dense:4 tanh dropout:0.2] dense:2'
    """
    if not 0 <= share < 1:
        raise InputError(f"--dropout must be at least 0 and below 1, not {share:g}")
    net = parse(Source(text)).net
    words = _dropped(net, f"dropout:{share:g}")
    # What comes last is the output, and not hidden.
    if words[-1:] == [f"dropout:{share:g}"]:
        words.pop()
    if len(" ".join(words).split("dropout")) == len(text.split("dropout")):
        raise InputError(
            "--dropout stands behind hidden activations, and the net has none",
            mend=f"Write dropout:{share:g} where it is wanted.",
        )
    return " ".join(words)


def _dropped(net: Net, dropout: str) -> list[str]:
    words = []
    for node, _ in unroll(net):
        branches = [" ".join(_dropped(branch, dropout)) for branch in node.branches]
        words.append(f"{node.head}[{' | '.join(branches)}]" if branches else node.text)
        if isinstance(node.layer, Activation) and not isinstance(node.layer, Identity):
            words.append(dropout)
    return words


def weighed(aim: Aim, problem: Problem, smoothing: float, written: str | None) -> Aim:
    """The aim with label smoothing and class weights. Raises `InputError` if it takes none.

    Weights are numbers, one for each class, or ``balanced``: each class counts as much
    as every other, whatever its share of the examples trained on.
    """
    from dlcalc.engine.criterion import CROSSED

    for name, given in (("label-smoothing", smoothing), ("class-weights", written)):
        if given and aim.loss not in CROSSED:
            raise InputError(
                f"--{name} is for cross-entropies, and the loss is {aim.text}",
                mend=f"Leave --{name} out.",
            )
    if written is None:
        return aim._replace(smoothing=smoothing)
    if aim.loss == "binary_cross_entropy" and aim.last > 1:
        raise InputError(
            "--class-weights are not defined for binary-cross-entropy with several outputs",
            mend="Take --loss cross-entropy.",
        )
    if written == "balanced":
        from dlcalc.engine.aim import balanced

        return aim._replace(
            smoothing=smoothing, weights=balanced(problem.training.targets, aim.outputs)
        )
    weights = tuple(vector(written, "--class-weights"))
    if (
        len(weights) != aim.outputs
        or not all(0 <= weight < inf for weight in weights)
        or not any(weights)
    ):
        raise InputError(
            f"--class-weights must be {aim.outputs} numbers of at least 0, not {abridged(written)}",
            mend="Give one for each class, or balanced.",
        )
    return aim._replace(smoothing=smoothing, weights=weights)


def _refuse_large(toy: ToyNet) -> None:
    held = sums(toy.layers)
    for what, size, most in (
        ("parameters", held.parameters, MAX_PARAMETERS),
        ("values for one example", held.activations, MAX_ACTIVATIONS),
    ):
        if not isinstance(size, int) or size > most:
            shown = f"{size:,}" if isinstance(size, int) else str(size)
            raise InputError(f"the net has {shown} {what}; a toy has at most {most:,}")


def aimed(toy: ToyNet, problem: Problem, loss: str | None, *, own: bool) -> Aim:
    """The aim of a problem for a net. Raises `InputError` if its outputs do not suit."""
    from dlcalc.engine.aim import aim

    last = _last(toy, problem)
    if loss is None:
        loss = problem.recipe.loss
        if not own and problem.kind != "numbers":
            loss = "binary-cross-entropy" if last == 1 else "cross-entropy"
    found = aim(loss, problem.kind, problem.outputs, last)
    ending = toy.steps[-1]
    word = ending.node.layer.words[0]
    if LOGITS.get(found.loss) == word:
        raise InputError(
            f"{loss} takes logits and applies {word} itself, but the net ends in it",
            place=ending.place,
            mend=f"Leave {word} out, or take --loss mse.",
        )
    return found


def _last(toy: ToyNet, problem: Problem) -> int:
    """The last size of the output, if all sizes suit the task."""
    output = toy.steps[-1].output.sizes
    ends = [problem.outputs]
    if problem.kind != "numbers" and problem.outputs == 2:
        ends.append(1)
    before = toy.start.sizes[:1] if problem.kind == "sequence of classes" else ()
    if any(output == (*before, end) for end in ends):
        return int(str(output[-1]))
    what = {"numbers": "number", "classes": "classes"}.get(problem.kind, "classes at every step")
    many = f"{problem.outputs} {what}" + ("s" if what == "number" and problem.outputs > 1 else "")
    wanted = " or ".join(sizes_text((*before, end)) for end in ends)
    place: Place = toy.steps[-1].place
    raise ShapeError(
        f"the net gives {sizes_text(output)}, but {problem.name} asks for {many}: {wanted}",
        place=place,
        mend=_mend(output, before, problem.outputs),
    )


def _mend(output: tuple[object, ...], before: tuple[object, ...], outputs: int) -> str:
    if len(output) == len(before) + 1 and output[:-1] == before:
        return f"End it in dense:{outputs}."
    if before:
        return f"End it in a layer that keeps the steps, then dense:{outputs}."
    return f"End it in flatten (last for a sequence), then dense:{outputs}."


def _gradients(report: Report) -> Finding:
    largest = max([tensor.error for tensor in report.tensors if tensor.looked_at], default=0.0)
    wrong = [t for t in report.tensors if t.verdict == "wrong"]
    undecided = [t.name for t in report.tensors if t.verdict == "undecided"]
    document = {
        "method": report.method,
        "largest_relative_error": largest,
        "tensors": len([t for t in report.tensors if t.looked_at]),
        "undecided": undecided,
    }
    if report.failures or wrong:
        sentence = report.failures[0] if report.failures else str(wrong[0])
        return Finding("gradients", False, sentence, document)
    # Its digits are those of one machine's rounding; what they are below, any machine's.
    power = max(floor(log10(largest)) + 1, -14) if largest else -14
    sentence = f"gradients by {report.method}, relative errors below 1e{power:03d}"
    if undecided:
        sentence += f"; undecided beside kinks: {', '.join(undecided)}"
    return Finding("gradients", True, sentence, document)
