"""Text from files, names and systems, made harmless for a terminal. Standard library only."""

from __future__ import annotations


def sanitize(text: str) -> str:
    """Return the text with a question mark for each character that could control a terminal; line breaks stay.

    These are the characters that Unicode does not call printable: controls, marks that change the direction of
    writing, invisible characters, halves of surrogate pairs.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def sanitize_line(text: str) -> str:
    """Return the text as `sanitize` does, with a question mark for each line break too: names can hold one."""
    return sanitize(text).replace("\n", "?")
