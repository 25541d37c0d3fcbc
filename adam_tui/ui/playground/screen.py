"""The screen of the playground: turns keys into events, keeps the state, and shows each panel's cells."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from adam_tui.draw.cells import Cells, Color, text_width
from adam_tui.draw.palette import Palette
from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.actions import FooterKey, KeyGroup
from adam_tui.ui.caption import CAPTION_PADDING, caption
from adam_tui.ui.layout import NARROW, WIDE, side_size
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground import view as pictures
from adam_tui.ui.playground.actions import ACTIONS, current_keys, footer
from adam_tui.ui.playground.events import ActionUsed, ClassesChanged, Event, EventContext, SetStart, Tick
from adam_tui.ui.playground.hints import hint
from adam_tui.ui.playground.lane_names import lane_names
from adam_tui.ui.playground.paths import POSITIONS_AT_ONCE, Paths, advance, compute_at_once, is_waiting, paths_so_far
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update

if TYPE_CHECKING:
    from adam_tui.ui.playground.effects import Effect
    from adam_tui.ui.playground.maps.panels import MapPanels

FRAMES_PER_SECOND = 20  # unless the settings have another rate
# While the race plays, tables and the loss curve are redrawn at a rate that can be read; the path moves every frame.
TABLES_PER_SECOND = 4
# A long race is computed in slices between keys, while the panels show the part that is computed.
SLICE = 0.002  # seconds
POSITIONS_IN_SLICE = 8_192  # to rasterize
REFRESH = 0.1  # seconds between two pictures
KEY_PAUSE = 0.03  # seconds without a slice after a key, which may take several turns of the event loop
SIDE_FRAME = 4  # columns of a panel's border and padding
TITLE_MARGIN = 6  # columns of a border beside its title
SIDE = ("lanes", "knobs", "inspector", "loss")  # the panels of the right side
MAP = ("map", "map-info")  # the panels of an open map
PANELS = ("contour", *MAP, *SIDE, "timeline")


class ClassNews(Message):
    """A class was imported or has changed, or more of its path is there."""


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
        self._views: dict[str, CellView] = {}
        self._computing = False
        self._last_key = 0.0
        self._maps: MapPanels | None = None
        self._last_picture = 0.0
        self._hears_classes = False
        self._news_waiting = False

    def body(self) -> Iterable[Widget]:
        """The contour, the panels beside it, the caption and the timeline."""
        classes = {"contour": "panel plot", "map": "panel plot", "map-info": "panel", "timeline": ""}
        classes |= dict.fromkeys(SIDE, "panel")
        self._views = {name: CellView(partial(self._cells, name), id=name, classes=classes[name]) for name in PANELS}
        self._views["lanes"].border_title, self._views["inspector"].border_title = "Lanes", "Arithmetic"
        side = Vertical(*(self._views[name] for name in SIDE), id="side")
        yield Horizontal(self._views["contour"], *(self._views[name] for name in MAP), side, id="body")
        yield Static(id="caption")
        yield self._views["timeline"]

    def window_title(self) -> str:
        """The surface and the step."""
        scenario = self.state.scenario
        return f"{self.state.surface.name} {self.state.step}/{scenario.steps}"

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

    def perform_by_name(self, name: str) -> None:
        """Perform an action, and complete the hint that proposed it."""
        self._last_key = time.monotonic()
        super().perform_by_name(name)
        self.dispatch(ActionUsed(name))

    def on_click(self, event: Click) -> None:
        """Start from the point that was clicked, or move the cursor of an open map there."""
        if self._maps is not None and self._maps.click(event.screen_offset):
            return
        view = self._views["contour"]
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
        self._hear_classes()
        self._compute()
        self._show_map()

    def _load_charts(self) -> None:
        """Load plotext and the maps after the first picture: they take as long as all other imports together."""
        import plotext  # noqa: F401

        import adam_tui.ui.playground.maps.panels  # noqa: F401

        self._charts_loaded = True
        self.app.call_from_thread(self._draw, ("loss",))

    def on_screen_suspend(self) -> None:
        """Stop the clock while another screen is shown."""
        if self._timer is not None:
            self._timer.pause()
        if self._maps is not None:
            self._maps.stop()

    def on_screen_resume(self) -> None:
        """Continue where the clock stopped."""
        if self._timer is not None and self.state.playing:
            self._last_tick = self._clock()
            self._timer.resume()
        self._compute()
        self._show_map()

    def _tick(self) -> None:
        if self._is_behind():
            return  # the next frame makes up for the time
        now = self._clock()
        elapsed, self._last_tick = now - self._last_tick, now
        self._frame += 1
        self.dispatch(Tick(elapsed))

    # --- classes of PyTorch ------------------------------------------------------------------------------------------

    def _hear_classes(self) -> None:
        """Hear of the classes in the race, and ask for those that a file has named."""
        if self._hears_classes or not any(isinstance(lane.rule, ClassOptimizer) for lane in self.state.scenario.lanes):
            return
        from adam_tui.classes.service import classes  # not needed without a class

        self._hears_classes = True
        classes().listen(self._report_news)
        self.call_after_refresh(self.post_message, ClassNews())

    def _report_news(self) -> None:
        """Called in other threads, for every piece of a path."""
        if not self._news_waiting and self.is_attached:
            self._news_waiting = True
            self.post_message(ClassNews())

    def on_unmount(self) -> None:
        """Hear of nothing any more, and end the map's thread, for which the end of the program would wait."""
        if self._maps is not None:
            self._maps.close()
        if self._hears_classes:
            from adam_tui.classes.service import classes

            classes().forget(self._report_news)

    async def on_class_news(self) -> None:
        """Show what has come: the knobs of a class, the next piece of its path, or why it has no path."""
        self._news_waiting = False
        before = self.state
        self.dispatch(ClassesChanged())
        if self.state is before:
            advance(self.state, SLICE)  # a class whose file has changed has another path
        self._continue()

    # --- long races ------------------------------------------------------------------------------------------------

    def _compute(self) -> None:
        """Compute the paths: a short race at once, a long one between keys."""
        self._last_picture = time.monotonic()
        if not self._is_drawn(compute_at_once(self.state)):
            self._continue()

    def _continue(self) -> None:
        if not self._computing and self.is_active:
            self._computing = True
            self.run_worker(self._compute_rest(), group="paths")

    async def _compute_rest(self) -> None:
        """Compute the paths in slices until they are drawn in full, or another screen is shown."""
        while self.is_active and self._views["contour"].is_attached:  # until the application closes
            now = time.monotonic()
            if now < self._last_key + KEY_PAUSE:
                await asyncio.sleep(KEY_PAUSE)
                continue
            done = self._is_drawn(advance(self.state, SLICE))
            waiting = not done and is_waiting(self.state)
            if waiting and now < self._last_picture + REFRESH:
                await asyncio.sleep(REFRESH / 2)
                continue
            if done or waiting or now > self._last_picture + REFRESH:
                paths = paths_so_far(self.state)
                self._arrange_panels(paths)
                for panel in PANELS:
                    await asyncio.sleep(0)
                    self._draw((panel,), paths)
                self._last_picture = time.monotonic()
            if done or (waiting and is_waiting(self.state)):  # `on_class_news` continues
                break
            await asyncio.sleep(0)
        self._computing = False

    def _is_drawn(self, complete: bool) -> bool:
        """Rasterize more of complete paths, and return whether the contour shows them in full."""
        size = _content_size(self._views["contour"])
        if not complete or not size.area:
            return complete
        paths = paths_so_far(self.state)
        return pictures.rasterize(self.state, *size, self.palette, paths, limit=POSITIONS_IN_SLICE)

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
        modes = [(each.playing, each.crosshair is None, each.map and each.map.kind) for each in (before, after)]
        if modes[0] != modes[1]:
            self.refresh_footer()
        if (before.scenario, before.ghosts, before.map) != (after.scenario, after.ghosts, after.map):
            self._hear_classes()
            self._compute()
        paths = paths_so_far(after)
        only_time = replace(before, clock=after.clock) == after
        if not only_time:
            self._arrange_panels(paths)
        side_was_hidden = self._hides_the_side
        if before.map is not None or after.map is not None:
            self._show_map()
        captions = [(each.preset, hint(each), each.map is None) for each in (before, after)]
        if captions[0] != captions[1]:
            self._show_caption()
        self._draw(("contour", "timeline") if only_time else ("contour", *MAP, "timeline"), paths)
        if self._hides_the_side:
            return
        between_tables = self._frame % self._frames_per_table > 0
        if side_was_hidden or not (only_time and after.playing and between_tables):
            # The loss curves take as long as the rest together: those of a long race follow with its computation.
            later = before.scenario != after.scenario and not paths.complete
            self._draw([panel for panel in SIDE if not (later and panel == "loss")], paths)
            if after.fork:
                self._set_title("knobs", str(self._views["knobs"].border_title), self._fork_note())

    def redraw(self) -> None:
        """Draw everything in the colours of another theme."""
        self._show_caption()
        paths = paths_so_far(self.state)
        self._arrange_panels(paths)
        self._draw(PANELS, paths)

    def on_resize(self, event: Resize) -> None:
        """Arrange the panels for the new size, once the layout is known."""
        super().on_resize(event)
        self._show_caption()

    def _show_map(self) -> None:
        """Arrange the panels of an open map, or close them, and compute the map."""
        if self._maps is None:
            if self.state.map is None:
                return
            from adam_tui.ui.playground.maps.panels import MapPanels  # not needed at start-up

            self._maps = MapPanels(self, self._views, self._draw)
        self._maps.show()

    @property
    def _hides_the_side(self) -> bool:
        return self._maps is not None and self._maps.hides_the_side

    @on(CellView.Resized)
    def _fit_map(self) -> None:
        if self._maps is not None:
            self._maps.show()
            self._set_title("contour", pictures.surface_title(self.state.surface), self._legend())

    def _arrange_panels(self, paths: Paths | None = None) -> None:
        """Set the titles and heights of the panels, which depend on the surface and the lanes but not on time."""
        paths = paths or paths_so_far(self.state)
        surface, lane = self.state.surface, self.state.chosen_lane
        self._set_title("contour", pictures.surface_title(surface), self._legend())
        self._set_title("loss", pictures.loss_title(self.state, paths))
        knobs_title = f"{self.palette.lane(self.state.lane)[1]} {lane.rule.title}"
        # Before the first layout, use the size that it will give, so that the panels are arranged only once.
        size = self.query_one("#side", Vertical).size or Size(
            *side_size(*self.app.size, hinted=bool(hint(self.state)[0]))
        )
        if size.height > 0:
            heights = pictures.side_heights(size.height, size.width - SIDE_FRAME, self.state, paths)
            if hidden := pictures.hidden_knobs(self.state, heights):
                knobs_title += f"  +{hidden}"
            for panel, rows in zip(SIDE, heights, strict=True):
                view = self._views[panel]
                view.display = rows > pictures.FRAME
                if panel != "loss":
                    view.styles.height = rows
        self._set_title("knobs", knobs_title, self._fork_note())

    def _legend(self) -> str:
        """The meaning of the symbols on the contour, as markup; the numbers at the crosshair while there is one."""
        if self.state.crosshair is not None:
            return pictures.values_at(self.state.surface, self.state.crosshair)
        symbols = ["○ start", "✛ minimum"] if self.state.surface.minima else ["○ start"]
        if self.state.map is not None:
            return self._map_legend(symbols)
        twins = [(f"{marker} {text}", f"rgb{color}") for color, marker, text in self._twins()]
        room = self._views["contour"].size.width - TITLE_MARGIN - len(" · ".join(symbols))
        if sum(len(text) + len(" · ") for text, _ in twins) <= room and not self.state.vectors:
            symbols = [f"[{color}]{text}[/]" for text, color in twins] + symbols
        if self.state.solo and (lanes := len(self.state.scenario.lanes)) > 1:
            symbols.append(f"1 of {lanes} lanes")
        if any(self.state.ghosts):
            symbols.insert(0, "⠒⠒ before the change")
        if self.state.vectors:
            colors = pictures.vector_colors(self.state, self.palette).items()
            symbols += [f"[rgb({r},{g},{b})]→ {name}[/]" for name, (r, g, b) in colors]
        return " · ".join(symbols)

    def _map_legend(self, symbols: list[str]) -> str:
        """The meaning of the paths beside or below an open map, and of as many of the other symbols as fit."""
        color, marker = self.palette.lane(self.state.lane)
        colors = {}
        if self.state.map is not None and self.state.map.cursor is not None:
            lane = f"{marker} lane"
            symbols, colors = [f"{pictures.CURSOR} cursor", lane, *symbols], {lane: color}
        if self.state.vectors:
            arrows = {f"→ {name}": each for name, each in pictures.vector_colors(self.state, self.palette).items()}
            symbols, colors = [*symbols, *arrows], colors | arrows
        room = self._views["contour"].size.width - TITLE_MARGIN
        while len(symbols) > 1 and len(" · ".join(symbols)) > room:
            symbols.pop()
        return " · ".join(f"[rgb{colors[each]}]{each}[/]" if each in colors else each for each in symbols)

    def _twins(self) -> list[tuple[Color, str, str]]:
        """Colour, marker and settings of each lane that differs from another one of its optimizer."""
        lanes = enumerate(lane_names(self.state.scenario))
        return [(*self.palette.lane(i), name.settings) for i, name in lanes if name.settings]

    def _fork_note(self) -> str:
        """The step from which changes apply, in fork mode, as markup."""
        if not self.state.fork:
            return ""
        changes = "changes apply from" if self.size.width >= NARROW else "from"
        return f"[bold $accent]FORK[/]: {changes} step {self.state.step}"

    def _set_title(self, panel: str, title: str, subtitle: str = "") -> None:
        view = self._views[panel]
        if (view.border_title, view.border_subtitle or "") != (title, subtitle):
            view.border_title, view.border_subtitle = title, subtitle

    def _show_caption(self) -> None:
        """Show the caption of the preset, else the next hint, else neither."""
        line, preset = self.query_one("#caption", Static), self.state.preset
        text, close = map(self.named, hint(self.state))
        line.set_class(preset is not None or bool(text), "-shown")
        line.set_class(preset is None, "-hint")
        if preset is not None:
            stops = self.state.stops
            paused = "{forward} one step · " if preset.pause_at is not None else ""
            others = "{next_exhibit} next · {gallery} all · " if stops > 1 else ""
            keys = self.named("{play} play · " + paused + others + "{mode_learn} Learn · {cancel} close")
            place, columns = f"{self.state.stop + 1}/{stops}", self.size.width - CAPTION_PADDING
            twins = self._twins() if self.state.map is None else []  # a map shows the chosen lane alone
            legend = [((marker, f"rgb{color}"), (f" {text}", "")) for color, marker, text in twins]
            line.update(caption(place, preset.title, preset.sentence, keys, columns, legend))
        elif text:
            key, _, words = text.partition(" ")
            room = self.size.width - CAPTION_PADDING - text_width(text)
            right = f"{close:>{room}}" if text_width(close) < room else ""
            line.update(Content.assemble((key, "bold $accent"), f" {words}", (right, "$text-muted")))
        self.call_after_refresh(self._arrange_panels)

    def _draw(self, panels: Iterable[str], paths: Paths | None = None) -> None:
        for panel in panels:
            view = self._views[panel]
            size = _content_size(view)
            if view.display and size.width > 0 and size.height > 0:
                view.show(self._cells(panel, size, paths))
            else:
                view.forget()

    def _cells(self, panel: str, size: Size, paths: Paths | None = None) -> Cells:
        paths = paths or paths_so_far(self.state)
        if panel == "timeline":
            return pictures.timeline(self.state, size.width, self.palette, paths)
        if panel in MAP:
            return self._maps.cells(panel, size, paths) if self._maps is not None else self._blank(size)
        if panel == "contour":
            drawn = pictures.rasterize(self.state, *size, self.palette, paths, limit=POSITIONS_AT_ONCE)
            if not (drawn and paths.complete):
                self._continue()
            starts = self._maps.starts(size) if self._maps is not None else None
            return pictures.contour(self.state, *size, self.palette, paths, limit=0, starts=starts)
        if panel == "loss" and not self._charts_loaded:
            return self._blank(size)
        return pictures.DRAW[panel](self.state, *size, self.palette, paths)

    def _blank(self, size: Size) -> Cells:
        return Cells.blank(size.width, size.height, self.palette.foreground, self.palette.background)


def _content_size(view: CellView) -> Size:
    return view.content_region.size if view.is_mounted and view.is_attached else Size(0, 0)
