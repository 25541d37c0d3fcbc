"""The outcomes of the cells of a map, and how they are read: a quantity, its order within a class, the best cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import Array

Integers = NDArray[np.int32]
Quantity = Literal["loss", "steps", "distance"]
QUANTITIES: tuple[Quantity, ...] = ("loss", "steps", "distance")

NOT_COMPUTED, RUNNING, CONVERGED, DIVERGED = -1, 0, 1, 2
# Losses this close together, as a share of the lowest, count as equal when the best cell is chosen.
EQUAL_LOSS = 1e-9


class Outcomes(NamedTuple):
    """The outcome of each cell; row 0 is the lowest y, column 0 the lowest x. All arrays are (rows, columns, …).

    states: int8, NOT_COMPUTED, RUNNING, CONVERGED or DIVERGED. steps: int32, the step at which a cell converged or
    diverged, −1 for the others. losses: that of the last step, or of the step at which the cell diverged. ends: the
    point of that step, (rows, columns, 2). Losses and ends of cells without a result are nan.
    """

    states: NDArray[np.int8]
    steps: Integers
    losses: Array
    ends: Array

    @classmethod
    def empty(cls, *shape: int) -> Outcomes:
        """Outcomes of which none is computed."""
        return cls(
            np.full(shape, NOT_COMPUTED, dtype=np.int8),
            np.full(shape, -1, dtype=np.int32),
            np.full(shape, np.nan),
            np.full((*shape, 2), np.nan),
        )


def median_outcomes(outcomes: Sequence[Outcomes]) -> Outcomes:
    """Of several outcomes of each cell the middle one: converged before running before diverged, then by loss.

    Of those that diverged the later is the better one. An odd number of outcomes has a middle, which is a real one.
    """
    states, steps, losses, ends = (np.stack(parts) for parts in zip(*outcomes, strict=True))
    rank = np.choose(states, [1, 0, 2])
    order = np.lexsort((np.where(states == DIVERGED, -steps, losses), rank), axis=0)
    middle = order[len(outcomes) // 2][np.newaxis]
    return Outcomes(
        np.take_along_axis(states, middle, axis=0)[0],
        np.take_along_axis(steps, middle, axis=0)[0],
        np.take_along_axis(losses, middle, axis=0)[0],
        np.take_along_axis(ends, middle[..., np.newaxis], axis=0)[0],
    )


def quantity(outcomes: Outcomes, name: Quantity, surface: Surface) -> Array:
    """A number for each cell, (rows, columns), nan where it has none.

    "loss": the loss of the last step, for cells that did not diverge. "steps": the step at which a cell converged.
    "distance": from the end to the nearest listed minimum, for cells that did not diverge.
    """
    computed = (outcomes.states == RUNNING) | (outcomes.states == CONVERGED)
    if name == "loss":
        return np.where(computed, outcomes.losses, np.nan)
    if name == "steps":
        return np.where(outcomes.states == CONVERGED, outcomes.steps, np.nan)
    distances = np.full(outcomes.states.shape, np.nan)
    for x, y in surface.minima:
        with np.errstate(all="ignore"):
            distances = np.fmin(distances, np.hypot(outcomes.ends[..., 0] - x, outcomes.ends[..., 1] - y))
    return np.where(computed, distances, np.nan)


def quantity_of_class(state: int, name: Quantity) -> Quantity:
    """The quantity by which the cells of a class are ranked: running cells have no steps, so by their loss."""
    return "loss" if name == "steps" and state == RUNNING else name


def ordering(outcomes: Outcomes, name: Quantity, surface: Surface) -> Array:
    """The number by which each cell is ranked within its class, (rows, columns): the lower, the better.

    It is that of `quantity_of_class`. Of diverged cells the later one is the better one. nan where nothing is computed.
    """
    values = quantity(outcomes, name, surface)
    if name == "steps":
        values = np.where(outcomes.states == RUNNING, outcomes.losses, values)
    return np.where(outcomes.states == DIVERGED, -outcomes.steps, values)


def best(outcomes: Outcomes, name: Quantity, surface: Surface) -> tuple[int, int] | None:
    """The row and the column of the cell with the lowest quantity; None where no cell has one.

    Of cells with the same, to nine digits, the first that converged is the best. "steps" of a map on which no cell
    converged is read as the loss.
    """
    values = quantity(outcomes, name, surface)
    if name == "steps" and np.isnan(values).all():
        values = quantity(outcomes, "loss", surface)
    if np.isnan(values).all():
        return None
    lowest = np.nanmin(values)
    equal = values <= lowest + EQUAL_LOSS * max(abs(lowest), 1.0)
    steps = np.where(outcomes.states == CONVERGED, outcomes.steps, np.iinfo(np.int32).max)
    order = np.where(equal, steps, np.inf)
    tied = np.where(order == order.min(), values, np.inf)
    row, column = divmod(int(tied.argmin()), int(values.shape[1]))
    return row, column
