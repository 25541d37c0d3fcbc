"""Which sweep trains on a device, as its processes show it by a lock."""

import os
import subprocess
import sys
from types import SimpleNamespace

from made_runs import lock

from adam_tui.runs.device_names import device_lock
from adam_tui.runs.device_use import run_on, sweep_on, used_by_sweep

SLOT = """
import sys
from pathlib import Path
from adam_tui.runs.device_use import used_by_sweep
with used_by_sweep(Path(sys.argv[1]), "cpu"):
    print("in use", flush=True)
    sys.stdin.readline()
"""


def test_a_device_is_in_use_until_the_last_slot_has_ended_even_by_a_kill(tmp_path):
    assert sweep_on(tmp_path, "cpu") == ""
    with used_by_sweep(tmp_path / "sweep-a", "cpu"):
        slot = subprocess.Popen(
            [sys.executable, "-c", SLOT, str(tmp_path / "sweep-b")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        slot.stdout.readline()
        assert sweep_on(tmp_path, "cpu") == "sweep-b"
        assert sweep_on(tmp_path, "cuda:7") == ""
    assert sweep_on(tmp_path, "cpu") == "sweep-b"
    slot.kill()
    slot.communicate()
    assert sweep_on(tmp_path, "cpu") == ""
    [path] = tmp_path.iterdir()
    assert path.name.endswith("-cpu-sweeps.lock")
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_run_that_holds_a_device_is_known_by_its_id(tmp_path):
    assert run_on(tmp_path, "cpu") == ""
    path = device_lock(tmp_path, "cpu")
    path.write_text("adam-7f3a")
    assert run_on(tmp_path, "cpu") == "", "it has ended"
    held = lock(SimpleNamespace(metrics=path))
    assert run_on(tmp_path, "cpu") == "adam-7f3a"
    os.close(held)


def test_a_directory_that_cannot_be_written_stops_no_slot(tmp_path):
    with used_by_sweep(tmp_path / "missing" / "sweep-a", "cpu"):
        assert sweep_on(tmp_path / "missing", "cpu") == ""
    planted = tmp_path / "elsewhere"
    planted.write_text("mine")
    with used_by_sweep(tmp_path / "sweep-a", "cpu"):
        [path] = [each for each in tmp_path.iterdir() if each.name.startswith(".")]
    os.unlink(path)
    for plant in (path.symlink_to, path.hardlink_to):
        plant(planted)
        with used_by_sweep(tmp_path / "sweep-a", "cpu"):
            assert sweep_on(tmp_path, "cpu") == ""
        path.unlink()
    assert planted.read_text() == "mine"
