"""The top line: the modes, and the status in the room beside them."""

import pytest

from adam_tui.ui.actions import MODES
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.widgets.tabs_line import TabsLine, status_room


@pytest.mark.parametrize("width", [60, 80, 100, 200])
async def test_a_status_that_fills_the_room_is_whole(width):
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(width, 24)):
        line = app.screen.query_one(TabsLine)
        room = status_room(width)
        line.status = "#" * room
        text = line.render().plain
        assert text.rstrip().endswith("#" * room)
        assert "…" not in text
        assert all(title in text for _, _, title in MODES)
        line.status = "#" * (room + 1)
        assert "…" in line.render().plain
