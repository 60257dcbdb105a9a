# SPDX-License-Identifier: MIT
"""Processes under measurement: started on a processor of their own, ended on every way out, and
what they have used of processor and memory."""

import functools
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("CAPRICORN_BUILD", "build")
PROCESSORS = sorted(os.sched_getaffinity(0))
# The servers have one processor, whatever loads them another.
SERVER_CPU, LOAD_CPU = PROCESSORS[-1], PROCESSORS[0]
PRIORITY = -15


def raise_file_limit():
    """Connections are descriptors; every process started here inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@functools.cache
def is_allowed(*command):
    """Can a program be started this way? Root may not be allowed to either, in a container."""
    tried = subprocess.run([*command, "true"], capture_output=True)
    return tried.returncode == 0 and not tried.stderr


def prefix(cpu, priority):
    """What a command is started by: on this processor, ahead of others if that is allowed, and
    told to end with us whatever way we end."""
    nice = ["nice", "-n", str(priority)]
    return ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(cpu),
            *(nice if is_allowed(*nice) else [])]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def answers(port, path="/", timeout=10):
    """Is the server there, and does it say 200? The answer's bytes, or nothing."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
                           .encode())
            heard = b""
            while b"\r\n\r\n" not in heard:
                piece = client.recv(65536)
                if not piece:
                    break
                heard += piece
            return heard if heard.startswith(b"HTTP/1.1 200") else b""
    except OSError:
        return b""


class Started:
    """A process with its children; its output goes to a file."""

    def __init__(self, command, cpu=SERVER_CPU, cwd=None, environment=None, nice=PRIORITY):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*prefix(cpu, nice), *map(str, command)], stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=subprocess.STDOUT, cwd=cwd, env={**os.environ, **(environment or {})},
            start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        self.output.flush()
        return os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")

    def wait_until_it_answers(self, port, path="/", timeout=20, pause=0.02):
        end = time.monotonic() + timeout
        while not answers(port, path):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.process.args}: no 200 from {path}; it said:\n"
                                   f"{self.said()[-2000:]}")
            time.sleep(pause)
        return self

    def tree(self):
        """The process and all below it."""
        found, waiting = [], [self.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, read(children).split())
        return found

    def cpu_seconds(self):
        """User and system time of all its threads: the scheduler's own nanoseconds."""
        return sum(int((read(file) or "0").split()[0]) for pid in self.tree()
                   for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9

    def memory_kib(self):
        """Its proportional share of memory, and its page tables."""
        return sum(number(f"/proc/{pid}/smaps_rollup", r"^Pss:\s+(\d+)") +
                   number(f"/proc/{pid}/status", r"^VmPTE:\s+(\d+)") for pid in self.tree())

    def stop(self):
        end_group(self.process)
        self.output.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def end_group(process):
    """Ends a process and its children, which are a session of their own."""
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, wanted)
        except ProcessLookupError:
            pass
        try:
            process.wait(5)
            break
        except subprocess.TimeoutExpired:
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def stop_on_signals():
    """SIGINT, SIGTERM and SIGHUP unwind as an exception does, so that every server is stopped."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, lambda number, _: sys.exit(128 + number))


def read(path):
    """A file of /proc; nothing if its process has ended meanwhile."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def number(path, pattern):
    found = re.search(pattern, read(path), re.M)
    return int(found.group(1)) if found else 0


class Floor(Started):
    """tests/bench/floor.c: as a server to compare with, or as the upstream."""

    def __init__(self, cpu, body="Hello, world!", delay_ms=0):
        self.port = free_port()
        self.url, self.certificate = f"http://127.0.0.1:{self.port}", None
        super().__init__([BUILD / "bench/floor", self.port, body, delay_ms], cpu)
        end = time.monotonic() + 10
        while "\n" not in self.said():  # its port: it listens
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self.process.args} did not start: make bench-programs")
            time.sleep(0.01)


def upstream(delay_ms=0):
    """What the weather is asked of, on the load's processor."""
    return Floor(LOAD_CPU, '{"city":"London","temp_c":21.5}', delay_ms)
