"""The landscape from the key to the losses, with the real process: a zoom, a kill, another plane, and the end."""

import os
import signal

import numpy as np
from run_fixtures import few_digits  # noqa: F401
from training_pilot import panel, until

from adam_tui.landscape.survey import PARAMETERS
from adam_tui.runs import directory, processes, recipes
from adam_tui.runs.status import Status
from adam_tui.runs.weights_file import WeightsFile
from adam_tui.ui.train.landscape import computation

PATIENCE = 90.0


async def test_a_landscape_is_computed_zoomed_killed_and_closed(training_app, tmp_path, few_digits, monkeypatch):  # noqa: F811
    monkeypatch.setattr(computation, "IMAGES", 40)
    app = training_app
    run = directory.create(recipes.make_spec("adam", {}, data_dir=few_digits, device="cpu"), tmp_path)
    run.write_status(Status("finished", epoch=1, step=12))
    walk = np.random.default_rng(0).normal(size=(5, PARAMETERS)).cumsum(0) * 0.01
    for step, weights in enumerate(walk):
        WeightsFile(run.weights).append(3 * step, weights.astype("<f4").tobytes())

    def picture():
        landscape = app.screen._landscape
        return landscape.picture(app.screen.state) if landscape is not None else None

    def server():
        return app.screen._landscape._thread._follower._server

    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: picture() is not None and picture().done > 30, PATIENCE)
        assert "▛" in panel(app, "loss") or "▌" in panel(app, "loss") or "▀" in panel(app, "loss")
        first = server()._process.pid
        await pilot.press("comma", "plus")
        await until(pilot, lambda: picture().wanted.view is not None and not picture().complete)
        os.kill(first, signal.SIGKILL)
        await until(pilot, lambda: server() is not None and server()._process.pid != first, PATIENCE)
        await until(pilot, lambda: picture().total_images == 500, PATIENCE)  # comes after the steps of the path
        assert np.isfinite(picture().paths[0].losses).all()
        assert "step 12: loss" in panel(app, "figures")
        second = server()._process.pid
        await pilot.press("P")
        await until(pilot, lambda: picture() is not None and picture().done > 30, PATIENCE)
        assert picture().survey.plane.kind == "random"
        assert server()._process.pid == second, "torch is loaded once for all planes"
        await pilot.press("escape", "escape")
        assert app.screen.state.landscape is None
        await until(pilot, lambda: not processes.is_running(second), PATIENCE)
