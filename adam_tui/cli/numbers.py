"""Option types for typed or pasted numbers: any minus sign of Unicode is accepted, as in 1e−3."""

from __future__ import annotations

import click


def number(value: str | float) -> float:
    """Return the value of an option as a float. Raises BadParameter."""
    from adam_tui.engine.numbers import parse_number  # not needed for --help

    try:
        return parse_number(str(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a valid float.") from None


def whole_number(value: str | int) -> int:
    """Return the value of an option as an int. Raises BadParameter."""
    from adam_tui.engine.numbers import parse_whole

    try:
        return parse_whole(str(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a valid integer.") from None
