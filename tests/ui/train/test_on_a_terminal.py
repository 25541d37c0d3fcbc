"""Leave and return, proved with real processes: a lost terminal, a second one, a killed run."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import pytest
from pty_terminal import COMMAND, Terminal
from torchvision_files import lay_out

from adam_tui.history.run_history import RunHistory
from adam_tui.runs import control, directory, recipes
from adam_tui.runs.protocol import Changed, Started, Steps

PATIENCE = 90.0


def opened(runs, *more, width=120, height=40):
    return Terminal((*COMMAND, "--mode", "train", "--runs", str(runs), *more), width=width, height=height)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A real run in a process of its own, on few images, with very many epochs, which the tests share."""
    pictures = lay_out(tmp_path_factory.mktemp("data"), "fashion-mnist", train=1280, test=200)
    few = {"data": "fashion-mnist", "data_dir": str(pictures), "epochs": 100_000}
    run = directory.create(
        recipes.make_spec("adam", {}, device="cpu", queue=False, **few), tmp_path_factory.mktemp("runs")
    )
    process = control.start_worker(run)
    yield run
    process.kill()
    process.wait()
    with contextlib.suppress(ValueError):  # another process may have taken it up
        control.kill(run, run.reported_status())


def history_of(run):
    """The history of the run so far, and its events."""
    history, events, follower = RunHistory(), [], run.follow()
    while more := follower.poll():
        events += more
    history.fold(events)
    return history, events


def at_work(terminal):
    """Whether the progress line tells a run's epoch and when it ends."""
    return any(line.startswith(" epoch") and "ETA" in line for line in terminal.screen.display)


def test_a_lost_terminal_leaves_the_run_at_work_and_the_next_one_shows_it_whole(tmp_path):
    run = None
    try:
        with opened(tmp_path) as first:
            first.until("t trains a network")
            first.press("t")
            first.until(lambda: at_work(first), PATIENCE)
            [run] = directory.list_runs(tmp_path)
            pid = run.status().pid
            at_hang_up = history_of(run)[0].step
            first.hang_up()
            first.wait()
        assert (run.status().state, run.status().pid) == ("running", pid)
        with opened(tmp_path) as second:
            second.until(lambda: at_work(second), PATIENCE)
            assert run.id in second.text()
            second.until(lambda: history_of(run)[0].step > at_hang_up, PATIENCE)
            second.press("i", "home")
            second.until("step 1 ·")
            known, events = history_of(run)
            second.until(f"raw {known.curve.first:.4f}")
            assert sum(isinstance(event, Started) for event in events) == 1, "it never began again"
            losses = sum(len(event.losses) for event in events if isinstance(event, Steps))
            assert losses == known.step == len(known.curve), "every step is there, once"
            second.press("i", "h", "left")
            second.until(lambda: any(isinstance(event, Changed) for event in history_of(run)[1]), PATIENCE)
            second.until("lr 5e-4→2e-4")
            second.press("q")
            assert second.wait() == 0
        assert (run.status().state, run.status().pid) == ("running", pid), "quitting leaves it running too"
    finally:
        if run is not None:
            run.command("kill")
            end = time.monotonic() + PATIENCE
            while run.status().alive and time.monotonic() < end:
                time.sleep(0.05)
    assert run.status().state == "stopped"


def test_two_terminals_watch_and_command_one_run(run):
    with opened(run.path.parent) as one, opened(run.path.parent, width=80, height=24) as two:
        one.until(lambda: at_work(one), PATIENCE)
        two.until(lambda: at_work(two), PATIENCE)
        one.press("space")
        for terminal in (one, two):  # both have to show it before the run goes on
            terminal.until("paused · space resumes", PATIENCE)
        two.press("space")
        one.until(lambda: at_work(one) and run.status().state == "running", PATIENCE)


def children(pid):
    """The states of a process's children, R, S, Z and so on, by their numbers."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid:
                found[int(path.parent.name)] = state
    return found


def test_a_process_that_is_killed_from_outside_is_lost_and_continued_by_key(run):
    with opened(run.path.parent) as terminal:
        for kills in (1, 2):
            terminal.until(lambda: at_work(terminal), PATIENCE)
            terminal.until(lambda kills=kills: len(history_of(run)[0].epochs) > kills, PATIENCE)
            os.kill(run.status().pid, signal.SIGKILL)
            reached = history_of(run)[0].step
            terminal.until("lost: the process is gone", PATIENCE)
            if kills == 1:
                terminal.press("x")
                terminal.until("is over: lost")
                terminal.press("u")
                terminal.until(lambda: starts(run) == 2, PATIENCE)
                lost = reached - history_of(run)[0].step
                assert lost < 2 * history_of(run)[0].steps_per_epoch, "an epoch is lost at most"
            else:  # it was the app's own child
                terminal.until(lambda: children(terminal.pid) == {}, PATIENCE)
        assert all(json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines())


def starts(run):
    """How many processes have begun to train it."""
    return sum(isinstance(event, Started) for event in history_of(run)[1])
