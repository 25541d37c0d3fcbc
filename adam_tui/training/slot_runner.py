"""A slot of a sweep as a process: `python -m adam_tui.training.slot_runner [--name NAME] SWEEPDIR`.

It loads torch and the data once, and trains trial after trial in ordinary run directories until the sweep is over or
stopped. `sweeps.work` chooses the trials; `trainer` trains them as it trains any run.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from adam_tui.runs import files
from adam_tui.runs.device_use import used_by_sweep
from adam_tui.sweeps.sweep import Sweep
from adam_tui.sweeps.work import Leg, Worker
from adam_tui.training.journal import Journal, log, log_traceback
from adam_tui.training.worker import STOP_SIGNALS

if TYPE_CHECKING:
    from adam_tui.training.preparation import Preparation


def main(arguments: list[str]) -> int:
    """The exit status: 0 when the sweep is over or was stopped, 1 after an error, 2 for a usage error."""
    name, paths = "slot", list(arguments)
    if paths[:1] == ["--name"] and len(paths) > 1:
        name, paths = paths[1], paths[2:]
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        print("usage: python -m adam_tui.training.slot_runner [--name NAME] SWEEPDIR", file=sys.stderr)
        return 2
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the sweep outlives its terminal
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no stderr
        faulthandler.enable()
    sweep = Sweep(Path(paths[0]).absolute())
    with sweep.worked_on():
        return _work(sweep, name)


def _work(sweep: Sweep, name: str) -> int:
    """Load the training, then train trials to the end; the exit status as for `main`."""
    try:
        # Before a trial is claimed: without torch none of them could be trained.
        import adam_tui.training.trainer  # noqa: F401
    except Exception as error:
        log_traceback()
        log(f"cannot load the training: {error}")
        return 1
    try:
        trainer = TrialTrainer()
        worker = Worker(sweep, trainer.train, name)
        _handle_signals(worker, trainer)
        with used_by_sweep(worker.sweep.path, worker.plan.device):
            if worker.work() == "gone":
                log(f"{sweep.path} is gone: this slot ends")
    except (OSError, ValueError) as error:
        log(f"cannot work on {sweep.path}: {error}")
        return 1
    return 0


def _handle_signals(worker: Worker, trainer: TrialTrainer) -> None:
    """Give the trial back when the process is asked to end; count the time for which it was stopped as a pause."""

    def stop(caught: int, frame: FrameType | None) -> None:
        worker.stop(signal.Signals(caught).name)

    def go_on(caught: int, frame: FrameType | None) -> None:
        if trainer.journal is not None:
            trainer.journal.continue_after_stop()

    for name in STOP_SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    if hasattr(signal, "SIGCONT"):
        signal.signal(signal.SIGCONT, go_on)


class TrialTrainer:
    """Trains legs one after another in a process that keeps its preparation.

    `journal` is that of the leg in progress. `host` is as for `Journal`.
    """

    def __init__(self) -> None:
        self.host = ""
        self.journal: Journal | None = None
        self._preparation: Preparation | None = None

    def train(self, leg: Leg) -> tuple[str, str]:
        """Train a leg; its state and reason, "waiting" at the end of a leg whose run has more epochs.

        Raises OSError when the run's directory cannot be written, ValueError when another process trains it.
        """
        from adam_tui.training import preparation, trainer

        if self._preparation is None:
            self._preparation = preparation.Preparation()
        with _log_of(leg.run.path), Journal(leg.run, self.host) as journal:
            self.journal = journal
            try:
                with leg.attended(journal):
                    state, reason = trainer.train(journal, self._preparation, trainer.Leg(leg.until))
            finally:
                self.journal = None
        return ("waiting", "") if state == "stopped" and reason.endswith(trainer.LEG_DONE) else (state, reason)


@contextlib.contextmanager
def _log_of(run: Path) -> Iterator[None]:
    """Write stderr to the run's worker.log. Raises OSError."""
    descriptor = files.open_private(run / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with open(descriptor, "a", encoding="utf-8", errors="backslashreplace") as file, contextlib.redirect_stderr(file):
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
