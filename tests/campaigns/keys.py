"""The long campaign of random keys, mouse, pastes, resizes and events of runs: `python tests/campaigns/keys.py --help`.

A part of it runs with the tests (tests/ui/test_random_keys.py). A failure prints the last events, and writes all of
them into a file for `--replay`.
"""

import argparse
import asyncio
import collections
import gc
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from any_events import MODES, Session, any_event  # noqa: E402
from invariants import check_app  # noqa: E402

KNOWN_KEY_EVERY = 100  # events between two checks with a known key
WHOLE_EVERY = 10  # events between two checks of the composed screen
A_MOMENT = 0.3  # seconds
SHOWN = 25  # of the last events before a failure


async def campaign(mode, seed, events, folder, real=False, replay=None, hurried=0.1):
    """Do so many events in a mode, windows included, and report the events and their times."""
    chance = random.Random(f"{mode} {seed}")
    report = Report(mode, seed)
    async with Session(folder, mode=mode, real=real) as session:
        if real:
            session._run("new", 0)
        while report.counts["in the mode"] < events if replay is None else len(report.done) < len(replay):
            event = any_event(chance, session) if replay is None else tuple(replay[len(report.done)])
            report.record(event, session)
            try:
                hurry = replay is None and chance.random() < hurried
                report.record_time(event, await session.do(event, hurry=hurry))
                if session.calm and not hurry:
                    await check(session, report)
                if len(report.done) % KNOWN_KEY_EVERY == 0:
                    await a_known_key_answers(session)
                    report.record_size()
            except Exception as error:
                report.failure = session.app._exception or error
                break
            if real:
                await asyncio.sleep(0.005)  # the processes need the time
        report.end(session)
        session.app._exception = None  # it is reported, and need not be raised again
    return report


async def check(session, report):
    """Check the invariants now; if one fails, again a moment later, when threads and timers have finished."""
    whole = len(report.done) % WHOLE_EVERY == 0
    try:
        check_app(session.app, whole)
    except AssertionError:
        await asyncio.sleep(A_MOMENT)
        await session.settled()
        check_app(session.app, whole)
        report.counts["a moment late"] += 1


async def a_known_key_answers(session):
    """`esc` closes windows, and `?` opens the keys, in every mode."""
    app = session.app
    for _ in range(20):
        if not session.in_a_window:
            break
        await session.do(("key", "escape"))
    assert not session.in_a_window, f"{app.screen} does not close"
    await session.do(("key", "?"))
    assert session.in_a_window, "no answer"
    await session.do(("key", "escape"))


class Report:
    """The events of a campaign, and the times that they took."""

    def __init__(self, mode, seed):
        self.mode, self.seed = mode, seed
        self.done, self.counts, self.windows = [], collections.Counter(), collections.Counter()
        self.times, self.sizes, self.failure = [], [], None
        self._began = time.perf_counter()

    def record(self, event, session):
        """Record an event before it happens, with its mode and window."""
        self.done.append(event)
        self.counts[event[0]] += 1
        self.counts["in the mode"] += self.mode == session.base.MODE
        if session.in_a_window:
            self.windows[type(session.app.screen).__name__] += 1

    def record_time(self, event, seconds):
        """Record the time that an event took."""
        self.times.append((seconds, event))

    def record_size(self):
        """Record the memory and the open files of the process."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1]) if os.path.exists("/proc/self/statm") else 0
        self.sizes.append((pages * resource.getpagesize() >> 20, len(os.listdir("/proc/self/fd")) if pages else 0))

    def end(self, session):
        """Record the total time and the exported files."""
        self.seconds = time.perf_counter() - self._began
        self.exports = len(list(session.exports.iterdir()))

    def line(self):
        """A row of the table."""
        kinds = " ".join(f"{kind} {self.counts[kind]}" for kind in sorted(self.counts) if kind != "in the mode")
        windows = " ".join(f"{name} {count}" for name, count in self.windows.most_common())
        slow = sorted(self.times, reverse=True, key=lambda each: each[0])
        late = sum(seconds > 0.05 for seconds, _ in self.times)
        fifths = [self.sizes[(len(self.sizes) - 1) * i // 5] for i in range(1, 6)] if self.sizes else [(0, 0)]
        rows = [
            f"{self.mode:10} seed {self.seed:<5} {len(self.done):6} events, {self.counts['in the mode']:6} in the mode "
            f"or its windows, {self.seconds:6.0f} s, {self.exports} files: {'FAILED' if self.failure else 'sound'}",
            f"    {kinds}",
            f"    in windows: {windows}",
            f"    {late} took more than 50 ms; the slowest: "
            + ", ".join(f"{seconds * 1000:.0f} ms {str(event)[:60]}" for seconds, event in slow[:4]),
            f"    memory after each fifth {', '.join(f'{size} MB' for size, _ in fifths)}; "
            f"files open {', '.join(str(count) for _, count in fifths)}",
        ]
        return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="in each mode")
    parser.add_argument("--seed", type=int, action="append", help="may be given several times")
    parser.add_argument("--mode", choices=[*MODES, "all"], default="all")
    parser.add_argument("--real", action="store_true", help="with real training processes, in the training mode")
    parser.add_argument("--replay", type=Path, help="do the events of this file again")
    asked = parser.parse_args()
    modes = ["train"] if asked.real else list(MODES) if asked.mode == "all" else [asked.mode]
    replay = json.loads(asked.replay.read_text()) if asked.replay else None
    failures = 0
    for mode in modes:
        for seed in asked.seed or [0]:
            with tempfile.TemporaryDirectory(prefix="adam-tui-keys-") as folder:
                report = asyncio.run(campaign(mode, seed, asked.events, Path(folder), asked.real, replay))
            print(report.line(), flush=True)
            if report.failure is not None:
                failures += 1
                file = Path(tempfile.gettempdir()) / f"adam-tui-keys-{mode}-{seed}.json"
                file.write_text(json.dumps(report.done))
                import traceback

                traceback.print_exception(report.failure)
                print(f"the last of {len(report.done)} events, all of them in {file}:")
                print("\n".join(f"    {str(event)[:150]}" for event in report.done[-SHOWN:]))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
