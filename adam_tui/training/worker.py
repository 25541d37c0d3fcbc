"""The training process from its first instruction to its exit: `python -m adam_tui.training.worker RUNDIR`.

It opens the journal, waits for the device, and only then imports torch and trains. The training itself is in `trainer`,
the only import here that loads torch: a waiting run stays small, and a torch that cannot be loaded is reported. With
--spare in place of a directory it loads torch first and waits for its run.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from adam_tui.runs.protocol import State
from adam_tui.runs.run import SPARE_FLAG, Run
from adam_tui.training.device_queue import DeviceQueue
from adam_tui.training.journal import Journal, log, log_traceback

if TYPE_CHECKING:
    from adam_tui.training.preparation import Preparation

# The starting process closes this one's standard input when the run's files are ready.
WAIT_FOR_INPUT = "--wait-for-input"
# Each stops the run with a checkpoint. Slurm sends SIGUSR1 some time before it ends a job (--signal=USR1@60).
STOP_SIGNALS = ("SIGTERM", "SIGINT", "SIGUSR1")


def main(arguments: list[str]) -> int:
    """The exit status: 0 when the run finished or stopped, 1 when it failed, 2 for a usage error."""
    if arguments == [SPARE_FLAG]:
        return _be_spare()
    paths = [argument for argument in arguments if argument != WAIT_FOR_INPUT]
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        print("usage: python -m adam_tui.training.worker RUNDIR (a directory with a spec.json)", file=sys.stderr)
        return 2
    _outlive_terminal()
    if WAIT_FOR_INPUT in arguments:
        sys.stdin.buffer.read()

    try:
        journal = Journal(Run(Path(paths[0]).absolute()))
    except (OSError, ValueError) as error:
        log(f"cannot train in {paths[0]}: {error}")
        return 1
    _handle_signals(journal)
    with journal:
        return _work(journal)


def _be_spare() -> int:
    """Wait for a run with torch loaded, and train it; 0 where no run comes, 1 where torch cannot be loaded."""
    from adam_tui.training import spare

    preparation = spare.prepare()
    if preparation is None:
        return 1
    handover = spare.wait_for_run(preparation)
    if handover is None:
        os._exit(0)  # at once: torch's own end takes long on a busy machine, and its memory may be needed
    _outlive_terminal()
    journal = handover.open_journal()
    if journal is None:
        return 0
    _handle_signals(journal)
    with journal:
        handover.accept()
        return _work(journal, handover.preparation)


def _outlive_terminal() -> None:
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no stderr
        faulthandler.enable()  # a crash within torch leaves its stack in worker.log


def _handle_signals(journal: Journal) -> None:
    for name in STOP_SIGNALS:
        if hasattr(signal, name):
            number = getattr(signal, name)
            signal.signal(number, lambda caught, frame: journal.add_command("stop", reason=signal.Signals(caught).name))
    if hasattr(signal, "SIGCONT"):
        signal.signal(signal.SIGCONT, lambda caught, frame: journal.continue_after_stop())


def _work(journal: Journal, preparation: Preparation | None = None) -> int:
    """Wait for the device and train the run; the exit status."""
    with ExitStack() as held_device:
        if ending := _wait_for_device(journal, held_device):
            journal.end(*ending)
            return 0
        return 1 if _train(journal, preparation) == "failed" else 0


def _wait_for_device(journal: Journal, held_device: ExitStack) -> tuple[State, str] | None:
    """Wait for the run's turn; the end of the run when a command stops it before that."""
    try:
        spec = journal.run.spec()
    except ValueError:  # the trainer reports it
        return None
    return held_device.enter_context(DeviceQueue(journal, spec)).wait() if spec.queue else None


def _train(journal: Journal, preparation: Preparation | None) -> State:
    try:
        from adam_tui.training import trainer  # imports torch: seconds
        from adam_tui.training.preparation import Preparation
    except Exception as error:
        log_traceback()
        message = str(error).strip().splitlines() or [type(error).__name__]
        hint = " (out of memory?)" if "failed to map segment" in message[-1] else ""
        journal.end("failed", f"cannot load the training: {message[-1][:300]}{hint}")  # numpy's message is a page
        return "failed"
    return trainer.train(journal, preparation or Preparation())[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
