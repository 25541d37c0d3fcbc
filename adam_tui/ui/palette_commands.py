"""Every action in the command palette, in the words of the table of actions, with its key; and every theme."""

from __future__ import annotations

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from adam_tui.ui.actions import Action
from adam_tui.ui.dialogs import Window
from adam_tui.ui.mode_screen import SHARED_ACTIONS, ModeScreen
from adam_tui.ui.own_themes import PREFIX


class Palette(CommandPalette, Window[None]):
    """Textual's palette, which closes once as well."""


class ActionCommands(Provider):
    """The actions of the mode on the screen and those that are there everywhere."""

    @property
    def _actions(self) -> tuple[Action, ...]:
        return self.screen.actions if isinstance(self.screen, ModeScreen) else SHARED_ACTIONS

    @property
    def _themes(self) -> list[tuple[str, str]]:
        """Each theme as it is called here, the drawings' own first, and its name."""
        names = sorted(self.app.available_themes, key=lambda name: (not name.startswith(PREFIX), name))
        return [(f"Theme: {name}", name) for name in names]

    def _run(self, action: Action) -> None:
        if isinstance(self.screen, ModeScreen):
            self.screen.action_perform(action.name)

    def _choose(self, theme: str) -> None:
        self.app.choose_theme(theme)  # type: ignore[attr-defined]

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for action in self._actions:
            yield DiscoveryHit(action.title, lambda a=action: self._run(a), help=f"key {action.shown_keys}")
        for title, name in self._themes:
            yield DiscoveryHit(title, lambda n=name: self._choose(n), help="the colours of everything; remembered")

    async def search(self, query: str) -> Hits:
        """Those whose words match."""
        matcher = self.matcher(query)
        for action in self._actions:
            words = f"{action.title} · {action.group}"
            if (score := matcher.match(words)) > 0:
                yield Hit(
                    score,
                    matcher.highlight(action.title),
                    lambda a=action: self._run(a),
                    help=f"key {action.shown_keys}",
                )
        for title, name in self._themes:
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), lambda n=name: self._choose(n), help="remembered")
