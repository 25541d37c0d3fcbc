"""The palette: every action and theme in the words that people type for it, from every mode, and enter does it."""

import pytest
from textual.widgets import Input, OptionList

from adam_tui.ui.actions import SHARED_ACTIONS
from adam_tui.ui.app import AdamApp
from adam_tui.ui.command_palette import CommandPalette, entries
from adam_tui.ui.keymap import tables
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.search import Entry, highlights, ranked
from adam_tui.ui.synonyms import SYNONYMS

FIRST = 3  # hits that a person looks at
# What is typed, in which mode, and the action that is meant (or the beginning of another entry's title).
PHRASES = {
    "playground": """
        quit: quit · exit: quit · close the app: quit · leave: quit · bye: quit
        save picture: export · screenshot: export · svg: export · export csv: export · record gif: export
        pause: play · stop the animation: play · resume: play · continue: play
        undo: undo · go back: undo · revert: undo · again forward: redo
        step size: turn_up · learning rate: turn_up · lr: turn_up · increase lr: turn_up · lower the rate: turn_down
        dark: Theme: · light mode: Theme: · colours: Theme: · color scheme: Theme: · nord: Theme: nord
        zoom: zoom_in · scale: zoom_in · magnify: zoom_in · zoom out: zoom_out · move left: pan_left
        compare: add_lane · race: line_up · add optimizer: add_lane · compare all optimizers: line_up
        delete lane: remove_lane · remove: remove_lane · clone lane: duplicate_lane
        formula: function · equation: function · custom function: function · my own loss: function
        start point: place · initial position: place · move the start: place · random start: random_start
        random seed: reseed · stochastic: noise · add noise: noise
        help: help · shortcuts: help · keyboard: help · hotkeys: help
        copy code: copy · pytorch: copy · command line: copy · share: copy · clipboard: copy
        examples: gallery · demo: gallery · presets: gallery · next example: next_exhibit
        rosenbrock: next_surface · change landscape: next_surface · another function: next_surface
        speed: faster · slow motion: slower · faster: faster · rewind: restart · replay: restart
        beginning: first · jump to step: go_to · how many steps: steps
        cosine: schedule · decay: schedule · warmup: warmup · warm up: warmup
        arrows: vectors · gradient direction: vectors · log scale: log · logarithmic: log
        contour lines: fill · isolines: fill · heatmap: fill · whole view: reset_view · fit: reset_view
        hide the numbers: inspector · reset value: default · restore default: default
        exact value: type_value · edit value: type_value · train on mnist: train · neural network: train
        start training: Train: Start training · tutorial: Learn: Guided tour · delete run: Train: Delete
        documentation: mode_learn · explain: mode_learn · go to training: mode_train
        optimzer: choose_optimizer · switch algorithm: choose_optimizer · try lion: choose_optimizer
    """,
    "train": """
        start: start · begin a run: start · fit the model: start · launch: start
        stop: stop · kill: stop · cancel run: stop · pause: pause · resume: continue_run · continue: continue_run
        checkpoint: continue_run · restart: again · rerun: again · delete run: delete · remove: delete
        list runs: table · history: table · filter: search · find run: search · compare runs: overlay
        smooth: smoothing · moving average: smoothing · error log: log_tail · traceback: log_tail
        confusion matrix: view · filters: view · wrong digits: view · dataset: data · fashion: data
        batch size: turn_up · epochs: axis · change the learning rate while running: live
        clipboard: copy · crosshair: cursor · latest: window · quit: quit · surface: Playground: Next surface
    """,
    "learn": """
        index: contents · table of contents: contents · next chapter: next_page · try example: try_it
        tutorial: tour · scroll down: scroll_down · sources: bottom · zoom: Playground: Zoom in · exit: quit
    """,
}
TYPED = [
    (mode, *map(str.strip, each.split(":", 1)))
    for mode, lines in PHRASES.items()
    for line in lines.split("\n")
    for each in line.split("·")
    if each.strip()
]


@pytest.fixture(scope="module")
def found():
    """What each mode's palette offers."""
    offered = {}

    async def collect():
        for mode in PHRASES:
            app = AdamApp(PlaygroundState(), mode=mode)
            async with app.run_test(size=(120, 40)):
                titles = {action.name: action.title for action in app.screen.actions}
                offered[mode] = entries(app.screen, app.available_themes, app.choose_theme), titles

    import asyncio

    asyncio.run(collect())
    return offered


@pytest.mark.parametrize(("mode", "phrase", "meant"), TYPED)
def test_what_people_type_is_among_the_first_hits(found, mode, phrase, meant):
    offered, titles = found[mode]
    hits = [entry.title for entry in ranked(phrase, offered)[:FIRST]]
    assert any(title == titles.get(meant) or title.startswith(meant) for title in hits), hits


def test_there_are_many_such_phrases_and_each_is_there_once():
    assert len(TYPED) == len({typed[:2] for typed in TYPED}) >= 60


def test_every_action_has_other_words_and_no_others_have():
    names = {action.name for table in (*tables().values(), SHARED_ACTIONS) for action in table}
    assert names == SYNONYMS.keys()


# --- finding: a pure function ---------------------------------------------------------------------------------------


def entry(title, key="", group="", other="", here=True):
    return Entry(title, key, group, other, lambda: None, here)


def titles(text, *all_entries):
    return [each.title for each in ranked(text, all_entries)]


IN, OUT, UNDO = (
    entry("Zoom in", "z", "View", "closer"),
    entry("Zoom out", "Z", "View"),
    entry("Undo", "u", "Scenario", "back"),
)


def test_nothing_typed_shows_all_as_they_are():
    assert titles(" ", IN, OUT, UNDO) == ["Zoom in", "Zoom out", "Undo"]


def test_the_words_of_the_title_come_before_other_words_and_those_before_misspellings():
    assert titles("close", entry("A", other="close"), entry("B", other="closer"), entry("Close it")) == [
        "Close it",
        "A",
        "B",
    ]
    assert titles("zomo out", IN, OUT) == ["Zoom out"]


def test_all_words_weigh_more_than_some():
    assert titles("zoom out", IN, OUT)[0] == "Zoom out"


def test_a_key_that_is_typed_finds_its_action():
    assert titles("Z", IN, OUT, UNDO)[0] == "Zoom out"


def test_what_another_mode_does_comes_after_what_is_here():
    assert titles("zoom", entry("Train: Zoom in", here=False), IN) == ["Zoom in", "Train: Zoom in"]


def test_words_that_say_nothing_are_passed_over():
    assert titles("how do i undo this", IN, UNDO) == ["Undo"]
    assert titles("xyzzy", IN, UNDO) == []


def test_the_typed_beginnings_are_marked_in_the_title():
    assert highlights("zo in", "Zoom in") == [(0, 2), (5, 7)]
    assert highlights("loss", "Undo") == []


# --- in the app -----------------------------------------------------------------------------------------------------


def options(app):
    palette = app.screen.query_one(OptionList)
    return [palette.get_option_at_index(i).prompt.plain for i in range(palette.option_count)]


@pytest.mark.parametrize(("mode", "size"), [("playground", (120, 40)), ("train", (80, 24)), ("learn", (60, 18))])
async def test_it_lists_every_action_of_the_mode_with_its_key_and_every_theme(mode, size, tmp_path):
    app = AdamApp(PlaygroundState(), mode=mode, runs=tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        actions, themes = app.screen.actions, app.available_themes
        await pilot.press("ctrl+p")
        await pilot.pause()
        lines = options(app)
        assert len(lines) == len(actions) + len(themes)
        for action, line in zip(actions, lines, strict=False):
            assert line.startswith(action.title[:20])
            assert line.endswith(f" {action.shown_keys}")
        assert {len(line) for line in lines} == {min(84, size[0] - 8) - 6}, "one line each"
        palette = app.screen.query_one(".palette")
        assert palette.region.bottom <= size[1]
        assert app.screen.query_one(OptionList).region.bottom < palette.region.bottom


async def typed(pilot, text, *keys):
    """Open the palette with this text in it, then press keys."""
    await pilot.press("ctrl+p")
    pilot.app.screen.query_one(Input).value = text
    await pilot.pause()
    await pilot.press(*keys)
    await pilot.pause()


async def test_enter_does_what_is_chosen():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p", *"surf", "enter")
        await pilot.pause()
        assert app.screen.state.scenario.surface == "ravine"
        await typed(pilot, "surface", "down", "enter")
        assert app.screen.state.scenario.surface == "bowl", "the second: the previous surface"


async def test_a_click_does_it_too():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "duplicate")
        await pilot.click(OptionList, offset=(3, 0))
        await pilot.pause()
        assert len(app.screen.state.scenario.lanes) == 2


async def test_escape_does_nothing_and_so_does_enter_where_nothing_is_found():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "xyzzy", "enter")
        assert isinstance(app.screen, CommandPalette)
        assert "no action matches" in str(app.screen.query_one(".hint").render())
        await pilot.press("escape")
        assert app.screen.state == PlaygroundState()


async def test_an_action_of_another_mode_leads_there_and_does_nothing_yet(tmp_path):
    app = AdamApp(PlaygroundState(), runs=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "start training")
        at = next(i for i, line in enumerate(options(app)) if line.startswith("Train: Start training"))
        assert options(app)[at].endswith("goes to Train  2 t")
        await pilot.press(*["down"] * at, "enter")
        await pilot.pause()
        assert app.screen.MODE == "train"
        assert list(tmp_path.iterdir()) == []


async def test_it_opens_over_no_other_window():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter", "ctrl+p")
        assert not isinstance(app.screen, CommandPalette)
        assert app.screen.query_one(Input)
