"""Runs and a process for the tests of this folder."""

import subprocess
import sys

import pytest
from run_fixtures import *  # noqa: F403


@pytest.fixture
def sleeper():
    """A process that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    yield process
    process.kill()
    process.wait()
