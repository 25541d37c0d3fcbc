"""The landscape on the training screen: it says what is wanted, draws what is known, and finds the place of a click.

Loaded with the first landscape, not at start-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.geometry import Size

from adam_tui.draw.blocks import Blocks
from adam_tui.draw.cells import Cells
from adam_tui.draw.contour_plot import Backdrop
from adam_tui.draw.palette import Palette
from adam_tui.history.feed import Feed
from adam_tui.ui.train.landscape import view
from adam_tui.ui.train.landscape.computation import LandscapeThread, Picture, Runs, Wanted
from adam_tui.ui.train.landscape.cursor import OnPlane
from adam_tui.ui.train.landscape.state import LandscapeState
from adam_tui.ui.train.state import TrainState


class LandscapePanels:
    """The panels of an open landscape. `report` is called in a thread when there is more of it to draw."""

    def __init__(self, feed: Feed, report: Callable[[], object]) -> None:
        self._feed = feed
        self._thread = LandscapeThread(report)
        self._back: tuple[object, Backdrop | None] = (None, None)

    def show(self, state: TrainState, size: Size, style: tuple[float, Blocks]) -> None:
        """Compute what the state shows in a panel of this size; without a landscape end the computation."""
        shown = state.landscape
        if shown is None:
            self.stop()
            return
        runs = self._paths(shown.through if shown.kind == "points" else (shown.run,))
        if not runs:
            return
        others = self._paths(tuple(run.id for run in state.drawn)) if shown.others else ()
        wanted = Wanted(runs, shown.kind, shown.seed, shown.version, tuple(each for each in others if each not in runs))
        picture = self.picture(state)
        viewport = view.visible(shown, picture, size, style[0]) if picture is not None and size.area else None
        self._thread.want(Wanted(*wanted.plane, wanted.others, None if viewport is None else viewport.bounds))

    def _paths(self, ids: tuple[str, ...]) -> Runs:
        paths = ((id, self._feed.path(id)) for id in ids)
        return tuple((id, path) for id, path in paths if path is not None)

    def stop(self) -> None:
        """End the computation; all that is computed is kept in files."""
        self._thread.want(None)
        self._back = None, None

    def picture(self, state: TrainState) -> Picture | None:
        """All that is known of the landscape that the state shows; None before that."""
        picture, shown = self._thread.picture, state.landscape
        if picture is None or shown is None:
            return None
        runs, kind, seed, version = picture.wanted.plane
        same = (kind, seed, version) == (shown.kind, shown.seed, shown.version) and runs[0][0] == shown.run
        return picture if same else None

    def plane(
        self,
        state: TrainState,
        shown: LandscapeState,
        size: Size,
        palette: Palette,
        style: tuple[float, Blocks],
        keys: Mapping[str, str],
    ) -> Cells:
        """The plane in a panel of this size, or why it is missing; `keys` are the names of the keys by action."""
        picture = self.picture(state)
        back = self.backdrop(state, shown, size, palette, style)
        if picture is None or back is None:
            return view.empty((size.width, size.height), palette, view.problem_text(state, picture, keys))
        return view.plane(state, shown, picture, back)

    def readings(self, state: TrainState, shown: LandscapeState, size: Size, palette: Palette) -> Cells:
        """The values at the cursor, and all that the plane hides."""
        return view.readings(state, shown, self.picture(state), (size.width, size.height), palette)

    def titles(self, state: TrainState, shown: LandscapeState) -> tuple[str, str]:
        """The title and the subtitle of the plane's panel."""
        return view.title(state, shown), view.subtitle(self.picture(state))

    def backdrop(
        self, state: TrainState, shown: LandscapeState, size: Size, palette: Palette, style: tuple[float, Blocks]
    ) -> Backdrop | None:
        """The contour, drawn once for each view and picture: moving the cursor draws only what is above it."""
        picture = self.picture(state)
        if picture is None:
            return None
        key = (picture.loss_at, picture.home, shown.view, size, palette, style)
        if key != self._back[0]:
            self._back = key, view.backdrop(shown, picture, (size.width, size.height), palette, style)
        return self._back[1]

    def on_plane(self, state: TrainState, size: Size, palette: Palette, style: tuple[float, Blocks]) -> OnPlane | None:
        """The data that the keys and the mouse need on the plane; None before there is a plane."""
        shown, picture = state.landscape, self.picture(state)
        if shown is None or picture is None or not size.area:
            return None
        back = self.backdrop(state, shown, size, palette, style)
        if back is None:
            return None
        step = view.selected_step(state, shown, picture)
        seen, home = picture.paths[0].seen, picture.home
        assert home is not None
        return OnPlane(
            back.viewport,
            back.plot_offset,
            home,
            seen.steps,
            seen.places,
            step,
            view.cursor_place(state, shown, picture),
        )
