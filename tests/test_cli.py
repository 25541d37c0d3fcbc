"""The command line: what each command prints, and that every mistake is one line and exit status 2."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from pty_terminal import COMMAND, Terminal

from adam_tui import cli_training
from adam_tui.cli import main
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.surfaces import SURFACES
from adam_tui.training.recipes import make_spec
from adam_tui.training.rundir import Run, Status, create, list_runs

# As in a plain pipe: no colour forced, no width given.
PLAIN = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "FORCE_COLOR")}
ROSENBROCK = ("--surface", "rosenbrock", "--lane", "adam:lr=0.02", "--start=-1.5,2", "--steps", "500")


def run(*arguments, **environment):
    """The program in this process, on pipes."""
    return CliRunner(env=environment).invoke(main, arguments, prog_name="adam-tui")


def program(*arguments, **options):
    """The program in a process of its own, on pipes."""
    return subprocess.run(
        [sys.executable, "-m", "adam_tui", *arguments],
        capture_output=True,
        text=True,
        env=PLAIN,
        timeout=120,
        **options,
    )


class TestPath:
    def test_csv_is_one_row_a_step_and_equals_torch_to_1e_12(self):
        done = program("path", *ROSENBROCK, "--format", "csv")
        assert (done.returncode, done.stderr) == (0, "")
        header, *rows = csv.reader(io.StringIO(done.stdout))
        assert header == ["lane", "step", "x", "y", "loss"]
        assert len(rows) == 501
        assert [row[0] for row in rows] == ["adam"] * 501
        assert [int(row[1]) for row in rows] == list(range(501))
        assert rows[0][2:4] == ["-1.5", "2.0"]
        positions, losses = torch_adam_on_rosenbrock(lr=0.02, start=(-1.5, 2.0), steps=500)
        assert np.array([row[2:4] for row in rows], float) == pytest.approx(positions, rel=1e-12, abs=0)
        # The loss is a difference of nearly equal numbers: 1e-12 of the terms that it is made of.
        assert np.array([row[4] for row in rows], float) == pytest.approx(losses, rel=1e-11, abs=1e-13)

    def test_every_float_is_written_with_all_its_digits(self):
        for row in csv.DictReader(io.StringIO(run("path", *ROSENBROCK).output)):
            for name in ("x", "y", "loss"):
                assert repr(float(row[name])) == row[name]

    def test_csv_is_what_it_writes_when_not_told(self):
        assert run("path", "--steps", "3").output == run("path", "--steps", "3", "--format", "csv").output

    def test_lanes_follow_one_another_by_their_labels(self):
        output = run("path", "--lane", "sgd:lr=0.1", "--lane", "adam", "--lane", "sgd", "--steps", "2").output
        assert [line.split(",")[:2] for line in output.splitlines()[1:]] == [
            [lane, str(step)] for lane in ("sgd", "adam", "sgd-2") for step in range(3)
        ]

    def test_a_diverged_lane_ends_where_it_left(self):
        output = run("path", "--lane", "sgd:lr=1.1", "--start", "1,0").output
        assert len(output.splitlines()) == 1 + 41

    def test_json_holds_the_same_numbers_and_the_scenario(self):
        document = json.loads(run("path", *ROSENBROCK, "--format", "json").output)
        rows = list(csv.DictReader(io.StringIO(run("path", *ROSENBROCK).output)))
        [lane] = document["lanes"]
        assert (lane["lane"], lane["optimizer"], lane["state"]) == ("adam", "adam", "running")
        assert (lane["converged_at"], lane["diverged_at"]) == (None, None)
        assert lane["hyperparameters"]["lr"] == 0.02
        assert lane["hyperparameters"]["beta1"] == 0.9
        for name in ("x", "y", "loss"):
            assert lane[name] == [float(row[name]) for row in rows]
        assert document["scenario"]["surface"] == "rosenbrock"
        assert document["scenario"]["start"] == [-1.5, 2.0]
        assert document["scenario"]["steps"] == 500

    def test_json_names_the_start_that_the_surface_chose_and_has_no_nan(self):
        flags = ("--function", "x + log(y)", "--start", "0,1", "--lane", "sgd:lr=2", "--format", "json")
        document = json.loads(run("path", *flags).output, parse_constant=pytest.fail)
        assert document["lanes"][0]["loss"] == [0.0, None]
        assert document["lanes"][0]["state"] == "diverged"
        assert json.loads(run("path", "--steps", "1", "--format", "json").output)["scenario"]["start"] == [-3.5, 2.5]

    def test_noise_repeats_with_its_seed(self):
        flags = ("path", "--noise", "0.5", "--steps", "20", "--seed")
        assert run(*flags, "7").output == run(*flags, "7").output != run(*flags, "8").output

    def test_a_reader_that_goes_away_is_no_error(self):
        with subprocess.Popen(
            [sys.executable, "-m", "adam_tui", "path", "--steps", "100000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=PLAIN,
        ) as process:
            assert process.stdout.readline() == b"lane,step,x,y,loss\n"
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(60) == 0

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
    def test_a_full_disk_is_one_line(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "adam_tui", "path"], stdout=full, stderr=subprocess.PIPE, text=True, env=PLAIN
            )
        assert done.returncode == 2
        assert done.stderr == "adam-tui: input or output: No space left on device\n"


def torch_adam_on_rosenbrock(lr, start, steps):
    """Positions (steps + 1, 2) and losses of torch.optim.Adam in float64, the gradient by autograd."""
    point = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([point], lr=lr)
    positions, losses = [], []
    for _ in range(steps + 1):
        x, y = point
        loss = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        positions.append(point.tolist())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.array(positions), np.array(losses)


class TestPlot:
    def test_a_picture_has_the_size_asked_for_and_no_colour_in_a_pipe(self):
        done = program("plot", "--size", "60x20")
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        lines = done.stdout.split("\n")
        assert lines.pop() == ""
        assert [len(line) for line in lines] == [60] * 20
        assert "bowl" in lines[0]
        assert "step 400" in lines[0]
        assert "●" in done.stdout
        assert any("⠀" < glyph <= "⣿" for glyph in done.stdout), "a path"
        assert "adam" in lines[-1]
        assert "converged" in lines[-1]

    def test_without_a_size_it_fits_a_hundred_columns(self):
        lines = program("plot").stdout.splitlines()
        assert (len(lines), {len(line) for line in lines}) == (32, {100})

    def test_it_fits_the_terminal_less_the_line_of_the_prompt(self):
        lines = run("plot", COLUMNS="70", LINES="25").output.splitlines()
        assert (len(lines), {len(line) for line in lines}) == (24, {70})

    @pytest.mark.parametrize("size", [("1", "1"), ("9999", "9999")])
    def test_a_terminal_of_any_size_will_do(self, size):
        result = run("plot", COLUMNS=size[0], LINES=size[1])
        assert result.exit_code == 0
        assert result.output

    @pytest.mark.parametrize("surface", SURFACES)
    def test_ascii_is_ascii(self, surface):
        output = run("plot", "--ascii", "--size", "50x14", "--surface", surface, "--lane", "sgd:lr=1.5").output
        assert output.isascii()
        assert [len(line) for line in output.splitlines()] == [50] * 14

    def test_a_pipe_without_block_characters_gets_ascii(self):
        done = subprocess.run(
            [sys.executable, "-m", "adam_tui", "plot", "--size", "50x14"],
            capture_output=True, env=PLAIN | {"PYTHONIOENCODING": "latin-1"}, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0
        assert done.stdout.isascii()

    def test_the_smallest_picture_of_the_most_lanes_is_drawn(self):
        lanes = [flag for name in list(OPTIMIZERS)[:8] for flag in ("--lane", name)]
        assert run("plot", "--size", "20x8", *lanes).exit_code == 0


class TestTheApp:
    def test_off_a_terminal_it_names_the_commands_that_work_there(self):
        done = program()
        assert (done.returncode, done.stdout) == (2, "")
        assert "not a terminal" in done.stderr
        assert "adam-tui plot" in done.stderr
        assert "adam-tui path" in done.stderr
        assert done.stderr.count("\n") == 1

    def test_a_wrong_flag_is_said_before_the_missing_terminal(self):
        assert "bwol" in program("--surface", "bwol").stderr

    def test_version_and_help(self):
        assert program("--version").stdout == "adam-tui 0.1.0\n"
        for arguments in (["--help"], ["-h"], ["path", "--help"], ["plot", "-h"], ["train", "-h"], ["runs", "-h"]):
            result = run(*arguments)
            assert result.exit_code == 0
            assert result.output.startswith("Usage: adam-tui")
        for command in ("path", "plot", "train", "runs"):
            assert f"\n  {command} " in run("--help").output

    def test_help_is_printed_where_the_locale_has_no_greek(self):
        done = subprocess.run(
            [sys.executable, "-m", "adam_tui", "--help"],
            capture_output=True, env=PLAIN | {"PYTHONIOENCODING": "ascii"}, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0
        assert done.stderr == b""


# Each with words that must be in its line.
MISTAKES = [
    ("frobnicate", "No such command 'frobnicate'"),
    ("--frobnicate", "No such option"),
    ("path --frobnicate", "No such option"),
    ("path extra", "unexpected extra argument"),
    ("path --surface", "requires an argument"),
    ("path --surface bwol", "did you mean bowl?"),
    ("path --surface=", "no surface is called"),
    ("path --surface bowl --function x", "--surface or --function, not both"),
    ("path --function x+", "--function, character 3:"),
    ("path --function 2**(x", "--function, character 4:"),
    ("path --function __import__('os')", "--function"),
    ("path --function z", "unknown name 'z'"),
    ("path --function=", "--function"),
    ("path --function log(-1-x**2)", "no finite value"),
    ("path --lane adm", "did you mean adam?"),
    ("path --lane adam:", "name=value"),
    ("path --lane adam:lr", "name=value"),
    ("path --lane adam:lr=", "lr must be a number"),
    ("path --lane adam:lr=fast", "lr must be a number"),
    ("path --lane adam:lr=-1", "lr must be at least 0"),
    ("path --lane adam:lr=nan", "lr must be"),
    ("path --lane adam:beta1=1", "beta1 must be at least 0 and below 1"),
    ("path --lane adam:betas=1", "adam has no 'betas'"),
    ("path --lane adam:lr=1,lr=2", "lr is given twice"),
    ("path --lane adam:eps=1e-8,", "name=value"),
    ("path --lane sgd --lane nope", "no optimizer is called 'nope'"),
    ("path" + " --lane sgd" * 17, "1 to 16 lanes, not 17"),
    ("path --start 1", "a start is two numbers X,Y"),
    ("path --start 1,b", "a start is two numbers X,Y"),
    ("path --start nan,1", "two finite numbers"),
    ("path --start -1.5", "a start is two numbers"),
    ("path --steps 0", "steps must be from 1 to 100,000"),
    ("path --steps 1000001", "steps must be from 1 to 100,000"),
    ("path --steps 1.5", "not a valid integer"),
    ("path --steps many", "not a valid integer"),
    ("path --noise -1", "noise must be a finite number, at least 0"),
    ("path --noise nan", "noise must be a finite number"),
    ("path --noise loud", "not a valid float"),
    ("path --seed -1", "the seed must be a whole number"),
    ("path --seed x", "not a valid integer"),
    ("path --format xml", "'xml' is not one of"),
    ("plot --size 80", "columns x rows"),
    ("plot --size x", "columns x rows"),
    ("plot --size 80x24x3", "columns x rows"),
    ("plot --size 1x1", "from 20x8 to 500x200"),
    ("plot --size -20x10", "from 20x8 to 500x200"),
    ("plot --size 9999x10", "from 20x8 to 500x200"),
    ("plot --format csv", "No such option"),
    ("--mode sweep", "'sweep' is not one of"),
    ("--steps 3 path", "--steps stands before path"),
    ("--lane sgd plot", "--lane stands before plot"),
    ("--mode train train", "--mode stands before train"),
    ("train --optimizer adm", "did you mean adam?"),
    ("train --optimizer adam:lr", "lr"),
    ("train --optimizer adam:lr=0.1 --lr 0.2", "give the learning rate once"),
    ("train --optimizer adam:rho=1", "adam has no 'rho'"),
    ("train --lr -1", "lr must be"),
    ("train --lr x", "not a valid float"),
    ("train --batch-size 0", "batch_size must be"),
    ("train --batch-size 2.5", "not a valid integer"),
    ("train --epochs 0", "epochs must be"),
    ("train --epochs 1" + "0" * 400, "too large"),
    ("train --seed -1", "seed must be"),
    ("train --limit 70000", "limit must be"),
    ("train --device gpu", "device must be auto, cpu, cuda"),
    ("train --precision float64", "precision must be auto"),
    ("train --format csv", "'csv' is not one of"),
    ("train --data mnits", "did you mean mnist?"),
    ("train --data emnist-digits --limit 240001", "limit must be"),
    ("train --data-dir /no/such/folder", "there is no folder /no/such/folder"),
    ("runs watch", "No such command 'watch'"),
    ("runs show", "Missing argument 'ID'"),
    ("runs show adam-0000", "no run 'adam-0000'"),
    ("runs stop adam-0000", "no run 'adam-0000'"),
    ("runs rm adam-0000", "no run 'adam-0000'"),
    ("runs attach adam-0000", "no run 'adam-0000'"),
    ("runs resume adam-0000", "no run 'adam-0000'"),
    ("runs pause adam-0000", "no run 'adam-0000'"),
    ("runs set adam-0000 lr=1", "no run 'adam-0000'"),
    ("runs set adam-0000", "Missing argument 'KNOB=VALUE'"),
    ("runs export adam-0000 --format json", "'json' is not"),
    ("runs rm ../../etc", "no run"),
]


@pytest.mark.parametrize(("line", "said"), MISTAKES)
def test_a_mistake_is_one_line_and_exit_status_2(line, said, tmp_path):
    result = run(*line.split(), ADAM_TUI_RUNS=str(tmp_path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("adam-tui: ")
    assert said in result.stderr
    assert len(result.stderr) < 500
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


@pytest.mark.parametrize("command", ["runs", "runs list", "train", "runs rm x"])
def test_a_file_where_the_runs_should_be_is_said(command, tmp_path):
    file = tmp_path / "file"
    file.touch()
    result = run(*command.split(), "--runs", str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is a file" in result.stderr


@pytest.mark.parametrize("line", ["path --surface b\no\tw\x1b[31ml", "path --lane adam:\nlr", "path --start \n"])
def test_control_characters_in_a_mistake_do_not_reach_the_terminal(line):
    stderr = run(*line.split(" ")).stderr
    assert stderr.endswith("\n")
    assert stderr[:-1].isprintable()


def test_a_mistake_in_a_real_process_leaves_no_traceback():
    done = program("path", "--function", "x +")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("adam-tui: --function, character 4: ")
    assert done.stderr.count("\n") == 1


def test_a_bug_is_not_dressed_up_as_a_mistake(monkeypatch):
    monkeypatch.setattr("adam_tui.engine.export.to_csv", lambda scenario: int("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        CliRunner().invoke(main, ["path"], catch_exceptions=False)


class TestCompletion:
    def complete(self, words):
        environment = {"_ADAM_TUI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        return [line.partition(",")[2] for line in run(**environment).output.splitlines()]

    def test_the_shells_get_their_scripts(self):
        for shell in ("bash", "zsh", "fish"):
            done = run(_ADAM_TUI_COMPLETE=f"{shell}_source")
            assert done.exit_code == 0
            assert "_adam_tui_completion" in done.output

    def test_surfaces_and_optimizers_are_completed(self):
        assert self.complete("adam-tui path --surface ra") == ["ravine", "rastrigin"]
        assert self.complete("adam-tui --lane ad") == ["adagrad", "adadelta", "adam", "adamw", "adamax"]
        assert self.complete("adam-tui train --optimizer mu") == ["muon"]
        assert self.complete("adam-tui train --data ") == ["mnist", "fashion-mnist", "kmnist", "emnist-digits"]

    def test_commands_and_runs_are_completed(self, tmp_path, monkeypatch):
        monkeypatch.setenv("ADAM_TUI_RUNS", str(tmp_path))
        made = create(make_spec("lion", {}), tmp_path)
        assert self.complete("adam-tui p") == ["path", "plot"]
        assert self.complete("adam-tui runs show l") == [made.id]


class TestTrain:
    def test_a_short_training_tells_its_events_as_json_lines(self, tmp_path):
        asked = ("--optimizer", "adam:beta1=0.95", "--lr", "1e-3", "--batch-size", "128", "--epochs", "1")
        rest = ("--limit", "256", "--seed", "3", "--device", "cpu", "--format", "jsonl", "--runs", str(tmp_path))
        done = program("train", *asked, *rest)
        assert (done.returncode, done.stderr) == (0, "")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert [events[0]["event"], events[-1]["event"]] == ["start", "end"]
        assert events[-1]["state"] == "finished"
        spec = events[0]["spec"]
        assert (spec["optimizer"], spec["batch_size"], spec["epochs"], spec["limit"]) == ("adam", 128, 1, 256)
        assert (spec["seed"], spec["device"]) == (3, "cpu")
        assert (spec["hyperparameters"]["lr"], spec["hyperparameters"]["beta1"]) == (1e-3, 0.95)
        [epoch] = [event for event in events if event["event"] == "epoch"]
        assert 0 < epoch["test_accuracy"] < 1
        [made] = list_runs(tmp_path)
        assert (made.path / "metrics.jsonl").read_text() == done.stdout

    def test_a_training_that_fails_has_exit_status_1(self, tmp_path):
        if torch.cuda.device_count() > 99:
            pytest.skip("there is such a device")
        done = program("train", "--device", "cuda:99", "--epochs", "1", "--limit", "64", "--runs", str(tmp_path))
        assert done.returncode == 1
        assert "failed" in done.stderr
        assert "Traceback" not in done.stderr


class TestRuns:
    @pytest.fixture
    def made(self, tmp_path):
        made = create(make_spec("adam", {"lr": 1e-3}, epochs=3), tmp_path)
        made.write_status(Status("finished", 1, "host", 0.0, 1407, 3, "3 epochs done"))
        return made

    def test_none_yet_is_said(self, tmp_path):
        assert run("runs", "--runs", str(tmp_path)).output == "no runs yet\n"
        assert run("runs", "--runs", str(tmp_path / "missing")).output == "no runs yet\n"

    def test_the_list_is_what_comes_without_a_word_and_wherever_the_directory_is_named(self, made, tmp_path):
        where = ("--runs", str(tmp_path))
        lists = [
            run("runs", ADAM_TUI_RUNS=str(tmp_path)),
            run("runs", *where),
            run(*where, "runs"),
            run("runs", "list", *where),
            run("runs", *where, "list"),
            run(*where, "runs", "list", ADAM_TUI_RUNS="/nowhere"),
        ]
        assert len({result.output for result in lists}) == 1
        header, row = lists[0].output.splitlines()
        assert header.split()[:3] == ["id", "state", "optimizer"]
        assert row.split()[:4] == [made.id, "finished", "adam", "0.001"]

    def test_one_run_is_shown_by_the_beginning_of_its_id(self, made, tmp_path):
        output = run("runs", "show", made.id[:6], "--runs", str(tmp_path)).output
        assert output.startswith(f"{made.id} finished: 3 epochs done\n")
        assert "lr=0.001, beta1=0.9, beta2=0.999" in output
        assert "step 1,407, epoch 3 of 3" in output
        assert str(made.path) in output

    def test_a_run_that_has_ended_is_deleted_and_not_stopped(self, made, tmp_path):
        result = run("runs", "stop", made.id, "--runs", str(tmp_path))
        assert (result.exit_code, result.stderr) == (2, f"adam-tui: {made.id} is not running: it is finished\n")
        assert run("runs", "rm", made.id, "--runs", str(tmp_path)).output == f"{made.id} is deleted\n"
        assert not made.path.exists()

    def test_a_running_one_is_asked_to_stop_and_not_deleted(self, tmp_path, monkeypatch):
        monkeypatch.setattr(cli_training, "PATIENCE", 0.1)
        made = create(make_spec("adam", {}), tmp_path)  # just made: its process is still to come
        result = run("runs", "rm", made.id, "--runs", str(tmp_path))
        assert result.exit_code == 2
        assert "still running" in result.stderr
        assert run("runs", "stop", made.id, "--runs", str(tmp_path)).output == (
            f"{made.id} was asked to stop; it has not answered yet\n"
        )
        [order] = (Run(made.path).path / "control.jsonl").read_text().splitlines()
        assert json.loads(order)["command"] == "stop"

    def test_each_order_is_written_where_the_process_reads_it(self, tmp_path, monkeypatch):
        monkeypatch.setattr(cli_training, "PATIENCE", 0.1)
        made = create(make_spec("adam", {}), tmp_path)
        where = ("--runs", str(tmp_path))
        for words in (("pause",), ("set", "lr=1e-3,beta1=0.5"), ("stop", "--now"), ("stop",)):
            result = run("runs", words[0], made.id, *words[1:], *where)
            assert (result.exit_code, result.stderr) == (0, "")
        made.write_status(Status("paused", os.getpid(), socket.gethostname(), time.time()))
        assert run("runs", "resume", made.id, *where).output.startswith(f"{made.id} was asked to go on")
        orders = [json.loads(line) for line in (made.path / "control.jsonl").read_text().splitlines()]
        assert [order["command"] for order in orders] == ["pause", "set", "set", "kill", "stop", "resume"]
        assert [(order["name"], order["value"]) for order in orders[1:3]] == [("lr", 1e-3), ("beta1", 0.5)]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("set", "lr=-1"), "lr must be"),
            (("set", "rho=1"), "adam has no 'rho'"),
            (("resume",), "is starting already"),
        ],
    )
    def test_what_cannot_be_ordered_is_refused_before_it_is_written(self, tmp_path, words, said):
        made = create(make_spec("adam", {}), tmp_path)
        result = run("runs", words[0], made.id, *words[1:], "--runs", str(tmp_path))
        assert result.exit_code == 2
        assert said in result.stderr
        assert not (made.path / "control.jsonl").exists()

    def test_a_run_that_has_ended_takes_no_orders_and_one_that_is_finished_is_not_resumed(self, made, tmp_path):
        for words in (("pause",), ("set", "lr=1"), ("stop", "--now")):
            result = run("runs", words[0], made.id, *words[1:], "--runs", str(tmp_path))
            assert (result.exit_code, result.stderr) == (2, f"adam-tui: {made.id} is not running: it is finished\n")
        result = run("runs", "resume", made.id, "--runs", str(tmp_path))
        assert (result.exit_code, result.stderr) == (
            2,
            f"adam-tui: {made.id} is finished: there is nothing left to train\n",
        )

    def test_tensorboard_must_be_installed_where_it_is_asked_for(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "tensorboard", None)
        result = run("train", "--tensorboard", "--runs", str(tmp_path))
        assert result.exit_code == 2
        assert result.stderr.startswith("adam-tui: tensorboard is not installed")
        assert list(tmp_path.iterdir()) == []


def until(condition, patience=60.0):
    """Wait for something that another process does."""
    deadline = time.time() + patience
    while not (found := condition()) and time.time() < deadline:
        time.sleep(0.05)
    return found


def test_a_run_under_nohup_outlives_a_hangup_ends_on_sigterm_and_is_resumed_watched_and_exported(tmp_path):
    where = ("--runs", str(tmp_path))
    asked = ("--limit", "640", "--epochs", "100000", "--device", "cpu", "--format", "jsonl")
    with open(tmp_path / "out", "w") as out:
        command = ["nohup", sys.executable, "-m", "adam_tui", "train", *asked, *where]
        training = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, env=PLAIN)
    try:
        [made] = until(lambda: list_runs(tmp_path))
        assert until(lambda: "steps" in (tmp_path / "out").read_text())
        training.send_signal(signal.SIGHUP)
        os.kill(made.status().pid, signal.SIGHUP)
        seen = made.status().step
        assert until(lambda: made.status().step > seen)
        training.terminate()  # as Slurm does; the command tells its worker
        assert training.wait(60) == 0
        assert f"{made.id} stopped: SIGTERM" in training.stderr.read()
        assert made.checkpoint.exists()
        first = made.status().step
        assert (tmp_path / "out").read_text() == (made.path / "metrics.jsonl").read_text()

        done = program("runs", "resume", made.id, *where)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{made.id} goes on in the background, process {made.status().pid}")
        watching = subprocess.Popen(
            [sys.executable, "-m", "adam_tui", "runs", "attach", made.id, *where],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=PLAIN,
        )
        assert until(lambda: made.status().state == "running" and made.status().step > first)
        run("runs", "stop", made.id, *where)
        out, err = watching.communicate(timeout=60)
        assert watching.returncode == 0
        assert f"{made.id} starts on cpu" in out
        assert f"{made.id} continues at step {first} on cpu" in out
        assert err == f"{made.id} stopped: asked to stop\n"
    finally:
        training.kill()
        training.wait()
        training.stderr.close()
        if made.status().alive:
            os.kill(made.status().pid, signal.SIGKILL)
    last = made.status().step
    steps = list(csv.DictReader(io.StringIO(run("runs", "export", made.id, *where).output)))
    assert [int(row["step"]) for row in steps] == list(range(1, last + 1))
    rows = csv.DictReader(io.StringIO(run("runs", "export", made.id, "--what", "epochs", *where).output))
    assert [int(row["epoch"]) for row in rows] == list(range(1, last // 10 + 1))


def test_attach_on_a_terminal_opens_the_app_with_that_run_selected(tmp_path):
    older, newer = (create(make_spec("adam", {}, seed=seed), tmp_path) for seed in (1, 2))
    for made in (older, newer):
        made.write_status(Status("stopped", 1, "host", time.time(), reason="asked to stop"))
    with Terminal((*COMMAND, "runs", "attach", older.id, "--runs", str(tmp_path))) as terminal:
        terminal.until(lambda: any("▸" in line and older.id in line for line in terminal.text().splitlines()))
        terminal.press("q")
        assert terminal.wait() == 0
    with Terminal((*COMMAND, "runs", "attach", older.id, "--format", "text", "--runs", str(tmp_path))) as terminal:
        terminal.until("gone without a word")  # no process ever told its end
        assert terminal.wait() == 1
