"""On a terminal with few characters or colours a picture's bands, path and markers can still be told apart."""

import unicodedata

import pytest

from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import MARKERS
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.surfaces import SURFACES
from adam_tui.terminal.fallback import ASCII_SHADES, Fallback, to_ascii, to_console


def test_every_sign_of_the_texts_has_an_ascii_likeness():
    rules = [text for each in OPTIMIZERS.values() for text in (each.title, *each.rule)]
    knobs = [text for each in OPTIMIZERS.values() for knob in each.knobs for text in (knob.symbol, knob.meaning)]
    scenes = [text for each in PRESETS.values() for text in (each.title, each.sentence)]
    surfaces = [text for each in SURFACES.values() for text in (each.title, each.note)]
    signs = {sign for sign in "".join([*rules, *knobs, *scenes, *surfaces]) if not unicodedata.combining(sign)}
    assert [sign for sign in signs if to_ascii(sign) == "?" and sign != "?"] == []


@pytest.fixture
def picture():
    cells = Cells.blank(6, 1, (200, 200, 200), (10, 10, 20))
    for column, shade in enumerate((10, 45, 70)):
        cells.put(0, column, "▀", (shade,) * 3, bg=(shade,) * 3)
    cells.put(0, 3, "●", (255, 100, 100), bg=(70, 70, 70))
    cells.put(0, 4, "⠙", (255, 100, 100), bg=(70, 70, 70))
    return cells


def test_with_few_colours_bands_are_shades_of_grey_on_black_and_the_path_keeps_its_colour(picture):
    drawn = Fallback(few_colors=True).picture(picture)
    assert drawn.lines() == [" ▒▓●⠙ "]
    assert drawn.fg[0, 1].tolist() == drawn.fg[0, 2].tolist() == [127, 127, 127]
    assert drawn.fg[0, 3].tolist() == [255, 100, 100]
    assert drawn.bg[0, :5].max() == 0


def test_with_few_colours_no_path_has_a_box_in_another_colour_and_inverse_text_keeps_its_ground():
    cells = Cells.blank(5, 1, (200, 200, 200), (10, 10, 20))
    cells.put(0, 0, "▀", (10, 10, 10), bg=(10, 10, 10))
    cells.put(0, 1, "⠙", (255, 100, 100), bg=(60, 61, 62))  # a mixture of two bands
    cells.put(0, 2, "a", (10, 10, 20), bg=(255, 216, 86))
    cells.put(0, 3, "▀", (70, 70, 70), bg=(70, 70, 70))
    drawn = Fallback(few_colors=True).picture(cells)
    assert drawn.lines() == [" ⠙a▓ "]
    assert drawn.bg[0, :, 0].tolist() == [0, 0, 255, 0, 10]


def test_in_ascii_bands_head_and_path_are_told_apart_and_colours_stay(picture):
    drawn = Fallback(ascii=True).picture(picture)
    assert drawn.lines() == [" =@o* "]
    assert (drawn.fg == picture.fg).all()
    assert (drawn.bg == picture.bg).all()


def test_no_band_looks_like_a_marker_or_a_path():
    assert not set(ASCII_SHADES) & set(map(to_ascii, f"{MARKERS}○◇△□⣿⠁✛✕"))


@pytest.mark.parametrize("likeness", [to_ascii, to_console])
def test_no_marker_looks_like_another_the_start_a_minimum_or_a_path(likeness):
    signs = [likeness(sign) for sign in (*MARKERS, "○", "◇", "✛", "⣿")]
    assert len(set(signs)) == len(signs)


def test_on_the_linux_console_bands_frames_and_blocks_stay_and_the_rest_has_likenesses(picture):
    drawn = Fallback(few_colors=True, console=True).picture(picture)
    assert drawn.lines() == [" ▒▓•* "]
    text = "╭─ α 0.9 ½ ▸ ⣿ ✓ β1 − m̂ ▀█░ ─╯"
    shown = "".join(map(to_console, text.replace("\u0302", "")))
    assert shown == "┌─ a 0.9 ½ > * v b1 - m ▀█░ ─┘"
    shown.replace("½", "").encode("cp437")


def test_a_picture_without_bands_stays_as_it_is():
    cells = Cells.blank(3, 1, (200, 200, 200), (10, 10, 20))
    cells.put(0, 0, "m̂a", (1, 2, 3))
    assert not Fallback(few_colors=True).picture(cells).changed(cells).any()
    assert Fallback(ascii=True, few_colors=True).picture(cells).lines() == ["m^a"]
