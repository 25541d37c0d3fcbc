"""The training screen: it polls the runs directory, dispatches events, and hands each panel its cells.

The screen owns no run. Runs are processes of their own: closing the screen, or losing its terminal, changes nothing for
them. The logic is in `update`, the drawing in `view`; only timers, widgets and the feed are here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Horizontal, Vertical
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.geometry import Offset, Size
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from adam_tui.draw.cells import Cells
from adam_tui.history.feed import Feed
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import LOST
from adam_tui.runs.user_paths import runs_directory
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.actions import Action, FooterKey, KeyGroup
from adam_tui.ui.caption import CAPTION_PADDING, caption
from adam_tui.ui.layout import NARROW, WIDE
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.train import axes, epoch_charts, loss_chart, model_views, run_panel, start_panel, sweep_panel, table
from adam_tui.ui.train import events as e
from adam_tui.ui.train import view as train_view
from adam_tui.ui.train.actions import ACTIONS, current_keys, footer
from adam_tui.ui.train.context import EventContext
from adam_tui.ui.train.landscape.cursor import NEAR, WHEEL, OnPlane
from adam_tui.ui.train.layout import (
    FRAMED,
    OF_ALL_EVENTS,
    OF_LOSSES,
    OF_NUMBERS,
    OF_SAMPLES,
    OF_TIME,
    PANELS,
    Panel,
    changed_panels,
    layout,
)
from adam_tui.ui.train.run_panel import Note
from adam_tui.ui.train.state import TrainState
from adam_tui.ui.train.update import update
from adam_tui.ui.train.view import Snapshot
from adam_tui.ui.widgets.tabs_line import TabsLine

if TYPE_CHECKING:
    from adam_tui.engine.lane import Lane
    from adam_tui.ui.train.effects import Effect
    from adam_tui.ui.train.landscape.panels import LandscapePanels

# Seconds between two polls of the files. While a run is running, a poll follows when its curve has grown by a column:
# more polls would show nothing new, and every poll takes time from a run on the same cores.
POLL_RUNNING, POLL_RUNNING_LONGEST, POLL_IDLE, POLL_READING = 0.45, 0.95, 1.0, 0.001
POLL_FIRST_LOSS = 0.1  # the user waits for the first loss of a run that was just started
POLLED_OFTEN = ("queued", "starting", "running")
# While a long run is read for the first time, the curve grows on the screen in steps that can be seen.
SECONDS_PER_DRAWING = 0.25
LOG_LINES_SHOWN = 2
# A key that is held down turns a knob many times: the run gets the value at which it rests.
SEND_DELAY = 0.3
WARN_DELAY = 0.3  # unreadable runs are reported after the first pictures
SPARE_DELAY = 1.5  # a process for the next run starts after the first pictures


class TrainScreen(ModeScreen[TrainState, e.Event, "Effect", EventContext]):
    """Curves on the left; runs, hyperparameters and figures on the right; digits and progress below.

    `runs` is the directory of the runs (None: the default one), `selected` the id of the run to open with, `clock`
    returns seconds since 1970.
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
        # Before the first drawing, so that the screen opens with the runs that there are.
        state, _ = update(TrainState(), e.ListRuns(self.feed.views(), sweeps=self.feed.sweeps))
        if selected:
            state, _ = update(state, e.SelectRun(selected))
        self.set_reactive(TrainScreen.state, state)
        self._unknown = selected if selected not in (None, self.state.selected) else None
        self._opened_at = self._used_at = time.monotonic()  # when the user last did something
        self._send_timer: Timer | None = None
        self._poll_timer: Timer | None = None
        self._polling = True
        self._changed: set[str] = set()  # runs with new events that are not drawn yet
        self._gathered: dict[Panel, None] | None = None  # the panels to draw at the end of a poll, in this order
        self._drawn_steps: dict[str, int] = {}  # of each run whose curve is drawn: the steps of that drawing
        self._drawn_at = 0.0
        self._notes: list[Note] = []
        self._landscape: LandscapePanels | None = None

    def body(self) -> Iterable[Widget]:
        """The charts, the panels beside them, the digits and the progress line."""
        views = {
            panel: CellView(
                partial(self._resized_cells, panel),
                id=f"train-{panel}",
                classes="panel" if panel in FRAMED else None,
            )
            for panel in PANELS
        }
        yield views["table"]
        yield Horizontal(
            Vertical(views["loss"], views["accuracy"], id="train-left"),
            Vertical(views["runs"], views["knobs"], views["figures"], views["corner"], id="train-side"),
            id="body",
        )
        yield views["model"]
        yield Static(id="train-caption")
        yield views["digits"]
        yield views["progress"]

    def window_title(self) -> str:
        """The run that the top line names, its state and its epochs."""
        return train_view.window_title(self.state, self.feed.histories)

    def current_keys(self) -> KeyGroup | None:
        """The keys of the wide table, of the cursor, or of a running run's settings."""
        return current_keys(self.state)

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter now."""
        return footer(self.state)

    def on_mount(self) -> None:
        """Begin to poll."""
        if self._unknown:
            self.notify(f"there is no run {self._unknown}", severity="warning")
        self.set_timer(WARN_DELAY, self._report_unreadable_runs)
        self._lay_out()
        self.poll()

    def _report_unreadable_runs(self) -> None:
        for problem in self.feed.problems():
            self.notify(problem, severity="warning")

    # Polling.

    def on_screen_suspend(self) -> None:
        """Stop polling while another mode is shown; behind a window the mode is visible and polls on."""
        if self.is_current_mode:
            return
        self._polling = False
        if self._poll_timer is not None:
            self._poll_timer.stop()
            self._poll_timer = None

    def on_screen_resume(self) -> None:
        """Poll again."""
        self._polling = True
        self._used_at = time.monotonic()
        if self.is_mounted:
            self.poll()

    def on_unmount(self) -> None:
        """End the process that waits for a run, and the computation of a landscape."""
        self.feed.close()
        if self._landscape is not None:
            self._landscape.stop()

    def poll(self) -> None:
        """List the runs, read what is new of them, draw it, and poll again later."""
        if not self._polling:  # a timer that fired when something else was shown already
            return
        self._gathered = {}
        runs = self.feed.views()
        changed, more = self.feed.poll([run.id for run in self.state.drawn])
        self._changed |= changed
        self._dispatch_runs(runs)
        now = time.monotonic()  # the clock of the day may be set back
        due = self._drawn_at + SECONDS_PER_DRAWING
        if self._changed and now >= due:
            self._drawn_at = now
            self._draw_changed_runs()
        elif not more:
            self._draw(OF_TIME)
        panels, self._gathered = self._gathered, None
        self._draw(panels)
        running = any(run.state in POLLED_OFTEN for run in self.state.runs)
        pause = POLL_READING if more else self._seconds_per_column() if running else POLL_IDLE
        if self._waits_for_first_loss():
            pause = min(pause, POLL_FIRST_LOSS)
        elif now - self._opened_at > SPARE_DELAY:
            self.feed.keep_spare(self._used_at)
        self._poll_after(min(pause, max(due - now, POLL_READING)) if self._changed else pause)

    def _waits_for_first_loss(self) -> bool:
        """Whether the selected run is about to record its first loss."""
        run, history = self.state.run, self.selected_history
        return run is not None and run.state in ("starting", "running") and not (history and len(history.curve))

    def list_runs(self) -> None:
        """Dispatch `ListRuns` with the runs that there are now."""
        self._dispatch_runs(self.feed.views())

    def _dispatch_runs(self, runs: tuple[RunView, ...]) -> None:
        self.dispatch(e.ListRuns(runs, self._matches(runs), self.feed.sweeps))

    def _matches(self, runs: tuple[RunView, ...]) -> tuple[str, ...] | None:
        """The ids of the runs that match the search; None without one."""
        state = replace(self.state, runs=runs)
        if not state.search:
            return None
        return table.matching(table.searchable(state, self.feed.histories, self._clock()), state.search)

    def _poll_after(self, seconds: float) -> None:
        if self._poll_timer is not None:
            self._poll_timer.stop()
        self._poll_timer = self.set_timer(seconds, self.poll)

    def _seconds_per_column(self) -> float:
        """The time that the selected run's curve needs to grow by a column, within the limits for a running run."""
        history = self.selected_history
        columns = loss_chart.plot_columns(self._loss_width)
        return min(max(history.work_seconds / columns if history else 0.0, POLL_RUNNING), POLL_RUNNING_LONGEST)

    # Events and effects.

    def event_context(self) -> EventContext:
        """Return the data that the events of some keys are made from."""
        columns = loss_chart.plot_columns(self._loss_width)
        feed = self.feed
        return EventContext(
            self.state, feed.histories, self._clock(), self.size.width, columns, feed.link_target, self._on_plane
        )

    def update_state(self, event: e.Event) -> tuple[TrainState, Sequence[Effect]]:
        """Return the next state and the effects."""
        return update(self.state, event)

    def perform(self, action: Action[e.Event, EventContext]) -> None:
        """Remember that the user is there, and perform the action."""
        self._used_at = time.monotonic()
        super().perform(action)

    def carry_out(self, effect: Effect) -> None:
        """Carry out one effect."""
        from adam_tui.ui.train.carry_out import carry_out  # loads the dialogs, which the start does not need

        carry_out(effect, self)

    def schedule_settings(self) -> None:
        """Send the changed settings once no setting was changed for a moment."""
        if self._send_timer is not None:
            self._send_timer.stop()
        self._send_timer = self.set_timer(SEND_DELAY, lambda: self.dispatch(e.SendSettings()))

    def watch_state(self, before: TrainState, after: TrainState) -> None:
        """Draw the panels that show the change, and read the curves that are drawn from now on."""
        if not self.is_mounted:
            return
        drawn = [run.id for run in after.drawn]
        if drawn != [run.id for run in before.drawn] and self._poll_timer is not None:
            self._changed |= self.feed.poll(drawn)[0]
        self.refresh_footer()
        self._lay_out()
        self._show_landscape()
        self._draw(changed_panels(before, after))

    def train_lane(self, lane: Lane) -> None:
        """Ask whether to train with the optimizer of one of the playground's lanes."""
        from adam_tui.engine.class_reference import is_reference
        from adam_tui.ui.train.lane_to_run import class_text, remarks_on, spec_for, usual_lr

        if is_reference(lane.optimizer):
            self.dispatch(e.CheckClass(class_text(lane), tuple(map(self.named, remarks_on(lane)))))
            return
        spec, remarks = spec_for(lane)
        self.dispatch(e.OfferRun(spec, usual_lr(spec), tuple(map(self.named, remarks))))

    def open_run(self, path: Path) -> None:
        """Show a run from another directory, such as one of a sweep, beside the other runs."""
        id = self.feed.attach(path)
        self.list_runs()
        self.dispatch(e.SelectRun(id))
        if self.state.selected != id:
            self.notify(f"cannot show {id}: its files are not there yet", severity="warning")

    # Drawing.

    @property
    def selected_history(self) -> RunHistory | None:
        """The history of the selected run."""
        return self.feed.histories.get(self.state.selected or "")

    @property
    def _loss_width(self) -> int:
        return self._view("loss").content_region.width

    def _view(self, panel: Panel) -> CellView:
        return self.query_one(f"#train-{panel}", CellView)

    def _snapshot(self) -> Snapshot:
        state = self.state
        return Snapshot(
            state,
            self.feed.histories,
            self.feed.evaluation(state.selected),
            self._notes,
            self._clock(),
            self._loss_width,
            self.host.palette,
            self.key_names,
        )

    def redraw(self) -> None:
        """Draw everything, in the colours of another theme."""
        self._lay_out()
        self._draw(PANELS)

    def _draw_changed_runs(self) -> None:
        """Draw the panels that show the new events of the runs."""
        histories = [self.feed.histories[id] for id in self._changed if id in self.feed.histories]
        changes = {each for history in histories for each in history.take_dirty()}
        self._changed.clear()
        if "other" in changes:
            self._lay_out()
            self._draw(OF_ALL_EVENTS)
        else:
            if self._curves_have_grown():
                self._draw(OF_LOSSES)
            self._draw((*OF_NUMBERS, *OF_SAMPLES) if "sample" in changes else OF_NUMBERS)
            if epoch_charts.is_first_epoch(self.state, self.feed.histories):
                self._draw(("accuracy",))
        self._draw(OF_TIME)

    def _curves_have_grown(self) -> bool:
        """Whether a curve is a dot longer than in the last drawing: a drawing costs most of a poll's time."""
        axis = axes.x_axis(self.state, self.feed.histories, loss_chart.plot_columns(self._loss_width))
        return any(
            run.id not in self._drawn_steps
            or not 0 <= len(history.curve) - self._drawn_steps[run.id] < axis.visible(history).steps_per_dot
            for run, history in axis.drawn
        )

    def _draw(self, panels: Iterable[Panel]) -> None:
        if self._gathered is not None:
            self._gathered |= dict.fromkeys(panels)
            return
        shown = self._snapshot()
        for panel in panels:
            view = self._view(panel)
            size = view.content_region.size if view.is_mounted else Size(0, 0)
            if view.display and size.width > 0 and size.height > 0:
                view.show(self._cells(panel, shown, size))
                if panel == "loss":
                    drawn = axes.drawn_histories(shown.state, shown.histories)
                    self._drawn_steps = {run.id: len(history.curve) for run, history in drawn}
                    view.entitle(*self._loss_titles(shown, size.width))
                    self._reread(shown, size.width)

    def _cells(self, panel: Panel, shown: Snapshot, size: Size) -> Cells:
        """The cells of a panel; two of them are the landscape's while it is open."""
        landscape = shown.state.landscape
        if landscape is None or self._landscape is None or panel not in ("loss", "figures"):
            return train_view.draw(panel, shown, size.width, size.height)
        if panel == "loss":
            return self._landscape.plane(shown.state, landscape, size, shown.palette, self.host.plot_style, shown.keys)
        return self._landscape.readings(shown.state, landscape, size, shown.palette)

    def _loss_titles(self, shown: Snapshot, width: int) -> tuple[str, str]:
        landscape = shown.state.landscape
        if landscape is None or self._landscape is None:
            return train_view.loss_titles(shown, width)
        return self._landscape.titles(shown.state, landscape)

    def _resized_cells(self, panel: Panel, size: Size) -> Cells:
        """The cells of a panel whose size has changed, perhaps while it was hidden."""
        return self._cells(panel, self._snapshot(), size)

    @on(CellView.Resized)
    def _view_resized(self, event: CellView.Resized) -> None:
        self._show_landscape()
        self._draw(panel for panel in PANELS if event.view.id == f"train-{panel}")

    # The landscape.

    def _show_landscape(self) -> None:
        """Compute what the state shows of the landscape, or end the computation."""
        if self._landscape is None:
            if self.state.landscape is None:
                return
            from adam_tui.ui.train.landscape.panels import LandscapePanels  # not needed at start-up

            self._landscape = LandscapePanels(self.feed, lambda: self.call_later(self._draw_landscape))
        self._landscape.show(self.state, self._view("loss").content_region.size, self.host.plot_style)

    def _draw_landscape(self) -> None:
        """Draw what was computed meanwhile; a plane whose size is known now is computed in the parts that it shows."""
        if self.state.landscape is not None and self.is_mounted and self.is_attached:
            self._show_landscape()
            if self.is_current_mode:
                self._draw(("loss", "figures"))

    def _on_plane(self) -> OnPlane | None:
        if self._landscape is None:
            return None
        size = self._view("loss").content_region.size
        return self._landscape.on_plane(self.state, size, self.host.palette, self.host.plot_style)

    def on_click(self, event: Click) -> None:
        """Put the landscape's cursor at the place that was clicked, or at the recorded step there."""
        if (target := self._place_at(event.screen_offset)) is not None:
            plane, place = target
            self.dispatch(plane.pointed(place, NEAR))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Zoom into the landscape about the pointer."""
        event.stop()
        self._zoom_at(event.screen_offset, WHEEL)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Zoom out of the landscape about the pointer."""
        event.stop()
        self._zoom_at(event.screen_offset, 1 / WHEEL)

    def _zoom_at(self, at: Offset, factor: float) -> None:
        if (target := self._place_at(at)) is not None:
            plane, place = target
            self.dispatch(plane.zoomed(factor, place))

    def _place_at(self, at: Offset) -> tuple[OnPlane, tuple[float, float]] | None:
        """The place of the landscape at a cell of the terminal."""
        view = self._view("loss")
        if self.state.landscape is None or not view.display or not view.content_region.contains_point(at):
            return None
        plane, offset = self._on_plane(), at - view.content_region.offset
        place = plane.at(offset.y, offset.x) if plane is not None else None
        return (plane, place) if plane is not None and place is not None else None

    def _reread(self, shown: Snapshot, width: int) -> None:
        """Let the feed read the losses again that this loss chart needs and that are no longer kept."""
        steps = loss_chart.steps_to_reread(shown.state, shown.histories, width)
        if steps != self.feed.zoomed:
            self.feed.zoomed = steps
            if steps and self._poll_timer is not None:
                self._poll_after(POLL_READING)

    def _lay_out(self) -> None:
        """Set the titles and the heights of the panels; the notes on the selected run decide some of the heights."""
        state, histories, run = self.state, self.feed.histories, self.state.run
        log = self.feed.log(run.id, LOG_LINES_SHOWN) if run is not None and run.state in ("failed", LOST) else ""
        if state.sweep is not None:
            self._notes = sweep_panel.notes(state.sweep, self.key_names, self.host.palette)
        elif run is None:
            self._notes = start_panel.side_notes(state, self.host.palette)
        else:
            self._notes = run_panel.notes(state, histories, log, self.host.palette, self.key_names)
        shown = self._snapshot()
        status = train_view.status_line(state, histories, shown.now, self.size.width, shown.palette)
        self.query_one(TabsLine).status = status
        for panel, titles in train_view.titles(shown).items():
            self._view(panel).entitle(*titles)
        if state.landscape is not None:
            self._view("figures").entitle("The plane")
        width, height = self.size
        if height:
            self._set_heights(shown, width, height - self._show_finale(width))

    def _set_heights(self, shown: Snapshot, width: int, height: int) -> None:
        state, evaluation, history = shown.state, shown.evaluation, shown.history
        notes = run_panel.notes_height(self._notes, self._view("figures").content_region.width)
        corner = train_view.corner_rows(state, shown.histories)

        def model_rows(columns: int, most: int) -> int:
            return model_views.rows_wanted(state.view, evaluation, history, columns, most)

        rows = layout(state, notes, corner, model_rows, width, height)
        self.query_one("#body").display = rows.body > 0
        for panel in PANELS:
            if panel != "progress":  # always one row
                self._set_height(panel, getattr(rows, panel))

    def _set_height(self, panel: Panel, rows: int) -> None:
        view = self._view(panel)
        if view.display != (rows > 0):
            view.display = rows > 0
        if rows and (view.styles.height is None or view.styles.height.value != rows):
            view.styles.height = rows

    def _show_finale(self, width: int) -> int:
        """Show the caption of the tour's last stop, or hide it; returns the rows that it takes."""
        foot, shown = self.query_one("#train-caption", Static), self.state.finale
        foot.set_class(shown is not None, "-shown")
        if shown is None:
            return 0
        place, finale = shown
        words = caption(place, *finale, self.named("{mode_learn} Learn · {close} close"), width - CAPTION_PADDING)
        foot.update(words)
        return len(words.wrap(width - CAPTION_PADDING))

    def on_resize(self, event: Resize) -> None:
        """Share the rows again once the layout is known."""
        super().on_resize(event)
        self.call_after_refresh(self._lay_out)
