"""The program as its tests run it: in this process, or in one of its own, on pipes."""

import os
import subprocess
import sys

from click.testing import CliRunner

from adam_tui.cli.app import main

# As in a plain pipe: no colour forced, no width given.
PLAIN = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "FORCE_COLOR")}


def run(*arguments, **environment):
    """The program in this process, on pipes."""
    return CliRunner(env=environment).invoke(main, arguments, prog_name="adam-tui")


def program(*arguments, **options):
    """The program in a process of its own, on pipes."""
    return subprocess.run(
        [sys.executable, "-m", "adam_tui", *arguments],
        capture_output=True,
        text=True,
        env=PLAIN,
        timeout=120,
        **options,
    )
