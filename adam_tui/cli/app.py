"""The command `adam-tui`: the group of all commands, and the app's own flags.

Flags and checks only: `playground` and `runs` hold the commands, `launch` opens the app, `errors` reports mistakes.
Every heavy import stays inside the command that needs it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from adam_tui.cli import completion, landscape, launch, maps, playground, runs, serve, sweeps
from adam_tui.cli.errors import OneLineErrorGroup
from adam_tui.cli.names import THEMES

if TYPE_CHECKING:
    from adam_tui.terminal.sextants import BlocksSetting

WITH_RUNS = ("train", "runs", "landscape", "sweep", "sweeps")  # commands that read or write the directory of the runs
fps_option = click.option(
    "--fps", type=click.IntRange(1, 60), metavar="N", help="Most frames a second.  [default: from the settings, or 20]"
)


@click.group(
    cls=OneLineErrorGroup,
    names={**playground.SCENARIO_NAMES, "--theme": THEMES},
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="adam-tui", prog_name="adam-tui", message="%(prog)s %(version)s")
@playground.scenario_options
@launch.mode_option
@launch.theme_option
@fps_option
@click.option("--ascii", "ascii_only", is_flag=True, help="Plain ASCII, for fonts without braille and blocks.")
@playground.blocks_option
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal, to select text with.")
@runs.runs_option
@click.pass_context
def main(
    context: click.Context,
    /,
    mode: str,
    theme: str | None,
    fps: int | None,
    ascii_only: bool,
    blocks: BlocksSetting | None,
    no_mouse: bool,
    runs: Path | None,
    **flags: Any,
) -> int:
    """A playground for optimizers, in the terminal.

    Without a command the app opens, in the state that the flags describe. Adam and its relatives race over a contour
    plot; every hyperparameter is one key away. Press 2 to train a network on MNIST, ? for the keys.
    """
    command = context.invoked_subcommand
    if command is not None:
        _refuse_flags_before(context, command)
        context.obj = runs or (launch.configured_runs() if command in WITH_RUNS else None)
        return 0
    with launch.without_garbage_collection():
        scenario = playground.build_scenario(**flags, imports="later")
        if "TEXTUAL_DRIVER" not in os.environ:  # `adam-tui serve` sets it: there the browser is the terminal
            if not launch.is_interactive():
                raise click.UsageError(
                    "this is not a terminal; for a picture use 'adam-tui plot', for numbers 'adam-tui path', "
                    "to train 'adam-tui train'"
                )
            launch.check_terminal()
        # Hints are for newcomers; a user who describes a race by flags is not one.
        hints = not any(flags.values())
        settings = {"mouse": not no_mouse, "ascii": ascii_only, "hints": hints, "preset": flags["preset"]}
        return launch.open_app(scenario, mode, runs, fps, blocks, theme=theme, **settings)


def _refuse_flags_before(context: click.Context, command: str) -> None:
    """Raise UsageError for a flag of the app before a command, which would ignore it. Only --runs counts for both."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name != "runs" and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} is a flag of the app and has no effect before {command}")


completion.register()
COMMANDS = (
    *(playground.path, playground.plot, maps.settings_map, maps.basins),
    *(runs.train, runs.runs, landscape.landscape, sweeps.sweep, sweeps.sweeps),
    serve.serve,
)
for command in COMMANDS:
    main.add_command(command)
