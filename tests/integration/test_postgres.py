# SPDX-License-Identifier: MIT
"""The example `postgres`, against a PostgreSQL that the tests start as a user of its own."""

import threading
import time

import pytest

from capricorn import BUILD, Server, sanitized, seconds
from database import PROGRAMS, Postgres
from test_tasks import raise_descriptor_limit

CONNECTIONS = 20
pytestmark = pytest.mark.skipif(
    not PROGRAMS or not (BUILD / "examples" / "postgres.so").exists(),
    reason="PostgreSQL is not installed: apt-get install postgresql libpq-dev, then make")


@pytest.fixture(scope="module")
def database():
    with Postgres() as running:
        yield running


@pytest.fixture(scope="module")
def server(database):
    raise_descriptor_limit(8192)
    config = f'{{"conninfo": "{database.conninfo}", "connections": {CONNECTIONS}}}'
    with Server(("postgres", "hello"), configs={"postgres": config}) as running:
        yield running


def test_a_handler_asks_and_gets_its_answer(server):
    assert server.get("/pg/add?a=2&b=3").json() == {"sum": "5"}
    assert server.get("/pg/add?a=-2&b=-3").json() == {"sum": "-5"}


def test_an_error_of_the_query_leaves_the_connection_usable(server):
    for _ in range(CONNECTIONS + 1):
        reply = server.get("/pg/add?a=9223372036854775807&b=1")
        assert reply.status == 502
    server.wait_for_log("PostgreSQL: ERROR:  bigint out of range")
    assert server.get("/pg/add?a=1&b=1").json() == {"sum": "2"}


def test_a_thousand_requests_share_twenty_connections(server):
    count = 200 if sanitized() else 1000
    if raise_descriptor_limit(8192) < 2 * count + 200:
        pytest.skip("this machine allows too few descriptors")
    slowest, done = [0.0], threading.Event()

    def ask_others():
        with server.connect() as connection:
            while not done.is_set():
                began = time.monotonic()
                assert connection.exchange("GET", "/hello/ada").status == 200
                slowest[0] = max(slowest[0], time.monotonic() - began)
                time.sleep(0.01)

    connections = [server.connect(timeout=60) for _ in range(count)]
    other = threading.Thread(target=ask_others)
    other.start()
    began = time.monotonic()
    for connection in connections:
        connection.send_request("GET", "/pg/pause?ms=100")
    for connection in connections:
        assert connection.read_response().status == 200
        connection.close()
    took = time.monotonic() - began
    done.set()
    other.join()
    ideal = count / CONNECTIONS * 0.1
    print(f"{count} requests took {took:.2f} s; the slowest plain one {slowest[0] * 1000:.1f} ms")
    assert ideal * 0.95 < took < seconds(ideal * 1.8)
    assert slowest[0] < seconds(1)


def test_clients_that_go_away_leave_the_pool_whole(server):
    for _ in range(2 * CONNECTIONS):
        with server.connect() as connection:
            connection.send_request("GET", "/pg/pause?ms=8000")
    time.sleep(seconds(4))  # their grace is 3 s
    assert server.get("/pg/add?a=4&b=4", timeout=seconds(5)).json() == {"sum": "8"}


def test_a_database_that_is_not_there_is_a_502(serve, tmp_path):
    server = serve("postgres", configs={"postgres": f'{{"conninfo": "host={tmp_path}"}}'})
    assert server.get("/pg/add?a=1&b=1").status == 502
    server.wait_for_log("PostgreSQL: connection to server on socket")
