# SPDX-License-Identifier: MIT
"""Limits of size, number and time: what is at the limit passes, one more does not."""

import re
import sys
import threading
import time
from pathlib import Path

import pytest

from capricorn import sanitized, seconds, wait_until
from conftest import module_server
from script import EDISCONNECTED, READ, RECEIVE, REPORT, Script, body, large, sleep, start

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

import slow_clients  # noqa: E402  (the path comes first)

server = module_server("script", "tasks", "streams", arguments=[
    "--limit-request-line", "100", "--limit-headers", "5", "--limit-header-size", "200",
    "--limit-requests-per-connection", "3", "--limit-concurrency", "2"])

SLOW_S = seconds(0.4)
slow = module_server("script", "tasks", "streams", arguments=[
    "--timeout-headers", f"{int(SLOW_S * 1000)}ms", "--timeout-body", f"{int(SLOW_S * 1000)}ms",
    "--timeout-write", f"{int(SLOW_S * 1000)}ms", "--timeout-keep-alive",
    f"{int(SLOW_S * 3000)}ms"])


# ---- sizes and numbers ----


@pytest.mark.parametrize("length, status", [(99, 200), (100, 200), (101, 414), (1000, 414)])
def test_a_request_line_of_just_the_limit_passes(server, length, status):
    line = "GET /hello?" + "x" * (length - len("GET /hello? HTTP/1.1")) + " HTTP/1.1"
    with server.connect() as connection:
        connection.send(f"{line}\r\nHost: h\r\n\r\n")
        response = connection.read_response()
        assert response.status == status and response.keeps_alive == (status == 200)
        assert status == 200 or connection.is_closed()


@pytest.mark.parametrize("count, status", [(5, 200), (6, 431), (50, 431)])
def test_as_many_headers_as_the_limit_pass(server, count, status):
    with server.connect() as connection:
        connection.send("GET /hello HTTP/1.1\r\nHost: h\r\n" + "A: b\r\n" * (count - 1) + "\r\n")
        response = connection.read_response()
        assert response.status == status and response.keeps_alive == (status == 200)
        assert status == 200 or connection.is_closed()


@pytest.mark.parametrize("size, status", [(199, 200), (200, 200), (201, 431), (4000, 431)])
def test_header_lines_of_just_the_limit_pass(server, size, status):
    lines = "Host: h\r\n"
    lines += "A: " + "b" * (size - len(lines) - 5) + "\r\n"
    assert len(lines) == size
    with server.connect() as connection:
        connection.send(f"GET /hello HTTP/1.1\r\n{lines}\r\n")
        response = connection.read_response()
        assert response.status == status and response.keeps_alive == (status == 200)
        assert status == 200 or connection.is_closed()


def test_the_last_request_that_a_connection_may_have_closes_it(server):
    with server.connect() as connection:
        for left in (2, 1, 0):
            response = connection.exchange("GET", "/hello")
            assert response.status == 200 and response.keeps_alive == (left > 0)
        assert connection.is_closed()
    with server.connect() as connection:
        connection.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n" * 5)
        assert connection.read_to_end().count(b"HTTP/1.1 200 OK") == 3


def test_as_many_requests_at_once_as_the_limit_are_served(server):
    running = [server.connect() for _ in range(2)]
    for connection in running:
        connection.send_request("GET", f"/sleep?ms={int(seconds(700))}")
    with server.connect() as third:
        def refused():
            with server.connect() as another:
                response = another.exchange("GET", "/hello")
            return response if response.status == 503 else None
        assert wait_until(refused, "the third is refused").get("retry-after") == "1"
        for connection in running:
            assert connection.read_response().text == "slept"
            connection.close()
        assert third.exchange("GET", "/hello").text == "hello"


# ---- slow heads ----


def timed(connection):
    began = time.monotonic()
    data = connection.read_to_end()
    return data, time.monotonic() - began


def test_a_head_that_does_not_end_in_time_is_a_408(slow):
    with slow.connect() as connection:
        connection.send("GET /hello HTTP/1.1\r\nHost:")
        data, took = timed(connection)
    assert data.startswith(b"HTTP/1.1 408 Request Timeout\r\n") and b'{"detail":' in data
    assert b"connection: close\r\n" in data
    assert SLOW_S * 0.9 <= took < SLOW_S + seconds(2)


def test_a_head_that_goes_on_for_ever_is_a_408_too(slow):
    with slow.connect() as connection:
        connection.socket.settimeout(SLOW_S / 20)
        connection.send("GET /hello HTTP/1.1\r\nHost: h\r\nA: ")
        for _ in range(400):
            connection.send("b")
            try:
                if connection.fill():
                    break
            except TimeoutError:
                pass
        assert connection.buffer.startswith(b"HTTP/1.1 408 ")


def test_a_later_head_is_timed_from_its_first_byte(slow):
    with slow.connect() as connection:
        assert connection.exchange("GET", "/hello").text == "hello"
        time.sleep(SLOW_S * 1.5)  # idle: that is another limit
        connection.send("GET /hel")
        time.sleep(SLOW_S * 0.3)
        connection.send("lo HTTP/1.1\r\nHost: h\r\n\r\n")
        assert connection.read_response().text == "hello"
        connection.send("GET /hel")
        assert timed(connection)[0].startswith(b"HTTP/1.1 408 ")


def test_who_says_nothing_is_closed_without_a_word(slow):
    with slow.connect() as new, slow.connect() as used, slow.connect() as lines:
        assert used.exchange("GET", "/hello").text == "hello"
        lines.send("\r\n")
        for connection in (new, used, lines):
            assert connection.read_to_end() == b""


# ---- slow bodies ----


def test_a_body_that_stays_away_is_a_408_and_a_disconnect(slow):
    script = Script(RECEIVE, RECEIVE, REPORT)
    with slow.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "100")], b"hello")
        data, took = timed(connection)
    assert data.startswith(b"HTTP/1.1 408 Request Timeout\r\n") and b'{"detail":' in data
    assert took >= SLOW_S * 0.9
    results = script.results(slow)
    assert ("receive", "request:5:more") in results and ("receive", "disconnect") in results


def test_a_chunked_body_that_stays_away_is_a_408_too(slow):
    with slow.connect() as connection:
        connection.send_request("POST", "/up", [("Transfer-Encoding", "chunked")])
        connection.send_chunk(b"hello")
        connection.send("5\r\nhe")
        assert timed(connection)[0].startswith(b"HTTP/1.1 408 ")


def test_a_body_that_stays_away_after_the_first_byte_is_a_cut(slow):
    script = Script(start(200), body("begun", more=True), READ, body("never"))
    with slow.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "100")], b"hello")
        data, _ = timed(connection)
    assert b"begun" in data and b"408" not in data and not data.endswith(b"0\r\n\r\n")


def test_a_body_that_keeps_the_rate_may_take_its_time(slow):
    with slow.connect() as connection:
        connection.send_request("POST", "/up", [("Content-Length", "40000")])
        for _ in range(20):
            connection.send(b"x" * 2000)
            time.sleep(SLOW_S / 8)
        assert connection.read_response().text == "40000"


def test_an_app_that_does_not_read_is_no_fault_of_the_client(slow):
    script = Script(sleep(int(SLOW_S * 2000)), READ, REPORT)
    with slow.connect() as connection:
        size = 6 << 20
        connection.send_request("POST", script.target, [("Content-Length", str(size))])
        sender = threading.Thread(target=connection.send, args=(b"x" * size,))
        sender.start()
        assert connection.read_response().status == 200
        sender.join()


def test_before_100_continue_no_body_is_awaited(slow):
    script = Script(sleep(int(SLOW_S * 2000)), READ, REPORT)
    with slow.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "5"),
                                                        ("Expect", "100-continue")])
        assert connection.read_head().status == 100
        connection.send("hello")
        assert connection.read_response().status == 200


def test_the_time_of_a_body_that_is_sent_unasked_begins_with_it(slow):
    script = Script(sleep(int(SLOW_S * 3000)), READ, REPORT)
    with slow.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "5"),
                                                        ("Expect", "100-continue")])
        time.sleep(SLOW_S * 2)
        connection.send("he")
        time.sleep(SLOW_S / 4)
        connection.send("llo")
        assert connection.read_response().status == 200


# ---- slow readers ----


def test_what_a_client_does_not_read_is_not_piled_up_in_the_kernel(server):
    with server.connect(receive_buffer=4096) as connection:
        connection.send_request("GET", f"/down?bytes={64 << 20}")
        connection.read_head()

        def settled():
            sent = int(server.get("/sent").text)
            time.sleep(0.1)
            return sent if sent and sent == int(server.get("/sent").text) else 0
        assert wait_until(settled, "the sender waits") < 1 << 20


def test_a_client_that_does_not_read_is_cut(slow):
    script = Script(start(200), large(32 << 20, more=True))
    with slow.connect(receive_buffer=4096) as connection:
        connection.send_request("GET", script.target)
        assert ("large", EDISCONNECTED) in script.results(slow)
        with pytest.raises(ConnectionError):
            connection.read_to_end()


def test_a_client_that_reads_slowly_gets_all(slow):
    size = 12 << 20
    with slow.connect(receive_buffer=65536) as connection:
        connection.send_request("GET", f"/down?bytes={size}&length=1")
        connection.read_head()
        got = 0
        began = time.monotonic()
        while got < size:
            got += len(connection.buffer) or len(connection.socket.recv(300000))
            connection.buffer = b""
            if time.monotonic() - began < SLOW_S * 4:
                time.sleep(SLOW_S / 8)
        assert got == size


# ---- many of them ----


def test_slow_clients_are_all_ended_and_a_normal_one_is_served(slow):
    slow.get("/hello")
    descriptors, before = slow.descriptors(), slow.memory_kib()
    crowd = slow_clients.Crowd(slow.port, 20, int(SLOW_S * 1000))
    try:
        answered = [slow.get("/hello").status for _ in range(50)]
        wait_until(lambda: slow.descriptors() >= descriptors + 30, "many are there at once")
        during = slow.memory_kib()
        told, all_ended = crowd.end()
    finally:
        crowd.kill()
    assert answered == [200] * 50
    assert all_ended, told
    ends = {tuple(line.split(" ended by ")) for line in re.sub(r"\d+ ended", "ended", told)
            .splitlines() if " ended by " in line}
    assert ends == {("slow head:", "408"), ("slow body:", "408"), ("slow read:", "a cut")}, told
    assert sanitized() or during - before < 60 * 300
    wait_until(lambda: slow.descriptors() <= descriptors + 1, "the connections are closed")
