"""Opens the app on a terminal: checks the terminal, reads the settings, draws the first picture, runs Textual.

The command without a subcommand and `runs attach` both open the app through `open_app`. Nothing heavy is imported at
the top: a usage error must not wait for Textual.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from adam_tui.cli import names
from adam_tui.cli.errors import log_crash, print_error, usage_errors
from adam_tui.runs.user_paths import RUNS_VARIABLE, runs_directory

if TYPE_CHECKING:
    from adam_tui.engine.scenario import Scenario
    from adam_tui.terminal.sextants import BlocksSetting
    from adam_tui.ui.config import Config
    from adam_tui.ui.playground.state import PlaygroundState

mode_option = click.option(
    "--mode",
    type=click.Choice(["playground", "train", "learn", "sweep"]),
    default="playground",
    help="The mode the app opens in.",
)


def _complete_theme(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names.THEMES if name.startswith(incomplete)]


def _known_theme(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """The name of a theme. Raises UsageError with the nearest names for an unknown one."""
    if name is None or name in names.THEMES:
        return name
    from adam_tui.engine.names import suggest

    raise click.UsageError(f"no theme is called {name!r}{suggest(name, names.THEMES)}")


theme_option = click.option(
    "--theme",
    metavar="NAME",
    callback=_known_theme,
    shell_complete=_complete_theme,
    help="The colours, such as adam-light, for this time only.  [default: those chosen last]",
)


def is_interactive() -> bool:
    """Whether stdin and stdout are both a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def check_terminal() -> None:
    """Raise UsageError where TERM names a terminal without cursor control, or is unset (except on Windows)."""
    term = os.environ.get("TERM", "")
    if term == "dumb" or (not term and os.name == "posix"):
        problem = "TERM=dumb: this terminal cannot show an app" if term else "TERM is not set"
        raise click.UsageError(
            f"{problem}; set TERM, such as xterm-256color, or use 'adam-tui plot' and 'adam-tui path'"
        )


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Turn the garbage collector off while the app loads; it took a sixth of the time. The app turns it on again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def open_app(
    scenario: Scenario,
    mode: str,
    runs: Path | None,
    fps: int | None = None,
    blocks: BlocksSetting | None = None,
    *,
    theme: str | None = None,
    mouse: bool = True,
    ascii: bool = False,
    run: str | None = None,
    preset: str | None = None,
    hints: bool = False,
) -> int:
    """Run the app until the user quits; its exit status.

    `theme` is not remembered. `run` is the id of a run to select in Train; `preset` is the name of the scenario's
    preset, which is then shown with its caption; `hints` shows suggestions of what to try. A bug in the app prints one
    line on stderr and writes the traceback to the log file.
    """
    from adam_tui.draw.viewport import CELL_ASPECT
    from adam_tui.terminal.environment import cell_aspect
    from adam_tui.terminal.sextants import blocks_for
    from adam_tui.ui.first_picture import first_picture
    from adam_tui.ui.playground.hints import untried
    from adam_tui.ui.playground.state import PlaygroundState

    config = read_settings()
    if fps is not None:
        config = replace(config, fps=fps)
    if blocks is not None:
        config = replace(config, blocks=blocks)
    if theme is not None:
        config = replace(config, theme=theme)
    with usage_errors():  # now, and not when Train is opened
        runs = runs_directory(runs or unless_in_environment(config.runs))
    state = PlaygroundState(
        scenario,
        playing=True,
        cell_aspect=config.cell_aspect or cell_aspect() or CELL_ASPECT,
        blocks=blocks_for(config.blocks, os.environ),
        hints=untried(config.tried) if hints and config.hints else (),
    )
    if preset is not None:
        state = _open_preset(state, preset)
    with first_picture(state, config, mode if run is None else "train", ascii=ascii) as taken:
        from adam_tui.ui.app import AdamApp

        app = AdamApp(state, mode=mode, runs=runs, config=config, run=run, ascii=ascii, taken=taken)
        app.run(mouse=mouse)
    if app.failure is not None:
        print_error(log_crash(app.failure))
    return app.return_code or 0


def _open_preset(state: PlaygroundState, name: str) -> PlaygroundState:
    """The state with a preset opened, as the app's list of presets opens it."""
    from adam_tui.engine.presets import PRESETS
    from adam_tui.ui.playground import events
    from adam_tui.ui.playground.update import update

    return update(state, events.Open(tuple(PRESETS.values()), list(PRESETS).index(name)))[0]


def read_settings() -> Config:
    """The user's settings. Raises UsageError where ADAM_TUI_CONFIG names the home directory of an unknown user."""
    from adam_tui.ui.config import VARIABLE, config_file, load

    with usage_errors(VARIABLE):
        config_file()
    return load()


def configured_runs() -> Path | None:
    """The runs directory of the settings; a mistake in the settings is reported on stderr."""
    config = read_settings()
    if config.problem:
        print_error(config.problem)
    return unless_in_environment(config.runs)


def unless_in_environment(runs: Path | None) -> Path | None:
    """The runs directory of the settings, or None where ADAM_TUI_RUNS overrides it."""
    return None if os.environ.get(RUNS_VARIABLE) else runs
