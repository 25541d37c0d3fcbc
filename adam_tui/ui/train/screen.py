"""Mode 2: starts runs as processes of their own, follows what they write, and hands each panel its cells.

The screen owns no run. It looks at the run directories a few times a second while something is at work there, and
rarely else; closing it, or losing its terminal, changes nothing for a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.palette import Palette
from adam_tui.history.evaluation import Evaluation
from adam_tui.history.feed import Feed
from adam_tui.history.run_history import RunHistory
from adam_tui.runs.directory import runs_directory
from adam_tui.runs.protocol import LOST
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.actions import FooterKey, KeyGroup
from adam_tui.ui.caption import caption
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.train import charts, model_views, table
from adam_tui.ui.train import events as e
from adam_tui.ui.train import view as train_view
from adam_tui.ui.train.actions import ACTIONS, current_keys, footer
from adam_tui.ui.train.context import Context
from adam_tui.ui.train.effects import Effect
from adam_tui.ui.train.layout import layout
from adam_tui.ui.train.panels import CURVES, FRAMED, NUMBERS, OF_LOSSES, OF_SAMPLES, PANELS, touched
from adam_tui.ui.train.state import TrainState
from adam_tui.ui.train.update import update
from adam_tui.ui.widgets.tabs_line import TabsLine

if TYPE_CHECKING:
    from adam_tui.engine.lane import Lane

# Seconds between two looks at the files. While a run is at work, as long as its curve needs to grow by a column: more
# could not be seen, and every look takes its time from a run on the same cores, whose threads all wait for the one that
# is held up.
AT_WORK, LONGEST_AT_WORK, AT_REST, READING = 0.45, 0.95, 1.0, 0.001
# While a long run is read for the first time, the curve grows on the screen in steps that can be seen.
SECONDS_PER_DRAWING = 0.25
NARROW, WIDE = 100, 150  # columns of the terminal at which the right side gets narrower or wider
LOG_LINES_SHOWN = 2
CAPTION_MARGIN = 2  # columns beside the words of a caption
# A key that is held down turns a knob many times: the run is told once it rests.
SETTLED = 0.3


class TrainScreen(ModeScreen[TrainState, e.Event, Effect, Context]):
    """Curves on the left; runs, hyperparameters and figures on the right; digits and progress below.

    `runs` is the directory of the runs (None: the usual one), `selected` the run that it opens with, `clock` tells
    seconds since 1970.
    """

    MODE = "train"
    ACTIONS = ACTIONS
    HORIZONTAL_BREAKPOINTS = [
        (0, "-narrow"),
        (NARROW, "-normal"),
        (WIDE, "-wide"),
    ]

    # Not repainted as a whole: the panels repaint the cells that changed.
    state: reactive[TrainState] = reactive(TrainState, init=False, repaint=False)

    def __init__(
        self, runs: Path | None = None, selected: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._clock = clock
        self.feed = Feed(runs_directory(runs))
        # Before the first drawing, so that the screen opens with what is there.
        state, _ = update(TrainState(), e.ListRuns(self.feed.views()))
        if selected:
            state, _ = update(state, e.SelectRun(selected))
        self.set_reactive(TrainScreen.state, state)
        self._unknown = selected if selected not in (None, self.state.selected) else None
        self._settling: Timer | None = None
        self._timer: Timer | None = None
        self._watching = True
        self._undrawn: set[str] = set()
        self._drawn_at = 0.0
        self._about: list[tuple[str, Color]] = []  # notes on the selected run

    def body(self) -> Iterable[Widget]:
        """The charts, the panels beside them, the digits and the progress line."""
        views = {
            name: CellView(
                partial(self._picture, name), id=f"train-{name}", classes="panel" if name in FRAMED else None
            )
            for name in PANELS
        }
        left = Vertical(views["loss"], views["accuracy"], id="train-left")
        right = Vertical(views["runs"], views["knobs"], views["now"], views["extra"], id="train-side")
        yield views["table"]
        yield Horizontal(left, right, id="body")
        yield views["strip"]
        yield Static(id="train-caption")
        yield views["line"]
        yield views["progress"]

    def current_keys(self) -> KeyGroup | None:
        """Those of the wide table, of the cursor, or of a run at work."""
        return current_keys(self.state)

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter now."""
        return footer(self.state)

    def on_mount(self) -> None:
        """Look at the runs for the first time."""
        if self._unknown:
            self.notify(f"there is no run {self._unknown}", severity="warning")
        self.set_timer(SETTLED, self._say_what_cannot_be_read)
        self._dress()
        self._tick()

    def _say_what_cannot_be_read(self) -> None:
        for problem in self.feed.problems():
            self.notify(problem, severity="warning")

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
        return self.host.palette

    # Looking at the runs.

    def _tick(self) -> None:
        if not self._watching:  # a tick that was on its way when something else was shown
            return
        views = self.feed.views()
        changed, more = self.feed.poll([run.id for run in self.state.drawn])
        self._undrawn |= changed
        self.dispatch(e.ListRuns(views))
        now = time.monotonic()  # the day's clock may be set
        due = self._drawn_at + SECONDS_PER_DRAWING
        if self._undrawn and now >= due:
            self._drawn_at = now
            self._draw_news()
        elif not more:
            self._draw(NUMBERS)  # time goes on
        at_work = any(run.state in ("queued", "starting", "running") for run in self.state.runs)
        pause = READING if more else self._seconds_per_column() if at_work else AT_REST
        self._look_after(min(pause, max(due - now, READING)) if self._undrawn else pause)

    def _seconds_per_column(self) -> float:
        """How long the selected run's curve needs to grow by a column, within what one wants to see of a run."""
        history = self.selected_history()
        columns = charts.plot_columns(self._view("loss").content_region.width)
        return min(max(history.work_seconds / columns if history else 0.0, AT_WORK), LONGEST_AT_WORK)

    def _look_after(self, seconds: float) -> None:
        """Look at the files next when so many seconds have passed."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(seconds, self._tick)

    def _draw_news(self) -> None:
        """Draw what the new events touch."""
        histories = [self.feed.histories[id] for id in self._undrawn if id in self.feed.histories]
        news = {each for history in histories for each in history.take_dirty()}
        self._undrawn.clear()
        if "other" in news:
            self._dress()
            self._draw(CURVES)
        else:
            self._draw((*OF_LOSSES, *OF_SAMPLES) if "sample" in news else OF_LOSSES)
        self._draw(NUMBERS)

    def refresh_runs(self) -> None:
        """Read the runs' files now: an effect changed them."""
        self._tick()

    # Events and effects.

    def event_context(self) -> Context:
        """Return what the events of some keys depend on."""
        columns = charts.plot_columns(self._view("loss").content_region.width)
        return Context(self.state, self.feed.histories, self._clock(), self.size.width, columns, self.feed.link_target)

    def update_state(self, event: e.Event) -> tuple[TrainState, Sequence[Effect]]:
        """Return the next state and the effects."""
        return update(self.state, event)

    def carry_out(self, effect: Effect) -> None:
        """Carry out an effect."""
        from adam_tui.ui.train.carry_out import carry_out  # with its windows, when the first effect needs it

        carry_out(effect, self)

    def watch_state(self, before: TrainState, after: TrainState) -> None:
        """Draw the panels that the change touches, and read the curves that are drawn from now on."""
        if not self.is_mounted:
            return
        drawn = [run.id for run in after.drawn]
        if drawn != [run.id for run in before.drawn] and self._timer is not None:
            self._undrawn |= self.feed.poll(drawn)[0]
        self.refresh_footer()
        self._dress()
        self._draw(touched(before, after))

    def schedule_settings(self) -> None:
        """Send the changed settings once no key has changed one for a moment."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED, lambda: self.dispatch(e.SendSettings()))

    def train_lane(self, lane: Lane) -> None:
        """Ask whether to train with the optimizer of one of the playground's lanes."""
        from adam_tui.ui.train.lane_to_run import spec_for, usual_lr

        spec, remarks = spec_for(lane)
        self.dispatch(e.OfferRun(spec, usual_lr(spec), tuple(map(self.named, remarks))))

    def selected_history(self) -> RunHistory | None:
        """What the selected run has told."""
        return self.feed.histories.get(self.state.selected or "")

    # Drawing.

    def redraw(self) -> None:
        """Everything anew, in the colours of another theme."""
        self._dress()
        self._draw(PANELS)

    def _dress(self) -> None:
        """Titles and heights; and the words about the selected run, whose number of lines decides a height."""
        state, histories = self.state, self.feed.histories
        run = state.run
        told = run is not None and run.state in ("failed", LOST)
        log = self.feed.log(run.id, LOG_LINES_SHOWN) if run is not None and told else ""
        self._about = train_view.notes(state, histories, log, self._palette, self.key_names)
        self.query_one(TabsLine).status = train_view.status_line(state, histories, self.size.width, self._palette)
        self._title("accuracy", charts.accuracy_title(state, histories), charts.best_words(self.selected_history()))
        self._title("runs", "Runs")
        self._title("knobs", train_view.knobs_title(state), self.named(train_view.knobs_subtitle(state)))
        self._title("now", train_view.run_title(state, histories, self._palette))
        self._title("extra", train_view.extra_title(state, histories))
        view, found = state.view, self._evaluation()
        self._title("strip", model_views.title(view, found), model_views.HINTS[view])
        if state.table:
            shown = len(table.listed(state, histories, self._clock()))
            self._title("table", table.title(state, shown), self.named(table.HINT))
        width, height = self.size
        if height:
            self._set_heights(width, height - self._show_finale(width))

    def _set_heights(self, width: int, height: int) -> None:
        state, history, found = self.state, self.selected_history(), self._evaluation()
        notes = train_view.notes_height(self._about, self._view("now").content_region.width)
        extra = train_view.extra_rows(state, self.feed.histories)

        def view_rows(columns: int, most: int) -> int:
            return model_views.rows_wanted(state.view, found, history, columns, most)

        rows = layout(state, notes, extra, view_rows, width, height)
        self.query_one("#body").display = rows.body > 0
        for name in PANELS[:-1]:
            self._set_height(name, getattr(rows, name))

    def _show_finale(self, width: int) -> int:
        """What is to be done at the tour's last stop, and how many rows it takes."""
        foot, shown = self.query_one("#train-caption", Static), self.state.finale
        foot.display = shown is not None
        if shown is None:
            return 0
        place, finale = shown
        words = caption(place, *finale, self.named("{mode_learn} Learn · {close} close"))
        foot.update(words)
        return len(words.wrap(width - CAPTION_MARGIN))

    def _set_height(self, name: str, rows: int) -> None:
        view = self._view(name)
        if view.display != (rows > 0):
            view.display = rows > 0
        if rows and (view.styles.height is None or view.styles.height.value != rows):
            view.styles.height = rows

    def _evaluation(self) -> Evaluation | None:
        return self.feed.evaluation(self.state.selected)

    def _title(self, name: str, title: str, subtitle: str = "") -> None:
        self._view(name).entitle(title, subtitle)

    def _view(self, name: str) -> CellView:
        return self.query_one(f"#train-{name}", CellView)

    def _draw(self, names: Iterable[str]) -> None:
        for name in names:
            view = self._view(name)
            size = view.content_region.size if view.is_mounted else Size(0, 0)
            if view.display and size.width > 0 and size.height > 0:
                view.show(self._cells(name, size.width, size.height))
                if name == "loss":
                    self._title_loss(size.width)

    def _title_loss(self, width: int) -> None:
        """The loss chart's title and legend, which go with its limits; and what it needs of the files to be exact."""
        state, histories = self.state, self.feed.histories
        if state.run is None:
            self._title("loss", train_view.GALLERY_TITLE)
            return
        self._title("loss", charts.loss_title(state, histories), charts.loss_legend(state, histories, width))
        closer = charts.closer_looks(state, histories, width)
        if closer != self.feed.zoomed:
            self.feed.zoomed = closer
            if closer and self._timer is not None:
                self._look_after(READING)

    def _picture(self, name: str, size: Size) -> Cells:
        """What a panel shows that is seen in another size than before, perhaps after it was hidden for a while."""
        return self._cells(name, size.width, size.height)

    def _cells(self, name: str, width: int, height: int) -> Cells:
        state, histories, palette = self.state, self.feed.histories, self._palette
        match name:
            case "loss" if state.run is None:
                return train_view.gallery(state, self.key_names["start"], width, height, palette)
            case "loss":
                return charts.loss(state, histories, width, height, palette, train_view.nothing_yet(state))
            case "accuracy":
                return charts.accuracy(state, histories, width, height, palette)
            case "runs":
                return train_view.runs(state, histories, width, height, palette)
            case "knobs":
                return train_view.knobs(state, width, height, palette)
            case "now" if state.cursor is not None:
                return train_view.reading(state, histories, self._span(), width, height, palette)
            case "now":
                return train_view.now(state, histories, self._about, self._clock(), width, height, palette)
            case "extra":
                return train_view.extra(state, histories, width, height, palette)
            case "strip":
                return train_view.strip(state, histories, self._evaluation(), width, height, palette)
            case "table":
                return table.draw(state, histories, self._clock(), width, height, palette)
            case "line":
                return train_view.line(state, histories, width, palette)
            case _:
                return train_view.progress(state, histories, self._clock(), width, palette, span=self._span())

    def _span(self) -> int:
        """Over how many steps the curve is averaged."""
        return charts.drawn_span(self.state, self.feed.histories, self._view("loss").content_region.width)

    @on(CellView.Resized)
    def _view_resized(self, event: CellView.Resized) -> None:
        if event.view.id:
            self._draw((event.view.id.removeprefix("train-"),))

    def on_resize(self, event: Resize) -> None:
        """Share the rows anew once the layout is known."""
        super().on_resize(event)
        self.call_after_refresh(self._dress)
