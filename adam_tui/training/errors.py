"""Errors of torch and the system as one line that a person can act on: the reason of a failed run."""

from __future__ import annotations

import re

import torch


def describe(error: BaseException) -> str:
    """The error in one line; a lack of memory in plain words, because torch's message is a page."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, torch.OutOfMemoryError):
        return f"out of GPU memory, a smaller batch needs less: {text[:200]}"
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        size = re.search(r"allocate (\d+) bytes", text)
        return "out of memory, a smaller batch needs less" + (f": {int(size[1]) / 1e6:,.0f} MB more" if size else "")
    if "could not create a primitive" in text:  # oneDNN's message for this, and for little else
        return f"probably out of memory: {text[:200]}"
    return text[:300] if text else type(error).__name__
