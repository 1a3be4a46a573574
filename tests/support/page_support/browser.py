"""Headless Chromium, controlled by the DevTools protocol over a pipe, with the standard library only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

# the headless shell has no user interface: it starts and loads pages in half of the processor time
NAMES = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
    "--use-fake-device-for-media-stream",  # a generated camera picture, without a request for permission
    "--use-fake-ui-for-media-stream",
    "--window-size=1200,900",
)
SECONDS = 3600  # time after which a browser that does not respond is killed; far more than any response takes


def find() -> str | None:
    """Return the path of the browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class BrowserError(Exception):
    """The browser, or a script in the page, failed."""


class Browser:
    """A running browser with one page at a time. Use as a context manager."""

    def __enter__(self):
        self._profile = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        child_in, parent_out = os.pipe()
        parent_in, child_out = os.pipe()
        command = [find(), *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        # the protocol is on descriptors 3 and 4; `exec` replaces the shell by the browser
        shell = f'exec 8<&{child_in} 9>&{child_out}; exec 3<&8 4>&9; exec "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(child_in, child_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(child_in), os.close(child_out)
        self._out, self._in = os.fdopen(parent_out, "wb"), os.fdopen(parent_in, "rb")
        self._number, self._session, self.events, self._received = 0, None, [], b""
        self._shown = None  # the file that was opened last
        (target,) = [item for item in self.call("Target.getTargets")["targetInfos"] if item["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._out.close(), self._in.close()
        self._profile.cleanup()

    def call(self, method, **parameters):
        """Send a command and return its result; events that arrive earlier are appended to `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def _receive(self):
        timer = threading.Timer(SECONDS, self._process.kill)
        timer.start()
        try:
            while b"\0" not in self._received:
                part = self._in.read1(2**16)
                if not part:
                    raise BrowserError(f"the browser ended, exit code {self._process.wait()}")
                self._received += part
        finally:
            timer.cancel()
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def open(self, path: Path, query: str = ""):
        """Open a file, with a query in its address, and wait until the page is loaded."""
        self.events.clear()
        self._shown = None if query else path
        self.call("Page.navigate", url=path.resolve().as_uri() + (f"?{query}" if query else ""))
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def show(self, path: Path):
        """Open a file unless it is the one that was opened last, for tests that do not depend on what was done with it."""
        if path != self._shown:
            self.open(path)

    def evaluate(self, code: str):
        """Return the value of an expression, which may use `await`, as JSON data."""
        wrapped = f"(async () => ({code}))()"
        result = self.call("Runtime.evaluate", expression=wrapped, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def problems(self):
        """Return errors of the console, uncaught exceptions and requests since the page was opened."""
        texts = []
        for event in self.events:
            match event.get("method"):
                case "Runtime.exceptionThrown":
                    texts.append(event["params"]["exceptionDetails"]["exception"].get("description", "exception"))
                case "Log.entryAdded" if event["params"]["entry"]["level"] in ("error", "warning"):
                    texts.append(event["params"]["entry"]["text"])
                case "Network.requestWillBeSent" if event["params"].get("type") != "Document":
                    address = event["params"]["request"]["url"]
                    if not address.startswith("blob:"):  # data of the page itself
                        texts.append(f"request: {address[:100]}")
        return texts
