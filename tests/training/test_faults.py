"""Training when something breaks: what is kept, what is reported, how it continues. All in this process."""

import errno
import random

import pytest
import torch

from adam_tui.runs import files
from adam_tui.runs.protocol import Steps
from adam_tui.runs.run import Run
from adam_tui.training import checkpoint, journal, trainer
from adam_tui.training.journal import Journal

pytestmark = pytest.mark.usefixtures("quick_digits")
STOP = [{"command": "stop"}]


class Steered(Journal):
    """Gives commands, or calls a function, before chosen steps of this process."""

    def __init__(self, run, before=None):
        super().__init__(run)
        self.before, self.calls = before or {}, 0

    def new_commands(self):
        self.calls += 1
        action = self.before.get(self.calls - 1, [])
        return (action() if callable(action) else action) or super().new_commands()


def train(run, before=None):
    """Train a run; `before` maps a number of steps to commands, or to a function that is called then."""
    with Steered(run, before) as journal:
        return trainer.train(journal)


def recorded(run, name):
    return [event for event in run.follow().poll() if event.name == name]


def losses(run):
    return [loss for event in run.follow().poll() if isinstance(event, Steps) for loss in event.losses]


def step_of(path):
    return torch.load(path, weights_only=True)["progress"]["step"]


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


# A checkpoint within the epoch.


def test_a_long_epoch_saves_checkpoints_and_continues_from_one_bit_for_bit(new_run, monkeypatch):
    whole, killed = new_run(), new_run()
    train(whole)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(trainer, "FIRST_REPORT_SECONDS", 0.0)
    assert train(killed, {13: [{"command": "kill"}]})[0] == "stopped"
    assert [event.step for event in recorded(killed, "checkpoint")] == [
        *range(9),
        *range(8, 14),
    ]  # the second 8 is that of the epoch's end
    assert step_of(killed.checkpoint) == 13
    assert train(killed)[0] == "finished"
    assert [event.step for event in recorded(killed, "start")] == [0, 13]
    assert losses(killed) == losses(whole)
    for name in ("train_loss", "test_loss", "test_accuracy"):
        assert [getattr(each, name) for each in killed.epochs()] == [getattr(each, name) for each in whole.epochs()]


def test_the_seconds_of_an_epoch_leave_out_checkpoints_and_count_all_steps(new_run, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(trainer.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 2.5)
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0.5)
    step, save = trainer.Training.train_step, trainer.Training.save

    def second(self, images, labels):
        clock[0] += 1.0
        return step(self, images, labels)

    def slow(self):
        clock[0] += 100.0
        return save(self)

    monkeypatch.setattr(trainer.Training, "train_step", second)
    monkeypatch.setattr(trainer.Training, "save", slow)
    run = new_run(epochs=1)
    train(run)
    assert [event.step for event in recorded(run, "checkpoint")] == [0, 3, 6, 8]
    assert run.epochs()[0].seconds == pytest.approx(8.0)


# A checkpoint that is damaged.


@pytest.fixture
def stopped(new_run):
    """A run with two checkpoints: of the steps 8 and 11 of 16."""
    run = new_run()
    train(run, {11: STOP})
    assert (step_of(run.older_checkpoint), step_of(run.checkpoint)) == (8, 11)
    return run


def test_any_flipped_bit_that_matters_in_a_checkpoint_is_detected(stopped):
    """torch itself loads most of these without an error."""
    whole, chance, quiet = stopped.checkpoint.read_bytes(), random.Random(0), 0
    with Journal(stopped) as journal:
        training = trainer.Training(stopped.spec(), journal)
        good = torch.load(stopped.checkpoint, weights_only=True)["model"]
        for _ in range(60):
            flipped = bytearray(whole)
            flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
            try:
                training.restore(checkpoint.unpack(bytes(flipped)))
            except Exception:
                continue
            quiet += 1  # padding, or a date in the file's directory
            now = training.network.state_dict()
            assert all(torch.equal(now[name], good[name]) for name in good)
            assert training.progress.step == 11
    assert quiet < 20


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty", "a directory", "missing"])
def test_a_run_with_a_damaged_checkpoint_continues_from_the_older_one_and_reports_it(
    stopped, new_run, how, capsys, monkeypatch
):
    monkeypatch.setattr(trainer, "RETRY_SECONDS", 0.3)  # a directory does not give way
    whole = new_run()
    train(whole)
    content = stopped.checkpoint.read_bytes()
    stopped.checkpoint.unlink()
    if how == "a directory":
        stopped.checkpoint.mkdir()
    elif how != "missing":
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]
        stopped.checkpoint.write_bytes({"truncated": content[:-100], "flipped": flipped, "empty": b""}[how])
    assert stopped.can_resume()
    shown = []

    def read_status():
        shown.append(stopped.reported_status().reason)

    state, reason = train(stopped, {0: read_status})
    assert [event.step for event in recorded(stopped, "start")] == [0, 8]
    if how == "a directory":  # nothing can take its place
        assert (state, reason.split(" (")[0]) == ("failed", "epoch 2 of 2 done, but the last checkpoint is of step 8")
    else:
        assert state == "finished"
        assert step_of(stopped.checkpoint) == 16
    if how != "missing":
        assert shown[0].startswith("continues from the checkpoint before, of step 8: cannot continue from")
        assert "cannot continue from" in capsys.readouterr().err
    assert losses(stopped)[11:] == losses(whole)[8:]


def test_a_damaged_checkpoint_never_takes_the_place_of_a_good_one(stopped, refuse):
    stopped.checkpoint.write_bytes(b"damaged")
    refuse()
    assert train(stopped, {2: STOP})[0] == "stopped"
    assert step_of(stopped.older_checkpoint) == 8
    refuse(False)
    assert train(stopped, {0: [{"command": "kill"}]})[0] == "stopped"
    assert (step_of(stopped.older_checkpoint), step_of(stopped.checkpoint)) == (8, 8)
    assert train(stopped, {2: STOP})[0] == "stopped"
    assert (step_of(stopped.older_checkpoint), step_of(stopped.checkpoint)) == (8, 10)
    assert train(stopped, {1: STOP})[0] == "stopped"
    assert (step_of(stopped.older_checkpoint), step_of(stopped.checkpoint)) == (10, 11)


def test_when_both_checkpoints_are_damaged_the_run_fails_and_changes_nothing(stopped):
    for path in (stopped.checkpoint, stopped.older_checkpoint):
        path.write_bytes(b"PK damaged")
    state, reason = train(stopped)
    assert state == "failed"
    assert reason.startswith(f"cannot continue from {stopped.checkpoint}: ")
    assert f"; {stopped.older_checkpoint}: " in reason
    assert stopped.checkpoint.read_bytes() == stopped.older_checkpoint.read_bytes() == b"PK damaged"


# A disk that is full.


@pytest.fixture
def refuse(monkeypatch):
    """Call it: from then on, until it is called with False, checkpoints and pictures find no room on the disk."""
    write = files.write_atomically

    def without_room(path, *arguments, **options):
        return write(path, *arguments, **options) if path.name == "status.json" else full()

    def switch(on=True):
        monkeypatch.setattr(files, "write_atomically", without_room if on else write)

    return switch


def test_a_checkpoint_that_cannot_be_written_is_reported_and_training_continues_until_it_can(new_run, refuse):
    run, shown = new_run(epochs=4), []

    def read_status():
        shown.append(run.reported_status().reason)

    def allow():
        read_status()
        refuse(False)

    class Current(Steered):
        def new_commands(self):
            self._write_status()  # the heartbeat does it only once a second
            return super().new_commands()

    with Current(run, {9: refuse, 17: read_status, 25: allow}) as journal:
        assert trainer.train(journal) == ("finished", "epoch 4 of 4 done")
    assert (
        shown[:2]
        == ["No space left on device: evaluation.npz is of an earlier epoch, the last checkpoint is of step 8"] * 2
    )
    assert [event.step for event in recorded(run, "checkpoint")] == [0, 8, 32]
    assert run.status().reason == "epoch 4 of 4 done"
    assert len(losses(run)) == 32
    assert not list(run.path.glob("*.part"))


def test_a_run_whose_last_checkpoint_cannot_be_written_can_be_continued_when_there_is_room(
    new_run, refuse, monkeypatch
):
    run = new_run()
    state, reason = train(run, {9: refuse})
    assert (state, reason) == (
        "failed",
        "epoch 2 of 2 done, but the last checkpoint is of step 8 (No space left on device)",
    )
    assert run.can_resume()
    refuse(False)
    assert train(run) == ("finished", "epoch 2 of 2 done")
    assert step_of(run.checkpoint) == 16


def test_a_run_that_is_stopped_without_room_for_its_checkpoint_names_the_last_one(new_run, refuse):
    run = new_run()
    ending = train(run, {10: refuse, 11: STOP})
    assert ending == ("stopped", "asked to stop, but the last checkpoint is of step 8 (No space left on device)")


# A directory that is gone.


def test_a_run_whose_directory_is_deleted_ends_by_itself(new_run, monkeypatch):
    monkeypatch.setattr(journal, "GONE_SECONDS", 0.2)
    run = new_run(epochs=100_000)

    def delete():
        for path in run.path.iterdir():
            path.unlink()
        run.path.rmdir()

    assert train(run, {10: delete}) == ("stopped", "its directory was deleted")
    assert not run.path.exists()


def test_a_run_whose_directory_is_renamed_ends_with_a_checkpoint_there_and_names_the_new_place(new_run, monkeypatch):
    monkeypatch.setattr(journal, "GONE_SECONDS", 0.2)
    run = new_run(epochs=100_000)
    renamed = Run(run.path.with_name("renamed"))
    reason = f"its directory was moved to {renamed.path}"
    assert train(run, {10: lambda: run.path.rename(renamed.path) and None}) == ("stopped", reason)
    [end] = recorded(renamed, "end")
    assert (renamed.status().state, renamed.status().reason, end.reason) == ("stopped", reason, reason)
    assert step_of(renamed.checkpoint) == renamed.status().step == len(losses(renamed))
    assert renamed.can_resume()
    assert not run.path.exists()


# Memory.


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory, a smaller batch needs less"),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
                "to allocate 603979776 bytes. Error code 12 (Cannot allocate memory)"
            ),
            "out of memory, a smaller batch needs less: 604 MB more",
        ),
        (RuntimeError("could not create a primitive"), "probably out of memory: could not create a primitive"),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has 1 GiB free"),
            "out of GPU memory, a smaller batch needs less: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has",
        ),
        (RuntimeError(), "RuntimeError"),
        (OSError(errno.EIO, "Input/output error", "/data/x"), "Input/output error: /data/x"),
    ],
)
def test_an_error_ends_a_run_with_a_plain_reason_and_the_run_can_continue(new_run, monkeypatch, error, message, capsys):
    run = new_run()
    step, count = trainer.Training.train_step, iter(range(100))

    def train_step(self, images, labels):
        if next(count) == 11:
            raise error
        return step(self, images, labels)

    monkeypatch.setattr(trainer.Training, "train_step", train_step)
    state, reason = train(run)
    assert state == "failed"
    assert reason.startswith(message)
    assert "\n" not in reason
    assert "Traceback" in capsys.readouterr().err
    assert run.can_resume()
    assert step_of(run.checkpoint) == 8


# Commands.


def test_commands_after_the_one_that_ends_a_run_are_logged_as_too_late(new_run, capsys):
    run = new_run()
    late = [{"command": "set", "name": "lr", "value": 1.0}, *STOP, {"command": "pause"}, {"command": "resume"}]
    assert train(run, {3: late})[0] == "stopped"
    assert capsys.readouterr().err.splitlines() == [
        f"the run was already ending: the command {command!r} came too late" for command in ("pause", "resume")
    ]
    assert len(recorded(run, "set")) == 1
