"""Learn as a person reads it: keys in, pages out (Textual's Pilot)."""

import contextlib
import subprocess
import sys

import pytest
from textual.widgets import Markdown
from textual.worker import WorkerCancelled

from adam_tui.ui.actions import SHARED_ACTIONS
from adam_tui.ui.app import AdamApp
from adam_tui.ui.dialogs import Pick
from adam_tui.ui.learn.pages import TOUR, pages
from adam_tui.ui.learn.screen import LearnScreen, PageScroll
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.widgets.key_line import KeyLine
from adam_tui.ui.widgets.tabs_line import TabsLine

WIDE, NARROW = (120, 40), (80, 24)


@pytest.fixture
def app():
    return AdamApp(PlaygroundState())


def seen(app) -> str:
    return "\n".join("".join(part.text for part in strip) for strip in app.screen._compositor.render_strips())


async def settle(app, pilot):
    """Wait until the page asked for last is drawn."""
    await pilot.pause()
    with contextlib.suppress(WorkerCancelled):  # a page that was turned over before it was drawn
        await app.workers.wait_for_complete()
    await pilot.pause()


async def opened(app, pilot):
    await pilot.press("3")
    await settle(app, pilot)


@pytest.mark.parametrize("size", [WIDE, NARROW, (60, 18), (200, 55)])
async def test_it_opens_on_the_tour_with_what_to_press(app, size):
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        text = seen(app)
        assert "3 Learn" in text
        assert pages()[0].title in text
        assert "Try it 1 of 10: One step of gradient descent" in text
        assert "g tour" in text


async def test_the_arrows_turn_pages_and_the_top_line_counts(app):
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        await pilot.press("left")
        assert app.screen.page is pages()[0]
        await pilot.press("right", "n")
        await settle(app, pilot)
        assert app.screen.page is pages()[2]
        assert pages()[2].title in seen(app)
        assert app.screen.query_one(TabsLine).status == f"{pages()[2].section}  3/{len(pages())}"
        await pilot.press("p")
        await settle(app, pilot)
        assert app.screen.page is pages()[1]


async def test_many_quick_keys_end_on_the_right_page(app):
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        await pilot.press(*["right"] * 12)
        await settle(app, pilot)
        assert app.screen.page is pages()[12]
        assert app.screen.query_one(Markdown).source.startswith(f"# {pages()[12].title}")
        assert pages()[12].title in seen(app)


async def test_the_keys_scroll_and_a_page_is_found_where_it_was_left(app):
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        leaf = app.screen.query_one(PageScroll)
        await pilot.press("down", "j", "up")
        assert leaf.scroll_y == 1
        await pilot.press("end")
        assert leaf.scroll_y == leaf.max_scroll_y > 0
        assert "end of page" in seen(app)
        await pilot.press("pageup", "home", "space")
        down = leaf.scroll_y
        assert down > 1
        await pilot.press("right")
        await settle(app, pilot)
        assert leaf.scroll_y == 0
        await pilot.press("left")
        await settle(app, pilot)
        assert leaf.scroll_y == down


async def test_trying_opens_exactly_the_scenario_and_3_comes_back_to_the_same_line(app):
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        await pilot.press("right", "right")
        await settle(app, pilot)
        await pilot.press("down", "down", "down", "t")
        await pilot.pause()
        page = pages()[2]
        assert isinstance(app.screen, PlaygroundScreen)
        assert app.screen.state.scenario == page.tries[0].scenario
        assert app.screen.state.preset == page.tries[0]
        assert page.tries[0].title in seen(app)
        await pilot.press("M")
        assert app.screen.state.scenario == page.tries[1].scenario
        await pilot.press("3")
        await settle(app, pilot)
        assert isinstance(app.screen, LearnScreen)
        assert app.screen.page is page
        assert app.screen.query_one(PageScroll).scroll_y == 3
        assert f"Try it 3 of {len(page.tries)}: {page.tries[2].title}" in seen(app), "two were seen"
        await pilot.press("t")
        assert app.screen.state.scenario == page.tries[2].scenario


async def test_one_of_several_scenarios_is_picked(app):
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        await pilot.press("right", "T")
        assert isinstance(app.screen, Pick)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.screen.state.scenario == pages()[1].tries[1].scenario


async def test_the_tour_starts_anywhere_and_ends_in_training(tmp_path):
    app = AdamApp(PlaygroundState(), runs=tmp_path)
    tour = next(page for page in pages() if page.name == TOUR)
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        await pilot.press("right", "right", "g")
        await pilot.pause()
        for number, stop in enumerate(tour.tries, 1):
            assert app.screen.state.scenario == stop.scenario
            assert f"{number}/10 {stop.title}" in seen(app)
            await pilot.press("M")
            await pilot.pause()
        assert app.screen.MODE == "train"
        assert "10/10 Train the network yourself  t starts a run." in seen(app)
        assert "3 Learn · esc close" in seen(app)
        await pilot.press("escape")
        assert "10/10" not in seen(app)


async def test_the_last_stop_is_tried_like_the_others(tmp_path):
    app = AdamApp(PlaygroundState(), runs=tmp_path)
    async with app.run_test(size=(60, 18)) as pilot:
        await opened(app, pilot)
        await pilot.press("T", "end", "enter")
        await pilot.pause()
        assert app.screen.MODE == "train"
        assert "10/10" in seen(app)
        assert "t starts a run" in " ".join(seen(app).split())
        await pilot.press("1", "M")
        assert app.screen.state.stop == 0, "and then the first again"


async def test_the_tour_continues_where_it_was_left(tmp_path):
    app = AdamApp(PlaygroundState(), runs=tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        await pilot.press("g", "M", "M", "M", "3")
        await settle(app, pilot)
        assert "Try it 5 of 10: Where the slope vanishes" in seen(app)
        await pilot.press("right", "g")
        await pilot.pause()
        assert app.screen.state.stop == 4
        await pilot.press("M", "M", "M", "M", "M", "3")
        await settle(app, pilot)
        await pilot.press("left")
        await settle(app, pilot)
        assert "Try it 1 of 10: One step" in seen(app), "all was seen"


async def test_the_training_screen_makes_room_for_the_caption_of_the_tour(tmp_path):
    tour = next(page for page in pages() if page.name == TOUR)
    for size in ((120, 40), (80, 24), (60, 18)):
        async with AdamApp(PlaygroundState(), runs=tmp_path).run_test(size=size) as pilot:
            pilot.app.open_presets(tour.tries, len(tour.tries), tour.finale)
            await pilot.pause()
            await pilot.pause()
            foot, progress = (pilot.app.screen.query_one(f"#train-{name}") for name in ("caption", "progress"))
            assert foot.region.bottom == progress.region.y, "whole, above the last line"
            assert progress.region.bottom == size[1] - 1, "and the keys are where they were"


@pytest.mark.parametrize(("size", "rows"), [((120, 40), 2), ((80, 24), 2), ((60, 18), 3)])
async def test_a_caption_of_the_tour_keeps_each_key_beside_its_word(size, rows, tmp_path):
    tour = next(page for page in pages() if page.name == TOUR)
    async with AdamApp(PlaygroundState(), runs=tmp_path).run_test(size=size) as pilot:
        pilot.app.open_presets(tour.tries, 0, tour.finale)
        await pilot.pause()
        await pilot.pause()
        foot = pilot.app.screen.query_one("#caption")
        shown = [foot.render_line(row).text for row in range(foot.size.height)]
        assert len(shown) >= rows
        for pair in ("M next", "m all", "3 Learn", "esc close"):
            assert any(pair in line for line in shown), shown


async def test_the_last_stop_of_the_tour_says_where_to_go_on(tmp_path):
    tour = next(page for page in pages() if page.name == TOUR)
    async with AdamApp(PlaygroundState(), runs=tmp_path).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        app.open_presets(tour.tries, len(tour.tries), tour.finale)
        await pilot.pause()
        await pilot.press("M")
        assert [each.message for each in app._notifications] == ["the tour is over: 3 opens Learn"]
        assert app.screen.MODE == "train"
        await pilot.press("escape", "M")
        messages = [each.message for each in app._notifications]
        assert messages[-1] == "the scenarios are in the playground: 1 opens it"


async def test_the_contents_lead_to_any_page(app):
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        await pilot.press("enter", "end")
        await pilot.pause()
        assert "Training · The network has 62,346 weights" in seen(app), "what the page is about"
        await pilot.press("enter")
        await settle(app, pilot)
        assert app.screen.page is pages()[-1]


async def test_the_contents_stand_beside_the_page_where_there_is_room(app):
    async with app.run_test(size=(120, len(pages()) + 20)) as pilot:
        await opened(app, pilot)
        await pilot.press("right")
        await settle(app, pilot)
        text = seen(app)
        assert f"▸ {pages()[1].title}" in text
        for page in pages():
            assert page.title in text
        await pilot.resize_terminal(*NARROW)
        await pilot.pause()
        assert "▸" not in seen(app)


async def test_a_link_opens_its_page_and_an_address_is_copied(app):
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        markdown = app.screen.query_one(Markdown)
        markdown.post_message(Markdown.LinkClicked(markdown, "adamw"))
        await settle(app, pilot)
        assert app.screen.page.name == "adamw"
        markdown.post_message(Markdown.LinkClicked(markdown, "https://arxiv.org/abs/1412.6980"))
        await pilot.pause()
        assert app.clipboard == "https://arxiv.org/abs/1412.6980"


async def test_a_link_has_the_accent_and_code_a_ground_of_its_own(app):
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        app.screen.action_go("descent")
        await settle(app, pilot)
        for app.theme in ("adam-dark", "adam-light", "nord"):
            await settle(app, pilot)
            styles = {}
            for strip in app.screen._compositor.render_strips():
                styles |= {segment.text.strip(): segment.style for segment in strip}
            accent, ground = app.palette.accent, app.palette.background
            assert tuple(styles["remember the direction"].color.triplet) == accent
            assert styles["remember the direction"].underline
            assert tuple(styles["lr = 0.1"].bgcolor.triplet) != ground


@pytest.mark.parametrize("theme", ["adam-dark", "adam-light"])
async def test_every_block_of_code_is_drawn_whole_in_80_columns(app, theme):
    with_code = [page for page in pages() if "```" in page.text]
    # The pages with the widest code: a narrower line is drawn whole where a wider one is.
    with_code.sort(key=lambda page: max(map(len, "".join(page.text.split("```")[1::2]).splitlines())))
    async with app.run_test(size=(80, 150)) as pilot:
        await opened(app, pilot)
        app.theme = theme
        for page in with_code[-3:]:
            app.screen.action_go(page.name)
            await settle(app, pilot)
            text = seen(app)
            for block in page.text.split("```")[1::2]:
                for line in block.splitlines()[1:]:
                    assert line.rstrip() in text


async def test_no_two_actions_share_a_key(app):
    async with app.run_test(size=NARROW) as pilot:
        await opened(app, pilot)
        keys = [key for action in (*app.screen.ACTIONS, *SHARED_ACTIONS) for key in action.keys.split(",")]
        assert len(keys) == len(set(keys))
        assert len(app.screen.query_one(KeyLine).render().plain) <= 80


def test_nothing_of_learn_is_read_before_it_is_opened():
    code = "import sys, adam_tui.ui.app; print([name for name in sys.modules if 'learn' in name or 'markdown' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_in_ascii_a_page_loses_no_letter_of_its_formulas():
    app = AdamApp(PlaygroundState(), mode="learn", ascii=True)
    async with app.run_test(size=NARROW) as pilot:
        await settle(app, pilot)
        app.screen.action_go("batch-size")
        await settle(app, pilot)
        scroll, text = app.screen.query_one(PageScroll), ""
        while True:
            text += " " + seen(app)
            if scroll.scroll_y >= scroll.max_scroll_y:
                break
            await pilot.press("space")
            await pilot.pause()
        text = " ".join(text.split())
        assert "proportional to 1/sqrt(B): four" in text
        assert "a.s^2/(2l): see Noisy slopes. s^2 falls like 1/B, so a may grow like B. This is" in text
        assert text.isascii()
