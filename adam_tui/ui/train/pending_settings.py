"""The knobs of runs at work that were turned: what their processes are still to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adam_tui.history.run_view import RunView

Asked = Mapping[str, Mapping[str, float]]  # by run and knob, see `TrainState.asked`


class PendingSettings:
    """Gathers what is turned until it is taken: of a knob that passed many values, the one at which it rests."""

    def __init__(self) -> None:
        self._untold: dict[tuple[str, str], float] = {}  # by run and knob
        self._told: set[tuple[str, str]] = set()

    def note(self, before: Asked, after: Asked) -> bool:
        """Gather what was turned between the two; whether there is anything."""
        found = {
            (id, name): value
            for id, values in after.items()
            for name, value in values.items()
            if before.get(id, {}).get(name) != value
        }
        self._untold |= found
        return bool(found)

    def take(self, runs: Iterable[RunView]) -> list[tuple[str, str, float]]:
        """Run, knob and value of what is to be told: to runs at work only, and not what is as it was.

        What a run says that it has may be older than what it was told last: then it is told again.
        """
        at_work = {run.id: run for run in runs if run.alive}
        orders = [
            (id, name, value)
            for (id, name), value in self._untold.items()
            if id in at_work and ((id, name) in self._told or at_work[id].settings.get(name) != value)
        ]
        self._told |= {(id, name) for id, name, _ in orders}
        self._untold.clear()
        return orders
