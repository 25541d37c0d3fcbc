"""Keys, clicks, pastes and resizes in any order: nothing raises, nothing freezes, the state stays sound.

A run of the suite takes some; ADAM_TUI_FUZZ=10000 takes as many as it says, from as many seeds.
"""

import os
import random

import pytest
from textual.events import Paste

from adam_tui.engine.scenario import MAX_LANES
from adam_tui.ui.app import AdamApp
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.playground.state import PlaygroundState

COUNT = int(os.environ.get("ADAM_TUI_FUZZ", "80"))
SEEDS = range(max(2, COUNT // 1000))
# q, ctrl+c and ctrl+q end the program, 2 needs runs of its own, e and T have effects outside.
KEYS = [
    *"abcdfghijklmnoprsuvwxyz0,.<>+-=[]?ADFGHJKLMNOPRSZ",
    *("space", "enter", "escape", "backspace", "tab", "up", "down", "left", "right", "shift+left", "shift+right"),
    *("home", "end", "pageup", "pagedown", "ctrl+r", "ctrl+p", "f1", "1", "3"),
]
PASTES = ["0.1", "-1", "1e400", "nan", "x^2 + y^2", "\x00\x1b[31m", "١٢", "9" * 400, "1,2", "\n\n", "🙂"]
SIZES = [(20, 5), (59, 18), (60, 18), (80, 24), (120, 40), (200, 55), (300, 100)]


def check(app):
    playground = app._screens["playground"]
    state = playground.state
    scenario = state.scenario
    assert 0 <= state.step <= scenario.steps
    assert 0 <= state.lane < len(scenario.lanes) <= MAX_LANES
    assert 0 <= state.knob < len(state.chosen_lane.rule.knobs)
    assert len(state.ghosts) <= len(scenario.lanes)
    assert state.looked_at.size[0] > 0
    assert len(state.past) <= 200
    assert app.is_running


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_keys_in_any_order(seed):
    chance = random.Random(seed)
    app = AdamApp(PlaygroundState())
    done = []
    async with app.run_test(size=(120, 40)) as pilot:
        app.copy_to_clipboard = lambda text: None
        for _ in range(min(COUNT, 1000)):
            what = chance.random()
            if what < 0.9:
                done.append(chance.choice(KEYS))
                await pilot.press(done[-1])
            elif what < 0.94:
                done.append(("paste", chance.choice(PASTES)))
                app.screen.post_message(Paste(done[-1][1]))
            elif what < 0.97:
                done.append(("resize", chance.choice(SIZES)))
                await pilot.resize_terminal(*done[-1][1])
            else:
                width, height = app.size
                done.append(("click", (chance.randrange(width), chance.randrange(height))))
                await pilot.click(offset=done[-1][1])
            assert app._exception is None, done[-20:]
            check(app)
        while not isinstance(app.screen, ModeScreen):
            await pilot.press("escape")
        await pilot.resize_terminal(120, 40)
        await pilot.press("1")
        await pilot.pause()
        assert isinstance(app.screen, PlaygroundScreen), "it answers still"
