"""The command `landscape`: the loss on a plane through a run's weights, with the path of the training on it.

A process of its own computes (`training.landscape_worker`), so torch is never loaded here. ctrl+c keeps all that is
computed: the same command goes on from there.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adam_tui.cli.errors import INTERRUPTED, print_error, usage_errors
from adam_tui.cli.flags import Command, whole_number
from adam_tui.cli.runs import complete_run, find_run, runs_option, trust_option

if TYPE_CHECKING:
    from adam_tui.landscape.directory import Landscape

KINDS = ("pca", "random", "points")
SIZE = (33, 25)  # points of the grid by default
PICTURE = (100, 36)  # columns and rows of an SVG
SMALLEST, MOST_POINTS = 2, 1_000_000
MOST_COLUMNS = 65  # of a grid that is shaped like the terminal
OTHER_ROWS = 9  # of a picture: title, axis, scale, names and caption
POLL_SECONDS = 0.1
TRIES = 3  # a process that was killed is started again


@click.command(cls=Command)
@click.argument("run_ids", metavar="RUN…", nargs=-1, required=True, shell_complete=complete_run)
@click.option(
    "--plane",
    "kind",
    type=click.Choice(KINDS),
    default="pca",
    help="In which the first run's path varies most; through its end, random; or through two or three runs.",
)
@click.option("--size", metavar="COLSxROWS", help="Points of the grid.  [default: 33x25, as the terminal for text]")
@click.option(
    "--images",
    metavar="[train:]N",
    default="1000",
    help="Test images, or with train: those that the first run is trained on.  [default: 1000]",
)
@click.option("--seed", type=whole_number, metavar="N", default=0, help="Of a random plane.  [default: 0]")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["csv", "json", "svg", "text"]),
    default="text",
    help="Rows a,b,loss,accuracy; all numbers with the paths; or a picture.  [default: text]",
)
@trust_option
@runs_option
@click.pass_context
def landscape(
    context: click.Context,
    run_ids: tuple[str, ...],
    kind: str,
    size: str | None,
    images: str,
    seed: int,
    output_format: str,
    trust: bool,
    runs: Path | None,
) -> int:
    """Compute the loss around the weights of a run, with its path.

    Other runs of the same network are drawn on the same plane. Each dot has its step's true loss as its colour; it is
    hollow where the step lies far off the plane. The run must have kept its weights, as runs do by default.
    """
    chosen = list({run.path: run for run in (find_run(context, each, runs) for each in run_ids)}.values())
    from adam_tui.landscape import directory
    from adam_tui.runs import control
    from adam_tui.runs.recipes import DATA_SETS

    with usage_errors():
        columns, rows, aspect = _grid(size, output_format)
        part, count = _images(images)
        request, paths = directory.request(chosen, kind, columns, rows, aspect, count, seed, part)
        data = DATA_SETS.get(chosen[0].spec().data)
        most = count if data is None else data.test_images if part == "test" else data.train_images
        if not 1 <= count <= most:
            raise ValueError(f"--images is from 1 to {most:,}, not {count:,}")
        _check_plane(kind, paths)
        if trust:
            control.trust(chosen[0])
    made = directory.Landscape.create(chosen[0], request)
    try:
        compute(made)
    except KeyboardInterrupt:
        from adam_tui.landscape.process import progress

        done, total = progress(made)
        print_error(f"interrupted at {done / total:.0%}; the same command goes on from there")
        return INTERRUPTED
    _write(made, output_format)
    return 0


def _check_plane(kind: str, paths: list[Any]) -> None:
    """Raise ValueError with one line where the plane cannot exist, before a process is started."""
    from adam_tui.landscape import plane

    if kind == "pca":
        plane.check_path(paths[0])
    if kind == "points":
        plane.points(paths)


def _images(text: str) -> tuple[str, int]:
    """The part of the data and the number of images: "1000", "train:1000". Raises ValueError."""
    from adam_tui.engine.numbers import parse_whole

    part, _, count = text.rpartition(":")
    if part not in ("", "test", "train"):
        raise ValueError(f"--images takes test or train, not {part!r}")
    try:
        return part or "test", parse_whole(count)
    except ValueError:
        raise ValueError(f"--images is a number such as 1000 or train:1000, not {text!r}") from None


def _grid(size: str | None, output_format: str) -> tuple[int, int, float]:
    """Columns and rows of the grid, and the area's width by its height. Raises ValueError for a wrong size."""
    if size is not None:
        columns, _, rows = size.lower().partition("x")
        try:
            wanted = int(columns), int(rows)
        except ValueError:
            raise ValueError(f"a size is columns x rows such as 33x25, not {size!r}") from None
        if min(wanted) < SMALLEST or wanted[0] * wanted[1] > MOST_POINTS:
            raise ValueError(f"a grid has at least 2x2 and at most {MOST_POINTS:,} points, not {size!r}")
        return *wanted, (wanted[0] - 1) / (wanted[1] - 1)
    if output_format in ("csv", "json"):
        return *SIZE, (SIZE[0] - 1) / (SIZE[1] - 1)
    from adam_tui.draw.plot_axes import LEFT_MARGIN
    from adam_tui.draw.viewport import CELL_ASPECT

    width, height = _picture_size(output_format)
    aspect = max(width - LEFT_MARGIN, 1) / (CELL_ASPECT * max(height - OTHER_ROWS, 1))
    columns_of = round(aspect * (SIZE[1] - 1)) + 1
    return min(max(columns_of, SMALLEST), MOST_COLUMNS), SIZE[1], aspect


def _picture_size(output_format: str) -> tuple[int, int]:
    from adam_tui.cli.playground import picture_size

    return PICTURE if output_format == "svg" else picture_size(None)


def compute(made: Landscape) -> None:
    """Compute the rest of a landscape in its own process; a terminal on stderr shows the progress.

    Raises UsageError with the process's own line when it cannot be computed.
    """
    from adam_tui.landscape.process import BUSY, LOG, is_active, last_error, progress, start

    done, total = progress(made)
    if done == total:
        return
    with click.progressbar(
        length=total, file=sys.stderr, label="points", hidden=not sys.stderr.isatty(), show_pos=True
    ) as bar:
        bar.update(done)
        for _ in range(TRIES):
            waits = False
            process = start(made, detached=False)
            try:
                while process.poll() is None or (process.returncode == BUSY and is_active(made)):
                    if process.returncode == BUSY and not waits:
                        waits = True
                        click.echo("another process computes this landscape; waiting for it", err=True)
                    time.sleep(POLL_SECONDS)
                    bar.update(progress(made)[0] - bar.pos)
            except BaseException:
                process.terminate()
                process.wait()
                raise
            done = progress(made)[0]
            bar.update(done - bar.pos)
            if done == total:
                return
            if process.returncode > 0 and process.returncode != BUSY:
                break
    raise click.UsageError(last_error(made.path / LOG) or f"the process ended with status {process.returncode}")


def _write(made: Landscape, output_format: str) -> None:
    """Write a complete landscape to stdout."""
    from adam_tui.landscape import report

    request, survey = made.request(), made.survey()
    if survey is None:
        raise click.UsageError(f"{made.path / 'plane.npz'} is missing")
    points = made.points(survey)
    if output_format == "csv":
        sys.stdout.writelines(report.to_csv(survey, points))
    elif output_format == "json":
        sys.stdout.write(report.to_json(request, survey, points))
    else:
        sys.stdout.write(_picture(made, output_format))
    sys.stdout.flush()


def _picture(made: Landscape, output_format: str) -> str:
    from adam_tui.draw import landscape_plot
    from adam_tui.draw.palette import DARK
    from adam_tui.draw.svg import to_svg
    from adam_tui.landscape import report
    from adam_tui.terminal.ansi import to_ansi
    from adam_tui.terminal.environment import color_depth, encodes_blocks

    request, survey = made.request(), made.survey()
    assert survey is not None
    points = made.points(survey)
    tracks = [
        landscape_plot.Track(path.name, path.places, losses, path.hollow, number, selected=not number)
        for number, (path, losses) in enumerate(zip(survey.paths, points.path_losses, strict=True))
    ]
    filled = survey.grid.filled(points.losses.ravel())
    title = report.title(request, survey)
    picture = landscape_plot.still(
        survey.grid.sampler(filled),
        survey.grid.bounds,
        tracks,
        title,
        report.caption(request, survey, points),
        *_picture_size(output_format),
        DARK,
    )
    if output_format == "svg":
        return to_svg(picture, title)
    depth = color_depth(os.environ, sys.stdout.isatty())
    return to_ansi(picture, depth, ascii=not encodes_blocks(sys.stdout.encoding)) + "\n"
