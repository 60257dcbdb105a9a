# SPDX-License-Identifier: MIT
"""An app's client with settings, against Python's own HTTP server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from capricorn import Server

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = self.server.seen
        seen.append(self.path)
        if self.path == "/v1/login":
            self.answer(302, b"moved", Location="../home", Set_Cookie="s=1; Path=/")
        elif self.path == "/v1/away":
            self.answer(307, Location=self.server.other)
        elif self.path == "/v1/busy" and seen.count(self.path) < 3:
            self.answer(503, Retry_After="0")
        elif self.path == "/v1/ftp":
            self.answer(301, Location="ftp://127.0.0.1/x")
        else:
            self.answer(200, json.dumps({name.lower(): value for name, value
                                         in self.headers.items()}).encode())

    do_POST = do_GET


@pytest.fixture(name="upstreams")
def start_upstreams():
    """Two servers; the first leads to the second."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for each in servers:
        each.seen = []
        each.daemon_threads = True
        threading.Thread(target=each.serve_forever, daemon=True).start()
    servers[0].other = f"http://127.0.0.1:{servers[1].server_port}/there"
    yield servers
    for each in servers:
        each.shutdown()
        each.server_close()


@pytest.fixture(name="server")
def start_server(upstreams):
    base = f"http://127.0.0.1:{upstreams[0].server_port}/v1"
    with Server(["asking"], configs={"asking": json.dumps({"base": base})}) as running:
        yield running


def ask(server, url, method="GET", headers=()):
    response = server.request("GET", f"/ask?method={method}&url={quote(url, safe='')}",
                              [("Host", "h"), *headers])
    assert response.status == 200, response.body
    answer = json.loads(response.body)
    return answer["status"], answer["url"], json.loads(answer["body"] or "null")


def test_a_redirect_is_followed_with_its_cookie_and_the_token(server, upstreams):
    status, url, seen = ask(server, "/login")
    assert (status, url) == (200, f"http://127.0.0.1:{upstreams[0].server_port}/home")
    assert seen["cookie"] == "s=1" and seen["authorization"] == "Bearer hidden"
    assert upstreams[0].seen == ["/v1/login", "/home"]


def test_another_origin_is_not_told_the_token(server, upstreams):
    status, url, seen = ask(server, "away", "POST")
    assert (status, url) == (200, upstreams[0].other)
    assert "authorization" not in seen and upstreams[1].seen == ["/there"]


def test_a_busy_upstream_is_asked_again_but_not_by_post(server, upstreams):
    assert ask(server, "/busy")[0] == 200
    assert upstreams[0].seen == ["/v1/busy"] * 3
    upstreams[0].seen.clear()
    assert ask(server, "/busy", "POST")[0] == 503
    assert upstreams[0].seen == ["/v1/busy"]


def test_the_trace_of_the_inbound_request_goes_on(server):
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    seen = ask(server, "/x", headers=[("traceparent", parent), ("tracestate", "a=b")])[2]
    assert seen["traceparent"].startswith(f"00-{TRACE}-") and seen["traceparent"] != parent
    assert seen["tracestate"] == "a=b"
    assert "traceparent" not in ask(server, "/x")[2]


def test_a_redirect_to_another_scheme_is_refused_and_nothing_secret_is_logged(server):
    response = server.request("GET", "/ask?url=/ftp", [("Host", "h")])
    assert response.status == 502
    server.wait_for_log("leads to a URL that is neither http nor https")
    server.request("GET", f"/ask?url={quote('http://u:word@127.0.0.1:1/', safe='')}",
                   [("Host", "h")])
    server.wait_for_log("user information is not supported")
    assert not [line for line in server.log() if "hidden" in line or "word" in line]


def test_a_wrong_base_url_fails_the_start():
    server = Server(["asking"], configs={"asking": '{"base": "nowhere"}'}, start=False).launch()
    try:
        assert server.wait() != 0
        server.wait_for_log("client_new: base_url: it begins with none of http://")
    finally:
        server.kill()
