"""The checkpoint of a run: checkpoint.pt, written whole or not at all, and checkpoint.old.pt, the one before it.

A damaged checkpoint never replaces a good one, and a run continues from the older file when the newer one is damaged.
`trainer` decides when to save and what the state holds.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import torch

from adam_tui.runs import files
from adam_tui.training.errors import describe
from adam_tui.training.journal import Journal

State = dict[str, Any]
MAX_CHECKPOINT_BYTES = 1 << 30  # a run's have one million


class Checkpoints:
    """Saves and loads the checkpoints of a journal's run.

    `step` is the step of the newest whole checkpoint, None before the first. `problem` says why there is no newer one,
    "" when the last attempt to save succeeded. `is_whole` is true once checkpoint.pt is known to be whole.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.step: int | None = None
        self.problem = ""
        self.may_pass = False  # whether the problem may pass by itself; a full disk does not
        self.is_whole = False

    def save(self, state: State, step: int) -> bool:
        """Replace checkpoint.pt by the state after `step`; on an error it stays as it is and the result is False.

        The one before stays too, as checkpoint.old.pt.
        """
        packed = io.BytesIO()
        torch.save(state, packed)
        self._journal.sync()  # metrics.jsonl reaches the disk first: it has every step that a checkpoint holds
        run = self._journal.run
        older = run.older_checkpoint if self.is_whole else None
        try:
            files.write_atomically(run.checkpoint, packed.getvalue(), durable=True, older=older)
        except OSError as error:
            last = "there is no checkpoint" if self.step is None else f"the last checkpoint is of step {self.step}"
            self.problem, self.may_pass = f"{last} ({error.strerror})", error.errno not in files.NO_SPACE
            self._journal.report_problem("checkpoint", last, error)
            return False
        self.is_whole, self.step, self.problem = True, step, ""
        self._journal.clear_problem("checkpoint")
        return True

    def load(self, restore: Callable[[State], int]) -> None:
        """Pass the newest whole checkpoint to `restore`, which returns its step and raises anything for a wrong state.

        Raises ValueError with one line when no checkpoint is whole. Does nothing without a checkpoint.
        """
        problems, run = [], self._journal.run
        for path in (run.checkpoint, run.older_checkpoint):
            try:
                self.step = restore(unpack(files.read_regular(path, MAX_CHECKPOINT_BYTES)))
            except FileNotFoundError:
                continue
            except Exception as error:  # torch.load raises nearly anything for a damaged file
                problems.append(f"{path}: {describe(error)}")
                continue
            self.is_whole = path == run.checkpoint
            if problems:
                effect = f"continues from the checkpoint before, of step {self.step}"
                self._journal.report_problem("checkpoint", f"{effect}: cannot continue from {problems[0]}")
            return
        if problems:
            raise ValueError(f"cannot continue from {'; '.join(problems)}")


def unpack(content: bytes) -> State:
    """The state in the bytes of a checkpoint. Raises ValueError for a wrong checksum, which torch does not compare."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        if (damaged := file.testzip()) is not None:
            raise ValueError(f"{damaged} in it is damaged")
    state: State = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state
