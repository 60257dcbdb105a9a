# SPDX-License-Identifier: MIT
"""The example `redis`, against a real Redis that the tests start, stop and start again."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from capricorn import BUILD, Server, seconds, wait_until

CONNECTIONS = 4
# Debian's server is a link to it, of a package that would start one; its name decides what it is.
PROGRAM = shutil.which("redis-server") or shutil.which("redis-check-rdb")
pytestmark = pytest.mark.skipif(
    not PROGRAM or not shutil.which("redis-cli") or not (BUILD / "examples" / "redis.so").exists(),
    reason="Redis is not installed: apt-get install redis-tools libhiredis-dev, then make")


class Redis:
    """One Redis on a Unix socket in a folder of its own; it keeps nothing."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = self.directory / "redis.sock"
        self.process = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        with open(self.directory / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.directory,
                 "--save", "", "--appendonly", "no", "--daemonize", "no"],
                executable=PROGRAM, stdout=log, stderr=log, cwd=self.directory)
        wait_until(lambda: self.socket.exists() and self.ask("PING") == "PONG",
                   "Redis answers", 20)

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-s", self.socket, *words], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()

    def clients(self):
        """How many there are beside who asks."""
        return len(self.ask("CLIENT", "LIST").splitlines()) - 1

    def stop(self):
        """At once, as by a crash."""
        self.process.kill()
        self.process.wait(30)

    def close(self):
        self.stop()
        shutil.rmtree(self.directory)


@pytest.fixture(name="redis", scope="module")
def one_redis():
    one = Redis()
    yield one
    one.close()


def config(redis, **more):
    return {"redis": json.dumps({"socket": str(redis.socket), "connections": CONNECTIONS, **more})}


@pytest.fixture(name="server", scope="module")
def one_server(redis):
    with Server(("redis", "hello"), configs=config(redis)) as running:
        yield running


def test_what_is_set_is_got_whatever_is_in_it(server):
    assert server.get("/redis/unheard-of").status == 404
    for value in ("hello", "S%C3%A3o%20Paulo%20%25s%0D%0AFLUSHALL", ""):
        reply = server.request("PUT", f"/redis/greeting?value={value}")
        assert reply.status == 200
        assert server.get("/redis/greeting").json() == reply.json()
    assert server.request("PUT", "/redis/greeting?value=x&seconds=0").status == 422


def test_a_counter_counts(server):
    counts = [server.request("POST", "/redis/counter/increment").json()["value"] for _ in range(3)]
    assert counts == [1, 2, 3]


def test_a_pipeline_is_several_commands_in_one_journey(server, redis):
    redis.ask("DEL", "visits:all", "visits:of:ada", "visits:of:bob")
    for name, own, of_all in (("ada", 1, 1), ("bob", 1, 2), ("ada", 2, 3)):
        reply = server.request("POST", f"/redis/visits/{name}")
        assert reply.json() == {"name": name, "visits": own, "of_all": of_all}


def test_an_error_of_redis_leaves_the_connection_usable(server, redis):
    assert server.request("PUT", "/redis/text?value=abc").status == 200
    before = redis.clients()
    for _ in range(CONNECTIONS + 1):
        reply = server.request("POST", "/redis/text/increment")
        assert (reply.status, reply.json()["detail"]) == (502, "Redis refuses the command")
    server.wait_for_log("Redis: ERR value is not an integer")
    assert redis.clients() == before


def test_others_are_served_while_calls_wait_and_share_the_connections(server, redis):
    connections = [server.connect(timeout=seconds(20)) for _ in range(5 * CONNECTIONS)]
    for connection in connections:
        connection.send_request("GET", "/redis/line/pop?seconds=30")
    wait_until(lambda: redis.clients() == CONNECTIONS, "all wait")
    assert server.get("/hello/ada").status == 200
    redis.ask("RPUSH", "line", *map(str, range(len(connections))))
    got = sorted(int(connection.read_response().json()["value"]) for connection in connections)
    assert got == list(range(len(connections)))
    assert redis.clients() == CONNECTIONS
    for connection in connections:
        connection.close()


def test_clients_that_go_away_leave_the_pool_whole(server, redis):
    for _ in range(2 * CONNECTIONS):
        with server.connect() as connection:
            connection.send_request("GET", "/redis/nothing/pop?seconds=60")
    wait_until(lambda: "cmd=blpop" not in redis.ask("CLIENT", "LIST"),
               "their waits have ended")
    redis.ask("RPUSH", "nothing", "kept")
    reply = server.get("/redis/nothing/pop", timeout=seconds(5))
    assert reply.json()["value"] == "kept", "nobody who has gone has taken it"


def test_a_redis_that_dies_is_a_502_and_one_that_is_back_is_asked_again(serve):
    redis = Redis()
    try:
        server = serve("redis", configs=config(redis))
        waiting = [server.connect(timeout=seconds(20)) for _ in range(CONNECTIONS)]
        for connection in waiting[1:]:
            connection.send_request("GET", "/redis/line/pop?seconds=60")
        assert server.request("PUT", "/redis/key?value=1").status == 200
        wait_until(lambda: redis.clients() == CONNECTIONS, "all wait")
        redis.stop()
        for connection in waiting[1:]:
            reply = connection.read_response()
            assert (reply.status, reply.json()["detail"]) == (502, "Redis cannot be asked")
        for _ in range(2 * CONNECTIONS):
            assert server.get("/redis/key").status == 502
        redis.start()
        for _ in range(2 * CONNECTIONS):
            assert server.request("PUT", "/redis/key?value=2").status == 200
        for connection in waiting:
            connection.close()
    finally:
        redis.close()


def test_idle_connections_to_a_redis_that_was_restarted_are_made_anew(serve):
    redis = Redis()
    try:
        server = serve("redis", configs=config(redis))
        waiting = [server.connect(timeout=seconds(20)) for _ in range(CONNECTIONS)]
        for connection in waiting:
            connection.send_request("GET", "/redis/line/pop?seconds=60")
        wait_until(lambda: redis.clients() == CONNECTIONS, "all wait")
        redis.ask("RPUSH", "line", *"abcd")
        assert {connection.read_response().status for connection in waiting} == {200}
        redis.stop()
        redis.start()
        for _ in range(2 * CONNECTIONS):
            assert server.request("PUT", "/redis/key?value=2").status == 200
        for connection in waiting:
            connection.close()
    finally:
        redis.close()


def test_a_redis_that_hangs_is_a_504_and_its_connections_are_not_used_again(serve):
    redis = Redis()
    try:
        server = serve("redis", configs=config(redis, timeout_ms=200))
        assert server.request("PUT", "/redis/key?value=1").status == 200
        os.kill(redis.process.pid, signal.SIGSTOP)
        for _ in range(CONNECTIONS + 1):
            assert server.get("/redis/key").status == 504
        os.kill(redis.process.pid, signal.SIGCONT)
        for _ in range(CONNECTIONS + 1):
            assert server.get("/redis/key").json()["value"] == "1"
    finally:
        redis.close()


def test_a_redis_that_is_not_there_is_a_502(serve):
    server = serve("redis", configs={"redis": '{"port": 1}'})
    assert server.get("/redis/key").status == 502
    server.wait_for_log("Redis: Connection refused")
