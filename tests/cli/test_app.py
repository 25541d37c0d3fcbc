"""The command line as a whole: every usage error is one line and exit status 2; help, version and completion."""

import subprocess
import sys

import pytest
from click.testing import CliRunner
from command_line import PLAIN, program, run

from adam_tui.cli.app import main
from adam_tui.runs.directory import create
from adam_tui.runs.recipes import make_spec


class TestTheApp:
    def test_off_a_terminal_it_names_the_commands_that_work_there(self):
        done = program()
        assert (done.returncode, done.stdout) == (2, "")
        assert "not a terminal" in done.stderr
        assert "adam-tui plot" in done.stderr
        assert "adam-tui path" in done.stderr
        assert done.stderr.count("\n") == 1

    def test_a_wrong_flag_is_reported_before_the_missing_terminal(self):
        assert "bwol" in program("--surface", "bwol").stderr

    def test_version_and_help(self):
        assert program("--version").stdout == "adam-tui 0.1.0\n"
        for arguments in (["--help"], ["-h"], ["path", "--help"], ["plot", "-h"], ["train", "-h"], ["runs", "-h"]):
            result = run(*arguments)
            assert result.exit_code == 0, result.output
            assert result.output.startswith("Usage: adam-tui")
        for command in ("path", "plot", "train", "runs"):
            assert f"\n  {command} " in run("--help").output

    @pytest.mark.parametrize("group", [(), ("runs",), ("sweeps",)])
    def test_the_summary_of_every_command_is_whole(self, group):
        lines = run(*group, "--help").output.splitlines()
        commands = lines[lines.index("Commands:") + 1 :]
        summaries = commands[: commands.index("")] if "" in commands else commands
        assert len(summaries) >= 5
        assert [line for line in summaries if not line.endswith(".") or line.endswith("..")] == []

    def test_help_is_printed_where_the_locale_has_no_greek(self):
        done = subprocess.run(
            [sys.executable, "-m", "adam_tui", "--help"],
            capture_output=True, env=PLAIN | {"PYTHONIOENCODING": "ascii"}, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0
        assert done.stderr == b""


# Command lines, each with words of its error.
USAGE_ERRORS = [
    ("frobnicate", "No such command 'frobnicate'"),
    ("--frobnicate", "No such option"),
    ("path --frobnicate", "No such option"),
    ("path extra", "unexpected extra argument"),
    ("path --surface", "requires an argument"),
    ("path --surface bwol", "did you mean bowl?"),
    ("path --surface=", "no surface is called"),
    ("path --surface bowl --function x", "--surface or --function, not both"),
    ("path --function x+", "--function, character 3:"),
    ("path --function 2**(x", "--function, character 4:"),
    ("path --function __import__('os')", "--function"),
    ("path --function z", "unknown name 'z'"),
    ("path --function=", "--function"),
    ("path --function log(-1-x**2)", "no finite value"),
    ("path --lane adm", "did you mean adam?"),
    ("path --lane adam:", "name=value"),
    ("path --lane adam:lr", "name=value"),
    ("path --lane adam:lr=", "lr must be a number"),
    ("path --lane adam:lr=fast", "lr must be a number"),
    ("path --lane adam:lr=-1", "lr must be at least 0"),
    ("path --lane adam:lr=nan", "lr must be"),
    ("path --lane adam:beta1=1", "beta1 must be at least 0 and below 1"),
    ("path --lane adam:betas=1", "adam has no 'betas'"),
    ("path --lane adam:lr=1,lr=2", "lr is given twice"),
    ("path --lane adam:eps=1e-8,", "name=value"),
    ("path --lane sgd --lane nope", "no optimizer is called 'nope'"),
    ("path" + " --lane sgd" * 17, "1 to 16 lanes, not 17"),
    ("path --start 1", "a start is two numbers X,Y"),
    ("path --start 1,b", "a start is two numbers X,Y"),
    ("path --start nan,1", "two finite numbers"),
    ("path --start -1.5", "a start is two numbers"),
    ("path --steps 0", "steps must be from 1 to 100,000"),
    ("path --steps 1000001", "steps must be from 1 to 100,000"),
    ("path --steps 1.5", "not a valid integer"),
    ("path --steps many", "not a valid integer"),
    ("path --noise -1", "noise must be a finite number, at least 0"),
    ("path --noise nan", "noise must be a finite number"),
    ("path --noise loud", "not a valid float"),
    ("path --seed -1", "the seed must be a whole number"),
    ("path --seed x", "not a valid integer"),
    ("path --format xml", "'xml' is not one of"),
    ("plot --size 80", "columns x rows"),
    ("plot --size x", "columns x rows"),
    ("plot --size 80x24x3", "columns x rows"),
    ("plot --size 1x1", "from 20x8 to 500x200"),
    ("plot --size -20x10", "from 20x8 to 500x200"),
    ("plot --size 9999x10", "from 20x8 to 500x200"),
    ("plot --format csv", "No such option"),
    ("--mode sweeps", "'sweeps' is not one of"),
    ("--steps 3 path", "--steps is a flag of the app and has no effect before path"),
    ("--lane sgd plot", "--lane is a flag of the app and has no effect before plot"),
    ("--mode train train", "--mode is a flag of the app and has no effect before train"),
    ("train --optimizer adm", "did you mean adam?"),
    ("train --optimizer adam:lr", "lr"),
    ("train --optimizer adam:lr=0.1 --lr 0.2", "give the learning rate once"),
    ("train --optimizer adam:rho=1", "adam has no 'rho'"),
    ("train --lr -1", "lr must be"),
    ("train --lr x", "not a valid float"),
    ("train --batch-size 0", "batch_size must be"),
    ("train --batch-size 2.5", "not a valid integer"),
    ("train --epochs 0", "epochs must be"),
    ("train --epochs 1" + "0" * 400, "too large"),
    ("train --seed -1", "seed must be"),
    ("train --limit 70000", "limit must be"),
    ("train --limit 0", "--limit must be at least 1"),
    ("train --lr 1e-400", "too small a number"),
    ("path --lane adam:lr=1e-400", "lr: 1e-400 is too small a number"),
    ("path --function x+1e-400", "1e-400 is too small a number"),
    ("train --device gpu", "device must be auto, cpu, cuda"),
    ("train --precision float64", "precision must be auto"),
    ("train --format csv", "'csv' is not one of"),
    ("train --data mnits", "did you mean mnist?"),
    ("train --data emnist-digits --limit 240001", "limit must be"),
    ("train --data-dir /no/such/folder", "there is no folder /no/such/folder"),
    ("runs watch", "No such command 'watch'"),
    ("runs show", "Missing argument 'ID'"),
    ("runs show adam-0000", "no run 'adam-0000'"),
    ("runs stop adam-0000", "no run 'adam-0000'"),
    ("runs rm adam-0000", "no run 'adam-0000'"),
    ("runs attach adam-0000", "no run 'adam-0000'"),
    ("runs resume adam-0000", "no run 'adam-0000'"),
    ("runs pause adam-0000", "no run 'adam-0000'"),
    ("runs set adam-0000 lr=1", "no run 'adam-0000'"),
    ("runs set adam-0000", "Missing argument 'KNOB=VALUE'"),
    ("runs export adam-0000 --format xml", "'xml' is not"),
    ("runs rm ../../etc", "no run"),
]


@pytest.mark.parametrize(("line", "words"), USAGE_ERRORS)
def test_a_usage_error_is_one_line_and_exit_status_2(line, words, tmp_path):
    result = run(*line.split(), ADAM_TUI_RUNS=str(tmp_path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("adam-tui: ")
    assert words in result.stderr
    assert len(result.stderr) < 500
    assert list(tmp_path.iterdir()) == [], "nothing was started"


@pytest.mark.parametrize("command", ["runs", "runs list", "train", "runs rm x"])
def test_a_file_in_place_of_the_runs_directory_is_refused(command, tmp_path):
    file = tmp_path / "file"
    file.touch()
    result = run(*command.split(), "--runs", str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is a file" in result.stderr


@pytest.mark.parametrize("line", ["path --surface b\no\tw\x1b[31ml", "path --lane adam:\nlr", "path --start \n"])
def test_control_characters_in_a_flag_do_not_reach_the_terminal(line):
    stderr = run(*line.split(" ")).stderr
    assert stderr.endswith("\n")
    assert stderr[:-1].isprintable()


def test_a_usage_error_in_a_real_process_leaves_no_traceback():
    done = program("path", "--function", "x +")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("adam-tui: --function, character 4: ")
    assert done.stderr.count("\n") == 1


def test_a_bug_is_not_reported_as_a_usage_error(monkeypatch):
    monkeypatch.setattr("adam_tui.engine.export.to_csv", lambda scenario: int("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        CliRunner().invoke(main, ["path"], catch_exceptions=False)


class TestCompletion:
    def complete(self, *words):
        """The completions of the last of these words in bash, which splits the line at "=" and ":" too."""
        typed = {"COMP_WORDS": " ".join(("adam-tui", *words)), "COMP_CWORD": str(len(words))}
        output = run(_ADAM_TUI_COMPLETE="bash_complete", **typed).output
        return [line.partition(",")[2] for line in output.splitlines()]

    def test_the_shells_get_their_scripts(self):
        for shell in ("bash", "zsh", "fish"):
            done = run(_ADAM_TUI_COMPLETE=f"{shell}_source")
            assert done.exit_code == 0
            assert "_adam_tui_completion" in done.output

    def test_surfaces_and_optimizers_are_completed(self):
        assert self.complete("path", "--surface", "ra") == ["ravine", "rastrigin"]
        assert self.complete("--lane", "adam") == ["adam", "adamw", "adamax"]
        assert self.complete("train", "--optimizer", "mu") == ["muon"]
        assert self.complete("train", "--data", "") == ["mnist", "fashion-mnist", "kmnist", "emnist-digits"]

    def test_they_are_completed_after_an_equals_sign(self):
        assert self.complete("path", "--surface", "=", "ra") == ["ravine", "rastrigin"]
        assert len(self.complete("path", "--surface", "=")) == 13
        assert self.complete("--lane", "adam", ":", "lr", "=", "0.1", "--surface", "=", "ra") == ["ravine", "rastrigin"]
        assert self.complete("--lane", "adam", ":", "lr", "=", "0.1", "--surface", "bow") == ["bowl"]

    def test_zsh_and_fish_get_whole_words(self):
        whole = ["--surface=ravine", "--surface=rastrigin"]
        typed = {"COMP_WORDS": "adam-tui path --surface=ra"}
        zsh = run(_ADAM_TUI_COMPLETE="zsh_complete", COMP_CWORD="2", **typed).output
        fish = run(_ADAM_TUI_COMPLETE="fish_complete", COMP_CWORD="--surface=ra", **typed).output
        assert zsh.splitlines()[1::3] == whole
        assert [line.partition(",")[2].partition("\t")[0] for line in fish.splitlines()] == whole

    @pytest.mark.parametrize("words", [("--data-dir", "/t"), ("--data-dir", "=", "/t"), ("--runs", "=")])
    def test_the_shell_completes_directories(self, words):
        typed = {"COMP_WORDS": " ".join(("adam-tui train", *words)), "COMP_CWORD": str(1 + len(words))}
        assert run(_ADAM_TUI_COMPLETE="bash_complete", **typed).output.startswith("dir,")

    def test_bash_itself_completes_them(self, tmp_path):
        program = tmp_path / "adam-tui"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m adam_tui "$@"\n')
        program.chmod(0o755)
        script = (
            f"source <(_ADAM_TUI_COMPLETE=bash_source {program}); "
            f"COMP_WORDS=({program} path --surface = ra) COMP_CWORD=4; "
            f'_adam_tui_completion {program}; echo "${{COMPREPLY[@]}}"'
        )
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=PLAIN, timeout=60)
        assert done.stdout == "ravine rastrigin\n"

    def test_commands_and_runs_are_completed(self, tmp_path, monkeypatch):
        monkeypatch.setenv("ADAM_TUI_RUNS", str(tmp_path))
        made = create(make_spec("lion", {}), tmp_path)
        assert self.complete("p") == ["path", "plot"]
        assert self.complete("runs", "show", "l") == [made.id]
