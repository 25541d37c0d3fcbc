"""The flags that describe a race, and the two commands that need no screen for it: `path` and `plot`.

A new scenario flag, a new format of `path` or another limit of `plot` belongs here. Heavy imports stay inside the
commands, so that `--help` and a usage error load none of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
from click.shell_completion import CompletionItem

from adam_tui.cli import names
from adam_tui.cli.errors import usage_errors
from adam_tui.cli.flags import Command, UserPath, number, whole_number
from adam_tui.terminal.sextants import BLOCK_SETTINGS

if TYPE_CHECKING:
    from adam_tui.draw.cells import Cells
    from adam_tui.engine.presets import Preset
    from adam_tui.engine.scenario import Scenario
    from adam_tui.terminal.sextants import BlocksSetting

# When named classes are imported: before the command goes on, meanwhile, or by another process.
Imports = Literal["now", "later", "never"]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

SCENARIO_NAMES = {
    "--surface": names.SURFACES,
    "--lane": names.OPTIMIZERS,
    "schedule=": names.SCHEDULES,
    "--preset": names.PRESETS,
}
# Columns and rows of `plot`: the size without a terminal, the smallest and the largest.
PLOT_SIZE, SMALLEST_PLOT, LARGEST_PLOT = (100, 32), (20, 8), (500, 200)


size_option = click.option("--size", metavar="WxH", help="Columns and rows.  [default: the terminal's, or 100x32]")
ascii_option = click.option(
    "--ascii", "ascii_only", is_flag=True, help="Plain ASCII, for fonts without block characters."
)
blocks_option = click.option(
    "--blocks",
    type=click.Choice(BLOCK_SETTINGS),
    help="Blocks for the edges of the contour.  [default: from the settings, or the finest that the terminal draws]",
)


def _complete_surface(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.engine.surfaces import SURFACES

    return [CompletionItem(name, help=each.title) for name, each in SURFACES.items() if name.startswith(incomplete)]


def _complete_lane(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.classes.completion import completions
    from adam_tui.engine.optimizers import OPTIMIZERS

    known = [CompletionItem(name, help=each.title) for name, each in OPTIMIZERS.items() if name.startswith(incomplete)]
    # A class is named by its file: `./mine.py::MyAdam`.
    return known + ([CompletionItem(each) for each in completions(incomplete)] if incomplete[:1] in ("/", ".") else [])


def _complete_preset(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.engine.presets import PRESETS

    return [CompletionItem(name, help=each.title) for name, each in PRESETS.items() if name.startswith(incomplete)]


def scenario_options(command: Decorated) -> Decorated:
    """Add the flags that describe a scenario, the same for the app, `path`, `plot` and `serve`."""
    options = (
        click.option(
            "--surface",
            metavar="NAME",
            shell_complete=_complete_surface,
            help="A built-in surface: bowl, ravine, rosenbrock …  [default: bowl]",
        ),
        click.option("--function", metavar="F", help="Your own f(x, y), such as 'x**2 + 3*y**2'."),
        click.option(
            "--lane",
            "lanes",
            multiple=True,
            metavar="OPTIMIZER[:KNOB=VALUE,…]",
            shell_complete=_complete_lane,
            help="An optimizer in the race, such as adam:lr=0.1,beta1=0.9; several are allowed. Without lr it takes "
            "the learning rate suggested for the surface; lr=default is torch's. Also a class of yours or of a "
            "package, which is imported: ./mine.py::MyAdam:lr=0.1, torch.optim.Rprop.  [default: adam]",
        ),
        click.option("--start", metavar="X,Y", help="Where all lanes start; write --start=-1.5,2."),
        click.option("--steps", type=whole_number, metavar="N", help="How many steps they take.  [default: 400]"),
        click.option("--noise", type=number, default=0.0, metavar="σ", help="Gaussian noise on every gradient."),
        click.option("--seed", type=whole_number, default=0, metavar="N", help="The seed of that noise."),
        click.option(
            "--scenario",
            "file",
            type=UserPath(),
            metavar="FILE",
            help="The whole race, from a JSON file that the app has copied or exported.",
        ),
        click.option(
            "--allow",
            multiple=True,
            metavar="CLASS",
            help="Import this class if the file asks for it: it runs its code.",
        ),
        click.option(
            "--preset",
            metavar="NAME",
            shell_complete=_complete_preset,
            help="All of it from a named example, such as zigzag.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def build_scenario(
    surface: str | None = None,
    function: str | None = None,
    lanes: tuple[str, ...] = (),
    start: str | None = None,
    steps: int | None = None,
    noise: float = 0.0,
    seed: int = 0,
    file: Path | None = None,
    allow: tuple[str, ...] = (),
    preset: str | None = None,
    *,
    imports: Imports = "now",
) -> Scenario:
    """The scenario that the values of `scenario_options` describe. Raises UsageError with one line.

    Classes that the user has named are imported: before this returns, or with `imports` "later" meanwhile, or not at
    all. Only with "later" may the file ask for other ones, which stay unknown.
    """
    scenario = _scenario(surface, function, lanes, start, steps, noise, seed, file, preset, allow, imports)
    if imports != "later" and file is not None and (unknown := _classes_of(scenario) - set(_references(allow))):
        name = sorted(unknown)[0]
        raise click.UsageError(f"{file} asks for the class {name}, whose code would run: agree with --allow {name}")
    return scenario


def _scenario(
    surface: str | None,
    function: str | None,
    lanes: tuple[str, ...],
    start: str | None,
    steps: int | None,
    noise: float,
    seed: int,
    file: Path | None,
    preset: str | None,
    allow: tuple[str, ...],
    imports: Imports,
) -> Scenario:
    from adam_tui.engine.scenario import DEFAULT_STEPS, DEFAULT_SURFACE, Scenario, parse_start
    from adam_tui.engine.trajectory import plotted_surface

    if file is not None or preset is not None:
        flag = "--scenario" if file is not None else "--preset"
        others = (surface, function, lanes, start, steps, noise, seed) != (None, None, (), None, None, 0.0, 0)
        if others or (file is not None and preset is not None):
            raise click.UsageError(f"{flag} describes the whole race: give no other flag of the scenario with it")
        with usage_errors("--allow"):
            _import(_references(allow), imports)
        return _read_scenario(file) if file is not None else read_preset(preset or "").scenario
    if allow:
        raise click.UsageError("--allow agrees to the classes of a --scenario: a --lane is imported without it")
    with usage_errors():
        if surface is not None and function is not None:
            raise ValueError("give --surface or --function, not both")
        rest: dict[str, Any] = {
            "surface": DEFAULT_SURFACE if surface is None else surface,
            "function": function,
            "start": None if start is None else parse_start(start),
            "steps": DEFAULT_STEPS if steps is None else steps,
            "noise": noise,
            "seed": seed,
        }
        without_lanes = Scenario(**rest)
    with usage_errors("--function"):
        plotted_surface(without_lanes)  # parses the formula
    with usage_errors("--lane"):
        _import(_references(lanes), imports)
    with usage_errors():
        return Scenario.parse(lanes, **rest)


def _references(lanes: Iterable[str]) -> list[str]:
    """The names of the classes among lanes or names. Raises ValueError with one line."""
    from adam_tui.engine.class_reference import is_reference, split_reference

    return [str(split_reference(text)[0]) for text in lanes if is_reference(text)]


def _import(names: list[str], imports: Imports) -> None:
    """Import classes in their own process. Raises ValueError with one line for one that cannot be imported."""
    if names and imports != "never":
        from adam_tui.classes.service import classes

        for name in names:
            classes().allow(name)
        if imports == "now":
            classes().wait(names)


def _classes_of(scenario: Scenario) -> set[str]:
    """The names of the classes that the lanes of a scenario need."""
    from adam_tui.engine.class_optimizers import ClassOptimizer

    return {lane.rule.name for lane in scenario.lanes if isinstance(lane.rule, ClassOptimizer)}


def check_paths(scenario: Scenario) -> None:
    """Raise UsageError for a class whose code fails on its path, with the line and the step."""
    if not _classes_of(scenario):
        return
    from adam_tui.engine.trajectory import trajectories

    for label, path in zip(scenario.labels(), trajectories(scenario), strict=True):
        if path.failure is not None:
            raise click.UsageError(f"{label} failed after step {path.last}: {path.failure}")


def read_preset(name: str) -> Preset:
    """The preset of that name. Raises UsageError with the nearest names for an unknown one."""
    from adam_tui.engine.names import suggest
    from adam_tui.engine.presets import PRESETS

    if name not in PRESETS:
        raise click.UsageError(f"no preset is called {name!r}{suggest(name, PRESETS)}")
    return PRESETS[name]


def _read_scenario(file: Path) -> Scenario:
    """The scenario in a JSON file, bare or as `path --format json` writes it. Raises UsageError with one line."""
    import json

    from adam_tui.engine.scenario import Scenario
    from adam_tui.engine.trajectory import plotted_surface

    with usage_errors("--scenario"):
        try:
            data = json.loads(file.read_bytes())  # in UTF-8, 16 or 32, with a byte order mark or without
        except OSError as error:
            raise ValueError(f"{file}: {error.strerror or error}") from None
        except (ValueError, RecursionError):
            raise ValueError(f"{file} is not JSON") from None
        if isinstance(data, dict) and data.keys() == {"scenario", "lanes"}:
            data = data["scenario"]
        scenario = Scenario.from_json(data)
        plotted_surface(scenario)
    return scenario


@click.command(cls=Command, names=SCENARIO_NAMES)
@scenario_options
@click.option(
    "--format", "output_format", type=click.Choice(["csv", "json"]), default="csv", help="The format on stdout."
)
def path(output_format: str, **flags: Any) -> None:
    """Write the paths of all lanes to stdout as numbers.

    The columns are lane,step,x,y,loss; step 0 is the start. With a lane such as lbfgs three more count its evaluations.
    JSON also holds the scenario with every hyperparameter. On a terminal, stderr names the suggested learning rates of
    lanes without lr.
    """
    scenario = build_scenario(**flags)
    check_paths(scenario)
    from adam_tui.engine.export import to_csv, to_json

    whole = flags["file"] or flags["preset"]
    if sys.stderr.isatty() and not whole and (rates := _suggested_rates(scenario, flags["lanes"])):
        click.echo(f"adam-tui: suggested lr: {rates} (lr=default is torch's)", err=True)
    _write(to_csv(scenario) if output_format == "csv" else to_json(scenario))


def _suggested_rates(scenario: Scenario, lanes: tuple[str, ...]) -> str:
    """The learning rates that the lanes without lr took: "adam 0.1, lion 0.05"."""
    from adam_tui.engine.lane import Lane
    from adam_tui.engine.numbers import format_number

    written = zip(scenario.labels(), scenario.lanes, lanes or ("adam",), strict=True)
    # Read without the suggestion, such a lane has torch's learning rate. A class has none but its own.
    suggested = [(label, lane["lr"]) for label, lane, text in written if Lane.parse(text) != lane]
    return ", ".join(f"{label} {format_number(lr)}" for label, lr in suggested)


@click.command(cls=Command, names=SCENARIO_NAMES)
@scenario_options
@size_option
@ascii_option
@blocks_option
def plot(size: str | None, ascii_only: bool, blocks: BlocksSetting | None, **flags: Any) -> None:
    """Draw the race at its last step to stdout.

    The picture has colours if stdout is a terminal.
    """
    with usage_errors():
        width, height = picture_size(size)
    scenario = build_scenario(**flags)
    check_paths(scenario)
    from adam_tui.draw.palette import DARK
    from adam_tui.draw.viewport import CELL_ASPECT
    from adam_tui.terminal.environment import cell_aspect
    from adam_tui.terminal.sextants import blocks_for
    from adam_tui.ui.config import Config, load
    from adam_tui.ui.playground.state import PlaygroundState
    from adam_tui.ui.playground.view import still

    shown = sys.stdout.isatty()
    config = load() if shown else Config()
    aspect = (config.cell_aspect or cell_aspect()) if shown else None
    state = PlaygroundState(
        scenario,
        clock=scenario.steps,
        cell_aspect=aspect or CELL_ASPECT,
        blocks=blocks_for(blocks or config.blocks, os.environ if shown else {}),
    )
    write_picture(still(state, width, height, DARK), ascii_only)


def write_picture(picture: Cells, ascii_only: bool) -> None:
    """Write a picture to stdout: in the terminal's colours, and in ASCII where it has no block characters."""
    from adam_tui.terminal.ansi import to_ansi
    from adam_tui.terminal.environment import color_depth, encodes_blocks

    depth = color_depth(os.environ, sys.stdout.isatty())
    _write([to_ansi(picture, depth, ascii=ascii_only or not encodes_blocks(sys.stdout.encoding)), "\n"])


def _write(pieces: Iterable[str]) -> None:
    sys.stdout.writelines(pieces)
    sys.stdout.flush()


def picture_size(text: str | None) -> tuple[int, int]:
    """Columns and rows of a picture: those of --size, or the terminal's. Raises ValueError for a wrong size."""
    return _terminal_size() if text is None else parse_size(text)


def parse_size(text: str) -> tuple[int, int]:
    """Read `WxH`, columns and rows. Raises ValueError for anything else and for a size outside the limits."""
    width, _, height = text.lower().partition("x")
    try:
        size = int(width), int(height)
    except ValueError:
        raise ValueError(f"a size is columns x rows such as 100x32, not {text!r}") from None
    if _clamp_size(*size) != size:
        (least_width, least_height), (most_width, most_height) = SMALLEST_PLOT, LARGEST_PLOT
        raise ValueError(f"a size is from {least_width}x{least_height} to {most_width}x{most_height}, not {text!r}")
    return size


def _clamp_size(width: int, height: int) -> tuple[int, int]:
    """The size, limited to `SMALLEST_PLOT` and `LARGEST_PLOT`."""
    (least_width, least_height), (most_width, most_height) = SMALLEST_PLOT, LARGEST_PLOT
    return min(max(width, least_width), most_width), min(max(height, least_height), most_height)


def _terminal_size() -> tuple[int, int]:
    """The terminal's size without one row, which the prompt takes after the picture; a default without a terminal."""
    from adam_tui.terminal.environment import terminal_size

    columns, rows = terminal_size(default=(PLOT_SIZE[0], PLOT_SIZE[1] + 1))
    return _clamp_size(columns, rows - 1)
