"""Following a file of events while it grows."""

import itertools

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
    written = [Steps(float(i), i, (i / 3,) * i) for i in range(12)]
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

    monkeypatch.setattr("builtins.open", refuse)
    assert follower.poll() == []


def test_a_long_file_is_returned_in_pieces(run, monkeypatch):
    monkeypatch.setattr(following, "POLL_BYTES", 200)
    written = [Steps(1.0, i, (0.5,) * 4) for i in range(20)] + [
        Steps(1.0, 21, (0.5,) * 500)
    ]  # the last is longer than 200
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
