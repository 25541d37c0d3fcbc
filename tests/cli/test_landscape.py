"""`adam-tui landscape`: its numbers and pictures from computed points, its errors, and one landscape for real."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from adam_tui.cli.app import main
from adam_tui.landscape import directory, plane, process
from adam_tui.landscape.directory import POINT, Landscape, Survey
from adam_tui.landscape.grid import Grid, bounds_around
from adam_tui.runs.directory import write_spec
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.run import Run
from adam_tui.runs.weights_file import WeightsFile

T, P = 6, 20


@pytest.fixture
def made(tmp_path):
    """A run with a path of six steps, of a network of 20 weights."""

    def make(name="adam-1", seed=0, steps=T, count=P, data="mnist"):
        run = Run(tmp_path / "runs" / name)
        run.path.mkdir(parents=True)
        write_spec(RunSpec(data=data), run.path)
        if not steps:
            return run
        walk = np.random.default_rng(seed).normal(size=(steps, count)).cumsum(0)
        for step, weights in enumerate(walk - walk[:1]):
            WeightsFile(run.weights).append(10 * step, np.asarray(weights, "<f4").tobytes())
        return run

    return make


def computed(runs, kind="pca", size=(5, 4), images=1000, aspect=None, part="test"):
    """A complete landscape: the loss is a² + 2b² + 0.1, and each step's true loss 0.5 more."""
    aspect = aspect or (size[0] - 1) / (size[1] - 1)
    asked, paths = directory.request(runs, kind, *size, aspect, images, 0, part)
    chosen = plane.pca(paths[0]) if kind == "pca" else plane.points(paths)
    seen = tuple(plane.project(chosen, path) for path in paths)
    bounds = bounds_around(np.concatenate([each.places for each in seen]), aspect)
    survey = Survey(
        chosen,
        Grid(bounds, *size),
        seen,
        plane.explained(chosen, paths[0]),
        plane.random_walk_shares(paths[0].steps),
    )
    landscape = Landscape.create(runs[0], asked)
    landscape.write_survey(survey)
    records = np.zeros(len(directory.work(survey)), POINT)
    for number, (kind_of, index) in enumerate(directory.work(survey)):
        place = survey.grid.point(index) if kind_of == directory.GRID else (0.0, 0.0)
        if kind_of >= directory.PATH:
            place = seen[kind_of - directory.PATH].places[index]
        loss = place[0] ** 2 + 2 * place[1] ** 2 + (0.6 if kind_of >= directory.PATH else 0.1)
        place = (10_000, 0.0) if kind_of == directory.ALL else place  # the number of all images
        records[number] = (kind_of, index, *place, loss, 0.9)
    landscape.points_file.write_bytes(records.tobytes())
    return survey


def invoke(run, *arguments):
    return CliRunner().invoke(main, ["landscape", *arguments, "--runs", str(run.path.parent)])


def test_csv_has_one_row_a_point_with_all_digits(made):
    run = made()
    survey = computed([run])
    result = invoke(run, "adam", "--size", "5x4", "--format", "csv")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == 20
    assert list(rows[0]) == ["a", "b", "loss", "accuracy"]
    for index in (0, 7, 19):
        a, b = survey.grid.point(index)
        row = rows[index]
        assert (float(row["a"]), float(row["b"]), float(row["loss"])) == (a, b, a * a + 2 * b * b + 0.1)


def test_json_adds_norms_shares_and_the_path(made):
    run = made()
    survey = computed([run])
    document = json.loads(invoke(run, "adam-1", "--size", "5x4", "--format", "json").stdout)
    assert document["norms"] == pytest.approx([1, 1])
    assert document["explained"] == pytest.approx(survey.explained)
    assert document["random_walk"] == pytest.approx(survey.walk)
    assert np.shape(document["loss"]) == (4, 5)
    [path] = document["paths"]
    assert path["run"] == "adam-1"
    assert path["step"] == [0, 10, 20, 30, 40, 50]
    assert path["off_plane"] == pytest.approx(survey.paths[0].off_plane)
    assert path["loss"] == pytest.approx([a * a + 2 * b * b + 0.6 for a, b in survey.paths[0].places.tolist()])
    assert (document["end_loss"], document["end_loss_of_all_images"]) == pytest.approx((0.6, 0.1))


def test_the_images_may_be_those_that_the_run_learned_from(made):
    run = made()
    computed([run], images=500, part="train")
    document = json.loads(invoke(run, "adam-1", "--size", "5x4", "--images", "train:500", "--format", "json").stdout)
    assert (document["images"], document["training_images"]) == (500, 10_000)
    assert document["caption"][-1].startswith("loss on 500 of 10,000 training images: ")


def test_the_caption_reports_how_much_the_plane_hides(made):
    run = made(seed=3)
    survey = computed([run])
    caption = json.loads(invoke(run, "adam-1", "--size", "5x4", "--format", "json").stdout)["caption"]
    first, second = (f"{share:.0%}" for share in survey.explained)
    walk = " + ".join(f"{share:.0%}" for share in plane.random_walk_shares(np.arange(0, 60, 10)))
    assert caption[0] == (
        f"the plane explains {first} + {second} of adam-1's path; a random walk's would explain {walk} "
        "(61% + 15% at even steps)"
    )
    hollow = survey.paths[0].hollow.mean()
    assert 0 < hollow < 1
    shares = f"{hollow:.0%} of adam-1's steps"
    assert caption[1] == f"○ off the plane by more than half of the distance from its origin: {shares}"
    assert caption[2] == "loss on 1,000 of 10,000 test images: 0.6 at the end of adam-1, 0.1 on all of them"


def test_the_picture_has_the_contour_the_path_its_name_and_the_caption(made):
    run = made(seed=3)
    aspect = (100 - 6) / (2 * (36 - 9))
    computed([run], size=(round(24 * aspect) + 1, 25), aspect=aspect)
    result = invoke(run, "adam-1", "--format", "svg")
    assert result.exit_code == 0, result.output
    for part in ("<svg", "Loss on the plane in which the path of adam-1 varies most", ">adam-1<", ">images:<"):
        assert part in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no run 'nothing'"),
        (["adam-1", "--size", "9"], "a size is columns x rows such as 33x25, not '9'"),
        (["adam-1", "--size", "1x9"], "a grid has at least 2x2 and at most 1,000,000 points, not '1x9'"),
        (["adam-1", "--images", "0"], "--images is from 1 to 10,000, not 0"),
        (["adam-1", "--images", "train:60001"], "--images is from 1 to 60,000, not 60,001"),
        (["adam-1", "--images", "all:9"], "--images takes test or train, not 'all'"),
        (["adam-1", "--images", "train:"], "--images is a number such as 1000 or train:1000, not 'train:'"),
        (["adam-1", "--plane", "points"], "a plane through points needs two or three runs, not 1"),
        (["adam-1", "short-1"], "adam-1 and short-1 are different networks, of 20 and 7 weights"),
        (["few-1"], "few-1 has recorded 2 steps; a plane needs 3 whose weights differ"),
        (["adam-1", "kmnist-1"], "adam-1 was trained on mnist and kmnist-1 on kmnist: their losses differ"),
        (["bare-1"], "bare-1 has kept no weights: train it with --weights 64"),
    ],
)
def test_an_error_is_one_line(made, arguments, message):
    run = made()
    made("short-1", count=7)
    made("few-1", steps=2)
    made("kmnist-1", data="kmnist")
    made("bare-1", steps=0)
    result = invoke(run, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(run.path.glob("landscape-*"))


def test_a_damaged_file_of_weights_is_one_line(made):
    run = made()
    run.weights.write_bytes(b"nothing of the kind")
    result = invoke(run, "adam-1")
    assert result.exit_code == 2
    assert result.stderr == f"adam-tui: {run.weights} does not hold weights\n"


def test_the_error_of_the_process_is_reported_in_one_line(made, monkeypatch):
    run = made()
    monkeypatch.setattr(process, "WORKER", "adam_tui.no_such_module")
    result = invoke(run, "adam-1", "--format", "csv")
    assert result.exit_code == 2
    assert result.stderr.endswith("No module named adam_tui.no_such_module\n")
    assert result.stderr.count("\n") == 1


def test_an_interrupt_keeps_the_points_and_ends_the_process(made, monkeypatch):
    run = made()
    ended = []

    class Endless:
        returncode = None

        def poll(self):
            raise KeyboardInterrupt

        def terminate(self):
            ended.append("terminated")

        def wait(self):
            ended.append("waited")

    def start(landscape, detached):
        landscape.points_file.write_bytes(np.zeros(10, POINT).tobytes())
        return Endless()

    monkeypatch.setattr(process, "start", start)
    result = invoke(run, "adam-1", "--size", "5x4", "--format", "csv")
    assert result.exit_code == 130
    assert result.stderr == "adam-tui: interrupted at 37%; the same command goes on from there\n"  # 10 of 5·4 + 6 + 1
    assert ended == ["terminated", "waited"]


def test_a_command_waits_in_words_for_another_process_that_computes_the_same_landscape(made, monkeypatch):
    run = made()
    computed([run])
    [file] = run.path.glob("landscape-*/points.bin")
    whole = file.read_bytes()
    file.write_bytes(whole[: -POINT.itemsize])  # the other process lacks one point

    class Busy:
        returncode = process.BUSY

        def poll(self):
            file.write_bytes(whole)  # it computes that meanwhile
            return self.returncode

    active = [True, True, False]
    monkeypatch.setattr(process, "start", lambda made, detached: Busy())
    monkeypatch.setattr(process, "is_active", lambda made: active.pop(0))
    result = invoke(run, "adam-1", "--size", "5x4", "--format", "csv")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("another process computes this landscape; waiting for it") == 1
    assert "nan" not in result.stdout
    assert not active
