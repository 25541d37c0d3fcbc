"""Learn's logic, with no terminal: one event in, the next state and the effects out."""

from dataclasses import replace

import pytest

from adam_tui.ui.effects import CopyText, Notify
from adam_tui.ui.learn import events as e
from adam_tui.ui.learn.effects import OpenPresets, ScrollBy, ScrollTo
from adam_tui.ui.learn.pages import pages
from adam_tui.ui.learn.state import LearnState
from adam_tui.ui.learn.update import update


@pytest.fixture
def state():
    return LearnState(pages())


def after(state, *events):
    for event in events:
        state, _ = update(state, event)
    return state


def test_pages_turn_and_stop_at_both_ends(state):
    assert after(state, e.TurnPage(-1, 0.0)) == state
    assert after(state, e.TurnPage(1, 0.0), e.TurnPage(1, 0.0)).at == 2
    assert after(state, *[e.TurnPage(1, 0.0)] * 500).page is pages()[-1]


def test_the_line_at_which_a_page_is_left_is_kept(state):
    left = after(state, e.TurnPage(1, 7.0), e.OpenPage("adamw", 12.0))
    assert left.page.name == "adamw"
    assert left.scrolled == {pages()[0].name: 7.0, pages()[1].name: 12.0}


def test_an_unknown_page_and_the_open_one_change_nothing(state):
    assert after(state, e.OpenPage("no such page", 3.0), e.OpenPage(state.page.name, 3.0)) == state


def test_the_page_scrolls_by_an_effect(state):
    assert update(state, e.Scroll(-20)) == (state, (ScrollBy(-20),))
    assert update(state, e.ScrollToTop()) == (state, (ScrollTo(end=False),))
    assert update(state, e.ScrollToEnd()) == (state, (ScrollTo(end=True),))


def test_a_link_opens_a_page_and_a_web_address_is_copied(state):
    assert after(state, e.FollowLink("adamw", 0.0)).page.name == "adamw"
    address = "https://arxiv.org/abs/1412.6980"
    assert update(state, e.FollowLink(address, 0.0)) == (
        state,
        (CopyText(address), Notify(address, title="Address copied")),
    )


def test_stops_are_tried_one_after_the_other_and_then_again(state):
    page = next(page for page in pages() if len(page.stops) > 1 and page.finale is None)
    state = after(state, e.OpenPage(page.name, 0.0))
    opened = []
    for _ in range(len(page.stops) + 1):
        state, [effect] = update(state, e.TryNext())
        assert effect == OpenPresets(page.tries, effect.stop, None)
        opened.append(effect.stop)
    assert opened == [*range(len(page.stops)), 0]


def test_a_page_without_scenarios_has_nothing_to_try(state):
    state = replace(state, pages=(replace(state.page, tries=(), finale=None),))
    assert update(state, e.TryNext()) == update(state, e.ChooseStop()) == (state, ())


def test_a_stop_is_picked_from_a_list(state):
    page = next(page for page in pages() if len(page.stops) > 1)
    state = after(state, e.OpenPage(page.name, 0.0))
    _, [pick] = update(state, e.ChooseStop())
    assert [title for _, title, _ in pick.items] == [stop.title for stop in page.stops]
    assert pick.event("1") == e.TryStop(page.name, 1)


def test_the_contents_come_back_to_the_line_of_the_page_that_was_left(state):
    _, [pick] = update(state, e.ChoosePage(4.0))
    assert pick.selected == state.page.name
    assert pick.event("adamw") == e.OpenPage("adamw", 4.0)


def test_the_tour_continues_after_the_last_stop_shown_in_the_playground(state):
    tour = state.tour
    state, [effect] = update(state, e.ContinueTour())
    assert effect == OpenPresets(tour.tries, 0, tour.finale)
    state = after(state, e.PresetsShown(tour.tries, 4))
    assert update(state, e.ContinueTour())[1] == (OpenPresets(tour.tries, 5, tour.finale),)
