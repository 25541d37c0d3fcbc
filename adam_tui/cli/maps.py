"""The commands `map` and `basins`: the outcomes of many settings, or from many starts, as numbers or as a picture.

A new format or another limit of their size belongs here. The map is walked in blocks; a terminal on stderr shows the
progress, and ctrl+c ends it without a half-written file. Heavy imports stay inside the commands.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from click.shell_completion import CompletionItem

from adam_tui.cli.errors import INTERRUPTED, print_error, usage_errors
from adam_tui.cli.flags import Command, UserPath
from adam_tui.cli.playground import SCENARIO_NAMES, build_scenario, check_paths, scenario_options

if TYPE_CHECKING:
    from adam_tui.draw.heat_map import Ink
    from adam_tui.engine.maps.cells import SettingsMap, StartsMap
    from adam_tui.engine.scenario import Scenario

FORMATS = ("csv", "json", "npy", "svg", "text")
MOST_SEEDS = 99  # of which a map shows the median: each takes as long as a map
# Columns and rows of a map: by default, and the most cells, whose outcomes take 0.5 GB.
SIZE, MOST_CELLS = (120, 80), 16_000_000
SIZE_OF_CLASS = 24, 16  # about a minute
# A picture has at most so many columns and rows; larger ones are hardly readable and slow to show.
LARGEST_PICTURE = (500, 400)
# Rows of a map in text beside the map itself: title, axis, legend, marks and the prompt.
OTHER_ROWS = 7
# A map that takes less has no progress bar, which would only flash.
QUICK = 0.5
BAR_LENGTH = 1000


def _complete_axis(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from adam_tui.engine.maps.axes import knobs_for_axes
    from adam_tui.engine.optimizers import OPTIMIZERS
    from adam_tui.engine.scenario import Lane

    lanes = context.params.get("lanes") or ("adam",)
    name = str(lanes[-1]).partition(":")[0]
    knobs = knobs_for_axes(Lane.of(name)) if name in OPTIMIZERS else ()
    return [CompletionItem(f"{knob.name}=", help=knob.meaning) for knob in knobs if knob.name.startswith(incomplete)]


seeds_option = click.option(
    "--seeds",
    type=click.IntRange(1, MOST_SEEDS),
    default=1,
    metavar="N",
    help="With noise: the median outcome of N seeds from --seed on, an odd number.",
)
size_option = click.option("--size", metavar="COLSxROWS", help="Cells of the map.  [default: 120x80, of a class 24x16]")
format_option = click.option(
    "--format", "output_format", type=click.Choice(FORMATS), default="csv", help="The format of the result."
)
output_option = click.option("--output", type=UserPath(), metavar="FILE", help="Write to this file, not to stdout.")


@click.command("map", cls=Command, names=SCENARIO_NAMES)
@scenario_options
@click.option(
    "--x", "x_text", metavar="KNOB=LOW..HIGH", shell_complete=_complete_axis, help="The knob of the columns: lr=1e-4..1"
)
@click.option(
    "--y", "y_text", metavar="KNOB=LOW..HIGH", shell_complete=_complete_axis, help="That of the rows: beta1=0..0.99"
)
@size_option
@seeds_option
@format_option
@output_option
def settings_map(
    x_text: str | None,
    y_text: str | None,
    size: str | None,
    seeds: int,
    output_format: str,
    output: Path | None,
    **flags: Any,
) -> int:
    """Compute the outcome of every setting of two knobs.

    Every cell is one configuration of the only lane. The columns are x,y,state,steps,loss: state is running, converged
    or diverged, steps the step at which that began, loss that of the last step. Values are spaced as the knob's own
    scale spaces them, ends included; without --x and --y they are of lr and of the first decay rate.
    """
    scenario = _single_lane(build_scenario(**flags))
    from adam_tui.engine.maps.axes import Axis, default_axes
    from adam_tui.engine.maps.cells import SettingsMap

    lane = scenario.lanes[0]
    columns, rows = _size(size, output_format, scenario)
    with usage_errors():
        first, second = default_axes(scenario, 0)
    with usage_errors("--x"):
        x = None if x_text is None else Axis.parse(x_text, lane)
    with usage_errors("--y"):
        y = None if y_text is None else Axis.parse(y_text, lane)
    # The axis that is not given is one of the usual two, of another knob than the given one.
    x = x or (second if y is not None and y.knob == first.knob else first)
    y = y or (first if x.knob == second.knob else second)
    with usage_errors():
        drawn = SettingsMap(scenario, 0, x, y, columns, rows, _seeds(scenario, seeds), coarse=False)
    return _write_map(drawn, output_format, output)


@click.command(cls=Command, names=SCENARIO_NAMES)
@scenario_options
@click.option("--x", "x_text", metavar="LOW..HIGH", help="The x of the starts.  [default: as plotted]")
@click.option("--y", "y_text", metavar="LOW..HIGH", help="The y of the starts.  [default: as plotted]")
@size_option
@seeds_option
@format_option
@output_option
def basins(
    x_text: str | None,
    y_text: str | None,
    size: str | None,
    seeds: int,
    output_format: str,
    output: Path | None,
    **flags: Any,
) -> int:
    """Compute where the lane ends from every start.

    The starts cover the plotted area of the surface, its edges included, or --x and --y; --start has no effect. The
    columns are those of map, then end_x,end_y,minimum: minimum numbers the rest points from 0, the listed minima first.
    """
    scenario = _single_lane(build_scenario(**flags))
    import numpy as np

    from adam_tui.engine.maps.cells import StartsMap
    from adam_tui.engine.trajectory import plotted_surface

    columns, rows = _size(size, output_format, scenario)
    x_min, x_max, y_min, y_max = plotted_surface(scenario).bounds
    with usage_errors("--x"):
        xs = np.linspace(*((x_min, x_max) if x_text is None else _range(x_text)), columns)
    with usage_errors("--y"):
        ys = np.linspace(*((y_min, y_max) if y_text is None else _range(y_text)), rows)
    drawn = StartsMap(scenario, 0, xs, ys, _seeds(scenario, seeds), coarse=False)
    return _write_map(drawn, output_format, output)


def _range(text: str) -> tuple[float, float]:
    """Read `LOW..HIGH`. Raises ValueError for anything but two finite numbers that rise."""
    from adam_tui.engine.numbers import parse_number

    low, dots, high = text.partition("..")
    try:
        ends = parse_number(low), parse_number(high)
    except ValueError:
        raise ValueError(f"a range is LOW..HIGH such as -2..2, not {text!r}") from None
    if not (dots and -math.inf < ends[0] < ends[1] < math.inf and math.isfinite(ends[1] - ends[0])):
        raise ValueError(f"a range rises between two finite numbers such as -2..2, not {text!r}")
    return ends


def _seeds(scenario: Scenario, count: int) -> range:
    """The seeds whose median the map shows. Raises UsageError for an even number, which has no middle."""
    if count % 2 == 0:
        raise click.UsageError(f"--seeds: the median needs an odd number, not {count}")
    return range(scenario.seed, scenario.seed + count)


def _single_lane(scenario: Scenario) -> Scenario:
    if len(scenario.lanes) != 1:
        raise click.UsageError(f"a map is of one lane: give one --lane, not {len(scenario.lanes)}")
    check_paths(scenario)
    return scenario


def _size(text: str | None, output_format: str, scenario: Scenario) -> tuple[int, int]:
    """Columns and rows of a map; fewer for a class, whose cells take long. Raises UsageError for a wrong size."""
    from adam_tui.engine.class_optimizers import ClassOptimizer

    if text is None and isinstance(scenario.lanes[0].rule, ClassOptimizer):
        return SIZE_OF_CLASS
    if text is None:
        return _fitting_terminal() if output_format == "text" else SIZE
    columns, _, rows = text.lower().partition("x")
    try:
        size = int(columns), int(rows)
    except ValueError:
        raise click.UsageError(f"a size is columns x rows such as 120x80, not {text!r}") from None
    if min(size) < 2 or size[0] * size[1] > MOST_CELLS:
        raise click.UsageError(f"a map has at least 2x2 and at most {MOST_CELLS:,} cells, not {text!r}")
    if output_format in ("svg", "text") and (size[0] > LARGEST_PICTURE[0] or size[1] > LARGEST_PICTURE[1]):
        raise click.UsageError(f"a picture has at most {LARGEST_PICTURE[0]}x{LARGEST_PICTURE[1]} cells, not {text!r}")
    return size


def _fitting_terminal() -> tuple[int, int]:
    """The cells of a map that fills the terminal; two share a row of it."""
    from adam_tui.cli.playground import picture_size

    width, height = picture_size(None)
    return max(width - 8, 2), max(2 * (height - OTHER_ROWS), 2)


def _write_map(drawn: SettingsMap | StartsMap, output_format: str, output: Path | None) -> int:
    """Compute the map and write it. Returns the exit status: 0, or that of an interrupt."""
    if output_format == "npy" and output is None and sys.stdout.isatty():
        raise click.UsageError("npy is not text: give --output FILE")
    try:
        if output is None:
            _compute(drawn)
            _write_to(sys.stdout.buffer, drawn, output_format)
        else:
            with _replacing(output) as file:
                _compute(drawn)
                _write_to(file, drawn, output_format)
    except KeyboardInterrupt:
        place = "" if output is None else f"; {output} is as it was"
        print_error(f"interrupted at {drawn.share:.0%} of the map{place}")
        return INTERRUPTED
    return 0


def _compute(drawn: SettingsMap | StartsMap, clock: Callable[[], float] = time.monotonic) -> None:
    """Compute the map; a terminal on stderr shows the progress of one that takes longer."""
    began = clock()
    while not drawn.complete and clock() < began + QUICK:
        drawn.advance()
    if not sys.stderr.isatty():
        drawn.finish()
    if drawn.complete:
        return
    with click.progressbar(length=BAR_LENGTH, file=sys.stderr, label=f"{drawn.columns}x{drawn.rows}") as bar:
        while not drawn.complete:
            drawn.advance()
            if new := int(drawn.share * BAR_LENGTH) - bar.pos:
                bar.update(new)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` at the end; after an error or an interrupt `path` is as it was.

    A device or a pipe is written to directly. Raises OSError that names `path`.
    """
    from adam_tui.runs.files import part_path, replace

    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            yield file
        return
    part = part_path(path)
    try:
        with open(part, "xb") as file:
            yield file
        replace(part, path)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _write_to(file: BinaryIO, drawn: SettingsMap | StartsMap, output_format: str) -> None:
    from adam_tui.engine import map_export

    pieces: Iterable[bytes]
    if output_format == "npy":
        pieces = map_export.to_npy(drawn)
    elif output_format in ("csv", "json"):
        lines = map_export.to_csv(drawn) if output_format == "csv" else map_export.to_json(drawn)
        pieces = (line.encode() for line in lines)
    else:
        pieces = [_picture(drawn, output_format, file).encode()]
    for piece in pieces:
        file.write(piece)
    file.flush()


def _picture(drawn: SettingsMap | StartsMap, output_format: str, file: BinaryIO) -> str:
    """The map as SVG or as text: in colours on a terminal, in ASCII where it has no block characters."""
    from adam_tui.draw.palette import DARK
    from adam_tui.draw.svg import to_svg
    from adam_tui.terminal.ansi import to_ansi
    from adam_tui.terminal.environment import color_depth, encodes_blocks
    from adam_tui.ui.playground.maps.still import caption, still

    if output_format == "svg":
        return to_svg(still(drawn, DARK), caption(drawn))
    on_stdout = file is sys.stdout.buffer
    depth = color_depth(os.environ, on_stdout and sys.stdout.isatty())
    in_ascii = on_stdout and not encodes_blocks(sys.stdout.encoding)
    ink: Ink = "ascii" if in_ascii else "blocks" if depth in ("truecolor", "256") else "shades"
    return to_ansi(still(drawn, DARK, ink), depth, ascii=in_ascii) + "\n"
