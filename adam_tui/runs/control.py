"""The training process of a run from outside: start, resume and kill it.

The process is `python -m adam_tui.training.worker RUNDIR`. It is never imported here, so torch stays out of the program
that starts it. Standard library only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import subprocess
import threading
import time

from adam_tui.runs import device_use, file_lock, files, processes, user_code
from adam_tui.runs.device_names import SHARED_CORES, device_key, device_lock
from adam_tui.runs.protocol import Ended, RunSpec, to_line
from adam_tui.runs.run import WORKER, Run
from adam_tui.runs.spare import Spare
from adam_tui.runs.status import Status

KILLED = "killed as it did not answer"


def start_worker(run: Run, *, detached: bool = True, spare: Spare | None = None) -> subprocess.Popen[bytes]:
    """Start the training process of a run, which continues from a checkpoint if there is one.

    Its output goes to worker.log. With `detached` it has a session of its own, outlives this process and its terminal,
    and leaves no zombie. A `spare` process becomes that of a detached run which need not wait for its device. Raises
    ValueError when the run is active, UntrustedError as `check_trust` does, OSError when its files cannot be written.
    """
    before = run.reported_status()
    if (before is not None and _is_active(run)) or run.is_held():
        raise ValueError(f"{run.id} is running already")
    check_trust(run)
    try:  # earlier orders are not for this process
        obeyed = (run.path / "control.jsonl").stat().st_size
    except FileNotFoundError:
        obeyed = 0
    # This status holds until the process writes its own.
    status = Status("starting", host=socket.gethostname(), control=obeyed)
    if before:
        status = dataclasses.replace(status, step=before.step, epoch=before.epoch)
    with contextlib.suppress(ValueError):  # the process itself reports an unreadable specification
        spec = run.spec()
        status = dataclasses.replace(status, device=device_key(spec.device) if spec.queue else "")
        if spare is not None and detached and _is_free(run, spec):
            given = spare.give(run, dataclasses.replace(status, came=time.time()))
            if given is not None:
                _wait_in_background(given, run)
                return given
    with open(files.open_private(run.path / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as log:
        process = subprocess.Popen(
            processes.module_command(WORKER, str(run.path.absolute()), "--wait-for-input"),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=SHARED_CORES | os.environ,
            **(processes.detached_options() if detached else {}),
        )
    assert process.stdin is not None
    now, birth = time.time(), processes.birth(process.pid)
    try:
        run.write_status(
            dataclasses.replace(status, pid=process.pid, born=birth, ticks=time.monotonic(), heartbeat=now, came=now)
        )
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        process.stdin.close()  # the end of its input lets the process begin
    if detached:
        _wait_in_background(process, run)
    return process


def _is_free(run: Run, spec: RunSpec) -> bool:
    """Whether the run would train at once: a process that waits for its device should not hold torch's memory."""
    runs = run.path.parent
    if spec.after_sweeps and device_use.sweep_on(runs, spec.device):
        return False
    return not spec.queue or file_lock.is_locked(device_lock(runs, device_key(spec.device))) is False


def _wait_in_background(process: subprocess.Popen[bytes], run: Run) -> None:
    """Leave no zombie: no other part of this program may wait for the process for hours."""
    threading.Thread(target=process.wait, name=f"waits for {run.id}", daemon=True).start()


def resume(run: Run, *, spare: Spare | None = None) -> subprocess.Popen[bytes]:
    """Continue a stopped, failed or lost run from its checkpoint, in its own directory; see `start_worker`.

    metrics.jsonl gets a second `Started`, whose step shows which earlier lines no longer count. Raises ValueError as
    `check_resume` does.
    """
    check_resume(run)
    return start_worker(run, spare=spare)


def check_resume(run: Run) -> None:
    """Raise ValueError with one line when `resume` cannot continue the run."""
    status, sweep = run.status(), ""
    if _is_active(run) or run.is_held():
        raise ValueError(f"{run.id} is {status.state if status.alive else 'running'} already")
    if status.state == "finished":
        raise ValueError(f"{run.id} is finished: there is nothing left to train")
    with contextlib.suppress(ValueError):  # the process itself reports an unreadable specification
        sweep = run.spec().sweep
    if sweep:
        raise ValueError(f"{run.id} is a trial: 'adam-tui sweeps resume {sweep}' continues it")
    if not run.has_checkpoint:
        raise ValueError(f"{run.id} has no checkpoint to continue from")


def check_trust(run: Run) -> None:
    """Raise UntrustedError where the run has code that this user has not named: it came from elsewhere, or was edited.

    `user_code.trust` is the user's consent.
    """
    with contextlib.suppress(UnreadableSpecError):
        user_code.check_trust(_spec(run), run.path, f"read it, then 'adam-tui runs resume {run.id} --trust'")


def trust(run: Run) -> None:
    """The user's consent to the code of a run. Raises ValueError where it cannot be kept."""
    with contextlib.suppress(UnreadableSpecError):
        user_code.trust(_spec(run), run.path)


class UnreadableSpecError(ValueError):
    """The run's process itself reports an unreadable specification."""


def _spec(run: Run) -> RunSpec:
    try:
        return run.spec()
    except ValueError as error:
        raise UnreadableSpecError(str(error)) from None


def _is_active(run: Run) -> bool:
    """Whether a process trains the run, but for one that was killed a moment ago and still has the lock."""
    status = run.status()
    return status.alive and not (status.pid and status.is_local and not processes.is_running(status.pid, status.born))


def _is_certain(run: Run, pid: int) -> bool:
    """Whether a process is the run's; where the system cannot show that, the run has at least to be locked."""
    own = run.owns_process(pid)
    hidden = own is None and processes.holds_lock(pid, run.metrics) is None
    return bool(own or (hidden and file_lock.is_locked(run.metrics)))


def kill(run: Run, target: Status) -> None:
    """Kill the run's process, which does not answer, and write the end of the run in its place.

    `target` is the status at the time of the request: a process that has ended since, or one that has resumed the run
    since, is left alone. Raises ValueError with one line when the process cannot be killed from here, or when it is
    not certain that it is the run's.
    """
    reported = run.reported_status()
    if reported is None or not run.status().alive or (reported.pid, reported.born) != (target.pid, target.born):
        return
    if not reported.is_local:
        place = "in a container of this host" if reported.host == socket.gethostname() else f"on {reported.host}"
        raise ValueError(f"{run.id} runs {place}: end process {reported.pid} there")
    if not _is_certain(run, reported.pid):
        raise ValueError(f"{run.id} cannot be killed: process {reported.pid} is not known to train it")
    try:
        processes.kill(reported.pid, reported.born)
    except ValueError as error:
        raise ValueError(f"{run.id} cannot be killed: {error}") from None
    with contextlib.suppress(OSError), run.locked_metrics() as metrics:
        latest = run.reported_status()
        if metrics is None or latest is None or not latest.alive:  # it was resumed, or has ended by itself
            return
        orders = run.path / "control.jsonl"
        obeyed = orders.stat().st_size if orders.exists() else 0
        run.write_status(dataclasses.replace(latest, state="stopped", reason=KILLED, control=obeyed))
        files.end_torn_line(metrics)
        os.write(metrics, to_line(Ended(time.time(), latest.step, "stopped", KILLED)).encode())
