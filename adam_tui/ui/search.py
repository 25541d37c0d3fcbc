"""The search behind the command palette: exact words rank first, then beginnings of words, then misspellings.

No widgets: `ranked` is a function of a text and a list. The weights below decide the order; words that people type for
an action go into `synonyms`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

# Words without a meaning for the search: ignored, unless only such words were typed.
# fmt: off
FILLERS = frozenset((
    "a", "an", "the", "to", "of", "on", "at", "by", "for", "with", "from", "i", "me", "my", "this", "that", "it", "its",
    "do", "how", "can", "is", "are", "please", "want", "where",
))
# fmt: on
# The score of a typed word, by where it matches.
TITLE, TITLE_BEGINS, SYNONYM, SYNONYM_BEGINS, GROUP, INSIDE, MISSPELT = 1.0, 0.85, 0.8, 0.6, 0.45, 0.4, 0.3
FIRST_WORD = 0.1  # added when it is the title's first word
LEAST_SHARE = 0.5  # of the typed words that must match
SIMILARITY, SHORTEST = 0.75, 4  # of two words that count as a misspelling; shorter words are all similar
ELSEWHERE = 0.8  # factor for actions of another mode
KEY = 2.0  # for a typed key: the best score
WORTH_SHOWING = 0.4  # of the best one's score
_WORD = re.compile(r"[^\W_]+(?:['\-+.][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the palette: its title, its key, its group, synonyms, and the function that performs it.

    `here` is False for an action of another mode.
    """

    title: str
    key: str
    group: str
    synonyms: str
    act: Callable[[], None]
    here: bool = True


def ranked(text: str, entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries that match the text, the best first; all of them in their order for an empty text."""
    if not text.strip():
        return list(entries)
    wanted = _wanted(text)
    scored = [(_score(text.strip(), wanted, entry), entry) for entry in entries]
    least = max((score for score, _ in scored), default=0.0) * WORTH_SHOWING
    return [entry for score, entry in sorted(scored, key=lambda pair: -pair[0]) if score > 0 and score >= least]


def highlights(text: str, title: str) -> list[tuple[int, int]]:
    """Return the parts of a title that match beginnings of words: (start, end), in order."""
    wanted = _wanted(text)
    spans = (
        (
            word.start(),
            word.start() + max((len(each) for each in wanted if word[0].lower().startswith(each)), default=0),
        )
        for word in _WORD.finditer(title)
    )
    return [(start, end) for start, end in spans if end > start]


@lru_cache(maxsize=2048)  # every key that is typed needs the words of all entries again
def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(text))


def _wanted(text: str) -> Sequence[str]:
    words = _words(text)
    return [word for word in words if word not in FILLERS] or words


def _score(text: str, wanted: Sequence[str], entry: Entry) -> float:
    """Return the score of an entry; 0 if it does not match."""
    if entry.here and text in entry.key.split(" "):
        return KEY
    title, synonyms, group = _words(entry.title), _words(entry.synonyms), _words(entry.group)
    scores = [score for score in (_word_score(word, title, synonyms, group) for word in wanted) if score]
    if not wanted or len(scores) < LEAST_SHARE * len(wanted):
        return 0.0
    score = sum(scores) / len(wanted) * (len(scores) / len(wanted))
    return score if entry.here else score * ELSEWHERE


def _word_score(word: str, title: Sequence[str], synonyms: Sequence[str], group: Sequence[str]) -> float:
    """Return the score of one typed word."""
    first = FIRST_WORD if title and title[0].startswith(word) else 0.0
    if word in title:
        return TITLE + first
    if any(each.startswith(word) for each in title):
        return TITLE_BEGINS + first
    if word in synonyms:
        return SYNONYM
    if any(each.startswith(word) for each in synonyms):
        return SYNONYM_BEGINS
    if any(each.startswith(word) for each in group):
        return GROUP
    if len(word) > 2 and any(word in each for each in (*title, *synonyms)):
        return INSIDE
    if len(word) >= SHORTEST and any(_similar(word, each) for each in (*title, *synonyms)):
        return MISSPELT
    return 0.0


def _similar(word: str, known: str) -> bool:
    """Return whether the word is the beginning of the known one, with a letter or two wrong."""
    known = known[: len(word) + 1]
    if len(known) < SHORTEST:
        return False
    shared = sum(min(word.count(letter), known.count(letter)) for letter in set(word))
    # The ratio is at most that of the shared letters in any order, which takes a tenth of the time.
    return 2 * shared / (len(word) + len(known)) >= SIMILARITY and (
        SequenceMatcher(None, word, known).ratio() >= SIMILARITY
    )
