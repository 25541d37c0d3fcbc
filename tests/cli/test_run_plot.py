"""`adam-tui runs plot`: the loss curves of runs as one picture, on stdout."""

import math
import subprocess
import sys

import numpy as np
import pytest
from command_line import PLAIN, run
from made_runs import MadeRun
from pty_terminal import COMMAND, Terminal

from adam_tui.cli.run_plot import still
from adam_tui.draw.palette import DARK


def falling(runs, rate=3e-4, steps=3000, optimizer="adam", **values):
    """A finished run whose loss falls exponentially, with noise."""
    made = MadeRun(runs, optimizer, epochs=3, **values).start()
    rng = np.random.default_rng(0)
    for number in range(1, 4):
        count = steps // 3
        made.steps((2.3 * np.exp(-rate * (made.step + np.arange(count))) * rng.lognormal(0, 0.3, count)).tolist())
        made.epoch(number, 0.9 + number / 100, test_loss=1.0)
    return made.end("finished", "3 epochs done")


def plot(runs, *arguments, **environment):
    return run("runs", "plot", *arguments, "--runs", str(runs), **environment)


class TestPlot:
    def test_a_picture_has_the_requested_size_and_no_colour_in_a_pipe(self, tmp_path):
        made = falling(tmp_path)
        result = plot(tmp_path, made.id[:6], "--size", "80x20")
        assert result.exit_code == 0
        lines = result.output.splitlines()
        assert (len(lines), {len(line) for line in lines}) == (20, {80})
        assert "\x1b" not in result.output
        assert lines[0].startswith(" Training loss (log)  over steps · line: mean of ")
        assert lines[0].rstrip().endswith("◇ test loss")
        assert lines[-1].split()[:6] == ["●", made.id, "finished", "adam", "0.0005", "3/3"]
        assert lines[-1].split()[-1] == "93.00%"
        assert any("⠀" < glyph <= "⣿" for glyph in result.output), "a curve"

    def test_the_line_is_the_mean_and_ends_at_the_last_loss(self, tmp_path):
        made = MadeRun(tmp_path).start().steps([5.0, 0.2] * 200)
        rows = plot(tmp_path, made.id, "--size", "100x30").output.splitlines()
        [end] = [row for row, line in enumerate(rows[:-1]) if line.rstrip().endswith("●")]
        [one], [five] = ([row for row, line in enumerate(rows) if f" {n}┤" in line] for n in (1, 5))
        assert five < end < one, "2.6 is between them"

    def test_the_marker_of_a_short_run_is_above_the_line_of_a_longer_one(self, tmp_path):
        losses = [2.0, 1.9] * 60
        short, long = MadeRun(tmp_path).start().steps(losses[:40]), MadeRun(tmp_path).start().steps(losses)
        chart = plot(tmp_path, short.id, long.id).output.splitlines()[1:-3]
        assert all(any(marker in line for line in chart) for marker in "●◆")

    def test_runs_differ_by_marker_and_stand_in_the_given_order(self, tmp_path):
        first, second = falling(tmp_path, 1e-3), falling(tmp_path, 1e-4, optimizer="lion")
        output = plot(tmp_path, second.id, first.id, second.id).output
        assert [line.split()[:2] for line in output.splitlines()[-2:]] == [["●", second.id], ["◆", first.id]]
        assert "◇" not in output, "test losses of one run only"
        chart = output.splitlines()[1:-3]
        heights = {marker: i for i, line in enumerate(chart) for marker in "●◆" if line.rstrip().endswith(marker)}
        assert heights["●"] < heights["◆"], "the slower one is higher"

    def test_a_diverged_run_is_named_and_does_not_flatten_the_others(self, tmp_path):
        good = falling(tmp_path)
        bad = MadeRun(tmp_path, "sgd", epochs=3, lr=50.0).start().steps([2.3, 9.0, 1e3, 1e9, math.nan]).diverge()
        output = plot(tmp_path, good.id, bad.id, "--size", "100x24").output
        assert "✕" in output
        assert "1e9" not in output
        assert "diverged" in output.splitlines()[-1]
        assert "diverged at step 5" in plot(tmp_path, bad.id).output

    def test_a_run_that_left_the_scale_is_marked(self, tmp_path):
        good = falling(tmp_path)
        bad = MadeRun(tmp_path, "sgd", epochs=3, lr=5.0).start().steps([2.3, 400.0, 400.0])
        bad.end("stopped")
        assert "stopped ▲ off scale" in plot(tmp_path, good.id, bad.id).output

    def test_a_run_without_losses_is_drawn_too(self, tmp_path):
        made = MadeRun(tmp_path)
        output = plot(tmp_path, made.id).output
        assert "no losses yet" in output
        assert output.splitlines()[-1].split()[:3] == ["●", made.id, "starting"]

    @pytest.mark.parametrize("size", ["20x8", "500x200", "41x9"])
    def test_it_fits_any_size(self, tmp_path, size):
        runs = [falling(tmp_path, steps=90).id for _ in range(10)]
        result = plot(tmp_path, *runs, "--size", size)
        assert (result.exit_code, {len(line) for line in result.output.splitlines()}) == (0, {int(size.split("x")[0])})


class TestTheTerminal:
    def test_a_terminal_gets_colours_by_its_depth(self, tmp_path):
        made = falling(tmp_path)
        for environment, escape in (({}, b"\x1b[38;2;"), ({"COLORTERM": None}, b"38;5;"), ({"NO_COLOR": "1"}, b"")):
            with Terminal((*COMMAND, "runs", "plot", made.id, "--runs", str(tmp_path)), env=environment) as terminal:
                terminal.until("Training loss")
                assert terminal.wait() == 0
            assert escape in terminal.raw
            assert (b"\x1b[" in terminal.raw) == bool(escape)

    def test_ascii_is_ascii_by_flag_and_by_itself(self, tmp_path):
        made = falling(tmp_path)
        assert plot(tmp_path, made.id, "--ascii").output.isascii()
        done = subprocess.run(
            [sys.executable, "-m", "adam_tui", "runs", "plot", made.id, "--runs", str(tmp_path)],
            capture_output=True, env=PLAIN | {"PYTHONIOENCODING": "latin-1"}, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout.isascii()) == (0, True)


def test_wrong_runs_and_sizes_are_one_line(tmp_path):
    made = falling(tmp_path, steps=30)
    falling(tmp_path, steps=30)
    for words, message in (
        (("nobody",), "no run 'nobody'"),
        (("adam",), "'adam' fits 2 runs"),
        ((made.id, "nobody"), "no run 'nobody'"),
        ((made.id, "--size", "1x1"), "a size is from"),
        ((), "Missing argument"),
    ):
        result = plot(tmp_path, *words)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert message in result.stderr


def test_control_characters_in_a_run_are_not_drawn(tmp_path):
    made = falling(tmp_path, steps=30)
    made.run.path.rename(tmp_path / "e\x1b[31mvil")
    output = plot(tmp_path, "e").output
    assert "\x1b" not in output
    assert "e?[31mvil" in output


def test_a_broken_run_is_an_error(tmp_path):
    made = MadeRun(tmp_path)
    (made.run.path / "spec.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON"):
        still([made.run], 80, 24, DARK)
    assert plot(tmp_path, made.id).exit_code == 2
