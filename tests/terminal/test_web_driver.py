"""The driver of an app in a browser: the messages of the server that are not input."""

import asyncio

import pytest

from adam_tui.terminal.web_driver import WebDriver


class App:
    """Keeps the shapes of cells that the driver reports."""

    def __init__(self):
        self.aspects = []

    def cell_aspect_measured(self, aspect):
        self.aspects.append(aspect)


@pytest.mark.parametrize(("aspect", "reported"), [(2.25, [2.25]), (1.2, []), (30.0, []), ("2", [])])
async def test_the_shape_of_the_page_s_cells_reaches_the_app_unless_no_font_has_it(monkeypatch, aspect, reported):
    monkeypatch.setattr("textual.drivers.web_driver.InputReader", object)  # which reads this process's own stdin
    app = App()
    WebDriver(app).on_meta("cell_aspect", {"type": "cell_aspect", "aspect": aspect})
    await asyncio.sleep(0)
    assert app.aspects == reported
