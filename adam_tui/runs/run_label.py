"""The user's name and tags for a run: the file label.json beside its specification.

The id, the directory's name, stays: a name may change while the run trains, and two runs may have the same one.
Standard library only.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adam_tui.runs import files
from adam_tui.runs.protocol import parse_json

FILE = "label.json"
MAX_BYTES = 1 << 16  # of the file; a larger one is damaged
LONGEST_NAME, LONGEST_TAG, MOST_TAGS = 60, 24, 16  # characters, and tags of a run
TAG = re.compile(r"[\w.+=-]+")  # a tag is one word of a text that is searched and typed into a shell


@dataclass(frozen=True, slots=True)
class Label:
    """A run's name, "" for none, and its tags in the order in which they were given."""

    name: str = ""
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The text that `parse` reads back: "long warm-up #baseline"."""
        return " ".join([*([self.name] if self.name else []), *(f"#{tag}" for tag in self.tags)])

    @property
    def drawn_name(self) -> str:
        """The name where every character takes one column, as in drawings; "" for one with wide characters."""
        return "" if any(unicodedata.east_asian_width(letter) in "WF" for letter in self.name) else self.name

    @classmethod
    def parse(cls, text: str) -> Label:
        """The label in a typed text: its words are the name, those that begin with # the tags. Raises ValueError."""
        words = text.split()
        tags = (word.removeprefix("#") for word in words if word.startswith("#"))
        return make_label(" ".join(word for word in words if not word.startswith("#")), tags)


NO_LABEL = Label()


def make_label(name: str, tags: Iterable[str]) -> Label:
    """A checked label; a tag that comes twice counts once. Raises ValueError with one line."""
    name, tags = " ".join(name.split()), tuple(dict.fromkeys(tags))
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters, not {len(name)}")
    if not name.isprintable():
        raise ValueError("a name has printable characters only")
    if name.startswith("#"):
        raise ValueError("a name does not begin with #: that is the sign of a tag")
    for tag in tags:
        if len(tag) > LONGEST_TAG or not TAG.fullmatch(tag):
            allowed = f"letters, digits and . _ + = -, at most {LONGEST_TAG} of them"
            raise ValueError(f"a tag is one word of {allowed}, not {tag!r:.40}")
    if len(tags) > MOST_TAGS:
        raise ValueError(f"a run has at most {MOST_TAGS} tags, not {len(tags)}")
    return Label(name, tags)


def read_label(folder: Path) -> Label:
    """The label of the run in a directory; an empty one where the file is missing or damaged."""
    try:
        data = parse_json(files.read_regular(folder / FILE, MAX_BYTES))
        name, tags = data.get("name", ""), data.get("tags", [])
        if isinstance(name, str) and isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
            return make_label(name, tags)
    except (OSError, ValueError, AttributeError):
        pass
    return NO_LABEL


def write_label(folder: Path, label: Label) -> None:
    """Replace the label in one move; an empty one removes the file. Raises OSError."""
    path = folder / FILE
    if label == NO_LABEL:
        path.unlink(missing_ok=True)
        return
    files.write_atomically(path, json.dumps({"name": label.name, "tags": label.tags}) + "\n")
