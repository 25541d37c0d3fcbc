import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.runs.protocol import (
    ENDED,
    EVENTS,
    Changed,
    Checkpointed,
    Diverged,
    Ended,
    Epoch,
    Layers,
    Paused,
    Resumed,
    RunSpec,
    Sample,
    Started,
    Steps,
    event_name,
    from_line,
    split_steps,
    to_line,
)

words = st.text(max_size=20)
floats = st.floats(width=64)
counts = st.integers(0, 10**9)
digits = st.integers(0, 9)
specs = st.builds(
    RunSpec,
    optimizer=words,
    hyperparameters=st.dictionaries(words, floats, max_size=4).map(lambda d: d | {"lr": 0.1}),
    batch_size=counts,
    epochs=counts,
    seed=counts,
    device=words,
    precision=words,
    limit=counts,
    data=words,
    data_dir=st.none() | words,
    queue=st.booleans(),
    after_sweeps=st.booleans(),
    tensorboard=st.booleans(),
    validation=counts,
    sweep=words,
    trial=words,
    weights=counts,
)
positive = st.integers(1, 10**9)
times = st.floats(0, 3e10)
losses = st.lists(floats, min_size=1, max_size=5).map(tuple)
stamp = {"time": times, "step": counts}
events = st.one_of(
    st.builds(
        Started,
        **stamp,
        run=words,
        spec=specs,
        device=words,
        precision=words,
        parameters=counts,
        steps_per_epoch=positive,
        torch=words,
    ),
    st.builds(Steps, time=times, step=st.integers(5, 10**9), losses=losses),
    st.builds(
        Epoch,
        **stamp,
        epoch=positive,
        train_loss=floats,
        test_loss=floats,
        test_accuracy=st.floats(0, 1),
        seconds=st.floats(0, 1e9),
        samples_per_second=st.floats(0, 1e9),
        validation_loss=floats,
        validation_accuracy=st.floats(0, 1) | st.just(math.nan),
    ),
    st.builds(
        Epoch,
        **stamp,
        epoch=positive,
        train_loss=floats,
        test_loss=st.just(math.nan),
        test_accuracy=st.just(math.nan),
        seconds=st.floats(0, 1e9),
        samples_per_second=st.floats(0, 1e9),
        validation_loss=floats,
        validation_accuracy=st.floats(0, 1),
    ),
    st.builds(
        Layers,
        **stamp,
        names=st.just(("conv1.weight", "")),
        gradient_norm=st.tuples(floats, floats),
        update_ratio=st.tuples(floats, floats),
    ),
    st.builds(
        Sample,
        **stamp,
        labels=st.tuples(digits, digits),
        predictions=st.tuples(digits, digits),
        confidences=st.tuples(floats, floats),
    ),
    st.builds(Changed, **stamp, parameter=words, value=floats),
    st.builds(Paused, **stamp),
    st.builds(Resumed, **stamp),
    st.builds(Checkpointed, **stamp, path=words),
    st.builds(Diverged, **stamp),
    st.builds(Ended, **stamp, state=st.sampled_from(sorted(ENDED)), reason=words),
)


@given(events)
def test_every_event_survives_its_line_with_all_digits_nan_and_inf(event):
    line = to_line(event)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert repr(from_line(line)) == repr(event)  # repr, because nan != nan


@given(events, st.data())
def test_a_torn_line_is_no_event(event, data):
    line = to_line(event).rstrip("\n")
    assert from_line(line[: data.draw(st.integers(0, len(line) - 1))]) is None


@given(st.text() | st.sampled_from(["1", "null", "[]", '{"event":[]}', '{"event":"steps","time":1,"step":1e999}']))
def test_any_other_line_is_no_event_and_no_error(line):
    assert from_line(line) is None


def test_events_and_keys_of_a_newer_version_are_ignored():
    assert from_line('{"event":"fireworks","time":1.0,"step":2}') is None
    assert from_line('{"event":"pause","time":1.0,"step":2,"mood":"calm"}') == Paused(1.0, 2)


def test_an_epoch_without_held_out_images_is_written_and_read_as_by_earlier_versions():
    line = '{"event":"epoch","time":2.5,"step":3,"epoch":1,"train_loss":0.5,"test_loss":0.25,"test_accuracy":0.75,'
    line += '"seconds":1.0,"samples_per_second":9.0}\n'
    epoch = from_line(line)
    assert to_line(epoch) == line
    assert (epoch.held_out_loss, epoch.held_out_accuracy) == (0.25, 0.75)
    assert math.isnan(epoch.validation_accuracy)


def test_an_epoch_before_the_last_has_only_the_numbers_of_the_held_out_images():
    epoch = Epoch(2.5, 3, 1, 0.5, math.nan, math.nan, 1.0, 9.0, 0.25, 0.75)
    assert (epoch.held_out_loss, epoch.held_out_accuracy) == (0.25, 0.75)
    assert repr(from_line(to_line(epoch))) == repr(epoch)
    nothing = Epoch(2.5, 3, 1, 0.5, math.nan, math.nan, 1.0, 9.0)
    assert from_line(to_line(nothing)) is None


def test_the_lines_are_those_of_the_design():
    assert to_line(Steps(2.5, 3, (1.0, math.inf, math.nan))) == (
        '{"event":"steps","time":2.5,"step":3,"losses":[1.0,"inf","nan"]}\n'
    )
    assert to_line(Changed(2.5, 3, "lr", 0.1)) == '{"event":"set","time":2.5,"step":3,"name":"lr","value":0.1}\n'
    assert " ".join(EVENTS) == "start steps epoch layers sample set pause resume checkpoint diverged end"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "hyperparameters is missing"),
        ({"hyperparameters": {}}, "no lr"),
        ({"hyperparameters": {"lr": "fast"}}, "fast"),
        ({"hyperparameters": {"lr": 1}, "epochs": "many"}, "many"),
        ({"hyperparameters": {"lr": 1}, "optimizer": 7}, "text is needed"),
        ({"hyperparameters": {"lr": 1}, "queue": "yes"}, "true or false"),
        ({"hyperparameters": {"lr": 1}, "data_dir": 7}, "text is needed"),
        ({"hyperparameters": 3}, "not iterable"),
        ([], "not a run specification"),
    ],
)
def test_an_invalid_spec_is_reported_in_one_line(data, message):
    with pytest.raises(ValueError, match=message) as caught:
        RunSpec.from_json(data)
    assert "\n" not in str(caught.value)


@given(events)
def test_the_name_of_a_written_event_is_known_without_parsing(event):
    assert event_name(to_line(event).encode()) == event.name


def test_the_line_of_another_json_writer_is_the_same_event_and_left_to_the_parser():
    steps = Steps(2.5, 3, (1.0, 0.5))
    data = json.loads(to_line(steps))
    for line in (json.dumps(data), json.dumps(dict(reversed(data.items())), separators=(",", ":"))):
        assert from_line(line) == from_line(line.encode()) == steps
        assert event_name(line.encode()) is split_steps(line.encode()) is None


@given(st.builds(Steps, time=times, step=counts, losses=losses))
def test_a_line_of_finite_losses_takes_the_fast_path(steps):
    parts = split_steps(to_line(steps).rstrip("\n").encode())
    assert (parts is not None) == (all(map(math.isfinite, steps.losses)) and "e" not in repr(steps.time))
    if parts:
        time, step, losses = parts
        assert (float(time), int(step), tuple(map(float, losses.split(b",")))) == (steps.time, steps.step, steps.losses)
