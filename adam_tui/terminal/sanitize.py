"""Text that came from a file, a name or a system, made harmless for a terminal. Standard library only."""

from __future__ import annotations


def sanitize(text: str) -> str:
    """The text with a question mark for all that a terminal might take for orders; lines stay lines.

    That is what Unicode calls other than printable: controls, the marks that turn the direction of writing, characters
    that are not seen, halves of surrogate pairs.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
