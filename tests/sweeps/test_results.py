import csv
import dataclasses
import io
import math

import pytest

from adam_tui.runs import directory
from adam_tui.runs.protocol import Epoch, RunSpec, to_line
from adam_tui.sweeps import results
from adam_tui.sweeps import sweep as sweeps
from adam_tui.sweeps.journal import SweepJournal, TrialStarted
from adam_tui.sweeps.plan import trials_of

GRID = {"lr": "1e-3,1e-2,1e-1", "sampler": "grid", "trials": 1}


def test_the_table_shows_the_median_of_each_setting_and_marks_the_best(new_sweep, work):
    sweep = new_sweep("adam,sgd", lr="1e-3,1e-2,1e-1,10", sampler="grid", seeds=(0, 1))
    fail = {("sgd", 1e-3)}
    work(sweep, lambda leg: ("failed", "x") if (leg.trial.spec.optimizer, leg.trial.spec.hyperparameters["lr"]) in fail
         else None)  # fmt: skip
    assert results.text(sweep.plan(), sweep.record()) == "\n".join(
        [
            "16 trials: 10 finished, 4 diverged, 2 failed",
            "",
            "validation loss, median over 2 seeds",
            "* best  / stopped early  x diverged  ! failed  · not trained yet",
            "        lr      adam        sgd",
            "     0.001    0.3350          !",
            "      0.01    0.0017*    0.0017*",
            "       0.1    0.3350     0.3350",
            "        10         x          x",
            "",
            "adam: best lr=0.01",
            "  validation loss 0.0017, accuracy 90.00%",
            "  test accuracy 90.00% ± 0.00% (standard error, 2 seeds)",
            "",
            "sgd: best lr=0.01",
            "  validation loss 0.0017, accuracy 90.00%",
            "  test accuracy 90.00% ± 0.00% (standard error, 2 seeds)",
        ]
    )


def test_a_best_value_at_the_edge_of_the_range_is_pointed_out(new_sweep, work):
    sweep = new_sweep(lr="1e-2,2e-2,5e-2", sampler="grid")
    work(sweep)
    assert (
        "  lr=0.01 is the lowest that was tried: the best may be lower"
        in results.text(sweep.plan(), sweep.record()).splitlines()
    )
    inner = new_sweep(lr="1e-3,1e-2,1e-1", sampler="grid")
    work(inner)
    assert "tried" not in results.text(inner.plan(), inner.record())


def test_a_range_is_shown_at_round_learning_rates_with_the_best_of_each(new_sweep, work):
    sweep = new_sweep(lr="1e-3..1e-1", trials=9, epochs=9, halving=True)
    work(sweep)
    lines = results.text(sweep.plan(), sweep.record()).splitlines()
    assert lines[0] == "9 trials: 1 finished, 8 stopped early"
    rows = lines[5 : lines.index("", 5)]
    assert {row.split()[0] for row in rows} <= {"0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1"}
    assert [row.split()[1][-1] for row in rows].count("*") == 1
    assert {row.split()[1][-1] for row in rows} == {"*", "/"}
    [first, _] = results.decisions(sweep.record())
    assert first.startswith("adam after epoch 1: 3 of 9 settings go on, loss ≤ 0.")


def test_a_sweep_without_an_ended_trial_has_a_table_too(new_sweep):
    sweep = new_sweep(**GRID)
    lines = results.text(sweep.plan(), sweep.record()).splitlines()
    assert lines[0] == "3 trials: 3 planned"
    assert lines[5].split() == ["0.001", "·"]
    assert lines[-1] == "adam: no result yet"


def test_an_exploded_loss_leaves_the_columns_of_the_table_straight(new_sweep, work, monkeypatch):
    sweep = new_sweep("adam,sgd", lr="1e-3,1e-2", sampler="grid", trials=1)
    work(sweep)
    record = sweep.record()
    last = record.trials[0].last
    record.trials[0].last = dataclasses.replace(last, validation_loss=27840963707666432.0)
    lines = results.text(sweep.plan(), record).splitlines()
    assert lines[5:7] == ["     0.001  2.78e+16     0.3333", "      0.01    0.0000*    0.0000*"]


def test_a_trial_is_in_progress_only_while_a_process_works_on_the_sweep(new_sweep):
    sweep = new_sweep(lr="1e-2", sampler="grid", epochs=1, trials=1)
    SweepJournal(sweep.path, "a").record(TrialStarted(1.0, 0, 1, (), "adam-0000", "slot0-a", 0))
    assert results.counts(sweep.record()) == "1 trial: 1 in progress"
    assert results.counts(sweep.record(), active=False) == "1 trial: 1 interrupted"
    assert (
        results.estimate(sweep.plan(), sweep.path, 1)
        .text(sweep.plan(), 1)
        .startswith("1 trial of 1 epoch on 1 slot\n860 steps")
    )


def test_the_standard_error_is_that_of_the_seeds_or_of_the_test_images():
    assert results.standard_error([0.98, 0.99], 10_000) == pytest.approx(0.005)
    assert results.standard_error([0.99], 10_000) == pytest.approx(math.sqrt(0.99 * 0.01 / 10_000))


def test_csv_has_a_row_a_trial_and_a_column_a_knob(new_sweep, work):
    sweep = new_sweep("adam,sgd", settings={"beta1": "0.8..0.99"}, trials=2, lr="1e-2,10", sampler="grid")
    work(sweep)
    stream = io.StringIO()
    results.write_csv(sweep.plan(), sweep.record(), stream)
    text = stream.getvalue()
    assert text.splitlines()[0] == (
        "trial,run,optimizer,seed,state,epochs,validation_loss,validation_accuracy,test_accuracy,seconds,lr,beta1"
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["trial"] for row in rows] == list("012345")
    for row in rows:
        assert (row["beta1"] == "") == (row["optimizer"] == "sgd")
        assert (row["validation_loss"] == "inf") == (row["state"] == "diverged") == (float(row["lr"]) == 10)


def test_an_estimate_counts_the_steps_that_halving_leaves(new_sweep, tmp_path):
    whole = new_sweep(trials=27, epochs=9, limit=6400, seeds=(0, 1))
    part = new_sweep(trials=27, epochs=9, limit=6400, seeds=(0, 1), halving=True)
    runs = tmp_path / "none"
    sizes = [results.estimate(each.plan(), runs, 2) for each in (whole, part)]
    assert [each.trials for each in sizes] == [54, 54]
    assert sizes[0].steps == 54 * 9 * 100
    assert sizes[1].steps == 2 * (27 * 1 + 9 * 2 + 3 * 6) * 100
    assert sizes[1].seconds < sizes[0].seconds / 3
    assert not sizes[0].measured
    assert "decisions after epoch 1, 3" in sizes[1].text(part.plan(), 2)


def test_the_time_is_estimated_by_the_speed_of_the_last_runs(new_sweep, tmp_path):
    runs = tmp_path / "others"
    for speed in (1000.0, 2000.0, 3000.0):
        run = directory.create(RunSpec(), runs)
        run.metrics.write_text(to_line(Epoch(1.0, 9, 1, 0.1, 0.1, 0.9, 1.0, speed)))
    size = results.estimate(new_sweep(limit=1000, validation=100).plan(), runs, 2)
    assert (size.speed, size.measured) == (2000.0, True)
    images = 4 * (3 * 1000 + results.MEASURED_SHARE * (3 * 100 + 10_000))
    assert size.seconds == pytest.approx(images / 2000)


def test_slots_are_expected_to_be_as_fast_as_those_of_the_newest_sweep(new_sweep, work, tmp_path):
    plan = new_sweep(limit=1000, validation=100).plan()
    earlier = new_sweep(name="earlier")
    run = directory.create(RunSpec(), earlier.path)
    run.metrics.write_text(to_line(Epoch(1.0, 9, 1, 0.1, 0.1, 0.9, 1.0, 700.0)))
    assert results.estimate(plan, tmp_path / "runs", 3).speed == 2100.0


def test_the_epochs_that_are_left_fall_to_none(new_sweep, work):
    for halving, before in ((False, 9 * 9), (True, 9 + 3 * 2 + 1 * 6)):
        sweep = new_sweep(trials=9, epochs=9, halving=halving, lr="1e-3..1e-1")
        assert results.epochs_left(sweep.plan(), sweep.record()) == before
        assert results.share_done(sweep.plan(), sweep.record()) == 0.0
        work(sweep)
        assert results.epochs_left(sweep.plan(), sweep.record()) == 0
        assert results.share_done(sweep.plan(), sweep.record()) == 1.0


def test_sweeps_are_listed_newest_first(new_sweep, work, tmp_path):
    first, second = new_sweep(name="a"), new_sweep(name="b")
    work(first)
    rows = [
        (each.id, each.state(each.record(), each.living()), each.plan(), each.record(), each.created)
        for each in sweeps.list_sweeps(tmp_path / "runs")
    ]
    assert [row[:2] for row in rows] == [("sweep-b", "stopped"), ("sweep-a", "finished")]
    lines = results.table(rows).splitlines()
    assert lines[0].split() == ["id", "state", "optimizers", "trials", "ended", "failed", "best", "planned"]
    assert lines[2].split()[:6] == ["sweep-a", "finished", "adam", "4", "4", "0"]
    assert len(trials_of(second.plan(), second.id)) == 4


class TestDirectory:
    def test_a_name_is_used_once(self, new_sweep):
        assert new_sweep(name="lr-1").id == "sweep-lr-1"
        with pytest.raises(ValueError, match="there is a sweep 'sweep-lr-1' already"):
            new_sweep(name="sweep-lr-1")
        for name in ("../x", "a b", ".x", "x/y", "x" * 99, "sweep-", "sweep-.x"):
            with pytest.raises(ValueError, match="a name has letters"):
                new_sweep(name=name)

    def test_an_empty_name_finds_no_sweep_not_even_a_single_one(self, new_sweep, tmp_path):
        new_sweep()
        for name in ("", "sweep-"):
            with pytest.raises(ValueError, match=f"no sweep '{name}'"):
                sweeps.find(tmp_path / "runs", name)

    def test_a_sweep_is_found_by_the_beginning_of_its_name(self, new_sweep, tmp_path):
        one = new_sweep(name="alpha")
        new_sweep(name="beta-1")
        new_sweep(name="beta-2")
        runs = tmp_path / "runs"
        assert sweeps.find(runs, "al").path == sweeps.find(runs, "sweep-alpha").path == one.path
        with pytest.raises(ValueError, match=r"'beta' fits 2 sweeps: sweep-beta-1, sweep-beta-2"):
            sweeps.find(runs, "beta")
        with pytest.raises(ValueError, match="no sweep 'gamma'"):
            sweeps.find(runs, "gamma")
        (one.path / "sweep.json").write_text("{")
        with pytest.raises(ValueError, match="is not JSON"):
            sweeps.find(runs, "alpha")
        assert len(sweeps.list_sweeps(runs)) == 2

    def test_a_trial_is_a_run_that_is_found_by_sweep_and_id(self, new_sweep, work):
        sweep = new_sweep(name="a")
        work(sweep)
        runs = sweep.path.parent
        assert directory.find(runs, "sweep-a/adam-0002").path == sweep.path / "adam-0002"
        assert len(directory.list_runs(sweep.path)) == 4
        assert directory.list_runs(runs) == []
        for id in ("../adam-0002", "sweep-b/adam-0002", "sweep-a/../x", "/adam-0002"):
            with pytest.raises(ValueError, match="no run"):
                directory.find(runs, id)

    def test_a_sweep_that_is_trained_is_not_deleted(self, new_sweep, work):
        sweep = new_sweep()
        problems = []

        def delete(leg):
            try:
                sweep.delete()
            except ValueError as error:
                problems.append(str(error))

        work(sweep, delete)
        assert problems == [f"{sweep.id} is still running: stop it first"] * 4
        sweep.delete()
        assert not sweep.path.exists()
