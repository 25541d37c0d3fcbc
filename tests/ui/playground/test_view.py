from dataclasses import replace

from adam_tui.draw.palette import DARK
from adam_tui.engine.lane import Lane
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


def colors_of(cells):
    """The colours of the lanes whose dots are drawn."""
    dots = (cells.glyph > 0x2800) & (cells.glyph < 0x2900)
    drawn = set(map(tuple, cells.fg[dots].tolist()))
    return {i for i in range(3) if DARK.lane(i)[0] in drawn}


def test_one_lane_alone_leaves_the_others_out_of_the_contour_and_the_losses():
    lanes = suggested_lanes(("adam", "sgd", "momentum"), find_surface("bowl"))
    state = PlaygroundState(Scenario(lanes=lanes, steps=60), lane=1, clock=60.0)
    for draw, size in ((view.contour, (80, 30)), (view.loss, (60, 12))):
        assert colors_of(draw(state, *size, DARK)) == {0, 1, 2}
        assert colors_of(draw(replace(state, solo=True), *size, DARK)) == {1}


def test_at_the_start_the_arithmetic_shows_the_gradient_and_no_nan():
    lines = view.inspector(PlaygroundState(Scenario(start=(1.0, -2.0))), 40, 12, DARK).lines()
    assert lines[1].split() == ["g", "2.00000", "-4.00000"]
    assert lines[2].split() == ["m", "–", "–"]
    assert not any("nan" in line for line in lines)
