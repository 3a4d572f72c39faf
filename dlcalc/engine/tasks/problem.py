"""What is to be learnt, from a task or from a file alike: examples, parted, and a recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from dlcalc.engine.tasks.split import split
from dlcalc.engine.tasks.task import Data, Kind, Recipe, find
from dlcalc.errors import InputError

if TYPE_CHECKING:
    from dlcalc.engine.tasks.table import Scaling


@dataclass(frozen=True)
class Problem:
    """Examples to train on and examples held out, None if none are.

    ``reach`` is what the recipe attains, None for a file's. ``classes`` and ``features``
    are names. ``scaled`` is how inputs, and numbers to be predicted, became z-scores.
    """

    name: str
    kind: Kind
    input: str
    outputs: int
    recipe: Recipe
    training: Data
    held_out: Data | None
    samples: int
    noise: float | None
    validation: float
    reach: float | None = None
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    scaled: tuple[Scaling, Scaling | None] | None = None

    @property
    def scale(self) -> float:
        """What numbers to be predicted were divided by."""
        targets = self.scaled and self.scaled[1]
        return float(targets.deviation[0]) if targets else 1.0

    @property
    def digest(self) -> int:
        """A number that other examples would hardly have."""
        return digest(self.training, self.held_out)

    def reached(self, metric: float) -> bool:
        """Whether a value is as good as a right training's."""
        if self.reach is None or math.isnan(metric):
            return False
        return metric <= self.reach if self.kind == "numbers" else metric >= self.reach


def digest(*parts: Data | None) -> int:
    """A number that other examples would hardly have."""
    found = 0
    for data in parts:
        if data is not None:
            found = crc32(data.targets.tobytes(), found)
            found = crc32(data.inputs.tobytes(), found)
    return found


def of_task(
    text: str,
    *,
    samples: int | None = None,
    noise: float | None = None,
    validation: float | None = None,
    seed: int = 0,
) -> Problem:
    """The problem of a task by its name. Raises `InputError`."""
    task = find(text)
    data = task.data(samples=samples, noise=noise, seed=seed)
    part = task.held_out if validation is None else validation
    training, held_out = _parted(data, part, seed)
    return Problem(
        task.name,
        task.kind,
        task.input,
        task.outputs,
        task.recipe,
        training,
        held_out,
        len(data.inputs),
        task.noise if noise is None else noise,
        part,
        task.reach,
        task.classes,
    )


def of_file(path: str, target: str, *, validation: float | None = None, seed: int = 0) -> Problem:
    """The problem of a CSV file: inputs, and numbers to be predicted, at their z-scores."""
    # The reader of files is left out where there is none.
    from dlcalc.engine.tasks.table import read_table, scaling

    table = read_table(path, target)
    part = 0.3 if validation is None else validation
    training, held_out = _parted(table.data, part, seed)
    inputs = scaling(training.inputs, table.measured)
    training = training._replace(inputs=inputs(training.inputs))
    if held_out is not None:
        held_out = held_out._replace(inputs=inputs(held_out.inputs))
    numbers = None
    if table.kind == "numbers":
        numbers = scaling(training.targets)
        training = training._replace(targets=numbers(training.targets))
        if held_out is not None:
            held_out = held_out._replace(targets=numbers(held_out.targets))
    outputs = len(table.classes) or 1
    loss = "cross-entropy" if table.classes else "mse"
    recipe = Recipe(f"dense:32 relu dense:32 relu dense:{outputs}", "adam", 0.01, 32, 50, loss)
    return Problem(
        f"{table.target} of {path}",
        table.kind,
        str(len(table.features)),
        outputs,
        recipe,
        training,
        held_out,
        len(table.data.inputs),
        None,
        part,
        classes=table.classes,
        features=table.features,
        scaled=(inputs, numbers),
    )


def _parted(data: Data, part: float, seed: int) -> tuple[Data, Data | None]:
    if len(data.inputs) < 2:
        raise InputError("there must be at least two examples")
    found = split(data.targets, part, seed)
    if not found.held_out.size:
        return data, None
    return data.take(found.training), data.take(found.held_out)
