"""What a question about a training asks for: its words and options, over those of a saved one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from dlcalc.answers.train_net import ToyNet, aimed, toy_net, weighed, with_dropout
from dlcalc.errors import InputError, NotationError

if TYPE_CHECKING:
    from dlcalc.engine.aim import Aim
    from dlcalc.engine.tasks.problem import Problem
    from dlcalc.engine.trainer import Settings

#: Learning rates that suit toys, where a recipe has another optimiser.
_RATES = {"gd": 0.1, "sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adagrad": 0.1}
_RATES |= {"adadelta": 1.0, "rmsprop": 0.005}
_USUAL_RATE = 0.01
#: What may be another when a training is resumed: where the data are, how long it lasts.
_FREE = ("epochs", "data")


class Options(TypedDict, total=False):
    """What may be asked for; None is the task's own, or the saved one."""

    samples: int | None
    noise: float | None
    seed: int | None
    validation: float | None
    data: str | None
    target: str | None
    loss: str | None
    label_smoothing: float | None
    class_weights: str | None
    optimizer: str | None
    lr: float | None
    momentum: float | None
    batch: int | None
    epochs: int | None
    l1: float | None
    l2: float | None
    proximal: bool | None
    dropout: float | None
    max_norm: float | None
    decay: float | None
    clip_norm: float | None
    clip_value: float | None
    schedule: str | None
    early_stopping: int | None
    initialiser: str | None
    forget_bias: float | None
    dtype: str | None
    derived: bool | None


class Asked:
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
        net = written or kept or problem.recipe.net
        share = self.of("dropout", 0.0)
        # What was saved has its dropout already.
        if share and trusted:
            net = with_dropout(net, share)
        toy = toy_net(problem.input, net, files=trusted)
        if isinstance(kept, str) and toy.text != kept:
            raise InputError(
                f"the net is not that of the training to be resumed, {kept}",
                mend="Leave the net out.",
            )
        if self.saved and self.task and problem.name != self.saved.get("task"):
            raise InputError(f"the training to be resumed is one of {self.saved.get('task')}")
        aim = aimed(toy, problem, self.of("loss", None), own=not written)
        smoothing, weights = self.of("label_smoothing", 0.0), self.of("class_weights", None)
        aim = weighed(aim, problem, smoothing, weights)
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
            of("schedule", recipe.schedule),
            of("initialiser", "default").replace("-", "_"),
            patience or 0,
            of("dtype", "float64"),
            seed,
            float(of("forget_bias", 1.0)),
            of("max_norm", None),
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
        found |= {"validation": problem.validation, "loss": aim.text}
        found |= {"label_smoothing": aim.smoothing, "class_weights": self.of("class_weights", None)}
        found["dropout"] = self.of("dropout", 0.0)
        own = settings._asdict()
        found |= {"optimizer": own.pop("optimizer"), "lr": own.pop("rate")}
        patience = own.pop("patience")
        derived = {"derived": True} if self.of("derived", False) else {}
        return {**found, **own, "early_stopping": patience or None, **derived}
