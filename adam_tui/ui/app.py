"""The application: which modes there are, which colours they have, and what becomes of a bug."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.events import Event, Key, Paste
from textual.screen import Screen
from textual.worker import WorkerFailed

from adam_tui.draw.palette import Palette
from adam_tui.terminal.environment import is_console, terminal_depth
from adam_tui.terminal.painted_app import PaintedApp
from adam_tui.terminal.plain_terminal import PlainTerminal
from adam_tui.terminal.sanitize import sanitize
from adam_tui.terminal.type_ahead import TypeAhead
from adam_tui.ui.actions import SHARED_ACTIONS, AppEvent, Quit, Repaint, ShowHelp, ShowMode, ShowPalette, key_names
from adam_tui.ui.config import DEFAULT_FPS, Config, remember_theme
from adam_tui.ui.keymap import checked, with_keys
from adam_tui.ui.mode_screen import AnyMode, ModeScreen
from adam_tui.ui.playground.events import Open
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.theme import NO_UNDERLINE, css_variables, palette_for, themes
from adam_tui.ui.theme_names import DEFAULT_THEME, configured_theme, plot_palette_name

if TYPE_CHECKING:
    from adam_tui.engine.presets import Preset
    from adam_tui.engine.scenario import Lane
    from adam_tui.terminal.taken_terminal import TakenTerminal
    from adam_tui.ui.caption import Finale

STARTED_SECONDS = 1.0  # the first pictures are on the screen, on a slow machine too


def _collect_garbage_again() -> None:
    """What the start made is here to stay: never looked at again, collections stay short."""
    gc.freeze()
    gc.enable()


class AdamApp(PaintedApp):
    """adam-tui. `state` is what the playground opens with, `runs` where the training runs are kept.

    `config` are the settings; what cannot be used of them is said in a notification. `run` is the id of a training run
    to open with, in its mode. `ascii` is for fonts without braille and blocks.

    A bug ends it with `failure` set, the terminal restored and nothing printed: that is for whoever ran it.
    """

    TITLE = "adam-tui"
    CSS_PATH = "adam.tcss"
    BINDINGS = [
        *(action.binding() for action in SHARED_ACTIONS),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
    ]
    ENABLE_COMMAND_PALETTE = False  # ours is in the look of the rest, and knows more words

    def __init__(
        self,
        state: PlaygroundState,
        mode: str = "playground",
        runs: Path | None = None,
        config: Config | None = None,
        run: str | None = None,
        ascii: bool = False,
        taken: TakenTerminal | None = None,
    ) -> None:
        self._config = config or Config()
        super().__init__(taken)
        self.failure: BaseException | None = None
        few_colors = terminal_depth(os.environ) == "16"
        terminal = PlainTerminal(ascii=ascii, few_colors=few_colors, console=is_console(os.environ))
        self.terminal = terminal if terminal.enabled or few_colors else None
        if terminal.enabled:
            self._filters.append(terminal)
        self._state = state
        self._first_mode = mode if run is None else "train"
        self._runs = runs
        self._run = run
        for theme in themes():
            self.register_theme(theme)
        self.keys, problems = checked(self._config.keys, SHARED_ACTIONS)
        self.set_keymap(self.keys)
        self._problems = [self._config.problem] if self._config.problem else []
        wanted = configured_theme(self._config)
        if wanted not in self.available_themes:
            palette = key_names(with_keys(SHARED_ACTIONS, self.keys))["palette"]
            self._problems.append(f"no theme is called {wanted!r}: {palette} lists them")
            wanted = DEFAULT_THEME
        self.theme = wanted
        self._problems += problems
        self._screens: dict[str, Screen[Any]] = {}
        self._ahead = TypeAhead(self, super().on_event)

    async def on_event(self, event: Event) -> None:
        """Keys and pastes one after the other, see `type_ahead`; of a paste only what can be seen."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            if isinstance(event, Paste):
                event.text = "".join(filter(str.isprintable, " ".join(event.text.split())))
            await self._ahead.take(event)
        else:
            await super().on_event(event)

    @property
    def palette(self) -> Palette:
        """The drawings' palette that goes with the theme."""
        theme = self.current_theme
        return palette_for(theme, plot_palette_name(self._config, theme.name, terminal_depth(os.environ)))

    def get_css_variables(self) -> dict[str, str]:
        """Textual's, with the drawings' colours where frames and faint text are meant."""
        variables, theme = super().get_css_variables(), self.current_theme
        own = css_variables(palette_for(theme))
        if theme.ansi:  # the terminal's own colours: they have no numbers to change
            own = {"frame": "ansi_bright_black", "faint": "ansi_default"}
            own |= {"link-color": "ansi_default", "link-style": NO_UNDERLINE}
        return variables | own

    def choose_theme(self, name: str) -> None:
        """Show another theme, and open with it from now on."""
        self.theme = name
        try:
            remember_theme(name)
        except OSError as error:
            self.notify(f"the theme cannot be remembered: {error.filename}: {error.strerror}", severity="warning")

    def notify(self, message: str, **options: Any) -> None:
        """Textual's; the message is shown as it stands, for names and errors may hold markup and worse."""
        super().notify(sanitize(message), **options | {"markup": False})

    def on_mount(self) -> None:
        """What there is to do and to say once the first mode is shown."""
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())  # the terminal was another's meanwhile
        if not gc.isenabled():
            self.set_timer(STARTED_SECONDS, _collect_garbage_again)
        for problem in self._problems:
            self.notify(problem, title="Settings", severity="warning", timeout=12)

    def _handle_exception(self, error: Exception) -> None:
        """Textual ends here on a bug. It would print pages of traceback; they belong into a file.

        What breaks after it was told to end is none: half of it may not be there yet, or not any more.
        """
        ending, status = self._exit, self._return_code
        super()._handle_exception(error)
        self._exit_renderables.clear()
        if ending:
            self._return_code = status
        else:
            self.failure = self.failure or (error.error if isinstance(error, WorkerFailed) else error)

    def get_default_screen(self) -> Screen[Any]:
        """The first mode: with no blank screen below it, it is painted once at the start and not three times."""
        return self._kept(self._first_mode)

    def show_mode(self, mode: str) -> None:
        """Switch to a mode, which is made when it is first shown. The first one stays below the others."""
        wanted, first = self._kept(mode), self.screen_stack[0]
        if wanted is first:
            while self.screen is not first:
                self.pop_screen()
        elif self.screen is first:
            self.push_screen(mode)
        elif self.screen is not wanted:
            self.switch_screen(mode)

    def _kept(self, mode: str) -> Screen[Any]:
        if mode not in self._screens:
            self._screens[mode] = self._make(mode)
            self.install_screen(self._screens[mode], mode)
        return self._screens[mode]

    def open_presets(self, presets: Sequence[Preset], at: int = 0, finale: Finale | None = None) -> None:
        """Show one of several presets in the playground; at index len(presets) show the finale in the training mode."""
        if at < len(presets):
            self.show_mode("playground")
        playground = self._kept("playground")
        assert isinstance(playground, PlaygroundScreen)
        playground.dispatch(Open(tuple(presets), at, finale))

    def show_finale(self, place: str, finale: Finale) -> None:
        """Show the tour's last stop in the training mode, with a caption. `place` is its number, such as "10/10"."""
        from adam_tui.ui.train.events import ShowFinale

        self.show_mode("train")
        training = self._screens["train"]
        assert isinstance(training, ModeScreen)
        training.dispatch(ShowFinale(place, finale))

    @property
    def tour(self) -> tuple[tuple[Preset, ...], int]:
        """The presets that are open in the playground, and the index of the one shown."""
        return self._playground_state.tour, self._playground_state.stop

    @property
    def _playground_state(self) -> PlaygroundState:
        playground = self._screens.get("playground")
        return playground.state if isinstance(playground, PlaygroundScreen) else self._state

    def train_lane(self, lane: Lane) -> None:
        """Ask whether to train the network with the optimizer of one of the playground's lanes."""
        from adam_tui.ui.train.screen import TrainScreen

        self.show_mode("train")
        training = self._screens["train"]
        assert isinstance(training, TrainScreen)
        training.call_after_refresh(training.train_lane, lane)

    def _make(self, mode: str) -> AnyMode:
        if mode == "train":
            from adam_tui.ui.train.screen import TrainScreen

            training: AnyMode = TrainScreen(self._runs, self._run)
            return training
        if mode == "learn":
            from adam_tui.ui.learn.screen import LearnScreen

            return LearnScreen(self.keys)
        fps = self._config.fps  # one that was asked for is kept even where the line is slow
        behind = (lambda: self.is_behind) if fps == DEFAULT_FPS else (lambda: False)
        return PlaygroundScreen(self._state, frames_per_second=fps, is_behind=behind)

    def action_perform(self, name: str) -> None:
        """Do a shared action: the bindings of the table end here."""
        if isinstance(self.screen, ModeScreen):
            self.screen.action_perform(name)

    def action_mode(self, mode: str) -> None:
        """Switch to a mode by a click on the top line."""
        self.show_mode(mode)

    def carry_out(self, event: AppEvent) -> None:
        """Carry out an action that every mode shares."""
        match event:
            case ShowMode(mode):
                self.show_mode(mode)
            case ShowHelp():
                self._show_help()
            case ShowPalette():
                self._show_palette()
            case Repaint():
                self.repaint()
            case Quit():
                self.exit()  # a training run goes on without the app

    def _show_help(self) -> None:
        from adam_tui.ui.help import Help

        assert isinstance(self.screen, ModeScreen)
        self.push_screen(Help(self.screen))

    def _show_palette(self) -> None:
        from adam_tui.ui.command_palette import CommandPalette, entries

        assert isinstance(self.screen, ModeScreen)
        found = entries(self.screen, self.available_themes, self.choose_theme)
        self.push_screen(CommandPalette(found), lambda entry: entry.act() if entry else None)
