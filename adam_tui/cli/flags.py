"""Rules that the flags of all commands share.

A value is given once. A path may begin with ~ but not be empty. Any minus sign of Unicode is read as one, as in 1e−3.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from adam_tui.runs.user_paths import expand_home


class UserPath(click.Path):
    """A path, with the home directory in place of ~. Not "", which would mean the working directory."""

    def __init__(self, *, file_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Raises BadParameter for an empty one and for the home directory of an unknown user."""
        if not str(value):
            self.fail("the path is empty", param, ctx)
        try:
            return super().convert(expand_home(value), param, ctx)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def number(value: str | float) -> float:
    """The type of a flag with a float. Raises BadParameter."""
    from adam_tui.engine.numbers import TooSmallError, parse_number  # not needed for --help

    try:
        return parse_number(str(value))
    except TooSmallError:
        raise click.BadParameter(f"{value!r:.40} is too small a number.") from None
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a valid float.") from None


def whole_number(value: str | int) -> int:
    """The type of a flag with an int. Raises BadParameter."""
    from adam_tui.engine.numbers import parse_whole

    try:
        return parse_whole(str(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a valid integer.") from None


class _SingleValues(click.Command):
    """Refuses a flag that is given twice: the first value would be ignored without a word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises UsageError for a repeated flag."""
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            options = [each for each in given if isinstance(each, click.Option) and not (each.multiple or each.is_flag)]
            for option in options:
                if options.count(option) > 1:
                    raise click.UsageError(f"{option.opts[0]} is given twice", ctx)
        return super().parse_args(ctx, args)


class Command(_SingleValues):
    """A command whose flags are given once. `names` are listed at the end of its help: a title and what it may be."""

    def __init__(self, *args: Any, names: Mapping[str, Sequence[str]] = MappingProxyType({}), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = names

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names below the flags."""
        super().format_epilog(ctx, formatter)
        if self.names:
            with formatter.section("Names"):
                for title, names in self.names.items():
                    formatter.write(self._wrapped_names(title, names, formatter))

    def _wrapped_names(self, title: str, names: Sequence[str], formatter: click.HelpFormatter) -> str:
        """The lines of one list of names; click's own would break a name at its hyphen."""
        margin = " " * formatter.current_indent
        column = max(map(len, self.names)) + 2
        lines = textwrap.wrap(
            ", ".join(names),
            formatter.width,
            initial_indent=f"{margin}{title:<{column}}",
            subsequent_indent=margin + " " * column,
            break_on_hyphens=False,
        )
        return "".join(f"{line}\n" for line in lines)


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command
