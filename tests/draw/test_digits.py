"""MNIST digits stay recognizable as blocks, from full size down to ten columns."""

import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import adam_tui
from adam_tui.draw.blocks import QUADRANTS
from adam_tui.draw.digits import Guess, caption, digit_grid, digit_line, digits, sample_digits
from adam_tui.draw.palette import DARK

WHITE_ON_BLACK = replace(DARK, foreground=(255, 255, 255), background=(0, 0, 0))

SEVEN = [
    "  ######......##..  ",
    "  .....##.#######.  ",
    "              ###   ",
    "             ###    ",
    "            ###     ",
    "           ###      ",
    "         ###.       ",
    "        ###.        ",
    "      .###.         ",
    "      .###.         ",
]
TWO = [
    "  .#######          ",
    " #####..###         ",
    " ##    ###.         ",
    "     .####          ",
    "    .###.           ",
    "   ####             ",
    "  ####              ",
    " ###..              ",
    " #########..#######.",
    "  ##############....",
]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """The first twenty test images, (20, 28, 28): 7, 2, 1, 0, 4, 1, 4, 9, 5, 9, …"""
    folder = Path(adam_tui.__file__).parent / "data" / "mnist"
    with lzma.open(folder / "t10k-labels-idx1-ubyte.xz") as file:
        assert list(file.read(8 + 10)[8:]) == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    with lzma.open(folder / "t10k-images-idx3-ubyte.xz") as file:
        return np.frombuffer(file.read(16 + 20 * 784), np.uint8)[16:].reshape(-1, 28, 28)


def text(cells):
    return [row.rstrip() for row in cells.lines()]


def ink(cells, columns=slice(None)) -> list[str]:
    """A picture in characters, one a quadrant: # is at least half ink, . a little, blank is paper."""
    filled = np.array([[QUADRANTS[chr(code)] for code in row] for row in cells.glyph[:, columns].tolist()])
    quadrants = np.where(filled, cells.fg[:, columns, :1], cells.bg[:, columns, :1])
    pixels = quadrants.reshape(cells.height, -1, 2, 2).swapaxes(1, 2).reshape(2 * cells.height, -1)
    return ["".join("#" if p > 127 else "." if p > 40 else " " for p in row) for row in pixels]


def test_a_seven_and_a_two_in_ten_columns(images):
    cells = digits(images[:2], 10, WHITE_ON_BLACK)
    assert (cells.width, cells.height) == (21, 5)
    assert ink(cells, slice(0, 10)) == SEVEN
    assert ink(cells, slice(11, 21)) == TWO
    assert cells.lines()[2] == "▀▀▀▀▀▛▚▘▀▀ ▀▛▘▛▘▀▀▀▀▀"


def test_a_picture_of_the_images_own_pixels_is_exact(images):
    twenty = digits(images[:1], 20, WHITE_ON_BLACK)
    assert set(twenty.lines()) == {"▀" * 20}, "the box without its border"


def test_every_cell_is_a_half_block_with_its_upper_pixel_in_front(images):
    cells = digits(images[:1], 28, WHITE_ON_BLACK)
    assert set(cells.glyph.ravel()) == {ord("▀")}
    np.testing.assert_array_equal(cells.fg[..., 0], images[0][0::2])
    np.testing.assert_array_equal(cells.bg[..., 1], images[0][1::2])


def test_bytes_and_shares_are_the_same_picture(images):
    assert not digits(images[:3], 14, WHITE_ON_BLACK).changed(digits(images[:3] / 255, 14, WHITE_ON_BLACK)).any()


def test_paper_and_strokes_have_the_colours_of_the_palette(images):
    palette = replace(DARK, foreground=(255, 200, 0), background=(10, 20, 30))
    cells = digits(images[3:5], 12, palette, gap=2)
    assert (cells.bg[:, 12:14] == (10, 20, 30)).all()
    assert (cells.glyph[:, 12:14] == ord(" ")).all()
    assert tuple(cells.fg[0, 0]) == (10, 20, 30)  # the corner of a zero
    assert cells.fg[:, :12].reshape(-1, 3).max(axis=0).tolist() > [240, 190, 0]
    assert (cells.fg[:, :12, 2] <= 30).all()


def test_an_odd_side_ends_with_a_row_of_background(images):
    cells = digits(images[:1], 5, WHITE_ON_BLACK)
    assert cells.height == 3
    assert set(ink(cells)[4]) >= {"#"}
    assert set(ink(cells)[5]) == {" "}


def test_nothing_is_not_stretched_into_something():
    noise = np.zeros((1, 28, 28))
    noise[0, 14, 14] = 0.2
    assert digits(noise, 10, WHITE_ON_BLACK).fg.max() < 40
    assert (digits(np.zeros((1, 28, 28)), 10, WHITE_ON_BLACK).fg == 0).all()


def test_values_that_are_not_finite_are_paper():
    image = np.zeros((1, 28, 28))
    image[0, 3, 3] = np.nan
    assert (digits(image, 10, WHITE_ON_BLACK).fg == 0).all()


# Guesses


def test_captions_tell_right_from_wrong_without_colour():
    assert caption(Guess(7), wide=True) == "7"
    assert caption(Guess(7, 7, 0.998), wide=True) == "7 → 7  99%"
    assert caption(Guess(4, 9, 0.52), wide=True) == "4 → 9✗ 52%"
    assert caption(Guess(4, 9, 0.52), wide=False) == "4→9✗ 52%"
    assert caption(Guess(7, 7, 1.0), wide=False) == "7→7 100%"


def test_digits_are_half_blocks_over_their_captions():
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 4:24, 12:16] = 255
    grid = digit_grid(2, 24, 6)
    assert (grid.side, grid.columns, grid.height) == (10, 2, 6)
    cells = sample_digits(images, [Guess(1, 1, 0.5), Guess(4, 9, 0.52)], grid, 24, 6, DARK)
    assert text(cells)[0] == " ▀▀▀▀▀▀▀▀▀▀  ▀▀▀▀▀▀▀▀▀▀"
    assert text(cells)[5] == "  1→1  50%    4→9✗ 52%"
    bright = (cells.fg[2, :, 0] > 150) & (cells.glyph[2] == ord("▀"))
    assert np.flatnonzero(bright).tolist() == [5, 6], "the stroke, in the middle of the first picture"
    assert tuple(cells.fg[5, 2]) == DARK.states["converged"]
    assert tuple(cells.fg[5, 14]) == DARK.states["diverged"]


@pytest.mark.parametrize(("width", "height"), [(116, 15), (196, 30), (76, 6), (56, 20), (26, 6)])
def test_a_strip_of_digits_fits_and_shows_all_where_there_is_room(width, height):
    grid = digit_grid(10, width, height)
    assert grid.width <= width
    assert grid.height <= height
    assert grid.columns == min(10, (width + 1) // 11)


def test_digits_need_room():
    assert digit_grid(10, 9, 20) is None
    assert digit_grid(10, 100, 5) is None


def test_digits_as_one_line_of_text():
    guesses = [Guess(0, 0, 0.9), Guess(1, 7, 0.9), Guess(2)]
    assert text(digit_line(guesses, 40, DARK)) == [" digits  0→0   1→7✗  2"]
