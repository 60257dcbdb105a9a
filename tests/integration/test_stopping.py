# SPDX-License-Identifier: MIT
"""Stopping under load, with clients that count: nothing that was accepted is lost.

A request is accepted when its first byte arrived before the signal: here, when the client's send had
returned before the signal was sent. It must be answered, whole. So must every request whose response
began. Who sends later looks first whether the connection has ended. If it ends between that look and
the server's last one, there is a clean end of the stream with not one byte of a response, and no reset,
after which a client could not know whether it was served. (A new TCP connection may be reset when it
comes between the last accept and close.) CAPRICORN_BIG=1 stops 50 servers in a row; otherwise fewer.
"""

import os
import random
import select
import signal
import threading
import time
from collections import Counter

import pytest

from capricorn import sanitized, seconds

ROUNDS = 50 if os.environ.get("CAPRICORN_BIG") else 3 if sanitized() else 5
LARGE = 300_000  # more than the kernel takes at once: it is on its way when the signal comes


class Client(threading.Thread):
    """One client that goes on until the server is gone, and remembers what happened."""

    def __init__(self, server, seed):
        super().__init__(daemon=True)
        self.server, self.random = server, random.Random(seed)
        self.told, self.lost = Counter(), []
        self.connection = None

    def connect(self):
        try:
            self.connection = self.server.connect(20)
        except OSError:
            return False
        return True

    def drop(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def has_ended(self):
        """The server ended the connection while no request was on it."""
        if not select.select([self.connection.socket], [], [], 0)[0]:
            return False
        self.told["ended while idle"] += 1
        return True

    def exchange(self, send, read, count=1):
        """Sends, and reads that many responses. False: the connection is over."""
        if self.has_ended():
            return False
        fresh, answered, sent_at = self.fresh, 0, None
        try:
            send(self.connection)
            sent_at = time.monotonic()
            for _ in range(count):
                response = read(self.connection)
                answered += 1
                self.told["answered"] += 1
                if response.status != 200:
                    self.lost.append(f"status {response.status}")
                if not response.keeps_alive:
                    return False
            return True
        except (OSError, ValueError) as failed:
            accepted = sent_at is not None and sent_at < self.server.signalled_at
            began = bool(self.connection.buffer) or getattr(self.connection, "began", False)
            if accepted or began:
                self.lost.append(f"{'accepted' if accepted else 'begun'}, fresh {fresh}, "
                                 f"{answered} of {count} answered: {failed!r}")
            elif isinstance(failed, ConnectionError) and "stream ended" not in str(failed):
                self.told["reset on a new connection" if fresh else "reset"] += 1
            else:
                self.told["ended on a new connection" if fresh else "ended"] += 1
            return False

    def run(self):
        while self.connect():
            self.fresh = True
            while self.once():
                self.fresh = False
            self.drop()
        self.drop()

    def read(self, connection):
        """A response; remembers whether its first byte had come."""
        connection.began = False
        if not connection.buffer and not connection.fill():
            raise ConnectionError("the stream ended before a response")
        connection.began = True
        response = connection.read_response()
        connection.began = False
        return response


class Busy(Client):
    """The next request at once."""

    def once(self):
        return self.exchange(lambda c: c.send_request("GET", "/hello"), self.read)


class Pausing(Client):
    """Idle between two requests."""

    def once(self):
        time.sleep(self.random.random() * 0.03)
        return self.exchange(lambda c: c.send_request("GET", "/hello"), self.read)


class Slow(Client):
    """The response takes its time."""

    def once(self):
        target = f"/sleep?ms={self.random.randrange(60)}"
        return self.exchange(lambda c: c.send_request("GET", target), self.read)


class OneEach(Client):
    """A connection for each request."""

    def once(self):
        self.exchange(lambda c: c.send_request("GET", "/hello", [("Connection", "close")]),
                      self.read)
        return False


class Pipelining(Client):
    """Five requests in one write."""

    def once(self):
        request = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
        return self.exchange(lambda c: c.send(request * 5), self.read, 5)


class Piecewise(Client):
    """A request in pieces: its first byte counts."""

    def send(self, connection):
        connection.send(b"POST /up HTTP/1.1\r\nHost: test\r\n")
        self.first_at = time.monotonic()
        time.sleep(self.random.random() * 0.01)
        connection.send(b"Content-Length: 20000\r\n\r\n")
        for _ in range(4):
            time.sleep(self.random.random() * 0.005)
            connection.send(b"x" * 5000)

    def once(self):
        self.first_at = None
        before = len(self.lost)
        going = self.exchange(self.send, self.read)
        came_in_time = self.first_at is not None and self.first_at < self.server.signalled_at
        if came_in_time and not going and not self.complete and len(self.lost) == before:
            self.lost.append("the first byte had arrived")
        return going

    def exchange(self, send, read, count=1):
        answered = self.told["answered"]
        going = super().exchange(send, read, count)
        self.complete = self.told["answered"] > answered
        return going


class Large(Client):
    """A response that the client reads slowly."""

    def read(self, connection):
        time.sleep(self.random.random() * 0.02)
        response = super().read(connection)
        assert len(response.body) == LARGE
        return response

    def once(self):
        return self.exchange(lambda c: c.send_request("GET", f"/down?bytes={LARGE}"), self.read)


class Holding(Client):
    """Its endpoint holds the loop: what comes meanwhile waits in the backlog."""

    def once(self):
        time.sleep(self.random.random() * 0.1)
        return self.exchange(lambda c: c.send_request("GET", "/bad/block?ms=20"), self.read)


KINDS = [Holding] + [Busy] * 4 + [Pausing] * 8 + [Slow] * 4 + [OneEach] * 3 + [Pipelining] * 2 + \
    [Piecewise] * 3 + [Large] * 2


def stop_under_load(server, seed):
    """What the clients counted, and what they lost."""
    server.signalled_at = float("inf")
    clients = [kind(server, seed * 100 + i) for i, kind in enumerate(KINDS)]
    for client in clients:
        client.start()
    time.sleep(0.2 + random.Random(seed).random() * 0.1)
    server.signalled_at = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    for client in clients:
        client.join(seconds(20))
        assert not client.is_alive()
    told = sum((client.told for client in clients), Counter())
    return told, [f"{type(client).__name__}: {loss}" for client in clients for loss in client.lost]


@pytest.mark.parametrize("uds", (False, True), ids=("tcp", "unix"))
def test_nothing_that_was_accepted_is_lost(serve, uds):
    total = Counter()
    for seed in range(ROUNDS):
        server = serve("tasks", "streams", "bad", uds=uds)
        told, lost = stop_under_load(server, seed)
        assert not lost, f"in round {seed}: {lost}\n" + "\n".join(server.log())
        assert not any("cancel" in line or "cutting" in line for line in server.log())
        assert not told["reset"], f"in round {seed}: {told}"
        logged = sum('" 200 ' in line for line in server.access_log())
        assert logged <= told["answered"], f"in round {seed}: {logged} served, {told} received"
        total += told
    assert total["answered"] > 20 * ROUNDS
    print(f"{ROUNDS} stops: {dict(total)}")


# ---- one thing at a time ----


def test_a_request_whose_first_byte_came_before_the_signal_is_answered(serve):
    server = serve("tasks")
    with server.connect() as connection:
        connection.send("G")
        assert connection.is_quiet(0.05)
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("Shutting down")
        assert connection.is_quiet(0.3)
        connection.send("ET /hello HTTP/1.1\r\nHost: test\r\n\r\n")
        response = connection.read_response()
        assert response.text == "hello" and not response.keeps_alive
        assert connection.is_closed()
    assert server.wait() == 0


def test_an_idle_connection_is_half_closed_and_what_crosses_that_is_not_reset(serve):
    server = serve("tasks")
    with server.connect() as connection:
        connection.exchange("GET", "/hello")
        server.send_signal(signal.SIGTERM)
        assert connection.socket.recv(1) == b""
        for _ in range(2):  # a reset that answers the first makes the second fail
            connection.send_request("GET", "/hello")
            time.sleep(0.02)
        assert connection.socket.recv(1) == b""
    assert server.wait() == 0
    assert len(server.access_log()) == 1, "the second was not served"


def test_a_response_that_is_read_slowly_comes_whole(serve):
    server = serve("streams")
    with server.connect(receive_buffer=4096) as connection:
        connection.send_request("GET", "/down?bytes=3000000")
        head = connection.read_head()
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("Shutting down")
        while len(connection.buffer) < 2_000_000:
            connection.fill()
        time.sleep(0.4)
        assert len(connection.read_body(head).body) == 3_000_000
        assert connection.is_closed()
    assert server.wait() == 0


def test_clients_that_ignore_the_end_do_not_keep_the_server(serve):
    server = serve("tasks")
    idle = [server.connect() for _ in range(20)]
    for connection in idle[:10]:
        connection.exchange("GET", "/hello")
    began = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert time.monotonic() - began < seconds(2)
    for connection in idle:
        connection.close()


def test_signals_that_keep_coming_do_not_kill_a_server_that_has_stopped(serve):
    for _ in range(5):
        server = serve("tasks")
        server.send_signal(signal.SIGTERM)
        while server.process.poll() is None:
            server.send_signal(signal.SIGINT)
        server.stop()  # exit 0, not killed by a signal
