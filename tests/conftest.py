"""Settings of all tests: the environment, hypothesis, and the garbage collector."""

import atexit
import gc
import os
import sys
import tempfile

import pytest
from hypothesis import settings

# A program that a test starts with `python -m adam_tui` imports the package that the test itself imports: the installed
# one, not the one in the working directory.
os.environ["PYTHONSAFEPATH"] = "1"
# Bytecode is kept, whatever the shell that runs the tests asks for: otherwise each program that a test starts compiles
# the package anew (0.3 s), and each process of pytest all tests (9 s).
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# The terminal that runs the tests does not change what the app looks like. A test of another terminal sets its own.
os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
os.environ.pop("NO_COLOR", None)
# One thread for torch, here and in the processes of runs: the threads of two tests would wait for each other's cores.
os.environ["OMP_NUM_THREADS"] = "1"
# No process loads torch beside the tests of the training screen; the tests of the spare process switch it on.
os.environ["ADAM_TUI_SPARE"] = "0"
# The tests do not read the settings of the user who runs them.
_settings = tempfile.TemporaryDirectory()
atexit.register(_settings.cleanup)
os.environ["ADAM_TUI_CONFIG"] = os.path.join(_settings.name, "config.toml")
with open(os.environ["ADAM_TUI_CONFIG"], "w", encoding="utf-8") as file:
    file.write("hints = false\n")  # the hints that remain depend on the keys pressed in earlier tests


# Nor do they remember the code of tests as code that this user has named.
os.environ["XDG_DATA_HOME"] = os.path.join(_settings.name, "data")


# The duration of an example is not tested, and on a busy machine it may be long.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_collection_finish():
    """Collect garbage seldom, and never the objects that exist before the tests: that saves a quarter of the time.

    A test's app makes hundreds of thousands of objects and keeps them until the test ends.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    """Free the app: Textual caches 1,024 styles, and with each all lines of its widget."""
    if (styles := sys.modules.get("textual._styles_cache")) is not None:
        styles.StylesCache.get_inner_outer.cache_clear()


@pytest.fixture
def launched(monkeypatch):
    """The sweeps for which a process would be started, with its slots; none is started."""
    from adam_tui.sweeps import launch

    started = []

    class Process:
        returncode = 0

        def poll(self):
            return None

    def start(sweep, slots=None):
        started.append((sweep.id, slots))
        return Process()

    monkeypatch.setattr(launch, "start_detached", start)
    return started
