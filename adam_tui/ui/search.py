"""Which action a person means by the words that were typed: exact words first, then beginnings, then misspellings.

No widgets here: `ranked` is a function of a text and a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

# What says nothing of the action: passed over, unless nothing else was typed.
# fmt: off
FILLERS = frozenset((
    "a", "an", "the", "to", "of", "on", "at", "by", "for", "with", "from", "i", "me", "my", "this", "that", "it", "its",
    "do", "how", "can", "is", "are", "please", "want", "where",
))
# fmt: on
# How much a typed word counts, by where it was found.
TITLE, TITLE_BEGINS, OTHER, OTHER_BEGINS, GROUP, INSIDE, MISSPELT = 1.0, 0.85, 0.8, 0.6, 0.45, 0.4, 0.3
FIRST_WORD = 0.1  # more when it is the title's first word
LEAST_SHARE = 0.5  # of the typed words that must be found
LIKENESS, SHORTEST_LIKE = 0.75, 4  # of two words to be taken for one misspelt; shorter ones are all alike
ELSEWHERE = 0.8  # what the same words count in another mode
KEY = 2.0  # a key that was typed is the best there is
WORTH_SHOWING = 0.4  # of the best one's score
_WORD = re.compile(r"[^\W_]+(?:['\-+.][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to find: what it is called, what else people call it, its key, and what is done when it is chosen.

    `here` is False for what another mode does.
    """

    title: str
    key: str
    group: str
    other: str
    act: Callable[[], None]
    here: bool = True


def ranked(text: str, entries: Iterable[Entry]) -> list[Entry]:
    """The entries that the text may mean, the likeliest first; all of them, as they are, for an empty text."""
    if not text.strip():
        return list(entries)
    wanted = _wanted(text)
    scored = [(_score(text.strip(), wanted, entry), entry) for entry in entries]
    least = max((score for score, _ in scored), default=0.0) * WORTH_SHOWING
    return [entry for score, entry in sorted(scored, key=lambda pair: -pair[0]) if score > 0 and score >= least]


def highlights(text: str, title: str) -> list[tuple[int, int]]:
    """The parts of a title that the typed words are the beginnings of: (start, end), in order."""
    wanted = _wanted(text)
    found = (
        (
            word.start(),
            word.start() + max((len(each) for each in wanted if word[0].lower().startswith(each)), default=0),
        )
        for word in _WORD.finditer(title)
    )
    return [(start, end) for start, end in found if end > start]


@lru_cache(maxsize=2048)  # of the entries, they are asked for with every key that is typed
def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(text))


def _wanted(text: str) -> Sequence[str]:
    words = _words(text)
    return [word for word in words if word not in FILLERS] or words


def _score(text: str, wanted: Sequence[str], entry: Entry) -> float:
    """0 when it is not meant."""
    if entry.here and text in entry.key.split(" "):
        return KEY
    title, other, group = _words(entry.title), _words(entry.other), _words(entry.group)
    found = [score for score in (_found(word, title, other, group) for word in wanted) if score]
    if not wanted or len(found) < LEAST_SHARE * len(wanted):
        return 0.0
    score = sum(found) / len(wanted) * (len(found) / len(wanted))
    return score if entry.here else score * ELSEWHERE


def _found(word: str, title: Sequence[str], other: Sequence[str], group: Sequence[str]) -> float:
    """How well one typed word is found."""
    first = FIRST_WORD if title and title[0].startswith(word) else 0.0
    if word in title:
        return TITLE + first
    if any(each.startswith(word) for each in title):
        return TITLE_BEGINS + first
    if word in other:
        return OTHER
    if any(each.startswith(word) for each in other):
        return OTHER_BEGINS
    if any(each.startswith(word) for each in group):
        return GROUP
    if len(word) > 2 and any(word in each for each in (*title, *other)):
        return INSIDE
    if len(word) >= SHORTEST_LIKE and any(_alike(word, each) for each in (*title, *other)):
        return MISSPELT
    return 0.0


def _alike(word: str, known: str) -> bool:
    """Whether one is the other with a letter or two wrong, as far as it was typed."""
    known = known[: len(word) + 1]
    if len(known) < SHORTEST_LIKE:
        return False
    shared = sum(min(word.count(letter), known.count(letter)) for letter in set(word))
    # The ratio is at most that of the shared letters in any order, which is told in a tenth of the time.
    return 2 * shared / (len(word) + len(known)) >= LIKENESS and (
        SequenceMatcher(None, word, known).ratio() >= LIKENESS
    )
