"""Training without a screen: the same worker and the same run directory, told on a stream. No torch in this process.

On a terminal a progress bar; piped, one plain line an epoch, or metrics.jsonl's own lines. Ctrl-C asks the worker to
finish its step and write a checkpoint; a second Ctrl-C kills it. A run that somebody else started is only watched.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

import click

from adam_tui.engine.numbers import format_duration
from adam_tui.runs import directory
from adam_tui.runs.directory import Follower, Run, Status
from adam_tui.runs.protocol import Ended, Epoch, Event, RunSpec, Started, Steps, from_line
from adam_tui.runs.report import epoch_line
from adam_tui.runs.status import WITHOUT_A_WORD
from adam_tui.terminal.sanitize import sanitize

POLL_SECONDS = 0.1
INTERRUPTED = 130  # the exit code that shells give for Ctrl-C
LONGEST_SILENCE = 120.0  # seconds between two reports; a clock that jumps makes more of them
LOG_LINES = 5  # of worker.log, when the worker dies without a word


def train(spec: RunSpec, runs: Path, output_format: Literal["text", "jsonl"], stream: TextIO) -> int:
    """Train a new run in `runs` to its end and tell it on `stream`; the exit code, 0 or 1 when it failed.

    `stream` gets the results; what a person must know besides (where the run is, why it failed) goes to stderr.
    """
    return follow(directory.create(spec, runs), output_format, stream)


def follow(run: Run, output_format: Literal["text", "jsonl"], stream: TextIO) -> int:
    """Start a run's worker, or continue it from its checkpoint, and tell it to its end; the exit code."""
    teller = _teller(run, output_format, stream)
    follower = Follower(run)
    follower.skip()  # what an earlier process told
    worker = directory.start_worker(run, detached=False)
    try:
        with _interrupts(run, worker) as asked:
            end = _relay(follower, teller, lambda: worker.poll() is not None, asked)
    except BrokenPipeError:  # `| head`: nobody reads on, so nobody wants it trained
        _stop(run, worker, "nobody reads on")
        worker.wait()
        raise
    finally:
        teller.close()
    return _judge(run, end, worker.poll())


def watch(run: Run, output_format: Literal["text", "jsonl"], stream: TextIO) -> int:
    """Tell somebody else's run from its beginning to its end, as it comes; the exit code. Ctrl-C only looks away."""
    teller = _teller(run, output_format, stream)
    try:
        end = _relay(Follower(run), teller, lambda: not run.status().alive, [])
    except KeyboardInterrupt:
        _tell(f"{run.id} goes on without being watched")
        return INTERRUPTED
    finally:
        teller.close()
    return _judge(run, end)


def _relay(follower: Follower, teller: _Lines, is_over: Callable[[], bool], asked: list[int]) -> Ended | None:
    """Tell every event until the process is gone and all is read; the end that it told, if it did."""
    end: Ended | None = None
    while True:
        over = is_over()  # before the last look, so that nothing is missed
        lines = follower.poll_lines()
        for line in lines:
            event = from_line(line)
            teller.tell(line, event)
            if isinstance(event, Started | Ended):
                end = event if isinstance(event, Ended) else None
        if over and not lines:
            return end
        if not lines:
            teller.wait(asked)
            time.sleep(POLL_SECONDS)


def _judge(run: Run, end: Ended | None, status: int | None = None) -> int:
    """Say how it ended where it did not simply finish; the exit code. `status` is the worker's, if it is known."""
    if end is None:
        killed = f" (by signal {-status})" if status is not None and status < 0 else ""
        _tell(f"{run.id}: the training process is gone without a word{killed}; see {run.path / 'worker.log'}")
        if tail := run.log_tail(LOG_LINES):
            _tell(tail)
        else:
            _tell(WITHOUT_A_WORD)
        return 1
    if end.state != "finished":
        _tell(f"{run.id} {end.state}: {end.reason}")
    return 1 if end.state == "failed" else 0


def _tell(text: str) -> None:
    """What a person must know beside the results."""
    click.echo(sanitize(text), err=True)


def _stop(run: Run, worker: subprocess.Popen[bytes], reason: str) -> None:
    """Ask for a stop with a checkpoint; by signal where nothing can be written."""
    try:
        run.command("stop", reason=reason)
    except OSError:
        worker.terminate()


@contextlib.contextmanager
def _interrupts(run: Run, worker: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Turn Ctrl-C and SIGTERM into a stop with a checkpoint, the second one into a kill; yields those that came."""
    asked: list[int] = []

    def interrupt(number: int, frame: Any) -> None:
        asked.append(number)
        if len(asked) == 1:
            _stop(run, worker, signal.Signals(number).name)
        else:
            worker.kill()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _teller(run: Run, output_format: Literal["text", "jsonl"], stream: TextIO) -> _Lines:
    if output_format == "jsonl":
        return _Lines(run, stream)
    return _Bar(run, stream) if stream.isatty() else _Plain(run, stream)


class _Lines:
    """metrics.jsonl as it comes."""

    def __init__(self, run: Run, stream: TextIO) -> None:
        self.run, self.stream = run, stream
        self.noted = ""

    def tell(self, line: str, event: Event | None) -> None:
        """One line."""
        if event is not None:  # a torn line of a killed process is nobody's
            self.stream.write((sanitize(line) if self.stream.isatty() else line) + "\n")
            self.stream.flush()

    def wait(self, asked: list[int]) -> None:
        """Nothing new: say once what it waits for, if it does, or what is wrong with it."""
        status = self.run.status()
        if status.alive and status.reason:
            self.note(status)

    def note(self, status: Status) -> None:
        """A queue, a download or a trouble, each in one line and not again as it goes on."""
        subject = " ".join(status.reason.split()[:2])
        if subject != self.noted:
            self.noted = subject
            hint = " (--no-queue starts a run at once)" if status.state == "queued" else ""
            _tell(f"{self.run.id} {status.state}: {status.reason}{hint}")

    def close(self) -> None:
        """The end."""


class _Plain(_Lines):
    """One line an epoch, for a log file."""

    def __init__(self, run: Run, stream: TextIO) -> None:
        super().__init__(run, stream)
        self.epochs = run.spec().epochs

    def tell(self, line: str, event: Event | None) -> None:
        """One event, when it is worth a line."""
        if isinstance(event, Started):
            where = "starts" if event.step == 0 else f"continues at step {event.step}"
            self.say(f"{self.run.id} {where} on {event.device} in {event.precision}: {self.run.path}")
        elif isinstance(event, Epoch):
            self.say(epoch_line(event, self.epochs))
        elif isinstance(event, Ended) and event.state == "finished":
            self.say(f"{self.run.id} finished: {event.reason}")

    def say(self, text: str) -> None:
        """One line on the stream."""
        click.echo(sanitize(text), file=self.stream)


class _Bar(_Plain):
    """The same lines on a terminal, and below them a bar of the whole run: epoch, loss, images a second, time left."""

    def __init__(self, run: Run, stream: TextIO) -> None:
        super().__init__(run, stream)
        self.bar: Any = None
        self.item = ""

    def tell(self, line: str, event: Event | None) -> None:
        """One event: the bar moves, and steps aside for a line."""
        if isinstance(event, Started):
            self._aside()
            super().tell(line, event)
            self._begin(event)
        elif isinstance(event, Steps) and self.bar:
            self._move(event)
        elif isinstance(event, Epoch | Ended):
            self._aside()
            super().tell(line, event)

    def _begin(self, event: Started) -> None:
        self.start = event
        self.last: Event = event
        self.worked = 0.0
        self.steps = event.steps_per_epoch * self.epochs
        # Twelve cells wide, so that the whole line stays under 80 columns; click's own estimate of the time left
        # would count the steps of earlier processes as done in no time.
        self.bar = click.progressbar(
            length=self.steps, file=self.stream, show_eta=False, width=12, item_show_func=lambda _: self.item
        )
        self.bar.__enter__()
        self.bar.update(event.step)

    def _move(self, event: Steps) -> None:
        epoch = min((event.step - 1) // self.start.steps_per_epoch + 1, self.epochs)
        seconds = event.time - self.last.time
        if not 0 < seconds < LONGEST_SILENCE:  # a clock was set: as long as at the pace so far
            seconds = (event.step - self.last.step) * self.worked / max(self.last.step - self.start.step, 1)
        self.worked += seconds
        speed = (event.step - self.last.step) / max(seconds, 1e-3) * self.start.spec.batch_size
        left = (self.steps - event.step) * self.worked / max(event.step - self.start.step, 1)
        pace = f"{speed:,.0f} img/s  {format_duration(left)} left"
        self.item = f"epoch {epoch}/{self.epochs}  loss {event.losses[-1]:.4f}  {pace}"
        self.bar.update(event.step - self.last.step)
        self.last = event

    def _aside(self) -> None:
        """Clear the bar's line, for one that stays."""
        self.stream.write("\r\x1b[2K")

    def wait(self, asked: list[int]) -> None:
        """Nothing new: say at least that Ctrl-C was heard."""
        super().wait(asked)
        heard = "stopping after this step; Ctrl-C again kills"
        if asked and self.bar and self.item != heard:
            self.item = heard
            self._aside()
            self.bar.render_progress()

    def note(self, status: Status) -> None:
        """A queue or a download, on one line that changes as it goes on; a trouble on one that stays."""
        if status.state not in ("queued", "starting"):
            self._aside()
            super().note(status)
            return
        text = sanitize(f"{self.run.id} {status.state}: {status.reason}")
        if text != self.noted:
            self.noted = text
            self._aside()
            self.stream.write(text[: shutil.get_terminal_size().columns - 1])
            self.stream.flush()

    def close(self) -> None:
        """Leave a clear line and the cursor visible."""
        if self.bar or self.noted:
            self._aside()
            self.stream.write("\x1b[?25h")
            self.stream.flush()
