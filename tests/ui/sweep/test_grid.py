"""The grid of a sweep: its axes, and the contents of its cells."""

import math

import pytest
from made_sweeps import MadeSweep

from adam_tui.history.sweep_feed import SweepFeed
from adam_tui.ui.sweep.grid import (
    Face,
    axis_names,
    digit_choices,
    face,
    fitting_digits,
    make_grid,
    next_axis,
    usual_axes,
    value_text,
    words,
)


@pytest.fixture
def view_of(tmp_path):
    def view(made):
        feed = SweepFeed(tmp_path)
        feed.ids()
        return feed.view(made.id)

    return view


def marks(view, quantity="validation_loss"):
    """The marks of the cells, the highest row first."""
    grid = make_grid(view, *usual_axes(view))
    rows, columns = grid.shape
    return [
        "".join(
            face(view, grid.cells[row, c], quantity).mark or "#" if (row, c) in grid.cells else " "
            for c in range(columns)
        )
        for row in reversed(range(rows))
    ]


def test_optimizers_are_rows_and_learning_rates_columns(tmp_path, view_of):
    view = view_of(MadeSweep(tmp_path, optimizers="adam,lion", lr="1e-4..1", trials=5))
    grid = make_grid(view, *usual_axes(view))
    assert grid.y.labels == ("Lion", "Adam"), "the first optimizer is at the top"
    assert grid.x.labels == ("0.0001", "0.001", "0.01", "0.1", "1")
    assert grid.x.short == ("1e-4", "1e-3", "0.01", "0.1", "1")
    assert grid.shape == (2, 5)
    assert {len(some) for some in grid.cells.values()} == {1}


def test_each_state_of_a_cell_has_a_mark(tmp_path, view_of):
    made = MadeSweep(tmp_path, optimizers="adam", lr="1e-4..1", trials=5, seeds=1)
    planned, running, failed, *others = made.trials
    made.journal.record(made.started(running))
    made.journal.record(made.started(failed), made.ended(failed, "failed", 1, "no space left"))
    made.finish(*others)
    assert marks(view_of(made)) == ["·▸!✕✕"]
    assert planned.number == 0
    other = MadeSweep(tmp_path, "halved", "adam", lr="1e-4..1", trials=5, seeds=1, epochs=3, halving=True).halve()
    assert marks(view_of(other)) == ["·★╱✕✕"]


def test_settings_with_equal_values_share_a_cell_that_the_best_stands_for(tmp_path, view_of):
    made = MadeSweep(tmp_path, optimizers="adam", lr="1e-4..1", settings={"beta1": "0.8,0.9,0.99"}, trials=5, seeds=1)
    made.finish(*(trial for trial in made.trials if trial.setting != 4))
    view = view_of(made)
    assert axis_names(view) == ("lr", "beta1")
    assert usual_axes(view) == ("lr", "beta1")
    assert next_axis(view, "beta1", "lr") == "optimizer"
    grid = make_grid(view, "lr", "optimizer")
    cell = grid.cells[0, 1]
    assert len(cell) == 3
    assert cell[-1].number == 4, "one without a result comes last"
    assert grid.place(cell[2]) == (0, 1)


def test_many_values_share_cells_at_round_ones(tmp_path, view_of):
    view = view_of(MadeSweep(tmp_path, optimizers="adam", lr="1e-4..1", trials=40, seeds=1))
    grid = make_grid(view, "lr", "optimizer")
    assert grid.x.labels == ("0.0001", "0.001", "0.01", "0.1", "1"), "decades, as 1, 2, 5 are 13 columns"
    assert sum(len(some) for some in grid.cells.values()) == 40


LOSSES = [Face("★", 0.03123, True, False), Face("╱", 1.427, True, False), Face("✕", math.nan, False, True)]


@pytest.mark.parametrize(
    ("columns", "unit", "need", "texts"),
    [
        (27, "", 9, ["★0.0312", "╱1.4270", "✕"]),
        (24, "", 8, ["★0.031", "╱1.427", "✕"]),
        (18, " ×0.01", 6, ["★3.1", "╱143", "✕"]),
        (3, " ×0.01", 6, ["★3.1", "╱143", "✕"]),
    ],
)
def test_all_cells_have_as_many_digits_as_there_is_room_for(columns, unit, need, texts):
    digits, needed = fitting_digits(LOSSES, "validation_loss", columns, 3)
    assert (digits.title, needed, [words(each, digits) for each in LOSSES]) == (unit, need, texts)


@pytest.mark.parametrize(
    ("quantity", "values", "texts"),
    [
        ("validation_accuracy", [0.98838, 0.1], ["98.8", "10.0"]),
        ("epochs", [3.0, math.inf], ["3", "–"]),
        ("seconds", [36.04, 4321.0, 54321.0], ["36", "4321", "5e4"]),
        ("validation_loss", [0.2531, 12.0], ["0.25", "12.00"]),
        ("validation_loss", [], []),
    ],
)
def test_the_fewest_digits_of_each_quantity(quantity, values, texts):
    digits = digit_choices(quantity, values)[-1]
    assert [digits.text(value) for value in values] == texts


def test_values_of_each_quantity():
    assert value_text(0.9876, "validation_accuracy") == "98.76%"
    assert value_text(2.0, "epochs") == "2"
    assert value_text(math.inf, "epochs") == "never"
    assert value_text(75.2, "seconds") == "1:15"
    assert value_text(math.nan, "seconds") == value_text(math.inf, "validation_loss") == ""
