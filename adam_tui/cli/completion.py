"""Shell completion of `--flag=value`, which click completes for `--flag value` only.

bash splits a line at "=" and ":", so the words are joined again. zsh and fish replace the whole word, so each
completion gets the flag in front.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

SEPARATORS = ("=", ":")  # in bash's COMP_WORDBREAKS; each is a word of its own


def joined(words: Iterable[str]) -> list[str]:
    """The words that were typed, from those that bash made of them: --surface, =, ra is --surface=ra."""
    typed: list[str] = []
    glue = False
    for word in words:
        is_separator = bool(word) and set(word) <= set(SEPARATORS)  # "::" is one word
        if typed and (glue or is_separator):
            typed[-1] += word
        else:
            typed.append(word)
        glue = is_separator
    return typed


class JoiningBashComplete(BashComplete):
    """Completion in bash, which replaces only the text after the last "=" or ":"."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The complete words, and the unfinished word."""
        words = split_arg_string(os.environ["COMP_WORDS"])
        current = int(os.environ["COMP_CWORD"])
        typed = joined(words[1 : current + 1])
        return (typed[:-1], typed[-1]) if current < len(words) and typed else (typed, "")

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """The completions; of a class in a file only the part after the colons, which is all that bash replaces."""
        items = super().get_completions(args, incomplete)
        begin = incomplete.rpartition("=")[2]
        kept = begin[: begin.rfind(":") + 1]
        return [CompletionItem(item.value.removeprefix(kept), item.type, item.help) for item in items]


def _with_flag(items: list[CompletionItem], incomplete: str) -> list[CompletionItem]:
    """The completions of a value, each as the whole word --flag=value. The shell itself completes paths."""
    flag, separator, _ = incomplete.partition("=")
    if not separator or not flag.startswith("-"):
        return items
    return [
        CompletionItem(f"{flag}={item.value}", item.type, item.help) if item.type == "plain" else item for item in items
    ]


class WholeWordZshComplete(ZshComplete):
    """Completion in zsh."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """The completions as whole words."""
        return _with_flag(super().get_completions(args, incomplete), incomplete)


class WholeWordFishComplete(FishComplete):
    """Completion in fish."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """The completions as whole words."""
        return _with_flag(super().get_completions(args, incomplete), incomplete)


def register() -> None:
    """Use these classes in place of click's own."""
    add_completion_class(JoiningBashComplete, "bash")
    add_completion_class(WholeWordZshComplete, "zsh")
    add_completion_class(WholeWordFishComplete, "fish")
