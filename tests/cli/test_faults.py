"""The commands for runs, when something is wrong with one."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from adam_tui.cli import runs as cli_runs
from adam_tui.cli.app import main
from adam_tui.runs import control, directory, recipes
from adam_tui.runs import status as judging
from adam_tui.runs.protocol import Epoch, Started, Steps, to_line
from adam_tui.runs.run import Run
from adam_tui.runs.status import Status
from adam_tui.training.journal import Journal

STAND_IN = """
import sys, time
from adam_tui.training.journal import Journal
from adam_tui.runs.run import Run
with Journal(Run(sys.argv[1])) as journal:
    journal.set_state("running")
    time.sleep(1000)
"""


@pytest.fixture
def run(tmp_path):
    return directory.create(recipes.make_spec("adam", {}, epochs=3), tmp_path)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """`adam-tui runs …` in this process; it waits a tenth of a second for an answer."""
    monkeypatch.setattr(cli_runs, "ANSWER_SECONDS", 0.1)
    runner = CliRunner(env={"ADAM_TUI_RUNS": str(tmp_path)})
    return lambda *words: runner.invoke(main, ["runs", *words], prog_name="adam-tui")


@pytest.fixture
def hanging(run):
    process = subprocess.Popen([sys.executable, "-c", STAND_IN, str(run.path)])
    deadline = time.time() + 20
    while run.status().state != "running" and time.time() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGSTOP)
    yield process
    process.kill()
    process.wait()


def test_a_run_that_hangs_is_listed_as_silent_does_not_answer_and_is_killed_with_now(runs, run, hanging, monkeypatch):
    monkeypatch.setattr(judging, "SILENT_SECONDS", 0.0)
    assert runs("list").stdout.splitlines()[1].split()[:2] == [run.id, "silent"]
    assert runs("show", run.id).stdout.startswith(f"{run.id} silent: no sign of life for ")
    for words, order in ((("pause",), "pause"), (("set", "lr=0.1"), "set lr to 0.1"), (("stop",), "stop")):
        result = runs(words[0], run.id, *words[1:])
        assert result.exit_code == 0
        assert result.stdout.startswith(f"{run.id} was asked to {order}; it has not answered yet: no sign of life")
    assert runs("rm", run.id).stderr == f"adam-tui: {run.id} is still running: stop it first\n"
    assert runs("resume", run.id).stderr == f"adam-tui: {run.id} is running already\n"
    assert hanging.poll() is None
    result = runs("stop", "--now", run.id)
    assert (result.exit_code, result.stdout) == (0, f"{run.id} is stopped: killed as it did not answer\n")
    assert hanging.wait(20) == -signal.SIGKILL
    assert runs("rm", "--yes", run.id).stdout == f"{run.id} is deleted\n"


def test_a_run_on_another_host_cannot_be_killed_and_the_error_names_the_host(runs, run):
    run.write_status(Status("running", 4321, "elsewhere", time.time()))
    result = runs("stop", "--now", run.id)
    assert result.exit_code == 2
    assert result.stderr == f"adam-tui: {run.id} runs on elsewhere: end process 4321 there\n"


@pytest.mark.parametrize(("order", "verb"), [("pause", "pause"), ("resume", "resume")])
def test_a_command_to_a_run_that_has_just_ended_fails(runs, run, hold, monkeypatch, order, verb):
    monkeypatch.setattr(cli_runs, "ANSWER_SECONDS", 20.0)
    status = Status("paused", os.getpid(), socket.gethostname(), time.time())
    hold(run).write_status(status)

    def end():
        while not (run.path / "control.jsonl").exists():
            time.sleep(0.01)
        run.write_status(Status("finished", reason="epoch 3 of 3 done", control=10**6))

    ending = threading.Thread(target=end)
    ending.start()
    result = runs(order, run.id)
    ending.join()
    assert result.exit_code == 2
    assert result.stderr == f"adam-tui: {run.id} could not {verb}: it is finished: epoch 3 of 3 done\n"


def test_an_answered_command_is_confirmed(runs, run, monkeypatch):
    monkeypatch.setattr(cli_runs, "ANSWER_SECONDS", 20.0)
    with Journal(Run(run.path)) as journal:
        journal.set_state("running")
        received, over = [], threading.Event()

        def listen():
            while not over.is_set():
                received.extend(journal.new_commands())
                time.sleep(0.01)

        listening = threading.Thread(target=listen)
        listening.start()
        result = runs("pause", run.id)
        over.set()
        listening.join()
    assert (result.exit_code, result.output) == (0, f"{run.id} was asked to pause\n")
    assert [order["command"] for order in received] == ["pause"]


def test_a_run_that_cannot_be_read_is_listed_as_broken_named_and_deleted(runs, run):
    (run.path / "spec.json").write_bytes(b"\x00\x01[")
    run.write_status(Status("stopped"))
    assert runs("list").stdout.splitlines()[1].split() == [run.id, "broken", *"––––––"]
    for words in (("show", run.id), ("resume", run.id, "--follow")):
        result = runs(*words)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
    assert runs("show", run.id).stderr == f"adam-tui: {run.path / 'spec.json'} is not JSON\n"
    assert runs("rm", "--yes", run.id).exit_code == 0
    assert not run.path.exists()


def test_a_damaged_specification_is_read_from_the_start_event(runs, run):
    spec = run.spec()
    events = [
        Started(100.0, 0, run.id, spec, "cpu", "float32", 1, 10, "2"),
        Epoch(101.0, 10, 1, 0.1, 0.1, 0.9, 1.0, 1.0),
    ]
    (run.path / "metrics.jsonl").write_text("".join(map(to_line, events)))
    run.write_status(Status("stopped"))
    for text in (b"", b"{", b"[" * 100_000, b'{"hyperparameters": {}}', b"\xff\xfe"):
        (run.path / "spec.json").write_bytes(text)
        assert run.spec() == spec
        assert run.created == 100.0
        assert runs("list").stdout.splitlines()[1].split()[:7] == [
            *(run.id, "stopped", "adam", "0.0005", "–", "1/3", "90.00%")
        ]


def test_nothing_is_exported_twice_and_nothing_is_missing_behind_a_megabyte_of_damage(runs, run):
    with open(run.path / "metrics.jsonl", "wb") as file:
        file.write(to_line(Steps(1.0, 1, (0.5,))).encode())
        file.write((b"\xff" * 100_000 + b"\n") * 30)
        file.write(to_line(Steps(2.0, 2, (0.25,))).encode())
    assert runs("export", run.id).stdout == "step,loss\n1,0.5\n2,0.25\n"


def test_a_date_outside_every_calendar_does_not_crash(runs, run):
    body = json.loads((run.path / "spec.json").read_text())
    for created in (1e300, -1e300, "x", None, [], True, float("nan"), 1e17):
        (run.path / "spec.json").write_text(json.dumps(body | {"created": created}))
        assert runs("list").exit_code == 0
        assert len(runs("list").stdout.splitlines()) == 2


def test_no_name_of_a_directory_is_completed_that_a_shell_would_interpret(run, tmp_path):
    for name in ("adam;reboot", "adam$(reboot)", "adam`x`", "adam x", "adam\nx", "adam\x1b[2J"):
        other = tmp_path / name
        other.mkdir()
        (other / "spec.json").write_bytes((run.path / "spec.json").read_bytes())
    context = type("Context", (), {"params": {"runs": tmp_path}})()
    assert [item.value for item in cli_runs.complete_run(context, None, "adam")] == [run.id]


def test_deleting_a_link_says_that_only_the_link_is_gone(runs, run, tmp_path, tmp_path_factory):
    there = tmp_path_factory.mktemp("elsewhere") / "run"
    run.write_status(Status("finished"))
    run.path.rename(there)
    (tmp_path / "linked").symlink_to(there)
    assert runs("rm", "--yes", "linked").stdout == f"linked was a link to {there}: the link is removed\n"
    assert (there / "spec.json").exists()
    assert not (tmp_path / "linked").is_symlink()


def test_a_runs_directory_that_is_a_link_is_fine(run, tmp_path, tmp_path_factory):
    run.write_status(Status("finished"))
    link = tmp_path_factory.mktemp("home") / "runs"
    link.symlink_to(tmp_path)
    result = CliRunner().invoke(main, ["runs", "rm", "--yes", run.id, "--runs", str(link)], prog_name="adam-tui")
    assert (result.exit_code, result.output) == (0, f"{run.id} is deleted\n")
    assert link.is_symlink()
    assert not run.path.exists()


def test_a_hint_repeats_the_directory_of_the_command_line(runs, run, tmp_path):
    run.write_status(Status("stopped"))
    run.checkpoint.touch()
    assert runs("show", run.id).stdout.splitlines()[-1] == f"continue it: adam-tui runs resume {run.id}"
    other = tmp_path / "a b"
    other.mkdir()
    run.path.rename(other / run.id)
    for words in (("--runs", str(other), "show", run.id), ("show", run.id, "--runs", str(other))):
        assert runs(*words).stdout.splitlines()[-1] == f"continue it: adam-tui runs resume {run.id} --runs '{other}'"


def test_the_hint_of_a_resumed_run_repeats_the_directory(runs, run, tmp_path, monkeypatch):
    run.write_status(Status("stopped"))
    run.checkpoint.touch()
    monkeypatch.setattr(control, "check_resume", lambda run: None)
    monkeypatch.setattr(control, "resume", lambda run: type("Process", (), {"pid": 7}))
    result = runs("--runs", str(tmp_path), "resume", run.id)
    assert result.stdout.endswith(f"process 7: adam-tui runs attach {run.id} --runs {tmp_path}\n")


def test_no_name_or_reason_breaks_a_line(runs, run):
    run.write_status(Status("stopped", reason="a\nb\x1b[2J"))
    run.path.rename(run.path.with_name("two\nlines"))
    assert [line.split()[0] for line in runs("list").stdout.splitlines()] == ["id", "two?lines"]
    assert runs("show", "two").stdout.splitlines()[0] == "two?lines stopped: a?b?[2J"


def test_one_long_name_pads_no_other_row(runs, run):
    other = directory.create(run.spec(), run.path.parent)
    run.path.rename(run.path.with_name("x" * 200))
    heading, *rows = sorted(runs("list").stdout.splitlines(), key=lambda row: (not row.startswith("id"), len(row)))
    assert len(heading) < 100
    assert rows[0].startswith(other.id)
    assert len(rows[0]) < 100
    assert rows[1].startswith("x" * 200 + "  ")


def test_an_accuracy_outside_0_to_1_counts_for_nothing(runs, run):
    events = [Started(1.0, 0, run.id, run.spec(), "cpu", "float32", 1, 10, "2")]
    events += [Epoch(2.0, 10 * n, n, 0.1, 0.1, best, 1.0, 1.0) for n, best in enumerate((0.5, 1e300, -1.0), start=1)]
    (run.path / "metrics.jsonl").write_text("".join(map(to_line, events)))
    run.write_status(Status("stopped"))
    assert "1/3  50.00%" in runs("list").stdout
