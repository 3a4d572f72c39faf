"""A normalisation a second time: by the engine or NumPy, and back to the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dlcalc.answers.norm_work import restored
from dlcalc.answers.verified import apart
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.answers.norm_result import NormResult

#: Relative to the largest number expected.
TOLERANCE = 1e-11
EPSILON = 2.0**-52
_LAYERS = {
    "batch": "bn",
    "instance": "instancenorm",
    "group": "gn",
    "layer": "ln",
    "rms": "rmsnorm",
}


def findings(result: NormResult) -> list[Finding]:
    """The values, the gradient and the running statistics by another route; the way back."""
    found = []
    if any(abs(x) > 1e150 or 0 < abs(x) < 1e-150 for x in _numbers(result)):
        sentence = "arrays would square numbers beyond 1e150 or below 1e-150"
        return [Finding("the values", False, sentence, counts=False)]
    slack = _lost(result)
    if slack > 1e-3:
        sentence = "the values lie so close together that sums of floats lose their differences"
        return [Finding("the values", False, sentence, counts=False), *_back(result)]
    if not result.settings.inverse:
        by_engine = result.settings.name in _LAYERS and not result.settings.given
        found += (_engine if by_engine else _numpy)(result, slack)
    if result.running:
        found.append(_running(result))
    found += _back(result)
    return found


def _numbers(result: NormResult) -> Iterator[float]:
    """Everything that goes into a normalisation."""
    for work in result.works:
        yield from work.values
    for values in (*result.settings.given.values(), result.settings.gamma, result.settings.beta):
        yield from values
    yield from result.gradient.cotangent if result.gradient else ()


def _lost(result: NormResult) -> float:
    """How far rounding of a mean may move a normalised value, where floats are summed plainly."""
    work = result.work
    groups = zip(work.frame.cut.groups(work.values), work.divisor, strict=True)
    conditions = [max(map(abs, group)) / size for group, size in groups if size]
    return 64 * EPSILON * max(conditions, default=0.0)


def _agree(name: str, ours: Any, theirs: Any, by: str, slack: float = 0.0) -> Finding:
    """A finding of two rows of numbers; slack is relative, and beside the tolerance."""
    import numpy as np

    ours, theirs = np.ravel(np.array(ours, float)), np.ravel(np.array(theirs, float))
    size = max(float(np.max(np.abs(theirs), initial=0.0)), 1.0)
    error = float(np.max(np.abs(ours - theirs), initial=0.0)) / size
    return Finding(
        f"the {name}",
        error <= TOLERANCE + slack,
        f"{name} by {by}, {apart(error, TOLERANCE + slack)}",
        {"by": by, "largest_difference": error},
    )


def _engine(result: NormResult, slack: float) -> list[Finding]:
    """The layer of the engine on the same numbers, with a cotangent if one is given."""
    import numpy as np

    from dlcalc.errors import LayerError

    settings, work = result.settings, result.work
    try:
        program = _program(result, work.values)
    except LayerError as error:
        sentence = f"the engine refuses this one: {error.rule}"
        return [Finding("the values", False, sentence, counts=False)]
    output = program.forward().copy()
    word = f"the engine's {_LAYERS[settings.name]}"
    found = [_agree("values", work.output, output, word, slack * _largest(settings.gamma))]
    if result.gradient is not None:
        program.output.cotangent[...] = np.reshape(result.gradient.cotangent, output.shape)
        trained = program.backward()
        theirs = np.concatenate([program.input.cotangent.ravel(), trained])
        ours = [*result.gradient.by_data, *result.gradient.by_gamma, *result.gradient.by_beta]
        found.append(_agree("gradients", ours, theirs, word, _pulled(result, slack)))
    return found


def _largest(values: Sequence[float]) -> float:
    return max(map(abs, values), default=1.0)


def _pulled(result: NormResult, slack: float) -> float:
    """What a moved normalised value does to a gradient: it is multiplied, and divided."""
    assert result.gradient is not None
    work = result.work
    least = min(size for size in work.divisor if size)
    factor = _largest(result.gradient.cotangent) * _largest(result.settings.gamma)
    return slack * factor * (1 + _largest(work.normal)) * max(1.0, 1 / least)


def _program(result: NormResult, values: list[float]) -> Any:
    """A program of one layer, its input these values and its tensors the scales and shifts."""
    import numpy as np

    from dlcalc.answers.network import load_line
    from dlcalc.engine.program import Program

    settings = result.settings
    sizes = result.sizes
    if len(sizes) == 1:
        sizes = (*sizes, 1) if result.work.frame.cut.along == "middle" else (1, *sizes)
    examples = len(values) // int(np.prod(sizes[1:]))
    layer = f"{_LAYERS[settings.name]}"
    arguments = [f"eps={settings.eps!r}"]
    if settings.name == "group":
        arguments.insert(0, str(result.work.frame.cut.middle))
    elif settings.name in ("layer", "rms"):
        arguments.insert(0, str(len(result.work.frame.over)))
    elif settings.name == "instance":
        arguments.append("affine=yes")
    elif settings.name == "batch":
        arguments.append(f"momentum={settings.share!r}")
    line = f"{'x'.join(map(str, sizes[1:]))} {layer}:{','.join(arguments)}"
    _, net = load_line(line)
    program = Program(net, sizes[1:], batch=examples, training=True)
    program.input.data[...] = np.reshape(values, program.input.data.shape)
    for name, given in (("weight", settings.gamma), ("bias", settings.beta)):
        for key, tensor in program.tensors.items():
            if key.endswith(name):
                tensor.value[...] = np.reshape(given, tensor.value.shape)
    return program


def _numpy(result: NormResult, slack: float) -> list[Finding]:
    """The formula on whole arrays; its gradient by complex steps, one for each number."""
    import numpy as np

    work = result.work
    data = np.reshape(np.array(work.values), work.frame.sizes)
    function = _formula(result)
    found = [_agree("values", work.output, function(data), "NumPy on whole arrays", slack)]
    gradient = result.gradient
    if gradient is None:
        return found
    ties = result.settings.name == "minmax" and any(
        group.count(min(group)) > 1 or group.count(max(group)) > 1
        for group in work.frame.cut.groups(work.values)
    )
    if data.size > 2_000 or (ties and not result.settings.given):
        why = "values tie for an end" if ties else "more than 2,000 numbers"
        sentence = f"the gradients were not taken by complex steps: {why}"
        return [*found, Finding("the gradients", False, sentence, counts=False)]
    cotangent = np.reshape(np.array(gradient.cotangent), data.shape)
    slopes = []
    for place in range(data.size):
        moved = data.astype(complex)
        moved.flat[place] += 1e-30j
        slopes.append(float(np.sum(cotangent * function(moved).imag)) / 1e-30)
    return [
        *found,
        _agree("gradients", gradient.by_data, slopes, "complex steps", _pulled(result, slack)),
    ]


def _formula(result: NormResult) -> Callable[[Any], Any]:
    """A method as NumPy writes it, on arrays with the examples first.

    Of those that the engine has, it is asked for with given statistics alone.
    """
    import numpy as np

    settings, frame = result.settings, result.work.frame
    over = frame.over
    few = tuple(1 if axis in over else n for axis, n in enumerate(frame.sizes))
    given = {
        name: np.reshape(np.array(result.work.statistics[name]), few) for name in settings.given
    }

    first_of = tuple(slice(0, 1 if axis in over else None) for axis in range(len(few)))

    def act(x: Any) -> Any:
        name = settings.name
        if name == "l2":
            size = given.get("norm")
            size = np.sqrt(np.sum(x * x, axis=over, keepdims=True)) if size is None else size
            return x / np.where(size.real > settings.eps, size, settings.eps or 1)
        if name == "minmax":
            low = given.get("min", np.min(x, axis=over, keepdims=True))
            width = given.get("max", np.max(x, axis=over, keepdims=True)) - low
            first, last = settings.ends
            return first + (last - first) * (x - low) / np.where(width == 0, 1, width)
        if name == "rms":
            return x / given["rms"]
        if "mean" not in given:
            # Less one of them first, so that what is constant is exactly so.
            x = x - x[first_of]
        mean = given.get("mean", np.mean(x, axis=over, keepdims=True))
        if name == "zscore":
            centred = x - mean
            spread = given.get("std")
            if spread is None:
                count = frame.cut.length - settings.ddof
                spread = np.sqrt(np.sum(centred * centred, axis=over, keepdims=True) / count)
            return centred / np.where(spread == 0, 1, spread)
        return (x - mean) / np.sqrt(given["var"] + settings.eps)

    if not settings.method.trains:
        return act

    def scaled(x: Any) -> Any:
        normal = act(x)
        index = np.arange(normal.size) // frame.stride % frame.parameters
        scale, shift = np.array(settings.gamma)[index], np.array(settings.beta)[index]
        return normal * scale.reshape(normal.shape) + shift.reshape(normal.shape)

    return scaled


def _running(result: NormResult) -> Finding:
    """The statistics that the engine's batch normalisation keeps over the same batches."""
    kept = None
    for work in result.works:
        program = _program(result, work.values)
        if kept is not None:
            for name, values in kept.items():
                program.statistics[name][...] = values
        program.forward()
        kept = {name: values.copy() for name, values in program.statistics.items()}
    assert kept is not None
    count = result.work.frame.cut.number
    last = result.running[-count:]
    ours = [row.running_mean for row in last] + [row.running_variance for row in last]
    theirs = [
        value
        for part in ("running_mean", "running_var")
        for name, values in kept.items()
        if name.endswith(part)
        for value in values.tolist()
    ]
    return _agree("running statistics", ours, theirs, "the engine's bn")


def _back(result: NormResult) -> list[Finding]:
    """The data again, by the inverse with the statistics found."""
    settings, work = result.settings, result.work
    if settings.inverse or 0 in settings.gamma:
        return []
    if settings.name == "l2" and any(norm < settings.eps for norm in work.statistics["norm"]):
        return []
    statistics = settings.given or work.statistics
    undone = restored(work.frame, work.output, settings._replace(given=statistics, inverse=True))
    # What is small beside a mean or a shift is lost there.
    most = max(work.divisor)
    sizes = [abs(b / g) * most for g, b in zip(settings.gamma, settings.beta, strict=True)]
    size = max(map(abs, [*work.values, *work.shift, *sizes])) or 1.0
    error = max(abs(a - b) for a, b in zip(undone.output, work.values, strict=True)) / size
    return [
        Finding(
            "the way back",
            error <= TOLERANCE,
            f"the inverse returns the data, {apart(error, TOLERANCE, 'relative difference')}",
            {"largest_relative_difference": error},
        )
    ]
