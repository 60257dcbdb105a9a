# SPDX-License-Identifier: MIT
"""The outbound client, as a plugin sees it (extension csgi.draft.client/1)."""

import json
import time

import pytest

from capricorn import Server, seconds, wait_until
from fetching import Fetched, fetch
from script import ECANCELED, EINVAL, ELIMIT, EPROTO, ETIMEDOUT, EUNREACH
from upstream import Upstream, answer, unused_port


def respond(upstream, path, connection, head):
    """What the scripted upstream does for a path."""
    if path == "/slow":
        upstream.released.wait(seconds(30))
        return None
    if path == "/drip":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not upstream.released.wait(0.05):
            connection.sendall(b".")
        return None
    if path == "/until-close":
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        return None
    if path == "/echo-head":
        return answer("200 OK", json.dumps(head.split("\r\n")))
    if path.startswith("/bytes/"):
        return answer("200 OK", b"b" * int(path[7:]))
    return {
        "/204": b"HTTP/1.1 204 No Content\r\n\r\n",
        "/418": answer("418 I'm a teapot", "short and stout", extra="X-A: 1\r\nX-A: 2\r\n"),
        "/redirect": answer("302 Found", "", extra="Location: /elsewhere\r\n"),
        "/hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer("200 OK", "hinted"),
        "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n",
        "/cut": answer("200 OK", "x" * 100)[:-1],
        "/cut-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        "/garbage": b"220 this is no HTTP\r\n",
        "/both": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"3\r\nabc\r\n0\r\n\r\n",
        "/endless-head": b"HTTP/1.1 200 OK\r\n" + b"X-Pad: " + b"p" * 200 * 1024 + b"\r\n\r\n",
        "/close": None,
    }[path]


def closing(path):
    return path in ("/cut", "/cut-chunks", "/garbage")


def respond_and_close(upstream, path, connection, head):
    reply = respond(upstream, path, connection, head)
    if closing(path):
        connection.sendall(reply)
        return None
    return reply


@pytest.fixture(scope="module")
def upstream():
    with Upstream(respond_and_close) as running:
        yield running


@pytest.fixture(scope="module")
def server():
    with Server(["fetch", "streams", "tasks", "scope"]) as running:
        yield running


def test_the_whole_response_is_handed_over(server, upstream):
    fetched = fetch(server, f"{upstream.url}/418")
    assert fetched.status == 418 and fetched.body == b"short and stout"
    assert [value for name, value in fetched.headers if name == "x-a"] == ["1", "2"]


@pytest.mark.parametrize("path, status, body", [
    ("/204", 204, b""), ("/chunks", 200, b"abcdefg"), ("/until-close", 200, b"all of it"),
    ("/hints", 200, b"hinted"), ("/bytes/0", 200, b""), ("/bytes/300000", 200, b"b" * 300000)],
    ids=["204", "chunks", "until-close", "hints", "nothing", "large"])
def test_every_framing_is_understood(server, upstream, path, status, body):
    fetched = fetch(server, upstream.url + path)
    assert (fetched.status, fetched.body) == (status, body)


def test_redirects_are_not_followed(server, upstream):
    fetched = fetch(server, f"{upstream.url}/redirect")
    assert fetched.status == 302 and ("location", "/elsewhere") in fetched.headers


def test_method_headers_and_host_are_sent(server, upstream):
    fetched = fetch(server, f"{upstream.url}/echo-head", Method="DELETE", Header="X-Mine=a b")
    head = json.loads(fetched.body)
    assert head[0] == "DELETE /echo-head HTTP/1.1"
    lower = [line.lower() for line in head]
    assert f"host: 127.0.0.1:{upstream.port}" in lower and "x-mine: a b" in lower
    assert not [line for line in lower if line.startswith("content-length")]


def test_a_post_carries_its_body(server):
    sent = bytes(range(256)) * 2000
    assert fetch(server, f"{server.url}/echo", sent, Method="POST").body == sent
    assert fetch(server, f"{server.url}/up", b"", Method="POST").body == b"0"


def test_a_path_and_query_are_sent_as_they_are(server):
    fetched = fetch(server, f"{server.url}/scope/one/a%2Fb?x=%20y")
    scope = json.loads(fetched.body)
    assert scope["raw_path"] == "/scope/one/a%2Fb" and scope["query_string"] == "x=%20y"


def test_a_head_request_has_no_body(server):
    fetched = fetch(server, f"{server.url}/hello", Method="HEAD")
    assert fetched.status == 200 and fetched.body == b""
    assert ("content-length", "5") in fetched.headers


@pytest.mark.parametrize("path", ["/cut", "/cut-chunks", "/garbage", "/close", "/both"])
def test_what_is_no_whole_http_response_is_a_protocol_error(server, upstream, path):
    fetched = fetch(server, upstream.url + path)
    assert fetched.error == EPROTO, (fetched.status, fetched.detail)
    assert f"127.0.0.1:{upstream.port}" in fetched.detail


def test_a_head_without_end_is_refused(server, upstream):
    assert fetch(server, f"{upstream.url}/endless-head").error in (ELIMIT, EPROTO)


def test_a_response_at_its_limit_passes_and_one_byte_more_does_not(server, upstream):
    assert fetch(server, f"{upstream.url}/bytes/1000", Max=1000).status == 200
    assert fetch(server, f"{upstream.url}/bytes/1001", Max=1000).error == ELIMIT


def test_nobody_listening_is_unreachable(server):
    port = unused_port()
    fetched = fetch(server, f"http://127.0.0.1:{port}/")
    assert fetched.error == EUNREACH and f"127.0.0.1:{port}" in fetched.detail
    assert fetch(server, "http+unix://%2Fnowhere%2Fs.sock/").error == EUNREACH
    assert fetch(server, "http://nobody.invalid/").error == EUNREACH


@pytest.mark.parametrize("url", ["", "/path", "ftp://h/", "http://", "http://h:99999/",
                                 "http://h:x/", "http://h/a b", "http://user@h/", "http+unix://",
                                 "https://"])
def test_a_url_that_is_none_is_an_invalid_argument(server, url):
    fetched = fetch(server, url)
    assert fetched.error == EINVAL and fetched.detail


@pytest.mark.parametrize("header", ["Host=x", "Content-Length=1", "Connection=close", "a b=c"])
def test_headers_that_are_the_clients_own_or_malformed_are_refused(server, upstream, header):
    before = len(upstream.heads)
    assert fetch(server, f"{upstream.url}/204", Header=header).error == EINVAL
    assert len(upstream.heads) == before


def test_a_silent_upstream_is_timed_out(server, upstream):
    began = time.monotonic()
    fetched = fetch(server, f"{upstream.url}/slow", Read=200)
    assert fetched.error == ETIMEDOUT and fetched.detail
    assert 0.15 < time.monotonic() - began < seconds(5)


def test_a_dripping_upstream_is_ended_by_the_total_timeout(server, upstream):
    began = time.monotonic()
    assert fetch(server, f"{upstream.url}/drip", Read=5000, Total=400).error == ETIMEDOUT
    assert 0.35 < time.monotonic() - began < seconds(5)


def test_connections_are_kept_and_reused(server):
    with Upstream(respond_and_close) as upstream:
        for _ in range(10):
            assert fetch(server, f"{upstream.url}/bytes/10").status == 200
        assert upstream.connections == 1


def test_after_a_half_read_response_the_connection_is_not_reused(server):
    with Upstream(respond_and_close) as upstream:
        assert fetch(server, f"{upstream.url}/bytes/100000", Max=10).error == ELIMIT
        assert fetch(server, f"{upstream.url}/bytes/10").body == b"b" * 10
        assert upstream.connections == 2


def test_a_stale_connection_is_replaced_once(server):
    with Upstream(respond_and_close) as upstream:
        assert fetch(server, f"{upstream.url}/bytes/10").status == 200
        upstream.open[0].shutdown(2)
        assert fetch(server, f"{upstream.url}/bytes/10").status == 200
        assert upstream.connections == 2


def test_a_fresh_connection_that_closes_at_once_is_not_tried_again(server):
    with Upstream(respond_and_close) as upstream:
        assert fetch(server, f"{upstream.url}/close").error == EPROTO
        assert upstream.connections == 1


def test_a_unix_socket_can_be_asked(server, serve):
    other = serve("tasks", uds=True)
    url = "http+unix://" + other.socket_path.replace("/", "%2F") + "/hello"
    assert fetch(server, url).body == b"hello"


def test_an_app_of_this_server_is_called_in_process(server):
    assert fetch(server, "app:tasks/hello").body == b"hello"
    assert fetch(server, "app:streams/echo", b"e" * 100000, Method="POST").body == b"e" * 100000
    assert fetch(server, "app:tasks/nowhere").status == 404
    assert fetch(server, "app:tasks/sleep?ms=50").body == b"slept"
    assert fetch(server, "app:nobody/").error in (EUNREACH, EINVAL)
    assert fetch(server, "app:tasks/sleep?ms=60000", Total=200).error == ETIMEDOUT
    assert fetch(server, "app:streams/down?bytes=5000", Max=4999).error == ELIMIT


def test_an_app_may_not_call_itself_without_end(serve):
    server = serve("fetch")
    # each call asks the next one: the last answer says why there is an end
    response = server.request("POST", "/fetch", [("Host", "h"), ("X-Url", "app:fetch/fetch"),
                                                 ("X-Method", "POST")])
    assert response.status == 200


def test_when_the_client_goes_away_the_fetch_is_cancelled(server):
    with Upstream(respond_and_close) as upstream:
        since = server.mark()
        with server.connect() as connection:
            connection.send_request("POST", "/fetch",
                                    [("Host", "h"), ("X-Url", f"{upstream.url}/slow"),
                                     ("X-Read", "60000"), ("X-Total", "60000")])
            wait_until(lambda: upstream.heads, "the upstream is asked")
        server.wait_for_log("fetch was cancelled", since=since)
        assert ECANCELED == -9


def test_many_fetches_at_once_share_the_loop(server):
    with Upstream(respond_and_close) as upstream:
        connections = [server.connect(30) for _ in range(100)]
        for i, connection in enumerate(connections):
            connection.send_request("POST", "/fetch",
                                    [("Host", "h"), ("X-Url", f"{upstream.url}/bytes/{i}")])
        for i, connection in enumerate(connections):
            assert Fetched(connection.read_response()).body == b"b" * i
            connection.close()
        assert upstream.connections <= 100
