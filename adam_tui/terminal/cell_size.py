"""The question for the size of the terminal's cells in pixels, and its answers.

Most terminals keep their size in pixels beside columns and rows (`environment.cell_aspect`). Of the others some answer
XTWINOPS: gnome-terminal does. The answers are taken out of the input, because Textual would read them as keys.
"""

from __future__ import annotations

import re

from adam_tui.terminal.environment import aspect_of

QUESTION = "\x1b[16t\x1b[14t"  # the size of a cell, and that of all cells, which includes what rounding leaves
_ANSWER = re.compile(r"\x1b\[([46]);(\d{1,6});(\d{1,6})t")
_BEGINNING = re.compile(r"\x1b\[[46];[\d;]{0,13}\Z")  # longer than any key, so no key waits for its rest


class CellSizeAnswers:
    """Takes the answers out of the input, which may come in pieces."""

    def __init__(self) -> None:
        self._rest = ""
        self._cell_known = False

    def take(self, text: str, columns: int, rows: int) -> tuple[str, float | None]:
        """Return the input without answers, and the height of a cell by its width if an answer gives it."""
        text, self._rest, aspect = self._rest + text, "", None
        for match in _ANSWER.finditer(text):
            of_a_cell, height, width = match[1] == "6", int(match[2]), int(match[3])
            answer = aspect_of(1, 1, width, height) if of_a_cell else aspect_of(columns, rows, width, height)
            if answer is not None and (of_a_cell or not self._cell_known):
                aspect, self._cell_known = answer, of_a_cell
        text = _ANSWER.sub("", text)
        if beginning := _BEGINNING.search(text):
            text, self._rest = text[: beginning.start()], beginning[0]
        return text, aspect
