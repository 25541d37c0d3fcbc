"""The app in a browser: textual-serve, told to listen to this machine only and to no page but its own.

Every visitor gets an app of his own, a process of this machine with the rights of whoever started the server. So who
may reach the address may train, delete runs and write exports here; there is no password.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket

from aiohttp import web
from textual_serve.server import Server

ELSEWHERE = re.compile(r"<link\s[^>]*href=.https://fonts\.[^>]*>")  # there are fonts to fall back on
EVERYWHERE = ("0.0.0.0", "::", "")


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach the host; a name counts by the addresses it stands for."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host or None, None, flags=socket.AI_PASSIVE)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found)


def address(host: str, port: int) -> str:
    """What to type into a browser."""
    name = socket.gethostname() if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


class OwnPagesOnly(Server):
    """textual-serve's server that turns away other sites' pages.

    A browser lets any page open a socket to 127.0.0.1. It says from which page, though, so that is asked.
    """

    def initialize_logging(self) -> None:
        """Tell what goes wrong, not every request."""
        logging.basicConfig(level=logging.WARNING, format="adam-tui: %(message)s")

    async def on_startup(self, app: web.Application) -> None:
        """One line, in place of a banner."""
        self.console.print(f"adam-tui is at {self.public_url}  (ctrl+c ends it)", highlight=False)

    async def handle_index(self, request: web.Request) -> web.Response:
        """Our page, without the font that it would fetch elsewhere: a machine without a network waits for it."""
        page = await super().handle_index(request)
        assert isinstance(page, web.Response)
        page.text = ELSEWHERE.sub("", page.text or "")
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Open an app for our own page; 403 for any other."""
        if request.headers.get("Origin", "").rstrip("/") != self.public_url.rstrip("/"):
            raise web.HTTPForbidden(text="this address serves its own page only")
        return await super().handle_websocket(request)


def serve(command: str, host: str, port: int, url: str | None) -> None:
    """Serve what the shell command starts until ctrl+c. OSError when the port cannot be had."""
    OwnPagesOnly(command, host, port, title="adam-tui", public_url=url or address(host, port)).serve()
