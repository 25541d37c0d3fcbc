"""The name of a class or function of a user's own: `./mine.py::MyAdam` in a file, `pkg.Class` in a package.

A reference names code; reading one imports nothing. `training.user_code` imports what it names, in a process that has
torch. No torch here: the command line, the screens and the files of a run hold references. Standard library only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FILE_MARK = "::"  # between a file and a name in it
_NAME = r"[^\W\d]\w*"
_DOTTED = re.compile(rf"{_NAME}(\.{_NAME})*")


@dataclass(frozen=True, slots=True)
class ClassReference:
    """A name in a file (`path`, with `module` None) or in a package (`module`, with `path` None).

    `name` is the class, or Outer.Inner for one within another; for a network it is the function that builds it.
    """

    path: str | None
    module: str | None
    name: str

    @classmethod
    def parse(cls, text: str) -> ClassReference:
        """Read `./mine.py::MyAdam` or `torch.optim.Rprop`. Raises ValueError with one line; looks at no file."""
        reference, settings = split_reference(text)
        if settings is not None:
            raise ValueError(f"{text.strip()!r}: settings do not belong here: write {reference}")
        return reference

    def __str__(self) -> str:
        """The text that `parse` reads back."""
        return f"{self.module}.{self.name}" if self.path is None else f"{self.path}{FILE_MARK}{self.name}"

    @property
    def label(self) -> str:
        """The short name for lists and legends: MyAdam."""
        return self.name.rpartition(".")[2]

    @property
    def file(self) -> Path | None:
        """The absolute path of the file, from the current folder on; None for a class of a package.

        Raises ValueError for a home directory that is unknown.
        """
        if self.path is None:
            return None
        try:
            return Path(self.path).expanduser().absolute()
        except RuntimeError:
            raise ValueError(f"{self.path}: the home directory is unknown") from None

    def absolute(self) -> ClassReference:
        """The same reference with an absolute path, which means the same in every folder."""
        file = self.file
        return self if file is None else ClassReference(str(file), None, self.name)


def is_reference(text: str) -> bool:
    """Whether a text such as `./mine.py::MyAdam:lr=0.1` names a class. The names of built-in things hold no dot."""
    return FILE_MARK in text or "." in text.partition(":")[0]


def short_name(text: str) -> str:
    """The label of a reference; any other name as it is: MyAdam for `./mine.py::MyAdam`, adam for adam."""
    try:
        return split_reference(text)[0].label
    except ValueError:
        return text


def split_reference(text: str) -> tuple[ClassReference, str | None]:
    """The reference and the settings of `./mine.py::MyAdam:lr=0.1`: "lr=0.1"; None where no colon follows the name.

    Raises ValueError with one line.
    """
    path, mark, rest = text.strip().partition(FILE_MARK)
    name, colon, settings = (rest if mark else path).partition(":")
    path, name, given = path.strip(), name.strip(), settings if colon else None
    if mark:
        if not path.endswith(".py"):
            raise ValueError(f"{path or text!r} is no Python file: write ./mine.py{FILE_MARK}MyAdam")
        if not _DOTTED.fullmatch(name):
            raise ValueError(f"{name!r} is no name in a file: write {path}{FILE_MARK}MyAdam")
        return ClassReference(path, None, name), given
    module, dot, last = name.rpartition(".")
    if last == "py":
        raise ValueError(f"{name!r} names a file and no class in it: write {name}{FILE_MARK}MyAdam")
    if not dot or not _DOTTED.fullmatch(name):
        raise ValueError(f"{name!r} names no class: write ./mine.py{FILE_MARK}MyAdam or torch.optim.Rprop")
    return ClassReference(None, module, last), given
