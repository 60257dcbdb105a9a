# SPDX-License-Identifier: MIT
"""The contract between server and application, section 0: what holds for every kind of scope."""

import re

from capricorn import wait_until
from conftest import module_server
from script import (EBUSY, EDISCONNECTED, EINVAL, ENOTSUP, ESTATE, OK, READ, RECEIVE, REPORT,
                    Script, body, event, fields, large, result, sleep, start, step)

server = module_server("script", "scope", "around", "tasks", "streams", "lifespan")


def play(server, *steps, method="GET", **options):
    """Runs a script on a connection of its own: the response and the results."""
    script = Script(*steps)
    response = server.request(method, script.target, **options)
    return response, script.results(server)


def refusal(server, since, *words):
    """The log's sentence on a refused event names plugin, endpoint and event."""
    line = server.wait_for_log("script.*run.*" + ".*".join(words), since=since).string
    assert re.match(r"(WARNING|ERROR):", line), line
    return line


# ---- 0.1 ----


def test_0_1_each_request_is_one_application_call(server):
    scripts = [Script(RECEIVE, REPORT) for _ in range(5)]
    with server.connect() as connection:
        for script in scripts:
            assert connection.exchange("GET", script.target).status == 200
    for script in scripts:
        script.results(server)
        calls = [line for line in server.log() if f"script {script.id}:" in line]
        assert len(calls) == 1


def test_0_1_each_instance_gets_one_lifespan_call(server):
    assert server.get("/state").text == "made at start-up"
    assert len([line for line in server.log() if "lifespan call" in line]) == 1


# ---- 0.2 ----


def test_0_2_fields_of_an_event_that_the_server_does_not_know_are_ignored(server):
    response, results = play(server, step("sized_start", 64 + 32), step("sized_body", 72 + 32))
    assert (response.status, response.body) == (200, b"sized")
    assert results == [("sized_start", OK), ("sized_body", OK)]


def test_0_2_unknown_low_flag_bits_are_ignored(server):
    response, results = play(server, step("start", 200, 0x8000), step("body", "low", 0x4000))
    assert response.text == "low"
    assert results == [("start", OK), ("body", OK)]


def test_0_2_unknown_high_flag_bits_are_refused(server):
    response, results = play(server, step("start", 200, 0x10000), start(201),
                             step("body", "no", 0x80000000), body("yes"))
    assert (response.status, response.text) == (201, "yes")
    assert results == [("start", EINVAL), ("start", OK), ("body", EINVAL), ("body", OK)]


def test_0_2_the_scope_says_its_size_type_and_versions(server):
    scope = server.get("/scope").json()
    assert scope["type"] == 1
    assert scope["size"] == scope["sizeof"]
    assert scope["host_size"] == scope["sizeof_host"]
    assert scope["abi"] == [1, 0]
    assert scope["unknown_extension"] == 0


# ---- 0.3 ----


def test_0_3_send_refuses_an_unknown_event_type(server):
    since = server.mark()
    response, results = play(server, event(0x777), REPORT)
    assert response.text == " event=-3"
    assert results[0] == ("event", ENOTSUP)
    refusal(server, since, "0x777")


def test_0_3_send_refuses_events_of_other_scopes_and_received_ones(server):
    for number in (0x101, 0x102, 0x201, 0x240, 0x281, 0x282, 0x301, 0x381, 0x382):
        response, results = play(server, event(number), REPORT)
        assert response.status == 200
        assert results[0][1] in (ENOTSUP, EINVAL, ESTATE), hex(number)


def test_0_3_send_refuses_an_event_that_lacks_required_fields(server):
    since = server.mark()
    response, results = play(server, step("sized_start", 8), start(200),
                             step("sized_body", 8), step("sized_body", 0), body("whole"))
    assert (response.status, response.text) == (200, "whole")
    assert results == [("sized_start", EINVAL), ("start", OK), ("sized_body", EINVAL),
                       ("sized_body", EINVAL), ("body", OK)]
    refusal(server, since, "http.response.start")
    refusal(server, since, "http.response.body")


def test_0_3_send_refuses_a_body_before_the_start(server):
    since = server.mark()
    response, results = play(server, body("early"), REPORT)
    assert response.text == " body=-4"
    assert results[0] == ("body", ESTATE)
    refusal(server, since, "http.response.body")


def test_0_3_send_refuses_a_second_start(server):
    since = server.mark()
    response, results = play(server, start(200), start(404), body("first"))
    assert (response.status, response.text) == (200, "first")
    assert results[1] == ("start", ESTATE)
    refusal(server, since, "http.response.start")


def test_0_3_send_refuses_events_after_completion_and_the_connection_stays_usable(server):
    script = Script(start(200), body("done"), body("more"), start(500), event(0x999))
    with server.connect() as connection:
        assert connection.exchange("GET", script.target).text == "done"
        assert script.results(server)[2:4] == [("body", ESTATE), ("start", ESTATE)]
        assert connection.exchange("GET", "/hello").text == "hello"


def test_0_3_a_refused_event_puts_nothing_on_the_wire(server):
    script = Script(body("a"), event(0x183), event(0x777), start(99), sleep(150), REPORT)
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        assert connection.is_quiet(0.1)
        assert connection.read_response().text.startswith(" body=-4")


def test_0_3_send_refuses_a_status_out_of_range(server):
    for status in (0, 99, 100, 101, 199, 1000, 4294967295):
        response, results = play(server, step("start", status, 0), REPORT)
        assert results[0] == ("start", EINVAL), status
        assert response.status == 200
    for status in (200, 299, 418, 599, 999):
        response, results = play(server, start(status), body("x"))
        assert response.status == status and results[0] == ("start", OK)


# ---- 0.4, 0.5 ----


def test_0_4_an_app_that_does_not_know_its_scope_is_answered_for_with_a_500(server):
    response, _ = play(server, result(ENOTSUP))
    assert response.status == 500


def test_0_5_an_error_before_the_start_is_a_500_and_the_connection_is_kept(server):
    since = server.mark()
    script = Script(result(-7, "no tea left"))
    with server.connect() as connection:
        response = connection.exchange("GET", script.target)
        assert response.status == 500
        assert response.json() == {"detail": "Internal Server Error"}
        assert response.get("content-type") == "application/json"
        assert response.keeps_alive
        assert connection.exchange("GET", "/hello").text == "hello"
    server.wait_for_log("script.*run.*no tea left", since=since)


def test_0_5_the_connection_is_kept_after_a_500_when_the_request_body_was_whole(server):
    script = Script(result(-7))
    with server.connect() as connection:
        assert connection.exchange("POST", script.target, body=b"x" * 1000).status == 500
        assert connection.exchange("GET", "/hello").text == "hello"


def test_0_5_an_error_after_the_start_cuts_the_connection(server):
    since = server.mark()
    script = Script(start(200), body("half", more=True), result(-7, "it broke"))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        response = connection.read_head()
        assert response.status == 200 and response.get("transfer-encoding") == "chunked"
        rest = connection.buffer
        try:
            rest += connection.read_to_end()
        except ConnectionResetError:
            pass
        assert b"0\r\n\r\n" not in rest
    server.wait_for_log("script.*run.*it broke", since=since)


def test_0_5_a_failing_call_does_not_disturb_the_instance_or_others(server):
    slow = Script(start(200), body("a", more=True), sleep(300), body("b"))
    with server.connect() as other:
        other.send_request("GET", slow.target)
        head = other.read_head()
        for code in (-1, -2, -7, -4711, 5):
            response, _ = play(server, result(code))
            assert response.status == 500, code
        assert other.read_body(head).text == "ab"


# ---- 0.6 ----


def test_0_6_send_waits_while_the_client_does_not_read(server):
    total = 64 << 20
    with server.connect(receive_buffer=65536) as slow:
        slow.send_request("GET", f"/down?bytes={total}&length=1")
        assert slow.read_head().status == 200

        def settled():
            first = int(server.get("/sent").text)
            return int(server.get("/sent").text) == first > 0
        wait_until(settled, "the sender waits")
        assert int(server.get("/sent").text) < 16 << 20
        assert len(slow.read_exactly(total)) == total
    assert int(server.get("/sent").text) == total


def test_0_6_send_returns_when_the_client_goes_away_while_it_waits(server):
    script = Script(start(200), large(64 << 20))
    with server.connect(receive_buffer=65536) as slow:
        slow.send_request("GET", script.target)
        assert slow.read_head().status == 200
        slow.reset()
    assert script.results(server)[-1] == ("large", EDISCONNECTED)


# ---- 0.7 ----


def test_0_7_send_after_a_disconnect_says_so(server):
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("GET", "/gone")
        server.wait_for_log("gone waits 0", since=since)
    server.wait_for_log("disconnect again 1", since=since)
    server.wait_for_log(f"send returned {EDISCONNECTED}", since=since)


def test_0_7_an_app_that_returns_disconnected_is_not_logged_as_failing(server):
    script = Script(RECEIVE, RECEIVE, start(200), body("late"), result(EDISCONNECTED))
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("GET", script.target)
    results = script.results(server)
    assert ("receive", "disconnect") in results[:2]
    assert EDISCONNECTED in dict(results[2:4]).values()
    server.get("/hello")
    assert not [line for line in server.log()[since:] if line.startswith("ERROR")]


# ---- 0.8 ----


def test_0_8_middleware_derives_a_scope_and_the_original_never_changes(server):
    since = server.mark()
    response = server.get("/scope")
    scope = response.json()
    assert scope["locals"] == [["user", "ada"]]
    assert scope["root_path"] == "/derived"
    assert scope["nul"] == 1
    assert response.get("x-marked") == "yes"
    server.wait_for_log("original has 0 locals, root path <>, derived size equal", since=since)


# ---- 0.9 ----


def test_0_9_what_is_no_feature_of_the_scope_is_refused(server):
    features = server.get("/scope").json()["features"]
    optional = {1: 0x183, 2: 0x184, 4: 0x185, 8: 0x186}
    for bit, number in optional.items():
        if features & bit:
            continue
        response, results = play(server, event(number), REPORT)
        assert response.status == 200
        assert results[0] == ("event", ENOTSUP), hex(number)
        response, results = play(server, start(200), event(number), body("x"))
        assert results[1] == ("event", ENOTSUP), hex(number)


def test_0_9_trailers_that_are_no_feature_are_refused_after_the_body_too(server):
    if server.get("/scope").json()["features"] & 1:
        return
    script = Script(start(200, flags=2), body("x", more=True), fields(0x183, ("a", "b")), body("y"))
    response = server.get(script.target)
    assert dict(script.results(server))["fields"] == ENOTSUP
    assert response.trailers == []


# ---- 0.10 ----


def test_0_10_a_second_receiver_is_told_that_it_is_busy(server):
    assert EBUSY == -6
    with server.connect() as connection:
        connection.send_request("POST", "/busy", [("Content-Length", "4")])
        head = connection.read_head()
        connection.send("body")
        assert connection.read_body(head).text == "ready\nsecond was refused"


def test_0_10_sends_of_several_tasks_go_out_in_call_order(server):
    size = 8 << 20  # more than the kernel takes: the first must wait while the others call
    with server.connect(receive_buffer=65536) as connection:
        connection.send_request("GET", f"/order?n={size}")
        head = connection.read_head()
        assert server.get("/sleep?ms=50").text == "slept"
        response = connection.read_body(head)
    assert response.body == b"a" * size + b"b" * size + b"c" * size + b"end"


def test_0_10_tasks_of_a_call_end_with_it(server):
    since = server.mark()
    assert server.get("/abandon").text == "left"
    server.wait_for_log("abandoned task got -9", since=since)


def test_0_10_reading_and_answering_can_be_mixed(server):
    response, results = play(server, start(200), body("a", more=True), READ, body("b"),
                             method="POST", body=b"12345")
    assert response.text == "ab"
    assert results[2] == ("read", f"5:{sum(b'12345')}")
