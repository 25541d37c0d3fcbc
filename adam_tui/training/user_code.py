"""Optimizer classes and networks of the user: imports what a `ClassReference` names, and makes objects of it.

Nothing is imported but the named file or package. A file is executed as a module of its own: files beside it are not
found, because a run keeps a copy of this one file only. Every error is a `UserCodeError` with one line that names the
file and the line, such as "mine.py, line 12: ZeroDivisionError: division by zero".
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from adam_tui.engine.class_reference import ClassReference
from adam_tui.engine.class_signature import Kind, Parameter, typed
from adam_tui.engine.names import did_you_mean

MAX_MESSAGE = 200  # characters of an exception's text
MODULE_NAME = "adam_tui_user_code"  # of a file; the number of the module follows
# The first word of an annotation that is found decides, so a pair of floats is a pair.
ANNOTATIONS: tuple[tuple[str, Kind], ...] = (
    ("Callable", "object"),
    *(("tuple", "tuple"), ("Tuple", "tuple"), ("list", "tuple"), ("List", "tuple"), ("Sequence", "tuple")),
    *(("float", "float"), ("int", "int"), ("bool", "bool"), ("str", "text"), ("Literal", "text")),
)
DEFAULTS: tuple[tuple[type, Kind], ...] = ((bool, "bool"), (int, "float"), (float, "float"), (str, "text"))


class UserCodeError(ValueError):
    """An error in the code that a reference names, or in what it names. The text is one line."""


# Import.


def load(reference: ClassReference) -> type[torch.optim.Optimizer]:
    """The optimizer class that a reference names. Raises UserCodeError."""
    kind = find(reference)
    if not isinstance(kind, type) or not issubclass(kind, torch.optim.Optimizer):
        raise UserCodeError(f"{reference.label} in {place(reference)} is no torch.optim.Optimizer: {_describe(kind)}")
    return kind


def find(reference: ClassReference) -> Any:
    """The object that a reference names, after an import of its file or package. Raises UserCodeError."""
    named: Any = _module(reference)
    for name in reference.name.split("."):
        try:
            named = getattr(named, name)
        except AttributeError:
            names = [each for each in vars(named) if not each.startswith("_")] if hasattr(named, "__dict__") else []
            by_case = {each.lower(): each for each in names}
            question = did_you_mean(name, by_case)
            for lower, each in by_case.items():
                question = question.replace(f" {lower}?", f" {each}?")
            hint = f": {question}" if question else ""
            raise UserCodeError(f"{place(reference)} has no {name!r}{hint}") from None
    return named


def place(reference: ClassReference) -> str:
    """The file or the package of a reference, for a message."""
    return str(reference.module) if reference.path is None else _file_name(reference.path)


def _module(reference: ClassReference) -> ModuleType:
    file = reference.file
    if file is not None:
        return _execute(reference, file)
    assert reference.module is not None
    try:
        module = importlib.import_module(reference.module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if reference.module == missing or reference.module.startswith(f"{missing}."):
            raise UserCodeError(f"no package {missing!r} is installed here, so there is no {reference}") from None
        raise located(error, reference) from None
    except Exception as error:
        raise located(error, reference) from None
    except SystemExit as error:
        raise UserCodeError(f"{reference.module} ended the process when it was imported: {error}") from None
    own = getattr(module, "__file__", None)
    if own and Path(own).resolve().parent == Path.cwd() and reference.module == Path(own).stem:
        raise UserCodeError(
            f"{reference.module} is a file of this folder: write ./{Path(own).name}::{reference.name}, "
            "so that a run keeps a copy of it"
        )
    return module


_shown: dict[str, str] = {}  # the name of the original file, by the path of its copy in a run's directory


def show_as(copy: ClassReference, original: ClassReference) -> None:
    """Name the original file in messages about a copy."""
    _shown[str(copy.file)] = Path(original.path or "").name


def _file_name(path: str | Path) -> str:
    return _shown.get(str(path), Path(path).name)


_executed = 0  # files so far: each has a module name of its own, so that a changed file is never the old module


def _execute(reference: ClassReference, file: Path) -> ModuleType:
    global _executed
    if not file.exists():
        raise UserCodeError(f"there is no file {reference.path}")
    _executed += 1
    name = f"{MODULE_NAME}_{_executed}"
    specification = importlib.util.spec_from_file_location(name, file)
    if specification is None or specification.loader is None:
        raise UserCodeError(f"{reference.path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickle look for it there
    try:
        code = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except OSError as error:
        raise UserCodeError(f"cannot read {reference.path}: {error.strerror or error}") from None
    except SystemExit as error:
        raise UserCodeError(f"{_file_name(file)} ended the process when it was imported: {error}") from None
    except Exception as error:
        raise located(error, reference) from None
    return module


# Errors.


def located(error: BaseException, reference: ClassReference) -> UserCodeError:
    """The error with its place: the innermost line of the referenced code; its file or package for an error outside."""
    message = " ".join(str(error).split())
    if isinstance(error, SyntaxError) and error.filename:
        return UserCodeError(f"{_file_name(error.filename)}, line {error.lineno}: {error.msg}"[:MAX_MESSAGE])
    kind = type(error).__name__
    text = f"{kind}: {message}" if message else kind
    frame = _frame_of(error, reference)
    where = f"{_file_name(frame.filename)}, line {frame.lineno}: " if frame else f"{place(reference)}: "
    return UserCodeError(where + (text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"))


def _frame_of(error: BaseException, reference: ClassReference) -> traceback.FrameSummary | None:
    """The innermost frame in the referenced file, or in the package; None where no frame is there."""
    frames = traceback.extract_tb(error.__traceback__)
    if (file := reference.file) is not None:
        own = [frame for frame in frames if Path(frame.filename) == file]
    else:
        package = (reference.module or "").partition(".")[0]
        own = [frame for frame in frames if package in Path(frame.filename).parts]
    return own[-1] if own else None


# Signature.


def signature_knobs(kind: type) -> list[dict[str, Any]]:
    """The constructor's parameters after the weights, as JSON (`class_signature.Parameter`); betas are split.

    A constructor with **kwargs has the parameters of the next class, too. Raises UserCodeError for a class without a
    readable signature, or whose constructor takes no weights.
    """
    return [parameter.to_json() for parameter in signature(kind)]


def signature(kind: type) -> list[Parameter]:
    """The same as `Parameter`s."""
    parameters: dict[str, inspect.Parameter] = {}
    takes_weights = False
    for owner in kind.__mro__:
        if owner is torch.optim.Optimizer or owner is object:
            break
        if "__init__" not in vars(owner):
            continue
        try:
            own = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
        except (TypeError, ValueError):
            raise UserCodeError(f"the constructor of {kind.__name__} has no readable signature") from None
        named = [each for each in own if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
        takes_weights = takes_weights or bool(named) or any(each.kind is each.VAR_POSITIONAL for each in own)
        first = 0 if any(each.kind is each.VAR_POSITIONAL for each in own) and not named else 1
        for each in named[first:]:
            if each.name != "defaults":  # of a base class
                parameters.setdefault(each.name, each)
        if not any(each.kind is each.VAR_KEYWORD for each in own):
            break
    if not parameters and not takes_weights and kind.__init__ is not torch.optim.Optimizer.__init__:  # type: ignore[misc]
        raise UserCodeError(f"the constructor of {kind.__name__} takes no weights: write __init__(self, params, …)")
    return [part for each in parameters.values() for part in _parameters(each)]


def _parameters(each: inspect.Parameter) -> list[Parameter]:
    default = None if each.default is each.empty else each.default
    required = each.default is each.empty
    annotation = "" if each.annotation is each.empty else inspect.formatannotation(each.annotation)
    words = set(re.findall(r"\w+", annotation))
    optional = (default is None and not required) or "None" in words or "Optional" in words
    if isinstance(default, tuple | list) and default and all(isinstance(x, int | float) for x in default):
        if each.name == "betas":
            return [
                Parameter(f"beta{n}", "float", float(x), part_of=each.name, index=n - 1)
                for n, x in enumerate(default, 1)
            ]
        return [Parameter(each.name, "tuple", tuple(default), optional=optional)]
    if required and each.name == "betas":
        return [Parameter(f"beta{n}", "float", required=True, part_of="betas", index=n - 1) for n in (1, 2)]
    kind = _kind(words, default, required)
    if kind == "int" and default is not None and not isinstance(default, int):
        kind = "float"
    if kind == "tuple" and isinstance(default, tuple | list):
        return [Parameter(each.name, "tuple", tuple(x if _is_plain(x) else None for x in default), optional=optional)]
    if kind in ("float", "int") and isinstance(default, torch.Tensor):
        default = default.item()
    if not _is_plain(default):
        return [Parameter(each.name, "object", required=required)]
    return [Parameter(each.name, kind, default, required, optional)]


def _kind(words: set[str], default: Any, required: bool) -> Kind:
    if isinstance(default, bool):
        return "bool"
    by_annotation = next((kind for word, kind in ANNOTATIONS if word in words), None)
    by_default = next((kind for each, kind in DEFAULTS if isinstance(default, each)), None)
    if by_annotation is not None and (by_default is None or {by_annotation, by_default} <= {"float", "int"}):
        return by_annotation
    if by_default is not None:
        return by_default
    if words and not words <= {"None", "Any", "Optional", "typing"} and (required or default is not None):
        return "object"
    return "tuple" if isinstance(default, tuple | list) else "any"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _describe(value: Any) -> str:
    return f"it is the class {value.__name__}" if isinstance(value, type) else f"it is a {type(value).__name__}"


# Objects.


def arguments(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's keyword arguments for values by our names: beta1 and beta2 become betas, 1.0 a switch True.

    Raises UserCodeError for an unknown name and for a required parameter without a value.
    """
    known = {parameter.name: parameter for parameter in signature(kind)}
    for name in values:
        if name not in known:
            raise UserCodeError(f"{kind.__name__} has no parameter {name!r}")
    given: dict[str, Any] = {}
    pairs: dict[str, dict[int, Any]] = {}
    for name, parameter in known.items():
        if name not in values:
            if parameter.required:
                raise UserCodeError(f"{kind.__name__} needs a value for {name}")
            if parameter.part_of:
                pairs.setdefault(parameter.part_of, {})[parameter.index] = parameter.default
            continue
        value = typed(parameter, values[name])
        if parameter.part_of:
            pairs.setdefault(parameter.part_of, {})[parameter.index] = value
        else:
            given[name] = value
    for name, parts in pairs.items():
        if any(each.part_of == name and each.name in values for each in known.values()):
            given[name] = tuple(parts[index] for index in sorted(parts))
    return given


def make(
    kind: type[torch.optim.Optimizer],
    weights: Iterable[Any],
    values: Mapping[str, Any],
    reference: ClassReference | None = None,
) -> torch.optim.Optimizer:
    """The optimizer over the weights, with values by our names.

    Raises UserCodeError, also for an exception of the class.
    """
    reference = reference or ClassReference(None, kind.__module__, kind.__name__)
    options = arguments(kind, values)
    optimizer: torch.optim.Optimizer = call(reference, lambda: kind(list(weights), **options))
    return optimizer


def call(reference: ClassReference, work: Callable[[], Any]) -> Any:
    """The result of a call of the user's code; its exception becomes a UserCodeError with file and line."""
    try:
        return work()
    except UserCodeError:
        raise
    except SystemExit as error:
        raise UserCodeError(f"{place(reference)} ended the process: {error}") from None
    except Exception as error:
        raise located(error, reference) from error
