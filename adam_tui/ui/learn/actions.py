"""The keys of Learn and the event of each. Keys and action names are a contract: settings refer to them."""

from __future__ import annotations

from adam_tui.ui.actions import Action, FooterKey
from adam_tui.ui.learn import events as e

READ, PAGES, TRY = "Reading", "Pages", "Trying it"

ACTIONS: tuple[Action[e.Event, e.EventContext], ...] = (
    Action("scroll_down", "down,j", "A line down", READ, e.Scroll(1)),
    Action("scroll_up", "up,k", "A line up", READ, e.Scroll(-1)),
    Action("screen_down", "pagedown,space", "A screenful down", READ, lambda context: e.Scroll(context.screenful)),
    Action("screen_up", "pageup,b", "A screenful up", READ, lambda context: e.Scroll(-context.screenful)),
    Action("top", "home", "Top of the page", READ, e.ScrollToTop()),
    Action("bottom", "end", "End of the page", READ, e.ScrollToEnd()),
    Action("next_page", "right,n", "Next page", PAGES, lambda context: e.TurnPage(1, context.scroll)),
    Action("previous_page", "left,p", "Previous page", PAGES, lambda context: e.TurnPage(-1, context.scroll)),
    Action("contents", "enter", "Contents: go to any page", PAGES, lambda context: e.ChoosePage(context.scroll)),
    Action("try_it", "t", "Try this page's next scenario", TRY, e.TryNext()),
    Action("pick_try", "T", "Choose one of this page's scenarios", TRY, e.ChooseStop()),
    Action("tour", "g", "Guided tour, from the last stop on", TRY, e.ContinueTour()),
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
        keys.append(FooterKey("{pick_try}", "choose", "pick_try", 8))
    return [
        *keys,
        FooterKey("{contents}", "contents", "contents", 4),
        FooterKey("{tour}", "tour", "tour", 5),
        FooterKey("{help}", "keys", "help", 6),
        FooterKey("{quit}", "quit", "quit", 7),
    ]
