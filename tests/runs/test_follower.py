"""Following a file of events while it grows."""

import itertools
import time
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from made_runs import append

from adam_tui.runs import follower as following
from adam_tui.runs.protocol import Paused, Steps, to_line
from adam_tui.runs.run import Run


def test_a_follower_returns_each_event_once_and_waits_for_the_end_of_a_torn_line(run):
    follower = run.follow()
    assert follower.poll() == []
    first, second = Steps(1.0, 2, (0.5, 0.25)), Paused(2.0, 2)
    append(run, to_line(first) + to_line(second)[:9])
    assert follower.poll() == [first]
    assert follower.poll() == []
    append(run, to_line(second)[9:])
    assert follower.poll() == [second]
    assert follower.poll() == []


@given(st.lists(st.integers(1, 40), min_size=1))
def test_a_file_that_grows_in_any_pieces_yields_the_same_events(tmp_path_factory, sizes):
    run = Run(tmp_path_factory.mktemp("run"))
    written = [Steps(float(i), i, (i / 3,) * i) for i in range(1, 12)]
    rest, follower, events = "".join(map(to_line, written)), run.follow(), []
    for size in itertools.cycle(sizes):
        append(run, rest[:size])
        rest = rest[size:]
        events += follower.poll()
        if not rest:
            break
    assert events == written


def test_an_unchanged_file_is_not_opened(run, monkeypatch):
    append(run, to_line(Paused(1.0, 1)) + '{"torn')
    follower = run.follow()
    assert len(follower.poll()) == 1

    def refuse(*arguments, **options):
        raise AssertionError("opened for nothing")

    monkeypatch.setattr(following.files, "open_regular", refuse)
    assert follower.poll() == []


def test_a_long_file_is_returned_in_pieces(run, monkeypatch):
    monkeypatch.setattr(following, "POLL_BYTES", 200)
    written = [Steps(1.0, i, (0.5,) * 4) for i in range(4, 24)]
    append(run, "".join(map(to_line, written)) + "{")
    follower = run.follow()
    pieces = []
    while events := follower.poll():
        pieces.append(events)
    assert [event for piece in pieces for event in piece] == written
    assert len(pieces) > 5


def test_a_follower_survives_a_file_that_shrinks_or_disappears(run):
    follower = run.follow()
    path = run.path / "metrics.jsonl"
    append(run, to_line(Paused(1.0, 1)) * 3)
    assert len(follower.poll()) == 3
    path.write_text(to_line(Paused(2.0, 2)))
    assert follower.poll() == [Paused(2.0, 2)]
    path.unlink()
    assert follower.poll() == []
    append(run, to_line(Paused(3.0, 3)))
    assert follower.poll() == [Paused(3.0, 3)]


def test_a_follower_can_skip_the_present_content(run):
    append(run, to_line(Paused(1.0, 1)))
    follower = run.follow()
    follower.skip()
    append(run, to_line(Paused(2.0, 2)))
    assert follower.poll() == [Paused(2.0, 2)]


def replace_by(run, content):
    """Replace the file as rsync and Syncthing do: another file takes its name."""
    part = run.path / "part"
    part.write_text(content)
    part.replace(run.metrics)


def steps(first, count):
    return "".join(to_line(Steps(100.0 + i, i, (1 / i,))) for i in range(first, first + count))


def test_a_file_that_is_replaced_by_a_longer_copy_is_read_on_from_the_same_place(run):
    append(run, steps(1, 300) + '{"torn')
    follower = run.follow()
    assert len(follower.poll()) == 300
    for copied in range(301, 310):
        replace_by(run, steps(1, copied))
        assert [event.step for event in follower.poll()] == [copied]
    assert follower.restarts == 0
    replace_by(run, steps(1, 309))
    assert follower.poll() == []


def test_a_copy_in_place_is_waited_for(run, monkeypatch):
    clock = [50.0]
    monkeypatch.setattr(following.time, "monotonic", lambda: clock[0])
    append(run, steps(1, 300))
    follower = run.follow()
    assert len(follower.poll()) == 300
    for written in ("", steps(1, 200), steps(1, 300)):
        run.metrics.write_text(written)
        clock[0] += 1.0
        assert (follower.poll(), follower.restarts) == ([], 0)
    append(run, steps(301, 1))
    assert [event.step for event in follower.poll()] == [301]
    run.metrics.write_text(steps(1, 200))
    assert follower.poll() == []
    clock[0] += following.COPY_SECONDS
    assert len(follower.poll()) == 200, "it stayed shorter: the file was cut"
    assert follower.restarts == 1


def test_other_content_of_any_length_is_read_from_its_start(run):
    append(run, steps(1, 300))
    follower = run.follow()
    assert len(follower.poll()) == 300
    for number, content in enumerate([steps(2, 300), steps(4, 10), steps(3, 400)], 1):
        replace_by(run, content)
        assert len(follower.poll()) == content.count("\n")
        assert follower.restarts == number
    run.metrics.write_text(steps(3, 400).replace(",", ", "))  # rewritten in place, longer
    assert len(follower.poll()) == 400
    run.metrics.unlink()
    assert follower.poll() == []
    run.metrics.write_text(steps(3, 400).replace(",", ", "))
    assert follower.poll() == []


def test_a_line_that_no_event_can_be_is_skipped_in_little_time_and_memory(run):
    with open(run.metrics, "wb") as file:
        file.write(steps(1, 1).encode() + b'{"event":"steps","losses":[')
        for _ in range(200):
            file.write(b"1.5," * (1 << 18))
    follower = run.follow()
    tracemalloc.start()
    began = time.process_time()
    polls = [follower.poll()]
    while lines := follower.poll_lines():
        polls.append(lines)
    assert time.process_time() - began < 2.0
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
    assert polls == [[Steps(101.0, 1, (1.0,))], *[[""]] * 13]
    append(run, "2]}\n" + steps(2, 1))
    assert [event.step for _ in range(3) for event in follower.poll()] == [2]


def test_skipping_the_present_content_knows_a_copy_too(run):
    append(run, steps(1, 300))
    follower = run.follow()
    follower.skip()
    replace_by(run, steps(1, 301))
    assert [event.step for event in follower.poll()] == [301]
