"""`adam-tui serve` in a real browser: the keys work without a click, the tab has a title, circles are round."""

import io

import numpy as np
import pytest
from chromium import browse, installed
from PIL import Image
from web_serving import Served

STILL = ("--start", "0,0", "--steps", "1")  # the picture changes by a key only
RING_PIXELS = 3000  # at least, of a whole band of the contour; no text has so many of one colour

pytestmark = pytest.mark.skipif(installed() is None, reason="no Chromium is installed")


def shapes_of_rings(png):
    """The height divided by the width of each band that is wholly visible, measured in pixels."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.int32) @ (1 << 16, 1 << 8, 1)
    pixels = pixels[: int(0.85 * len(pixels))]  # without the legend, which repeats the colours
    colors, counts = np.unique(pixels, return_counts=True)
    shapes = []
    for color in colors[counts > RING_PIXELS]:
        high, wide = np.ptp(np.argwhere(pixels == color), axis=0) + 1
        if wide < 0.4 * pixels.shape[1]:  # outer ones are cut off
            shapes.append(float(high / wide))
    return shapes


def shows_round_rings(png):
    """Whether the picture is the bowl, with circles for its bands."""
    shapes = shapes_of_rings(png)
    return len(shapes) >= 4 and shapes == pytest.approx([1] * len(shapes), abs=0.04)


async def test_a_key_works_at_once_the_page_has_a_title_and_circles_are_round(tmp_path):
    served = Served(tmp_path / "runs", *STILL)
    try:
        async with browse(tmp_path / "browser") as page:
            # With letters of this size a cell is 7 × 15 pixels: 7% too high for circles that assume 1:2.
            await page.open(f"{served.address}&fontsize=13")
            await page.picture_where(shows_round_rings)
            await page.until("document.title === 'bowl 1/1 · Playground · adam-tui'")
            await page.press("s")  # to the ravine, whose bands are ellipses
            await page.picture_where(lambda png: not shows_round_rings(png))
    finally:
        served.close()
