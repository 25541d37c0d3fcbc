"""The work of a slot, with a stand-in for training: claims, ends, halving, deaths and orders."""

import contextlib
import json
import math
import os
import shutil
import socket
import threading
import time

import pytest
from sweep_training import Training, loss_of, states

from adam_tui.runs import control
from adam_tui.runs.run import Run
from adam_tui.runs.status import Status
from adam_tui.sweeps import results
from adam_tui.sweeps import work as work_module
from adam_tui.sweeps.claims import Claim, Claims
from adam_tui.sweeps.journal import MAX_LOST, SweepJournal, TrialEnded, TrialStarted, now
from adam_tui.sweeps.sweep import Sweep, find
from adam_tui.sweeps.work import REPLACED, SWEEP_STOPS, Worker


class KilledError(BaseException):
    """The process ends here."""


def die(leg):
    raise KilledError


def kill_while(sweep, training, attempt=None):
    """Work until the stand-in dies, as if the process of the claim had been killed."""
    with pytest.raises(KilledError):
        Worker(sweep, training).work()
    for path in (sweep.path / "claims").iterdir():
        data = json.loads(path.read_text())
        born = "1@" + data["born"].partition("@")[2]
        path.write_text(json.dumps(data | {"born": born}))  # an earlier process with this number


def test_every_trial_is_trained_once_in_a_run_of_its_own(new_sweep, work):
    sweep = new_sweep("adam,sgd", trials=3, seeds=(0, 1))
    training = work(sweep)
    assert training.legs == [(n, 0, 3) for n in range(12)]
    assert set(states(sweep)) == {"finished"}
    for number, record in sweep.record().trials.items():
        run = sweep.run(record.run)
        assert run.id == f"{record.planned.optimizer}-{number:04}"
        assert (run.spec().sweep, run.spec().trial) == (sweep.id, record.planned.identity)
        assert record.last.validation_loss == loss_of(run.spec()) / 3
        assert (record.last.test_accuracy, record.last.seconds) == (0.9, 4.5)
        assert not run.has_checkpoint
    assert list((sweep.path / "claims").iterdir()) == []
    assert work(Sweep(sweep.path)).legs == []


def test_a_trial_that_diverges_or_fails_does_not_end_the_sweep(new_sweep, work):
    def fail(leg):
        if leg.trial.number == 1:
            raise OSError(28, "No space left on device", "spec.json")
        return ("failed", "out of memory") if leg.trial.number == 2 else None

    sweep = new_sweep(lr="1e-2,1e-3,1e-1,10", sampler="grid")
    work(sweep, fail)
    assert states(sweep) == ["finished", "failed", "failed", "diverged"]
    trials = sweep.record().trials
    assert trials[1].reason == "[Errno 28] No space left on device: 'spec.json'"
    assert trials[2].reason == "out of memory"
    assert [trials[n].loss for n in (1, 2, 3)] == [math.inf] * 3


def test_a_failed_trial_is_trained_again_from_its_first_step(new_sweep, work):
    def fail(leg):
        leg.run.checkpoint.write_bytes(b"x")
        return ("failed", "bad luck") if leg.trial.number == 1 else None

    sweep = new_sweep()
    work(sweep, fail)
    assert states(sweep) == ["finished", "failed", "finished", "finished"]
    assert sweep.retry() == 1
    assert work(sweep).legs == [(1, 0, 3)]
    assert states(sweep) == ["finished"] * 4
    assert sweep.retry() == 0


def test_halving_continues_the_best_third_from_its_checkpoint(new_sweep, work):
    sweep = new_sweep("adam,sgd", "1e-3..1e-1", trials=9, epochs=9, halving=True)
    training = work(sweep)
    assert sorted(training.legs)[:1] == [(0, 0, 1)]
    later = [leg for leg in training.legs if leg[1]]
    assert {(first, until) for _, first, until in later} == {(1, 3), (3, 9)}
    assert len(training.legs) == 18 + 6 + 2
    record = sweep.record()
    for optimizer in ("adam", "sgd"):
        own = {n: each for n, each in record.trials.items() if each.planned.optimizer == optimizer}
        by_loss = sorted(own.values(), key=lambda each: loss_of(sweep.run(each.run).spec()))
        assert [each.state for each in by_loss] == ["finished"] + ["cut"] * 8
        assert [each.epoch for each in by_loss] == [9, 3, 3, 1, 1, 1, 1, 1, 1]
        first, second = (each for each in record.decisions if each.optimizer == optimizer)
        assert (first.epoch, first.promoted, len(first.settings)) == (1, 3, 9)
        assert (second.epoch, second.promoted, len(second.settings)) == (3, 1, 3)
        assert list(first.losses) == sorted(first.losses)
        assert first.settings[:3] == tuple(each.planned.setting for each in by_loss[:3])
    assert not list(sweep.path.rglob("checkpoint*"))


def test_all_seeds_of_a_setting_go_on_together_and_a_diverged_one_counts_as_the_worst(new_sweep, work):
    # Of three seeds, the median: one diverged seed alone does not end a setting, two do.
    def diverge(leg):
        spec = leg.trial.spec
        bad = {0.01: 2, 0.02: 1, 0.05: 0}[spec.hyperparameters["lr"]]
        return ("failed", "diverged") if spec.seed < bad else None

    sweep = new_sweep(lr="1e-2,2e-2,5e-2", sampler="grid", seeds=(0, 1, 2), epochs=3, halving=True)
    work(sweep, diverge)
    [decision] = sweep.record().decisions
    assert (decision.settings, decision.promoted) == ((1, 2, 0), 1)
    assert decision.losses[2] == math.inf
    assert states(sweep) == ["failed", "failed", "cut", "failed", "finished", "finished", "cut", "cut", "cut"]


@pytest.mark.parametrize("moment", ["claimed", "prepared", "started", "trained", "recorded"])
def test_a_trial_whose_process_was_killed_at_any_moment_is_trained_once_more_and_no_other(
    new_sweep, work, monkeypatch, moment
):
    sweep = new_sweep(epochs=3)
    dying = Training(die if moment == "started" else lambda leg: None)
    with monkeypatch.context() as patch:
        if moment == "claimed":
            patch.setattr(Worker, "_make_attempt", lambda self, claim, before: die(claim))
        elif moment == "prepared":
            patch.setattr(SweepJournal, "record", lambda self, *events: die(events))
        elif moment == "trained":
            patch.setattr(Worker, "_end", lambda self, *rest: die(rest))
        elif moment == "recorded":
            patch.setattr(Claims, "remove", lambda self, claim: die(claim))
        kill_while(sweep, dying)
    other = work(Sweep(sweep.path))
    assert states(sweep) == ["finished"] * 4
    trained = [number for number, *_ in dying.legs + other.legs]
    assert sorted(trained) == sorted([0, 1, 2, 3] + [0] * (moment in ("started", "trained")))
    assert sweep.record().trials[0].run == "adam-0000", "the process has ended for certain: no copy is needed"


def test_a_trial_that_is_trained_by_a_living_process_is_left_alone(new_sweep, work):
    sweep = new_sweep(trials=2)
    begun, go_on = threading.Event(), threading.Event()

    def wait(leg):
        begun.set()
        assert go_on.wait(30)

    slow = Training(wait)
    thread = threading.Thread(target=Worker(Sweep(sweep.path), slow).work)
    thread.start()
    assert begun.wait(30)
    second = Training(lambda leg: go_on.set())
    Worker(sweep, second).work()
    thread.join(30)
    assert sorted(slow.legs + second.legs) == [(0, 0, 3), (1, 0, 3)]


def test_a_silent_process_of_another_host_is_replaced_and_comes_too_late(new_sweep, monkeypatch):
    """It still writes to its own directory, and its end does not count."""
    sweep = new_sweep(trials=1)
    claims = Claims(sweep.path, "far")
    far = claims.take(0, 1)
    (claims.folder / far.file).write_text('{"runner": "far", "host": "far-away", "pid": 7, "born": "1@x"}')
    old = sweep.path / "adam-0000"
    far_journal = SweepJournal(sweep.path, "far")
    far_journal.record(TrialStarted(now(), 0, 1, (), "adam-0000", "far", 0))
    worker = Worker(sweep, Training())
    run = worker._prepare(sweep.trial(sweep.record().trials[0].planned), sweep.record().trials[0], None)
    run.checkpoint.write_bytes(b"of far")
    run.metrics.write_text("")
    monkeypatch.setattr(Claims, "is_dead", lambda self, claim: True)
    contents = []
    training = Training(lambda leg: contents.append(leg.run.checkpoint.read_bytes()))
    Worker(Sweep(sweep.path), training).work()
    record = sweep.record().trials[0]
    assert (record.state, record.run, contents) == ("finished", "adam-0000-2", [b"of far"])
    assert not old.exists()
    assert not claims.renew(far), "it learns that it was replaced"
    far_journal.record(TrialEnded(now(), 0, 1, "adam-0000", "failed", "late", 0, *[math.nan] * 6))
    assert sweep.record().trials[0].state == "finished"


def test_a_process_that_was_replaced_ends_its_run_and_records_nothing(new_sweep, monkeypatch):
    monkeypatch.setattr(work_module, "RENEW_SECONDS", 0.0)
    sweep = new_sweep(trials=1)
    commands = []

    class Steered:
        def add_command(self, command, **values):
            commands.append((command, values))

    def replace(leg):
        with leg.attended(Steered()):
            shutil.rmtree(sweep.path / "claims")
            sweep.command("stop")
            deadline = time.monotonic() + 20
            while ("kill", {"reason": REPLACED}) not in commands and time.monotonic() < deadline:
                time.sleep(0.01)
        return "stopped", REPLACED

    Worker(sweep, replace).work()
    assert ("kill", {"reason": REPLACED}) in commands
    assert sweep.record().trials[0].state == "running"


def test_a_trial_that_ends_every_process_fails_at_last(new_sweep, work):
    sweep = new_sweep(trials=2)
    dying = Training(lambda leg: die(leg) if leg.trial.number == 0 else None)
    for _ in range(MAX_LOST):
        kill_while(sweep, dying)
    assert len(dying.legs) == MAX_LOST
    assert work(sweep).legs == [(1, 0, 3)]
    assert states(sweep) == ["failed", "finished"]
    assert sweep.record().trials[0].reason == f"{MAX_LOST} processes have ended while they trained it"


def test_an_order_to_stop_gives_the_trial_back_and_a_later_sweep_goes_on(new_sweep, work):
    sweep = new_sweep()

    class Steered:
        def __init__(self):
            self.commands, self.came = [], threading.Event()

        def add_command(self, command, **values):
            self.commands.append((command, *values.values()))
            if command == "stop":
                self.came.set()

    steered = Steered()

    def stop(leg):
        if leg.trial.number != 1:
            return None
        with leg.attended(steered):
            sweep.command("stop")
            assert steered.came.wait(20)
        return "stopped", SWEEP_STOPS

    training = Training(stop)
    assert Worker(sweep, training).work() == "stopped"
    assert steered.commands == [("stop", SWEEP_STOPS)]
    assert states(sweep) == ["finished", "planned", "planned", "planned"]
    given_back = results.settings(sweep.record())[1]
    assert math.isnan(given_back.loss), "not trained yet, and no failure"
    assert work(sweep).legs == [], "the order still holds"
    sweep.command("resume")
    assert [leg[0] for leg in work(sweep).legs] == [1, 2, 3]


def test_a_signal_stops_this_slot_alone(new_sweep):
    sweep = new_sweep()
    worker = Worker(sweep, training := Training(lambda leg: worker.stop("SIGTERM")))
    assert worker.work() == "stopped"
    assert len(training.legs) == 1
    assert sweep.order() == "run"


def test_a_pause_is_passed_on_and_taken_back(new_sweep, work):
    sweep = new_sweep(trials=1)
    came = []

    class Steered:
        def add_command(self, command, **values):
            came.append(command)
            if command == "pause":
                sweep.command("resume")

    def pause(leg):
        with leg.attended(Steered()):
            sweep.command("pause")
            deadline = time.monotonic() + 20
            while "resume" not in came and time.monotonic() < deadline:
                time.sleep(0.01)

    work(sweep, pause)
    assert came == ["pause", "resume"]
    assert states(sweep) == ["finished"]


def test_a_directory_of_another_trial_is_not_written_to(new_sweep, work):
    sweep, other = new_sweep(trials=1, seed=1), new_sweep(trials=1, seed=2)
    work(other)
    shutil.copytree(other.path / "adam-0000", sweep.path / "adam-0000")
    before = (sweep.path / "adam-0000" / "metrics.jsonl").read_bytes()
    assert work(sweep).legs == []
    assert sweep.record().trials[0].reason.endswith("belongs to another trial")
    assert (sweep.path / "adam-0000" / "metrics.jsonl").read_bytes() == before


def test_a_sweep_whose_journal_of_the_plan_is_torn_has_all_its_trials(new_sweep, work):
    sweep = new_sweep()
    path = sweep.path / "trials.jsonl"
    path.write_bytes(path.read_bytes()[:300])
    assert len(Sweep(sweep.path).record().trials) == 4
    assert len(work(Sweep(sweep.path)).legs) == 4


def test_a_finished_sweep_keeps_no_directory_that_was_replaced(new_sweep, work):
    sweep = new_sweep(trials=1)
    (sweep.path / "adam-0000-2").mkdir()
    (sweep.path / "notes").mkdir()
    work(sweep)
    assert {path.name for path in sweep.path.iterdir() if path.is_dir()} == {"adam-0000", "claims", "notes"}


def test_a_sweep_can_be_renamed_and_still_knows_its_trials(new_sweep, work):
    sweep = new_sweep()
    work(sweep)
    sweep.path.rename(sweep.path.with_name("sweep-other"))
    moved = find(sweep.path.parent, "other")
    assert states(moved) == ["finished"] * 4
    assert Run(moved.path / "adam-0000").status().state == "finished"
    assert Claim(0, 1, host=socket.gethostname(), pid=os.getpid()).is_local
    with contextlib.suppress(FileNotFoundError):
        assert not list((moved.path / "claims").iterdir())


@pytest.mark.parametrize("leave", ["move", "delete"])
def test_a_slot_ends_when_the_directory_is_moved_or_deleted_and_makes_no_new_one(new_sweep, leave):
    sweep = new_sweep()

    def go(leg):
        sweep.path.rename(sweep.path.with_name("sweep-moved"))
        if leave == "delete":
            shutil.rmtree(sweep.path.with_name("sweep-moved"))
        return "stopped", REPLACED

    assert Worker(sweep, Training(go)).work() == "gone"
    assert not sweep.path.exists()
    with pytest.raises(FileNotFoundError):
        Claims(sweep.path, "late").take(0, 9)


def test_a_run_whose_process_is_still_there_is_tried_again_and_does_not_fail(new_sweep, work, monkeypatch):
    held = [True, True]
    monkeypatch.setattr(Run, "is_held", lambda run: bool(held and held.pop()))
    sweep = new_sweep(trials=1)
    assert work(sweep).legs == [(0, 0, 3)]
    assert (states(sweep), sweep.record().trials[0].attempt) == (["finished"], 1)


def test_a_trial_is_continued_by_its_sweep_alone(new_sweep, work):
    sweep = new_sweep(trials=1, epochs=9)
    work(sweep, lambda leg: (leg.run.write_status(Status("stopped")), ("stopped", "by hand"))[1])
    with pytest.raises(ValueError, match=f"adam-0000 is a trial: 'adam-tui sweeps resume {sweep.id}' continues it"):
        control.check_resume(sweep.run("adam-0000"))


def test_a_trial_whose_node_is_lost_continues_in_place_and_fails_after_many_losses(new_sweep, work):
    attempts = []

    def lose(leg):
        attempts.append(leg.trial.number)
        return ("lost", "node 1a2b was lost: it was killed") if leg.trial.number == 0 else None

    sweep = new_sweep(trials=2)
    work(sweep, lose)
    first = sweep.record().trials[0]
    assert states(sweep) == ["failed", "finished"]
    assert attempts.count(0) == MAX_LOST
    assert first.reason == f"{MAX_LOST} processes have ended while they trained it"
    assert first.run == "adam-0000"  # never copied: nothing else writes there


def test_a_lost_trial_is_free_at_once_and_later_progress_forgets_the_losses(new_sweep, work):
    lost = []

    def lose(leg):
        if len(lost) < 3:
            lost.append(leg)
            return "lost", "node 1a2b was lost"
        return None

    sweep = new_sweep(trials=1)
    work(sweep, lose)
    record = sweep.record().trials[0]
    assert (record.state, record.attempt, record.lost, record.closed) == ("finished", 4, 0, {1, 2, 3, 4})


def test_a_sweep_is_active_while_its_processes_load_and_between_their_trials(new_sweep, work):
    sweep = new_sweep()
    assert (sweep.state(sweep.record(), {}), sweep.is_active()) == ("stopped", False)
    with Sweep(sweep.path).worked_on():
        assert (sweep.state(sweep.record(), {}), sweep.is_active()) == ("starting", True)
        with pytest.raises(ValueError, match="is still running: stop it first"):
            sweep.delete()
        SweepJournal(sweep.path, "a").record(TrialStarted(1.0, 0, 1, (), "adam-0000", "slot0-a", 0))
        assert sweep.state(sweep.record(), {}) == "running"
        sweep.command("pause")
        assert sweep.state(sweep.record(), {}) == "paused"
        sweep.command("stop")
        assert (sweep.state(sweep.record(), {}), sweep.is_active()) == ("stopped", False)
        sweep.command("resume")
    assert (sweep.state(sweep.record(), {}), sweep.is_active()) == ("stopped", False)


def test_a_trial_without_the_end_of_its_process_is_uncertain_for_a_while(new_sweep):
    sweep = new_sweep()
    assert sweep.uncertain(sweep.record()) == 0
    for trial in (0, 1):
        line = TrialStarted(1.0, trial, 1, (), f"adam-000{trial}", "slot0-a", 0)
        SweepJournal(sweep.path, "a").record(line)
    Claims(sweep.path, "slot0-a").take(0, 1)
    dead = sweep.path / "claims" / "0000-1"
    dead.write_text(json.dumps(json.loads(dead.read_text()) | {"pid": 2**22 + 1}))
    assert sweep.uncertain(sweep.record()) == 1, "the one without a claim"
