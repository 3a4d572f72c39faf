"""The command ``dlcalc step``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.cli.command import FORMS, Words, command
from dlcalc.cli.output import Form
from dlcalc.formulas.optimisers import NAMES
from dlcalc.formulas.penalties import CONVENTIONS
from dlcalc.result import Result

_OPTIONS = (
    click.option("--weights", metavar="W,...", help="Where the step starts."),
    click.option(
        "--grad",
        metavar="G,...",
        multiple=True,
        help="The data's gradient; given several times, one for each step.",
    ),
    click.option("--lr", metavar="X", help="The learning rate; torch.optim's if left out."),
    click.option("--l1", metavar="X", help="L1 penalty X * sum |w|."),
    click.option("--l2", metavar="X", help="L2 penalty X/2 * sum w^2."),
    click.option("--elastic", metavar="X,Y", help="Both: --l1 X --l2 Y."),
    click.option("--decay", metavar="X", help="Decoupled decay: w shrinks by lr*X before."),
    click.option("--n", metavar="N", help="Examples: the penalties become X/n and X/(2n)."),
    click.option(
        "--convention",
        metavar="NAME",
        type=Words(list(CONVENTIONS)),
        help="Of X: lambda, lambda/2, lambda/n or lambda/2n.",
    ),
    click.option("--proximal", is_flag=True, help="Take L1 by its soft threshold."),
    click.option("--as-printed", is_flag=True, help="Show L2's line without the rate beside it."),
    click.option(
        "--optimizer",
        metavar="NAME[:KEY=X,...]",
        type=Words(list(NAMES)),
        help="sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, adamw, with the "
        "defaults of torch.optim; adam:beta1=0.8 sets one.",
    ),
    click.option("--clip-norm", metavar="X", help="Scale longer gradients to norm X."),
    click.option("--clip-value", metavar="X", help="Cut gradients at -X and X."),
    click.option("--steps", metavar="N", help="How many steps; the gradient stays."),
    click.option("--function", metavar="EXPR", help="Go down a function of single numbers."),
    click.option("--start", metavar="X,...", help="From here, in the order of its variables."),
    click.option(
        "--tolerance", metavar="X", help="Gradient norm that counts as arrived.  [default: 1e-6]"
    ),
    click.option("--verify", is_flag=True, help="Make the steps with the engine as well."),
)


def _options(function: Any) -> Any:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@command(
    "step",
    "dlcalc step --weights 0.5,-1,2 --grad 0.1,0,-0.2 --lr 0.1 --l1 0.01",
    "dlcalc step --weights 2 --grad 0.5 --lr 0.1 --l2 1 --n 10 --as-printed",
    "dlcalc step --weights 2 --lr 0.1 --l2 0.1 --steps 100 --verify",
    "dlcalc step --weights 1 --grad 0.5 --optimizer adam --steps 5",
    "dlcalc step --function 'x^2 + 10*y^2' --start 3,1 --lr 0.05 --steps 50",
    "dlcalc step - --lr 0.1 < steps.txt",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-]")
@_options
@click.pass_obj
def step(form: Form, /, words: tuple[str, ...], **settings: Any) -> Result | int:
    """One update step or many, term by term: data gradient, penalty gradient, new weight.

    A penalty's strength is lambda under a convention, the factor before its sum:
    lambda for L1 and lambda/2 for L2 (as weight_decay in PyTorch), and with --n
    lambda/n and lambda/2n. With - every line of standard input is the options of
    one question; those beside the - hold for all.
    """
    from dlcalc.answers.step import step as answer_step

    if not words:
        return answer_step(**settings)
    if words != ("-",):
        raise click.UsageError(f"Weights are given by --weights, not as the word {words[0]}.")
    from dlcalc.cli.stream import answer_lines

    def answer_line(line: str, number: int) -> Result:
        return answer_step(**_read(line, settings))

    return answer_lines(answer_line, form)


def _read(line: str, defaults: dict[str, Any]) -> dict[str, Any]:
    """The options of a line, with those of the command line where it has none."""
    import shlex

    from dlcalc.errors import InputError

    given = {name: value for name, value in defaults.items() if value not in (None, False, ())}
    try:
        words = shlex.split(line, comments=True)
        if {"-h", "--help"} & {*words}:
            raise InputError("a line asks no help")
        context = step.make_context("step", words, default_map=given)
    except ValueError as error:
        raise InputError(f"the line cannot be read: {error}") from None
    except click.UsageError as error:
        raise InputError(error.format_message().rstrip(".")) from None
    found = context.params
    if found.pop("words"):
        raise InputError("a line has options alone, such as --weights 2 --grad 0.5")
    usual = {**dict.fromkeys(FORMS, False), "expect": None, "color": "auto"}
    for name, plain in usual.items():
        if found.pop(name) != plain:
            raise InputError(f"--{name} is given beside the -, not in a line")
    return found
