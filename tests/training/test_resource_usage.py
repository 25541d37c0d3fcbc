import mmap
import sys
import time
from types import SimpleNamespace

import pytest

from adam_tui.training.resource_usage import ResourceUsage, cores

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")


def test_a_busy_process_takes_one_core_of_all_and_an_idle_one_nothing():
    usage = ResourceUsage()
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    busy = usage.read()["cpu_percent"]
    time.sleep(0.3)
    assert usage.read()["cpu_percent"] < busy
    assert 0 < busy <= 100 / cores() * 1.1


@needs_proc
def test_memory_that_is_taken_shows():
    before = ResourceUsage().read()["memory_bytes"]
    # From the system: what the allocator gives may be memory that it has kept from an earlier test.
    with mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as taken:
        for page in range(0, len(taken), mmap.PAGESIZE):
            taken[page] = 1
        assert ResourceUsage().read()["memory_bytes"] - before == pytest.approx(64 << 20, rel=0.1)


class NVMLError(Exception):
    pass


def fake_nvml(monkeypatch, **functions):
    names = {"nvmlInit": lambda: None, "nvmlDeviceGetHandleByUUID": lambda uuid: uuid, "NVMLError": NVMLError}
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(**names | functions))


def test_a_gpu_is_asked_by_its_uuid(monkeypatch):
    fake_nvml(
        monkeypatch,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used={"GPU-1f": 5 << 30}[handle]),
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu={"GPU-1f": 87}[handle]),
    )
    usage = ResourceUsage()
    assert usage.read()["gpu_percent"] is None
    usage.watch_gpu("1f")
    values = usage.read()
    assert (values["gpu_percent"], values["gpu_memory_bytes"]) == (87.0, 5 << 30)


def test_a_part_of_a_gpu_has_memory_and_no_utilisation(monkeypatch):
    def refuse(handle):
        raise NVMLError("not supported")

    fake_nvml(
        monkeypatch,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=7),
        nvmlDeviceGetUtilizationRates=refuse,
    )
    usage = ResourceUsage()
    usage.watch_gpu("GPU-1f")
    assert usage.read()["gpu_percent"] is None
    assert usage.read()["gpu_memory_bytes"] == 7


def test_without_nvml_or_its_driver_there_is_no_gpu_to_read(monkeypatch):
    def refuse():
        raise NVMLError("driver not loaded")

    for missing in (
        lambda: monkeypatch.setitem(sys.modules, "pynvml", None),
        lambda: fake_nvml(monkeypatch, nvmlInit=refuse),
    ):
        missing()
        usage = ResourceUsage()
        usage.watch_gpu("1f")
        assert usage.read()["gpu_percent"] is usage.read()["gpu_memory_bytes"] is None
