"""Export of paths as CSV and JSON for other programs: every float with all its digits. Both formats are contracts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from adam_tui.engine.scenario import Scenario
from adam_tui.engine.trajectory import Trajectory, start_of, trajectories

CSV_HEADER = "lane,step,x,y,loss"
COUNTS = ("losses", "gradients", "hessians")


def to_csv(scenario: Scenario) -> Iterator[str]:
    """Lines of CSV: lane,step,x,y,loss. Step 0 is the start; floats read back as the same float.

    If a lane evaluates more than one gradient a step, three columns more hold how many losses, gradients and Hessians
    each lane has evaluated up to the step.
    """
    paths = trajectories(scenario)  # raises for a wrong scenario before anything is written
    counted = any(path.evaluations is not None for path in paths)
    yield ",".join((CSV_HEADER, *COUNTS)) + "\n" if counted else CSV_HEADER + "\n"
    for label, path in zip(scenario.labels(), paths, strict=True):
        for step, ((x, y), loss) in enumerate(zip(path.positions.tolist(), path.losses.tolist(), strict=True)):
            counts = "".join(f",{count}" for count in path.evaluations_at(step)) if counted else ""
            yield f"{label},{step},{x!r},{y!r},{loss!r}{counts}\n"


def to_json(scenario: Scenario) -> Iterator[str]:
    """One JSON document: the scenario, and for each lane its points, losses and state; null for inf and nan.

    A lane that evaluates more than one gradient a step also has its evaluations up to each step.
    """
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
                **_evaluations(path),
            }
            for label, lane, path in zip(scenario.labels(), scenario.lanes, trajectories(scenario), strict=True)
        ],
    }
    yield json.dumps(document, allow_nan=False)
    yield "\n"


def _evaluations(path: Trajectory) -> dict[str, Any]:
    if path.evaluations is None:
        return {}
    return {"evaluations": dict(zip(COUNTS, path.evaluations.T.tolist(), strict=True))}


def _plain(values: list[float]) -> list[Any]:
    return [value if math.isfinite(value) else None for value in values]
