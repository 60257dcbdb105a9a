# SPDX-License-Identifier: MIT
"""A headless Chromium, spoken to over the pipe of its DevTools protocol; nothing else is needed."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from capricorn import seconds

CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"]


class Browser:
    """One browser with one tab. complaints: what it wrote to the console, and scripts' exceptions."""

    def __init__(self, size=(1280, 900)):
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        to_it, self.to = os.pipe()
        self.back, from_it = os.pipe()

        def place_pipes():  # it reads from 3 and writes to 4
            first, second = os.dup(to_it), os.dup(from_it)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self.process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self.profile}",
             f"--window-size={size[0]},{size[1]}", "about:blank"],
            preexec_fn=place_pipes, close_fds=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_it)
        os.close(from_it)
        self.unread, self.number, self.session = b"", 0, None
        self.complaints, self.loads = [], 0
        targets = self.ask("Target.getTargets", timeout=60)["targetInfos"]
        page = next(each for each in targets if each["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page["targetId"],
                                flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.profile, ignore_errors=True)

    # ---- the protocol ----

    def _read(self, until):
        """One message, or None when the time is over."""
        while b"\0" not in self.unread:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                return None
            piece = os.read(self.back, 1 << 16)
            assert piece, "the browser has ended"
            self.unread += piece
        text, self.unread = self.unread.split(b"\0", 1)
        return json.loads(text)

    def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loads += 1
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(params["args"]))

    def ask(self, method, timeout=20, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + seconds(timeout)
        while True:
            answer = self._read(until)
            assert answer, f"no answer to {method}"
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    # ---- what tests do ----

    def open(self, url):
        before = self.loads
        self.ask("Page.navigate", url=url)
        self.wait_until(lambda: self.loads > before, f"{url} is loaded")

    def run(self, script):
        """The value of a JavaScript expression; promises are waited for."""
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True,
                          awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def text(self, selector="body"):
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def wait_until(self, claim, what, timeout=20):
        until = time.monotonic() + seconds(timeout)
        while not claim():
            message = self._read(min(until, time.monotonic() + 0.05))
            if message:
                self._note(message)
            assert time.monotonic() < until, f"not in time: {what}"

    def set_media(self, scheme):
        """'light' or 'dark'."""
        self.ask("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path, whole=True):
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
