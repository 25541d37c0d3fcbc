"""The application: its modes, its colours and its settings. Painting, keys and errors are in `TerminalApp`."""

from __future__ import annotations

import gc
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.screen import Screen

from adam_tui.draw.blocks import Blocks
from adam_tui.draw.palette import Palette
from adam_tui.terminal.fallback import to_ascii
from adam_tui.terminal.queries import Answers
from adam_tui.terminal.sanitize import sanitize
from adam_tui.terminal.sextants import named_by_answers
from adam_tui.terminal.terminal_app import TerminalApp
from adam_tui.ui.actions import (
    MODES,
    SHARED_ACTIONS,
    AppEvent,
    ChooseTheme,
    Quit,
    Repaint,
    ShowHelp,
    ShowMode,
    ShowPalette,
    key_names,
    with_keys,
)
from adam_tui.ui.config import DEFAULT_FPS, Config, remember_theme
from adam_tui.ui.keymap import check_keys
from adam_tui.ui.mode_screen import AnyMode, ModeScreen
from adam_tui.ui.playground.events import Change, Open, SetBlocks, SetCellAspect
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update
from adam_tui.ui.theme import NO_UNDERLINE, css_variables, describe, palette_for, themes
from adam_tui.ui.theme_names import DEFAULT_THEME, configured_theme, in_order, plot_palette_name

if TYPE_CHECKING:
    from adam_tui.engine.presets import Preset
    from adam_tui.engine.scenario import Lane
    from adam_tui.terminal.taken_terminal import TakenTerminal
    from adam_tui.ui.caption import Finale

STARTED_SECONDS = 1.0  # the first pictures are on the screen by then, on a slow machine too


def _enable_garbage_collection() -> None:
    """Enable it again. Objects of the start live to the end: frozen, they no longer lengthen a collection."""
    gc.freeze()
    gc.enable()


class AdamApp(TerminalApp):
    """adam-tui. The playground opens with `state`; `runs` is the directory of the training runs.

    `config` are the settings; a notification names those that cannot be used. `run` is the id of a training run to
    open, in the training mode. `ascii` is for fonts without braille and blocks. `taken` is a terminal that shows the
    first picture.
    """

    TITLE = "adam-tui"
    CSS_PATH = "adam.tcss"
    BINDINGS = [
        *(action.binding() for action in SHARED_ACTIONS),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
    ]
    ENABLE_COMMAND_PALETTE = False  # command_palette.py looks like the other windows, and knows synonyms

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
        super().__init__(taken, ascii=ascii)
        self._initial_state = state
        self._first_mode = mode if run is None else "train"
        self._runs = runs
        self._run = run
        for theme in themes():
            self.register_theme(theme)
        self.keys, problems = check_keys(self._config.keys, SHARED_ACTIONS)
        self.set_keymap(self.keys)
        self._problems = [self._config.problem] if self._config.problem else []
        wanted = configured_theme(self._config)
        if wanted not in self.available_themes:
            palette = key_names(with_keys(SHARED_ACTIONS, self.keys))["palette"]
            self._problems.append(f"no theme is called {wanted!r}: {palette} lists them")
            wanted = DEFAULT_THEME
        self.theme = wanted
        self._problems += problems
        self._screens: dict[str, AnyMode] = {}

    @property
    def palette(self) -> Palette:
        """The palette of the drawings that goes with the theme."""
        theme = self.current_theme
        return palette_for(theme, plot_palette_name(self._config, theme.name, self.depth))

    @property
    def keys_with_alt(self) -> Collection[str]:
        """The characters that are keys with alt, those from the settings included."""
        keys = [key.removeprefix("alt+") for keys in self.keys.values() for key in keys.split(",") if "alt+" in key]
        return {*super().keys_with_alt, *(key.removeprefix("shift+").upper() if "+" in key else key for key in keys)}

    @property
    def window_title(self) -> str:
        """The subject and progress of the current mode, the mode, and the program."""
        modes = [screen for screen in self.screen_stack if isinstance(screen, ModeScreen)]
        if not modes:
            return self.TITLE
        names = {name: title for _, name, title in MODES}
        parts = [modes[-1].window_title(), names[modes[-1].MODE], self.TITLE]
        title = " · ".join(part for part in parts if part)
        return "".join(map(to_ascii, title)) if self.fallback.ascii else title

    def get_css_variables(self) -> dict[str, str]:
        """Return Textual's variables, with the drawings' colours for frames and faint text."""
        variables, theme = super().get_css_variables(), self.current_theme
        own = css_variables(palette_for(theme))
        if theme.ansi:  # the terminal's own colours have no RGB values
            own = {"frame": "ansi_bright_black", "faint": "ansi_default"}
            own |= {"link-color": "ansi_default", "link-style": NO_UNDERLINE}
        return variables | own

    def choose_theme(self, name: str) -> None:
        """Show another theme, and remember it."""
        self.theme = name
        try:
            remember_theme(name)
        except OSError as error:
            self.notify(f"the theme cannot be remembered: {error.filename}: {error.strerror}", severity="warning")

    def notify(self, message: str, **options: Any) -> None:  # Textual's options, passed on
        """Show a message literally: names and errors may contain markup or control characters."""
        super().notify(sanitize(message), **options | {"markup": False})

    def on_mount(self) -> None:
        """Report problems of the settings, and finish the start."""
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())  # other programs used the terminal
        if not gc.isenabled():
            self.set_timer(STARTED_SECONDS, _enable_garbage_collection)
        for problem in self._problems:
            self.notify(problem, title="Settings", severity="warning", timeout=12)

    def get_default_screen(self) -> Screen[Any]:
        """Return the first mode: without a blank screen below it, it is painted once at the start, not three times."""
        return self._mode_screen(self._first_mode)

    def show_mode(self, mode: str) -> None:
        """Switch to a mode, whose screen is made when it is first shown. The first mode stays below the others."""
        wanted, first = self._mode_screen(mode), self.screen_stack[0]
        if wanted is first:
            while self.screen is not first:
                self.pop_screen()
        elif self.screen is first:
            self.push_screen(mode)
        elif self.screen is not wanted:
            self.switch_screen(mode)

    def _mode_screen(self, mode: str) -> AnyMode:
        if mode not in self._screens:
            self._screens[mode] = self._make_screen(mode)
            self.install_screen(self._screens[mode], mode)
        return self._screens[mode]

    def open_presets(self, presets: Sequence[Preset], at: int = 0, finale: Finale | None = None) -> None:
        """Show one of several presets in the playground; at index len(presets) show the finale in the training mode."""
        if at < len(presets):
            self.show_mode("playground")
        playground = self._mode_screen("playground")
        assert isinstance(playground, PlaygroundScreen)
        playground.dispatch(Open(tuple(presets), at, finale))

    def show_finale(self, place: str, finale: Finale) -> None:
        """Show the tour's last stop in the training mode, with a caption. `place` is its number, such as "10/10"."""
        from adam_tui.ui.train.events import ShowFinale

        self.show_mode("train")
        self._mode_screen("train").dispatch(ShowFinale(place, finale))

    @property
    def tour(self) -> tuple[tuple[Preset, ...], int]:
        """The presets that are open in the playground, and the index of the one shown."""
        return self._playground_state.tour, self._playground_state.stop

    @property
    def _playground_state(self) -> PlaygroundState:
        playground = self._screens.get("playground")
        return playground.state if isinstance(playground, PlaygroundScreen) else self._initial_state

    @property
    def plot_style(self) -> tuple[float, Blocks]:
        """The height of a cell divided by its width, and the blocks of the edges of bands, for contour plots."""
        return self._playground_state.cell_aspect, self._playground_state.blocks

    def cell_aspect_measured(self, aspect: float) -> None:
        """Draw round circles with the terminal's cells, unless the settings give their shape."""
        if self._config.cell_aspect is None:
            self._dispatch_to_playground(SetCellAspect(aspect))

    def terminal_answered(self, answers: Answers) -> None:
        """Use the terminal's abilities, sextants included; the settings override those."""
        super().terminal_answered(answers)
        if self._config.blocks == "auto" and named_by_answers(answers.version, answers.device):
            self._dispatch_to_playground(SetBlocks("sextants"))

    def _dispatch_to_playground(self, event: Change) -> None:
        playground = self._screens.get("playground")
        if isinstance(playground, PlaygroundScreen):
            playground.dispatch(event)
        else:
            self._initial_state, _ = update(self._initial_state, event)

    def redraw(self) -> None:
        """Draw the pictures of every mode again."""
        for screen in self._screens.values():
            if screen.is_mounted:
                screen.redraw()

    def train_lane(self, lane: Lane) -> None:
        """Offer to train the network with the optimizer of a lane of the playground."""
        from adam_tui.ui.train.screen import TrainScreen

        self.show_mode("train")
        training = self._mode_screen("train")
        assert isinstance(training, TrainScreen)
        training.call_after_refresh(training.train_lane, lane)

    def open_run(self, path: Path) -> None:
        """Show a run of a sweep in the training mode, beside the other runs."""
        from adam_tui.ui.train.screen import TrainScreen

        self.show_mode("train")
        training = self._mode_screen("train")
        assert isinstance(training, TrainScreen)
        training.call_after_refresh(training.open_run, path)

    def open_sweep(self, id: str) -> None:
        """Show a sweep in the sweep mode."""
        from adam_tui.ui.sweep.screen import SweepScreen

        self.show_mode("sweep")
        sweeps = self._mode_screen("sweep")
        assert isinstance(sweeps, SweepScreen)
        sweeps.call_after_refresh(sweeps.open_sweep, id)

    def _make_screen(self, mode: str) -> AnyMode:
        if mode == "train":
            from adam_tui.ui.train.screen import TrainScreen

            return TrainScreen(self._runs, self._run)
        if mode == "sweep":
            from adam_tui.ui.sweep.screen import SweepScreen

            return SweepScreen(self._runs)
        if mode == "learn":
            from adam_tui.ui.learn.screen import LearnScreen

            return LearnScreen(self.keys)
        fps = self._config.fps  # a rate from the settings is kept even on a slow line
        behind = (lambda: self.is_behind) if fps == DEFAULT_FPS else (lambda: False)
        return PlaygroundScreen(self._initial_state, frames_per_second=fps, is_behind=behind)

    def action_perform(self, name: str) -> None:
        """Perform a shared action; the app's bindings call this."""
        if isinstance(self.screen, ModeScreen):
            self.screen.action_perform(name)

    def action_mode(self, mode: str) -> None:
        """Switch to a mode; a click on the top line calls this."""
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
            case ChooseTheme():
                self._show_themes()
            case Repaint():
                self.repaint()
            case Quit():
                self.exit()  # a training run continues without the app

    def _show_help(self) -> None:
        from adam_tui.ui.help import Help

        assert isinstance(self.screen, ModeScreen)
        self.push_screen(Help(self.screen))

    def _show_themes(self) -> None:
        from adam_tui.ui.dialogs import Pick

        before = self.theme

        def show(name: str) -> None:
            self.theme = name

        def close(name: str | None) -> None:
            if name is None:
                self.theme = before
            else:
                self.choose_theme(name)

        items = [(name, name, describe(self.available_themes[name])) for name in in_order(self.available_themes)]
        self.push_screen(Pick("Theme", items, before, show, take="keep"), close)

    def _show_palette(self) -> None:
        from adam_tui.ui.command_palette import CommandPalette, entries

        assert isinstance(self.screen, ModeScreen)
        everything = entries(self.screen, self.available_themes, self.choose_theme)
        self.push_screen(CommandPalette(everything), lambda entry: entry.act() if entry else None)
