"""What the command line does about a person's mistakes: one line on stderr and exit status 2, never a traceback.

A bug is no mistake: its traceback is shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from adam_tui.terminal.sanitize import sanitize

MISTAKE, INTERRUPTED = 2, 128 + 2  # exit statuses; the second as a shell reports SIGINT


class OneLineErrors(click.Group):
    """A group whose mistakes are one line on stderr, without click's paragraph about usage."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command line and exit: 0, a command's own status, or `MISTAKE`."""
        _open_closed_streams()
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # a locale without σ or █ is no reason to fail
        kwargs["standalone_mode"] = False
        try:
            status = super().main(*args, **kwargs)
        except click.exceptions.Abort:
            sys.exit(INTERRUPTED)
        except click.ClickException as error:
            _fail(error.format_message())
        except OSError as error:
            _abandon_output()
            _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; that its reader has gone, as in `adam-tui path | head`, is no mistake."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _abandon_output()
            return 0


def say(message: str) -> None:
    """Write a message to stderr as one line that no terminal takes for orders."""
    line = sanitize(" ".join(message.split()))
    with contextlib.suppress(OSError):  # nowhere to say it: the status still does
        click.echo(f"adam-tui: {line}", err=True)


def _fail(message: str) -> None:
    say(message)
    sys.exit(MISTAKE)


def _open_closed_streams() -> None:
    """Put something where stdin, stdout or stderr was closed (`>&-`): Python has None there.

    A file opened next would get that number, and what is printed would land in it. What is written to a closed stdout
    fails as it does for other programs, for the stand-in takes no bytes; stderr swallows them.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def logged(error: BaseException) -> str:
    """Append a bug's traceback to the log file, its owner's alone; one line that says what it was and where to look."""
    import platformdirs

    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    file = Path(platformdirs.user_log_dir("adam-tui")) / "adam-tui.log"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{''.join(traceback.format_exception(error))}\n")
    except OSError as failed:
        return f"a bug ended it: {said}; {file} cannot be written: {failed.strerror}"
    return f"a bug ended it: {said}; see {file}"


def _abandon_output() -> None:
    """Let Python write what is left for stdout to nowhere: it would fail, and say so, once more at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def said_in_one_line(where: str = "") -> Iterator[None]:
    """Turn the ValueError of a reader of flags into a mistake of the person's; elsewhere a ValueError is a bug.

    `where` is the flag, for errors that do not name it; a formula's also has the column.
    """
    try:
        yield
    except OverflowError:
        raise click.UsageError("a number is too large") from None
    except ValueError as error:
        column = getattr(error, "column", None)
        place = where and f"{where}: " if column is None else f"{where}, character {column + 1}: "
        raise click.UsageError(f"{place}{error}") from None
