"""What exported source says of a file of numbers, whatever the framework: constants, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dlcalc.interop.write.lines import WIDTH
from dlcalc.interop.write.targets import Scale, Weights

#: What is written here, so that no class has these names.
CONSTANTS = frozenset(
    (
        *("SIZES", "COLUMNS", "CLASSES"),
        *("INPUT_MEAN", "INPUT_DEVIATION", "TARGET_MEAN", "TARGET_DEVIATION"),
    )
)


def sizes_of(weights: Weights) -> Iterator[str]:
    """The sizes of the tensors that stand in one array, if they do."""
    if not weights.flat:
        return
    yield "#: The tensors of the file, which stand one behind the other in it."
    yield "SIZES: dict[str, tuple[int, ...]] = {"
    for name, sizes in weights.trained.items():
        yield f'    "{name}": {sizes!r},'
    yield from ("}", "", "")


def columns(weights: Weights) -> Iterator[str]:
    """The columns of a table, its classes, and how the training scaled the columns."""
    if weights.columns:
        yield "#: The columns of the table in their order, one of 0 and 1 for each word."
        yield from _listed("COLUMNS", map(quoted, weights.columns))
    if weights.classes:
        yield "#: What the outputs stand for."
        yield from _listed("CLASSES", map(quoted, weights.classes))
    if weights.inputs is not None:
        yield "#: How the training took the columns: (x - mean)/deviation."
        yield from _scaling("INPUT", weights.inputs)


def units(targets: Scale) -> Iterator[str]:
    """How the training took the numbers that it learnt to predict."""
    yield "#: How it took the numbers that it learnt to predict."
    yield from _scaling("TARGET", targets)


def scales(
    weights: Weights, array: str, prepare: Iterable[str], in_units: Iterable[str]
) -> Iterator[str]:
    """How columns of a table become what the net takes, and its outputs what they are of.

    ``array`` is the framework's type, and the others are the bodies of two functions of it.
    """
    if not weights.scaled:
        return
    if weights.inputs is None:
        yield "# The net was trained on z-scores of its columns, by means and deviations that the"
        yield "# file does not hold: give it inputs that are scaled as those were."
        yield from ("", "")
        return
    yield from columns(weights)
    yield f"def prepare(columns: {array}) -> {array}:"
    yield '    """Columns of the table as the net takes them, which was trained on z-scores."""'
    yield from (*prepare, "", "")
    if weights.targets is not None:
        yield from units(weights.targets)
        yield f"def in_units(outputs: {array}) -> {array}:"
        yield '    """Outputs of the net in the unit of the table."""'
        yield from (*in_units, "", "")


def signature(model: str, path: str) -> list[str]:
    """The head of the function that reads a file into a model of this class."""
    given = f"model: {model}, path: str = {quoted(path)}"
    head = f"def load_weights({given}) -> None:"
    # A path may have commas and brackets of its own.
    return [head] if len(head) <= WIDTH else ["def load_weights(", f"    {given}", ") -> None:"]


def quoted(text: str) -> str:
    """A string of Python in double quotes, whatever is in it.

    >>> print(quoted("a/b.npz"))
    "a/b.npz"
    """
    shown = repr(text)
    inside = shown[1:-1]
    return f'"{inside}"' if shown[0] == "'" and '"' not in inside else shown


def _scaling(of: str, scale: Scale) -> Iterator[str]:
    yield from _listed(f"{of}_MEAN", map(repr, scale.mean))
    yield from _listed(f"{of}_DEVIATION", map(repr, scale.deviation))
    yield from ("", "")


def _listed(name: str, values: Iterable[str]) -> list[str]:
    """A constant that is a tuple; a value may hold commas and brackets of its own."""
    found = list(values)
    whole = f"{name} = ({', '.join(found)}{',' * (len(found) == 1)})"
    if len(whole) <= WIDTH:
        return [whole]
    lines = ["   "]
    for value in found:
        if len(f"{lines[-1]} {value},") > WIDTH and lines[-1].strip():
            lines.append("   ")
        lines[-1] += f" {value},"
    return [f"{name} = (", *lines, ")"]
