"""The screenshots show the app of today: taken again, each has the same words and nearly the same shapes."""

import re
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
import take_screenshots
from cells_png import HEIGHT, WIDTH
from PIL import Image

TEXT = "{http://www.w3.org/2000/svg}text"
COMMAND = "no longer what the app shows: take it again with `python tests/take_screenshots.py`"
# Where a rounding falls the other way on another machine, a cell's half takes the next band's colour.
ALIKE = 0.98


def words(svg):
    found = ((float(text.get("y")), float(text.get("x")), text.text) for text in ET.fromstring(svg).iter(TEXT))
    return sorted(found)


def shapes(svg):
    """Every rectangle, line and dot with its colour, however often it is there."""
    found = Counter()
    for path in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path"):
        found.update((path.get("fill") or path.get("stroke"), piece) for piece in path.get("d").split("M"))
    return found


@pytest.mark.parametrize("shot", take_screenshots.SHOTS, ids=lambda shot: shot.name)
async def test_a_screenshot_is_what_the_app_shows(shot):
    committed = (take_screenshots.FOLDER / f"{shot.name}.svg").read_text(encoding="utf-8")
    now = await take_screenshots.svg_of(shot)
    assert words(now) == words(committed), f"screenshots/{shot.name}.svg is {COMMAND}"
    before, after = shapes(committed), shapes(now)
    alike = (before & after).total() / max(before.total(), after.total())
    assert alike >= ALIKE, f"screenshots/{shot.name}.svg is {COMMAND}"
    assert shot.words in "\n".join(text for *_, text in words(now))


@pytest.mark.parametrize("shot", take_screenshots.SHOTS, ids=lambda shot: shot.name)
def test_the_png_beside_it_has_its_size(shot):
    with Image.open(take_screenshots.FOLDER / f"{shot.name}.png") as image:
        assert image.size == (shot.size[0] * WIDTH, shot.size[1] * HEIGHT)


def test_there_are_no_others_and_no_traces_of_a_machine():
    names = {shot.name for shot in take_screenshots.SHOTS}
    files = list(take_screenshots.FOLDER.iterdir())
    assert {file.name for file in files} == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}
    assert sum(file.stat().st_size for file in files) < 1_500_000
    for file in take_screenshots.FOLDER.glob("*.svg"):
        assert not re.search(r"/home|/root|/tmp|/Users|\b20\d\d-\d\d", file.read_text(encoding="utf-8"))
