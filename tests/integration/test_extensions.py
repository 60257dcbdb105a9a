# SPDX-License-Identifier: MIT
"""The contract, section 5 and 2.8: early hints and trailers, on the wire and with real clients. Files
are in test_files.py."""

import shutil
import subprocess

import pytest

from conftest import module_server
from script import (EINVAL, ENOTSUP, ESTATE, OK, REPORT, Script, body, fields, result, start, step)

server = module_server("script", "scope", "around")

HINT, TRAILERS = 0x184, 0x183
LINK = ("Link", "</s.css>; rel=preload")
TE = [("Host", "h"), ("TE", "trailers")]


def hint(*headers):
    return fields(HINT, *headers)


def trailers(*headers, more=False):
    return step("trailers", 1 if more else 0, *[text for header in headers for text in header])


def play(server, *steps, method="GET", headers=()):
    script = Script(*steps)
    response = server.request(method, script.target, headers)
    return response, script.results(server)


# ---- early hints ----


def test_hints_come_before_the_response_in_order(server):
    script = Script(hint(LINK), hint(("Link", "</b.js>; rel=preload"), ("x-a", "b")), start(200),
                    body("page"))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        first, second = connection.read_head(), connection.read_head()
        assert (first.status, first.reason, first.headers) == (103, "Early Hints", [LINK])
        assert second.status == 103 and second.get("x-a") == "b"
        assert connection.read_response().text == "page"
        assert connection.exchange("GET", script.target).status == 103, "the connection is kept"
    assert [value for _, value in script.results(server)] == [OK] * 4


def test_a_hint_is_on_the_wire_while_the_app_still_thinks(server):
    script = Script(hint(LINK), step("until_draining"))
    connection = server.connect()
    connection.send_request("GET", script.target)
    assert connection.read_head().status == 103
    assert connection.is_quiet(0.05)
    connection.close()


def test_hints_are_refused_after_the_start(server):
    response, results = play(server, start(200), hint(LINK), body("x"))
    assert response.status == 200 and results[1] == ("fields", ESTATE)


@pytest.mark.parametrize("field", [("link", "a\r\nb: c"), ("li nk", "a"), ("content-length", "1"),
                                   ("Transfer-Encoding", "chunked"), ("connection", "close")])
def test_hints_that_may_not_be_sent_put_nothing_on_the_wire(server, field):
    response, results = play(server, hint(field), REPORT)
    assert response.status == 200 and results[0] == ("fields", EINVAL)


def test_a_hint_without_fields_is_refused(server):
    response, results = play(server, hint(), REPORT)
    assert response.status == 200 and results[0] == ("fields", EINVAL)


def test_http_1_0_gets_no_hints(server):
    script = Script(hint(LINK), REPORT)
    with server.connect() as connection:
        connection.send_request("GET", script.target, version="1.0")
        assert connection.read_response().status == 200
    assert script.results(server)[0] == ("fields", ENOTSUP)


def test_a_failure_after_a_hint_is_still_a_500(server):
    script = Script(hint(LINK), result(-7))
    with server.connect() as connection:
        connection.send_request("GET", script.target)
        assert [connection.read_head().status, connection.read_response().status] == [103, 500]


def test_100_and_103_may_both_come(server):
    script = Script(hint(LINK), step("read"), REPORT)
    with server.connect() as connection:
        connection.send_request("POST", script.target,
                                [("Expect", "100-continue"), ("Content-Length", "2")])
        assert [connection.read_head().status, connection.read_head().status] == [103, 100]
        connection.send("hi")
        assert connection.read_response().status == 200


# ---- trailers ----


def test_2_8_trailers_come_after_the_body(server):
    response, results = play(server, start(200, flags=2), body("a", more=True), body("b"),
                             trailers(("X-Sum", "1"), ("Server-Timing", "db;dur=1")), headers=TE)
    assert response.text == "ab" and response.get("transfer-encoding") == "chunked"
    assert response.trailers == [("X-Sum", "1"), ("Server-Timing", "db;dur=1")]
    assert [value for _, value in results] == [OK] * 4


def test_2_8_trailers_may_come_in_several_events(server):
    response, _ = play(server, start(200, flags=2), body("a"), trailers(("x-a", "1"), more=True),
                       trailers(more=True), trailers(("x-b", "2")), headers=TE)
    assert response.trailers == [("x-a", "1"), ("x-b", "2")]


def test_2_8_a_body_with_a_length_and_trailers_is_chunked(server):
    response, _ = play(server, start(200, ("Content-Length", "5"), flags=2), body("hello"),
                       trailers(("x-a", "1")), headers=TE)
    assert response.get("content-length") is None and response.text == "hello"
    assert response.trailers == [("x-a", "1")]


def test_2_8_a_wrong_length_is_an_error_with_trailers_too(server):
    response, results = play(server, start(200, ("Content-Length", "6"), flags=2), body("hello"),
                             headers=TE)
    assert response.status == 500 and results[1] == ("body", EINVAL)


def test_2_8_no_trailers_unless_the_client_wants_them(server):
    for headers in ([("Host", "h")], [("Host", "h"), ("TE", "gzip")]):
        response, results = play(server, start(200, flags=2), body("x"), trailers(("a", "b")),
                                 headers=headers)
        assert response.text == "x" and response.get("content-length") == "1"
        assert results[-1] == ("trailers", ENOTSUP)
    script = Script(start(200, flags=2), body("x"), trailers(("a", "b")))
    with server.connect() as connection:
        assert connection.exchange("GET", script.target, TE, version="1.0").text == "x"
    assert script.results(server)[-1] == ("trailers", ENOTSUP)


def test_2_8_no_trailers_unless_the_start_said_so(server):
    response, results = play(server, start(200), body("x", more=True), trailers(("a", "b")),
                             body(""), headers=TE)
    assert response.text == "x" and response.trailers == []
    assert results[2] == ("trailers", ESTATE)


def test_2_8_trailers_before_the_end_of_the_body_are_refused(server):
    response, results = play(server, start(200, flags=2), trailers(("a", "b")),
                             body("x", more=True), trailers(("a", "b")), body(""),
                             trailers(("c", "d")), headers=TE)
    assert response.trailers == [("c", "d")]
    assert [results[1], results[3]] == [("trailers", ESTATE)] * 2


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Host", "Trailer",
                                  "Set-Cookie", "content-type", "Authorization", "TE", "a b"])
def test_2_8_what_may_not_be_a_trailer_is_refused(server, name):
    response, results = play(server, start(200, flags=2), body("x"), trailers((name, "1")),
                             trailers(("x-ok", "1")), headers=TE)
    assert response.trailers == [("x-ok", "1")]
    assert results[2] == ("trailers", EINVAL)


def test_2_8_trailers_that_never_come_cut_the_response(server):
    script = Script(start(200, flags=2), body("x"))
    with server.connect() as connection:
        connection.send_request("GET", script.target, TE)
        connection.read_head()
        assert b"0\r\n" not in connection.read_to_end()


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_2_8_responses_without_a_body_have_no_trailers_either(server, method, status):
    script = Script(start(status, flags=2), body("x"), trailers(("a", "b")))
    with server.connect() as connection:
        response = connection.exchange(method, script.target, TE)
        assert response.status == status and response.get("transfer-encoding") is None
        assert connection.exchange("GET", "/scope", TE).status == 200, "nothing was left over"


# ---- features ----


def test_0_9_a_middleware_that_clears_the_features_has_them_refused(server):
    script = Script(hint(LINK), start(200, flags=2), step("path", "/etc/passwd"),
                    step("file", "/etc/passwd", 0, -1), body("x"), trailers(("a", "b")))
    response = server.get(script.target, [*TE, ("X-Mask", "1")])
    assert response.status == 200 and response.text == "x" and response.trailers == []
    assert script.results(server) == [
        ("fields", ENOTSUP), ("start", OK), ("path", ENOTSUP), ("file", ENOTSUP), ("body", OK),
        ("trailers", ENOTSUP)]


def test_0_9_the_features_say_what_this_client_can_be_sent(server):
    def features(**options):
        with server.connect() as connection:
            return connection.exchange("GET", "/scope/two/1/x", **options).json()["features"] & 3

    assert features(headers=TE) == 3
    assert features(headers=[("Host", "h"), ("te", "deflate;q=0.5, Trailers")]) == 3
    assert features() == 2
    assert features(headers=TE, version="1.0") == 0


# ---- real clients ----


def test_curl_and_httpx_take_hints_and_trailers(server):
    httpx = pytest.importorskip("httpx")
    script = Script(hint(LINK), start(200, flags=2), body("hello"), trailers(("x-sum", "42")))
    response = httpx.get(server.url + script.target, headers={"TE": "trailers"}, trust_env=False)
    assert response.status_code == 200 and response.text == "hello"
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    output = subprocess.run(["curl", "-sS", "-i", "--noproxy", "*", "-H", "TE: trailers",
                             server.url + script.target], check=True, timeout=20,
                            capture_output=True).stdout
    assert output.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
                             b"HTTP/1.1 200 OK\r\n")
    assert b"hello" in output and b"x-sum: 42" in output
