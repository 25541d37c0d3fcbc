"""A real `adam-tui serve` for the tests, and waiting for what it does."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

PATIENCE = 30.0


class Served:
    """A real server, its addresses and its log."""

    def __init__(self, runs, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "adam_tui", "serve", "--port", str(self.port), "--runs", str(runs), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            text=True,
        )
        self.log, lines = [], threading.Thread(target=self._read, daemon=True)
        lines.start()
        until(lambda: any("adam-tui is at" in line for line in self.log))
        until(self._answers)
        self.address = re.search(r"adam-tui is at (\S+)", "\n".join(self.log))[1]
        self.base = f"http://127.0.0.1:{self.port}"

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line.rstrip("\n"))

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    @property
    def apps(self):
        """The process ids of the apps that it runs."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return [int(pid) for pid in children.read().split()]

    def warnings(self):
        return [line for line in self.log if "adam-tui is at" not in line]

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def until(condition, patience=PATIENCE):
    """Wait until a condition holds; its value."""
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)
    return value
