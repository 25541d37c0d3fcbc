"""The README's tables of keys: `python tests/readme_keys.py` writes them anew from the tables of actions."""

import re
from pathlib import Path

from adam_tui.ui.actions import SHARED_ACTIONS
from adam_tui.ui.learn.actions import ACTIONS as LEARN
from adam_tui.ui.playground.actions import ACTIONS as PLAYGROUND
from adam_tui.ui.train.actions import ACTIONS as TRAIN

README = Path(__file__).parents[1] / "README.md"
TABLES = {"Everywhere": SHARED_ACTIONS, "Playground": PLAYGROUND, "Train": TRAIN, "Learn": LEARN}


def table(actions):
    """A row a purpose: its keys, each with what it does."""
    rows = ["| for | keys |", "|:--|:--|"]
    for group in dict.fromkeys(action.group for action in actions):
        told = " · ".join(f"{_keys(action)} {action.title}" for action in actions if action.group == group)
        rows.append(f"| {group} | {told} |")
    return "\n".join(rows)


def _keys(action):
    return " ".join(f"`{key}`" for key in action.shown_keys.split(" "))


def with_tables(text):
    """The README with the tables as they should be."""
    for mode, actions in TABLES.items():
        old = re.compile(rf"(?<=^### {mode}\n\n)\| for .*?(?=\n\n)", re.MULTILINE | re.DOTALL)
        text, times = old.subn(table(actions).replace("\\", r"\\"), text)
        assert times == 1, f"no table below '### {mode}'"
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
