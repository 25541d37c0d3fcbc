"""The cells that a terminal shows and the cells that are wanted: only the difference is written, in few bytes.

A program that repaints its screen, four times at its start or a whole panel for one digit, sends nothing for cells that
are there already. Where the line to the terminal is slow the difference is written piece by piece, the latest changes
before the rest of the earlier ones: a cell that has changed again meanwhile is never sent in its earlier state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adam_tui.draw.cells import Cells
from adam_tui.terminal.environment import Depth
from adam_tui.terminal.sgr import DEFAULT, RESET, Pen, encode, pack_style, pack_styles, same_cell

# Moving to another column takes four characters or more, so a shorter gap is written over.
GAP = 3
FARTHEST = 100  # columns that CUF moves with no more bytes than CUP
_NO_STYLE = pack_style(DEFAULT, DEFAULT)
Span = tuple[int, int, int]  # row, first column, column after the last


class ScreenBuffer:
    """A screen of width × height cells, whose content is unknown at first.

    A cell is its characters (one, or with combining marks, "" in the right half of a wide one) and its style (`sgr`).
    """

    def __init__(self, width: int, height: int, depth: Depth = "truecolor") -> None:
        self.depth = depth
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Change the size; both the wanted and the shown cells become unknown."""
        self.width, self.height = width, height
        self._text: list[list[str | None]] = [[None] * width for _ in range(height)]  # None: never put
        self._styles = [[_NO_STYLE] * width for _ in range(height)]
        self._newest: list[Span] = []
        self._older: list[Span] = []
        self.forget()
        self._older.clear()

    def forget(self) -> None:
        """Write every cell again: another program may have written on the terminal."""
        self._shown_text: list[list[str | None]] = [[None] * self.width for _ in range(self.height)]
        self._shown_styles = [[_NO_STYLE] * self.width for _ in range(self.height)]
        self._newest.clear()
        self._older = [(row, 0, self.width) for row in range(self.height)]
        self._pen: Pen | None = None
        self._cursor: tuple[int, int] | None = None  # row, column

    def pen_was_reset(self) -> None:
        """Record that another text has reset the terminal's colours and attributes."""
        self._pen = Pen()

    @property
    def behind(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._newest or self._older)

    def put(self, row: int, column: int, text: Sequence[str], styles: Sequence[int]) -> None:
        """Set the wanted cells from (row, column) to the right; cells outside the screen are left out."""
        end = min(column + len(text), self.width)
        if not (0 <= row < self.height and 0 <= column < end):
            return
        # Cells at either end that do not change are left out: they are shown already, or keep their place in the order.
        wanted, wanted_styles, first = self._text[row], self._styles[row], column
        while first < end and wanted[first] == text[first - column] and wanted_styles[first] == styles[first - column]:
            first += 1
        if first == end:
            return
        while wanted[end - 1] == text[end - 1 - column] and wanted_styles[end - 1] == styles[end - 1 - column]:
            end -= 1
        part = slice(first - column, end - column)
        wanted[first:end], wanted_styles[first:end] = text[part], styles[part]
        if self._newest and self._newest[-1][0] == row and self._newest[-1][2] == first:
            self._newest[-1] = row, self._newest[-1][1], end
        else:
            self._newest.append((row, first, end))

    def put_cells(self, row: int, column: int, cells: Cells) -> None:
        """Set the wanted cells to a picture with its top left cell at (row, column)."""
        for y, styles in enumerate(pack_styles(cells).tolist()):
            self.put(row + y, column, cells.characters(y), styles)

    def changes(self, limit: int | None = None, cursor: tuple[int, int] | None = None) -> str:
        """Return the text that brings the terminal nearer to the wanted cells, the latest changes first.

        `limit` is a number of bytes, exceeded by a row at most. `cursor` is the final position of the cursor as
        (row, column).
        """
        spans = self._newest + self._older
        self._newest, self._older = [], []
        pieces: list[str] = []
        written = 0
        for n, span in enumerate(spans):
            if limit is not None and written >= limit:
                self._older = spans[n:]
                break
            piece = self._write_span(*span)
            pieces.append(piece)
            written += len(piece.encode()) if limit is not None else 0
        if cursor is not None and (any(pieces) or cursor != self._cursor):
            pieces.append(self._move_to(*cursor))
        return "".join(pieces)

    def _write_span(self, row: int, first: int, end: int) -> str:
        """Return the text for the cells of a span that differ, and record them as shown."""
        pieces = []
        for start, stop in self._differences(row, first, end):
            pieces.append(self._move_to(row, start))
            text, styles = [cell or "" for cell in self._text[row][start:stop]], self._styles[row][start:stop]
            if self._pen is None:
                self._pen = Pen()
                pieces.append(RESET)
            encoded, self._pen = encode(text, styles, self.depth, self._pen)
            pieces.append(encoded)
            self._shown_text[row][start:stop], self._shown_styles[row][start:stop] = text, styles
            # Terminals disagree about the width of some characters: after those the cursor's place is unknown.
            self._cursor = (row, stop) if all(map(_one_column, text)) else None
        return "".join(pieces)

    def _differences(self, row: int, first: int, end: int) -> Iterable[tuple[int, int]]:
        """Return the parts of a span to be written, as (first, after the last), short gaps included."""
        text, styles = self._text[row], self._styles[row]
        shown, shown_styles = self._shown_text[row], self._shown_styles[row]
        while first > 0 and "" in (text[first], shown[first]):  # never half of a wide character
            first -= 1
        while end < self.width and "" in (text[end], shown[end]):
            end += 1
        if "" in text[first:end] or "" in shown[first:end]:
            return [(first, end)]
        parts: list[tuple[int, int]] = []
        for i in range(first, end):
            wanted = text[i]
            if wanted is None or same_cell(wanted, styles[i], shown[i], shown_styles[i]):
                continue
            if parts and i - parts[-1][1] <= GAP:
                parts[-1] = parts[-1][0], i + 1
            else:
                parts.append((i, i + 1))
        return parts

    def _move_to(self, row: int, column: int) -> str:
        """Return the shortest move of the cursor to a cell (ECMA-48: CUF, CUP)."""
        before, self._cursor = self._cursor, (row, column)
        if before == (row, column):
            return ""
        if before is not None and before[0] == row and 0 < column - before[1] < FARTHEST:
            return f"\x1b[{column - before[1]}C"
        if before is not None and column == 0 and row == before[0] + 1:
            return "\r\n"
        return f"\x1b[{row + 1};{column + 1}H" if column else f"\x1b[{row + 1}H"


def _one_column(text: str) -> bool:
    return len(text) == 1
