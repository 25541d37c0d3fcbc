"""The keys of Learn and what each does: the contract of the program, in one table."""

from __future__ import annotations

from typing import Any

from adam_tui.ui.actions import Action, FooterKey

READ, PAGES, TRY = "Reading", "Pages", "Trying it"

ACTIONS: tuple[Action[Any, Any], ...] = (
    Action("scroll_down", "down,j", "A line down", READ, None),
    Action("scroll_up", "up,k", "A line up", READ, None),
    Action("screen_down", "pagedown,space", "A screenful down", READ, None),
    Action("screen_up", "pageup,b", "A screenful up", READ, None),
    Action("top", "home", "Top of the page", READ, None),
    Action("bottom", "end", "End of the page", READ, None),
    Action("next_page", "right,n", "Next page", PAGES, None),
    Action("previous_page", "left,p", "Previous page", PAGES, None),
    Action("contents", "enter", "Contents: go to any page", PAGES, None),
    Action("try_it", "t", "Try this page's next scenario", TRY, None),
    Action("pick_try", "T", "Choose among this page's scenarios", TRY, None),
    Action("tour", "g", "Guided tour; goes on where it was left", TRY, None),
)


def footer(tries: int) -> list[FooterKey]:
    """The keys that matter on a page with so many scenarios to try."""
    keys = [
        FooterKey("{scroll_up}{scroll_down}", "scroll", "scroll_down", 3),
        FooterKey("{previous_page} {next_page}", "page", "next_page", 1),
    ]
    if tries:
        keys.append(FooterKey("{try_it}", "try it", "try_it", 2))
    if tries > 1:
        keys.append(FooterKey("{pick_try}", "which", "pick_try", 8))
    return [
        *keys,
        FooterKey("{contents}", "contents", "contents", 4),
        FooterKey("{tour}", "tour", "tour", 5),
        FooterKey("{help}", "keys", "help", 6),
        FooterKey("{quit}", "quit", "quit", 7),
    ]
