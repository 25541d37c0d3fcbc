"""The page of all keys: `python tests/keys_page.py` writes adam_tui/ui/KEYS.md from the tables of actions."""

from pathlib import Path

from adam_tui.ui.actions import SHARED_ACTIONS
from adam_tui.ui.learn.actions import ACTIONS as LEARN
from adam_tui.ui.playground.actions import ACTIONS as PLAYGROUND
from adam_tui.ui.train.actions import ACTIONS as TRAIN

PAGE = Path(__file__).parents[1] / "adam_tui" / "ui" / "KEYS.md"
TABLES = {"In every mode": SHARED_ACTIONS, "Playground": PLAYGROUND, "Train": TRAIN, "Learn": LEARN}
INTRODUCTION = """\
# All keys

Every key is an action that `ctrl+p` finds too. `⇧` is shift. The last column is the action's name in the settings,
where its keys can be changed: `play = "space,x"` below `[keys]` in `config.toml`.

In every window the arrows and `tab` choose, `enter` takes, `esc` cancels; a question also has `y` and `n`. Where an
answer loses something, `enter` alone cancels.

This page is generated from the tables `ACTIONS` by `python tests/keys_page.py`; a test fails when it is out of date.
"""


def page():
    """The whole page: a section for each mode, and in it a table for each group of actions."""
    sections = [INTRODUCTION]
    for mode, actions in TABLES.items():
        sections.append(f"## {mode}\n")
        for group in dict.fromkeys(action.group for action in actions):
            rows = [row(action) for action in actions if action.group == group]
            sections.append("\n".join([f"| {group} | | name |", "|:--|:--|:--|", *rows]) + "\n")
    return "\n".join(sections)


def row(action):
    """One action: its keys, its title and its name."""
    keys = " ".join(f"`{key}`" for key in action.shown_keys.split(" "))
    return f"| {keys} | {action.title} | `{action.name}` |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
