"""The weights that a run keeps for its loss landscape: at which steps, and after a kill and a continuation."""

import numpy as np
import pytest
import torch

from adam_tui.runs.weights_file import WeightsFile
from adam_tui.training import model, trainer
from adam_tui.training.journal import Journal
from adam_tui.training.weights_log import flat_weights

pytestmark = pytest.mark.usefixtures("quick_digits")


def train(run, order="", after=0):
    """Train a run; the command `order` comes after so many steps."""
    calls = iter(range(10**9))

    class Steered(Journal):
        def new_commands(self):
            return [{"command": order}] if order and next(calls) == after else []

    with Steered(run) as journal:
        return trainer.train(journal)


def records(run):
    file = WeightsFile(run.weights)
    kind = np.dtype([("step", "<i8"), ("weights", "<f4", file.count)])
    return np.fromfile(run.weights, kind, len(file.steps), offset=16)


def test_the_first_record_is_the_start_and_the_last_one_the_weights_of_the_checkpoint(new_run):
    run = new_run(weights=6)
    train(run)
    kept = records(run)
    assert kept["step"].tolist() == [0, 1, 2, 4, 8, 16]
    torch.manual_seed(0)
    assert np.array_equal(kept["weights"][0], flat_weights(model.build(torch.device("cpu"))).numpy())
    saved = torch.load(run.checkpoint, weights_only=True)["model"]
    assert np.array_equal(kept["weights"][-1], torch.cat([each.reshape(-1) for each in saved.values()]).numpy())


def test_a_killed_run_continues_its_weights_bit_for_bit(new_run):
    whole, killed = new_run(weights=64), new_run(weights=64)
    train(whole)
    train(killed, "kill", 12)  # the checkpoint is of step 8
    assert records(killed)["step"].tolist() == list(range(13))
    with open(killed.weights, "ab") as file:
        file.write(b"a part of a record")
    train(killed)
    assert killed.weights.read_bytes() == whole.weights.read_bytes()


def test_a_stopped_run_keeps_its_last_weights_and_never_more_than_asked(new_run):
    run = new_run(weights=5)
    train(run, "stop", 11)
    assert records(run)["step"][-1] == 11
    train(run)
    steps = records(run)["step"].tolist()
    assert len(steps) == 5
    assert (steps[0], steps[-1]) == (0, 16)


def test_no_weights_are_kept_when_none_are_wanted(new_run):
    run = new_run(weights=0)
    train(run)
    assert not run.weights.exists()


@pytest.mark.parametrize("damage", ["directory", "other network"])
def test_a_run_trains_on_where_its_weights_cannot_be_written(new_run, damage):
    run = new_run(weights=4)
    if damage == "directory":
        run.weights.mkdir()
    else:
        WeightsFile(run.weights).append(0, bytes(4))
    assert train(run)[0] == "finished"
