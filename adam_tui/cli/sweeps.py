"""The commands that try many settings on the real network: `sweep` plans and trains, `sweeps` looks after sweeps.

Flags only, as everywhere in `cli`: `adam_tui.sweeps` does the work, `sweep_progress` prints it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from adam_tui.cli import launch
from adam_tui.cli.errors import usage_errors
from adam_tui.cli.flags import Command, Group, UserPath, whole_number
from adam_tui.cli.runs import (
    COMPLETABLE_ID,
    existing_runs,
    resolve_runs,
    runs_flag,
    runs_option,
    sweep_table,
    trust_option,
)
from adam_tui.engine.numbers import count_noun
from adam_tui.terminal.sanitize import sanitize, sanitize_line

if TYPE_CHECKING:
    from adam_tui.sweeps.plan import Plan
    from adam_tui.sweeps.sweep import On, Sweep

FC = TypeVar("FC", bound="Callable[..., Any] | click.Command")

slots_option = click.option(
    "--slots", type=whole_number, metavar="N", help="Trials at the same time.  [default: one a core, or one a GPU]"
)
format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    help="A table at the end, with the progress on stderr; or the sweep's events as JSON lines.",
)


def place_options(default: str) -> Callable[[FC], FC]:
    """--on and --address, for a command with this default in words."""
    on = click.option("--on", type=click.Choice(["local", "ray"]), help=f"This host, or Ray.  [default: {default}]")
    address = click.option("--address", metavar="A", help="A Ray cluster: HOST:PORT, or auto.")
    return lambda command: on(address(command))


def _complete_sweep(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.runs.user_paths import runs_directory
    from adam_tui.sweeps.sweep import list_sweeps

    with contextlib.suppress(OSError, ValueError):  # an unreadable directory, or no home directory
        known = list_sweeps(runs_directory(context.params.get("runs")))
        ids = [each.id for each in known if each.id.startswith(incomplete) and COMPLETABLE_ID.fullmatch(each.id)]
        return [CompletionItem(each) for each in ids]
    return []


sweep_id_argument = click.argument("sweep_id", metavar="ID", shell_complete=_complete_sweep)


@click.command(cls=Command)
@click.option(
    "--optimizer",
    "optimizers",
    metavar="NAME,…",
    default="adam",
    help="Optimizers to compare, such as adam,sgd,./mine.py::MyAdam.  [default: adam]",
)
@click.option(
    "--lr",
    metavar="LOW..HIGH",
    help="Learning rates: a range, or a list as 1e-3,1e-2.  [default: around each optimizer's usual one]",
)
@click.option(
    "--set",
    "settings",
    metavar="KNOB=LOW..HIGH",
    multiple=True,
    help="Another knob to vary, such as beta1=0.8..0.99 or batch_size=32,64; may be repeated.",
)
@click.option("--trials", type=whole_number, default=8, metavar="N", help="Settings of each optimizer.  [default: 8]")
@click.option(
    "--seeds", type=whole_number, default=1, metavar="N", help="Seeds that each setting is trained with.  [default: 1]"
)
@click.option("--epochs", type=whole_number, default=3, metavar="N", help="Epochs of a trial.  [default: 3]")
@click.option("--batch-size", type=whole_number, default=64, metavar="N", help="Images a step.  [default: 64]")
@click.option("--limit", type=whole_number, metavar="N", help="Train on the first N images only, 1 at least.")
@click.option(
    "--validation",
    type=whole_number,
    metavar="N",
    help="Training images that are held out to choose settings by.  [default: 5000]",
)
@click.option(
    "--halving", is_flag=True, help="Stop early: a third of each optimizer's settings goes on after 1, 3, 9, … epochs."
)
@click.option(
    "--sampler",
    type=click.Choice(["quasi", "grid", "tpe"]),
    help="Evenly spread points, every combination, or points that Optuna chooses from the results so far.  "
    "[default: grid for lists alone, otherwise quasi]",
)
@click.option(
    "--seed", type=whole_number, default=0, metavar="N", help="Seed of the points, and the first seed.  [default: 0]"
)
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]")
@click.option("--precision", default="auto", metavar="NAME", help="auto, float32 or bfloat16.  [default: auto]")
@click.option("--data", default="mnist", metavar="NAME", help="The data set, as for train.  [default: mnist]")
@click.option(
    "--data-dir", type=UserPath(file_okay=False), metavar="DIR", help="A directory that holds the data, as for train."
)
@slots_option
@place_options("local")
@click.option("--name", default="", metavar="ID", help="Name of the sweep.  [default: a new one]")
@click.option("--dry-run", is_flag=True, help="Print the number of trials and steps, the time and the disk space.")
@format_option
@runs_option
@click.pass_context
def sweep(
    context: click.Context,
    /,
    slots: int | None,
    on: Any,
    address: str | None,
    name: str,
    dry_run: bool,
    output_format: Any,
    runs: Path | None,
    **flags: Any,
) -> int:
    """Train many settings and compare them.

    Settings are chosen by validation loss on held-out training images; the test images are used once, at the end.
    Ctrl-C stops the sweep with checkpoints; `adam-tui sweeps resume` continues it.
    """
    from adam_tui.cli import sweep_progress
    from adam_tui.sweeps import results
    from adam_tui.sweeps.sweep import check_free, create

    folder = resolve_runs(context, runs)
    with usage_errors():
        plan = _plan(**flags)
        place = _place(on, address, ("local", ""))
        count = _slots(slots, plan.device, place)
        check_free(folder, name)
        if dry_run:
            click.echo(_described(plan, results.estimate(plan, folder, count).text(plan, count)))
            return 0
        _check_place(place, plan.device)
        new = create(plan, folder, name, *place)
    return sweep_progress.follow(new, count, place, output_format, sys.stdout, runs_flag(context))


def _plan(
    optimizers: str,
    lr: str | None,
    settings: tuple[str, ...],
    seeds: int,
    seed: int,
    limit: int | None,
    validation: int | None,
    halving: bool,
    sampler: str | None,
    data_dir: Path | None,
    **rest: Any,
) -> Plan:
    """The plan that the flags describe. Raises ValueError with one line."""
    from adam_tui.cli.user_code import check_signature
    from adam_tui.engine.class_reference import is_reference
    from adam_tui.runs.recipes import check_data_directory
    from adam_tui.sweeps import plan as plans
    from adam_tui.sweeps.tpe import check_optuna

    if limit == 0:
        raise ValueError("--limit must be at least 1; leave it out to train on all images")
    if seeds < 1:
        raise ValueError("--seeds must be at least 1")
    names = plans.read_optimizers("--optimizer", optimizers)
    classes = {}
    for number, name in enumerate(names):
        if is_reference(name):
            checked = check_signature(name)
            names[number] = checked.optimizer
            classes[checked.optimizer] = plans.UserClass(checked.rest["signature"], checked.rest.get("code", {}))
    varied = plans.read_settings("--set", settings)
    space = plans.make_space({each: {} for each in names}, lr, varied, classes)
    if sampler == "tpe":
        check_optuna()
    return plans.make_plan(
        space,
        classes=classes,
        sampler=sampler or ("grid" if plans.is_grid(space) else "quasi"),
        seeds=tuple(range(seed, seed + seeds)),
        seed=seed,
        halving=halving,
        limit=limit or 0,
        validation=plans.VALIDATION if validation is None else validation,
        data_dir=None if data_dir is None else check_data_directory(str(data_dir)),
        **rest,
    )


def _slots(slots: int | None, device: str, place: tuple[On, str] = ("local", "")) -> int:
    """The number of slots; 0 for as many as a Ray cluster has room for."""
    from adam_tui.sweeps.executor import default_slots

    if slots is not None and slots < 1:
        raise ValueError("--slots must be at least 1")
    if slots is None:
        return 0 if place[0] == "ray" else default_slots(device)
    return slots


def _place(on: On | None, address: str | None, before: tuple[On, str]) -> tuple[On, str]:
    """Where to train, from the flags and the place before."""
    if address is not None:
        if on == "local":
            raise ValueError("--address is that of a Ray cluster: add --on ray")
        return "ray", address
    return before if on in (None, before[0]) else (on or "local", "")


def _check_place(place: tuple[On, str], device: str) -> None:
    if place[0] == "ray":
        from adam_tui.sweeps.ray_executor import check_device, check_ray

        check_device(device)
        check_ray(place[1])


def _described(plan: Plan, size: str) -> str:
    """The dry run: the size of the sweep, then the settings of each optimizer."""
    from adam_tui.engine.class_reference import short_name
    from adam_tui.sweeps import plan as plans
    from adam_tui.sweeps.space import format_dimension

    lines, trials = [size], plans.trials_of(plan, "")
    for optimizer, dimensions in plan.space.items():
        knobs = plans.knobs_of(optimizer, plan.classes)
        values = ", ".join(f"{name} {format_dimension(knobs[name], each)}" for name, each in dimensions.items())
        count = sum(trial.spec.optimizer == optimizer for trial in trials)
        lines.append(f"{short_name(optimizer)}: {count_noun(count, 'trial')}, {values}")
    return "\n".join(lines)


@click.group(cls=Group, invoke_without_command=True)
@runs_option
@click.pass_context
def sweeps(context: click.Context, runs: Path | None) -> int:
    """List sweeps; show, continue, export and delete them."""
    context.obj = runs or context.obj
    if context.invoked_subcommand is None:
        context.invoke(list_sweeps)
    return 0


@sweeps.command("list")
@runs_option
@click.pass_context
def list_sweeps(context: click.Context, runs: Path | None) -> None:
    """List the sweeps, newest first."""
    click.echo(sanitize(sweep_table(existing_runs(context, runs)) or "no sweeps yet"))


@sweeps.command()
@sweep_id_argument
@runs_option
@click.pass_context
def show(context: click.Context, sweep_id: str, runs: Path | None) -> None:
    """Show a sweep's results and its decisions.

    The beginning of an ID is enough, if it fits one sweep only.
    """
    from adam_tui.sweeps import results
    from adam_tui.sweeps.sweep import ACTIVE

    each = find_sweep(context, sweep_id, runs)
    with usage_errors():
        record, plan = each.record(), each.plan()
        claims = each.living()
        state = each.state(record, claims)
        lines = [f"{each.id} is {state}", results.text(plan, record, active=state in ACTIVE)]
        lines += results.decisions(record)
        lines += [f"{claim.runner} on {claim.host} trains trial {trial}" for trial, claim in sorted(claims.items())]
        lines.append(str(each.path))
    click.echo(sanitize("\n".join(lines)))


@sweeps.command()
@sweep_id_argument
@slots_option
@place_options("as before")
@trust_option
@format_option
@runs_option
@click.pass_context
def resume(
    context: click.Context,
    sweep_id: str,
    slots: int | None,
    on: Any,
    address: str | None,
    trust: bool,
    output_format: Any,
    runs: Path | None,
) -> int:
    """Continue a sweep that was stopped, or whose processes are gone.

    Trials that have ended are not repeated; the others continue from their checkpoints.
    """
    return _continue(context, _trusted(find_sweep(context, sweep_id, runs), trust), slots, on, address, output_format)


def _continue(
    context: click.Context, each: Sweep, slots: int | None, on: Any, address: str | None, output_format: Any
) -> int:
    from adam_tui.cli import sweep_progress

    with usage_errors():
        place = _place(on, address, each.place)
        count = _slots(slots, each.plan().device, place)
        record = each.record()
        if record.is_over:
            raise ValueError(f"{each.id} is finished: there is nothing left to train")
        if each.is_active():
            if each.order() != "pause":
                raise ValueError(f"{each.id} is running already: add slots with 'adam-tui sweeps work {each.path}'")
            each.command("resume")
            click.echo(sanitize_line(f"{each.id} goes on"))
            return 0
        _check_place(place, each.plan().device)
        if each.plan().sampler == "tpe" and record.undecided:
            from adam_tui.sweeps.tpe import check_optuna

            check_optuna()
    each.command("resume")
    return sweep_progress.follow(each, count, place, output_format, sys.stdout, runs_flag(context))


@sweeps.command()
@sweep_id_argument
@slots_option
@place_options("as before")
@trust_option
@format_option
@runs_option
@click.pass_context
def retry(
    context: click.Context,
    sweep_id: str,
    slots: int | None,
    on: Any,
    address: str | None,
    trust: bool,
    output_format: Any,
    runs: Path | None,
) -> int:
    """Train the trials that failed again, from their first step."""
    each = _trusted(find_sweep(context, sweep_id, runs), trust)
    with usage_errors():
        count = each.retry()
        if not count:
            raise ValueError(f"{each.id} has no failed trials")
    if each.is_active():
        click.echo(sanitize_line(f"{each.id} trains {count_noun(count, 'trial')} again"))
        return 0
    return _continue(context, each, slots, on, address, output_format)


@sweeps.command()
@sweep_id_argument
@runs_option
@click.pass_context
def pause(context: click.Context, sweep_id: str, runs: Path | None) -> None:
    """Pause a sweep; its processes keep their trials until `resume`."""
    _ask(context, sweep_id, runs, "pause")


@sweeps.command()
@sweep_id_argument
@runs_option
@click.pass_context
def stop(context: click.Context, sweep_id: str, runs: Path | None) -> None:
    """Stop a sweep on all hosts, with checkpoints to continue from."""
    _ask(context, sweep_id, runs, "stop")


@sweeps.command()
@sweep_id_argument
@click.option("--format", "output_format", type=click.Choice(["csv"]), default="csv", help="csv, a row a trial.")
@runs_option
@click.pass_context
def export(context: click.Context, sweep_id: str, output_format: str, runs: Path | None) -> None:
    """Write a sweep's trials to stdout.

    trial,run,optimizer,seed,state,epochs,validation_loss,validation_accuracy,test_accuracy,seconds, and a column for
    each varied knob.
    """
    from adam_tui.sweeps import results

    each = find_sweep(context, sweep_id, runs)
    with usage_errors():
        results.write_csv(each.plan(), each.record(), sys.stdout)


@sweeps.command()
@sweep_id_argument
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@runs_option
@click.pass_context
def rm(context: click.Context, sweep_id: str, yes: bool, runs: Path | None) -> None:
    """Delete a sweep with all its runs. Asks first; without a terminal it needs --yes."""
    from adam_tui.sweeps import results

    each = find_sweep(context, sweep_id, runs)
    with usage_errors():
        if each.is_active():
            raise ValueError(f"{each.id} is still running: stop it first")
        if not yes:
            question = f"Delete {each.id} ({results.counts(each.record(), active=False)})?"
            if not launch.is_interactive():
                raise ValueError(f"{question} There is no terminal to ask on: add --yes")
            if not click.confirm(sanitize_line(question)):
                click.echo("nothing is deleted")
                return
        each.delete()
    click.echo(sanitize_line(f"{each.id} is deleted"))


@sweeps.command()
@click.argument("directory", metavar="DIR", type=UserPath(file_okay=False))
@slots_option
@trust_option
@click.pass_context
def work(context: click.Context, directory: Path, slots: int | None, trust: bool) -> int:
    """Train trials of the sweep in DIR on this host too.

    It ends with the sweep. For a second terminal, another host with the same file system, or `sbatch --array`. Ctrl-C
    and SIGTERM give the trials of these slots back.
    """
    from adam_tui.cli import sweep_progress
    from adam_tui.sweeps.sweep import Sweep

    each = Sweep(directory.absolute())
    with usage_errors():
        count = _slots(slots, each.plan().device)
        if each.record().is_over:
            raise ValueError(f"{each.id} is finished: there is nothing left to train")
        if each.order() == "stop":
            raise ValueError(f"{each.id} was stopped: continue it with 'adam-tui sweeps resume {each.id}'")
    _trusted(each, trust)
    return sweep_progress.work(each, count)


def _trusted(each: Sweep, trust: bool) -> Sweep:
    """The sweep, if the user trusts its code, or consents to it now. Raises UsageError."""
    with usage_errors():
        if trust:
            each.trust()
        each.check_trust()
    return each


def find_sweep(context: click.Context, sweep_id: str, runs: Path | None) -> Sweep:
    """The sweep that an ID or the beginning of one names. Raises UsageError for none or several."""
    from adam_tui.sweeps.sweep import find

    with usage_errors():
        return find(existing_runs(context, runs), sweep_id)


def _ask(context: click.Context, sweep_id: str, runs: Path | None, order: str) -> None:
    """Send an order to the processes of a sweep. Raises UsageError where none runs."""
    each = find_sweep(context, sweep_id, runs)
    with usage_errors():
        if not each.is_active():
            raise ValueError(f"{each.id} is not running")
    each.command(order)
    click.echo(sanitize_line(f"{each.id} was asked to {order}"))
