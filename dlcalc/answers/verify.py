"""``--verify``: the same question put to the engine, which runs real arrays.

The engine works out shapes, allocates parameters and multiplies by itself, so
that its output's shape, its tensors and its count of multiplications witness
those of the algebra. What an output sees is tried by NaN: an output must stay
finite while everything outside its receptive field is NaN, and turn NaN when a
corner of the field does.
"""

from __future__ import annotations

from re import fullmatch
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers.counting import Counted, count, sums, walk
from dlcalc.errors import InputError, LayerError, abridged
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.layers.size import Size, evaluate, letters, product
from dlcalc.nets.field import Field, behind
from dlcalc.nets.field import start as start_field
from dlcalc.nets.parser import Net, Node, unroll
from dlcalc.nets.trace import Step, trace
from dlcalc.nets.trace import walk as walk_steps
from dlcalc.result import Row

if TYPE_CHECKING:
    from dlcalc.engine.program import Program

#: Bytes and seconds that a verification may take if nothing else is asked for.
BUDGET = (2_000_000_000, 20.0)
# Multiplications a second that a slow core does in float32, convolutions unfolded.
_RATE = 4e9
_RUNS = 4
# Sides to which layers are cut where the whole net is beyond the budget.
_SMALL = 24


class Check(NamedTuple):
    """One comparison: what, what the algebra claims, what the engine found, or another route."""

    what: str
    claimed: str
    found: str
    route: str = "engine"

    @property
    def passed(self) -> bool:
        """Whether both agree."""
        return self.claimed == self.found


class Verification(NamedTuple):
    """What was compared, and what was not."""

    checks: tuple[Check, ...]
    left_out: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything that was compared agrees."""
        return all(check.passed for check in self.checks)

    @property
    def failure(self) -> str:
        """The first disagreement as a sentence; empty if there is none."""
        for check in self.checks:
            if not check.passed:
                return (
                    f"the {check.route} disagrees on {check.what}: "
                    f"{check.found}, not {check.claimed}."
                )
        return ""

    def rows(self) -> list[Row]:
        """Lines for the answer's table."""
        agreed: dict[str, list[str]] = {}
        for check in self.checks:
            if check.passed:
                agreed.setdefault(check.route, []).append(check.what)
        rows = [
            Row(("verified", f"by the {route}: {', '.join(what)}"))
            for route, what in agreed.items()
        ]
        rows += [
            Row(("wrong", f"{check.what}: the {check.route} finds {check.found}"), "wrong")
            for check in self.checks
            if not check.passed
        ]
        return rows + [Row(("unverified", text), "aside") for text in self.left_out]

    def document(self) -> dict[str, object]:
        """The comparisons as JSON."""
        return {
            "passed": self.passed,
            "checks": [{**check._asdict(), "passed": check.passed} for check in self.checks],
            "left_out": list(self.left_out),
        }


def read_budget(text: str) -> tuple[float, float]:
    """Bytes and seconds from a text such as ``2GB,20s``; the usual ones if it is empty.

    Raises `InputError` if it is neither.

    >>> read_budget("500MB,2.5s")
    (500000000.0, 2.5)
    """
    if not text:
        return BUDGET
    match = fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(MB|GB),([0-9]{1,6}(?:\.[0-9]{1,3})?)s", text)
    if match is None:
        raise InputError(
            f"{abridged(text)} is not a budget", mend="Give bytes and seconds, as in 2GB,20s."
        )
    return float(match[1]) * {"MB": 1e6, "GB": 1e9}[match[2]], float(match[3])


def verify(
    start: Shape,
    net: Net,
    convention: Convention,
    budget: tuple[float, float] = BUDGET,
) -> Verification:
    """Run a net in the engine and compare; each distinct layer alone if the whole is too large.

    >>> from dlcalc.answers.network import load_line
    >>> from dlcalc.layers.convention import TORCH
    >>> verify(*load_line("3x8x8 conv:4,k3"), TORCH).passed
    True
    """
    chosen = numbered(start, net, convention)
    if isinstance(chosen, str):
        return Verification((), (chosen,))
    shape, note = chosen
    try:
        steps = trace(net, shape, convention)
        layers = count(steps, convention)
        if affordable(layers, budget):
            return _whole(net, shape, steps, layers, convention, note)
        return _each(steps, convention, budget)
    except Unrunnable as error:
        return Verification((), (str(error),))
    except InputError as error:
        return Verification((), (error.rule,))


class Unrunnable(Exception):
    """The engine has no way to run something; the text says what."""


def numbered(start: Shape, net: Net, convention: Convention) -> tuple[Shape, str] | str:
    """The input with numbers for its letters, and a remark; or why there are none."""
    if start.bare and start.kind != "open":
        return "one side without its channels cannot be run"
    names = sorted({name for size in start.sizes for name in letters(size)})
    if not names:
        return start, ""
    for base in (11, 23, 47, 101, 203, 407):
        values = {name: base + 2 * index for index, name in enumerate(names)}
        sizes = tuple(evaluate(size, values) for size in start.sizes)
        shape = Shape(sizes, start.layout, start.kind)
        try:
            trace(net, shape, convention)
        except InputError:
            continue
        shown = ", ".join(f"{name} = {value}" for name, value in values.items())
        return shape, f" at {shown}"
    return "no numbers were found for the letters with which the net runs"


def affordable(layers: tuple[Counted, ...], budget: tuple[float, float]) -> bool:
    """Whether the whole net runs within the bytes and seconds, by a careful estimate."""
    held = sums(layers)
    values: Size = held.parameters + 2 * held.activations
    for layer in walk(layers):
        values = values + _unfolded(layer)
    products = held.macs(("attention", "masked"))
    if not isinstance(values, int) or not isinstance(products, int):
        return False
    return 4 * values <= budget[0] and _RUNS * products / _RATE <= budget[1]


def _unfolded(layer: Counted) -> Size:
    """Values of a window layer's input when every window is laid out side by side."""
    kernel, step = getattr(layer.layer, "kernel", None), layer.step
    if kernel is None:
        return 0
    rank = max(len(step.input.spatial), 1)
    window = product(kernel) if len(kernel) > 1 else kernel[0] ** rank
    return product(step.output.spatial) * ((step.input.channels or 1) * window)


def program_of(net: Net, shape: Shape, convention: Convention, capacity: Size) -> Program:
    """The net as a forward program on random numbers. Raises `Unrunnable`."""
    from dlcalc.engine.witness import random_program

    sizes = tuple(size for size in shape.sizes if isinstance(size, int))
    # Statistics of the batch at hand need more than one value of each feature.
    alone = all(getattr(node.layer, "track", True) for node, _ in unroll(net))
    try:
        return random_program(
            net,
            sizes,
            layout=shape.layout,
            convention=convention,
            capacity=capacity if isinstance(capacity, int) else 1,
            batch=1 if alone else 2,
        )
    except LayerError as error:
        raise Unrunnable(error.rule) from error


def _whole(
    net: Net,
    shape: Shape,
    steps: tuple[Step, ...],
    layers: tuple[Counted, ...],
    convention: Convention,
    note: str,
) -> Verification:
    program = program_of(net, shape, convention, sums(layers).parameters)
    output = program.forward()
    checks = [
        Check(
            f"output shape{note}", sizes_text(steps[-1].output.sizes), sizes_text(output.shape[1:])
        ),
        *_tensor_checks(layers, program),
        *_product_checks(layers, program),
        *_field_checks(steps, shape, program, convention),
    ]
    return Verification(tuple(checks))


def _tensor_checks(layers: tuple[Counted, ...], program: Program) -> list[Check]:
    claimed = {name: sizes for layer in walk(layers) for name, sizes in layer.tensors.items()}
    found = {name: tensor.value.shape for name, tensor in program.tensors.items()}
    for name in sorted(claimed.keys() | found.keys()):
        left, right = claimed.get(name), found.get(name)
        if left != right:
            return [Check(f"tensor {name}", str(left), str(right))]
    if not claimed:
        return []
    total = sum(tensor.value.size for tensor in program.tensors.values())
    what = f"{total:,} parameters in {len(found)} tensors"
    return [Check(what, str(program.parameters.size), str(total))]


def _product_checks(layers: tuple[Counted, ...], program: Program) -> list[Check]:
    """Multiplications with weights and of attention, as the operations count them."""
    if any(layer.layer.macs_unknown for layer in walk(layers)):
        return []
    claimed = 0
    for held in walk(layers):
        layer, step = held.layer, held.step
        parts = layer.parts(step.input, step.output)
        wanted = [layer.macs(step.input, step.output), parts.get("attention", 0)]
        numbers = [size for size in (*wanted, parts.get("masked", 0)) if isinstance(size, int)]
        claimed += held.runs * sum(numbers)
    counted = program.multiplications
    found = (counted.get("weights", 0) + counted.get("attention", 0)) // program.batch
    if not claimed and not found:
        return []
    return [Check(f"{found:,} MACs", f"{claimed:,}", f"{found:,}")]


def _field_checks(
    steps: tuple[Step, ...], shape: Shape, program: Program, convention: Convention
) -> list[Check]:
    """What one output in the middle sees, tried with NaN."""
    if not shape.spatial or shape.bare:
        return []
    field = behind(steps, start_field(shape), convention)
    sides = steps[-1].output.spatial
    if field.chains is None or len(sides) != len(shape.spatial):
        return []
    if not all(isinstance(n, int) for n in sides):
        return []
    middle = tuple(n // 2 for n in sides if isinstance(n, int))
    windows = _windows(field, middle, shape)
    if any(first > last for first, last in windows):
        return []
    seen = sizes_text(tuple(last - first + 1 for first, last in windows))
    corners = _corners(field, middle, shape)
    from dlcalc.engine.witness import sees_just

    outside, reached = sees_just(program, middle, windows, corners)
    found = seen if outside and reached else "more" if not outside else "less"
    return [Check(f"an output sees {seen}", seen, found)]


def _windows(field: Field, output: tuple[int, ...], shape: Shape) -> tuple[tuple[int, int], ...]:
    """The first and last input that an output sees along each axis, clipped at the borders."""
    found = []
    for chain, position, n in zip(field.chains or (), output, shape.spatial, strict=True):
        first, last = chain.seen(position)
        found.append((max(first, 0), min(last, n - 1 if isinstance(n, int) else last)))
    return tuple(found)


def _corners(field: Field, output: tuple[int, ...], shape: Shape) -> tuple[tuple[int, ...], ...]:
    """The corners of the window that an output surely reads.

    Those beyond the border do not exist, and behind an upsampling the window is
    the widest of several.
    """
    chains = field.chains or ()
    if any(axis.up > 1 for chain in chains for axis in chain.maps):
        return ()
    seen = [chain.seen(position) for chain, position in zip(chains, output, strict=True)]
    ends = tuple(first for first, _ in seen), tuple(last for _, last in seen)
    return tuple(
        corner
        for corner in ends
        if all(
            isinstance(n, int) and 0 <= position < n
            for n, position in zip(shape.spatial, corner, strict=True)
        )
    )


def _each(
    steps: tuple[Step, ...], convention: Convention, budget: tuple[float, float]
) -> Verification:
    """Each distinct layer alone, on sides cut to a few more than it needs."""
    seen: set[tuple[str, Shape]] = set()
    checks: list[Check] = []
    left_out: list[str] = []
    for step in walk_steps(steps):
        node = step.node
        if node.layer.branches_on_each_token:
            left_out.append(f"{node.head}: the choice among its experts, beyond the budget as well")
        small = _cut(step, convention)
        if step.branches or node.layer.ties(step.input, convention) or (node.text, small) in seen:
            continue
        seen.add((node.text, small))
        found = _alone(node, small, convention, budget)
        checks += [check for check in found.checks if not check.passed]
        left_out += [f"{node.text}: {text}" for text in found.left_out]
    good = len(seen) - len({check.what for check in checks}) - len(left_out)
    what = f"{good} distinct layers, each alone, on at most {_SMALL} positions a side"
    if good:
        checks.insert(0, Check(what, "agree", "agree"))
    beyond = "the net as a whole, which is beyond the budget of the verification"
    return Verification(tuple(checks), (beyond, *dict.fromkeys(left_out)))


def _alone(
    node: Node, shape: Shape, convention: Convention, budget: tuple[float, float]
) -> Verification:
    net = (node,)
    steps = trace(net, shape, convention)
    layers = count(steps, convention)
    if not affordable(layers, budget):
        return Verification((), ("beyond the budget even alone",))
    try:
        return _whole(net, shape, steps, layers, convention, "")
    except Unrunnable as error:
        return Verification((), (str(error),))


def _at_most(size: Size) -> Size:
    return min(size, _SMALL) if isinstance(size, int) else size


def _cut(step: Step, convention: Convention) -> Shape:
    """The layer's input with smaller sides on which it runs as well."""
    shape, layer = step.input, step.node.layer
    if shape.bare:
        return shape
    if layer.spatial:
        cut = shape.with_sides(tuple(map(_at_most, shape.spatial)))
    elif len(shape.sizes) == 2:
        cut = shape.with_sizes((_at_most(shape.sizes[0]), shape.sizes[1]))
    else:
        return shape
    try:
        layer.output_shape(cut, convention)
    except LayerError:
        return shape
    return cut
