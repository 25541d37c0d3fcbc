"""The CSV and the JSON for other programs give back the same floats."""

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.engine.export import to_csv, to_json
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import trajectories

RACE = Scenario(surface="beale", lanes=tuple(map(Lane.parse, ("adam:lr=0.1", "sgd:lr=5", "adam:lr=0.01"))), steps=30)
HOLE = Scenario(function="x + log(y)", start=(0.0, 1.0), lanes=(Lane.parse("sgd:lr=2"),))
scenarios = st.builds(
    Scenario,
    surface=st.sampled_from(sorted(SURFACES)),
    start=st.tuples(*[st.floats(-1e308, 1e308)] * 2),
    lanes=st.floats(0, 1e308).map(lambda lr: (Lane.of("momentum", {"lr": lr}),)),
    steps=st.integers(1, 9),
)


@settings(deadline=None)
@given(scenarios)
def test_csv_gives_back_every_float(scenario):
    rows = list(csv.DictReader(to_csv(scenario)))
    [path] = trajectories(scenario)
    assert [int(row["step"]) for row in rows] == list(range(path.last + 1))
    read = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    assert np.array_equal(read, path.positions, equal_nan=True)
    assert np.array_equal([float(row["loss"]) for row in rows], path.losses, equal_nan=True)


@settings(deadline=None)
@given(scenarios)
def test_json_gives_back_every_float_and_null_for_inf_and_nan(scenario):
    [text, end] = to_json(scenario)
    assert end == "\n"
    document = json.loads(text, parse_constant=pytest.fail)
    [path], [lane] = trajectories(scenario), document["lanes"]
    for name, values in (("x", path.positions[:, 0]), ("y", path.positions[:, 1]), ("loss", path.losses)):
        assert lane[name] == [value if math.isfinite(value) else None for value in values.tolist()]


def test_csv_is_literally_this():
    scenario = Scenario(start=(1.0, -2.0), lanes=(Lane.parse("sgd:lr=0.25"), Lane.parse("sgd:lr=0.5")), steps=2)
    assert "".join(to_csv(scenario)) == (
        "lane,step,x,y,loss\n"
        "sgd,0,1.0,-2.0,5.0\nsgd,1,0.5,-1.0,1.25\nsgd,2,0.25,-0.5,0.3125\n"
        "sgd-2,0,1.0,-2.0,5.0\nsgd-2,1,0.0,0.0,0.0\nsgd-2,2,0.0,0.0,0.0\n"
    )


def test_a_loss_that_is_no_number_is_nan_in_csv_and_null_in_json():
    assert list(to_csv(HOLE))[-1] == "sgd,1,-2.0,-1.0,nan\n"
    [lane] = json.loads("".join(to_json(HOLE)))["lanes"]
    assert (lane["loss"], lane["state"], lane["diverged_at"]) == ([0.0, None], "diverged", 1)


def test_json_names_each_lane_its_values_and_how_it_ended():
    document = json.loads("".join(to_json(RACE)))
    assert [lane["lane"] for lane in document["lanes"]] == ["adam", "sgd", "adam-2"]
    assert [lane["optimizer"] for lane in document["lanes"]] == ["adam", "sgd", "adam"]
    assert [lane["state"] for lane in document["lanes"]] == ["running", "diverged", "running"]
    assert document["lanes"][2]["hyperparameters"]["lr"] == 0.01
    assert document["lanes"][1]["diverged_at"] == len(document["lanes"][1]["x"]) - 1


def test_the_scenario_in_the_json_makes_the_same_json_again():
    document = json.loads("".join(to_json(RACE)))
    assert document["scenario"]["start"] == list(SURFACES["beale"].start)
    again = Scenario.from_json(document["scenario"])
    assert "".join(to_json(again)) == "".join(to_json(RACE))


def test_the_evaluations_are_counted_where_a_lane_evaluates_more_than_one_gradient_a_step():
    race = Scenario(lanes=(Lane.parse("armijo:lr=0.5"), Lane.parse("newton"), Lane.parse("sgd:lr=0.5")), steps=2)
    lines = list(to_csv(race))
    assert lines[0] == "lane,step,x,y,loss,losses,gradients,hessians\n"
    # At 1/2 the bowl's step ends at the minimum: a loss before and one after. There, every trial is the same point.
    ends = [line.rpartition(",0.0,")[2] for line in lines if line.split(",")[1] == "2"]
    assert ends == ["4,2,0\n", "0,2,2\n", "0,2,0\n"]
    armijo, newton, sgd = json.loads("".join(to_json(race)))["lanes"]
    assert armijo["evaluations"] == {"losses": [0, 2, 4], "gradients": [0, 1, 2], "hessians": [0, 0, 0]}
    assert newton["evaluations"]["hessians"] == [0, 1, 2]
    assert "evaluations" not in sgd


def test_a_wrong_function_writes_nothing():
    for write in (to_csv, to_json):
        with pytest.raises(ValueError, match="missing at the end"):
            next(write(Scenario(function="x +")))
