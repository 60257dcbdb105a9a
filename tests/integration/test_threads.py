# SPDX-License-Identifier: MIT
"""Threads beside the loop, under load: what they share must be settled. "make tsan" runs this under
ThreadSanitizer, which is what it is for; elsewhere it shows that nothing is lost."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from capricorn import sanitized, seconds

pytestmark = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
SECONDS = 4 if sanitized() == "tsan" else 1


def load(server, target, connections=24):
    """wrk's count of answers; all of them are of status 200."""
    told = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "30s",
                           server.url + target], capture_output=True, text=True, check=True,
                          timeout=seconds(SECONDS + 60)).stdout
    assert "Non-2xx" not in told and "Socket errors" not in told, told
    return int(re.search(r"(\d+) requests in", told).group(1))


def load_all(server, targets):
    with ThreadPoolExecutor(len(targets)) as pool:
        return list(pool.map(lambda target: load(server, target), targets))


def test_functions_given_to_threads_under_load(serve):
    server = serve("waits", arguments=["--no-access-log"])
    counts = load_all(server, ["/block?ms=0", "/block?ms=2", "/read_name?max=6", "/look_up?127.1",
                               "/hello"])
    assert all(count > 20 for count in counts), counts
    assert server.get("/hello").text == "hello"


def test_blocking_endpoints_under_load(serve):
    server = serve("threads", arguments=["--no-access-log", "--threads", "4"])
    counts = load_all(server, ["/nap?ms=1", "/nap?ms=0", "/counts", "/plain"])
    assert all(count > 20 for count in counts), counts
    assert server.get("/plain").text == "plain"


def test_functions_given_to_threads_while_clients_go_away_and_the_server_stops(serve):
    server = serve("waits", arguments=["--no-access-log"])
    for number in range(200):
        with server.connect() as connection:
            connection.send_request("GET", f"/block?ms={number % 5}")
    assert server.get("/hello").text == "hello"
    connections = [server.connect() for _ in range(30)]
    for connection in connections:
        connection.send_request("GET", "/block?ms=50")
    server.stop()
    for connection in connections:
        connection.close()
