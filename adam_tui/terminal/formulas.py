"""Formulas for terminals that lack their characters: m̂ as m^, √v̂ as sqrt(v^), β1ᵗ as β1^t.

A likeness of the same width would be another formula: m for m̂, or v for √. A transcribed formula is longer, so the
rest of the line moves to the right, into its next gap; after the gap columns and frames are in their places again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

HAT = "\u0302"
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵗᵀ", "0123456789-+tT", strict=True))
WORDS = {"½": "0.5", "∞": "inf", "⋯": "...", "≤": "<=", "≥": ">=", "∇": "grad "}
GAPS = (" ", "─")  # two of these side by side are a gap, of which all but one may be used
FRAMES = "│┃╮╯┐┘"
TRANSCRIBED = frozenset((*SUPERSCRIPTS, *WORDS, "√", "←"))

Placed = tuple[str, int]  # a character, and the index of the cell whose style it has


def needs_transcription(text: str) -> bool:
    """Whether a line contains anything that `transcribe` may spell out."""
    return HAT in text or not TRANSCRIBED.isdisjoint(text)


def transcribe(cells: Sequence[str], is_shown: Callable[[str], bool]) -> list[Placed]:
    """Transcribe the formulas of a line, given as one string a cell, on a terminal that draws no combining marks.

    `is_shown` returns whether the terminal has a character. The result has as many cells as the line: without a gap its
    end is cut off, except for a frame. Text that is wrapped afterwards goes through `transcribe_text` first.
    """
    placed, excess = _placed(cells, is_shown)
    while excess and placed and placed[-1][0] == " ":
        placed.pop()
        excess -= 1
    frame = placed[-1:] if placed and placed[-1][0] in FRAMES else []
    return [*placed[: len(cells) - len(frame)], *frame]


def transcribe_text(text: str, is_shown: Callable[[str], bool]) -> str:
    """Transcribe the formulas of a text that is wrapped afterwards.

    A line becomes longer where it has no gap, and nothing is cut off.
    """
    return "\n".join(
        "".join(character for character, _ in _placed(_cells(line), is_shown)[0]) if needs_transcription(line) else line
        for line in text.split("\n")
    )


def _cells(line: str) -> list[str]:
    """The characters of a line, each with its hat."""
    return re.findall(f".{HAT}?", line)


def _placed(cells: Sequence[str], is_shown: Callable[[str], bool]) -> tuple[list[Placed], int]:
    """The whole transcribed line, and the number of cells that it is longer than its gaps could take up."""
    placed: list[Placed] = []
    excess = 0
    for index, text in _transcribed(cells, is_shown):
        if excess and text in GAPS and placed and placed[-1][0] == text:
            excess -= 1
            continue
        placed += [(character, index) for character in text]
        excess += len(text) - 1
    return placed, excess


def _transcribed(cells: Sequence[str], is_shown: Callable[[str], bool]) -> Iterator[tuple[int, str]]:
    """Yield the text of every cell: one character, unless it is transcribed."""
    in_root = False  # the cell before was a root, without parentheses
    before = " "
    for index, (cell, after) in enumerate(pairwise((*cells, " "))):
        character = cell[:1] or " "
        superscript = SUPERSCRIPTS.get(character)
        if character == "√" and (HAT in after or not is_shown(character)):
            in_root = after[:1].isalnum()
            yield index, (character if is_shown(character) else "sqrt") + "(" * in_root
            before = character
            continue
        if HAT in cell:
            text = f"{character}^"
        elif superscript is not None and not is_shown(character):
            text = superscript if before in SUPERSCRIPTS else f"^{superscript}"
        elif character == "←" and after == " " and _is_assigned(cells, index) and not is_shown(character):
            text = "<-"
        else:
            text = character if is_shown(character) else WORDS.get(character, character)
        yield index, text + ")" * in_root
        in_root, before = False, character


def _is_assigned(cells: Sequence[str], arrow: int) -> bool:
    """Whether the arrow stands between a name and a formula, and not among the names of keys."""
    return (
        arrow > 1
        and cells[arrow - 1] == " "
        and cells[arrow - 2][:1].isalnum()
        and cells[arrow + 2 : arrow + 3] != ["→"]
    )
