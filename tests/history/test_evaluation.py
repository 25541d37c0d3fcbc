"""What an evaluation left to look at: read without trust, drawn in every size."""

import numpy as np
import pytest

from adam_tui.draw.palette import DARK
from adam_tui.history.evaluation import read_evaluation
from adam_tui.history.run_history import RunHistory
from adam_tui.runs.protocol import Layers, RunSpec, Started
from adam_tui.ui.train import model_views
from adam_tui.ui.train.state import VIEWS


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


def history():
    found = RunHistory()
    found.fold([Started(0.0, 0, "r", RunSpec(), "cpu", "float32", 62346, 10, "2.9.0")])
    names = ("conv1.weight", "conv1.bias", "linear.weight")
    found.fold(Layers(1.0, 10 * i, names, (0.5, 0.1, 2.0), (1e-3 / i, 3e-2, 1e-6)) for i in (1, 2, 3))
    return found


@pytest.mark.parametrize("view", VIEWS[1:])
@pytest.mark.parametrize(("width", "height"), [(56, 13), (76, 19), (116, 16), (196, 31), (10, 3)])
def test_every_view_fits_every_size_and_is_not_empty(tmp_path, view, width, height):
    found = read_evaluation(written(tmp_path))
    rows = model_views.rows_wanted(view, found, history(), width, height)
    assert 0 < rows <= height
    cells = model_views.draw(view, found, history(), width, rows, DARK)
    assert (cells.width, cells.height) == (width, rows)
    if width > 50:
        assert (cells.glyph != ord(" ")).sum() > 50


@pytest.mark.parametrize("view", VIEWS[1:])
def test_before_the_first_evaluation_the_view_announces_it(view):
    assert "after each epoch" in "".join(model_views.draw(view, None, RunHistory(), 80, 10, DARK).lines())


def test_mistakes_show_label_and_prediction(tmp_path):
    cells = model_views.draw("mistakes", read_evaluation(written(tmp_path)), None, 116, 13, DARK)
    assert "\n".join(cells.lines()).count("4→9✗ 98%") == 20


def test_a_network_without_mistakes_is_praised(tmp_path):
    found = read_evaluation(written(tmp_path, mistakes=0))
    assert "no mistakes" in "".join(model_views.draw("mistakes", found, None, 80, 10, DARK).lines())


def test_layers_mark_ratios_far_from_the_rule_of_thumb():
    text = [line.rstrip() for line in model_views.draw("layers", None, history(), 60, 8, DARK).lines()]
    assert text[1].endswith("3.3e-04  fine")
    assert text[2].endswith("3.0e-02  large")
    assert text[3].endswith("1.0e-06  small")


def test_a_small_layers_view_shows_weights_first_and_curves_if_there_is_room():
    short = "\n".join(model_views.layers_in_brief(history(), 41, 3, DARK).lines())
    assert "conv1.weight" in short
    assert "linear.weight" in short
    assert "bias" not in short
    tall = "\n".join(model_views.layers_in_brief(history(), 41, 16, DARK).lines())
    assert "conv1.bias" in tall
    assert any("⠀" < glyph <= "⣿" for glyph in tall)
