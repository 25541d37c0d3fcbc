"""The pictures of the landscape: the plane with its paths, and the readings with all that the plane hides.

Pure functions of the state and of a `Picture`, what is known of the landscape so far.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adam_tui.draw import contour_plot, landscape_plot
from adam_tui.draw.blocks import Blocks
from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.contour_plot import Backdrop
from adam_tui.draw.landscape_plot import DOT, HOLLOW, Track
from adam_tui.draw.palette import Palette
from adam_tui.draw.viewport import Viewport
from adam_tui.engine.numbers import format_duration
from adam_tui.landscape import report
from adam_tui.ui.actions import with_keys_named
from adam_tui.ui.train.labels import loss_text, run_style
from adam_tui.ui.train.landscape.computation import PathOnPlane, Picture
from adam_tui.ui.train.landscape.state import LandscapeState, Place
from adam_tui.ui.train.state import TrainState

CROSS = "┼"
PREPARING = "projecting the path…"


def title(state: TrainState, shown: LandscapeState) -> str:
    """The title of the plane's panel."""
    plane = {
        "pca": "main plane",
        "random": f"random plane {shown.seed}" if shown.seed else "random plane",
        "points": "runs' plane",
    }
    name = state.run.title if state.run is not None else shown.run
    part = " · 0 shows all" if shown.view is not None else ""
    return f"{name} · {plane[shown.kind]}{part}"


def subtitle(picture: Picture | None) -> str:
    """How far the computation is, and then the meaning of the dots; "" without a plane."""
    if picture is None or picture.survey is None:
        return ""
    if not picture.complete:
        return "stopped" if picture.problem else progress(picture)
    return f"{DOT} colour: own loss · {HOLLOW} off the plane"


def progress(picture: Picture) -> str:
    """The computed share, and the time that is left, or who computes it."""
    if picture.elsewhere:
        return f"another process computes it: {picture.done / max(picture.total, 1):.0%}"
    if not picture.done:
        return "loading torch and the images…"
    left = f", {format_duration(picture.seconds_left)} left" if math.isfinite(picture.seconds_left) else ""
    return f"computing {picture.done / max(picture.total, 1):.0%}{left}"


def visible(shown: LandscapeState, picture: Picture, size: tuple[int, int], cell_aspect: float) -> Viewport | None:
    """The part of the plane that a panel of this size shows; None without a plane."""
    if picture.home is None:
        return None
    return contour_plot.plot_area(shown.view or picture.home, *size, cell_aspect=cell_aspect)[0]


def backdrop(
    shown: LandscapeState, picture: Picture, size: tuple[int, int], palette: Palette, style: tuple[float, Blocks]
) -> Backdrop | None:
    """The contour of the losses that are computed so far, with its axes; None without a plane."""
    if picture.home is None or picture.loss_at is None:
        return None
    aspect, blocks = style
    return contour_plot.backdrop(
        picture.loss_at, shown.view or picture.home, *size, palette, cell_aspect=aspect, blocks=blocks
    )


def plane(state: TrainState, shown: LandscapeState, picture: Picture, back: Backdrop) -> Cells:
    """The plane with the paths, up to the step at the cursor, and the cursor."""
    step = selected_step(state, shown, picture)
    tracks = [_track(state, path, step) for path in picture.paths]
    return landscape_plot.with_tracks(back, tracks, cursor_place(state, shown, picture))


def _track(state: TrainState, path: PathOnPlane, step: int | None) -> Track:
    seen = path.seen
    last = None if step is None else max(int(np.searchsorted(seen.steps, step, side="right")) - 1, 0)
    slot = state.slots.get(path.id, 0)
    return Track(path.id, seen.places, path.losses, seen.hollow, slot, last, selected=path.id == state.selected)


def selected_step(state: TrainState, shown: LandscapeState, picture: Picture) -> int | None:
    """The recorded step of the selected run at the cursor, or nearest to the cursor of the curves; None without one."""
    if shown.step is not None:
        return shown.step
    if state.cursor is None or shown.place is not None or not picture.paths:
        return None
    steps = picture.paths[0].seen.steps
    return int(steps[abs(steps - state.cursor).argmin()])


def cursor_place(state: TrainState, shown: LandscapeState, picture: Picture) -> Place | None:
    """The place of the cursor: where it was put, or at the selected step."""
    if shown.place is not None:
        return shown.place
    step = selected_step(state, shown, picture)
    return None if step is None else place_of(picture, step)


def place_of(picture: Picture, step: int) -> Place:
    """The place of a recorded step of the selected run."""
    seen = picture.paths[0].seen
    a, b = seen.places[int(abs(seen.steps - step).argmin())].tolist()
    return a, b


def empty(size: tuple[int, int], palette: Palette, text: str) -> Cells:
    """A panel without a plane: the reason, and the remedy."""
    width, height = size
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    lines = [line for part in text.split("\n") for line in _wrapped(part, width - 4)][:height]
    for row, line in enumerate(lines, max((height - len(lines)) // 2, 0)):
        cells.put(row, max((width - len(line)) // 2, 0), line, palette.foreground)
    return cells


def problem_text(state: TrainState, picture: Picture | None, keys: Mapping[str, str]) -> str:
    """Why there is no plane, and the remedy."""
    if picture is None or not picture.problem:
        return PREPARING
    run = state.run
    remedy = ""
    if "kept no weights" in picture.problem:
        remedy = "A run keeps its weights from its start on. {again} starts one with the same settings."
        if run is not None and run.alive:
            remedy = "It appears here once the run has recorded some."
    elif "has recorded" in picture.problem:
        remedy = "It appears here once they are recorded." if run is not None and run.alive else ""
    elif (
        "start from different weights" in picture.problem
        or "on a line" in picture.problem
        or "random plane" in picture.problem
    ):
        remedy = "{next_plane} shows another plane."
    return "\n".join(
        filter(None, [picture.problem, with_keys_named(remedy, keys), f"{keys['close']} shows the curves"])
    )


# The readings.


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    color: Color
    bold: bool = False


def readings(
    state: TrainState, shown: LandscapeState, picture: Picture | None, size: tuple[int, int], palette: Palette
) -> Cells:
    """The values at the cursor, the paths, the progress, and how much of the truth the plane shows."""
    width, height = size
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    lines: list[_Line] = []
    if picture is not None and picture.survey is not None:
        first = _at_cursor(state, shown, picture, palette)
        if picture.problem:
            lines.append(_Line(picture.problem, palette.states["diverged"]))
        elif not picture.complete:
            lines.append(_Line(progress(picture), palette.states["running"]))
        lines += [_Line(remark, palette.states["diverged"]) for remark in picture.remarks]
        legend = _legend(state, picture, palette)
        # The list of runs has the markers too: where there is no room, the caption is more important.
        full, short = ([_Line(text, palette.faint) for text in caption(picture, short=each)] for each in (False, True))
        choices = [
            [*first, *legend, *lines, *full],
            [*first, *lines, *full],
            [*first, *legend, *lines, *short],
            [*first, *lines, *short],
        ]
        lines = next((each for each in choices if _rows(each, width) <= height), choices[-1])
    row = 0
    for line in lines:
        for text in _wrapped(line.text, width):
            if row < height:
                cells.put(row, 0, text, line.color, bold=line.bold)
            row += 1
    if row > height > 0:
        cells.put(height - 1, width - 1, "…", palette.faint)
    return cells


def _rows(lines: Sequence[_Line], width: int) -> int:
    return sum(len(_wrapped(line.text, width)) for line in lines)


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns; the name of a run is not broken at its hyphen."""
    return textwrap.wrap(text, max(width, 1), break_on_hyphens=False)


def caption(picture: Picture, *, short: bool = False) -> list[str]:
    """The lines of the command line's caption, of all paths that are drawn; `short` ones for a small panel."""
    survey, request = picture.survey, picture.request
    if survey is None or request is None:
        return []
    first, paths = picture.paths[0], [path.seen for path in picture.paths]
    end = _loss_at_step(first, int(survey.paths[0].steps[-1]))
    if short:
        images = request.images, picture.total_images
        return report.short_caption(survey, paths, images, np.array([end, picture.all_loss]))
    return [
        report.explained_text(survey),
        report.off_plane_text(paths),
        report.images_text(request, picture.total_images, picture.all_loss, end, first.seen.name),
    ]


def _loss_at_step(path: PathOnPlane, step: int) -> float:
    place = np.flatnonzero(path.seen.steps == step)
    return float(path.losses[place[0]]) if len(place) else math.nan


def _at_cursor(state: TrainState, shown: LandscapeState, picture: Picture, palette: Palette) -> list[_Line]:
    """The readings at the cursor: of a recorded step its own loss and what the plane shows there."""
    place = cursor_place(state, shown, picture)
    if place is None or picture.loss_at is None or picture.accuracy_at is None or picture.survey is None:
        return []
    at = np.array(place)
    loss, accuracy = float(picture.loss_at(at[None])[0]), float(picture.accuracy_at(at[None])[0])
    origin = "start" if picture.survey.plane.kind == "points" and len(picture.survey.paths) == 2 else "end"
    away = float(np.hypot(*(at * picture.survey.plane.norms)))
    here = f"loss {loss_text(loss)} · {_percent(accuracy)}"
    step = selected_step(state, shown, picture)
    if step is None:
        return [
            _Line(f"{CROSS} {here}", palette.accent, bold=True),
            _Line(f"distance {away:.3g} from the {origin}", palette.foreground),
        ]
    path = picture.paths[0]
    number = int(abs(path.seen.steps - step).argmin())
    off, far = float(path.seen.off_plane[number]), float(path.seen.from_origin[number])
    own = f"loss {loss_text(float(path.losses[number]))} · {_percent(float(path.accuracies[number]))}"
    sign = HOLLOW if path.seen.hollow[number] else DOT
    return [
        _Line(f"{sign} step {step:,}: {own}", palette.accent, bold=True),
        _Line(f"the plane there: {here}", palette.foreground),
        _Line(f"distance {far:.3g} from the {origin}, {off:.3g} of it off the plane", palette.foreground),
    ]


def _percent(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "–"


def _legend(state: TrainState, picture: Picture, palette: Palette) -> list[_Line]:
    """The names of the paths, once there are several."""
    if len(picture.paths) < 2:
        return []
    lines = []
    for run in state.runs:
        path = next((each for each in picture.paths if each.id == run.id), None)
        if path is not None:
            color, marker = run_style(state, run, palette)
            last = loss_text(float(path.losses[-1]))
            lines.append(_Line(f"{marker} {run.title}: {last} at step {int(path.seen.steps[-1]):,}", color, bold=True))
    return lines
