"""The wide table of runs: which runs it keeps, in which order, and the texts of its columns."""

from dataclasses import replace

import pytest
from training_pilot import after

from adam_tui.draw.palette import DARK
from adam_tui.draw.run_panels import SORT_KEYS
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import BestSetting, SweepSummary
from adam_tui.runs.protocol import Diverged, Epoch, RunSpec, Started, Steps
from adam_tui.ui.train import events as e
from adam_tui.ui.train import table
from adam_tui.ui.train.state import TrainState

NOW = 2_000_000_000.0


def history_of(spec, loss, accuracy=None, seconds=10.0, diverges=False):
    history = RunHistory(whole=False)
    history.fold([Started(0.0, 0, "r", spec, "cpu (2 threads)", "float32", 62346, 10, "2.9.0")])
    history.fold([Steps(seconds, 10, (loss,) * 10)])
    if accuracy is not None:
        history.fold([Epoch(seconds, 10, 1, loss, loss, accuracy, seconds, 640 / seconds)])
    if diverges:
        history.fold([Diverged(seconds, 10)])
    return history


ADAM, SGD, LION = RunSpec("adam", {"lr": 0.01}), RunSpec("sgd", {"lr": 0.5}, seed=3), RunSpec("lion", {"lr": 1e-4})
RUNS = (
    RunView("lion-1", LION, NOW - 10, "queued", came=1.0, device="cpu"),
    RunView("sgd-1", SGD, NOW - 500, "failed", "diverged at step 10", ended=NOW - 400),
    RunView("adam-1", ADAM, NOW - 9000, "finished", epoch=1, ended=NOW - 8000),
)
HISTORIES = {"adam-1": history_of(ADAM, 0.03, 0.98), "sgd-1": history_of(SGD, 5.0, 0.1, 3.0, diverges=True)}


@pytest.fixture
def state():
    return replace(after(TrainState(), e.ListRuns(RUNS)), table=True)


def order(state, **more):
    return [run.id for run in table.listed(replace(state, **more), HISTORIES, NOW)]


def test_at_first_the_newest_run_is_first(state):
    assert order(state) == ["lion-1", "sgd-1", "adam-1"]
    assert order(state, ascending=True) == ["adam-1", "sgd-1", "lion-1"]


@pytest.mark.parametrize("ascending", [True, False])
def test_runs_without_a_value_come_last_either_way(state, ascending):
    best = order(state, sort="best", ascending=ascending)
    assert best[-1] == "lion-1"
    assert best[:2] == (["sgd-1", "adam-1"] if ascending else ["adam-1", "sgd-1"])


def test_a_diverged_run_has_the_largest_loss(state):
    assert order(state, sort="loss", ascending=True) == ["adam-1", "sgd-1", "lion-1"]


@pytest.mark.parametrize("key", SORT_KEYS)
def test_every_column_can_be_sorted_by(state, key):
    assert sorted(order(state, sort=key)) == ["adam-1", "lion-1", "sgd-1"]


@pytest.mark.parametrize(
    ("words", "kept"), [("SGD", ["sgd-1"]), ("lr=0.01", ["adam-1"]), ("queued lion", ["lion-1"]), ("sgd adam", [])]
)
def test_a_search_keeps_the_runs_that_have_all_words(state, words, kept):
    assert order(state, search=words) == kept


def test_the_next_column_is_one_that_is_shown(state):
    seen = state
    for _ in range(6):
        seen = replace(seen, sort=table.next_column(seen, 1, 80))
        assert seen.sort in ("name", "state", "settings", "epochs", "best", "loss", "duration")
    assert table.next_column(replace(state, sort="name"), -1, 200) == "started"


def test_the_columns_of_the_table(state):
    lines = [line.rstrip() for line in table.draw(state, HISTORIES, NOW, 116, 12, DARK).lines()]
    assert " settings " in lines[0]
    assert "started▾" in lines[0]
    lion, sgd, adam = lines[1:4]
    assert lion.startswith("▸")
    assert "queued 1" in lion
    assert "diverged" in sgd
    assert "diverged  lr=0.5 seed=3 " in sgd
    assert "∞" in sgd
    assert "0:03" in sgd
    assert "98.00%" in adam
    assert "1/50" in adam
    assert "0.0300" in adam
    assert lines[-2].strip().startswith("lion-1: lion lr=0.0001")


def test_below_the_table_stands_the_reason_of_the_end(state):
    ended = replace(state, selected="sgd-1")
    assert "diverged at step 10" in "\n".join(table.draw(ended, HISTORIES, NOW, 116, 12, DARK).lines()[-2:])


@pytest.mark.parametrize("width", range(20, 80))
def test_a_line_below_the_table_is_cut_after_something_whole(state, width):
    ended = replace(state, selected="sgd-1")
    for line in table.draw(ended, HISTORIES, NOW, width, 12, DARK).lines()[-2:]:
        assert not line.rstrip().removesuffix("…").endswith(("·", " "))
    assert "cpu (2 threads) · float32" in table.draw(ended, HISTORIES, NOW, 80, 12, DARK).lines()[-1]


@pytest.mark.parametrize(("width", "height"), [(56, 5), (76, 12), (116, 30), (196, 50), (20, 2)])
def test_it_fits_every_size(state, width, height):
    cells = table.draw(state, HISTORIES, NOW, width, height, DARK)
    assert (cells.width, cells.height) == (width, height)


def test_the_title_counts_the_runs(state):
    assert table.title(state, 3) == "Runs · 3"
    assert table.title(replace(state, search="sgd"), 1) == "Runs · 1 of 3 match “sgd”"


def test_moments_are_as_exact_as_they_are_recent():
    assert ":" in table.moment_text(NOW, NOW)
    assert len(table.moment_text(NOW, NOW)) == 5
    assert len(table.moment_text(NOW - 20 * 86400, NOW)) in (10, 12)
    assert table.moment_text(NOW - 900 * 86400, NOW).startswith("20")


BEST = BestSetting("Adam", "lr 0.001", 0.05, 0.985)
SWEEP = SweepSummary("sweep-a", NOW - 100, "running", "", ("adam", "sgd"), ("lr",), 36, 12, 0, 3, 9, 0.4, (BEST,))


def test_a_sweep_is_a_row_that_is_sorted_and_filtered_with_the_runs(state):
    state = after(state, e.ListRuns(RUNS, sweeps=(SWEEP,)))
    assert order(state) == ["lion-1", "sweep-a", "sgd-1", "adam-1"]
    assert order(state, sort="best", ascending=False)[:2] == ["sweep-a", "adam-1"], "98.5% before 98%"
    assert order(state, sort="speed", ascending=False)[-1] in ("sweep-a", "lion-1"), "it has no speed"
    assert order(state, search="sweep adam") == ["sweep-a"]
    lines = table.draw(replace(state, selected="sweep-a"), HISTORIES, NOW, 100, 12, DARK).lines()
    assert lines[2].startswith("▸▦ sweep-a       running   adam,sgd lr                      12/36  98.50%   0.0500 ")
    assert "sweep-a: Adam, SGD · lr · 36 trials of 9 epochs · 3 seeds · 12 of 36 trials ended" in lines[-2]
    assert "best: Adam · lr 0.001 · validation loss 0.0500, accuracy 98.50%" in lines[-1]
