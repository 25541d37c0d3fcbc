"""The text of Learn: the page as Markdown, the contents, and the line below the page. Pure functions of the state."""

from __future__ import annotations

from textual.content import Content

from adam_tui.ui.learn.pages import Page, sections
from adam_tui.ui.learn.state import LearnState


def markdown(page: Page) -> str:
    """The page with its title."""
    return f"# {page.title}\n\n{page.text}\n"


def status(state: LearnState) -> str:
    """The section and the number of the page, for the top line."""
    return f"{state.page.section}  {state.at + 1}/{len(state.pages)}"


def contents(state: LearnState) -> Content:
    """The sections with their pages as links; the open page is marked and bold."""
    lines: list[Content] = []
    for section, pages in sections(state.pages).items():
        if lines:
            lines.append(Content(""))
        lines.append(Content.from_markup("[$text-muted]$section[/]", section=section))
        for page in pages:
            is_open = page is state.page
            style, mark = ("[b $accent]", "▸ ") if is_open else (f"[@click=screen.go('{page.name}')]", "  ")
            lines.append(Content.from_markup(f"{style}$mark$title[/]", mark=mark, title=page.title))
    return Content("\n").join(lines)


def contents_row(state: LearnState) -> int:
    """The row of the open page in the contents."""
    before = state.pages[: state.at]
    return len(before) + 2 * len({page.section for page in (*before, state.page)}) - 1


def try_line(state: LearnState, key: str, position: str, width: int) -> Content:
    """The line below the page: the next stop to try with its key, and at the right end the position in the page."""
    stops, at = state.page.stops, state.next_stop(state.page)
    left = Content(" ")
    if stops:
        left = Content.from_markup(
            " [b $accent]$key[/] [@click=screen.perform('try_it')]Try it$count:[/] [b $foreground]$title[/]",
            key=key,
            count=f" {at + 1} of {len(stops)}" if len(stops) > 1 else "",
            title=stops[at].title,
        )
    gap = max(1, width - left.cell_length - len(position) - 1)
    return Content.assemble(left, " " * gap, position)


def position(line: float, last: float) -> str:
    """How far the page is scrolled: `line` of `last`."""
    if last <= 0:
        return "whole page "
    if line >= last:
        return "end of page "
    return f"↓ {line / last:.0%} " if line > 0 else "↓ more "
