"""A slot runner on real digits: in this process, and as the process that a sweep starts."""

import os
import signal
from dataclasses import replace

import pytest
from sweep_training import states

from adam_tui.runs import directory, export
from adam_tui.runs.device_use import sweep_on
from adam_tui.runs.protocol import Started
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.executor import LocalExecutor
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.supervisor import Supervisor
from adam_tui.sweeps.sweep import create
from adam_tui.training import preparation, slot_runner, trainer
from adam_tui.training.journal import Journal


@pytest.fixture
def few(tmp_path, few_digits):
    """Plan a sweep of small trials: 10 steps an epoch on real digits, 100 of them held out."""

    def make(name="", lr="1e-3,1e-2", epochs=2, halving=False, optimizers="adam", **rest):
        space = plans.make_space({each: {} for each in optimizers.split(",")}, lr, {})
        settings = {"sampler": "grid", "limit": 640, "validation": 100, "device": "cpu", "precision": "float32"}
        plan = Plan(space, epochs=epochs, rungs=(epochs,), data_dir=few_digits, **(settings | rest))
        count = len(plans.settings_of(plan, plan.optimizers[0]))
        rungs = plans.rungs_of(epochs, count, halving=halving)
        return create(replace(plan, rungs=rungs), tmp_path / "runs", name)

    return make


def losses(sweep):
    """The losses of all trials, step by step."""
    return {number: list(export.losses(sweep.run(each.run))) for number, each in sweep.record().trials.items()}


def train(sweep):
    assert slot_runner.main([str(sweep.path)]) == 0
    return sweep


@pytest.fixture(autouse=True)
def same_signals(monkeypatch):
    """The tests' own signal handlers stay."""
    monkeypatch.setattr(slot_runner, "_handle_signals", lambda worker, trainer: None)


def test_a_trial_is_the_run_that_its_specification_gives_alone(few, tmp_path):
    sweep = train(few(epochs=2, lr="1e-3,1e30,1e-2", optimizers="sgd"))
    assert states(sweep) == ["finished", "diverged", "finished"]
    for number in (0, 2):
        record = sweep.record().trials[number]
        run = sweep.run(record.run)
        assert run.status().state == "finished"
        alone = trainer_run(run.spec(), tmp_path / "alone")
        assert list(export.losses(alone)) == list(export.losses(run))
        last, same = run.epochs()[-1], alone.epochs()[-1]
        assert (last.validation_loss, last.test_accuracy) == (same.validation_loss, same.test_accuracy)
        assert record.last.validation_loss == last.validation_loss
        assert record.last.test_accuracy == last.test_accuracy
    diverged = sweep.run(sweep.record().trials[1].run)
    assert diverged.status().state == "failed"


def trainer_run(spec, runs):
    run = directory.create(spec, runs)
    with Journal(run) as journal:
        assert trainer.train(journal)[0] == "finished"
    return run


def test_halving_continues_a_trial_bit_for_bit_and_an_ended_trial_needs_little_disk(few):
    lrs = "1e-3,2e-3,5e-4"
    whole, parted = train(few("whole", lrs, epochs=3)), train(few("parted", lrs, epochs=3, halving=True))
    assert sorted(states(parted)) == ["cut", "cut", "finished"]
    for number, each in losses(parted).items():
        assert each == losses(whole)[number][: len(each)]
    [winner] = [each for each in parted.record().trials.values() if each.state == "finished"]
    assert sum(isinstance(each, Started) for each in parted.run(winner.run).events(Started)) == 2
    for each in parted.record().trials.values():
        size = sum(path.stat().st_size for path in parted.run(each.run).path.iterdir())
        assert size < 300_000
    assert {path.stat().st_mode & 0o777 for path in parted.path.rglob("*")} == {0o600, 0o700}


def test_a_slot_shows_that_it_uses_its_device(few, monkeypatch):
    sweep, seen = few("shown"), []

    def work(self):
        seen.append(sweep_on(sweep.path.parent, "cpu"))
        return "finished"

    monkeypatch.setattr(slot_runner.Worker, "work", work)
    train(sweep)
    assert seen == ["sweep-shown"]
    assert sweep_on(sweep.path.parent, "cpu") == ""


def test_the_digits_are_loaded_once(few, monkeypatch):
    loads = []
    load = preparation.Preparation.load

    def counted(self, *key):
        before = self._digits
        digits = load(self, *key)
        loads.append(self._digits is not before)
        return digits

    monkeypatch.setattr(preparation.Preparation, "load", counted)
    train(few(lr="1e-3,1e-2,2e-2", epochs=1))
    assert loads == [True, False, False]


def test_a_trial_that_cannot_be_trained_leaves_its_error_and_the_next_one_is_trained(few, monkeypatch):
    step = trainer.Training.train_step

    def broken(self, images, labels):
        if self.spec.hyperparameters["lr"] == 1e-3:
            raise RuntimeError("a kernel of torch is missing")
        return step(self, images, labels)

    monkeypatch.setattr(trainer.Training, "train_step", broken)
    sweep = train(few(epochs=1))
    assert states(sweep) == ["failed", "finished"]
    failed = sweep.record().trials[0]
    assert failed.reason == "a kernel of torch is missing"
    assert "RuntimeError: a kernel of torch is missing" in sweep.run(failed.run).error_tail()
    assert not sweep.run(failed.run).has_checkpoint


def test_a_wrong_directory_is_a_usage_error(tmp_path, capsys):
    assert slot_runner.main([]) == slot_runner.main([str(tmp_path / "nowhere")]) == 2
    assert slot_runner.main([str(tmp_path)]) == 1
    assert "cannot read" in capsys.readouterr().err


def test_killed_slots_are_replaced_and_the_losses_are_those_of_an_undisturbed_sweep(few):
    """A real process is killed with SIGKILL in the middle of a trial; the same sweep twice gives the same losses."""
    calm, killed = train(few("calm", epochs=4)), few("killed", epochs=4)
    messages = []
    executor = LocalExecutor(killed.path, 1, "cpu")
    supervisor = Supervisor(killed, executor, 1, messages.append)
    victims = []
    for record in supervisor.run():
        busy = [each for each in record.trials.values() if each.state == "running"]
        epochs = sum(len(killed.run(each.run).epochs()) for each in record.trials.values())
        if busy and not victims and epochs >= 2:
            victims.append(executor._processes[0].pid)
            os.kill(victims[0], signal.SIGKILL)
    assert states(killed) == ["finished"] * 2
    assert messages == ["slot 0 ended (signal 9): another process takes its place"]
    assert losses(killed) == losses(calm)
    assert {each.run for each in killed.record().trials.values()} == {f"adam-{n:04}" for n in range(2)}
    assert not killed.living()
