"""The screen of Learn: one page in a comfortable column, the contents beside it where there is room."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from textual import on
from textual.containers import Center, Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Markdown, Static

from adam_tui.ui.actions import FooterKey
from adam_tui.ui.dialogs import Pick
from adam_tui.ui.learn.actions import ACTIONS, footer
from adam_tui.ui.learn.pages import TOUR, Page, pages, sections
from adam_tui.ui.learn.table import PageMarkdown
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.widgets.tabs_line import TabsLine

# From this width on the contents stand beside the page.
WITH_CONTENTS = 110


class Leaf(VerticalScroll, can_focus=False):
    """The page as it scrolls; the keys are the screen's."""


class LearnScreen(ModeScreen[None, Any, Any, Any]):
    """Read a page, try its scenarios, come back to the same line."""

    MODE = "learn"
    ACTIONS = ACTIONS
    HORIZONTAL_BREAKPOINTS = [(0, "-alone"), (WITH_CONTENTS, "-with-contents")]

    def __init__(self, keys: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__()
        self._pages = pages(keys)
        self._at = 0
        self._turning = False
        self._scrolled: dict[str, float] = {}  # how far down each page was left
        self._tried: dict[str, int] = {}  # how many of a page's scenarios have been opened

    @property
    def page(self) -> Page:
        """The page that is open."""
        return self._pages[self._at]

    def body(self) -> Iterable[Widget]:
        """The contents, the page, and the line that says what can be tried."""
        yield Horizontal(
            VerticalScroll(Static(id="learn-contents"), id="learn-side"),
            Leaf(Center(PageMarkdown(_markdown(self.page), id="learn-page", open_links=False)), id="learn-leaf"),
            id="body",
        )
        yield Static(id="learn-line")

    def footer_keys(self) -> Sequence[FooterKey]:
        """The keys that matter on this page."""
        return footer(len(self.page.stops))

    def on_mount(self) -> None:
        """Follow the reader."""
        leaf = self.query_one(Leaf)
        self.watch(leaf, "scroll_y", self._say)
        self.watch(leaf, "virtual_size", self._say, init=False)
        self._dress()

    def on_resize(self, event: Resize) -> None:
        """The end of the page is elsewhere now."""
        super().on_resize(event)
        self.call_after_refresh(self._say)

    # --- what is shown ---------------------------------------------------------------------------------------------

    def _dress(self) -> None:
        """Everything around the page."""
        self.query_one(TabsLine).status = f"{self.page.section}  {self._at + 1}/{len(self._pages)}"
        self.query_one("#learn-contents", Static).update(_contents(self._pages, self.page), layout=False)
        row = _contents_row(self._pages, self.page)
        self.query_one("#learn-side").scroll_to(y=max(0, row - 8), animate=False)
        self.refresh_footer()
        self._say()

    def _say(self) -> None:
        """The line below the page: the next scenario to try, and how much of the page is left."""
        leaf, line = self.query_one(Leaf), self.query_one("#learn-line", Static)
        stops, at = self.page.stops, self._next_stop(self.page)
        parts = [Content(" ")]
        if stops:
            count = f" {at + 1} of {len(stops)}" if len(stops) > 1 else ""
            parts = [
                Content.from_markup(
                    " [b $accent]$key[/] [@click=screen.perform('try_it')]Try it$count:[/] [b $foreground]$title[/]",
                    key=self.key_names["try_it"],
                    count=count,
                    title=stops[at].title,
                )
            ]
        left = Content("").join(parts)
        right = _position(leaf.scroll_y, leaf.max_scroll_y)
        room = max(1, self.size.width - left.cell_length - len(right) - 1)
        line.update(Content("").join([left, Content(" " * room), Content(right)]), layout=False)

    def _show(self, at: int) -> None:
        """Open another page where it was left."""
        if at == self._at or not 0 <= at < len(self._pages):
            return
        leaf = self.query_one(Leaf)
        self._scrolled[self.page.name] = leaf.scroll_y
        self._at = at
        self._dress()  # the answer to the key, at once; the page takes 50 to 100 ms to lay out
        if not self._turning:
            self._turning = True
            self.run_worker(self._turn, group="page")  # type: ignore[arg-type]

    async def _turn(self) -> None:
        """Lay out the page that was asked for last.

        One after the other and never one broken off: a cancelled update takes the loops of its widgets with it, and
        the app's own in the end.
        """
        leaf, turned = self.query_one(Leaf), None
        while turned is not self.page:
            turned = self.page
            with self.app.batch_update():
                await self.query_one(Markdown).update(_markdown(turned))
                leaf.scroll_to(y=0, animate=False)
        self._turning = False
        if self._scrolled.get(self.page.name):
            self.call_after_refresh(leaf.scroll_to, y=self._scrolled[self.page.name], animate=False)

    # --- reading ---------------------------------------------------------------------------------------------------

    def do_scroll_down(self) -> None:
        """Down."""
        self.query_one(Leaf).scroll_relative(y=1, animate=False)

    def do_scroll_up(self) -> None:
        """Up."""
        self.query_one(Leaf).scroll_relative(y=-1, animate=False)

    def do_screen_down(self) -> None:
        """A screenful, less two lines that keep the thread."""
        self.query_one(Leaf).scroll_relative(y=self._screenful, animate=False)

    def do_screen_up(self) -> None:
        """A screenful back."""
        self.query_one(Leaf).scroll_relative(y=-self._screenful, animate=False)

    def do_top(self) -> None:
        """To the title."""
        self.query_one(Leaf).scroll_home(animate=False)

    def do_bottom(self) -> None:
        """To the sources."""
        self.query_one(Leaf).scroll_end(animate=False)

    @property
    def _screenful(self) -> int:
        return max(1, self.query_one(Leaf).size.height - 2)

    # --- pages -----------------------------------------------------------------------------------------------------

    def do_next_page(self) -> None:
        """Right."""
        self._show(self._at + 1)

    def do_previous_page(self) -> None:
        """Left."""
        self._show(self._at - 1)

    def do_contents(self) -> None:
        """Enter: any page, by its title."""
        items = [(page.name, page.title, f"{page.section} · {_first_words(page)}") for page in self._pages]
        self.app.push_screen(Pick("Contents", items, self.page.name), self.action_go)

    def action_go(self, name: str | None) -> None:
        """Open a page by its name: from the contents, or by a link."""
        self._show(next((i for i, page in enumerate(self._pages) if page.name == name), self._at))

    @on(Markdown.LinkClicked)
    def _link(self, event: Markdown.LinkClicked) -> None:
        """A page opens; an address goes to the clipboard, because a browser here may be on the other side of SSH."""
        if event.href.startswith("http"):
            self.app.copy_to_clipboard(event.href)
            self.notify(event.href, title="Address copied")
        else:
            self.action_go(event.href)

    # --- trying it -------------------------------------------------------------------------------------------------

    def do_try_it(self) -> None:
        """T: this page's scenarios one after the other."""
        if self.page.stops:
            self._try(self.page, self._next_stop(self.page))

    def do_pick_try(self) -> None:
        """Shift+T: choose."""
        page = self.page
        items = [(str(i), each.title, each.sentence) for i, each in enumerate(page.stops)]
        if items:
            chosen = str(self._next_stop(page))
            self.app.push_screen(Pick("Try it", items, chosen), lambda value: self._picked(page, value))

    def _picked(self, page: Page, value: str | None) -> None:
        if value is not None:
            self._try(page, int(value))

    def do_tour(self) -> None:
        """G: from the first stop, or from where it was left."""
        tour = next(page for page in self._pages if page.name == TOUR)
        self._try(tour, self._next_stop(tour))

    def _try(self, page: Page, at: int) -> None:
        """Show a scenario in the playground; the page's others are one key further there."""
        self._tried[page.name] = at + 1
        self._say()
        self.host.open_presets(page.tries, at, page.finale)

    def _next_stop(self, page: Page) -> int:
        """The one after the last that was seen; after all of them the first."""
        return self._tried.get(page.name, 0) % len(page.stops) if page.stops else 0

    def on_screen_resume(self) -> None:
        """Back from the playground: the reader may have gone on there from stop to stop."""
        presets, stop = self.host.tour
        for page in self._pages:
            if page.tries and page.tries == presets:
                self._tried[page.name] = stop + 1
                self._say()


def _markdown(page: Page) -> str:
    return f"# {page.title}\n\n{page.text}\n"


def _first_words(page: Page) -> str:
    """The page's first sentence, for the list of pages."""
    first = next(block for block in page.text.split("\n\n") if block[0] not in "#`|-")
    return re.sub(r"[*`]", "", " ".join(first.split())).split(". ")[0].rstrip(".:")


def _contents(all_pages: Sequence[Page], current: Page) -> Content:
    """The sections with their pages; the open one is marked and bold."""
    lines: list[Content] = []
    for section, inside in sections(all_pages).items():
        if lines:
            lines.append(Content(""))
        lines.append(Content.from_markup("[$text-muted]$section[/]", section=section))
        for page in inside:
            chosen = page is current
            style, mark = ("[b $accent]", "▸ ") if chosen else (f"[@click=screen.go('{page.name}')]", "  ")
            lines.append(Content.from_markup(f"{style}$mark$title[/]", mark=mark, title=page.title))
    return Content("\n").join(lines)


def _contents_row(all_pages: Sequence[Page], current: Page) -> int:
    """The row of the open page in the contents."""
    before = all_pages[: all_pages.index(current)]
    return len(before) + 2 * len({page.section for page in (*before, current)}) - 1


def _position(at: float, end: float) -> str:
    """How far down the page one is."""
    if end <= 0:
        return "whole page "
    if at >= end:
        return "end of page "
    return f"↓ {at / end:.0%} " if at > 0 else "↓ more "
