"""Export of paths as CSV and JSON for other programs: every float with all its digits. Both formats are contracts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from adam_tui.engine.scenario import Scenario
from adam_tui.engine.trajectory import start_of, trajectories

CSV_HEADER = "lane,step,x,y,loss\n"


def to_csv(scenario: Scenario) -> Iterator[str]:
    """Lines of CSV: lane,step,x,y,loss. Step 0 is the start; floats read back as the same float."""
    paths = trajectories(scenario)  # raises for a wrong scenario before anything is written
    yield CSV_HEADER
    for label, path in zip(scenario.labels(), paths, strict=True):
        for step, ((x, y), loss) in enumerate(zip(path.positions.tolist(), path.losses.tolist(), strict=True)):
            yield f"{label},{step},{x!r},{y!r},{loss!r}\n"


def to_json(scenario: Scenario) -> Iterator[str]:
    """One JSON document: the scenario, and for each lane its points, losses and state; null for inf and nan."""
    document = {
        "scenario": scenario.to_json() | {"start": list(start_of(scenario))},
        "lanes": [
            {
                "lane": label,
                "optimizer": lane.optimizer,
                "hyperparameters": dict(lane.values),
                "state": path.state(path.last),
                "converged_at": path.converged_at,
                "diverged_at": path.diverged_at,
                "x": _plain(path.positions[:, 0].tolist()),
                "y": _plain(path.positions[:, 1].tolist()),
                "loss": _plain(path.losses.tolist()),
            }
            for label, lane, path in zip(scenario.labels(), scenario.lanes, trajectories(scenario), strict=True)
        ],
    }
    yield json.dumps(document, allow_nan=False)
    yield "\n"


def _plain(values: list[float]) -> list[Any]:
    return [value if math.isfinite(value) else None for value in values]
