"""A run that holds training images out: its numbers are named validation numbers, the test accuracy comes once."""

import math
from dataclasses import replace

import pytest
from made_runs import MadeRun
from training_pilot import after, joined, trained

from adam_tui.cli import run_plot
from adam_tui.draw.palette import DARK
from adam_tui.history.run_view import RunView
from adam_tui.runs import directory, report
from adam_tui.runs.protocol import Epoch, RunSpec, to_line
from adam_tui.ui.train import epoch_charts, export, loss_chart, model_views, run_panel, start_panel, table
from adam_tui.ui.train import events as e
from adam_tui.ui.train import view as train_view
from adam_tui.ui.train.state import TrainState

SPEC = RunSpec(epochs=2, validation=5000)


def epoch(number, accuracy, test=math.nan):
    test_loss = math.nan if math.isnan(test) else 0.06
    return Epoch(number * 1.0, 100 * number, number, 0.1, test_loss, test, 1.0, 6400.0, 0.05, accuracy)


@pytest.fixture
def ended():
    """A state with an ended run that has validation images, and its history."""
    history = trained(200, spec=SPEC)
    history.fold([epoch(1, 0.97), epoch(2, 0.98, test=0.975)])
    return after(TrainState(), e.ListRuns((RunView("v", SPEC, 0.0, "finished", epoch=2),))), {"v": history}


def test_the_charts_name_the_images_that_were_measured(ended):
    state, histories = ended
    assert epoch_charts.accuracy_title(state, histories) == "Validation accuracy over epochs"
    assert epoch_charts.best_text(state, histories) == "★ best 98.00% at epoch 2 · test 97.50% ± 0.16%"
    assert train_view.corner_title(state, histories) == "Validation loss"
    assert loss_chart.legend(state, histories, 100).endswith("◇ validation")
    plain = after(state, e.ListRuns((RunView("v", replace(SPEC, validation=0), 0.0, "finished"), *state.runs)))
    assert epoch_charts.accuracy_title(plain, histories) == "Test accuracy over epochs"


def test_one_chart_of_both_kinds_of_runs_names_neither(ended):
    state, histories = ended
    both = after(state, e.ListRuns((RunView("t", RunSpec(), 9.0, "finished"), *state.runs)))
    assert epoch_charts.accuracy_title(both, histories | {"t": trained(200, [0.9])}) == "Held-out accuracy over epochs"


def test_before_the_end_there_is_no_test_accuracy():
    history = trained(100, spec=SPEC)
    histories = {"v": history}
    state = after(TrainState(), e.ListRuns((RunView("v", SPEC, 0.0, "running"),)))
    assert "the validation accuracy follows" in epoch_charts.best_text(state, histories)
    history.fold([epoch(1, 0.97)])
    assert epoch_charts.best_text(state, histories) == "★ best 97.00% at epoch 1"
    view = replace(state, view="mistakes")
    assert "after the last epoch" in joined(model_views.draw(view, histories, None, 60, 5, DARK))


def test_the_figures_and_the_values_under_the_cursor(ended):
    state, histories = ended
    figures = joined(run_panel.draw_figures(state, histories, [], 9.0, 50, 4, DARK))
    assert "step            200/200   validation       0.0500" in figures
    assert "cpu                   –   test     97.50% ± 0.16%" in figures
    assert "test loss" not in figures
    reading = after(state, e.SetCursor(150))
    assert "  valid accuracy" in joined(run_panel.draw_readings(reading, histories, 10, 60, 4, DARK))
    line = joined(run_panel.draw_progress(state, histories, 9.0, 110, DARK))
    assert "best 98.00% at epoch 2 · test 97.50% ± 0.16%" in line
    wide = joined(table.draw(replace(state, table=True), histories, 9.0, 120, 9, DARK))
    assert "test accuracy 97.50% ± 0.16%" in wide


def test_the_start_panel_and_the_script_use_the_held_out_images():
    words = dict(start_panel.facts(SPEC))
    assert (
        words["images"]
        == "55,000 of MNIST to learn from, 5,000 held out to choose with, 10,000 others to test with at the end"
    )
    assert words["each epoch"].startswith("validation accuracy and loss")
    script = export.copy_text("pytorch", SPEC)
    assert 'print(f"epoch {epoch}: validation accuracy {right / len(held_labels):.2%}")' in script
    assert script.rstrip().endswith('print(f"test accuracy {right / len(test_labels):.2%}")')


def test_the_command_line_says_the_same(tmp_path):
    made = MadeRun(tmp_path, epochs=2)
    directory.write_spec(SPEC, made.run.path)
    made.start().steps([0.5] * 10)
    with made.run.metrics.open("a") as file:
        file.write(to_line(epoch(1, 0.97)) + to_line(epoch(2, 0.98, test=0.975)))
    made.end("finished", "")
    page = report.describe(made.run)
    assert "MNIST with 5,000 training images held out, batch size 64" in page
    assert "validation 0.0500, 98.00%" in page
    assert "test accuracy 97.50% ± 0.16% (standard error), measured once" in page
    assert "◇ validation loss" in joined(run_plot.still([made.run], 100, 20, DARK))
