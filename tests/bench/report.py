"""Prints every figure beside its goal: `python tests/bench/report.py [PART…]`.

The parts are terminal, engine, training, landscapes, long, sweeps and accuracy. Each figure is a count, or a ratio of
two measurements in turns. All parts but `accuracy` take about ten minutes; `accuracy` takes three and runs only when
it is named. Another program on the same cores makes seconds longer and ratios slightly wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import engine_speed, long_run, sweep_speed, terminal, time_to_accuracy

HERE = Path(__file__).parent
# Item, name, figure, goal, and the test of the goal; a figure without a goal explains one with a goal.
Line = tuple[str, str, float, str, Callable[[float], bool] | None]


def at_most(limit: float) -> Callable[[float], bool]:
    """A goal that larger figures miss."""
    return lambda figure: figure <= limit


def at_least(limit: float) -> Callable[[float], bool]:
    """A goal that smaller figures miss."""
    return lambda figure: figure >= limit


def of_the_terminal() -> Iterator[Line]:
    """Items 1 to 4, 6 and 16, without training."""
    start = terminal.start()
    yield "1", "first contour, seconds", start["contour"], "<= 0.4", at_most(0.4)
    yield "1", "first contour / bare Textual app", start["contour"] / start["label"], "<= 1.3", at_most(1.3)
    yield "1", "a key pressed then is answered at, seconds", start["answer"], "", None
    yield "1", "the same of the bare app, seconds", start["label's answer"], "", None
    race = terminal.race()
    yield "1", "memory, MB", race["memory"] / 1e6, "<= 90", at_most(90)
    yield "2", "race of five lanes, bytes a frame", race["bytes a frame"], "<= 1000", at_most(1000)
    sent, core = terminal.still()
    yield "2", "nothing moves, bytes in 10 s", sent, "= 0", at_most(0)
    yield "2", "nothing moves, % of a core", 100 * core, "<= 0.5", at_most(0.5)
    keys = terminal.answers()
    yield "3", "a step, bytes", keys["step"], "<= 1500", at_most(1500)
    yield "3", "a notch, bytes", keys["notch"], "<= 8000", at_most(8000)
    surfaces = terminal.surfaces()
    answer, frames = (sorted(counts) for counts in zip(*surfaces.values(), strict=True))
    yield "3", "a new surface, bytes, median", median(answer), "<= 30000", at_most(30_000)
    yield "3", f"a new surface, bytes, largest of {len(answer)}", answer[-1], "<= 30000", at_most(30_000)
    yield "3", "the frames of 0.3 s after it, bytes, median", median(frames), "", None
    for size, most in (((80, 24), 25_000), ((120, 40), 45_000), ((200, 55), 0)):
        name = f"the whole start at {size[0]}x{size[1]}, bytes"
        goal = f"<= {most}" if most else ""
        yield "3", name, terminal.sent_at_the_start(size), goal, at_most(most) if most else None
    finest = max(count for count, _ in terminal.surfaces(blocks="sextants").values())
    yield "3", "a new surface in sextants, bytes, largest", finest, "<= 30000", at_most(30_000)
    large = [count for count, _ in terminal.surfaces((200, 55)).values()]
    yield "3", "a new surface at 200x55, bytes, median", median(large), "", None
    yield "3", "the same, largest", max(large), "", None
    yield "4", "five lanes, frames a second", race["frames a second"], "= 20", at_least(19)
    yield "4", "five lanes, % of a core", 100 * race["core"], "<= 10", at_most(10)
    yield "4", "a key to its first byte, p95, ms", 1000 * terminal.keys(), "<= 50", at_most(50)
    maps = terminal.maps()
    yield "16", "a map's key to its first cells, ms", 1000 * maps["first cells"], "<= 50", at_most(50)
    yield "16", "a map's cursor, p95, ms", 1000 * maps["move"], "<= 50", at_most(50)
    yield "16", "the same, bytes", maps["bytes"], "<= 1500", at_most(1500)
    yield "16", "the first one, with which the cursor appears, bytes", maps["first bytes"], "<= 1500", at_most(1500)
    yield "16", "a key while a map is computed, p95, ms", 1000 * maps["busy"], "<= 50", at_most(50)
    yield "16", "memory after three maps, MB more", maps["memory"] / 1e6, "<= 20", at_most(20)
    for answers in (True, False):
        line = terminal.slow_line(answers=answers)
        name = f"20 kB/s{'' if answers else ', no answers'}: the screen can be read, seconds"
        yield "6", name, line["readable"], "", None
        yield "6", "a key from then on, longest, ms", 1000 * line["wait"], "<= 200", at_most(200)
        yield "6", "a key before, in the middle of the start, ms", 1000 * line["early"], "", None


def of_the_engine() -> Iterator[Line]:
    """Items 7, 8 and 12."""
    grid, one = engine_speed.seconds(engine_speed.grid), engine_speed.seconds(engine_speed.torch_configuration, 3)
    count = engine_speed.GRID[0] * engine_speed.GRID[1]
    yield "7", "9,600 configurations x 500 steps, seconds", grid, "<= 0.25", at_most(0.25)
    yield "7", "a loop over torch.optim / the grid", one * count / grid, ">= 2000", at_least(2000)
    turned = engine_speed.turned(engine_speed.race(60))
    anew = engine_speed.turned(engine_speed.race(60), all_lanes=True)
    yield "8", "a turned knob to its picture, ms", 1000 * turned, "<= 50", at_most(50)
    yield "8", "all five lanes x 2,000 steps computed again, ms", 1000 * anew, "<= 250", at_most(250)
    first, whole = engine_speed.seconds(engine_speed.first_cells), engine_speed.seconds(engine_speed.whole_map)
    one = engine_speed.seconds(engine_speed.torch_configuration, 3)
    yield "12", "a map of 120x80 settings: its first cells, ms", 1000 * first, "<= 50", at_most(50)
    yield "12", "the same whole, seconds", whole, "<= 0.15", at_most(0.15)
    yield "12", "a loop over torch.optim / the map", one * count / whole, ">= 5000", at_least(5000)
    yield (
        "12",
        "the same where many cells converge, seconds",
        engine_speed.seconds(engine_speed.converging_map),
        "",
        None,
    )
    yield "12", "120x80 starts of descent, seconds", engine_speed.seconds(engine_speed.starts_map), "", None
    yield "12", "the longest piece of a map, ms", 1000 * engine_speed.longest_piece(), "<= 20", at_most(20)
    yield "12", "memory of a map, MB more", engine_speed.map_memory() / 1e6, "<= 20", at_most(20)


def of_the_training() -> Iterator[Line]:
    """Items 4, 5, 9, 11 and 17, with a run on the same cores."""
    done = subprocess.run([sys.executable, HERE / "training_speed.py"], capture_output=True, text=True, check=True)
    speed = json.loads(done.stdout)
    yield "9", "automatic precision / the article's loop", speed["automatic"] / speed["article"], ">= 3", at_least(3)
    yield "9", "float32 / the article's loop", speed["float32"] / speed["article"], ">= 2", at_least(2)
    yield "11", "10,000 images tested, seconds", speed["test_seconds"], "<= 0.4", at_most(0.4)
    live = terminal.in_training()
    yield "4", "a key while a run trains, p95, ms", 1000 * live["key"], "<= 50", at_most(50)
    yield "5", "the training screen, bytes a second", live["bytes a second"], "<= 4000", at_most(4000)
    yield "11", "the training screen, % of a core", 100 * live["core"], "<= 2", at_most(2)
    yield "11", "a run's speed with the app / without", live["speed"], ">= 0.98", at_least(0.98)
    yield "11", "its standard error", live["error"], "", None
    yield (
        "11",
        "the same by the run's processor time",
        live["work"],
        ">= 0.98",
        at_least(0.98),
    )
    yield "11", "its standard error", live["work error"], "", None
    first = terminal.first_losses()
    yield "17", "t to the first loss on the screen, a spare waits, seconds", first["warm"], "<= 0.5", at_most(0.5)
    yield "17", "the same without a spare, seconds", first["cold"], "", None


def of_long_runs() -> Iterator[Line]:
    """Item 5: a million steps, and a simulated day in a minute."""
    opened = long_run.opening()
    yield "5", "1,000,000 steps to the whole curve, seconds", opened["whole"], "<= 1", at_most(1)
    yield "5", "a key that looks at a part of it, p95, ms", 1000 * opened["key"], "<= 50", at_most(50)
    yield "5", "memory after a simulated day, MB more", long_run.growth() / 1e6, "<= 20", at_most(20)


def of_the_accuracy() -> Iterator[Line]:
    """Item 10: three seeds of each, three minutes; below it the time from the command on, which a person waits."""
    results = time_to_accuracy.measured()
    ours, article = results["ours"], results["article"]
    yield "10", "99.0% accuracy, seconds of training", ours["training"], "", None
    yield "10", "the same / the article's loop", ours["training"] / article["training"], "<= 0.33", at_most(1 / 3)
    yield "10", "from the command to 99.0% / the article's loop", ours["whole"] / article["whole"], "", None


def of_sweeps() -> Iterator[Line]:
    """Item 17: a slot's time between trials, and how the cores are shared best."""
    figures = sweep_speed.measured()
    yield "17", "from the end of a trial to the next step, ms", 1000 * figures["gap"], "<= 50", at_most(50)
    yield "17", "the same, p90", 1000 * figures["gap_p90"], "", None
    yield "17", "training / slot time over 50 trials", figures["share"], ">= 0.95", at_least(0.95)
    yield "17", "an ended trial on the disk, kB", figures["trial_bytes"] / 1000, "<= 300", at_most(300)
    yield "17", "one slot of 2 threads / two slots of 1, seconds", figures["two_slots"], "", None


def of_landscapes() -> Iterator[Line]:
    """Item 18: the points of a loss landscape, its first picture, its memory, and the weights that a run keeps."""
    done = subprocess.run([sys.executable, HERE / "landscape_speed.py"], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    ratio = figures["plain_core"] / figures["ours_core"]
    yield "18", "a plain loop / a point, processor time", ratio, ">= 2", at_least(2)
    yield "18", "points a second, 1,000 images", 1 / figures["ours"], ">= 30", at_least(30)
    yield "18", "81 points, torch being loaded, seconds", figures["first"], "<= 3", at_most(3)
    yield "18", "memory above torch, MB", figures["memory"] / 1e6, "<= 100", at_most(100)
    yield "18", "a record of weights.bin, ms", 1000 * figures["record"], "", None


PARTS = {
    "terminal": of_the_terminal,
    "engine": of_the_engine,
    "training": of_the_training,
    "landscapes": of_landscapes,
    "long": of_long_runs,
    "sweeps": of_sweeps,
    "accuracy": of_the_accuracy,  # only when it is named
}


def main(names: list[str]) -> int:
    """Print the table line by line; the exit status is 2 for an unknown part."""
    if wrong := set(names) - set(PARTS):
        print(f"there is no part {wrong.pop()!r}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    print(f"{'item':>4}  {'figure':<52}{'here':>10}  {'goal':<9} met    load at the start {os.getloadavg()[0]:.1f}")
    for part in names or list(PARTS)[:-1]:
        for item, name, figure, goal, met in PARTS[part]():
            digits = 0 if figure >= 100 else 2
            word = "" if met is None else "yes" if met(figure) else "no"
            print(f"{item:>4}  {name:<52}{figure:>10.{digits}f}  {goal:<9} {word}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
