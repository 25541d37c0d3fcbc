"""Keeps the weights of a run at log-spaced steps in weights.bin, see `runs.weights_file`.

A record costs one copy of the weights and one write of 250 kB. There are 64 in a run, so the training does not slow
down: the write of a record takes 0.15 ms, a step 5 ms (`tests/bench/landscape_speed.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adam_tui.runs.weights_file import FLOAT_BYTES, WeightsFile, planned_steps
from adam_tui.training.journal import Journal, log

# Of a network of the user, which may be large; the article's may keep as many steps as the user asks for.
MOST_BYTES = 1 << 30
LEAST_KEPT = 8  # fewer steps are no path


class WeightsLog:
    """Appends to the weights.bin of a journal's run at the planned steps, at most `most` in all.

    `step` is the step from which the run continues: later records are of a process that was killed, and are removed.
    An error is reported as the run's problem, and the training goes on.
    """

    def __init__(self, journal: Journal, network: nn.Module, last: int, most: int, step: int) -> None:
        count = sum(weight.numel() for weight in network.parameters())
        allowed = MOST_BYTES // (FLOAT_BYTES * count)
        if most > allowed:
            log(f"weights.bin keeps {allowed} steps, not {most}: the network has {count:,} weights")
            most = allowed if allowed >= LEAST_KEPT else 0
        self._journal, self._network, self._most = journal, network, most
        self._planned = planned_steps(last, most)
        self._file: WeightsFile | None = None
        if not most:
            return
        try:
            self._file = WeightsFile(journal.run.weights)
            self._file.cut(step)
        except (OSError, ValueError) as error:
            journal.report_problem("weights", "the weights are not kept", error)
            self._file = None
        self._planned = [each for each in self._planned if each >= step]

    def is_due(self, step: int) -> bool:
        """Whether the weights after `step` are planned to be recorded."""
        return bool(self._planned) and step >= self._planned[0]

    def after(self, step: int) -> None:
        """Record the weights after `step` if it is planned; step 0 is before the first."""
        if self.is_due(step):
            while self._planned and step >= self._planned[0]:
                del self._planned[0]
            self._record(step)

    def end(self, step: int) -> None:
        """Record the weights of the last step of this process, so that a stopped run has its end, too."""
        self._record(step)

    def _record(self, step: int) -> None:
        file = self._file
        if file is None or (file.steps and file.steps[-1] >= step):
            return
        weights = flat_weights(self._network)
        if not bool(weights.isfinite().all()):
            return  # a diverged run has no place in its landscape
        try:
            if file.path != self._journal.run.weights:  # the directory was moved
                file.path = self._journal.run.weights
            file.append(step, weights.numpy().astype("<f4", copy=False).tobytes())
            file.thin(self._most)
        except (OSError, ValueError) as error:
            self._journal.report_problem("weights", "the path of the weights has a gap", error)
        else:
            self._journal.clear_problem("weights")


@torch.no_grad()
def flat_weights(network: nn.Module) -> Tensor:
    """All weights (P,) as float32 on the CPU, tensor by tensor, each in the order of its own indices."""
    return torch.cat([weight.detach().float().cpu().reshape(-1) for weight in network.parameters()])
