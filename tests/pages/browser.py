"""A headless Chromium that is told what to do over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --remote-debugging-port=0"


class Browser:
    """One page of a browser; what it complained of and asked for is kept."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Browser:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        if program is None:
            raise SystemExit("there is no Chromium: apt-get install chromium")
        self._profile = Path(tempfile.mkdtemp(prefix="pages-"))
        self._process = await asyncio.create_subprocess_exec(
            program,
            *FLAGS.split(),
            f"--user-data-dir={self._profile}",
            "about:blank",
            stderr=asyncio.subprocess.DEVNULL,
        )
        port = self._profile / "DevToolsActivePort"
        for _ in range(600):
            if port.exists() and port.read_text().strip():
                break
            await asyncio.sleep(0.1)
        self._http = aiohttp.ClientSession()
        host = f"http://127.0.0.1:{port.read_text().split()[0]}"
        async with self._http.get(f"{host}/json") as answer:
            (target,) = [one for one in await answer.json() if one["type"] == "page"]
        self._socket = await self._http.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._http.close()
        self._process.terminate()
        await self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; events that arrive before it are noted."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=120)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        method, known = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(known["exceptionDetails"]))
        if method == "Log.entryAdded" and known["entry"]["level"] == "error":
            self.errors.append(known["entry"]["text"])
        if method == "Network.requestWillBeSent":
            self.requests.append(known["request"]["url"][:200])

    async def open(self, page: Path, *, width: int, dark: bool = False, media: str = "") -> None:
        """Open a file in a window of some width, in CSS pixels."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        phone = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844 if phone else 900,
            deviceScaleFactor=1,
            mobile=phone,
        )
        await self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        await self.call("Page.navigate", url=page.resolve().as_uri())
        for _ in range(300):
            if await self.value("document.readyState === 'complete'"):
                return
            await asyncio.sleep(0.1)

    async def value(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript."""
        found = await self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:500])
        return found["result"].get("value")

    async def move(self, x: float, y: float) -> None:
        """Move the mouse to a place of the window."""
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    async def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG file."""
        found = await self.call("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(found["data"]))

    async def pdf(self, path: Path) -> None:
        """Print the page."""
        found = await self.call("Page.printToPDF", preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(found["data"]))
