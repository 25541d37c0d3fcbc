"""Pictures over time as an asciicast, the terminal recording that asciinema plays: one text file, version 2.

https://docs.asciinema.org/manual/asciicast/v2: a line of JSON about the recording, then one line for each output,
[seconds, "o", text]. A frame writes only the cells that differ from the frame before it, as the app itself does.
The same frames always give the same file: nothing of the clock or of this machine is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells

# No cursor, and no line wrap: a character in the last column must not scroll the screen.
BEGIN = "\x1b[?25l\x1b[?7l\x1b[0m\x1b[2J"
END = "\x1b[0m\x1b[?7h\x1b[?25h"
# Going to another column takes about eight characters, so a short gap is written over.
GAP = 4
TICK = 6  # decimals of a second

Style = tuple[int, int, bool]  # foreground and background 0xRRGGBB, bold
NO_STYLE: Style = (-1, -1, False)  # as after a reset


def asciicast(frames: Iterable[tuple[float, Cells]], width: int, height: int, title: str = "") -> Iterator[str]:
    """The lines of the recording, each with its newline; write them as UTF-8.

    `frames` are pictures of `width` × `height` cells with the second at which each appears, in order; one that
    changes nothing is not written. The recording lasts until the last of them. ValueError for a picture of another
    size.
    """
    header = {"version": 2, "width": width, "height": height, "env": {"TERM": "xterm-256color"}}
    yield _line(header | ({"title": title} if title else {}))
    shown: Cells | None = None
    style = NO_STYLE
    seconds = 0.0
    for seconds, cells in frames:
        if (cells.width, cells.height) != (width, height):
            raise ValueError(f"a frame of {cells.width}×{cells.height} in a recording of {width}×{height}")
        text, style = _update(cells, shown, style)
        if shown is None:
            text = BEGIN + text
        if text:
            yield _event(seconds, text)
        shown = cells
    if shown is not None:
        yield _event(seconds, f"{END}\x1b[{height};{width}H")


def _event(seconds: float, text: str) -> str:
    return _line([round(seconds, TICK), "o", text])


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def _update(cells: Cells, shown: Cells | None, style: Style) -> tuple[str, Style]:
    """What turns the screen from `shown` (None: blank) into `cells`, and the style that the terminal then has."""
    changed = np.ones((cells.height, cells.width), np.bool_) if shown is None else cells.changed(shown)
    pieces: list[str] = []
    fg, bg = _packed(cells.fg), _packed(cells.bg)
    for row in np.flatnonzero(changed.any(axis=1)).tolist():
        styles = list(zip(fg[row].tolist(), bg[row].tolist(), cells.bold[row].tolist(), strict=True))
        for start, stop in _spans(changed[row]):
            pieces.append(f"\x1b[{row + 1};{start + 1}H")  # CUP counts from 1
            for column in range(start, stop):
                character = cells.text(row, column, column + 1)
                wanted: Style = styles[column]
                if character == " ":  # its foreground is not seen
                    wanted = (style[0], wanted[1], style[2])
                if wanted != style:
                    pieces.append(_select(wanted, style))
                    style = wanted
                pieces.append(character)
    return "".join(pieces), style


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.asarray(rgb.astype(np.int64) @ np.array([65536, 256, 1]))


def _spans(changed: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The changed columns of a row as (first, after the last), those with short gaps between them as one."""
    columns = np.flatnonzero(changed)
    breaks = np.flatnonzero(np.diff(columns) > GAP + 1)
    starts = [int(columns[0]), *columns[breaks + 1].tolist()]
    stops = [*(columns[breaks] + 1).tolist(), int(columns[-1]) + 1]
    return list(zip(starts, stops, strict=True))


def _select(wanted: Style, style: Style) -> str:
    """The escape (SGR, ECMA-48 8.3.117) that changes one style into another."""
    codes = []
    if wanted[2] != style[2]:
        codes.append("1" if wanted[2] else "22")
    codes += [
        f"{ground};2;{c >> 16};{c >> 8 & 255};{c & 255}"
        for ground, c, now in ((38, wanted[0], style[0]), (48, wanted[1], style[1]))
        if c != now
    ]
    return f"\x1b[{';'.join(codes)}m"
