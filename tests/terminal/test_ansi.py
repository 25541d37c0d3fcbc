"""A printed picture has the colours that the terminal supports, and is a picture even without any."""

import re

import numpy as np
import pyte
import pytest

from adam_tui.draw.cells import Cells
from adam_tui.terminal.ansi import to_ansi

WHITE, BLACK, AMBER, NIGHT = (255, 255, 255), (0, 0, 0), (255, 215, 0), (0, 0, 95)


def picture(*rows: str, fg=WHITE, bg=BLACK) -> Cells:
    cells = Cells.blank(len(rows[0]), len(rows), fg, bg)
    for row, text in enumerate(rows):
        cells.put(row, 0, text, fg)
    return cells


def halves(upper: list[int], lower: list[int]) -> Cells:
    """One row of half blocks in greys."""
    cells = picture("▀" * len(upper))
    cells.fg[0], cells.bg[0] = np.array(upper)[:, None], np.array(lower)[:, None]
    return cells


# Escapes


def test_truecolor():
    assert to_ansi(picture("ab", fg=AMBER, bg=NIGHT), "truecolor") == "\x1b[38;2;255;215;0;48;2;0;0;95mab\x1b[m"


def test_256_colours():
    assert to_ansi(picture("ab", fg=AMBER, bg=NIGHT), "256") == "\x1b[38;5;220;48;5;17mab\x1b[m"


def test_16_colours():
    assert to_ansi(picture("ab", fg=(255, 250, 5), bg=(0, 0, 200)), "16") == "\x1b[93;44mab\x1b[m"


def test_text_never_falls_onto_its_background_in_16_colours():
    assert to_ansi(picture("a", fg=(10, 10, 10), bg=(0, 0, 0)), "16") == "\x1b[97;40ma\x1b[m"
    assert to_ansi(picture("a", fg=(250, 250, 250), bg=(255, 255, 255)), "16") == "\x1b[30;107ma\x1b[m"


def test_an_escape_stands_only_where_the_style_changes_and_each_line_ends_with_a_reset():
    cells = picture("aabb", "cccc", fg=AMBER, bg=NIGHT)
    cells.put(0, 2, "bb", WHITE, bold=True)
    assert to_ansi(cells, "256").split("\n") == [
        "\x1b[38;5;220;48;5;17maa\x1b[1;38;5;231mbb\x1b[m",
        "\x1b[38;5;220;48;5;17mcccc\x1b[m",
    ]


def test_the_foreground_of_a_blank_costs_nothing():
    cells = picture("a b", fg=AMBER, bg=NIGHT)
    cells.fg[0, 1] = WHITE
    assert to_ansi(cells, "256") == "\x1b[38;5;220;48;5;17ma b\x1b[m"


def test_bold_ends_where_it_ends():
    cells = picture("ab", fg=AMBER, bg=NIGHT)
    cells.bold[0, 0] = True
    assert to_ansi(cells, "256") == "\x1b[1;38;5;220;48;5;17ma\x1b[22mb\x1b[m"


@pytest.mark.parametrize("depth", ["truecolor", "256"])
def test_a_terminal_shows_the_cells(depth):
    """Read back by a terminal emulator: glyph, colours and bold of every cell of a random picture."""
    rng = np.random.default_rng(5)
    palette = np.array([(0, 0, 0), (135, 95, 135), (215, 135, 215)], np.uint8)  # entries of the 256
    cells = Cells(
        rng.choice(np.array([ord(c) for c in " a▀⣿●"], np.uint32), (6, 30)),
        palette[rng.integers(0, 3, (6, 30))],
        palette[rng.integers(0, 3, (6, 30))],
        rng.random((6, 30)) < 0.3,
    )
    screen = pyte.Screen(30, 6)
    pyte.Stream(screen).feed(to_ansi(cells, depth).replace("\n", "\r\n"))
    for row in range(6):
        for column in range(30):
            shown, glyph = screen.buffer[row][column], chr(cells.glyph[row, column])
            assert shown.data == glyph
            assert shown.bg == "{:02x}{:02x}{:02x}".format(*cells.bg[row, column])
            if glyph != " ":
                assert shown.fg == "{:02x}{:02x}{:02x}".format(*cells.fg[row, column])
                assert shown.bold == cells.bold[row, column]


# Without colour


def test_half_blocks_become_shades():
    cells = halves([0, 255, 0, 120, 255], [0, 255, 255, 100, 200])
    assert to_ansi(cells, "none") == " ▓▒░▓"
    assert to_ansi(cells, "none", ascii=True) == " @=-@"


def test_shades_span_from_the_darkest_to_the_brightest_of_a_dim_picture():
    assert to_ansi(halves([10, 20, 30, 40], [10, 20, 30, 40]), "none") == " ░▒▓"


def test_a_blank_in_a_colour_of_the_picture_is_part_of_it():
    cells = halves([0, 0, 255], [0, 0, 255])
    cells.glyph[0, 1] = ord(" ")
    cells.bg[0, 1] = 255
    assert to_ansi(cells, "none") == " ▓▓"


def test_text_on_another_background_stays_text():
    cells = Cells.blank(6, 1, WHITE, (40, 40, 40))
    cells.put(0, 0, "▀▀", WHITE, bg=WHITE)
    cells.put(0, 1, "▀", BLACK, bg=BLACK)
    cells.put(0, 3, "lr", WHITE)
    assert to_ansi(cells, "none") == "▓  lr "


def test_plain_glyphs_stay_without_colour():
    assert to_ansi(picture("│⡠⠊●", " 1k ", fg=AMBER), "none") == "│⡠⠊●\n 1k "


@pytest.mark.parametrize("depth", ["truecolor", "256", "16", "none"])
def test_ascii_is_ascii_at_any_depth(depth):
    text = to_ansi(picture("┤⡠●▀✕→漢"), depth, ascii=True)
    assert text.isascii()
    assert re.sub(r"\x1b\[[0-9;]*m", "", text).startswith("|*o")
    assert text.count("?") == 1


def test_a_combining_mark_stays_with_its_letter_and_moves_nothing_but_in_ascii():
    cells = Cells.blank(4, 1, (255, 255, 255), (0, 0, 0))
    cells.put(0, 0, "m̂ v̂", (255, 0, 0))
    assert to_ansi(cells, "none") == "m̂ v̂ "
    assert to_ansi(cells, "none", ascii=True) == "m^ v"
    assert to_ansi(cells, "truecolor").count("m̂") == 1


def test_axes_and_states_have_ascii_likenesses():
    cells = Cells.blank(6, 1, (255, 255, 255), (0, 0, 0))
    cells.put(0, 0, "╶✓▴▾◂✦", (255, 0, 0))
    assert to_ansi(cells, "none", ascii=True) == "-v^v<Y"
