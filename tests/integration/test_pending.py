# SPDX-License-Identifier: MIT
"""Whatever a handler waits for, it can be cancelled there, and the server be stopped meanwhile."""

import signal
import time

import pytest

from capricorn import seconds, wait_until

WAYS = 17
EACH = 5


@pytest.fixture(name="server")
def start(serve):
    # two threads, of which the queue takes more than there are
    return serve("pending", arguments=["--no-access-log", "--threads", "2",
                                       "--timeout-graceful-shutdown", "300ms"])


def counts(server):
    return [int(word) for word in server.get("/counts").text.split()]


def ask_all(server):
    """Each way of waiting, so many times; all of them wait when this returns."""
    clients = []
    for number in range(WAYS * EACH):
        client = server.connect()
        client.send_request("GET", f"/pending?how={number % WAYS}")
        clients.append(client)
    asked = (WAYS + 2) * EACH  # two of them ask for another
    wait_until(lambda: counts(server)[0] == asked, "all have begun")
    time.sleep(0.1)  # and have come to what they wait for
    return clients, asked


def test_clients_that_go_away_end_every_kind_of_wait(server):
    assert counts(server) == [0, 0, 0, WAYS]
    descriptors = server.descriptors()
    clients, asked = ask_all(server)
    assert counts(server)[1] == 0, "one has not waited"
    for client in clients:
        client.close()
    wait_until(lambda: counts(server)[:3] == [asked] * 3, "all have ended", 20)
    # threads and what is watched cost descriptors once
    wait_until(lambda: server.descriptors() <= descriptors + 6, "all is closed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_stops_while_all_of_them_wait(server, number):
    clients, _ = ask_all(server)
    began = time.monotonic()
    server.send_signal(number)
    assert server.wait() == 0
    assert time.monotonic() - began < seconds(8)
    assert not [line for line in server.log() if "somebody still waits" in line]
    for client in clients:
        client.close()
