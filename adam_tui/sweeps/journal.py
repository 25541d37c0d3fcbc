"""The journal of a sweep: an event a line, only appended to, and the state of every trial that follows from them.

Each process that writes has a file of its own, because two hosts cannot append to one file of a network file system:
trials.jsonl holds the plan, trials-<writer>.jsonl the events of one process. A reader takes all of them, in the order
of time. Standard library only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from adam_tui.runs import files
from adam_tui.runs.protocol import YEAR_3000, parse_json

PLAN_FILE = "trials.jsonl"
MAX_JOURNAL = 1 << 28  # bytes
# So long after a change of a directory a listing may miss a file: some file systems date changes by the second.
SETTLING_SECONDS = 3.0
# After so many attempts without one more finished epoch a trial has failed: it may be what ends the processes.
MAX_LOST = 10

# The state of a trial. "waiting" is a trial that has reached a rung, until all others have; "cut" is one that was not
# among the best there. "lost" is one whose process has ended before the trial.
TrialState = Literal["planned", "running", "lost", "waiting", "finished", "cut", "diverged", "failed", "stopped"]
ENDED: frozenset[str] = frozenset({"finished", "cut", "diverged", "failed", "stopped"})


@dataclass(frozen=True, slots=True)
class SweepEvent:
    """One line of a journal. `time` is in seconds since 1970."""

    name: ClassVar[str] = ""
    time: float


@dataclass(frozen=True, slots=True)
class Planned(SweepEvent):
    """A trial is part of the sweep; `settings` are the values of its varied knobs, `run` is its directory.

    A setting that was decided from results names their trials in `based_on`, and in `pending` those of the settings
    whose results were still awaited.
    """

    name: ClassVar[str] = "planned"
    trial: int
    identity: str
    run: str
    optimizer: str
    setting: int
    seed: int
    settings: Mapping[str, float]
    based_on: tuple[int, ...] = ()
    pending: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialStarted(SweepEvent):
    """A process begins or continues a trial after `epoch` finished epochs.

    Attempts are counted from 1. `lost` are the earlier ones that ended without an event: one that comes late does not
    count. `run` is the directory that this attempt writes, `runner` the name of the process.
    """

    name: ClassVar[str] = "started"
    trial: int
    attempt: int
    lost: tuple[int, ...]
    run: str
    runner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class TrialEnded(SweepEvent):
    """An attempt has ended.

    `state` is waiting, finished, diverged, failed, stopped, "planned" for one given back, or "lost" for one whose node
    of a cluster has ended.

    The numbers are those of the run's last finished epoch, NaN before the first; `seconds` is the time of training
    and measuring of all its epochs. The test numbers are those of a finished trial. `accuracies` are the validation
    accuracies of all its epochs, so that no reader opens the run; an earlier version wrote none.
    """

    name: ClassVar[str] = "ended"
    trial: int
    attempt: int
    run: str
    state: str
    reason: str
    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    accuracies: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided(SweepEvent):
    """The settings of an optimizer were compared after `epoch` epochs, by the median validation loss of their seeds.

    `settings` and `losses` are in the order of the losses; the first `promoted` of them go on, the others end.
    """

    name: ClassVar[str] = "decided"
    optimizer: str
    epoch: int
    promoted: int
    settings: tuple[int, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Retried(SweepEvent):
    """Trials that had failed or were stopped begin again from their first step.

    `attempts` are the failed ones, in the order of `trials`: a later attempt is not repeated.
    """

    name: ClassVar[str] = "retried"
    trials: tuple[int, ...]
    attempts: tuple[int, ...]


EVENTS: dict[str, type[SweepEvent]] = {
    kind.name: kind for kind in (Planned, TrialStarted, TrialEnded, Decided, Retried)
}


def to_line(event: SweepEvent) -> str:
    """The event as one line of JSON, with the newline; a float that is not finite is its name as a string."""
    values = ((f, getattr(event, f.name)) for f in dataclasses.fields(event))
    body = {f.name: _plain(value) for f, value in values if value != f.default}
    return json.dumps({"event": event.name} | body, separators=(",", ":"), allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, Mapping) else value


def from_line(line: bytes) -> SweepEvent | None:
    """The event of a line; None for a torn or damaged line, and for an event of a newer version."""
    try:
        data = parse_json(line.decode("utf-8", "replace"))
        kind, fields, optional = _FIELDS[data["event"]]
        given = {name: read(data[name]) for name, read in optional if name in data}
        event = kind(*[read(data[name]) for name, read in fields], **given)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    return event if 0.0 <= event.time < YEAR_3000 else None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"a number is needed, not {value!r:.50}")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"a whole number is needed, not {value!r:.50}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is needed, not {value!r:.50}")
    return value


_READERS: dict[str, Any] = {
    "float": _number,
    "int": _count,
    "str": _text,
    "tuple[int, ...]": lambda value: tuple(map(_count, value)),
    "tuple[float, ...]": lambda value: tuple(map(_number, value)),
    "Mapping[str, float]": lambda value: {_text(name): _number(each) for name, each in value.items()},
}


def _readers(kind: type[SweepEvent], *, optional: bool) -> list[tuple[str, Any]]:
    fields = [f for f in dataclasses.fields(kind) if (f.default is not dataclasses.MISSING) == optional]
    return [(f.name, _READERS[str(f.type)]) for f in fields]


# The kind of each event, and the name and the reader of each of its fields, those that may be missing apart: a journal
# has thousands of lines.
_FIELDS: dict[str, tuple[type[SweepEvent], list[tuple[str, Any]], list[tuple[str, Any]]]] = {
    name: (kind, _readers(kind, optional=False), _readers(kind, optional=True)) for name, kind in EVENTS.items()
}


class SweepJournal:
    """Appends events to the file of this process in a sweep's directory, one write a line. Raises OSError."""

    def __init__(self, folder: Path, writer: str) -> None:
        self._path = folder / (f"trials-{writer}.jsonl" if writer else PLAN_FILE)
        self._failure: OSError | None = None  # of a thread that waited for the disk

    def record(self, *events: SweepEvent, then: Callable[[], None] | None = None) -> None:
        """Append the events. The file is closed then, so that other hosts see them, and ends are on the disk.

        With `then` another thread waits for the disk and calls it: a disk may need longer than all else between two
        trials. An error of the disk is raised by the next call.
        """
        if self._failure is not None:
            raise self._failure
        descriptor = files.open_private(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            files.end_torn_line(descriptor)
            content = memoryview("".join(map(to_line, events)).encode())
            while content:
                content = content[os.write(descriptor, content) :]
            if then is not None:
                threading.Thread(target=self._sync, args=(os.dup(descriptor), then), name="syncs").start()
            elif not all(isinstance(event, TrialStarted) for event in events):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _sync(self, descriptor: int, then: Callable[[], None]) -> None:
        try:
            os.fsync(descriptor)
        except OSError as error:
            error.filename = str(self._path)
            self._failure = error
        else:
            then()
        finally:
            os.close(descriptor)


def record_once(folder: Path, name: str, events: Iterable[SweepEvent]) -> bool:
    """Record events that only one process may record, in a file of their own: trials-<name>.jsonl.

    False when another process was first. The file appears with its whole content, or not at all. Raises OSError.
    """
    path, text = folder / f"trials-{name}.jsonl", "".join(map(to_line, events))
    part = files.part_path(path)
    files.write_new(part, text, durable=True)
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:  # no hard links here
        try:
            files.write_new(path, text, durable=True)
        except FileExistsError:
            return False
    finally:
        part.unlink(missing_ok=True)
    return True


class JournalReader:
    """Reads all journals of a sweep as they grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[str, int] = {}
        self._names: list[str] = []
        self._listed_change = -1  # the directory's time of change at the last listing
        self._settled_at = 0.0  # when that listing can be trusted

    def new_events(self) -> list[SweepEvent]:
        """The events since the last call, in the order of their time; those of one process stay in their order."""
        events = [event for name in self._list() for event in self._new(name)]
        return sorted(events, key=lambda event: event.time)

    def sizes(self) -> list[tuple[str, int]]:
        """The journals with their sizes in bytes, which only grow."""
        sizes = []
        for name in self._list():
            with contextlib.suppress(OSError):
                sizes.append((name, os.stat(self._folder / name).st_size))
        return sizes

    def _list(self) -> list[str]:
        """The names of the journals. A directory that has not changed is not listed again: it holds all the trials."""
        try:
            changed = os.stat(self._folder).st_mtime_ns
            now = time.monotonic()
            if changed != self._listed_change:
                self._listed_change, self._settled_at = changed, now + SETTLING_SECONDS
            elif now > self._settled_at:
                return self._names
            names = [name for name in os.listdir(self._folder) if name.startswith("trials")]
        except OSError:
            self._listed_change = -1
            return []
        own = (name for name in names if name.endswith(".jsonl"))
        self._names = sorted(name for name in own if name == PLAN_FILE or name.startswith("trials-"))
        return self._names

    def _new(self, name: str) -> Iterable[SweepEvent]:
        offset = self._offsets.get(name, 0)
        try:
            if os.stat(self._folder / name).st_size <= offset:
                return []
            with files.open_regular(self._folder / name) as file:
                file.seek(offset)
                content = file.read(MAX_JOURNAL)
        except OSError:
            return []
        complete = content[: content.rfind(b"\n") + 1]
        self._offsets[name] = offset + len(complete)
        return [event for line in complete.splitlines() if (event := from_line(line)) is not None]


@dataclass(slots=True)
class TrialRecord:
    """The state of one trial. `last` is its newest counting end; `ends` those at each epoch at which it has ended."""

    planned: Planned
    state: TrialState = "planned"
    attempt: int = 0  # the newest
    run: str = ""
    runner: str = ""
    epoch: int = 0  # finished ones
    began: float = 0.0  # when the newest attempt began, in seconds since 1970
    reason: str = ""
    last: TrialEnded | None = None
    ends: dict[int, TrialEnded] = dataclasses.field(default_factory=dict)
    lost: int = 0  # attempts in a row that were lost at the same epoch
    fresh: bool = False  # whether it begins again: its checkpoints belong to an attempt that failed
    closed: set[int] = dataclasses.field(default_factory=set)  # attempts whose end counts

    @property
    def loss(self) -> float:
        """The validation loss that settings are compared by: infinite for a trial without a finite one."""
        bad = self.state in ("diverged", "failed", "stopped") or self.last is None
        loss = math.inf if bad or self.last is None else self.last.validation_loss
        return loss if math.isfinite(loss) else math.inf


@dataclass(slots=True)
class SweepRecord:
    """The state of a sweep: its trials by number, and its decisions in order."""

    trials: dict[int, TrialRecord]
    decisions: list[Decided]
    undecided: int = 0  # trials whose settings are decided later, from the results of others

    @property
    def count(self) -> int:
        """The number of trials, those that are not decided yet included."""
        return len(self.trials) + self.undecided

    @property
    def is_over(self) -> bool:
        """Whether every trial has ended for good."""
        return not self.undecided and all(record.state in ENDED for record in self.trials.values())


class SweepFold:
    """The state of a sweep, folded from its events as they arrive, in any order; `record` is the state so far.

    The clocks of two hosts may differ: attempts are ordered by their numbers, not by the times of their events.
    """

    def __init__(self) -> None:
        self.record = SweepRecord({}, [])
        self._planned: dict[int, Planned] = {}
        self._events: dict[int, list[TrialStarted | TrialEnded]] = {}
        self._void: set[tuple[int, int]] = set()  # attempts whose late events do not count
        self._repeated: set[tuple[int, int]] = set()  # attempts that had failed and are repeated
        self._decisions: dict[tuple[str, int], Decided] = {}

    def add(self, events: Iterable[SweepEvent]) -> SweepRecord:
        """Fold events; the state after them. Only the trials that they concern are folded again."""
        changed: set[int] = set()
        for event in events:
            if isinstance(event, Planned):
                self._planned.setdefault(event.trial, event)
                changed.add(event.trial)
            elif isinstance(event, TrialStarted | TrialEnded):
                self._events.setdefault(event.trial, []).append(event)
                changed.add(event.trial)
                if isinstance(event, TrialStarted):
                    self._void |= {(event.trial, attempt) for attempt in event.lost}
            elif isinstance(event, Retried):
                self._repeated |= set(zip(event.trials, event.attempts, strict=False))
                changed |= set(event.trials)
            elif isinstance(event, Decided):
                known = self._decisions.setdefault((event.optimizer, event.epoch), event)
                if event.time < known.time:
                    self._decisions[event.optimizer, event.epoch] = event
                changed |= {number for number, each in self._planned.items() if each.optimizer == event.optimizer}
        self.record.decisions[:] = sorted(self._decisions.values(), key=lambda each: (each.epoch, each.time))
        for number in changed & self._planned.keys():
            self.record.trials[number] = self._fold_trial(number)
        return self.record

    def _fold_trial(self, number: int) -> TrialRecord:
        planned = self._planned[number]
        record = TrialRecord(planned, run=planned.run)
        # An attempt's end comes after its start.
        for event in sorted(
            self._events.get(number, ()), key=lambda event: (event.attempt, isinstance(event, TrialEnded))
        ):
            if isinstance(event, TrialStarted):
                silent = record.state == "running"  # the attempt before has no end
                record.lost = record.lost + silent if event.epoch <= record.epoch else 0
                record.state, record.attempt, record.runner = "running", event.attempt, event.runner
                record.run, record.epoch, record.began = event.run, event.epoch, event.time
            elif (number, event.attempt) not in self._void:
                record.closed.add(event.attempt)
                if event.state == "lost":
                    record.state, record.reason = "planned", event.reason
                    record.lost += 1
                    continue
                record.state, record.run, record.epoch = _state(event.state), event.run, event.epoch
                record.attempt = max(record.attempt, event.attempt)
                record.reason, record.last, record.lost = event.reason, event, 0
                record.ends[event.epoch] = event
        if record.state in ("failed", "stopped") and (number, record.attempt) in self._repeated:
            record.state, record.fresh, record.reason, record.epoch = "planned", True, "", 0
        for decision in self.record.decisions:
            mine = decision.optimizer == planned.optimizer and decision.epoch == record.epoch
            if mine and record.state == "waiting":
                promoted = planned.setting in decision.settings[: decision.promoted]
                record.state = "planned" if promoted else "cut"
        return record


def _state(text: str) -> TrialState:
    known: dict[str, TrialState] = {
        "planned": "planned",
        "waiting": "waiting",
        "finished": "finished",
        "diverged": "diverged",
        "stopped": "stopped",
    }
    return known.get(text, "failed")


def now() -> float:
    """Seconds since 1970."""
    return time.time()
