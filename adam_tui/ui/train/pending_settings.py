"""Settings of running runs that were changed on the screen and are on their way to the runs' processes.

A value: the training state holds it, and every change makes a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from adam_tui.history.run_view import RunView


class Setting(NamedTuple):
    """A value for one hyperparameter of one run."""

    run: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class PendingSettings:
    """The changed settings of running runs.

    `values` holds, by run and hyperparameter, the values that the runs have not confirmed yet; the screen shows them
    instead of the confirmed ones. `unsent` holds those that no command was sent for: of a knob that passes many values
    only the last one is sent. `sent` are the hyperparameters for which a command was ever sent.
    """

    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unsent: Mapping[tuple[str, str], float] = field(default_factory=dict)
    sent: frozenset[tuple[str, str]] = frozenset()

    def with_setting(self, setting: Setting) -> PendingSettings:
        """Add a changed setting."""
        run, name, value = setting
        own = self.values.get(run, {})
        if own.get(name) == value:
            return self
        return replace(
            self,
            values={**self.values, run: {**own, name: value}},
            unsent={**self.unsent, (run, name): value},
        )

    def unconfirmed(self, runs: Iterable[RunView]) -> PendingSettings:
        """Drop the values that the runs report by now, and those of runs that are over."""
        values = {}
        for run in runs:
            missing = {k: v for k, v in self.values.get(run.id, {}).items() if run.alive and run.settings.get(k) != v}
            if missing:
                values[run.id] = missing
        return self if values == self.values else replace(self, values=values)

    def due(self, runs: Iterable[RunView]) -> tuple[Setting, ...]:
        """The settings that have to be sent now: to running runs only, and not those that a run has already.

        The settings that a run reports may be older than the last command: after a command, a value is always sent.
        """
        alive = {run.id: run for run in runs if run.alive}
        return tuple(
            Setting(id, name, value)
            for (id, name), value in self.unsent.items()
            if id in alive and ((id, name) in self.sent or alive[id].settings.get(name) != value)
        )

    def all_sent(self, settings: Iterable[Setting]) -> PendingSettings:
        """Remember that commands were sent for these settings, and that no other ones wait."""
        return replace(self, unsent={}, sent=self.sent | {(run, name) for run, name, _ in settings})
