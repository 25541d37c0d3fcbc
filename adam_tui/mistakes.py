"""What the command line does about a person's mistakes: one line on stderr and exit status 2, never a traceback.

A bug is no mistake: its traceback is shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import click

MISTAKE, INTERRUPTED = 2, 128 + 2  # exit statuses; the second as a shell reports SIGINT


class OneLineErrors(click.Group):
    """A group whose mistakes are one line on stderr, without click's paragraph about usage."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command line and exit: 0, a command's own status, or `MISTAKE`."""
        if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
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


def _fail(message: str) -> None:
    line = "".join(c if c.isprintable() else "?" for c in " ".join(message.split()))
    click.echo(f"adam-tui: {line}", err=True)
    sys.exit(MISTAKE)


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
