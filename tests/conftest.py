"""What holds for all tests."""

import atexit
import os
import tempfile

# Programs that a test starts with `python -m adam_tui` import the package that the test itself imports: the installed
# one, not whatever lies in the working directory.
os.environ["PYTHONSAFEPATH"] = "1"
# Nor does the terminal that they are run in decide what the app looks like; a test of a poorer one says so itself.
os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
os.environ.pop("NO_COLOR", None)
# What whoever runs the tests has settled for himself is not what is tested.
_settings = tempfile.TemporaryDirectory()
atexit.register(_settings.cleanup)
os.environ["ADAM_TUI_CONFIG"] = os.path.join(_settings.name, "config.toml")
with open(os.environ["ADAM_TUI_CONFIG"], "w", encoding="utf-8") as file:
    file.write("hints = false\n")  # which of them are left depends on what was pressed before
