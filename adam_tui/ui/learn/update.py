"""The logic of Learn: `update(state, event)` returns the next state and the effects. It is pure."""

from __future__ import annotations

import re
from dataclasses import replace

from adam_tui.ui.effects import CopyText, Notify, Pick
from adam_tui.ui.learn import events as e
from adam_tui.ui.learn.effects import Effect, OpenPresets, ScrollBy, ScrollTo
from adam_tui.ui.learn.pages import Page
from adam_tui.ui.learn.state import LearnState

Result = tuple[LearnState, tuple[Effect, ...]]


def update(state: LearnState, event: e.Event) -> Result:
    """Return the next state and the effects."""
    match event:
        case e.Scroll(lines):
            return state, (ScrollBy(lines),)
        case e.ScrollToTop():
            return state, (ScrollTo(end=False),)
        case e.ScrollToEnd():
            return state, (ScrollTo(end=True),)
        case e.TurnPage(by, scroll):
            return _open(state, state.at + by, scroll), ()
        case e.OpenPage(name, scroll):
            return _open_by_name(state, name, scroll), ()
        case e.ChoosePage(scroll):
            return state, (_contents(state, scroll),)
        case e.FollowLink(target, scroll):
            # An address goes to the clipboard: with SSH, a browser started here would run on the other machine.
            if target.startswith("http"):
                return state, (CopyText(target), Notify(target, title="Address copied"))
            return _open_by_name(state, target, scroll), ()
        case e.TryNext():
            return _try(state, state.page, state.next_stop(state.page)) if state.page.stops else (state, ())
        case e.ChooseStop():
            return state, (_stops(state),) if state.page.stops else ()
        case e.TryStop(name, stop):
            return _try(state, next(page for page in state.pages if page.name == name), stop)
        case e.ContinueTour():
            return _try(state, state.tour, state.next_stop(state.tour))
        case e.PresetsShown(presets, stop):
            shown = {page.name: stop + 1 for page in state.pages if page.tries and page.tries == presets}
            return replace(state, tried={**state.tried, **shown}), ()


def _open(state: LearnState, at: int, scroll: float) -> LearnState:
    if at == state.at or not 0 <= at < len(state.pages):
        return state
    return replace(state, at=at, scrolled={**state.scrolled, state.page.name: scroll})


def _open_by_name(state: LearnState, name: str, scroll: float) -> LearnState:
    return _open(state, next((i for i, page in enumerate(state.pages) if page.name == name), state.at), scroll)


def _try(state: LearnState, page: Page, stop: int) -> Result:
    """Show a stop in the playground, where one key leads to the page's next stop."""
    tried = {**state.tried, page.name: stop + 1}
    return replace(state, tried=tried), (OpenPresets(page.tries, stop, page.finale),)


def _contents(state: LearnState, scroll: float) -> Pick[e.Event]:
    items = tuple((page.name, page.title, f"{page.section} · {_first_sentence(page)}") for page in state.pages)
    return Pick("Contents", items, state.page.name, lambda name: e.OpenPage(name, scroll))


def _stops(state: LearnState) -> Pick[e.Event]:
    page = state.page
    items = tuple((str(i), stop.title, stop.sentence) for i, stop in enumerate(page.stops))
    return Pick("Try it", items, str(state.next_stop(page)), lambda value: e.TryStop(page.name, int(value)))


def _first_sentence(page: Page) -> str:
    """The first sentence of the page's text."""
    paragraph = next(block for block in page.text.split("\n\n") if block[0] not in "#`|-")
    return re.sub(r"[*`]", "", " ".join(paragraph.split())).split(". ")[0].rstrip(".:")
