"""The page about run directories is true: its files, its events, its code and its orders."""

import json
import pathlib
import re
import struct
from pathlib import Path

from made_runs import append

import adam_tui.runs
from adam_tui.runs.protocol import EVENTS, Checkpointed, Epoch, RunSpec, Started, Steps, to_line
from adam_tui.runs.weights_file import WeightsFile

TEXT = (Path(adam_tui.runs.__path__[0]) / "README.md").read_text("utf-8")


def test_the_code_reads_losses_and_accuracies_of_a_resumed_run(run, monkeypatch):
    def start(step):
        return Started(1.0, step, run.id, RunSpec(), "cpu", "float32", 1, 2, "2.9.0")

    events = [start(0), Steps(2.0, 2, (2.0, 1.5)), Epoch(2.0, 2, 1, 1.7, 1.0, 0.5, 1.0, 1.0), Checkpointed(2.0, 2, "x")]
    events += [Steps(3.0, 4, (9.0, 9.0)), start(2), Steps(4.0, 3, (float("inf"),))]
    append(run, "".join(map(to_line, events)))
    monkeypatch.chdir(run.path)
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
    scope = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["losses"] == {1: 2.0, 2: 1.5, 3: float("inf")}
    assert scope["accuracies"] == {1: 0.5}


def test_the_code_reads_the_whole_records_of_the_weights(tmp_path, monkeypatch):
    file = WeightsFile(tmp_path / "weights.bin")
    for step in (0, 1, 7):
        file.append(step, struct.pack("<2f", step, 0.5))
    file.path.write_bytes(file.path.read_bytes() + b"part")
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]
    scope = {"pathlib": pathlib}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["records"]["step"].tolist() == [0, 1, 7]
    assert scope["records"]["weights"].tolist() == [[0, 0.5], [1, 0.5], [7, 0.5]]


def test_every_event_is_described():
    table = TEXT.partition("## The events")[2].partition("\n## ")[0]
    names = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert names == set(EVENTS)


def test_the_orders_are_json_lines_that_the_process_knows():
    [block] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    orders = [json.loads(line) for line in block.splitlines()]
    assert [order["command"] for order in orders] == ["pause", "resume", "set", "stop", "kill"]
