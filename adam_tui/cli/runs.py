"""The commands that train without a screen and look after runs: `train` and `runs list|show|plot|attach|stop|…`.

Flags only, as everywhere in `cli`: `adam_tui.runs` does the work, `follow` prints a run's progress.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from adam_tui.cli import launch
from adam_tui.cli.errors import print_error, usage_errors
from adam_tui.cli.flags import Command, Group, UserPath, number, whole_number
from adam_tui.cli.playground import ascii_option, build_scenario, picture_size, size_option, write_picture
from adam_tui.terminal.sanitize import sanitize, sanitize_line

if TYPE_CHECKING:
    from adam_tui.runs.run import Run


# Only ids of these characters are completed: a shell puts a completion into the line unquoted, `;` and `$` too.
COMPLETABLE_ID = re.compile(r"[\w.-]+")
INCOMPLETE = 1  # the exit status of a list without some of the runs
ANSWER_SECONDS = 2.0  # how long a process may take to answer; it reads its commands every 0.1 s while it trains


runs_option = click.option(
    "--runs",
    type=UserPath(file_okay=False),
    metavar="DIR",
    help="Where training runs are kept.  [default: $ADAM_TUI_RUNS, or the user's data directory]",
)


trust_option = click.option("--trust", is_flag=True, help="Execute the code that comes with it: you have read it.")


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
    from adam_tui.classes.completion import completions
    from adam_tui.runs.recipes import TRAINING_OPTIMIZERS

    items = TRAINING_OPTIMIZERS.items()
    known = [CompletionItem(name, help=each.title) for name, each in items if name.startswith(incomplete)]
    return known or [CompletionItem(each) for each in completions(incomplete)]


def _complete_network(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.classes.completion import completions

    return [CompletionItem(each) for each in completions(incomplete, networks=True)]


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of the known runs that begin with the unfinished word."""
    from adam_tui.runs.directory import list_runs
    from adam_tui.runs.user_paths import runs_directory

    known = []
    with contextlib.suppress(OSError, ValueError):  # an unreadable directory, or no home directory
        known = list_runs(runs_directory(context.params.get("runs")))
    ids = [run.id for run in known if run.id.startswith(incomplete) and COMPLETABLE_ID.fullmatch(run.id)]
    return [CompletionItem(each) for each in ids]


def _complete_data(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.runs.recipes import DATA_SETS

    return [CompletionItem(name, help=each.title) for name, each in DATA_SETS.items() if name.startswith(incomplete)]


@click.command(cls=Command)
@click.option(
    "--optimizer",
    metavar="NAME[:KNOB=VALUE,…]",
    default="adam",
    shell_complete=_complete_training_optimizer,
    help="An optimizer, such as adam:beta1=0.95, or a class: ./mine.py::MyAdam, torch.optim.Rprop.  [default: adam]",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="A setting of the optimizer, such as weight_decay=0.01 or betas=(0.9,0.99); may be repeated.",
)
@click.option(
    "--network",
    metavar="FILE::NAME",
    shell_complete=_complete_network,
    help="Your network: a function without arguments, ./net.py::build, that returns a module from N×1×28×28 to N×10.",
)
@click.option("--lr", type=number, metavar="α", help="The learning rate.  [default: the optimizer's, 5e-4 for adam]")
@click.option("--batch-size", type=whole_number, metavar="N", help="Images a step.  [default: 64]")
@click.option("--epochs", type=whole_number, metavar="N", help="Passes over the training images.  [default: 50]")
@click.option(
    "--seed", type=whole_number, metavar="N", help="Seed of the weights and of the order of the images.  [default: 0]"
)
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]")
@click.option("--precision", metavar="NAME", help="auto, float32 or bfloat16.  [default: auto]")
@click.option("--limit", type=whole_number, metavar="N", help="Train on the first N images only, 1 at least.")
@click.option(
    "--validation",
    type=whole_number,
    metavar="N",
    help="Hold out N training images to measure each epoch with, and test once, at the end.",
)
@click.option(
    "--data",
    metavar="NAME",
    shell_complete=_complete_data,
    help="mnist, fashion-mnist, kmnist or emnist-digits; all but mnist are downloaded once.  [default: mnist]",
)
@click.option(
    "--data-dir",
    type=UserPath(file_okay=False),
    metavar="DIR",
    help="A directory that holds the data, in torchvision's layout (DIR/FashionMNIST/raw/…); nothing is downloaded.",
)
@click.option(
    "--weights",
    type=whole_number,
    metavar="N",
    help="Keep the weights of N steps for `adam-tui landscape`; 0 keeps none.  [default: 64, 16 MB]",
)
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard's event files too, into the run's directory.")
@click.option("--no-queue", is_flag=True, help="Start at once, even while another run trains on the same device.")
@click.option("--after-sweeps", is_flag=True, help="Wait while a sweep trains on the same device.")
@click.option("--name", default="", metavar="TEXT", help="A name for the run, which lists show beside its ID.")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="A tag for the run; may be given again.")
@format_option
@runs_option
@click.pass_context
def train(
    context: click.Context,
    /,
    optimizer: str,
    settings: tuple[str, ...],
    network: str | None,
    lr: float | None,
    data_dir: Path | None,
    tensorboard: bool,
    no_queue: bool,
    after_sweeps: bool,
    name: str,
    tags: tuple[str, ...],
    output_format: Any,
    runs: Path | None,
    **rest: Any,
) -> int:
    """Train the network on MNIST without the app.

    The app can watch the run, and lists it later. Ctrl-C and SIGTERM (Slurm's, too) finish the step, write a checkpoint
    and end; `adam-tui runs resume` continues.
    """
    from adam_tui.cli import follow
    from adam_tui.cli.user_code import check_class, check_network
    from adam_tui.engine.class_reference import is_reference
    from adam_tui.runs.recipes import check_data_directory, check_tensorboard, make_spec, parse_optimizer
    from adam_tui.runs.run_label import make_label
    from adam_tui.runs.user_paths import cache_directory

    with usage_errors():
        if tensorboard:
            check_tensorboard()
        folder = None if data_dir is None else check_data_directory(str(data_dir))
        if folder is None and (rest["data"] or "mnist") != "mnist":
            cache_directory()  # where the data is downloaded to
        if rest["limit"] == 0:
            raise ValueError("--limit must be at least 1; leave it out to train on all images")
        label = make_label(name, tags)
        given = {key: value for key, value in rest.items() if value is not None}
        if no_queue and after_sweeps:
            raise ValueError("--after-sweeps waits, and --no-queue does not: give one of them")
        given |= {"data_dir": folder, "queue": not no_queue, "after_sweeps": after_sweeps, "tensorboard": tensorboard}
        if is_reference(optimizer):
            make_spec("adam", {}, **given)  # the other flags, before seconds pass
            optimizer_name, values, code = check_class(optimizer, settings, lr, network, rest["device"])
        else:
            optimizer_name, values = parse_optimizer(optimizer, settings)
            if lr is not None:
                if "lr" in values:
                    raise ValueError(f"give the learning rate once: --lr, or lr in {optimizer!r}")
                values["lr"] = lr
            code = {}
            if network is not None:
                make_spec(optimizer_name, values, **given)
                code = check_network(network)
        spec = make_spec(optimizer_name, values, **given, **code)
    return follow.train(spec, resolve_runs(context, runs), output_format, sys.stdout, label)


@click.group(cls=Group, invoke_without_command=True)
@runs_option
@click.pass_context
def runs(context: click.Context, runs: Path | None) -> int:
    """List training runs; show, plot, steer and export them."""
    context.obj = runs or context.obj
    if context.invoked_subcommand is None:
        status: int = context.invoke(list_runs, output_format="text")
        return status
    return 0


def sweep_table(runs: Path) -> str:
    """The sweeps of a directory in columns, a row each; "" without any. Those that cannot be read go to stderr."""
    if next(runs.glob("sweep-*/sweep.json"), None) is None:
        return ""  # without numpy, which the plan of a sweep needs
    from adam_tui.sweeps import results, sweep

    rows = []
    for each in sweep.list_sweeps(runs):
        try:
            record = each.record()
        except ValueError as error:
            print_error(f"left out: {each.id}: {error}")
            continue
        rows.append((each.id, each.state(record, each.living()), each.plan(), record, each.created))
    return results.table(rows) if rows else ""


run_id_argument = click.argument("run_id", metavar="ID", shell_complete=complete_run)


@runs.command("list")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="A table, or a JSON array with the whole specification of each run.",
)
@runs_option
@click.pass_context
def list_runs(context: click.Context, output_format: str, runs: Path | None) -> int:
    """List runs, newest first, then sweeps; unreadable runs come last.

    A sweep's runs are one row together: `adam-tui sweeps show ID` lists them. The JSON array has runs only.
    """
    from adam_tui.runs import directory, report

    folder = existing_runs(context, runs)
    known, closed = directory.list_runs(folder) + directory.broken_runs(folder), directory.closed_runs(folder)
    if output_format == "json":
        click.echo(json.dumps(report.records(known)))
    else:
        sweeps = sweep_table(folder)
        if known or not (closed or sweeps):
            click.echo(sanitize(report.table(known)))
        if sweeps:
            click.echo(sanitize(f"\n{sweeps}" if known else sweeps))
    for run, reason in closed:
        print_error(f"left out: {run.id}: {reason}")
    return INCOMPLETE if closed else 0


@runs.command()
@run_id_argument
@runs_option
@click.pass_context
def show(context: click.Context, run_id: str, runs: Path | None) -> None:
    """Show a run's settings, state, epochs and last error.

    The beginning of an ID is enough, if it fits one run only.
    """
    from adam_tui.runs import report

    run = find_run(context, run_id, runs)
    with usage_errors():
        click.echo(sanitize(report.describe(run, runs_flag(context))))


@runs.command()
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
    """Watch a run until it ends.

    On a terminal the app opens; elsewhere the events are printed. Ctrl-C does not stop the run.
    """
    run = find_run(context, run_id, runs)
    if output_format or not launch.is_interactive():
        from adam_tui.cli import follow

        return follow.watch(run, output_format or "text", sys.stdout)
    launch.check_terminal()
    with launch.without_garbage_collection():
        return launch.open_app(build_scenario(), "train", resolve_runs(context, runs), run=run.id)


@runs.command()
@run_id_argument
@click.option("--now", is_flag=True, help="End at once, without a new checkpoint.")
@runs_option
@click.pass_context
def stop(context: click.Context, run_id: str, now: bool, runs: Path | None) -> None:
    """Stop a run, with a checkpoint to continue from.

    The run finishes its step first. With --now it ends at once, and a process on this host that does not answer is
    killed.
    """
    from adam_tui.runs import control

    run = _find_active_run(context, run_id, runs)
    if not now:
        _send_command(run, "stop", "stop")
        return
    before = run.reported_status()
    with contextlib.suppress(OSError):  # a process can be killed even where no file can be written
        run.command("kill")
    if not _wait_until(lambda: not run.status().alive) and before is not None:
        with usage_errors():
            control.kill(run, before)
    status = run.status()
    click.echo(sanitize_line(f"{run.id} is {status.state}: {status.reason}"))


@runs.command()
@run_id_argument
@runs_option
@click.pass_context
def pause(context: click.Context, run_id: str, runs: Path | None) -> None:
    """Pause a run.

    It takes no step until it is resumed, and keeps its device.
    """
    run = _find_active_run(context, run_id, runs)
    _send_command(run, "pause", "pause")


@runs.command("set")
@run_id_argument
@click.argument("setting", metavar="KNOB=VALUE")
@runs_option
@click.pass_context
def change(context: click.Context, run_id: str, setting: str, runs: Path | None) -> None:
    """Change a hyperparameter of a run, such as lr=1e-4.

    The new value applies from the next step on.
    """
    from adam_tui.runs.recipes import parse_settings

    run = _find_active_run(context, run_id, runs)
    with usage_errors():
        values = parse_settings(run.spec(), setting)
    for name, value in values.items():
        _send_command(run, "set", f"set {name} to {value:g}", name=name, value=value)


@runs.command()
@run_id_argument
@click.option("--follow", is_flag=True, help="Train here to the end, as `train` does, and not in the background.")
@trust_option
@format_option
@runs_option
@click.pass_context
def resume(
    context: click.Context, run_id: str, follow: bool, trust: bool, output_format: Any, runs: Path | None
) -> int:
    """Continue a run that is paused or has ended.

    A run that has ended, or whose process is gone, continues from its checkpoint. A run with a class or network of its
    own uses the copy in its directory; a copy that you never trained with yourself needs --trust.
    """
    from adam_tui.cli import follow as progress
    from adam_tui.runs import control

    run = find_run(context, run_id, runs)
    if run.status().state == "paused":
        _send_command(run, "resume", "resume")
        return 0
    with usage_errors():
        control.check_resume(run)
        if trust:
            control.trust(run)
        control.check_trust(run)
    if follow:
        return progress.follow(run, output_format, sys.stdout)
    process = control.resume(run)
    attach = f"adam-tui runs attach {shlex.quote(run.id)}{runs_flag(context)}"
    click.echo(sanitize_line(f"{run.id} continues in the background, process {process.pid}: {attach}"))
    return 0


@runs.command()
@run_id_argument
@click.option(
    "--what",
    type=click.Choice(["steps", "epochs"]),
    default="steps",
    help="A row a step, or a row an epoch.  [default: steps]",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["csv", "json"]),
    default="csv",
    help="CSV, or a JSON object with the specification and an array for each column.  [default: csv]",
)
@runs_option
@click.pass_context
def export(context: click.Context, run_id: str, what: Any, output_format: str, runs: Path | None) -> None:
    """Write a run's numbers to stdout.

    steps: step,loss. epochs: epoch,step,train_loss,test_loss,test_accuracy,seconds,samples_per_second, and
    validation_loss,validation_accuracy for a run with --validation. Steps repeated after a resume appear once.
    """
    from adam_tui.runs.export import write_csv, write_json

    run = find_run(context, run_id, runs)
    with usage_errors():
        (write_csv if output_format == "csv" else write_json)(run, what, sys.stdout)


@runs.command()
@click.argument("run_ids", metavar="ID…", nargs=-1, required=True, shell_complete=complete_run)
@size_option
@ascii_option
@runs_option
@click.pass_context
def plot(
    context: click.Context, run_ids: tuple[str, ...], size: str | None, ascii_only: bool, runs: Path | None
) -> None:
    """Draw the loss curves of runs to stdout.

    Of a single run the single steps and the test losses are drawn too.
    """
    chosen = list({run.path: run for run in (find_run(context, each, runs) for each in run_ids)}.values())
    with usage_errors():
        width, height = picture_size(size)
    from adam_tui.cli import run_plot
    from adam_tui.draw.palette import DARK

    with usage_errors():
        picture = run_plot.still(chosen, width, height, DARK)
    write_picture(picture, ascii_only)


@runs.command()
@run_id_argument
@click.argument("name", metavar="NAME")
@runs_option
@click.pass_context
def rename(context: click.Context, run_id: str, name: str, runs: Path | None) -> None:
    """Give a run a name.

    Lists show the name, and it can be used in the place of the ID, which stays. An empty NAME, "", removes it.
    """
    from adam_tui.runs.run_label import make_label

    run = find_run(context, run_id, runs)
    with usage_errors():
        label = make_label(name, run.label().tags)
    run.write_label(label)
    click.echo(sanitize_line(f"{run.id} is named “{label.name}”" if label.name else f"{run.id} has no name"))


@runs.command()
@run_id_argument
@click.argument("tags", metavar="[TAG…]", nargs=-1)
@click.option("--remove", is_flag=True, help="Remove these tags, or all tags if none is given.")
@runs_option
@click.pass_context
def tag(context: click.Context, run_id: str, tags: tuple[str, ...], remove: bool, runs: Path | None) -> None:
    """Add tags to a run, or remove some.

    A tag is one word. Without a tag the tags are printed.
    """
    from adam_tui.runs.run_label import make_label

    run = find_run(context, run_id, runs)
    before = run.label()
    given = [each.removeprefix("#") for each in tags]
    with usage_errors():
        if remove and (unknown := [each for each in given if each not in before.tags]):
            raise ValueError(f"{run.id} has no tag {unknown[0]!r}")
        kept = [each for each in before.tags if not remove or (given and each not in given)]
        label = make_label(before.name, kept if remove else [*kept, *given])
    if label != before:
        run.write_label(label)
    listed = " ".join(f"#{each}" for each in label.tags) or "no tags"
    click.echo(sanitize_line(f"{run.id}: {listed}"))


@runs.command()
@run_id_argument
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@runs_option
@click.pass_context
def rm(context: click.Context, run_id: str, yes: bool, runs: Path | None) -> None:
    """Delete a run that has ended, with its checkpoint.

    Asks first; without a terminal it needs --yes. Of a link to a run only the link is removed.
    """
    from adam_tui.runs import report

    run = find_run(context, run_id, runs)
    target = run.link_target
    with usage_errors():
        run.check_delete()
        if not yes:
            question = f"Remove the link {run.id} to {target}?" if target else f"Delete {report.summary(run)}?"
            if not launch.is_interactive():
                raise ValueError(f"{question} There is no terminal to ask on: add --yes")
            if not click.confirm(sanitize_line(question)):
                click.echo("nothing is deleted")
                return
        run.delete()
    done = f"was a link to {target}: the link is removed" if target else "is deleted"
    click.echo(sanitize_line(f"{run.id} {done}"))


def resolve_runs(context: click.Context, option: Path | None) -> Path:
    """The runs directory: the command's own --runs, else one before the command, else ADAM_TUI_RUNS or the default."""
    from adam_tui.runs.user_paths import runs_directory

    with usage_errors():
        return runs_directory(option or context.obj)


def existing_runs(context: click.Context, option: Path | None) -> Path:
    """`resolve_runs` for a command that only reads. Raises UsageError if --runs names a missing directory."""
    folder = resolve_runs(context, option)
    if _named_runs(context) and not folder.exists():
        raise click.UsageError(f"--runs: the directory {folder} does not exist")
    return folder


def _named_runs(context: click.Context) -> Path | None:
    """The directory of the innermost --runs of the command line; None without one."""
    level: click.Context | None = context
    while level is not None:
        if level.get_parameter_source("runs") is ParameterSource.COMMANDLINE:
            return Path(level.params["runs"])
        level = level.parent
    return None


def runs_flag(context: click.Context) -> str:
    """The end of a command that is shown to the user: " --runs DIR" if the command line has it, else ""."""
    named = _named_runs(context)
    return f" --runs {shlex.quote(str(named))}" if named else ""


def find_run(context: click.Context, run_id: str, runs: Path | None) -> Run:
    """The run that an ID or the beginning of one names. Raises UsageError for none or several."""
    from adam_tui.runs import directory

    with usage_errors():
        return directory.find(existing_runs(context, runs), run_id)


def _find_active_run(context: click.Context, run_id: str, runs: Path | None) -> Run:
    run = find_run(context, run_id, runs)
    state = run.status()
    if not state.alive:
        raise click.UsageError(f"{run.id} is not running: it is {state.state}")
    return run


def _send_command(run: Run, command: str, verb: str, **values: Any) -> None:
    """Send a command to a run's process and print whether it answered. Raises UsageError where the run has ended."""
    length = run.command(command, **values)
    answered = _wait_until(lambda: not run.status().alive or (run.reported_status() or run.status()).control >= length)
    status = run.status()
    if answered and not status.alive and command != "stop":
        raise click.UsageError(f"{run.id} could not {verb}: it is {status.state}: {status.reason}")
    late = "" if answered else f"; it has not answered yet{f': {status.reason}' if status.reason else ''}"
    click.echo(sanitize_line(f"{run.id} was asked to {verb}{late}"))


def _wait_until(condition: Callable[[], bool]) -> bool:
    """Wait at most `ANSWER_SECONDS` for a condition; whether it came true."""
    end = time.monotonic() + ANSWER_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
