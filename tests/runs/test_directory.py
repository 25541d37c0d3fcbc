"""The directory of all runs: where it is, creating, listing and finding runs."""

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from adam_tui.cli.app import main
from adam_tui.history.feed import Feed
from adam_tui.runs import directory, files
from adam_tui.runs.protocol import RunSpec


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_user_can_read_a_run_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        run = directory.create(RunSpec(), tmp_path / "deep" / "runs")
    finally:
        os.umask(before)
    assert mode(run.path) == mode(run.path.parent) == 0o700


@contextlib.contextmanager
def without_rights():
    """Root may read everything: for a moment this process is nobody's."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(os.getuid())


def adam_tui(runs, *words):
    """Run the program in this process."""
    environment = {"ADAM_TUI_RUNS": str(runs), "ADAM_TUI_CONFIG": os.devnull}
    return CliRunner(env=environment).invoke(main, words, prog_name="adam-tui")


def test_an_unreadable_run_is_left_out_and_named():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        theirs, mine = (directory.create(RunSpec(), Path(folder)) for _ in range(2))
        os.chmod(theirs.path, 0)
        mine.path.chmod(0o755)
        for path in mine.path.iterdir():
            path.chmod(0o644)
        adam_tui(folder, "runs", "list")  # the interpreter's own files may be closed to others
        with without_rights():
            assert [run.id for run in directory.list_runs(Path(folder))] == [mine.id]
            assert directory.broken_runs(Path(folder)) == []
            assert [(run.id, reason) for run, reason in directory.closed_runs(Path(folder))] == [
                (theirs.id, "Permission denied")
            ]
            with pytest.raises(ValueError, match=f"cannot read .*{theirs.id}: Permission denied"):
                directory.find(Path(folder), theirs.id)
            result = adam_tui(folder, "runs", "list")
            assert (result.exit_code, result.stderr) == (1, f"adam-tui: left out: {theirs.id}: Permission denied\n")
            assert mine.id in result.stdout
            assert Feed(Path(folder)).problems() == [f"cannot read {theirs.path}: Permission denied"]
            assert not theirs.can_resume()
            assert theirs.log_tail(3) == ""
            assert theirs.epochs() == []


def test_ids_are_unique(tmp_path, monkeypatch):
    tokens = iter(["0001", "0001", "0002"])
    monkeypatch.setattr(directory.secrets, "token_hex", lambda size: next(tokens))
    assert [directory.create(RunSpec(), tmp_path).id for _ in range(2)] == ["adam-0001", "adam-0002"]


def test_runs_are_listed_newest_first_without_broken_ones_and_other_files(tmp_path, monkeypatch):
    made = []
    for created in (100.0, 300.0, 200.0):
        monkeypatch.setattr(directory.time, "time", lambda now=created: now)
        made.append(directory.create(RunSpec(), tmp_path))
    monkeypatch.undo()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no run")
    for name, text in {"torn": '{"hyper', "list": "[]", "no-lr": '{"hyperparameters": {}}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "spec.json").write_text(text)
    assert [run.id for run in directory.list_runs(tmp_path)] == [made[1].id, made[2].id, made[0].id]
    assert directory.list_runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_its_id_or_an_unambiguous_beginning(tmp_path, monkeypatch):
    tokens = iter(["00aa", "00ab", "00"])
    monkeypatch.setattr(directory.secrets, "token_hex", lambda size: next(tokens))
    for _ in range(3):
        directory.create(RunSpec(), tmp_path)
    assert directory.find(tmp_path, "adam-00aa").id == "adam-00aa"
    assert directory.find(tmp_path, "adam-00ab").id == "adam-00ab"
    assert directory.find(tmp_path, "adam-00").id == "adam-00"  # exact, though others begin so
    for text, message in {"adam-0": "fits 3 runs", "sgd": "no run 'sgd'", "": "no run", "../x": "no run"}.items():
        with pytest.raises(ValueError, match=message):
            directory.find(tmp_path, text)


def test_a_run_whose_spec_cannot_be_written_leaves_no_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "write_atomically", full_disk)
    with pytest.raises(OSError, match="No space left on device"):
        directory.create(RunSpec(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_directory_that_cannot_be_read_is_an_error_and_not_empty(tmp_path):
    with tempfile.TemporaryDirectory() as above:
        os.chmod(above, 0o755)
        runs = Path(above) / "runs"
        made = directory.create(RunSpec(), runs)
        feed = Feed(runs)
        assert [view.id for view in feed.views()] == [made.id]
        adam_tui(runs, "runs", "show", made.id)
        with without_rights():
            for read in (directory.list_runs, directory.broken_runs, directory.closed_runs):
                with pytest.raises(PermissionError):
                    read(runs)
            for words in (["runs"], ["runs", "list"], ["runs", "show", made.id], ["runs", "rm", made.id]):
                result = adam_tui(runs, *words)
                assert (result.exit_code, result.stderr) == (2, f"adam-tui: {runs}: Permission denied\n")
                assert result.stdout == ""
            assert feed.problems() == [f"cannot read {runs}: Permission denied"]
            assert [view.id for view in feed.views()] == [made.id], "the last list stays"
        assert [view.id for view in feed.views()] == [made.id]


def test_a_link_to_itself_is_named_and_left_out_and_hides_no_run(tmp_path):
    run = directory.create(RunSpec(), tmp_path)
    (tmp_path / "self").symlink_to("self")
    words = os.strerror(errno.ELOOP)
    assert [each.id for each in directory.list_runs(tmp_path)] == [run.id]
    assert directory.find(tmp_path, run.id[:6]).id == run.id
    result = adam_tui(tmp_path, "runs", "list")
    assert (result.exit_code, result.stderr) == (1, f"adam-tui: left out: self: {words}\n")
    assert run.id in result.stdout
    assert adam_tui(tmp_path, "runs", "show", run.id).exit_code == 0
    assert adam_tui(tmp_path, "runs", "show", "self").stderr == f"adam-tui: cannot read {tmp_path / 'self'}: {words}\n"
    feed = Feed(tmp_path)
    assert [view.id for view in feed.views()] == [run.id]
    assert feed.problems() == [f"cannot read {tmp_path / 'self'}: {words}"]
