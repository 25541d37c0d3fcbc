"""Classes on the command line: the named ones are imported, those that a file asks for only after consent."""

import json

import pytest
from click.testing import CliRunner

from adam_tui.classes.completion import completions
from adam_tui.cli.app import main


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import torch\n\nclass Mine(torch.optim.SGD):\n    pass\n\n"
        "class Late(Mine):\n    def step(self):\n        1 / 0\n"
    )
    (tmp_path / "net").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_a_lane_of_a_class_is_raced_exported_and_mapped(classes, mine):
    code, out, _ = run("path", "--lane", "./mine.py::Mine:lr=0.1", "--lane", "sgd:lr=0.1", "--steps", "3")
    rows = [line.split(",") for line in out.splitlines()[1:]]
    assert code == 0
    assert [row[0] for row in rows] == ["Mine"] * 4 + ["sgd"] * 4
    assert [row[1:] for row in rows[:4]] == [row[1:] for row in rows[4:]]
    code, out, _ = run("map", "--lane", "./mine.py::Mine", "--size", "4x3", "--steps", "20", "--format", "csv")
    other = run("map", "--lane", "sgd", "--x", "lr=1e-5..0.1", "--y", "weight_decay=0..1", "--size", "4x3")
    assert code == other[0] == 0
    assert len(out.splitlines()) == 13


def test_mistakes_are_one_line(classes, mine):
    for lane, words in {
        "./mine.py::Mime": "adam-tui: --lane: ./mine.py::Mime: mine.py has no 'Mime': did you mean Mine?\n",
        "./mine.py::Mine:lrr=1": "adam-tui: Mine has no 'lrr': did you mean lr? choose from lr, ",
        "./mine.py": "adam-tui: --lane: './mine.py' names a file and no class in it: write ./mine.py::MyAdam\n",
        "./mine.py::Late": "adam-tui: Late failed after step 0: mine.py, line 8: ZeroDivisionError: division by zero\n",
    }.items():
        code, out, error = run("path", "--lane", lane)
        assert (code, out) == (2, "")
        assert error.startswith(words)
        assert error.count("\n") == 1


def test_a_file_asks_for_a_class_in_vain_until_the_user_agrees(classes, mine):
    race = {"lanes": [{"optimizer": "./mine.py::Mine", "lr": 0.1}], "steps": 2}
    (mine / "race.json").write_text(json.dumps(race))
    (mine / "mine.py").write_text("open(__file__ + '.ran', 'w').close()\n" + (mine / "mine.py").read_text())
    code, _, error = run("path", "--scenario", "race.json")
    assert code == 2
    assert error == (
        "adam-tui: race.json asks for the class ./mine.py::Mine, whose code would run: "
        "agree with --allow ./mine.py::Mine\n"
    )
    assert not (mine / "mine.py.ran").exists()
    code, out, _ = run("path", "--scenario", "race.json", "--allow", "./mine.py::Mine")
    assert code == 0
    assert len(out.splitlines()) == 4
    assert (mine / "mine.py.ran").exists()


def test_names_of_classes_are_completed_from_the_files_without_an_import(mine):
    assert completions("./") == ["./mine.py::", "./net/"]
    assert completions("./m") == completions("mi") == ["./mine.py::"]
    assert completions("./mine.py::M") == ["./mine.py::Mine"]
    assert completions("./nothing/") == completions("./net/") == []
