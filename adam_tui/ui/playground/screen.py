"""The screen of the playground: turns keys into events, keeps the state, and shows each panel's cells."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

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
from adam_tui.ui.layout import NARROW, WIDE, side_size
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground import view as pictures
from adam_tui.ui.playground.actions import ACTIONS, current_keys, footer
from adam_tui.ui.playground.events import ActionUsed, Event, EventContext, SetStart, Tick
from adam_tui.ui.playground.hints import hint
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update

if TYPE_CHECKING:
    from adam_tui.ui.playground.effects import Effect

FRAMES_PER_SECOND = 20  # unless the settings have another rate
# While the race plays, tables and the loss curve are redrawn at a rate that can be read; the path moves every frame.
TABLES_PER_SECOND = 4
SIDE_FRAME = 4  # columns of a panel's border and padding
SIDE = ("lanes", "knobs", "inspector", "loss")  # the panels of the right side
PANELS = ("contour", *SIDE, "timeline")


class PlaygroundScreen(ModeScreen[PlaygroundState, Event, "Effect", EventContext]):
    """The contour with its paths on the left; lanes, knobs, arithmetic and losses on the right."""

    MODE = "playground"
    ACTIONS = ACTIONS
    HORIZONTAL_BREAKPOINTS = [
        (0, "-narrow"),
        (NARROW, "-normal"),
        (WIDE, "-wide"),
    ]

    # A new state does not repaint the screen as a whole: the panels repaint the cells that changed.
    state: reactive[PlaygroundState] = reactive(PlaygroundState, init=False, repaint=False)

    def __init__(
        self,
        state: PlaygroundState,
        clock: Callable[[], float] = time.monotonic,
        frames_per_second: int = FRAMES_PER_SECOND,
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_behind` is true while the terminal has not taken the last frames."""
        super().__init__()
        self._is_behind = is_behind
        self.set_reactive(PlaygroundScreen.state, state)
        self._clock = clock
        self._last_tick = 0.0
        self._frame = 0
        self._frames_per_second = frames_per_second
        self._frames_per_table = max(1, frames_per_second // TABLES_PER_SECOND)
        self._timer: Timer | None = None
        self._charts_loaded = False

    def body(self) -> Iterable[Widget]:
        """The contour, the panels beside it, the caption and the timeline."""
        contour = CellView(partial(self._cells, "contour"), id="contour", classes="panel plot")
        titles = {"lanes": "Lanes", "knobs": "", "inspector": "Arithmetic", "loss": "Loss"}
        side = []
        for name in SIDE:
            view = CellView(partial(self._cells, name), id=name, classes="panel")
            view.border_title = titles[name]
            side.append(view)
        yield Horizontal(contour, Vertical(*side, id="side"), id="body")
        yield Static(id="caption")
        yield CellView(partial(self._cells, "timeline"), id="timeline")

    def current_keys(self) -> KeyGroup | None:
        """The keys for placing a start, or for a preset with its caption."""
        return current_keys(self.state)

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter now."""
        return footer(self.state)

    # --- events and effects ----------------------------------------------------------------------------------------

    def update_state(self, event: Event) -> tuple[PlaygroundState, Sequence[Effect]]:
        """Return the next state and the effects of an event."""
        return update(self.state, event)

    def event_context(self) -> EventContext:
        """Draw the random numbers that a key's event may need."""
        return EventContext((random.random(), random.random()))

    def carry_out(self, effect: Effect) -> None:
        """Carry out one effect."""
        from adam_tui.ui.playground.carry_out import carry_out  # loads the dialogs, which the start does not need

        carry_out(effect, self)

    def action_perform(self, name: str) -> None:
        """Perform an action, and complete the hint that proposed it."""
        super().action_perform(name)
        self.dispatch(ActionUsed(name))

    def on_click(self, event: Click) -> None:
        """Start from the point that was clicked."""
        view = self.query_one("#contour", CellView)
        if not view.content_region.contains_point(event.screen_offset):
            return
        size, offset = _content_size(view), event.screen_offset - view.content_region.offset
        backdrop = pictures.backdrop_of(self.state, size.width, size.height, self.palette)
        if (point := backdrop.point(offset.y, offset.x)) is not None:
            self.dispatch(SetStart(*point))

    # --- time ------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Draw everything around the panels, and start the clock if the state plays."""
        self._timer = self.set_interval(1 / self._frames_per_second, self._tick, pause=True)
        self._show_caption()
        self._arrange_panels()
        self.call_after_refresh(self.run_worker, self._load_charts, thread=True)
        if self.state.playing:
            self._last_tick = self._clock()
            self._timer.resume()

    def _load_charts(self) -> None:
        """Load plotext after the first picture: it takes half as long as all other imports together."""
        import plotext  # noqa: F401

        self._charts_loaded = True
        self.app.call_from_thread(self._draw, ("loss",))

    def on_screen_suspend(self) -> None:
        """Stop the clock while another screen is shown."""
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        """Continue where the clock stopped."""
        if self._timer is not None and self.state.playing:
            self._last_tick = self._clock()
            self._timer.resume()

    def _tick(self) -> None:
        if self._is_behind():
            return  # the next frame makes up for the time
        now = self._clock()
        elapsed, self._last_tick = now - self._last_tick, now
        self._frame += 1
        self.dispatch(Tick(elapsed))

    # --- drawing ---------------------------------------------------------------------------------------------------

    @property
    def palette(self) -> Palette:
        """The colours of the pictures."""
        return self.host.palette

    def watch_state(self, before: PlaygroundState, after: PlaygroundState) -> None:
        """Draw the panels that the change touches."""
        if self._timer is None:  # not mounted: `on_mount` draws everything
            return
        if after.playing != before.playing:
            self._last_tick = self._clock()
            # An event may arrive while another screen covers this one; the clock then stays stopped.
            (self._timer.resume if after.playing and self.is_active else self._timer.pause)()
        if (before.playing, before.crosshair is None) != (after.playing, after.crosshair is None):
            self.refresh_footer()
        only_time = before.playing and after.playing and before.scenario == after.scenario
        if not only_time:
            self._arrange_panels()
        if (before.preset, hint(before)) != (after.preset, hint(after)):
            self._show_caption()
        self._draw(("contour", "timeline"))
        if not (only_time and self._frame % self._frames_per_table):
            self._draw(SIDE)

    def redraw(self) -> None:
        """Draw everything in the colours of another theme."""
        self._arrange_panels()
        self._draw(PANELS)

    def on_resize(self, event: Resize) -> None:
        """Arrange the panels for the new size, once the layout is known."""
        super().on_resize(event)
        self._show_caption()

    def _arrange_panels(self) -> None:
        """Set the titles and heights of the panels, which depend on the surface and the lanes but not on time."""
        surface, lane = self.state.surface, self.state.chosen_lane
        self._set_title("contour", pictures.surface_title(surface), self._legend())
        self._set_title("knobs", f"{self.palette.lane(self.state.lane)[1]} {lane.rule.title}")
        self._set_title("loss", pictures.loss_title(self.state))
        # Before the first layout, use the size that it will give, so that the panels are arranged only once.
        size = self.query_one("#side", Vertical).size or Size(
            *side_size(*self.app.size, hinted=bool(hint(self.state)[0]))
        )
        if size.height > 0:
            heights = pictures.side_heights(size.height, size.width - SIDE_FRAME, self.state)
            for panel, rows in zip(SIDE, heights, strict=True):
                view = self.query_one(f"#{panel}", CellView)
                view.display = rows > pictures.FRAME
                if panel != "loss":
                    view.styles.height = rows

    def _legend(self) -> str:
        """The meaning of the symbols on the contour, as markup, with the vectors' colours while they are shown."""
        symbols = ["○ start", "✛ minimum"] if self.state.surface.minima else ["○ start"]
        if self.state.vectors:
            colors = pictures.vector_colors(self.palette).items()
            symbols += [f"[rgb({r},{g},{b})]→ {name}[/]" for name, (r, g, b) in colors]
        return " · ".join(symbols)

    def _set_title(self, panel: str, title: str, subtitle: str = "") -> None:
        view = self.query_one(f"#{panel}", CellView)
        if (view.border_title, view.border_subtitle or "") != (title, subtitle):
            view.border_title, view.border_subtitle = title, subtitle

    def _show_caption(self) -> None:
        """Show the caption of the preset, else the next hint, else neither."""
        line, preset = self.query_one("#caption", Static), self.state.preset
        text, close = map(self.named, hint(self.state))
        line.display = preset is not None or bool(text)
        line.set_class(preset is None, "-hint")
        if preset is not None:
            stops = self.state.stops
            others = "{next_exhibit} next · {gallery} all · " if stops > 1 else ""
            keys = self.named(others + "{mode_learn} Learn · {cancel} close")
            line.update(caption(f"{self.state.stop + 1}/{stops}", preset.title, preset.sentence, keys))
        elif text:
            key, _, words = text.partition(" ")
            room = self.size.width - 2 - text_width(text)
            right = f"{close:>{room}}" if text_width(close) < room else ""
            line.update(Content.assemble((key, "bold $accent"), f" {words}", (right, "$text-muted")))
        self.call_after_refresh(self._arrange_panels)

    def _draw(self, panels: Iterable[str]) -> None:
        for panel in panels:
            view = self.query_one(f"#{panel}", CellView)
            size = _content_size(view)
            if view.display and size.width > 0 and size.height > 0:
                view.show(self._cells(panel, size))

    def _cells(self, panel: str, size: Size) -> Cells:
        if panel == "timeline":
            return pictures.timeline(self.state, size.width, self.palette)
        if panel == "loss" and not self._charts_loaded:
            return Cells.blank(size.width, size.height, self.palette.foreground, self.palette.background)
        return pictures.DRAW[panel](self.state, size.width, size.height, self.palette)


def _content_size(view: CellView) -> Size:
    return view.content_region.size if view.is_mounted else Size(0, 0)
