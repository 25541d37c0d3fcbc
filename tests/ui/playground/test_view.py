from adam_tui.draw.palette import DARK
from adam_tui.engine.lane import Lane
from adam_tui.engine.scenario import Scenario
from adam_tui.ui.playground import view
from adam_tui.ui.playground.state import PlaygroundState


def test_the_notes_on_the_learning_rate_follow_the_knobs_without_a_gap():
    state = PlaygroundState(Scenario(lanes=(Lane.of("sgd", {"lr": 0.1}),)))
    lines = [line.strip() for line in view.knobs(state, 46, 6, DARK).lines()]
    assert lines[0].startswith("▸ α lr")
    assert lines[1].startswith("λ weight_decay")
    assert lines[2:] == ["λmax 2 · stable for lr < 1", "lr 0.1 is below it: stable here", "", ""]
