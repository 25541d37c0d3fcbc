"""Bad input at the command line: each is one line on stderr and exit status 2, and never a traceback."""

import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from adam_tui.cli.app import main
from adam_tui.runs.directory import create
from adam_tui.runs.recipes import make_spec
from adam_tui.runs.status import Status

HUGE = "9" * 400
DEEP = "(" * 3000 + "x" + ")" * 3000

SURFACES = ["nowhere", "", " ", "Bowl", "bowl bowl", "\x00", "../bowl", "🙂", "[red]bowl", "bowl\n", "1", "--", HUGE]
FORMULAS = [
    *("", " ", "x +", "+", "x,y", "x = 2", "x == y", "x < y", "x if y else x", "(x", "x)", "((x)", "2x y z"),
    *("z", "foo(x)", "sin()", "sin(x, y)", "sin", "x[0]", "x.real", "'x'", '"x"', "f'{x}'", "x; y", "\x00x"),
    *("__import__('os').system('true')", "exec('1')", "eval('1')", "open('/etc/passwd')", "lambda: 1", "().__class__"),
    *("x.__class__", "[x for x in y]", "{x}", "x:=1", "import os", "`true`", "$(true)", "print(x)", "globals()"),
    *("x and y", "not x", "x @ y", "x // y", "x % y", "x & y", "~x", "x << y", "1j*x", "True", "None", "…"),
    *("0/0", "log(-1)", "1/0", "sqrt(-1)", DEEP, "x+" * 20000 + "x", f"{HUGE}**{HUGE}**x", "9**9**9**9**9", "٣x +"),
]
LANES = [
    *("", " ", ":", "nobody", "adam:", "adam:lr", "adam:lr=", "adam:=1", "adam:lr=x", "adam:lr=0.1,", "adam:lr=0.1,,"),
    *("adam:lr=-1", "adam:lr=nan", "adam:lr=inf", "adam:lr=-inf", "adam:lr=1e400", "adam:beta1=1", "adam:beta1=-0.1"),
    *("adam:beta2=1", "adam:beta1=2", "adam:eps=-1", "adam:rho=1", "adam:lr=0.1,lr=0.2", "adam lr=0.1", "adam:lr:0.1"),
    *("ADAM!", "adam:amsgrad=2", "adam:__class__=1", "adam\x00", "[red]adam", "sgd:momentum=1", "sgd:nesterov=maybe"),
    *("adam:lr=0.1;beta1=0.9", "adam:lr=0x10", "adam:lr=1_0_", "sgd:lr=--1", "adam,sgd", "lion:beta1=nan"),
]
STARTS = ["", "1", "1,", ",1", "a,b", "1,2,3", "nan,1", "1,inf", "1;2", "1e400,0", "0x1,2", "(1,2)", "\x00,1"]
STEPS = ["-1", "0", "1.5", "nan", "x", HUGE, "", "1e3", "1000000000"]
NOISES = ["-1", "nan", "inf", "x", "", "1e400", "-inf"]
SEEDS = ["-1", "1.5", "x", "nan", ""]
SIZES = ["", "1x1", "0x0", "x", "100x", "x32", "axb", "100", "-5x10", "9999x9999", "100x32x2", "1e2x32", "100,32"]
TRAINING = [
    *(["--optimizer", each] for each in ("nobody", "", "adam:lr=-1", "adam:beta1=1", "muon:nothing=1", "adam:lr=nan")),
    *(["--lr", each] for each in ("-1", "nan", "inf", "x", "", "-inf")),
    *(["--batch-size", each] for each in ("0", "-1", "1.5", "x", HUGE, "99999999")),
    *(["--epochs", each] for each in ("0", "-1", "1.5", "x")),
    *(["--seed", each] for each in ("-1", "x", HUGE)),
    *(["--device", each] for each in ("", "gpu", "cuda:x", "cuda:-1", "cpu:0:0", "tpu", "[red]")),
    *(["--precision", each] for each in ("", "float16", "half", "x")),
    *(["--limit", each] for each in ("0", "-1", "x", "1.5")),
    *(["--data", each] for each in ("", "imagenet", "../mnist", "MNIST!")),
    ["--data-dir", "/nowhere"], ["--data-dir", "/dev/null"],
    ["--format", "xml"], ["extra"], ["--lr"], ["--lr", "1", "--optimizer", "adam:lr=1"],
]  # fmt: skip
COMMANDS = [
    ["frobnicate"], ["--nonsense"], ["-x"], ["path", "extra"], ["path", "--nonsense"], ["plot", "--format", "csv"],
    ["path", "--format", "xml"], ["path", "--surface"], ["path", "--surface", "bowl", "--function", "x"],
    ["path", "--mode", "train"], ["--mode", "sweeps"], ["--mode", ""], ["--steps", "5", "path"], ["--ascii", "plot"],
    ["path", "--scenario", "x.json", "--steps", "3"], ["serve", "--port", "0"], ["serve", "--port", "65536"],
    ["serve", "--port", "http"], ["serve", "--surface", "nowhere"], ["runs", "frobnicate"], ["runs", "show"],
    ["runs", "rm"], ["runs", "rm", "a", "b"], ["runs", "set", "x"], ["runs", "list", "extra"], [""], ["--", "--"], [],
    ["--preset", "nobody"], ["path", "--preset", "\x1b[31m"], ["plot", "--preset", "zigzag", "--seed", "1"],
    ["runs", "plot"], ["runs", "plot", "x", "--size", "1x1"], ["runs", "list", "--format", "csv"],
    ["runs", "export", "x", "--what", "layers"], ["runs", "attach", "x", "--format", "xml"], ["--ascii"],
]  # fmt: skip
IDS = ["x", "", " ", "..", ".", "/", "../..", "/etc", "*", "[red]x", "\x1b[31m", "🙂", HUGE, "adam-", "~", "\x00"]
ORDERS = ["show", "stop", "pause", "resume", "export", "attach", "rm", "plot"]

BAD = [
    *(["path", "--surface", each] for each in SURFACES),
    *(["path", "--function", each] for each in FORMULAS),
    *(["path", "--lane", each] for each in LANES),
    *(["path", f"--start={each}"] for each in STARTS),
    *(["path", f"--steps={each}"] for each in STEPS),
    *(["path", f"--noise={each}"] for each in NOISES),
    *(["path", f"--seed={each}"] for each in SEEDS),
    *(["plot", f"--size={each}"] for each in SIZES),
    *(["train", *each] for each in TRAINING),
    *COMMANDS,
    *(["runs", order, "--", each] for order in ORDERS for each in IDS),
]


def the_only_line(stderr):
    """The text of stderr, which is one line without control characters."""
    assert stderr.endswith("\n")
    line = stderr[:-1]
    assert line.isprintable(), line
    assert len(line) < 1000, "a line, not a page"
    return line


@pytest.fixture
def runner(tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    for _ in range(2):
        create(make_spec("adam", {}), runs).write_status(Status("finished", 1, "host"))
    monkeypatch.setattr("adam_tui.cli.follow.train", lambda *given: pytest.fail("it trains"))
    monkeypatch.setattr("adam_tui.cli.web_server.serve", lambda *given, token: pytest.fail("it serves"))
    return CliRunner(env={"ADAM_TUI_RUNS": str(runs)})


def test_the_table_is_long():
    assert len(BAD) > 300


@pytest.mark.parametrize("arguments", BAD, ids=lambda arguments: ascii(" ".join(arguments))[:60])
def test_a_bad_input_is_one_line_and_status_2(runner, arguments):
    result = runner.invoke(main, arguments, prog_name="adam-tui")
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (2, "")
    assert the_only_line(result.stderr).startswith("adam-tui: ")


def program(arguments, redirections="", **environment):
    """Run the program from a shell with these redirections and variables; None removes a variable."""
    kept = {name: value for name, value in (os.environ | environment).items() if value is not None}
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m adam_tui {arguments} {redirections}', sys.executable],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", env=kept, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "redirections", "words"),
    [
        ("path --steps 3", ">&-", "Bad file descriptor"),
        ("runs --runs .", ">&-", "Bad file descriptor"),
        ("--version", ">/dev/full", "No space left on device"),
        ("path --format json --steps 3", ">/dev/full", "No space left on device"),
        ("--steps 3", "<&-", "not a terminal"),
        ("--steps 3", "<&- >&-", "not a terminal"),
        ("train --runs /dev/null/runs", "", "/dev/null/runs"),
        ("path --scenario /proc/self/mem", "", "/proc/self/mem"),
    ],
)
def test_streams_that_are_closed_or_full_and_files_that_cannot_be_read(arguments, redirections, words):
    done = program(arguments, redirections)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in the_only_line(done.stderr)


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&- >&- 2>&-"])
def test_without_a_usable_stderr_the_exit_status_remains(redirection):
    done = program("path --surface nowhere", redirection)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"LANG": "nowhere.UTF-8", "LC_ALL": None},
    ],
)
def test_a_poor_locale_does_not_fail(environment):
    done = program("plot --size 40x12", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 12
    done = program("path --surface \N{SLIGHTLY SMILING FACE}", **environment)
    assert done.returncode == 2
    assert the_only_line(done.stderr).startswith("adam-tui: no surface is called")


@pytest.mark.parametrize("term", ["dumb", "", None])
def test_a_dumb_terminal_is_refused_by_name(term):
    ours, theirs = pty.openpty()
    try:
        kept = {name: value for name, value in (os.environ | {"TERM": term}).items() if value is not None}
        done = subprocess.run(
            [sys.executable, "-m", "adam_tui"], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True,
            env=kept, timeout=60,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert "TERM" in the_only_line(done.stderr)
