# SPDX-License-Identifier: MIT
"""Load while a server reloads: nothing of it may fail, and no connection may be closed."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

from capricorn import ROOT, wait_until

FAILURES = ("torn", "connect", "read", "write", "status", "timeout")


def established(port):
    """The clients' ports of the connections to this port of the loopback."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, ours, theirs, state = line.split()[:4]
        if state == "01" and theirs.endswith(f":{port:04X}"):
            found.add(int(ours.split(":")[1], 16))
    return found


class Load:
    """wrk at a path until it is told to stop: its connections are there when this returns. At
    the end none of its requests may have failed, and its connections must be the same ones."""

    def __init__(self, server, path="/whole", connections=64, wrapper=()):
        self.server = server
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *wrapper, "wrk", "-t1", f"-c{connections}", "-d3600s",
             "--timeout", "30s", "-s", str(ROOT / "tests/harness/whole.lua"),
             f"http://127.0.0.1:{server.port}{path}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wait_until(lambda: len(established(server.port)) == connections, "the load is there")
        self.ports = established(server.port)
        self.report = None

    def stop(self):
        """What wrk says; None: it ended by itself."""
        if self.report is None and self.process.poll() is None:
            still = established(self.server.port)
            self.process.send_signal(signal.SIGINT)
            text = self.process.communicate(timeout=60)[0]
            self.report = json.loads(re.search(r"REPORT (.*)", text).group(1))
            self.report["lost"] = len(self.ports - still)
        return self.report

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
            self.process.communicate()
            return
        found = self.stop()
        assert found["requests"] > 0, found
        assert not any(found[name] for name in FAILURES), found
        assert not found["lost"], f"connections were closed: {found}"


class Reloads:
    """Reloads of one server: what it says of each since the last that was waited for."""

    def __init__(self, server, by_signal=True):
        self.server = server
        self.by_signal = by_signal

    def after(self, change, says="Reloaded in", timeout=20):
        """Makes the change, asks for a reload unless the server watches, and waits for the line.
        The lines of the log from there to that."""
        mark = self.server.mark()
        change()
        if self.by_signal:
            self.server.send_signal(signal.SIGHUP)
        self.server.wait_for_log(re.escape(says), timeout, since=mark)
        return [line for line in self.server.log()[mark:] if line]


def mapped(server, stem):
    """The mapped files of this plugin."""
    text = Path(f"/proc/{server.pid}/maps").read_text()
    return {line.split()[5] for line in text.splitlines()
            if f"/{os.path.basename(stem)}." in line}
