"""A slot's work: claim a trial, train it in its run directory, record its end, and so on until the sweep is over.

Every slot runner of every host does the same from the same files; there is no server. `training.slot_runner` passes the
function that trains, so nothing here loads torch. Standard library only.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from adam_tui.engine.class_reference import is_reference, short_name
from adam_tui.runs import directory
from adam_tui.runs.protocol import Diverged, Epoch, Started
from adam_tui.runs.run import Run
from adam_tui.runs.user_code import COPIES
from adam_tui.sweeps import halving
from adam_tui.sweeps.claims import RENEW_SECONDS, Claim, Claims
from adam_tui.sweeps.journal import (
    ENDED,
    MAX_LOST,
    SweepJournal,
    SweepRecord,
    TrialEnded,
    TrialRecord,
    TrialStarted,
    now,
    record_once,
)
from adam_tui.sweeps.plan import Trial
from adam_tui.sweeps.sweep import Order, Sweep, remove_checkpoints, writer_name

ACCURACY_DIGITS = 6  # of 5,000 or more images: exact
WATCH_SECONDS = 0.1  # between two readings of the sweep's orders
IDLE_SECONDS = 0.1  # before the next search for a trial, while others train the last ones of a rung
# Why a trial's run was stopped before its end; neither ends the trial.
SWEEP_STOPS, REPLACED = "the sweep was stopped", "another process has taken over this trial"
# The files of an attempt that another one continues from; neither its orders nor its status.
CONTINUED = (
    "spec.json",
    "metrics.jsonl",
    "checkpoint.pt",
    "checkpoint.old.pt",
    "evaluation.npz",
    "worker.log",
    *COPIES,
)


class Steered(Protocol):
    """The side of a run's process that takes commands between two steps: `training.journal.Journal`."""

    def add_command(self, command: str, **values: Any) -> None:
        """Give the command stop, kill, pause or resume."""


@dataclass(slots=True)
class Leg:
    """A part of a trial: train `run` until `until` epochs are finished. `attended` passes it the sweep's orders."""

    trial: Trial
    run: Run
    until: int
    attended: Callable[[Steered], contextlib.AbstractContextManager[None]] = field(repr=False)


# Trains it: the state and the reason that the run ended with, "waiting" where it has more epochs than the leg, or
# "lost" where the process that trained it has ended.
TrainLeg = Callable[[Leg], tuple[str, str]]


class Worker:
    """One slot of a sweep. `train` trains a leg; `name` is the slot's name for people."""

    def __init__(self, sweep: Sweep, train: TrainLeg, name: str = "slot") -> None:
        self.sweep, self._train = sweep, train
        self.plan = sweep.plan()
        writer = writer_name()
        self.runner = f"{name}-{writer}"
        self.claims = Claims(sweep.path, self.runner)
        self.journal = SweepJournal(sweep.path, writer)
        self._stopping = ""  # why this process alone ends
        self._steered: Steered | None = None

    def stop(self, reason: str) -> None:
        """Give the trial back after this step, with a checkpoint, and end; for signal handlers."""
        self._stopping = reason
        if self._steered is not None:
            self._steered.add_command("stop", reason=SWEEP_STOPS)

    def work(self) -> str:
        """Train trials until the sweep is over or stopped: "finished", "stopped", or "gone" with its directory.

        Raises OSError when the sweep's files cannot be written, ValueError when its plan cannot be read.
        """
        while True:
            if self.sweep.is_gone:
                return "gone"
            order = self.sweep.order()
            if self._stopping or order == "stop":
                return "stopped"
            claims = self.claims.newest()  # before the journal: an end is recorded before its claim is removed
            record = self.sweep.record()
            if decisions := list(halving.due(self.plan, record)):
                self.journal.record(*decisions)
                self.sweep.tidy(self.sweep.record())
                continue
            if record.is_over:
                self.sweep.tidy(record)
                return "finished"
            if order == "pause" or not (self._train_next(record, claims) or self._decide_next(record)):
                time.sleep(IDLE_SECONDS)

    def _train_next(self, record: SweepRecord, claims: dict[int, Claim]) -> bool:
        """Claim and train the first free trial; False when all are taken."""
        # Those that have got furthest first: a rung is decided sooner.
        for trial in sorted(record.trials.values(), key=lambda each: (-each.epoch, each.planned.trial)):
            number = trial.planned.trial
            if trial.state not in ("planned", "running"):
                continue
            before = claims.get(number)
            if before is None and trial.state == "running":
                before = Claim(number, trial.attempt)  # without its file: perhaps not visible here yet
            if before is not None and before.attempt < trial.attempt:
                before = Claim(number, trial.attempt)
            if before is not None and before.attempt not in trial.closed and not self.claims.is_dead(before):
                continue
            attempt = max(trial.attempt, before.attempt if before else 0) + 1
            if claim := self.claims.take(number, attempt):
                self._make_attempt(claim, before)
                return True
        return False

    def _decide_next(self, record: SweepRecord) -> bool:
        """Decide the next setting, where settings follow from results; False when all are decided.

        Raises ValueError when that is not possible here, OSError.
        """
        if not record.undecided:
            return False
        from adam_tui.sweeps import tpe

        lines = tpe.decide(self.plan, self.sweep.id, record)
        if not lines:
            return False
        optimizer = lines[0].optimizer
        if is_reference(optimizer):  # two files may hold classes of one name
            optimizer = f"{short_name(optimizer)}{self.plan.optimizers.index(optimizer)}"
        name = f"{optimizer}-{lines[0].setting:04}"
        return record_once(self.sweep.path, name, lines)  # another slot may have decided it: its decision counts

    def _make_attempt(self, claim: Claim, before: Claim | None) -> None:
        record = self.sweep.record()  # again: the attempt before may have ended meanwhile
        trial = record.trials[claim.trial]
        if trial.state not in ("planned", "running") or trial.attempt >= claim.attempt:
            self.claims.remove(claim)
            return
        lost = tuple(each for each in range(1, claim.attempt) if each not in trial.closed)
        certain = before is None or before.attempt in trial.closed or Claims.has_ended(before)
        planned = self.sweep.trial(trial.planned)
        if trial.lost + bool(lost) >= MAX_LOST:
            reason = f"{MAX_LOST} processes have ended while they trained it"
            self.journal.record(
                TrialStarted(now(), claim.trial, claim.attempt, lost, trial.run, self.runner, trial.epoch),
                self._end(claim, self.sweep.run(trial.run), "failed", reason),
            )
        else:
            run = self._prepare(planned, trial, None if certain else claim.attempt)
            if run.is_held():  # a process that was killed a moment ago, or that somebody started by hand
                self.claims.remove(claim)
                return
            finished = len(run.epochs()) if run.has_checkpoint else 0
            self.journal.record(TrialStarted(now(), claim.trial, claim.attempt, lost, run.id, self.runner, finished))
            if run.id != trial.run:  # a process that still writes there ends when its directory is gone
                shutil.rmtree(self.sweep.path / trial.run, ignore_errors=True)
            if before is not None:
                self.claims.remove(before)
            self._train_leg(claim, planned, run, halving.target(self.plan, record, claim.trial))
        self.claims.remove(claim)

    def _prepare(self, trial: Trial, record: TrialRecord, copy_as: int | None) -> Run:
        """The trial's run directory, new or to be continued; with `copy_as` a copy for that attempt."""
        run = self.sweep.run(record.run)
        if record.fresh:
            remove_checkpoints(run.path)
        if copy_as is not None and run.path.is_dir():
            run = self.sweep.run(f"{trial.run}-{copy_as}")
            _copy_attempt(self.sweep.path / record.run, run.path)
        run.path.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(ValueError):
            run.spec()
            return run
        # A new run, or one whose specification was lost with the power: the plan has it.
        directory.write_spec(trial.spec, run.path, self.sweep.code, durable=False)
        return run

    def _train_leg(self, claim: Claim, trial: Trial, run: Run, until: int) -> None:
        """Train a leg and record its end, unless another process has taken it over."""
        replaced = threading.Event()

        @contextlib.contextmanager
        def attended(steered: Steered) -> Iterator[None]:
            ended = threading.Event()
            watch = threading.Thread(
                target=self._attend, args=(steered, claim, ended, replaced), name="attends", daemon=True
            )
            self._steered = steered
            if self._stopping:
                self.stop(self._stopping)
            watch.start()
            try:
                yield
            finally:
                self._steered = None
                ended.set()
                watch.join()

        try:
            if run.spec().trial != trial.identity:
                raise ValueError(f"{run.path} belongs to another trial")
            state, reason = self._train(Leg(trial, run, until, attended))
        except (OSError, ValueError) as error:
            state, reason = "failed", " ".join(str(error).split())
        if replaced.is_set() or not self.claims.renew(claim):
            return
        end = self._end(claim, run, *_trial_state(run, state, reason))
        is_over = end.state in ENDED and end.state != "stopped"
        self.journal.record(end, then=lambda: remove_checkpoints(run.path) if is_over else None)

    def _attend(self, steered: Steered, claim: Claim, ended: threading.Event, replaced: threading.Event) -> None:
        """Renew the claim and pass on the sweep's orders, until the leg has ended."""
        given: Order = "run"
        renewed = time.monotonic()
        while not ended.wait(WATCH_SECONDS):
            order = self.sweep.order()
            if order != given:
                if order == "stop":
                    steered.add_command("stop", reason=SWEEP_STOPS)
                else:
                    steered.add_command("pause" if order == "pause" else "resume")
                given = order
            if time.monotonic() - renewed >= RENEW_SECONDS:
                renewed = time.monotonic()
                if not self.claims.renew(claim):
                    replaced.set()
                    steered.add_command("kill", reason=REPLACED)
                    return

    def _end(self, claim: Claim, run: Run, state: str, reason: str) -> TrialEnded:
        """The end of an attempt, with the numbers of the run's last epoch."""
        epochs = run.epochs()
        last = epochs[-1] if epochs else Epoch(0.0, 0, 0, *(math.nan,) * 3, 0.0, 0.0)
        return TrialEnded(
            now(),
            claim.trial,
            claim.attempt,
            run.id,
            state,
            reason,
            last.epoch,
            last.train_loss,
            last.validation_loss,
            last.validation_accuracy,
            last.test_loss,
            last.test_accuracy,
            sum(epoch.seconds for epoch in epochs),
            tuple(round(epoch.held_out_accuracy, ACCURACY_DIGITS) for epoch in epochs),
        )


def _trial_state(run: Run, state: str, reason: str) -> tuple[str, str]:
    """The state of a trial whose run has ended a leg, and the reason."""
    if state == "finished":
        return state, ""
    if state == "lost":
        return state, reason
    if state == "failed":
        diverged = None
        for event in run.events(Started, Diverged):
            diverged = event if isinstance(event, Diverged) else None
        return ("diverged" if diverged else "failed"), reason
    if reason == SWEEP_STOPS:
        return "planned", reason
    return ("waiting", "") if state == "waiting" else ("stopped", reason)


def _copy_attempt(source: Path, target: Path) -> None:
    """Copy the files of an attempt whose process may still be writing; the copy appears in one move. Raises OSError."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.{os.getpid()}.part")
    part.mkdir(mode=0o700)
    try:
        for name in CONTINUED:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(source / name, part / name, follow_symlinks=False)
        os.rename(part, target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
