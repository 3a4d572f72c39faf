"""A minimal training loop as PyTorch source, alone or in the processes of torchrun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dlcalc.errors import NotationError
from dlcalc.interop.write.lines import fitted
from dlcalc.interop.write.objective import Objective, objective
from dlcalc.nets.trace import walk

if TYPE_CHECKING:
    from dlcalc.interop.write.targets import Wanted
    from dlcalc.layers.shape import Shape
    from dlcalc.nets.trace import Step

#: What this part of the source uses.
NAMES = frozenset(
    (
        *("os", "distributed", "DistributedDataParallel", "DataLoader", "Dataset"),
        *("DistributedSampler", "TensorDataset", "random_examples", "loss_of", "train"),
    )
)
_HEAD = '''\
def train(
    model: {net},
    examples: Dataset[tuple[Tensor, ...]],
    epochs: int = 5,
    batch: int = 32,
    lr: float = 1e-3,
    checkpoint: str = "{file}.pt",
) -> float:
    """Train a model, alone or as one of the processes of torchrun; the last epoch's loss.

    ``batch`` is that of each process. The first process prints, and keeps the model.
    """
    launched = distributed.is_torchelastic_launched()
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if launched:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    first = not launched or distributed.get_rank() == 0
    parallel: nn.Module = model.to(device)
    sampler: DistributedSampler[tuple[Tensor, ...]] | None = None
    if launched:
'''
_DRAWS = """\
        torch.manual_seed(distributed.get_rank())  # each process drops out others
"""
_NORMS = """\
        if device.type == "cuda":  # statistics of the examples of all processes
            parallel = nn.SyncBatchNorm.convert_sync_batchnorm(parallel)
"""
_TAIL = """\
        devices = [device] if device.type == "cuda" else None
        parallel = DistributedDataParallel(parallel, device_ids=devices)
        sampler = DistributedSampler(examples)
    loader = DataLoader(examples, batch, shuffle=sampler is None, sampler=sampler)
    optimizer = torch.optim.AdamW(parallel.parameters(), lr=lr)
    parallel.train()
    mean = float("nan")
    for epoch in range(epochs):
        if sampler is not None:
            sampler.set_epoch(epoch)  # another order in each epoch
        total = torch.zeros(2, device=device)
        for inputs, targets in loader:
            optimizer.zero_grad()
{loss}            loss.backward()
            optimizer.step()
            total[0] += loss.detach() * len(inputs)
            total[1] += len(inputs)
        if launched:
            distributed.all_reduce(total)
        mean = (total[0] / total[1]).item()
        if first:
            print(f"epoch {epoch + 1}: loss {mean:.4f}")
            torch.save(model.state_dict(), checkpoint)
    if launched:
        distributed.barrier()  # until the model is kept
        distributed.destroy_process_group()
    return mean
"""
_LOSS = """\
            loss = loss_of(parallel(inputs.to(device)), targets.to(device))
"""
#: The weight is that of the paper: Szegedy et al., "Going Deeper with Convolutions", 2015.
_HEADS = """\
            outputs, *heads = parallel(inputs.to(device))
            loss = loss_of(outputs, targets.to(device))
            for head in heads:
                loss = loss + 0.3 * loss_of(head, targets.to(device))
"""
#: Layers that draw at random in training.
_DRAWING = ("dropout", "stochasticpool")
#: The call of each loss, and what it says.
_LOSSES = {
    "cross_entropy": ("F.cross_entropy({x}, targets)", "Cross-entropy of logits"),
    "log_probabilities": ("F.nll_loss({x}, targets)", "Cross-entropy of log-probabilities"),
    "probabilities": (
        "F.nll_loss({x}.clamp_min(1e-12).log(), targets)",
        "Cross-entropy of probabilities",
    ),
    "distances": ("F.cross_entropy(-{x}, targets)", "Cross-entropy of distances, the least best,"),
    "binary_cross_entropy": (
        "F.binary_cross_entropy_with_logits(outputs, targets)",
        "Cross-entropy of logits by 0 and 1",
    ),
    "binary_probabilities": (
        "F.binary_cross_entropy(outputs, targets)",
        "Cross-entropy of probabilities by 0 and 1",
    ),
    "mse": ("F.mse_loss(outputs, targets)", "Mean squared error"),
    "mae": ("F.l1_loss(outputs, targets)", "Mean absolute error"),
    "huber": ("F.huber_loss(outputs, targets, delta={number})", "Huber's loss"),
    "quantile": (
        "torch.where(targets > outputs, {number}, {number} - 1).mul(targets - outputs).mean()",
        "The loss of a quantile",
    ),
}


def training(wanted: Wanted, memories: Mapping[str, Shape]) -> list[str]:
    """The lines below the class: examples, loss, loop, and what runs as a script.

    ``memories`` are further inputs of the net, by the names of its parameters.
    Raises `NotationError` for a net whose input is words here and decimals there.
    """
    trained = wanted.weights.loss if wanted.weights else ""
    found = objective(wanted.start, wanted.steps, trained)
    refuse_other_heads(wanted.steps, found, trained)
    lines = [*_examples(wanted, found, memories), "", "", *_loss(found)]
    lines += ["", "", *_loop(wanted, memories)]
    lines += ["", "", 'if __name__ == "__main__":']
    lines += ["    torch.manual_seed(0)  # the same model and examples in each process"]
    lines += [f"    model = {wanted.class_name}()"]
    if wanted.weights is not None:
        lines += ["    load_weights(model)"]
    return [*lines, "    train(model, random_examples())"]


def refuse_other_heads(steps: tuple[Step, ...], aim: Objective, trained: str) -> None:
    """Refuse an auxiliary head that cannot be held against the targets of the net."""
    for step in steps:
        if step.node.layer.auxiliary:
            (head,) = step.branches
            if objective(step.input, head, trained)[:4] != aim[:4]:
                raise NotationError(
                    f"the head gives {head[-1].output}, which is not trained by the targets of "
                    "the net: it must end as the net does",
                    place=step.place,
                )
        for branch in step.branches:
            refuse_other_heads(branch, aim, trained)


def _examples(wanted: Wanted, aim: Objective, memories: Mapping[str, Shape]) -> Iterator[str]:
    """A set of random examples of the sizes of the net."""
    yield f"def random_examples(count: int = {aim.examples}) -> TensorDataset:"
    yield '    """Examples of the sizes of the net that teach nothing: put your own here."""'
    inputs = ", ".join(["count", *map(str, wanted.start.sizes)])
    drawn = f"torch.randint({aim.words}, ({inputs}))" if aim.words else f"torch.randn({inputs})"
    yield f"    inputs = {drawn}"
    for name, shape in memories.items():
        yield f"    {name} = torch.randn(count, {', '.join(map(str, shape.sizes))})"
    targets = ", ".join(["count", *map(str, aim.targets)])
    sizes = f"({targets}{'' if aim.targets else ','})"
    if aim.by_class:
        yield f"    targets = torch.randint({aim.classes}, {sizes})"
    elif aim.loss.startswith("binary"):
        yield f"    targets = torch.randint(2, {sizes}).float()"
    else:
        yield f"    targets = torch.randn({targets})"
    yield f"    return TensorDataset({', '.join(['inputs', *memories, 'targets'])})"


def _loss(aim: Objective) -> Iterator[str]:
    """The function of a loss; torch wants the classes on axis 1."""
    call, says = _LOSSES[aim.loss]
    outputs = "outputs" if aim.axis == 1 else "outputs.movedim(-1, 1)"
    if aim.by_class:
        each = (
            f"positions, {'x'.join(map(str, aim.targets))} of them" if aim.targets else "examples"
        )
        says += f" by the numbers of the classes of {each}"
    yield "def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:"
    yield f'    """{says}."""'
    yield from fitted(f"    return {call.format(x=outputs, number=aim.number)}")


def _loop(wanted: Wanted, memories: Mapping[str, Shape]) -> list[str]:
    """The loop; what it says of norms and dropout only where the net has them."""
    found = [step.node.layer for step in walk(wanted.steps)]
    text = _HEAD.format(net=wanted.class_name, file=wanted.class_name.lower())
    if any(layer.words[0] in _DRAWING or getattr(layer, "dropout", 0) for layer in found):
        text += _DRAWS
    if any(layer.words[0] == "bn" for layer in found):
        text += _NORMS
    loss = _HEADS if any(layer.auxiliary for layer in found) else _LOSS
    text += _TAIL.replace("{loss}", loss)
    if memories:
        text = text.replace("for inputs, targets", f"for inputs, {', '.join(memories)}, targets")
        given = ", ".join(f"{name}.to(device)" for name in ("inputs", *memories))
        text = text.replace("parallel(inputs.to(device))", f"parallel({given})")
    return text.splitlines()
