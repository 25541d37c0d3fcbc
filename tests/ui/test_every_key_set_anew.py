"""With a key of its own for every action, none of the keys that the program comes with is named anywhere."""

import re
from dataclasses import replace

import pytest

from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.ui.actions import SHARED_ACTIONS, shown
from adam_tui.ui.app import AdamApp
from adam_tui.ui.config import Config
from adam_tui.ui.dialogs import Pick
from adam_tui.ui.keymap import check_keys, tables
from adam_tui.ui.learn.pages import pages
from adam_tui.ui.playground.hints import HINTS
from adam_tui.ui.playground.state import PlaygroundState

ACTIONS = {action.name: action for table in (*tables().values(), SHARED_ACTIONS) for action in table}
# A sign of its own for each: Canadian syllabics, which nothing else here is written in.
NEW = {name: chr(0x1401 + i) for i, name in enumerate(sorted(ACTIONS))}
OLD = {shown(key) for action in ACTIONS.values() for key in action.keys.split(",")}
# What the letters and signs among the old keys mean where they are no keys: coordinates, symbols of the formulas,
# an article, the step played or paused, the mark of a choice.
MEANT_OTHERWISE = {*"axygmvbdtuknpswlzcDEGOATXY+-=<>,./?[]01234←→↑↓", "end"}
WINDOWS = {"enter", "esc", "↑", "↓", "tab"}  # keys of windows, which are no actions
VERBS = (
    "starts|stops|continues|resumes|tunes|opens|goes|lets|turns|plays|takes|brings|tries|shows|lists|ends|leads|trains|"
    "chooses|undoes|draws"
)
# A key that is told: at the beginning of a sentence or a part of one, and followed by what it does.
TOLD = re.compile(
    rf"(?:^\W*|[·:;,.(─]\s+|\b[Pp]ress\s+)(\S+) (?:{VERBS}|next|all|search|sort|close|this run|the next)\b"
)


def app_with(state, **settings):
    usable, problems = check_keys(NEW, SHARED_ACTIONS)
    assert problems == []
    assert usable == NEW
    return AdamApp(state, config=Config(keys=NEW), **settings)


def seen(app):
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def texts(app):
    """All that is on the screen, and what was said in notifications."""
    return [*seen(app).splitlines(), *(note.message for note in app._notifications)]


def named_as_before(app, also=frozenset()):
    """The old keys that are still named."""
    found = set()
    for line in texts(app):
        found |= {word.strip(",:;()“”") for word in line.split()} & (OLD - MEANT_OTHERWISE - also)
        found |= set(TOLD.findall(line)) & (OLD - also)
    return found


async def press(pilot, *names):
    for name in names:
        await pilot.press(NEW[name])
    await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_in_the_playground(size):
    app = app_with(PlaygroundState(hints=tuple(HINTS)))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for i in range(len(HINTS)):
            app.screen.state = replace(app.screen.state, hints=tuple(HINTS)[i:])
            await pilot.pause()
            assert named_as_before(app) == set()
        assert NEW["mode_learn"] in seen(app)
        await press(pilot, "place")
        assert named_as_before(app) == set()
        assert f"{NEW['turn_down']}{NEW['knob_up']}{NEW['knob_down']}{NEW['turn_up']}" in seen(app)
        await press(pilot, "cancel", "next_exhibit")
        assert next(iter(PRESETS.values())).title in seen(app)
        assert f"{NEW['next_exhibit']} next" in " ".join(seen(app).split())
        assert named_as_before(app) == set()


@pytest.mark.parametrize("keys", [("place",), ("next_exhibit",)])
async def test_in_the_help_and_the_palette(keys):
    app = app_with(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *keys, "help")
        assert NEW["play"] in seen(app)
        assert named_as_before(app, also=WINDOWS) == set()
        await press(pilot, "help", "palette")
        assert NEW["play"] in seen(app)
        assert named_as_before(app, also=WINDOWS) == set()


def with_checkpoint(made):
    (made.run.path / "checkpoint.pt").touch()
    return made


STATES = {
    "no run": (lambda made: None, ()),
    "at work": (lambda made: made.start().train(2), ("live",)),
    "stopped": (lambda made: with_checkpoint(made.start().train(1)).end("stopped"), ("live", "turn_up", "stop")),
    "failed": (lambda made: made.start().train(1).end("failed", "no cuda here"), ("stop",)),
    "table": (lambda made: made.start().train(1), ("table",)),
    "cursor": (lambda made: made.start().train(1), ("cursor",)),
    "help": (lambda made: made.start().train(1), ("cursor", "help")),
    "delete": (lambda made: made.start().train(1), ("delete",)),
}


@pytest.mark.parametrize("name", STATES)
async def test_in_training(name, tmp_path, made_run):
    make, keys = STATES[name]
    if name != "no run":
        make(made_run())
    app = app_with(PlaygroundState(), mode="train", runs=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(100):
            await pilot.pause(0.02)
            history = app.screen.selected_history
            if name == "no run" or (history is not None and len(history.curve)):
                break
        await press(pilot, *keys)
        assert named_as_before(app, also=WINDOWS if name == "help" else frozenset()) == set()
        if name == "no run":
            await press(pilot, "pause")
            assert any(f"{NEW['start']} starts one" in text for text in texts(app))
        if name == "stopped":
            assert any(f"{NEW['continue_run']} continues it" in text for text in texts(app))
        if name == "delete":
            assert any(f"{NEW['stop']} stops it first" in text for text in texts(app))


async def test_paused_runs_and_the_tour_in_training(tmp_path, made_run):
    made_run().start().train(1).become("paused")
    app = app_with(PlaygroundState(), mode="train", runs=tmp_path)
    tour = pages(NEW)[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
        app.open_presets(tour.tries, len(tour.tries), tour.finale)
        await pilot.pause()
        assert f"{NEW['start']} starts a run" in seen(app)
        assert f"paused · {NEW['pause']} resumes" in seen(app)
        assert named_as_before(app) == set()


async def test_on_the_way_from_a_lane_to_training(tmp_path):
    app = app_with(PlaygroundState(Scenario(lanes=(Lane.parse("adam:lr=0.1,schedule=cosine"),))), runs=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "train")
        assert f"which {NEW['live']} changes later" in " ".join(seen(app).split())


async def test_in_learn():
    app = app_with(PlaygroundState(), mode="learn")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.3)
        assert f" {NEW['try_it']} Try it" in seen(app)
        assert named_as_before(app) == set()
        await press(pilot, "pick_try")
        assert isinstance(app.screen, Pick)
        assert named_as_before(app, also=WINDOWS) == set()


@pytest.mark.parametrize("page", pages(NEW), ids=lambda page: page.name)
def test_on_a_page_of_learn_every_bold_key_is_the_new_one(page):
    bold = {text.replace("\\", "") for text in re.findall(r"\*\*(\S{1,9}?)\*\*", page.text)}
    told = [page.text, *(stop.sentence for stop in page.stops)]
    named = bold | {key for text in told for key in TOLD.findall(text)}
    assert named & (OLD - {"a", "m"}) == set(), "a is an article, and the m of moment is bold"


def test_a_setting_that_is_wrong_names_the_key_as_it_is_set():
    app = AdamApp(PlaygroundState(), config=Config(theme="nrod", keys={"palette": "ctrl+k"}))
    assert app._problems == ["no theme is called 'nrod': ctrl+k lists them"]
