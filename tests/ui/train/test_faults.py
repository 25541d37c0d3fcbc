"""The training screen when something is wrong with a run, its process or its files."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from training_pilot import panel, until

from adam_tui.runs import directory, recipes
from adam_tui.runs import status as judging
from adam_tui.runs.run import Run
from adam_tui.runs.status import Status
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.train import carry_out
from adam_tui.ui.train import screen as train_screen
from adam_tui.ui.widgets.tabs_line import TabsLine

STAND_IN = """
import sys, time
from adam_tui.training.journal import Journal
from adam_tui.runs.run import Run
with Journal(Run(sys.argv[1])) as journal:
    journal.set_state("running")
    time.sleep(1000)
"""


def notifications(app):
    return [notification.message for notification in app._notifications]


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.setattr(train_screen, "POLL_RUNNING", 0.05)
    monkeypatch.setattr(train_screen, "POLL_IDLE", 0.05)
    return AdamApp(PlaygroundState(), mode="train", runs=tmp_path)


@pytest.fixture
def hanging(tmp_path):
    """A run whose process beats, until it is stopped in its tracks."""
    run = directory.create(recipes.make_spec("adam", {}), tmp_path)
    process = subprocess.Popen([sys.executable, "-c", STAND_IN, str(run.path)])
    deadline = time.time() + 20
    while run.status().state != "running" and time.time() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGSTOP)
    yield run, process
    process.kill()
    process.wait()


async def test_a_process_that_hangs_is_named_and_killed_by_key(app, hanging, monkeypatch):
    monkeypatch.setattr(judging, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(carry_out, "KILL_SECONDS", 0.1)
    run, process = hanging
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "no sign of life for" in panel(app, "figures"))
        assert "x, then K, kills it" in " ".join(panel(app, "figures").split())
        assert "silent" in app.screen.query_one(TabsLine).status
        await pilot.press("x")
        await pilot.pause()
        text = "\n".join(str(label.render()) for label in app.screen.query("Label"))
        assert "no sign of life" in text
        assert "only kill can end it" in text
        await pilot.press("s")
        await until(pilot, lambda: '"stop"' in (run.path / "control.jsonl").read_text())
        assert process.poll() is None, "stop is a request"
        await pilot.press("x", "K")
        await until(pilot, lambda: "stopped: killed as it did not answer" in panel(app, "figures"))
    assert process.wait(20) == -signal.SIGKILL
    assert (run.status().state, run.status().reason) == ("stopped", "killed as it did not answer")


async def test_a_process_that_cannot_be_killed_from_here_is_named(app, made_run, monkeypatch):
    monkeypatch.setattr(carry_out, "KILL_SECONDS", 0.1)
    made = made_run().start()
    made.run.write_status(Status("running", 4321, "elsewhere", time.time()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "running" in app.screen.query_one(TabsLine).status)
        await pilot.press("x", "K")
        await until(pilot, lambda: f"{made.id} runs on elsewhere: end process 4321 there" in notifications(app))


async def test_a_process_that_vanished_may_have_been_killed_for_want_of_memory(app, made_run):
    made = made_run().start()
    made.release()
    made.run.write_status(Status("running", 0, judging.socket.gethostname(), time.time()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "lost: the process is gone" in panel(app, "figures"))
        text = " ".join(panel(app, "figures").split())
        assert "killed from outside, or by the system because memory ran out" in text


@pytest.mark.parametrize("state", ["running", "paused", "starting"])
async def test_trouble_of_a_running_run_is_shown_beside_its_figures(app, made_run, state):
    made = made_run().start().train(1)
    made.become(state, "No space left on device: metrics.jsonl waits to be written", epoch=1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "No space left on device" in panel(app, "figures"))
        await pilot.press("tab")
        await until(pilot, lambda: f"{state}: No space left on device" in panel(app, "table"))


async def test_an_unreadable_run_is_reported_in_one_line_and_the_others_are_shown(app, made_run, tmp_path):
    made = made_run().start()
    broken = directory.create(recipes.make_spec("lion", {}), tmp_path)
    (broken.path / "spec.json").write_bytes(b"\0\0\0\0")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: made.id in panel(app, "runs"))
        await until(pilot, lambda: notifications(app) == [f"{broken.path / 'spec.json'} is not JSON"])
        assert broken.id not in panel(app, "runs")


async def test_deleting_a_link_names_its_target_and_removes_only_the_link(app, made_run, tmp_path, tmp_path_factory):
    there = tmp_path_factory.mktemp("elsewhere")
    made = made_run().start().end("finished", "done")
    made.run.path.rename(there / "run")
    (tmp_path / "linked").symlink_to(there / "run")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "linked" in panel(app, "runs"))
        await pilot.press("d")
        await pilot.pause()
        text = "\n".join(str(label.render()) for label in app.screen.query("Label"))
        assert f"It is a link to {there / 'run'}: only the link is removed." in text
        await pilot.press("y")
        await until(pilot, lambda: not (tmp_path / "linked").is_symlink())
    assert (there / "run" / "spec.json").exists()


async def test_a_full_disk_is_reported_when_a_run_is_started(app, monkeypatch):
    def full(spec, runs):
        raise OSError(errno.ENOSPC, "No space left on device", "/runs/adam-1/spec.json")

    monkeypatch.setattr(directory, "create", full)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: notifications(app) == ["cannot start: No space left on device (spec.json)"])


async def test_a_run_that_is_deleted_from_outside_vanishes_and_commands_to_it_are_harmless(app, made_run):
    made = made_run().start()
    other = made_run().start()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: made.id in panel(app, "runs"))
        for run in (made, other):
            for path in Run(run.run.path).path.iterdir():
                path.unlink()
            run.run.path.rmdir()
        await pilot.press("space")
        await until(pilot, lambda: "t trains" in panel(app, "loss"))
