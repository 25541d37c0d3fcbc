"""The flags that name code of the user: an optimizer class and a network. A process of its own tries them first."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from adam_tui.cli.errors import print_error
from adam_tui.engine.class_reference import ClassReference, split_reference
from adam_tui.engine.class_signature import split_setting, split_settings
from adam_tui.runs.user_code import CheckedCode, check_code
from adam_tui.terminal.sanitize import sanitize_line


def check_class(
    optimizer: str, settings: Sequence[str], lr: float | None, network: str | None, device: str | None
) -> tuple[str, dict[str, float], dict[str, Any]]:
    """The optimizer, its numbers and the other fields of the specification for `./mine.py::MyAdam:lr=0.1`.

    Raises ValueError with one line.
    """
    reference, text = split_reference(optimizer)
    given = [*(split_settings(text) if text is not None else ()), *map(split_setting, settings)]
    if lr is not None:
        if any(name == "lr" for name, _ in given):
            raise ValueError("give the learning rate once: --lr, or as a setting")
        given.append(("lr", repr(lr)))
    with _waiting(reference):
        code = check_code(reference, given, _network(network), device or "auto")
    if code.warning:
        print_error(code.warning)
    return code.optimizer, dict(code.values), dict(code.rest)


def check_network(network: str) -> dict[str, Any]:
    """The fields of the specification for a network alone. Raises ValueError with one line."""
    reference = _network(network)
    assert reference is not None
    with _waiting(reference):
        return dict(check_code(None, (), reference).rest)


def check_signature(optimizer: str) -> CheckedCode:
    """The class without settings, for a sweep. Raises ValueError with one line."""
    reference = ClassReference.parse(optimizer)
    with _waiting(reference):
        return check_code(reference)


def _network(text: str | None) -> ClassReference | None:
    if text is None:
        return None
    try:
        return ClassReference.parse(text)
    except ValueError as error:
        raise ValueError(f"--network: {str(error).replace('MyAdam', 'build')}") from None


@contextlib.contextmanager
def _waiting(reference: ClassReference) -> Iterator[None]:
    """Show on a terminal that the code is being tried: loading torch takes seconds."""
    shown = sys.stderr.isatty()
    if shown:
        click.echo(sanitize_line(f"trying {reference.label} …"), err=True, nl=False)
    try:
        yield
    finally:
        if shown:
            click.echo("\r\x1b[2K", err=True, nl=False)
