"""The invariants of the app, one function for each part; each raises AssertionError.

`check_app` calls them all. The tests of random keys and the campaign of `campaigns/keys.py` share them.
"""

import math
import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from textual._context import visible_screen_stack

from adam_tui.cli.app import main
from adam_tui.engine.knobs import Knob
from adam_tui.engine.scenario import MAX_LANES, MAX_STEPS, Scenario
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.learn.screen import LearnScreen, PageScroll
from adam_tui.ui.mode_screen import MIN_HEIGHT, MIN_WIDTH, ModeScreen
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.playground.state import SPEEDS, PlaygroundState
from adam_tui.ui.playground.update import UNDO_STEPS, ZOOM_LIMITS
from adam_tui.ui.sweep.screen import SweepScreen
from adam_tui.ui.sweep.state import SweepState
from adam_tui.ui.train.screen import TrainScreen
from adam_tui.ui.train.state import MOST_DRAWN, SPANS, TrainState
from adam_tui.ui.widgets.key_line import KeyLine
from adam_tui.ui.widgets.tabs_line import TabsLine

MOST_NOTIFICATIONS = 200  # far more than can be read; each goes after some seconds


def check_app(app, whole=False):
    """Check every mode that was opened so far, and the screen.

    `whole` also checks the composed screen, and so the pictures below a window.
    """
    assert app._exception is None, repr(app._exception)
    assert app.is_running
    check_screen_stack(app)
    for screen in app._screens.values():
        if isinstance(screen, PlaygroundScreen):
            check_playground(screen.state)
            check_clock(app, screen)
        elif isinstance(screen, TrainScreen):
            check_training(screen.state)
            check_histories(screen)
        elif isinstance(screen, SweepScreen):
            check_sweep(screen.state)
        elif isinstance(screen, LearnScreen) and screen.is_mounted:
            check_page(screen)
    mode = next(screen for screen in reversed(app.screen_stack) if isinstance(screen, ModeScreen))
    check_lines(mode)
    if whole:
        check_message_for_tiny_terminals(app, mode)
        check_composed_screen(app)
    seen_through = app.screen.styles.background.a < 1  # not in a theme of the terminal's own colours
    if mode is app.screen or (whole and seen_through):
        check_pictures(mode)


def check_screen_stack(app):
    """Modes lie at the bottom, each once; a window lies over them, and the palette over all."""
    modes = [screen for screen in app.screen_stack if isinstance(screen, ModeScreen)]
    assert modes, "a mode"
    assert app.screen_stack[: len(modes)] == modes, "nothing lies below a mode"
    assert len(set(map(id, modes))) == len(modes) <= 2, "the first mode, and the one that is shown"
    assert len(app.screen_stack) <= len(modes) + 2, "one window, and the palette"
    assert len(app._notifications) < MOST_NOTIFICATIONS


# The playground.


def check_playground(state: PlaygroundState):
    """The selected lane and knob exist, the visible part is a window, and the undo history is bounded."""
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
        check_lane(lane)
    check_round_trip(scenario)


def check_lane(lane):
    """Every value is one that its knob accepts."""
    for name, value in lane.values:
        assert knob_accepts(lane.rule.knob(name), value)
    for change in lane.changes:
        assert change.step >= 1
        assert knob_accepts(lane.rule.knob(change.name), change.value)


@lru_cache(maxsize=4096)
def knob_accepts(knob: Knob, value: float) -> bool:
    return knob.check(value) == value


@lru_cache(maxsize=256)
def check_round_trip(scenario: Scenario):
    """The command line and JSON bring back exactly this scenario."""
    assert Scenario.from_json(scenario.to_json()) == scenario
    results = []
    with main.make_context("adam-tui", scenario.to_flags()) as context:
        from adam_tui.cli.playground import build_scenario

        given = ("surface", "function", "lanes", "start", "steps", "noise", "seed")
        results.append(build_scenario(**{name: context.params[name] for name in given}))
    assert results == [scenario]


def check_clock(app, screen):
    """The timer of the frames runs while the playground plays on top, and only then."""
    if screen._timer is not None and screen.is_mounted:
        assert screen._timer._active.is_set() == (screen.state.playing and app.screen is screen)


# Training.


def check_sweep(state: SweepState):
    """The sweep that is shown is the selected one, and the chosen cell is within its grid."""
    assert (state.selected in state.ids) if state.ids else state.selected is None
    if state.view is not None:
        assert state.view.id == state.selected
        rows, columns = state.grid.shape
        row, column = state.cell(state.grid)
        assert 0 <= row < rows
        assert 0 <= column < columns
        assert len(set(state.axes)) == len(state.axes)


def check_training(state: TrainState):
    """The selected run exists, and curves that are drawn together differ in colour or dashes."""
    ids = [run.id for run in state.runs]
    assert len(set(ids)) == len(ids)
    assert (state.selected in ids) if ids else state.selected is None
    assert set(state.slots) == set(ids)
    assert all(0 <= slot < MOST_DRAWN for slot in state.slots.values())
    drawn = [state.slots[run.id] for run in state.drawn]
    assert len(set(drawn)) == len(drawn), "no two of them look the same"
    assert not state.selected or state.drawn[0].id == state.selected
    assert set(state.picked) <= set(ids)
    assert set(state.pending.values) <= set(ids)
    assert state.knob >= 0
    assert state.chosen_knob in state.knobs
    for knob in state.knobs:
        if state.tuned_run is None:
            assert knob_accepts(knob, state.value(knob))
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


def check_histories(screen: TrainScreen):
    """Nothing is kept of deleted runs."""
    feed = screen.feed
    for memory in (feed.histories, feed._readers, feed._evaluations, feed._views):
        assert set(memory) <= set(feed._runs)


# Learn.


def check_page(screen: LearnScreen):
    """A page is open, and scrolled to a position within it."""
    assert 0 <= screen.state.at < len(screen.state.pages)
    leaf = screen.query_one(PageScroll)
    assert 0 <= leaf.scroll_y <= max(leaf.max_scroll_y, 0)
    assert set(screen.state.tried) <= {page.name for page in screen.state.pages}


# The screen.


def check_lines(screen: ModeScreen):
    """The top line and the footer are one line each, no wider than the terminal."""
    if not screen.is_mounted or screen.has_class("-too-small"):
        return
    for kind in (KeyLine, TabsLine):
        line = screen.query_one(kind)
        if line.size.width:
            assert line.render().cell_length <= max(line.size.width, MIN_WIDTH), kind
            assert "\n" not in line.render().plain


def check_pictures(screen: ModeScreen):
    """Every visible panel is filled to its last cell, with characters that take one cell each."""
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
def has_controls(line: str) -> bool:
    """Whether it contains control characters (C0 and C1)."""
    return any(unicodedata.category(character) == "Cc" for character in line)


def check_composed_screen(app):
    """The composed screen fills the terminal row by row, without control characters."""
    width, height = app.size
    visible_screen_stack.set(list(app._background_screens))  # the screens below a window shine through
    strips = app.screen._compositor.render_strips()
    assert len(strips) == height
    for strip in strips:
        assert strip.cell_length == width, strip.text
        assert not has_controls(strip.text), strip.text


def check_message_for_tiny_terminals(app, mode):
    """On a tiny terminal the mode shows only which size it needs."""
    width, height = app.size
    assert mode.has_class("-too-small") == (width < MIN_WIDTH or height < MIN_HEIGHT)
