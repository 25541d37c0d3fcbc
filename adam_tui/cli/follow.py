"""Prints a run's progress to a stream: a bar on a terminal, a line an epoch in a pipe, or metrics.jsonl's own lines.

`train` and `follow` start the worker process and wait for it; Ctrl-C asks it to finish its step and write a checkpoint,
a second Ctrl-C kills it. `watch` only reads the files of a run that another process started. No torch in this process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import click

from adam_tui.cli.errors import INTERRUPTED
from adam_tui.engine.numbers import format_duration, format_loss
from adam_tui.runs import control, directory, files
from adam_tui.runs.device_use import sweep_on
from adam_tui.runs.follower import Follower
from adam_tui.runs.protocol import Ended, Epoch, Event, RunSpec, Started, Steps, from_line
from adam_tui.runs.report import epoch_line
from adam_tui.runs.run import Run
from adam_tui.runs.run_label import Label
from adam_tui.runs.status import DELETED, GONE_SECONDS, KILLED_FROM_OUTSIDE, Status
from adam_tui.terminal.sanitize import sanitize

OutputFormat = Literal["text", "jsonl"]

POLL_SECONDS = 0.1
CHECKPOINT_SECONDS = 5.0  # a process whose directory was moved needs this long at most for its last checkpoint
LONGEST_SILENCE = 120.0  # seconds between two reports; a larger difference means that the clock was changed
LOG_LINES = 5  # of worker.log, printed when the worker ends without a final event
BAR_WIDTH = 12  # cells; with it the whole line stays below 80 columns
DEFAULT_COLUMNS = 80
CLEAR_LINE, HIDE_CURSOR, SHOW_CURSOR = "\r\x1b[2K", "\x1b[?25l", "\x1b[?25h"
STOPPING = "stopping after this step; Ctrl-C again kills"


def train(spec: RunSpec, runs: Path, output_format: OutputFormat, stream: TextIO, label: Label | None = None) -> int:
    """Create a run in `runs` and train it to its end, with its progress on `stream`; the exit status: 1 if it failed.

    Messages for the user, such as why the run failed, go to stderr.
    """
    return follow(directory.create(spec, runs, label), output_format, stream, " (--after-sweeps waits for it)")


def follow(run: Run, output_format: OutputFormat, stream: TextIO, beside_sweep: str = "") -> int:
    """Start a run's worker, or continue the run from its checkpoint, and print its progress; the exit status.

    `beside_sweep` ends the message that a sweep trains on the same device.
    """
    with contextlib.suppress(ValueError):  # the process itself reports an unreadable specification
        spec = run.spec()
        if not spec.after_sweeps and (sweep := sweep_on(run.path.parent, spec.device)):
            _print_message(f"{sweep} trains on this device too: both are slower{beside_sweep}")
    reporter = make_reporter(run, output_format, stream)
    follower = run.follow()
    follower.skip()  # events of an earlier process
    folder = files.open_folder(run.path)
    worker = control.start_worker(run, detached=False)
    try:
        with stop_on_interrupt(run, worker) as signals:
            end = _report_events(follower, reporter, lambda: worker.poll() is not None, signals)
    except BrokenPipeError:  # `| head`: without a reader the run stops
        _stop(run, worker, "the reader of its output has gone")
        worker.wait()
        raise
    finally:
        reporter.close()
    return _report_end(run, end, folder, worker.poll())


def watch(run: Run, output_format: OutputFormat, stream: TextIO) -> int:
    """Print a run from its first event to its end, as it grows; the exit status. Ctrl-C does not stop the run."""
    reporter = make_reporter(run, output_format, stream)
    folder = files.open_folder(run.path)
    try:
        end = _report_events(run.follow(), reporter, _end_detector(run), [])
    except KeyboardInterrupt:
        _print_message(f"{run.id} continues without being watched")
        return INTERRUPTED
    finally:
        reporter.close()
    return _report_end(run, end, folder)


def _end_detector(run: Run) -> Callable[[], bool]:
    """A function that tests whether the run has ended; a missing directory is no end before its process ends too."""
    missing_since: float | None = None

    def has_ended() -> bool:
        nonlocal missing_since
        if os.path.exists(run.path):
            missing_since = None
            return not run.status().alive
        if missing_since is None:
            missing_since = time.monotonic()
        return time.monotonic() - missing_since > GONE_SECONDS + CHECKPOINT_SECONDS

    return has_ended


def _report_events(
    follower: Follower, reporter: JsonLines, is_over: Callable[[], bool], signals: list[int]
) -> Ended | None:
    """Report every event until the process has ended and its file is read; its final event, if it wrote one."""
    end: Ended | None = None
    while True:
        over = is_over()  # asked before the last read, so that no event is missed
        lines = follower.poll_lines()
        for line in lines:
            event = from_line(line)
            reporter.report(line, event)
            if isinstance(event, Started | Ended):
                end = event if isinstance(event, Ended) else None
        if over and not lines:
            return end
        if not lines:
            reporter.idle(signals)
            time.sleep(POLL_SECONDS)


def _report_end(run: Run, end: Ended | None, folder: int, status: int | None = None) -> int:
    """Print how a run ended, unless it finished; the exit status.

    `folder` is the run's open directory, which is closed; `status` is the worker's own, where it is known.
    """
    id, moved = run.id, None
    if end is None and not os.path.exists(run.path):
        moved = files.current_path(folder)
        if moved is None:
            end = Ended(time.time(), 0, "stopped", DELETED)
        else:
            run = Run(moved)
            for event in run.events(Started, Ended):
                end = event if isinstance(event, Ended) else None
    if folder >= 0:
        os.close(folder)
    if end is None and moved is not None:
        _print_message(f"{id} stopped: the run's directory is gone: it was moved to {moved}")
        return 1
    if end is None:
        killed = f" (by signal {-status})" if status is not None and status < 0 else ""
        log = run.path / "worker.log"
        _print_message(f"{id}: the training process ended without a report{killed}; see {log}")
        _print_message(run.log_tail(LOG_LINES) or KILLED_FROM_OUTSIDE)
        return 1
    if end.state != "finished":
        _print_message(f"{id} {end.state}: {end.reason}")
    return 1 if end.state == "failed" else 0


def _print_message(text: str) -> None:
    """Print a message to stderr, beside the results."""
    click.echo(sanitize(text), err=True)


def _stop(run: Run, worker: subprocess.Popen[bytes], reason: str) -> None:
    """Ask the worker to stop with a checkpoint; by signal where control.jsonl cannot be written."""
    try:
        run.command("stop", reason=reason)
    except OSError:
        worker.terminate()


@contextlib.contextmanager
def stop_on_interrupt(run: Run, worker: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Stop the worker with a checkpoint at the first SIGINT or SIGTERM, kill it at the second.

    SIGUSR1, a warning that Slurm sends to all processes of a job, stops it and never kills. Yields the list of the
    signals received so far.
    """
    received: list[int] = []
    warning = getattr(signal, "SIGUSR1", None)

    def handle(number: int, frame: Any) -> None:
        received.append(number)
        if number == warning or len([each for each in received if each != warning]) == 1:
            _stop(run, worker, signal.Signals(number).name)
        else:
            worker.kill()

    numbers = [signal.SIGINT, signal.SIGTERM, *([warning] if warning else [])]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_reporter(run: Run, output_format: OutputFormat, stream: TextIO) -> JsonLines:
    """The reporter for a format and a stream."""
    if output_format == "jsonl":
        return JsonLines(run, stream)
    return ProgressBar(run, stream) if stream.isatty() else PlainLines(run, stream)


class JsonLines:
    """Prints the lines of metrics.jsonl unchanged."""

    def __init__(self, run: Run, stream: TextIO) -> None:
        self.run, self.stream = run, stream
        self.shown_reason = ""

    def report(self, line: str, event: Event | None) -> None:
        """Print one event. `event` is None for a torn line of a killed process, which is left out."""
        if event is not None:
            self.stream.write((sanitize(line) if self.stream.isatty() else line) + "\n")
            self.stream.flush()

    def idle(self, signals: list[int]) -> None:
        """Called while no event arrives: print once what the run waits for, or its problem."""
        status = self.run.status()
        if status.alive and status.reason:
            self.show_reason(status)

    def show_reason(self, status: Status) -> None:
        """Print a queue, a download or a problem on one line, once although its numbers change."""
        subject = " ".join(status.reason.split()[:2])
        if subject != self.shown_reason:
            self.shown_reason = subject
            waits_for_run = status.state == "queued" and not status.reason.startswith("waits for sweep-")
            hint = " (--no-queue starts a run at once)" if waits_for_run else ""
            _print_message(f"{self.run.id} {status.state}: {status.reason}{hint}")

    def close(self) -> None:
        """Finish the output."""


class PlainLines(JsonLines):
    """Prints one line an epoch, for a log file."""

    def __init__(self, run: Run, stream: TextIO) -> None:
        super().__init__(run, stream)
        self.epochs = run.spec().epochs

    def report(self, line: str, event: Event | None) -> None:
        """Print the start, an epoch or the end."""
        if isinstance(event, Started):
            verb = "starts" if event.step == 0 else f"continues at step {event.step}"
            self.print_line(f"{self.run.id} {verb} on {event.device} in {event.precision}: {self.run.path}")
        elif isinstance(event, Epoch):
            self.print_line(epoch_line(event, self.epochs))
        elif isinstance(event, Ended) and event.state == "finished":
            self.print_line(f"{self.run.id} finished: {event.reason}")

    def print_line(self, text: str) -> None:
        """Print one line to the stream."""
        click.echo(sanitize(text), file=self.stream)


class ProgressBar(PlainLines):
    """Prints the same lines on a terminal, above a bar of the whole run: epoch, loss, images a second, time left."""

    def __init__(self, run: Run, stream: TextIO) -> None:
        super().__init__(run, stream)
        self.figures: tuple[str, ...] = ()  # right of the bar
        self.share = 0.0
        self.has_begun = False

    def report(self, line: str, event: Event | None) -> None:
        """Move the bar, or clear it for a line that stays."""
        if isinstance(event, Started):
            self._clear_line()
            super().report(line, event)
            self._begin(event)
        elif isinstance(event, Steps) and self.has_begun:
            self._advance(event)
        elif isinstance(event, Epoch | Ended):
            self._clear_line()
            super().report(line, event)

    def _begin(self, event: Started) -> None:
        self.start = event
        self.last: Event = event
        self.worked = 0.0  # seconds of training since the start event
        self.steps = event.steps_per_epoch * self.epochs
        self.share, self.figures, self.has_begun = event.step / max(self.steps, 1), (), True
        self.stream.write(HIDE_CURSOR)
        self._draw()

    def _advance(self, event: Steps) -> None:
        epoch = min((event.step - 1) // self.start.steps_per_epoch + 1, self.epochs)
        seconds = event.time - self.last.time
        if not 0 < seconds < LONGEST_SILENCE:  # the clock was changed: assume the average speed so far
            seconds = (event.step - self.last.step) * self.worked / max(self.last.step - self.start.step, 1)
        self.worked += seconds
        speed = (event.step - self.last.step) / max(seconds, 1e-3) * self.start.spec.batch_size
        # Only the steps of this process count: those of earlier ones took no time here.
        left = (self.steps - event.step) * self.worked / max(event.step - self.start.step, 1)
        self.share = event.step / max(self.steps, 1)
        self.figures = (
            f"epoch {epoch}/{self.epochs}",
            f"loss {format_loss(event.losses[-1])}",
            f"{speed:,.0f} img/s",
            f"{format_duration(left)} left",
        )
        self.last = event
        self._draw()

    def _draw(self) -> None:
        self._replace_line(bar_line(self.share, self.figures, self._columns() - 1))

    def _replace_line(self, text: str) -> None:
        """Write a line that the next one replaces. A longer one than the terminal would wrap, and its start stay."""
        self._clear_line()
        self.stream.write(text[: self._columns() - 1])
        self.stream.flush()

    def _clear_line(self) -> None:
        self.stream.write(CLEAR_LINE)

    def _columns(self) -> int:
        """The width of the terminal, which may have changed."""
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or DEFAULT_COLUMNS
        except OSError:  # a stream without a descriptor raises a kind of OSError too
            return DEFAULT_COLUMNS

    def idle(self, signals: list[int]) -> None:
        """Called while no event arrives: also show that a Ctrl-C was received."""
        super().idle(signals)
        if signals and self.has_begun and self.figures != (STOPPING,):
            self.figures = (STOPPING,)
            self._draw()

    def show_reason(self, status: Status) -> None:
        """Show a queue or a download on one line that is replaced, a problem on a line that stays."""
        if status.state not in ("queued", "starting"):
            self._clear_line()
            super().show_reason(status)
            return
        text = sanitize(f"{self.run.id} {status.state}: {status.reason}")
        if text != self.shown_reason:
            self.shown_reason = text
            self._replace_line(text)

    def close(self) -> None:
        """Clear the line and show the cursor again."""
        if self.has_begun or self.shown_reason:
            self._clear_line()
            self.stream.write(SHOW_CURSOR)
            self.stream.flush()


def bar_line(share: float, figures: Sequence[str], columns: int) -> str:
    """The bar with the figures right of it. Where it is wider than `columns`, first the bar goes, then the speed."""
    filled = int(share * BAR_WIDTH)
    percent = f"{int(share * 100):3}%"  # rounded down: 100% is the end
    lines = [
        [f"[{'#' * filled}{'-' * (BAR_WIDTH - filled)}]  {percent}", *figures],
        [percent.strip(), *figures],
        [percent.strip(), *figures[:2], *figures[3:]],
        [percent.strip(), *figures[-1:]],
    ]
    texts = ["  ".join(line) for line in lines]
    return next((text for text in texts if len(text) <= columns), texts[-1][: max(columns, 0)])
