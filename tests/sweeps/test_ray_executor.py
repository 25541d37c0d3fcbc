"""Ray as seen from the app: its errors in one line, and the lines of the bridge's log. No Ray here."""

import importlib.util
import socket

import pytest
from click.testing import CliRunner

from adam_tui.cli.app import main
from adam_tui.sweeps.plan import Plan, make_space
from adam_tui.sweeps.ray_executor import RayExecutor, check_ray, cores_a_slot, gpu_share
from adam_tui.sweeps.sweep import create


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        yield taken.getsockname()[1]


@pytest.mark.parametrize("address", ["nonsense", "host:", "host:99999", "ray://host:1", "a b:1"])
def test_an_address_that_is_none_is_a_usage_error(address):
    with pytest.raises(ValueError, match="is not HOST:PORT or auto"):
        check_ray(address)


def test_an_address_without_a_cluster_is_one_line_and_leaves_no_sweep(closed_port, tmp_path):
    address = f"127.0.0.1:{closed_port}"
    done = CliRunner().invoke(main, ["sweep", "--on", "ray", "--address", address, "--runs", str(tmp_path)])
    assert done.exit_code == 2
    assert f"cannot reach Ray at {address}: Connection refused" in done.output
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []


def test_without_ray_the_command_names_the_extra(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else find(name))
    done = CliRunner().invoke(main, ["sweep", "--on", "ray", "--runs", str(tmp_path)])
    assert done.exit_code == 2
    assert "Ray is not installed: pip install 'adam-tui[ray]'" in done.output
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_a_gpu_is_refused_on_ray_before_anything_is_written(tmp_path):
    message = "adam-tui: device cuda:1 names no GPU of a Ray cluster, where each slot has its own: use cuda\n"
    result = CliRunner().invoke(main, ["sweep", "--on", "ray", "--device", "cuda:1", "--runs", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (2, message)
    assert not list(tmp_path.iterdir())
    plan = Plan(make_space({"adam": {}}, "1e-3", {}), sampler="grid", device="cuda:1")
    create(plan, tmp_path, "here")
    moved = CliRunner().invoke(main, ["sweeps", "resume", "here", "--on", "ray", "--runs", str(tmp_path)])
    assert (moved.exit_code, moved.stderr) == (2, message)


def test_an_address_is_for_ray_alone(tmp_path):
    done = CliRunner().invoke(main, ["sweep", "--on", "local", "--address", "auto", "--runs", str(tmp_path)])
    assert done.exit_code == 2
    assert "add --on ray" in done.output


def test_only_the_bridges_own_lines_reach_the_terminal_and_its_last_reason_is_the_cause(tmp_path):
    bridge = RayExecutor(tmp_path, 2)
    assert (bridge.messages(), bridge.log_tail(0), bridge.exit_status(0)) == ([], "", None)
    log = tmp_path / "ray.log"
    log.write_text("adam-tui: slot 1 waits\n(raylet) noise\nadam-tui: half")
    assert bridge.messages() == ["slot 1 waits"]
    assert bridge.log_tail(0) == "adam-tui: half"
    with log.open("a") as file:
        file.write(" a line\nadam-tui ends: no answer\nmore noise\n")
    assert bridge.messages() == ["half a line"]
    assert bridge.log_tail(0) == "no answer"
    assert bridge.messages() == []


def test_slots_get_as_many_cores_as_fit_on_the_nodes_and_equal_shares_of_the_gpus():
    assert cores_a_slot([8.0, 8.0], 16) == cores_a_slot([8.0, 8.0], 9) == 1
    assert cores_a_slot([8.0, 8.0], 8) == 2
    assert cores_a_slot([8.0, 3.0], 3) == 3
    assert cores_a_slot([], 4) == cores_a_slot([1.0], 4) == 1
    assert [gpu_share(4.0, slots) for slots in (1, 4, 5, 8, 12)] == [1.0, 1.0, 0.5, 0.5, 1 / 3]
