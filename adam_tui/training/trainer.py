"""Trains the CNN on one data set. Settings, data, model and loop are in this file, in this order.

`worker` prepares the process and calls `train`. The run's settings come from RUNDIR/spec.json, events go to
metrics.jsonl, commands are carried out between steps, and a checkpoint continues bit for bit on a CPU (with as many
threads as before).

Measured with the defaults (Adam, 5e-4, batches of 64, seed 0) on 2 cores, no GPU (Xeon with AMX, torch 2.15), before
the step was written out in `fast/`:
  test accuracy   98.4% after 1 epoch, 99.28% after 50 epochs (best: 99.32%); 1 run
                  after 3 epochs, five seeds: four between 98.98% and 99.06%, one 98.42%; the mean is 98.91% in
                  bfloat16 and 98.90% in float32, so the precision makes no difference
  bfloat16        12,400 to 14,600 images/s, 4.7 s an epoch with its test; 4 runs
  float32         7,100 to 7,300 images/s, 9.1 s an epoch; 3 runs, 98.4% after 1 epoch as well
and with it, on 2 slower cores that others used too (torch 2.14):
  start           2.6 s from exec to the first losses, nearly all of it `import torch`; 12 starts, 2.4 to 3.0 s;
                  a spare process (`spare`) has this behind it
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from adam_tui.runs.protocol import (
    Changed,
    Checkpointed,
    Diverged,
    Epoch,
    Paused,
    Resumed,
    RunSpec,
    Sample,
    Started,
    State,
    Steps,
)
from adam_tui.runs.recipes import check_setting, check_spec
from adam_tui.runs.user_code import CODE_SECONDS, NETWORK_FILE, OPTIMIZER_FILE, copy_reference, references
from adam_tui.training import data, device_setup, evaluation, model, optim, tensorboard_log, user_code, user_network
from adam_tui.training.checkpoint import Checkpoints
from adam_tui.training.errors import describe
from adam_tui.training.fast import optimizers as fast_optimizers
from adam_tui.training.fast.gradients import GradientFunction, fastest_gradients
from adam_tui.training.journal import Journal, log, log_traceback
from adam_tui.training.layers import LayerWatch
from adam_tui.training.preparation import Preparation
from adam_tui.training.time_limit import time_limit
from adam_tui.training.user_code import UserCodeError
from adam_tui.training.user_optimizer import UserOptimizer, backward
from adam_tui.training.weights_log import WeightsLog

# Settings of the process. Those of a run are in its RunSpec.
REPORT_SECONDS = 0.25  # between two reports of the losses: the only sync points within an epoch
FIRST_REPORT_SECONDS = 0.05  # to the first report, for which the user waits
SAMPLE_SECONDS = 1.5  # between two predictions of the ten digits on the screen
CHECKPOINT_SECONDS = 30.0  # a crash within a long epoch loses no more than this
PAUSE_SECONDS = 0.05  # a paused process carries out a command after this time
RETRY_SECONDS = 10.0  # for the last checkpoint, when the directory is away
PROBE_IMAGES = 16  # of the step on a copy of the network that shows what a class of the user needs
TEST_CHUNK = 250  # test images a forward pass: fits the caches; all 10,000 in 0.2 s (0.4 in float32), 1000 took 0.4


@dataclass
class Progress:
    """The position of a run; all of it goes into the checkpoint, so that a continued epoch is the same epoch."""

    epoch: int = 0  # finished epochs
    batch: int = 0  # finished batches of the current epoch
    step: int = 0  # finished steps in all
    loss_sum: float = 0.0  # of the current epoch, over images
    seconds: float = 0.0  # spent on the current epoch
    diverged_at: int = 0  # the step whose loss was not finite


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a run, for a process that trains many runs one after another.

    It ends after `until` finished epochs, with a checkpoint if the run has more. There is no checkpoint of the first
    step and none of the last: the seed gives the first again, and nothing continues the last.
    """

    until: int


LEG_DONE = "the sweep decides about the rest"  # the end of the reason of a run that stopped at the end of a leg


class StoppedEarlyError(Exception):
    """A command stopped the run before its first step; the arguments are its state and reason."""


class Training:
    """One run: its data, its model, its optimizer and its progress."""

    def __init__(
        self, spec: RunSpec, journal: Journal, preparation: Preparation | None = None, leg: Leg | None = None
    ) -> None:
        self.spec, self.journal, self.leg = spec, journal, leg
        self.until = min(leg.until, spec.epochs) if leg else spec.epochs
        self.device = device_setup.device_of(spec)
        self.precision = device_setup.precision_of(spec, self.device)
        if self.device.type == "cuda":
            journal.resources.watch_gpu(str(torch.cuda.get_device_properties(self.device).uuid))

        # Data: on the device once, in the type that the first convolution reads.
        self.digits = (preparation.load if preparation else data.load)(
            self.device, self.precision, spec.limit, spec.data, spec.data_dir, self._show_loading, spec.validation
        )
        self.images = len(self.digits.train_images)
        self.batches = -(-self.images // spec.batch_size)  # the last one may be smaller

        # Model. The seed draws the weights, and with a generator of its own the order of the images.
        torch.manual_seed(spec.seed)
        fast = os.environ.get("ADAM_TUI_FAST") != "0"  # see fast/README.md
        self.network: nn.Module
        self.optimizer: optim.TrainingOptimizer
        self.user_optimizer: UserOptimizer | None = None  # the same object, where the class is the user's
        if references(spec):
            self._build_user_code(fast=fast)
        else:
            self.network = model.build(self.device)
            self.optimizer = optim.build(spec.optimizer, self.network, spec.hyperparameters, fast=fast)
        self.gradients: GradientFunction = self.autograd
        if fast and isinstance(self.network, nn.Sequential) and not spec.network:
            full_batch = self.digits.batch(torch.arange(min(spec.batch_size, self.images), device=self.device))
            proved = preparation.proved if preparation else None
            self.gradients = fastest_gradients(self.autograd, self.network, *full_batch, proved)
        self.sampler = torch.Generator().manual_seed(spec.seed)
        self.epoch_start = self.sampler.get_state()  # draws the order of the current epoch again
        self.layers = LayerWatch(self.network)

        self.progress = Progress()
        self.unreported: list[Tensor] = []  # losses that are still on the device
        self.report_after = FIRST_REPORT_SECONDS
        self.sampled_at = -SAMPLE_SECONDS  # when the sample digits were last recorded: soon for the first time
        self.ending: tuple[State, str] | None = None
        self.save_at_end = True  # False after a command to end without a checkpoint
        self.checkpoints = Checkpoints(journal)
        if journal.run.has_checkpoint:
            self.checkpoints.load(self.restore)
        self.saved_at = time.perf_counter()  # the last attempt to save a checkpoint
        steps = spec.epochs * self.batches
        self.weights = WeightsLog(journal, self.network, steps, spec.weights, self.progress.step)
        if spec.tensorboard:
            writer = tensorboard_log.open_writer(journal.run.path / "tensorboard", self.progress.step)
            journal.listeners.append(tensorboard_log.TensorboardLog(writer).write)

    def _build_user_code(self, *, fast: bool) -> None:
        """Make the network and the optimizer where one of them is the user's. Raises UserCodeError."""
        spec, folder = self.spec, self.journal.run.path
        named = {name: copy_reference(spec, folder, name) for name in references(spec)}
        for name, reference in references(spec).items():
            if named[name].path is not None:
                user_code.show_as(named[name], reference)

        def give_up(place: str) -> None:
            self.journal.end("failed", f"{place}: your code has not ended after {CODE_SECONDS:.0f} s")

        with time_limit(CODE_SECONDS, give_up):
            if NETWORK_FILE in named:
                self.network = user_network.build(named[NETWORK_FILE], self.device)
            else:
                # In torch's usual order: a class may call `view` on a weight or a gradient.
                order = torch.contiguous_format if OPTIMIZER_FILE in named else torch.channels_last
                self.network = model.build(self.device, order)
            if OPTIMIZER_FILE not in named:
                self.optimizer = optim.build(spec.optimizer, self.network, spec.hyperparameters, fast=fast)
                return
            if fast:
                fast_optimizers.leave_the_compiler_out()
            values = {**spec.hyperparameters, **spec.arguments}
            self.optimizer = self.user_optimizer = UserOptimizer(
                named[OPTIMIZER_FILE], self.network, values, self._probe_gradients
            )

    def _probe_gradients(self, network: nn.Module, with_graph: bool) -> Tensor:
        """The loss of a few images on a copy of the network, with the gradients in `grad`."""
        images, labels = self.digits.batch(torch.arange(min(PROBE_IMAGES, self.images), device=self.device))
        loss = functional.cross_entropy(model.scores(network, images, self.precision), labels)
        backward(loss, network, with_graph=with_graph)
        return loss.detach()

    def _show_loading(self, text: str) -> None:
        """Show the progress of a download as the run's reason. Raises StoppedEarlyError after a command to stop."""
        self.journal.set_state("starting", text)
        if ending := self.journal.stop_command():
            raise StoppedEarlyError(*ending)

    # The loop.

    def run(self) -> tuple[State, str]:
        """Train to the end, or until a command ends it; the final state and its reason."""
        spec, progress = self.spec, self.progress
        self._start()
        while progress.epoch < self.until and not self.ending:
            self.train_epoch()
            if not self.ending:
                self.end_epoch()
        with self.evaluating():
            self.weights.end(progress.step)
        if self.ending:
            if self.ending[0] == "stopped" and self.save_at_end and not (self.save() or self.save_later()):
                return "stopped", f"{self.ending[1]}, but {self.checkpoints.problem}"
            return self.ending
        done = f"epoch {progress.epoch} of {spec.epochs} done"
        if progress.epoch < spec.epochs:
            return "stopped", f"{done}, {LEG_DONE}"
        # A finished run is never resumed: without its last checkpoint its final weights would be lost.
        if self.checkpoints.problem and not self.save_later():
            return "failed", f"{done}, but {self.checkpoints.problem}"
        return "finished", done

    def _start(self) -> None:
        self.journal.step, self.journal.epoch = self.progress.step, self.progress.epoch
        self.journal.record(
            Started(
                *self._now(),
                run=self.journal.run.id,
                spec=self.spec,
                device=device_setup.name_of(self.device),
                precision=str(self.precision).removeprefix("torch."),
                parameters=sum(weight.numel() for weight in self.network.parameters()),
                steps_per_epoch=self.batches,
                torch=torch.__version__,
            )
        )
        self.journal.set_state("running")
        if not self.leg and not self.checkpoints.is_whole:  # the run can be continued from its first step on
            self.save()
        self._keep_weights()

    def train_epoch(self) -> None:
        """Train the rest of the current epoch, batch by batch; a command may end it between two steps."""
        spec, progress, digits = self.spec, self.progress, self.digits
        order = torch.randperm(self.images, generator=self.sampler).to(self.device)
        self.journal.take_stopped_seconds()  # those before this epoch
        began = reported = time.perf_counter()
        for index in data.split(order, spec.batch_size)[progress.batch :]:
            began += self.carry_out_commands()
            if self.ending:
                break
            if measured := self.layers.wants(progress.batch, self.batches):
                self.layers.before_step()
            try:
                self.unreported.append(self.train_step(*digits.batch(index)))
            except UserCodeError:
                self.report_losses()
                raise
            if measured:
                self.layers.after_step()
            progress.batch += 1
            progress.step += 1
            self._keep_weights()
            began += self.journal.take_stopped_seconds()
            now = time.perf_counter()
            if now - reported >= self.report_after:
                reported, self.report_after = now, REPORT_SECONDS
                if not self.report_losses():
                    break
                if now - self.sampled_at >= SAMPLE_SECONDS:
                    self.report_samples()
                if now - self.saved_at >= CHECKPOINT_SECONDS:
                    progress.seconds += now - began
                    self.save()
                    began = time.perf_counter()
        self.report_losses()
        progress.seconds += time.perf_counter() - began

    def train_step(self, images: Tensor, labels: Tensor) -> Tensor:
        """One step; the loss (a scalar, mean over the batch) stays on the device, so Python never waits for a GPU."""
        user_optimizer = self.user_optimizer
        if user_optimizer is None:
            loss = self.gradients(images, labels)
            self.optimizer.step()
            return loss
        if user_optimizer.needs == "closure":
            return self._step_with_closure(user_optimizer, images, labels)
        if user_optimizer.needs == "graph":
            loss = functional.cross_entropy(self.scores(images), labels)
            backward(loss, self.network, with_graph=True)
            loss = loss.detach()
        else:
            loss = self.gradients(images, labels)
            self._hand_over_gradients()
        user_optimizer.step()
        if user_optimizer.needs == "graph":  # the graph of the second derivatives holds the memory of the whole step
            for weight in self.network.parameters():
                weight.grad = None if weight.grad is None else weight.grad.detach()
        return loss

    def _step_with_closure(self, user_optimizer: UserOptimizer, images: Tensor, labels: Tensor) -> Tensor:
        """A step that computes the loss itself, perhaps often; the first one is that of the weights before it."""
        losses: list[Tensor] = []

        def closure() -> Tensor:
            with torch.enable_grad():
                loss = self.gradients(images, labels)
            self._hand_over_gradients()
            losses.append(loss)
            return loss

        user_optimizer.step(closure)
        if not losses:
            raise UserCodeError(f"a step of {user_optimizer.label} did not call its closure")
        return losses[0]

    def _hand_over_gradients(self) -> None:
        """Give the weights gradients that the class may keep: the shortcuts compute into the same memory each time."""
        if self.gradients != self.autograd:
            for weight in self.network.parameters():
                weight.grad = None if weight.grad is None else weight.grad.clone()

    def _keep_weights(self) -> None:
        """Record the weights in weights.bin if this step is planned: those that are evaluated."""
        if self.weights.is_due(self.progress.step):
            with self.evaluating():
                self.weights.after(self.progress.step)

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """The network as it is evaluated: dropout off, and with the weights that the user's class evaluates with."""
        self.network.eval()
        with self.user_optimizer.evaluating() if self.user_optimizer else contextlib.nullcontext():
            yield
        self.network.train()

    def autograd(self, images: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch by torch's autograd, which leaves the gradients in the weights' `grad`."""
        loss = functional.cross_entropy(self.scores(images), labels)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's has no annotations
        return loss.detach()

    def scores(self, images: Tensor) -> Tensor:
        """The network's scores (n, 10) in float32, computed in the run's precision."""
        return model.scores(self.network, images, self.precision, self.device.type)

    def end_epoch(self) -> None:
        """Measure the network with images that it was not trained on, record the epoch and save a checkpoint."""
        spec, progress = self.spec, self.progress
        train_seconds = progress.seconds
        began = time.perf_counter()
        validated = self.validate() if spec.validation else None
        # Settings are chosen by the validation images, so that the test images can be used once, at the end.
        tested = self.test() if validated is None or progress.epoch + 1 == spec.epochs else None
        began += self.journal.take_stopped_seconds()
        seconds = train_seconds + time.perf_counter() - began
        train_loss = progress.loss_sum / self.images
        progress.epoch += 1
        progress.batch, progress.loss_sum, progress.seconds = 0, 0.0, 0.0
        self.epoch_start = self.sampler.get_state()
        speed = self.images / max(train_seconds, 1e-9)
        if tested:
            self._write_evaluation(tested)
        self.journal.epoch = progress.epoch
        (test_loss, test_accuracy), validation = _numbers(tested), _numbers(validated)
        self.journal.record(
            Epoch(*self._now(), progress.epoch, train_loss, test_loss, test_accuracy, seconds, speed, *validation)
        )
        if layers := self.layers.summary(progress.step):
            self.journal.record(layers)
        self.report_samples()
        if not self.leg or progress.epoch < spec.epochs:
            self.save()

    @torch.no_grad()
    def test(self) -> evaluation.Evaluation:
        """The network's predictions for all test images."""
        return self._evaluate(self.digits.test_images, self.digits.test_labels)

    @torch.no_grad()
    def validate(self) -> evaluation.Evaluation:
        """The network's predictions for the training images that are held out."""
        return self._evaluate(self.digits.validation_images, self.digits.validation_labels)

    def _evaluate(self, images: Tensor, labels: Tensor) -> evaluation.Evaluation:
        with self.evaluating():
            scores = torch.cat([self.scores(chunk) for chunk in data.split(images, TEST_CHUNK)])
        return evaluation.evaluate(scores, labels)

    def _write_evaluation(self, result: evaluation.Evaluation) -> None:
        """Write evaluation.npz for the screen. Without it the run still has its numbers."""
        path, filters = self.journal.run.evaluation, user_network.first_filters(self.network)
        try:
            evaluation.write(path, result, self.digits, filters, self.progress.epoch)
        except OSError as error:
            self.journal.report_problem("evaluation", f"{path.name} is of an earlier epoch", error)
        else:
            self.journal.clear_problem("evaluation")

    # Reports.

    def _now(self) -> tuple[float, int]:
        return time.time(), self.progress.step

    def report_losses(self) -> bool:
        """Fetch and record the losses since the last report; False when one is not finite, which ends the run."""
        if not self.unreported:
            return True
        progress = self.progress
        losses = torch.stack(self.unreported).float()
        self.unreported.clear()
        first_step, first_batch = progress.step - len(losses) + 1, progress.batch - len(losses)
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            progress.diverged_at = progress.step = first_step + int(bad[0])
            losses = losses[: int(bad[0]) + 1]
            self.ending = ("failed", f"diverged at step {progress.step}: the loss is not finite")
        # Nine digits hold every float32 exactly and keep the file small.
        rounded = [float(f"{loss:.9g}") for loss in losses.tolist()]
        for offset, loss in enumerate(rounded):
            progress.loss_sum += loss * self._batch_length(first_batch + offset)
        self.journal.step = progress.step
        self.journal.record(Steps(*self._now(), tuple(rounded)))
        if len(bad):
            self.journal.record(Diverged(*self._now()))
        return not len(bad)

    def _batch_length(self, batch: int) -> int:
        return min(self.spec.batch_size, self.images - batch * self.spec.batch_size)

    @torch.no_grad()
    def report_samples(self) -> None:
        """Record the network's predictions for the ten sample digits, with their confidence."""
        self.sampled_at = time.perf_counter()
        with self.evaluating():
            best = self.scores(self.digits.sample_images).softmax(1).max(1)
        self.journal.record(
            Sample(
                *self._now(),
                self.digits.sample_labels,
                tuple(best.indices.tolist()),
                tuple(round(confidence, 6) for confidence in best.values.tolist()),
            )
        )

    # Commands.

    def carry_out_commands(self) -> float:
        """Carry out the new commands; while paused, wait here for the next. Returns the seconds of the pause."""
        paused_at = 0.0
        paused_seconds = 0.0
        while True:
            commands = self.journal.new_commands()
            for number, command in enumerate(commands, 1):
                match command["command"]:
                    case "stop":
                        self.ending = ("stopped", str(command.get("reason", "asked to stop")))
                    case "kill":
                        reason = command.get("reason", "asked to end at once, without a checkpoint")
                        self.ending = ("stopped", str(reason))
                        self.save_at_end = False
                    case "set":
                        self.set_hyperparameter(command.get("name"), command.get("value"))
                    case "pause" if not paused_at:
                        paused_at = time.perf_counter()
                        self.report_losses()
                        self.journal.record(Paused(*self._now()))
                        self.journal.set_state("paused")
                    case "resume" if paused_at:
                        paused_seconds += time.perf_counter() - paused_at
                        paused_at = 0.0
                        self.journal.record(Resumed(*self._now()))
                        self.journal.set_state("running")
                if self.ending:
                    self.journal.log_ignored(commands[number:])
                    break
            if self.ending or not paused_at:
                if paused_seconds or paused_at:
                    self.journal.take_stopped_seconds()  # they are part of the pause
                return paused_seconds + (time.perf_counter() - paused_at if paused_at else 0.0)
            time.sleep(PAUSE_SECONDS)

    # `name` and `value` are JSON of a file that anyone may have edited.
    def set_hyperparameter(self, name: Any, value: Any) -> None:
        """Change one hyperparameter; a command that is not valid goes to worker.log and changes nothing."""
        try:
            value = check_setting(self.spec, str(name), float(value))
            if self.user_optimizer is not None:
                self.user_optimizer.set_hyperparameter(str(name), value)
            else:
                optim.set_hyperparameter(self.optimizer, str(name), value)
        except (ValueError, TypeError, OverflowError) as error:
            log(f"cannot set {name} to {value}: {error}")
            return
        self.report_losses()  # the losses before the change come before it in the file
        self.journal.record(Changed(*self._now(), str(name), value))

    # Checkpoints.

    def save(self) -> bool:
        """Save the state after the last step as checkpoint.pt; False when it cannot be written."""
        self.saved_at = time.perf_counter()
        state: dict[str, Any] = {
            "sampler": self.epoch_start,
            "rng": torch.get_rng_state(),
            "progress": vars(self.progress),
            "layers": self.layers.measured,
        }
        user_optimizer = self.user_optimizer
        if user_optimizer is not None and user_optimizer.has_modes:
            state["trained_weights"] = user_optimizer.weights()  # those of the model are the ones to evaluate with
        with self.evaluating():
            state |= {"model": self.network.state_dict(), "optimizer": self._optimizer_state()}
            return self._save(state)

    def _optimizer_state(self) -> dict[str, Any] | None:
        """The state of the optimizer; None where no checkpoint can hold that of the user's class."""
        try:
            state = self.optimizer.state_dict()
        except UserCodeError as error:
            self.journal.report_problem("state", f"{error}; the run cannot be continued")
            return None
        self.journal.clear_problem("state")
        return state

    def _save(self, state: dict[str, Any]) -> bool:
        if not self.checkpoints.save(state, self.progress.step):
            return False
        self.journal.record(Checkpointed(*self._now(), str(self.journal.run.checkpoint)))
        return True

    def save_later(self) -> bool:
        """Try to save again for some seconds, because a directory that is away may come back; not on a full disk."""
        give_up = time.monotonic() + RETRY_SECONDS
        while self.checkpoints.may_pass and time.monotonic() < give_up:
            time.sleep(PAUSE_SECONDS)
            if self.save():
                return True
        return self.journal.use_moved_directory() and self.save()

    def restore(self, state: dict[str, Any]) -> int:
        """Continue from a checkpoint's state; its step."""
        self.network.load_state_dict(state["model"])
        if state["optimizer"] is None:
            raise ValueError(f"it lacks the state of {self.spec.optimizer_label}, which no checkpoint can hold")
        self.optimizer.load_state_dict(state["optimizer"])
        if self.user_optimizer is not None and "trained_weights" in state:
            self.user_optimizer.set_weights(state["trained_weights"])
        self.epoch_start = state["sampler"]
        self.sampler.set_state(self.epoch_start)
        torch.set_rng_state(state["rng"])
        self.progress = Progress(**state["progress"])
        self.layers.measured = [measured.to(self.device) for measured in state["layers"]]
        return self.progress.step


def _numbers(result: evaluation.Evaluation | None) -> tuple[float, float]:
    """Loss and accuracy for an event; NaN where nothing was measured."""
    return (result.loss, result.accuracy) if result else (math.nan, math.nan)


def train(journal: Journal, preparation: Preparation | None = None, leg: Leg | None = None) -> tuple[State, str]:
    """Train the journal's run, or a leg of it, and record its end: state and reason.

    An error in training makes it a failed run. Without a `preparation` the process keeps its threads and its priority.
    """
    training = None
    state: State
    try:
        spec = check_spec(journal.run.spec())
        if preparation is not None:
            preparation.tune(device_setup.device_of(spec))
        training = Training(spec, journal, preparation, leg)
        state, reason = training.run()
    except StoppedEarlyError as stopped:
        state, reason = stopped.args
    except Exception as error:
        log_traceback()
        state, reason = "failed", describe(error)
    journal.step = training.progress.step if training else journal.step
    journal.end(state, reason)
    return state, reason
