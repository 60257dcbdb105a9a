# SPDX-License-Identifier: MIT
"""Blocking endpoints, as their clients see them: several at once, a bounded queue, bodies of any size
both ways, and what becomes of them when the client goes, the time is over, the server stops."""

import signal
import socket
import threading
import time

import pytest

from capricorn import Server, sanitized, seconds, wait_until
from conftest import module_server
from test_routes import Routed

server = module_server("threads", arguments=["--threads", "4"])


def begin(server, target, count=1):
    connections = [server.connect(30) for _ in range(count)]
    for connection in connections:
        connection.send_request("GET", target)
    return connections


def end(connections):
    replies = []
    for connection in connections:
        with connection:
            replies.append(connection.read_response())
    return replies


def counts(server):
    """How many run now, did so at most, and have begun."""
    return [int(word) for word in server.get("/counts").text.split()]


def test_as_many_run_at_once_as_there_are_threads_and_one_more_waits(serve):
    server = serve("threads", arguments=["--threads", "4"])
    began = time.monotonic()
    replies = end(begin(server, "/nap?ms=300", 5))
    assert [reply.text for reply in replies] == ["slept"] * 5
    assert counts(server)[1] == 4
    assert 0.59 < time.monotonic() - began < seconds(1.5)


def test_plain_endpoints_are_served_meanwhile(server):
    slow = begin(server, "/nap?ms=600", 4)
    wait_until(lambda: counts(server)[0] == 4, "all threads are busy")
    worst = 0
    with server.connect() as connection:
        for _ in range(50):
            began = time.monotonic()
            assert connection.exchange("GET", "/plain").text == "plain"
            worst = max(worst, time.monotonic() - began)
    assert worst < seconds(0.2)
    assert {reply.text for reply in end(slow)} == {"slept"}


def test_beyond_the_queue_it_is_503(serve):
    server = serve("threads", arguments=["--threads", "2", "--thread-queue", "3"])
    running = begin(server, "/nap?ms=700", 2)
    wait_until(lambda: counts(server)[0] == 2, "both threads are busy")
    waiting = begin(server, "/nap?ms=1", 3)
    time.sleep(0.1)
    for _ in range(2):
        reply = server.get("/nap?ms=1")
        assert (reply.status, reply.get("retry-after")) == (503, "1")
        assert reply.json() == {"detail": "Service Unavailable"}
    assert server.get("/plain").status == 200
    assert [reply.status for reply in end(running) + end(waiting)] == [200] * 5
    server.wait_for_log(r"plugin threads, endpoint nap: GET /nap was answered 503: all threads for "
                        r"blocking endpoints are busy.*\(--threads, --thread-queue\); 1 so far")
    assert sum("was answered 503" in line for line in server.log()) == 1, "at most once a second"
    assert server.get("/nap?ms=1").status == 200


def test_one_that_waits_is_dropped_with_its_client(serve):
    server = serve("threads", arguments=["--threads", "1"])
    running = begin(server, "/nap?ms=800")
    wait_until(lambda: counts(server)[0] == 1, "the thread is busy")
    for connection in begin(server, "/nap?ms=800", 3):
        connection.close()
    assert [reply.status for reply in end(running)] == [200]
    assert server.get("/nap?ms=1").status == 200
    assert counts(server)[2] == 2, "only those whose clients were there have begun"


def test_one_that_waits_and_sends_no_more_is_told(serve):
    server = serve("threads", arguments=["--threads", "1"])
    running = begin(server, "/nap?ms=800")
    wait_until(lambda: counts(server)[0] == 1, "the thread is busy")
    with server.connect() as connection:
        connection.send_request("GET", "/nap?ms=1")
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.read_response().status == 503
    assert [reply.status for reply in end(running)] == [200]


@pytest.mark.parametrize("path", ["/echo", "/wrapped/echo"])
def test_a_large_body_goes_in_and_out(server, path):
    body = bytes(range(256)) * 20000
    with server.connect(30) as connection:
        sender = threading.Thread(target=connection.send_request,
                                  args=("POST", path, (), body))
        sender.start()
        reply = connection.read_response("POST")
        sender.join()
    assert reply.status == 200 and reply.body == body


def test_a_client_that_does_not_read_holds_the_sender_back(server):
    before = server.memory_kib()
    with server.connect(30) as connection:
        connection.send_request("GET", "/stream?pieces=1600")
        time.sleep(0.3)
        assert counts(server)[0] == 1, "it waits in send"
        assert server.memory_kib() - before < 30000
        reply = connection.read_response()
        assert len(reply.body) == 1600 * 65536
    wait_until(lambda: counts(server)[0] == 0, "it has ended")


def test_a_client_that_goes_is_told_and_then_all_is_cancelled(server):
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("GET", "/until_gone")
        wait_until(lambda: counts(server)[0] == 1, "it runs")
    server.wait_for_log("it has gone", since=since)
    server.wait_for_log("send says -8", since=since)
    server.wait_for_log("sleep says -9, then -9", since=since)
    wait_until(lambda: counts(server)[0] == 0, "it has ended")


def test_a_sender_whose_client_goes_ends(server):
    with server.connect() as connection:
        connection.send_request("GET", "/stream?pieces=100000")
        wait_until(lambda: counts(server)[0] == 1, "it runs")
        connection.reset()
    wait_until(lambda: counts(server)[0] == 0, "it has ended")


def test_the_timeout_of_a_route_is_kept_while_the_thread_is_busy():
    routes = {"routes": [{"path": "/deaf", "app": "threads:deaf", "timeout": "200ms"},
                         {"path": "/counts", "app": "threads:counts"}]}
    with Routed(routes, ["threads"], arguments=["--threads", "1"]) as server:
        began = time.monotonic()
        assert server.get("/deaf?ms=1000").status == 504
        assert time.monotonic() - began < seconds(0.7)
        assert counts(server)[0] == 1, "the thread goes on"
        server.wait_for_log(r"deaf: -10 -9")
        assert server.get("/deaf?ms=1").text == "deaf: 0 0", "and is free again"


def test_in_process_and_by_address_others_are_asked(server):
    assert server.get(f"/ask?url={server.url}/plain").text == "200 plain"
    assert server.get("/ask?url=app:/plain").text == "200 plain"
    assert server.get("/ask?url=app:/nap").text == "200 slept"


def test_with_one_thread_an_app_that_asks_a_blocking_one_does_not_wait_for_itself(serve):
    server = serve("threads", arguments=["--threads", "1"])
    began = time.monotonic()
    assert server.get("/ask?url=app:/nap").text.startswith("503 ")
    assert server.get("/ask?url=app:/plain").text == "200 plain"
    assert time.monotonic() - began < seconds(1)
    server.wait_for_log("since the one that asks in process holds one, it does not wait")


def test_stopping_waits_for_what_runs_and_what_waits(serve):
    server = serve("threads", arguments=["--threads", "1"])
    running = begin(server, "/nap?ms=400")
    wait_until(lambda: counts(server)[0] == 1, "it runs")
    waiting = begin(server, "/nap?ms=1")
    time.sleep(0.1)
    server.send_signal(signal.SIGTERM)
    assert [reply.text for reply in end(running) + end(waiting)] == ["slept", "slept"]
    assert server.wait() == 0


def test_one_that_never_ends_is_named_and_left_behind(serve):
    server = serve("threads", arguments=["--timeout-graceful-shutdown", "300ms"])
    connection = begin(server, "/nap?ms=60000")
    wait_until(lambda: counts(server)[0] == 1, "it runs")
    server.send_signal(signal.SIGTERM)
    assert server.wait() != 0
    server.wait_for_log("plugin threads, endpoint nap goes on although it is cancelled, on a thread")
    connection[0].close()


@pytest.mark.skipif(sanitized() != "", reason="the sanitizer tells of crashes in its own way")
@pytest.mark.parametrize("target, told", [
    ("/crash", "crash in plugin threads, endpoint crash: SIGABRT"),
    ("/overflow", "stack overflow in plugin threads, endpoint overflow: it needs less"),
])
def test_a_crash_names_its_endpoint(target, told):
    server = Server(["threads"])
    with server.connect() as connection:
        connection.send_request("GET", target)
        server.wait()
    assert server.exit_code in (-signal.SIGSEGV, -signal.SIGABRT)
    server.wait_for_log(told)
    server.clean()


def test_a_thread_that_blocks_holds_no_loop_up(server):
    since = server.mark()
    assert server.get("/nap?ms=400").text == "slept"
    assert not [line for line in server.log()[since:] if "held the" in line or "stall" in line]


def test_under_load_with_clients_that_go_nothing_is_lost(serve):
    server = serve("threads", arguments=["--threads", "8", "--thread-queue", "64"])
    problems = []

    def client(index):
        try:
            for i in range(20):
                with server.connect(30) as connection:
                    if (index + i) % 5 == 0:
                        connection.send_request("GET", "/stream?pieces=50")
                        connection.reset()
                        continue
                    body = b"x" * (1000 * index)
                    connection.send_request("POST", "/wrapped/echo", (), body)
                    reply = connection.read_response("POST")
                    assert reply.status == 200 and reply.body == body
        except Exception as error:  # pylint: disable=broad-except
            problems.append(repr(error))

    threads = [threading.Thread(target=client, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    wait_until(lambda: counts(server)[0] == 0, "all have ended")


def test_the_framework_works_on_a_thread(serve):
    server = serve("threads_web")
    reply = server.get("/ask/S%C3%A3o%20Paulo?days=3")
    assert reply.json() == {"told": "São Paulo", "days": 3, "temp": 21.5}
    assert reply.get("x-kind") == "blocking"
    assert server.get("/ask/Rome?days=0").status == 422
    assert server.get("/several").json() == [2, 4, 36, True]
    server.wait_for_log("noted")
    assert server.request("PATCH", "/fail").json() == {"detail": "no, not now"}
    connections = [server.connect() for _ in range(40)]
    for connection in connections:
        connection.send_request("GET", "/ask/Rome")
    assert {reply.status for reply in end(connections)} == {200}
