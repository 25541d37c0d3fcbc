"""The training process from its first instruction to its exit: `python -m adam_tui.training.worker RUNDIR`.

It opens the journal, waits for the device, and only then imports torch and trains. The training itself is in `trainer`,
the only import here that loads torch: a waiting run stays small, and a torch that cannot be loaded is reported.
"""

from __future__ import annotations

import contextlib
import faulthandler
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from adam_tui.runs.protocol import State
from adam_tui.runs.run import Run
from adam_tui.training.device_queue import DeviceQueue
from adam_tui.training.journal import Journal, log, log_traceback

# The starting process closes this one's standard input when the run's files are ready.
WAIT_FOR_INPUT = "--wait-for-input"
# Each stops the run with a checkpoint. Slurm sends SIGUSR1 some time before it ends a job (--signal=USR1@60).
STOP_SIGNALS = ("SIGTERM", "SIGINT", "SIGUSR1")


def main(arguments: list[str]) -> int:
    """The exit status: 0 when the run finished or stopped, 1 when it failed, 2 for a usage error."""
    paths = [argument for argument in arguments if argument != WAIT_FOR_INPUT]
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        print("usage: python -m adam_tui.training.worker RUNDIR (a directory with a spec.json)", file=sys.stderr)
        return 2
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the run outlives its terminal
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no stderr
        faulthandler.enable()  # a crash within torch leaves its stack in worker.log
    if WAIT_FOR_INPUT in arguments:
        sys.stdin.buffer.read()

    try:
        journal = Journal(Run(Path(paths[0]).absolute()))
    except (OSError, ValueError) as error:
        log(f"cannot train in {paths[0]}: {error}")
        return 1
    for name in STOP_SIGNALS:
        if hasattr(signal, name):
            number = getattr(signal, name)
            signal.signal(number, lambda caught, frame: journal.add_command("stop", reason=signal.Signals(caught).name))
    if hasattr(signal, "SIGCONT"):
        signal.signal(signal.SIGCONT, lambda caught, frame: journal.continue_after_stop())

    with journal, ExitStack() as held_device:
        if ending := _wait_for_device(journal, held_device):
            journal.end(*ending)
            return 0
        return 1 if _train(journal) == "failed" else 0


def _wait_for_device(journal: Journal, held_device: ExitStack) -> tuple[State, str] | None:
    """Wait for the run's turn; the end of the run when a command stops it before that."""
    try:
        spec = journal.run.spec()
    except ValueError:  # the trainer reports it
        return None
    return held_device.enter_context(DeviceQueue(journal, spec.device)).wait() if spec.queue else None


def _train(journal: Journal) -> State:
    try:
        from adam_tui.training import device_setup, trainer  # imports torch: seconds
    except Exception as error:
        log_traceback()
        message = str(error).strip().splitlines() or [type(error).__name__]
        hint = " (out of memory?)" if "failed to map segment" in message[-1] else ""
        journal.end("failed", f"cannot load the training: {message[-1][:300]}{hint}")  # numpy's message is a page
        return "failed"
    return trainer.train(journal, device_setup.tune_process)[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
