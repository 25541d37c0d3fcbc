"""The message for an unknown name: the most similar known name, and all choices.

Standard library only: the engine and the recipes of training runs use the same words.
"""

from __future__ import annotations

from collections.abc import Iterable


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: ": did you mean adam? choose from sgd, adam"."""
    choices = list(known)
    question = did_you_mean(name, choices)
    return f": {question}{' ' if question else ''}choose from {', '.join(choices)}"


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The question "did you mean adam?" with the most similar choice; "" where none is similar."""
    from difflib import get_close_matches  # only when a name is wrong: the import takes 2 ms

    near = get_close_matches(name.lower(), list(choices), n=1)
    return f"did you mean {near[0]}?" if near else ""
