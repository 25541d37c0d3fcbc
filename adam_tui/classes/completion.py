"""Completion of the name of a class while it is typed: folders, Python files, and the classes in a file.

Nothing is imported: the classes of a file are read from its text. Standard library only.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

from adam_tui.engine.class_reference import FILE_MARK

LARGEST = 1 << 20  # bytes of a file whose classes are read


def completions(text: str, *, networks: bool = False) -> list[str]:
    """The names that begin with `text`: `./mi` gives `./mine.py::`, and `./mine.py::` the optimizers in that file.

    With `networks` it gives the functions and classes of the file, any of which may build a network.
    """
    path, mark, prefix = text.partition(FILE_MARK)
    if mark:
        return [f"{path}{FILE_MARK}{name}" for name in _names(path, networks=networks) if name.startswith(prefix)]
    folder, _, prefix = text.rpartition("/")
    before = text[: len(text) - len(prefix)]
    try:
        entries = sorted(os.scandir(Path(folder + "/" if before else ".").expanduser()), key=lambda entry: entry.name)
    except (OSError, RuntimeError, ValueError):
        return []
    names = []
    for entry in entries:
        if not entry.name.startswith(prefix) or (entry.name.startswith(".") and not prefix.startswith(".")):
            continue
        try:
            if entry.is_dir() and entry.name != "__pycache__":
                names.append(f"{before}{entry.name}/")
            elif entry.name.endswith(".py"):
                names.append(f"{before or './'}{entry.name}{FILE_MARK}")
        except OSError:
            continue
    return names


def _names(path: str, *, networks: bool) -> list[str]:
    """The classes of a file that name a base with "Optimizer"; without such, all of them. See `completions`."""
    try:
        file = Path(path).expanduser()
        if file.stat().st_size > LARGEST:
            return []
        tree = ast.parse(file.read_bytes())
    except (OSError, RuntimeError, ValueError, SyntaxError, RecursionError):
        return []
    if networks:
        kinds = (ast.ClassDef, ast.FunctionDef)
        return [each.name for each in tree.body if isinstance(each, kinds) and not each.name.startswith("_")]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    optimizers = [node for node in classes if any("Optim" in ast.unparse(base) for base in node.bases)]
    return [node.name for node in optimizers or classes]
