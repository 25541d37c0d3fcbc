"""Pictures over time as an asciicast, the terminal recording that asciinema plays: one text file, version 2.

https://docs.asciinema.org/manual/asciicast/v2: a line of JSON about the recording, then one line for each output,
[seconds, "o", text]. A frame writes only the cells that differ from the frame before it, as the app itself does. The
same frames always give the same file: it holds nothing of the clock or of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from adam_tui.draw.cells import Cells
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.terminal.sgr import RESET

# No cursor, and no line wrap: a character in the last column must not scroll the screen.
BEGIN = f"\x1b[?25l\x1b[?7l{RESET}\x1b[2J"
END = f"{RESET}\x1b[?7h\x1b[?25h"
TICK = 6  # decimals of a second


def asciicast(frames: Iterable[tuple[float, Cells]], width: int, height: int, title: str = "") -> Iterator[str]:
    """Yield the lines of the recording, each with its newline; write them as UTF-8.

    `frames` are pictures of `width` × `height` cells with the second at which each appears, in order; a frame that
    changes nothing is not written. The recording lasts until the last of them. Raises ValueError for a picture of
    another size.
    """
    header = {"version": 2, "width": width, "height": height, "env": {"TERM": "xterm-256color"}}
    yield _line(header | ({"title": title} if title else {}))
    buffer = ScreenBuffer(width, height)
    begin, seconds = BEGIN, 0.0
    for seconds, cells in frames:
        if (cells.width, cells.height) != (width, height):
            raise ValueError(f"a frame of {cells.width}×{cells.height} in a recording of {width}×{height}")
        buffer.put_cells(0, 0, cells)
        text = begin + buffer.changes()
        if text:
            yield _output(seconds, text)
        begin = ""
    if not begin:
        yield _output(seconds, f"{END}\x1b[{height};{width}H")


def _output(seconds: float, text: str) -> str:
    return _line([round(seconds, TICK), "o", text])


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
