"""`adam-tui map` and `adam-tui basins`: outcomes as numbers on stdout or in a file."""

import csv
import io
import json

import numpy as np
import pytest
from command_line import program, run
from pty_terminal import COMMAND, Terminal

from adam_tui.cli import maps

# Descent on x² + y² from (1, 0): x_t = (1 − 2·lr)ᵗ.
DESCENT = ("--lane", "sgd", "--start=1,0", "--steps", "50")


def rows(text):
    return list(csv.reader(io.StringIO(text)))


class TestMap:
    def test_csv_is_one_row_a_cell_with_x_fastest_and_y_from_low_to_high(self):
        done = program("map", *DESCENT, "--x", "lr=0.01..1", "--y", "weight_decay=0..1", "--size", "3x2")
        assert (done.returncode, done.stderr) == (0, "")
        header, *cells = rows(done.stdout)
        assert header == ["x", "y", "state", "steps", "loss"]
        assert [cell[:2] for cell in cells] == [[x, y] for y in ("0.0", "1.0") for x in ("0.01", "0.1", "1.0")]
        # 2·0.8ᵗ falls below 1e-5 at t = 55: running. At lr = 1 descent hops between 1 and −1.
        assert [cell[2:4] for cell in cells[:3]] == [["running", ""]] * 3
        assert [float(cell[4]) for cell in cells[:3]] == pytest.approx([0.98**100, 0.8**100, 1.0])
        # Weight decay 1 makes the curvature 3: at lr = 0.1 3·0.7ᵗ, at lr = 1 the swings double.
        assert cells[4][2:4] == ["converged", "35"]
        assert cells[5][2:4] == ["diverged", "11"]
        assert float(cells[5][4]) == 4.0**11

    def test_values_are_spaced_as_the_knob_spaces_them_ends_included(self):
        output = run("map", "--steps", "1", "--x", "lr=1e-4..1", "--y", "beta1=0..0.99", "--size", "5x3").output
        cells = rows(output)[1:]
        assert [cell[0] for cell in cells[:5]] == ["0.0001", "0.001", "0.01", "0.1", "1.0"]
        assert [cell[1] for cell in cells[::5]] == ["0.0", "0.9", "0.99"]

    def test_a_cell_is_the_end_of_the_path_that_its_flags_give(self):
        scene = ("--surface", "rosenbrock", "--start=-1.5,2", "--steps", "120", "--noise", "0.2", "--seed", "4")
        line = ("--x", "lr=0.01..0.1", "--y", "beta1=0.5..0.9", "--size", "2x2")
        [*_, last] = rows(run("map", *scene, "--lane", "adam:beta2=0.99", *line).output)
        path = rows(run("path", *scene, "--lane", "adam:beta2=0.99,lr=0.1,beta1=0.9").output)
        assert last == ["0.1", "0.9", "running", "", path[-1][4]]

    def test_without_axes_the_map_has_lr_and_the_first_decay_rate(self):
        document = json.loads(run("map", "--lane", "momentum", "--steps", "3", "--format", "json").output)
        assert (document["x"]["knob"], document["y"]["knob"]) == ("lr", "momentum")
        assert np.array(document["state"]).shape == (80, 120)

    def test_one_given_axis_leaves_the_other_a_knob_of_its_own(self):
        for flags, knobs in (("--y lr=0.1..1", ["beta1", "lr"]), ("--x beta1=0..0.9", ["beta1", "lr"])):
            done = run("map", "--steps", "1", "--size", "2x2", "--format", "json", *flags.split())
            assert [json.loads(done.output)[axis]["knob"] for axis in "xy"] == knobs

    def test_the_median_of_seeds_is_the_middle_of_their_outcomes(self):
        scene = ("map", "--lane", "sgd", "--noise", "0.5", "--steps", "20", "--size", "2x2", "--x", "lr=0.1..0.2")

        def losses(*flags):
            return [float(row[4]) for row in rows(run(*scene, *flags).output)[1:]]

        each = np.array([losses("--seed", str(seed)) for seed in (4, 5, 6)])
        assert losses("--seed", "4", "--seeds", "3") == np.median(each, axis=0).tolist()

    def test_json_has_the_scenario_the_axes_and_rows_with_null_for_what_is_empty(self):
        axes = ("--x", "lr=0.1..1e150", "--y", "weight_decay=0..1", "--size", "2x2")
        document = json.loads(run("map", *DESCENT, *axes, "--format", "json").output)
        assert document["scenario"]["lanes"][0]["optimizer"] == "sgd"
        assert document["x"] == {"knob": "lr", "values": [0.1, 1e150]}
        assert document["y"] == {"knob": "weight_decay", "values": [0.0, 1.0]}
        assert document["state"] == [["running", "diverged"], ["converged", "diverged"]]
        assert document["steps"] == [[None, 1], [35, 1]]
        assert document["loss"][0] == pytest.approx([0.8**100, 4e300])

    def test_npy_is_one_structured_array_of_the_same_columns(self, tmp_path):
        axes = (*DESCENT, "--x", "lr=0.1..1", "--y", "weight_decay=0..1", "--size", "3x2")
        assert run("map", *axes, "--format", "npy", "--output", str(tmp_path / "map.npy")).exit_code == 0
        array = np.load(tmp_path / "map.npy")
        assert array.shape == (2, 3)
        assert array.dtype.names == ("x", "y", "state", "steps", "loss")
        for cell, (x, y, state, steps, loss) in zip(
            array.ravel().tolist(), rows(run("map", *axes).output)[1:], strict=True
        ):
            states = ["running", "converged", "diverged"]
            assert cell == (float(x), float(y), states.index(state), int(steps or -1), float(loss))

    def test_a_map_is_drawn_as_text_and_as_svg(self):
        axes = (*DESCENT, "--x", "lr=0.01..2", "--y", "weight_decay=0..1", "--size", "24x8")
        lines = run("map", *axes, "--format", "text").output.splitlines()
        assert lines[0].rstrip() == "Loss of the last step: sgd on x² + y², 50 steps"
        # Without colours a row of the map is a line: λ = 1 in the first one, diverged from 2/3 on.
        assert lines[1].rstrip().endswith("╱╱╱╱")
        assert "·" in lines[8]
        assert lines[-3].startswith("diverged")
        assert lines[-2].rstrip() == "★ best: lr 0.502, weight_decay off · ● lane · ⣀⠤⠒ stable up to"
        svg = run("map", *axes, "--format", "svg").output
        assert svg.startswith("<svg ")
        assert "<title>Loss of the last step: sgd on x² + y², 50 steps</title>" in svg


class TestBasins:
    def test_each_start_has_its_end_and_the_number_of_its_minimum(self):
        done = program("basins", "--surface", "himmelblau", "--lane", "sgd", "--size", "3x3")
        header, *cells = rows(done.stdout)
        assert header == ["x", "y", "state", "steps", "loss", "end_x", "end_y", "minimum"]
        assert [cell[:2] for cell in cells[:4]] == [["-6.0", "-6.0"], ["0.0", "-6.0"], ["6.0", "-6.0"], ["-6.0", "0.0"]]
        listed = [(3.0, 2.0), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127)]
        for cell in cells:
            assert cell[2] == "converged"
            assert (float(cell[5]), float(cell[6])) == pytest.approx(listed[int(cell[7])], abs=1e-5)

    def test_the_minimum_is_empty_where_a_start_does_not_converge(self):
        cells = rows(run("basins", "--surface", "saddle", "--lane", "sgd", "--size", "2x2").output)[1:]
        assert [(cell[2], cell[7]) for cell in cells] == [("diverged", "")] * 4

    def test_json_lists_the_rest_points_that_the_numbers_mean(self):
        document = json.loads(
            run("basins", "--surface", "rastrigin", "--lane", "sgd", "--size", "12x12", "--format", "json").output
        )
        numbers, minima = np.array(document["minimum"]), np.array(document["minima"])
        assert minima[0].tolist() == [0.0, 0.0]
        ends = np.stack([document["end_x"], document["end_y"]], axis=-1)
        assert np.abs(ends - minima[numbers]).max() < 1e-4
        assert document["x"] == {"values": np.linspace(-5.12, 5.12, 12).tolist()}

    def test_basins_are_drawn_as_letters_without_colours_and_as_svg(self):
        scene = ("basins", "--surface", "himmelblau", "--lane", "sgd", "--size", "13x13", "--format")
        lines = run(*scene, "text").output.splitlines()
        title = ["Basins, steps until it converged: sgd on (x² + y − 11)² + (x +", "y² − 7)², 400 steps"]
        assert [line.rstrip() for line in lines[:2]] == title
        assert [line.rstrip() for line in lines[2:]] == [
            "aBCCCCCdddDdC",
            "aBBBBBBaaaaaC",
            "aBBBBBBaaaaaB",
            "aBB✛BBBaaaaaB",
            "aBBBBBaaa✛aaB",
            "aBBBBBaaaaaab",
            "aCCBBBaaaddda",
            "dCCCCCddddddd",
            "CCCCCCdddd✛dd",
            "CC✛CCCddddddd",
            "CCCCCCCddddDd",
            "CCCCCCCdddddd",
            "CCCBBBBaaaaaa",
            "converged 100%  steps 1 AAAAAAAAAAAA 34 aaaaaaaaaaaa 78",
            "   rest point                                        loss starts",
            "a  3, 2 ✛                                         0.0e+00    26%",
            "c  −3.78, −3.28 ✛                                 2.0e-29    25%",
            "d  3.58, −1.85 ✛                                  1.6e-29    25%",
            "b  −2.81, 3.13 ✛                                  7.9e-31    24%",
        ]
        assert run(*scene, "svg").output.count("✛") == 8, "on the map and in the table"

    def test_another_part_of_the_plane_may_be_given(self):
        scene = ("basins", "--lane", "sgd", "--steps", "1", "--size", "3x2")
        cells = rows(run(*scene, "--x", "-2..−1", "--y=0..4").output)[1:]
        assert [cell[:2] for cell in cells[1:4]] == [["-1.5", "0.0"], ["-1.0", "0.0"], ["-2.0", "4.0"]]


# Command lines, each with words of its error.
ERRORS = [
    ("map --lane adam --lane sgd", "a map is of one lane: give one --lane, not 2"),
    ("basins --lane adam --lane sgd", "a map is of one lane: give one --lane, not 2"),
    ("map --preset four-minima", "a map is of one lane: give one --lane, not 4"),
    ("map --x lr=0..1", "--x: lr has a logarithmic axis: it must begin above 0"),
    ("map --x lr=1..0.1", "--x: lr must rise: 1..0.1"),
    ("map --x lr=1..1", "lr must rise"),
    ("map --x lr", "an axis is a knob and its range such as lr=1e-4..1, not 'lr'"),
    ("map --x lr=..1", "lr must be a number, not ''"),
    ("map --x momentum=0..0.9", "adam has no 'momentum'"),
    ("map --y beta1=0..1", "--y: beta1 must be at least 0 and below 1, not 1"),
    ("map --y bias_correction=0..1", "bias_correction is a switch: it has no axis"),
    ("map --x beta2=0.9..0.99 --y beta2=0.9..0.99", "the axes need two knobs, not beta2 twice"),
    ("map --size 80", "a size is columns x rows such as 120x80, not '80'"),
    ("map --size 1x9", "at least 2x2 and at most 16,000,000 cells, not '1x9'"),
    ("map --size 99999x99999", "at least 2x2 and at most 16,000,000 cells"),
    ("map --size 900x10 --format svg", "a picture has at most 500x400 cells, not '900x10'"),
    ("map --format xml", "'xml' is not one of"),
    ("map --output /no/such/folder/map.csv", "/no/such/folder/map.csv: No such file or directory"),
    ("map --seeds 2", "--seeds: the median needs an odd number, not 2"),
    ("basins --x lr=1..2", "--x: a range is LOW..HIGH such as -2..2, not 'lr=1..2'"),
    ("basins --y 2..2", "--y: a range rises between two finite numbers such as -2..2, not '2..2'"),
    ("basins --y -1e308..1e308", "--y: a range rises between two finite numbers"),
]


@pytest.mark.parametrize(("line", "words"), ERRORS)
def test_a_wrong_flag_is_one_line_and_exit_status_2(line, words):
    result = run(*line.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_the_output_takes_the_place_of_a_file_only_when_it_is_whole(tmp_path, monkeypatch):
    file = tmp_path / "map.csv"
    file.write_text("before")

    def interrupted(*_):
        assert file.read_text() == "before"
        raise KeyboardInterrupt

    monkeypatch.setattr(maps, "_write_to", interrupted)
    result = run("map", "--steps", "1", "--size", "2x2", "--output", str(file))
    assert result.exit_code == 130
    assert result.stderr == f"adam-tui: interrupted at 100% of the map; {file} is as it was\n"
    assert [each.name for each in tmp_path.iterdir()] == ["map.csv"]
    assert file.read_text() == "before"


def test_a_long_map_shows_its_progress_on_a_terminal_and_ends_with_ctrl_c(tmp_path):
    file = tmp_path / "map.csv"
    with Terminal((*COMMAND, "map", "--size", "4000x4000", "--steps", "2000", "--output", str(file))) as terminal:
        terminal.until("4000x4000  [")
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert "adam-tui: interrupted at 0% of the map" in " ".join(terminal.text().split())
        assert "Traceback" not in terminal.text()
    assert list(tmp_path.iterdir()) == []


def test_npy_is_not_written_to_a_terminal():
    with Terminal((*COMMAND, "map", "--size", "2x2", "--format", "npy")) as terminal:
        assert terminal.wait() == 2
        assert "npy is not text: give --output FILE" in terminal.text()


def test_the_knobs_of_the_lane_are_completed():
    words = "adam-tui map --lane momentum --x m"
    done = run(_ADAM_TUI_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="5")
    assert done.output.splitlines() == ["plain,momentum="]
