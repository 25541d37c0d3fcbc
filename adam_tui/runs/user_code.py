"""The files of the user that a run executes: an optimizer class, a network. Their copies, their check, and the trust.

A run keeps a copy of each file in its directory, so a resumed run uses the code that it began with. The files that this
user named are remembered by their SHA-256 in the user's data directory; the copy in a run's directory is executed
without a question only if it is one of these. The check runs in a process with torch, `training.code_check`: this
module imports nothing of the user. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adam_tui.engine.class_reference import ClassReference, is_reference
from adam_tui.engine.class_signature import NUMERIC, signature_from_json
from adam_tui.runs import files, processes
from adam_tui.runs.device_names import SHARED_CORES
from adam_tui.runs.protocol import RunSpec, parse_json
from adam_tui.runs.user_paths import user_directory

COPIES = OPTIMIZER_FILE, NETWORK_FILE = "optimizer.py", "network.py"  # in a run's directory
MAX_CODE = 1 << 20  # bytes of a file
CHECKER = "adam_tui.training.code_check"  # the module that is the check's process
CODE_SECONDS = 30.0  # for the user's code: import, constructor, one step
START_SECONDS = 300.0  # for the whole process, which loads torch first, on a busy machine too
ALWAYS_TRUSTED = "torch"  # every training process imports it anyway


class UntrustedError(ValueError):
    """A run has code that this user has not named: `problem`. The text adds the way to consent."""

    def __init__(self, problem: str, consent: str) -> None:
        super().__init__(f"{problem}: {consent}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class CheckedCode:
    """The result of a check: the fields of a `RunSpec` about the code, and the numbers among the settings.

    `parameters` is the number of the network's weights, `warning` a line about what will not work.
    """

    optimizer: str
    values: Mapping[str, float]
    rest: Mapping[str, Any]
    parameters: int
    warning: str = ""


# Check.


def check_code(
    optimizer: ClassReference | None,
    settings: Sequence[tuple[str, str]] = (),
    network: ClassReference | None = None,
    device: str = "auto",
) -> CheckedCode:
    """Try the code in a process of its own: import it, build, take one step where the device is the CPU.

    The files are remembered: this user has named them. Raises ValueError with one line, which names file and line.
    """
    contents: dict[str, bytes] = {}
    for name, reference in ((OPTIMIZER_FILE, optimizer), (NETWORK_FILE, network)):
        if reference is not None and reference.file is not None:
            contents[name] = read_source(reference)
    optimizer, network = (each and each.absolute() for each in (optimizer, network))
    request = {
        "optimizer": str(optimizer or ""),
        "settings": [list(each) for each in settings],
        "network": str(network or ""),
        "device": device,
    }
    reply = _reply(request)
    if "error" in reply:
        raise ValueError(str(reply["error"]))
    signature = signature_from_json(reply.get("signature", []))
    numeric = {each.name for each in signature if each.kind in NUMERIC}
    values = {name: float(v) for name, v in reply["values"].items() if name in numeric and v is not None}
    others = {name: v for name, v in reply["values"].items() if name not in values}
    for reference in (optimizer, network):
        if reference is not None:
            trust_reference(reference)
    code = {name: remember(content) for name, content in contents.items()}
    calls = tuple(map(str, reply.get("calls", [])))
    rest = {"signature": signature, "arguments": others, "network": str(network or ""), "code": code, "calls": calls}
    kept = {name: value for name, value in rest.items() if value}
    return CheckedCode(str(optimizer or ""), values, kept, int(reply["parameters"]), str(reply.get("warning", "")))


def _reply(request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the check's process. Raises ValueError when it gives none."""
    try:
        done = subprocess.run(
            processes.module_command(CHECKER),
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=START_SECONDS,
            env=SHARED_CORES | os.environ,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"the check of your code has not ended after {START_SECONDS:.0f} s") from None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    try:
        reply: Any = parse_json(lines[-1])
    except (IndexError, ValueError):
        reply = None
    if not isinstance(reply, dict):
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"])[-1]
        killed = f" by signal {-done.returncode}" if done.returncode < 0 else ""
        raise ValueError(f"the process that checks your code ended{killed}: {last[:300]}")
    return reply


def read_source(reference: ClassReference) -> bytes:
    """The content of a reference's file. Raises ValueError with one line."""
    file = reference.file
    assert file is not None
    try:
        return files.read_regular(file, MAX_CODE)
    except FileNotFoundError:
        raise ValueError(f"there is no file {reference.path}") from None
    except OSError as error:
        raise ValueError(f"cannot read {reference.path}: {error.strerror or error}") from None


# Memory: the content of each file that this user named.


def digest(content: bytes) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _memory() -> Path:
    return user_directory("data") / "code"


def remember(content: bytes) -> str:
    """Keep the content of a file that this user has named; its digest. Raises ValueError where it cannot be kept."""
    key = digest(content)
    _write(f"{key}.py", content)
    return key


def trust_reference(reference: ClassReference) -> None:
    """Remember that this user has named a package; nothing for a file. Raises ValueError where it cannot be kept."""
    if reference.path is None and (package := _package(reference)) != ALWAYS_TRUSTED:
        _write(f"{package}.package", b"")


def _write(name: str, content: bytes) -> None:
    path = _memory() / name
    try:
        files.make_private_folder(path.parent)
        if not path.exists():
            files.write_atomically(path, content)
    except OSError as error:
        raise ValueError(f"cannot keep your code in {path.parent}: {error.strerror or error}") from None


def recall(key: str, folder: Path | None = None) -> bytes | None:
    """The content with this digest, from a folder or the user's own; None where it is missing or damaged."""
    if len(key) != 64 or not key.isalnum():  # part of a path, from a file that anyone may have edited
        return None
    try:
        content = files.read_regular((folder or _memory()) / f"{key}.py", MAX_CODE)
    except (OSError, ValueError):
        return None
    return content if digest(content) == key else None


def write_copies(spec: RunSpec, path: Path, folder: Path | None = None) -> None:
    """Write the copies of the user's files into the directory of a new run.

    They come from `folder`, which holds <digest>.py, or from the user's own. Raises ValueError where one is not
    remembered, OSError.
    """
    if folder is None:
        for reference in references(spec).values():
            if reference.path is None and not is_trusted(reference, ()):
                raise ValueError(f"you have not named the package of {reference}: type it once")
    for name, key in spec.code.items():
        content = recall(key, folder)
        if name not in COPIES or content is None:
            raise ValueError(f"the file behind {_source_of(spec, name)} is not kept here: name it with its path again")
        files.write_atomically(path / name, content, durable=True)


# The code of a run's directory.


def references(spec: RunSpec) -> dict[str, ClassReference]:
    """The references to code of the user, by the name that a copy of the file has. Raises ValueError."""
    texts = {OPTIMIZER_FILE: spec.optimizer if is_reference(spec.optimizer) else "", NETWORK_FILE: spec.network}
    return {name: ClassReference.parse(text) for name, text in texts.items() if text}


def copy_reference(spec: RunSpec, path: Path, name: str) -> ClassReference:
    """The reference to the copy in a run's directory; to the package, where the code is no file of the user."""
    reference = references(spec)[name]
    return reference if reference.path is None else ClassReference(str(path / name), None, reference.name)


def is_trusted(reference: ClassReference, keys: Iterable[str]) -> bool:
    """Whether this user has named a package, or a file of which these are the digests."""
    if reference.path is not None:
        return all(recall(key) is not None for key in keys)
    package = _package(reference)
    return package == ALWAYS_TRUSTED or (_memory() / f"{package}.package").exists()


def untrusted(spec: RunSpec, path: Path) -> list[str]:
    """The code of a run's directory that this user has not named, in words; a missing copy is left to the training."""
    unknown = []
    for name, reference in references(spec).items():
        content = None if reference.path is None else _copy(path / name)
        if reference.path is None and not is_trusted(reference, ()):
            unknown.append(f"the package {_package(reference)}")
        elif content is not None and not is_trusted(reference, [digest(content)]):
            unknown.append(str(path / name))
    return unknown


def check_trust(spec: RunSpec, path: Path, consent: str) -> None:
    """Raise UntrustedError where a run's directory has code that this user has not named; `consent` is what to do."""
    if unknown := untrusted(spec, path):
        raise UntrustedError(f"{path.name} runs code that you have not named, {' and '.join(unknown)}", consent)


def trust(spec: RunSpec, path: Path) -> None:
    """Remember the code of a run's directory: this user consents to it. Raises ValueError where it cannot be kept."""
    for name, reference in references(spec).items():
        if reference.path is None:
            trust_reference(reference)
        elif (content := _copy(path / name)) is not None:
            remember(content)


def _copy(path: Path) -> bytes | None:
    try:
        return files.read_regular(path, MAX_CODE)
    except OSError:
        return None


def _package(reference: ClassReference) -> str:
    return (reference.module or "").partition(".")[0]


def _source_of(spec: RunSpec, name: str) -> str:
    return spec.network if name == NETWORK_FILE else spec.optimizer
