"""``dlcalc split``: folds, hold-outs, bootstraps and batches: sizes, and indices if asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.errors import InputError, abridged
from dlcalc.formulas.split import Batches, Folds, part_sizes, stratified_fold_sizes
from dlcalc.numbers import whole
from dlcalc.result import Finding, Result, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcalc.formulas.drawing import Parts
    from dlcalc.result import Block

#: Beyond so many indices, all rounds together, they are not drawn.
MAX_INDICES = 2_000_000
MAX_FOLDS = 100_000
MAX_PARTS = 100
MAX_ROUNDS = 100_000


class Plan(NamedTuple):
    """What is to be split, and how: exactly one of ``k``, ``ratio``, ``bootstrap``, or none."""

    n: int
    k: int = 0
    ratio: tuple[int, ...] = ()
    bootstrap: bool = False
    classes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    rounds: int = 1
    batch: int = 0
    drop_last: bool = False
    epochs: int = 1
    seed: int = 0
    shuffle: bool = True

    @property
    def names(self) -> list[str]:
        """What the parts are called."""
        if self.bootstrap:
            return ["in bag", "out of bag"]
        if len(self.ratio) in (2, 3):
            return ["train", "validation", "test"][:: 4 - len(self.ratio)]
        return [f"{'fold' if self.k else 'part'} {i + 1}" for i in range(self.k or len(self.ratio))]

    def class_counts(self) -> dict[str, int]:
        """How many examples each class has, in order of appearance."""
        counts = dict.fromkeys(self.classes, 0)
        for label in self.classes:
            counts[label] += 1
        return counts

    def drawn(self) -> Iterator[Parts]:
        """The parts of each round as indices."""
        from random import Random

        from dlcalc.formulas import drawing

        generator = Random(self.seed)
        own = generator if self.shuffle else None
        for _ in range(self.rounds):
            if self.bootstrap:
                yield drawing.bootstrap(self.n, generator)
            elif self.k and self.groups:
                yield drawing.grouped_folds(self.groups, self.k)
            elif self.k and self.classes:
                yield drawing.stratified_folds(self.classes, self.k, own)
            elif self.k:
                yield drawing.folds(self.n, self.k, own)
            elif self.groups:
                yield drawing.grouped_hold_out(self.groups, self.ratio, own)
            elif self.classes:
                yield drawing.stratified_hold_out(self.classes, self.ratio, own)
            else:
                yield drawing.hold_out(self.n, self.ratio, own)


def split(
    n: int | str | None = None,
    *,
    kfold: int | str | None = None,
    holdout: str | None = None,
    bootstrap: bool = False,
    stratify: str | None = None,
    groups: str | None = None,
    repeat: int | str | None = None,
    batch: int | str | None = None,
    drop_last: bool = False,
    epochs: int | str | None = None,
    seed: int = 0,
    shuffle: bool = True,
    verify: bool = False,
) -> SplitResult:
    """N examples split into folds, into parts of a ratio such as ``7:3``, or by a bootstrap.

    ``stratify`` and ``groups`` are ``FILE.csv:COLUMN`` or labels such as ``a,a,b``, and
    tell n themselves. ``repeat`` does it as often, ``batch`` adds the steps of an epoch
    over the training part. The value is the sizes of the parts; of a bootstrap the share
    out of the bag; of batches alone the steps of an epoch. Raises `InputError`.

    >>> split(103, kfold=10).value
    (11, 11, 11, 10, 10, 10, 10, 10, 10, 10)
    >>> split(1000, holdout="7:3").value, split(1000, batch=64).value
    ((700, 300), 16)
    """
    asked = [("--kfold", kfold), ("--holdout", holdout), ("--bootstrap", bootstrap)]
    given = [name for name, value in asked if value not in (None, False)]
    if len(given) > 1:
        raise InputError(f"{given[0]} and {given[1]} exclude one another")
    if not given and batch is None:
        raise InputError(
            "there is nothing to do with them", mend="Give --kfold 10, --holdout 7:3 or --batch 64."
        )
    if stratify is not None and groups is not None:
        raise InputError("--stratify and --groups exclude one another")
    labels = _labels("--stratify", stratify), _labels("--groups", groups)
    count = _count(n, labels[0] or labels[1])
    plan = Plan(
        count,
        0 if kfold is None else whole(kfold, "--kfold", least=2),
        () if holdout is None else _ratio(holdout),
        bool(bootstrap),
        *labels,
        1 if repeat is None else whole(repeat, "--repeat", least=1),
        0 if batch is None else whole(batch, "--batch", least=1),
        drop_last,
        1 if epochs is None else whole(epochs, "--epochs", least=1),
        seed,
        shuffle,
    )
    _check(plan)
    result = SplitResult(plan)
    if verify:
        from dlcalc.answers.split_proof import verified

        result.findings = verified(result)
        result.failure = " ".join(filter(None, (f.failure for f in result.findings)))
    return result


def _count(n: int | str | None, labels: tuple[str, ...]) -> int:
    if n is None:
        if not labels:
            raise InputError("there is no number of examples", mend="Give one, as in 103.")
        return len(labels)
    count = whole(n, "the number of examples", least=1)
    if labels and len(labels) != count:
        raise InputError(f"there are {len(labels):,} labels for {count:,} examples")
    return count


def _ratio(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-9]{1,9}(:[0-9]{1,9})+", text):
        raise InputError(
            f"--holdout must be a ratio of whole numbers, not {abridged(text)}",
            mend="As in 7:3, or 8:1:1 with a part for validation.",
        )
    parts = tuple(map(int, text.split(":")))
    if min(parts) == 0 or len(parts) > MAX_PARTS:
        raise InputError(f"--holdout {abridged(text)}: no part may be 0, nor more than {MAX_PARTS}")
    return parts


def _labels(option: str, text: str | None) -> tuple[str, ...]:
    """The labels of an option: the column of a file, or written out."""
    if text is None:
        return ()
    path, colon, column = text.rpartition(":")
    if not colon:
        if "," not in text:
            raise InputError(
                f"{option} must be FILE.csv:COLUMN or labels, not {abridged(text)}",
                mend="As in iris.csv:species, or a,a,b.",
            )
        labels = tuple(label.strip() for label in text.split(","))
        if "" in labels:
            raise InputError(f"{option}: label {labels.index('') + 1} is empty")
        return labels
    from dlcalc.csv_rows import MAX_BYTES
    from dlcalc.csv_rows import labels as column_of
    from dlcalc.files import decode, read_bytes

    data, name = read_bytes(path, MAX_BYTES)
    return tuple(column_of(decode(data, name), name, column))


def _check(plan: Plan) -> None:
    """Refuse what cannot be done."""
    n = plan.n
    if plan.k > n:
        raise InputError(f"--kfold {plan.k:,}: {n:,} examples cannot fill so many folds")
    if plan.k > MAX_FOLDS:
        raise InputError(f"--kfold takes at most {MAX_FOLDS:,} folds, not {plan.k:,}")
    if plan.rounds > MAX_ROUNDS:
        raise InputError(f"--repeat takes at most {MAX_ROUNDS:,} rounds, not {plan.rounds:,}")
    labelled = "--stratify" if plan.classes else "--groups" if plan.groups else ""
    if labelled and not (plan.k or plan.ratio):
        raise InputError(f"{labelled} goes with --kfold or --holdout")
    if plan.rounds > 1 and not (plan.k or plan.ratio or plan.bootstrap):
        raise InputError("--repeat has nothing to repeat")
    if plan.rounds > 1 and (not plan.shuffle or (plan.groups and plan.k)) and not plan.bootstrap:
        raise InputError("--repeat would give the same split each time: nothing is drawn")
    if labelled and n * plan.rounds > MAX_INDICES:
        raise InputError(f"{labelled} takes at most {MAX_INDICES:,} examples, all rounds together")
    if plan.groups:
        _check_groups(plan, len(set(plan.groups)))
    elif plan.ratio and 0 in part_sizes(n, plan.ratio):
        raise InputError(f"of {n:,} examples {_shown_ratio(plan)} leaves a part empty")
    if plan.classes and plan.k:
        largest = max(plan.class_counts().values())
        if largest < plan.k:
            raise InputError(f"--kfold {plan.k}: the largest class has {largest} examples")
    if plan.batch == 0 and (plan.drop_last or plan.epochs > 1):
        raise InputError(f"{'--drop-last' if plan.drop_last else '--epochs'} goes with --batch")


def _check_groups(plan: Plan, groups: int) -> None:
    if plan.k > groups:
        raise InputError(f"--kfold {plan.k}: there are {groups} groups, and none may be parted")
    if plan.ratio and 0 in part_sizes(groups, plan.ratio):
        raise InputError(f"of {groups} groups {_shown_ratio(plan)} leaves a part empty")


def _shown_ratio(plan: Plan) -> str:
    return ":".join(map(str, plan.ratio))


class SplitResult(Result):
    """A split. Its value is the sizes; they are known without drawing anything."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.findings: list[Finding] = []
        self._rounds: list[Parts] | None = None
        self.notes = list(self._remarks())
        self.value: object = self._value()

    def _remarks(self) -> Iterator[str]:
        plan = self.plan
        if plan.classes:
            least = plan.k or len(plan.ratio)
            few = {k: count for k, count in plan.class_counts().items() if count < least}
            for label, count in list(few.items())[:1]:
                more = f", nor {len(few) - 1} more classes" if len(few) > 1 else ""
                yield (
                    f"class {abridged(label)} has {count} of the examples, which is not "
                    f"enough for {least} parts{more}"
                )
        if plan.n * plan.rounds > MAX_INDICES and (plan.bootstrap or plan.groups):
            yield f"beyond {MAX_INDICES:,} indices nothing is drawn: the share is the expected one"

    @property
    def drawable(self) -> bool:
        """Whether the indices are few enough to be drawn."""
        return self.plan.n * self.plan.rounds <= MAX_INDICES

    @property
    def rounds(self) -> list[Parts]:
        """The indices of each round. Raises `InputError` if they are too many."""
        if self._rounds is None:
            if not self.drawable:
                raise InputError(
                    f"{self.plan.n:,} examples times {self.plan.rounds:,} rounds are more than "
                    f"{MAX_INDICES:,} indices",
                    mend="Without -q the sizes are told, for any number.",
                )
            self._rounds = list(self.plan.drawn())
        return self._rounds

    def sizes(self) -> list[int]:
        """The sizes of the parts, of the folds those to test on."""
        plan = self.plan
        if plan.groups:
            return [len(part) for part in self.rounds[0]]
        if plan.k and plan.classes:
            by_class = stratified_fold_sizes(list(self.plan.class_counts().values()), plan.k)
            return [sum(shares) for shares in zip(*by_class, strict=True)]
        if plan.k:
            return [size for count, size in Folds(plan.n, plan.k).runs for _ in range(count)]
        return part_sizes(plan.n, plan.ratio)

    def shares(self) -> list[float]:
        """The share out of the bag in each round that is drawn."""
        return [len(parts[1]) / self.plan.n for parts in self.rounds] if self.drawable else []

    @property
    def expected_share(self) -> float:
        """The share out of the bag that is expected."""
        from dlcalc.formulas.bootstrap import Drawing

        return Drawing(self.plan.n, self.plan.n).share

    def training(self) -> list[int]:
        """How many examples are trained on, for each fold, else one number."""
        plan = self.plan
        if plan.k:
            return [plan.n - size for size in self.sizes()]
        return [self.sizes()[0] if plan.ratio else plan.n]

    def batches(self, n: int) -> Batches:
        """An epoch over so many examples."""
        return Batches.of(n, self.plan.batch, drop_last=self.plan.drop_last)

    def _value(self) -> object:
        if self.plan.bootstrap:
            shares = self.shares()
            return sum(shares) / len(shares) if shares else self.expected_share
        if self.plan.k or self.plan.ratio:
            return tuple(self.sizes())
        return self.batches(self.plan.n).steps * self.plan.epochs

    def terse(self) -> str:
        """The indices, one a line, an empty line between parts; of batches alone the steps."""
        plan = self.plan
        if not (plan.k or plan.ratio or plan.bootstrap):
            return str(self.value)
        parts = [part for parts in self.rounds for part in parts]
        return "\n\n".join("\n".join(map(str, part)) for part in parts)

    def in_one_line(self) -> str:
        """The sizes."""
        return written(self.value)

    def blocks(self) -> list[Block]:
        """Sizes by their formula."""
        from dlcalc.answers.split_table import blocks

        return blocks(self)

    def table(self) -> list[dict[str, object]] | None:
        """A record for each part of each round, or one for each size of training sets."""
        document: Any = self.document()
        if "rounds" not in document:
            batches: list[dict[str, object]] | None = document.get("batches")
            return batches
        return [
            {"round": number, "part": name, "size": len(indices), "indices": list(indices)}
            for number, parts in enumerate(document["rounds"] or (), start=1)
            for name, indices in parts.items()
        ]

    def document(self) -> dict[str, object]:
        """Sizes, and the indices of each part if they are few enough."""
        from dlcalc.answers.split_table import document

        return document(self)
