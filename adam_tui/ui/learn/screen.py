"""The screen of Learn: one page in a narrow column, and the contents beside it where there is room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from textual import on, work
from textual.containers import Center, Horizontal, VerticalScroll
from textual.events import Resize
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Markdown, Static

from adam_tui.ui import effects as shared
from adam_tui.ui.actions import FooterKey
from adam_tui.ui.learn import view
from adam_tui.ui.learn.actions import ACTIONS, footer
from adam_tui.ui.learn.effects import Effect, OpenPresets, ScrollBy, ScrollTo
from adam_tui.ui.learn.events import Event, EventContext, FollowLink, OpenPage, PresetsShown
from adam_tui.ui.learn.pages import Page, pages
from adam_tui.ui.learn.state import LearnState
from adam_tui.ui.learn.table import PageMarkdown
from adam_tui.ui.learn.update import update
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.widgets.tabs_line import TabsLine

WITH_CONTENTS = 110  # columns from which on the contents are beside the page
CONTEXT = 2  # lines of the last screen that stay in sight when the reader scrolls by a screenful
ABOVE = 8  # rows of the contents that stay in sight above the open page


class PageScroll(VerticalScroll, can_focus=False):
    """The page as it scrolls. It takes no focus, so the screen receives the keys."""


class LearnScreen(ModeScreen[LearnState, Event, Effect, EventContext]):
    """Read a page, try its scenarios, come back to the same line."""

    MODE = "learn"
    ACTIONS = ACTIONS
    HORIZONTAL_BREAKPOINTS = [(0, "-alone"), (WITH_CONTENTS, "-with-contents")]

    state: reactive[LearnState] = reactive(lambda: LearnState(pages()), init=False, repaint=False)

    def __init__(self, keys: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__()
        self.set_reactive(LearnScreen.state, LearnState(pages(keys)))
        self._laying_out = False

    @property
    def page(self) -> Page:
        """The open page."""
        return self.state.page

    def window_title(self) -> str:
        """The page and its number."""
        return f"{self.page.title} {self.state.at + 1}/{len(self.state.pages)}"

    def body(self) -> Iterable[Widget]:
        """The contents, the page, and the line with the next stop to try."""
        page = PageMarkdown(self._markdown(), id="learn-page", open_links=False)
        yield Horizontal(
            VerticalScroll(Static(id="learn-contents"), id="learn-side"),
            PageScroll(Center(page), id="learn-scroll"),
            id="body",
        )
        yield Static(id="learn-line")

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter on this page."""
        return footer(len(self.page.stops))

    # --- events and effects ----------------------------------------------------------------------------------------

    def update_state(self, event: Event) -> tuple[LearnState, Sequence[Effect]]:
        """Return the next state and the effects of an event."""
        return update(self.state, event)

    def event_context(self) -> EventContext:
        """Return the line at the top of the screen, and the lines that a screenful scrolls."""
        scroll = self.query_one(PageScroll)
        return EventContext(scroll.scroll_y, max(1, scroll.size.height - CONTEXT))

    def carry_out(self, effect: Effect) -> None:
        """Carry out one effect."""
        match effect:
            case ScrollBy(lines):
                self.query_one(PageScroll).scroll_relative(y=lines, animate=False)
            case ScrollTo(end):
                scroll = self.query_one(PageScroll)
                scroll.scroll_end(animate=False) if end else scroll.scroll_home(animate=False)
            case OpenPresets(presets, stop, finale):
                self.host.open_presets(presets, stop, finale)
            case _:
                shared.carry_out(effect, self)

    def action_go(self, name: str) -> None:
        """Open a page by its name, after a click in the contents."""
        self.dispatch(OpenPage(name, self.event_context().scroll))

    @on(Markdown.LinkClicked)
    def _follow_link(self, event: Markdown.LinkClicked) -> None:
        self.dispatch(FollowLink(event.href, self.event_context().scroll))

    def on_screen_resume(self) -> None:
        """Follow the stops that the user tried in the playground meanwhile."""
        self.dispatch(PresetsShown(*self.host.tour))

    # --- drawing ---------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Draw everything around the page, and the line below it whenever the page scrolls or grows."""
        scroll = self.query_one(PageScroll)
        self.watch(scroll, "scroll_y", self._show_line)
        self.watch(scroll, "virtual_size", self._show_line, init=False)
        self._show_surroundings()

    def on_resize(self, event: Resize) -> None:
        """Draw the line below the page once the layout is known."""
        super().on_resize(event)
        self.call_after_refresh(self._show_line)

    def watch_state(self, before: LearnState, after: LearnState) -> None:
        """Draw what the change touches."""
        if not self.is_mounted:
            return
        if before.at != after.at:
            self._show_surroundings()  # at once; the layout of the page takes 50 to 100 ms
            if not self._laying_out:
                self._laying_out = True
                self._lay_out_page()
        elif before.tried != after.tried:
            self._show_line()

    @work(group="page")
    async def _lay_out_page(self) -> None:
        """Lay out the page that was opened last.

        Updates run one after the other. A cancelled update would end the message loops of its widgets, and then the
        application's own.
        """
        scroll, page = self.query_one(PageScroll), None
        while page is not self.page:
            page = self.page
            with self.app.batch_update():
                await self.query_one(Markdown).update(self._markdown())
                scroll.scroll_to(y=0, animate=False)
        self._laying_out = False
        if line := self.state.scrolled.get(page.name):
            self.call_after_refresh(scroll.scroll_to, y=line, animate=False)

    def _markdown(self) -> str:
        """The open page, with formulas that the terminal can show; longer ones have to be there before the wrapping."""
        return self.host.fallback.text(view.markdown(self.page))

    def _show_surroundings(self) -> None:
        """Draw the top line, the contents, the footer and the line below the page."""
        self.query_one(TabsLine).status = view.status(self.state)
        self.query_one("#learn-contents", Static).update(view.contents(self.state), layout=False)
        self.query_one("#learn-side").scroll_to(y=max(0, view.contents_row(self.state) - ABOVE), animate=False)
        self.refresh_footer()
        self._show_line()

    def _show_line(self) -> None:
        """Draw the line below the page."""
        scroll = self.query_one(PageScroll)
        position = view.position(scroll.scroll_y, scroll.max_scroll_y)
        line = view.try_line(self.state, self.key_names["try_it"], position, self.size.width)
        self.query_one("#learn-line", Static).update(line, layout=False)
