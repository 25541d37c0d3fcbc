"""`adam-tui path`: the trajectories as numbers, on stdout."""

import csv
import io
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
import torch
from command_line import PLAIN, program, run
from pty_terminal import Terminal

ROSENBROCK = ("--surface", "rosenbrock", "--lane", "adam:lr=0.02", "--start=-1.5,2", "--steps", "500")

LANES = ("--lane", "adam", "--lane", "sgd:lr=0.01", "--lane", "adam:beta1=0.5", "--lane", "adam:lr=default")


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

    def test_csv_is_the_default_format(self):
        assert run("path", "--steps", "3").output == run("path", "--steps", "3", "--format", "csv").output

    def test_lanes_follow_one_another_by_their_labels(self):
        output = run("path", "--lane", "sgd:lr=0.1", "--lane", "adam", "--lane", "sgd", "--steps", "2").output
        assert [line.split(",")[:2] for line in output.splitlines()[1:]] == [
            [lane, str(step)] for lane in ("sgd", "adam", "sgd-2") for step in range(3)
        ]

    def test_a_lane_without_lr_is_named_on_a_terminal_with_the_one_it_took(self, tmp_path):
        rows = tmp_path / "rows.csv"
        command = shlex.join((sys.executable, "-m", "adam_tui", "path", "--surface", "beale", *LANES))
        with Terminal(("sh", "-c", f"{command} > {rows}")) as terminal:
            terminal.until("suggested lr: adam 0.1, adam-2 0.1")
            assert terminal.wait() == 0
        assert rows.read_text() == program("path", "--surface", "beale", *LANES).stdout
        assert program("path", *LANES, "--steps", "1").stderr == "", "nothing in a script"

    def test_a_diverged_lane_ends_at_its_last_point(self):
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

    def test_numbers_may_be_pasted_with_the_minus_sign_of_unicode(self):
        plain = ("--start=-1,-2", "--noise", "1e-3", "--steps", "3", "--function", "1e-3x^2 - -y^2")
        for minus in "−–‑":
            pasted = [flag.replace("-", minus) if not flag.startswith("--") else flag for flag in plain]
            pasted[0] = f"--start={minus}1,{minus}2"
            assert run("path", *pasted, "--lane", f"sgd:lr=1e{minus}2").output == (
                run("path", *plain, "--lane", "sgd:lr=1e-2").output
            )

    def test_the_exponential_schedule_falls_to_a_hundredth_over_the_race(self):
        flags = ("--function", "x", "--start=0,0", "--steps", "100", "--lane", "sgd:lr=1,schedule=exponential")
        xs = [float(row["x"]) for row in csv.DictReader(io.StringIO(run("path", *flags).output))]
        assert xs[0] - xs[1] == 1
        assert (xs[-2] - xs[-1]) == pytest.approx(0.01 ** (99 / 100))

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
    def test_a_scenario_file_may_begin_with_a_byte_order_mark(self, tmp_path, encoding):
        file = tmp_path / "scenario.json"
        document = run("path", *ROSENBROCK, "--format", "json").output
        file.write_text(document, encoding=encoding)
        assert run("path", "--scenario", str(file), "--format", "json").output == document

    def test_noise_repeats_with_its_seed(self):
        flags = ("path", "--noise", "0.5", "--steps", "20", "--seed")
        assert run(*flags, "7").output == run(*flags, "7").output != run(*flags, "8").output

    def test_a_reader_that_goes_away_is_no_error(self):
        with subprocess.Popen(
            [sys.executable, "-m", "adam_tui", "path", "--steps", "20000"],
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
