"""Long races are computed in pieces: no key waits, the computed part is shown, and the numbers are the same."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from adam_tui.draw.palette import DARK
from adam_tui.engine import trajectory
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import MAX_LANES, Lane, Scenario, suggested_lanes
from adam_tui.engine.surfaces import find_surface
from adam_tui.engine.trajectory import PIECE, PathComputation, compute_trajectory
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground import paths, view
from adam_tui.ui.playground.paths import advance, compute_at_once, paths_so_far, whole_paths
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update

WIDTH, HEIGHT = 60, 20
LANES = (Lane.parse("adam:lr=0.01"), Lane.parse("sgd:lr=0.001"), Lane.parse("rmsprop:lr=0.01"))


@pytest.fixture(autouse=True)
def empty_cache():
    trajectory._cached_computation.cache_clear()


def long_race(steps=20_000, seed=7):
    """A race whose paths take longer than a key may."""
    return PlaygroundState(Scenario("rosenbrock", lanes=LANES, steps=steps, noise=0.5, seed=seed), clock=float(steps))


def counting(pieces):
    """A clock that ends a call of `advance(…, seconds=1)` after so many pieces."""
    ticks = iter(np.linspace(0, 1, pieces + 1, endpoint=False).tolist() + [2.0] * 1000)
    return lambda: next(ticks)


def test_all_lanes_are_computed_in_step():
    state = long_race()
    assert not advance(state, 1, counting(7))
    lengths = [path.last for path in paths_so_far(state).lanes]
    assert max(lengths) - min(lengths) <= PIECE
    assert min(lengths) >= 2 * PIECE


def test_the_computed_part_is_the_beginning_of_the_whole_path():
    state = long_race(3000)
    advance(state, 1, counting(20))
    part = paths_so_far(state)
    copies = [(path.positions.copy(), path.losses.copy(), path.gradients.copy()) for path in part.lanes]
    assert 0 < part.share < 1
    whole = whole_paths(state)
    for (positions, losses, gradients), path in zip(copies, whole.lanes, strict=True):
        rows = len(positions)
        assert rows < len(path.positions)
        assert np.array_equal(positions, path.positions[:rows])
        np.testing.assert_allclose(losses, path.losses[:rows], rtol=1e-12)
        np.testing.assert_allclose(gradients, path.gradients[:rows], rtol=1e-12)
    assert paths_so_far(state) == whole


def test_the_share_grows_to_1():
    state = long_race(2000)
    shares = [paths_so_far(state).share]
    while not advance(state, 1, counting(5)):
        shares.append(paths_so_far(state).share)
    assert shares == sorted(shares)
    assert shares[-1] < 1 == paths_so_far(state).share


def test_a_ghost_is_computed_with_its_lane():
    state = long_race(1000)
    for event in (e.ToggleFork(), e.Seek(500), e.Arrow(1, 0)):
        state, _ = update(state, event)
    trajectory._cached_computation.cache_clear()
    assert not advance(state, 1, counting(3))
    while not advance(state, 1, counting(50)):
        pass
    [ghost, *_] = paths_so_far(state).ghosts
    assert ghost.last == 1000


@pytest.mark.parametrize("limit", [0, 500])
def test_a_picture_of_a_part_shows_the_heads_where_the_paths_end(limit):
    state = long_race()
    advance(state, 1, counting(10))
    cells = view.contour(state, WIDTH, HEIGHT, DARK, paths_so_far(state), limit=limit)
    assert any(marker in "".join(cells.lines()) for marker in "●▲◆")
    assert "computing" in view.timeline(state, 80, DARK, paths_so_far(state)).lines()[0]


def test_a_picture_in_pieces_ends_as_the_picture_at_once():
    state = long_race(9000)
    while not advance(state, 1, counting(30)):
        view.rasterize(state, WIDTH, HEIGHT, DARK, paths_so_far(state), 300)
    while not view.rasterize(state, WIDTH, HEIGHT, DARK, paths_so_far(state), 300):
        pass
    in_pieces = view.contour(state, WIDTH, HEIGHT, DARK, paths_so_far(state), limit=0)
    view._backdrop.cache_clear()
    assert not in_pieces.changed(view.contour(state, WIDTH, HEIGHT, DARK)).any()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_pieces_and_threads_change_no_bit(name):
    surface = find_surface("himmelblau")
    [lane] = suggested_lanes((name,), surface)
    arguments = surface, lane, surface.start, 1500, 0.3, 5
    whole, pieces = compute_trajectory(*arguments), PathComputation(*arguments)
    looks = 0
    while not pieces.complete:
        pieces.advance()
        if looks % 3 == 0:
            pieces.trajectory()  # evaluates an incomplete block
        looks += 1
    path = pieces.finish()
    for array in ("positions", "losses", "gradients"):
        assert np.array_equal(getattr(path, array), getattr(whole, array), equal_nan=True)
    assert path.terms.keys() == whole.terms.keys()
    assert all(np.array_equal(path.terms[term], whole.terms[term], equal_nan=True) for term in whole.terms)
    assert (path.converged_at, path.diverged_at) == (whole.converged_at, whole.diverged_at)


async def test_a_short_race_is_drawn_in_full_with_the_key():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        pictures = []
        contour = app.screen.query_one("#contour", CellView)
        show = contour.show
        contour.show = lambda cells: (pictures.append(cells), show(cells))
        await pilot.press("end")
        await pilot.press("s")
        assert not app.screen._computing
        assert paths_so_far(app.screen.state).complete
        app.screen.dispatch(e.Seek(400))
        before = len(pictures)
        app.screen.dispatch(e.Reseed())
        assert len(pictures) == before + 1
        await pilot.pause(0.1)
        assert len(pictures) == before + 1, "no second picture follows"


async def test_keys_are_answered_while_a_long_race_is_computed():
    app = AdamApp(long_race(100_000))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        screen = app.screen
        assert screen._computing
        assert "computing" in panel(app, "timeline")
        for key, changed in (("N", "scenario"), ("v", "vectors"), ("s", "scenario"), ("z", "window")):
            before = getattr(screen.state, changed)
            await pilot.press(key)
            assert getattr(screen.state, changed) != before
            assert not paths_so_far(screen.state).complete, "the answer did not wait for the paths"


async def test_a_long_race_is_completed_between_keys():
    app = AdamApp(long_race(4000))
    async with app.run_test(size=(120, 40)) as pilot:
        while app.screen._computing or not paths_so_far(app.screen.state).complete:
            await asyncio.sleep(0.01)
        await pilot.pause()
        assert "computing" not in panel(app, "timeline")
        size = app.screen.query_one("#contour", CellView).content_region.size
        whole = view.contour(app.screen.state, *size, app.palette)
        assert not app.screen.query_one("#contour", CellView).cells.changed(whole).any()


async def test_a_long_race_is_copied_when_it_is_computed(monkeypatch):
    app = AdamApp(long_race(5000))
    copied = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c", "p")
        while not copied:
            await asyncio.sleep(0.01)
        assert "torch.optim.Adam(" in copied[0]


async def test_nothing_is_computed_behind_another_screen():
    app = AdamApp(long_race(100_000))
    async with app.run_test(size=(120, 40)) as pilot:
        playground = app.screen
        await pilot.pause()
        await pilot.press("question_mark")
        while playground._computing:
            await asyncio.sleep(0.01)
        await pilot.press("escape")
        await pilot.pause()
        assert playground._computing


def panel(app, name):
    return "\n".join(app.screen.query_one(f"#{name}", CellView).cells.lines())


def test_the_first_picture_of_the_longest_race_does_not_wait_for_it():
    lanes = suggested_lanes(tuple(OPTIMIZERS)[:MAX_LANES], find_surface("rosenbrock"))
    state = PlaygroundState(Scenario("rosenbrock", lanes=lanes, steps=100_000, noise=1.0))
    compute_at_once(state)
    assert paths_so_far(state).share < 0.1
    assert view.contour(state, WIDTH, HEIGHT, DARK, paths_so_far(state)).width == WIDTH
    assert replace(state, clock=1e9).step == 100_000


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_five_lanes_of_400_steps_are_computed_with_the_key(noise, monkeypatch):
    monkeypatch.setattr(paths, "COMPUTE_SHORT", 10.0)  # 12 to 33 ms were measured; a slow machine is no failure
    lanes = suggested_lanes(("adam", "sgd", "momentum", "rmsprop", "nesterov"), find_surface("rosenbrock"))
    state = PlaygroundState(Scenario("rosenbrock", lanes=lanes, steps=400, noise=noise))
    assert compute_at_once(state)
    assert paths_so_far(state).complete


def test_a_key_waits_longer_for_a_race_that_can_be_drawn_whole(monkeypatch):
    limits = []
    monkeypatch.setattr(paths, "advance", lambda state, seconds: limits.append(seconds))
    for lanes, steps in ((5, 400), (16, 100_000), (5, 1000)):
        lanes = suggested_lanes((tuple(OPTIMIZERS) * 2)[:lanes], find_surface("rosenbrock"))
        compute_at_once(PlaygroundState(Scenario("rosenbrock", lanes=lanes, steps=steps, noise=1.0)))
    assert limits == [paths.COMPUTE_SHORT, paths.COMPUTE_LONG, paths.COMPUTE_LONG]
