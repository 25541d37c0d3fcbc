"""The classes of this session: which ones may be imported, their knobs, and their files, which may change.

A class is imported only after `allow`: when the user has named it, or has agreed. The result is entered in
`engine.class_optimizers.CLASSES`. The file of a class is watched, and loaded anew when it has changed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from adam_tui.classes.path import ClassPath
from adam_tui.classes.process import Helper
from adam_tui.classes.wire import Array
from adam_tui.engine.class_optimizers import CLASSES, ClassOptimizer, describe, find_class
from adam_tui.engine.class_reference import ClassReference
from adam_tui.engine.class_signature import signature_from_json

POLL = 0.15  # seconds between two reads of the files' times; a file is loaded when it stays the same for one
Stamp = tuple[int, int, int]


class Classes:
    """The classes that may be imported, and the process that imports them."""

    def __init__(self, helper: Helper | None = None) -> None:
        self.helper = helper or Helper()
        self._news = threading.Condition()
        self._listeners: list[Callable[[], None]] = []
        self._files: dict[str, tuple[str, Stamp | None]] = {}
        self._changed: dict[str, Stamp] = {}
        self._watching = False

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this function, in another thread, when a class is loaded or more of a path is there."""
        self._listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def allow(self, name: str) -> None:
        """Import a class, unless that is done or under way. Raises ValueError for a name that is written wrong."""
        known = find_class(name)
        if known is None or known.status in ("ready", "loading"):
            return
        self._load(known)
        if (file := known.reference.file) is not None:
            self._watch(known.name, str(file))

    def wait(self, names: Iterable[str]) -> None:
        """Wait until these classes are imported. Raises ValueError with one line for one that cannot be."""
        for name in names:
            with self._news:
                self._news.wait_for(lambda name=name: CLASSES[name].status != "loading")  # type: ignore[misc]
            if CLASSES[name].problem:
                raise ValueError(f"{name}: {CLASSES[name].problem}")

    def close(self) -> None:
        """End the process, and watch no more files."""
        self._watching = False
        self.helper.close()

    # --- import ----------------------------------------------------------------------------------------------------

    def _load(self, known: ClassOptimizer) -> None:
        if not known.ready:  # a class that is loaded anew keeps its knobs and its paths until then
            self._enter(describe(known.reference, known.parameters, status="loading"))
        request = {"kind": "describe", "class": str(known.reference.absolute())}
        try:
            self.helper.request(request, {}, partial(self._loaded, known.reference))
        except OSError as error:
            self._enter(describe(known.reference, known.parameters, problem=str(error), status="failed"))

    def _loaded(self, reference: ClassReference, header: dict[str, Any], arrays: dict[str, Array]) -> None:
        if header["kind"] == "description":
            parameters = signature_from_json(header["parameters"])
            about = {name: header[name] for name in ("place", "needs", "modes")}
            described = describe(reference, parameters, open_path=self._open, status="ready", **about)
        else:
            before = CLASSES[str(reference)]
            described = describe(reference, before.parameters, problem=header["message"], status="failed")
        self._enter(described)

    def _enter(self, described: ClassOptimizer) -> None:
        with self._news:
            CLASSES[described.name] = described
            self._news.notify_all()
        self._report()

    def _open(self, *path: Any) -> ClassPath:
        return ClassPath(self.helper, self._report, *path)

    def _report(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    # --- files -----------------------------------------------------------------------------------------------------

    def _watch(self, name: str, file: str) -> None:
        self._files[name] = file, _stamp(file)
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._poll, name="classes-files", daemon=True).start()

    def _poll(self) -> None:
        """Load the classes anew whose files have changed, and are not just being written."""
        while self._watching:
            time.sleep(POLL)
            for name, (file, before) in list(self._files.items()):
                stamp = _stamp(file)
                if stamp is None or stamp == before:
                    continue
                if self._changed.get(name) != stamp:
                    self._changed[name] = stamp
                    continue
                self._files[name] = file, stamp
                self._load(CLASSES[name])


def _stamp(file: str) -> Stamp | None:
    """The time, the size and the number of a file: they change with its text. None without a file."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


_SERVICE: list[Classes] = []


def classes() -> Classes:
    """The classes of this process."""
    if not _SERVICE:
        _SERVICE.append(Classes())
    return _SERVICE[0]
