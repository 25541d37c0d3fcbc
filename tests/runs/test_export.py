import io
import math

import pytest

from adam_tui.runs import directory, export
from adam_tui.runs.protocol import Epoch, RunSpec, Started, Steps, to_line


def start(step):
    return Started(1.0, step, "x", RunSpec(), "cpu", "float32", 1, 2, "2")


def epoch(number, step, loss):
    return Epoch(1.0, step, number, loss, 0.1 + 0.2, 0.5, 1.5, 100.0)


@pytest.fixture
def text(tmp_path):
    run = directory.create(RunSpec(), tmp_path)
    events = [start(0), Steps(1.0, 2, (2.0, 1 / 3)), epoch(1, 2, 1.0), Steps(1.0, 4, (9.0, 9.0)), epoch(2, 4, 9.0)]
    events += [start(2), Steps(1.0, 4, (0.5, math.inf)), epoch(2, 4, 0.5)]
    (run.path / "metrics.jsonl").write_text("".join(map(to_line, events)) + '{"event":"st')

    def write(what):
        stream = io.StringIO()
        export.write_csv(run, what, stream)
        return stream.getvalue()

    return write


def test_a_step_that_a_resumed_run_repeated_appears_once_with_all_its_digits(text):
    assert text("steps") == "step,loss\n1,2.0\n2,0.3333333333333333\n3,0.5\n4,inf\n"


def test_the_numbers_of_held_out_images_are_exported_where_there_are_some(tmp_path):
    run = directory.create(RunSpec(validation=9), tmp_path)
    events = [start(0), Epoch(1.0, 2, 1, 0.5, math.nan, math.nan, 1.5, 100.0, 0.25, 0.75)]
    (run.path / "metrics.jsonl").write_text("".join(map(to_line, events)))
    stream = io.StringIO()
    export.write_csv(run, "epochs", stream)
    header, row = stream.getvalue().splitlines()
    assert header.split(",")[-2:] == ["validation_loss", "validation_accuracy"]
    assert row == "1,2,0.5,nan,nan,1.5,100.0,0.25,0.75"


def test_epochs_are_exported_a_row_each(text):
    assert text("epochs") == (
        "epoch,step,train_loss,test_loss,test_accuracy,seconds,samples_per_second\n"
        "1,2,1.0,0.30000000000000004,0.5,1.5,100.0\n"
        "2,4,0.5,0.30000000000000004,0.5,1.5,100.0\n"
    )
