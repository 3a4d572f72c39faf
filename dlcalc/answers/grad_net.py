"""``dlcalc grad --net``: back-propagation through a whole net, as equations or unit by unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlcalc.answers.grad_result import Answer, Comparison, GradResult, Step
from dlcalc.answers.net_asked import Asked, refuse_large
from dlcalc.answers.net_asked import asked as asked_net
from dlcalc.answers.verified import apart
from dlcalc.errors import InputError, abridged
from dlcalc.nets.trace import trace
from dlcalc.result import Finding, Row

if TYPE_CHECKING:
    from dlcalc.symbolic.network.chain import Units
    from dlcalc.symbolic.network.check import Checker, Proof
    from dlcalc.symbolic.network.equations import Equations
    from dlcalc.symbolic.network.values import Point

#: A claim is compared at so many points.
_POINTS = 7

#: The worked example of the notes: a net of two inputs, two hidden and two output units.
_NOTES = "x=[.05,.10];y=[.01,.99];W2=[[.15,.20],[.25,.30]];b2=.35;W3=[[.40,.45],[.50,.55]];b3=.60"


def grad_net(
    net: str,
    *,
    wrt: Sequence[str] = (),
    activation: str = "",
    loss: str = "",
    unit: int = 0,
    at: str = "",
    view: str = "",
    code: str = "",
    latex: bool = False,
    steps: bool = True,
) -> GradResult:
    """Back-propagation through a net under a loss, verified on numbers.

    ``net`` is widths such as ``2-2-2`` (with ``activation``, one or one a layer) or a net
    in the notation. ``wrt`` are tensors (``W2``), weights or units (``w[3,1,1]``); all
    tensors if none is given. ``unit`` lets only one output's error count. ``at`` is
    ``notes`` or numbers such as ``x=[1,2];W2=[[1,0],[0,1]]``. Raises `InputError`.

    >>> grad_net("2-2-2", wrt=["w[3,1,1]"], at="notes").terse()
    '0.08216704056423077'
    """
    from dlcalc.symbolic.network.check import Checker
    from dlcalc.symbolic.network.equations import derive
    from dlcalc.symbolic.network.model import blocks

    asked = asked_net(net, activation, loss)
    found = blocks(trace(asked.net, asked.start))
    refuse_large(found)
    if not found:
        raise InputError("the net has no layer whose equations are known")
    equations = derive(found, asked.rule, divisor="N" if found[0].batched else "")
    sizes = tuple([size for size in asked.start.sizes if isinstance(size, int)])

    def checker(seed: int = 0) -> Checker:
        return Checker(equations, asked.rule, asked.net, sizes, seed)

    asking = _Question(asked, equations, checker, unit, at, steps)
    if wrt and all("[" in text for text in wrt):
        if view or code:
            raise InputError(
                "the chain to a weight has one form", mend="Leave out --view and --code."
            )
        return asking.units(wrt, latex)
    if unit:
        raise InputError("--unit is for the chain to one weight", mend="Name it: --wrt 'w[2,1,1]'.")
    return asking.whole(wrt, view, code, latex)


class _Question:
    """One question about a net whose equations stand."""

    def __init__(
        self,
        asked: Asked,
        equations: Equations,
        checker: Any,
        unit: int,
        at: str,
        steps: bool,
    ) -> None:
        self.asked, self.equations, self.make = asked, equations, checker
        self.unit, self.at, self.steps = unit, at, steps
        self.checker: Checker = checker()
        if at:
            from dlcalc.answers.net_numbers import numbers

            text = _NOTES if at == "notes" else at
            self.checker.give(numbers(text, self.checker, notes=at == "notes"))

    def question(self, wrt: Sequence[str]) -> dict[str, object]:
        """What was asked, as JSON has it."""
        found: dict[str, object] = {"net": self.asked.text, "loss": self.asked.loss}
        found |= {"wrt": list(wrt)} if wrt else {}
        return found | ({"unit": self.unit} if self.unit else {})

    def heading(self) -> list[Row]:
        """What the letters mean."""
        says = self.asked.rule.says
        return [
            Row(("net", self.asked.text)),
            Row(("loss", f"E is {says}")),
            Row(
                ("", "w[l,j,k] enters unit j of layer l from unit k; layer 1 is the input"), "aside"
            ),
        ]

    def whole(self, wrt: Sequence[str], view: str, code: str, latex: bool) -> GradResult:
        """All equations, and the gradients of tensors."""
        proof = self.checker.proof()
        tensors = [letter for block in self.equations.blocks for letter in block.tensors]
        for text in wrt:
            if text not in tensors:
                raise InputError(
                    f"{abridged(text)} is no tensor of this net",
                    mend=f"There are {', '.join(tensors)}, and weights such as w[2,1,1].",
                )
        form = "batch" if self.equations.blocks[0].batched else "matrix"
        form = form if getattr(self.equations, form) else "entries"
        errors = {id(each.equation): each.error for each in proof.residuals}
        chosen = list(wrt) or tensors[::-1]
        steps = [
            Step(
                line.symbol if form != "entries" else line.target,
                line.rule,
                getattr(line.text, form),
                residual=errors.get(id(line)),
            )
            for line in self.equations.lines
            if line.stage != "gradient" or line.symbol[1:] in chosen
        ]
        found = self._findings(proof)
        for block in self.equations.blocks:
            if block.word == "rnn":
                more, finding = _through_time(block, proof)
                steps, found = [*steps, *more], [*found, finding]
        answers = [self._tensor(letter, form, proof) for letter in chosen]
        views = self._views(proof, code, latex)
        asked = [code and "code", latex and "latex", *(views if view == "all" else [view])]
        shown = [name for name in views if name in asked]
        if view and view not in (*views, "all"):
            raise InputError(
                "this net has no matrix form: its layers are told by indices",
                mend="Take --view index.",
            )
        return GradResult(
            self.question(wrt),
            answers,
            steps,
            found,
            heading=self.heading(),
            views=views,
            shown=shown,
            show_steps=self.steps and not shown,
            compare=self._comparison(chosen[0]) if len(chosen) == 1 else None,
            notes=self.asked.notes,
        )

    def _tensor(self, letter: str, form: str, proof: Proof) -> Answer:
        line = self.equations.line(f"d{letter}")
        symbol = line.target if form == "entries" else f"dE/d{letter}"
        shape = "x".join(map(str, proof.values[letter].shape))
        value = proof.values[line.symbol].tolist() if self.at else None
        return Answer(symbol, getattr(line.text, form), shape, value)

    def _views(self, proof: Proof, language: str, latex: bool) -> dict[str, str]:
        from dlcalc.symbolic.network.code import code

        lines = self.equations.lines
        views = {"index": "\n".join(f"{line.target} = {line.text.entries}" for line in lines)}
        form = "batch" if self.equations.blocks[0].batched else "matrix"
        if getattr(self.equations, form):
            views["matrix"] = "\n".join(
                f"{line.symbol} = {getattr(line.text, form)}" for line in lines
            )
        sizes = {name: array.shape for name, array in proof.values.items()}
        views["code"] = code(self.equations, sizes, "torch" if language == "torch" else "numpy")
        if latex:
            views["latex"] = _in_latex([(line.symbol, getattr(line.text, form)) for line in lines])
        return views

    def _findings(self, proof: Proof) -> list[Finding]:
        largest = max(each.error for each in proof.residuals)
        wrong = proof.wrong
        document: dict[str, object] = {"method": proof.method, "largest_relative_error": largest}
        sentence = f"every equation by {proof.method}, {apart(largest, 1.0, 'relative error')}"
        if wrong is not None:
            sentence = f"{wrong.target} = {wrong.text.entries} is wrong ({wrong.rule})"
            document["first_wrong"] = wrong.target
        found = [Finding("equations", wrong is None, sentence, document)]
        right = proof.engine <= proof.engine_bound
        sentence = f"the engine's reverse mode, {apart(proof.engine, 1e-9, 'relative error')}"
        found.append(Finding("engine", right, sentence, {"largest_relative_error": proof.engine}))
        if proof.matrix is not None:
            sentence = f"matrix form read again and index form, {apart(proof.matrix, 1e-9)}"
            document = {"largest_relative_error": proof.matrix}
            found.append(Finding("views", proof.matrix <= proof.engine_bound, sentence, document))
        return found

    def units(self, wrt: Sequence[str], latex: bool) -> GradResult:
        """Chains of partial derivatives, one for each weight or unit."""
        from dlcalc.symbolic.network.chain import Units
        from dlcalc.symbolic.network.values import Point

        units = Units(self.equations.blocks, self.asked.rule, self.unit)
        if self.unit:
            note = f"only the error of output {self.unit} counts: E is its term alone"
            self.asked = self.asked._replace(notes=(*self.asked.notes, note))
        point = Point(self.checker, units)
        steps, answers, findings = [], [], []
        for text in wrt:
            answer, links, found = self._chain(text, units, point)
            answers.append(answer)
            steps += links
            findings += found
        views = {}
        if latex:
            views["latex"] = _in_latex([(answer.symbol, answer.text) for answer in answers])
        return GradResult(
            self.question(wrt),
            answers,
            [*self._forward(units, point), *dict.fromkeys(steps)],
            findings,
            heading=self.heading(),
            views=views,
            shown=list(views),
            show_steps=self.steps,
            compare=self._comparison(wrt[0], units) if len(wrt) == 1 else None,
            notes=self.asked.notes,
        )

    def _forward(self, units: Units, point: Point) -> list[Step]:
        """Every unit's z and a, with numbers where they were given."""
        if units.many(1):
            return []
        found = []
        for layer in range(2, units.last + 1):
            for unit in range(1, units.widths[layer - 1] + 1):
                for symbol, expr, rule in units.forward(layer, unit):
                    value = float(point.value(expr)) if self.at else None
                    found.append(Step(str(symbol), rule, str(expr), value=value))
        return found

    def _chain(
        self, text: str, units: Units, point: Point
    ) -> tuple[Answer, list[Step], list[Finding]]:
        wrt = units.find(text)
        chain = units.chain(wrt)
        checked = point.checked(chain)
        steps = [
            Step(
                link.symbol,
                link.rule,
                link.text,
                residual=check.error,
                value=check.value if self.at else None,
            )
            for link, check in zip(chain.links, checked, strict=True)
        ]
        value = float(point.value(chain.answer))
        symbol = f"dE/d{wrt}"
        findings = [self._verified(symbol, chain, checked)]
        engine = point.engine(wrt)
        if engine is not None:
            error = abs(engine - value) / max(abs(engine), 1e-12)
            sentence = (
                f"{symbol} by the engine's reverse mode, {apart(error, 1e-9, 'relative error')}"
            )
            document = {"relative_error": error}
            findings.append(Finding("engine", error <= 1e-9, sentence, document))
        return Answer(symbol, str(chain.answer), "", value if self.at else None), steps, findings

    def _verified(self, symbol: str, chain: Any, checked: list[Any]) -> Finding:
        method = "complex step" if self.checker.smooth else "central differences"
        largest = max(each.error for each in checked)
        # The lines go from the whole to its parts: the last wrong one is where it begins.
        failed = [k for k, c in zip(chain.links, checked, strict=True) if not c.right]
        wrong = failed[-1] if failed else None
        document: dict[str, object] = {"method": method, "largest_relative_error": largest}
        sentence = f"every quotient by {method}, {apart(largest, 1.0, 'relative error')}"
        if wrong is not None:
            sentence = f"{wrong.symbol} = {wrong.text} is wrong ({wrong.rule})"
            document["first_wrong"] = wrong.symbol
        return Finding(symbol, wrong is None, sentence, document)

    def _comparison(self, text: str, units: Units | None = None) -> Any:
        """How to compare a claim with the gradient: by numbers, at several points."""

        def compare(claim: str) -> Comparison:
            from dlcalc.answers.net_numbers import compared

            return compared(claim, text, self, units)

        return compare

    def points(self) -> list[Checker]:
        """The point that was given, and random ones."""
        own = [self.checker] if self.at else []
        return [*own, *[self.make(seed) for seed in range(1, _POINTS + 1)]]


def _in_latex(lines: list[tuple[str, str]]) -> str:
    """Equations in LaTeX, one a line. Raises `InputError` where one has no matrix form."""
    from dlcalc.expr.latex import latex
    from dlcalc.expr.parse import parse as read

    if not all(text for _, text in lines):
        raise InputError("this net has no matrix form to be written in LaTeX")
    return "\n".join(f"{_symbol(symbol)} = {latex(read(text))}" for symbol, text in lines)


def _symbol(symbol: str) -> str:
    """The left side of an equation in LaTeX: dW3 is a derivative of E."""
    from dlcalc.expr.latex import latex
    from dlcalc.expr.parse import parse as read

    name = symbol.removeprefix("dE/d")
    if name == symbol and re.fullmatch(r"d(?!elta).+", symbol):
        name = symbol[1:]
    shown = latex(read(name))
    return shown if name == symbol else rf"\frac{{\partial E}}{{\partial {shown}}}"


def _through_time(block: Any, proof: Proof) -> tuple[list[Step], Finding]:
    """The product of Jacobians of a recurrent layer, worked out and compared."""
    from dlcalc.symbolic.network.time import jacobians

    found = jacobians(block, proof.values)
    steps = [
        Step(*_turned(found.step, "the Jacobian of one step"), residual=found.error),
        Step(*_turned(found.total, "its products, one factor a step"), residual=found.error),
    ]
    sentence = f"the sum of products of Jacobians gives the same errors, within {found.error:.1e}"
    document = {"largest_relative_error": found.error}
    return steps, Finding("jacobians", found.error <= 1e-9, sentence, document)


def _turned(pair: tuple[str, str], rule: str) -> tuple[str, str, str]:
    return pair[0], rule, pair[1]
