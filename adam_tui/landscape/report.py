"""A landscape as text: the caption with all that a plane hides, and the numbers as CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from adam_tui.landscape.directory import Floats, Points, Request, Survey
from adam_tui.landscape.plane import Projection

PART_NAMES = {"test": "test", "train": "training"}
EVEN_WALK = "61% + 15%"  # of a random walk with evenly spaced records, see `plane.random_walk_shares`


def title(request: Request, survey: Survey) -> str:
    """One line: whose loss, on which plane."""
    names = [path.name for path in survey.paths]
    along = {
        "pca": f"the plane in which the path of {names[0]} varies most",
        "random": f"a random plane through the end of {names[0]}, seed {request.seed}",
        "points": f"the plane through {'the start and both ends' if len(names) == 2 else 'the ends of the runs'}",
    }[survey.plane.kind]
    return f"Loss on {along}"


def caption(request: Request, survey: Survey, points: Points) -> list[str]:
    """Lines that say how much of the path the plane shows, and how exact the loss is."""
    end = float(points.path_losses[0][-1])
    return [
        explained_text(survey),
        off_plane_text(survey.paths),
        images_text(request, points.total_images, points.all_loss, end, survey.paths[0].name),
    ]


def explained_text(survey: Survey) -> str:
    """How much of the first run's path the plane explains, beside a random walk's share on its principal plane."""
    first, second = survey.explained
    text = f"the plane explains {first:.0%} + {second:.0%} of {survey.paths[0].name}'s path"
    if survey.plane.kind == "pca":
        walk = " + ".join(f"{share:.0%}" for share in survey.walk)
        even = "" if walk == EVEN_WALK else f" ({EVEN_WALK} at even steps)"
        text += f"; a random walk's would explain {walk}{even}"
    return text


def images_text(request: Request, total: int, all_loss: float, end: float, name: str) -> str:
    """The images on which the losses are computed, and the error from using a part of them.

    `total` is the number of all images, 0 while it is unknown; `end` is the loss of the last weights of the run `name`,
    `all_loss` that on all images.
    """
    count, part = min(request.images, total or request.images), PART_NAMES[request.part]
    some = f"{count:,} of {total:,}" if count < total else f"all {total:,}" if total else f"{count:,}"
    text = f"loss on {some} {part} images"
    if math.isfinite(end):
        text += f": {end:.4g} at the end of {name}"
    if count < total and math.isfinite(all_loss):
        text += f", {all_loss:.4g} on all of them"
    return text


def short_caption(survey: Survey, paths: Sequence[Projection], images: tuple[int, int], losses: Floats) -> list[str]:
    """The caption for a narrow panel, in fewer words. `images` are those used and all, `losses` (2,) theirs."""
    first, second = survey.explained
    explained = f"explains {first:.0%} + {second:.0%} of the path"
    if survey.plane.kind == "pca":
        explained += ", of a random walk " + " + ".join(f"{share:.0%}" for share in survey.walk)
    hollow = ", ".join(f"{path.hollow.mean():.0%}" for path in paths)
    (count, total), (end, all_loss) = images, losses.tolist()
    loss = f"end: loss {end:.4g}" if math.isfinite(end) else "the loss"
    loss += f" on {min(count, total or count):,} images"
    if count < total and math.isfinite(all_loss):
        loss += f", {all_loss:.4g} on all"
    return [explained, f"○ far off the plane: {hollow} of the steps", loss]


def off_plane_text(paths: Sequence[Projection]) -> str:
    """The share of each path's recorded steps that lie off the plane."""
    shares = ", ".join(f"{path.hollow.mean():.0%} of {path.name}'s steps" for path in paths)
    return f"○ off the plane by more than half of the distance from its origin: {shares}"


def to_csv(survey: Survey, points: Points) -> Iterator[str]:
    """Rows `a,b,loss,accuracy` of all points, from the lowest b on, floats with all their digits."""
    yield "a,b,loss,accuracy\n"
    a, b = survey.grid.axes
    for row, height in enumerate(b.tolist()):
        for column, across in enumerate(a.tolist()):
            loss, accuracy = points.losses[row, column], points.accuracies[row, column]
            yield f"{across!r},{height!r},{float(loss)!r},{float(accuracy)!r}\n"


def to_json(request: Request, survey: Survey, points: Points) -> str:
    """One object: the plane, what it explains, the grid row by row, and the paths. A missing number is null."""
    a, b = survey.grid.axes
    paths = zip(survey.paths, points.path_losses, points.path_accuracies, strict=True)
    document: dict[str, Any] = {
        "plane": survey.plane.kind,
        "seed": request.seed,
        "images": min(request.images, points.total_images),
        f"{PART_NAMES[request.part]}_images": points.total_images,
        "norms": _numbers(survey.plane.norms),
        "explained": list(survey.explained),
        "random_walk": list(survey.walk),
        "end_loss": _number(points.path_losses[0][-1]),
        "end_loss_of_all_images": _number(points.all_loss),
        "a": _numbers(a),
        "b": _numbers(b),
        "loss": [_numbers(row) for row in points.losses],
        "accuracy": [_numbers(row) for row in points.accuracies],
        "paths": [_path(path, losses, accuracies) for path, losses, accuracies in paths],
        "caption": caption(request, survey, points),
    }
    return json.dumps(document, allow_nan=False) + "\n"


def _path(path: Projection, losses: Floats, accuracies: Floats) -> dict[str, Any]:
    return {
        "run": path.name,
        "step": path.steps.tolist(),
        "a": _numbers(path.places[:, 0]),
        "b": _numbers(path.places[:, 1]),
        "loss": _numbers(losses),
        "accuracy": _numbers(accuracies),
        "off_plane": _numbers(path.off_plane),
        "from_origin": _numbers(path.from_origin),
        "hollow": path.hollow.tolist(),
    }


def _numbers(values: Floats) -> list[float | None]:
    return [_number(value) for value in np.asarray(values).tolist()]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
