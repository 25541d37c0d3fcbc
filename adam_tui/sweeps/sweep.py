"""One sweep as its directory, RUNS/sweep-<id>: its plan, its journal, its orders; and the directory of all sweeps.

The runs of its trials are ordinary run directories within it, so `--runs RUNS/sweep-<id>` shows them as runs. README.md
beside this file describes every file. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from adam_tui.engine.class_reference import ClassReference, short_name
from adam_tui.runs import device_use, files, user_code
from adam_tui.runs.device_names import device_lock
from adam_tui.runs.protocol import parse_json
from adam_tui.runs.run import Run
from adam_tui.runs.status import valid_time
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.claims import Claim, Claims, living
from adam_tui.sweeps.journal import JournalReader, Planned, Retried, SweepFold, SweepJournal, SweepRecord, now
from adam_tui.sweeps.plan import Plan, Trial
from adam_tui.sweeps.ray_executor import check_device

PREFIX = "sweep-"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
MAX_JSON = 1 << 22  # bytes of a sweep.json or control.jsonl; a larger one is damaged
CODE = "code"  # the folder of the user's files
FORMAT = 1  # of sweep.json
# Files that make a run resumable; an ended trial has none of them.
CHECKPOINTS = ("checkpoint.pt", "checkpoint.old.pt")

ACTIVE = frozenset({"starting", "running", "paused"})  # states of a sweep that a process works on

On = Literal["local", "ray"]  # where the sweep process starts slots
Order = Literal["run", "pause", "stop"]
ORDERS: dict[str, Order] = {"resume": "run", "pause": "pause", "stop": "stop"}


class Sweep:
    """The directory of one sweep. `record` reads what is new; the rest of the methods read the plan once."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._reader = JournalReader(self.path)
        self._file: dict[str, Any] | None = None
        self._plan: Plan | None = None
        self._trials: int | None = None  # where they are decided one after another; 0 where the plan determines them
        self._claims = Claims(self.path)
        self._fold = SweepFold()

    def __repr__(self) -> str:
        return f"Sweep({str(self.path)!r})"

    @property
    def id(self) -> str:
        """The directory's name, such as sweep-7f3a."""
        return self.path.name

    @property
    def control(self) -> Path:
        """The path of the orders."""
        return self.path / "control.jsonl"

    @property
    def is_gone(self) -> bool:
        """Whether the directory was deleted or moved away; a file system that does not answer is not gone."""
        try:
            os.lstat(self.path / "sweep.json")
        except FileNotFoundError:
            return True
        except OSError:
            pass
        return False

    # The plan.

    def _read_file(self) -> dict[str, Any]:
        if self._file is None:
            path = self.path / "sweep.json"
            try:
                data = parse_json(files.read_regular(path, MAX_JSON))
            except OSError as error:
                raise ValueError(f"cannot read {path}: {error.strerror}") from None
            except ValueError:
                raise ValueError(f"{path} is not JSON") from None
            if not isinstance(data, dict) or not isinstance(data.get("plan"), dict):
                raise ValueError(f"{path} is not a sweep")
            self._file = data
        return self._file

    def plan(self) -> Plan:
        """The plan. Raises ValueError with one line when it cannot be read."""
        if self._plan is None:
            self._plan = Plan.from_json(self._read_file()["plan"])
        return self._plan

    @property
    def created(self) -> float:
        """When the sweep was planned, in seconds since 1970; 0 when that cannot be read."""
        with contextlib.suppress(ValueError):
            return valid_time(self._read_file().get("created"))
        return 0.0

    @property
    def place(self) -> tuple[On, str]:
        """Where the sweep was started, and the address of the Ray cluster. Raises ValueError for an unreadable plan."""
        data = self._read_file()
        return ("ray" if data.get("on") == "ray" else "local"), str(data.get("address", ""))

    @property
    def code(self) -> Path:
        """The folder of the user's files, <digest>.py; it may not exist."""
        return self.path / CODE

    def check_trust(self) -> None:
        """Raise UntrustedError where the sweep has code that this user has not named.

        Raises ValueError for an unreadable plan.
        """
        unknown = [
            short_name(reference)
            for reference, each in self.plan().classes.items()
            if not user_code.is_trusted(ClassReference.parse(reference), each.code.values())
        ]
        if unknown:
            problem = f"{self.id} runs code that you have not named, {' and '.join(unknown)}"
            raise user_code.UntrustedError(problem, f"read it in {self.code}, then add --trust")

    def trust(self) -> None:
        """The user's consent to the code of the sweep. Raises ValueError where it cannot be kept."""
        for reference, each in self.plan().classes.items():
            user_code.trust_reference(ClassReference.parse(reference))
            for key in each.code.values():
                if (content := user_code.recall(key, self.code)) is not None:
                    user_code.remember(content)

    def trial(self, planned: Planned) -> Trial:
        """The trial of a line of the journal. Raises ValueError with one line."""
        return plans.trial_of(self.plan(), self.id, planned)

    # The state.

    def record(self) -> SweepRecord:
        """The state of every trial, from all journals. It is the same object every time.

        Raises ValueError with one line for an unreadable plan.
        """
        events = self._reader.new_events()
        record = self._fold.add(events)
        if len(record.trials) < self._read_file().get("trials", 0):
            # The process that planned was killed, or its file is damaged: the plan alone determines the trials.
            record = self._fold.add(plans.planned(self.plan(), self.id))
        if self._trials is None:
            self._trials = plans.trials_count(self.plan()) or 0
        record.undecided = max(self._trials - len(record.trials), 0)
        return record

    def sizes(self) -> list[tuple[str, int]]:
        """The journals with their sizes in bytes: `record` changes only with them."""
        return self._reader.sizes()

    def living(self) -> dict[int, Claim]:
        """The claims whose process is not dead, by trial."""
        return living(self._claims, self._claims.newest())

    @property
    def lock(self) -> Path:
        """The file whose lock the processes of this host share while they work on the sweep."""
        return device_lock(self.path, "sweep")

    @contextlib.contextmanager
    def worked_on(self) -> Iterator[None]:
        """Show that this process works on the sweep: while it loads and between two trials it has no claim."""
        with device_use.shared(self.lock, str(os.getpid())):
            yield

    def state(self, record: SweepRecord, claims: Mapping[int, Claim]) -> str:
        """The state in a word: finished, starting, running, paused, or stopped.

        A sweep without claims is active while a process of this host works on it: it is starting before its first
        trial, and running between two trials.
        """
        if record.is_over:
            return "finished"
        order = self.order()
        if not claims and (order == "stop" or not device_use.holder(self.lock)):
            return "stopped"
        if order == "pause":
            return "paused"
        has_begun = bool(claims) or any(each.attempt for each in record.trials.values())
        return "running" if has_begun else "starting"

    def uncertain(self, record: SweepRecord) -> int:
        """The trials in progress whose process may still run on another host: they are free after STALE_SECONDS."""
        claims = self._claims.newest()
        running = (number for number, each in record.trials.items() if each.state == "running")
        return sum(number not in claims or not Claims.has_ended(claims[number]) for number in running)

    def is_active(self) -> bool:
        """Whether a process works on the sweep, or ends its trial now. Raises ValueError for an unreadable plan."""
        return bool(self.living()) or self.state(self.record(), {}) in ACTIVE

    def run(self, name: str) -> Run:
        """The run of a trial by the name of its directory."""
        return Run(self.path / name)

    # Orders.

    def order(self) -> Order:
        """The last order; "run" without one."""
        try:
            lines = files.read_regular(self.control, MAX_JSON).splitlines()
        except OSError:
            return "run"
        for line in reversed(lines):
            with contextlib.suppress(ValueError):
                data = parse_json(line)
                if isinstance(data, dict) and data.get("command") in ORDERS:
                    return ORDERS[data["command"]]
        return "run"

    def command(self, order: str) -> None:
        """Order all processes of the sweep to pause, resume or stop. Raises OSError."""
        Run(self.path).command(order)

    def retry(self) -> int:
        """Plan the failed trials anew, and those stopped by hand; their number. Raises OSError."""
        again = [each for each in self.record().trials.values() if each.state in ("failed", "stopped")]
        if again:
            numbers = tuple(each.planned.trial for each in again)
            journal = SweepJournal(self.path, writer_name())
            journal.record(Retried(now(), numbers, tuple(each.attempt for each in again)))
        return len(again)

    # The directory.

    def tidy(self, record: SweepRecord) -> None:
        """Remove the checkpoints of ended trials, and in a finished sweep the directories of replaced attempts."""
        for each in record.trials.values():
            if each.state in ("finished", "cut", "diverged", "failed"):
                remove_checkpoints(self.path / each.run)
        if not record.is_over:
            return
        known = {each.run for each in record.trials.values()}
        with contextlib.suppress(OSError), os.scandir(self.path) as entries:
            stray = [entry.path for entry in entries if entry.name not in known and _is_attempt(entry)]
            for path in stray:
                shutil.rmtree(path, ignore_errors=True)

    def delete(self) -> None:
        """Remove the sweep with all its runs.

        Raises ValueError while a process works on it and for an unreadable plan, OSError.
        """
        if self.is_active():
            raise ValueError(f"{self.id} is still running: stop it first")
        shutil.rmtree(self.path)  # follows no link within it


def remove_checkpoints(run: Path) -> None:
    """Remove the files that a run could be resumed from."""
    for name in CHECKPOINTS:
        with contextlib.suppress(OSError):
            (run / name).unlink(missing_ok=True)


def _is_attempt(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of the sweep's directory is the directory of an attempt: adam-0007-2."""
    return entry.is_dir(follow_symlinks=False) and re.fullmatch(r"\w+-\d{4,}-\d+", entry.name) is not None


def writer_name() -> str:
    """A name for a process that appends to the journal, as no other process has it."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def directory_name(name: str = "") -> str:
    """The name of a new sweep's directory; a random one for "". Raises ValueError for a name that is not allowed."""
    whole = name if name.startswith(PREFIX) else PREFIX + (name or secrets.token_hex(2))
    if not NAME.fullmatch(whole.removeprefix(PREFIX)):
        allowed = "letters, digits, '-', '_' and '.', at most 61 of them, and begins with a letter or a digit"
        raise ValueError(f"a name has {allowed}, unlike {name!r:.80}")
    return whole


def check_free(runs: Path, name: str) -> None:
    """Raise ValueError with one line for a name of a new sweep that is not allowed or in use; "" is a random one."""
    if name and os.path.lexists(path := runs / directory_name(name)):
        raise ValueError(f"there is a sweep {path.name!r} already")


def create(plan: Plan, runs: Path, name: str = "", on: On = "local", address: str = "") -> Sweep:
    """Plan a sweep: its directory RUNS/sweep-<name> with sweep.json and trials.jsonl; `on` and `address`: see `place`.

    Raises ValueError with one line for a name that is in use or not allowed, OSError.
    """
    plans.check_plan(plan)
    if on == "ray":
        check_device(plan.device)
    check_free(runs, name)
    path = runs / directory_name(name)
    lines = plans.planned(plan, "")  # before the directory: it may raise
    files.make_private_folder(runs)
    while True:
        try:
            path.mkdir(mode=0o700)
            break
        except FileExistsError:
            check_free(runs, name)
            path = runs / directory_name()
    body: dict[str, Any] = {"format": FORMAT, "created": time.time(), "trials": len(lines), "plan": plan.to_json()}
    if on == "ray":
        body |= {"on": on, "address": address}
    try:
        _write_code(plan, path)
        files.write_atomically(path / "sweep.json", json.dumps(body, indent=2) + "\n", durable=True)
        SweepJournal(path, "").record(*lines)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Sweep(path)


def _write_code(plan: Plan, path: Path) -> None:
    """Write the files of the user's classes into the directory of a new sweep. Raises ValueError, OSError."""
    for reference, each in plan.classes.items():
        for key in each.code.values():
            content = user_code.recall(key)
            if content is None:
                raise ValueError(f"the file of {reference} is not kept here: name it with its path again")
            files.make_private_folder(path / CODE)
            files.write_atomically(path / CODE / f"{key}.py", content, durable=True)


def sweep_ids(runs: Path) -> tuple[str, ...]:
    """The ids of the directories that are named as sweeps and hold a plan, newest first, without reading the plans.

    A directory that cannot be read holds none.
    """
    dated = []
    with contextlib.suppress(OSError), os.scandir(runs) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with contextlib.suppress(OSError):
                    dated.append((-os.stat(os.path.join(entry.path, "sweep.json")).st_mtime, entry.name))
    return tuple(name for _, name in sorted(dated))


def list_sweeps(runs: Path) -> list[Sweep]:
    """The sweeps with a readable plan, newest first. A missing directory holds none. Raises OSError."""
    dated = []
    try:
        with os.scandir(runs) as entries:
            paths = [entry.path for entry in entries if entry.name.startswith(PREFIX) and entry.is_dir()]
    except FileNotFoundError:
        return []
    for path in paths:
        sweep = Sweep(path)
        with contextlib.suppress(ValueError):
            sweep.plan()
            dated.append((-sweep.created, sweep.id, sweep))
    return [sweep for _, _, sweep in sorted(dated, key=lambda each: each[:2])]


def find(runs: Path, id: str) -> Sweep:
    """The sweep with this id, with or without "sweep-", or the only one whose id starts with it.

    Raises ValueError with one line for none or several, and for one that cannot be read; OSError.
    """
    known = list_sweeps(runs)
    whole = id if id.startswith(PREFIX) else PREFIX + id
    begin = [each for each in known if whole != PREFIX and each.id.startswith(whole)]  # "" names no sweep
    matches = [each for each in known if each.id == whole] or begin
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ValueError(f"{id!r} fits {len(matches)} sweeps: {', '.join(sorted(each.id for each in matches))}")
    if id and "/" not in whole and (runs / whole).is_dir():
        Sweep(runs / whole).plan()  # raises with the reason
    raise ValueError(f"no sweep {id!r} in {runs}")
