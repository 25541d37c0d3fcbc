"""What holds for all tests."""

import atexit
import gc
import os
import sys
import tempfile

import pytest
from hypothesis import settings

# Programs that a test starts with `python -m adam_tui` import the package that the test itself imports: the installed
# one, not whatever lies in the working directory.
os.environ["PYTHONSAFEPATH"] = "1"
# Nor does the terminal that they are run in decide what the app looks like; a test of a poorer one says so itself.
os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
os.environ.pop("NO_COLOR", None)
# torch has one thread, here and in the processes of runs: threads of two tests would wait for each other's cores.
os.environ["OMP_NUM_THREADS"] = "1"
# What whoever runs the tests has settled for himself is not what is tested.
_settings = tempfile.TemporaryDirectory()
atexit.register(_settings.cleanup)
os.environ["ADAM_TUI_CONFIG"] = os.path.join(_settings.name, "config.toml")
with open(os.environ["ADAM_TUI_CONFIG"], "w", encoding="utf-8") as file:
    file.write("hints = false\n")  # which of them are left depends on what was pressed before


# How long an example takes is not what is tested, and on a busy machine it may take long.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_collection_finish():
    """Collect garbage seldom, and as the app does, never go through what was there before: a quarter of all the time.

    An app makes and keeps hundreds of thousands of objects, and is over with its test.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    """Let go of the app: Textual remembers 1,024 styles, and with each all lines of the widget that it was for."""
    if (styles := sys.modules.get("textual._styles_cache")) is not None:
        styles.StylesCache.get_inner_outer.cache_clear()
