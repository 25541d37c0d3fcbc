import numpy as np
import pytest
import torch

from adam_tui.training import evaluation
from adam_tui.training.data import Digits


def scores(rows):
    """Scores that are certain of the given classes with the given confidences: log p, the rest shared."""
    made = torch.full((len(rows), 10), 0.0)
    for row, (predicted, confidence) in zip(made, rows, strict=True):
        row[:] = np.log((1 - confidence) / 9)
        row[predicted] = np.log(confidence)
    return made


def test_numbers_confusion_and_the_surest_mistakes_are_those_of_the_scores():
    labels = torch.tensor([3, 3, 7, 0, 1])
    judged = evaluation.evaluate(scores([(3, 0.9), (5, 0.6), (2, 0.8), (0, 0.5), (4, 0.7)]), labels)
    assert judged.accuracy == 2 / 5
    shares = [0.9, 0.4 / 9, 0.2 / 9, 0.5, 0.3 / 9]  # of the right class
    assert judged.loss == pytest.approx(-np.log(shares).mean(), rel=1e-6)
    wanted = np.zeros((10, 10), int)
    wanted[[3, 3, 7, 0, 1], [3, 5, 2, 0, 4]] = 1
    assert judged.confusion().tolist() == wanted.tolist()
    assert judged.worst().tolist() == [2, 4, 1]


@pytest.mark.parametrize(("mistakes", "kept"), [(30, 20), (3, 3), (0, 0)])
def test_the_file_holds_what_a_screen_shows(tmp_path, mistakes, kept):
    labels = torch.arange(40) % 10
    wrong = torch.arange(40) < mistakes
    guessed = [
        (int((label + off) % 10), 0.5 + i / 100) for i, (label, off) in enumerate(zip(labels, wrong, strict=True))
    ]
    images = torch.arange(40, dtype=torch.uint8)[:, None, None].expand(40, 28, 28).contiguous()
    chosen = (5, 6)
    none = torch.empty(0)
    sample_labels = tuple(labels[list(chosen)].tolist())
    digits = Digits(none, none, none, labels, images, chosen, none, sample_labels, none, none)
    filters = torch.randn(32, 1, 5, 5)
    path = tmp_path / "evaluation.npz"
    evaluation.write(path, evaluation.evaluate(scores(guessed), labels), digits, filters.requires_grad_(), 3)
    assert [each.name for each in tmp_path.iterdir()] == ["evaluation.npz"]
    with np.load(path, allow_pickle=False) as held:
        surest = list(range(mistakes))[::-1][:kept]
        assert held["worst_indices"].tolist() == surest
        assert held["worst_images"][:, 0, 0].tolist() == surest
        assert held["worst_images"].shape == (kept, 28, 28)
        assert held["worst_images"].dtype == np.uint8
        assert held["worst_labels"].tolist() == [i % 10 for i in surest]
        assert held["worst_predictions"].tolist() == [(i + 1) % 10 for i in surest]
        assert held["worst_confidences"] == pytest.approx([0.5 + i / 100 for i in surest])
        assert (held["confusion"].dtype, held["confusion"].sum()) == (np.int64, 40)
        assert (held["filters"].shape, held["filters"].dtype) == ((32, 5, 5), np.float32)
        assert np.array_equal(held["filters"], filters.detach().numpy()[:, 0])
        assert (held["sample_images"][:, 0, 0].tolist(), held["sample_labels"].tolist()) == ([5, 6], [5, 6])
        assert (held["epoch"].shape, int(held["epoch"])) == ((), 3)
