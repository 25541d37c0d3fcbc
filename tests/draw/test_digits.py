"""MNIST digits stay recognizable as half blocks, from full size down to ten columns."""

import lzma
from pathlib import Path

import numpy as np
import pytest

import adam_tui
from adam_tui.draw.digits import DigitStyle, digit_strip, digits

STYLE = DigitStyle(ink=(255, 255, 255), paper=(0, 0, 0), background=(20, 0, 40))

SEVEN = [
    " ###..... ",
    " ...##### ",
    "       #. ",
    "      ##  ",
    "      #.  ",
    "     ##   ",
    "    .#.   ",
    "    ##    ",
    "   ##.    ",
    "   ##     ",
]
TWO = [
    " ####     ",
    "###.#.    ",
    ".. .#.    ",
    "   ##     ",
    "  ##.     ",
    " .#.      ",
    " ##       ",
    ".#.       ",
    "#####.####",
    ".#######..",
]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """The first twenty test images, (20, 28, 28): 7, 2, 1, 0, 4, 1, 4, 9, 5, 9, …"""
    folder = Path(adam_tui.__file__).parent / "data" / "mnist"
    with lzma.open(folder / "t10k-labels-idx1-ubyte.xz") as file:
        assert list(file.read(8 + 10)[8:]) == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    with lzma.open(folder / "t10k-images-idx3-ubyte.xz") as file:
        return np.frombuffer(file.read(16 + 20 * 784), np.uint8)[16:].reshape(-1, 28, 28)


def ink(cells, columns=slice(None)) -> list[str]:
    """A picture in characters, a line a pixel row: # is at least half ink, . a little, blank is paper."""
    pixels = np.stack([cells.fg[:, columns, 0], cells.bg[:, columns, 0]], axis=1).reshape(2 * cells.height, -1)
    return ["".join("#" if p > 127 else "." if p > 40 else " " for p in row) for row in pixels]


def test_a_seven_and_a_two_in_ten_columns(images):
    cells = digits(images[:2], 10, STYLE)
    assert (cells.width, cells.height) == (21, 5)
    assert ink(cells, slice(0, 10)) == SEVEN
    assert ink(cells, slice(11, 21)) == TWO


def test_every_cell_is_a_half_block_with_its_upper_pixel_in_front(images):
    cells = digits(images[:1], 28, STYLE)
    assert set(cells.glyph.ravel()) == {ord("▀")}
    np.testing.assert_array_equal(cells.fg[..., 0], images[0][0::2])
    np.testing.assert_array_equal(cells.bg[..., 1], images[0][1::2])


def test_bytes_and_shares_are_the_same_picture(images):
    assert not digits(images[:3], 14, STYLE).changed(digits(images[:3] / 255, 14, STYLE)).any()


def test_paper_and_ink_take_the_colours_of_the_style(images):
    style = DigitStyle(ink=(255, 200, 0), paper=(10, 20, 30), background=(1, 2, 3))
    cells = digits(images[3:5], 12, style, gap=2)
    assert (cells.bg[:, 12:14] == (1, 2, 3)).all()
    assert (cells.glyph[:, 12:14] == ord(" ")).all()
    assert tuple(cells.fg[0, 0]) == (10, 20, 30)  # the corner of a zero
    assert (255, 200, 0) in set(map(tuple, cells.fg[:, :12].reshape(-1, 3).tolist()))


def test_an_odd_side_ends_with_a_row_of_background(images):
    cells = digits(images[:1], 5, STYLE)
    assert cells.height == 3
    assert (cells.bg[2] == STYLE.background).all()


@pytest.mark.parametrize(
    ("count", "width", "height", "side", "columns"),
    [
        (10, 118, 6, 10, (0, 12, 24, 36, 48, 60, 72, 84, 96, 108)),
        (4, 118, 14, 28, (0, 30, 60, 90)),
        (6, 118, 7, 14, (0, 16, 32, 48, 64, 80)),
        (20, 43, 5, 10, (0, 11, 22, 33)),
        (10, 60, 2, 4, (0, 6, 12, 18, 24, 30, 36, 42, 48, 54)),
        (1, 12, 20, 12, (0,)),
        (3, 1, 5, 0, ()),
        (0, 50, 5, 0, ()),
        (3, 50, 0, 0, ()),
    ],
)
def test_the_strip_shows_as_many_as_fit_as_large_as_they_can_be(images, count, width, height, side, columns):
    cells, lefts = digit_strip(images[:count], width, height, STYLE)
    assert (cells.width, cells.height) == (width, height)
    assert lefts == columns
    for left in lefts:
        assert (cells.glyph[: side // 2, left : left + side] == ord("▀")).all()
    assert (cells.glyph == ord("▀")).sum() == len(columns) * side * (side // 2)


def test_nothing_is_not_stretched_into_something():
    noise = np.zeros((1, 28, 28))
    noise[0, 14, 14] = 0.2
    assert digits(noise, 10, STYLE).fg.max() < 40
    assert (digits(np.zeros((1, 28, 28)), 10, STYLE).fg == 0).all()


def test_values_that_are_not_finite_are_paper():
    image = np.zeros((1, 28, 28))
    image[0, 3, 3] = np.nan
    assert (digits(image, 10, STYLE).fg == 0).all()
