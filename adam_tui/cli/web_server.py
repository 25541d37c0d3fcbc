"""The server of `adam-tui serve`: textual-serve with a token, which serves its own page only and ends all its apps.

Every visitor gets an app of their own: a process on this machine with the rights of the user who started the server.
So the page, its files and the websocket all ask for the token, which is in the printed address and then in a cookie.
`parse_message` and the checks of hosts and origins are pure; `WebServer` and `AppProcess` connect them with aiohttp.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import hmac
import ipaddress
import json
import logging
import re
import secrets
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import click
from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from adam_tui.terminal.sanitize import sanitize

HEAD = Path(__file__).with_name("page_head.html")  # what our page adds to textual-serve's
REMOTE_FONTS = re.compile(r"<link\s[^>]*href=.https://fonts\.[^>]*>")  # the page has the font itself
ALL_INTERFACES = ("0.0.0.0", "::", "")
DRIVER = "adam_tui.terminal.web_driver:WebDriver"

HEARTBEAT_SECONDS = 15
MOST_MESSAGE_BYTES = 1 << 20  # of one message from a browser; a paste is the largest that has a use
MOST_WAITING_BYTES = 4 << 20  # of input that the app has not read yet
QUIT_SECONDS = 3.0  # how long an app may take to quit, before it is killed
MOST_COLUMNS, MOST_ROWS = 1000, 500
MOST_PIXELS = 1000  # of a cell
DEFAULT_COLUMNS, DEFAULT_ROWS = 80, 24
LONGEST_LINE = 300  # characters of a log line
HOST = re.compile(r"[\w.-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")  # the Host header; it goes into the page

log = logging.getLogger("adam-tui")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


# --- addresses -------------------------------------------------------------------------------------------------------


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach the host. A name counts by the addresses it resolves to."""
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host or None, None, flags=socket.AI_PASSIVE)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)


def page_address(host: str, port: int) -> str:
    """The URL to type into a browser, without the token."""
    name = socket.gethostname() if host in ALL_INTERFACES else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def is_loopback_name(host: str) -> bool:
    """Whether a Host header names this machine itself, on any port: localhost, 127.0.0.1, [::1]. Resolves nothing."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> str:
    """The part of a URL that a browser sends as Origin: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


# --- messages --------------------------------------------------------------------------------------------------------


def parse_message(text: str) -> tuple[str, Any]:
    """Read one message of the page's scripts: its type, and its text, its (columns, rows) or its data.

    Of a cell's size in pixels the data is its height divided by its width.
    Raises ValueError with one line for a message that the script does not send.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("a message is not JSON") from None
    if not isinstance(message, list) or not message:
        raise ValueError("a message is not a list")
    data = message[1] if len(message) > 1 else None
    match message[0]:
        case "stdin" if isinstance(data, str):
            return "stdin", data
        case "resize" if isinstance(data, dict):
            return "resize", (_cells(data.get("width"), MOST_COLUMNS), _cells(data.get("height"), MOST_ROWS))
        case "cell" if isinstance(data, dict):
            return "cell", _pixels(data.get("height")) / _pixels(data.get("width"))
        case "ping" | "blur" | "focus" as kind:
            return kind, data
    raise ValueError(f"a message of the kind {message[0]!r:.40} has unknown or wrong contents")


def _cells(value: Any, most: int) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"a terminal is 1 cell wide and high at least, not {value!r:.40}")
    return min(value, most)


def _pixels(value: Any) -> float:
    if type(value) not in (int, float) or not 1 <= value <= MOST_PIXELS:
        raise ValueError(f"a terminal has cells of 1 to {MOST_PIXELS} pixels, not {value!r:.40}")
    return float(value)


def _cells_of_query(text: str | None, default: int, most: int) -> int:
    """A size in the websocket's address; the default for anything else."""
    try:
        return _cells(int(text or default), most)
    except ValueError:
        return default


# --- the app's process -----------------------------------------------------------------------------------------------


class AppProcess(AppService):
    """One app for one browser.

    Unlike its base it starts no shell, never waits for an app that does not read its input, and ends it for certain.
    """

    def __init__(self, arguments: Sequence[str], websocket: web.WebSocketResponse, **settings: Any) -> None:
        async def close() -> None:
            await websocket.close()

        super().__init__("", write_bytes=websocket.send_bytes, write_str=websocket.send_str, close=close, **settings)
        self._arguments = arguments

    def _build_environment(self, width: int = DEFAULT_COLUMNS, height: int = DEFAULT_ROWS) -> dict[str, str]:
        return {**super()._build_environment(width, height), "TEXTUAL_DRIVER": DRIVER}

    async def _open_app_process(self, width: int = DEFAULT_COLUMNS, height: int = DEFAULT_ROWS) -> Process:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=self._build_environment(width, height),
        )
        self._process, self._stdin = process, process.stdin
        return process

    async def run(self) -> None:
        """Pass the app's output to the browser until the app has ended; then close the connection."""
        try:
            await super().run()
        finally:
            with contextlib.suppress(ConnectionError):
                await self.remote_close()

    async def on_data(self, payload: bytes) -> None:
        """Send output to the browser. Drop it once the browser has gone: an app that cannot write cannot quit."""
        with contextlib.suppress(ConnectionError):
            await super().on_data(payload)

    def feed(self, packet_type: Literal[b"D", b"M"], payload: bytes) -> None:
        """Give the app input without waiting for it. Raises ValueError when too much of it has not been read yet."""
        if self.stdin.transport.get_write_buffer_size() > MOST_WAITING_BYTES:
            raise ValueError("input arrives faster than the app can read it")
        if not self.stdin.is_closing():
            self.stdin.write(self.encode_packet(packet_type, payload))

    def feed_meta(self, **data: Any) -> None:
        """Give the app a message that is not input, such as a new size."""
        self.feed(b"M", json.dumps(data).encode())

    async def stop(self) -> None:
        """Let the app quit, and kill it if it does not."""
        process, task = self._process, self._task
        if process is None or task is None:
            return
        self._task = None
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        with contextlib.suppress(ValueError):
            self.feed_meta(type="quit")
        done, _ = await asyncio.wait([task], timeout=QUIT_SECONDS)
        if done:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), QUIT_SECONDS)
        else:  # before the kill, so that it is not reported as a failure of the app
            task.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


# --- the server ------------------------------------------------------------------------------------------------------


class OneLineFormatter(logging.Formatter):
    """Formats a log record as one line without control characters; of an exception it names kind and message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        text = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]) is not None:
            text = f"{text}: {type(error).__name__}: {error}"
        return f"adam-tui: {sanitize(' '.join(text.split()))[:LONGEST_LINE]}"


class WebServer(Server):
    """textual-serve's server with a token.

    A browser lets any page open a websocket to 127.0.0.1, but it names that page in the Origin header. Other users and
    programs of this machine can send any header, but they do not have the token.
    """

    def __init__(self, arguments: Sequence[str], host: str, port: int, url: str | None, token: str | None) -> None:
        address = page_address(host, port)
        super().__init__(" ".join(arguments), host, port, title="adam-tui", public_url=(url or address).rstrip("/"))
        self._arguments = arguments
        self._url = url
        self._own_hosts = {urlsplit(each).netloc.lower() for each in (address, self.public_url)}
        self._token = token
        # A name of its own for each token: browsers send the cookies of one port to the servers of all others.
        digest = hashlib.sha256((token or "").encode()).hexdigest()
        self._cookie = f"adam-tui-{digest[:8]}"
        self._websockets: set[web.WebSocketResponse] = set()

    @property
    def address(self) -> str:
        """The URL to open, with the token."""
        return f"{self.public_url}/?{urlencode({'token': self._token})}" if self._token else self.public_url

    def initialize_logging(self) -> None:
        """Log warnings and errors, one line each, and not every request."""
        handler = logging.StreamHandler()
        handler.setFormatter(OneLineFormatter())
        logging.basicConfig(level=logging.WARNING, handlers=[handler])

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing: the server does not have the port yet."""

    def serve(self, debug: bool = False) -> None:
        """Serve until SIGINT or SIGTERM. Prints the address once the port is open. Raises OSError without a port."""
        self.debug = debug
        self.initialize_logging()
        loop = asyncio.new_event_loop()
        with contextlib.suppress(NotImplementedError):  # Windows
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.request_exit)
        web.run_app(
            self._make_app(),
            host=self.host,
            port=self.port,
            handle_signals=False,
            loop=loop,
            print=lambda *banner: click.echo(f"adam-tui is at {self.address}  (ctrl+c ends it)"),
        )

    async def on_shutdown(self, app: web.Application) -> None:
        """Close every connection, whose handler then ends its app."""
        for websocket in set(self._websockets):
            await websocket.close(code=WSCloseCode.GOING_AWAY, message=b"the server ends")

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._check)
        return app

    # Access.

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer only requests with the token to an address of this server. Raises HTTPForbidden with the reason."""
        if not self._is_own_host(request.host):
            host = sanitize(request.host)
            raise web.HTTPForbidden(text=f"403: this server does not answer to {host}; use localhost, or --url\n")
        given = request.query.get("token")
        if self._matches(given):
            # The cookie takes over, so that the token does not stay in the address bar and the history.
            rest = [(name, value) for name, value in request.query.items() if name != "token"]
            # Relative, because a proxy may add a path in front.
            reply = web.HTTPSeeOther(f".?{urlencode(rest)}" if rest else ".")
            secure = self.public_url.startswith("https:")
            reply.set_cookie(self._cookie, given or "", httponly=True, samesite="Lax", secure=secure, path="/")
            raise reply
        if self._token is not None and not self._matches(request.cookies.get(self._cookie)):
            reason = "the token is wrong" if given else "the token is missing"
            raise web.HTTPForbidden(
                text=f"403: {reason}. Open the address that 'adam-tui serve' printed; it ends with ?token=…\n"
            )
        response = await handler(request)
        if not response.prepared:
            response.headers.update({"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"})
        return response

    def _matches(self, given: str | None) -> bool:
        """Whether this is the token, in a time that does not depend on how much of it is right."""
        if self._token is None or given is None:
            return False
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def _is_own_host(self, host: str) -> bool:
        """Whether the Host header may be answered: this machine's own names; any other name only with a token.

        Without a token a foreign page could give its own host name the address 127.0.0.1 (DNS rebinding).
        """
        if not HOST.fullmatch(host):
            return False
        return self._token is not None or is_loopback_name(host) or host.lower() in self._own_hosts

    def _is_own_origin(self, origin: str, host: str) -> bool:
        """Whether a websocket was opened by this server's own page."""
        if origin.lower().rstrip("/") == origin_of(self.public_url):
            return True
        return bool(host) and origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")

    # Requests.

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page. Its files and its websocket have the address under which the page was opened."""
        page = await super().handle_index(request)
        assert isinstance(page, web.Response)
        text = REMOTE_FONTS.sub("", page.text or "")  # a machine without a network would wait for it
        head = HEAD.read_text(encoding="utf-8").replace("STATIC/", f"{self.public_url}/static/")
        text = text.replace("<head>", f"<head>\n{head}", 1)
        if self._url is None:
            own = f"{request.scheme}://{request.host}"
            text = text.replace(f"ws:{self.public_url.partition(':')[2]}/", f"ws:{own.partition(':')[2]}/")
            text = text.replace(f"{self.public_url}/", f"{own}/")
        page.text = text
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run an app for the server's own page until the page or the app is gone. Raises HTTPForbidden for others."""
        origin = request.headers.get("Origin", "")
        if not self._is_own_origin(origin, request.host):
            raise web.HTTPForbidden(
                text=f"403: this server answers its own page only, not one of {origin or 'nowhere'}\n"
            )
        websocket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=MOST_MESSAGE_BYTES)
        await websocket.prepare(request)
        app = AppProcess(self._arguments, websocket, download_manager=self.download_manager)
        self._websockets.add(websocket)
        try:
            await app.start(
                _cells_of_query(request.query.get("width"), DEFAULT_COLUMNS, MOST_COLUMNS),
                _cells_of_query(request.query.get("height"), DEFAULT_ROWS, MOST_ROWS),
            )
            await self._forward(websocket, app)
        except ValueError as error:
            log.warning("a browser was disconnected: %s", error)
            await websocket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"malformed message")
        except OSError as error:
            log.warning("an app could not be started: %s", error.strerror or error)
        finally:
            self._websockets.discard(websocket)
            await app.stop()
            await websocket.close()
        return websocket

    async def _forward(self, websocket: web.WebSocketResponse, app: AppProcess) -> None:
        """Give the app each message of the browser. Raises ValueError for one that is malformed or too large."""
        async for message in websocket:
            if message.type is WSMsgType.ERROR:
                raise ValueError(str(message.data) or "broken connection")
            if message.type is not WSMsgType.TEXT:
                raise ValueError("a message is not text")
            match parse_message(message.data):
                case "stdin", str(text):
                    app.feed(b"D", text.encode("utf-8", "replace"))  # half of a surrogate pair becomes "?"
                case "resize", (width, height):
                    app.feed_meta(type="resize", width=width, height=height)
                case "cell", float(aspect):
                    app.feed_meta(type="cell_aspect", aspect=aspect)
                case "ping", data:
                    await websocket.send_json(["pong", data])
                case kind, _:
                    app.feed_meta(type=kind)


def serve(arguments: Sequence[str], host: str, port: int, url: str | None, *, token: bool) -> None:
    """Serve the app that these arguments start until SIGINT or SIGTERM. Raises UsageError without the port."""
    try:
        WebServer(arguments, host, port, url, secrets.token_urlsafe(32) if token else None).serve()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.UsageError(f"port {port} is in use") from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise click.UsageError(f"--host: {host} is not an address of this machine") from None
        if error.errno == errno.EACCES:
            raise click.UsageError(f"port {port} needs the rights of an administrator") from None
        raise
