"""Every theme is readable, its drawings have the promised contrasts, and a chosen theme redraws and is remembered."""

import pytest
from take_screenshots import screen_cells
from textual.theme import BUILTIN_THEMES

from adam_tui.draw.color import contrast, luminance
from adam_tui.draw.palette import DARK, LIGHT, MAGMA, PALETTES, band_colors
from adam_tui.terminal.cell_view import CellView
from adam_tui.terminal.colors import to_xterm256
from adam_tui.ui import config
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.theme import palette_for, themes
from adam_tui.ui.theme_names import plot_palette_name

THEMES = {theme.name: theme for theme in (*themes(), *BUILTIN_THEMES.values())}
each_theme = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)


@each_theme
def test_lanes_stand_out_on_every_band_and_beside_the_plot(theme):
    palette = palette_for(theme)
    grounds = [tuple(band) for band in band_colors(palette, 13).tolist()] + [palette.background]
    assert min(contrast(lane, ground) for lane in palette.lanes for ground in grounds) >= 3
    assert len(set(palette.lanes)) == len(palette.lanes)


@each_theme
def test_text_can_be_read(theme):
    palette = palette_for(theme)
    assert contrast(palette.foreground, palette.background) >= 6
    for color in (palette.faint, palette.accent, *palette.states.values()):
        assert contrast(color, palette.background) >= 4.5
    assert contrast(palette.axis, palette.background) >= 3
    assert palette.border != palette.background


@each_theme
def test_a_theme_is_as_light_or_dark_as_its_pictures(theme):
    assert palette_for(theme).dark == theme.dark


def test_the_pictures_lie_on_the_themes_own_ground():
    assert palette_for(THEMES["nord"]).background == (0x2E, 0x34, 0x40)
    assert palette_for(THEMES["solarized-light"]).background == (0xFD, 0xF6, 0xE3)
    assert palette_for(THEMES["dracula"]).accent == (0xFF, 0x79, 0xC6), "readable as it is"


def test_the_programs_own_themes_have_exactly_their_palettes():
    for name, palette in PALETTES.items():
        assert palette_for(THEMES[f"adam-{name}"]) == palette


def test_bands_may_be_chosen_independently_of_the_theme_if_both_are_dark_or_both_light():
    nord = palette_for(THEMES["nord"], "magma")
    assert (nord.stops, nord.background) == (MAGMA.stops, (0x2E, 0x34, 0x40))
    assert palette_for(THEMES["adam-dark"], "magma").stops == MAGMA.stops
    assert palette_for(THEMES["solarized-light"], "magma").stops == LIGHT.stops


def test_with_256_colours_the_dark_bands_are_grey():
    plain, settled = config.Config(), config.Config(palette="magma")
    assert plot_palette_name(plain, "adam-dark", "truecolor") == plot_palette_name(plain, "adam-dark", "16") == ""
    assert plot_palette_name(plain, "adam-magma", "256") == "", "it was chosen"
    assert plot_palette_name(settled, "adam-dark", "256") == "magma"
    palette = palette_for(THEMES["adam-dark"], plot_palette_name(plain, "adam-dark", "256"))
    entries = to_xterm256(band_colors(palette, 11)).tolist()
    assert entries == sorted(entries)
    assert min(entries) >= 232, "the greys"
    assert len(set(entries)) >= 7


def test_ansi_themes_have_the_base_palettes():
    assert palette_for(THEMES["ansi-dark"]) == DARK
    assert palette_for(THEMES["ansi-light"]) == LIGHT


def background(app, panel):
    return tuple(app.screen.query_one(panel, CellView).cells.bg[0, 0].tolist())


async def test_another_theme_redraws_every_picture_at_once():
    app = AdamApp(PlaygroundState(clock=40))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for name in ("adam-light", "nord", "ansi-dark", "textual-light", "adam-dark"):
            app.theme = name
            await pilot.pause()
            await pilot.pause()
            for panel in ("#lanes", "#knobs", "#inspector", "#timeline"):
                assert background(app, panel) == palette_for(THEMES[name]).background, (name, panel)
            plot = app.screen.query_one("#contour", CellView).cells
            assert (float(luminance(plot.bg[5:20, 12:60]).mean()) < 0.2) == THEMES[name].dark


async def test_a_theme_is_chosen_from_the_palette_and_remembered(settings):
    app = AdamApp(PlaygroundState(), config=config.load())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p", *"theme: nord", "enter")
        await pilot.pause()
        assert app.theme == "nord"
    assert config.load().theme == "nord"


async def test_the_app_opens_with_the_theme_of_the_settings(settings):
    settings.write_text('theme = "dracula"\npalette = "magma"')
    app = AdamApp(PlaygroundState(), config=config.load())
    async with app.run_test(size=(120, 40)):
        assert app.theme == "dracula"
        assert app.palette.stops == MAGMA.stops


async def test_a_palette_alone_is_a_theme_too(settings):
    settings.write_text('palette = "light"')
    app = AdamApp(PlaygroundState(), config=config.load())
    async with app.run_test(size=(120, 40)):
        assert app.theme == "adam-light"


@pytest.mark.parametrize(
    ("text", "message"), [("theme = 'nrod'", "no theme is called 'nrod'"), ("fps = 'fast'", "fps is a whole number")]
)
async def test_mistakes_in_the_settings_are_reported_once_and_the_defaults_apply(settings, text, message):
    settings.write_text(text)
    app = AdamApp(PlaygroundState(), config=config.load())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        [notification] = app._notifications
        assert message in notification.message
        assert app.theme == "adam-dark"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    monkeypatch.setenv(config.VARIABLE, str(path))
    return path


# Learn has the most words and is tested in every theme; the other modes in those with the least contrast.
HARDEST = ("adam-light", "nord", "tokyo-night", "atom-one-dark", "atom-one-light", "solarized-dark")


@pytest.mark.parametrize(("mode", "names"), [("learn", tuple(THEMES)), ("playground", HARDEST), ("train", HARDEST)])
async def test_every_word_can_be_read_in_every_theme(mode, names, tmp_path):
    app = AdamApp(PlaygroundState(clock=30), mode=mode, runs=tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.3)
        for name in names:
            if not THEMES[name].ansi:
                app.theme = name
                await pilot.pause()
                await pilot.pause()
                for (ink, paper), words in written(screen_cells(app)).items():
                    assert contrast(ink, paper) >= 3, f"{words!r} in {name}"


def written(cells):
    """The letters in each pair of colours (ink, paper)."""
    words = {}
    for row in range(cells.height):
        characters, inks, papers = cells.characters(row), cells.fg[row].tolist(), cells.bg[row].tolist()
        for text, ink, paper in zip(characters, inks, papers, strict=True):
            if text.isalnum():
                pair = tuple(ink), tuple(paper)
                words[pair] = words.get(pair, "") + text
    return words


async def test_keys_and_modes_are_not_underlined():
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        for name in ("adam-dark", "nord", "ansi-dark"):
            app.theme = name
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            assert [s.text for strip in strips for s in strip if s.style and s.style.underline] == [], name
