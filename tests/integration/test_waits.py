# SPDX-License-Identifier: MIT
"""Waiting for descriptors, as an application sees it: a handler that talks to a socket of its own."""

import contextlib
import signal
import socket
import threading
import time

import pytest

from capricorn import sanitized, seconds, wait_until
from conftest import module_server
from upstream import unused_port

server = module_server("waits")


@contextlib.contextmanager
def line_server(delay=0.0, answer=b"world"):
    """Answers each line, later; None: never, but it notes the connections that were closed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        seen = {"port": listener.getsockname()[1], "asked": 0, "closed": 0}

        def talk(connection):
            with connection, contextlib.suppress(OSError):
                if connection.recv(100):
                    seen["asked"] += 1
                if answer is not None:
                    time.sleep(delay)
                    connection.sendall(answer)
                elif not connection.recv(100):
                    seen["closed"] += 1

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield seen
        listener.shutdown(socket.SHUT_RDWR)


def test_a_handler_waits_for_its_socket_and_others_are_served(server):
    with line_server(delay=0.5) as other, server.connect() as slow:
        slow.send_request("GET", f"/ask?port={other['port']}")
        began = time.monotonic()
        assert server.get("/hello").text == "hello"
        assert time.monotonic() - began < seconds(0.4)
        response = slow.read_response()
        assert (response.status, response.text) == (200, "world")


def test_many_wait_at_once(server):
    count = 20 if sanitized() else 100
    with line_server(delay=0.3) as other:
        began = time.monotonic()
        connections = [server.connect() for _ in range(count)]
        for connection in connections:
            connection.send_request("GET", f"/ask?port={other['port']}")
        for connection in connections:
            assert connection.read_response().text == "world"
            connection.close()
        assert time.monotonic() - began < seconds(3), "one after another would take much longer"


def test_a_timeout_is_told(server):
    with line_server(answer=None) as other:
        began = time.monotonic()
        response = server.get(f"/ask?port={other['port']}&timeout=200")
        assert (response.status, response.text) == (502, "ask ended with -10")
        assert time.monotonic() - began > 0.19


def test_a_refused_connection_is_the_sockets_error(server):
    assert server.get(f"/ask?port={unused_port()}").text == "ask ended with -7"


def test_a_client_that_goes_away_ends_the_wait(server):
    since = server.mark()
    with line_server(answer=None) as other:
        with server.connect() as connection:
            connection.send_request("GET", f"/ask?port={other['port']}&timeout=60000")
            wait_until(lambda: other["asked"], "the question has arrived")
        server.wait_for_log("ask ended with -9", since=since)
        wait_until(lambda: other["closed"], "the deferred function has closed the socket")


@pytest.mark.parametrize("query, told", [
    ("fd=4000", "-1 0 waiting for descriptor 4000: it is not open"),
    ("", "it is nothing that can be waited for"),
    ("fd=2&wanted=0", "wanted is neither"),
    ("fd=2&wanted=4", "wanted is neither"),
])
def test_what_cannot_be_waited_for_is_said(server, query, told):
    assert told in server.get(f"/wrong?{query}").text


def test_descriptors_do_not_pile_up(server):
    with line_server() as other:
        server.get(f"/ask?port={other['port']}")
        before = server.descriptors()
        for _ in range(50):
            assert server.get(f"/ask?port={other['port']}").text == "world"
        assert server.descriptors() <= before + 2


def test_blocking_code_holds_up_nobody(server):
    with server.connect() as slow:
        slow.send_request("GET", "/block?ms=600")
        began = time.monotonic()
        assert server.get("/hello").text == "hello"
        assert time.monotonic() - began < seconds(0.4)
        assert slow.read_response().text == "blocked for 600: 0"


def ask_together(server, target, count):
    """The seconds that so many requests took."""
    began = time.monotonic()
    connections = [server.connect() for _ in range(count)]
    for connection in connections:
        connection.send_request("GET", target)
    for connection in connections:
        assert connection.read_response().status == 200
        connection.close()
    return time.monotonic() - began


def test_blocking_functions_run_at_once_up_to_the_number_of_threads(serve):
    server = serve("waits", arguments=["--threads", "2"])
    assert 0.59 < ask_together(server, "/block?ms=200", 6) < seconds(1.1), "three times two"


def test_a_client_that_goes_away_leaves_no_function_without_its_memory(server):
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("GET", "/block?ms=4500")
        server.wait_for_log("blocking begins", since=since)
    server.wait_for_log("blocking ends", since=since)
    assert server.get("/hello").text == "hello"


def test_a_file_is_read_within_its_limit(server):
    assert server.get("/read_name?max=6").text == "Linux\n"
    reply = server.get("/read_name?max=5")
    assert (reply.status, reply.text) == (502, "/proc/sys/kernel/ostype is larger than 5 bytes")


def test_a_name_is_looked_up(server):
    assert server.get("/look_up?localhost").text == "127.0.0.1"
    assert server.get("/look_up?127.1").text == "127.0.0.1"  # asked of the system
    reply = server.get("/look_up?not%20a%20name")
    assert reply.status == 502 and reply.text


def test_stopping_waits_for_what_runs(serve):
    server = serve("waits")
    with server.connect() as connection:
        connection.send_request("GET", "/block?ms=700")
        server.wait_for_log("blocking begins")
        server.send_signal(signal.SIGTERM)
        assert connection.read_response().text == "blocked for 700: 0"
    assert server.wait() == 0


@pytest.mark.skipif(sanitized() != "", reason="the sanitizer tells of crashes in its own way")
def test_a_crash_on_another_thread_is_named(serve):
    server = serve("waits")
    with server.connect() as connection:
        connection.send_request("GET", "/crash")
        server.wait()
    assert server.exit_code == -signal.SIGSEGV
    server.wait_for_log("crash in plugin waits, endpoint crash, in a function given to offload")
