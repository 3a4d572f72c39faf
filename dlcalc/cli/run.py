"""One run from arguments to exit code: 0, 1, 2, 70 or 130."""

from __future__ import annotations

import errno
import os
import sys

import click

from dlcalc.cli.group import COMMANDS, dlcalc
from dlcalc.cli.output import Unwritable, message_width, say
from dlcalc.errors import ClaimError, DlcalcError, InputError

#: sysexits.h EX_SOFTWARE: a bug of ours.
BUG = 70


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code; everything is said on the streams."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # The shell closed it (>&-): what nobody reads is written nowhere.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (open to the end)
        # What the terminal or the encoding cannot show degrades, and never crashes.
        getattr(sys, name).reconfigure(encoding="utf-8", errors="backslashreplace")
    code = _guarded(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _unwritable(error, code)
    return code


def _guarded(arguments: list[str]) -> int:
    try:
        with dlcalc.make_context("dlcalc", arguments) as context:
            dlcalc.invoke(context)
        return 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.UsageError as error:
        return _refuse_usage(error, arguments)
    except (InputError, ClaimError) as error:
        return _refuse(error)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except Unwritable as error:
        return _unwritable(error.cause, error.code)
    except OSError as error:
        return _unwritable(error, 0)
    except Exception as error:
        return _bug(error)


def _refuse(error: DlcalcError) -> int:
    if isinstance(error, InputError):
        say(error.report("dlcalc: ", message_width()))
    else:
        say(f"dlcalc: {error}")
    return error.exit_code


def _refuse_usage(error: click.UsageError, arguments: list[str]) -> int:
    # click tells its parser's own refusals no command.
    named = f"dlcalc {arguments[0]}" if arguments and arguments[0] in COMMANDS else "dlcalc"
    command = error.ctx.command_path if error.ctx else named
    say(f"dlcalc: {error.format_message()}\n  {command} --help shows how it is used.")
    return 2


def _unwritable(error: OSError, code: int) -> int:
    """A closed pipe ends quietly, anything else is said."""
    # What is still buffered would be written, and fail, once more at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if error.errno == errno.EPIPE:
        return code
    say(f"dlcalc: cannot write the output: {error.strerror or error}")
    return 2


def _bug(error: Exception) -> int:
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(last.filename)}:{last.lineno}"
    say(
        f"dlcalc: this is a bug of dlcalc, not of your input: {type(error).__name__} at {where}: "
        f"{error}"
    )
    return BUG
