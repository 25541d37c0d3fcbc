"""The form for a new sweep: a field a line, and the dry run below, which follows while the user types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Label

from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.request import Request
from adam_tui.sweeps.results import Estimate
from adam_tui.terminal.sanitize import sanitize
from adam_tui.ui.dialogs import Window
from adam_tui.ui.sweep.events import StartSweep

# The word and the hint of each field.
FIELDS = {
    "optimizers": ("optimizers", "names, as adam,sgd,momentum,lion"),
    "lr": ("learning rates", "a range 1e-4..1 or a list 1e-3,1e-2; empty: around each optimizer's usual one"),
    "settings": ("other knobs", "such as beta1=0.8..0.99 batch_size=32,64"),
    "batch_size": ("batch size", "images a step, unless it is one of the other knobs"),
    "trials": ("settings", "of each optimizer; lists alone decide by themselves"),
    "sampler": ("sampler", "quasi, grid or tpe (Optuna learns from results); empty: quasi or grid"),
    "seeds": ("seeds", "that each setting is trained with"),
    "epochs": ("epochs", "of a trial"),
    "limit": ("images", "train on the first so many; empty: all 55,000"),
    "halving": ("halving", "yes: only the best third goes on after 1, 3, 9, … epochs"),
    "where": ("where", "local, or ray, or ray HOST:PORT for a cluster"),
    "slots": ("slots", "trials at the same time; empty: one a core, or one a GPU"),
    "name": ("name", "of the sweep; empty: a new one"),
}
DELAY = 0.25  # seconds without a key before the dry run is computed again


class SweepForm(Window[StartSweep | None]):
    """Asks for a sweep. `estimate` gives the size of a plan; it may raise ValueError and OSError."""

    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("down", "app.focus_next", "Next field", show=False),
        Binding("up", "app.focus_previous", "Previous field", show=False),
    ]

    def __init__(self, request: Request, reason: str, estimate: Callable[[Plan, int], Estimate]) -> None:
        super().__init__()
        self._request = request
        self._reason = reason
        self._estimate = estimate
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Yield a line for each field, the hint of the field in use, and the dry run."""
        with Vertical(classes="dialog sweep-form") as frame:
            frame.border_title = "Train many settings and compare them"
            frame.border_subtitle = "↑↓ field · enter start · esc cancel"
            if self._reason:
                yield Label(Content(sanitize(self._reason)), classes="reason")
            for name, (word, _) in FIELDS.items():
                with Horizontal():
                    yield Label(word, classes="field", markup=False)
                    yield Input(value=getattr(self._request, name), id=f"field-{name}", select_on_focus=True)
            yield Label("", id="field-hint", classes="hint", markup=False)
            yield Label("", id="dry-run", markup=False)

    def on_mount(self) -> None:
        """Show the size of the sweep at first."""
        self._show_dry_run()

    def on_descendant_focus(self) -> None:
        """Show the hint of the field in use."""
        name = (self.focused.id or "").removeprefix("field-") if self.focused else ""
        if name in FIELDS:
            self.query_one("#field-hint", Label).update(FIELDS[name][1])

    def on_input_changed(self) -> None:
        """Compute the size again when no key follows."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DELAY, self._show_dry_run)

    @property
    def request(self) -> Request:
        """The texts of the fields."""
        texts: dict[str, Any] = {name: self.query_one(f"#field-{name}", Input).value for name in FIELDS}
        return replace(self._request, **texts)

    def _show_dry_run(self) -> None:
        label = self.query_one("#dry-run", Label)
        try:
            request = self.request
            plan = request.plan()
            request.place()
            slots = request.slot_count(plan)
            label.update(self._estimate(plan, slots).text(plan, slots))
        except (ValueError, OSError) as error:
            label.update(str(error))
            label.add_class("wrong")
        else:
            label.remove_class("wrong")

    def on_input_submitted(self) -> None:
        """Close with the plan if it is valid."""
        try:
            request = self.request
            plan = request.plan()
            place, slots = request.place(), request.slot_count(plan)
        except ValueError:
            self._show_dry_run()
            self.app.bell()
            return
        self.dismiss(StartSweep(plan, slots, request.name.strip(), place))
