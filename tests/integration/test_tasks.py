# SPDX-License-Identifier: MIT
"""Tasks as an application sees them: suspension, more tasks, cancellation, deferred functions."""

import resource
import time

import pytest

from capricorn import sanitized, seconds, wait_until
from conftest import module_server

server = module_server("tasks", "throwing")


def log_order(server, since, *texts):
    """The texts come in the log, in this order."""
    for text in texts:
        server.wait_for_log(text, since=since)
    lines = "\n".join(server.log()[since:])
    places = [lines.index(text) for text in texts]
    assert places == sorted(places), lines


def test_a_sleeping_request_lets_others_pass(server):
    with server.connect() as slow:
        slow.send_request("GET", "/sleep?ms=500")
        began = time.monotonic()
        assert server.get("/hello").text == "hello"
        assert time.monotonic() - began < seconds(0.4)
        assert slow.read_response().text == "slept"
        assert time.monotonic() - began > 0.45


def test_spawned_tasks_run_at_once_and_are_joined(server):
    assert server.get("/spawn?n=0").text == "0"
    assert server.get("/spawn?n=1").text == "1"
    began = time.monotonic()
    assert server.get("/spawn?n=64").text == str(64 * 65 // 2)
    assert time.monotonic() - began < seconds(0.3), "64 sleeps of 5 ms overlap"


def test_a_joiner_gets_what_the_task_returned(server):
    assert server.get("/join").text == "-11"


def test_a_cancelled_task_is_told_so_each_time(server):
    assert server.get("/cancel").text == "-9"


def test_tasks_that_are_left_behind_are_cancelled_and_waited_for(server):
    since = server.mark()
    assert server.get("/abandon").text == "left"
    server.wait_for_log("abandoned task got -9", since=since)


def test_after_a_disconnect_a_sleeper_is_cancelled_once_its_grace_is_over(server):
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("GET", "/wait")
        server.wait_for_log("waiting 0", since=since)
    began = time.monotonic()
    log_order(server, since, "waiting 0", "sleep returned -9", "and then -9",
              "deferred slept with 0")
    assert time.monotonic() - began > 2, "there is a grace"


def test_receive_tells_of_a_disconnect_at_once(server):
    since = server.mark()
    began = time.monotonic()
    with server.connect() as connection:
        connection.send_request("GET", "/gone")
        server.wait_for_log("gone waits 0", since=since)
    log_order(server, since, "gone waits 0", "disconnect again 1", "send returned -8")
    assert time.monotonic() - began < seconds(2)


def test_after_a_whole_response_background_work_goes_on(server):
    since = server.mark()
    with server.connect() as connection:
        assert connection.exchange("GET", "/background?ms=4000").text == "accepted"
    server.wait_for_log("background work ended with 0", since=since)


def test_background_work_does_not_hold_the_connection(server):
    with server.connect() as connection:
        began = time.monotonic()
        assert connection.exchange("GET", "/background?ms=1500").text == "accepted"
        assert connection.exchange("GET", "/hello").text == "hello"
        assert time.monotonic() - began < seconds(1)


def test_deferred_functions_run_last_first_and_may_suspend(server):
    since = server.mark()
    assert server.get("/defer").text == "deferred"
    log_order(server, since, "deferring returns 0", "deferred 3", "deferred 2", "deferred 1")
    assert len([line for line in server.log()[since:] if "deferred 2" in line]) == 2, \
        "a deferred function may defer"


def test_cpp_exceptions_cross_suspensions(server):
    assert server.get("/rethrow?mine").text == "caught mine"


@pytest.mark.parametrize("kib", [1, 64, 200])
def test_a_deep_call_may_suspend_and_return(server, kib):
    if sanitized() and kib > 64:
        kib = 64  # sanitized frames are larger
    assert server.get(f"/deep?kib={kib}").text == str(kib)


def test_many_deep_calls_give_their_memory_back(server):
    kib = 64 if sanitized() else 200
    for _ in range(3):
        connections = [server.connect() for _ in range(100)]
        for connection in connections:
            connection.send_request("GET", f"/deep?kib={kib}")
        for connection in connections:
            assert connection.read_response().text == str(kib)
            connection.close()
    if not sanitized():
        wait_until(lambda: server.memory_kib() < 40 * 1024, "soiled stacks are given back")


def test_a_foreign_thread_may_log_and_post(server):
    since = server.mark()
    assert server.get("/post").text == "100"
    server.wait_for_log("said by a foreign thread 1", since=since)


def test_arenas_align_and_children_end_at_will(server):
    before = server.memory_kib()
    for _ in range(3):
        assert server.get("/arena").text == "0"
    assert sanitized() or server.memory_kib() - before < 8 * 1024


def test_the_last_error_is_each_tasks_own(server):
    assert server.get("/errors").text == "my own"


def test_a_group_succeeds_as_one(server):
    assert server.get("/group").text == "0 0 "


def test_the_first_failure_of_a_group_cancels_the_others(server):
    began = time.monotonic()
    assert server.get("/group?fail=2&ms=60000").text == "-13 2 one of three"
    assert time.monotonic() - began < seconds(2)


def test_a_disconnect_cancels_a_group_with_who_waits_for_it(server):
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("GET", "/group?ms=60000")
        time.sleep(0.1)
    server.wait_for_log("group wait was cancelled with 3", since=since)


def test_a_deadline_ends_a_wait_but_not_behind_a_shield(server):
    assert server.get("/deadline?ms=20").text == "-10 -10, 0 -10"
    assert server.get("/deadline?ms=60000").text == "0 0, 0 0"


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_a_queue_hands_all_from_task_to_task(server, count):
    assert server.get(f"/queue?n={count}").text == str(count)


def raise_descriptor_limit(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_two_thousand_requests_sleep_at_once(serve):
    count = 300 if sanitized() else 2000
    if raise_descriptor_limit(count + 200) < count + 200:
        pytest.skip(f"this machine allows fewer than {count + 200} descriptors")
    server = serve("tasks")
    server.get("/hello")
    before = server.memory_kib()
    connections = []
    for _ in range(count):
        connection = server.connect(timeout=60)
        connection.send_request("GET", "/sleep?ms=1500")
        connections.append(connection)
    assert server.get("/hello").text == "hello"
    each = (server.memory_kib() - before) / count
    for connection in connections:
        assert connection.read_response().text == "slept"
        connection.close()
    assert sanitized() or each < 32, f"{each:.1f} KiB for each"


def test_beyond_the_limit_of_calls_the_answer_is_a_503(serve):
    server = serve("tasks", arguments=["--limit-concurrency", "10"])
    connections = [server.connect() for _ in range(10)]
    for connection in connections:
        connection.send_request("GET", "/sleep?ms=700")
    with server.connect() as eleventh:
        response = wait_until(lambda: busy(eleventh), "the eleventh is refused")
        assert "detail" in response.json()
        for connection in connections:
            assert connection.read_response().text == "slept"
            connection.close()
        assert eleventh.exchange("GET", "/hello").text == "hello", "and later it is served"


def busy(connection):
    response = connection.exchange("GET", "/hello")
    return response if response.status == 503 else None
