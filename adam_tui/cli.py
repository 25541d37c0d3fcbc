"""The command line: arguments only. Every heavy import is inside the command that needs it.

A mistake is one line on stderr and exit status 2; a training run that failed is exit status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from adam_tui.engine.scenario import Scenario

Command = TypeVar("Command", bound=Callable[..., Any])


class OneLineErrors(click.Group):
    """A group whose mistakes are one line: a ValueError of ours is a bad value, a broken pipe the end of the reader."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, with click's usage paragraph cut down to the line that helps."""
        kwargs["standalone_mode"] = False
        try:
            status = super().main(*args, **kwargs)
        except click.exceptions.Abort:
            sys.exit(130)
        except click.ClickException as error:
            _fail(error.format_message())
        except ValueError as error:
            _fail(str(error))
        except BrokenPipeError:
            # The reader has gone, as in `adam-tui path | head`; Python must not complain of it again at exit.
            sys.stdout = None
            sys.exit(0)
        except OSError as error:
            _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")
        sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str) -> None:
    line = " ".join(message.split())
    click.echo(f"adam-tui: {line}", err=True)
    sys.exit(2)


def scenario_options(command: Command) -> Command:
    """The flags that describe a scenario, the same for the app, `path` and `plot`."""
    options = (
        click.option("--surface", "surface", metavar="NAME", help="A built-in surface: bowl, ravine, rosenbrock …"),
        click.option("--function", "function", metavar="F", help="Your own f(x, y), such as 'x**2 + 3*y**2'."),
        click.option(
            "--lane",
            "lanes",
            multiple=True,
            metavar="OPTIMIZER[:KNOB=VALUE,…]",
            help="An optimizer in the race, such as adam:lr=0.1,beta1=0.9; several are allowed.",
        ),
        click.option("--start", metavar="X,Y", help="Where all lanes start; write --start=-1.5,2."),
        click.option("--steps", type=int, metavar="N", help="How many steps they take.  [default: 400]"),
        click.option("--noise", type=float, default=0.0, metavar="σ", help="Gaussian noise on every gradient."),
        click.option("--seed", type=int, default=0, metavar="N", help="The seed of that noise."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _scenario(
    surface: str | None,
    function: str | None,
    lanes: tuple[str, ...],
    start: str | None,
    steps: int | None,
    noise: float,
    seed: int,
) -> Scenario:
    from adam_tui.engine.scenario import DEFAULT_STEPS, Lane, Scenario, parse_start

    if surface is not None and function is not None:
        raise ValueError("give --surface or --function, not both")
    values: dict[str, Any] = {"lanes": tuple(map(Lane.parse, lanes))} if lanes else {}
    return Scenario(
        surface=surface or "bowl",
        function=function,
        start=None if start is None else parse_start(start),
        steps=DEFAULT_STEPS if steps is None else steps,
        noise=noise,
        seed=seed,
        **values,
    )


@click.group(cls=OneLineErrors, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="adam-tui", prog_name="adam-tui", message="%(prog)s %(version)s")
@scenario_options
@click.option(
    "--mode", type=click.Choice(["playground", "train"]), default="playground", help="The mode that it opens in."
)
@click.option("--runs", type=click.Path(path_type=Path), metavar="DIR", help="Where training runs are kept.")
@click.pass_context
def main(context: click.Context, /, mode: str, runs: Path | None, **flags: Any) -> None:
    """A playground for optimizers, in the terminal.

    Without a command: the app, in the state that the flags describe. Adam and its relatives race over a contour plot;
    every hyperparameter is one key away. Press 2 to train a network on MNIST, ? for the keys.
    """
    if context.invoked_subcommand is not None:
        given = {k for k, v in flags.items() if v not in (None, (), 0, 0.0)}
        if given:
            raise ValueError(f"write --{min(given).rstrip('s')} after {context.invoked_subcommand}, not before it")
        context.obj = runs
        return
    scenario = _scenario(**flags)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ValueError(
            "this is not a terminal; for a picture use 'adam-tui plot', for numbers 'adam-tui path', "
            "to train 'adam-tui train'"
        )
    from adam_tui.engine.trajectory import plotted_surface
    from adam_tui.ui.app import AdamApp
    from adam_tui.ui.playground.state import PlaygroundState

    plotted_surface(scenario)  # a function that is wrong is said before the screen is taken
    app = AdamApp(PlaygroundState(scenario, playing=True), mode=mode, runs=runs)
    app.run()
    sys.exit(app.return_code or 0)


@main.command()
@scenario_options
@click.option(
    "--format", "output_format", type=click.Choice(["csv", "json"]), default="csv", help="What is written to stdout."
)
def path(output_format: str, **flags: Any) -> None:
    """Write the trajectories to stdout: lane,step,x,y,loss; step 0 is the start."""
    from adam_tui.engine.export import to_csv, to_json

    scenario = _scenario(**flags)
    write = to_csv if output_format == "csv" else to_json
    for line in write(scenario):
        sys.stdout.write(line)
    sys.stdout.flush()


@main.command()
@scenario_options
@click.option("--size", default=None, metavar="WxH", help="Columns and rows.  [default: the terminal's, or 100x32]")
@click.option("--ascii", "ascii_only", is_flag=True, help="Plain ASCII, for fonts without block characters.")
def plot(size: str | None, ascii_only: bool, **flags: Any) -> None:
    """Write one still picture to stdout, in colour if it is a terminal."""
    import os
    import shutil

    from adam_tui.draw.ansi import color_depth, to_ansi
    from adam_tui.draw.palette import DARK
    from adam_tui.ui.playground.picture import still
    from adam_tui.ui.playground.state import PlaygroundState

    scenario = _scenario(**flags)
    terminal = shutil.get_terminal_size((100, 33))
    width, height = _size(size) if size is not None else (terminal.columns, max(terminal.lines - 1, 8))
    depth = color_depth(os.environ, sys.stdout.isatty())
    sys.stdout.write(
        to_ansi(still(PlaygroundState(scenario, clock=scenario.steps), width, height, DARK), depth, ascii=ascii_only)
        + "\n"
    )
    sys.stdout.flush()


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise ValueError(f"a size is columns x rows such as 100x32, not {text!r}")
    if not (20 <= int(width) <= 500 and 8 <= int(height) <= 200):
        raise ValueError(f"a size is from 20x8 to 500x200, not {text!r}")
    return int(width), int(height)
