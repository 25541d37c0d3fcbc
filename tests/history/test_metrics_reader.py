"""The fast reader of losses gives the same numbers as one event at a time, and never invents a number."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.history.metrics_reader import MAX_ENTRIES, LossBlock, MetricsReader, OffsetIndex, parse_lines
from adam_tui.runs.protocol import Checkpointed, Paused, RunSpec, Started, Steps, from_line, to_line

SPEC = RunSpec()
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 10, width=32)


def started(step):
    return Started(0.0, step, "adam-7f3a", SPEC, "cpu", "float32", 62346, 10, "2.9.0")


def single(events):
    """(step, loss, time of the line) for every loss, and every other event as it is."""
    for event in events:
        if isinstance(event, LossBlock):
            ends = np.searchsorted(event.steps, np.arange(event.first, event.steps[-1] + 1))
            yield from zip(
                range(event.first, int(event.steps[-1]) + 1),
                event.losses.tolist(),
                event.times[ends].tolist(),
                strict=True,
            )
        elif isinstance(event, Steps):
            first = event.step - len(event.losses) + 1
            yield from ((step, loss, event.time) for step, loss in enumerate(event.losses, first))
        else:
            yield event


def same(a, b):
    return a == b or (isinstance(a, tuple) and a[0] == b[0] and math.isnan(a[1]) and math.isnan(b[1]))


@st.composite
def files(draw):
    """Lines as a process writes them, one after the other or with gaps, and others in between; some are damaged."""
    lines, step, time = [], 0, 1.7e9
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["steps"] * 5 + ["gap", "pause", "start", "torn", "digits", "comma", "junk"]))
        time += draw(st.sampled_from([0.25, -3.0, 1e-3]))
        losses = tuple(draw(st.lists(numbers, min_size=1, max_size=5)))
        if kind == "start":
            step = draw(st.integers(0, step))
            lines.append(to_line(started(step)))
            continue
        if kind == "pause":
            lines.append(to_line(Paused(time, step)))
            continue
        step += len(losses) + (7 if kind == "gap" else 0)
        line = to_line(Steps(time, step, losses))
        damage = {
            "torn": line[: draw(st.integers(0, len(line) - 2))] + "\n",
            "digits": line.replace("[", "[1.2.3,"),
            "comma": line.replace("[", "[,"),
            "junk": "\x00\ufffd\n",
        }
        lines.append(damage.get(kind, line))
    return lines


@settings(max_examples=300, deadline=None)
@given(files())
def test_the_fast_path_reads_the_same_as_one_event_at_a_time(lines):
    slowly = [event for line in lines if (event := from_line(line)) is not None]
    quickly = parse_lines([line[:-1].encode() for line in lines])
    for a, b in zip(single(quickly), single(slowly), strict=True):
        assert same(a, b)


def test_consecutive_lines_become_one_block():
    lines = [to_line(Steps(i / 4, 10 * i, (0.5,) * 10)).encode()[:-1] for i in range(1, 21)]
    [event] = parse_lines(lines)
    assert (event.first, len(event.losses), len(event.times)) == (1, 200, 20)


def test_without_whole_only_the_last_two_lines_of_losses_are_read(made_run):
    made = made_run().start()
    for _ in range(20):
        made.steps([0.5] * 10)
    made.epoch(1, 0.9)
    made.steps([0.25])
    events = MetricsReader(made.run, whole=False).poll()
    assert [type(event).__name__ for event in events] == ["Started", "LossBlock", "Epoch", "LossBlock"]
    assert events[1].first == 191
    assert events[3].losses.tolist() == [0.25]


def test_index_entries_are_few_and_near():
    places, offset = OffsetIndex(), 0
    offsets = []
    for step in range(1, 2_000_000, 100):
        offsets.append(offset)
        places.add(step, offset)
        offset += 150_000
    assert len(places._steps) <= MAX_ENTRIES
    for step in (1, 777_777, 1_999_999):
        start, stop = places.around(step, step)
        own = offsets[(step - 1) // 100]
        assert start <= own
        assert stop is None or stop > own
        assert own - start <= 8 * 150_000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=8), st.data())
def test_any_range_of_steps_can_be_read_again(tmp_path_factory, processes, data):
    """Each process continues from a step before the last one's end and writes more lines of three steps."""
    from adam_tui.runs import directory, recipes

    run = directory.create(recipes.make_spec("adam", {}), tmp_path_factory.mktemp("runs"))
    losses, value = [], 0.0
    with open(run.path / "metrics.jsonl", "w") as file:
        for back, more in processes:
            losses = losses[: max(len(losses) - 3 * back, 0)]
            file.write(to_line(started(len(losses))))
            for _ in range(more):
                new = (value + 0.125, value + 0.25, value + 0.375)
                value += 1
                losses += new
                file.write(to_line(Steps(value, len(losses), new)))
                file.write(to_line(Checkpointed(value, len(losses), "x" * 200)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adam_tui.history.metrics_reader.FIRST_INTERVAL", data.draw(st.sampled_from([1, 500, 2000])))
        patch.setattr("adam_tui.history.metrics_reader.SLICE", data.draw(st.sampled_from([10, 300, 1 << 18])))
        reader = MetricsReader(run, whole=True)
        while reader.poll() is not None:
            pass
        first = data.draw(st.integers(1, len(losses)))
        last = data.draw(st.integers(first, len(losses)))
        while (found := reader.reread(first, last)) is None:
            pass
    assert found.tolist() == losses[first - 1 : last]


def test_old_steps_of_a_file_from_another_json_writer_are_read_again_from_near(made_run):
    made = made_run().start()
    for i in range(400):
        made.steps([i + 0.5] * 50)
    lines = made.run.metrics.read_text().splitlines()
    made.run.metrics.write_text("".join(json.dumps(json.loads(line)) + "\n" for line in lines))
    reader = MetricsReader(made.run, whole=True)
    while reader.poll() is not None:
        pass
    assert reader._index.around(15_000, 15_000)[0] > 0
    while (losses := reader.reread(10_001, 10_100)) is None:
        pass
    assert losses.tolist() == [200.5] * 50 + [201.5] * 50
