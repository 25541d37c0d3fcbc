"""A lane survives its flag and its JSON unchanged, and gives the values of each step."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.engine.lane import Change, Lane
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.schedules import CONSTANT, KINDS, Schedule
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import compute_trajectory

FLAG = "adam:lr=0.1,beta1=0.8,lr@50=0.01,eps@70=0.1,lr@90=0.5,schedule=cosine,warmup=20,gamma=0.9,every=30"


def values_of(knob):
    if knob.scale == "flag":
        return st.sampled_from([0.0, 1.0])
    if knob.scale == "integer":
        return st.integers(int(knob.low), int(min(knob.high, 10_000))).map(float)
    low, high = max(knob.low, -1e300), min(knob.high, 1e300)
    return st.floats(low, high, exclude_min=knob.low_excluded, exclude_max=knob.high_excluded)


@st.composite
def schedules(draw):
    kind = draw(st.sampled_from(KINDS))
    return Schedule(
        kind, draw(st.integers(0, 200)), draw(st.floats(0, 1, exclude_min=True)), draw(st.integers(1, 10**25))
    )


@st.composite
def lanes(draw):
    rule = OPTIMIZERS[draw(st.sampled_from(sorted(OPTIMIZERS)))]
    chosen = draw(st.lists(st.sampled_from(rule.knobs), unique_by=lambda knob: knob.name))
    turned = draw(st.lists(st.tuples(st.integers(1, 300), st.sampled_from(rule.knobs)), max_size=5))
    return Lane.of(
        rule.name,
        {knob.name: draw(values_of(knob)) for knob in chosen},
        draw(st.just(CONSTANT) | schedules()),
        [Change(step, knob.name, draw(values_of(knob))) for step, knob in turned],
    )


class TestWriting:
    @settings(deadline=None)
    @given(lanes())
    def test_a_flag_restores_its_lane(self, lane):
        assert Lane.parse(lane.to_flag()) == lane
        assert hash(Lane.parse(lane.to_flag())) == hash(lane)

    @settings(deadline=None)
    @given(lanes())
    def test_json_restores_its_lane(self, lane):
        assert Lane.from_json(json.loads(json.dumps(lane.to_json(), allow_nan=False))) == lane

    @settings(deadline=None)
    @given(lanes(), st.randoms(use_true_random=False))
    def test_the_parts_of_a_flag_come_in_any_order_with_blanks_anywhere(self, lane, random):
        name, colon, rest = lane.to_flag().partition(":")
        parts = rest.split(",") if colon else []
        random.shuffle(parts)
        spaced = [part.replace("=", " = ").replace("@", " @ ") for part in parts]
        assert Lane.parse(f" {name} {colon} {' , '.join(spaced)} ") == lane

    def test_default_values_are_not_written(self):
        assert Lane.parse("adam:schedule=constant,warmup=0,gamma=0.5,every=100,eps=1e-8").to_flag() == "adam:lr=0.001"

    def test_the_learning_rate_is_always_written(self):
        """A lane without it would take the suggestion."""
        assert Lane.of("adam").to_flag() == "adam:lr=0.001"
        assert Lane.of("adam").to_json().keys() == {"optimizer", *OPTIMIZERS["adam"].defaults()}

    def test_a_flag_with_every_part_is_short(self):
        assert Lane.parse(FLAG).to_flag() == FLAG
        assert Lane.parse("adam:lr@90=5e-1,lr@50=.01").to_flag() == "adam:lr=0.001,lr@50=0.01,lr@90=0.5", "by step"

    def test_a_gamma_is_written_only_where_it_is_not_the_default_of_its_kind(self):
        half, step = "adam:lr=0.1,schedule=exponential,gamma=0.5", "adam:lr=0.1,schedule=step,every=9"
        assert Lane.parse("adam:lr=0.1,schedule=exponential").to_flag() == "adam:lr=0.1,schedule=exponential"
        assert Lane.parse(half).to_flag() == half
        assert Lane.parse(f"{step},gamma=0.5").to_flag() == step
        assert Lane.parse("adam:schedule=exponential").to_json()["schedule"]["gamma"] is None
        assert Lane.parse("adam:schedule=cosine").to_json()["schedule"]["gamma"] == 0.5

    def test_json_by_hand(self):
        lane = Lane.parse("sgd:lr=0.1,lr@5=0.2,schedule=step,every=7")
        assert lane.to_json() == {
            "optimizer": "sgd",
            "lr": 0.1,
            "weight_decay": 0.0,
            "schedule": {"kind": "step", "warmup": 0, "gamma": 0.5, "every": 7},
            "changes": [{"step": 5, "name": "lr", "value": 0.2}],
        }
        assert Lane.from_json({"optimizer": "sgd", "lr": 0.1, "schedule": {"kind": "cosine"}}) == Lane.parse(
            "sgd:lr=0.1,schedule=cosine"
        )


class TestReading:
    def test_every_part_of_the_flag_arrives(self):
        lane = Lane.parse(FLAG)
        assert (lane["lr"], lane["beta1"], lane["beta2"]) == (0.1, 0.8, 0.999)
        assert lane.schedule == Schedule("cosine", 20, 0.9, 30)
        assert lane.changes == (Change(50, "lr", 0.01), Change(70, "eps", 0.1), Change(90, "lr", 0.5))

    def test_without_lr_it_has_the_suggested_one(self):
        assert Lane.parse("adam:beta1=0.5", lambda optimizer: 0.2) == Lane.parse("adam:beta1=0.5,lr=0.2")
        assert Lane.parse("adam:lr@5=0.3", lambda optimizer: 0.2)["lr"] == 0.2
        assert Lane.from_json({"optimizer": "adam"}, lambda optimizer: 0.2) == Lane.parse("adam:lr=0.2")
        assert Lane.parse("adam:lr=0.3", lambda optimizer: 0.2)["lr"] == 0.3

    def test_default_is_torchs_value_of_any_knob(self):
        lane = Lane.parse("adam:lr=default,beta1= default,lr@5=Default", lambda optimizer: 0.2)
        assert (lane["lr"], lane["beta1"], lane.changes) == (0.001, 0.9, (Change(5, "lr", 0.001),))

    def test_a_switch_may_change_on_the_way(self):
        lane = Lane.parse("adam:bias_correction@10=off,weight_decay@3=off")
        assert lane.changes == (Change(3, "weight_decay", 0.0), Change(10, "bias_correction", 0.0))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("adam:lr@0=0.1", "lr@0: a value can change after step 1 or later"),
            ("adam:lr@-3=0.1", "after step 1 or later"),
            ("adam:lr@=0.1", "the step of lr@ must be a whole number, not ''"),
            ("adam:lr@1.5=0.1", "the step of lr@1.5 must be a whole number, not '1.5'"),
            ("adam:@5=0.1", "adam has no ''"),
            ("adam:lr@5=-1", "lr must be at least 0, not -1"),
            ("adam:lr@5=0.1,lr@5=0.2", "lr@5 is given twice"),
            ("adam:lr@5=0.1,lr@05=0.2", "lr@05 is given twice"),
            ("adam:lr@5=0.1,lr @ 5=0.2", "is given twice"),
            ("sgd:momentum@5=0.1", "sgd has no 'momentum'"),
            ("adam:schedule@5=cosine", "adam has no 'schedule'"),
            ("adam:schedule=", "not ''"),
            ("adam:schedule=cosine,schedule=step", "schedule is given twice"),
            ("adam:warmup=-5", "warmup must be a whole number of steps, at least 0, not -5"),
            ("adam:warmup=" + "9" * 5000, "warmup must be a whole number, not '999"),
            ("adam:gamma=" + "x" * 5000, "gamma must be a number, not 'xxx"),
        ],
        ids=lambda value: value[:30],
    )
    def test_a_wrong_lane_is_an_error_of_one_line(self, text, expected):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is tested
            Lane.parse(text)
        message = str(caught.value)
        assert expected in message
        assert "\n" not in message
        if len(text) > 1000:
            assert len(message) < 200

    @given(st.text(alphabet="adm:lr@=,0.5- cosinewup", max_size=40))
    def test_any_text_is_a_lane_or_an_error_of_one_line(self, text):
        for flag in (text, f"adam:{text}"):
            message, lane = "", None
            try:
                lane = Lane.parse(flag)
            except ValueError as error:
                message = str(error)
            assert "\n" not in message
            assert lane is None or Lane.parse(lane.to_flag()) == lane


class TestValues:
    def test_a_change_holds_from_the_step_after_on(self):
        lane = Lane.parse("adam:lr=0.1,lr@3=0.2,beta1@3=0.5,lr@5=0.4")
        assert [lane.values_for(step, 9)["lr"] for step in range(1, 10)] == [0.1] * 3 + [0.2] * 2 + [0.4] * 4
        assert [lane.values_for(step, 9)["beta1"] for step in (3, 4)] == [0.9, 0.5]
        assert [lane.value_at("lr", step) for step in range(7)] == [0.1] * 3 + [0.2] * 2 + [0.4] * 2

    def test_a_schedule_scales_the_rate_that_was_changed_and_nothing_else(self):
        lane = Lane.parse("adam:lr=0.1,lr@2=0.8,schedule=step,every=1,gamma=0.5")
        assert [lane.values_for(step, 4)["lr"] for step in (1, 2, 3, 4)] == pytest.approx([0.1, 0.05, 0.2, 0.1])
        assert lane.value_at("lr", 3) == 0.8
        steady = {name: value for name, value in lane.values if name != "lr"}
        assert lane.values_for(4, 4).items() >= steady.items()

    @settings(deadline=None)
    @given(lanes(), st.integers(1, 300))
    def test_every_step_has_a_value_for_every_knob_that_the_knob_allows(self, lane, step):
        values = lane.values_for(step, 300)
        assert list(values) == [knob.name for knob in lane.rule.knobs]
        for knob in lane.rule.knobs:
            assert knob.check(values[knob.name]) == values[knob.name]
            expected = lane.value_at(knob.name, step - 1)
            assert values[knob.name] == (expected * lane.schedule.factor(step, 300) if knob.name == "lr" else expected)

    def test_only_what_changes_varies(self):
        assert not Lane.of("adam").varies
        assert Lane.parse("adam:lr@5=0.1").varies
        assert Lane.parse("adam:schedule=cosine").varies
        assert Lane.parse("adam:warmup=3").varies


class TestForks:
    def test_a_fork_is_a_change_from_that_step_on_and_drops_the_later_ones(self):
        lane = Lane.parse("adam:lr=0.1,lr@20=0.2,lr@40=0.4,beta1@50=0.5")
        assert lane.forked(30, "lr", 0.3).to_flag() == "adam:lr=0.1,lr@20=0.2,lr@30=0.3,beta1@50=0.5"
        assert lane.forked(20, "lr", 0.3).to_flag() == "adam:lr=0.1,lr@20=0.3,beta1@50=0.5", "once more at its step"
        assert lane.forked(0, "lr", 0.3).to_flag() == "adam:lr=0.3,beta1@50=0.5"

    def test_a_replaced_value_is_the_starts_and_leaves_changes_and_schedule(self):
        lane = Lane.parse("adam:lr=0.1,lr@20=0.2,schedule=cosine").replaced("lr", 0.3)
        assert lane.to_flag() == "adam:lr=0.3,lr@20=0.2,schedule=cosine"

    def test_a_fork_needs_a_value_that_the_knob_allows(self):
        with pytest.raises(ValueError, match="lr must be at least 0"):
            Lane.of("adam").forked(5, "lr", -1.0)
        with pytest.raises(ValueError, match="adam has no 'rho'"):
            Lane.of("adam").forked(5, "rho", 0.5)
        with pytest.raises(ValueError, match="after step 1 or later"):
            Lane.of("adam").forked(-1, "lr", 0.5)

    @settings(deadline=None, max_examples=40)
    @given(lanes(), st.integers(0, 60), st.data())
    def test_a_forked_path_is_the_old_one_up_to_the_fork(self, lane, step, data):
        knob = data.draw(st.sampled_from(lane.rule.knobs))
        value = data.draw(values_of(knob))
        fork = lane.forked(step, knob.name, value)
        assert fork.value_at(knob.name, step) == fork.value_at(knob.name, 10**6) == value
        old, new = (
            compute_trajectory(SURFACES["ravine"], each, (-4.0, 1.5), 60, 0.2, 3).positions for each in (lane, fork)
        )
        # Beyond the fork the new path may leave the plot sooner, and then it is shorter.
        kept = min(step + 1, len(old), len(new))
        assert np.array_equal(old[:kept], new[:kept], equal_nan=True)

    def test_a_forked_path_goes_its_own_way_after_the_fork(self):
        lane = Lane.parse("adam:lr=0.1")
        old, new = (
            compute_trajectory(SURFACES["bowl"], each, (3.0, 2.0), 60, 0.0, 0).positions
            for each in (lane, lane.forked(20, "lr", 0.4))
        )
        assert (old[:21] == new[:21]).all()
        assert (old[21] != new[21]).all()
        assert new[21] - new[20] == pytest.approx(4 * (old[21] - old[20]))

    def test_a_fork_at_the_start_is_a_lane_of_its_own_from_the_first_step(self):
        lane = Lane.parse("sgd:lr=0.1,lr@5=0.3").forked(0, "lr", 0.2)
        path = compute_trajectory(SURFACES["bowl"], lane, (1.0, 0.0), 10, 0.0, 0)
        assert path.positions[:, 0] == pytest.approx([0.6**t for t in range(11)])
