"""The training process from its first instruction to its exit: `python -m adam_tui.training.worker RUNDIR`.

It speaks and listens from the start, waits for its turn, and only then loads torch. Apart from `trainer`, which
holds the training itself and imports torch: a waiting run stays small, and a torch that cannot be loaded is said.
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
from adam_tui.training.journal import Journal, note, note_error

# Whoever starts the process closes its input when the run's files are ready for it.
WHEN_TOLD = "--when-told"


def main(arguments: list[str]) -> int:
    """The exit status: 0 when the run finished or stopped, 1 when it failed, 2 when there is no such run."""
    paths = [argument for argument in arguments if argument != WHEN_TOLD]
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        print("usage: python -m adam_tui.training.worker RUNDIR (a directory with a spec.json)", file=sys.stderr)
        return 2
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal may go, the run stays
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no stderr
        faulthandler.enable()  # a crash within torch is told in worker.log
    if WHEN_TOLD in arguments:
        sys.stdin.buffer.read()
    try:
        journal = Journal(Run(Path(paths[0]).absolute()))
    except (OSError, ValueError) as error:
        note(f"cannot train in {paths[0]}: {error}")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, frame: journal.ask("stop", reason=signal.Signals(got).name))
    with journal, ExitStack() as held:
        if ending := _wait(journal, held):
            journal.end(*ending)
            return 0
        return 1 if _train(journal) == "failed" else 0


def _wait(journal: Journal, held: ExitStack) -> tuple[State, str] | None:
    """Wait for the device, which is then held; the end of the run where it is told to end meanwhile."""
    try:
        spec = journal.run.spec()
    except ValueError:  # the trainer says what is wrong with it
        return None
    return held.enter_context(DeviceQueue(journal, spec.device)).wait() if spec.queue else None


def _train(journal: Journal) -> State:
    try:
        from adam_tui.training import device_setup, trainer  # torch: seconds
    except Exception as error:
        note_error()
        said = str(error).strip().splitlines() or [type(error).__name__]
        hint = " (out of memory?)" if "failed to map segment" in said[-1] else ""
        journal.end("failed", f"cannot load the training: {said[-1][:300]}{hint}")  # numpy's advice is a page
        return "failed"
    return trainer.train(journal, device_setup.tune_process)[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
