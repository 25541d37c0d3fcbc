"""Exports restore the race exactly, show the current picture, and never overwrite a file."""

import io
import json
import re
import shlex
import stat
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_blocks import EITHER_BLOCK

from adam_tui.cli.app import main
from adam_tui.cli.playground import build_scenario
from adam_tui.draw.palette import DARK, LIGHT
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.pytorch_sources import BY_HAND
from adam_tui.engine.scenario import Change, Lane, Scenario, suggested_lanes
from adam_tui.engine.schedules import KINDS, Schedule
from adam_tui.engine.surfaces import SURFACES, find_surface
from adam_tui.engine.trajectory import trajectories
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground import export, view
from adam_tui.ui.playground.export import COPIES, EXPORTS, copy_text, recording, save
from adam_tui.ui.playground.state import SPEEDS, PlaygroundState

FIVE = suggested_lanes(["adam", "sgd", "momentum", "rmsprop", "lion"], find_surface("bowl"))
RACE = PlaygroundState(Scenario(lanes=FIVE, steps=120), clock=60)


WRITTEN = sorted(name for name, rule in OPTIMIZERS.items() if rule.torch_name or name in BY_HAND)


# ---- text that restores the race ----

coordinates = st.floats(-1e9, 1e9)


def numbers(knob):
    return {
        "flag": st.sampled_from([0.0, 1.0]),
        "beta": st.floats(max(knob.low, 0.001), min(knob.high, 0.999)),
        "log": st.floats(max(knob.low, 1e-9), min(0.99 * knob.high, 1e2)),
        "log_off": st.just(0.0) | st.floats(1e-9, 1e2),
        "linear": st.floats(knob.notch_low, knob.notch_high),
        "integer": st.integers(1, 20).map(float),
    }[knob.scale]


@st.composite
def lanes(draw):
    rule = OPTIMIZERS[draw(st.sampled_from(WRITTEN))]
    values = {knob.name: draw(numbers(knob)) for knob in rule.knobs if draw(st.booleans())}
    schedule = Schedule(
        draw(st.sampled_from(KINDS)), draw(st.integers(0, 50)), draw(st.floats(0.01, 1)), draw(st.integers(1, 99))
    )
    turned = draw(st.lists(st.sampled_from(rule.knobs), max_size=3))
    changes = [Change(draw(st.integers(1, 500)), knob.name, draw(numbers(knob))) for knob in turned]
    return Lane.of(rule.name, values, schedule, changes)


scenarios = st.builds(
    lambda place, **others: Scenario(**place, **others),
    place=st.one_of(
        st.sampled_from(sorted(SURFACES)).map(lambda name: {"surface": name}),
        st.sampled_from(["x**2 + 3*y^2", "-x^2 + (y−1)²", "2 π x·y + exp( y )", "x^2 +\n y^2"]).map(
            lambda text: {"function": text}
        ),
    ),
    lanes=st.lists(lanes(), min_size=1, max_size=8).map(tuple),
    start=st.none() | st.tuples(coordinates, coordinates),
    steps=st.integers(1, 100_000),
    noise=st.just(0.0) | st.floats(0, 1e6),
    seed=st.integers(0, 2**64),
)


def restored(command: str) -> Scenario:
    program, *arguments = shlex.split(command)
    assert program == "adam-tui"
    given_flags = main.make_context(program, arguments).params
    return build_scenario(**{k: v for k, v in given_flags.items() if k in Scenario.__dataclass_fields__})


@settings(deadline=None, max_examples=80)
@given(scenarios)
def test_the_command_line_restores_the_race_exactly(scenario):
    assert restored(copy_text("command", PlaygroundState(scenario))) == scenario


@settings(deadline=None, max_examples=80)
@given(scenarios)
def test_the_json_restores_the_race_exactly(scenario):
    text = copy_text("json", PlaygroundState(scenario))
    assert Scenario.from_json(json.load(io.StringIO(text))) == scenario


def test_the_pytorch_code_is_the_whole_script():
    script = copy_text("pytorch", RACE)
    assert "import torch\n" in script
    assert len(re.findall(r"^race\(", script, re.M)) == 5


def test_every_export_works_and_has_its_own_key(tmp_path):
    for offers in (COPIES, EXPORTS):
        assert len({key for key, *_ in offers}) == len({kind for _, kind, _ in offers}) == len(offers)
    assert all(copy_text(kind, RACE) for _, kind, _ in COPIES)
    assert all(save(kind, RACE, tmp_path, DARK).stat().st_size for _, kind, _ in EXPORTS)


# ---- the recording ----


def seconds_of(state, **size):
    return [seconds for seconds, _ in recording(state, 40, 16, DARK, **size)]


def test_a_recording_plays_the_whole_race_at_the_speed_of_the_playground():
    state = replace(RACE, speed=SPEEDS.index(40), crosshair=(0.0, 0.0), playing=True)
    film = list(recording(state, 60, 20, DARK))
    # 120 steps at 40 a second: 3 seconds of 20 pictures, and the last one held.
    assert [seconds for seconds, _ in film] == [*(i / 20 for i in range(60)), 3.0, 3.0 + export.HOLD]
    for seconds, cells in film[:-1]:
        still = view.still(replace(RACE, clock=float(int(seconds * 40))), 60, 20, DARK)
        assert not cells.changed(still).any(), seconds
    assert not film[-1][1].changed(film[-2][1]).any()


def test_a_slow_race_has_no_picture_where_nothing_moves():
    slow = replace(RACE, scenario=replace(RACE.scenario, steps=6), speed=0)
    assert seconds_of(slow) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0 + export.HOLD]


def test_a_long_race_is_played_faster():
    long = replace(RACE, scenario=replace(RACE.scenario, steps=5000), speed=0)
    seconds = seconds_of(long, fps=5)
    assert seconds[-2:] == [export.LONGEST, export.LONGEST + export.HOLD]
    assert len(seconds) == 5 * export.LONGEST + 2


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_even_the_shortest_race_has_its_start_and_its_end(steps):
    film = list(recording(replace(RACE, scenario=replace(RACE.scenario, steps=steps), speed=9), 60, 20, DARK))
    assert [f"step {n}" in film[i][1].text(0) for i, n in ((0, 0), (-1, steps))] == [True, True]
    assert [seconds for seconds, _ in film] == sorted(seconds for seconds, _ in film)


def test_the_saved_recording_ends_on_the_last_picture(tmp_path):
    lines = save("cast", RACE, tmp_path, DARK).read_text(encoding="utf-8").splitlines()
    header, *events = map(json.loads, lines)
    screen = pyte.Screen(header["width"], header["height"])
    stream = pyte.Stream(screen)
    for _, _, text in events:
        stream.feed(text)
    last = view.still(replace(RACE, clock=120.0), header["width"], header["height"], DARK)
    assert [line.translate(EITHER_BLOCK) for line in screen.display] == [
        line.translate(EITHER_BLOCK) for line in last.lines()
    ]
    assert header["title"] == "adam-tui: x² + y² · adam · sgd · momentum · rmsprop · lion"


# ---- files ----


def test_a_file_name_describes_the_race(tmp_path):
    names = [save(kind, RACE, tmp_path, DARK).name for kind in ("svg", "csv", "json", "cast")]
    assert names == [f"adam-tui-bowl-5-lanes.{kind}" for kind in ("svg", "csv", "json", "cast")]
    alone = PlaygroundState(Scenario(function="x^2/2 + y^2", steps=5))
    assert save("csv", alone, tmp_path, DARK).name == "adam-tui-function-1-lane.csv"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "adam-tui-function-1-lane.csv"])


def test_the_picture_is_of_the_moment(tmp_path):
    root = ET.parse(save("svg", RACE, tmp_path, LIGHT)).getroot()
    assert root.find("{http://www.w3.org/2000/svg}g").get("transform") == "scale(4.5 3)", "sextants"
    assert (root.get("width"), root.get("height")) == ("1080", "720")
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title.text == "adam-tui: bowl  x² + y² · step 60"
    fill = root.find("{http://www.w3.org/2000/svg}rect").get("fill")
    assert sum(bytes.fromhex(fill[1:])) > 600  # of the light look


def test_the_numbers_are_the_engines(tmp_path):
    paths = trajectories(RACE.scenario)
    table = save("csv", RACE, tmp_path, DARK).read_text(encoding="utf-8").splitlines()
    assert table[0] == "lane,step,x,y,loss"
    assert len(table) == 1 + sum(len(path.positions) for path in paths)
    lane, step, x, *_ = table[-1].split(",")
    assert (lane, int(step), float(x)) == ("lion", 120, paths[-1].positions[-1, 0])
    document = json.loads(save("json", RACE, tmp_path, DARK).read_text(encoding="utf-8"))
    assert document["lanes"][0]["x"] == paths[0].positions[:, 0].tolist()
    assert Scenario.from_json(document["scenario"]) == replace(RACE.scenario, start=find_surface("bowl").start)


def test_no_file_is_ever_overwritten(tmp_path):
    (tmp_path / "adam-tui-bowl-5-lanes.csv").write_text("precious")
    (tmp_path / "adam-tui-bowl-5-lanes-3.csv").symlink_to(tmp_path / "nowhere")
    names = [save("csv", RACE, tmp_path, DARK).name for _ in range(3)]
    assert names == [f"adam-tui-bowl-5-lanes-{n}.csv" for n in (2, 4, 5)]
    assert (tmp_path / "adam-tui-bowl-5-lanes.csv").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path, monkeypatch):
    seen = []

    def lines(scenario):
        seen.extend((path.name, path.stat().st_size) for path in tmp_path.iterdir())
        yield "a line\n"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.export, "to_csv", lines)
    with pytest.raises(OSError, match="No space left"):
        save("csv", RACE, tmp_path, DARK)
    assert dict(seen)["adam-tui-bowl-5-lanes.csv"] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_the_permissions_that_the_umask_gives(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(save("json", RACE, tmp_path, DARK).stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_directory_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        save("csv", RACE, tmp_path / "missing", DARK)
    with pytest.raises(NotADirectoryError):
        save("csv", RACE, Path(__file__), DARK)


async def test_a_race_that_cannot_be_written_or_trained_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr("adam_tui.engine.pytorch_code.BY_HAND", {})
    monkeypatch.setattr("adam_tui.ui.playground.requests.TRAINING_OPTIMIZERS", {})
    app = AdamApp(PlaygroundState(Scenario(lanes=suggested_lanes(["lion"], find_surface("bowl")))), runs=tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("c", "p", "T")
        await pilot.pause()
        messages = [note.message for note in app._notifications]
        assert messages == ["there is no PyTorch code for lion", "Lion is for the playground only"]
        assert app.screen.MODE == "playground"
