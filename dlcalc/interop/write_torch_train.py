"""A minimal training loop as PyTorch source, alone or in the processes of torchrun."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlcalc.interop.objective import Objective, objective
from dlcalc.interop.source_lines import fitted

if TYPE_CHECKING:
    from dlcalc.interop.targets import Wanted
    from dlcalc.layers.base import Layer
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
            loss = loss_of(parallel(inputs.to(device)), targets.to(device))
            loss.backward()
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
        distributed.destroy_process_group()
    return mean
"""
#: The call of each loss, and what it says.
_LOSSES = {
    "cross_entropy": ("F.cross_entropy({x}, targets)", "Cross-entropy of logits"),
    "log_probabilities": ("F.nll_loss({x}, targets)", "Cross-entropy of log-probabilities"),
    "probabilities": (
        "F.nll_loss({x}.clamp_min(1e-12).log(), targets)",
        "Cross-entropy of probabilities",
    ),
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


def training(wanted: Wanted) -> list[str]:
    """The lines below the class: examples, loss, loop, and what runs as a script.

    Raises `NotationError` for a net whose input is words here and decimals there.
    """
    found = objective(wanted.start, wanted.steps, wanted.weights.loss if wanted.weights else "")
    lines = [*_examples(wanted, found), "", "", *_loss(found), "", "", *_loop(wanted)]
    lines += ["", "", 'if __name__ == "__main__":']
    lines += ["    torch.manual_seed(0)  # the same model and examples in each process"]
    lines += [f"    model = {wanted.class_name}()"]
    if wanted.weights is not None:
        lines += ["    load_weights(model)"]
    return [*lines, "    train(model, random_examples())"]


def _examples(wanted: Wanted, aim: Objective) -> Iterator[str]:
    """A set of random examples of the sizes of the net."""
    yield f"def random_examples(count: int = {aim.examples}) -> TensorDataset:"
    yield '    """Examples of the sizes of the net that teach nothing: put your own here."""'
    inputs = ", ".join(["count", *map(str, wanted.start.sizes)])
    drawn = f"torch.randint({aim.words}, ({inputs}))" if aim.words else f"torch.randn({inputs})"
    yield f"    inputs = {drawn}"
    targets = ", ".join(["count", *map(str, aim.targets)])
    sizes = f"({targets}{'' if aim.targets else ','})"
    if aim.by_class:
        yield f"    targets = torch.randint({aim.classes}, {sizes})"
    elif aim.loss.startswith("binary"):
        yield f"    targets = torch.randint(2, {sizes}).float()"
    else:
        yield f"    targets = torch.randn({targets})"
    yield "    return TensorDataset(inputs, targets)"


def _loss(aim: Objective) -> Iterator[str]:
    """The function of a loss; torch wants the classes on axis 1."""
    call, says = _LOSSES[aim.loss]
    outputs = "outputs" if aim.axis == 1 else "outputs.movedim(-1, 1)"
    if aim.by_class:
        shown = "x".join(["batch", *map(str, aim.targets)])
        says += f" by the numbers of the classes, {shown}"
    yield "def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:"
    yield f'    """{says}."""'
    yield from fitted(f"    return {call.format(x=outputs, number=aim.number)}")


def _loop(wanted: Wanted) -> list[str]:
    """The loop; what it says of norms and dropout only where the net has them."""
    found = list(_walk(wanted.steps))
    text = _HEAD.format(net=wanted.class_name, file=wanted.class_name.lower())
    if any(layer.words[0] == "dropout" or getattr(layer, "dropout", 0) for layer in found):
        text += _DRAWS
    if any(layer.words[0] == "bn" for layer in found):
        text += _NORMS
    return (text + _TAIL).splitlines()


def _walk(steps: tuple[Step, ...]) -> Iterator[Layer]:
    for step in steps:
        yield step.node.layer
        for branch in step.branches:
            yield from _walk(branch)
