"""Planes: the principal components of a path, random directions with the norms of filters, and points."""

import numpy as np
import pytest

from adam_tui.landscape import plane
from adam_tui.landscape.weights import WeightPath

SHAPES = ((4, 1, 3, 3), (4,), (2, 36), (2,))
SIZE = 36 + 4 + 72 + 2


def path_of(weights, name="adam-1", steps=None):
    weights = np.asarray(weights, np.float32)
    return WeightPath(name, np.arange(len(weights)) if steps is None else np.array(steps), weights)


@pytest.fixture
def walk():
    return path_of(np.random.default_rng(1).normal(size=(12, SIZE)).cumsum(0))


def test_the_principal_components_are_those_of_numpys_svd(walk):
    weights = walk.weights.astype(float)
    _, sizes, rows = np.linalg.svd(weights - weights.mean(0), full_matrices=False)
    made = plane.pca(walk)
    for ours, theirs in zip(made.directions, rows[:2], strict=True):
        assert min(np.abs(ours - theirs).max(), np.abs(ours + theirs).max()) < 1e-6
    shares = (sizes**2 / (sizes**2).sum())[:2]
    assert plane.explained(made, walk) == pytest.approx(tuple(shares), abs=1e-6)
    assert made.directions @ made.directions.T == pytest.approx(np.eye(2), abs=1e-12)


def test_a_pca_plane_goes_through_the_last_weights_and_the_path_begins_on_the_positive_side(walk):
    made = plane.pca(walk)
    seen = plane.project(made, walk)
    assert seen.places[-1].tolist() == [0, 0]
    assert (seen.off_plane[-1], seen.from_origin[-1]) == (0, 0)
    assert (seen.places[0] >= 0).all()


def test_a_place_and_its_distance_from_the_plane_give_the_distance_from_the_origin(walk):
    seen = plane.project(plane.pca(walk), walk)
    assert (seen.places**2).sum(1) + seen.off_plane**2 == pytest.approx(seen.from_origin**2)


def test_a_path_in_a_plane_is_explained_and_never_hollow():
    t = np.linspace(0, 3, 9)[:, None]
    flat = path_of(np.cos(t) * np.eye(1, SIZE, 3) + np.sin(t) * np.eye(1, SIZE, 7))
    made = plane.pca(flat)
    assert sum(plane.explained(made, flat)) == pytest.approx(1)
    assert not plane.project(made, flat).hollow.any()


def test_a_step_is_hollow_when_its_distance_is_more_than_half_of_its_way():
    made = plane.Plane("pca", np.zeros(3), np.eye(2, 3))
    seen = plane.project(made, path_of([[1, 0, 0.5], [1, 0, 0.6]]))
    assert seen.hollow.tolist() == [False, True]  # 0.5 of √1.25, and 0.6 of √1.36


@pytest.mark.parametrize("weights", [np.eye(2, SIZE), np.ones((5, SIZE)), np.outer(np.arange(5), np.ones(SIZE))])
def test_a_path_without_a_plane_is_refused_in_one_line(weights):
    with pytest.raises(ValueError, match=r"adam-1 has recorded \d steps; a plane needs 3 whose weights differ"):
        plane.pca(path_of(weights))


def test_random_directions_have_the_norm_of_each_filter_and_leave_biases_alone(walk):
    made = plane.random(walk, SHAPES, seed=3)
    for start, end, rows in plane.filters(SHAPES):
        for direction in made.directions:
            if rows:
                norms = [np.linalg.norm(each[start:end].reshape(rows, -1), axis=1) for each in (direction, made.origin)]
                assert norms[0] == pytest.approx(norms[1], rel=1e-12)
            else:
                assert not direction[start:end].any()
    assert made.directions[0] @ made.directions[1] == pytest.approx(0, abs=1e-9)


def test_a_seed_gives_the_same_random_plane_again(walk):
    first, again, other = (plane.random(walk, SHAPES, seed).directions for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_plane_through_points_holds_the_start_and_both_ends():
    start, one, two = np.random.default_rng(2).normal(size=(3, SIZE)).astype(np.float32)
    runs = [path_of([start, one], "a"), path_of([start, two], "b")]
    made = plane.points(runs)
    for run in runs:
        seen = plane.project(made, run)
        assert seen.off_plane == pytest.approx([0, 0], abs=1e-6)
        for place, weights in zip(seen.places, run.weights, strict=True):
            assert made.at(*place) == pytest.approx(weights, abs=1e-7)


def test_a_plane_through_three_runs_holds_their_ends():
    ends = np.random.default_rng(4).normal(size=(3, SIZE))
    runs = [path_of([np.zeros(SIZE), end], name) for name, end in zip("abc", ends, strict=True)]
    made = plane.points(runs)
    assert [plane.project(made, run).off_plane[-1] for run in runs] == pytest.approx([0] * 3, abs=1e-6)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([path_of(np.eye(2, SIZE))], "needs two or three runs, not 1"),
        ([path_of(np.eye(2, SIZE), "a"), path_of(np.ones((2, SIZE)), "b")], "a and b start from different weights"),
        ([path_of(np.eye(2, SIZE), name) for name in "ab"], "the weights of a, b lie on a line"),
    ],
)
def test_points_without_a_plane_are_refused_in_one_line(runs, message):
    with pytest.raises(ValueError, match=message):
        plane.points(runs)


def test_a_random_walk_explains_61_and_15_percent_and_more_with_records_on_a_log_scale():
    assert plane.random_walk_shares(np.arange(1, 401)) == pytest.approx((6 / np.pi**2, 6 / np.pi**2 / 4), abs=1e-3)
    wide = np.unique(np.geomspace(1, 46_900, 64).round().astype(int))
    assert plane.random_walk_shares(wide) == pytest.approx((0.66, 0.14), abs=0.01)
    seen = np.random.default_rng(0).normal(size=(wide[-1] // 100 + 1, 500)).cumsum(0)
    steps = np.unique(np.geomspace(1, len(seen) - 1, 20).round().astype(int))
    sampled = path_of(seen[steps], steps=steps)
    shares = plane.explained(plane.pca(sampled), sampled)
    assert shares == pytest.approx(plane.random_walk_shares(steps), abs=0.05)
