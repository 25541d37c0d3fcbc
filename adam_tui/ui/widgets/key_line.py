"""The footer: the keys that matter now, as many as fit, each of them a click target too."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget

from adam_tui.ui.actions import FooterKey, fitting


class KeyLine(Widget):
    """One line of keys with a word each."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyLine { dock: bottom; height: 1; width: 100%; background: $panel; color: $text-muted; }
    """

    def __init__(self, keys: Iterable[FooterKey] = ()) -> None:
        super().__init__()
        self._keys = list(keys)

    def show(self, keys: Iterable[FooterKey]) -> None:
        """Show other keys."""
        keys = list(keys)
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def render(self) -> Content:
        """The keys that fit."""
        parts = []
        for key in fitting(self._keys, self.size.width):
            click = f"[@click=screen.perform('{key.action}')]"
            parts.append(Content.from_markup(f" [b $accent]$keys[/] {click}$word[/]", keys=key.keys, word=key.word))
        return Content(" ").join(parts)
