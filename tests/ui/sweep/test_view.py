"""The panels of the sweep screen as literal cells."""

import pytest
from made_sweeps import MadeSweep

from adam_tui.draw.palette import DARK, LIGHT
from adam_tui.history.sweep_feed import SweepFeed
from adam_tui.ui.sweep import events as e
from adam_tui.ui.sweep import view as sweep_view
from adam_tui.ui.sweep.state import SweepState
from adam_tui.ui.sweep.update import update
from adam_tui.ui.sweep.view import Snapshot

KEYS = {"start": "t", "widen": "E", "continue_run": "u", "quantity": "tab", "sweep_x": "X", "sweep_y": "Y"}


def shown(tmp_path, *events, palette=DARK, **rest):
    feed = SweepFeed(tmp_path)
    ids = feed.ids()
    state = SweepState()
    for event in (e.ShowSweep(ids, feed.view(ids[0]) if ids else None), *events):
        state, _ = update(state, event)
    feed.follow(sweep_view.curve_runs(state))
    return Snapshot(state, feed.histories, palette, KEYS, **rest)


def lines(cells):
    return [line.rstrip() for line in cells.lines()]


def test_the_grid_has_equal_cells_with_marks_and_values_and_a_box_around_the_chosen_one(tmp_path):
    MadeSweep(tmp_path, optimizers="adam,sgd", lr="1e-3..1", trials=4, seeds=1).finish()
    assert lines(sweep_view.draw("grid", shown(tmp_path), 43, 11)) == [
        "     ┌───────┐         ╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱",
        "     │       │         ╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱",
        "Adam╶│★0.0289│ 0.1443  ╱╱╱╱✕╱╱╱╱╱╱╱╱✕╱╱╱╱",
        "     └───────┘         ╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱",
        "",
        "",
        " SGD╶ 0.7374   0.2808   0.0552   0.0604",
        "",
        "       0.001     0.01     0.1       1  lr",
        "★ best   ✕ diverged",
        "",
    ]


def test_a_narrow_grid_shows_some_columns_around_the_chosen_one_with_a_unit_in_the_title(tmp_path):
    MadeSweep(tmp_path, optimizers="adam,sgd", lr="1e-4..1", trials=9, seeds=1).finish()
    size = {"grid_size": (30, 11), "narrow": True}
    best = shown(tmp_path, **size)
    assert lines(sweep_view.draw("grid", best, 30, 11)) == [
        "                 ┌────┐",
        "                 │    │",
        "Adam╶  14   5.8  │★2.9│ 5.8",
        "                 └────┘",
        "",
        "",
        " SGD╶ 142   105    74    48",
        "",
        "       1e-4  3e-4 0.001 lr ▸5",
        "★ best   ✕ diverged",
        "",
    ]
    assert sweep_view.titles(best)["grid"][0] == "made · validation loss ×0.01"
    last = shown(tmp_path, e.ChooseCell(0, 8), **size)
    assert lines(sweep_view.draw("grid", last, 30, 11))[6:9] == [
        " SGD╶  14   5.5   2.9  │6.0 │",
        "                       └────┘",
        "  ◂5   0.03  0.1   0.3    1",
    ]
    assert sweep_view.grid_cell(last.state, 30, 11, 6, 28) == (0, 8)


def test_the_legend_names_the_marks_that_are_there(tmp_path):
    made = MadeSweep(tmp_path, optimizers="adam", lr="1e-4..1", trials=5, seeds=1).finish()
    view = shown(tmp_path).state.view
    assert sweep_view.legend_lines(view, 60) == ["★ best   ✕ diverged"]
    halved = MadeSweep(tmp_path, "halved", "adam", trials=9, seeds=1, halving=True)
    view = shown(tmp_path).state.view
    assert sweep_view.legend_lines(view, 30) == ["★ best   · planned   ▸ running", "╱ stopped early   ✕ diverged"]
    assert (made.id, halved.id) == ("sweep-made", "sweep-halved")


def test_the_band_is_drawn_below_the_mean_and_validation_losses_are_points(tmp_path):
    made = MadeSweep(tmp_path, optimizers="adam", lr="1e-3,1e-2", trials=2, seeds=3).finish()
    for trial in made.trials:
        made.write_run(trial)
    cells = sweep_view.draw("curves", shown(tmp_path), 50, 16)
    text = "\n".join(cells.lines())
    assert text.count("●") == 3, "one point an epoch"
    colors = {tuple(color) for color in cells.fg.reshape(-1, 3).tolist()}
    assert DARK.lane(0)[0] in colors
    assert DARK.dimmed(DARK.dimmed(DARK.lane(0)[0])) in colors
    assert sweep_view.titles(shown(tmp_path))["curves"] == (
        "Training loss · mean and range of n = 3",
        "● validation loss",
    )


def test_seeds_of_different_lengths_are_averaged_where_they_are(tmp_path):
    made = MadeSweep(tmp_path, optimizers="adam", lr="1e-3,1e-2", trials=2, seeds=2)
    made.finish(made.trials[0])
    made.journal.record(made.started(made.trials[1]), made.ended(made.trials[1], "planned", 1))
    made.write_run(made.trials[0])
    made.write_run(made.trials[1], 1)
    snapshot = shown(tmp_path)
    curves = [snapshot.histories[run] for run in sweep_view.curve_runs(snapshot.state)]
    band, mean = sweep_view._band(curves, DARK.lane(0)[0], DARK)
    assert (mean.x[-1], band.x[-1]) == (90.0, 90.0)
    assert len(mean.y) == len(mean.x)


def test_the_words_of_a_cell(tmp_path):
    made = MadeSweep(tmp_path, optimizers="sgd", lr="1e-3..1e-1", trials=3, seeds=2)
    best = [trial for trial in made.trials if trial.spec.hyperparameters["lr"] == 0.1]
    made.finish(*(trial for trial in made.trials if trial not in best[1:]))
    made.journal.record(made.started(best[1]), made.ended(best[1], "failed", 1, "no space left"))
    text = [
        line for line, _ in sweep_view.cell_lines(shown(tmp_path, e.ChooseCell(0, 2)), shown(tmp_path).state.view, 60)
    ]
    assert "1 finished · 1 failed" in text
    assert "no space left" in text


def test_the_edge_is_named_with_its_key(tmp_path):
    MadeSweep(tmp_path, optimizers="sgd", lr="1e-3..1e-1", trials=3, seeds=1).finish()
    snapshot = shown(tmp_path)
    text = " ".join(line for line, _ in sweep_view.cell_lines(snapshot, snapshot.state.view, 40))
    assert "lr 0.1 is the highest that was tried: the best may be higher. E widens it" in text
    assert "best lr of SGD is the highest: E" in sweep_view.draw("progress", snapshot, 120, 1).text(0)


def test_results_and_decisions_are_listed(tmp_path):
    MadeSweep(tmp_path, optimizers="adam,sgd", trials=9, seeds=1, halving=True).halve()
    snapshot = shown(tmp_path)
    text = [line for line, _ in sweep_view.slot_lines(snapshot, snapshot.state.view, 200, 20)]
    assert text[0] == "no process works on it: u continues it"
    assert text[1].startswith("sgd after epoch 1: 3 of 9 settings go on")
    MadeSweep(tmp_path, "over", "adam,sgd", trials=3, seeds=1).finish()
    snapshot = shown(tmp_path)
    text = [line for line, _ in sweep_view.slot_lines(snapshot, snapshot.state.view, 200, 20)]
    assert text == ["all trials have ended", "0.0604  SGD · lr 1", "0.1443  Adam · lr 0.0001"]


@pytest.mark.parametrize("palette", [DARK, LIGHT])
@pytest.mark.parametrize("ink", ["blocks", "shades", "ascii"])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (30, 8), (160, 48)])
def test_every_panel_fills_any_rectangle(tmp_path, palette, ink, size):
    made = MadeSweep(tmp_path, optimizers="adam,sgd", trials=3, seeds=1).finish()
    made.write_run(made.trials[0])
    for snapshot in (shown(tmp_path, palette=palette, ink=ink), shown(tmp_path / "none", palette=palette, ink=ink)):
        for panel in ("grid", "curves", "cell", "slots"):
            cells = sweep_view.draw(panel, snapshot, *size)
            assert (cells.width, cells.height) == size
        assert sweep_view.draw("progress", snapshot, size[0], 1).height == 1
