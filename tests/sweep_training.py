"""A stand-in for the training of a sweep's trials, which writes a run's events at once."""

import math

from adam_tui.runs.protocol import Diverged, Ended, Epoch, Started, to_line
from adam_tui.runs.status import Status


def loss_of(spec):
    """The loss that the stand-in reaches: lowest at a learning rate of 1e-2, higher by a little for each seed."""
    return abs(math.log10(spec.hyperparameters["lr"]) + 2) + spec.seed / 100


class Training:
    """A stand-in for the trainer: the events of each epoch, without weights. `legs` are those that it has trained.

    `before` is called with the leg before it is trained; its result, if there is one, is the end of the leg.
    """

    def __init__(self, before=lambda leg: None):
        self.legs, self.before = [], before

    def __call__(self, leg):
        spec, run = leg.trial.spec, leg.run
        first = len(run.epochs()) if run.has_checkpoint else 0
        self.legs.append((leg.trial.number, first, leg.until))
        if end := self.before(leg):
            return end
        events = [Started(1.0, first, run.id, spec, "cpu", "float32", 1, 1, "2")]
        for epoch in range(first + 1, leg.until + 1):
            last = epoch == spec.epochs
            tested = (0.3, 0.9) if last else (math.nan, math.nan)
            events.append(Epoch(1.0 + epoch, epoch, epoch, 0.5, *tested, 1.5, 100.0, loss_of(spec) / epoch, 0.9))
        state = ("finished", "done") if leg.until == spec.epochs else ("waiting", "")
        if loss_of(spec) > 1.9:
            events[1:] = [Diverged(2.0, 1)]
            state = ("failed", "diverged at step 1: the loss is not finite")
        elif leg.until < spec.epochs:
            run.checkpoint.write_bytes(b"x" * 1000)
        ended = "stopped" if state[0] == "waiting" else state[0]
        events.append(Ended(9.0, leg.until, ended, state[1]))
        with open(run.metrics, "a", encoding="utf-8") as file:
            file.writelines(map(to_line, events))
        run.write_status(Status(ended))
        return state


def states(sweep):
    """The states of the trials in order."""
    return [each.state for _, each in sorted(sweep.record().trials.items())]
