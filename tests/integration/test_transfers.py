# SPDX-License-Identifier: MIT
"""Bodies of any length through the outbound client, both ways, with flat memory and
back-pressure."""

import gzip
import socket
import threading
import time

import pytest

from capricorn import sanitized, seconds, wait_until
from script import EINVAL, ELIMIT, EPROTO, ETIMEDOUT

LONG = (50 if sanitized() else 200) << 20
FLAT_KIB = 16 << 10  # what a transfer may add to the peak
PIECE = b"0123456789abcdef" * 4096


class Flow:
    """An upstream that counts what it sends and takes, and stops when it is told to."""

    def __init__(self):
        self.sent = self.taken = self.connections = 0
        self.gone = threading.Event()
        self.released = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                while self.talk(connection):
                    pass
            except OSError:
                self.gone.set()

    def talk(self, connection):
        got = b""
        while b"\r\n\r\n" not in got:
            more = connection.recv(1 << 16)
            if not more:
                return False
            got += more
        head, rest = got.split(b"\r\n\r\n", 1)
        return getattr(self, head.split(b" ")[1].decode()[1:])(connection, head, rest)

    def down(self, connection, head, rest):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LONG)
        while self.sent < LONG:
            self.sent += connection.send(PIECE[:LONG - self.sent])
        return True

    def up(self, connection, head, rest, limit=LONG):
        self.taken = len(rest)
        while self.taken < limit:
            more = connection.recv(1 << 20)
            if not more:
                return False
            self.taken += len(more)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaken")
        return True

    def paused(self, connection, head, rest):
        self.released.wait(seconds(30))
        return self.up(connection, head, rest)

    def early(self, connection, head, rest):
        connection.sendall(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
        self.released.wait(seconds(30))
        return False

    def half(self, connection, head, rest):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        if connection.recv(1) == b"":
            self.gone.set()
        return False

    def ten(self, connection, head, rest):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(2):
            connection.sendall(b"5\r\nhello\r\n")
            time.sleep(0.01)
        connection.sendall(b"0\r\n\r\n")
        return True

    def coded(self, connection, head, rest):
        body = gzip.compress(b"hello " * 50000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 100):
            connection.sendall(body[at:at + 100])
            time.sleep(0.001)
        return True

    def cut(self, connection, head, rest):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        return False


@pytest.fixture(name="flow")
def run_flow():
    running = Flow()
    yield running
    running.released.set()
    running.listener.close()


@pytest.fixture(name="server")
def run_server(serve):
    return serve("transfers", arguments=["--limit-body", "0", "--no-access-log"])


def relay(server, url, path="/relay", **headers):
    return server.get(path, [("Host", "h"), ("X-Url", url),
                             *((f"X-{name}", str(value)) for name, value in headers.items())]).text


def begin(server, path, url, method="GET", length=None):
    """A connection on which the relay was asked for."""
    connection = socket.create_connection(("127.0.0.1", server.port), seconds(60))
    body = f"Content-Length: {length}\r\nX-Length: {length}\r\n" if length else ""
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: h\r\nX-Url: {url}\r\n{body}\r\n".encode())
    return connection


def settled(value):
    """What it is when it does not change any more."""
    before = None
    while before != value():
        before = value()
        time.sleep(0.3)
    return before


@pytest.mark.parametrize("path", ["/relay", "/relay-blocking"])
def test_a_long_response_waits_for_a_slow_reader_in_flat_memory(server, flow, path):
    before = server.memory_kib("VmHWM")
    with begin(server, path, f"{flow.url}/down") as connection:
        got = len(connection.recv(1000))
        assert settled(lambda: flow.sent) < LONG // 2
        while got < LONG:
            more = len(connection.recv(1 << 20))
            assert more
            got += more
    assert flow.sent == LONG
    assert server.memory_kib("VmHWM") < before + FLAT_KIB * (10 if sanitized() else 1)


@pytest.mark.parametrize("path", ["/relay", "/relay-blocking"])
def test_a_long_request_waits_for_a_slow_upstream_in_flat_memory(server, flow, path):
    before, sent = server.memory_kib("VmHWM"), 0
    with begin(server, path, f"{flow.url}/paused", "POST", LONG) as connection:
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            while sent < LONG:
                sent += connection.send(PIECE)
        assert sent < LONG // 2
        flow.released.set()
        connection.settimeout(seconds(60))
        while sent < LONG:
            sent += connection.send(PIECE[:LONG - sent])
        assert b"200 OK" in connection.recv(1 << 16)
    assert flow.taken == LONG
    assert server.memory_kib("VmHWM") < before + FLAT_KIB * (10 if sanitized() else 1)


def test_an_upstream_that_answers_early_is_heard(server, flow):
    with begin(server, "/relay", f"{flow.url}/early", "POST", LONG) as connection:
        sender = threading.Thread(target=send_what_goes, args=(connection,), daemon=True)
        sender.start()
        got = b""
        while b"no" not in got:
            more = connection.recv(1 << 16)
            assert more, got
            got += more
        assert b"status 413" in got
    sender.join(seconds(30))


def send_what_goes(connection):
    try:
        for _ in range(LONG // len(PIECE)):
            connection.sendall(PIECE)
    except OSError:
        pass


@pytest.mark.parametrize("later", [0, 1])
def test_what_a_call_forgets_to_close_is_closed_at_its_end(server, flow, later):
    relay(server, f"{flow.url}/cut")
    before = server.descriptors()
    assert relay(server, f"{flow.url}/half", "/forget", Later=later) == "hello"
    assert flow.gone.wait(seconds(10))
    wait_until(lambda: server.descriptors() <= before, "connections are closed")


def test_a_response_that_was_read_leaves_its_connection(server, flow):
    for _ in range(3):
        assert relay(server, f"{flow.url}/ten") == "status 200\nhellohello"
    assert flow.connections == 1


def test_each_piece_has_its_time(server, flow):
    got = relay(server, f"{flow.url}/half", Read=50)
    assert got.startswith(f"status 200\nhello\nfailed {ETIMEDOUT} ") and "within 50 ms" in got


def test_what_came_before_a_cut_is_passed_on(server, flow):
    got = relay(server, f"{flow.url}/cut")
    assert got.startswith(f"status 200\nhello\nfailed {EPROTO} ") and "after 5 of 10 bytes" in got


def test_the_pieces_together_have_a_limit(server, flow):
    assert relay(server, f"{flow.url}/ten", Max=10) == "status 200\nhellohello"
    got = relay(server, f"{flow.url}/ten", Max=9)
    assert f"\nfailed {ELIMIT} " in got and "larger than 9 bytes" in got


def test_pieces_are_decoded(server, flow):
    assert relay(server, f"{flow.url}/coded") == "status 200\n" + "hello " * 50000


def test_a_client_that_goes_away_ends_the_transfer(server, flow):
    with begin(server, "/relay", f"{flow.url}/half") as connection:
        assert connection.recv(100)
    assert flow.gone.wait(seconds(20))


def test_unknown_flags_and_urls_are_refused(server, flow):
    assert relay(server, f"{flow.url}/ten", Flags=1 << 20).startswith(f"error {EINVAL} open: ")
    assert relay(server, "app:transfers/x").endswith("open: apps of this server can be asked by fetch alone")
