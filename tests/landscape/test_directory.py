"""A landscape's files after damage, and after a run has taken another way: never a value of another place or weight."""

import numpy as np
import pytest

from adam_tui.landscape import directory, process
from adam_tui.landscape.directory import ALL, GRID, NO_INDEX, PATH, POINT, Landscape
from adam_tui.landscape.survey import requested, survey_of
from adam_tui.landscape.weights import read
from adam_tui.runs import directory as runs_directory
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.weights_file import WeightsFile

P = 6


def keep(run, seed, steps=(0, 10, 20, 30)):
    run.weights.unlink(missing_ok=True)
    walk = np.random.default_rng(seed).normal(size=(len(steps), P)).cumsum(0)
    for step, weights in zip(steps, walk, strict=True):
        WeightsFile(run.weights).append(step, weights.astype("<f4").tobytes())
    return run


@pytest.fixture
def run(tmp_path):
    return keep(runs_directory.create(RunSpec(), tmp_path), 1)


def ask(run):
    return directory.request([run], "pca", 3, 3, 1.0, 100, 0)


@pytest.fixture
def complete(run):
    """A landscape with all its points: the loss of record number n is n."""
    asked, paths = ask(run)
    landscape = Landscape.create(run, asked)
    survey = survey_of(asked, paths)
    landscape.write_survey(survey)
    places = {GRID: survey.grid.point, ALL: lambda n: (100.0, 0.0), PATH: lambda n: survey.paths[0].places[n]}
    work = directory.work(survey)
    records = [(kind, index, *places[kind](index), n, 0.5) for n, (kind, index) in enumerate(work)]
    landscape.points_file.write_bytes(np.array(records, POINT).tobytes())
    assert process.progress(landscape) == (len(work), len(work))
    return landscape


def test_other_weights_at_the_same_steps_are_another_landscape(run):
    first, _ = ask(run)
    keep(run, 2)  # resumed from a checkpoint, the run took another way
    second, _ = ask(run)
    assert first.recorded == second.recorded
    assert first.id != second.id
    with pytest.raises(ValueError, match="has recorded other weights since this landscape was begun"):
        requested(read(run), first, 0)
    assert len(requested(read(run), second, 0).steps) == 4


def test_a_damaged_request_or_plane_is_written_anew(run, complete):
    asked, paths = ask(run)
    plane = complete.path / "plane.npz"
    whole = plane.read_bytes()
    for damaged in (b"", whole[:100], whole[:-50], b"no archive"):
        plane.write_bytes(damaged)
        assert complete.survey() is None
        assert process.progress(complete)[0] == 0, "so a command computes it again"
    complete.write_survey(survey_of(asked, paths))
    assert np.isfinite(complete.points(complete.survey()).losses).all(), "the points are still there"
    for damaged in ("", "{", "[]", '{"kind": "pca"}'):
        (complete.path / "request.json").write_text(damaged)
        assert Landscape.create(run, asked).request() == asked


def test_a_record_with_other_coordinates_than_its_points_is_left_out(complete):
    records = np.fromfile(complete.points_file, POINT)
    survey = complete.survey()
    points = complete.points(survey)
    middle = int(np.flatnonzero(records["kind"] == GRID)[4])
    step = int(np.flatnonzero(records["kind"] == PATH)[2])
    for number in (middle, step):
        damaged = records.copy()
        damaged[number] = 0  # a hole that a crash of the machine left
        complete.points_file.write_bytes(damaged.tobytes())
        left = complete.points(survey)
        assert np.isnan(left.losses).sum() + np.isnan(left.path_losses[0]).sum() == 1
        assert np.nansum(left.losses) == np.nansum(points.losses) - (number == middle) * records["loss"][middle]
        done, total = process.progress(complete)
        assert done == total - 1, "the missing point is computed again"
    complete.points_file.write_bytes(records.tobytes()[7:])  # no record begins where one should
    assert np.isnan(complete.losses_on(survey.grid, survey)[0]).all()
    complete.points_file.unlink()
    complete.zoomed_file.write_bytes(
        np.array([(0, 0, 0, 0, 9, 9), (GRID, NO_INDEX, *survey.grid.point(4), 2.5, 0.5)], POINT).tobytes()
    )
    losses = complete.losses_on(survey.grid, survey)[0]
    assert losses[np.isfinite(losses)].tolist() == [2.5]


def test_a_run_that_diverged_has_a_landscape_of_its_finite_weights(run):
    file = WeightsFile(run.weights)
    file.append(40, np.full(P, np.nan, "<f4").tobytes())
    file.append(50, np.full(P, np.inf, "<f4").tobytes())
    path = read(run)
    assert (path.steps.tolist(), path.left_out) == ([0, 10, 20, 30], 2)
    asked, paths = ask(run)
    assert asked.recorded == ((30, 4),)
    assert np.isfinite(survey_of(asked, paths).plane.directions).all()
    with open(run.weights, "r+b") as content:
        content.seek(file.offset(2) + 8)
        content.write(np.array([np.nan], "<f4").tobytes())
    with pytest.raises(ValueError, match="has recorded 2 steps before its weights were no longer finite; a plane"):
        survey_of(*ask(run))


def test_a_plane_that_cannot_be_read_is_no_damaged_one(complete):
    (complete.path / "plane.npz").unlink()
    (complete.path / "plane.npz").mkdir()
    with pytest.raises(OSError, match=r"plane\.npz"):
        complete.survey()
