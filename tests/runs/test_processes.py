"""Processes by number and birth; those of macOS and Windows with stand-ins."""

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from adam_tui.runs import file_lock, processes


def test_a_process_with_the_same_number_and_another_birth_is_another_process(sleeper):
    born = processes.birth(sleeper.pid)
    assert born
    assert processes.birth(sleeper.pid) == born
    assert processes.is_running(sleeper.pid)
    assert processes.is_running(sleeper.pid, born)
    assert not processes.is_running(sleeper.pid, born + "1")
    sleeper.kill()
    deadline = time.monotonic() + 20
    while processes.is_running(sleeper.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes.is_running(sleeper.pid, born), "a zombie is gone"


@pytest.mark.parametrize("pid", [0, -1, -(2**31), 2**31, 2**64])
def test_an_impossible_process_number_does_not_run_and_gets_no_signal(pid, monkeypatch):
    monkeypatch.setattr(os, "kill", lambda *arguments: pytest.fail(f"kill{arguments}"))
    assert not processes.is_running(pid)
    with pytest.raises(ValueError, match="may be another one"):
        processes.kill(pid, "1")


def test_only_a_process_with_the_expected_birth_is_killed_even_a_stopped_one(sleeper):
    for born in ("", "1"):
        with pytest.raises(ValueError, match=f"process {sleeper.pid} may be another one by now"):
            processes.kill(sleeper.pid, born)
    assert sleeper.poll() is None
    os.kill(sleeper.pid, signal.SIGSTOP)
    processes.kill(sleeper.pid, processes.birth(sleeper.pid))
    assert sleeper.wait(20) == -signal.SIGKILL


def test_without_proc_ps_gives_the_birth_of_a_process(sleeper, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    born = processes.birth(sleeper.pid)
    assert time.strftime("%Y") in born
    assert processes.is_running(sleeper.pid, born)
    assert not processes.is_running(2**22 + 7)
    with pytest.raises(ValueError, match="may be another one"):
        processes.kill(sleeper.pid, "Thu Nov 25 03:20:00 1999")
    sleeper.terminate()
    sleeper.wait()
    assert processes.birth(sleeper.pid) == ""


class Kernel32:
    """Stand-ins for the calls of kernel32, which know one process, number 7."""

    def __init__(self):
        self.code, self.began, self.open_handles = processes.STILL_ACTIVE, (5, 6), set()
        self.OpenProcess = lambda access, inherit, pid: self._open(pid)
        self.GetExitCodeProcess, self.GetProcessTimes, self.CloseHandle = self._exit_code, self._times, self._close

    def _open(self, pid):
        if pid != 7:
            return None
        self.open_handles.add(77)
        return 77

    def _exit_code(self, handle, code):
        code._obj.value = self.code
        return 1

    def _times(self, handle, created, *others):
        created._obj.dwHighDateTime, created._obj.dwLowDateTime = self.began
        return 1

    def _close(self, handle):
        self.open_handles.discard(handle.value)
        return 1


def test_on_windows_the_birth_of_a_process_is_read_without_a_signal(monkeypatch):
    kernel = Kernel32()
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: processes.INVALID_PARAMETER, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    killed = []
    monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
    born = processes.birth(7)
    assert born == str((5 << 32) + 6)
    assert processes.is_running(7, born)
    assert not processes.is_running(7, "another")
    assert not processes.is_running(8)
    assert killed == []  # os.kill(pid, 0) there is Ctrl-C
    monkeypatch.setattr(processes, "KILL_SECONDS", 0.0)
    with pytest.raises(ValueError, match="does not end"):
        processes.kill(7, born)
    assert killed == [(7, signal.SIGTERM)]
    kernel.code = 1
    assert not processes.is_running(7, born)
    assert kernel.open_handles == set()


def test_a_detached_process_outlives_its_terminal_on_every_system(monkeypatch):
    assert processes.detached_options() == {"start_new_session": True}
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(subprocess, "DETACHED_PROCESS", 0x8, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert processes.detached_options() == {"creationflags": 0x208}


def test_the_modules_of_the_training_process_import_without_unix():
    code = """
        import sys
        for name in ("fcntl", "termios", "pwd", "resource"):
            sys.modules[name] = None
        import os
        for name in ("getsid", "nice", "sched_getaffinity", "sysconf", "uname", "pread", "pwrite", "O_NONBLOCK"):
            delattr(os, name)
        import adam_tui.training.worker, adam_tui.training.device_queue, adam_tui.cli.follow
        from adam_tui.runs import device_names as devices
        from adam_tui.training import resource_usage as gauges
        gauges.sys = devices.sys = type(sys)("sys")
        devices.sys.platform = gauges.sys.platform = "win32"
        assert devices.device_key("cpu") == "cpu"
        assert gauges.cores() > 0
        assert gauges.ResourceUsage().read()["memory_bytes"] is None
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_a_process_is_shown_to_hold_the_lock_of_a_file(tmp_path, sleeper):
    path = tmp_path / "file"
    with open(path, "w") as file, open(path) as reader:
        assert processes.holds_lock(os.getpid(), path) is False
        assert file_lock.is_locked(path) is False
        assert file_lock.lock(file.fileno())
        assert processes.holds_lock(os.getpid(), path) is True
        assert processes.holds_lock(sleeper.pid, path) is False
        assert file_lock.is_locked(path) is True
        assert not reader.closed
    assert file_lock.is_locked(path) is False
    assert file_lock.is_locked(tmp_path / "missing") is False


def test_the_arguments_of_a_process_are_known(sleeper, monkeypatch):
    deadline = time.monotonic() + 20
    while (words := processes.command_line(sleeper.pid)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert words == [sys.executable, "-c", "import time; time.sleep(1000)"]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert processes.command_line(sleeper.pid)[:2] == [sys.executable, "-c"]
    assert processes.command_line(2**22 + 7) is None
    monkeypatch.setattr(sys, "platform", "win32")
    assert processes.command_line(sleeper.pid) is None


def test_a_number_of_another_pid_namespace_is_not_a_process_of_this_one(sleeper):
    birth = processes.birth(sleeper.pid)
    start, _, namespace = birth.partition("@")
    assert namespace
    assert processes.is_running(sleeper.pid, start), "as earlier versions wrote it"
    elsewhere = f"{start}@another-boot-4026531836"
    assert not processes.is_of_this_namespace(elsewhere)
    assert not processes.is_running(sleeper.pid, elsewhere)
    with pytest.raises(ValueError, match="may be another one"):
        processes.kill(sleeper.pid, elsewhere)


def test_a_file_of_the_current_folder_does_not_replace_a_module_of_python(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = processes.module_command("adam_tui", "--version")
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_process_of_the_program_is_started_that_way():
    package = Path(processes.__file__).parents[1]
    found = [path.name for path in package.rglob("*.py") if '"-m"' in path.read_text(encoding="utf-8")]
    assert found == ["processes.py"]
