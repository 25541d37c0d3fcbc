"""Headless Chromium for the tests, driven by the DevTools protocol. Use `installed()` to skip where there is none."""

import asyncio
import base64
import contextlib
import itertools
import shutil
import subprocess

import aiohttp

PATIENCE = 30.0
BINARY = 2  # the opcode of a websocket's frame
PAUSE = 0.05  # seconds between two looks
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root has no sandbox, and the only page is ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
)


def installed():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """The tab of a running browser."""

    def __init__(self, websocket):
        self._websocket, self._numbers = websocket, itertools.count(1)
        self.received = b""  # by the page, through its own websocket

    async def do(self, method, **parameters):
        """Carry out one command of the protocol; its result."""
        number = next(self._numbers)
        await self._websocket.send_json({"id": number, "method": method, "params": parameters})
        message = await self._receive(lambda message: message.get("id") == number)
        assert "error" not in message, message
        return message["result"]

    async def _receive(self, condition):
        while True:
            message = await self._websocket.receive_json(timeout=PATIENCE)
            if message.get("method") == "Network.webSocketFrameReceived":
                frame = message["params"]["response"]
                self.received += base64.b64decode(frame["payloadData"]) if frame["opcode"] == BINARY else b""
            if condition(message):
                return message

    async def value(self, expression):
        """The value of a JavaScript expression."""
        result = await self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression):
        """Wait until a JavaScript expression is true."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while not await self.value(expression):
            assert asyncio.get_running_loop().time() < end, f"never true: {expression}"
            await asyncio.sleep(PAUSE)

    async def open(self, address):
        """Load a page."""
        await self.do("Page.enable")
        await self.do("Network.enable")
        await self.do("Page.navigate", url=address)
        await self._receive(lambda message: message.get("method") == "Page.loadEventFired")

    async def press(self, key):
        """Press a key that types one character."""
        await self.do("Input.dispatchKeyEvent", type="keyDown", key=key, text=key, unmodifiedText=key)
        await self.do("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def screenshot(self):
        """The page as the bytes of a PNG."""
        return base64.b64decode((await self.do("Page.captureScreenshot", format="png"))["data"])

    async def picture_where(self, condition):
        """Wait until a condition holds for a picture of the page; the picture, as the bytes of a PNG."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while not condition(picture := await self.screenshot()):
            assert asyncio.get_running_loop().time() < end, "the page never looks so"
            await asyncio.sleep(PAUSE)
        return picture


@contextlib.asynccontextmanager
async def browse(folder, size=(1200, 800)):
    """Start a browser that keeps its files in a folder; its page."""
    window = f"--window-size={size[0]},{size[1]}"
    command = [installed(), *FLAGS, window, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port_file, end = folder / "DevToolsActivePort", asyncio.get_running_loop().time() + PATIENCE
        while not (port_file.exists() and port_file.read_text().count("\n")):
            assert process.poll() is None
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(PAUSE)
        port = port_file.read_text().split("\n")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                [target] = [each for each in await reply.json(content_type=None) if each["type"] == "page"]
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as websocket:
                yield Page(websocket)
    finally:
        process.terminate()
        process.wait(PATIENCE)
