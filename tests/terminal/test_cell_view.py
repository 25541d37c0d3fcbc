"""A view sends the cells that changed and no others."""

import numpy as np
from textual.app import App

from adam_tui.draw.cells import Cells
from adam_tui.terminal.cell_view import CellSheet, CellView

INK, PAPER = (255, 255, 255), (0, 0, 0)


class OneView(App[None]):
    def compose(self):
        yield CellView()


def picture(text, width=30, height=3):
    cells = Cells.blank(width, height, INK, PAPER)
    cells.put(1, 0, text, INK)
    return cells


def shown(app):
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


async def test_what_is_shown_is_on_the_screen():
    app = OneView()
    async with app.run_test(size=(30, 3)) as pilot:
        app.query_one(CellView).show(picture("the quick brown fox jumps over"))
        await pilot.pause()
        assert shown(app) == [" " * 30, "the quick brown fox jumps over", " " * 30]


async def test_a_combining_mark_takes_no_column():
    app = OneView()
    async with app.run_test(size=(30, 3)) as pilot:
        app.query_one(CellView).show(picture("m̂ = m / (1−β1ᵗ)"))
        await pilot.pause()
        assert shown(app)[1] == "m̂ = m / (1−β1ᵗ)" + " " * 15


async def test_one_changed_cell_repaints_one_cell():
    app = OneView()
    async with app.run_test(size=(30, 3)) as pilot:
        view = app.query_one(CellView)
        view.show(picture("abc"))
        await pilot.pause()
        dirty = []
        view.query_one(CellSheet).refresh = lambda *regions: dirty.append(regions)
        view.show(picture("abc"))
        assert dirty == [], "nothing changed"
        view.show(picture("abc" + " " * 23 + "d"))
        assert dirty == [((26, 1, 1, 1),)]


async def test_the_first_picture_and_the_first_after_a_resize_are_drawn_when_they_are_painted():
    asked = []

    def draw(size):
        asked.append(size)
        return picture(f"{size.width}x{size.height}", *size)

    class Drawn(App[None]):
        def compose(self):
            yield CellView(draw)

    app = Drawn()
    async with app.run_test(size=(30, 3)) as pilot:
        await pilot.pause()
        assert shown(app)[1].rstrip() == "30x3"
        await pilot.resize_terminal(20, 4)
        await pilot.pause()
        assert shown(app)[1].rstrip() == "20x4"
        assert asked == [(30, 3), (20, 4)]


async def test_a_picture_smaller_than_the_view_is_filled_up():
    app = OneView()
    async with app.run_test(size=(40, 5)) as pilot:
        app.query_one(CellView).show(picture("abc", width=30, height=3))
        await pilot.pause()
        assert shown(app)[1].rstrip() == "abc"
        assert len(shown(app)) == 5


async def test_runs_of_one_colour_are_one_segment():
    app = OneView()
    async with app.run_test(size=(12, 3)) as pilot:
        view = app.query_one(CellView)
        cells = Cells.blank(12, 3, INK, PAPER)
        cells.fg[0, ::2] = (9, 9, 9)  # the ink of spaces is not seen
        view.show(cells)
        await pilot.pause()
        sheet = view.query_one(CellSheet)
        assert len(list(sheet.strip(0, 12))) == 1
        cells = cells.copy()
        cells.bg[0, 6:] = np.array((9, 9, 9))
        view.show(cells)
        assert len(list(sheet.strip(0, 12))) == 2
