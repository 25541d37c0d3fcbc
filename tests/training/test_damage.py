"""Files of a run that disks, hands and enemies have damaged: looked at with everything that the program has.

`tests/campaigns/damage_files.py` does the same thousands of times, in the whole app too.
"""

import collections
import json
import random

import pytest
from campaigns import damage_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adam_tui.runs.protocol import Event, RunSpec, from_line
from adam_tui.runs.status import Status, parse_status

TIMES = 2  # that each file is damaged
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(2**63), 1e308])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        *("event", "time", "step", "run", "spec", "device", "losses", "epoch", "name", "value"),
        *("state", "pid", "host", "heartbeat", "born", "ticks", "silent", "control", "reason"),
        *("hyperparameters", "batch_size", "epochs", "optimizer", "queue", "data_dir"),
        *("labels", "predictions", "confidences", "names"),
    ]
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=9)


@pytest.mark.usefixtures("quick_digits")
def test_damaged_files_are_no_traceback_no_hang_and_nothing_good_is_changed(tmp_path):
    templates = damage_files.make_runs(tmp_path / "templates")
    chance, outcomes = random.Random(7), collections.Counter()
    for name in damage_files.FILES * TIMES:
        damage_files.one_round(chance, templates, tmp_path / "runs", outcomes, name)
    assert {outcomes[name] for name in damage_files.FILES} == {TIMES}
    assert outcomes["finished"] > 3, "many runs continue all the same"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(["start", "steps", "epoch", "layers", "sample", "set", "end", 3, None, []]), OBJECTS)
def test_a_line_is_an_event_or_none_whatever_it_holds(name, body):
    event = from_line(json.dumps(body | {"event": name, "time": body.get("time", 1.0), "step": body.get("step", 1)}))
    assert event is None or isinstance(event, Event)
    assert event is None or abs(event.step) <= 1 << 53


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text())
def test_noise_is_no_event(text):
    assert from_line(text) is None


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(OBJECTS)
def test_a_status_is_one_that_can_be_reckoned_with_or_none(body):
    try:
        status = parse_status(json.dumps(body | {"state": body.get("state", "running")}))
    except ValueError:
        return
    assert isinstance(status, Status)
    assert abs(status.pid + status.step + status.heartbeat + status.control) < 1 << 56
    assert all(isinstance(text, str) for text in (status.state, status.reason, status.host, status.born, status.device))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(OBJECTS)
def test_a_specification_is_one_or_a_value_error(body):
    try:
        spec = RunSpec.from_json(body | {"hyperparameters": body.get("hyperparameters", {"lr": 1.0})})
    except ValueError:
        return
    assert spec.epochs + spec.batch_size + spec.limit + spec.seed < 1 << 56
