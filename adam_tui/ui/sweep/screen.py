"""The sweep mode: shows the state, polls the files of the sweep, and carries the effects out.

Nothing here is lost when the app is killed: the sweep's processes and files know nothing of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Horizontal, Vertical
from textual.events import Click, Resize
from textual.geometry import Size
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from adam_tui.draw.cells import Cells
from adam_tui.draw.heat_map import Ink
from adam_tui.history.sweep_feed import SweepFeed
from adam_tui.runs.user_paths import runs_directory
from adam_tui.terminal.cell_view import CellView
from adam_tui.terminal.fallback import Fallback
from adam_tui.ui.actions import FooterKey
from adam_tui.ui.layout import NARROW, WIDE
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.sweep import events as e
from adam_tui.ui.sweep import view as sweep_view
from adam_tui.ui.sweep.actions import ACTIONS, EventContext, footer
from adam_tui.ui.sweep.state import SweepState
from adam_tui.ui.sweep.update import update
from adam_tui.ui.sweep.view import FRAMED, PANELS, Panel, Snapshot
from adam_tui.ui.widgets.tabs_line import TabsLine

if TYPE_CHECKING:
    from adam_tui.ui.sweep.effects import Effect

# Seconds between two polls: while trials run, while nothing does, and while files of a sweep are read.
POLL_RUNNING, POLL_IDLE, POLL_READING = 1.0, 2.0, 0.02
ACTIVE = ("running", "starting", "paused")
LEAST_CURVES = 8  # rows of the curves with their frame
FRAME = 2


class SweepScreen(ModeScreen[SweepState, e.Event, "Effect", EventContext]):
    """The grid on the left; the chosen cell's curves and words, and the slots, on the right.

    `runs` is the directory of the runs (None: the default one).
    """

    MODE = "sweep"
    ACTIONS = ACTIONS
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-normal"), (WIDE, "-wide")]

    state: reactive[SweepState] = reactive(SweepState, init=False, repaint=False)

    def __init__(self, runs: Path | None = None) -> None:
        super().__init__()
        self.feed = SweepFeed(runs_directory(runs))
        self._poll_timer: Timer | None = None
        self._polling = True
        self._followed: tuple[str, ...] = ()
        self._has_curves = False

    def body(self) -> Iterable[Widget]:
        """The panels, and the progress line."""
        views = {
            panel: CellView(
                partial(self._resized_cells, panel),
                id=f"sweep-{panel}",
                classes="panel" if panel in FRAMED else None,
            )
            for panel in PANELS
        }
        side = Vertical(views["curves"], views["cell"], views["slots"], id="sweep-side")
        yield Horizontal(views["grid"], side, id="body")
        yield views["progress"]

    def window_title(self) -> str:
        """The sweep, its state and its trials."""
        return sweep_view.window_title(self.state)

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter now."""
        return footer(self.state)

    def on_mount(self) -> None:
        """Begin to poll."""
        super().on_mount()
        self.poll()
        self._show_state()

    # Polling.

    def on_screen_suspend(self) -> None:
        """Stop polling while another mode is shown."""
        if not self.is_current_mode:
            self._polling = False
            self._stop_timer()

    def on_screen_resume(self) -> None:
        """Poll again."""
        self._polling = True
        if self.is_mounted:
            self.poll()

    def _stop_timer(self) -> None:
        if self._poll_timer is not None:
            self._poll_timer.stop()
            self._poll_timer = None

    def poll(self) -> None:
        """Read what is new of the sweep that is shown, draw it, and poll again later."""
        if not self._polling:
            return
        ids = self.feed.ids()
        selected = self.state.selected if self.state.selected in ids else next(iter(ids), None)
        before = self.feed.view_of(selected)
        view = self.feed.view(selected, reached=self.state.quantity == "epochs")
        reading = view is not before and self.state.quantity == "epochs"
        self.dispatch(e.ShowSweep(ids, view))
        if selected and (problem := self.feed.problem(selected)):
            self.notify(problem, severity="error")
        if self._has_curves and self._read_curves():
            self._draw(("curves",))
            self._entitle()
            reading = True
        pause = POLL_READING if reading else POLL_RUNNING if view and view.state in ACTIVE else POLL_IDLE
        self._stop_timer()
        self._poll_timer = self.set_timer(pause, self.poll)

    def open_sweep(self, id: str) -> None:
        """Show a sweep by its id."""
        self.poll()
        self.dispatch(e.SelectSweep(id))
        if self.state.selected != id:
            self.notify(f"there is no sweep {id}", severity="warning")

    def _read_curves(self) -> bool:
        self._followed = sweep_view.curve_runs(self.state)
        return self.feed.follow(self._followed)

    # Events and effects.

    def update_state(self, event: e.Event) -> tuple[SweepState, Sequence[Effect]]:
        """Return the next state and the effects."""
        return update(self.state, event)

    def event_context(self) -> EventContext:
        """Return the data that the events of some keys are made from."""
        return EventContext(lambda: tuple((id, *self.feed.describe(id)) for id in self.feed.ids()))

    def carry_out(self, effect: Effect) -> None:
        """Carry out one effect."""
        from adam_tui.ui.sweep.carry_out import carry_out  # loads the dialogs, which the start does not need

        carry_out(effect, self)

    def watch_state(self, before: SweepState, after: SweepState) -> None:
        """Draw everything; the cells that did not change are not sent."""
        if self.is_mounted and before is not after:
            if self._has_curves:
                self._read_curves()
            self._show_state()

    def _show_curves(self) -> None:
        """Draw the curves for the first time: after the grid is seen, because that loads the charts and a run."""
        self._has_curves = True
        self._read_curves()
        self._entitle()
        self._draw(("curves",))

    def _show_state(self) -> None:
        self.refresh_footer()
        self._lay_out()
        self._draw(PANELS)
        if not self._has_curves and self.state.view is not None:
            self.call_after_refresh(self._show_curves)

    def on_click(self, event: Click) -> None:
        """Choose the cell of the grid that was clicked; a second click opens its run."""
        region = self._view("grid").content_region
        if not region.contains_point(event.screen_offset):
            return
        offset = event.screen_offset - region.offset
        at = sweep_view.grid_cell(self.state, region.width, region.height, offset.y, offset.x)
        grid = self.state.grid
        if at is None or grid is None or at not in grid.cells:
            return
        chosen = self.state.cell(grid)
        self.dispatch(e.ChooseCell(*at))
        if event.chain == 2 and chosen == at:
            self.dispatch(e.OpenRun())

    # Drawing.

    def _view(self, panel: Panel) -> CellView:
        return self.query_one(f"#sweep-{panel}", CellView)

    def _snapshot(self) -> Snapshot:
        grid = self._view("grid")
        return Snapshot(
            self.state,
            self.feed.histories,
            self.host.palette,
            self.key_names,
            self._ink(),
            self.size.width < NARROW,
            grid.content_region.size if grid.is_mounted else (0, 0),
        )

    def _ink(self) -> Ink:
        """How this terminal shows the grid."""
        fallback: Fallback | None = getattr(self.app, "fallback", None)
        if fallback and (fallback.ascii or fallback.console):
            return "ascii"
        few = fallback is not None and fallback.few_colors
        return "shades" if few or os.environ.get("NO_COLOR") else "blocks"

    def redraw(self) -> None:
        """Draw everything, in the colours of another theme."""
        self._show_state()

    def _draw(self, panels: Iterable[Panel]) -> None:
        shown = self._snapshot()
        for panel in panels:
            view = self._view(panel)
            size = view.content_region.size if view.is_mounted else Size(0, 0)
            is_due = panel != "curves" or self._has_curves
            if is_due and view.display and size.width > 0 and size.height > 0:
                view.show(sweep_view.draw(panel, shown, size.width, size.height))

    def _resized_cells(self, panel: Panel, size: Size) -> Cells:
        if panel == "curves" and not self._has_curves:
            return Cells.blank(size.width, size.height, self.host.palette.foreground, self.host.palette.background)
        return sweep_view.draw(panel, self._snapshot(), size.width, size.height)

    @on(CellView.Resized)
    def _view_resized(self, event: CellView.Resized) -> None:
        self._draw(panel for panel in PANELS if event.view.id == f"sweep-{panel}")
        if event.view.id == "sweep-grid":
            self._entitle()  # with the unit of the values that have room now

    def _entitle(self) -> None:
        shown = self._snapshot()
        for panel, names in sweep_view.titles(shown).items():
            self._view(panel).entitle(*names)

    def _lay_out(self) -> None:
        """Set the titles, and the heights of the panels on the right."""
        self.query_one(TabsLine).status = sweep_view.status_line(self.state, self.size.width)
        self._entitle()
        shown, view = self._snapshot(), self.state.view
        self.query_one("#sweep-side").display = view is not None
        self._view("progress").display = view is not None
        height = self.size.height - 3  # the top line, the progress line, the footer
        if view is None or height <= 0:
            return
        width = max(self._view("cell").content_region.width - 1, 20)
        cell = len(sweep_view.cell_lines(shown, view, width)) + FRAME
        slots = len(sweep_view.slot_lines(shown, view, width, height)) + FRAME
        curves = max(min(LEAST_CURVES, height // 3), height - cell - slots)
        cell = min(cell, max(height - curves - FRAME - 1, FRAME + 1))
        for panel, rows in (("curves", curves), ("cell", cell), ("slots", max(height - curves - cell, 0))):
            self._set_height(panel, rows)  # type: ignore[arg-type]

    def _set_height(self, panel: Panel, rows: int) -> None:
        view = self._view(panel)
        if view.display != (rows > 0):
            view.display = rows > 0
        if rows and (view.styles.height is None or view.styles.height.value != rows):
            view.styles.height = rows

    def on_resize(self, event: Resize) -> None:
        """Share the rows again once the layout is known."""
        super().on_resize(event)
        self.call_after_refresh(self._lay_out)
