# SPDX-License-Identifier: MIT
"""The server as the first process of a container: it reaps orphans, and stops when it is told to."""

import os
import signal
import subprocess

import pytest

from capricorn import Server, seconds, wait_until

NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child"]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


@pytest.fixture
def first():
    """A server that is process 1, and its process id outside of its namespace."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("this user may not make a PID namespace")
    with Server(["tasks"], wrapper=NAMESPACE) as server:
        yield server, children(server.pid)[0]
        if server.process.poll() is None:
            os.kill(children(server.pid)[0], signal.SIGKILL)
            server.process.wait()
        server.exit_code = 0
        server.process = None
        server.clean()


def test_orphans_are_reaped(first):
    server, pid = first
    assert server.get("/hello").status == 200
    made = subprocess.run(["nsenter", "--target", str(pid), "--pid", "sh", "-c",
                           "for i in 1 2 3; do sleep 0.1 & done"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    wait_until(lambda: len(children(pid)) > 0, "the orphans become the server's")
    wait_until(lambda: not children(pid), "the orphans are waited for")
    assert server.get("/hello").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_it_is_told_to(first, number):
    server, pid = first
    os.kill(pid, number)
    assert server.process.wait(seconds(10)) == 0
    server.wait_for_log("Finished server process \\[1\\]")
