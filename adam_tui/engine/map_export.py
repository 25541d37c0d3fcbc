"""Export of finished maps as CSV, JSON and npy: every float with all its digits. All three formats are contracts.

x is fastest, y goes from low to high. Rows are written one by one, so that the text of a large map is never in memory.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from adam_tui.engine.maps.cells import SettingsMap, StartsMap
from adam_tui.engine.maps.outcomes import CONVERGED, DIVERGED, RUNNING, Integers
from adam_tui.engine.maps.rest_points import rest_points
from adam_tui.engine.trajectory import Array

STATES = {RUNNING: "running", CONVERGED: "converged", DIVERGED: "diverged"}
CSV_HEADER = "x,y,state,steps,loss"
ENDS_HEADER = "end_x,end_y,minimum"


def to_csv(finished: SettingsMap | StartsMap) -> Iterator[str]:
    """Lines x,y,state,steps,loss, of a map of starts also end_x,end_y,minimum.

    `steps` is empty for a running cell, `minimum` for one that did not converge.
    """
    outcomes = finished.finish()
    numbers, _ = _minima(finished)
    yield f"{CSV_HEADER}{'' if numbers is None else f',{ENDS_HEADER}'}\n"
    xs = [repr(x) for x in finished.xs.tolist()]
    for row, y in enumerate(finished.ys.tolist()):
        parts = zip(
            xs, outcomes.states[row].tolist(), outcomes.steps[row].tolist(), outcomes.losses[row].tolist(), strict=True
        )
        lines = [f"{x},{y!r},{STATES[state]},{'' if steps < 0 else steps},{loss!r}" for x, state, steps, loss in parts]
        if numbers is not None:
            ends = zip(outcomes.ends[row].tolist(), numbers[row].tolist(), strict=True)
            lines = [
                f"{line},{x!r},{y!r},{'' if number < 0 else number}"
                for line, ((x, y), number) in zip(lines, ends, strict=True)
            ]
        yield "\n".join([*lines, ""])


def curves_to_csv(curves: Sequence[tuple[str, SettingsMap]]) -> Iterator[str]:
    """Lines lane,lr,state,steps,loss of maps of one knob, each with the name of its lane."""
    yield f"lane,{curves[0][1].x.knob.name},state,steps,loss\n"
    for name, curve in curves:
        outcomes = curve.finish()
        parts = zip(curve.xs.tolist(), *(part[0].tolist() for part in outcomes[:3]), strict=True)
        for x, state, steps, loss in parts:
            yield f"{_quoted(name)},{x!r},{STATES[state]},{'' if steps < 0 else steps},{loss!r}\n"


def _quoted(text: str) -> str:
    """A text as a field of CSV."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


def to_json(finished: SettingsMap | StartsMap) -> Iterator[str]:
    """One JSON document: scenario, x and y with their values, and for each column of the CSV a list of rows.

    null stands for inf and nan, for the steps of a running cell and for the minimum of a cell that did not converge. A
    map of starts also has the list `minima`, whose places are the numbers in `minimum`.
    """
    outcomes = finished.finish()
    numbers, points = _minima(finished)
    yield f'{{"scenario": {json.dumps(finished.scenario.to_json())}, '
    for name, values in (("x", finished.xs), ("y", finished.ys)):
        axis = getattr(finished, name, None)
        knob = {} if axis is None else {"knob": axis.knob.name}
        yield f'"{name}": {json.dumps(knob | {"values": values.tolist()})}, '
    yield from _rows("state", ([STATES[state] for state in row] for row in outcomes.states.tolist()))
    yield ", "
    yield from _rows("steps", (_numbers(row) for row in outcomes.steps))
    yield ", "
    yield from _rows("loss", (_plain(row) for row in outcomes.losses))
    if numbers is not None:
        for axis, name in enumerate(("end_x", "end_y")):
            yield ", "
            yield from _rows(name, (_plain(row[:, axis]) for row in outcomes.ends))
        yield ", "
        yield from _rows("minimum", (_numbers(row) for row in numbers))
        yield f', "minima": {json.dumps(points.tolist())}'
    yield "}\n"


def to_npy(finished: SettingsMap | StartsMap) -> Iterator[bytes]:
    """A NumPy file with a structured array (rows, columns) of the CSV's columns.

    `state` is 0 running, 1 converged, 2 diverged; `steps` and `minimum` are −1 where the CSV is empty.
    """
    outcomes = finished.finish()
    numbers, _ = _minima(finished)
    fields = [("x", "<f8"), ("y", "<f8"), ("state", "i1"), ("steps", "<i4"), ("loss", "<f8")]
    if numbers is not None:
        fields += [("end_x", "<f8"), ("end_y", "<f8"), ("minimum", "<i4")]
    dtype = np.dtype(fields)
    header = io.BytesIO()
    shape = outcomes.states.shape
    npy_format.write_array_header_1_0(
        header, {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    yield header.getvalue()
    for row in range(shape[0]):
        line = np.empty(shape[1], dtype)
        line["x"], line["y"] = finished.xs, finished.ys[row]
        line["state"], line["steps"], line["loss"] = outcomes.states[row], outcomes.steps[row], outcomes.losses[row]
        if numbers is not None:
            line["end_x"], line["end_y"] = outcomes.ends[row].T
            line["minimum"] = numbers[row]
        yield line.tobytes()


def _minima(finished: SettingsMap | StartsMap) -> tuple[Integers | None, Array]:
    """The number of the rest point of each cell, and the rest points; None for a map of settings, which omits them."""
    if isinstance(finished, SettingsMap):
        return None, np.empty((0, 2))
    return rest_points(finished.finish(), finished.surface)


def _rows(name: str, rows: Iterator[list[Any]]) -> Iterator[str]:
    yield f'"{name}": ['
    for i, row in enumerate(rows):
        yield f"{', ' if i else ''}{json.dumps(row, allow_nan=False)}"
    yield "]"


def _numbers(row: Integers) -> list[Any]:
    return [None if number < 0 else number for number in row.tolist()]


def _plain(row: Array) -> list[Any]:
    return [value if math.isfinite(value) else None for value in row.tolist()]
