"""What is printed shows the picture's colours as well as the terminal can, and the picture even without any."""

import re
import unicodedata

import numpy as np
import pyte
import pytest

from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import MARKERS
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.surfaces import SURFACES
from adam_tui.terminal.ansi import (
    ASCII_SHADES,
    color_depth,
    plain,
    to_ansi,
    to_ansi16,
    to_ascii,
    to_console,
    to_xterm256,
)

WHITE, BLACK, AMBER, NIGHT = (255, 255, 255), (0, 0, 0), (255, 215, 0), (0, 0, 95)


def xterm_palette() -> list[tuple[int, int, int]]:
    """Entries 16 to 255, as xterm's documentation gives them."""
    levels = [0, 95, 135, 175, 215, 255]
    cube = [(levels[i // 36], levels[i // 6 % 6], levels[i % 6]) for i in range(216)]
    return cube + [(8 + 10 * i,) * 3 for i in range(24)]


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


# Colours


def test_every_entry_of_the_palette_maps_to_itself():
    assert to_xterm256(np.array(xterm_palette(), np.uint8)).tolist() == list(range(16, 256))


def test_the_nearest_entry_is_chosen():
    colors = np.random.default_rng(0).integers(0, 256, (2000, 3)).astype(np.uint8)
    palette = np.array(xterm_palette())
    distance = ((colors[:, None].astype(int) - palette) ** 2).sum(axis=-1)
    chosen = to_xterm256(colors).astype(int) - 16
    np.testing.assert_array_equal(distance[np.arange(2000), chosen], distance.min(axis=1))


def test_the_shape_of_the_colours_is_kept():
    assert to_xterm256(np.zeros((4, 5, 3), np.uint8)).shape == (4, 5)
    assert to_ansi16(np.zeros((4, 5, 3), np.uint8)).shape == (4, 5)


# Escapes


def test_truecolor():
    assert to_ansi(picture("ab", fg=AMBER, bg=NIGHT), "truecolor") == "\x1b[38;2;255;215;0;48;2;0;0;95mab\x1b[0m"


def test_256_colours():
    assert to_ansi(picture("ab", fg=AMBER, bg=NIGHT), "256") == "\x1b[38;5;220;48;5;17mab\x1b[0m"


def test_16_colours():
    assert to_ansi(picture("ab", fg=(255, 250, 5), bg=(0, 0, 200)), "16") == "\x1b[93;44mab\x1b[0m"


def test_text_never_falls_onto_its_background_in_16_colours():
    assert to_ansi(picture("a", fg=(10, 10, 10), bg=(0, 0, 0)), "16") == "\x1b[97;40ma\x1b[0m"
    assert to_ansi(picture("a", fg=(250, 250, 250), bg=(255, 255, 255)), "16") == "\x1b[30;107ma\x1b[0m"


def test_an_escape_stands_only_where_the_style_changes_and_each_line_ends_with_a_reset():
    cells = picture("aabb", "cccc", fg=AMBER, bg=NIGHT)
    cells.put(0, 2, "bb", WHITE, bold=True)
    assert to_ansi(cells, "256").split("\n") == [
        "\x1b[38;5;220;48;5;17maa\x1b[1;38;5;231mbb\x1b[0m",
        "\x1b[38;5;220;48;5;17mcccc\x1b[0m",
    ]


def test_the_foreground_of_a_blank_costs_nothing():
    cells = picture("a b", fg=AMBER, bg=NIGHT)
    cells.fg[0, 1] = WHITE
    assert to_ansi(cells, "256") == "\x1b[38;5;220;48;5;17ma b\x1b[0m"


def test_bold_ends_where_it_ends():
    cells = picture("ab", fg=AMBER, bg=NIGHT)
    cells.bold[0, 0] = True
    assert to_ansi(cells, "256") == "\x1b[1;38;5;220;48;5;17ma\x1b[22mb\x1b[0m"


@pytest.mark.parametrize("depth", ["truecolor", "256"])
def test_a_terminal_shows_the_cells(depth):
    """Read back by a terminal emulator: glyph, colours and bold of every cell of a random picture."""
    rng = np.random.default_rng(5)
    palette = np.array(xterm_palette(), np.uint8)
    cells = Cells(
        rng.choice(np.array([ord(c) for c in " a▀⣿●"], np.uint32), (6, 30)),
        palette[rng.integers(0, 240, (6, 30)) // 80 * 80],
        palette[rng.integers(0, 240, (6, 30)) // 80 * 80],
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


# What a terminal can show


@pytest.mark.parametrize(
    ("environ", "isatty", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, True, "truecolor"),
        ({"TERM": "xterm", "COLORTERM": "24bit"}, True, "truecolor"),
        ({"TERM": "xterm-direct"}, True, "truecolor"),
        ({"TERM": "screen-256color"}, True, "256"),
        ({"TERM": "linux"}, True, "16"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, True, "none"),
        ({}, True, "none"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, False, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, True, "256"),
    ],
)
def test_the_depth_that_the_environment_asks_for(environ, isatty, depth):
    assert color_depth(environ, isatty) == depth


def test_a_combining_mark_stays_with_its_letter_and_moves_nothing():
    cells = Cells.blank(4, 1, (255, 255, 255), (0, 0, 0))
    cells.put(0, 0, "m̂ v̂", (255, 0, 0))
    assert to_ansi(cells, "none") == "m̂ v̂ "
    assert to_ansi(cells, "none", ascii=True) == "m v "
    assert to_ansi(cells, "truecolor").count("m̂") == 1


def test_axes_and_states_have_ascii_likenesses():
    cells = Cells.blank(6, 1, (255, 255, 255), (0, 0, 0))
    cells.put(0, 0, "╶✓▴▾◂✦", (255, 0, 0))
    assert to_ansi(cells, "none", ascii=True) == "-v^v<Y"


def test_every_sign_of_the_texts_has_an_ascii_likeness():
    rules = [text for each in OPTIMIZERS.values() for text in (each.title, *each.rule)]
    knobs = [text for each in OPTIMIZERS.values() for knob in each.knobs for text in (knob.symbol, knob.meaning)]
    scenes = [text for each in PRESETS.values() for text in (each.title, each.sentence)]
    surfaces = [text for each in SURFACES.values() for text in (each.title, each.note)]
    signs = {sign for sign in "".join([*rules, *knobs, *scenes, *surfaces]) if not unicodedata.combining(sign)}
    assert [sign for sign in signs if to_ascii(sign) == "?" and sign != "?"] == []


class TestPlain:
    @pytest.fixture
    def picture(self):
        cells = Cells.blank(6, 1, (200, 200, 200), (10, 10, 20))
        for column, shade in enumerate((10, 45, 70)):
            cells.put(0, column, "▀", (shade,) * 3, bg=(shade,) * 3)
        cells.put(0, 3, "●", (255, 100, 100), bg=(70, 70, 70))
        cells.put(0, 4, "⠙", (255, 100, 100), bg=(70, 70, 70))
        return cells

    def test_with_few_colours_bands_are_shades_of_grey_on_black_and_the_path_keeps_its_colour(self, picture):
        drawn = plain(picture, ascii=False, few_colors=True)
        assert drawn.lines() == [" ▒▓●⠙ "]
        assert drawn.fg[0, 1].tolist() == drawn.fg[0, 2].tolist() == [127, 127, 127]
        assert drawn.fg[0, 3].tolist() == [255, 100, 100]
        assert drawn.bg[0, :5].max() == 0

    def test_in_ascii_bands_head_and_path_are_told_apart_and_colours_stay(self, picture):
        drawn = plain(picture, ascii=True, few_colors=False)
        assert drawn.lines() == [" =@o* "]
        assert (drawn.fg == picture.fg).all()
        assert (drawn.bg == picture.bg).all()

    def test_no_band_looks_like_a_marker_or_a_path(self):
        assert not set(ASCII_SHADES) & set(map(to_ascii, f"{MARKERS}○◇△□⣿⠁✛✕"))

    @pytest.mark.parametrize("likeness", [to_ascii, to_console])
    def test_no_marker_looks_like_another_the_start_a_minimum_or_a_path(self, likeness):
        signs = [likeness(sign) for sign in (*MARKERS, "○", "✛", "⣿")]
        assert len(set(signs)) == len(signs)

    def test_on_the_linux_console_bands_frames_and_blocks_stay_and_the_rest_has_likenesses(self, picture):
        drawn = plain(picture, ascii=False, few_colors=True, console=True)
        assert drawn.lines() == [" ▒▓•* "]
        text = "╭─ α 0.9 ½ ▸ ⣿ ✓ β1 − m̂ ▀█░ ─╯"
        shown = "".join(map(to_console, text.replace("\u0302", "")))
        assert shown == "┌─ a 0.9 ½ > * v b1 - m ▀█░ ─┘"
        shown.replace("½", "").encode("cp437")

    def test_a_picture_without_bands_stays_as_it_is(self):
        cells = Cells.blank(3, 1, (200, 200, 200), (10, 10, 20))
        cells.put(0, 0, "m̂a", (1, 2, 3))
        assert not plain(cells, ascii=False, few_colors=True).changed(cells).any()
        assert plain(cells, ascii=True, few_colors=True).lines() == ["ma "]
