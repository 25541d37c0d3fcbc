"""What must hold of the app after whatever was done to it: a function a part, each raises AssertionError.

`app_is_sound` calls them all. The tests of random keys and the campaign of `campaigns/keys.py` share them.
"""

import math
import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from textual._context import visible_screen_stack

from adam_tui.cli.app import main
from adam_tui.draw.palette import MARKERS
from adam_tui.engine.knobs import Knob
from adam_tui.engine.scenario import MAX_LANES, MAX_STEPS, Scenario
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.learn.screen import LearnScreen, PageScroll
from adam_tui.ui.mode_screen import MIN_HEIGHT, MIN_WIDTH, ModeScreen
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.playground.state import SPEEDS, PlaygroundState
from adam_tui.ui.playground.update import UNDO_STEPS, ZOOM_LIMITS
from adam_tui.ui.train.screen import TrainScreen
from adam_tui.ui.train.state import SPANS, TrainState
from adam_tui.ui.widgets.key_line import KeyLine
from adam_tui.ui.widgets.tabs_line import TabsLine

MOST_NOTIFICATIONS = 200  # far more than can be read; each goes after some seconds


def app_is_sound(app, whole=False):
    """All of it, for the modes that were opened so far and whatever is on the screen.

    `whole` looks at all that the terminal would be sent as well, and so at the pictures below a window.
    """
    assert app._exception is None, repr(app._exception)
    assert app.is_running
    screens_are_stacked(app)
    for screen in app._screens.values():
        if isinstance(screen, PlaygroundScreen):
            playground_is_sound(screen.state)
            clock_runs_when_it_plays(app, screen)
        elif isinstance(screen, TrainScreen):
            training_is_sound(screen.state)
            histories_are_of_runs(screen)
        elif isinstance(screen, LearnScreen) and screen.is_mounted:
            page_is_sound(screen)
    mode = next(screen for screen in reversed(app.screen_stack) if isinstance(screen, ModeScreen))
    lines_fit(mode)
    if whole:
        size_is_said_when_too_small(app, mode)
        screen_is_whole(app)
    seen_through = app.screen.styles.background.a < 1  # not in a theme of the terminal's own colours
    if mode is app.screen or (whole and seen_through):
        pictures_fill_their_panels(mode)


def screens_are_stacked(app):
    """Modes lie at the bottom, each once; a window lies over them, and the palette over all."""
    modes = [screen for screen in app.screen_stack if isinstance(screen, ModeScreen)]
    assert modes, "a mode"
    assert app.screen_stack[: len(modes)] == modes, "nothing lies below a mode"
    assert len(set(map(id, modes))) == len(modes) <= 2, "the first mode, and the one that is shown"
    assert len(app.screen_stack) <= len(modes) + 2, "one window, and the palette"
    assert len(app._notifications) < MOST_NOTIFICATIONS


# The playground.


def playground_is_sound(state: PlaygroundState):
    """What is chosen is there, what is looked at is a window, and what can be undone is bounded."""
    scenario = state.scenario
    assert 1 <= scenario.steps <= MAX_STEPS
    assert 0 <= state.step <= scenario.steps
    assert 0 <= state.clock <= scenario.steps
    assert 0 <= state.lane < len(scenario.lanes) <= MAX_LANES
    assert 0 <= state.knob < len(state.chosen_lane.rule.knobs)
    assert 0 <= state.speed < len(SPEEDS)
    assert len(state.ghosts) <= len(scenario.lanes)
    assert not state.tour or 0 <= state.stop < state.stops
    assert len(state.past) <= UNDO_STEPS
    assert len(state.future) <= UNDO_STEPS
    window = state.visible
    assert all(map(math.isfinite, window.bounds))
    assert window.x_min < window.x_max
    assert window.y_min < window.y_max
    assert ZOOM_LIMITS[0] < window.size[0] / state.surface.width < ZOOM_LIMITS[1]
    if state.crosshair is not None:
        assert window.clamped(state.crosshair) == state.crosshair, "the crosshair is seen"
    for lane in (*scenario.lanes, *filter(None, state.ghosts)):
        lane_is_sound(lane)
    scenario_survives(scenario)


def lane_is_sound(lane):
    """Every value is one that its knob takes."""
    for name, value in lane.values:
        assert knob_takes(lane.rule.knob(name), value)
    for change in lane.changes:
        assert change.step >= 1
        assert knob_takes(lane.rule.knob(change.name), change.value)


@lru_cache(maxsize=4096)
def knob_takes(knob: Knob, value: float) -> bool:
    return knob.check(value) == value


@lru_cache(maxsize=256)
def scenario_survives(scenario: Scenario):
    """The command line and JSON bring back exactly this scenario."""
    assert Scenario.from_json(scenario.to_json()) == scenario
    found = []
    with main.make_context("adam-tui", scenario.to_flags()) as context:
        from adam_tui.cli.playground import build_scenario

        given = ("surface", "function", "lanes", "start", "steps", "noise", "seed")
        found.append(build_scenario(**{name: context.params[name] for name in given}))
    assert found == [scenario]


def clock_runs_when_it_plays(app, screen):
    """Frames come while it plays and nothing lies over it, and only then."""
    if screen._timer is not None and screen.is_mounted:
        assert screen._timer._active.is_set() == (screen.state.playing and app.screen is screen)


# Training.


def training_is_sound(state: TrainState):
    """What is selected is there, and curves that are drawn together can be told apart."""
    ids = [run.id for run in state.runs]
    assert len(set(ids)) == len(ids)
    assert (state.selected in ids) if ids else state.selected is None
    assert set(state.slots) == set(ids)
    assert all(0 <= slot < len(MARKERS) for slot in state.slots.values())
    drawn = [state.slots[run.id] for run in state.drawn]
    assert len(set(drawn)) == len(drawn), "no two of them have one colour"
    assert not state.selected or state.drawn[0].id == state.selected
    assert set(state.picked) <= set(ids)
    assert set(state.pending.values) <= set(ids)
    assert state.knob >= 0
    assert state.chosen_knob in state.knobs
    for knob in state.knobs:
        if state.tuned_run is None:
            assert knob_takes(knob, state.value(knob))
    assert 0 <= state.smoothing < len(SPANS)
    assert not (state.table or state.live) or ids
    assert state.cursor is None or state.cursor >= 1
    if state.zoom is not None:
        low, high = state.zoom
        assert math.isfinite(low)
        assert math.isfinite(high)
        assert low < high
    spec = state.spec()
    assert type(spec).from_json(spec.to_json()) == spec


def histories_are_of_runs(screen: TrainScreen):
    """What is kept of runs that are gone is gone as well."""
    feed = screen.feed
    for memory in (feed.histories, feed._readers, feed._evaluations, feed._views):
        assert set(memory) <= set(feed._known)


# Learn.


def page_is_sound(screen: LearnScreen):
    """A page is open, and scrolled to a place that it has."""
    assert 0 <= screen.state.at < len(screen.state.pages)
    leaf = screen.query_one(PageScroll)
    assert 0 <= leaf.scroll_y <= max(leaf.max_scroll_y, 0)
    assert set(screen.state.tried) <= {page.name for page in screen.state.pages}


# The screen.


def lines_fit(screen: ModeScreen):
    """The top line and the footer are one line each, no wider than the terminal."""
    if not screen.is_mounted or screen.has_class("-too-small"):
        return
    for kind in (KeyLine, TabsLine):
        line = screen.query_one(kind)
        if line.size.width:
            assert line.render().cell_length <= max(line.size.width, MIN_WIDTH), kind
            assert "\n" not in line.render().plain


def pictures_fill_their_panels(screen: ModeScreen):
    """Every panel that is seen is filled to its last cell, with characters that take one cell each."""
    if not screen.is_mounted or screen.has_class("-too-small"):
        return
    for view in screen.query(CellView):
        size = view.content_region.size
        if not all(node.display for node in view.ancestors_with_self if node is not screen.app) or not size.area:
            continue
        cells = view.cells
        assert cells is not None, f"{view.id} has no picture"
        assert (cells.width, cells.height) == size, (view.id, cells.glyph.shape, size)
        assert cells.fg.shape == cells.bg.shape == (size.height, size.width, 3)
        for line in cells.lines():
            assert line_is_printable(line), (view.id, line)
            assert cell_len(line) == size.width, (view.id, line)


@lru_cache(maxsize=8192)
def line_is_printable(line: str) -> bool:
    return all(character.isprintable() for character in line)


@lru_cache(maxsize=8192)
def has_orders(line: str) -> bool:
    """Whether a terminal would take a part of it for orders (C0 and C1 controls)."""
    return any(unicodedata.category(character) == "Cc" for character in line)


def screen_is_whole(app):
    """What the compositor hands to the terminal fills it, row by row, and holds no orders of its own."""
    width, height = app.size
    visible_screen_stack.set(list(app._background_screens))  # what lies below a window is seen through it
    strips = app.screen._compositor.render_strips()
    assert len(strips) == height
    for strip in strips:
        assert strip.cell_length == width, strip.text
        assert not has_orders(strip.text), strip.text


def size_is_said_when_too_small(app, mode):
    """Below the least size the mode says which size it needs, and shows nothing else."""
    width, height = app.size
    assert mode.has_class("-too-small") == (width < MIN_WIDTH or height < MIN_HEIGHT)
