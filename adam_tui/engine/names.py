"""The message for a name that is not in a table: the likely spelling, and all choices.

Standard library only: the engine and the recipes of training runs use the same words.
"""

from __future__ import annotations

from collections.abc import Iterable


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: ": did you mean adam? choose from sgd, adam"."""
    from difflib import get_close_matches  # only when a name is wrong: the import takes 2 ms

    choices = list(known)
    near = get_close_matches(name.lower(), choices, n=1)
    return f": {f'did you mean {near[0]}? ' if near else ''}choose from {', '.join(choices)}"
