"""Mode 1: turns keys into events, keeps the newest state, and hands each panel the cells that belong to it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from textual import on, work
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Size
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import Palette
from adam_tui.engine.gallery import GALLERY
from adam_tui.engine.knobs import format_number
from adam_tui.engine.scenario import MAX_STEPS, parse_start
from adam_tui.engine.trajectory import start_of, surface_of
from adam_tui.ui.actions import FooterKey
from adam_tui.ui.dialogs import AskText, Choose, Pick, ShowText
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground import picture
from adam_tui.ui.playground.actions import ACTIONS, footer
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.takeaway import COPIES, EXPORTS, copy_text, file_stem, save, write_new
from adam_tui.ui.playground.update import update
from adam_tui.ui.widgets.cell_view import CellView

FRAMES_PER_SECOND = 20
SCREEN = "screen"  # the export that is Textual's own
# While it plays, the tables and the loss curve follow at a rate that can be read; the path moves every frame.
FRAMES_PER_READING = 5
NARROW, WIDE = 100, 150  # columns of the terminal at which the right side gets narrower or wider


class PlaygroundScreen(ModeScreen):
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

    def __init__(self, state: PlaygroundState, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.set_reactive(PlaygroundScreen.state, state)
        self._clock = clock
        self._last_tick = 0.0
        self._frame = 0
        self._timer: Timer | None = None

    def body(self) -> Iterable[Widget]:
        """The contour, the panels beside it, and the timeline."""
        contour = CellView(id="contour", classes="panel plot")
        side = []
        for name, title in (("lanes", "Lanes"), ("knobs", ""), ("inspector", "Arithmetic"), ("loss", "Loss")):
            view = CellView(id=name, classes="panel")
            view.border_title = title
            side.append(view)
        yield Horizontal(contour, Vertical(*side, id="side"), id="body")
        yield Static(id="caption")
        yield CellView(id="timeline")

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter now."""
        return footer(self.state)

    def on_mount(self) -> None:
        """Start the clock, paused unless the state plays."""
        self._timer = self.set_interval(1 / FRAMES_PER_SECOND, self._tick, pause=True)
        self._caption()
        self._dress()
        if self.state.playing:
            self._last_tick = self._clock()
            self._timer.resume()

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
    def _palette(self) -> Palette:
        return self.app.palette  # type: ignore[attr-defined, no-any-return]

    def dispatch(self, event: object) -> None:
        """Take an event to the state."""
        self.state = update(self.state, event)  # type: ignore[arg-type]

    def _tick(self) -> None:
        now = self._clock()
        elapsed, self._last_tick = now - self._last_tick, now
        self._frame += 1
        self.dispatch(e.Tick(elapsed))

    def watch_state(self, before: PlaygroundState, after: PlaygroundState) -> None:
        """Draw what the change touches."""
        if self._timer is not None and after.playing != before.playing:
            self._last_tick = self._clock()
            (self._timer.resume if after.playing else self._timer.pause)()
        if (before.playing, before.crosshair is None) != (after.playing, after.crosshair is None):
            self.refresh_footer()
        only_time = before.playing and after.playing and before.scenario == after.scenario
        if not only_time:
            self._dress()
        if before.exhibit != after.exhibit:
            self._caption()
        self._draw(("contour", "timeline"))
        if not (only_time and self._frame % FRAMES_PER_READING):
            self._draw(("lanes", "knobs", "inspector", "loss"))

    def _dress(self) -> None:
        """Titles and heights, which change with the surface and the lanes but not with time."""
        surface, lane = self.state.surface, self.state.chosen_lane
        name = surface.name if surface.name in surface.title else f"{surface.name}  {surface.title}"
        self._title("contour", name, "○ start · ✛ minimum" if surface.minima else "○ start")
        self._title("knobs", f"{self._palette.lane(self.state.lane)[1]} {lane.rule.title}")
        self._title("loss", picture.loss_title(self.state))
        side = self.query_one("#side", Vertical)
        if side.size.height:
            heights = picture.side_heights(side.size.height, self.state)
            for panel in ("lanes", "knobs", "inspector", "loss"):
                rows = getattr(heights, panel)
                view = self.query_one(f"#{panel}", CellView)
                view.display = rows > picture.FRAME
                if panel != "loss":
                    view.styles.height = rows

    def _caption(self) -> None:
        """The sentence of a named scenario, while there is one."""
        caption, exhibit = self.query_one("#caption", Static), self.state.exhibit
        caption.display = exhibit is not None
        if exhibit is not None:
            place = f"{self.state.stop + 1}/{len(self.state.tour)}"
            more = "  M next · m all · esc close" if len(self.state.tour) > 1 else "  esc close"
            caption.update(
                Content.assemble(
                    (f"{place} {exhibit.title}", "bold $accent"), f"  {exhibit.sentence}", (more, "$text-muted")
                )
            )
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
            return picture.timeline(self.state, size.width, self._palette)
        draw = getattr(picture, panel)
        cells: Cells = draw(self.state, size.width, size.height, self._palette)
        return cells

    @on(CellView.Resized)
    def _view_resized(self, event: CellView.Resized) -> None:
        if event.view.id:
            self._draw((event.view.id,))

    def on_resize(self, event: Resize) -> None:
        """Share the rows anew once the layout is known."""
        super().on_resize(event)
        self.call_after_refresh(self._dress)

    def on_click(self, event: Click) -> None:
        """Start from where the plot was clicked."""
        view = self.query_one("#contour", CellView)
        size = _content_size(view)
        if not view.content_region.contains_point(event.screen_offset):
            return
        offset = event.screen_offset - view.content_region.offset
        drawn = picture.backdrop_of(self.state, size.width, size.height, self._palette)
        row, column = offset.y - drawn.plot_offset[0], offset.x - drawn.plot_offset[1]
        if 0 <= row < drawn.viewport.height and 0 <= column < drawn.viewport.width:
            self.dispatch(e.SetStart(*drawn.viewport.from_cell(row, column)))

    def do_type_value(self) -> None:
        """Enter: set the start while it is placed, else type the chosen knob's value."""
        if self.state.crosshair is not None:
            self.dispatch(e.SetStart(*self.state.crosshair))
            return
        knob, lane = self.state.chosen_knob, self.state.chosen_lane
        hint = f"{knob.meaning} · {knob.allowed()} · default {knob.format(knob.default)}"
        value = knob.format(self.state.value(knob))
        self._ask(f"{lane.optimizer} {knob.name}", value, hint, knob.parse, lambda text: e.SetKnob(knob.parse(text)))

    def do_cancel(self) -> None:
        """Esc: put the crosshair away, or the caption."""
        self.dispatch(e.CancelPlace() if self.state.crosshair is not None else e.CloseCaption())

    def do_gallery(self) -> None:
        """M: pick a scenario that shows a known effect."""
        exhibits = tuple(GALLERY.values())
        items = [(exhibit.name, exhibit.title, exhibit.sentence) for exhibit in exhibits]
        last = self.state.exhibit.name if self.state.exhibit else ""

        def picked(name: str | None) -> None:
            if name is not None:
                self.dispatch(e.Open(exhibits, list(GALLERY).index(name)))

        self.app.push_screen(Pick("Scenarios", items, last), picked)

    def do_next_exhibit(self) -> None:
        """Shift+M: the next such scenario, or the first."""
        self.dispatch(e.NextExhibit() if self.state.tour else e.Open(tuple(GALLERY.values())))

    def do_copy(self) -> None:
        """C: copy the race as text, through the terminal (OSC 52) and on the screen."""

        def chosen(kind: str | None) -> None:
            if kind is not None:
                text = copy_text(kind, self.state)
                self.app.copy_to_clipboard(text)
                words = next(words for _, each, words in COPIES if each == kind)
                self.app.push_screen(ShowText(f"Copied: {words}", text, from_end=False))

        self.app.push_screen(Choose("Copy as", "", COPIES), chosen)

    def do_export(self) -> None:
        """E: write a file into the directory that the program was started in."""

        def chosen(kind: str | None) -> None:
            if kind is not None:
                self._export(kind)

        offers = (("e", SCREEN, "the whole screen (SVG)"), *EXPORTS)
        self.app.push_screen(Choose("Export", "", offers), chosen)

    @work(thread=True, exclusive=True, group="export")
    def _export(self, kind: str) -> None:
        """Save in a thread: the paths of a long race take a moment."""
        try:
            if kind == SCREEN:
                text = self.app.call_from_thread(self.app.export_screenshot, title="adam-tui")
                path = write_new(Path.cwd(), f"adam-tui-{file_stem(self.state.scenario)}-screen", "svg", [text])
            else:
                path = save(kind, self.state, Path.cwd(), self._palette)
        except OSError as error:
            self.app.call_from_thread(
                self.app.notify, f"{error.strerror or error}: {error.filename or Path.cwd()}", severity="error"
            )
        else:
            self.app.call_from_thread(self.app.notify, str(path), title="Saved")

    def do_go_to(self) -> None:
        """G: type the step to go to."""
        steps = self.state.scenario.steps
        check = partial(_whole, low=0, high=steps)
        self._ask("Go to step", str(self.state.step), f"0 to {steps:,}", check, lambda text: e.Seek(check(text)))

    def do_steps(self) -> None:
        """Shift+G: type how many steps the race has."""
        check = partial(_whole, low=1, high=MAX_STEPS)
        steps = str(self.state.scenario.steps)
        self._ask("Steps of the race", steps, f"1 to {MAX_STEPS:,}", check, lambda text: e.SetSteps(check(text)))

    def do_type_start(self) -> None:
        """Shift+P: type the start."""
        x, y = start_of(self.state.scenario)
        here = f"{format_number(x)}, {format_number(y)}"
        self._ask("Start", here, "x, y", parse_start, lambda text: e.SetStart(*parse_start(text)))

    def do_function(self) -> None:
        """Shift+F: type a function."""
        text = self.state.scenario.function or "x^2 + 3 y^2"
        hint = "x, y, + − * / ^, sin cos tan exp log sqrt abs, pi, e"
        self._ask("f(x, y)", text, hint, partial(surface_of, ""), e.SetFunction)

    def _ask(
        self, title: str, value: str, hint: str, check: Callable[[str], object], event: Callable[[str], object]
    ) -> None:
        """Ask for one line, and dispatch the event that is made of it."""

        def entered(text: str | None) -> None:
            if text is not None:
                self.dispatch(event(text))

        self.app.push_screen(AskText(title, value, hint, check), entered)

    def do_random_start(self) -> None:
        """R: a start anywhere in the window."""
        window = self.state.looked_at
        self.dispatch(
            e.SetStart(random.uniform(window.x_min, window.x_max), random.uniform(window.y_min, window.y_max))
        )


def _content_size(view: CellView) -> Size:
    return view.content_region.size if view.is_mounted else Size(0, 0)


def _whole(text: str, low: int, high: int) -> int:
    """The whole number that was typed; ValueError with one line when it is not one from `low` to `high`."""
    try:
        number = int(text.replace(",", ""))
    except ValueError:
        raise ValueError(f"a whole number is needed, not {text!r}") from None
    if not low <= number <= high:
        raise ValueError(f"from {low:,} to {high:,}")
    return number
