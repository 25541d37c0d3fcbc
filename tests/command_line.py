"""Runs the program for a test, on pipes: in this process or in a process of its own."""

import os
import subprocess
import sys

from click.testing import CliRunner

from adam_tui.cli.app import main

# The environment of a plain pipe: no forced colour, no given width.
PLAIN = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "FORCE_COLOR")}


def run(*arguments, input=None, **environment):
    """Run the program in this process; `input` is on stdin, which is not a terminal."""
    return CliRunner(env=environment).invoke(main, arguments, input=input, prog_name="adam-tui")


def program(*arguments, **options):
    """Run the program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "adam_tui", *arguments],
        capture_output=True,
        text=True,
        env=PLAIN,
        timeout=120,
        **options,
    )
