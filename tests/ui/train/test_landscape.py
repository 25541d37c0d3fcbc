"""The landscape on the training screen, with a stand-in for the process that computes.

The stand-in's loss is 0.1 + a² + 2b² on the plane, and half as much more for the recorded steps themselves.
"""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from textual.events import MouseScrollUp
from textual.geometry import Offset
from training_pilot import panel, until

from adam_tui.landscape.directory import ALL, GRID, POINT, request
from adam_tui.landscape.directory import Landscape as Directory
from adam_tui.landscape.plane import project
from adam_tui.landscape.step_losses import StepLosses
from adam_tui.landscape.survey import survey_of
from adam_tui.landscape.weights import checksums, read
from adam_tui.runs import file_lock
from adam_tui.runs.run import Run
from adam_tui.runs.weights_file import WeightsFile
from adam_tui.ui.train.landscape import computation

P = 30
STEPS = (0, 1, 2, 4, 8, 16, 30)


def loss(a, b):
    return 0.1 + a * a + 2 * b * b


class StandIn:
    """Does at once what the process does in seconds; `holds` keeps it from its work, `ends` is its exit status."""

    made: ClassVar[list["StandIn"]] = []
    holds = False
    ends = None
    text = ""  # in the log

    def __init__(self, log):
        self.log, self.orders, self.closed = log, [], False
        StandIn.made.append(self)
        log.write_text(StandIn.text)

    @property
    def status(self):
        return StandIn.ends

    def order(self, order):
        self.orders.append(order)
        if StandIn.holds:
            return
        landscape = Directory(order.landscape)
        survey = landscape.survey()
        grid = survey.grid.covering(order.view)
        known = landscape.losses_on(grid, survey)[0].ravel()
        places = [grid.point(n) for n in grid.order(order.view) if np.isnan(known[n])]
        records = [(GRID, -1, a, b, loss(a, b), 0.9) for a, b in places]
        with open(landscape.zoomed_file, "ab") as file:
            file.write(np.array(records, POINT).tobytes())
        with open(landscape.points_file, "ab") as file:
            file.write(np.array([(ALL, 0, 10_000, 0, 0.2, 0.9)], POINT).tobytes())
        for path in order.runs:
            run = Run(path)
            recorded, store = read(run), StepLosses.of(run, landscape.request())
            places = project(survey.plane, recorded).places.tolist()
            for step, sum, place in zip(recorded.steps.tolist(), checksums(recorded), places, strict=True):
                store.append(step, sum, 1.5 * loss(*place), 0.8)

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(computation, "Server", StandIn)
    monkeypatch.setattr(computation, "POLL_COMPUTING", 0.02)
    monkeypatch.setattr(computation, "POLL_IDLE", 0.02)
    StandIn.made, StandIn.holds, StandIn.ends, StandIn.text = [], False, None, ""
    yield StandIn
    for each in StandIn.made:
        each.closed = True


def keep(run, seed=0, steps=STEPS, count=P, start=0):
    """Write a bent path as the weights of a run."""
    random = np.random.default_rng(seed)
    u, v, w = random.normal(size=(3, count)) / np.sqrt(count)
    file = WeightsFile(run.weights)
    first = np.random.default_rng(99 + start).normal(size=count)
    for step in steps:
        t = np.log1p(step)
        file.append(step, (first + t * u + 0.1 * t * t * v + 0.05 * w * (step % 3)).astype("<f4").tobytes())


@pytest.fixture
def app(training_app):
    return training_app


@pytest.fixture
def trained(made_run):
    """Ended runs with weights, the newest is the selected one."""

    def make(*seeds, steps=STEPS, **changes):
        made = []
        for seed in seeds:
            each = made_run().start().train(3)
            each.end("finished", "done")
            keep(each.run, seed, steps, **changes)
            made.append(each)
        return made

    return make


def shown(app):
    return app.screen.state.landscape


def readings(app):
    return " ".join(panel(app, "figures").split())


async def complete(pilot, app):
    await until(pilot, lambda: "colour" in str(app.screen.query_one("#train-loss").border_subtitle))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 55)])
async def test_p_shows_the_plane_with_the_path_and_its_caption_and_p_again_the_curves(app, trained, size):
    trained(1)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "finished" in panel(app, "runs") or "✓" in panel(app, "runs"))
        curves = panel(app, "loss")
        await pilot.press("p")
        await complete(pilot, app)
        text = panel(app, "loss")
        assert "●" in text
        assert "╱" not in text, "every cell has a loss"
        assert "the plane explains" in readings(app)
        assert "a random walk's would explain" in readings(app)
        assert "loss on 1,000 of 10,000 test images" in readings(app) or size == (80, 24)
        assert app.screen.query_one("#train-knobs").display is False
        assert app.screen.query_one("#train-accuracy").display == (size[1] >= 40), "the curve, where it has room"
        await pilot.press("p")
        assert panel(app, "loss") == curves
        assert app.screen.query_one("#train-knobs").display
        await until(pilot, lambda: StandIn.made[0].closed)


async def test_the_path_is_there_before_any_loss_and_the_progress_with_it(app, trained, stand_in):
    trained(1)
    stand_in.holds = True
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: "╱" in panel(app, "loss"))
        assert "●" in panel(app, "loss")
        assert "loading torch" in readings(app)


async def test_the_cursor_of_the_curves_and_the_dot_on_the_path_move_together(app, trained):
    trained(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        await pilot.press("comma")
        assert (shown(app).step, app.screen.state.cursor) == (30, 30)
        await pilot.press("comma", "comma")
        assert (shown(app).step, app.screen.state.cursor) == (8, 8)
        await until(pilot, lambda: "step 8: loss" in readings(app))
        assert "the plane there: loss" in readings(app)
        assert "step 8" in panel(app, "progress"), "the values of the curve"
        await pilot.press("home")
        assert (shown(app).step, app.screen.state.cursor) == (0, 1)
        await pilot.press("escape")
        assert (shown(app).place, app.screen.state.cursor) == (None, None)
        await pilot.press("escape")
        assert shown(app) is None


async def test_the_curves_cursor_selects_the_nearest_recorded_step_of_the_landscape(app, trained):
    trained(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("i", "left", "left")
        assert 16 < app.screen.state.cursor < 30
        await pilot.press("p")
        await complete(pilot, app)
        expected = min(STEPS, key=lambda step: abs(step - app.screen.state.cursor))
        await until(pilot, lambda: f"step {expected}: loss" in readings(app))


async def test_arrows_walk_over_the_plane_and_read_its_loss(app, trained):
    trained(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        await pilot.press("i", "shift+right", "up", "up")
        assert shown(app).step is None
        a, b = shown(app).place
        await until(pilot, lambda: "┼ loss" in readings(app))
        read = float(readings(app).split("┼ loss ")[1].split()[0])
        assert read == pytest.approx(loss(a, b), rel=0.05)
        assert f"distance {np.hypot(a, b):.3g} from the end" in readings(app)


async def test_zoom_and_pan_show_at_once_what_is_known_and_compute_the_rest(app, trained, stand_in):
    trained(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        first = app.screen._on_plane().viewport.bounds
        stand_in.holds = True
        before = len(stand_in.made[0].orders)
        await pilot.press("plus")
        await until(pilot, lambda: len(stand_in.made[0].orders) > before)
        view = stand_in.made[0].orders[-1].view
        assert (view[1] - view[0]) * 2 == pytest.approx(first[1] - first[0])
        assert "╱" not in panel(app, "loss"), "the coarser points fill the view"
        assert "computing" in readings(app)
        await pilot.press("right", "right", "right", "right")
        await until(pilot, lambda: stand_in.made[0].orders[-1].view[0] == pytest.approx(view[1]))
        await pilot.press("0")
        await complete(pilot, app)
        assert app.screen._on_plane().viewport.bounds == pytest.approx(first)


async def test_the_mouse_puts_the_cursor_and_zooms_about_its_place(app, trained, stand_in):
    trained(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        await pilot.click("#train-loss", offset=(40, 5))
        place = shown(app).place
        assert place is not None
        plane = app.screen._on_plane()
        row, column = plane.viewport.to_cell(plane.places[2])
        await pilot.click("#train-loss", offset=(column + plane.offset[1] + 1, row + 1))
        assert shown(app).step in STEPS
        view = app.screen.query_one("#train-loss")
        at = view.content_region.offset + Offset(40, 4)
        before = plane.viewport.bounds
        view.post_message(MouseScrollUp(view, 40, 4, 0, -1, 0, False, False, False, at.x, at.y))
        await until(pilot, lambda: shown(app).view is not None)
        assert shown(app).view[1] - shown(app).view[0] == pytest.approx((before[1] - before[0]) / 2**0.5)


async def test_a_adds_the_paths_of_the_overlaid_runs_and_not_those_of_other_networks(app, trained):
    trained(1)
    [other] = trained(2)
    [alien] = trained(3, count=7)
    [last] = trained(4)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p", "a")
        await until(pilot, lambda: f"{other.id}: " in readings(app))
        assert f"{last.id}: " in readings(app)
        assert f"{alien.id} is left out: its network has 7 weights, that of {last.id} 30" in readings(app)
        assert f"of {other.id}'s steps" in readings(app)
        await pilot.press("a")
        await until(pilot, lambda: f"{other.id}: " not in readings(app))


async def test_another_plane_is_a_random_plane_and_that_through_the_runs_or_why_not(app, trained, stand_in):
    trained(1)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        await pilot.press("P")
        assert shown(app).kind == "random"
        await until(pilot, lambda: "is another network: it has 30 weights" in panel(app, "loss"))
        await pilot.press("P")
        assert shown(app).kind == "pca", "one run gives no plane through points"
        notes = [each.message for each in app._notifications]
        assert any(note.startswith("a plane through points needs two or three runs, and only one") for note in notes)
        trained(2)
        await until(pilot, lambda: len(app.screen.state.runs) == 2)
        await pilot.press("P", "P")
        assert (shown(app).kind, len(shown(app).through)) == ("points", 2)
        await complete(pilot, app)
        assert "runs' plane" in str(app.screen.query_one("#train-loss").border_title)


async def test_a_run_that_trains_on_keeps_its_plane_and_its_path_grows(app, made_run):
    made = made_run().start().train(3)
    keep(made.run, 1, STEPS[:-2])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        landscapes = list(made.run.path.glob("landscape-*"))
        keep(made.run, 1, STEPS[-2:])
        await pilot.press("comma")
        await until(pilot, lambda: len(app.screen._on_plane().steps) == len(STEPS))
        assert list(made.run.path.glob("landscape-*")) == landscapes
        assert "has other weights now" not in readings(app)
        await pilot.press("r")
        await until(pilot, lambda: len(list(made.run.path.glob("landscape-*"))) == 2)
        await complete(pilot, app)
        made.end("finished")


@pytest.mark.parametrize(
    ("steps", "alive", "words"),
    [
        ((), False, ("has kept no weights", "T starts one with the same settings")),
        ((0, 1), True, ("has recorded 2 steps; a plane needs 3", "appears here once they are recorded")),
        (None, False, ("does not hold weights", "esc shows the curves")),
    ],
)
async def test_without_a_plane_there_are_words_and_the_remedy(app, made_run, steps, alive, words):
    made = made_run().start().train(2)
    if not alive:
        made.end("finished")
    if steps is None:
        made.run.weights.write_bytes(b"nothing of the kind")
    elif steps:
        keep(made.run, 1, steps)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: words[0] in " ".join(panel(app, "loss").split()))
        assert words[1] in " ".join(panel(app, "loss").split())
        if alive:
            keep(made.run, 1, STEPS[2:])
            await complete(pilot, app)
            made.end("finished")


@pytest.mark.parametrize(
    ("status", "log", "words"),
    [
        (1, "MNIST in /data is damaged: no files\n", "MNIST in /data is damaged: no files; the log is"),
        (-9, "", "killed by signal 9, perhaps because the memory is full"),
        (1, "Traceback\nMemoryError\n", "MemoryError; the log is"),
    ],
)
async def test_an_end_of_the_process_is_shown_in_words_with_its_log(app, trained, stand_in, status, log, words):
    trained(1)
    stand_in.holds, stand_in.ends, stand_in.text = True, status, log
    async with app.run_test(size=(200, 55)) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: words in readings(app))
        assert "worker.log" in panel(app, "figures").replace("\n", "")
        assert len(stand_in.made) == (2 if status < 0 else 1), "a killed process gets a second try"
        stand_in.holds, stand_in.ends = False, None
        await pilot.press("r")
        await complete(pilot, app)


async def test_another_run_has_another_landscape(app, trained):
    first, second = trained(1, 2)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        before = shown(app).run
        await pilot.press("right_square_bracket")
        assert {before, shown(app).run} == {first.id, second.id}
        await complete(pilot, app)
        assert f"of {shown(app).run}'s path" in readings(app)


async def test_no_process_is_started_for_a_landscape_that_is_computed_already(app, trained, stand_in):
    trained(1)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        await pilot.press("p")
        await until(pilot, lambda: stand_in.made[0].closed)
        await pilot.press("p")
        await complete(pilot, app)
        await until(pilot, lambda: "the plane explains" in readings(app))
        assert len(stand_in.made) == 1


async def test_the_process_ends_with_the_screen(app, trained, stand_in):
    trained(1)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
    for _ in range(100):
        if stand_in.made[0].closed:
            break
        computation.time.sleep(0.02)
    assert stand_in.made[0].closed


def test_the_log_is_beside_the_landscape(tmp_path):
    assert Path(computation.LOG).name == "worker.log"


async def test_a_landscape_that_another_process_computes_appears_as_it_grows(app, trained, stand_in, monkeypatch):
    monkeypatch.setattr(computation, "RETRY_SECONDS", 0.02)
    [made] = trained(1)
    asked, paths = request([made.run], "pca", computation.COLUMNS, computation.ROWS, 32 / 24, computation.IMAGES, 0)
    landscape = Directory.create(made.run, asked)
    survey = survey_of(asked, paths)
    landscape.write_survey(survey)
    records = [(GRID, n, *survey.grid.point(n), loss(*survey.grid.point(n)), 0.9) for n in range(len(survey.grid))]
    with open(landscape.points_file, "ab", buffering=0) as other:
        assert file_lock.lock(other.fileno())
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("p")
            await until(pilot, lambda: "another process computes it: 0%" in readings(app))
            other.write(np.array(records, POINT).tobytes())
            await until(pilot, lambda: re.search("computes it: [1-9]", readings(app)))
            assert not stand_in.made, "no process of ours loads torch meanwhile"
            file_lock.unlock(other.fileno())
            await complete(pilot, app)
            assert len(stand_in.made) == 1


@pytest.mark.parametrize("runs", [1, 3])
async def test_the_caption_is_whole_beside_a_cursor_in_a_small_terminal(app, trained, runs):
    trained(*range(1, runs + 1))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p", *("a" if runs > 1 else ""))
        await complete(pilot, app)
        await pilot.press("comma")
        await until(pilot, lambda: "step 30: loss" in readings(app))
        await until(pilot, lambda: "0.2 on all" in readings(app))
        assert "…" not in readings(app)
        assert "the plane there: loss" in readings(app)
        if runs == 1:
            assert "a random walk's would explain" in readings(app), "all words, where they have room"
        else:
            assert ", of a random walk " in readings(app)
            assert re.search(r"far off the plane: \d+%, \d+%, \d+% of the steps", readings(app))
        title = str(app.screen.query_one("#train-loss").border_title)
        await pilot.press("plus")
        await until(pilot, lambda: str(app.screen.query_one("#train-loss").border_title) == f"{title} · 0 shows all")


async def test_a_path_of_other_weights_at_the_same_steps_is_projected_anew(app, trained):
    [made] = trained(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await complete(pilot, app)
        before = app.screen._on_plane().places
        landscapes = set(made.run.path.glob("landscape-*"))
        made.run.weights.unlink()
        keep(made.run, 2)
        await pilot.press("comma")
        await until(pilot, lambda: not np.allclose(app.screen._on_plane().places, before))
        remark = f"{made.run.id} has other weights now; the plane is that of its earlier ones"
        await until(pilot, lambda: remark in readings(app))
        await pilot.press("r")
        await until(pilot, lambda: len(set(made.run.path.glob("landscape-*")) - landscapes) == 1)
        await until(pilot, lambda: remark not in readings(app))
