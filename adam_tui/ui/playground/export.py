"""Export of the playground: text for the clipboard, and files.

The texts and the frames of a recording are functions of the state; only `save` and `write_new` touch the disk. Each
answer in `EXPORTS` and `COPIES` is a key, the kind, and the label that the dialog shows.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from adam_tui.draw.blocks import Blocks
from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import Palette
from adam_tui.draw.svg import to_svg
from adam_tui.draw.viewport import CELL_ASPECT
from adam_tui.engine import export
from adam_tui.engine.pytorch_code import to_pytorch
from adam_tui.engine.scenario import Scenario
from adam_tui.runs.files import part_path
from adam_tui.terminal.asciicast import asciicast
from adam_tui.ui.playground import view
from adam_tui.ui.playground.state import SPEEDS, PlaygroundState

Answer = tuple[str, str, str]  # key, kind, label

SCREEN: Answer = ("e", "screen", "the whole screen (SVG)")  # Textual's own export, which the app carries out
EXPORTS: tuple[Answer, ...] = (
    ("s", "svg", "picture of this moment (SVG)"),
    ("c", "csv", "every point of every path (CSV)"),
    ("j", "json", "the race and its paths (JSON)"),
    ("r", "cast", "recording of the whole race (asciinema)"),
)
# Offered while a map is open; the command line only for a map that `adam-tui map` or `adam-tui basins` makes.
MAP_EXPORTS: tuple[Answer, ...] = (
    ("m", "map.svg", "picture of the map (SVG)"),
    ("t", "map.csv", "outcome of every cell of the map (CSV)"),
)
MAP_COPY: Answer = ("m", "map", "command line of the map")
COPIES: tuple[Answer, ...] = (
    ("c", "command", "command line"),
    ("p", "pytorch", "PyTorch code"),
    ("j", "json", "JSON"),
)

PICTURE_SIZE = (120, 40)  # columns and rows
RECORDING_SIZE = (100, 32)  # fits the width of a web page
FPS = 20
LONGEST = 30.0  # seconds: a longer race is played faster
HOLD = 2.0  # seconds that the last picture stays


def copy_text(kind: str, state: PlaygroundState) -> str:
    """Return the race or its map as text, in one of `COPIES` or as `MAP_COPY`.

    Raises KeyError for another kind, ValueError with one line.
    """
    if kind == MAP_COPY[1]:
        from adam_tui.ui.playground.maps.export import command

        return shlex.join(command(state))
    return _TEXTS[kind](state.scenario)


def recording(
    state: PlaygroundState, width: int, height: int, palette: Palette, fps: int = FPS
) -> Iterator[tuple[float, Cells]]:
    """Draw the race as a sequence of (seconds, picture), at the speed and in the view of `state`.

    There are at most `fps` pictures a second, and none for a step that is already drawn. The recording takes at most
    LONGEST seconds, and HOLD for the last picture. A picture of 100×32 takes about 1 ms.
    """
    steps = state.scenario.steps
    pace = max(SPEEDS[state.speed], steps / LONGEST)
    shown = -1
    for i in range(int(steps / pace * fps) + 1):
        step = int(i / fps * pace)
        if shown < step < steps:
            yield i / fps, _frame(state, step, width, height, palette)
            shown = step
    last = _frame(state, steps, width, height, palette)
    yield steps / pace, last
    yield steps / pace + HOLD, last


def _frame(state: PlaygroundState, step: int, width: int, height: int, palette: Palette) -> Cells:
    return _still(replace(state, clock=float(step)), width, height, palette)


def _still(state: PlaygroundState, width: int, height: int, palette: Palette, blocks: Blocks = "quadrants") -> Cells:
    """Draw a picture for cells of the usual shape, not those of the terminal in which the app runs."""
    shown = replace(state, crosshair=None, cell_aspect=CELL_ASPECT, blocks=blocks)
    return view.still(shown, width, height, palette)


def save(kind: str, state: PlaygroundState, directory: Path, palette: Palette) -> Path:
    """Write one of `EXPORTS` or `MAP_EXPORTS` into a new file in `directory`, and return its path.

    Raises OSError when it cannot be written, and leaves no file then. Raises KeyError for another kind. A recording
    takes half a second; a map is computed to its end first.
    """
    if kind in {each for _, each, _ in MAP_EXPORTS}:
        from adam_tui.ui.playground.maps import export as map_export

        lines = map_export.svg(state, palette) if kind == "map.svg" else map_export.csv(state)
        return write_new(directory, map_export.file_stem(state), kind.partition(".")[2], lines)
    return write_new(directory, file_stem(state.scenario), kind, _WRITERS[kind](state, palette))


def write_new(directory: Path, stem: str, suffix: str, lines: Iterable[str]) -> Path:
    """Write `lines` into a new file `stem.suffix`, or with the next free number, and return its path.

    An empty file reserves the name until the file is complete. Raises OSError when it cannot be written, and leaves no
    file then.
    """
    path = _reserve(directory, stem, suffix)
    part = part_path(path)
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        os.replace(part, path)
    except BaseException:
        for written in (part, path):
            with contextlib.suppress(OSError):
                written.unlink()
        raise
    return path


def file_stem(scenario: Scenario) -> str:
    """The name of exported files, without suffix: adam-tui-rosenbrock-3-lanes."""
    lanes = len(scenario.lanes)
    name = scenario.surface if scenario.function is None else "function"
    return f"adam-tui-{name}-{lanes}-{'lane' if lanes == 1 else 'lanes'}"


def _reserve(directory: Path, stem: str, suffix: str) -> Path:
    """Create an empty file: stem.suffix, or the first of stem-2.suffix, stem-3.suffix … that does not exist."""
    number = 1
    while True:
        path = directory / f"{stem}{'' if number == 1 else f'-{number}'}.{suffix}"
        try:
            path.touch(exist_ok=False)  # fails where a file exists, so two programs never get the same name
        except FileExistsError:
            number += 1
        else:
            return path


def _command(scenario: Scenario) -> str:
    return shlex.join(["adam-tui", *scenario.to_flags()])


def _json(scenario: Scenario) -> str:
    return json.dumps(scenario.to_json(), indent=2, allow_nan=False) + "\n"


def _svg(state: PlaygroundState, palette: Palette) -> Iterable[str]:
    width, height = PICTURE_SIZE
    still = _still(state, width, height, palette, "sextants")  # in SVG they are rectangles, and need no font
    return [to_svg(still, f"adam-tui: {still.text(0).strip()}")]


def _cast(state: PlaygroundState, palette: Palette) -> Iterable[str]:
    width, height = RECORDING_SIZE
    title = f"adam-tui: {' · '.join((state.surface.title, *state.scenario.labels()))}"
    return asciicast(recording(state, width, height, palette), width, height, title)


_TEXTS: Mapping[str, Callable[[Scenario], str]] = {"command": _command, "pytorch": to_pytorch, "json": _json}
_WRITERS: Mapping[str, Callable[[PlaygroundState, Palette], Iterable[str]]] = {
    "svg": _svg,
    "csv": lambda state, palette: export.to_csv(state.scenario),
    "json": lambda state, palette: export.to_json(state.scenario),
    "cast": _cast,
}
