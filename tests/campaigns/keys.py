"""The long campaign of random keys, mouse, pastes, resizes and happenings: `python tests/campaigns/keys.py --help`.

A part of it runs with the tests (tests/ui/test_random_keys.py). What was done last before a failure is printed, and
all of it written into a file that `--replay` does again.
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

import sound  # noqa: E402
from any_events import MODES, Session, any_event  # noqa: E402

KNOWN_KEY_EVERY = 100  # events, after which it must answer a known key
WHOLE_EVERY = 10  # events, after which all that the terminal would get is looked at
A_MOMENT = 0.3  # seconds
SHOWN = 25  # of the last events before a failure


async def campaign(mode, seed, events, folder, real=False, replay=None, hurried=0.1):
    """So many events in a mode (what happens in others and in windows counts to them): what was done, how long each."""
    chance = random.Random(f"{mode} {seed}")
    told = Told(mode, seed)
    async with Session(folder, mode=mode, real=real) as session:
        if real:
            session._run("new", 0)
        while told.counts["in the mode"] < events if replay is None else len(told.done) < len(replay):
            event = any_event(chance, session) if replay is None else tuple(replay[len(told.done)])
            told.note(event, session)
            try:
                hurry = replay is None and chance.random() < hurried
                told.took(event, await session.do(event, hurry=hurry))
                if session.calm and not hurry:
                    await is_sound(session, told)
                if len(told.done) % KNOWN_KEY_EVERY == 0:
                    await a_known_key_answers(session)
                    told.remember_size()
            except Exception as error:
                told.failure = session.app._exception or error
                break
            if real:
                await asyncio.sleep(0.005)  # the processes need the time
        told.end(session)
        session.app._exception = None  # it is told, and need not be raised once more
    return told


async def is_sound(session, told):
    """All that must hold, at once or, for what a thread or a timer of Textual's has still to do, a moment later."""
    whole = len(told.done) % WHOLE_EVERY == 0
    try:
        sound.app_is_sound(session.app, whole)
    except AssertionError:
        await asyncio.sleep(A_MOMENT)
        await session.settled()
        sound.app_is_sound(session.app, whole)
        told.counts["a moment late"] += 1


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


class Told:
    """What a campaign did, and how long it took."""

    def __init__(self, mode, seed):
        self.mode, self.seed = mode, seed
        self.done, self.counts, self.windows = [], collections.Counter(), collections.Counter()
        self.times, self.sizes, self.failure = [], [], None
        self._began = time.perf_counter()

    def note(self, event, session):
        """Before it is done: in which mode and window."""
        self.done.append(event)
        self.counts[event[0]] += 1
        self.counts["in the mode"] += self.mode == session.base.MODE
        if session.in_a_window:
            self.windows[type(session.app.screen).__name__] += 1

    def took(self, event, seconds):
        """After it was done."""
        self.times.append((seconds, event))

    def remember_size(self):
        """How much memory and how many files the process holds."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1]) if os.path.exists("/proc/self/statm") else 0
        self.sizes.append((pages * resource.getpagesize() >> 20, len(os.listdir("/proc/self/fd")) if pages else 0))

    def end(self, session):
        """What there is at the end."""
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
                told = asyncio.run(campaign(mode, seed, asked.events, Path(folder), asked.real, replay))
            print(told.line(), flush=True)
            if told.failure is not None:
                failures += 1
                file = Path(tempfile.gettempdir()) / f"adam-tui-keys-{mode}-{seed}.json"
                file.write_text(json.dumps(told.done))
                import traceback

                traceback.print_exception(told.failure)
                print(f"the last of {len(told.done)} events, all of them in {file}:")
                print("\n".join(f"    {str(event)[:150]}" for event in told.done[-SHOWN:]))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
