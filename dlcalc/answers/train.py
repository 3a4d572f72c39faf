"""``dlcalc train-toy``: a toy net trained on a toy task, and verified while at it."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Unpack

from dlcalc.answers.picture import refuse_undrawable, write_picture
from dlcalc.answers.train_asked import Asked, Options
from dlcalc.answers.train_net import ToyNet
from dlcalc.answers.train_result import Final, TrainResult
from dlcalc.errors import InputError
from dlcalc.result import Finding, Row

if TYPE_CHECKING:
    from dlcalc.answers.train_drawing import Drawing
    from dlcalc.engine.aim import Aim
    from dlcalc.engine.tasks.problem import Problem
    from dlcalc.engine.trainer import Settings, Trainer

#: So many steps of a training by derived equations are compared, and so alike they must be.
_COMPARED = 200
_ALIKE, _ALIKE_IN_SINGLE = 1e-12, 1e-4
# Seconds between two files of --save.
_EVERY = 1.0


class Moment(NamedTuple):
    """How far a training is behind an epoch: its loss and metric, and the learning rate it had."""

    number: int
    epochs: int
    loss: float
    metric: str
    value: float
    rate: float


class Watch:
    """Someone who looks on while a net is trained; this one says nothing."""

    def asked_to_stop(self) -> bool:
        """Whether to stop behind this step."""
        return False

    def epoch(self, now: Moment) -> None:
        """Be told of an epoch behind it."""

    def seed(self, done: int, seeds: int) -> None:
        """Be told how many of several trainings are done."""


def train(
    *words: str,
    save: str | None = None,
    resume: str | None = None,
    plot: str | None = None,
    expect_accuracy: float | None = None,
    expect_loss: float | None = None,
    watch: Watch | None = None,
    **options: Unpack[Options],
) -> TrainResult:
    """Train a net on a task.

    ``words`` are the task's name and perhaps a net in the notation, in one string or in
    many; with ``data`` a CSV file stands for the task. ``save`` keeps the training in a
    file, from which ``resume`` goes on as if it had never stopped. ``plot`` is an SVG
    file for a picture of what was learnt. Raises `InputError`.

    >>> result = train("xor")
    >>> result.value, result.failure
    (1.0, '')
    """
    if plot is not None:
        refuse_undrawable(plot)
    asked = Asked(" ".join(words).split(), options, resume)
    try:
        problem, toy, aim, settings = asked.training()
        check_expectations(aim, expect_accuracy, expect_loss)
        derived = bool(asked.of("derived", False))
        trainer = _trainer(problem, toy, aim, settings, derived)
    except (TypeError, ValueError, AttributeError) as error:
        if not asked.saved:
            raise
        raise InputError(f"{resume} holds settings that cannot be used") from error
    if asked.state:
        trainer.restore(asked.state)
    over = trainer.done
    findings = toy.verified(trainer.program, settings.seed)
    if derived:
        findings.append(_derived(problem, toy, aim, settings))
    config = asked.config(problem, toy, aim, settings)
    keeper = None if save is None else _Keeper(save, trainer, config, problem)
    finished = _run(trainer, keeper, watch or Watch())
    final = None if trainer.divergence is not None else _final(trainer)
    if final is not None and problem.reach is not None:
        findings.append(_reach(problem, aim, final))
    result = TrainResult(
        config,
        heading(problem, toy, settings, aim),
        aim.metric,
        trainer.history,
        final,
        findings,
        divergence=trainer.divergence,
        interrupted=not finished,
        failures=missed(final, expect_accuracy, expect_loss),
        notes=_notes(trainer, over),
        look=partial(_look, trainer, problem),
    )
    if plot is not None:
        _draw(plot, result)
    return result


def _look(trainer: Trainer, problem: Problem) -> list[Drawing]:
    from dlcalc.answers.train_drawing import learnt, losses

    drawings = [losses(trainer.history)] if len(trainer.history) > 1 else []
    if trainer.divergence is None:
        drawings.append(learnt(trainer, problem))
    return drawings


def _draw(path: str, result: TrainResult) -> None:
    from dlcalc.charts.svg import captioned

    found = result.terse() if result.final is None else f"{result.metric} {result.terse()}"
    title = f"{result.heading[0].cells[0]}: {found}"
    write_picture(path, title, [captioned(each.caption, each.part()) for each in result.look()])


def _trainer(
    problem: Problem, toy: ToyNet, aim: Aim, settings: Settings, derived: bool = False
) -> Trainer:
    from dlcalc.engine.trainer import Trainer

    derive = None
    if derived:
        from dlcalc.symbolic.network.training import gradient_of

        if aim.number is not None or aim.smoothing or aim.weights is not None:
            raise InputError(
                f"derived equations know {aim.loss.replace('_', '-')} as it is, without a number, "
                "smoothing and class weights"
            )
        derive = gradient_of(toy.steps, aim.loss)
    training, held_out = problem.training, problem.held_out
    return Trainer(toy.net, training, held_out, aim, settings, problem.scale, derive)


def _derived(problem: Problem, toy: ToyNet, aim: Aim, settings: Settings) -> Finding:
    """Whether the derived equations and the engine's backward pass train alike."""
    import numpy as np

    trainers = [_trainer(problem, toy, aim, settings, derived) for derived in (True, False)]
    for trainer in trainers:
        trainer.run(after_step=lambda trainer=trainer: trainer.step >= _COMPARED)  # type: ignore[misc]
    ours, theirs = (trainer.program.parameters for trainer in trainers)
    steps = trainers[1].step
    difference = float(np.max(np.abs(ours - theirs), initial=0.0))
    bound = _ALIKE if settings.dtype == "float64" else _ALIKE_IN_SINGLE
    sentence = (
        f"{steps} steps by the derived equations and by the engine, parameters within "
        f"{difference:.1e}"
    )
    document = {"steps": steps, "largest_difference": difference}
    return Finding("derived", difference <= bound, sentence, document)


def _run(trainer: Trainer, keeper: _Keeper | None, watch: Watch) -> bool:
    """Train to the end, or until asked to stop; whether it was the end."""
    name = trainer.aim.metric

    def after_step() -> bool:
        if keeper is not None:
            keeper.keep_now_and_then()
        return watch.asked_to_stop()

    def after_epoch() -> None:
        number, loss, _, value = trainer.history[-1]
        rate = trainer.schedule.rate(number - 1)
        watch.epoch(Moment(number, trainer.settings.epochs, loss, name, value, rate))

    finished = trainer.run(after_step, after_epoch)
    # What has diverged is not worth keeping: the file before it is.
    if keeper is not None and trainer.divergence is None:
        keeper.keep()
    return finished


class _Keeper:
    """Keeps a training in a file."""

    def __init__(
        self, path: str, trainer: Trainer, config: dict[str, object], problem: Problem
    ) -> None:
        from dlcalc.engine.checkpoint import save
        from dlcalc.engine.tasks.problem import digest

        self._save, self._path, self._trainer = save, path, trainer
        examples = digest(trainer.training, trainer.held_out)
        self._config = {"config": config, "digest": examples, "scales": _scales(problem)}
        # A path that cannot be written is better refused before the training than behind it.
        self.keep()

    def keep(self) -> None:
        """Write the file."""
        self._save(self._path, self._config, self._trainer.state)
        self._written = monotonic()

    def keep_now_and_then(self) -> None:
        """Write it if it is long ago."""
        if monotonic() - self._written > _EVERY:
            self.keep()


def _scales(problem: Problem) -> dict[str, object] | None:
    """How a table became z-scores, and what comes in and out; None for a task."""
    if problem.scaled is None:
        return None
    parts = zip(("inputs", "targets"), problem.scaled, strict=True)
    scales: dict[str, object] = {
        name: {"mean": scaling.mean.tolist(), "deviation": scaling.deviation.tolist()}
        for name, scaling in parts
        if scaling is not None
    }
    return scales | {"columns": list(problem.features), "classes": list(problem.classes)}


def _final(trainer: Trainer) -> Final:
    from dlcalc.engine.evaluation import Evaluation

    trainer.finish()
    loss, metric = trainer.judge()
    examples = trainer.judge.targets.size if trainer.aim.metric == "accuracy" else 0
    if trainer.held_out is None:
        return Final(loss, metric, examples)
    own = Evaluation(trainer.net, trainer.program, trainer.training, trainer.aim, trainer.scale)
    return Final(loss, metric, examples, *own())


def _reach(problem: Problem, aim: Aim, final: Final) -> Finding:
    assert problem.reach is not None
    passed = problem.reached(final.metric)
    bound = "at most" if aim.metric == "rmse" else "at least"
    sentence = f"{aim.metric} {bound} {problem.reach:g}, the reach of {problem.name}"
    document = {"metric": aim.metric, "reach": problem.reach, "found": final.metric}
    return Finding("reach", passed, sentence, document, counts=False)


def heading(problem: Problem, toy: ToyNet, settings: Settings, aim: Aim) -> list[Row]:
    """What is trained, on what and how."""
    trained = len(problem.training.inputs)
    held = 0 if problem.held_out is None else len(problem.held_out.inputs)
    examples = f"{trained:,} examples" + (f", {held:,} more held out" if held else "")
    batch = settings.batch
    batches = f"batches of {batch:,}" if 0 < batch < trained else "all at once"
    return [
        Row((problem.name, examples)),
        Row(("net", f"{problem.input} {toy.text}")),
        Row(("training", f"{aim.text}, {settings.optimizer} at {settings.rate:g}, {batches}")),
    ]


def _notes(trainer: Trainer, over: bool) -> tuple[str, ...]:
    notes = []
    if over:
        notes.append(
            f"the training was over already behind epoch {trainer.epoch:,}; a larger --epochs "
            "goes on with it, if it has not stopped early"
        )
    if trainer.stopped_early and trainer.stopping is not None:
        notes.append(
            f"stopped early behind epoch {trainer.epoch:,}; the numbers of epoch "
            f"{trainer.stopping.best_time:,} were put back"
        )
    if trainer.scale != 1.0:
        notes.append("losses are of z-scores, the rmse is in the target's own unit")
    return tuple(notes)


def check_expectations(aim: Aim, accuracy: float | None, loss: float | None) -> None:
    """Raise `InputError` for expectations that a training of this aim cannot have."""
    if accuracy is not None and aim.metric != "accuracy":
        raise InputError(
            "--expect-accuracy asks about classes, and this task is one of numbers",
            mend="Take --expect-loss.",
        )
    if accuracy is not None and not 0 <= accuracy <= 1:
        raise InputError(f"--expect-accuracy must be 0 to 1, not {accuracy:g}")
    if loss is not None and loss != loss:
        raise InputError("--expect-loss must be a number")


def missed(final: Final | None, accuracy: float | None, loss: float | None) -> tuple[str, ...]:
    """The expectations that were not met, as sentences."""
    if final is None:
        return ()
    found = []
    if accuracy is not None and not final.metric >= accuracy:
        found.append(f"expected accuracy at least {accuracy:g}, but it is {final.metric:.6g}.")
    if loss is not None and not final.loss <= loss:
        found.append(f"expected loss at most {loss:g}, but it is {final.loss:.6g}.")
    return tuple(found)
