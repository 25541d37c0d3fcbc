"""Events of users, terminals and training processes, drawn at random and sent to the real app.

An event is a plain tuple, so that a list of them can be written down and done again. What comes from the terminal is
given to Textual as the bytes of a real one, read by its own parser: keys, the mouse, pastes, and noise.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time

from made_runs import STEPS_PER_EPOCH, MadeRun
from made_sweeps import MadeSweep
from textual._xterm_parser import XTermParser
from textual.events import Key, Resize
from textual.geometry import Size
from textual.keys import _character_to_key

from adam_tui.runs import control, directory, recipes
from adam_tui.runs.protocol import Changed, Layers
from adam_tui.sweeps import launch
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.actions import SHARED_ACTIONS
from adam_tui.ui.app import AdamApp
from adam_tui.ui.learn.actions import ACTIONS as LEARN
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground.actions import ACTIONS as PLAYGROUND
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.sweep.actions import ACTIONS as SWEEP
from adam_tui.ui.train import screen as train_screen
from adam_tui.ui.train.actions import ACTIONS as TRAIN

MODES = {"playground": ("1", PLAYGROUND), "train": ("2", TRAIN), "learn": ("3", LEARN), "sweep": ("4", SWEEP)}
# The keys of every table, and keys without an action.
EVERYWHERE = [key for action in SHARED_ACTIONS for key in action.keys.split(",")]
OTHERS = [
    *("tab", "shift+tab", "pageup", "pagedown", "insert", "delete", "f1", "f5", "f12", "ctrl+c", "ctrl+q", "ctrl+z"),
    *("ctrl+a", "ctrl+d", "ctrl+l", "ctrl+w", "alt+x", "shift+up", "shift+down", "ctrl+left", "ctrl+home", "ctrl+@"),
    *("\\", "~", "é", "ß", "Ω", "漢", "🙂", "'", '"', "%", "8", "9"),
]
IN_WINDOWS = [
    *("enter", "escape", "up", "down", "left", "right", "home", "end", "backspace", "delete", "tab", "pagedown"),
    *"0123456789.-+e,x y^*()kspcjrl?q/",
]
PASTES = [
    *("0.1", "-1", "1e400", "nan", "inf", "x^2 + y^2", "1,2", "9" * 400, "\n\n", "12\n34\n", "", " ", "\t", "300"),
    *(
        "\x00\x1b[31mred",
        "\x1b]0;title\x07",
        "\x9b31m",
        "[bold]markup[/bold]",
        "[red",
        "١٢",
        "－１",
        "🙂👨‍👩‍👧",
        "e\u0301\u0323",
        "漢字",
    ),
    *("a" * 100_000, "line\r\n" * 2_000, "\u202eright to left", "__import__('os').system('x')", "(" * 500, "x**" * 300),
    "sqrt(x**2+y**2)",
]
SIZES = [(20, 5), (59, 18), (60, 17), (60, 18), (100, 30), (120, 40), (200, 55), (300, 100), *[(80, 24)] * 12]
LEAST_SIZE, LARGEST_SIZE = (20, 5), (300, 100)
NOISE = [
    *(
        "\x1b[<64;5;5M",
        "\x1b[<0;999;999M",
        "\x1b[<0;0;0M\x1b[<0;0;0m",
        "\x1b[I",
        "\x1b[O",
        "\x1b[?2026;2$y",
        "\x1b[1;1R",
    ),
    *("\x1b[200~unfinished", "\x1b[201~", "\x1b[", "\x1b[<", "\x1b[999999999A", "\x1bOP", "\x1b[27;5;9~", "\x1b[97;5u"),
    *(
        "\x1b]11;rgb:ffff/ffff/ffff\x07",
        "\x1b_G\x1b\\",
        "\ufffd\ufffd",
        "\x1b[1;1R",
        "\x7f\x08\x00\x01",
        "\x1b[M !!",
        "\x1b[?1;2c",
    ),
]
LEFT, MIDDLE, RIGHT, MOTION, WHEEL_UP, WHEEL_DOWN = 0, 1, 2, 32, 64, 65
MODIFIERS = [0, 0, 0, 0, 4, 8, 16, 28]  # shift, alt and ctrl as bits, as SGR mouse reports have them
# The characters of the keys that Textual calls by name.
SIGNS = {name: sign for sign in map(chr, range(32, 127)) if (name := _character_to_key(sign)) != sign}
QUIET_TURNS = 4  # turns of the event loop without a message, after which all is handled
RESTLESS = 3.0  # seconds that a slow machine may take to draw frame after frame, without such a pause
FROZEN = 30.0  # seconds in which no widget handles a message
MOST_RUNS, MOST_RUNNING = 12, 2


class Session:
    """The app in a test: `async with Session(folder) as session`, then `await session.do(event)`.

    `folder` gets the runs and, as the working directory, what is exported. With `real` the runs are real training
    processes, at most two at a time; without, they are written by hand.
    """

    def __init__(self, folder, mode="playground", size=(120, 40), real=False):
        self.runs = folder / "runs"
        self.exports = folder / "exports"
        self.mode, self._size, self._real = mode, size, real
        self.calm = True  # every message is handled and painted
        self._made, self._workers = [], []
        self._undo = contextlib.ExitStack()
        self.app = AdamApp(PlaygroundState(), mode=mode, runs=self.runs)

    async def __aenter__(self):
        for path in (self.runs, self.exports):
            path.mkdir(parents=True, exist_ok=True)
        self._undo.enter_context(contextlib.chdir(self.exports))
        before = os.environ.get("ADAM_TUI_CONFIG")
        settings = self.runs.parent / "config.toml"  # a theme that is chosen is remembered beside it
        settings.touch()
        os.environ["ADAM_TUI_CONFIG"] = str(settings)
        self._undo.callback(_set_environment, "ADAM_TUI_CONFIG", before)
        waits = {"POLL_RUNNING": 0.02, "POLL_RUNNING_LONGEST": 0.02, "POLL_IDLE": 0.05}
        waits |= {"SEND_DELAY": 0.05, "SECONDS_PER_DRAWING": 0.0}
        for name, value in waits.items():
            self._patch(train_screen, name, value)
        self._patch(control, "start_worker", self._started)
        self._patch(launch, "start_detached", lambda sweep, slots=None: _never_writes())
        if self.mode == "sweep":
            made = MadeSweep(self.runs, optimizers="adam,sgd", settings={"batch_size": "32,64"}, trials=3, seeds=2)
            made.finish(*made.trials[:9])
            made.write_run(made.trials[0])
        app = self.app
        self._patch(app, "exit", lambda *result, **more: None)  # quitting would end the campaign
        self._context = app.run_test(size=self._size, tooltips=True, notifications=True)
        self.pilot = await self._context.__aenter__()
        self._driver = app._driver
        self._patch(self._driver, "send_message", app.post_message)
        await self.settled()
        return self

    async def __aexit__(self, *error):
        self._undo.close()
        await self._context.__aexit__(*error)
        for process in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _patch(self, thing, name, value):
        missing = object()
        before = vars(thing).get(name, missing)
        setattr(thing, name, value)
        self._undo.callback(lambda: delattr(thing, name) if before is missing else setattr(thing, name, before))

    # The screen.

    @property
    def base(self):
        """The current mode, which may be below a window."""
        return next(screen for screen in reversed(self.app.screen_stack) if isinstance(screen, ModeScreen))

    @property
    def in_a_window(self):
        return not isinstance(self.app.screen, ModeScreen)

    async def settled(self):
        """Wait until every message is handled and painted, or for a while when the app plays.

        Raises AssertionError when the screen handles no message at all.
        """
        restless = time.monotonic() + RESTLESS
        painted = 0
        while painted < 2 and time.monotonic() < restless:
            quiet = 0
            while quiet < QUIET_TURNS and time.monotonic() < restless:
                await asyncio.sleep(0)
                if self.app._exception is not None:
                    return
                busy = any(node._message_queue is not None and node._message_queue.qsize() for node in self._nodes())
                if self.app._resize_event is not None:  # Textual waits a moment for another resize
                    busy = True
                    await asyncio.sleep(0.002)
                quiet = 0 if busy else quiet + 1
            below, top = self.app._background_screens, self.app.screen
            waiting = [
                each for each in (*below, top) if each._layout_required or each._dirty_widgets or each._callbacks
            ]
            painted = 0 if waiting else painted + 1
            for screen in (*(each for each in waiting if each is not top), top):
                screen._on_timer_update()  # what Textual does 60 times a second
        self.calm = painted >= 2
        if not self.calm:
            assert await self.pilot._wait_for_screen(FROZEN), "frozen"

    def _nodes(self):
        return (self.app, *self.app._registry)

    # Events.

    async def do(self, event, hurry=False):
        """Send an event, and wait for its consequences unless in a hurry."""
        kind, *given = event
        began = time.perf_counter()
        getattr(self, f"_{kind}")(*given)
        if hurry:
            await asyncio.sleep(0)
        else:
            await self.settled()
        return time.perf_counter() - began

    def _key(self, key):
        single = len(key) == 1
        character = key if single else SIGNS.get(key)
        self._send(Key(_character_to_key(key) if single else key, character))

    def _bytes(self, text):
        """Send the bytes of a terminal; an incomplete sequence counts as complete, as it does after some time."""
        parser = XTermParser()
        with contextlib.suppress(ValueError):  # the driver skips what the parser rejects
            for message in parser.feed(text):
                self._send(message)
        if parser._timeout_time is not None:
            parser._timeout_time = 0.0
            for message in parser.tick():
                self._send(message)

    def _send(self, message):
        self._driver.process_message(message)

    def _paste(self, text):
        self._bytes(f"\x1b[200~{text}\x1b[201~")

    def _click(self, x, y, button=LEFT, times=1, modifiers=0):
        for _ in range(times):
            self._mouse(button | modifiers, x, y)
            self._mouse(button | modifiers, x, y, up=True)

    def _drag(self, x, y, to_x, to_y, button=LEFT, steps=4):
        self._mouse(button, x, y)
        for step in range(1, steps + 1):
            part = step / steps
            self._mouse(button | MOTION, round(x + (to_x - x) * part), round(y + (to_y - y) * part))
        self._mouse(button, to_x, to_y, up=True)

    def _press(self, x, y, button=LEFT):
        """Press a button and never release it."""
        self._mouse(button, x, y)

    def _move(self, x, y):
        self._mouse(3 | MOTION, x, y)

    def _scroll(self, x, y, down, times=1, modifiers=0):
        for _ in range(times):
            self._mouse((WHEEL_DOWN if down else WHEEL_UP) | modifiers, x, y)

    def _mouse(self, code, x, y, up=False):
        self._bytes(f"\x1b[<{code};{x + 1};{y + 1}{'m' if up else 'M'}")

    def _resize(self, width, height):
        size = Size(width, height)
        self._driver._size = (width, height)
        self.app.post_message(Resize(size, size))

    def _theme(self, name):
        self.app.choose_theme(name)

    def _mode(self, mode):
        self.app.show_mode(mode) if not self.in_a_window else self._key("escape")

    # Events of runs.

    def _started(self, run, **how):
        """Replace `control.start_worker`: start a real process, or one that never writes."""
        if self._real and sum(process.poll() is None for process in self._workers) < MOST_RUNNING:
            process = self._real_start(run)
            self._workers.append(process)
            return process
        return _never_writes()

    def _run(self, what, number=0):
        """Change the runs on the disk; `number` chooses the run."""
        if self._real:
            self._real_run(what, number)
            return
        if what == "new" or not self._made:
            self._made.append(MadeRun(self.runs, *(("lion",) if number % 2 else ()), began=time.time()).start())
            while len(found := directory.list_runs(self.runs)) > MOST_RUNS:
                shutil.rmtree(found[-1].path)
            self._made = [made for made in self._made if made.run.path.exists()]
            return
        made = self._made[number % len(self._made)]
        path = made.run.path
        with contextlib.suppress(OSError):  # it was deleted under its process, or by the app
            match what:
                case "steps":
                    made.steps([2.3 / (1 + (made.step + i) % 97) for i in range(STEPS_PER_EPOCH * (1 + number % 40))])
                case "nan":
                    made.steps([float("nan"), float("inf"), -1.0, 0.0, 1e308])
                case "epoch":
                    made.epoch(1 + made.step // STEPS_PER_EPOCH, (number % 100) / 100)
                case "sample":
                    made.sample([(i * number) % 10 for i in range(10)])
                case "layers":
                    made.emit(Layers(made.time, made.step, ("conv1.weight", "x" * 99), (0.1, 0.0), (1e-3, 1e9)))
                case "changed":
                    made.emit(Changed(made.time, made.step, "lr", 10.0 ** -(number % 9)))
                case "evaluate":
                    made.evaluate(mistakes=1 + number % 20)
                case "pause":
                    made.become("paused")
                case "run":
                    made.become("running")
                case "queue":
                    made.become("queued", "waits for another")
                case "diverge":
                    made.diverge()
                case "stop":
                    made.end("stopped")
                    (path / "checkpoint.pt").write_bytes(b"state")
                case "fail":
                    made.end("failed", "[red]a reason with orders")
                    (path / "worker.log").write_bytes(b"Traceback\n\xff\x1b[2J [b]RuntimeError: x\n")
                case "delete":
                    shutil.rmtree(path)
                case "garbage":
                    name = ("metrics.jsonl", "status.json", "evaluation.npz", "spec.json")[number % 4]
                    with open(path / name, "ab") as file:
                        file.write(b'\x00\xff{"event":"steps","time":"x"}\n[1,2\n')
                case "truncate":
                    os.truncate(path / ("metrics.jsonl", "status.json")[number % 2], number % 50)

    def _real_run(self, what, number):
        """Do to real processes what a second terminal, a shell or the kernel may do to them."""
        found = directory.list_runs(self.runs)
        if what == "new" or not found:
            if len(found) < MOST_RUNS:
                spec = recipes.make_spec("adam", {}, limit=2048, epochs=1000, batch_size=32)
                self._started(directory.create(spec, self.runs))
            return
        run = found[number % len(found)]
        status = run.status()
        with contextlib.suppress(OSError, ValueError):
            match what:
                case "pause" | "queue":
                    run.command("pause")
                case "run" | "steps" | "epoch":
                    run.command("resume")
                case "stop":
                    run.command("stop")
                case "changed":
                    run.command("set", name="lr", value=10.0 ** -(number % 9))
                case "fail" if status.alive:
                    self._kill(status.pid)
                case "delete" if number % 3 == 0:
                    shutil.rmtree(run.path)

    def _kill(self, pid):
        if any(process.pid == pid for process in self._workers):
            os.kill(pid, signal.SIGKILL)

    _real_start = staticmethod(control.start_worker)


def _never_writes():
    """A process that lives and does nothing."""
    return type("Process", (), {"poll": lambda self: None, "returncode": None})()


def _set_environment(name, value):
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


HAPPENINGS = [
    *("steps", "steps", "steps", "steps", "epoch", "epoch", "sample", "layers", "changed", "evaluate", "new", "nan"),
    *("pause", "run", "queue", "diverge", "stop", "fail", "delete", "garbage", "truncate"),
]


def any_event(chance, session):
    """Return a random event, which most of the time suits the screen."""
    what = chance.random()
    if what < 0.72:
        return ("key", _any_key(chance, session))
    if what < 0.84:
        return _any_mouse(chance, session)
    if what < (0.90 if session.in_a_window else 0.86):
        return ("paste", chance.choice(PASTES))
    if what < 0.91:
        return ("bytes", chance.choice(NOISE))
    if what < 0.94:
        if chance.random() < 0.7:
            return ("resize", *chance.choice(SIZES))
        return ("resize", *map(chance.randint, LEAST_SIZE, LARGEST_SIZE))
    if what < 0.955:
        return ("theme", chance.choice(sorted(session.app.available_themes)))
    if what < 0.985:
        return ("run", chance.choice(HAPPENINGS), chance.randrange(1000))
    return ("mode", session.mode)


def _any_key(chance, session):
    if session.in_a_window:
        return chance.choice(IN_WINDOWS if chance.random() < 0.9 else OTHERS)
    if session.mode != session.base.MODE and chance.random() < 0.2:
        return MODES[session.mode][0]
    if chance.random() < 0.1:
        return chance.choice((*OTHERS, *EVERYWHERE))
    action = chance.choice(MODES[session.base.MODE][1])
    return chance.choice(action.keys.split(","))


def _any_mouse(chance, session):
    x, y = _any_place(chance, session)
    match chance.randrange(10):
        case 0 | 1 | 2:
            return ("click", x, y, LEFT, 1, chance.choice(MODIFIERS))
        case 3:
            return ("click", x, y, LEFT, chance.choice((2, 3)), 0)
        case 4:
            return ("click", x, y, chance.choice((RIGHT, MIDDLE)), 1, chance.choice(MODIFIERS))
        case 5:
            return ("drag", x, y, *_any_place(chance, session), chance.choice((LEFT, LEFT, RIGHT)), 4)
        case 6:
            return ("move", x, y)
        case 7:
            return ("press", x, y, LEFT)
        case _:
            return ("scroll", x, y, chance.random() < 0.5, chance.choice((1, 1, 3, 20)), chance.choice(MODIFIERS))


def _any_place(chance, session):
    """Return a cell of some widget, so that small ones are hit too; or any cell, now and then one outside."""
    width, height = session.app.size
    if chance.random() < 0.6:
        seen = [w for w in session.app.screen.walk_children() if w.region.area and not isinstance(w.parent, CellView)]
        if seen:
            region = chance.choice(seen).region
            return chance.randrange(region.x, region.right), chance.randrange(region.y, region.bottom)
    if chance.random() < 0.05:
        return width + chance.randrange(5), height + chance.randrange(5)
    return chance.randrange(max(width, 1)), chance.randrange(max(height, 1))
