"""The app in a browser: the warnings, and a real server that only its own page can use."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

import aiohttp
import pytest
from click.testing import CliRunner

from adam_tui.cli import web_server
from adam_tui.cli.app import main

PATIENCE = 30.0


@pytest.fixture
def served(monkeypatch):
    """The calls that would start a server."""
    calls = []
    monkeypatch.setattr(web_server, "serve", lambda *arguments: calls.append(arguments))
    return calls


def serve(*arguments):
    return CliRunner().invoke(main, ["serve", *arguments])


def test_it_serves_the_app_in_exactly_the_state_of_the_flags_to_this_machine(served):
    result = serve("--surface", "ravine", "--lane", "sgd:lr=0.03", "--start=-1.5,2", "--mode", "learn")
    assert (result.exit_code, result.output) == (0, "")
    [(command, host, port, url)] = served
    assert (host, port, url) == ("127.0.0.1", 8000, None)
    assert "-m adam_tui --mode learn --surface ravine --lane sgd:lr=0.03" in command
    assert "--start=-1.5,2" in command


def test_a_function_cannot_run_a_command(served):
    assert serve("--function", "x**2 + y**2").exit_code == 0
    assert "'x**2 + y**2'" in served[0][0], "quoted for the shell"
    assert serve("--function", "x; touch /tmp/x").exit_code == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_to_others_prints_a_warning(served, host):
    result = serve("--host", host)
    assert result.exit_code == 0
    assert result.stderr.startswith("adam-tui: warning: everyone who reaches")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_listening_to_this_machine_prints_none(served, host):
    assert serve("--host", host).stderr == ""


def test_without_the_package_it_names_the_command_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "adam_tui.cli.web_server", None)
    monkeypatch.delattr("adam_tui.cli.web_server")
    result = serve()
    assert result.exit_code == 2
    assert "pip install 'adam-tui[serve]'" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [("127.0.0.1", 8000, "http://127.0.0.1:8000"), ("::1", 9, "http://[::1]:9")],
)
def test_the_address_is_a_url(host, port, expected):
    assert web_server.page_address(host, port) == expected
    assert web_server.page_address("0.0.0.0", 80) == f"http://{socket.gethostname()}:80"


@pytest.fixture
def server(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "adam_tui", "serve", "--port", str(port), "--runs", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert f"http://127.0.0.1:{port}" in process.stdout.readline()
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE)
    process.stdout.close()


async def test_its_page_shows_the_app_and_the_page_of_another_site_is_refused(server):
    async with aiohttp.ClientSession() as session:
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get(server) as page:
                    assert page.status == 200
                    text = await page.text()
                    assert "/static/css/xterm.css" in text
                    fetched = re.findall(r'(?:href|src)="(https?://[^"]*)"', text)
                    assert all(address.startswith(server) for address in fetched), "nothing from elsewhere"
                    break
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
        for origin in ("http://evil.example", "null", ""):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{server}/ws", headers={"Origin": origin} if origin else {})
            assert refused.value.status == 403
        address = f"{server}/ws?width=100&height=30"
        async with session.ws_connect(address, headers={"Origin": server}) as socket_:
            seen = b""
            while b"Playground" not in seen or "▀".encode() not in seen:
                message = await socket_.receive(timeout=PATIENCE)
                seen += message.data if isinstance(message.data, bytes) else str(message.data).encode()
