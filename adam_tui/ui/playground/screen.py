"""Mode 1: turns keys into events, keeps the newest state, and hands each panel the cells that belong to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Size
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from adam_tui.draw.cells import Cells, text_width
from adam_tui.draw.palette import Palette
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.actions import FooterKey, KeyGroup
from adam_tui.ui.caption import caption
from adam_tui.ui.config import remember_hints
from adam_tui.ui.layout import NARROW, WIDE, side_size
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground import view as playground_view
from adam_tui.ui.playground.actions import ACTIONS, footer, keys_of_now
from adam_tui.ui.playground.hints import hint
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update

FRAMES_PER_SECOND = 20  # unless the settings say otherwise
# While it plays, the tables and the loss curve follow at a rate that can be read; the path moves every frame.
READINGS_PER_SECOND = 4
SIDE_FRAME = 4  # columns of a panel's border and padding


class PlaygroundScreen(ModeScreen[PlaygroundState, Any, Any, Any]):
    """The contour with its paths on the left; lanes, knobs, arithmetic and losses on the right."""

    MODE = "playground"
    ACTIONS = ACTIONS
    HORIZONTAL_BREAKPOINTS = [
        (0, "-narrow"),
        (NARROW, "-normal"),
        (WIDE, "-wide"),
    ]

    # Not repainted as a whole: the panels repaint the cells that changed.
    state: reactive[PlaygroundState] = reactive(PlaygroundState, init=False, repaint=False)

    def __init__(
        self,
        state: PlaygroundState,
        clock: Callable[[], float] = time.monotonic,
        frames_per_second: int = FRAMES_PER_SECOND,
        behind: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._behind = behind
        self.set_reactive(PlaygroundScreen.state, state)
        self._clock = clock
        self._last_tick = 0.0
        self._frame = 0
        self._frames_per_second = frames_per_second
        self._frames_per_reading = max(1, frames_per_second // READINGS_PER_SECOND)
        self._timer: Timer | None = None
        self._charts = False

    def body(self) -> Iterable[Widget]:
        """The contour, the panels beside it, and the timeline."""
        contour = CellView(partial(self._cells, "contour"), id="contour", classes="panel plot")
        side = []
        for name, title in (("lanes", "Lanes"), ("knobs", ""), ("inspector", "Arithmetic"), ("loss", "Loss")):
            view = CellView(partial(self._cells, name), id=name, classes="panel")
            view.border_title = title
            side.append(view)
        yield Horizontal(contour, Vertical(*side, id="side"), id="body")
        yield Static(id="caption")
        yield CellView(partial(self._cells, "timeline"), id="timeline")

    def keys_of_now(self) -> KeyGroup | None:
        """Those of placing a start, or of a scenario with a caption."""
        return keys_of_now(self.state)

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter now."""
        return footer(self.state)

    def on_mount(self) -> None:
        """Start the clock, paused unless the state plays."""
        self._timer = self.set_interval(1 / self._frames_per_second, self._tick, pause=True)
        self._caption()
        self._dress()
        self.call_after_refresh(self.run_worker, self._load_charts, thread=True)
        if self.state.playing:
            self._last_tick = self._clock()
            self._timer.resume()

    def _load_charts(self) -> None:
        """Load plotext, which takes half as long as all the rest, once the contour is on the screen."""
        import plotext  # noqa: F401

        self._charts = True
        self.app.call_from_thread(self._draw, ("loss",))

    def on_screen_suspend(self) -> None:
        """Another mode is shown: nothing moves here."""
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        """Shown again: go on where it stopped."""
        if self._timer is not None and self.state.playing:
            self._last_tick = self._clock()
            self._timer.resume()

    @property
    def palette(self) -> Palette:
        """The colours of the pictures."""
        return self.host.palette

    def dispatch(self, event: object) -> None:
        """Take an event to the state."""
        self.state = update(self.state, event)  # type: ignore[arg-type]

    def _tick(self) -> None:
        if self._behind():
            return  # the line is slow; the next frame makes up for the time
        now = self._clock()
        elapsed, self._last_tick = now - self._last_tick, now
        self._frame += 1
        self.dispatch(e.Tick(elapsed))

    def watch_state(self, before: PlaygroundState, after: PlaygroundState) -> None:
        """Draw what the change touches."""
        if self._timer is None:  # not on the screen yet: `on_mount` draws all of it
            return
        if after.playing != before.playing:
            self._last_tick = self._clock()
            # what was asked for before another mode or a window came may be done only now: that one hides us
            (self._timer.resume if after.playing and self.is_active else self._timer.pause)()
        if (before.playing, before.crosshair is None) != (after.playing, after.crosshair is None):
            self.refresh_footer()
        only_time = before.playing and after.playing and before.scenario == after.scenario
        if not only_time:
            self._dress()
        if (before.preset, hint(before)) != (after.preset, hint(after)):
            self._caption()
        if after.hints != before.hints:
            remember_hints(set(before.hints) - set(after.hints))
        self._draw(("contour", "timeline"))
        if not (only_time and self._frame % self._frames_per_reading):
            self._draw(("lanes", "knobs", "inspector", "loss"))

    def redraw(self) -> None:
        """Everything anew, in the colours of another theme."""
        self._dress()
        self._draw(("contour", "lanes", "knobs", "inspector", "loss", "timeline"))

    def _dress(self) -> None:
        """Titles and heights, which change with the surface and the lanes but not with time."""
        surface, lane = self.state.surface, self.state.chosen_lane
        name = surface.name if surface.name in surface.title else f"{surface.name}  {surface.title}"
        self._title("contour", name, self._legend())
        self._title("knobs", f"{self.palette.lane(self.state.lane)[1]} {lane.rule.title}")
        self._title("loss", playground_view.loss_title(self.state))
        # before the first layout the size that it will have, so that the first is the last
        size = self.query_one("#side", Vertical).size or Size(
            *side_size(*self.app.size, hinted=bool(hint(self.state)[0]))
        )
        if size.height > 0:
            heights = playground_view.side_heights(size.height, size.width - SIDE_FRAME, self.state)
            for panel in ("lanes", "knobs", "inspector", "loss"):
                rows = getattr(heights, panel)
                view = self.query_one(f"#{panel}", CellView)
                view.display = rows > playground_view.FRAME
                if panel != "loss":
                    view.styles.height = rows

    def _legend(self) -> str:
        """What the signs on the contour mean, as markup: with the vectors' colours while they are shown."""
        signs = ["○ start", "✛ minimum"] if self.state.surface.minima else ["○ start"]
        if self.state.vectors:
            colors = playground_view.vector_colors(self.palette).items()
            signs += [f"[rgb({r},{g},{b})]→ {name}[/]" for name, (r, g, b) in colors]
        return " · ".join(signs)

    def action_perform(self, name: str) -> None:
        """Do it; then what proposed to try it is done."""
        super().action_perform(name)
        self.dispatch(e.Used(name))

    def _caption(self) -> None:
        """The sentence of a named scenario, while there is one; else what one may try next."""
        foot, preset = self.query_one("#caption", Static), self.state.preset
        proposed, way_out = map(self.named, hint(self.state))
        foot.display = preset is not None or bool(proposed)
        foot.set_class(preset is None, "-hint")
        if preset is not None:
            stops = self.state.stops
            others = "{next_exhibit} next · {gallery} all · " if stops > 1 else ""
            keys = self.named(others + "{mode_learn} Learn · {cancel} close")
            place = f"{self.state.stop + 1}/{stops}"
            foot.update(caption(place, preset.title, preset.sentence, keys))
        elif proposed:
            key, _, words = proposed.partition(" ")
            room = self.size.width - 2 - text_width(proposed)
            right = f"{way_out:>{room}}" if text_width(way_out) < room else ""
            foot.update(Content.assemble((key, "bold $accent"), f" {words}", (right, "$text-muted")))
        self.call_after_refresh(self._dress)

    def _title(self, panel: str, title: str, subtitle: str = "") -> None:
        view = self.query_one(f"#{panel}", CellView)
        if (view.border_title, view.border_subtitle or "") != (title, subtitle):
            view.border_title, view.border_subtitle = title, subtitle

    def _draw(self, panels: Iterable[str]) -> None:
        for panel in panels:
            view = self.query_one(f"#{panel}", CellView)
            size = _content_size(view)
            if view.display and size.width > 0 and size.height > 0:
                view.show(self._cells(panel, size))

    def _cells(self, panel: str, size: Size) -> Cells:
        if panel == "timeline":
            return playground_view.timeline(self.state, size.width, self.palette)
        if panel == "loss" and not self._charts:
            return Cells.blank(size.width, size.height, self.palette.foreground, self.palette.background)
        draw = getattr(playground_view, panel)
        cells: Cells = draw(self.state, size.width, size.height, self.palette)
        return cells

    def on_resize(self, event: Resize) -> None:
        """Share the rows anew once the layout is known."""
        super().on_resize(event)
        self._caption()

    def on_click(self, event: Click) -> None:
        """Start from where the plot was clicked."""
        view = self.query_one("#contour", CellView)
        size = _content_size(view)
        if not view.content_region.contains_point(event.screen_offset):
            return
        offset = event.screen_offset - view.content_region.offset
        drawn = playground_view.backdrop_of(self.state, size.width, size.height, self.palette)
        row, column = offset.y - drawn.plot_offset[0], offset.x - drawn.plot_offset[1]
        if 0 <= row < drawn.viewport.height and 0 <= column < drawn.viewport.width:
            self.dispatch(e.SetStart(*drawn.viewport.from_cell(row, column)))

    def effect(self, name: str) -> Callable[[], None] | None:
        """What an action does beside the state; the windows are loaded when the first is asked for."""
        from adam_tui.ui.playground.effects import EFFECTS

        return partial(EFFECTS[name], self) if name in EFFECTS else None


def _content_size(view: CellView) -> Size:
    return view.content_region.size if view.is_mounted else Size(0, 0)
