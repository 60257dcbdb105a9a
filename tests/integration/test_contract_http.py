# SPDX-License-Identifier: MIT
"""The contract, section 2: the HTTP events."""

import time
import pytest

from capricorn import Server
from conftest import module_server
from script import (EINVAL, ENOTSUP, ESTATE, MORE, OK, READ, RECEIVE, REPORT, Script, body, event,
                    large, result, sleep, start, step)

server = module_server("script", "scope", "tasks", "streams")


def play(server, *steps, method="GET", **options):
    script = Script(*steps)
    response = server.request(method, script.target, **options)
    return response, script.results(server)


def cut_off(connection):
    """Reads until the connection ends, however it does."""
    data = connection.buffer
    connection.buffer = b""
    try:
        return data + connection.read_to_end()
    except ConnectionResetError:
        return data + connection.buffer


# ---- 2.1, 2.2: receive ----


def test_2_1_a_request_without_a_body_is_one_empty_event(server):
    _, results = play(server, RECEIVE, REPORT)
    assert results[0] == ("receive", "request:0:last")


def test_2_1_an_empty_body_is_one_empty_event(server):
    _, results = play(server, RECEIVE, REPORT, method="POST")
    assert results[0] == ("receive", "request:0:last")


def test_2_1_a_body_arrives_whole(server):
    sent = bytes(range(256)) * 100
    _, results = play(server, READ, REPORT, method="POST", body=sent)
    assert results[0] == ("read", f"{len(sent)}:{sum(sent)}")


def test_2_1_a_chunked_body_arrives_without_its_framing(server):
    script = Script(READ, REPORT)
    with server.connect() as connection:
        connection.send_request("POST", script.target, [("Transfer-Encoding", "chunked")])
        for piece in (b"a", b"bc" * 5000, b"\r\n0\r\n\r\n"):
            connection.send_chunk(piece)
        connection.send("0\r\n\r\n")
        assert connection.read_response().status == 200
    total = b"a" + b"bc" * 5000 + b"\r\n0\r\n\r\n"
    assert script.results(server)[0] == ("read", f"{len(total)}:{sum(total)}")


def test_2_1_more_body_says_whether_more_follows(server):
    script = Script(RECEIVE, step("log", "first"), RECEIVE, REPORT)
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "6")], b"abc")
        server.wait_for_log("first", since=since)
        connection.send("def")
        assert connection.read_response().status == 200
    assert [value for name, value in script.results(server) if name == "receive"] == \
        ["request:3:more", "request:3:last"]


def test_2_2_disconnect_comes_after_the_response_and_is_sticky(server):
    script = Script(RECEIVE, start(200), body("x"), RECEIVE, RECEIVE)
    with server.connect() as connection:
        assert connection.exchange("GET", script.target).text == "x"
        assert [value for name, value in script.results(server) if name == "receive"] == \
            ["request:0:last", "disconnect", "disconnect"]


def test_2_2_disconnect_comes_when_the_client_goes_away(server):
    for end in ("close", "reset"):
        script = Script(RECEIVE, step("log", f"told to {end}"), RECEIVE, RECEIVE)
        since = server.mark()
        with server.connect() as connection:
            connection.send_request("GET", script.target)
            server.wait_for_log(f"told to {end}", since=since)
            getattr(connection, end)()
        assert [value for name, value in script.results(server) if name == "receive"] == \
            ["request:0:last", "disconnect", "disconnect"]


def test_2_2_disconnect_comes_when_the_client_goes_away_within_its_body(server):
    script = Script(READ, RECEIVE)
    with server.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "100")], b"abc")
    assert script.results(server) == [("read", "cut:3"), ("receive", "disconnect")]


# ---- 2.3, 2.4: start ----


def test_2_3_start_carries_status_and_headers_in_order(server):
    headers = [("X-B", "1"), ("x-a", "2"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")]
    response, _ = play(server, start(207, *headers), body("x"))
    assert response.status == 207 and response.reason == "Multi-Status"
    ours = [(name.lower(), value) for name, value in response.headers
            if name.lower().startswith(("x-", "set-cookie"))]
    assert ours == [(name.lower(), value) for name, value in headers]


def test_2_4_start_is_held_back_so_that_a_failure_can_still_be_a_500(server):
    response, _ = play(server, start(200, ("x-a", "b")), result(-7))
    assert response.status == 500
    assert response.get("x-a") is None


def test_2_4_start_alone_puts_nothing_on_the_wire(server):
    script = Script(start(200), sleep(200), body("x"))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        assert connection.is_quiet(0.1)
        assert connection.read_response().text == "x"


def test_2_4_an_empty_body_event_with_more_flushes_the_head(server):
    script = Script(start(200), body("", more=True), RECEIVE, RECEIVE, result(-8))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        response = connection.read_head()
        assert response.status == 200 and response.get("transfer-encoding") == "chunked"
    assert script.results(server)[-1] == ("return", -8)


def test_2_4_after_the_flush_a_failure_cuts(server):
    script = Script(start(200), body("", more=True), result(-7))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        assert connection.read_head().status == 200
        assert cut_off(connection) == b""


# ---- 2.5, 2.6: framing ----


def test_2_5_the_apps_transfer_encoding_is_ignored(server):
    for value in ("chunked", "gzip, chunked", "identity"):
        response, _ = play(server, start(200, ("Transfer-Encoding", value)), body("plain"))
        assert response.get("transfer-encoding") is None
        assert response.get("content-length") == "5" and response.text == "plain"
    response, _ = play(server, start(200, ("transfer-encoding", "gzip")), body("a", more=True),
                       body("b"))
    assert response.all("transfer-encoding") == ["chunked"] and response.text == "ab"


def test_2_6_a_single_final_body_gets_a_content_length(server):
    response, _ = play(server, start(200), body("hello"))
    assert response.get("content-length") == "5" and response.get("transfer-encoding") is None
    response, _ = play(server, start(200), body(""))
    assert response.get("content-length") == "0" and response.body == b""


def test_2_6_a_stream_is_chunked_on_1_1(server):
    response, _ = play(server, start(200), body("a", more=True), body("", more=True),
                       body("bc", more=True), body(""))
    assert response.get("transfer-encoding") == "chunked"
    assert response.get("content-length") is None
    assert response.chunks == [b"a", b"bc"]


def test_2_6_a_stream_on_1_0_ends_with_the_connection(server):
    script = Script(start(200), body("a", more=True), body("b"))
    with server.connect() as connection:
        response = connection.exchange("GET", script.target, [("Connection", "keep-alive")],
                                       version="1.0")
        assert response.get("transfer-encoding") is None
        assert response.get("content-length") is None
        assert response.text == "ab"


def test_2_6_a_declared_content_length_is_used(server):
    response, _ = play(server, start(200, ("Content-Length", "3")), body("a", more=True),
                       body("bc"))
    assert response.all("content-length") == ["3"]
    assert response.get("transfer-encoding") is None and response.text == "abc"


def test_2_6_a_content_length_that_is_no_number_is_refused(server):
    for value in ("x", "", "-1", "+3", "3,3", "99999999999999999999999", "0x3"):
        _, results = play(server, start(200, ("content-length", value)), REPORT)
        assert results[0] == ("start", EINVAL), value
    _, results = play(server, start(200, ("content-length", "1"), ("content-length", "2")), REPORT)
    assert results[0] == ("start", EINVAL)


# ---- 2.7 ----


def test_2_7_body_events_are_joined(server):
    pieces = ["a" * 10, "b" * 100000, "", "c"]
    steps = [body(piece, more=True) if len(piece) < 1000 else large(len(piece), more=True)
             for piece in pieces]
    response, _ = play(server, start(200), *steps, body("end"))
    assert response.body == b"a" * 10 + b"x" * 100000 + b"c" + b"end"


# ---- 2.8 ----


def test_2_8_trailers_are_refused_where_they_are_no_feature(server):
    script = Script(start(200, flags=2), body("x"), event(0x183))
    response = server.get(script.target, [("Host", "h")])
    assert response.trailers == []
    assert script.results(server)[-1] == ("event", ENOTSUP)


# ---- 2.9 ----


def test_2_9_a_body_longer_than_declared_is_an_error_and_the_connection_closes(server):
    script = Script(start(200, ("content-length", "3")), body("ab", more=True), body("cdef"))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        connection.read_head()
        received = cut_off(connection)
        assert len(received) < 3, "the client must be able to tell"
    assert script.results(server)[-1] == ("body", EINVAL)


def test_2_9_a_body_shorter_than_declared_is_an_error_and_the_connection_closes(server):
    since = server.mark()
    script = Script(start(200, ("content-length", "10")), body("ab", more=True), body("cd"))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        connection.read_head()
        assert len(cut_off(connection)) < 10
    assert script.results(server)[-1] == ("body", EINVAL)
    server.wait_for_log("script.*run", since=since)


def test_2_9_a_wrong_length_known_before_the_first_byte(server):
    for text in ("ab", "abcdef"):
        script = Script(start(200, ("content-length", "4")), body(text))
        with server.connect() as connection:
            connection.send_request("GET", script.target)
            data = cut_off(connection)
        assert script.results(server)[-1] == ("body", EINVAL)
        head, _, rest = data.partition(b"\r\n\r\n")
        assert not data or b" 500 " in head.split(b"\r\n")[0] or len(rest) < 4


# ---- 2.10 ----


def test_2_10_head_has_no_body_whatever_is_sent(server):
    for steps in ((start(200), body("hello")), (start(200), body("a", more=True), body("b")),
                  (start(200, ("content-length", "5")), body("hello")),
                  (start(200, ("content-length", "5")), body(""))):
        script = Script(*steps)
        with server.connect() as connection:
            response = connection.exchange("HEAD", script.target)
            assert response.status == 200
            assert connection.is_quiet(0.05) or not response.keeps_alive
            assert all(value == OK for _, value in script.results(server))


def test_2_10_head_says_the_content_length_that_get_would(server):
    script = Script(start(200), body("hello"))
    assert server.request("HEAD", script.target).get("content-length") == "5"


@pytest.mark.parametrize("status", [204, 304])
def test_2_10_statuses_without_a_body_have_none(server, status):
    for steps in ((body("hello"),), (body("a", more=True), body("b")), (body(""),)):
        script = Script(start(status), *steps)
        with server.connect() as connection:
            response = connection.exchange("GET", script.target)
            assert response.status == status
            assert response.get("transfer-encoding") is None
            assert status == 304 or response.get("content-length") is None
            assert connection.exchange("GET", "/hello").text == "hello"


# ---- 2.11 ----


@pytest.mark.parametrize("name, value", [
    ("x-a", "a\r\nSet-Cookie: evil"), ("x-a", "a\nb"), ("x-a", "a\rb"), ("x-a", "a\0b"),
    ("x-a", "a\x01b"), ("x-a", "a\x7fb"), ("x a", "b"), ("x:a", "b"), ("x\r\n", "b"), ("", "b"),
    ("x\0a", "b"), ("x(", "b"), ("x\x80", "b"), ("x-a", " leading"), ("x-a", "trailing ")])
def test_2_11_what_may_not_stand_in_a_header_is_refused(server, name, value):
    response, results = play(server, start(200, (name, value)), REPORT)
    if value.strip() != value:
        # Space around a value is no injection: refused or trimmed, never sent as it is.
        assert results[0][1] in (EINVAL, OK)
        return
    assert results[0] == ("start", EINVAL)
    assert response.status == 200 and response.get("set-cookie") is None


def test_2_11_what_may_stand_in_a_header_passes(server):
    value = "a\tb \"quoted\" ~!@#$%^&*()é".encode("utf-8").decode("latin-1")
    response, results = play(server, start(200, ("x-!#$%&'*+-.^_`|~09AZaz", value)), body("x"))
    assert results[0] == ("start", OK)
    assert response.get("x-!#$%&'*+-.^_`|~09AZaz") == value


# ---- 2.12 ----


def test_2_12_an_app_that_returns_without_an_answer_is_a_500(server):
    since = server.mark()
    response, _ = play(server, RECEIVE)
    assert response.status == 500
    server.wait_for_log("(WARNING|ERROR):.*script.*run", since=since)


def test_2_12_an_app_that_returns_between_start_and_first_body_is_a_500(server):
    response, _ = play(server, start(200))
    assert response.status == 500


def test_2_12_an_app_that_returns_after_start_without_end_is_cut(server):
    since = server.mark()
    script = Script(start(200), body("half", more=True))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        connection.read_head()
        assert b"0\r\n\r\n" not in cut_off(connection)
    server.wait_for_log("(WARNING|ERROR):.*script.*run", since=since)


# ---- 2.13 ----

EXPECT = [("Expect", "100-continue"), ("Content-Length", "5")]


def test_2_13_continue_is_sent_when_the_app_asks_for_the_body(server):
    script = Script(READ, REPORT)
    with server.connect() as connection:
        connection.send_request("POST", script.target, EXPECT)
        assert connection.read_head().status == 100
        connection.send("hello")
        response = connection.read_response()
        assert response.status == 200 and response.keeps_alive
        assert connection.exchange("GET", "/hello").text == "hello"
    assert script.results(server)[0] == ("read", f"5:{sum(b'hello')}")


def test_2_13_continue_is_not_sent_before_the_app_asks(server):
    script = Script(sleep(200), READ, REPORT)
    with server.connect() as connection:
        sent_at = time.monotonic()
        connection.send_request("POST", script.target, EXPECT)
        assert connection.read_head().status == 100
        assert time.monotonic() - sent_at >= 0.19  # the app slept first
        connection.send("hello")
        assert connection.read_response().status == 200


def test_2_13_an_answer_without_asking_closes_the_connection_and_sends_no_continue(server):
    script = Script(start(413), body("no"))
    with server.connect() as connection:
        connection.send_request("POST", script.target, EXPECT)
        response = connection.read_response()
        assert response.status == 413 and not response.keeps_alive
        assert connection.is_closed()


def test_2_13_no_continue_for_a_body_that_has_come_already(server):
    script = Script(sleep(50), READ, REPORT)
    with server.connect() as connection:
        connection.send_request("POST", script.target, EXPECT, b"hello")
        response = connection.read_head()
        if response.status == 100:  # allowed (RFC 9110 10.1.1: may omit), as long as it is whole
            response = connection.read_head()
        assert connection.read_body(response).status == 200


def test_2_13_no_continue_to_http_1_0(server):
    script = Script(READ, REPORT)
    with server.connect() as connection:
        connection.send_request("POST", script.target, EXPECT, b"hello", version="1.0")
        assert connection.read_head().status == 200


# ---- 2.14 ----


@pytest.fixture(scope="module")
def limited():
    with Server(["script", "tasks"], arguments=["--limit-body", "1KiB"]) as running:
        yield running


def test_2_14_a_body_at_its_limit_passes_and_one_byte_more_is_a_413(limited):
    for headers, pieces in (([], None), ([("Transfer-Encoding", "chunked")], 100)):
        for size, status in ((1024, 200), (1025, 413)):
            with limited.connect() as connection:
                data = b"x" * size
                if pieces:
                    data = b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + pieces]), data[i:i + pieces])
                                    for i in range(0, size, pieces)) + b"0\r\n\r\n"
                response = connection.exchange("POST", Script(READ, REPORT).target, headers, data)
                assert response.status == status, (size, headers)
                assert response.keeps_alive == (status == 200)


def test_2_14_a_declared_length_over_the_limit_is_refused_before_any_app_runs(limited):
    script = Script(READ, REPORT)
    with limited.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "1025"),
                                                        ("Expect", "100-continue")])
        response = connection.read_response()
        assert response.status == 413 and "detail" in response.json()
        assert connection.is_closed()
    limited.get("/hello")
    assert not [line for line in limited.log() if script.id in line]


def test_2_14_a_body_over_its_limit_while_the_app_reads_is_a_413_and_a_disconnect(limited):
    script = Script(RECEIVE, step("log", "first piece"), READ, RECEIVE, start(200), body("late"))
    since = limited.mark()
    with limited.connect() as connection:
        connection.send_request("POST", script.target, [("Transfer-Encoding", "chunked")])
        connection.send_chunk(b"x" * 1000)
        limited.wait_for_log("first piece", since=since)
        connection.send_chunk(b"x" * 1000)
        response = connection.read_response()
        assert response.status == 413 and not response.keeps_alive
    results = script.results(limited)
    assert ("receive", "request:1000:more") in results and ("receive", "disconnect") in results
    assert not [line for line in limited.log()[since:] if line.startswith("ERROR")]


def test_2_14_a_body_over_its_limit_after_the_first_byte_cuts_the_connection(limited):
    script = Script(start(200), body("begun", more=True), READ, body("late"))
    with limited.connect() as connection:
        connection.send_request("POST", script.target, [("Transfer-Encoding", "chunked")])
        connection.read_head()
        assert connection.read_chunk() == b"begun"
        connection.send_chunk(b"x" * 2000)
        assert b"0\r\n\r\n" not in cut_off(connection)


# ---- 2.15 ----


def test_2_15_request_trailers_come_on_the_last_event(server):
    script = Script(RECEIVE, step("log", "got one"), RECEIVE, REPORT)
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("POST", script.target, [("Transfer-Encoding", "chunked"),
                                                        ("Trailer", "X-Sum")])
        connection.send_chunk(b"abc")
        server.wait_for_log("got one", since=since)
        connection.send("0\r\nX-Sum: 42\r\nX-B: two\r\n\r\n")
        assert connection.read_response().status == 200
    received = [value for name, value in script.results(server) if name == "receive"]
    assert received == ["request:3:more", "request:0:last:x-sum:42:x-b:two"]


def test_2_15_trailers_do_not_appear_among_the_headers(server):
    with server.connect() as connection:
        connection.send_request("POST", "/scope/two/1/x", [("Transfer-Encoding", "chunked")])
        connection.send("0\r\nX-Evil: 1\r\n\r\n")
        names = [name for name, _ in connection.read_response().json()["headers"]]
    assert "x-evil" not in names


def test_a_stream_that_more_never_ends_is_not_ended_by_the_flag_alone(server):
    assert MORE == 1
    script = Script(start(200), body("a", more=True), sleep(150), body("", more=False))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        connection.read_head()
        assert connection.read_chunk() == b"a"
        assert connection.is_quiet(0.05)
        assert connection.read_chunk() == b""
