"""Every action in the command palette, in the words of the table of actions, with its key."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hit, Hits, Provider

from adam_tui.ui.actions import Action
from adam_tui.ui.mode_screen import SHARED_ACTIONS, ModeScreen


class ActionCommands(Provider):
    """The actions of the mode on the screen and those that are there everywhere."""

    @property
    def _actions(self) -> tuple[Action, ...]:
        own = self.screen.ACTIONS if isinstance(self.screen, ModeScreen) else ()
        return (*own, *SHARED_ACTIONS)

    def _run(self, action: Action) -> None:
        if isinstance(self.screen, ModeScreen):
            self.screen.action_perform(action.name)

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for action in self._actions:
            yield DiscoveryHit(action.title, lambda a=action: self._run(a), help=f"key {action.shown_keys}")

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
