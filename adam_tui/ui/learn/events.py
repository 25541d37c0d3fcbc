"""The events of Learn: everything that can happen to its state, one frozen value for each kind.

An event that leaves a page carries `scroll`, the line at the top of the screen, to which the reader comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from adam_tui.engine.presets import Preset


class EventContext(NamedTuple):
    """Data outside the state that the events of keys need: the line at the top, and the lines on one screen."""

    scroll: float
    screenful: int


@dataclass(frozen=True)
class Scroll:
    """Scroll the page by some lines."""

    lines: int


@dataclass(frozen=True)
class ScrollToTop:
    """Scroll to the title."""


@dataclass(frozen=True)
class ScrollToEnd:
    """Scroll to the sources."""


@dataclass(frozen=True)
class TurnPage:
    """Open the next page or the previous one."""

    by: int
    scroll: float


@dataclass(frozen=True)
class OpenPage:
    """Open a page by its name; an unknown name is ignored."""

    name: str
    scroll: float


@dataclass(frozen=True)
class ChoosePage:
    """Let the user pick a page from the contents."""

    scroll: float


@dataclass(frozen=True)
class FollowLink:
    """Open the page that a link names, or copy its web address."""

    target: str
    scroll: float


@dataclass(frozen=True)
class TryNext:
    """Try the page's next stop."""


@dataclass(frozen=True)
class ChooseStop:
    """Let the user pick one of the page's stops."""


@dataclass(frozen=True)
class TryStop:
    """Try a stop of a page, by the page's name and the stop's index."""

    page: str
    stop: int


@dataclass(frozen=True)
class ContinueTour:
    """Continue the guided tour after the last stop that was tried."""


@dataclass(frozen=True)
class PresetsShown:
    """The playground shows a stop of these presets: the user may have moved from stop to stop there."""

    presets: tuple[Preset, ...]
    stop: int


Event = (
    Scroll
    | ScrollToTop
    | ScrollToEnd
    | TurnPage
    | OpenPage
    | ChoosePage
    | FollowLink
    | TryNext
    | ChooseStop
    | TryStop
    | ContinueTour
    | PresetsShown
)
