"""Whether a gradient that someone claims is the one that was derived."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlcalc.errors import ClaimError, InputError, abridged
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Expr
from dlcalc.symbolic.matrix.check import error
from dlcalc.symbolic.matrix.evaluate import evaluate
from dlcalc.symbolic.matrix.node import Node
from dlcalc.symbolic.matrix.numeric import Values
from dlcalc.symbolic.matrix.points import Point
from dlcalc.symbolic.matrix.problem import Problem
from dlcalc.symbolic.matrix.read import Reader
from dlcalc.symbolic.matrix.shapes import renamed, shown, sized
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
        typed = parse(claim)
    except InputError as refusal:
        raise ClaimError(f"--expect {abridged(claim)}: {refusal.rule}.") from refusal
    plain = _compared(problem, node, claim, typed)
    lettered = sized(typed, problem.letters)
    if plain.equal or not any(letter.isdigit() for letter in problem.letters):
        return plain
    # A number in the claim may be a size: what holds for all sizes holds for that one.
    other = _compared(problem, node, claim, lettered)
    return other if other.equal else _at_size(problem, node, claim, typed)


def _at_size(problem: Problem, node: Node, claim: str, typed: Expr) -> Compared:
    """The comparison at the sizes that were given, where numbers are just numbers."""
    point = problem.point_at_size()
    if point is None:
        raise ClaimError(
            f"--expect {abridged(claim)}: this cannot be told at sizes so large; write letters."
        )
    theirs = np.asarray(evaluate(typed, point.values))
    ours = Values(point.values).of(node)
    if error(theirs, ours, 1e-6) > _TOLERANCE:
        return Compared(False, _counterexample(point, theirs, ours, claim))
    return Compared(True, "equal at a random point of these sizes, not the same form")


def _compared(problem: Problem, node: Node, claim: str, expr: Expr) -> Compared:
    try:
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
        theirs = np.asarray(evaluate(renamed(expr), point.values))
        ours = Values(point.values).of(node)
        if error(theirs, ours, 1e-6) > _TOLERANCE:
            return Compared(False, _counterexample(problem.points[0], theirs, ours, claim))
    return Compared(True, f"equal at {len(problem.points)} random points, not the same form")


def _counterexample(point: Point, theirs: object, ours: object, claim: str) -> str:
    first, second = np.asarray(theirs), np.asarray(ours)
    place = np.unravel_index(int(np.argmax(np.abs(first - second))), second.shape)
    entry = f"entry [{','.join(map(str, place))}] of " if place else ""
    sizes = ", ".join(f"{k} = {v}" for k, v in point.sizes.items() if not k.isdigit())
    return (
        f"at a random point{f' with {sizes}' if sizes else ''} {entry}{abridged(claim)} is "
        f"{float(first[place]):.6g}, and of the derivative {float(second[place]):.6g}"
    )


class _Names(dict[str, Node]):
    """Names of a problem; others are refused."""

    def __missing__(self, name: str) -> Node:
        raise InputError(f"{abridged(name)} is not a letter of the expression")
