"""The server behind `adam-tui serve`: its token, malformed messages, and no process left behind."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import aiohttp
import pytest
from web_serving import PATIENCE, Served

from adam_tui.cli import web_server


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [("127.0.0.1", 8000, "http://127.0.0.1:8000"), ("::1", 9, "http://[::1]:9")],
)
def test_the_address_is_a_url(host, port, expected):
    assert web_server.page_address(host, port) == expected
    assert web_server.page_address("0.0.0.0", 80) == f"http://{socket.gethostname()}:80"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "LOCALHOST:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:9"]
)
def test_a_loopback_name_counts_on_any_port(host):
    assert web_server.is_loopback_name(host)


@pytest.mark.parametrize(
    "host", ["", "example.com", "localhost.example.com", "127.0.0.1.nip.io", "10.0.0.1", "[", "::1"]
)
def test_any_other_name_does_not(host):
    assert not web_server.is_loopback_name(host)


class TestMessages:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('["stdin", "a"]', ("stdin", "a")),
            ('["stdin", "\\ud800"]', ("stdin", "\ud800")),
            ('["resize", {"width": 80, "height": 24}]', ("resize", (80, 24))),
            ('["resize", {"width": 1e9, "height": 1}]', None),
            ('["resize", {"width": 1000000000, "height": 1}]', ("resize", (1000, 1))),
            ('["ping", 1]', ("ping", 1)),
            ('["cell", {"width": 9, "height": 20.25}]', ("cell", 2.25)),
            ('["focus"]', ("focus", None)),
            ('["blur", null]', ("blur", None)),
        ],
    )
    def test_are_read(self, text, message):
        if message is None:
            with pytest.raises(ValueError, match="cell"):
                web_server.parse_message(text)
        else:
            assert web_server.parse_message(text) == message

    @pytest.mark.parametrize(
        "text",
        [
            *("", "1", "null", "{}", '"stdin"', "[]", "[1]", "[null]", "[[]]", '["stdin"]', '["stdin", 1]', "\x00"),
            *('["resize"]', '["resize", 1]', '["resize", {}]', '["resize", {"width": -1, "height": 24}]'),
            *('["resize", {"width": true, "height": 24}]', '["resize", {"width": 0, "height": 0}]', '["quit"]'),
            *('["cell", 1]', '["cell", {"width": 0, "height": 18}]', '["cell", {"width": 9, "height": Infinity}]'),
            *("[" * 100_000, "9" * 10_000, '["resize", {"width": null, "height": NaN}]', '[{"a": 1}, 2]'),
        ],
    )
    def test_are_refused_with_one_line_when_they_are_malformed(self, text):
        with pytest.raises(ValueError, match=r"message|terminal") as refused:
            web_server.parse_message(text)
        assert len(str(refused.value)) < 150


async def until_async(condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, "it takes too long"
        await asyncio.sleep(0.02)
    return value


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("runs"))
    yield served
    served.close()


def browser():
    """A client with cookies, as a browser has them for 127.0.0.1 too."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def open_app(session, base):
    """Open the websocket as the page does, and wait for the first picture."""
    websocket = await session.ws_connect(f"{base}/ws?width=100&height=30", headers={"Origin": base})
    shown = b""
    while b"Playground" not in shown or "▀".encode() not in shown:
        message = await websocket.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
        shown += message.data if isinstance(message.data, bytes) else message.data.encode()
    return websocket


async def test_the_printed_address_opens_the_page_and_its_cookie_replaces_the_token(server):
    assert len(urlsplit(server.address).query.removeprefix("token=")) >= 40
    async with browser() as session:
        async with session.get(server.address) as page:
            assert page.status == 200
            assert str(page.url) == f"{server.base}/", "without the token"
            text = await page.text()
        assert text.count("<title>adam-tui</title>") == 1
        addresses = re.findall(r'(?:href|src)="(https?://[^"]*)"', text)
        assert addresses
        assert all(address.startswith(server.base) for address in addresses), "nothing from elsewhere"
        async with session.get(addresses[0]) as file:
            assert file.status == 200
        [cookie] = session.cookie_jar
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
        websocket = await open_app(session, server.base)
        await websocket.close()
    await until_async(lambda: not server.apps)


async def test_without_the_token_neither_page_nor_file_nor_websocket_is_served(server):
    async with browser() as session:
        for path in ("/", "/?token=wrong", "/?token=%F0%9F%99%82", "/static/js/textual.js", "/download/x", "/nothing"):
            async with session.get(server.base + path) as page:
                assert page.status == 403, path
                assert "token" in await page.text()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{server.base}/ws", headers={"Origin": server.base})
        assert refused.value.status == 403
    assert server.apps == []


async def test_the_page_of_another_site_is_refused_even_with_the_cookie(server):
    async with browser() as session:
        async with session.get(server.address):
            pass
        for origin in ("http://evil.example", "null", "", f"http://localhost:{server.port}"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{server.base}/ws", headers={"Origin": origin} if origin else {})
            assert refused.value.status == 403


async def test_localhost_works_as_an_ssh_tunnel_gives_it_on_another_port(server):
    for host in (f"localhost:{server.port}", "localhost:4321"):
        async with browser() as session:
            headers = {"Host": host}
            async with session.get(server.address, headers=headers, allow_redirects=False) as reply:
                cookie = reply.headers["Set-Cookie"].split(";")[0]
            headers["Cookie"] = cookie
            async with session.get(server.base, headers=headers) as page:
                text = await page.text()
            assert f'data-session-websocket-url="ws://{host}/ws"' in text
            assert f'src="http://{host}/static/js/textual.js"' in text
            headers["Origin"] = f"http://{host}"
            async with session.ws_connect(f"{server.base}/ws?width=100&height=30", headers=headers) as websocket:
                assert await websocket.receive(timeout=PATIENCE)
    await until_async(lambda: not server.apps)


@pytest.mark.parametrize(
    "message",
    [
        *("1", "null", "[", '["resize", {"width": -5, "height": -5}]', '["stdin", 7]', b"\x00\xff"),
        pytest.param("x" * 3_000_000, id="3 MB"),
    ],
)
async def test_a_malformed_message_ends_the_connection_and_its_app_with_one_line(server, message):
    before = len(server.warnings())
    async with browser() as session:
        async with session.get(server.address):
            pass
        websocket = await open_app(session, server.base)
        assert len(server.apps) == 1
        await (websocket.send_bytes if isinstance(message, bytes) else websocket.send_str)(message)
        while not websocket.closed:
            await websocket.receive(timeout=PATIENCE)
        assert websocket.close_code in (1008, 1009)
    await until_async(lambda: not server.apps)
    [line] = server.warnings()[before:]
    assert line.startswith("adam-tui: a browser was disconnected: ")
    assert len(line) < 300


async def test_half_a_surrogate_pair_is_typed_as_a_question_mark(server):
    before = len(server.warnings())
    async with browser() as session:
        async with session.get(server.address):
            pass
        websocket = await open_app(session, server.base)
        await websocket.send_str('["stdin", "\\ud800"]')  # "?" opens the help
        shown = b""
        while b"One step forward" not in shown:
            shown += (await websocket.receive(timeout=PATIENCE)).data
        await websocket.close()
    await until_async(lambda: not server.apps)
    assert server.warnings()[before:] == []


async def test_no_app_stays_when_the_browser_goes_amid_much_input(server):
    async with browser() as session:
        async with session.get(server.address):
            pass
        websocket = await open_app(session, server.base)
        [app] = server.apps
        for _ in range(5):
            await websocket.send_str(json.dumps(["stdin", "x" * 900_000]))
        websocket._response.close()  # without a goodbye
    await until_async(lambda: not server.apps)
    assert not os.path.exists(f"/proc/{app}")


def test_an_app_ends_with_a_server_that_is_killed(tmp_path):
    served = Served(tmp_path)

    async def visit():
        async with browser() as session:
            async with session.get(served.address):
                pass
            websocket = await open_app(session, served.base)
            [app] = served.apps
            served.process.kill()
            await until_async(lambda: not os.path.exists(f"/proc/{app}"))
            await websocket.close()

    try:
        asyncio.run(visit())
    finally:
        served.close()


def test_the_server_ends_at_once_and_takes_its_apps_along(tmp_path):
    served = Served(tmp_path)

    async def visit():
        async with browser() as session:
            async with session.get(served.address):
                pass
            await open_app(session, served.base)
            [app] = served.apps
            began = time.monotonic()
            served.process.send_signal(signal.SIGINT)
            await until_async(lambda: served.process.poll() is not None)
            assert time.monotonic() - began < 10
            assert not os.path.exists(f"/proc/{app}")

    try:
        asyncio.run(visit())
    finally:
        served.close()
    assert served.process.returncode == 0
    assert served.warnings() == []


def test_without_a_token_the_page_opens_for_everyone_but_under_own_names_only(tmp_path):
    served = Served(tmp_path, "--no-token")

    async def visit():
        async with browser() as session:
            async with session.get(served.base) as page:
                assert page.status == 200
            async with session.get(served.base, headers={"Host": "evil.example"}) as page:
                assert page.status == 403
                assert "does not answer to evil.example" in await page.text()

    try:
        assert served.address == served.base
        asyncio.run(visit())
    finally:
        served.close()


def test_a_port_in_use_is_one_line_and_no_address_is_printed():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "adam_tui", "serve", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"adam-tui: port {port} is in use\n")
