import os

import pytest

from adam_tui.runs.device_names import SHARED_CORES, cores
from adam_tui.sweeps import executor
from adam_tui.sweeps.executor import LocalExecutor, default_slots, slot_environment
from adam_tui.sweeps.supervisor import MAX_IDLE_ENDS, Supervisor


def test_slots_share_the_cores_of_a_cpu_and_leave_the_users_number_of_threads():
    alone, shared = (slot_environment(0, slots, "cpu", {"HOME": "/h"}) for slots in (1, 10_000))
    assert alone == SHARED_CORES | {"HOME": "/h", "OMP_NUM_THREADS": str(cores())}
    assert shared["OMP_NUM_THREADS"] == "1"
    assert slot_environment(0, 9, "cpu", {"OMP_NUM_THREADS": "3"})["OMP_NUM_THREADS"] == "3"
    assert default_slots("cpu") == cores()


def test_slots_share_the_gpus_that_are_visible(monkeypatch):
    monkeypatch.setattr(executor, "device_key", lambda device: "cuda-0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-a")
    environments = [slot_environment(slot, 3, "auto", os.environ) for slot in range(3)]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in environments] == ["2", "GPU-a", "2"]
    assert default_slots("auto") == 2
    assert default_slots("cuda:1") == 1
    assert slot_environment(1, 3, "cuda:1", os.environ)["CUDA_VISIBLE_DEVICES"] == "2, GPU-a"


class Slots:
    """An executor whose slots end at once with these statuses, one after another."""

    def __init__(self, *statuses, at_start=lambda: None):
        self.statuses, self.at_start, self.starts, self.lines = list(statuses), at_start, [], []

    def start(self, slot):
        self.starts.append(slot)
        self.at_start()

    def exit_status(self, slot):
        return self.statuses.pop(0) if self.statuses else 0

    def stop(self, slot):
        self.statuses = [0]

    kill = stop

    def log_tail(self, slot):
        return "cannot load the training: no torch"

    def title(self, slot):
        return f"slot {slot}"

    def messages(self):
        return self.lines.pop(0) if self.lines else []


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("adam_tui.sweeps.supervisor.POLL_SECONDS", 0.0)


@pytest.mark.usefixtures("quick")
class TestSupervisor:
    def test_it_starts_no_more_slots_than_there_are_trials(self, new_sweep):
        slots = Slots()
        list(Supervisor(new_sweep(trials=2), slots, 8, print).run())
        assert slots.starts == [0, 1]

    def test_it_leaves_a_slot_out_that_ends_again_and_again_and_reports_why(self, new_sweep):
        slots, messages = Slots(*[1] * 99), []
        list(Supervisor(new_sweep(), slots, 1, messages.append).run())
        assert len(slots.starts) == MAX_IDLE_ENDS
        assert messages[0] == "slot 0 ended (cannot load the training: no torch): another process takes its place"
        assert messages[-1] == f"slot 0 ended {MAX_IDLE_ENDS} times and is left out: cannot load the training: no torch"

    def test_it_replaces_a_killed_slot_as_long_as_trials_get_further(self, new_sweep, work):
        sweep = new_sweep(trials=1, epochs=20)
        slots = Slots(*[-9] * 12)
        kept = []

        def one_more_epoch():
            """Each process trains an epoch before it is killed."""
            from adam_tui.sweeps.journal import SweepJournal, TrialStarted, now

            number = len(slots.starts)
            lost = tuple(range(1, number))
            SweepJournal(sweep.path, "x").record(TrialStarted(now(), 0, number, lost, "adam-0000", "x", number))
            kept.append(number)

        slots.at_start = one_more_epoch
        list(Supervisor(sweep, slots, 1, lambda text: None).run())
        assert len(kept) == 13

    def test_it_leaves_a_slot_out_at_once_that_another_process_could_not_replace(self, new_sweep):
        slots, messages = Slots(2), []
        list(Supervisor(new_sweep(), slots, 1, messages.append).run())
        assert slots.starts == [0]
        assert messages == ["slot 0 cannot train: cannot load the training: no torch"]

    def test_it_reports_the_lines_of_the_slots(self, new_sweep):
        slots, messages = Slots(None, None), []
        slots.lines = [["slot 1 waits"], [], ["slot 1 goes on"]]
        list(Supervisor(new_sweep(), slots, 1, messages.append).run())
        assert messages == ["slot 1 waits", "slot 1 goes on"]

    def test_it_starts_nothing_after_an_order_to_stop(self, new_sweep):
        sweep = new_sweep()
        slots = Slots(1, at_start=lambda: sweep.command("stop"))
        list(Supervisor(sweep, slots, 1, print).run())
        assert slots.starts == [0]

    @pytest.mark.parametrize("end", [Supervisor.stop, Supervisor.kill])
    def test_it_replaces_no_slot_that_was_killed_by_the_user(self, new_sweep, end):
        slots = Slots(None, -9, -9)
        slots.stop = slots.kill = lambda slot: None  # it ends by the signal
        supervisor = Supervisor(new_sweep(), slots, 1, print)
        states = supervisor.run()
        next(states)
        end(supervisor)
        assert list(states)
        assert slots.starts == [0]


def test_the_last_line_of_a_slots_log_is_its_problem(tmp_path):
    local = LocalExecutor(tmp_path, 1)
    assert local.log_tail(0) == ""
    (tmp_path / "slot-0.log").write_text("Traceback\n  x\nImportError: no torch\n\n")
    assert local.log_tail(0) == "ImportError: no torch"
