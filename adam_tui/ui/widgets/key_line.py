"""The footer: the keys that matter now, as many as fit. Each is a click target as well."""

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
        """Show these keys."""
        keys = list(keys)
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def render(self) -> Content:
        """Return the keys that fit."""
        parts: list[Content] = []
        for key in fitting(self._keys, self.size.width):
            word = Content(f" {key.word}").stylize(f"@click=screen.perform('{key.action}')")
            parts += [Content(" " if not parts else "  "), Content.styled(key.keys, "b $accent"), word]
        return Content("").join(parts)
