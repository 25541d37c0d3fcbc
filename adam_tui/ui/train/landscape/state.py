"""The state of an open landscape: which plane, which part of it, and its cursor.

The losses are not state: a process computes them, and `computation` reads its files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["pca", "random", "points"]
KINDS: tuple[Kind, ...] = ("pca", "random", "points")
Bounds = tuple[float, float, float, float]  # a_min, a_max, b_min, b_max
Place = tuple[float, float]  # a, b


@dataclass(frozen=True, slots=True)
class LandscapeState:
    """An open landscape.

    `run` is the id of the selected run, `through` those of the runs whose weights a plane of the kind "points"
    contains. `seed` is that of a random plane. `version` counts the planes that were taken anew: a plane stays as it
    is while its run trains on. With `others` the paths of the overlaid runs are drawn, too.

    `view` is the part of the plane that is shown, None for all of it. `place` is the cursor; `step` is the recorded
    step at the cursor, None for a place beside the path.
    """

    run: str
    kind: Kind = "pca"
    through: tuple[str, ...] = ()
    seed: int = 0
    version: int = 0
    others: bool = False
    view: Bounds | None = None
    place: Place | None = None
    step: int | None = None
