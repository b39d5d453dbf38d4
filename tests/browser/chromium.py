"""A headless Chromium for tests and benchmarks, spoken to over its DevTools pipe.

It needs nothing but the browser: messages are JSON ended by a zero byte, on file descriptors 3
and 4 of the browser's process.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT = 30.0
SILENCE = 300.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--remote-debugging-pipe",
)


def find() -> str | None:
    """The browser's path; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab."""

    def __init__(self, browser: "Chromium", session: str) -> None:
        self._browser = browser
        self._session = session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command of the DevTools protocol."""
        return self._browser.call(method, self._session, **parameters)

    def open(self, path: Path) -> None:
        """Open a file and wait until the report says that it is shown."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.documentElement?.dataset.state === 'ready'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = TIMEOUT) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"not within {seconds} s: {expression}"
            time.sleep(0.02)

    def size(self, width: int, height: int) -> None:
        """Give the viewport a size in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def scheme(self, name: str) -> None:
        """Prefer light or dark colours."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def type(self, selector: str, text: str) -> None:
        """Focus a field and type into it."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        for letter in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", text=letter, key=letter)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=letter)

    def press(self, key: str) -> None:
        """Press a key that is not a letter."""
        more = {"text": "\r", "windowsVirtualKeyCode": 13} if key == "Enter" else {}
        more = {"windowsVirtualKeyCode": 9} if key == "Tab" else more
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of the viewport, or of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def complaints(self) -> list[Any]:
        """Errors and warnings of the console, and exceptions, so far."""
        found = []
        for event in self._browser.events:
            kind, about = event["method"], event["params"]
            if kind == "Runtime.exceptionThrown":
                found.append(about["exceptionDetails"])
            if kind == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
                found.append(about["entry"])
            if kind == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
                found.append(about)
        return found

    def requests(self) -> list[str]:
        """The addresses of everything that the page asked for so far."""
        return [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if event["method"] == "Network.requestWillBeSent"
        ]


class Chromium:
    """A running browser; `start` yields one."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process = process
        self._to = to
        self._back = back
        self._unread = b""
        self._last_id = 0
        self.events: list[dict[str, Any]] = []

    def page(self) -> Page:
        """A new tab, with no events of the ones before."""
        self.events.clear()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        return Page(self, attached["sessionId"])

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The answer to a command."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            if "method" in answer:
                self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._back], [], [], SILENCE)
            assert ready, f"Chromium is silent for {SILENCE} s"
            part = os.read(self._back, 1 << 20)
            assert part, f"Chromium ended with {self._process.wait()}"
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))


@contextlib.contextmanager
def start(path: str) -> Iterator[Chromium]:
    """Run a browser with a profile of its own, until the end of the block."""
    # Numbers above the two that they become in the browser.
    (to_read, to_write), (back_read, back_write) = _pipe(), _pipe()

    def connect() -> None:
        os.dup2(to_read, 3)
        os.dup2(back_write, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(3, 4),
            preexec_fn=connect,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(back_write)
        browser = Chromium(process, to_write, back_read)
        try:
            yield browser
        finally:
            _stop(browser, process)
            os.close(to_write)
            os.close(back_read)


def _stop(browser: Chromium, process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(AssertionError, OSError):
        browser.call("Browser.close")
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pipe() -> tuple[int, int]:
    """Both ends of a pipe, with numbers from 10, not handed to other processes."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
