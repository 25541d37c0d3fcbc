import sys

import pytest

from adam_tui.runs.protocol import Changed, Ended, Epoch, Layers, RunSpec, Started, Steps
from adam_tui.training import tensorboard_log, trainer
from adam_tui.training.journal import Journal


class Writer:
    def __init__(self):
        self.scalars, self.closed = {}, False

    def add_scalar(self, tag, value, step, walltime):
        self.scalars.setdefault(tag, []).append((step, value, walltime))

    def flush(self):
        pass

    def close(self):
        self.closed = True


def test_every_number_of_a_run_becomes_a_scalar_at_its_step_and_time():
    writer = Writer()
    write = tensorboard_log.TensorboardLog(writer).write
    write(Started(1.0, 0, "adam-1", RunSpec(hyperparameters={"lr": 0.1}), "cpu", "float32", 1, 2, "2"))
    write(Steps(2.0, 2, (0.5, 0.25)))
    write(Changed(3.0, 2, "lr", 0.2))
    write(Epoch(4.0, 2, 1, 0.4, 0.3, 0.9, 1.0, 100.0))
    write(Layers(4.0, 2, ("a",), (7.0,), (1e-3,)))
    write(Ended(5.0, 2, "finished", ""))
    assert writer.scalars == {
        "hyperparameters/lr": [(0, 0.1, 1.0), (2, 0.2, 3.0)],
        "loss/step": [(1, 0.5, 2.0), (2, 0.25, 2.0)],
        "loss/train": [(2, 0.4, 4.0)],
        "loss/test": [(2, 0.3, 4.0)],
        "accuracy/test": [(2, 0.9, 4.0)],
        "speed/images a second": [(2, 100.0, 4.0)],
        "gradient norm/a": [(2, 7.0, 4.0)],
        "update ratio/a": [(2, 1e-3, 4.0)],
    }
    assert writer.closed


def test_a_missing_tensorboard_is_reported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ValueError, match="pip install tensorboard"):
        tensorboard_log.open_writer(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_run_writes_event_files_that_tensorboard_reads(new_run, few_digits):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = new_run(epochs=1, limit=250, data_dir=few_digits, tensorboard=True)
    with Journal(run) as journal:
        assert trainer.train(journal)[0] == "finished"
    read = accumulator.EventAccumulator(str(run.path / "tensorboard"))
    read.Reload()
    (epoch,) = run.epochs()
    (scalar,) = read.Scalars("loss/test")
    assert (scalar.step, scalar.value) == (8, pytest.approx(epoch.test_loss, rel=1e-6))
    assert [scalar.step for scalar in read.Scalars("loss/step")] == list(range(1, 9))
