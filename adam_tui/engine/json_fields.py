"""Type checks for values from JSON. Each function returns the value or raises ValueError with the field's name."""

from __future__ import annotations

from typing import Any


def text(name: str, value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, not {excerpt(value)}")
    return value


def number(name: str, value: Any) -> float:
    """A number, as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, not {excerpt(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large a number") from None


def whole(name: str, value: Any) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number, not {excerpt(value)}")
    return value


def pair(name: str, value: Any) -> tuple[float, float]:
    """Two numbers."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{name} must be two numbers, not {excerpt(value)}")
    return number(name, value[0]), number(name, value[1])


def excerpt(value: Any) -> str:
    """The value for a message, at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
