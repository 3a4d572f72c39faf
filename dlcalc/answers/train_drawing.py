"""What a training looks like: its losses, and what the net makes of the examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.charts.line import Series, plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlcalc.charts.region import Plane
    from dlcalc.charts.svg import Part
    from dlcalc.engine.tasks.problem import Problem
    from dlcalc.engine.tasks.task import Data
    from dlcalc.engine.trainer import Epoch, Trainer

# The net is asked at so many points of a plane, across and down, or of a line.
_ACROSS, _DOWN = 120, 60
_ALONG = 241
# So much of the examples' range is shown beyond them, on each side.
_BEYOND = 0.1
# Losses that fall below this part of the first are shown by their powers of ten.
_FAR = 0.01
_CURVE_HEIGHT, _PLANE_HEIGHT = 12, 20
#: A terminal may be wider, but a drawing that is wider shows no more.
WIDEST, _PLANE_WIDEST = 100, 72


class Drawing(NamedTuple):
    """A drawing's caption, its lines for a width and whether in ASCII, and the picture of it."""

    caption: str
    lines: Callable[[int, bool], list[str]]
    part: Callable[[], Part]


def losses(history: Sequence[Epoch]) -> Drawing:
    """The loss of each epoch, of the examples trained on and of those held out."""
    numbers = [each.number for each in history]
    series = [Series("training", numbers, [each.loss for each in history])]
    if history and history[0].validation is not None:
        held = [float("nan") if e.validation is None else e.validation for e in history]
        series.append(Series("held out", numbers, held))
    values = [y for each in series for y in each.ys]
    far = bool(values) and 0 < min(values) < _FAR * max(values)
    labels: dict[str, Any] = {"x_label": "epoch", "logarithmic": far}
    return _over_axis("loss of each epoch", series, labels)


def _over_axis(caption: str, series: list[Series], labels: dict[str, Any]) -> Drawing:
    def lines(width: int, ascii: bool) -> list[str]:
        return plot(series, width=width, height=_CURVE_HEIGHT, ascii=ascii, **labels)

    def part() -> Part:
        from dlcalc.charts import svg

        return svg.plot(series, **labels)

    return Drawing(caption, lines, part)


def learnt(trainer: Trainer, problem: Problem) -> Drawing:
    """What the net makes of the examples held out, or of all if none are.

    Of points in a plane the regions of the classes; of numbers from one number the curve;
    else which classes are taken for which, or which numbers for which.
    """
    examples = problem.held_out or problem.training
    which = f"the {len(examples.inputs):,} examples"
    which += " held out" if problem.held_out is not None else ""
    if problem.kind == "numbers":
        if problem.input == "1":
            return _curve(trainer, problem, examples, which)
        return _numbers(trainer, problem, examples, which)
    if problem.kind == "classes" and problem.input == "2":
        return _regions(trainer, problem, examples, which)
    return _confusion(trainer, problem, examples, which)


def _outputs(trainer: Trainer, inputs: Any, like: Data) -> Any:
    """What the net, as it stands, makes of inputs."""
    import numpy as np

    from dlcalc.engine.evaluation import Evaluation
    from dlcalc.engine.tasks.task import Data

    targets = np.zeros((len(inputs), *like.targets.shape[1:]), like.targets.dtype)
    judge = Evaluation(trainer.net, trainer.program, Data(inputs, targets), trainer.aim, 1.0)
    judge()
    return judge.outputs


def _ends(values: Any) -> tuple[float, float]:
    """The range of some numbers, and a little beyond it."""
    low, high = float(values.min()), float(values.max())
    room = (high - low) * _BEYOND or 1.0
    return low - room, high + room


def _everything(problem: Problem) -> Any:
    import numpy as np

    parts = [problem.training.inputs]
    if problem.held_out is not None:
        parts.append(problem.held_out.inputs)
    return np.concatenate(parts)


def _regions(trainer: Trainer, problem: Problem, examples: Data, which: str) -> Drawing:
    import numpy as np

    from dlcalc.charts.region import Example, Plane

    known = _everything(problem)
    x, y = _ends(known[:, 0]), _ends(known[:, 1])
    across, down = np.linspace(*x, _ACROSS), np.linspace(*y[::-1], _DOWN)
    points = np.stack([np.tile(across, _DOWN), np.repeat(down, _ACROSS)], axis=1)
    classes = trainer.aim.predicted(_outputs(trainer, points, examples))
    ends = np.stack([x, y], axis=1)
    inputs = examples.inputs
    if problem.scaled is not None:
        ends, inputs = problem.scaled[0].back(ends), problem.scaled[0].back(inputs)
    plane: Plane = Plane(
        classes.reshape(_DOWN, _ACROSS).tolist(), tuple(ends[:, 0]), tuple(ends[:, 1])
    )
    marks = [
        Example(x1, x2, cls)
        for (x1, x2), cls in zip(inputs.tolist(), examples.targets.tolist(), strict=True)
    ]
    names = problem.features or ("x1", "x2")
    labels: dict[str, Any] = {"x_label": names[0], "y_label": names[1]}

    def lines(width: int, ascii: bool) -> list[str]:
        from dlcalc.charts.region import regions

        width = min(width, _PLANE_WIDEST)
        return regions(
            plane, marks, problem.classes, width=width, height=_PLANE_HEIGHT, ascii=ascii, **labels
        )

    def part() -> Part:
        from dlcalc.charts import svg

        return svg.regions(plane, marks, problem.classes, **labels)

    return Drawing(f"which class the net takes every point for, and {which}", lines, part)


def _curve(trainer: Trainer, problem: Problem, examples: Data, which: str) -> Drawing:
    import numpy as np

    points = np.linspace(*_ends(_everything(problem)), _ALONG)[:, None]
    outputs = _outputs(trainer, points, examples)
    inputs, targets = examples.inputs, examples.targets
    if problem.scaled is not None:
        by_inputs, by_targets = problem.scaled
        assert by_targets is not None
        points, inputs = by_inputs.back(points), by_inputs.back(inputs)
        outputs, targets = by_targets.back(outputs), by_targets.back(targets)
    series = [
        Series("examples", inputs.ravel().tolist(), targets.ravel().tolist(), joined=False),
        Series("net", points.ravel().tolist(), outputs.ravel().tolist()),
    ]
    labels: dict[str, Any] = {"x_label": (problem.features or ("x",))[0], "y_label": "y"}
    return _over_axis(f"the net's curve, and {which}", series, labels)


def _numbers(trainer: Trainer, problem: Problem, examples: Data, which: str) -> Drawing:
    outputs, targets = _outputs(trainer, examples.inputs, examples), examples.targets
    if problem.scaled is not None and problem.scaled[1] is not None:
        outputs, targets = problem.scaled[1].back(outputs), problem.scaled[1].back(targets)
    ends = [float(targets.min()), float(targets.max())]
    series = [
        Series("examples", targets.ravel().tolist(), outputs.ravel().tolist(), joined=False),
        Series("exact", ends, ends),
    ]
    labels = {"x_label": "target", "y_label": "net"}
    return _over_axis(f"what the net gives for {which}", series, labels)


def _confusion(trainer: Trainer, problem: Problem, examples: Data, which: str) -> Drawing:
    import numpy as np

    found = trainer.aim.predicted(_outputs(trainer, examples.inputs, examples))
    many = problem.outputs
    table = np.zeros((many, many), int)
    np.add.at(table, (examples.targets.ravel(), found.ravel()), 1)
    counts: list[list[int]] = table.tolist()

    def lines(width: int, ascii: bool) -> list[str]:
        from dlcalc.charts.matrix import confusion

        return confusion(counts, problem.classes, width=width)

    def part() -> Part:
        from dlcalc.charts import svg

        return svg.confusion(counts, problem.classes)

    steps = "every step of " if problem.kind == "sequence of classes" else ""
    return Drawing(f"what the net takes {steps}{which} for", lines, part)
