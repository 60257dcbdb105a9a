# SPDX-License-Identifier: MIT
"""The contract, section 5 and 4.6: a call is told that its client has gone, or that the server
drains."""

import signal
import time

import pytest

from capricorn import Server, seconds
from script import OK, READ, RECEIVE, Script, body, sleep, start, step

WATCH = step("watch")


@pytest.fixture
def server():
    with Server(["script"]) as running:
        yield running


def noticed(server, since=0):
    return [line.rsplit("noticed: ", 1)[1] for line in server.log()[since:] if "noticed: " in line]


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_client_that_goes_away_is_noticed_long_before_the_grace_ends(server, end):
    script = Script(WATCH, start(200), body("x", more=True), step("log", "sent"), sleep(10000))
    connection = server.connect()
    connection.send_request("GET", script.target)
    server.wait_for_log("sent")
    began = time.monotonic()
    getattr(connection, end)()
    server.wait_for_log("noticed: gone")
    assert time.monotonic() - began < seconds(2)
    script.results(server)
    assert noticed(server) == ["gone"]


def test_a_client_that_leaves_within_its_body_is_noticed(server):
    script = Script(WATCH, READ, sleep(20))
    with server.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "100")], b"abc")
    server.wait_for_log("noticed: gone")


def test_after_a_complete_response_leaving_is_nobodys_business(server):
    script = Script(WATCH, RECEIVE, start(200), body("x"), sleep(150))
    with server.connect() as connection:
        assert connection.exchange("GET", script.target).text == "x"
    assert script.results(server)[0] == ("watch", OK)
    assert noticed(server) == []


def test_a_call_that_ends_in_time_is_told_nothing(server):
    script = Script(WATCH, start(200), body("x"))
    assert server.get(script.target).text == "x"
    script.results(server)
    assert noticed(server) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_4_6_running_calls_are_told_that_the_server_stops(server, number):
    script = Script(WATCH, step("until_draining"), start(200), body("goodbye"))
    other = Script(start(200), body("before"))
    assert server.get(other.target).text == "before"
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        assert connection.is_quiet(0.1)
        server.send_signal(number)
        assert connection.read_response().text == "goodbye"
    assert server.wait() == 0
    assert noticed(server) == ["stop"]
