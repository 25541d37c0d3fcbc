"""Files and processes as each system has them. Linux's are the real ones; those of macOS and Windows are stand-ins."""

import ctypes
import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from adam_tui.runs import system


@pytest.fixture
def sleeper():
    """A process that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    yield process
    process.kill()
    process.wait()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


# Files.


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_what_is_written_is_its_owners_alone_whatever_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        system.make_private(tmp_path / "deep" / "down")
        system.write_atomically(tmp_path / "deep" / "down" / "file", "x")
        os.close(system.open_private(tmp_path / "log", os.O_WRONLY | os.O_CREAT))
    finally:
        os.umask(before)
    assert mode(tmp_path / "deep") == mode(tmp_path / "deep" / "down") == 0o700
    assert mode(tmp_path / "deep" / "down" / "file") == mode(tmp_path / "log") == 0o600


CRASH = """
import os, sys
from pathlib import Path
from adam_tui.runs import system
at, seen = int(sys.argv[2]), 0
for name in ("open", "write", "fsync", "link", "replace", "unlink"):
    def dying(*arguments, call=getattr(os, name), **options):
        global seen
        seen += 1
        if seen == at:
            os._exit(9)  # as SIGKILL: nothing is cleaned up
        return call(*arguments, **options)
    setattr(os, name, dying)
path = Path(sys.argv[1])
system.write_atomically(path / "checkpoint.pt", b"new" * 100_000, durable=True, older=path / "checkpoint.old.pt")
"""


def test_killed_at_any_call_while_a_file_is_replaced_a_whole_one_stands_and_what_is_left_over_is_cleared(tmp_path):
    newest, older = tmp_path / "checkpoint.pt", tmp_path / "checkpoint.old.pt"
    seen = set()
    for at in range(1, 9):
        for path, content in ((newest, b"last"), (older, b"before")):
            path.unlink(missing_ok=True)  # they may be two names of one file
            path.write_bytes(content)
        died = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path), str(at)], check=False).returncode
        found = newest.read_bytes(), older.read_bytes()
        assert found in ((b"last", b"before"), (b"last", b"last"), (b"new" * 100_000, b"last")), at
        seen.add((died, found[0][:4], found[1][:6]))
        system.clear_parts(tmp_path)
        assert left(tmp_path) == ["checkpoint.old.pt", "checkpoint.pt"]
        if died == 0:
            break
    assert (9, b"last", b"before") in seen
    assert (9, b"last", b"last") in seen
    assert (0, b"newn", b"last") in seen


def test_two_names_of_one_file_as_a_killed_process_leaves_them_leave_no_third(tmp_path):
    (tmp_path / "new").write_text("1")
    os.link(tmp_path / "new", tmp_path / "old")
    system.write_atomically(tmp_path / "new", "2", older=tmp_path / "old")
    assert ((tmp_path / "new").read_text(), (tmp_path / "old").read_text()) == ("2", "1")
    assert left(tmp_path) == ["new", "old"]


def test_without_hard_links_the_older_one_is_kept_too(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    for content in ("1", "2", "3"):
        system.write_atomically(tmp_path / "new", content, older=tmp_path / "old")
    assert ((tmp_path / "new").read_text(), (tmp_path / "old").read_text()) == ("3", "2")
    assert left(tmp_path) == ["new", "old"]


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    path, older = tmp_path / "file", tmp_path / "older"
    path.write_text("good")
    older.write_text("better")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/file'"):
        system.write_atomically(path, "new", durable=True, older=older)
    assert (path.read_text(), older.read_text()) == ("good", "better")
    assert left(tmp_path) == ["file", "older"]


def test_parts_of_processes_that_are_at_work_are_left_alone(tmp_path, sleeper):
    (tmp_path / f".status.json.{sleeper.pid}.part").touch()
    (tmp_path / ".status.json.x.part").touch()
    (tmp_path / f".status.json.{2**22 + 7}.part").touch()
    system.clear_parts(tmp_path)
    assert left(tmp_path) == [f".status.json.{sleeper.pid}.part"]


def test_only_files_are_read_and_nothing_is_waited_for(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "large").write_bytes(b"x" * 101)
    before = os.listdir("/dev/fd")
    for name in ("folder", "fifo", "endless", "large", "missing"):
        with pytest.raises(OSError, match=r"no file|too large|No such file"):
            system.read_regular(tmp_path / name, 100)
    assert len(os.listdir("/dev/fd")) == len(before), "every one is closed again"
    (tmp_path / "large").write_bytes(b"x" * 100)
    assert system.read_regular(tmp_path / "large", 100) == b"x" * 100


def test_a_lock_is_had_by_one_and_waited_for_as_long_as_is_asked(tmp_path):
    with open(tmp_path / "file", "w") as one, open(tmp_path / "file", "w") as other:
        assert system.lock(one.fileno())
        assert not system.lock(other.fileno())
        began = time.monotonic()
        assert not system.lock(other.fileno(), patience=0.1)
        assert time.monotonic() - began >= 0.1
        system.unlock(one.fileno())
        assert system.lock(other.fileno())


class Msvcrt:
    """Windows' locks: a range of bytes from where the file stands, which nobody else may even read."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self):
        self.locked = {}

    def locking(self, descriptor, how, count):
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        if how == self.LK_UNLCK:
            del self.locked[at]
        elif at in self.locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        else:
            self.locked[at] = (descriptor, count)


def test_on_windows_a_byte_is_locked_that_no_reader_meets_and_the_file_stands_where_it_stood(tmp_path, monkeypatch):
    fake = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr(sys, "platform", "win32")
    (tmp_path / "file").write_text("0123456789")
    with open(tmp_path / "file", "r+") as one:
        os.lseek(one.fileno(), 3, os.SEEK_SET)
        assert system.lock(one.fileno())
        assert not system.lock(one.fileno())
        assert os.read(one.fileno(), 2) == b"34"
        assert list(fake.locked) == [system.LOCKED_BYTE]
        assert 2**30 < system.LOCKED_BYTE < 2**31  # beyond our files; the C library's offset has 31 bits
        system.unlock(one.fileno())
        assert system.lock(one.fileno())


@pytest.mark.parametrize("refusals", [0, 3])
def test_on_windows_a_file_that_somebody_reads_is_replaced_a_moment_later(tmp_path, monkeypatch, refusals):
    (tmp_path / "new").write_text("new")
    replace, tries = os.replace, []

    def busy(source, target):
        tries.append(source)
        if len(tries) <= refusals:
            raise PermissionError(errno.EACCES, "Access is denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(system, "REPLACE_PAUSE", 0.001)
    monkeypatch.setattr(sys, "platform", "win32")
    system.replace(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"
    assert len(tries) == refusals + 1


def test_on_windows_a_file_that_is_never_free_is_said_to_be_busy(tmp_path, monkeypatch):
    def busy(source, target):
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(system, "REPLACE_PAUSE", 0.0)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(PermissionError, match="Access is denied"):
        system.write_atomically(tmp_path / "file", "x")
    assert left(tmp_path) == []


# Processes.


def test_a_process_of_the_same_number_that_began_at_another_time_is_another_one(sleeper):
    born = system.process_born(sleeper.pid)
    assert born
    assert system.process_born(sleeper.pid) == born
    assert system.process_runs(sleeper.pid)
    assert system.process_runs(sleeper.pid, born)
    assert not system.process_runs(sleeper.pid, born + "1")
    sleeper.kill()
    deadline = time.monotonic() + 20
    while system.process_runs(sleeper.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not system.process_runs(sleeper.pid, born), "a zombie is gone"


@pytest.mark.parametrize("pid", [0, -1, -(2**31), 2**31, 2**64])
def test_a_number_that_no_process_has_is_none_and_is_never_killed(pid, monkeypatch):
    monkeypatch.setattr(os, "kill", lambda *arguments: pytest.fail(f"kill{arguments}"))
    assert not system.process_runs(pid)
    with pytest.raises(ValueError, match="may be another one"):
        system.kill(pid, "1")


def test_only_the_process_that_is_meant_is_killed_even_one_that_is_stopped(sleeper):
    for born in ("", "1"):
        with pytest.raises(ValueError, match=f"process {sleeper.pid} may be another one by now"):
            system.kill(sleeper.pid, born)
    assert sleeper.poll() is None
    os.kill(sleeper.pid, signal.SIGSTOP)
    system.kill(sleeper.pid, system.process_born(sleeper.pid))
    assert sleeper.wait(20) == -signal.SIGKILL


def test_where_there_is_no_proc_a_process_is_told_by_ps(sleeper, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    born = system.process_born(sleeper.pid)
    assert time.strftime("%Y") in born
    assert system.process_runs(sleeper.pid, born)
    assert not system.process_runs(2**22 + 7)
    with pytest.raises(ValueError, match="may be another one"):
        system.kill(sleeper.pid, "Thu Nov 25 03:20:00 1999")
    sleeper.terminate()
    sleeper.wait()
    assert system.process_born(sleeper.pid) == ""


class Kernel32:
    """What kernel32 says of processes, for one of which the number is 7."""

    def __init__(self):
        self.code, self.began, self.open_handles = system.STILL_ACTIVE, (5, 6), set()
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


def test_on_windows_a_process_is_asked_for_its_birth_and_never_signalled_to_find_out(monkeypatch):
    kernel = Kernel32()
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: system.INVALID_PARAMETER, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    killed = []
    monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
    born = system.process_born(7)
    assert born == str((5 << 32) + 6)
    assert system.process_runs(7, born)
    assert not system.process_runs(7, "another")
    assert not system.process_runs(8)
    assert killed == []  # os.kill(pid, 0) there is Ctrl-C
    monkeypatch.setattr(system, "PATIENCE", 0.0)
    with pytest.raises(ValueError, match="does not go"):
        system.kill(7, born)
    assert killed == [(7, signal.SIGTERM)]
    kernel.code = 1
    assert not system.process_runs(7, born)
    assert kernel.open_handles == set()


def test_a_worker_outlives_its_terminal_on_every_system(monkeypatch):
    assert system.apart() == {"start_new_session": True}
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(subprocess, "DETACHED_PROCESS", 0x8, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert system.apart() == {"creationflags": 0x208}


def test_nothing_of_unix_is_needed_to_import_the_training_processs_modules():
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
