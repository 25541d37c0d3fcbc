"""The server of `adam-tui serve`: textual-serve, limited to this machine and to its own page.

Every visitor gets an app of their own: a process on this machine with the rights of the user who started the server.
Everyone who can reach the address can train, delete runs and write exports here; there is no password.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket

from aiohttp import web
from textual_serve.server import Server

REMOTE_FONTS = re.compile(r"<link\s[^>]*href=.https://fonts\.[^>]*>")  # the page names local fonts as well
ALL_INTERFACES = ("0.0.0.0", "::", "")


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach the host. A name counts by the addresses it resolves to."""
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host or None, None, flags=socket.AI_PASSIVE)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)


def page_address(host: str, port: int) -> str:
    """The URL to type into a browser."""
    name = socket.gethostname() if host in ALL_INTERFACES else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


class SameOriginServer(Server):
    """textual-serve's server, which refuses connections from the pages of other sites.

    A browser lets any page open a websocket to 127.0.0.1, but it names that page in the Origin header.
    """

    def initialize_logging(self) -> None:
        """Log warnings and errors, not every request."""
        logging.basicConfig(level=logging.WARNING, format="adam-tui: %(message)s")

    async def on_startup(self, app: web.Application) -> None:
        """Print one line in place of textual-serve's banner."""
        self.console.print(f"adam-tui is at {self.public_url}  (ctrl+c ends it)", highlight=False)

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page without its remote font: a machine without a network would wait for it."""
        page = await super().handle_index(request)
        assert isinstance(page, web.Response)
        page.text = REMOTE_FONTS.sub("", page.text or "")
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Start an app for the server's own page. Raises HTTPForbidden for any other."""
        if request.headers.get("Origin", "").rstrip("/") != self.public_url.rstrip("/"):
            raise web.HTTPForbidden(text="this address serves its own page only")
        return await super().handle_websocket(request)


def serve(command: str, host: str, port: int, url: str | None) -> None:
    """Serve the app that the shell command starts until Ctrl-C. Raises OSError when the port is taken."""
    SameOriginServer(command, host, port, title="adam-tui", public_url=url or page_address(host, port)).serve()
