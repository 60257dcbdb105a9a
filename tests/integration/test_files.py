# SPDX-License-Identifier: MIT
"""The contract, section 5: files as bodies. CAPRICORN_BIG=1 sends 2 GB."""

import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

from capricorn import Server, sanitized, seconds
from conftest import module_server
from script import (EFAIL, EINVAL, ESTATE, OK, REPORT, Script, body, start, step)

server = module_server("script", "scope", "streams")

MIB = 1 << 20
BIG = (2048 if os.environ.get("CAPRICORN_BIG") else 64) * MIB
TO_END = -1


def path(name, more=False):
    return step("path", str(name), 1 if more else 0)


def file(name, offset=0, count=TO_END, more=False):
    return step("file", str(name), offset, count, 1 if more else 0)


def pattern(size, step_by=7):
    return bytes(i * step_by % 251 for i in range(65536)) * (size // 65536) + bytes(size % 65536)


@pytest.fixture
def make(tmp_path):
    def write(name, content):
        where = tmp_path / name
        where.write_bytes(content)
        return where
    return write


def play(server, *steps, method="GET", headers=()):
    script = Script(*steps)
    response = server.request(method, script.target, headers)
    return response, script.results(server)


# ---- by path ----


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 262144, 262145, 3 * MIB + 1])
def test_a_file_by_path_is_the_whole_body(server, make, size):
    content = pattern(size)
    script = Script(start(200), path(make("f", content)))
    with server.connect() as connection:
        response = connection.exchange("GET", script.target)
        assert response.get("content-length") == str(size)
        assert response.get("transfer-encoding") is None and response.body == content
        assert connection.exchange("GET", "/scope").status == 200, "the connection is kept"
    assert script.results(server) == [("start", OK), ("path", OK)]


def test_a_file_goes_over_a_unix_socket(make):
    content = pattern(3 * MIB)
    script = Script(start(200), path(make("f", content)))
    with Server(["script"], uds=True) as server:
        assert server.get(script.target).body == content


def test_http_1_0_gets_files_too(server, make):
    content = pattern(300000)
    for last in (path(make("f", content)), file(make("f", content))):
        script = Script(start(200), last)
        with server.connect() as connection:
            response = connection.exchange("GET", script.target, version="1.0")
            assert response.body == content and response.get("content-length") == "300000"


def test_a_head_says_the_length_and_reads_nothing(server, make):
    for last in (path(make("f", b"x" * 70000)), file(make("f", b"x" * 70000))):
        script = Script(start(200), last)
        with server.connect() as connection:
            response = connection.exchange("HEAD", script.target)
            assert response.get("content-length") == "70000"
            assert connection.exchange("GET", "/scope").status == 200
        assert script.results(server)[1][1] == OK


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body_have_no_file(server, make, status):
    script = Script(start(status), path(make("f", b"x" * 70000)))
    with server.connect() as connection:
        assert connection.exchange("GET", script.target).status == status
        assert connection.exchange("GET", "/scope").status == 200


def test_a_declared_length_must_be_the_files(server, make):
    where = make("f", b"hello")
    response, _ = play(server, start(200, ("content-length", "5")), path(where))
    assert response.text == "hello" and response.all("content-length") == ["5"]
    for length in ("4", "6"):
        response, results = play(server, start(200, ("content-length", length)), path(where))
        assert response.status == 500 and results[1] == ("path", EINVAL)


@pytest.mark.parametrize("name, status, why", [
    ("/no/such/file", EFAIL, "No such file or directory"), ("/", EFAIL, "it is a directory"),
    ("/dev/null", EFAIL, "it is no regular file"), ("relative", EINVAL, "the path is not absolute"),
    ("", EINVAL, "the path is not absolute"), ("/etc/host\0name", EINVAL, "the path has a NUL"),
    ("/" + "x" * 300, EFAIL, "File name too long")])
def test_a_path_that_cannot_be_sent_puts_nothing_on_the_wire(server, name, status, why):
    since = server.mark()
    response, results = play(server, start(200), path(name), body("instead"))
    assert response.text == "instead"
    assert results[1] == ("path", status)
    server.wait_for_log(f"http.response.pathsend was refused with .*: .*{why}", since=since)


def test_a_fifo_by_path_is_refused_and_never_waited_for(server, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    response, results = play(server, start(200), path(tmp_path / "fifo"), REPORT)
    assert response.status == 500 and results[1] == ("path", EFAIL)


def test_a_path_comes_once_after_the_start(server, make):
    where = make("f", b"hello")
    response, results = play(server, path(where), start(200), path(where, more=True), path(where),
                             path(where), body("x"))
    assert response.text == "hello"
    assert [value for _, value in results] == [ESTATE, OK, EINVAL, OK, ESTATE, ESTATE]
    response, results = play(server, start(200), body("a", more=True), path(where), body("b"))
    assert response.text == "ab" and results[2] == ("path", ESTATE)


def test_a_file_of_proc_is_sent_whole(server):
    response, _ = play(server, start(200), path("/proc/cpuinfo"))
    assert response.status == 200 and len(response.body) > 100


# ---- by descriptor ----


def test_parts_of_files_make_one_body(server, make):
    content = pattern(1 * MIB)
    where = make("f", content)
    response, results = play(server, start(200), file(where, 10, 700000, more=True),
                             body("-between-", more=True), file(where, 5, 0, more=True),
                             file(where, 1000000))
    assert response.get("transfer-encoding") == "chunked"
    assert response.body == content[10:700010] + b"-between-" + content[1000000:]
    assert all(value == OK for _, value in results)


def test_a_part_that_is_the_whole_body_has_its_length(server, make):
    content = pattern(400000)
    response, _ = play(server, start(206), file(make("f", content), 1000, 300000))
    assert response.status == 206 and response.get("content-length") == "300000"
    assert response.body == content[1000:301000]


def test_parts_within_a_declared_length_are_not_chunked(server, make):
    content = pattern(400000)
    where = make("f", content)
    response, _ = play(server, start(200, ("Content-Length", "400000")),
                       file(where, 0, 200000, more=True), file(where, 200000))
    assert response.get("transfer-encoding") is None and response.body == content


def test_a_file_and_trailers(server, make):
    content = pattern(400000)
    script = Script(start(200, flags=2), file(make("f", content)), step("trailers", 0, "x-sum", "1"))
    response = server.get(script.target, [("Host", "h"), ("TE", "trailers")])
    assert response.body == content and response.trailers == [("x-sum", "1")]


@pytest.mark.parametrize("offset, count", [(6, TO_END), (0, 6), (5, 1), (3, 3)])
def test_a_part_that_is_not_there_is_refused(server, make, offset, count):
    response, results = play(server, start(200), file(make("f", b"hello"), offset, count),
                             body("instead"))
    assert response.text == "instead" and results[1] == ("file", EINVAL)


def test_what_is_no_file_is_refused(server):
    for name in ("/no/such/file", "/"):
        response, results = play(server, start(200), file(name), body("instead"))
        assert response.text == "instead" and results[1] == ("file", EINVAL)


def test_more_than_the_declared_length_is_cut(server, make):
    where = make("f", b"hello")
    script = Script(start(200, ("content-length", "7")), file(where, more=True),
                    file(where, more=True))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        connection.read_head()
        assert len(connection.read_to_end()) < 7
    assert script.results(server)[2] == ("file", EINVAL)


def test_a_pipe_is_sent_to_its_end(server, tmp_path):
    name = tmp_path / "fifo"
    os.mkfifo(name)
    pipe = os.open(name, os.O_RDWR)
    late = b"late" * 50000

    def feed():
        with open(pipe, "wb") as out:
            out.write(late)

    with server.connect() as connection:
        connection.send_request("GET", Script(start(200), file(name)).target)
        os.write(pipe, b"early")
        assert connection.read_head().get("transfer-encoding") == "chunked"
        assert connection.read_chunk() == b"early"
        assert connection.is_quiet(0.05)
        writer = threading.Thread(target=feed)
        writer.start()
        chunks = list(iter(connection.read_chunk, b""))
        writer.join()
    assert b"".join(chunks) == late


def test_a_device_fills_a_declared_length(server):
    response, results = play(server, start(200, ("content-length", "300000")),
                             file("/dev/zero", 0, 300000))
    assert response.body == bytes(300000) and results[1] == ("file", OK)


# ---- slow clients, long files ----


def sparse(where, size):
    with open(where, "wb") as out:
        out.truncate(size)
    return where


def slow_connection(server):
    """A client with a small window, so that the server soon has to wait for it."""
    connection = server.connect(60)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    return connection


def test_a_long_file_takes_flat_memory_and_others_go_on(server, tmp_path):
    where = sparse(tmp_path / "big", BIG)
    server.get(f"/down?bytes={MIB}")
    before = most = server.memory_kib()
    with slow_connection(server) as connection:
        connection.send_request("GET", Script(start(200), path(where)).target)
        assert connection.read_head().get("content-length") == str(BIG)
        received, asked = len(connection.buffer), 0
        while received < BIG:
            connection.buffer = b""
            assert connection.fill(), f"the stream ended after {received} bytes"
            received += len(connection.buffer)
            if received // (4 * MIB) > asked:
                asked = received // (4 * MIB)
                began = time.monotonic()
                assert server.get("/scope").status == 200
                assert time.monotonic() - began < seconds(1)
                most = max(most, server.memory_kib())
        assert received == BIG
    assert most - before < 4096 * (8 if sanitized() else 1), f"{most - before} KiB"


def test_many_files_at_once_arrive_whole(server, make):
    content = pattern(2 * MIB)
    target = Script(start(200), path(make("f", content))).target
    results = []

    def fetch():
        results.append(server.get(target, timeout=60).body == content)

    threads = [threading.Thread(target=fetch) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 20


def test_a_client_that_does_not_read_is_waited_for_and_may_leave(server, tmp_path):
    before = server.descriptors()
    script = Script(start(200), path(sparse(tmp_path / "big", BIG)))
    connection = slow_connection(server)
    connection.send_request("GET", script.target)
    connection.read_head()
    time.sleep(0.1)
    assert server.get("/scope").status == 200
    connection.reset()
    assert script.results(server)[1] == ("path", -8)
    assert server.descriptors() <= before + 1


def test_a_client_that_never_reads_is_cut_after_the_write_timeout(tmp_path):
    script = Script(start(200), path(sparse(tmp_path / "big", BIG)))
    with Server(["script"], arguments=["--timeout-write", "1"]) as server:
        with slow_connection(server) as connection:
            connection.send_request("GET", script.target)
            connection.read_head()
            assert script.results(server)[1] == ("path", -8)


def test_a_client_that_reads_slowly_is_not_cut(tmp_path):
    script = Script(start(200), path(sparse(tmp_path / "big", 8 * MIB)))
    with Server(["script"], arguments=["--timeout-write", "1"]) as server:
        with slow_connection(server) as connection:
            connection.send_request("GET", script.target)
            head = connection.read_head()
            for _ in range(8):
                connection.fill()
                time.sleep(0.25)
            assert len(connection.read_body(head).body) == 8 * MIB


def test_a_file_that_shrinks_meanwhile_is_cut(server, tmp_path):
    where = sparse(tmp_path / "shrinks", 64 * MIB)
    script = Script(start(200), path(where))
    with slow_connection(server) as connection:
        connection.send_request("GET", script.target)
        connection.read_head()
        os.truncate(where, MIB)
        received = len(connection.buffer)
        connection.buffer = b""
        try:
            while connection.fill():
                received += len(connection.buffer)
                connection.buffer = b""
        except ConnectionResetError:
            pass
        assert received < 64 * MIB
    assert script.results(server)[1] == ("path", EFAIL)


def test_pipelined_files_come_in_order(server, make):
    one, two = pattern(500000, 3), pattern(500000, 5)
    with server.connect() as connection:
        for name, content in (("one", one), ("two", two)):
            connection.send_request("GET", Script(start(200), path(make(name, content))).target)
        assert connection.read_response().body == one
        assert connection.read_response().body == two


# ---- real clients ----


def test_curl_and_httpx_fetch_files(server, make):
    httpx = pytest.importorskip("httpx")
    content = pattern(5 * MIB)
    url = server.url + Script(start(200), path(make("f", content))).target
    assert httpx.get(url, trust_env=False).content == content
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    assert subprocess.run(["curl", "-sS", "--noproxy", "*", url], check=True, timeout=60,
                          capture_output=True).stdout == content
