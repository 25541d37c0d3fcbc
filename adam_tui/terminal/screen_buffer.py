"""What a terminal shows and what it should show: only the difference is ever written, with as few bytes as it takes.

A program that paints its screen anew, four times at its start or a whole panel for one digit, sends nothing for what is
there already. And where the line to the terminal is slow the difference can be written bit by bit, what changed last
before the rest of what changed earlier: what has changed again meanwhile is never sent as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adam_tui.draw.cells import Cells
from adam_tui.terminal.ansi import Depth
from adam_tui.terminal.sgr import DEFAULT, RESET, Pen, encode, look, looks, same_cell

# Going to another column takes four characters or more, so a shorter gap is written over.
GAP = 3
_PLAIN = look(DEFAULT, DEFAULT)
Span = tuple[int, int, int]  # row, first column, column after the last


class ScreenBuffer:
    """A screen of width × height cells, of which nothing is known at first.

    A cell is its characters (one, or with combining marks, "" in the right half of a wide one) and its look.
    """

    def __init__(self, width: int, height: int, depth: Depth = "truecolor") -> None:
        self.depth = depth
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Another size: nothing is known of what it shows, nor what it should show."""
        self.width, self.height = width, height
        self._text: list[list[str | None]] = [[None] * width for _ in range(height)]  # None: nobody has said
        self._looks = [[_PLAIN] * width for _ in range(height)]
        self._newest: list[Span] = []
        self._older: list[Span] = []
        self.forget()
        self._older.clear()

    def forget(self) -> None:
        """Something else may have written on the terminal: all of it is to be written again."""
        self._shown: list[list[str | None]] = [[None] * self.width for _ in range(self.height)]
        self._shown_looks = [[_PLAIN] * self.width for _ in range(self.height)]
        self._newest.clear()
        self._older = [(row, 0, self.width) for row in range(self.height)]
        self._pen: Pen | None = None
        self._cursor: tuple[int, int] | None = None  # row, column

    @property
    def behind(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._newest or self._older)

    def put(self, row: int, column: int, text: Sequence[str], looks: Sequence[int]) -> None:
        """The terminal should show these cells, from (row, column) to the right; what falls outside is left out."""
        end = min(column + len(text), self.width)
        if not (0 <= row < self.height and 0 <= column < end):
            return
        # What is wanted already is there, or waits for its turn, which does not come sooner for being said again.
        wanted, wanted_looks, first = self._text[row], self._looks[row], column
        while first < end and wanted[first] == text[first - column] and wanted_looks[first] == looks[first - column]:
            first += 1
        if first == end:
            return
        while wanted[end - 1] == text[end - 1 - column] and wanted_looks[end - 1] == looks[end - 1 - column]:
            end -= 1
        part = slice(first - column, end - column)
        wanted[first:end], wanted_looks[first:end] = text[part], looks[part]
        if self._newest and self._newest[-1][0] == row and self._newest[-1][2] == first:
            self._newest[-1] = row, self._newest[-1][1], end
        else:
            self._newest.append((row, first, end))

    def put_cells(self, row: int, column: int, cells: Cells) -> None:
        """The terminal should show this picture with its top left cell at (row, column)."""
        for y, seen in enumerate(looks(cells).tolist()):
            self.put(row + y, column, cells.characters(y), seen)

    def changes(self, limit: int | None = None, cursor: tuple[int, int] | None = None) -> str:
        """What brings the terminal nearer to what it should show; with a limit no more than a row above so many bytes.

        What was put since the last call comes first. `cursor` is where, as (row, column), it is left in the end.
        """
        spans = self._newest + self._older
        self._newest, self._older = [], []
        pieces: list[str] = []
        written = 0
        for n, span in enumerate(spans):
            if limit is not None and written >= limit:
                self._older = spans[n:]
                break
            piece = self._span(*span)
            pieces.append(piece)
            written += len(piece.encode()) if limit is not None else 0
        if cursor is not None and (any(pieces) or cursor != self._cursor):
            pieces.append(self._moved(*cursor))
        return "".join(pieces)

    def _span(self, row: int, first: int, end: int) -> str:
        """The cells of a span that are not as they should be."""
        pieces = []
        for start, stop in self._differing(row, first, end):
            pieces.append(self._moved(row, start))
            text, seen = [cell or "" for cell in self._text[row][start:stop]], self._looks[row][start:stop]
            if self._pen is None:
                self._pen = Pen()
                pieces.append(RESET)
            words, self._pen = encode(text, seen, self.depth, self._pen)
            pieces.append(words)
            self._shown[row][start:stop], self._shown_looks[row][start:stop] = text, seen
            # Who knows where the cursor is after characters of which terminals think differently?
            self._cursor = (row, stop) if all(map(_one_column, text)) else None
        return "".join(pieces)

    def _differing(self, row: int, first: int, end: int) -> Iterable[tuple[int, int]]:
        """The parts of a span to be written, as (first, after the last), short gaps included."""
        text, seen = self._text[row], self._looks[row]
        shown, shown_looks = self._shown[row], self._shown_looks[row]
        while first > 0 and "" in (text[first], shown[first]):  # never half of a wide character
            first -= 1
        while end < self.width and "" in (text[end], shown[end]):
            end += 1
        if "" in text[first:end] or "" in shown[first:end]:
            return [(first, end)]
        found: list[tuple[int, int]] = []
        for i in range(first, end):
            wanted = text[i]
            if wanted is None or same_cell(wanted, seen[i], shown[i], shown_looks[i]):
                continue
            if found and i - found[-1][1] <= GAP:
                found[-1] = found[-1][0], i + 1
            else:
                found.append((i, i + 1))
        return found

    def _moved(self, row: int, column: int) -> str:
        """The way of the cursor to a cell (ECMA-48: CUF, CUP)."""
        at, self._cursor = self._cursor, (row, column)
        if at == (row, column):
            return ""
        if at is not None and at[0] == row and 0 < column - at[1] < 100:
            return f"\x1b[{column - at[1]}C"
        if at is not None and column == 0 and row == at[0] + 1:
            return "\r\n"
        return f"\x1b[{row + 1};{column + 1}H" if column else f"\x1b[{row + 1}H"


def _one_column(text: str) -> bool:
    return len(text) == 1
