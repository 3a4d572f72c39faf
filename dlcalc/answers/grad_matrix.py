"""``dlcalc grad`` with vectors and matrices: derived over indices, written as matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers.grad_result import Answer, Comparison, GradResult, Step
from dlcalc.errors import ClaimError, InputError
from dlcalc.expr.tree import Expr, written
from dlcalc.result import Finding, Row

if TYPE_CHECKING:
    from dlcalc.symbolic.matrix.derive import Derivation
    from dlcalc.symbolic.matrix.evaluate import Array
    from dlcalc.symbolic.matrix.graph import Node
    from dlcalc.symbolic.matrix.problem import Problem
    from dlcalc.symbolic.matrix.steps import Told
    from dlcalc.symbolic.matrix.views import Entry, Views

#: A line of an answer fits a terminal.
_WIDTH = 78
_MOST_VARIABLES = 60


class _Part(NamedTuple):
    """One derivative that is asked for: how it is called, in code too, by what, and its node."""

    symbol: str
    name: str
    by: tuple[str, ...]
    node: Node


def grad_matrix(
    exprs: Sequence[Expr],
    wrt: Sequence[str],
    *,
    shape: str = "",
    at: str = "",
    order: int = 1,
    hessian: bool = False,
    jacobian: bool = False,
    hvp: str = "",
    symmetric: str = "",
    at_kink: str = "",
    view: str = "",
    code: str = "",
    latex: bool = False,
    verify: bool = False,
    steps: bool = True,
) -> GradResult:
    """The derivatives of one expression of vectors and matrices; see `dlcalc.answers.grad.grad`.

    ``hvp`` names a vector that the Hessian is multiplied by, ``symmetric`` letters whose
    matrices equal their transposes.

    >>> from dlcalc.expr.parse import parse
    >>> expr = parse("sum((X@w - y)^2)")
    >>> grad_matrix([expr], ["w"], shape="X=nxd,w=d,y=n").value
    '2*X.T@(X@w - y)'
    """
    from dlcalc.symbolic.matrix.problem import Problem
    from dlcalc.symbolic.matrix.shapes import read_shapes

    _refuse(exprs, order)
    shapes = read_shapes(shape) if shape.strip() else {}
    names = [name.strip() for name in symmetric.split(",") if name.strip()]
    try:
        problem = Problem(exprs[0], shapes, wrt, symmetric=names, vector=hvp, at_kink=at_kink)
        if not problem.wrt:
            raise InputError("there is no variable to derive by", mend="Name one with --wrt.")
        if len(problem.wrt) > _MOST_VARIABLES:
            raise InputError(f"there are more than {_MOST_VARIABLES} variables")
        asked = _Asked(problem, second=hessian or order == 2, vector=hvp)
        return asked.result(at, view, code, latex, jacobian, steps)
    except RecursionError:
        raise InputError("the expression is nested too deep to be derived") from None


def _refuse(exprs: Sequence[Expr], order: int) -> None:
    if len(exprs) > 1:
        raise InputError(
            "vectors and matrices are derived one expression at a time",
            mend="Ask for each of them, or sum them up.",
        )
    if not 1 <= order <= 2:
        raise InputError(
            f"derivatives of order {order} of matrices are not derived",
            mend="The first and the second are: --order 2, or --hessian.",
        )


class _Asked:
    """A problem with the derivatives that are asked for."""

    def __init__(self, problem: Problem, second: bool, vector: str) -> None:
        self.problem = problem
        self.first = problem.derivation()
        self.second: list[tuple[str, Derivation]] = []
        letter = problem.letter
        gradients = dict(zip(problem.wrt, self.first.gradients(), strict=True))
        self.parts: list[_Part] = []
        self.vector = vector
        problem.watched = list(gradients.values())
        if vector:
            self._product(gradients[problem.wrt[0]], vector)
        elif second:
            self._hessian(gradients)
        else:
            self.parts = [
                _Part(f"d{letter}/d{name}", f"d{letter}_d{name}", (name,), node)
                for name, node in gradients.items()
            ]
        problem.watched += [part.node for part in self.parts]

    def _hessian(self, gradients: dict[str, Node]) -> None:
        problem, letter = self.problem, self.problem.letter
        for number, (name, gradient) in enumerate(gradients.items()):
            others = problem.wrt[number:]
            derivation = problem.derivation(gradient, others)
            self.second.append((name, derivation))
            for other, node in zip(others, derivation.gradients(), strict=True):
                below = f"d{name}2" if other == name else f"d{name}d{other}"
                above = f"d2{letter}"
                part = _Part(f"{above}/{below}", f"{above}_{below}", (name, other), node)
                self.parts.append(part)

    def _product(self, gradient: Node, vector: str) -> None:
        """The Hessian times a vector is the gradient of the gradient times the vector."""
        problem, (name,) = self.problem, self.problem.wrt
        factor = problem.nodes[vector]
        axes = tuple(range(factor.rank))
        rank = problem.output.rank
        spec = (*range(rank), *[rank + axis for axis in axes])
        moved = tuple([rank + axis for axis in axes])
        slope = problem.graph.product(
            1, [(gradient, spec), (factor, moved)], tuple(range(rank)), problem.output.shape
        )
        derivation = problem.derivation(slope, [name])
        self.second.append((name, derivation))
        self.parts = [_Part(f"H@{vector}", f"H_{vector}", (name, name), derivation.gradients()[0])]

    # -- forms --------------------------------------------------------------------------------

    def views(self) -> Views:
        """The derivatives in all forms; with names for what is shared where they are long."""
        from dlcalc.symbolic.matrix.views import Entry, Views

        problem = self.problem
        whole = [
            Entry(part.symbol, part.name, part.node, self._latex(part)) for part in self.parts
        ]
        if self.second or not self._is_long(whole):
            return Views(problem.graph, problem.nodes, [], whole)
        definitions, results = self._named(whole)
        nodes = {**problem.nodes, **{e.name: problem.graph.variable(e.name, e.node.shape) for e in definitions}}
        return Views(problem.graph, nodes, definitions, results)

    def _latex(self, part: _Part) -> str:
        """The left side in LaTeX."""
        from dlcalc.expr.latex import symbol

        if self.vector:
            return f"H {symbol(self.vector)}"
        above = symbol(self.problem.letter)
        by = [rf"\partial {symbol(name)}" for name in part.by]
        if len(by) == 1:
            return rf"\frac{{\partial {above}}}{{{by[0]}}}"
        both = f"{by[0]}^2" if by[0] == by[1] else r" \, ".join(by)
        return rf"\frac{{\partial^2 {above}}}{{{both}}}"

    def _is_long(self, whole: list[Entry]) -> bool:
        from dlcalc.symbolic.matrix.simplify import tree_size
        from dlcalc.symbolic.matrix.views import Views

        if sum(tree_size(entry.node) for entry in whole) > 2_000:
            return True
        texts = Views(self.problem.graph, self.problem.nodes, [], whole).texts()
        return any(
            text is not None and len(text) + len(entry.symbol) + 3 > _WIDTH
            for text, entry in zip(texts, whole, strict=True)
        )

    def _named(self, whole: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Definitions of the steps and slopes that are used more than once, and the rest."""
        from dlcalc.symbolic.matrix.derive import shared
        from dlcalc.symbolic.matrix.simplify import simplified
        from dlcalc.symbolic.matrix.views import Entry

        derivation, graph = self.first, self.problem.graph
        roots = [slope.meaning for slope in derivation.slopes if slope.symbol is None]
        kept = shared(derivation, roots)
        meanings = [derivation.expanded(derivation.meanings[symbol], kept) for symbol in kept]
        ends = [derivation.expanded(root, kept) for root in roots]
        nodes = simplified(graph, [*meanings, *ends])
        definitions = [
            Entry(str(symbol.data), str(symbol.data), node)
            for symbol, node in zip(kept, nodes, strict=False)
        ]
        results = [
            entry._replace(node=node)
            for entry, node in zip(whole, nodes[len(kept) :], strict=True)
        ]
        return definitions, results

    # -- the answer ---------------------------------------------------------------------------

    def result(
        self, at: str, view: str, code: str, latex: bool, jacobian: bool, steps: bool
    ) -> GradResult:
        """Everything that is told."""
        problem = self.problem
        views = self.views()
        texts = self._answers(views)
        told = _Story(self)
        findings = [*told.findings(), *self._findings(views)]
        shown, forms = _forms(views, view, code, latex)
        notes = [*problem.notes, *self._notes(views)]
        question: dict[str, object] = {
            "expressions": [written(problem.expr)],
            "wrt": list(problem.wrt),
            "shapes": {name: _shape_text(shape) for name, shape in problem.shapes.items()},
            "order": 2 if self.second else 1,
        }
        definitions, tree = told.tree()
        remarks = [
            Row(("where" if not number else "", f"{name} = {text}"))
            for number, (name, text) in enumerate(texts.definitions)
        ]
        result = GradResult(
            question,
            texts.answers,
            tree,
            findings,
            definitions=definitions,
            remarks=remarks,
            views=forms,
            shown=shown,
            show_steps=steps,
            compare=self._compare,
            notes=notes,
        )
        return result

    def _notes(self, views: Views) -> Iterator[str]:
        problem = self.problem
        if problem.output.rank and not self.vector:
            yield (
                f"the expression is a {_kind(problem.output)}, not a number: "
                f"this is its Jacobian, with the axes of the expression first"
            )
        if not views.is_matrix:
            yield "there is no form as a product of matrices, so it is written over indices"
        if problem.reader.targets:
            names = ", ".join(sorted(problem.reader.targets))
            yield f"the targets {names} of cross_entropy sum to 1 along the last axis"

    def _answers(self, views: Views) -> _Texts:
        matrices = views.texts()
        definitions = [
            (entry.name, written(expr))
            for entry, expr in zip(views.definitions, views.matrices, strict=False)
            if expr is not None
        ]
        if views.is_matrix:
            return _Texts(
                [
                    Answer(entry.symbol, str(text), _shape_text(entry.node.shape))
                    for entry, text in zip(views.results, matrices, strict=True)
                ],
                definitions,
            )
        lines, _ = views.index()
        names = {entry.symbol: entry for entry in views.results}
        return _Texts(
            [
                Answer(line.head, line.text, _shape_text(names[line.name].node.shape))
                for line in lines
                if line.name in names
            ],
            [(line.head, line.text) for line in lines if line.name not in names],
        )

    # -- verification -------------------------------------------------------------------------

    def _findings(self, views: Views) -> Iterator[Finding]:
        points = self.problem.points
        forms = {"matrix": [views.matrix_values(point) for point in points]} if views.is_matrix else {}
        forms["index"] = [views.index_values(point) for point in points]
        forms["code"] = [views.code_values(point) for point in points]
        main = next(iter(forms.values()))
        yield self._true(main)
        if not self.second:
            yield self._other(main[0])
        yield self._alike(forms, main)

    def _true(self, main: Sequence[Sequence[Array]]) -> Finding:
        """Against true derivatives of the expression as it was typed."""
        from dlcalc.symbolic.matrix.check import SECOND_TOLERANCE, TOLERANCE

        problem = self.problem
        worst, where = 0.0, self.parts[0].symbol
        for number, part in enumerate(self.parts):
            values = [found[number] for found in main]
            if self.vector:
                off = problem.product_error(part.by[0], self.vector, values)
            elif self.second:
                off = problem.second_error((part.by[0], part.by[1]), values)
            else:
                off = problem.first_error(part.by[0], values)
            if off > worst:
                worst, where = off, part.symbol
        how, count = ("differences of complex steps", 1) if self.second else ("complex step", 3)
        places = f"{count} point{'s' if count > 1 else ''}{_sizes(problem)}"
        sentence = f"{how} at {places}, relative error {_size_of(worst)}"
        passed = worst <= (SECOND_TOLERANCE if self.second else TOLERANCE)
        if not passed:
            sentence = f"{where} is off by {_size_of(worst)} from {how} at {places}"
        document = {"method": how, "points": count, "sizes": problem.points[0].sizes}
        return Finding("the gradient", passed, sentence, {**document, "error": worst})

    def _other(self, values: Sequence[Array]) -> Finding:
        """Against the engine where it can express the net, else against real differences."""
        from dlcalc.symbolic.matrix.check import DIFFERENCE_TOLERANCE, TOLERANCE

        problem = self.problem
        formulas = {part.by[0]: value for part, value in zip(self.parts, values, strict=True)}
        engine = problem.engine_error(formulas)
        if engine is not None:
            worst, names = engine
            how, limit = "the engine's reverse mode", TOLERANCE
            by = f" by {', '.join(names)}" if len(names) < len(formulas) else ""
        else:
            worst = max(problem.difference_error(*pair) for pair in formulas.items())
            how, limit, by = "central differences of real numbers", DIFFERENCE_TOLERANCE, ""
        passed = worst <= limit
        sentence = f"{how}{by}, relative error {_size_of(worst)}"
        if not passed:
            sentence = f"off by {_size_of(worst)} from {how}{by}"
        return Finding("the gradient", passed, sentence, {"method": how, "error": worst})

    def _alike(
        self, forms: dict[str, list[list[Array]]], main: Sequence[Sequence[Array]]
    ) -> Finding:
        """The forms against one another."""
        from dlcalc.symbolic.matrix.check import SCALE, TOLERANCE, error

        worst, where = 0.0, ""
        for name, values in forms.items():
            for found, expected in zip(values, main, strict=True):
                for part, one, other in zip(self.parts, found, expected, strict=True):
                    off = error(one, other, SCALE)
                    if off > worst:
                        worst, where = off, f"{part.symbol} as {name}"
        *first, last = forms
        passed = worst <= TOLERANCE
        sentence = (
            f"{', '.join(first)} and {last} forms, read again as printed, "
            f"agree to {_size_of(worst)}"
        )
        if not passed:
            sentence = f"{where} is off by {_size_of(worst)} from the other forms"
        return Finding("the forms", passed, sentence, {"error": worst})

    # -- comparison ---------------------------------------------------------------------------

    def _compare(self, expected: str) -> Comparison:
        from dlcalc.symbolic.matrix.claim import compared

        claims = [text for text in expected.replace("\n", ";").split(";") if text.strip()]
        if len(claims) != len(self.parts):
            raise ClaimError(
                f"--expect gives {len(claims)}, and there are {len(self.parts)} derivatives."
            )
        sentences = []
        for part, claim in zip(self.parts, claims, strict=True):
            found = compared(self.problem, part.node, claim)
            if not found.equal:
                return Comparison(False, f"{part.symbol}: {found.sentence}")
            sentences.append(found.sentence)
        return Comparison(True, "; ".join(dict.fromkeys(sentences)))


class _Texts(NamedTuple):
    answers: list[Answer]
    definitions: list[tuple[str, str]]


class _Story:
    """The steps of the derivations, as text and checked."""

    def __init__(self, asked: _Asked) -> None:
        from dlcalc.symbolic.matrix.steps import Teller

        problem = asked.problem
        self.letter = problem.letter
        point = problem.points[0]
        names = problem.nodes
        first = Teller(asked.first, names, point)
        self.reading = problem.reading_error()
        self.forward = [*first.forward(), first.body(problem.letter)]
        self.back = first.back()
        #: What second derivatives are of, its steps, and the steps back from it.
        self.more: list[tuple[str, list[Told], list[Told]]] = []
        self.ends: list[list[str]] = []
        for name, derivation in asked.second:
            teller = Teller(derivation, names, point)
            head = next(word for word in ("g", "h", "g_", "h_") if word not in names)
            self.more.append((head, [*teller.forward(), teller.body(head)], teller.back()))
            self.ends.append([part.symbol for part in asked.parts if part.by[0] == name])

    def tree(self) -> tuple[list[tuple[str, str]], list[Step]]:
        """Definitions, and the steps back from the output; second derivatives below firsts."""
        definitions = [(_head(told), told.text) for told in self.forward]
        found = [_step(told, self.letter) for told in self.back]
        for (head, forward, back), ends in zip(self.more, self.ends, strict=True):
            inner = [
                Step(_head(told), "let", told.text, _shape_text(told.shape)) for told in forward
            ]
            inner += [_step(told, head) for told in back]
            first = len(inner) - len(ends)
            last = [
                step._replace(symbol=f"{symbol} = {step.symbol}")
                for step, symbol in zip(inner[first:], ends, strict=True)
            ]
            found += [last[0]._replace(parts=tuple(inner[:first])), *last[1:]]
        return definitions, found

    def findings(self) -> Iterator[Finding]:
        """Whether the expression was read rightly, and each step."""
        from dlcalc.symbolic.matrix.check import TOLERANCE

        if self.reading > TOLERANCE:
            sentence = f"its value is off by {_size_of(self.reading)} from the expression's"
            yield Finding("the reading", False, sentence, {"error": self.reading})
        worst = 0.0
        for head, back in [(self.letter, self.back), *[(h, b) for h, _, b in self.more]]:
            for told in back:
                worst = max(worst, told.error or 0.0)
                if told.error is not None and told.error > TOLERANCE:
                    symbol = f"d{head}/d{told.by}"
                    sentence = (
                        f"{symbol} = {told.text}, by {_rules(told)}, is off by {_size_of(told.error)}"
                    )
                    yield Finding("a step", False, sentence, {"step": symbol, "error": told.error})
                    return
        yield Finding(
            "the steps",
            True,
            f"each step by complex step, relative error {_size_of(worst)}",
            {"error": worst},
        )


def _size_of(error: float) -> str:
    return f"{error:.0e}" if error else "0"


def _sizes(problem: Problem) -> str:
    """The sizes of the letters at a point, as far as a line has room."""
    found = [f"{letter}={size}" for letter, size in problem.points[0].sizes.items()]
    if len(found) > 5:
        found = [*found[:2], "...", found[-1]]
    return f" ({', '.join(found)})" if found else ""


def _step(told: Told, letter: str) -> Step:
    by = f"d{letter}/d{told.by}"
    symbol = f"{by} = {_head(told)}" if told.name else by
    if not told.name and told.at:
        symbol = f"{by}[{','.join(told.at)}]"
    return Step(symbol, _rules(told), told.text, _shape_text(told.shape), told.error)


def _rules(told: Told) -> str:
    return ", ".join(told.rules)


def _head(told: Told) -> str:
    return f"{told.name}[{','.join(told.at)}]" if told.at else told.name


def _shape_text(shape: Sequence[object]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _kind(node: Node) -> str:
    return {1: "vector", 2: "matrix"}.get(node.rank, "tensor") + f" of {_shape_text(node.shape)}"


def _forms(
    views: Views, view: str, code: str, latex: bool
) -> tuple[list[str], dict[str, str]]:
    """The forms that were asked for, by name."""
    found: dict[str, str] = {}
    if view in ("matrix", "all"):
        if views.is_matrix:
            pairs = zip((*views.definitions, *views.results), views.matrices, strict=True)
            found["matrix"] = "\n".join(
                f"{entry.symbol} = {written(expr)}" for entry, expr in pairs if expr is not None
            )
        elif view == "matrix":
            raise InputError(
                "there is no form as a product of matrices", mend="Ask for --view index."
            )
    if view in ("index", "all"):
        lines, runs = views.index()
        ranges = ", ".join(f"{letter} to {size}" for letter, size in _used(lines, runs).items())
        body = "\n".join(f"{line.head} = {line.text}" for line in lines)
        found["index"] = body + (f"\nover {ranges}" if ranges else "")
    if view in ("code", "all") or code:
        found["code"] = views.code().text(code or "numpy")
    if latex or view == "all":
        found["latex"] = views.latex()
    return list(found), found


def _used(lines: Sequence[object], runs: dict[str, object]) -> dict[str, object]:
    import re

    text = " ".join(f"{line.head} {line.text}" for line in lines)  # type: ignore[attr-defined]
    words = set(re.findall(r"[a-z][0-9]*", " ".join(re.findall(r"\[[^]]*\]", text))))
    return {letter: size for letter, size in runs.items() if letter in words}
