"""`adam-tui serve`: which server its flags start, and what it warns of."""

import shlex
import sys

import pytest
from click.testing import CliRunner

from adam_tui.cli import web_server
from adam_tui.cli.app import main


@pytest.fixture
def served(monkeypatch):
    """The calls that would start a server."""
    calls = []
    monkeypatch.setattr(web_server, "serve", lambda *given, token: calls.append((*given, token)))
    return calls


def serve(*arguments):
    return CliRunner().invoke(main, ["serve", *arguments])


def test_it_serves_the_app_in_exactly_the_state_of_the_flags_to_this_machine_with_a_token(served):
    result = serve("--surface", "ravine", "--lane", "sgd:lr=0.03", "--start=-1.5,2", "--mode", "learn")
    assert (result.exit_code, result.output) == (0, "")
    [(command, host, port, url, token)] = served
    assert (host, port, url, token) == ("127.0.0.1", 8000, None, True)
    line = shlex.join(command)
    assert "-m adam_tui --mode learn --surface ravine --lane sgd:lr=0.03" in line
    assert "--start=-1.5,2" in line


def test_no_shell_reads_a_function(served):
    assert serve("--function", "x**2 + y**2").exit_code == 0
    assert "x**2 + y**2" in served[0][0], "an argument of its own"
    assert serve("--function", "x; touch /tmp/x").exit_code == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_to_others_prints_a_warning(served, host):
    result = serve("--host", host)
    assert result.exit_code == 0
    assert result.stderr.startswith("adam-tui: warning: everyone who reaches")
    assert "and has the token" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_listening_to_this_machine_prints_none(served, host):
    assert serve("--host", host).stderr == ""


@pytest.mark.parametrize(
    ("host", "words"), [("127.0.0.1", "every user and program of this machine"), ("0.0.0.0", "without a token")]
)
def test_a_server_without_a_token_prints_a_warning(served, host, words):
    result = serve("--no-token", "--host", host)
    assert served[0][-1] is False
    assert result.stderr.startswith("adam-tui: warning: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_the_package_it_names_the_command_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "adam_tui.cli.web_server", None)
    monkeypatch.delattr("adam_tui.cli.web_server")
    result = serve()
    assert result.exit_code == 2
    assert "pip install 'adam-tui[serve]'" in result.stderr
    assert result.stderr.count("\n") == 1
