"""The shape of the terminal's cells is measured, or asked for, and circles are round with it."""

import functools
import os

import pytest
from pty_terminal import COMMAND, Terminal
from seen_blocks import EITHER_BLOCK

from adam_tui.draw.palette import DARK
from adam_tui.engine.scenario import Scenario
from adam_tui.terminal.cell_size import QUESTION, CellSizeAnswers
from adam_tui.terminal.environment import aspect_of
from adam_tui.ui.layout import contour_region
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.view import contour

# A race that stays where it starts: its contour never changes.
STILL = Scenario(start=(0.0, 0.0), steps=1)
FLAGS = ("--start", "0,0", "--steps", "1")
SIZE = (100, 30)


@pytest.mark.parametrize(
    ("pixels", "aspect"),
    [
        ((900, 540), 2.0),
        ((900, 630), 630 / 30 / 9),
        ((0, 0), None),  # not known
        ((900, 0), None),
        ((100, 30), None),  # cells in place of pixels
        ((65535, 540), None),
    ],
)
def test_a_shape_that_no_font_has_is_no_answer(pixels, aspect):
    assert aspect_of(*SIZE, *pixels) == aspect


def answers(*pieces):
    """The input without answers, and the shapes that were answered."""
    cells, rest, aspects = CellSizeAnswers(), "", []
    for piece in pieces:
        text, aspect = cells.take(piece, *SIZE)
        rest += text
        aspects += [] if aspect is None else [aspect]
    return rest, aspects


def test_answers_are_taken_out_of_the_keys_around_them():
    assert answers("ab\x1b[6;21;9tc\x1b[A") == ("abc\x1b[A", [21 / 9])
    assert answers("\x1b[4;630;900t") == ("", [21 / 9])
    assert answers("\x1b[4;0;0t\x1b[6;1;1t") == ("", [])


def test_the_size_of_one_cell_counts_more_than_that_of_all():
    assert answers("\x1b[6;21;9t\x1b[4;640;900t") == ("", [21 / 9])
    assert answers("\x1b[6;21;9t", "\x1b[4;640;900t", "\x1b[6;18;9t") == ("", [21 / 9, 2.0])


def test_an_answer_may_come_in_pieces_and_keys_like_it_pass():
    assert answers("a\x1b[6;2", "1;9tb") == ("ab", [21 / 9])
    assert answers("\x1b[6~", "\x1b", "[6;5~", "\x1b[4;3R", "\x1b") == ("\x1b[6~\x1b[6;5~\x1b[4;3R\x1b", [])


def drawn(t):
    """The contour on the screen."""
    row, column, width, height = contour_region(*SIZE, hinted=False)
    return [line[column : column + width].translate(EITHER_BLOCK) for line in t.screen.display[row : row + height]]


@functools.cache
def picture(aspect):
    """The contour as it is for cells of a shape."""
    _, _, width, height = contour_region(*SIZE, hinted=False)
    lines = contour(PlaygroundState(STILL, cell_aspect=aspect), width, height, DARK).lines()
    return [line.translate(EITHER_BLOCK) for line in lines]


class Answering(Terminal):
    """A terminal that answers the question for the size of its cells."""

    def answer(self, data):
        super().answer(data)
        if QUESTION.encode() in data:
            os.write(self.fd, b"\x1b[4;630;900t")


def test_pictures_of_cells_differ_in_shape():
    assert picture(2.0) != picture(2.2) != picture(21 / 9)


def test_the_first_picture_is_round_already_and_another_font_is_followed():
    with Terminal((*COMMAND, *FLAGS), *SIZE, pixels=(1000, 660)) as t:
        t.until(lambda: drawn(t) == picture(2.2))
        assert QUESTION.encode() not in t.raw
        t.resize(*SIZE, pixels=(1000, 540))
        t.until(lambda: drawn(t) == picture(1.8))


def test_a_terminal_without_pixels_is_asked_and_silence_is_an_answer():
    with Answering((*COMMAND, *FLAGS), *SIZE) as t:
        t.until(lambda: drawn(t) == picture(21 / 9))
    with Terminal((*COMMAND, *FLAGS), *SIZE) as t:
        t.until(lambda: drawn(t) == picture(2.0))
        t.until(lambda: QUESTION.encode() in t.raw)
        t.resize(SIZE[0] + 1, SIZE[1])
        t.resize(*SIZE)
        t.until(lambda: t.read(0.5) == 0)
        assert t.raw.count(QUESTION.encode()) == 1


def test_the_settings_overrule_the_terminal(tmp_path):
    settings = tmp_path / "config.toml"
    settings.write_text("cell_aspect = 1.8")
    with Answering((*COMMAND, *FLAGS), *SIZE, env={"ADAM_TUI_CONFIG": str(settings)}) as t:
        t.until(lambda: drawn(t) == picture(1.8))
        t.until("? keys")
        t.until(lambda: t.read(0.5) == 0)
        assert drawn(t) == picture(1.8)


def test_a_plot_on_a_terminal_is_round_too():
    seen = []
    for pixels in ((0, 0), (1000, 660)):
        with Terminal((*COMMAND, "plot", *FLAGS), *SIZE, pixels=pixels) as t:
            assert t.wait() == 0
            t.read(0.3)
            seen.append(t.text())
    assert "bowl" in seen[0]
    assert seen[0] != seen[1]
