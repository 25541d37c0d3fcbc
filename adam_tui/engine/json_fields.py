"""What was read from JSON, checked to be of its kind: each function returns the value or says in one line why not."""

from __future__ import annotations

from typing import Any


def text(name: str, value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, not {shown(value)}")
    return value


def number(name: str, value: Any) -> float:
    """A number, as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, not {shown(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large a number") from None


def whole(name: str, value: Any) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number, not {shown(value)}")
    return value


def pair(name: str, value: Any) -> tuple[float, float]:
    """Two numbers."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{name} must be two numbers, not {shown(value)}")
    return number(name, value[0]), number(name, value[1])


def shown(value: Any) -> str:
    """The value as a message shows it, shortened."""
    written = repr(value)
    return written if len(written) <= 40 else written[:39] + "…"
