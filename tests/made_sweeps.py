"""Sweeps written by the tests in the way of the processes that train them, with losses from a formula."""

import math
from statistics import median

from adam_tui.runs import directory
from adam_tui.runs.protocol import Epoch, Started, Steps, to_line
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.claims import Claims
from adam_tui.sweeps.journal import Decided, SweepJournal, TrialEnded, TrialStarted
from adam_tui.sweeps.sweep import create

BEST_LR = {"adam": 1e-3, "sgd": 3e-1, "momentum": 3e-2, "lion": 3e-4}
BEGAN = 1_795_000_000.0
STEPS = 30  # of an epoch in a run directory


def loss_of(trial, epoch):
    """The lowest near the optimizer's best learning rate; infinite where it is 30 times as high."""
    away = math.log10(trial.spec.hyperparameters["lr"] / BEST_LR.get(trial.spec.optimizer, 1e-2))
    return math.inf if away > 1.5 else (0.05 + 0.2 * away**2 + 0.004 * trial.spec.seed) / epoch**0.5


class MadeSweep:
    """A sweep whose processes are this test."""

    def __init__(
        self,
        runs,
        name="made",
        optimizers="adam,sgd",
        lr="1e-4..1",
        settings=None,
        trials=9,
        seeds=3,
        epochs=3,
        halving=False,
    ):
        space = plans.make_space({each: {} for each in optimizers.split(",")}, lr, settings or {})
        plan = plans.Plan(
            space,
            trials=trials,
            seeds=tuple(range(seeds)),
            sampler="grid",
            epochs=epochs,
            rungs=plans.rungs_of(epochs, trials, halving=halving),
            device="cpu",
            precision="float32",
        )
        self.plan = plans.check_plan(plan)
        self.sweep = create(self.plan, runs, name)
        self.path, self.id = self.sweep.path, self.sweep.id
        self.trials = plans.trials_of(self.plan, self.id)
        self.journal = SweepJournal(self.path, "test")
        self.time = BEGAN
        self.attempts = {}

    def now(self):
        self.time += 0.5
        return self.time

    def started(self, trial, runner="slot0-1-ab", epoch=0):
        """A process begins a trial; the event."""
        attempt = self.attempts[trial.number] = self.attempts.get(trial.number, 0) + 1
        return TrialStarted(self.now(), trial.number, attempt, (), trial.run, runner, epoch)

    def ended(self, trial, state="finished", epoch=None, reason="", accuracy=None):
        """The end of its attempt; the event."""
        epoch = self.plan.epochs if epoch is None else epoch
        loss = loss_of(trial, max(epoch, 1))
        if not math.isfinite(loss) and state != "failed":
            state, reason = "diverged", "diverged at step 40: the loss is not finite"
        right = max(1 - loss / 5, 0.1) if accuracy is None else accuracy
        test = (loss, right) if state == "finished" else (math.nan, math.nan)
        numbers = (loss, loss, right, *test, 12.0 * max(epoch, 1))
        return TrialEnded(
            self.now(), trial.number, self.attempts[trial.number], trial.run, state, reason, epoch, *numbers
        )

    def finish(self, *trials):
        """Trials as they are after their last epoch."""
        events = [event for trial in trials or self.trials for event in (self.started(trial), self.ended(trial))]
        self.journal.record(*events)
        return self

    def halve(self, epoch=1):
        """All trials at a rung, and the decision about each optimizer."""
        for optimizer in self.plan.optimizers:
            own = [trial for trial in self.trials if trial.spec.optimizer == optimizer]
            self.journal.record(
                *(event for each in own for event in (self.started(each), self.ended(each, "waiting", epoch)))
            )
            losses = {}
            for each in own:
                losses.setdefault(each.setting, []).append(loss_of(each, epoch))
            order = sorted((median(some), setting) for setting, some in losses.items())
            kept = -(-len(order) // plans.REDUCTION)
            self.journal.record(
                Decided(self.now(), optimizer, epoch, kept, tuple(s for _, s in order), tuple(v for v, _ in order))
            )
        return self

    def claim(self, trial, slot=0):
        """A slot, which is this process, trains a trial; its claim."""
        claims = Claims(self.path, f"slot{slot}-1-ab")
        self.journal.record(self.started(trial, claims.runner))
        claim = claims.take(trial.number, self.attempts[trial.number])
        return claims, claim

    def write_run(self, trial, epochs=None):
        """The run directory of a trial with its losses."""
        run = self.sweep.run(trial.run)
        run.path.mkdir(exist_ok=True)
        directory.write_spec(trial.spec, run.path)
        lines, last = [to_line(Started(BEGAN, 0, run.id, trial.spec, "cpu", "float32", 62346, STEPS, "2.9.0"))], 0
        for epoch in range(1, (epochs or self.plan.epochs) + 1):
            loss = min(loss_of(trial, epoch), 2.3)
            steps = tuple(2.3 * math.exp(-(last + i) / 20) + loss for i in range(STEPS))
            last += STEPS
            lines.append(to_line(Steps(BEGAN + last, last, steps)))
            numbers = {"validation_loss": loss, "validation_accuracy": 1 - loss / 5}
            lines.append(to_line(Epoch(BEGAN + last, last, epoch, loss, math.nan, math.nan, 12.0, 640.0, **numbers)))
        (run.path / "metrics.jsonl").write_text("".join(lines), encoding="utf-8")
        return run
