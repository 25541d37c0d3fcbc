"""The views of the model: digits, mistakes, confusions, filters, gradients and updates, in every size."""

from dataclasses import replace

import numpy as np
import pytest
from training_pilot import joined, trained, with_histories

from adam_tui.draw.palette import DARK
from adam_tui.history.evaluation import Evaluation
from adam_tui.runs.protocol import Layers, Sample
from adam_tui.ui.train import model_views
from adam_tui.ui.train.state import VIEWS


def evaluation(mistakes=20):
    rng = np.random.default_rng(0)
    confusion = np.diag(np.full(10, 980))
    confusion[4, 9], confusion[7, 2] = 12, 7
    return Evaluation(
        epoch=3,
        confusion=confusion,
        images=rng.integers(0, 255, (mistakes, 28, 28)).astype(np.uint8),
        labels=np.full(mistakes, 4),
        predictions=np.full(mistakes, 9),
        confidences=np.full(mistakes, 0.987),
        filters=rng.normal(size=(32, 5, 5)),
        sample_images=rng.integers(0, 255, (10, 28, 28)).astype(np.uint8),
        sample_labels=np.arange(10),
    )


def with_layers():
    history = trained(50)
    names = ("conv1.weight", "conv1.bias", "linear.weight")
    history.fold(Layers(1.0, 10 * i, names, (0.5, 0.1, 2.0), (1e-3 / i, 3e-2, 1e-6)) for i in (1, 2, 3))
    return history


def drawn(view, history, evaluation, width, height):
    state, histories = with_histories(a=history)
    return model_views.draw(replace(state, view=view), histories, evaluation, width, height, DARK)


@pytest.mark.parametrize("view", VIEWS[1:])
@pytest.mark.parametrize(("width", "height"), [(56, 13), (76, 19), (116, 16), (196, 31), (10, 3)])
def test_every_view_fits_every_size_and_is_not_empty(view, width, height):
    rows = model_views.rows_wanted(view, evaluation(), with_layers(), width, height)
    assert 0 < rows <= height
    cells = drawn(view, with_layers(), evaluation(), width, rows)
    assert (cells.width, cells.height) == (width, rows)
    if width > 50:
        assert (cells.glyph != ord(" ")).sum() > 50


@pytest.mark.parametrize("view", VIEWS[1:])
def test_before_the_first_evaluation_the_view_says_when_it_appears(view):
    assert "after the first epoch" in joined(drawn(view, trained(50), None, 80, 10))


def test_digits_show_the_predictions_of_the_network():
    history = trained(50)
    assert all(guess.prediction is None for guess in model_views.guesses(history, list(range(10))))
    history.fold([Sample(1.0, 50, tuple(range(10)), (0, 1, 2, 3, 4, 6, 6, 7, 8, 9), (0.75,) * 10)])
    pictures = joined(drawn("digits", history, None, 116, 6))
    assert "4→4  75%" in pictures
    assert "5→6✗ 75%" in pictures
    assert "5→6✗" in joined(model_views.draw_digit_line(*with_histories(a=history), 76, DARK))


def test_mistakes_show_the_label_and_the_prediction():
    assert joined(drawn("mistakes", trained(50), evaluation(), 116, 13)).count("4→9✗ 98%") == 20


def test_a_network_without_mistakes_is_praised():
    assert "no mistakes" in joined(drawn("mistakes", trained(50), evaluation(mistakes=0), 80, 10))


def test_layers_show_where_the_ratio_is_far_from_the_rule_of_thumb():
    text = [line.rstrip() for line in drawn("layers", with_layers(), None, 60, 8).lines()]
    assert text[1].endswith("3.3e-04  fine")
    assert text[2].endswith("3.0e-02  large")
    assert text[3].endswith("1.0e-06  small")


def test_in_brief_the_weights_come_first_and_the_curves_where_there_is_room():
    short = joined(model_views.draw_layers_in_brief(with_layers(), 41, 3, DARK))
    assert "conv1.weight" in short
    assert "linear.weight" in short
    assert "bias" not in short
    tall = joined(model_views.draw_layers_in_brief(with_layers(), 41, 16, DARK))
    assert "conv1.bias" in tall
    assert any("⠀" < glyph <= "⣿" for glyph in tall)
