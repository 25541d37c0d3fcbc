"""A slot of a sweep on a node of a cluster: it trains legs in a directory of its own and hands the new bytes out.

`ray_bridge` makes a Ray actor of `NodeSlot`; this file does not know Ray. The trainer and its files are those of any
slot (`slot_runner`); `sweeps.run_copy` describes the bytes that go to and fro.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adam_tui.runs import files, processes
from adam_tui.runs.run import Run
from adam_tui.sweeps.plan import Trial
from adam_tui.sweeps.run_copy import CONTROL, Known, Piece, append, read_pieces
from adam_tui.sweeps.work import Leg, Steered
from adam_tui.training.journal import log_traceback
from adam_tui.training.slot_runner import TrialTrainer

PREFIX = "adam-tui-node-"
MAX_OWNER = 1 << 10  # bytes
OWNER = "owner"  # in a slot's directory: the birth of its process, because process numbers are used again
Command = tuple[str, dict[str, Any]]  # a name and its values, as for `Journal.add_command`


@dataclass(frozen=True, slots=True)
class Report:
    """The news of a leg: pieces of its files, whether more are left, and its state and reason once it has ended."""

    pieces: list[Piece]
    more: bool
    end: tuple[str, str] | None


class NodeSlot:
    """Trains one leg after another. `host` is the name of the node in the status of its runs.

    Raises ImportError where torch is missing, OSError where no temporary directory can be written.
    """

    def __init__(self) -> None:
        import adam_tui.training.trainer  # noqa: F401  # loads torch before a trial is claimed

        _remove_abandoned()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        files.write_atomically(self._folder / OWNER, processes.birth(os.getpid()))
        self._trainer = TrialTrainer()
        self._key: tuple[int, int] | None = None
        self._run = Run(self._folder)
        self._changed = threading.Condition()
        self._steered: Steered | None = None
        self._waiting: list[Command] = []  # commands before the leg takes any
        self._end: tuple[str, str] | None = None
        self._next_checkpoint = 0.0

    @property
    def host(self) -> str:
        """The name of the node."""
        return self._trainer.host

    @host.setter
    def host(self, name: str) -> None:
        self._trainer.host = name

    def start(self, key: tuple[int, int], trial: Trial, name: str, until: int, content: Mapping[str, bytes]) -> None:
        """Begin a leg from the files of a run; a second call with the same key changes nothing. Raises OSError."""
        if key == self._key:
            return
        shutil.rmtree(self._run.path, ignore_errors=True)
        run = Run(self._folder / name)
        run.path.mkdir(mode=0o700, parents=True)
        for file, each in content.items():
            files.write_atomically(run.path / file, each)
        self._key, self._run, self._end, self._waiting, self._next_checkpoint = key, run, None, [], 0.0
        threading.Thread(target=self._train, args=(Leg(trial, run, until, self._attended),), daemon=True).start()

    def _train(self, leg: Leg) -> None:
        try:
            end = self._trainer.train(leg)
        except Exception as error:
            log_traceback()
            end = "failed", " ".join(str(error).split())
        with self._changed:
            self._end = end
            self._changed.notify_all()

    @contextlib.contextmanager
    def _attended(self, steered: Steered) -> Iterator[None]:
        with self._changed:
            self._steered = steered
            waiting, self._waiting = self._waiting, []
        for command, values in waiting:
            steered.add_command(command, **values)
        try:
            yield
        finally:
            with self._changed:
                self._steered = None

    def close(self) -> None:
        """Remove the slot's directory: its process is killed next, and nothing of it is wanted."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def poll(
        self, known: Known, commands: Sequence[Command], orders: Piece, seconds: float, checkpoint_seconds: float
    ) -> Report:
        """Pass commands and lines of control.jsonl on, wait so long or until the leg ends, and report the news.

        A checkpoint is part of it at the end of a leg that goes on elsewhere, and else no more often than every
        `checkpoint_seconds`. Raises OSError.
        """
        if orders.content:
            descriptor = files.open_private(self._run.path / CONTROL, os.O_RDWR | os.O_CREAT)
            try:
                append(descriptor, orders)
            finally:
                os.close(descriptor)
        with self._changed:
            if self._steered is None:
                self._waiting += commands
            else:
                for command, values in commands:
                    self._steered.add_command(command, **values)
            self._changed.wait_for(lambda: self._end is not None, timeout=seconds)
            end = self._end
        goes_on = end is not None and end[0] in ("waiting", "stopped")
        is_due = end is None and time.monotonic() >= self._next_checkpoint
        pieces, more = read_pieces(self._run.path, known, with_checkpoint=goes_on or is_due)
        if is_due and not more:
            self._next_checkpoint = time.monotonic() + checkpoint_seconds
        return Report(pieces, more, end)


def _remove_abandoned() -> None:
    """Remove the directories of slots of this node whose process was killed.

    Containers may share the directory for temporary files: processes that this one cannot see keep theirs.
    """
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            pid = folder.name.removeprefix(PREFIX).partition("-")[0]
            try:
                birth = files.read_regular(folder / OWNER, MAX_OWNER).decode("ascii", "replace")
            except OSError:
                birth = ""  # not written yet, or another user's
            is_own = birth and processes.is_of_this_namespace(birth)
            if is_own and pid.isdecimal() and not processes.is_running(int(pid), birth):
                shutil.rmtree(folder, ignore_errors=True)
