"""The command line: arguments only. Every heavy import is inside the command that needs it.

A mistake is one line on stderr and exit status 2; a training run that failed is exit status 1.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from adam_tui.cli.errors import OneLineErrors, logged, said_in_one_line, say
from adam_tui.cli.runs import find_run, run_id_argument, runs_directory_of, runs_option, train
from adam_tui.cli.runs import runs as runs_commands

if TYPE_CHECKING:
    from adam_tui.engine.scenario import Scenario

Command = TypeVar("Command", bound=Callable[..., Any])

# What `plot` draws where no terminal gives its size, and the least and the most that it draws.
PLOT_SIZE, SMALLEST_PLOT, LARGEST_PLOT = (100, 32), (20, 8), (500, 200)


def _write(pieces: Iterable[str]) -> None:
    sys.stdout.writelines(pieces)
    sys.stdout.flush()


def _complete_surface(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.engine.surfaces import SURFACES

    return [CompletionItem(name, help=each.title) for name, each in SURFACES.items() if name.startswith(incomplete)]


def _complete_lane(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.engine.optimizers import OPTIMIZERS

    return [CompletionItem(name, help=each.title) for name, each in OPTIMIZERS.items() if name.startswith(incomplete)]


def scenario_options(command: Command) -> Command:
    """The flags that describe a scenario, the same for the app, `path` and `plot`."""
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
            help="An optimizer in the race, such as adam:lr=0.1,beta1=0.9; several are allowed.",
        ),
        click.option("--start", metavar="X,Y", help="Where all lanes start; write --start=-1.5,2."),
        click.option("--steps", type=int, metavar="N", help="How many steps they take.  [default: 400]"),
        click.option("--noise", type=float, default=0.0, metavar="σ", help="Gaussian noise on every gradient."),
        click.option("--seed", type=int, default=0, metavar="N", help="The seed of that noise."),
        click.option(
            "--scenario",
            "file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="All of it from a JSON file, as the app copies and exports it.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def scenario_of(
    surface: str | None,
    function: str | None,
    lanes: tuple[str, ...],
    start: str | None,
    steps: int | None,
    noise: float,
    seed: int,
    file: Path | None = None,
) -> Scenario:
    """The scenario that the values of `scenario_options` describe; UsageError with one line when they cannot be.

    Without a lane it is Adam's, at the learning rate suggested for the surface.
    """
    from adam_tui.engine.scenario import DEFAULT_STEPS, DEFAULT_SURFACE, Lane, Scenario, parse_start, race
    from adam_tui.engine.trajectory import plotted_surface

    if file is not None:
        if (surface, function, lanes, start, steps, noise, seed) != (None, None, (), None, None, 0.0, 0):
            raise click.UsageError("--scenario holds everything: give no other flag of the scenario beside it")
        return _read_scenario(file)
    with said_in_one_line():
        if surface is not None and function is not None:
            raise ValueError("give --surface or --function, not both")
        given: dict[str, Any] = {"lanes": tuple(map(Lane.parse, lanes))} if lanes else {}
        scenario = Scenario(
            surface=DEFAULT_SURFACE if surface is None else surface,
            function=function,
            start=None if start is None else parse_start(start),
            steps=DEFAULT_STEPS if steps is None else steps,
            noise=noise,
            seed=seed,
            **given,
        )
    with said_in_one_line("--function"):
        plot = plotted_surface(scenario)  # here a formula is read
    return scenario if lanes else scenario.with_lane(0, race(["adam"], plot)[0])


def _read_scenario(file: Path) -> Scenario:
    """The scenario in a JSON file, bare or as `path --format json` writes it; UsageError with one line otherwise."""
    import json

    from adam_tui.engine.scenario import Scenario
    from adam_tui.engine.trajectory import plotted_surface

    with said_in_one_line("--scenario"):
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"{file}: {error.strerror or error}") from None
        except (ValueError, RecursionError):
            raise ValueError(f"{file} is not JSON") from None
        if isinstance(data, dict) and data.keys() == {"scenario", "lanes"}:
            data = data["scenario"]
        scenario = Scenario.from_json(data)
        plotted_surface(scenario)
    return scenario


mode_option = click.option(
    "--mode",
    type=click.Choice(["playground", "train", "learn"]),
    default="playground",
    help="The mode that it opens in.",
)
fps_option = click.option(
    "--fps", type=click.IntRange(1, 60), metavar="N", help="Frames a second at most.  [default: the settings', or 20]"
)


@click.group(cls=OneLineErrors, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="adam-tui", prog_name="adam-tui", message="%(prog)s %(version)s")
@scenario_options
@mode_option
@fps_option
@click.option("--ascii", "ascii_only", is_flag=True, help="Plain ASCII, for fonts without braille and blocks.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal, to select text with.")
@runs_option
@click.pass_context
def main(
    context: click.Context,
    /,
    mode: str,
    fps: int | None,
    ascii_only: bool,
    no_mouse: bool,
    runs: Path | None,
    **flags: Any,
) -> None:
    """A playground for optimizers, in the terminal.

    Without a command: the app, in the state that the flags describe. Adam and its relatives race over a contour plot;
    every hyperparameter is one key away. Press 2 to train a network on MNIST, ? for the keys.
    """
    if context.invoked_subcommand is not None:
        _refuse_flags_before(context, context.invoked_subcommand)
        context.obj = runs or _settled_runs(context.invoked_subcommand)
        return
    with _no_search_for_garbage():
        scenario = scenario_of(**flags)
        in_a_browser = "TEXTUAL_DRIVER" in os.environ  # as `serve` starts it
        if not in_a_browser and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise click.UsageError(
                "this is not a terminal; for a picture use 'adam-tui plot', for numbers 'adam-tui path', "
                "to train 'adam-tui train'"
            )
        if not in_a_browser:
            _refuse_a_dumb_terminal()
        # Whoever describes a race knows what he wants; anybody else may be new here.
        _open_app(scenario, mode, runs, fps, mouse=not no_mouse, ascii=ascii_only, hints=not any(flags.values()))


@contextlib.contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Until the app begins it again: a sixth of the way to its screen went into looking for what is not there yet."""
    import gc

    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _refuse_a_dumb_terminal() -> None:
    """UsageError where the environment says that the terminal only prints, or nothing of it (not on Windows)."""
    term = os.environ.get("TERM", "")
    if term == "dumb" or (not term and os.name == "posix"):
        said = "TERM=dumb: this terminal cannot show an app" if term else "TERM is not set"
        raise click.UsageError(f"{said}; set TERM, such as xterm-256color, or use 'adam-tui plot' and 'adam-tui path'")


def _open_app(
    scenario: Scenario,
    mode: str,
    runs: Path | None,
    fps: int | None = None,
    *,
    mouse: bool = True,
    ascii: bool = False,
    run: str | None = None,
    hints: bool = False,
) -> NoReturn:
    """The app until it is left; `run` is the id of one to show, `hints` proposes what to try.

    A bug in it is one line on stderr, and a log.
    """
    from adam_tui.ui.config import load
    from adam_tui.ui.first_picture import first_picture
    from adam_tui.ui.playground.hints import untried
    from adam_tui.ui.playground.state import PlaygroundState

    config = load()
    if fps is not None:
        config = replace(config, fps=fps)
    runs = runs or _unless_in_the_environment(config.runs)
    state = PlaygroundState(scenario, playing=True, hints=untried(config.tried) if hints and config.hints else ())
    with first_picture(state, config, mode if run is None else "train", ascii=ascii) as taken:
        from adam_tui.ui.app import AdamApp

        app = AdamApp(state, mode=mode, runs=runs, config=config, run=run, ascii=ascii, taken=taken)
        app.run(mouse=mouse)
    if app.failure is not None:
        say(logged(app.failure))
    sys.exit(app.return_code or 0)


def _settled_runs(command: str) -> Path | None:
    """Where the settings say that runs are kept; what is wrong with the settings is said on stderr."""
    if command not in ("train", "runs"):
        return None
    from adam_tui.ui.config import load

    config = load()
    if config.problem:
        click.echo(f"adam-tui: {config.problem}", err=True)
    return _unless_in_the_environment(config.runs)


def _unless_in_the_environment(runs: Path | None) -> Path | None:
    """ADAM_TUI_RUNS stands above the settings, and --runs above both."""
    return None if os.environ.get("ADAM_TUI_RUNS") else runs


def _refuse_flags_before(context: click.Context, command: str) -> None:
    """A flag of the app before a command would be dropped without a word; only --runs counts for both."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name != "runs" and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} stands before {command}, where it counts for the app only")


@main.command()
@scenario_options
@click.option(
    "--format", "output_format", type=click.Choice(["csv", "json"]), default="csv", help="What is written to stdout."
)
def path(output_format: str, **flags: Any) -> None:
    """Write the trajectories to stdout: lane,step,x,y,loss; step 0 is the start."""
    scenario = scenario_of(**flags)
    from adam_tui.engine.export import to_csv, to_json

    _write(to_csv(scenario) if output_format == "csv" else to_json(scenario))


@main.command()
@scenario_options
@click.option("--size", metavar="WxH", help="Columns and rows.  [default: the terminal's, or 100x32]")
@click.option("--ascii", "ascii_only", is_flag=True, help="Plain ASCII, for fonts without block characters.")
def plot(size: str | None, ascii_only: bool, **flags: Any) -> None:
    """Write one still picture to stdout, in colour if it is a terminal."""
    with said_in_one_line():
        width, height = _terminal_size() if size is None else parse_size(size)
    scenario = scenario_of(**flags)
    from adam_tui.draw.palette import DARK
    from adam_tui.terminal.ansi import to_ansi
    from adam_tui.terminal.environment import color_depth
    from adam_tui.ui.playground.state import PlaygroundState
    from adam_tui.ui.playground.view import still

    picture = still(PlaygroundState(scenario, clock=scenario.steps), width, height, DARK)
    depth = color_depth(os.environ, sys.stdout.isatty())
    _write([to_ansi(picture, depth, ascii=ascii_only or not _has_blocks(sys.stdout.encoding)), "\n"])


def parse_size(text: str) -> tuple[int, int]:
    """Read `WxH`, columns and rows; ValueError with one line when it is not a size that `plot` draws."""
    width, _, height = text.lower().partition("x")
    try:
        size = int(width), int(height)
    except ValueError:
        raise ValueError(f"a size is columns x rows such as 100x32, not {text!r}") from None
    if _drawable(*size) != size:
        (w, h), (wide, high) = SMALLEST_PLOT, LARGEST_PLOT
        raise ValueError(f"a size is from {w}x{h} to {wide}x{high}, not {text!r}")
    return size


def _drawable(width: int, height: int) -> tuple[int, int]:
    """The size, brought within what `plot` draws."""
    (w, h), (wide, high) = SMALLEST_PLOT, LARGEST_PLOT
    return min(max(width, w), wide), min(max(height, h), high)


def _terminal_size() -> tuple[int, int]:
    """The terminal's size, less a row for the prompt that comes after the picture."""
    import shutil

    columns, rows = shutil.get_terminal_size((PLOT_SIZE[0], PLOT_SIZE[1] + 1))
    return _drawable(columns, rows - 1)


def _has_blocks(encoding: str | None) -> bool:
    """Whether the output's character set has block and braille characters."""
    try:
        "▀⣿".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@runs_commands.command()
@run_id_argument
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "jsonl"]),
    help="Follow it in plain text, or as JSON lines; without this, and on a terminal, the app opens.",
)
@runs_option
@click.pass_context
def attach(context: click.Context, run_id: str, output_format: Any, runs: Path | None) -> int:
    """Watch a run: in the app on a terminal, else event by event until it ends. Ctrl-C leaves it alone."""
    run = find_run(context, run_id, runs)
    if output_format or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from adam_tui.cli.follow import watch

        return watch(run, output_format or "text", sys.stdout)
    _refuse_a_dumb_terminal()
    with _no_search_for_garbage():
        scenario = scenario_of(None, None, (), None, None, 0.0, 0)
        _open_app(scenario, "train", runs_directory_of(context, runs), run=run.id)


@main.command()
@click.option("--host", default="127.0.0.1", metavar="NAME", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, metavar="N", show_default=True, help="The port there."
)
@click.option("--url", metavar="URL", help="The address that browsers use, where it is another one.")
@scenario_options
@mode_option
@runs_option
def serve(host: str, port: int, url: str | None, mode: str, runs: Path | None, **flags: Any) -> None:
    """Show the app in a browser, to this machine only unless --host says otherwise."""
    scenario = scenario_of(**flags)
    try:
        from adam_tui.cli import serve as cli_serve
    except ImportError:
        raise click.UsageError(
            "this needs one package more: pip install 'adam-tui[serve]' (in a checkout: pip install '.[serve]')"
        ) from None
    if not cli_serve.is_loopback(host):
        click.echo(
            f"adam-tui: warning: whoever reaches {host}:{port} can use the app as you, without a password: "
            "train, delete runs, write files here. Safer: leave --host away and use ssh -L 8000:localhost:8000",
            err=True,
        )
    import shlex

    where = ["--runs", str(runs.absolute())] if runs else []
    command = [
        sys.executable,
        "-m",
        "adam_tui",
        "--mode",
        mode,
        *where,
        *(scenario.to_flags() if any(flags.values()) else ()),
    ]
    cli_serve.serve(shlex.join(command), host, port, url)


main.add_command(train)
main.add_command(runs_commands)
