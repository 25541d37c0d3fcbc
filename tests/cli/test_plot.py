"""`adam-tui plot`: one still picture, on stdout."""

import subprocess
import sys

import pytest
from command_line import PLAIN, program, run

from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.surfaces import SURFACES


class TestPlot:
    def test_a_picture_has_the_requested_size_and_no_colour_in_a_pipe(self):
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

    def test_a_lane_that_is_still_moving_at_the_last_step_has_not_converged(self):
        lines = run("plot", "--steps", "5", "--size", "60x20").output.splitlines()
        assert "not converged" in lines[-1]
        assert "running" not in lines[-1]

    def test_without_a_size_it_fits_a_hundred_columns(self):
        lines = program("plot").stdout.splitlines()
        assert (len(lines), {len(line) for line in lines}) == (32, {100})

    def test_it_fits_the_terminal_without_the_line_of_the_prompt(self):
        lines = run("plot", COLUMNS="70", LINES="25").output.splitlines()
        assert (len(lines), {len(line) for line in lines}) == (24, {70})

    @pytest.mark.parametrize("size", [("1", "1"), ("9999", "9999")])
    def test_it_fits_a_terminal_of_any_size(self, size):
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
