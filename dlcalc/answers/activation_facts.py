"""What is said of an activation, in numbers, in words and as JSON."""

from __future__ import annotations

from functools import cached_property
from math import inf, isfinite, log10, sqrt

from dlcalc.formulas.activations import facts
from dlcalc.formulas.activations.base import Activation
from dlcalc.formulas.intervals import Interval
from dlcalc.formulas.intervals import text as intervals_text
from dlcalc.formulas.normal import between, mean, normal_points


def short(number: float | str) -> str:
    """A number for eyes: six digits.

    >>> short(1 / 3), short(-0.0), short(25.0)
    ('0.333333', '0', '25')
    """
    return number if isinstance(number, str) else f"{number + 0.0:.6g}"


def json_number(number: float) -> float | str:
    """A number for JSON, which has no infinities."""
    return number if isfinite(number) else str(number)


def power(base: float, exponent: float) -> float | str:
    """A power of a number that is not below 0; a text where no float is as small or as large.

    >>> power(0.25, 10), power(0.25, 2000)
    (9.5367431640625e-07, '7.5861e-1205')
    """
    if base in (0, 1) or exponent == 0:
        return float(base**exponent)
    whole, part = divmod(exponent * log10(base), 1)
    if -300 <= whole < 300:
        return float(base**exponent)
    return f"{10**part:.4f}e{int(whole)}"


class Facts:
    """An activation, how deep it is stacked, and the slope below which it is flat.

    Everything else is worked out when it is asked for.
    """

    def __init__(self, of: Activation, depth: int, epsilon: float) -> None:
        self.of, self.depth, self.epsilon = of, depth, epsilon

    @property
    def title(self) -> str:
        """Its name, with its argument if it has one."""
        argument = self.of.argument
        return self.of.name if argument is None else f"{self.of.name}:{argument:g}"

    @cached_property
    def moments(self) -> tuple[float, float, float]:
        """The means over standard normal inputs z of f(z), of f(z)**2 and of f'(z)**2."""
        of = self.of
        points = normal_points([joint.at for joint in of.joints])
        return (
            mean(of.value, points),
            mean(lambda x: of.value(x) * of.value(x), points),
            mean(lambda x: of.slope(x) * of.slope(x), points),
        )

    @cached_property
    def steepest(self) -> facts.Steepest:
        """The largest size of the slope, and where."""
        return facts.steepest(self.of)

    @cached_property
    def flat(self) -> list[Interval]:
        """Where the slope is smaller than epsilon."""
        return facts.flat(self.of, self.epsilon)

    @property
    def flat_share(self) -> float:
        """Which part of standard normal inputs falls there."""
        return sum(between(part.low, part.high) for part in self.flat)

    @property
    def mean(self) -> float:
        """The mean over standard normal inputs; 0 where only rounding is left of it."""
        found, square, _ = self.moments
        return 0.0 if abs(found) < 1e-14 * sqrt(square) else found

    @property
    def deviation(self) -> float:
        """The standard deviation over standard normal inputs."""
        return sqrt(max(0.0, self.moments[1] - self.mean * self.mean))

    @property
    def gain(self) -> float:
        """1/sqrt(E[f(z)**2]): with weights of variance gain**2/n the mean square is kept."""
        return 1 / sqrt(self.moments[1])

    @property
    def left(self) -> float | str:
        """The largest factor that so many layers put on a gradient."""
        return power(self.steepest.slope, self.depth)

    @property
    def left_normal(self) -> float | str:
        """The root mean square of that factor over independent standard normal inputs."""
        return power(self.moments[2], self.depth / 2)

    @property
    def layers(self) -> str:
        """How deep it is stacked, in words."""
        return f"{self.depth:,} layer{'' if self.depth == 1 else 's'}"

    def where(self) -> str:
        """Where the slope is largest, in words."""
        taken, near = self.steepest.where, self.steepest.limits
        if not taken:
            return " and ".join(map(_approach, near))
        point = taken[0].low == taken[0].high
        return f"{'at' if point else 'for'} {intervals_text(taken, short)}"

    def range(self) -> str:
        """Which values it takes, in words."""
        return facts.values(self.of).text(short, "f")

    def monotone(self) -> str:
        """Whether it only rises or only falls, in words."""
        falling, still = facts.falling(self.of), facts.still(self.of)
        if falling == [Interval(-inf, inf)]:
            return "yes, falls everywhere"
        if falling:
            return f"no, falls for {intervals_text(falling, short)}"
        if still:
            return f"yes, never falls; constant for {intervals_text(still, short)}"
        return "yes, rises everywhere"

    def flat_text(self) -> str:
        """Where it is flat, in words."""
        place = intervals_text(self.flat, short)
        return place if not self.flat else f"for {place}"

    def centred(self) -> list[str]:
        """Whether its values lie around 0, and how far, in words."""
        is_it = "yes" if self.mean == 0 else "no"
        spread = f"deviation {short(self.deviation)}"
        return [f"{is_it}, mean {short(self.mean)} over standard normal inputs", spread]

    def smooth(self) -> dict[str, list[str]]:
        """Whether it is analytic, has kinks, or is smooth to the first derivative, in words."""
        found: dict[str, list[str]] = {}
        for kink in facts.kinks(self.of):
            what = "slope" if kink.breaks else "second derivative"
            left, right = map(short, kink.slopes if kink.breaks else kink.curvatures)
            taken = short(kink.slope if kink.breaks else kink.curvature)
            jump = f"at {short(kink.at)} the {what} jumps from {left} to {right}"
            label = "kinked" if kink.breaks else "smooth"
            found.setdefault(label, []).append(f"{jump}; PyTorch takes {taken}")
        return found or {"smooth": ["analytic, without kinks"]}

    def document(self) -> dict[str, object]:
        """Everything as JSON."""
        of, falling, kinks = self.of, facts.falling(self.of), facts.kinks(self.of)
        return {
            "activation": self.title,
            "formula": of.formula,
            "derivative": of.derivative,
            "range": facts.values(of).document(),
            "largest_slope": self.steepest.slope,
            "largest_slope_at": [part.document() for part in self.steepest.where],
            "largest_slope_approached_at": list(map(json_number, self.steepest.limits)),
            "epsilon": self.epsilon,
            "flat": [part.document() for part in self.flat],
            "flat_share": self.flat_share,
            "monotone": not falling or falling == [Interval(-inf, inf)],
            "falling": [part.document() for part in falling],
            "constant": [part.document() for part in facts.still(of)],
            "zero_centred": self.mean == 0,
            "mean": self.mean,
            "deviation": self.deviation,
            "mean_square": self.moments[1],
            "analytic": not kinks,
            "kinks": [
                {
                    "at": kink.at,
                    "derivatives": list(kink.slopes),
                    "derivative_taken": kink.slope,
                    "second_derivatives": list(kink.curvatures),
                    "second_derivative_taken": kink.curvature,
                }
                for kink in kinks
            ],
            "depth": self.depth,
            "left": self.left,
            "left_normal": self.left_normal,
            "mean_square_slope": self.moments[2],
            "gain": self.gain,
            "gain_torch": of.gain,
        }


def _approach(side: float) -> str:
    if isfinite(side):
        return f"close to x = {short(side)}"
    return f"approached as x {'grows' if side > 0 else 'falls'}"
