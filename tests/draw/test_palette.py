"""Paths stand out from the bands, bands rise evenly in lightness, and markers are one cell wide."""

import itertools
import unicodedata

import numpy as np
import pytest
from color_vision import VIEWS, ciede2000, least_difference
from rich.cells import cell_len

from adam_tui.draw.color import contrast, luminance, to_oklab
from adam_tui.draw.palette import (
    DARK,
    LIGHT,
    MARKERS,
    PALETTES,
    band_colors,
)

LEVELS_OF_XTERM = (0, 95, 135, 175, 215, 255)
XTERM = set(itertools.product(LEVELS_OF_XTERM, repeat=3)) | {(8 + 10 * i,) * 3 for i in range(24)}
each_palette = pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)


@each_palette
@pytest.mark.parametrize("n", [1, 2, 13, 17, 49])
def test_every_lane_stands_out_on_every_band(palette, n):
    for band in band_colors(palette, n).tolist():
        for lane in palette.lanes:
            assert contrast(lane, tuple(band)) >= 3


@each_palette
def test_a_cell_between_two_bands_is_no_closer_to_a_lane_than_the_bands_are(palette):
    bands = band_colors(palette, 13).astype(int)
    means = ((bands[1:] + bands[:-1] + 1) // 2).tolist()
    assert min(contrast(lane, tuple(mean)) for lane in palette.lanes for mean in means) >= 3


@each_palette
def test_lightness_changes_evenly_away_from_the_background(palette):
    lightness = to_oklab(band_colors(palette, 13))[:, 0]
    steps = np.diff(lightness)
    assert (steps > 0).all() if palette.dark else (steps < 0).all()
    assert np.abs(steps - steps.mean()).max() < 0.004  # what rounding to bytes costs
    assert abs(lightness[0] - to_oklab(palette.background)[0]) < abs(lightness[-1] - to_oklab(palette.background)[0])


@each_palette
def test_lanes_and_states_are_exact_xterm_colors(palette):
    assert set(palette.lanes) <= XTERM
    assert set(palette.states) == {"running", "converged", "diverged"}
    assert set(palette.states.values()) <= XTERM


@each_palette
def test_lanes_differ_clearly_from_one_another(palette):
    for a, b in itertools.combinations(to_oklab(palette.lanes), 2):
        assert np.linalg.norm(a - b) > 0.1  # five times what can just be told apart


@pytest.mark.parametrize(
    ("one", "other", "difference"),  # of the 34 pairs that Sharma, Wu & Dalal 2005 publish
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
        ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
    ],
)
def test_the_difference_of_two_colours_is_as_published(one, other, difference):
    assert ciede2000(one, other) == pytest.approx(difference, abs=5e-5)
    assert ciede2000(other, one) == pytest.approx(difference, abs=5e-5)


@each_palette
@pytest.mark.parametrize("view", VIEWS)
def test_lanes_are_told_apart_by_people_who_see_red_green_or_blue_badly(palette, view):
    # Where 1 can just be seen side by side; thin lines apart from one another need more.
    assert least_difference(palette.lanes[:3], view) >= 16
    assert least_difference(palette.lanes[:6], view) >= 10
    assert least_difference(palette.lanes, view) >= 9.5


@each_palette
def test_the_first_lane_has_the_accent(palette):
    assert palette.lanes[0] == palette.accent


@each_palette
def test_text_can_be_read_on_the_background(palette):
    assert contrast(palette.foreground, palette.background) >= 7
    for color in (palette.faint, *palette.states.values()):
        assert contrast(color, palette.background) >= 4.5
    for color in (palette.accent, palette.axis):
        assert contrast(color, palette.background) >= 3


def test_a_dark_palette_has_dark_bands_and_the_light_one_light_bands():
    assert luminance(band_colors(DARK, 13)).max() < 0.1
    assert luminance(band_colors(LIGHT, 13)).min() > 0.5


def test_every_lane_has_a_marker_one_cell_wide_without_an_emoji_form():
    assert len(set(MARKERS)) == len(MARKERS) == len(DARK.lanes) == len(LIGHT.lanes) == 8
    assert MARKERS.startswith("●◆▲■")
    for marker in MARKERS:
        assert cell_len(marker) == 1
        assert unicodedata.east_asian_width(marker) in "NA"


def test_band_colors_cannot_be_overwritten():
    with pytest.raises(ValueError, match="read-only"):
        band_colors(DARK, 5)[0] = 0
