"""The grid of a sweep: which settings are in which cell, and what a cell shows.

Pure functions. An axis is a knob or the optimizers; a knob with many values has a cell for several of them, and the
best setting stands for its cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from adam_tui.engine.class_reference import is_reference
from adam_tui.engine.knobs import Knob
from adam_tui.engine.numbers import format_duration, format_loss, format_number, round_nearest
from adam_tui.history.sweep_view import GOAL, SweepView, figure
from adam_tui.runs.recipes import optimizer_title
from adam_tui.sweeps.plan import knobs_of
from adam_tui.sweeps.results import Setting

Quantity = Literal["validation_loss", "validation_accuracy", "epochs", "seconds"]
QUANTITIES: tuple[Quantity, ...] = ("validation_loss", "validation_accuracy", "epochs", "seconds")
QUANTITY_NAMES: Mapping[Quantity, str] = {
    "validation_loss": "validation loss",
    "validation_accuracy": "validation accuracy",
    "epochs": f"epochs to {GOAL:.1%}",
    "seconds": "seconds",
}
OPTIMIZER = "optimizer"  # the axis of the optimizers
MOST_COLUMNS, MOST_ROWS = 12, 8  # values of a knob that have a cell of their own
BEST, PLANNED, RUNNING, WAITING, STOPPED_EARLY, DIVERGED, FAILED, STOPPED = "★", "·", "▸", "…", "╱", "✕", "!", "■"
MARK_WORDS = {
    BEST: "best",
    PLANNED: "planned",
    RUNNING: "running",
    WAITING: "waits for the others",
    STOPPED_EARLY: "stopped early",
    DIVERGED: "diverged",
    FAILED: "failed",
    STOPPED: "stopped",
}
OF_STATES = (  # the mark of a setting is the first that one of its trials has
    ("running", RUNNING),
    ("lost", RUNNING),
    ("failed", FAILED),
    ("diverged", DIVERGED),
    ("waiting", WAITING),
    ("cut", STOPPED_EARLY),
    ("stopped", STOPPED),
    ("planned", PLANNED),
)


@dataclass(frozen=True, slots=True)
class GridAxis:
    """An axis of the grid: a label a cell, from left to right or from the bottom up, and the cell of each value.

    `short` are the labels in few columns.
    """

    name: str
    labels: tuple[str, ...]
    short: tuple[str, ...]
    cells: Mapping[object, int]

    def cell(self, setting: Setting) -> int | None:
        """The place of a setting; None for one whose optimizer lacks the knob."""
        return self.cells.get(setting.optimizer if self.name == OPTIMIZER else setting.values.get(self.name))


@dataclass(frozen=True, slots=True)
class SweepGrid:
    """All cells by (row, column), row 0 at the bottom; a cell holds its settings, the best first."""

    x: GridAxis
    y: GridAxis
    cells: Mapping[tuple[int, int], tuple[Setting, ...]]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return max(len(self.y.labels), 1), max(len(self.x.labels), 1)

    def columns(self, first: int, count: int) -> SweepGrid:
        """The part of it with so many columns from `first` on; its first one is column 0."""
        shown = slice(first, first + count)
        x = GridAxis(self.x.name, self.x.labels[shown], self.x.short[shown], {})
        cells = {(r, c - first): some for (r, c), some in self.cells.items() if first <= c < first + count}
        return SweepGrid(x, self.y, cells)

    def place(self, setting: Setting | None) -> tuple[int, int] | None:
        """The (row, column) of a setting."""
        return next((at for at, some in self.cells.items() if setting in some), None)


def axis_names(view: SweepView) -> tuple[str, ...]:
    """The axes that a sweep offers: its varied knobs, and the optimizers."""
    names: list[str] = []
    for setting in view.settings:
        names += [name for name in setting.values if name not in names]
    varied = [name for name in names if len({each.values.get(name) for each in view.settings}) > 1]
    return (*varied, OPTIMIZER) if len(view.plan.optimizers) > 1 or not varied else (*varied,)


def usual_axes(view: SweepView) -> tuple[str, str]:
    """The axes at first: the learning rate, and the optimizers or another knob."""
    names = axis_names(view)
    x = "lr" if "lr" in names else names[0]
    others = [name for name in names if name != x]
    return x, (OPTIMIZER if OPTIMIZER in others or not others else others[0])


def next_axis(view: SweepView, name: str, other: str) -> str:
    """The axis after `name` that is not `other`."""
    names = [each for each in (*axis_names(view), OPTIMIZER) if each != other]
    names = list(dict.fromkeys(names))
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]


@lru_cache(maxsize=4)
def make_grid(view: SweepView, x: str, y: str) -> SweepGrid:
    """The grid of a sweep with these axes."""
    columns, rows = _axis(view, x, MOST_COLUMNS), _axis(view, y, MOST_ROWS)
    cells: dict[tuple[int, int], list[Setting]] = {}
    for setting in view.settings:
        column, row = columns.cell(setting), rows.cell(setting)
        if column is not None and row is not None:
            cells.setdefault((row, column), []).append(setting)
    ordered = {at: tuple(sorted(some, key=_rank)) for at, some in cells.items()}
    return SweepGrid(columns, rows, ordered)


def _rank(setting: Setting) -> tuple[float, bool, float]:
    """The setting that was trained longer comes first, and of those the one with the lower loss."""
    return -setting.epoch, math.isnan(setting.loss), setting.loss


def _axis(view: SweepView, name: str, most: int) -> GridAxis:
    if name == OPTIMIZER:
        names = view.plan.optimizers[::-1]  # the first one at the top
        titles = tuple(map(optimizer_title, names))
        return GridAxis(name, titles, titles, {each: i for i, each in enumerate(names)})
    knob = knob_named(view, name)
    values = sorted({each.values[name] for each in view.settings if name in each.values})
    groups: dict[float, list[float]] = {each: [each] for each in values}
    for place in (_to_round, _to_decade):
        if len(groups) > most and knob.scale in ("log", "log_off"):
            groups = {}
            for value in values:
                groups.setdefault(place(value), []).append(value)
    if len(groups) > most:
        groups = {}
        for i, value in enumerate(values):
            first = values[i * most // len(values) * len(values) // most]
            groups.setdefault(first, []).append(value)
    labels = tuple(knob.format(each) for each in groups)
    cells: dict[object, int] = {value: i for i, some in enumerate(groups.values()) for value in some}
    return GridAxis(name, labels, _short(tuple(groups), labels), cells)


def _short(values: Sequence[float], labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels with so few digits that they still differ, as 3e-4 for 0.000316."""
    for digits in (1, 2, 3):
        short = tuple(
            min((label, f"{value:.{digits}g}", _scientific(value, digits)), key=len) if value else label
            for value, label in zip(values, labels, strict=True)
        )
        if len(set(short)) == len(short):
            return short
    return labels


def _scientific(value: float, digits: int) -> str:
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _to_round(value: float) -> float:
    return float(round_nearest(value)) if value > 0 else value


def _to_decade(value: float) -> float:
    return 10.0 ** round(math.log10(value)) if value > 0 else value


def knob_named(view: SweepView, name: str) -> Knob:
    """The knob of the first optimizer that varies it."""
    optimizer = next(each.optimizer for each in view.settings if name in each.values)
    return knobs_of(optimizer, view.plan.classes)[name]


def knob_text(optimizer: str, name: str, value: float) -> str:
    """A knob's value; a plain number for a class of the user, whose knobs the plan knows."""
    return format_number(value) if is_reference(optimizer) else knobs_of(optimizer)[name].format(value)


# The contents of a cell.


class Face(NamedTuple):
    """The look of a cell: its mark, its value (NaN without one) and whether it was trained to the last epoch."""

    mark: str
    value: float
    complete: bool
    diverged: bool


def face(view: SweepView, some: Sequence[Setting], quantity: Quantity) -> Face:
    """The face of a cell with these settings, the best first."""
    setting = some[0]
    mark = BEST if setting is view.best else mark_of(setting)
    if mark == PLANNED and any(mark_of(each) == RUNNING for each in some):
        mark = RUNNING
    value = figure(setting, quantity, view)
    diverged = setting.loss == math.inf and mark in (DIVERGED, FAILED)
    return Face(mark, value if not diverged else math.nan, setting.epoch >= view.plan.epochs, diverged)


def mark_of(setting: Setting) -> str:
    """The mark of a setting: "" when all of its trials are finished."""
    states = {each.state for each in setting.trials}
    return next((mark for state, mark in OF_STATES if state in states), "")


# The texts of the cells: all of a grid have the same unit and the same digits, as many as have room.

PADDING = 2  # columns: a free one at each side of a text, or the box of the chosen cell


class Digits(NamedTuple):
    """The way in which the values of a grid are written: in which unit, and how. `title` names the unit."""

    title: str
    text: Callable[[float], str]


def digit_choices(quantity: Quantity, values: Sequence[float]) -> list[Digits]:
    """The ways to write these values of a quantity, from most digits to least."""
    if quantity == "validation_accuracy":
        return [
            Digits("", lambda value: f"{value:.2%}"),
            Digits("", lambda value: f"{value:.1%}"),
            Digits(" in %", lambda value: f"{100 * value:.1f}"),
        ]
    if quantity == "epochs":
        return [Digits("", lambda value: f"{value:g}" if math.isfinite(value) else "never"), Digits("", _epochs)]
    if quantity == "seconds":
        return [Digits("", lambda value: f"{value:.1f}"), Digits("", lambda value: _three_digits(value))]
    positive = [value for value in values if 0 < value < math.inf]
    power = math.floor(math.log10(min(positive))) if positive else 0
    if positive and max(positive) >= 1e4:  # one setting exploded: its digits would leave no room for the others
        return [Digits("", format_loss), Digits("", _three_digits)]
    scaled = [Digits(f" ×{10.0**power:g}", lambda value: _three_digits(value / 10.0**power))] if power < -1 else []
    return [
        Digits("", format_loss),
        *([Digits("", lambda value: f"{value:.3f}")] if power >= -2 else []),
        *(scaled or [Digits("", lambda value: f"{value:.2f}")]),
    ]


def _epochs(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "–"


def _three_digits(value: float) -> str:
    """A value in three columns or, from a thousand on, more: 3.1, 15, 143, 2e4."""
    if round(value, 1) < 10:
        return f"{value:.1f}"
    return f"{value:.0f}" if round(value) < 10_000 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def words(shown: Face, digits: Digits) -> str:
    """The text of a cell: its mark and its value, or one of them."""
    return shown.mark + (digits.text(shown.value) if not math.isnan(shown.value) else "")


def fitting_digits(faces: Sequence[Face], quantity: Quantity, columns: int, most: int) -> tuple[Digits, int]:
    """The digits of a grid, and the columns that one of its cells needs for them.

    With `columns` columns of the screen for `most` columns of the grid the digits are as many as all of them have room
    for. Where there is no room even for the fewest, some columns of the grid stay out of the picture.
    """
    choices = digit_choices(quantity, [each.value for each in faces if not math.isnan(each.value)])
    for digits in choices:
        need = max((len(words(each, digits)) for each in faces), default=1) + PADDING
        if need * most <= columns:
            break
    return digits, need


def value_text(value: float, quantity: Quantity) -> str:
    """A value as a sentence has room for it; "" for a missing one."""
    if math.isnan(value) or (quantity == "validation_loss" and not math.isfinite(value)):
        return ""
    if quantity == "seconds" and value >= 60:
        return format_duration(value)
    return digit_choices(quantity, [value])[0].text(value)
