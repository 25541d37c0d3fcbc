"""The state of Learn: the open page, where each page was left, and which of its scenarios were tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adam_tui.ui.learn.pages import TOUR, Page


@dataclass(frozen=True, slots=True)
class LearnState:
    """Everything that Learn shows.

    pages: all pages in their order; `at` is the index of the open one.
    scrolled: the line at which each page was left, by the page's name.
    tried: how many of a page's stops were tried, by the page's name.
    """

    pages: tuple[Page, ...]
    at: int = 0
    scrolled: Mapping[str, float] = field(default_factory=dict)
    tried: Mapping[str, int] = field(default_factory=dict)

    @property
    def page(self) -> Page:
        """The open page."""
        return self.pages[self.at]

    @property
    def tour(self) -> Page:
        """The page whose scenarios are the guided tour."""
        return next(page for page in self.pages if page.name == TOUR)

    def next_stop(self, page: Page) -> int:
        """The index of the stop after the last one that was tried; after all of them the first."""
        return self.tried.get(page.name, 0) % len(page.stops) if page.stops else 0
