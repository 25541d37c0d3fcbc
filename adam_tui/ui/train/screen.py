"""Mode 2: starts runs as processes of their own, follows what they write, and hands each panel its cells.

The screen owns no run. It looks at the run directories a few times a second while something is at work there, and
rarely else; closing it, or losing its terminal, changes nothing for a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from textual import on
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.palette import Palette
from adam_tui.training.rundir import runs_directory
from adam_tui.ui.actions import FooterKey
from adam_tui.ui.dialogs import AskText, Choose, ShowText
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.train import charts, picture
from adam_tui.ui.train import state as s
from adam_tui.ui.train.actions import ACTIONS, footer
from adam_tui.ui.train.feed import Feed
from adam_tui.ui.widgets.cell_view import CellView
from adam_tui.ui.widgets.tabs_line import TabsLine

# Seconds between two looks at the files. A worker tells its losses four times a second.
AT_WORK, AT_REST, READING = 0.25, 1.0, 0.01
# While a long run is read for the first time, the curve grows on the screen in steps that can be seen.
SECONDS_PER_DRAWING = 0.15
SECONDS_PER_NUMBERS = 0.45  # figures that change faster can only be looked at, not read
NARROW, WIDE = 100, 150  # columns of the terminal at which the right side gets narrower or wider
LOG_LINES, LOG_LINES_SHOWN = 200, 2
TITLE_MARGIN = 6  # columns of a frame that its title cannot have
PANELS = ("loss", "accuracy", "runs", "knobs", "now", "strip", "line", "progress")
CURVES = ("loss", "accuracy", "runs", "strip", "line")
NUMBERS = ("now", "progress")


class TrainScreen(ModeScreen):
    """Curves on the left; runs, hyperparameters and figures on the right; digits and progress below.

    `runs` is the directory of the runs (None: the usual one), `clock` tells seconds since 1970.
    """

    MODE = "train"
    ACTIONS = ACTIONS
    HORIZONTAL_BREAKPOINTS = [
        (0, "-narrow"),
        (NARROW, "-normal"),
        (WIDE, "-wide"),
    ]

    # Not repainted as a whole: the panels repaint the cells that changed.
    state: reactive[s.TrainState] = reactive(s.TrainState, init=False, repaint=False)

    def __init__(self, runs: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._feed = Feed(runs_directory(runs))
        # Before the first drawing, so that the screen opens with what is there.
        self.set_reactive(TrainScreen.state, s.update(s.TrainState(), s.RunsSeen(self._feed.views())))
        self._timer: Timer | None = None
        self._watching = True
        self._undrawn: set[str] = set()
        self._drawn_at = self._counted_at = 0.0
        self._about: list[tuple[str, Color]] = []  # notes on the selected run

    def body(self) -> Iterable[Widget]:
        """The charts, the panels beside them, the digits and the progress line."""
        views = {name: CellView(id=f"train-{name}", classes="panel") for name in PANELS[:6]}
        for name, title in (("accuracy", "Test accuracy"), ("runs", "Runs"), ("strip", "Digits")):
            views[name].border_title = title
        views["strip"].border_subtitle = "label → prediction · confidence"
        left = Vertical(views["loss"], views["accuracy"], id="train-left")
        right = Vertical(views["runs"], views["knobs"], views["now"], id="train-side")
        yield Horizontal(left, right, id="body")
        yield views["strip"]
        yield CellView(id="train-line")
        yield CellView(id="train-progress")

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter now."""
        return footer(self.state)

    def on_mount(self) -> None:
        """Look at the runs for the first time."""
        self._dress()
        self._tick()

    def on_screen_suspend(self) -> None:
        """Something else is shown: nobody needs the files."""
        self._watching = False
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def on_screen_resume(self) -> None:
        """Shown, or shown again: catch up."""
        self._watching = True
        if self.is_mounted:
            self._tick()

    @property
    def _palette(self) -> Palette:
        return self.app.palette  # type: ignore[attr-defined, no-any-return]

    # Looking at the runs.

    def _tick(self) -> None:
        if not self._watching:  # a tick that was on its way when something else was shown
            return
        self.dispatch(s.RunsSeen(self._feed.views()))
        changed, more = self._feed.poll([run.id for run in self.state.drawn])
        self._undrawn |= changed
        if not more or self._clock() - self._drawn_at >= SECONDS_PER_DRAWING:
            self._draw_news()
        at_work = any(run.state in ("starting", "running") for run in self.state.runs)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(READING if more else AT_WORK if at_work else AT_REST, self._tick)

    def _draw_news(self) -> None:
        """Draw what the new events touch; the figures of a run at work change with time too."""
        now = self._clock()
        self._drawn_at = now
        if self._undrawn:
            self._undrawn.clear()
            self._dress()
            self._draw(CURVES)
        if now - self._counted_at >= SECONDS_PER_NUMBERS:
            self._counted_at = now
            self._draw(NUMBERS)

    def dispatch(self, event: object) -> None:
        """Take an event to the state."""
        self.state = s.update(self.state, event)  # type: ignore[arg-type]

    def watch_state(self, before: s.TrainState, after: s.TrainState) -> None:
        """Draw what the change touches."""
        if not self.is_mounted:
            return
        if after.drawn != before.drawn and self._timer is not None:
            self._feed.poll([run.id for run in after.drawn])
        self.refresh_footer()
        self._dress()
        self._draw(PANELS)

    # Drawing.

    def redraw(self) -> None:
        """Everything anew, in the colours of another theme."""
        self._dress()
        self._draw(PANELS)

    def _dress(self) -> None:
        """Titles and heights; and the words about the selected run, whose number of lines decides a height."""
        state, histories = self.state, self._feed.histories
        run = state.run
        told = run is not None and run.state in ("failed", s.LOST)
        log = self._feed.log(run.id, LOG_LINES_SHOWN) if run is not None and told else ""
        self._about = picture.notes(state, histories, log, self._palette)
        self.query_one(TabsLine).status = picture.status_line(state, histories, self.size.width, self._palette)
        if run is None:
            self._title("loss", picture.GALLERY_TITLE)
        else:
            legend = charts.loss_legend(state, histories, self._view("loss").size.width - TITLE_MARGIN)
            self._title("loss", charts.loss_title(state), legend)
        self._title("knobs", picture.knobs_title(state))
        self._title("now", picture.run_title(state, histories, self._palette))
        width, height = self.size
        if height:
            notes = picture.notes_height(self._about, self._view("now").content_region.width)
            rows = picture.layout(state, notes, width, height)
            for name in PANELS[:-1]:
                self._set_height(name, getattr(rows, name))

    def _set_height(self, name: str, rows: int) -> None:
        view = self._view(name)
        if view.display != (rows > 0):
            view.display = rows > 0
        if rows and (view.styles.height is None or view.styles.height.value != rows):
            view.styles.height = rows

    def _title(self, name: str, title: str, subtitle: str = "") -> None:
        view = self._view(name)
        if (str(view.border_title or ""), str(view.border_subtitle or "")) != (title, subtitle):
            view.border_title, view.border_subtitle = title, subtitle

    def _view(self, name: str) -> CellView:
        return self.query_one(f"#train-{name}", CellView)

    def _draw(self, names: Iterable[str]) -> None:
        for name in names:
            view = self._view(name)
            size = view.content_region.size if view.is_mounted else Size(0, 0)
            if view.display and size.width > 0 and size.height > 0:
                view.show(self._cells(name, size.width, size.height))

    def _cells(self, name: str, width: int, height: int) -> Cells:
        state, histories, palette = self.state, self._feed.histories, self._palette
        match name:
            case "loss" if state.run is None:
                return picture.gallery(state, width, height, palette)
            case "loss":
                return charts.loss(state, histories, width, height, palette, picture.nothing_yet(state))
            case "accuracy":
                return charts.accuracy(state, histories, width, height, palette)
            case "runs":
                return picture.runs(state, histories, width, height, palette)
            case "knobs":
                return picture.knobs(state, width, height, palette)
            case "now":
                return picture.now(state, histories, self._about, self._clock(), width, height, palette)
            case "strip":
                return picture.strip(state, histories, width, height, palette)
            case "line":
                return picture.line(state, histories, width, palette)
            case _:
                return picture.progress(state, histories, self._clock(), width, palette)

    @on(CellView.Resized)
    def _view_resized(self, event: CellView.Resized) -> None:
        if event.view.id:
            self._draw((event.view.id.removeprefix("train-"),))

    def on_resize(self, event: Resize) -> None:
        """Share the rows anew once the layout is known."""
        super().on_resize(event)
        self.call_after_refresh(self._dress)

    # Effects: what the keys do beyond the state.

    def do_start(self) -> None:
        """T: a new run with the hyperparameters that are shown."""
        try:
            id = self._feed.start(self.state.spec())
        except (OSError, ValueError) as error:
            self.notify(f"cannot start: {error}", severity="error", markup=False)
            return
        self.dispatch(s.RunsSeen(self._feed.views()))
        self.dispatch(s.Select(id))
        self._tick()

    def do_pause(self) -> None:
        """Space: pause the selected run, or let it go on."""
        run = self._at_work()
        if run is not None:
            self._command(run.id, "resume" if run.state == "paused" else "pause")

    def do_stop(self) -> None:
        """X: ask how to stop the selected run."""
        run = self._at_work()
        if run is None:
            return

        def answered(order: str | None) -> None:
            if order is not None:
                self._command(run.id, order)

        answers = (
            ("s", "stop", "stop: finish this step, write a checkpoint, end"),
            ("k", "kill", "kill: end at once, without a checkpoint"),
        )
        self.app.push_screen(Choose(f"Stop {run.id}?", picture.spec_line(run.spec), answers), answered)

    def do_delete(self) -> None:
        """D: ask, then remove the selected run's directory."""
        run = self.state.run
        if run is None:
            self.notify("there is no run to delete")
            return
        if run.alive:
            self.notify(f"{run.id} is {run.state}: x stops it first", severity="warning")
            return

        def answered(answer: str | None) -> None:
            if answer is None:
                return
            try:
                self._feed.delete(run.id)
            except (OSError, ValueError) as error:
                self.notify(f"cannot delete {run.id}: {error}", severity="error", markup=False)
            self._tick()

        text = f"{picture.spec_line(run.spec)}\nIts curves and its checkpoint are gone for good."
        self.app.push_screen(Choose(f"Delete {run.id}?", text, (("y", "yes", "yes, delete it"),)), answered)

    def do_log_tail(self) -> None:
        """L: the end of worker.log."""
        run = self.state.run
        if run is not None:
            text = self._feed.log(run.id, LOG_LINES) or "The process has written nothing here."
            self.app.push_screen(ShowText(f"worker.log of {run.id}", text))

    def do_type_value(self) -> None:
        """Enter: type the chosen knob's value."""
        knob = self.state.chosen_knob

        def entered(text: str | None) -> None:
            if text is not None:
                self.dispatch(s.SetKnob(knob.parse(text)))

        hint = f"{knob.meaning} · {knob.allowed()} · default {knob.format(knob.default)}"
        value = knob.format(self.state.value(knob))
        self.app.push_screen(AskText(f"{self.state.recipe.title} {knob.name}", value, hint, knob.parse), entered)

    def _at_work(self) -> s.RunView | None:
        """The selected run when it can be commanded; else say why not."""
        run = self.state.run
        if run is None:
            self.notify("there is no run yet: t starts one")
        elif not run.alive:
            self.notify(f"{run.id} is over: {picture.state_word(run, self._feed.histories.get(run.id))}")
            return None
        return run

    def _command(self, id: str, order: str) -> None:
        try:
            self._feed.command(id, order)
        except (OSError, KeyError) as error:
            self.notify(f"cannot reach {id}: {error}", severity="error", markup=False)
