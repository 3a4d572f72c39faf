"""Whether a gradient that someone claims is the one that was derived."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlcalc.errors import ClaimError, InputError, abridged
from dlcalc.expr.parse import parse
from dlcalc.symbolic.matrix.check import error
from dlcalc.symbolic.matrix.evaluate import evaluate
from dlcalc.symbolic.matrix.node import Node
from dlcalc.symbolic.matrix.numeric import Values
from dlcalc.symbolic.matrix.problem import Problem
from dlcalc.symbolic.matrix.read import Reader
from dlcalc.symbolic.matrix.shapes import shown
from dlcalc.symbolic.matrix.simplify import simplified

_TOLERANCE = 1e-9


class Compared(NamedTuple):
    """Whether both are equal, and how that was told."""

    equal: bool
    sentence: str


def compared(problem: Problem, node: Node, claim: str) -> Compared:
    """Hold a claimed formula against a derivative: by its form, then at random points.

    Raises `ClaimError` if the claim cannot be read.
    """
    try:
        expr = parse(claim)
        reader = Reader(problem.graph, _Names(problem.nodes), frozenset(problem.wrt))
        found = reader.node(expr)
    except InputError as refusal:
        raise ClaimError(f"--expect {abridged(claim)}: {refusal.rule}.") from refusal
    if found.shape != node.shape:
        sentence = f"{abridged(claim)} is {shown(found.shape)}, the derivative {shown(node.shape)}"
        return Compared(False, sentence)
    if simplified(problem.graph, [found])[0] is node:
        return Compared(True, "the same form after simplification")
    for point in problem.points:
        theirs = np.asarray(evaluate(expr, point.values))
        ours = Values(point.values).of(node)
        if error(theirs, ours, 1e-6) > _TOLERANCE:
            return Compared(False, _counterexample(problem, theirs, ours, claim))
    return Compared(True, f"equal at {len(problem.points)} random points, not the same form")


def _counterexample(problem: Problem, theirs: object, ours: object, claim: str) -> str:
    first, second = np.asarray(theirs), np.asarray(ours)
    place = np.unravel_index(int(np.argmax(np.abs(first - second))), second.shape)
    entry = f"entry [{','.join(map(str, place))}] of " if place else ""
    sizes = ", ".join(f"{k} = {v}" for k, v in problem.points[0].sizes.items())
    return (
        f"at a random point{f' with {sizes}' if sizes else ''} {entry}{abridged(claim)} is "
        f"{float(first[place]):.6g}, and of the derivative {float(second[place]):.6g}"
    )


class _Names(dict[str, Node]):
    """Names of a problem; others are refused."""

    def __missing__(self, name: str) -> Node:
        raise InputError(f"{abridged(name)} is not a letter of the expression")
