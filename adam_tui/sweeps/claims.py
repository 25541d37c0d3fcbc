"""Claims: which process works on which trial, by files that are created exclusively, on network file systems too.

A claim is the file claims/<trial>-<attempt>. Its process renews it by its time of change. A claim is dead when its
process has ended, as far as this host can see that, or has not renewed it for a minute. The next attempt creates the
next file and removes the dead one; a process whose claim is gone has been replaced. No locks: `flock` does not reach
other hosts on every file system. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adam_tui.runs import files, processes
from adam_tui.runs.protocol import parse_json
from adam_tui.runs.status import STALE_SECONDS

FOLDER = "claims"
RENEW_SECONDS = 5.0
MAX_CLAIM = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A trial's attempt, and the process that makes it; `runner` is the name of the process in the journal."""

    trial: int
    attempt: int
    runner: str = ""
    host: str = ""
    pid: int = 0
    born: str = ""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.trial:04}-{self.attempt}"

    @property
    def is_local(self) -> bool:
        """Whether its process is one of those that this process sees."""
        return self.host == socket.gethostname() and processes.is_of_this_namespace(self.born)


class Claims:
    """The claims of a sweep, as one process sees them. `runner` is its name in the journal."""

    def __init__(self, sweep: Path, runner: str = "") -> None:
        self.folder, self.runner = sweep / FOLDER, runner
        # When each claim was renewed last: by the clock of the file server, and by the steady clock of this host.
        self._renewals: dict[str, tuple[float, float]] = {}

    def newest(self) -> dict[int, Claim]:
        """The claim with the highest attempt of every claimed trial, by its number."""
        newest: dict[int, Claim] = {}
        try:
            names = os.listdir(self.folder)
        except OSError:
            return {}
        for name in names:
            trial, dash, attempt = name.partition("-")
            if dash and trial.isdecimal() and attempt.isdecimal():
                known = newest.get(int(trial))
                if known is None or known.attempt < int(attempt):
                    newest[int(trial)] = Claim(int(trial), int(attempt))
        return {trial: self._read(claim) for trial, claim in newest.items()}

    def _read(self, claim: Claim) -> Claim:
        """The claim with the process that its file names; without one where the file cannot be read."""
        try:
            data: Any = parse_json(files.read_regular(self.folder / claim.file, MAX_CLAIM))
            texts = [data[name] for name in ("runner", "host", "born")]
            if not all(isinstance(each, str) for each in texts) or not isinstance(data["pid"], int):
                return claim
        except (OSError, ValueError, KeyError, TypeError):
            return claim
        return Claim(claim.trial, claim.attempt, texts[0], texts[1], data["pid"], texts[2])

    def is_dead(self, claim: Claim) -> bool:
        """Whether its process has ended, or has been silent for a minute."""
        if self.has_ended(claim):
            return True
        if claim.is_local and claim.pid:  # it runs: a process that is stopped or swapped out is slow, not dead
            return False
        try:
            renewed = os.stat(self.folder / claim.file).st_mtime
        except FileNotFoundError:  # a file server may show a new file late
            renewed = self._server_time() if claim.file not in self._renewals else self._renewals[claim.file][0]
        except OSError:
            return False
        known = self._renewals.get(claim.file)
        if known is None or known[0] != renewed:
            # At the first look the file server's own clock counts, however wrong it is; then this host's steady one.
            silent = 0.0 if known else max(self._server_time() - renewed, 0.0)
            known = self._renewals[claim.file] = renewed, time.monotonic() - silent
        return time.monotonic() - known[1] > STALE_SECONDS

    def _server_time(self) -> float:
        """The time by the clock that dates the files of the sweep; 0 when no file can be written."""
        probe = self.folder / f".now.{secrets.token_hex(4)}.{os.getpid()}.part"
        try:
            files.write_new(probe, "")
            moment = os.stat(probe).st_mtime
            probe.unlink()
        except OSError:
            return 0.0
        return moment

    @staticmethod
    def has_ended(claim: Claim) -> bool:
        """Whether it is certain that its process writes nothing more: one of this host that has ended."""
        return claim.is_local and claim.pid > 0 and not processes.is_running(claim.pid, claim.born)

    def take(self, trial: int, attempt: int) -> Claim | None:
        """Claim an attempt for this process; None when another process was first. Raises OSError."""
        claim = Claim(trial, attempt, self.runner, socket.gethostname(), os.getpid(), processes.birth(os.getpid()))
        self.folder.mkdir(mode=0o700, exist_ok=True)  # not its parent: a sweep that was moved away is not begun anew
        path = self.folder / claim.file
        text = json.dumps({"runner": claim.runner, "host": claim.host, "pid": claim.pid, "born": claim.born}) + "\n"
        part = self.folder / f".{claim.file}.{secrets.token_hex(4)}.{os.getpid()}.part"
        files.write_new(part, text)
        try:
            os.link(part, path)  # with its content from the first moment on
        except FileExistsError:
            return None
        except OSError:  # no hard links here
            try:
                files.write_new(path, text)
            except FileExistsError:
                return None
        finally:
            part.unlink(missing_ok=True)
        return claim

    def renew(self, claim: Claim) -> bool:
        """Show that the process lives; False when its claim is gone, because another process has replaced it."""
        try:
            os.utime(self.folder / claim.file)
        except FileNotFoundError:
            return False
        except OSError:  # the directory is away: nobody else can take the trial either
            pass
        return True

    def remove(self, claim: Claim) -> None:
        """Remove a claim, of this process or a dead one."""
        with contextlib.suppress(OSError):
            (self.folder / claim.file).unlink(missing_ok=True)
        self._renewals.pop(claim.file, None)


def living(claims: Claims, newest: Mapping[int, Claim]) -> dict[int, Claim]:
    """Those of the newest claims whose process is not dead."""
    return {trial: claim for trial, claim in newest.items() if not claims.is_dead(claim)}
