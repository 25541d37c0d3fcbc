"""Private files that are read without waiting and replaced in one move."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from adam_tui.runs import files


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_new_files_and_folders_are_private_whatever_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        files.make_private_folder(tmp_path / "deep" / "down")
        files.write_atomically(tmp_path / "deep" / "down" / "file", "x")
        os.close(files.open_private(tmp_path / "log", os.O_WRONLY | os.O_CREAT))
    finally:
        os.umask(before)
    assert mode(tmp_path / "deep") == mode(tmp_path / "deep" / "down") == 0o700
    assert mode(tmp_path / "deep" / "down" / "file") == mode(tmp_path / "log") == 0o600


CRASH = """
import os, sys
from pathlib import Path
from adam_tui.runs import file_lock, files, processes
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
files.write_atomically(path / "checkpoint.pt", b"new" * 100_000, durable=True, older=path / "checkpoint.old.pt")
"""


def test_a_process_killed_at_any_call_of_a_replacement_leaves_a_whole_file_and_parts_that_are_removed_later(tmp_path):
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
        files.remove_orphaned_parts(tmp_path)
        assert left(tmp_path) == ["checkpoint.old.pt", "checkpoint.pt"]
        if died == 0:
            break
    assert (9, b"last", b"before") in seen
    assert (9, b"last", b"last") in seen
    assert (0, b"newn", b"last") in seen


def test_two_names_of_one_file_left_by_a_killed_process_cause_no_third(tmp_path):
    (tmp_path / "new").write_text("1")
    os.link(tmp_path / "new", tmp_path / "old")
    files.write_atomically(tmp_path / "new", "2", older=tmp_path / "old")
    assert ((tmp_path / "new").read_text(), (tmp_path / "old").read_text()) == ("2", "1")
    assert left(tmp_path) == ["new", "old"]


def test_the_older_file_is_kept_on_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    for content in ("1", "2", "3"):
        files.write_atomically(tmp_path / "new", content, older=tmp_path / "old")
    assert ((tmp_path / "new").read_text(), (tmp_path / "old").read_text()) == ("3", "2")
    assert left(tmp_path) == ["new", "old"]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path, older = tmp_path / "file", tmp_path / "older"
    path.write_text("good")
    older.write_text("better")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/file'"):
        files.write_atomically(path, "new", durable=True, older=older)
    assert (path.read_text(), older.read_text()) == ("good", "better")
    assert left(tmp_path) == ["file", "older"]


def test_parts_of_running_processes_are_kept(tmp_path, sleeper):
    (tmp_path / f".status.json.{sleeper.pid}.part").touch()
    (tmp_path / ".status.json.x.part").touch()
    (tmp_path / f".status.json.{2**22 + 7}.part").touch()
    files.remove_orphaned_parts(tmp_path)
    assert left(tmp_path) == [f".status.json.{sleeper.pid}.part"]


def test_only_regular_files_are_read_and_no_read_blocks(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "large").write_bytes(b"x" * 101)
    before = os.listdir("/dev/fd")
    for name in ("folder", "fifo", "endless", "large", "missing"):
        with pytest.raises(OSError, match=r"no file|too large|No such file"):
            files.read_regular(tmp_path / name, 100)
    assert len(os.listdir("/dev/fd")) == len(before), "every one is closed again"
    (tmp_path / "large").write_bytes(b"x" * 100)
    assert files.read_regular(tmp_path / "large", 100) == b"x" * 100


@pytest.mark.parametrize("refusals", [0, 3])
def test_on_windows_a_file_in_use_is_replaced_a_moment_later(tmp_path, monkeypatch, refusals):
    (tmp_path / "new").write_text("new")
    replace, tries = os.replace, []

    def busy(source, target):
        tries.append(source)
        if len(tries) <= refusals:
            raise PermissionError(errno.EACCES, "Access is denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(files, "REPLACE_PAUSE", 0.001)
    monkeypatch.setattr(sys, "platform", "win32")
    files.replace(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"
    assert len(tries) == refusals + 1


def test_on_windows_a_file_that_stays_in_use_raises_its_error(tmp_path, monkeypatch):
    def busy(source, target):
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(files, "REPLACE_PAUSE", 0.0)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(PermissionError, match="Access is denied"):
        files.write_atomically(tmp_path / "file", "x")
    assert left(tmp_path) == []


def test_a_reader_never_sees_half_a_file(run):
    script = (
        "import sys; from pathlib import Path; from adam_tui.runs.files import write_atomically\n"
        "for i in range(400): write_atomically(Path(sys.argv[1]), f'{i % 10}' * 100_000)"
    )
    path = run.path / "status.json"
    files.write_atomically(path, "x" * 100_000)
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)])
    seen = set()
    while writer.poll() is None:
        text = path.read_text()
        assert len(text) == 100_000
        assert len(set(text)) == 1
        seen.add(text[0])
    assert len(seen) > 1


def planted(path, kind, elsewhere):
    """Something in the place of a file, as another user of a shared directory can put it there."""
    {
        "link": lambda: path.symlink_to(elsewhere),
        "dangling": lambda: path.symlink_to(elsewhere.with_name("new")),
        "folder": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
    }[kind]()


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "fifo"])
@pytest.mark.parametrize("flags", [os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_APPEND | os.O_CREAT, os.O_WRONLY])
def test_nothing_is_written_through_what_another_user_planted(tmp_path, kind, flags):
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "file"
    elsewhere.write_text("precious")
    planted(path, kind, elsewhere)
    before = os.listdir("/dev/fd")
    with pytest.raises(OSError, match=r"symbolic link|no file|Is a directory|No such device|No such file"):
        files.open_private(path, flags)
    assert len(os.listdir("/dev/fd")) == len(before), "every descriptor is closed again"
    assert left(tmp_path) == ["elsewhere", "file"]
    assert elsewhere.read_text() == "precious"


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo"])
def test_a_replaced_file_replaces_what_was_planted_and_follows_no_link(tmp_path, kind):
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "file"
    elsewhere.write_text("precious")
    planted(path, kind, elsewhere)
    files.write_atomically(path, "new", older=tmp_path / "older" if kind == "link" else None)
    assert (path.read_text(), elsewhere.read_text()) == ("new", "precious")
    assert not path.is_symlink()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_written_unless_the_directory_is_theirs_too(tmp_path):
    path = tmp_path / "file"
    path.write_text("theirs")
    os.chown(path, 12345, 12345)
    with pytest.raises(PermissionError, match="it belongs to another user"):
        files.open_private(path, os.O_RDWR | os.O_CREAT)
    os.chown(tmp_path, 12345, 12345)
    os.close(files.open_private(path, os.O_RDWR))


def test_names_of_parts_cannot_be_predicted(tmp_path):
    assert files.part_path(tmp_path / "file") != files.part_path(tmp_path / "file")
