"""An SVG of cells: well-formed, every square in its colour, dots and lines in their place, text where it belongs."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import DARK, LIGHT
from adam_tui.draw.svg import to_svg
from adam_tui.engine.scenario import Scenario, suggested_lanes
from adam_tui.engine.surfaces import find_surface
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.view import still

INK, PAPER, RED = (212, 215, 224), (10, 12, 20), (255, 0, 0)
SVG = "{http://www.w3.org/2000/svg}"
RECTANGLE = re.compile(r"M(\d+) (\d+)h(\d+)v(\d+)h-\3z")


def page(width=4, height=2):
    return Cells.blank(width, height, INK, PAPER)


def parsed(cells, title=""):
    return ET.fromstring(to_svg(cells, title))


def words(cells):
    return [(t.text, float(t.get("x")), float(t.get("y"))) for t in parsed(cells).iter(f"{SVG}text")]


def paths(cells, attribute):
    return {p.get(attribute): p.get("d") for p in parsed(cells).iter(f"{SVG}path") if p.get(attribute)}


def squares(cells, pixels=2):
    """The colours of the parts of the picture's cells, 2 × `pixels`, as rectangles paint them; each at most once."""
    root = parsed(cells)
    painted = np.full((pixels * cells.height, 2 * cells.width), root.find(f"{SVG}rect").get("fill"), object)
    times = np.zeros(painted.shape, int)
    group = root.find(f"{SVG}g[@transform='scale(4.5 {18 // pixels})']")
    for path in [] if group is None else group:
        rectangles = RECTANGLE.findall(path.get("d"))
        assert "".join(f"M{x} {y}h{w}v{h}h-{w}z" for x, y, w, h in rectangles) == path.get("d")
        for x, y, w, h in (map(int, each) for each in rectangles):
            painted[y : y + h, x : x + w] = path.get("fill")
            times[y : y + h, x : x + w] += 1
    assert times.max() <= 1
    return painted.tolist()


def test_a_blank_page_is_one_rectangle():
    root = parsed(page(120, 40))
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("1080", "720", "0 0 1080 720")
    assert [(each.tag, each.get("fill")) for each in root] == [(f"{SVG}rect", "#0a0c14")]


def test_half_blocks_paint_half_a_cell():
    cells = page(5, 1)
    cells.put(0, 0, "▀▄█", RED)
    cells.put(0, 3, " ", INK, bg=RED)
    assert squares(cells) == [
        [*["#ff0000"] * 2, *["#0a0c14"] * 2, *["#ff0000"] * 4, *["#0a0c14"] * 2],
        [*["#0a0c14"] * 2, *["#ff0000"] * 6, *["#0a0c14"] * 2],
    ]


def test_quadrants_paint_quarters_of_a_cell():
    cells = page(3, 1)
    cells.put(0, 0, "▚▙▝", RED)
    red, paper = "#ff0000", "#0a0c14"
    assert squares(cells) == [[red, paper, red, paper, paper, red], [paper, red, red, red, paper, paper]]


def test_sextants_paint_sixths_of_a_cell_beside_quadrants():
    cells = page(3, 1)
    cells.put(0, 0, "🬀▝🬋", RED)  # upper left, upper right, both in the middle
    red = "#ff0000"
    painted = squares(cells, pixels=6)
    assert [[x for x in range(6) if row[x] == red] for row in painted] == [[0, 3], [0, 3], [3, 4, 5], [4, 5], [], []]
    assert words(cells) == []


colors = st.sampled_from([PAPER, RED, (0, 0, 1), (255, 255, 255)])


@settings(deadline=None, max_examples=60)
@given(data=st.data(), width=st.integers(1, 6), height=st.integers(1, 4))
def test_every_quadrant_has_its_colour(data, width, height):
    cells = page(width, height)
    expected = [[""] * 2 * width for _ in range(2 * height)]
    for row in range(height):
        for column in range(width):
            glyph, fg, bg = data.draw(st.sampled_from(" ▀▄█▌▞▙x⣿")), data.draw(colors), data.draw(colors)
            cells.put(row, column, glyph, fg, bg=bg)
            filled = {"▀": "1100", "▄": "0011", "█": "1111", "▌": "1010", "▞": "0110", "▙": "1011"}.get(glyph, "0000")
            for quadrant, inked in enumerate(filled):
                color = "#{:02x}{:02x}{:02x}".format(*(fg if inked == "1" else bg))
                expected[2 * row + quadrant // 2][2 * column + quadrant % 2] = color
    assert squares(cells) == expected


def test_braille_dots_stand_where_the_cell_has_them():
    cells = page(3, 2)
    cells.put(0, 0, "⠁", RED)  # top left
    cells.put(0, 2, "⠈", RED)  # top right
    cells.put(1, 1, "⡀⢀", INK)  # bottom left, bottom right
    cells.put(1, 0, "⠀", INK)  # no dot at all
    # In quarters of a cell's width: a cell is 4 wide and 8 high.
    assert paths(cells, "stroke") == {"#ff0000": "M1 1h0M11 1h0", "#d4d7e0": "M5 15h0M11 15h0"}
    assert words(cells) == []
    full = page(1, 1)
    full.put(0, 0, "⣿", RED)
    dots = set(re.findall(r"M(\d) (\d)h0", paths(full, "stroke")["#ff0000"]))
    assert dots == {(x, y) for x in "13" for y in "1357"}


def test_frames_join_from_cell_to_cell():
    cells = page(3, 2)
    cells.put(0, 0, "╭─┐", INK)
    cells.put(1, 0, "│", INK)
    lines = paths(cells, "stroke")["#d4d7e0"]
    assert "M9 8.5Q4.5 8.5 4.5 18" in lines  # from the corner's right edge round to its lower one
    assert "M9 8.5L18 8.5" in lines  # on from there
    assert "M18 8.5L22.5 8.5L22.5 18" in lines
    assert "M4.5 18L4.5 36" in lines
    assert words(cells) == []


def test_parts_of_cells_are_filled_as_far_as_they_reach():
    cells = page(3, 1)
    cells.put(0, 0, "▂▍▕", RED)
    assert paths(cells, "fill")["#ff0000"] == "M0 13.5h9v4.5h-9zM9 0h3.375v18h-3.375zM25.875 0h1.125v18h-1.125z"


def test_each_word_is_pinned_to_its_columns():
    cells = page(12, 2)
    cells.put(1, 1, "loss  1e-08", INK)
    assert words(cells) == [("loss", 9.0, 31.5), ("1e-08", 63.0, 31.5)]
    assert [t.get("textLength") for t in parsed(cells).iter(f"{SVG}text")] == ["36", "45"]


def test_style_ends_a_word_and_a_sign_stands_alone_in_the_middle_of_its_cell():
    cells = page(8, 1)
    cells.put(0, 0, "ab", INK)
    cells.put(0, 2, "cd", INK, bold=True)
    cells.put(0, 4, "e", RED)
    cells.put(0, 5, "●x", RED)
    assert sorted(words(cells), key=lambda word: word[1]) == [
        ("ab", 0.0, 13.5), ("cd", 18.0, 13.5), ("e", 36.0, 13.5), ("●", 49.5, 13.5), ("x", 54.0, 13.5),
    ]  # fmt: skip
    groups = {(g.get("fill"), g.get("font-weight")): [t.text for t in g] for g in parsed(cells).iter(f"{SVG}g")}
    assert groups == {("#d4d7e0", None): ["ab"], ("#d4d7e0", "bold"): ["cd"], ("#ff0000", None): ["e", "●", "x"]}


def test_a_letter_keeps_its_mark():
    cells = page(4, 1)
    cells.put(0, 0, "m̂ v̂", INK)
    assert [text for text, *_ in words(cells)] == ["m̂", "v̂"]


def test_markup_is_text():
    cells = page(9, 1)
    cells.put(0, 0, "a<b>&\"'c", INK)
    assert "".join(text for text, *_ in words(cells)) == "a<b>&\"'c"
    assert parsed(cells, "</title> & <script>").find(f"{SVG}title").text == "</title> & <script>"


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(), max_size=20))
def test_any_text_is_well_formed(text):
    cells = page(20, 1)
    cells.put(0, 0, text, INK)
    parsed(cells, text)
    for code in (0, 8, 27, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF):
        cells.glyph[0, 0] = code
        parsed(cells, chr(code))


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_a_whole_screen_is_small_and_shows_every_lane(palette):
    plot = find_surface("rosenbrock")
    lanes = suggested_lanes(["adam", "sgd", "momentum", "rmsprop", "lion"], plot)
    state = PlaygroundState(Scenario(surface="rosenbrock", lanes=lanes), clock=80)
    cells = still(state, 120, 40, palette)
    svg = to_svg(cells, "a race")
    assert len(svg.encode()) < 100_000
    texts = {text.text for text in ET.fromstring(svg).iter(f"{SVG}text")}
    assert {*"●◆▲■✚", "adam", "sgd", "momentum", "rmsprop", "lion"} <= texts
