"""weights.bin: which steps are kept, and what a killed or resumed process leaves of the file."""

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.runs.weights_file import WeightsFile, planned_steps, thinned


def weights(value):
    return struct.pack("<3f", value, value, value)


@pytest.fixture
def path(tmp_path):
    file = WeightsFile(tmp_path / "weights.bin")
    for step in (0, 1, 4):
        file.append(step, weights(step))
    return file.path


def test_the_steps_are_the_first_ones_and_then_ever_wider_apart():
    assert planned_steps(5, 64) == [0, 1, 2, 3, 4, 5]
    assert planned_steps(1000, 8) == [0, 1, 3, 10, 32, 100, 316, 1000]
    steps = planned_steps(46_900, 64)
    assert len(steps) == 64
    assert steps[:4] == [0, 1, 2, 3]
    assert steps[-1] == 46_900


def test_the_weights_of_64_steps_take_less_than_16_megabytes(tmp_path):
    file = WeightsFile(tmp_path / "none.bin")
    file.count = 62_346
    assert file.offset(64) < 16_000_000


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_no_more_steps_are_planned_than_allowed_and_the_last_one_always(last, most):
    steps = planned_steps(last, most)
    assert len(steps) <= most
    assert steps == sorted(set(steps))
    assert steps[-1] == last


def test_thinning_leaves_out_the_closest_steps_on_a_log_scale():
    assert thinned([0, 1, 3, 10, 11, 50], 5) == [0, 1, 3, 11, 50]
    assert thinned([0, 1, 2], 3) == [0, 1, 2]


def test_records_are_read_back_and_a_part_of_one_is_ignored(path):
    whole = path.read_bytes()
    path.write_bytes(whole + struct.pack("<q", 9) + weights(9)[:5])
    file = WeightsFile(path)
    assert (file.steps, file.count) == ([0, 1, 4], 3)
    file.append(7, weights(7))
    assert path.read_bytes() == whole + struct.pack("<q", 7) + weights(7)


def test_later_records_are_cut_when_a_run_continues(path):
    file = WeightsFile(path)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"part")
    file.cut(3)
    assert path.stat().st_size == size - file.record_bytes
    assert WeightsFile(path).steps == [0, 1]


def test_a_thinned_file_holds_the_weights_of_its_steps(path):
    file = WeightsFile(path)
    file.append(5, weights(5))
    file.thin(3)
    assert WeightsFile(path).steps == file.steps == [0, 1, 5]
    assert path.read_bytes()[file.offset(2) :] == struct.pack("<q", 5) + weights(5)


def test_a_file_of_something_else_is_refused(path):
    path.write_bytes(b"PNG" + bytes(40))
    with pytest.raises(ValueError, match="does not hold weights"):
        WeightsFile(path)


def test_weights_of_another_network_are_not_mixed_in(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"holds \d+ weights, not 1"):
        WeightsFile(path).append(9, bytes(4))
    assert path.read_bytes() == before


def test_a_write_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:9]))
    with pytest.raises(OSError, match="No space"):
        WeightsFile(path).append(9, weights(9))
    assert path.read_bytes() == before
