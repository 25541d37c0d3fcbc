from dataclasses import replace

import numpy as np

from adam_tui.draw.palette import DARK, LIGHT
from adam_tui.engine.lane import Lane
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import Scenario, suggested_lanes
from adam_tui.engine.surfaces import find_surface
from adam_tui.ui.playground import view
from adam_tui.ui.playground.state import PlaygroundState


def test_the_notes_on_the_learning_rate_follow_the_knobs_without_a_gap():
    state = PlaygroundState(Scenario(lanes=(Lane.of("sgd", {"lr": 0.1}),)))
    lines = [line.strip() for line in view.knobs(state, 46, 6, DARK).lines()]
    assert lines[0].startswith("▸ α lr")
    assert lines[1].startswith("λ weight_decay")
    assert lines[2:] == ["sharpest curvature 2 · stable for lr < 1", "lr 0.1 is below it: stable here", "", ""]


def test_short_of_rows_every_knob_stays_before_all_lanes_and_the_title_counts_those_without_a_row():
    def heights(lanes, rows):
        adam_first = ("adam", *(name for name in OPTIMIZERS if name != "adam"))
        state = PlaygroundState(Scenario(lanes=suggested_lanes(adam_first, find_surface("bowl"))[:lanes], steps=9))
        shared = view.side_heights(rows, 27, state)
        assert sum(shared) == rows
        return (*shared, view.hidden_knobs(state, shared))

    assert heights(1, 20) == (4, 9, 0, 7, 0)  # six knobs and a note
    assert heights(5, 20) == (7, 8, 0, 5, 0)
    assert heights(13, 20) == (7, 8, 0, 5, 0)
    assert heights(13, 16) == (6, 5, 0, 5, 3)
    assert heights(13, 15) == (6, 5, 0, 4, 3)


def test_many_lanes_get_a_taller_loss_chart_and_leave_out_the_rule():
    surface = find_surface("bowl")
    one, all_of_them = (
        view.side_heights(52, 58, PlaygroundState(Scenario(lanes=suggested_lanes(names, surface), steps=9)))
        for names in (("adam",), ("adam", *[name for name in OPTIMIZERS if name != "adam"][:12]))
    )
    assert one.inspector == 1 + 7 + 5 + view.FRAME  # the head, the terms of Adam and its rule
    assert all_of_them.inspector == 1 + 7 + view.FRAME
    assert all_of_them.loss == 16


def test_a_lane_marks_the_timeline_in_its_own_colour():
    lanes = (Lane.of("sgd", {"lr": 0.1}), Lane.of("sgd", {"lr": 10.0}))
    cells = view.timeline(PlaygroundState(Scenario(lanes=lanes, steps=200)), 100, DARK)
    colors = {chr(glyph): tuple(cells.fg[0, i].tolist()) for i, glyph in enumerate(cells.glyph[0])}
    assert colors["✓"] == DARK.lane(0)[0]
    assert colors["✕"] == DARK.lane(1)[0]


def test_equal_losses_share_a_rank_and_the_next_one_counts_on():
    lanes = tuple(Lane.of("sgd", {"lr": lr}) for lr in (0.1, 0.1, 0.05))
    rows = view.lanes(PlaygroundState(Scenario(lanes=lanes), clock=10.0), 60, 4, DARK).lines()[1:]
    assert [row[2:5].strip() for row in rows] == ["1", "1", "3"]


def colors_of(cells):
    """The colours of the lanes whose dots are drawn."""
    dots = (cells.glyph > 0x2800) & (cells.glyph < 0x2900)
    drawn = set(map(tuple, cells.fg[dots].tolist()))
    colors = (DARK.lane(i)[0] for i in range(3))
    return {i for i, color in enumerate(colors) if {color, DARK.dimmed(color)} & drawn}


def test_one_lane_alone_leaves_the_others_out_of_the_contour_and_the_losses():
    lanes = suggested_lanes(("adam", "sgd", "momentum"), find_surface("bowl"))
    state = PlaygroundState(Scenario(lanes=lanes, steps=60), lane=1, clock=60.0)
    assert colors_of(view.loss(state, 60, 12, DARK)) == {0, 1, 2}
    assert colors_of(view.loss(replace(state, solo=True), 60, 12, DARK)) == {1}
    assert [view.contour(state, 80, 30, DARK).lines().__str__().count(marker) for marker in "●◆▲"] == [1, 1, 1]
    assert [view.contour(replace(state, solo=True), 80, 30, DARK).lines().__str__().count(m) for m in "●◆▲"] == [
        0,
        1,
        0,
    ]


def test_at_the_start_the_arithmetic_shows_the_gradient_and_no_nan():
    lines = view.inspector(PlaygroundState(Scenario(start=(1.0, -2.0))), 40, 12, DARK).lines()
    assert lines[1].split() == ["g", "2.00000", "-4.00000"]
    assert lines[2].split() == ["m", "–", "–"]
    assert not any("nan" in line for line in lines)


def test_a_fork_while_paused_shows_the_path_and_the_loss_before_and_after_the_change():
    lane = Lane.of("sgd", {"lr": 0.01})
    forked = lane.forked(20, "lr", 0.001)
    state = PlaygroundState(Scenario(lanes=(lane,), steps=100), clock=20.0, fork=True)
    turned = replace(state, scenario=replace(state.scenario, lanes=(forked,)), ghosts=(lane,))

    def cells_of(draw, shown, color):
        cells = draw(shown, 60, 24, DARK)
        dots = (cells.glyph > 0x2800) & (cells.glyph < 0x2900)
        return set(map(tuple, np.argwhere(dots & (np.abs(cells.fg.astype(int) - color).max(axis=2) < 12)).tolist()))

    rest, ghost = DARK.dimmed(DARK.lane(0)[0]), DARK.faint
    assert not cells_of(view.loss, state, rest)
    assert max(column for _, column in cells_of(view.loss, turned, rest)) >= 58
    assert max(column for _, column in cells_of(view.loss, turned, ghost)) > 40
    assert not cells_of(view.loss, replace(turned, playing=True), rest)
    before, after = (view.contour(each, 80, 30, DARK) for each in (state, turned))
    assert after.changed(before).any()


def test_no_vector_has_the_colour_of_the_path_that_it_covers():
    for palette in (DARK, LIGHT):
        for lanes in (1, 2, 8):
            names = tuple(OPTIMIZERS)[:lanes]
            for chosen in range(lanes):
                race = Scenario(lanes=suggested_lanes(names, find_surface("bowl")))
                colors = view.vector_colors(PlaygroundState(race, lane=chosen), palette)
                assert len({*colors.values(), palette.lane(chosen)[0]}) == 4
