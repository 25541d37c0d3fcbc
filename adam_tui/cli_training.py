"""The commands that train and that look after the runs. Arguments only, as in `cli`: the work is in `training`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from adam_tui.mistakes import said_in_one_line

if TYPE_CHECKING:
    from adam_tui.training.rundir import Run


runs_option = click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where training runs are kept.  [default: $ADAM_TUI_RUNS, or the user's data directory]",
)


def _complete_training_optimizer(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from adam_tui.training.recipes import TRAINING_OPTIMIZERS as KNOWN

    return [CompletionItem(name, help=each.title) for name, each in KNOWN.items() if name.startswith(incomplete)]


def _complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.training.rundir import list_runs, runs_directory

    return [
        CompletionItem(run.id)
        for run in list_runs(runs_directory(context.params.get("runs")))
        if run.id.startswith(incomplete)
    ]


@click.command()
@click.option(
    "--optimizer",
    metavar="NAME[:KNOB=VALUE,…]",
    default="adam",
    shell_complete=_complete_training_optimizer,
    help="An optimizer, such as adam:beta1=0.95; those of the playground, and muon.  [default: adam]",
)
@click.option("--lr", type=float, metavar="α", help="The learning rate.  [default: the optimizer's, 5e-4 for adam]")
@click.option("--batch-size", type=int, metavar="N", help="Images a step.  [default: 64]")
@click.option("--epochs", type=int, metavar="N", help="Times through the training images.  [default: 50]")
@click.option("--seed", type=int, metavar="N", help="Of the weights and the order of the images.  [default: 0]")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]")
@click.option("--precision", metavar="NAME", help="auto, float32 or bfloat16.  [default: auto]")
@click.option("--limit", type=int, metavar="N", help="Train on the first N images only, for a quick try.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    help="A progress bar (off a terminal a line an epoch), or the events as JSON lines.",
)
@runs_option
@click.pass_context
def train(
    context: click.Context, /, optimizer: str, lr: float | None, output_format: Any, runs: Path | None, **rest: Any
) -> int:
    """Train the network on MNIST without the app; the app can watch the run, and finds it later."""
    from adam_tui.training import headless
    from adam_tui.training.recipes import make_spec, parse_optimizer

    with said_in_one_line():
        name, values = parse_optimizer(optimizer)
        if lr is not None:
            if "lr" in values:
                raise ValueError(f"give the learning rate once: --lr, or lr in {optimizer!r}")
            values["lr"] = lr
        spec = make_spec(name, values, **{key: value for key, value in rest.items() if value is not None})
    return headless.train(spec, _runs_directory(context, runs), output_format, sys.stdout)


@click.group(invoke_without_command=True)
@runs_option
@click.pass_context
def runs(context: click.Context, runs: Path | None) -> None:
    """List the training runs, or look at one and end it."""
    context.obj = runs or context.obj
    if context.invoked_subcommand is None:
        context.invoke(list_runs)


run_id = click.argument("run_id", metavar="ID", shell_complete=_complete_run)


@runs.command("list")
@runs_option
@click.pass_context
def list_runs(context: click.Context, runs: Path | None) -> None:
    """The runs, newest first."""
    from adam_tui.training import headless, rundir

    click.echo(headless.table(rundir.list_runs(_runs_directory(context, runs))))


@runs.command()
@run_id
@runs_option
@click.pass_context
def show(context: click.Context, run_id: str, runs: Path | None) -> None:
    """What one run was asked, how it stands, and its epochs. The beginning of an ID is enough."""
    from adam_tui.engine.knobs import format_number
    from adam_tui.training import headless

    run = _find_run(context, run_id, runs)
    spec, status = run.spec(), run.status()
    knobs = ", ".join(f"{name}={format_number(value)}" for name, value in spec.hyperparameters.items())
    click.echo(f"{run.id} {status.state}" + (f": {status.reason}" if status.reason else ""))
    click.echo(f"{spec.optimizer}: {knobs}")
    click.echo(f"batch size {spec.batch_size}, seed {spec.seed}, device {spec.device}, precision {spec.precision}")
    click.echo(f"step {status.step:,}, epoch {status.epoch} of {spec.epochs}")
    click.echo(run.path)
    for epoch in run.epochs():
        click.echo(headless.epoch_line(epoch, spec.epochs))


@runs.command()
@run_id
@runs_option
@click.pass_context
def stop(context: click.Context, run_id: str, runs: Path | None) -> None:
    """Ask a run to finish its step, write a checkpoint and end."""
    run = _find_run(context, run_id, runs)
    state = run.status()
    if not state.alive:
        raise click.UsageError(f"{run.id} is not running: it is {state.state}")
    run.command("stop")
    click.echo(f"{run.id} was asked to stop")


@runs.command()
@run_id
@runs_option
@click.pass_context
def rm(context: click.Context, run_id: str, runs: Path | None) -> None:
    """Delete a run that has ended, with its checkpoint."""
    run = _find_run(context, run_id, runs)
    with said_in_one_line():
        run.delete()
    click.echo(f"{run.id} is deleted")


def _runs_directory(context: click.Context, given: Path | None) -> Path:
    """Where the runs are: the command's own --runs, else one before the command, else as the environment says."""
    from adam_tui.training.rundir import runs_directory

    return runs_directory(given or context.obj)


def _find_run(context: click.Context, run_id: str, runs: Path | None) -> Run:
    from adam_tui.training import rundir

    with said_in_one_line():
        return rundir.find(_runs_directory(context, runs), run_id)
