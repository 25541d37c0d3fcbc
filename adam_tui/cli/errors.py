"""How the command line reports errors: one line on stderr and exit status 2 for a usage error, never a traceback.

Change the exit statuses, the form of an error line and the crash log here. A bug in a command is not a usage error: its
traceback is shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

import click

from adam_tui.cli.flags import Group
from adam_tui.runs.user_paths import user_directory
from adam_tui.terminal.sanitize import sanitize

# Exit statuses. Shells report a process that SIGINT ended as 128 + 2.
USAGE_ERROR, INTERRUPTED = 2, 130


class OneLineErrorGroup(Group):
    """A click group that reports a usage error as one line, without click's paragraph about usage."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command line and exit with 0, the command's own status, or `USAGE_ERROR`."""
        _replace_closed_streams()
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # σ and █ become "?" where the locale lacks them
        kwargs["standalone_mode"] = False
        try:
            status = super().main(*args, **kwargs)
        except click.exceptions.Abort:
            sys.exit(INTERRUPTED)
        except click.ClickException as error:
            _exit_with(error.format_message())
        except OSError as error:
            _discard_output()
            _exit_with(f"{error.filename or 'input or output'}: {error.strerror or error}")
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A reader that closes the pipe early, as `adam-tui path | head` does, is not an error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _discard_output()
            return 0


@contextlib.contextmanager
def usage_errors(flag: str = "") -> Iterator[None]:
    """Turn the ValueError of a function that parses flags into a usage error. Elsewhere a ValueError is a bug.

    `flag` is named in front of messages that do not name it themselves; an error in a formula also names its column.
    """
    try:
        yield
    except OverflowError:
        raise click.UsageError("a number is too large") from None
    except ValueError as error:
        column = getattr(error, "column", None)
        place = flag and f"{flag}: " if column is None else f"{flag}, character {column + 1}: "
        raise click.UsageError(f"{place}{error}") from None


def print_error(message: str) -> None:
    """Write a message to stderr as one line without control characters."""
    line = sanitize(" ".join(message.split()))
    with contextlib.suppress(OSError):  # stderr may be closed or full; the exit status remains
        click.echo(f"adam-tui: {line}", err=True)


def log_crash(error: BaseException) -> str:
    """Append a bug's traceback to the log file (mode 0600); the line to show names the error and the file."""
    from adam_tui.runs.files import open_private

    name = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    try:
        file = user_directory("log") / "adam-tui.log"
    except ValueError as failure:
        return f"a bug ended the app: {name}; there is no log: {failure}"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(open_private(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{''.join(traceback.format_exception(error))}\n")
    except OSError as failure:
        return f"a bug ended the app: {name}; {file} cannot be written: {failure.strerror}"
    return f"a bug ended the app: {name}; see {file}"


def _exit_with(message: str) -> None:
    print_error(message)
    sys.exit(USAGE_ERROR)


def _replace_closed_streams() -> None:
    """Replace stdin, stdout and stderr where the shell closed them (`>&-`) and Python has None.

    The next file opened would get the closed stream's number, and output would land in that file. Writing to the
    replaced stdout fails as it does for other programs, because it is open for reading only. Stderr discards its input.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _discard_output() -> None:
    """Send the rest of stdout to /dev/null. Python flushes it at exit and would report the same error again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
