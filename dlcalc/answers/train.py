"""``dlcalc train-toy``: a toy net trained on a toy task, and verified while at it."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from dlcalc.answers.train_net import ToyNet, aimed, toy_net
from dlcalc.answers.train_result import Final, TrainResult
from dlcalc.errors import InputError, NotationError
from dlcalc.result import Finding, Row

if TYPE_CHECKING:
    from dlcalc.engine.aim import Aim
    from dlcalc.engine.tasks.problem import Problem
    from dlcalc.engine.trainer import Settings, Trainer

#: Learning rates that suit toys, where a recipe has another optimiser.
_RATES = {"gd": 0.1, "sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adagrad": 0.1}
_RATES |= {"adadelta": 1.0, "rmsprop": 0.005}
_USUAL_RATE = 0.01
#: So many steps of a training by derived equations are compared, and so alike they must be.
_COMPARED = 200
_ALIKE, _ALIKE_IN_SINGLE = 1e-12, 1e-4
#: What may be another when a training is resumed: where the data are, how long it lasts.
_FREE = ("epochs", "data")
# Seconds between two files of --save.
_EVERY = 1.0


class Options(TypedDict, total=False):
    """What may be asked for; None is the task's own, or the saved one."""

    samples: int | None
    noise: float | None
    seed: int | None
    validation: float | None
    data: str | None
    target: str | None
    loss: str | None
    optimizer: str | None
    lr: float | None
    momentum: float | None
    batch: int | None
    epochs: int | None
    l1: float | None
    l2: float | None
    proximal: bool | None
    decay: float | None
    clip_norm: float | None
    clip_value: float | None
    schedule: str | None
    early_stopping: int | None
    initialiser: str | None
    dtype: str | None
    derived: bool | None


class Watch:
    """Someone who looks on while a net is trained; this one says nothing."""

    def asked_to_stop(self) -> bool:
        """Whether to stop behind this step."""
        return False

    def epoch(self, number: int, epochs: int, loss: float, metric: tuple[str, float]) -> None:
        """Be told of an epoch behind it."""


def train(
    *words: str,
    save: str | None = None,
    resume: str | None = None,
    expect_accuracy: float | None = None,
    expect_loss: float | None = None,
    watch: Watch | None = None,
    **options: Unpack[Options],
) -> TrainResult:
    """Train a net on a task.

    ``words`` are the task's name and perhaps a net in the notation, in one string or in
    many; with ``data`` a CSV file stands for the task. ``save`` keeps the training in a
    file, from which ``resume`` goes on as if it had never stopped. Raises `InputError`.

    >>> result = train("xor")
    >>> result.value, result.failure
    (1.0, '')
    """
    asked = _Asked(" ".join(words).split(), options, resume)
    try:
        problem, toy, aim, settings = asked.training()
        _check_expectations(aim, expect_accuracy, expect_loss)
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
    finished = _run(trainer, config, save, watch or Watch())
    final = None if trainer.divergence is not None else _final(trainer)
    if final is not None and problem.reach is not None:
        findings.append(_reach(problem, aim, final))
    return TrainResult(
        config,
        _heading(problem, toy, settings, aim),
        aim.metric,
        trainer.history,
        final,
        findings,
        divergence=trainer.divergence,
        interrupted=not finished,
        failures=_missed(final, expect_accuracy, expect_loss),
        notes=_notes(trainer, over),
    )


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


class _Asked:
    """The words and options of a question, over those of the file that is resumed."""

    def __init__(self, words: list[str], options: Options, resume: str | None) -> None:
        self.given: Mapping[str, Any] = {k: v for k, v in options.items() if v is not None}
        self.saved: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.digest: int | None = None
        if resume is not None:
            from dlcalc.engine.checkpoint import load

            config, self.state = load(resume)
            if not isinstance(config.get("config"), dict):
                raise InputError(f"{resume} is not a file of --save")
            self.saved, self.digest = config["config"], config.get("digest")
        self.task, self.net = "", words
        if self.of("data", None) is None:
            kept = self.saved.get("task")
            if not words and not isinstance(kept, str):
                from dlcalc.engine.tasks.index import TASKS

                raise NotationError(
                    "there is no task", mend=f"Name one: {', '.join(TASKS)}; or give --data."
                )
            self.task = words[0] if words else str(kept)
            self.net = words[1:]

    def of(self, name: str, default: Any) -> Any:
        """An option as given, else as saved, else its default. Refuses what contradicts."""
        value = self.given.get(name)
        if name in self.saved:
            kept = self.saved[name]
            if value is not None and value != kept and name not in _FREE:
                flag = f"--{name.replace('_', '-')}"
                raise InputError(
                    f"{flag} is {value}, but the training to be resumed has {kept}",
                    mend=f"Leave {flag} out.",
                )
            return kept if value is None else value
        return default if value is None else value

    def training(self) -> tuple[Problem, ToyNet, Aim, Settings]:
        """Everything that a trainer is made of."""
        seed = self.of("seed", 0)
        if not isinstance(seed, int) or seed < 0:
            raise InputError(f"--seed must be at least 0, not {seed}")
        problem = self._problem(seed)
        if self.digest not in (None, problem.digest):
            raise InputError("the examples are not those of the training to be resumed")
        written = " ".join(self.net)
        kept = self.saved.get("net")
        trusted = bool(written) or not isinstance(kept, str)
        toy = toy_net(problem.input, written or kept or problem.recipe.net, files=trusted)
        if isinstance(kept, str) and toy.text != kept:
            raise InputError(
                f"the net is not that of the training to be resumed, {kept}",
                mend="Leave the net out.",
            )
        if self.saved and self.task and problem.name != self.saved.get("task"):
            raise InputError(f"the training to be resumed is one of {self.saved.get('task')}")
        aim = aimed(toy, problem, self.of("loss", None), own=not written)
        return problem, toy, aim, self._settings(problem, seed)

    def _problem(self, seed: int) -> Problem:
        from dlcalc.engine.tasks.problem import of_file, of_task

        validation, path = self.of("validation", None), self.of("data", None)
        target = self.of("target", None)
        if path is None:
            if target is not None:
                raise InputError("--target names a column of --data, which is missing")
            samples, noise = self.of("samples", None), self.of("noise", None)
            return of_task(
                self.task, samples=samples, noise=noise, validation=validation, seed=seed
            )
        if target is None:
            raise InputError("--data needs --target", mend="Name the column to be predicted.")
        for name in ("samples", "noise"):
            if self.given.get(name) is not None:
                raise InputError(f"--{name} is for tasks that are drawn, and --data is read")
        return of_file(path, target, validation=validation, seed=seed)

    def _settings(self, problem: Problem, seed: int) -> Settings:
        from dlcalc.engine.trainer import Settings

        recipe, of = problem.recipe, self.of
        optimizer = of("optimizer", recipe.optimizer)
        usual = _RATES.get(optimizer, _USUAL_RATE)
        if of("dtype", "float64") not in ("float32", "float64"):
            raise InputError("--dtype must be float32 or float64")
        patience = of("early_stopping", None)
        if patience is not None and patience < 1:
            raise InputError(f"--early-stopping must be at least 1, not {patience}")
        settings = Settings(
            optimizer,
            float(of("lr", recipe.rate if optimizer == recipe.optimizer else usual)),
            of("momentum", None),
            of("batch", recipe.batch),
            of("epochs", recipe.epochs),
            of("l1", 0.0),
            of("l2", 0.0),
            bool(of("proximal", False)),
            of("decay", 0.0),
            of("clip_norm", None),
            of("clip_value", None),
            of("schedule", "constant"),
            of("initialiser", "default").replace("-", "_"),
            patience or 0,
            of("dtype", "float64"),
            seed,
        )
        if settings.proximal and not settings.l1:
            raise InputError("--proximal is a way to take --l1, which is missing")
        changed = self.saved and settings.epochs != self.saved.get("epochs")
        if changed and "cosine" in settings.schedule:
            raise InputError(
                "a cosine schedule ends with the last epoch, so --epochs cannot be another",
                mend="Leave --epochs out.",
            )
        return settings

    def config(
        self, problem: Problem, toy: ToyNet, aim: Aim, settings: Settings
    ) -> dict[str, object]:
        """Every setting as it was used; also what a file of --save holds."""
        found: dict[str, object] = {"task": problem.name if self.task else None}
        found |= {"net": toy.text, "input": problem.input, "parameters": toy.parameters}
        found |= {"data": self.of("data", None), "target": self.of("target", None)}
        found |= {"samples": problem.samples, "noise": problem.noise}
        found |= {"validation": problem.validation, "loss": aim.loss.replace("_", "-")}
        own = settings._asdict()
        found |= {"optimizer": own.pop("optimizer"), "lr": own.pop("rate")}
        patience = own.pop("patience")
        derived = {"derived": True} if self.of("derived", False) else {}
        return {**found, **own, "early_stopping": patience or None, **derived}


def _run(trainer: Trainer, config: dict[str, object], save: str | None, watch: Watch) -> bool:
    """Train to the end, or until asked to stop; whether it was the end."""
    name = trainer.aim.metric
    keeper = None if save is None else _Keeper(save, trainer, config)

    def after_step() -> bool:
        if keeper is not None:
            keeper.keep_now_and_then()
        return watch.asked_to_stop()

    def after_epoch() -> None:
        last = trainer.history[-1]
        watch.epoch(last.number, trainer.settings.epochs, last.loss, (name, last.metric))

    finished = trainer.run(after_step, after_epoch)
    # What has diverged is not worth keeping: the file before it is.
    if keeper is not None and trainer.divergence is None:
        keeper.keep()
    return finished


class _Keeper:
    """Keeps a training in a file."""

    def __init__(self, path: str, trainer: Trainer, config: dict[str, object]) -> None:
        from dlcalc.engine.checkpoint import save
        from dlcalc.engine.tasks.problem import digest

        self._save, self._path, self._trainer = save, path, trainer
        examples = digest(trainer.training, trainer.held_out)
        self._config = {"config": config, "digest": examples}
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


def _heading(problem: Problem, toy: ToyNet, settings: Settings, aim: Aim) -> list[Row]:
    trained = len(problem.training.inputs)
    held = 0 if problem.held_out is None else len(problem.held_out.inputs)
    examples = f"{trained:,} examples" + (f", {held:,} more held out" if held else "")
    batch = settings.batch
    batches = f"batches of {batch:,}" if 0 < batch < trained else "all at once"
    loss = aim.loss.replace("_", "-")
    return [
        Row((problem.name, examples)),
        Row(("net", f"{problem.input} {toy.text}")),
        Row(("training", f"{loss}, {settings.optimizer} at {settings.rate:g}, {batches}")),
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


def _check_expectations(aim: Aim, accuracy: float | None, loss: float | None) -> None:
    if accuracy is not None and aim.metric != "accuracy":
        raise InputError(
            "--expect-accuracy asks about classes, and this task is one of numbers",
            mend="Take --expect-loss.",
        )
    if accuracy is not None and not 0 <= accuracy <= 1:
        raise InputError(f"--expect-accuracy must be 0 to 1, not {accuracy:g}")
    if loss is not None and loss != loss:
        raise InputError("--expect-loss must be a number")


def _missed(final: Final | None, accuracy: float | None, loss: float | None) -> tuple[str, ...]:
    if final is None:
        return ()
    found = []
    if accuracy is not None and not final.metric >= accuracy:
        found.append(f"expected accuracy at least {accuracy:g}, but it is {final.metric:.6g}.")
    if loss is not None and not final.loss <= loss:
        found.append(f"expected loss at most {loss:g}, but it is {final.loss:.6g}.")
    return tuple(found)
