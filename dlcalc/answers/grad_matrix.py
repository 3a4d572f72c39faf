"""``dlcalc grad`` with vectors and matrices: derived over indices, written as matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlcalc.answers.grad_result import Answer, Comparison, GradResult
from dlcalc.errors import ClaimError, InputError
from dlcalc.expr.tree import Expr, written
from dlcalc.result import Row

if TYPE_CHECKING:
    from dlcalc.answers.matrix_asked import Asked
    from dlcalc.symbolic.matrix.node import Node, Size
    from dlcalc.symbolic.matrix.views import Indexed, Views

_MOST_VARIABLES = 60


def grad_matrix(
    exprs: Sequence[Expr],
    wrt: Sequence[str],
    *,
    shape: str = "",
    at: str = "",
    order: int = 1,
    hessian: bool = False,
    hvp: str = "",
    symmetric: str = "",
    at_kink: str = "",
    view: str = "",
    code: str = "",
    latex: bool = False,
    steps: bool = True,
) -> GradResult:
    """The derivatives of one expression of vectors and matrices; see `dlcalc.answers.grad.grad`.

    >>> from dlcalc.expr.parse import parse
    >>> expr = parse("sum((X@w - y)^2)")
    >>> grad_matrix([expr], ["w"], shape="X=nxd,w=d,y=n").value
    '2*X.T@(X@w - y)'
    """
    from dlcalc.answers.matrix_asked import Asked
    from dlcalc.symbolic.matrix.problem import Problem
    from dlcalc.symbolic.matrix.shapes import read_shapes

    _refuse(exprs, order)
    shapes = read_shapes(shape) if shape.strip() else {}
    names = [name.strip() for name in symmetric.split(",") if name.strip()]
    try:
        problem = Problem(
            exprs[0], shapes, wrt, symmetric=names, vector=hvp.strip(), at_kink=at_kink
        )
        if len(problem.wrt) > _MOST_VARIABLES:
            raise InputError(f"there are more than {_MOST_VARIABLES} variables")
        asked = Asked(problem, second=hessian or order == 2, vector=hvp.strip())
        return _Told(asked, at, view, code, latex).result(steps)
    except RecursionError:
        raise InputError("the expression is too long or nested too deep to be derived") from None


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


class MatrixResult(GradResult):
    """A derivation of matrices; what its answers share has names in ``where``."""

    def __init__(self, *args: Any, where: Sequence[tuple[str, str]] = (), **settings: Any) -> None:
        self.where = tuple(where)
        super().__init__(*args, **settings)

    def _terse(self) -> str:
        """The bare formula; lines of assignments where names are used in it."""
        if not self.where or any(answer.value is not None for answer in self.answers):
            return super()._terse()
        lines = [f"{name} = {text}" for name, text in self.where]
        lines += [f"{answer.symbol} = {answer.text}" for answer in self.answers]
        return self.separator.join(lines)

    def document(self) -> dict[str, object]:
        """As of any derivation, with the names that the answers use."""
        document = super().document()
        if self.where:
            document["where"] = [{"symbol": name, "expression": text} for name, text in self.where]
        return document


class _Told:
    """The answer to what was asked, in the forms that were asked for."""

    def __init__(self, asked: Asked, at: str, view: str, code: str, latex: bool) -> None:
        self.asked = asked
        self.problem = asked.problem
        self.views: Views = asked.views()
        self.forms = dict(self._forms(view, code, latex))
        self.values = self._values(at) if at.strip() else None

    def result(self, steps: bool) -> GradResult:
        """Everything that is told."""
        from dlcalc.answers.matrix_proof import Proof
        from dlcalc.answers.matrix_steps import Story, shown_shape
        from dlcalc.symbolic.matrix.kinks import kinks

        problem, story = self.problem, Story(self.asked)
        definitions, tree = story.tree()
        answers, where = self._answers()
        question: dict[str, object] = {
            "expressions": [written(problem.expr)],
            "wrt": list(problem.wrt),
            "shapes": {name: shown_shape(shape) for name, shape in problem.shapes.items()},
            "order": 2 if self.asked.second else 1,
        }
        remarks = [
            Row(("where" if not number else "", f"{name} = {text}"))
            for number, (name, text) in enumerate(where)
        ]
        told = kinks(problem.expr, problem.wrt, problem.at_kink)
        if told:
            question["kinks"] = [kink.document() for kink in told]
        for kink in told:
            label = "jump" if kink.is_jump else "kink"
            remarks.append(Row((label, kink.sentence), "aside"))
        if self.values is not None:
            remarks.append(Row(("", f"{problem.letter} = {self.values[0]}")))
        return MatrixResult(
            question,
            answers,
            tree,
            [*story.findings(), *Proof(self.asked).findings(self.views)],
            where=where,
            definitions=definitions,
            remarks=remarks,
            views=self.forms,
            shown=list(self.forms),
            show_steps=steps,
            compare=self._compare,
            notes=[*problem.notes, *self._notes()],
        )

    def _notes(self) -> Iterator[str]:
        from dlcalc.symbolic.matrix.node import constant

        problem = self.problem
        if problem.output.rank and not self.asked.vector:
            yield (
                f"the expression is a {_kind(problem.output)}, not a number: "
                "this is its Jacobian, with the axes of the expression first"
            )
        if not self.views.is_matrix:
            yield "there is no form as a product of matrices, so it is written over indices"
        for part in self.asked.parts:
            if constant(part.node) == 0:
                yield f"{part.symbol} is 0: nothing changes with {part.by[-1]}"
        if problem.reader.targets:
            names = ", ".join(sorted(problem.reader.targets))
            yield f"the targets {names} of cross_entropy sum to 1 along the last axis"
        if any("hardmax" in str(text) for text in self.views.texts()):
            yield "hardmax is 1 at the largest entry, and shared where several are the largest"

    def _answers(self) -> tuple[list[Answer], list[tuple[str, str]]]:
        """The answers, and the names that they use."""
        from dlcalc.answers.matrix_steps import shown_shape

        views = self.views
        values = self.values[1] if self.values is not None else [None] * len(views.results)
        shapes = {entry.symbol: shown_shape(entry.node.shape) for entry in views.results}
        if views.is_matrix:
            rows = [
                (entry.symbol, entry.symbol, str(expr))
                for entry, expr in zip(
                    (*views.definitions, *views.results), views.matrices, strict=True
                )
            ]
        else:
            rows = [(line.name, line.head, line.text) for line in views.index()[0]]
        found = [(name, head, text) for name, head, text in rows if name in shapes]
        answers = [
            Answer(head, text, shapes[name], value)
            for (name, head, text), value in zip(found, values, strict=True)
        ]
        return answers, [(head, text) for name, head, text in rows if name not in shapes]

    # -- at a point ---------------------------------------------------------------------------

    def _values(self, at: str) -> tuple[object, list[object]]:
        """The value of the expression at a point, and those of the derivatives."""
        from dlcalc.symbolic.matrix.at import read_point, value_of

        problem, views = self.problem, self.views
        point = read_point(at, problem)
        value = value_of(lambda: problem.value(point.values), problem.expr)
        work = views.matrix_values if views.is_matrix else views.index_values
        derivatives = value_of(lambda: work(point), problem.expr, views.results[0].symbol)
        assert isinstance(derivatives, list)
        return value, derivatives

    # -- forms --------------------------------------------------------------------------------

    def _forms(self, view: str, code: str, latex: bool) -> Iterator[tuple[str, str]]:
        """The forms that were asked for, by name."""
        views = self.views
        if view == "matrix" and not views.is_matrix:
            raise InputError(
                "there is no form as a product of matrices", mend="Ask for --view index."
            )
        if view in ("matrix", "all") and views.is_matrix:
            pairs = zip((*views.definitions, *views.results), views.matrices, strict=True)
            yield "matrix", "\n".join(f"{entry.symbol} = {expr}" for entry, expr in pairs)
        if view in ("index", "all"):
            lines, runs = views.index()
            body = [f"{line.head} = {line.text}" for line in lines]
            ranges = [f"{letter} to {size}" for letter, size in _used(lines, runs).items()]
            yield "index", "\n".join([*body, *([f"# {', '.join(ranges)}"] if ranges else [])])
        if view in ("code", "all") or code:
            yield "code", views.code().text(code or "numpy")
        if latex or view == "all":
            yield "latex", views.latex()

    # -- comparison ---------------------------------------------------------------------------

    def _compare(self, expected: str) -> Comparison:
        from dlcalc.symbolic.matrix.claim import compared

        parts = self.asked.parts
        claims = [text for text in expected.replace("\n", ";").split(";") if text.strip()]
        if len(claims) != len(parts):
            are = "is 1 derivative" if len(parts) == 1 else f"are {len(parts)} derivatives"
            raise ClaimError(f"--expect gives {len(claims)}, and there {are}.")
        sentences = []
        for part, claim in zip(parts, claims, strict=True):
            found = compared(self.problem, part.node, claim)
            if not found.equal:
                return Comparison(False, f"{part.symbol}: {found.sentence}.")
            sentences.append(found.sentence)
        return Comparison(True, "; ".join(dict.fromkeys(sentences)))


def _kind(node: Node) -> str:
    from dlcalc.answers.matrix_steps import shown_shape

    return {1: "vector", 2: "matrix"}.get(node.rank, "tensor") + f" of {shown_shape(node.shape)}"


def _used(lines: Iterable[Indexed], runs: Mapping[str, Size]) -> dict[str, Size]:
    """The letters that occur as indices, and what they run to."""
    import re

    text = " ".join(f"{line.head} {line.text}" for line in lines)
    words = set(re.findall(r"[a-z][0-9]*", " ".join(re.findall(r"\[[^]]*\]", text))))
    return {letter: size for letter, size in runs.items() if letter in words}
