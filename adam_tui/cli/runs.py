"""The commands that train and that look after the runs. Arguments only, as in `cli`: the work is in `training`."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from adam_tui.cli.errors import said_in_one_line
from adam_tui.terminal.sanitize import sanitize

if TYPE_CHECKING:
    from adam_tui.runs.run import Run


PLAIN_ID = re.compile(r"[\w.-]+")  # a shell puts what is completed into its line as it is, `;` and `$` too
PATIENCE = 2.0  # seconds that a process gets to answer: it looks for orders every 0.1 s once it trains


runs_option = click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where training runs are kept.  [default: $ADAM_TUI_RUNS, or the user's data directory]",
)


format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    help="A progress bar (off a terminal a line an epoch), or the events as JSON lines.",
)


def _complete_training_optimizer(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from adam_tui.runs.recipes import TRAINING_OPTIMIZERS as KNOWN

    return [CompletionItem(name, help=each.title) for name, each in KNOWN.items() if name.startswith(incomplete)]


def _complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.runs.directory import list_runs, runs_directory

    return [
        CompletionItem(run.id)
        for run in list_runs(runs_directory(context.params.get("runs")))
        if run.id.startswith(incomplete) and PLAIN_ID.fullmatch(run.id)
    ]


def _complete_data(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.runs.recipes import DATA_SETS

    return [CompletionItem(name, help=each.title) for name, each in DATA_SETS.items() if name.startswith(incomplete)]


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
    "--data",
    metavar="NAME",
    shell_complete=_complete_data,
    help="mnist, fashion-mnist, kmnist or emnist-digits; all but mnist are downloaded once.  [default: mnist]",
)
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Where the data is already, in torchvision's layout (DIR/FashionMNIST/raw/…); nothing is downloaded.",
)
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard's event files too, into the run's directory.")
@click.option("--no-queue", is_flag=True, help="Start at once, even while another run trains on the same device.")
@format_option
@runs_option
@click.pass_context
def train(
    context: click.Context,
    /,
    optimizer: str,
    lr: float | None,
    data_dir: str | None,
    tensorboard: bool,
    no_queue: bool,
    output_format: Any,
    runs: Path | None,
    **rest: Any,
) -> int:
    """Train the network on MNIST without the app; the app can watch the run, and finds it later.

    Ctrl-C and SIGTERM (Slurm's, too) finish the step, write a checkpoint and end; `adam-tui runs resume` goes on.
    """
    from adam_tui.cli import follow as cli_follow
    from adam_tui.runs.recipes import check_data_directory, check_tensorboard, make_spec, parse_optimizer

    with said_in_one_line():
        if tensorboard:
            check_tensorboard()
        if data_dir is not None:
            data_dir = check_data_directory(data_dir)
        name, values = parse_optimizer(optimizer)
        if lr is not None:
            if "lr" in values:
                raise ValueError(f"give the learning rate once: --lr, or lr in {optimizer!r}")
            values["lr"] = lr
        given = {key: value for key, value in rest.items() if value is not None}
        spec = make_spec(name, values, **given, data_dir=data_dir, queue=not no_queue, tensorboard=tensorboard)
    return cli_follow.train(spec, runs_directory_of(context, runs), output_format, sys.stdout)


@click.group(invoke_without_command=True)
@runs_option
@click.pass_context
def runs(context: click.Context, runs: Path | None) -> None:
    """List the training runs; look at one, steer it, export it."""
    context.obj = runs or context.obj
    if context.invoked_subcommand is None:
        context.invoke(list_runs)


run_id_argument = click.argument("run_id", metavar="ID", shell_complete=_complete_run)


@runs.command("list")
@runs_option
@click.pass_context
def list_runs(context: click.Context, runs: Path | None) -> None:
    """The runs, newest first; at the end those that cannot be read."""
    from adam_tui.runs import directory, report

    folder = runs_directory_of(context, runs)
    click.echo(sanitize(report.table(directory.list_runs(folder) + directory.broken_runs(folder))))


@runs.command()
@run_id_argument
@runs_option
@click.pass_context
def show(context: click.Context, run_id: str, runs: Path | None) -> None:
    """What one run was asked, how it stands, its epochs, its last error. The beginning of an ID is enough."""
    from adam_tui.runs import report

    run = find_run(context, run_id, runs)
    with said_in_one_line():
        click.echo(sanitize(report.describe(run)))


@runs.command()
@run_id_argument
@click.option("--now", is_flag=True, help="End at once, without a checkpoint of this moment.")
@runs_option
@click.pass_context
def stop(context: click.Context, run_id: str, now: bool, runs: Path | None) -> None:
    """Ask a run to finish its step, write a checkpoint and end.

    With --now a process on this host that does not hear is killed.
    """
    from adam_tui.runs import control

    run = _find_run_at_work(context, run_id, runs)
    if not now:
        _ask(run, "stop", "stop")
        return
    asked = run.reported_status()
    with contextlib.suppress(OSError):  # it can be killed where nothing can be written
        run.command("kill")
    if not _wait_for(lambda: not run.status().alive) and asked is not None:
        with said_in_one_line():
            control.kill(run, asked)
    status = run.status()
    click.echo(sanitize(f"{run.id} is {status.state}: {status.reason}"))


@runs.command()
@run_id_argument
@runs_option
@click.pass_context
def pause(context: click.Context, run_id: str, runs: Path | None) -> None:
    """Ask a run to take no step until it is resumed; it keeps its device."""
    run = _find_run_at_work(context, run_id, runs)
    _ask(run, "pause", "pause")


@runs.command("set")
@run_id_argument
@click.argument("setting", metavar="KNOB=VALUE")
@runs_option
@click.pass_context
def change(context: click.Context, run_id: str, setting: str, runs: Path | None) -> None:
    """Change a hyperparameter of a run at its next step, such as lr=1e-4."""
    from adam_tui.runs.recipes import parse_optimizer

    run = _find_run_at_work(context, run_id, runs)
    with said_in_one_line():
        _, values = parse_optimizer(f"{run.spec().optimizer}:{setting}")
    for name, value in values.items():
        _ask(run, "set", f"set {name} to {value:g}", name=name, value=value)


@runs.command()
@run_id_argument
@click.option("--follow", is_flag=True, help="Train here to the end, as `train` does, and not in the background.")
@format_option
@runs_option
@click.pass_context
def resume(context: click.Context, run_id: str, follow: bool, output_format: Any, runs: Path | None) -> int:
    """Go on with a run: one that is paused, or one that has ended or was lost, from its checkpoint."""
    from adam_tui.cli import follow as cli_follow
    from adam_tui.runs import control

    run = find_run(context, run_id, runs)
    if run.status().state == "paused":
        _ask(run, "resume", "go on")
        return 0
    with said_in_one_line():
        control.check_resume(run)
    if follow:
        return cli_follow.follow(run, output_format, sys.stdout)
    process = control.resume(run)
    said = f"{run.id} goes on in the background, process {process.pid}: adam-tui runs attach {run.id}"
    click.echo(sanitize(said))
    return 0


@runs.command()
@run_id_argument
@click.option(
    "--what",
    type=click.Choice(["steps", "epochs"]),
    default="steps",
    help="A row a step, or a row an epoch.  [default: steps]",
)
@click.option("--format", "output_format", type=click.Choice(["csv"]), default="csv", help="What is written to stdout.")
@runs_option
@click.pass_context
def export(context: click.Context, run_id: str, what: Any, output_format: str, runs: Path | None) -> None:
    """Write a run's numbers to stdout.

    steps: step,loss. epochs: epoch,step,train_loss,test_loss,test_accuracy,seconds,samples_per_second. What a resumed
    run did over stands once.
    """
    from adam_tui.runs.export import write_csv

    write_csv(find_run(context, run_id, runs), what, sys.stdout)


@runs.command()
@run_id_argument
@runs_option
@click.pass_context
def rm(context: click.Context, run_id: str, runs: Path | None) -> None:
    """Delete a run that has ended, with its checkpoint; of a link to one, only the link."""
    run = find_run(context, run_id, runs)
    target = run.link_target
    with said_in_one_line():
        run.delete()
    click.echo(sanitize(f"{run.id} was a link to {target}: the link is removed" if target else f"{run.id} is deleted"))


def runs_directory_of(context: click.Context, given: Path | None) -> Path:
    """Where the runs are: the command's own --runs, else one before the command, else as the environment says."""
    from adam_tui.runs.directory import runs_directory

    return runs_directory(given or context.obj)


def _find_run_at_work(context: click.Context, run_id: str, runs: Path | None) -> Run:
    run = find_run(context, run_id, runs)
    state = run.status()
    if not state.alive:
        raise click.UsageError(f"{run.id} is not running: it is {state.state}")
    return run


def _ask(run: Run, order: str, words: str, **values: Any) -> None:
    """Give an order and say whether it was heard; UsageError when it came too late."""
    length = run.command(order, **values)
    heard = _wait_for(lambda: not run.status().alive or (run.reported_status() or run.status()).control >= length)
    status = run.status()
    if heard and not status.alive and order != "stop":
        raise click.UsageError(f"{run.id} was to {words}, but it is {status.state}: {status.reason}")
    late = f"; it has not answered yet{f': {status.reason}' if status.reason else ''}" if not heard else ""
    click.echo(sanitize(f"{run.id} was asked to {words}{late}"))


def _wait_for(condition: Callable[[], bool]) -> bool:
    """Whether it comes true soon."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def find_run(context: click.Context, run_id: str, runs: Path | None) -> Run:
    """The run that an ID or the beginning of one names; UsageError with one line when there is none."""
    from adam_tui.runs import directory

    with said_in_one_line():
        return directory.find(runs_directory_of(context, runs), run_id)
