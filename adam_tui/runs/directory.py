"""The directory that holds all runs: where it is, how a run is created in it, listed and found.

Standard library only; platformdirs is imported when the default place is needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from pathlib import Path

from adam_tui.runs import files, user_code
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.run import Run
from adam_tui.runs.run_label import Label


def create(spec: RunSpec, runs: Path, label: Label | None = None) -> Run:
    """Create the directory of a new run (0700) with its spec.json and the copies of the user's code.

    Its id is short and unused. Raises OSError, and ValueError where the code is not remembered.
    """
    files.make_private_folder(runs)
    while True:
        path = runs / f"{spec.optimizer_label}-{secrets.token_hex(2)}"
        try:
            path.mkdir(mode=0o700)
            break
        except FileExistsError:
            continue
    try:
        write_spec(spec, path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    run = Run(path)
    if label is not None:
        run.write_label(label)
    return run


def write_spec(spec: RunSpec, path: Path, code: Path | None = None, *, durable: bool = True) -> None:
    """Write spec.json and the copies of the user's code into the directory of a new run.

    `code` is the folder that holds the code, by default the user's own. Without `durable` the specification may be
    empty after a loss of power: for one that can be written again. Raises OSError, ValueError as `create` does.
    """
    user_code.write_copies(spec, path, code)
    body = spec.to_json() | {"created": time.time()}
    files.write_atomically(path / "spec.json", json.dumps(body, indent=2) + "\n", durable=durable)


def list_runs(runs: Path) -> list[Run]:
    """The runs whose specification is readable, newest first. A missing directory holds no runs.

    Raises OSError for a directory that cannot be read.
    """
    dated = []
    for run in _folders(runs):
        with contextlib.suppress(ValueError):
            dated.append((-run.spec_and_time()[1], run.id, run))
    return [run for _, _, run in sorted(dated)]


def broken_runs(runs: Path) -> list[Run]:
    """The directories that have a spec.json but no readable specification. Raises OSError as `list_runs` does."""
    readable = {run.id for run in list_runs(runs)}
    return [run for run in _folders(runs) if run.id not in readable and os.path.lexists(run.path / "spec.json")]


def closed_runs(runs: Path) -> list[tuple[Run, str]]:
    """The directories that cannot be looked into, with the reason: nobody can say whether they are runs.

    Raises OSError as `list_runs` does.
    """
    closed = []
    for run in _folders(runs):
        try:
            os.lstat(run.path / "spec.json")
        except FileNotFoundError:
            pass
        except OSError as error:
            closed.append((run, error.strerror or str(error)))
    return sorted(closed, key=lambda each: each[0].id)


def _folders(runs: Path) -> list[Run]:
    try:
        with os.scandir(runs) as entries:
            return [Run(entry.path) for entry in entries if may_be_run(entry)]
    except FileNotFoundError:
        return []


def may_be_run(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of the runs directory is a directory, or cannot be examined, as a link to itself cannot."""
    try:
        return entry.is_dir()
    except OSError:
        return True


def find(runs: Path, id: str) -> Run:
    """The run with this id, or the only one whose id starts with it, or the only one with this name.

    The run of a sweep's trial is SWEEP/ID.

    Raises ValueError with one line for none or several, OSError as `list_runs` does.
    """
    sweep, slash, trial = id.partition("/")
    if slash and sweep not in ("", "..") and "/" not in trial:
        return find(runs / sweep, trial)
    known = list_runs(runs) + broken_runs(runs)
    matches = (
        [run for run in known if run.id == id]
        or [run for run in known if id and run.id.startswith(id)]
        or [run for run in known if id and run.label().name == id]
    )
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ValueError(f"{id!r} fits {len(matches)} runs: {', '.join(sorted(run.id for run in matches))}")
    for run, reason in closed_runs(runs):
        if run.id == id:
            raise ValueError(f"cannot read {run.path}: {reason}")
    raise ValueError(f"no run {id!r} in {runs}")
