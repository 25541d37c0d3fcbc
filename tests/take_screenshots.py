"""Take the screenshots: `python tests/take_screenshots.py` writes screenshots/*.svg and *.png from the app as it is.

The app runs without a terminal, in fixed states and with its clock stopped, so the same program gives the same
pictures; tests/test_screenshots.py fails when those in the repository are no longer what the app shows.
"""

import asyncio
import lzma
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}  # whatever terminal this is run in

import numpy as np
from rich.color import Color

from adam_tui.draw.cells import Cells, text_width
from adam_tui.draw.svg import to_svg
from adam_tui.engine.lane import Lane
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import Scenario
from adam_tui.landscape.directory import Request, Survey
from adam_tui.landscape.grid import Grid
from adam_tui.landscape.plane import Plane, Projection
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.sweep.screen import SweepScreen
from adam_tui.ui.train.landscape import computation, panels
from adam_tui.ui.train.screen import TrainScreen

FOLDER = Path(__file__).parents[1] / "screenshots"
# A run of 50 epochs as it was, its losses rounded to three digits.
RUN = Path(__file__).parent / "data" / "adam-50-epochs"
# A sweep as it was: Adam, SGD, momentum and Lion × 9 learning rates × 3 seeds, 2 epochs of 2,000 images each.
SWEEP = Path(__file__).parent / "data" / "sweep-mnist"
# Three runs as they were, 4 epochs of 6,000 images each, and the landscape on the plane through their ends.
LANDSCAPE = Path(__file__).parent / "data" / "landscape-mnist"
PICTURE = "picture.npz"
LARGE, SMALL = (120, 40), (80, 24)
START = PlaygroundState()


@dataclass(frozen=True)
class Shot:
    """One picture: what is open, and which keys are pressed there. `words` must be seen before it is taken.

    `runs` is a folder of runs in the place of the usual one, and `selected` the one that is selected.
    """

    name: str
    title: str
    state: PlaygroundState = START
    size: tuple[int, int] = LARGE
    mode: str = "playground"
    theme: str = "adam-dark"
    keys: tuple[str, ...] = ()
    words: str = "adam-tui"
    runs: Path | None = None
    selected: str | None = None


def preset(name, clock):
    """A named scenario with its caption, at a step."""
    tour = tuple(PRESETS.values())
    stop = list(PRESETS).index(name)
    return PlaygroundState(tour[stop].scenario, clock=clock, tour=tour, stop=stop)


def race(clock, *lanes, **scenario):
    """Lanes as on the command line, at a step."""
    return PlaygroundState(Scenario(lanes=tuple(map(Lane.parse, lanes)), **scenario), clock=clock)


SHOTS = (
    Shot("bowl", "Adam on the bowl x² + y²", race(60, "adam:lr=0.1"), words="1e-10"),
    Shot(
        "race",
        "Five optimizers in Rosenbrock's valley",
        PlaygroundState(PRESETS["rosenbrock-race"].scenario, clock=400, lane=4),
    ),
    Shot(
        "small",
        "The ravine in 80×24 cells",
        race(50, "sgd:lr=0.038", "momentum:lr=0.02,momentum=0.7", "adam:lr=0.2", surface="ravine"),
        SMALL,
    ),
    Shot(
        "function",
        "A function of one's own",
        race(
            120,
            "adam:lr=0.25",
            "momentum:lr=0.03",
            "nesterov:lr=0.06",
            function="sin(2*x)*cos(2*y) + (x**2 + y**2)/8",
            start=(-3.6, 4.2),
            steps=300,
        ),
    ),
    Shot(
        "settings-map",
        "Momentum's settings in the ravine, with the stability bound",
        race(0, "momentum:lr=0.01,momentum=0.9", surface="ravine"),
        keys=("h", "right", "shift+right", "up", "up"),
        words="diverged",
    ),
    Shot(
        "starts-map",
        "Each start ends at one of Himmelblau's four minima",
        race(0, "momentum:lr=0.005,momentum=0.9", surface="himmelblau"),
        keys=("b", "right", "shift+up"),
        words="100%",
    ),
    Shot("scenario", "A named scenario with its caption", preset("beta2-too-small", 60)),
    Shot(
        "light",
        "Light theme, lines, and the vectors of a step",
        PlaygroundState(
            Scenario("himmelblau", lanes=(Lane.parse("adam:lr=0.1"), Lane.parse("nesterov:lr=0.005"))),
            clock=25,
            fill="both",
            vectors=True,
        ),
        theme="adam-light",
    ),
    Shot("training", "50 epochs of MNIST", mode="train", words="99.32"),
    Shot(
        "landscape",
        "Adam, SGD and Lion on one plane",
        mode="train",
        keys=("p", "P", "P"),
        words="0.1065",
        runs=LANDSCAPE,
        selected="adam-c48a",
    ),
    Shot("sweep", "A sweep on MNIST", mode="sweep", words="94.91%"),
    Shot("learn", "A page of Learn", mode="learn", keys=("right",) * 6, words="Adam"),
)


async def take(shot):
    """The picture as cells."""
    with tempfile.TemporaryDirectory() as folder:
        app = AdamApp(shot.state, mode=shot.mode)
        runs = _runs(Path(folder)) if shot.runs is None else _several_runs(shot.runs, Path(folder) / "runs")
        app._screens["train"] = TrainScreen(runs, shot.selected, clock=lambda: 0.0)
        app.install_screen(app._screens["train"], "train")
        if shot.mode == "sweep":
            app._screens["sweep"] = SweepScreen(_sweeps(Path(folder)))
            app.install_screen(app._screens["sweep"], "sweep")
        panels.LandscapeThread = RecordedLandscape if shot.runs is not None else computation.LandscapeThread
        app.theme = shot.theme
        app.animation_level = "none"
        async with app.run_test(size=shot.size) as pilot:
            await pilot.press(*shot.keys)
            before = []
            for _ in range(100):
                await pilot.pause(0.1)
                cells = screen_cells(app)
                text = "\n".join(cells.lines())
                if shot.words in text and "computing" not in text and cells.lines() == before:
                    break  # what was on its way when the words appeared has come
                before = cells.lines()
            return cells


def _runs(folder):
    """The directory of the runs, with the run in it as a training process leaves it."""
    _unpack(RUN, folder / "adam-8319")
    return folder


def _several_runs(source, folder):
    _unpack(source, folder)
    (folder / PICTURE).unlink()
    return folder


class RecordedLandscape:
    """In the place of the thread that follows a landscape: its picture as it was, computed from 16 MB of weights a run.

    The plane's directions are not recorded: of them the screen needs the lengths only, and those are 1.
    """

    def __init__(self, report):
        self._report = report
        self.picture = None

    def want(self, wanted):
        if wanted is None or (self.picture is not None and self.picture.wanted == wanted):
            return
        held = np.load(LANDSCAPE / PICTURE)
        grid, view = Grid(tuple(held["bounds"]), *held["size"].tolist()), tuple(held["view"])
        part = grid.covering(view)
        seen = [
            Projection(str(id), *(held[f"{name}{n}"] for name in ("steps", "places", "off", "far")))
            for n, id in enumerate(held["ids"])
        ]
        survey = Survey(
            Plane("points", np.zeros(2), np.eye(2)), grid, tuple(seen), tuple(held["explained"]), (0.0, 0.0)
        )
        steps = tuple((int(each.steps[-1]), len(each.steps)) for each in seen)
        request = Request("points", tuple(map(str, held["ids"])), steps, grid.columns, grid.rows, 4 / 3)
        paths = [
            computation.PathOnPlane(each.name, each, held[f"losses{n}"], held[f"accuracies{n}"])
            for n, each in enumerate(seen)
        ]
        loss_at, accuracy_at = (
            computation._layered(part, held[name], grid, held[f"own_{name}"]) for name in ("losses", "accuracies")
        )
        loss, images = held["all"].tolist()
        self.picture = computation.Picture(
            wanted, survey, request, tuple(paths), loss_at, accuracy_at, grid.bounds, loss, int(images), 1, 1
        )
        self._report()


def _sweeps(folder):
    """The directory of the sweeps, with the sweep in it; of its runs only the best ones, whose curves are shown."""
    _unpack(SWEEP, folder / SWEEP.name)
    return folder


def _unpack(source, target):
    target.mkdir()
    for file in source.iterdir():
        if file.is_dir():
            _unpack(file, target / file.name)
        elif file.suffix == ".xz":
            (target / file.stem).write_bytes(lzma.decompress(file.read_bytes()))
        else:
            shutil.copy(file, target)


def screen_cells(app):
    """What is on the screen, style for style."""
    width, height = app.size
    plain = app.current_theme
    ink, paper = (Color.parse(each or "#000000").triplet for each in (plain.foreground, plain.background))
    cells = Cells.blank(width, height, ink, paper)
    for row, strip in enumerate(app.screen._compositor.render_strips()):
        column = 0
        for segment in strip:
            style = segment.style
            fg = _rgb(style and style.color, ink)
            bg = _rgb(style and style.bgcolor, paper)
            if style is not None and style.reverse:
                fg, bg = bg, fg
            if style is not None and style.dim:
                fg = tuple((2 * a + b) // 3 for a, b in zip(fg, bg, strict=True))
            cells.put(row, column, segment.text, fg, bg=bg, bold=bool(style and style.bold))
            column += text_width(segment.text)
    return cells


def _rgb(color, otherwise):
    return tuple(otherwise if color is None or color.is_default else color.get_truecolor())


async def svg_of(shot):
    """The picture as it is committed."""
    return to_svg(await take(shot), f"adam-tui: {shot.title}")


async def main():
    """Write all pictures."""
    from cells_png import to_png

    FOLDER.mkdir(exist_ok=True)
    for shot in SHOTS:
        cells = await take(shot)
        path = FOLDER / f"{shot.name}.svg"
        path.write_text(to_svg(cells, f"adam-tui: {shot.title}"), encoding="utf-8")
        to_png(cells, path.with_suffix(".png"))
        print(path)


if __name__ == "__main__":
    asyncio.run(main())
