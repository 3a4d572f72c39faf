"""A minimal training loop as Keras source: ``fit``, on all devices by the distribution API.

Keras distributes on JAX: of its backends only that has more than a prototype of it in
keras/src/backend (PyTorch's has none). There one process uses all devices of its machine,
and several processes those of many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dlcalc.errors import NotationError
from dlcalc.interop.write.keras.spelling import stored
from dlcalc.interop.write.lines import fitted
from dlcalc.interop.write.objective import Objective, objective
from dlcalc.interop.write.torch.train import refuse_other_heads

if TYPE_CHECKING:
    from dlcalc.interop.write.targets import Wanted

_LOOP = '''\
#: Which of how many processes this is: Keras reads these variables too.
PROCESS = int(os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0"))
PROCESSES = int(os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", "1"))


def distribute() -> int:
    """Let Keras share batches out to all devices; how many. It goes before the model.

    Keras does so on JAX; on other backends a model stays on one device. To use several
    machines, start the script on each with KERAS_DISTRIBUTION_JOB_ADDRESSES (host:port
    of the first), KERAS_DISTRIBUTION_NUM_PROCESSES and KERAS_DISTRIBUTION_PROCESS_ID.
    """
    if keras.backend.backend() != "jax":
        if PROCESSES > 1:
            raise RuntimeError("several processes need KERAS_BACKEND=jax")
        return 1
    if PROCESSES > 1:
        keras.distribution.initialize()
    devices = keras.distribution.list_devices()
    if len(devices) > 1:
        # Each process cuts its own share out of the examples, in train.
        parallel = keras.distribution.DataParallel(
            devices=devices, auto_shard_dataset=False
        )
        keras.distribution.set_distribution(parallel)
    return len(devices)


def train(
    model: keras.Model,
    examples: tuple[np.ndarray, np.ndarray],
    devices: int = 1,
    epochs: int = 5,
    batch: int = 32,
    lr: float = 1e-3,
    checkpoint: str = "{file}.keras",
) -> float:
    """Train a model on what ``distribute`` found; the last epoch's loss.

    ``batch`` is that of each device. The first process prints, and keeps the model.
    """
    count, local = len(examples[0]) // PROCESSES, devices // PROCESSES
    size = max(1, min(batch, count // local)) * local
    if devices > 1:
        count -= count % size  # every device gets as many
    inputs, targets = (part[PROCESS::PROCESSES][:count] for part in examples)
{fit}    if PROCESS == 0:
        # To save, Keras makes variables: of this process alone, the others make none.
        shared = keras.distribution.distribution()
        keras.distribution.set_distribution(None)
        model.save(checkpoint)
        keras.distribution.set_distribution(shared)
    return float(history.history["loss"][-1])
'''
_ONE = """\
    model.compile(optimizer=keras.optimizers.AdamW(lr), loss=LOSS)
    verbose = 2 if PROCESS == 0 else 0
    history = model.fit(inputs, targets, batch_size=size, epochs=epochs, verbose=verbose)
"""
#: The weight is that of the paper: Szegedy et al., "Going Deeper with Convolutions", 2015.
_HEADS = """\
    each = len(model.outputs)  # the net's own, and those of its heads
    shares = [1.0, *[0.3] * (each - 1)]
    optimizer = keras.optimizers.AdamW(lr)
    model.compile(optimizer=optimizer, loss=[LOSS] * each, loss_weights=shares)
    history = model.fit(
        inputs,
        [targets] * each,
        batch_size=size,
        epochs=epochs,
        verbose=2 if PROCESS == 0 else 0,
    )
"""
_CLASSES = "keras.losses.SparseCategoricalCrossentropy("
#: The loss of each kind, what it is by, and what it says.
_LOSSES = {
    "cross_entropy": (f"{_CLASSES}from_logits=True{{axis}})", "Cross-entropy of logits"),
    "log_probabilities": (
        f"{_CLASSES}from_logits=True{{axis}})",
        "Cross-entropy of log-probabilities, which are logits too",
    ),
    "probabilities": (
        f"{_CLASSES}from_logits=False{{axis}})",
        "Cross-entropy of probabilities",
    ),
    "binary_cross_entropy": (
        "keras.losses.BinaryCrossentropy(from_logits=True)",
        "Cross-entropy of logits by 0 and 1",
    ),
    "binary_probabilities": (
        "keras.losses.BinaryCrossentropy()",
        "Cross-entropy of probabilities by 0 and 1",
    ),
    "mse": ("keras.losses.MeanSquaredError()", "Mean squared error"),
    "mae": ("keras.losses.MeanAbsoluteError()", "Mean absolute error"),
    "huber": ("keras.losses.Huber(delta={number})", "Huber's loss"),
}
#: Losses that Keras has not.
_OWN = {
    "quantile": (
        "The loss of a quantile",
        (
            "weights = ops.where(targets > outputs, {number}, {number} - 1)",
            "return ops.mean(weights * (targets - outputs), axis=-1)",
        ),
    ),
    "distances": (
        "Cross-entropy of distances, the least best, by the numbers of the classes",
        (
            "of = keras.losses.sparse_categorical_crossentropy",
            "return of(targets, -outputs, from_logits=True, axis={axis})",
        ),
    ),
}


def training(wanted: Wanted, *, last_in: bool, last_out: bool, heads: bool) -> list[str]:
    """The lines below the model: examples, loss, loop, and what runs as a script.

    ``last_in`` and ``last_out`` are whether its input and its output have the channels
    last, ``heads`` whether it has auxiliary ones. Raises `NotationError` for a net whose
    input is words here and decimals there, and for one that has another input.
    """
    _refuse_memory(wanted.steps)
    trained = wanted.weights.loss if wanted.weights else ""
    aim = objective(wanted.start, wanted.steps, trained)
    refuse_other_heads(wanted.steps, aim, trained)
    place = _place(aim, len(wanted.steps[-1].output.sizes), last_out)
    lines = [*_examples(wanted, aim, place, last_in, last_out), "", ""]
    lines += [*_loss(wanted, aim, place), "", ""]
    loop = _LOOP.replace("{file}", wanted.class_name.lower())
    lines += loop.replace("{fit}", _HEADS if heads else _ONE).splitlines()
    lines += ["", "", 'if __name__ == "__main__":', "    available = distribute()"]
    lines += ["    keras.utils.set_random_seed(0)  # the same model in each process"]
    lines += [f"    net = build_model({'heads=True' if heads else ''})"]
    if wanted.weights is not None:
        lines += ["    load_weights(net)"]
    return [*lines, "    train(net, random_examples(), available)"]


def _refuse_memory(steps: Any) -> None:
    for step in steps:
        if getattr(step.node.layer, "memory", None) is not None:
            raise NotationError(
                f"{step.node.head}: with a memory the model has another input, "
                "and the loop has none to give it",
                place=step.place,
                mend="Export it without --train.",
            )
        for branch in step.branches:
            _refuse_memory(branch)


def _place(aim: Objective, rank: int, last: bool) -> int:
    """Where the classes stand among the sizes of an output in Keras, from 0."""
    axis = (aim.axis - 1) % rank if aim.axis > 0 else rank - 1
    if not last:
        return axis
    return rank - 1 if axis == 0 else axis - 1


def _examples(
    wanted: Wanted, aim: Objective, place: int, last_in: bool, last_out: bool
) -> Iterator[str]:
    """A set of random examples of the sizes of the net."""
    yield f"def random_examples(count: int = {aim.examples}) -> tuple[np.ndarray, np.ndarray]:"
    yield '    """Examples of the sizes of the net that teach nothing: put your own here."""'
    yield "    draw = np.random.default_rng(0)"
    inputs = _sizes(stored(wanted.start, last_in))
    if aim.words:
        yield f"    inputs = draw.integers(0, {aim.words}, {inputs})"
    else:
        yield f'    inputs = draw.normal(size={inputs}).astype("float32")'
    output = stored(wanted.steps[-1].output, last_out)
    if aim.by_class:
        targets = _sizes((*output[:place], *output[place + 1 :]))
        yield f"    targets = draw.integers(0, {aim.classes}, {targets})"
    elif aim.loss.startswith("binary"):
        yield f'    targets = draw.integers(0, 2, {_sizes(output)}).astype("float32")'
    else:
        yield f'    targets = draw.normal(size={_sizes(output)}).astype("float32")'
    yield "    return inputs, targets"


def _sizes(sizes: tuple[object, ...]) -> str:
    return f"({', '.join(['count', *map(str, sizes)])}{'' if sizes else ','})"


def _loss(wanted: Wanted, aim: Objective, place: int) -> Iterator[str]:
    """The loss, which reads the classes on the last axis if nothing else is said."""
    last = place == len(wanted.steps[-1].output.sizes) - 1
    if aim.loss in _OWN:
        says, lines = _OWN[aim.loss]
        yield f'@keras.saving.register_keras_serializable(package="{wanted.class_name}")'
        yield "def loss_of("
        yield "    targets: keras.KerasTensor, outputs: keras.KerasTensor"
        yield ") -> keras.KerasTensor:"
        yield f'    """{says}."""'
        for line in lines:
            yield f"    {line.format(number=aim.number, axis=-1 if last else place + 1)}"
        yield from ("", "", "LOSS = loss_of")
        return
    call, says = _LOSSES[aim.loss]
    axis = "" if last else f", axis={place + 1}"
    yield f"#: {says}{', by the numbers of the classes' if aim.by_class else ''}."
    yield from fitted(f"LOSS = {call.format(axis=axis, number=aim.number)}")
