"""What all commands share: examples in the help, negative operands, the form of the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from dlcalc.errors import InputError
from dlcalc.result import Result

#: Help fits a terminal of 80 columns.
EXAMPLES_WIDTH = 80

#: The forms of an answer; without one of them it is text for people.
FORMS = ("json", "quiet", "csv", "markdown")

# A word that starts like a negative number is an operand, never options.
_NEGATIVE = (*(f"-{digit}" for digit in "0123456789."), "-inf", "-nan")
# No word of a command line can hold this character.
_MARK = "\0"


class Words(click.Choice[str]):
    """Words that complete; the answer itself refuses others, and names the nearest."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The word as it is."""
        return value


def help_option() -> click.Option:
    """``-h`` and ``--help``; click's own would look for a translation at every start."""
    return click.Option(
        ["-h", "--help"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_help,
        help="Show this message and exit.",
    )


def _print_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help())
        ctx.exit()


def _common_options() -> list[click.Parameter]:
    return [
        click.Option(["--json"], is_flag=True, help="Print one JSON document."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Print the bare value."),
        click.Option(["--csv"], is_flag=True, help="Print the answer's table as CSV."),
        click.Option(["--markdown"], is_flag=True, help="Print it as a table of Markdown."),
        click.Option(
            ["--expect"], metavar="VALUE", help="Exit with 1 unless the answer is this one."
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            help="When to colour; NO_COLOR is heeded.",
        ),
        help_option(),
    ]


class Command(click.Command):
    """A command whose function returns a `Result`, or an exit code if it has printed itself."""

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        asserts: bool = True,
        formulas: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **{**settings, "add_help_option": False})
        self.examples = tuple(examples)
        self.formulas = formulas
        self.params += [o for o in _common_options() if asserts or o.name != "expect"]

    def make_parser(self, ctx: click.Context) -> Any:
        """The option parser, made to take negative numbers for operands."""
        parser = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_marked(args: list[str]) -> Any:
            values, rest, order = parse(args=[self._marked(w) for w in self._lengthened(args)])
            return {name: _unmarked(value) for name, value in values.items()}, rest, order

        setattr(parser, "parse_args", parse_marked)  # noqa: B010 (mypy forbids the assignment)
        return parser

    def _lengthened(self, words: list[str]) -> list[str]:
        """The words with short flags in their long form.

        For a short one click first looks, at a cost, among the long ones for
        what may have been meant.
        """
        options = [option for option in self.params if isinstance(option, click.Option)]
        longs = {
            option.opts[0]: option.opts[1]
            for option in options
            if option.is_flag and len(option.opts) == 2
        }
        valued = {name for option in options if not option.is_flag for name in option.opts}
        found: list[str] = []
        for position, word in enumerate(words):
            if word == "--":
                return found + words[position:]
            is_value = position > 0 and words[position - 1] in valued
            found.append(word if is_value else longs.get(word, word))
        return found

    def _marked(self, word: str) -> str:
        """A word, marked if it is an operand that would be taken for options."""
        negative = word.startswith(_NEGATIVE)
        if self.formulas and not negative and len(word) > 1 and word[0] == "-" != word[1]:
            # -x*y is a formula, -q is not.
            negative = not any(word in option.opts for option in self.params)
        return _MARK + word if negative else word

    def invoke(self, ctx: click.Context) -> None:
        """Run the function and print what it answers in the form asked for."""
        from dlcalc.cli.output import Form, emit, show_worked

        settings = ctx.params
        asked = [name for name in FORMS if settings.pop(name)]
        if len(asked) > 1:
            pair = " and ".join(f"--{name}" for name in asked[:2])
            raise click.UsageError(f"{pair} exclude one another.", ctx)
        form = Form(
            json="json" in asked,
            quiet="quiet" in asked,
            table="".join({"csv", "markdown"} & set(asked)),
            expect=settings.pop("expect", None),
            color=settings.pop("color"),
        )
        ctx.obj = form
        try:
            answer: Result | int = super().invoke(ctx)
        except InputError as error:
            show_worked(error, form)
            raise
        if isinstance(answer, int):
            ctx.exit(answer)
        if form.table and answer.table() is None:
            raise click.UsageError(
                f"--{form.table}: this answer is no table; --json is whole.", ctx
            )
        ctx.exit(emit(answer, form))

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it does, examples, then usage and options."""
        from inspect import cleandoc

        first, _, rest = cleandoc(self.help or "").partition("\n")
        formatter.write_text(first)
        write_examples(formatter, self.examples)
        formatter.write_paragraph()
        self.format_usage(ctx, formatter)
        rest = rest.strip()
        if rest:
            formatter.write_paragraph()
            formatter.write_text(rest)
        self.format_options(ctx, formatter)


def command(
    name: str, *examples: str, asserts: bool = True, formulas: bool = False
) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function, with examples for its help.

    ``asserts`` adds --expect; with ``formulas`` a word such as -x*y is an operand.
    """
    return click.command(
        name,
        cls=Command,
        examples=examples,
        asserts=asserts,
        formulas=formulas,
        context_settings={"max_content_width": EXAMPLES_WIDTH},
    )


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """A section of lines that can be pasted, never wrapped."""
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{' ' * formatter.current_indent}{example}\n")


def _unmarked(value: Any) -> Any:
    if isinstance(value, str):
        return value.removeprefix(_MARK)
    if isinstance(value, list | tuple):
        return type(value)(_unmarked(part) for part in value)
    return value
