"""What an evaluation left to look at: read without trust, drawn in every size."""

import numpy as np
import pytest

from adam_tui.history.evaluation import read_evaluation


def contents(mistakes=20, **other):
    rng = np.random.default_rng(0)
    confusion = np.diag(np.full(10, 980)) + 0
    confusion[4, 9], confusion[7, 2] = 12, 7
    return {
        "epoch": np.int64(3),
        "confusion": confusion.astype(np.int64),
        "worst_indices": np.arange(mistakes),
        "worst_images": rng.integers(0, 255, (mistakes, 28, 28)).astype(np.uint8),
        "worst_labels": np.full(mistakes, 4),
        "worst_predictions": np.full(mistakes, 9),
        "worst_confidences": np.full(mistakes, 0.987, np.float32),
        "filters": rng.normal(size=(32, 5, 5)).astype(np.float32),
        "sample_images": rng.integers(0, 255, (10, 28, 28)).astype(np.uint8),
        "sample_labels": np.arange(10),
    } | other


def written(path, **other):
    np.savez(path / "evaluation.npz", **contents(**other))
    return path / "evaluation.npz"


def test_an_evaluation_is_read_whole(tmp_path):
    found = read_evaluation(written(tmp_path))
    assert found.epoch == 3
    assert found.confusion[4, 9] == 12
    assert found.images.shape == (20, 28, 28)
    assert found.filters.shape == (32, 5, 5)


@pytest.mark.parametrize(
    "other",
    [
        {"confusion": np.zeros((3, 3), np.int64)},
        {"worst_labels": np.zeros(7, np.int64)},
        {"worst_images": np.array([None] * 20, object)},
        {"filters": np.zeros(5)},
    ],
)
def test_an_evaluation_with_wrong_shapes_is_ignored(tmp_path, other):
    assert read_evaluation(written(tmp_path, **other)) is None


def test_a_damaged_or_missing_file_is_no_evaluation(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    assert read_evaluation(path) is None
    assert read_evaluation(tmp_path / "nothing") is None
