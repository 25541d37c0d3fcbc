"""What the painter sends makes the terminal show what Textual composed, cell for cell."""

import inspect
import random

import pyte
import pytest
from rich.color import Color
from rich.style import Style
from seen_blocks import part_colors
from textual._compositor import CompositorUpdate
from textual.geometry import Size

from adam_tui.terminal import sgr
from adam_tui.terminal.flow_control import FIRST, QUESTION, FlowControl
from adam_tui.terminal.painter import Painter, split_cells, style_of
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.terminal.sgr import ENTRY, pack_style, unpack_style
from adam_tui.ui import app as app_module
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState

KEYS = [*"sofvilkpAax.,[]zHJRnuM0?3", "space", "right", "escape", "down", "f1", "home", "end", "ctrl+p", "enter", "1"]


class PaintedOnAnEmulator(AdamApp):
    """An app whose painter sends to an emulated terminal instead of none."""

    CSS_PATH = inspect.getfile(app_module).replace("app.py", "adam.tcss")

    def __init__(self, flow=None):
        super().__init__(PlaygroundState(playing=True))
        self.painter.flow = flow
        self.emulator = pyte.Screen(1, 1)
        self.stream = pyte.Stream(self.emulator)
        self.sent = 0

    def _display(self, screen, renderable):
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:
            if (self.emulator.columns, self.emulator.lines) != screen.outer_size:
                self.emulator.resize(screen.outer_size.height, screen.outer_size.width)
                self.emulator.reset_mode(7)
            self.painter.put(renderable, screen.outer_size)
            self.show()
        self.post_display_hook()

    def show(self):
        piece = self.painter.next_piece()
        self.sent += len(piece.encode())
        self.stream.feed(piece.replace(QUESTION, ""))

    def shown(self):
        """Each cell as (characters, foreground, background); the foreground of a blank does not show."""
        found = {}
        for y in range(self.emulator.lines):
            for x in range(self.emulator.columns):
                cell = self.emulator.buffer[y][x]
                fg, bg = (cell.bg, cell.fg) if cell.reverse else (cell.fg, cell.bg)
                found[y, x] = (cell.data, cell.data != " " and fg, bg)
        return canonical(found)

    def composed(self):
        """The same of what Textual would write."""
        found = {}
        for y, strip in enumerate(self.screen._compositor.render_strips()):
            x = 0
            for text, style, _ in strip:
                pen = unpack_style(style_of(style))
                fg, bg = (f"{color:06x}" for color in pen[:2])
                if pen.attributes & sgr.REVERSE:
                    fg, bg = bg, fg
                for character in split_cells(text):
                    found[y, x] = (character, character != " " and fg, bg)
                    x += 1
        return canonical(found)


def canonical(cells):
    """A block and its complement with swapped colours look the same: both become the colours of their parts."""
    for place, (text, fg, bg) in cells.items():
        if text != " " and (colors := part_colors(text, fg, bg)):
            cells[place] = (" ", False, bg) if len(set(colors)) == 1 else colors
        elif len(text) > 1:
            cells[place] = (pyte.screens.unicodedata.normalize("NFC", text), fg, bg)
    return cells


@pytest.mark.parametrize("seed", range(2))
async def test_after_any_keys_the_terminal_shows_what_was_composed(seed):
    chance, app = random.Random(seed), PaintedOnAnEmulator()
    done = []
    async with app.run_test(size=(100, 30)) as pilot:
        app.copy_to_clipboard = lambda text: None
        for number in range(30):
            done.append(chance.choice(KEYS))
            await pilot.press(done[-1])
            if number % 20 == 10:
                done.append(chance.choice([(80, 24), (130, 40), (50, 10)]))
                await pilot.resize_terminal(*done[-1])
            await pilot.pause()
            assert app.shown() == app.composed(), done


async def test_the_screen_is_sent_once():
    app = PaintedOnAnEmulator()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        await pilot.pause()
        assert app.shown() == app.composed()
        assert app.sent < 21_500, "one painting, and a few frames"
        before = app.sent
        app.screen.refresh()
        await pilot.pause()
        assert app.sent == before, "it is there already"


async def test_over_a_line_the_screen_comes_in_pieces_and_the_newest_first():
    now = [0.0]
    app = PaintedOnAnEmulator(FlowControl(lambda: now[0]))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        await pilot.pause()
        assert FIRST < app.sent < FIRST + 2000
        assert app.is_behind
        sent, before = app.sent, app.composed()
        app.painter.flow.room = lambda: 500
        await pilot.press("+")
        await pilot.pause()
        changed = {place for place, cell in app.composed().items() if cell != before[place]}
        assert 0 < len(changed) < 20
        assert {place: app.shown()[place] for place in changed} == {place: app.composed()[place] for place in changed}
        assert app.sent < sent + 2000
        while app.is_behind:
            app.show()
        assert app.shown() == app.composed()


def test_an_unknown_kind_of_update_is_refused():
    with pytest.raises(TypeError, match="CompositorUpdate"):
        Painter(ScreenBuffer(1, 1)).put(CompositorUpdate(), Size(1, 1))


def test_the_columns_of_a_text():
    assert split_cells("aé漢b") == ("a", "é", "漢", "", "b")
    assert split_cells("m̂ v̂") == ("m̂", " ", "v̂")
    assert split_cells("") == ()


@pytest.mark.parametrize(
    ("style", "packed"),
    [
        (None, pack_style(sgr.DEFAULT, sgr.DEFAULT)),
        (Style.parse("#010203 on #040506"), pack_style(0x010203, 0x040506)),
        (Style.parse("bold italic underline #010203"), pack_style(0x010203, sgr.DEFAULT, 0b1101)),
        (Style.parse("reverse dim red"), pack_style(ENTRY | 1, sgr.DEFAULT, sgr.REVERSE | sgr.DIM)),
        (Style(bgcolor=Color.from_ansi(200)), pack_style(sgr.DEFAULT, ENTRY | 200)),
    ],
)
def test_a_rich_style_is_packed(style, packed):
    assert style_of(style) == packed
