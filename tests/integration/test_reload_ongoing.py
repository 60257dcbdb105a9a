# SPDX-License-Identifier: MIT
"""What has begun before a reload ends on the code that it began with, whatever it waits for; then
that code is unloaded."""

import re
import signal
import threading

import pytest

from capricorn import sanitized, seconds, wait_until
from reloading import Reloads, mapped
from upstream import Upstream, answer
from versions import replace, version

MS = int(seconds(400))
RELOAD = 2  # CSGI_DRAINING_RELOAD
STOP = 1    # CSGI_DRAINING_STOP


@pytest.fixture(autouse=True)
def hang_ups():
    """A test runner under nohup must not make its servers ignore the signal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def put(server, number):
    replace(server, version(number, name="ongoing"), "ongoing.so")


@pytest.fixture
def server(serve):
    made = serve(arguments=["--threads", "4"], start=False)
    put(made, 1)
    return made.start()


def reload(server, number):
    return Reloads(server).after(lambda: put(server, number))


def only_one_is_mapped(server):
    if not sanitized():
        wait_until(lambda: len(mapped(server, "ongoing")) == 1, "the old code is unmapped")


def begin(server, target):
    """A request that waits: its answer has not come a while later."""
    connection = server.connect()
    connection.send_request("GET", target)
    return connection


WAITS = [f"/timers?ms={MS}", f"/offload?ms={MS}", f"/blocking?ms={MS}", f"/group?ms={MS}"]


@pytest.mark.parametrize("target", WAITS)
def test_a_slow_request_ends_on_its_own_code(server, target):
    connection = begin(server, target)
    assert connection.is_quiet(0.05)
    assert "(1 request on generation 1)" in reload(server, 2)[-1]
    assert server.get("/timers").text == "2"
    assert not [line for line in server.log() if "end of 1" in line]
    assert connection.read_response().text == "1"
    assert connection.exchange("GET", "/timers").text == "2"  # on the same connection
    server.wait_for_log("end of 1")
    only_one_is_mapped(server)
    connection.close()


def test_all_of_them_at_once_over_several_generations(server):
    with_code = []
    for number in (1, 2, 3):
        if number > 1:
            reload(server, number)
        with_code += [(begin(server, target), str(number)) for target in WAITS]
        server.get("/timers")
    reload(server, 4)
    for connection, number in with_code:
        assert connection.read_response().text == number
        connection.close()
    server.wait_for_log("end of", count=3)
    only_one_is_mapped(server)


def test_an_outbound_call_is_waited_for(server):
    asked, released = threading.Event(), threading.Event()

    def respond(*_):
        asked.set()
        released.wait(20)
        return answer(200, "{}")

    with Upstream(respond) as upstream:
        connection = begin(server, f"/fetch?port={upstream.port}")
        assert asked.wait(10)
        reload(server, 2)
        reload(server, 3)
        assert connection.is_quiet(0.05)
        released.set()
        assert connection.read_response().text == "1"
        assert server.get(f"/fetch?port={upstream.port}").text == "3"
    connection.close()
    server.wait_for_log("end of 1")
    only_one_is_mapped(server)


def test_deferred_functions_run_in_the_old_code(server):
    connection = begin(server, f"/deferred?ms={MS}")
    assert connection.read_response().text == "1"
    reload(server, 2)
    connection.close()
    server.wait_for_log("deferred of 1")
    server.wait_for_log("end of 1")
    lines = "\n".join(server.log())
    assert lines.index("deferred of 1") < lines.index("end of 1")
    only_one_is_mapped(server)


def test_a_job_ends_in_the_old_code(server):
    assert server.get(f"/job?ms={MS}").text == "1"
    reload(server, 2)
    assert not [line for line in server.log() if "job of 1" in line]
    server.wait_for_log(r"\] job of 1")
    server.wait_for_log("end of 1")
    only_one_is_mapped(server)


def test_a_periodic_job_is_cancelled_at_once(server):
    assert server.get("/job?ms=600000&periodic=1").text == "1"
    reload(server, 2)
    server.wait_for_log("cancelled job of 1")
    server.wait_for_log("end of 1")
    only_one_is_mapped(server)


def test_a_stream_goes_on_over_reloads(server):
    connection = begin(server, "/stream?chunks=60")
    connection.read_head()
    for number in (2, 3):
        reload(server, number)
        assert connection.read_chunk() == b"1\n"
    text = b""
    while chunk := connection.read_chunk():
        text += chunk
    assert re.fullmatch(rb"(1\n)+goodbye of 1, why 0\n", text), text
    connection.read_fields()
    assert connection.exchange("GET", "/timers").text == "3"
    connection.close()
    server.wait_for_log("end of 1")
    only_one_is_mapped(server)


def test_a_stream_is_told_of_the_reload_if_it_asks(server):
    watching = begin(server, "/stream?watch=1&chunks=9999")
    other = begin(server, "/stream?chunks=50")
    for connection in (watching, other):
        connection.read_head()
        connection.read_chunk()
    reload(server, 2)
    for connection, why in ((watching, RELOAD), (other, 0)):
        text = b""
        while chunk := connection.read_chunk():
            text += chunk
        assert text.endswith(b"goodbye of 1, why %d\n" % why), text
        connection.close()
    only_one_is_mapped(server)


def test_one_that_begins_after_a_reload_is_told_of_the_stop_alone(server):
    reload(server, 2)
    with begin(server, "/stream?watch=1&chunks=9999") as connection:
        connection.read_head()
        assert connection.read_chunk() == b"2\n"
        server.send_signal(signal.SIGTERM)
        text = b""
        while chunk := connection.read_chunk():
            text += chunk
        assert text.endswith(b"goodbye of 2, why %d\n" % STOP), text
    assert server.wait() == 0


def test_the_server_stops_while_old_code_is_busy(server):
    connection = begin(server, f"/timers?ms={MS}")
    assert connection.is_quiet(0.05)
    reload(server, 2)
    server.send_signal(signal.SIGTERM)
    assert connection.read_response().text == "1"
    connection.close()
    assert server.wait() == 0
    server.wait_for_log("end of 1")
    server.wait_for_log("end of 2")
