"""Trains the CNN on MNIST, in the process that `worker` makes ready for it.

It reads RUNDIR/spec.json, tells what happens in metrics.jsonl, obeys control.jsonl between steps and leaves a
checkpoint from which it continues bit for bit on a CPU (with as many threads as before).

Measured with the defaults (Adam, 5e-4, batches of 64, seed 0) on 2 cores, no GPU (Xeon with AMX, torch 2.15), before
the step was written out in `byhand`:
  test accuracy   98.4% after 1 epoch, above 99% from the 3rd, 99.28% after 50 epochs (best: 99.32%); 1 run
  bfloat16        12,400 to 14,600 images/s, 4.7 s an epoch with its test; 4 runs
  float32         7,100 to 7,300 images/s, 9.1 s an epoch; 3 runs, 98.4% after 1 epoch as well
and with it, on 2 slower cores that others used too (torch 2.14):
  start           2.6 s from exec to the first losses, nearly all of it `import torch`; 12 starts, 2.4 to 3.0 s
"""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from adam_tui.runs import files
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
from adam_tui.training import data, device_setup, evaluation, gradients, model, optim, tensorboard_log
from adam_tui.training.journal import Journal, note, note_error
from adam_tui.training.layers import LayerWatch

# Settings. What a person chooses is in the RunSpec; these only tune the process.
REPORT_SECONDS = 0.25  # losses are fetched and told so often: the only sync points within an epoch
SAMPLE_SECONDS = 1.5  # the ten digits on the screen
CHECKPOINT_SECONDS = 30.0  # a long epoch leaves checkpoints on its way: a crash loses no more
PAUSE_SECONDS = 0.05  # how soon a paused process sees an order
MOST_CHECKPOINT = 1 << 30  # bytes; ours have one million
TEST_CHUNK = 250  # test images a forward pass: fits the caches; all 10,000 in 0.2 s (0.4 in float32), 1000 took 0.4


@dataclass
class Progress:
    """Where a run stands; all of it goes into the checkpoint, so that a continued epoch is the same epoch."""

    epoch: int = 0  # finished epochs
    batch: int = 0  # finished batches of the epoch at hand
    step: int = 0  # finished steps in all
    loss_sum: float = 0.0  # of the epoch at hand, over images
    seconds: float = 0.0  # spent on the epoch at hand
    diverged_at: int = 0  # the step whose loss was not finite


class EndedEarlyError(Exception):
    """The run was told to end before its first step; the arguments are its state and reason."""


class Training:
    """One run: its data, its model, its optimizer and where it stands."""

    def __init__(self, spec: RunSpec, journal: Journal) -> None:
        self.spec, self.journal = spec, journal
        self.device = device_setup.device_of(spec)
        self.precision = device_setup.precision_of(spec, self.device)
        if self.device.type == "cuda":
            journal.gauges.watch_gpu(str(torch.cuda.get_device_properties(self.device).uuid))

        # Data: on the device once, in the type that the first convolution reads.
        self.digits = data.load(self.device, self.precision, spec.limit, spec.data, spec.data_dir, self._still_loading)
        self.images = len(self.digits.train_images)
        self.batches = -(-self.images // spec.batch_size)  # the last one may be smaller

        # Model. One seed draws the weights, a generator of its own the order of the images.
        torch.manual_seed(spec.seed)
        self.network = model.build(self.device)
        self.optimizer = optim.build(spec.optimizer, self.network, spec.hyperparameters)
        full_batch = self.digits.batch(torch.arange(min(spec.batch_size, self.images), device=self.device))
        self.gradients = gradients.fastest(self.by_autograd, self.network, *full_batch)
        self.sampler = torch.Generator().manual_seed(spec.seed)
        self.epoch_start = self.sampler.get_state()  # from it the epoch's order is drawn again
        self.layers = LayerWatch(self.network)

        self.progress = Progress()
        self.pending: list[Tensor] = []  # losses not yet fetched from the device
        self.sampled = -SAMPLE_SECONDS  # when the sample digits were last told: the first time soon
        self.ending: tuple[State, str] | None = None
        self.keep = True  # whether an order to end wants a checkpoint
        self.sound = False  # whether checkpoint.pt is known to be whole
        self.kept: int | None = None  # its step
        self.unsaved = ""  # why there is no newer one
        if journal.run.has_checkpoint:
            self.restore()
        self.saved = time.perf_counter()  # when a checkpoint was last written, or tried to be
        if spec.tensorboard:
            writer = tensorboard_log.open_writer(journal.run.path / "tensorboard", self.progress.step)
            journal.listeners.append(tensorboard_log.TensorboardLog(writer).take)

    def _still_loading(self, text: str) -> None:
        """A download goes on: show it as the run's state, and end it when told to."""
        self.journal.become("starting", text)
        if ending := self.journal.told_to_end():
            raise EndedEarlyError(*ending)

    def run(self) -> tuple[State, str]:
        """Train to the end, or until told otherwise; the end's state and its reason."""
        spec, progress = self.spec, self.progress
        self._start()
        while progress.epoch < spec.epochs and not self.ending:
            self.train_epoch()
            if not self.ending:
                self.end_epoch()
        if self.ending:
            if self.ending[0] == "stopped" and self.keep and not self.save():
                return "stopped", f"{self.ending[1]}, but {self.unsaved}"
            return self.ending
        done = f"epoch {spec.epochs} of {spec.epochs} done"
        # A finished run is never resumed: without its last checkpoint what it has learned would be gone.
        return ("failed", f"{done}, but {self.unsaved}") if self.unsaved else ("finished", done)

    def _start(self) -> None:
        self.journal.step, self.journal.epoch = self.progress.step, self.progress.epoch
        self.journal.tell(
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
        self.journal.become("running")
        if not self.sound:  # so that from the first step on there is something to continue from
            self.save()

    # The loop.

    def train_epoch(self) -> None:
        """The rest of the epoch at hand, batch by batch; stops early when told to, between two steps."""
        spec, progress, digits = self.spec, self.progress, self.digits
        order = torch.randperm(self.images, generator=self.sampler).to(self.device)
        began = told = time.perf_counter()
        for index in data.parts(order, spec.batch_size)[progress.batch :]:
            paused = self.obey()
            began += paused
            if self.ending:
                break
            if measured := self.layers.wants(progress.batch, self.batches):
                self.layers.before_step()
            self.pending.append(self.train_step(*digits.batch(index)))
            if measured:
                self.layers.after_step()
            progress.batch += 1
            progress.step += 1
            now = time.perf_counter()
            if now - told >= REPORT_SECONDS:
                told = now
                if not self.report():
                    break
                if now - self.sampled >= SAMPLE_SECONDS:
                    self.tell_samples()
                if now - self.saved >= CHECKPOINT_SECONDS:
                    progress.seconds += now - began
                    self.save()
                    began = time.perf_counter()
        self.report()
        progress.seconds += time.perf_counter() - began

    def train_step(self, images: Tensor, labels: Tensor) -> Tensor:
        """One step; the loss (a scalar, mean over the batch) stays on the device, so a GPU is never waited for."""
        loss = self.gradients(images, labels)
        self.optimizer.step()
        return loss

    def by_autograd(self, images: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch; its gradients are in the weights' `grad`."""
        loss = functional.cross_entropy(self.scores(images), labels)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def scores(self, images: Tensor) -> Tensor:
        """The network's scores (n, 10) in float32, computed in the run's precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            scores: Tensor = self.network(images)
        return scores.float()

    def end_epoch(self) -> None:
        """Test, tell, and checkpoint."""
        progress = self.progress
        train_seconds = progress.seconds
        began = time.perf_counter()
        judged = self.test()
        seconds = train_seconds + time.perf_counter() - began
        train_loss = progress.loss_sum / self.images
        progress.epoch += 1
        progress.batch, progress.loss_sum, progress.seconds = 0, 0.0, 0.0
        self.epoch_start = self.sampler.get_state()
        speed = self.images / max(train_seconds, 1e-9)
        self._show(judged)
        self.journal.epoch = progress.epoch
        self.journal.tell(
            Epoch(*self._now(), progress.epoch, train_loss, judged.loss, judged.accuracy, seconds, speed),
        )
        if layers := self.layers.summary(progress.step):
            self.journal.tell(layers)
        self.tell_samples()
        self.save()

    def _show(self, judged: evaluation.Evaluation) -> None:
        """Leave what the test has to show; without it there are still the numbers."""
        path, filters = self.journal.run.evaluation, next(self.network.parameters())
        try:
            evaluation.write(path, judged, self.digits, filters, self.progress.epoch)
        except OSError as error:
            self.journal.trouble("evaluation", f"{path.name} is of an earlier epoch", error)
        else:
            self.journal.trouble("evaluation")

    @torch.no_grad()
    def test(self) -> evaluation.Evaluation:
        """The network's answers to all test images."""
        scores = torch.cat([self.scores(some) for some in data.parts(self.digits.test_images, TEST_CHUNK)])
        return evaluation.judge(scores, self.digits.test_labels)

    # What is told.

    def _now(self) -> tuple[float, int]:
        return time.time(), self.progress.step

    def report(self) -> bool:
        """Fetch the losses since the last report and tell them; False when one of them is not finite: the end."""
        if not self.pending:
            return True
        progress = self.progress
        fetched = torch.stack(self.pending).float()
        self.pending.clear()
        first, batch = progress.step - len(fetched) + 1, progress.batch - len(fetched)
        bad = (~fetched.isfinite()).nonzero()
        if len(bad):
            progress.diverged_at = progress.step = first + int(bad[0])
            fetched = fetched[: int(bad[0]) + 1]
            self.ending = ("failed", f"diverged at step {progress.step}: the loss is not finite")
        # Nine digits carry a float32 whole and keep the file small.
        losses = [float(f"{loss:.9g}") for loss in fetched.tolist()]
        for offset, loss in enumerate(losses):
            progress.loss_sum += loss * self._batch_length(batch + offset)
        self.journal.step = progress.step
        self.journal.tell(Steps(*self._now(), tuple(losses)))
        if len(bad):
            self.journal.tell(Diverged(*self._now()))
        return not len(bad)

    def _batch_length(self, batch: int) -> int:
        return min(self.spec.batch_size, self.images - batch * self.spec.batch_size)

    @torch.no_grad()
    def tell_samples(self) -> None:
        """What the network takes the ten sample digits for, and how surely."""
        self.sampled = time.perf_counter()
        surest = self.scores(self.digits.sample_images).softmax(1).max(1)
        self.journal.tell(
            Sample(
                *self._now(),
                self.digits.sample_labels,
                tuple(surest.indices.tolist()),
                tuple(round(confidence, 6) for confidence in surest.values.tolist()),
            )
        )

    # What is obeyed.

    def obey(self) -> float:
        """Carry out the new orders; while paused, wait here for the next. The seconds spent waiting."""
        paused_at = 0.0
        waited = 0.0
        while True:
            orders = self.journal.orders()
            for number, order in enumerate(orders, 1):
                match order["command"]:
                    case "stop":
                        self.ending = ("stopped", str(order.get("reason", "asked to stop")))
                    case "kill":
                        self.ending, self.keep = ("stopped", "asked to end at once, without a checkpoint"), False
                    case "set":
                        self.change(order.get("name"), order.get("value"))
                    case "pause" if not paused_at:
                        paused_at = time.perf_counter()
                        self.report()
                        self.journal.tell(Paused(*self._now()))
                        self.journal.become("paused")
                    case "resume" if paused_at:
                        waited += time.perf_counter() - paused_at
                        paused_at = 0.0
                        self.journal.tell(Resumed(*self._now()))
                        self.journal.become("running")
                if self.ending:
                    self.journal.too_late(orders[number:])
                    break
            if self.ending or not paused_at:
                return waited + (time.perf_counter() - paused_at if paused_at else 0.0)
            time.sleep(PAUSE_SECONDS)

    def change(self, name: Any, value: Any) -> None:
        """Turn one hyperparameter; an order that makes no sense is noted in worker.log and left."""
        try:
            value = check_setting(self.spec.optimizer, str(name), float(value))
            optim.set_hyperparameter(self.optimizer, str(name), value)
        except (ValueError, TypeError, OverflowError) as error:
            note(f"cannot set {name} to {value}: {error}")
            return
        self.report()  # the losses before the change are told before it
        self.journal.tell(Changed(*self._now(), str(name), value))

    # The checkpoint.

    def save(self) -> bool:
        """Replace checkpoint.pt by the state after the last step: whole, or the old one stays and False is told.

        The one before stays too, as checkpoint.old.pt: whatever happens to a file, it has not happened to that.
        """
        run = self.journal.run
        state = {
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "sampler": self.epoch_start,
            "rng": torch.get_rng_state(),
            "progress": vars(self.progress),
            "layers": self.layers.measured,
        }
        packed = io.BytesIO()
        torch.save(state, packed)
        self.saved = time.perf_counter()
        self.journal.sync()  # no checkpoint of steps that are not told
        try:
            older = run.older_checkpoint if self.sound else None  # a damaged one must not take the place of a good one
            files.write_atomically(run.checkpoint, packed.getvalue(), durable=True, older=older)
        except OSError as error:
            last = "there is no checkpoint" if self.kept is None else f"the last checkpoint is of step {self.kept}"
            self.unsaved = f"{last} ({error.strerror})"
            self.journal.trouble("checkpoint", last, error)
            return False
        self.sound, self.kept, self.unsaved = True, self.progress.step, ""
        self.journal.trouble("checkpoint")
        self.journal.tell(Checkpointed(*self._now(), str(run.checkpoint)))
        return True

    def restore(self) -> None:
        """Take up the checkpoint, or the one before when it is damaged. ValueError with one line when none is whole."""
        run, problems = self.journal.run, []
        for path in (run.checkpoint, run.older_checkpoint):
            try:
                self._take_up(files.read_regular(path, MOST_CHECKPOINT))
            except FileNotFoundError:
                continue
            except Exception as error:  # torch.load raises nearly anything for a damaged file
                problems.append(f"{path}: {in_words(error)}")
                continue
            self.sound, self.kept = path == run.checkpoint, self.progress.step
            if problems:
                said = f"goes on from the checkpoint before, of step {self.kept}: cannot continue from {problems[0]}"
                self.journal.trouble("checkpoint", said)
            return
        if problems:
            raise ValueError(f"cannot continue from {'; '.join(problems)}")

    def _take_up(self, packed: bytes) -> None:
        """Become what a checkpoint holds. torch reads its zip file without a look at the checksums."""
        with zipfile.ZipFile(io.BytesIO(packed)) as file:
            if (damaged := file.testzip()) is not None:
                raise ValueError(f"{damaged} in it is damaged")
        state = torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch_start = state["sampler"]
        self.sampler.set_state(self.epoch_start)
        torch.set_rng_state(state["rng"])
        self.progress = Progress(**state["progress"])
        self.layers.measured = [measured.to(self.device) for measured in state["layers"]]


def in_words(error: BaseException) -> str:
    """What went wrong in one line; for want of memory in plain words, for torch's are a page."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, torch.OutOfMemoryError):
        return f"out of GPU memory, a smaller batch needs less: {text[:200]}"
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        asked = re.search(r"allocate (\d+) bytes", text)
        return "out of memory, a smaller batch needs less" + (f": {int(asked[1]) / 1e6:,.0f} MB more" if asked else "")
    if "could not create a primitive" in text:  # oneDNN's word for it, and for little else
        return f"out of memory, it seems: {text[:200]}"
    return text[:300] if text else type(error).__name__


def train(journal: Journal, tune: Callable[[torch.device], None] = lambda device: None) -> tuple[State, str]:
    """Train the journal's run and tell its end: state and reason. Never raises for what goes wrong in training."""
    training = None
    state: State
    try:
        spec = check_spec(journal.run.spec())
        tune(device_setup.device_of(spec))
        training = Training(spec, journal)
        state, reason = training.run()
    except EndedEarlyError as told:
        state, reason = told.args
    except Exception as error:
        note_error()
        state, reason = "failed", in_words(error)
    journal.step = training.progress.step if training else journal.step
    journal.end(state, reason)
    return state, reason
