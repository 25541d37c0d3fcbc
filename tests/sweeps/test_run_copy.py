"""The copy of a run from a node: byte for byte, in any number of pieces, and never a checkpoint without its events."""

import os

import pytest

from adam_tui.runs.run import Run
from adam_tui.sweeps import run_copy
from adam_tui.sweeps.run_copy import Known, Piece, RunCopy, read_pieces


@pytest.fixture
def node(tmp_path):
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "metrics.jsonl").write_bytes(b"one\ntwo\n")
    (folder / "worker.log").write_bytes(b"")
    (folder / "checkpoint.pt").write_bytes(b"C1")
    (folder / "status.json").write_bytes(b"S1")
    return folder


@pytest.fixture
def copy(tmp_path):
    (tmp_path / "copy").mkdir()
    copy = RunCopy(Run(tmp_path / "copy"))
    yield copy
    copy.close()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def replace(path, content):
    """Replace a file as the training does."""
    path.with_suffix(".new").write_bytes(content)
    os.replace(path.with_suffix(".new"), path)


def test_only_new_bytes_travel_and_the_files_become_the_same(node, copy):
    pieces, more = read_pieces(node, copy.known(), with_checkpoint=True)
    assert [(each.name, each.offset) for each in pieces] == [
        ("metrics.jsonl", 0),
        ("checkpoint.pt", 0),
        ("status.json", 0),
    ]
    assert not more
    copy.write(pieces)
    assert contents(copy.run.path) == contents(node)
    with open(node / "metrics.jsonl", "ab") as file:
        file.write(b"three\n")
    replace(node / "checkpoint.pt", b"C2")
    pieces, _ = read_pieces(node, copy.known(), with_checkpoint=True)
    assert [(each.name, each.offset, each.content) for each in pieces] == [
        ("metrics.jsonl", 8, b"three\n"),
        ("checkpoint.pt", 0, b"C2"),
    ]
    copy.write(pieces)
    assert contents(copy.run.path) == contents(node) | {"checkpoint.old.pt": b"C1"}
    assert read_pieces(node, copy.known(), with_checkpoint=True) == ([], False)


def test_a_piece_that_arrives_again_or_overlaps_changes_nothing(node, copy):
    pieces, _ = read_pieces(node, copy.known(), with_checkpoint=True)
    for _ in range(3):
        copy.write(pieces)
    copy.write([Piece("metrics.jsonl", 4, b"two\nthree\n")])
    assert copy.run.metrics.read_bytes() == b"one\ntwo\nthree\n"
    assert not copy.run.older_checkpoint.exists()


@pytest.mark.parametrize(
    "piece", [Piece("metrics.jsonl", 1, b"x"), Piece("../spec.json", 0, b"x"), Piece("spec.json", 0, b"")]
)
def test_a_gap_or_another_file_is_refused(copy, piece):
    with pytest.raises(ValueError, match=r"no file of a run|begins at 1"):
        copy.write([piece])
    assert contents(copy.run.path) == {"metrics.jsonl": b"", "worker.log": b""}


def test_long_files_come_in_several_answers_and_a_checkpoint_only_after_all_its_events(node, copy, monkeypatch):
    monkeypatch.setattr(run_copy, "MAX_PIECE", 3)
    answers = []
    while True:
        pieces, more = read_pieces(node, copy.known(), with_checkpoint=True)
        answers.append([each.name for each in pieces])
        copy.write(pieces)
        if not more:
            break
    assert answers == [["metrics.jsonl"]] * 2 + [["metrics.jsonl", "checkpoint.pt", "status.json"]]
    assert contents(copy.run.path) == contents(node)


def test_a_checkpoint_waits_until_it_is_wanted(node):
    pieces, _ = read_pieces(node, Known({}, {}), with_checkpoint=False)
    assert [each.name for each in pieces] == ["metrics.jsonl", "status.json"]


def test_a_node_continues_from_the_files_of_the_copy_and_gets_new_orders_once(copy):
    (copy.run.path / "spec.json").write_bytes(b"{}")
    copy.run.command("pause")
    orders = copy.new_orders()
    assert b'"pause"' in orders.content
    assert orders.offset == 0
    assert copy.new_orders() == Piece("control.jsonl", len(orders.content), b"")
    assert copy.sent() == {"spec.json": b"{}", "control.jsonl": orders.content}


def test_a_run_that_another_process_trains_is_refused_and_a_closed_copy_frees_it(copy):
    with pytest.raises(ValueError, match="another process is training copy"):
        RunCopy(copy.run)
    assert copy.run.is_held()
    copy.close()
    assert not copy.run.is_held()
