"""The files of a run are shown as text and never control the terminal; deleting a run touches nothing beside it."""

import ast
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from pty_terminal import COMMAND, Terminal

import adam_tui
from adam_tui.cli.app import main
from adam_tui.runs.directory import create
from adam_tui.runs.protocol import Changed, Ended, Epoch, Layers, RunSpec, Started, Steps, to_line
from adam_tui.runs.recipes import make_spec
from adam_tui.runs.run import Run
from adam_tui.runs.status import Status

EVIL = "[red]x\x1b[31m\x07"


@pytest.fixture
def evil(tmp_path):
    """A failed run whose directory name, reason and log hold markup and control characters."""
    run = create(make_spec("adam", {}), tmp_path / "runs")
    run.write_status(Status("failed", 1, "host", reason=EVIL))
    (run.path / "worker.log").write_bytes(b"Traceback (most recent call last)\n\x1b[31mboom[/nothing]\x07\n")
    return Run(run.path.rename(run.path.parent / EVIL))


def program(run, *arguments):
    runner = CliRunner(env={"ADAM_TUI_RUNS": str(run.path.parent)})
    return runner.invoke(main, arguments, prog_name="adam-tui", color=True)


@pytest.mark.parametrize("arguments", [["runs"], ["runs", "show", "[red]x"]])
def test_control_characters_in_files_do_not_reach_the_terminal(evil, arguments):
    result = program(evil, *arguments)
    assert result.exit_code == 0
    assert "[red]x?[31m?" in result.stdout
    assert all(line.isprintable() for line in result.stdout.splitlines())


SENT = {
    "title": "\x1b]0;pwned\x07",
    "clipboard": "\x1b]52;c;cHduZWQ=\x07",
    "csi": "\x1b[31mpwned",
    "c1": "\x9b31mpwned",
    "bidi": "\u202epwned",
    "zero width": "\u200bpwned",
    "surrogate": "\ud800pwned",
    "markup": "[red]pwned[/] [@click=app.exit]pwned[/] [/nothing]",
}


@pytest.fixture
def everywhere(tmp_path):
    """A run in which every text that others can write holds sequences that a terminal or Textual would obey."""
    spec = make_spec("adam", {}, epochs=3)
    run, texts = create(spec, tmp_path / "runs"), "".join(SENT.values())
    body = json.loads((run.path / "spec.json").read_text())
    body |= {"optimizer": texts, "device": texts, "precision": texts, "data": texts, "data_dir": texts}
    (run.path / "spec.json").write_text(json.dumps(body))
    spec = RunSpec.from_json(body)
    layers = Layers(3.0, 10, (texts, "b"), (0.1, 0.1), (1e-3, 1e-3))
    events = [Started(1.0, 0, texts, spec, texts, texts, 1, 10, texts), Steps(2.0, 3, (2.0, 1.0, 0.5)), layers]
    events += [
        Epoch(4.0, 10, 1, 0.1, 0.1, 0.9, 1.0, 1.0),
        Changed(5.0, 10, texts, 0.5),
        Ended(6.0, 10, "failed", texts),
    ]
    (run.path / "metrics.jsonl").write_text("".join(map(to_line, events)))
    run.write_status(Status("failed", 1, "host", reason=texts, device=texts))
    log = "\n".join(["Traceback (most recent call last)", *SENT.values()])
    (run.path / "worker.log").write_bytes(log.encode("utf-8", "surrogatepass"))
    return Run(run.path.rename(run.path.parent / f"e {SENT['csi']}{SENT['bidi']}{SENT['markup'].replace('/', '')}"))


def test_the_app_shows_the_text_of_files_and_sends_no_control_sequence_from_them(everywhere):
    forbidden = ["\x1b]0;pwned", "\x1b]52;c;cHduZWQ", "\x1b[31mpwned", "\x9b", "\u202e", "\u200b"]
    with Terminal((*COMMAND, "--mode", "train", "--runs", str(everywhere.path.parent))) as terminal:
        terminal.until("pwned")
        terminal.press("\t", "\t", *"vvvvvh")
        for key, shown in (("c", "Copy e ?[31mpwned"), ("L", "worker.log of e ?[31m"), ("d", "Delete e ?[31mpwned")):
            terminal.press(key)
            terminal.until(shown)
            if key == "L":
                terminal.until(SENT["markup"])
            terminal.press("escape")
            terminal.until(lambda shown=shown: shown not in terminal.text())
        terminal.press("u")
        terminal.until("cannot continue")
        terminal.press("q")
        assert terminal.wait() == 0
        sent = terminal.raw.decode("utf-8", "replace")
        assert {text for text in forbidden if text in sent} == set()


@pytest.mark.parametrize("arguments", [["list"], ["show", "e"], ["attach", "e"], ["resume", "e"], ["rm", "e"]])
def test_no_command_prints_a_control_sequence_from_files(everywhere, arguments):
    result = program(everywhere, "runs", *arguments)
    assert result.exit_code in (0, 1, 2)
    assert "pwned" in result.output
    assert all(line.isprintable() for line in result.output.splitlines())


def test_a_link_in_a_run_is_not_followed_when_it_is_deleted(evil, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (evil.path / "folder").symlink_to(outside)
    (evil.path / "checkpoint.pt").symlink_to(outside / "kept")
    assert program(evil, "runs", "rm", "--yes", "[red]x").exit_code == 0
    assert not evil.path.exists()
    assert (outside / "kept").exists()


def test_a_run_that_is_a_link_out_of_the_directory_is_not_emptied(evil, tmp_path):
    other = create(make_spec("lion", {}), tmp_path / "other")
    other.write_status(Status("finished", 1, "host"))
    (evil.path.parent / "linked").symlink_to(other.path)
    program(evil, "runs", "rm", "--yes", "linked")
    assert (other.path / "spec.json").exists()


# The processes that run code which the user has named; the second one also runs the engine's PyTorch sources.
RUN_CODE = ("user_code.py", "lane_worker.py")
SERVERS = ("socketserver", "http.server", "aiohttp", "textual_serve")


def test_nothing_evaluates_text_starts_a_shell_or_opens_a_port():
    forbidden = {"eval", "exec", "compile", "system", "popen", "getoutput", "getstatusoutput", "__import__"}
    for file in Path(adam_tui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None)]
                assert not {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"} & set(names), file
                serves = any(name and name.startswith(SERVERS) for name in names)
                assert not serves or file.name == "web_server.py", file
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name):
                runs_code = file.parent.name == "training" and file.name in RUN_CODE
                assert node.func.id not in forbidden or runs_code, (file, node.lineno)
            elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                called = (node.func.value.id, node.func.attr)
                assert called[0] not in ("os", "subprocess") or called[1] not in forbidden, (file, node.lineno)
                assert called != ("socket", "socket"), (file, node.lineno)
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get("shell", "False") == "False", (file, node.lineno)
                if called == ("torch", "load"):
                    assert given.get("weights_only") == "True", (file, node.lineno)
                if called == ("np", "load"):
                    assert given.get("allow_pickle") == "False", (file, node.lineno)
