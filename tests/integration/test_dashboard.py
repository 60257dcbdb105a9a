# SPDX-License-Identifier: MIT
"""The dashboard of `capricorn dev`, and pages that load themselves again."""

import json
import re
import socket
import time

import pytest

from browser import CHROMIUM, Browser
from capricorn import Server, wait_until
from versions import replace, version

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")


@pytest.fixture
def develop(request):
    """Starts `capricorn dev` of plugins, in a directory that may be changed."""
    servers = []

    def start(*plugins, configs=None, arguments=()):
        server = Server(plugins, configs=configs, start=False)
        servers.append(server)
        replace(server, version(1))
        where = server.command.index("--plugin-dir")
        server.command = [server.command[0], "dev", *server.command[2:where], *arguments,
                          str(server.plugin_dir)]
        return server.start()

    yield start
    for server in servers:
        server.stop()


def get(server, path="/_capricorn", **headers):
    with server.connect() as connection:
        return connection.exchange("GET", path, [("host", "localhost"), *headers.items()])


class Events:
    """The events of one stream, read as they come."""

    def __init__(self, server, path):
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        self.text = ""

    def wait(self, pattern, timeout=15):
        def found():
            return re.search(pattern, self.text, re.S)

        self.socket.settimeout(timeout * 4)
        while not found():
            piece = self.socket.recv(1 << 16)
            assert piece, f"the stream has ended without {pattern!r}: {self.text[-2000:]}"
            self.text += piece.decode()
        return found()


def test_the_page_and_its_headers(develop):
    answer = get(develop())
    assert answer.status == 200
    assert "default-src 'none'" in answer.get("content-security-policy")
    assert answer.get("cache-control") == "no-store"
    assert "versioned.so" in answer.text and "/version" in answer.text
    assert "https:" not in answer.text.replace("http://127", "")


def test_the_status_is_json(develop):
    status = json.loads(get(develop(), "/_capricorn/status").text)
    assert status["server"]["mode"] == "dev"
    assert status["apps"][0]["name"] == "versioned"


def test_only_under_a_loopback_name(develop):
    server = develop()
    with server.connect() as connection:
        connection.send(b"GET /_capricorn HTTP/1.1\r\nhost: evil.example\r\n\r\n")
        assert connection.read_response().status == 404


def test_what_a_proxy_says_makes_no_difference(develop):
    server = develop("scope")
    with server.connect() as connection:
        connection.send(b"GET /_capricorn HTTP/1.1\r\nhost: evil.example\r\n"
                        b"x-forwarded-host: localhost\r\nx-forwarded-for: 127.0.0.1\r\n\r\n")
        assert connection.read_response().status == 404


def test_events_of_a_request_and_of_a_reload(develop):
    server = develop()
    events = Events(server, "/_capricorn/events")
    first = events.wait(r"event: serving\ndata: (\S+)\n\n").group(1)
    events.wait(r"data: routes ")
    events.text = ""
    assert get(server, "/version").text == "1"
    events.wait(r"data: recent .*GET /version: 200")
    replace(server, version(2))
    events.wait(r"event: serving\ndata: (?!" + re.escape(first) + ")")
    events.wait(r"data: plugins .*<td class=\"num\">2</td>")
    assert get(server, "/version").text == "2"


def test_a_bad_plugin_is_in_the_history(develop):
    server = develop()
    (server.plugin_dir / "versioned.so").write_text("this is no library")
    wait_until(lambda: "is not an ELF file" in get(server).text, "the dashboard says so")


def test_what_a_live_request_waits_for(develop):
    server = develop("tasks")
    with server.connect() as connection:
        connection.send_request("GET", "/sleep?ms=60000")
        wait_until(lambda: re.search(r"/sleep</th>.{,150}sleep</span> 60 s", get(server).text),
                   "it is shown")


def test_the_stream_ends_with_the_server(develop):
    server = develop()
    events = Events(server, "/_capricorn/events")
    events.wait("data: routes ")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 8


# ---- pages ----

SCRIPT = re.compile(r'<script src="/_capricorn/live.js" data-serving="[0-9a-f]+\.\d+" defer></script>')
PAGE = '<!doctype html><title>page</title><link rel=icon href=data:,><body><p id="config">{"a": 1}</p>%s</body></html>\n'


def test_pages_get_the_script_and_nothing_else_does(develop):
    server = develop("page", configs={"page": '{"a": 1}'})
    page = get(server, "/page").text
    assert page == PAGE % SCRIPT.search(page).group(0)
    pieces = get(server, "/pieces").text
    assert pieces == PAGE % SCRIPT.search(pieces).group(0)
    assert get(server, "/text").text == PAGE % ""
    with server.connect() as connection:  # under another name nothing is shown
        assert connection.exchange("GET", "/page").text == PAGE % ""
    assert get(server, "/page", **{"sec-fetch-dest": "empty"}).text == PAGE % ""
    with server.connect() as connection:
        head = connection.exchange("HEAD", "/page", [("host", "localhost")])
    assert head.get("content-length") == str(len(PAGE % ""))


def test_pages_are_as_they_were_without_live_reload(develop):
    server = develop("page", configs={"page": '{"a": 1}'}, arguments=["--no-live-reload"])
    assert get(server, "/page").text == PAGE % ""
    assert get(server, "/_capricorn").status == 200


# ---- in a browser ----

@needs_chromium
def test_the_dashboard_in_a_browser(develop):
    server = develop("tasks")
    with Browser() as browser:
        browser.open(f"{server.url}/_capricorn")
        browser.wait_until(lambda: browser.text("#connection") == "live", "the page is live")
        assert "versioned" in browser.text("#plugins")
        get(server, "/nowhere")
        browser.wait_until(lambda: "/nowhere" in browser.text("#recent"), "the request is shown")
        assert browser.run("document.querySelectorAll('svg.chart rect').length") >= 1
        replace(server, version(2))
        browser.wait_until(lambda: "served" in browser.text("#reloads"), "the reload is shown")
        assert browser.loads == 1
        assert browser.run("[...document.querySelectorAll('table')].every(t => t.caption)")
        assert browser.run("document.querySelectorAll('h1').length") == 1
        assert browser.complaints == []


@needs_chromium
def test_an_open_page_loads_itself_again(develop):
    server = develop("page", configs={"page": '{"a": 1}'})
    with Browser() as browser:
        browser.open(f"{server.url}/page")
        assert browser.text("#config") == '{"a": 1}'
        server.write("page.json", '{"a": 2}')
        browser.wait_until(lambda: browser.text("#config") == '{"a": 2}', "the new page is loaded")
        assert browser.loads == 2
        assert browser.complaints == []
