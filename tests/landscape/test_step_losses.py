"""The losses of a run's recorded steps: shared by all landscapes, and never those of other weights."""

import numpy as np
import pytest

from adam_tui.landscape.directory import Request
from adam_tui.landscape.step_losses import RECORD, StepLosses
from adam_tui.landscape.weights import checksums, read
from adam_tui.runs import directory
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.weights_file import WeightsFile


@pytest.fixture
def walked(tmp_path):
    run = directory.create(RunSpec(), tmp_path)
    for step, value in enumerate((0.5, 1.5, 2.5)):
        WeightsFile(run.weights).append(10 * step, np.full(4, value, "<f4").tobytes())
    return run


@pytest.fixture
def store(walked):
    return StepLosses.of(walked, Request("pca", (walked.id,), ((20, 3),), 2, 2, 1.0))


def test_a_loss_is_found_by_its_step_and_its_weights(walked, store):
    path = read(walked)
    assert store.path.name == "losses-test-1000.bin"
    assert np.isnan(store.read(path)).all()
    store.append(20, checksums(path)[2], 0.25, 0.9)
    losses, accuracies = store.read(path)
    assert np.array_equal(losses, [np.nan, np.nan, 0.25], equal_nan=True)
    assert accuracies[2] == 0.9
    walked.weights.unlink()  # the run went back and took another way
    for step in (0, 10, 20):
        WeightsFile(walked.weights).append(step, np.full(4, 7 + step, "<f4").tobytes())
    assert np.isnan(store.read(read(walked))).all()


def test_a_part_of_a_record_that_a_kill_left_is_removed(walked, store):
    sums = checksums(read(walked))
    store.append(0, sums[0], 1.0, 0.5)
    with open(store.path, "ab") as file:
        file.write(b"torn")
    store.append(10, sums[1], 2.0, 0.6)
    assert store.path.stat().st_size == 2 * RECORD.itemsize
    assert store.read(read(walked))[0][:2].tolist() == [1.0, 2.0]
